/// Limits and time-outs of the connections of a listener; times in milliseconds, sizes in bytes.
package final class HTTPSettings: Sendable {
    /// How long a request line with its fields may take, and a new connection's first byte.
    package let headTimeout: Int64
    /// How long a body may take before ``minimumBodyRate`` counts.
    package let bodyGrace: Int64
    /// Bytes of a body that must come each second on average, once the grace is over.
    package let minimumBodyRate: Int64
    /// How long a connection may lie idle between requests.
    package let idleTimeout: Int64
    /// How long a peer may take none of the bytes that wait for it.
    package let stallTimeout: Int64
    /// How long a refused peer may go on sending before the connection is cut.
    package let lingerTimeout: Int64
    /// Size of a request line with its fields.
    package let headLimit: Int
    /// Number of a request's fields.
    package let fieldLimit: Int
    /// Size of a request's body.
    package let bodyLimit: Int
    /// Size of a body that is taken even where all connections together hold too much.
    package let smallBody: Int
    /// Requests of one connection that are under way at once; more wait unread.
    package let pipelineLimit: Int
    /// Bytes that wait to be sent before no more requests are read.
    package let outputBudget: Int
    /// Bytes of a stream that wait to be sent before its writer is told to stop; at four times as many the connection is cut.
    package let streamBudget: Int
    /// What holds once a connection speaks WebSocket.
    package let webSocket: WebSocketSettings

    /// Makes settings; the defaults are the product's.
    package init(
        headTimeout: Int64 = 10_000, bodyGrace: Int64 = 20_000, minimumBodyRate: Int64 = 1_024,
        idleTimeout: Int64 = 75_000, stallTimeout: Int64 = 60_000, lingerTimeout: Int64 = 2_000,
        headLimit: Int = 65_536, fieldLimit: Int = 200, bodyLimit: Int = 10 * 1_024 * 1_024, smallBody: Int = 16_384,
        pipelineLimit: Int = 32,
        outputBudget: Int = 262_144, streamBudget: Int = 1_048_576, webSocket: WebSocketSettings = WebSocketSettings()
    ) {
        precondition(minimumBodyRate > 0 && pipelineLimit > 0, "a rate and a pipeline are not nothing")
        self.headTimeout = headTimeout
        self.bodyGrace = bodyGrace
        self.minimumBodyRate = minimumBodyRate
        self.idleTimeout = idleTimeout
        self.stallTimeout = stallTimeout
        self.lingerTimeout = lingerTimeout
        self.headLimit = headLimit
        self.fieldLimit = fieldLimit
        self.bodyLimit = bodyLimit
        self.smallBody = smallBody
        self.pipelineLimit = pipelineLimit
        self.outputBudget = outputBudget
        self.streamBudget = streamBudget
        self.webSocket = webSocket
    }
}
