package import MAOSCore
package import MAOSProtocols
package import MAOSSystem

/// What the handlers of one dialect share on all loops.
package struct DialectServices: Sendable {
    /// Who may connect without saying who they are.
    package enum Trust: Sendable {
        /// Nobody: a handshake without a good token is refused.
        case tokens
        /// Nobody, but clients may say who they are in messages.
        case messages
        /// Callers of this host are trusted; others are treated as by `otherwise`.
        case loopback(Principal, otherwise: Otherwise)

        /// How callers are treated who are not of this host.
        package enum Otherwise: Sendable {
            /// As by ``Trust/tokens``.
            case tokens
            /// As by ``Trust/messages``.
            case messages
        }
    }

    /// The dialect's name in metrics and logs, such as `hive`.
    package let name: String
    /// Takes commands.
    package let orchestrator: Orchestrator
    /// What is stored.
    package let history: any History
    /// What agents printed.
    package let outputs: any OutputStore
    /// Where reads that block are done.
    package let reader: WorkerThread
    /// Does what the dialect wants of the machine; `nil` for a dialect that wants nothing.
    package let host: (any HostServices)?
    /// Checks tokens.
    package let credentials: any CredentialChecker
    /// Makes the dialect of a loop; called once for each, on it.
    package let makeDialect: @Sendable () -> any SocketDialect
    /// Subprotocols that the handshake agrees to.
    package let subprotocols: [String]
    /// Who may connect without a token.
    package var trust: Trust
    /// Which hosts and pages may connect.
    package var origins: OriginPolicy
    /// Where refused connections are noted.
    package var log: Log
    /// Whether every message is noted: its type and its size, and nothing of what it says.
    package var tracesMessages: Bool = false

    /// Puts the services together.
    package init(
        name: String, orchestrator: Orchestrator, history: any History, outputs: any OutputStore, reader: WorkerThread,
        host: (any HostServices)? = nil, credentials: any CredentialChecker, subprotocols: [String] = [], trust: Trust,
        origins: OriginPolicy, log: Log, makeDialect: @escaping @Sendable () -> any SocketDialect
    ) {
        self.name = name
        self.orchestrator = orchestrator
        self.history = history
        self.outputs = outputs
        self.reader = reader
        self.host = host
        self.credentials = credentials
        self.subprotocols = subprotocols
        self.trust = trust
        self.origins = origins
        self.log = log
        self.makeDialect = makeDialect
    }
}

/// A dialect of a server: its handlers, one a loop whatever the number of listeners.
///
/// Like the gateway's, its services come after the addresses are bound and before the first connection is accepted.
package final class DialectSurface: Sendable {
    private let handlers = LoopHandlers<DialectHandler>()

    /// Makes a dialect without services.
    package init() {}

    /// Gives the dialect its services; once, before a listener starts.
    package func open(_ services: DialectServices) { handlers.open(services) }

    /// Changes who may connect and what is logged; for handshakes from now on.
    package func change(_ body: (inout DialectServices) -> Void) { handlers.change(body) }

    /// What happened on all loops so far; from any thread.
    package var totals: DialectTotals {
        var totals = DialectTotals()
        for handler: DialectHandler in handlers.all { totals.add(handler.measures) }
        return totals
    }

    /// The handler of a loop; called on it.
    func handler(_ resources: LoopResources) -> DialectHandler { handlers.handler(resources) }
}
