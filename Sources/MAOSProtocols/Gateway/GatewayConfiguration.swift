package import MAOSCore

/// What an operator may set about the gateway.
package struct GatewayConfiguration: Sendable {
    /// The pool that makes agents on demand, as the engine has it.
    package var onDemand = EngineConfiguration.OnDemandPool()
    /// Where the rules of time zones come from, as the engine has it.
    package var timeZones: any TimeZoneSource = UniversalTimeOnly()
    /// The folder inside which clients may choose a workspace; `nil` for anywhere.
    package var workspaceRoot: String?
    /// What an agent's `endpoint` begins with, such as `http://localhost:7400`.
    package var publicURL: String = ""
    /// How long the cancellation of a running task is waited for.
    package var cancellationWait: Milliseconds = .seconds(5)
    /// How long a request may wait for the disk or the engine before it is answered that it took too long.
    ///
    /// Longer than ``cancellationWait``; streams are not bound by it.
    package var requestTime: Milliseconds = .seconds(30)
    /// Silence after which a stream sends a comment.
    package var heartbeat: Milliseconds = .seconds(15)
    /// How often `metrics:all` is told.
    package var metricsInterval: Milliseconds = .seconds(10)
    /// Channels that one WebSocket connection may subscribe to.
    package var subscriptions: Int = 1_000
    /// Bytes that a stream has under way before it waits for the reader.
    package var streamBudget: Int = 1 << 20
    /// Bytes of output in one page.
    package var outputPageBytes: Int = 1 << 20
    /// Bytes of stored output that somebody who attaches to a terminal sees first, and that are kept for who reads slowly.
    package var terminalTail: Int = 64 * 1_024
    /// Bytes typed on a terminal that wait to be taken before no more is read.
    package var terminalInput: Int = 64 * 1_024

    /// The defaults of the contract.
    package init() {}
}
