internal import MAOSProtocols

/// Limits and time-outs of WebSocket connections; times in milliseconds, sizes in bytes.
package final class WebSocketSettings: Sendable {
    /// Size of a message, expanded.
    package let messageLimit: Int
    /// How often the peer is pinged; nil for never.
    package let pingInterval: Int64?
    /// How many pings in a row may stay without any sign of life before the connection is cut.
    package let unansweredPings: Int
    /// How long the peer may take to answer our close, and to take what waits for it.
    package let closeTimeout: Int64
    /// Bytes that wait to be sent before the sender is told to stop and no more is read.
    package let sendBudget: Int
    /// Bytes that wait to be sent before the connection is closed with 1013.
    package let sendLimit: Int
    /// Whether permessage-deflate is agreed to with clients that offer it (RFC 7692).
    package let compresses: Bool
    /// Size of the smallest message that is worth compressing.
    package let compressionThreshold: Int

    /// Makes settings; the defaults are the product's.
    package init(
        messageLimit: Int = 1_048_576, pingInterval: Int64? = 30_000, unansweredPings: Int = 2,
        closeTimeout: Int64 = 5_000, sendBudget: Int = 1_048_576, sendLimit: Int = 8 * 1_048_576,
        compresses: Bool = true, compressionThreshold: Int = 512
    ) {
        self.messageLimit = messageLimit
        self.pingInterval = pingInterval
        self.unansweredPings = unansweredPings
        self.closeTimeout = closeTimeout
        self.sendBudget = sendBudget
        self.sendLimit = sendLimit
        self.compresses = compresses
        self.compressionThreshold = compressionThreshold
    }

    /// No side keeps its window, so that a connection needs no memory for it and one frame serves many.
    var deflatePolicy: WebSocketDeflatePolicy? {
        compresses ? WebSocketDeflatePolicy(serverNoContextTakeover: true, clientNoContextTakeover: true) : nil
    }
}
