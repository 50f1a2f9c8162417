package import MAOSCore
package import MAOSProtocols
package import MAOSSystem

/// What the gateway's handlers of all loops share.
package struct GatewayServices: Sendable {
    /// Takes commands.
    package let orchestrator: Orchestrator
    /// What is stored.
    package let history: any History
    /// What agents printed.
    package let outputs: any OutputStore
    /// Where reads that block are done.
    package let reader: WorkerThread
    /// Types on terminals.
    package let host: any HostServices
    /// The server around the gateway.
    package let environment: any DialectEnvironment
    /// What the operator set about the gateway.
    package let configuration: GatewayConfiguration
    /// Checks tokens.
    package let verifier: TokenVerifier
    /// The administrator's token, which has no end.
    package let administrator: CurrentToken
    /// The WebSocket side of the dialect.
    package let sockets: DialectSurface
    /// Which hosts and pages may send requests.
    package var origins: OriginPolicy
    /// Whether loopback callers without a token are the administrator.
    package let trustsLoopback: Bool
    /// How often one caller may call; `nil` for no limit.
    package var limit: TokenBucket.Limit?
    /// Where refused and failed requests are noted.
    package var log: Log
    /// What was read on ``reader``.
    let readMeasures = StoreReadMeasures()

    /// Puts the services together.
    package init(
        orchestrator: Orchestrator, history: any History, outputs: any OutputStore, reader: WorkerThread,
        host: any HostServices, environment: any DialectEnvironment, configuration: GatewayConfiguration,
        verifier: TokenVerifier, administrator: CurrentToken, sockets: DialectSurface,
        origins: OriginPolicy, trustsLoopback: Bool, limit: TokenBucket.Limit?, log: Log
    ) {
        self.orchestrator = orchestrator
        self.history = history
        self.outputs = outputs
        self.reader = reader
        self.host = host
        self.environment = environment
        self.configuration = configuration
        self.verifier = verifier
        self.administrator = administrator
        self.sockets = sockets
        self.origins = origins
        self.trustsLoopback = trustsLoopback
        self.limit = limit
        self.log = log
    }
}

/// Whose requests are counted together.
package enum GatewayCaller: Hashable, Sendable {
    /// Whoever bears a valid token of this subject.
    case subject(String)
    /// Everybody else at this address.
    case address(IPAddress)
}

/// The gateway of a server: its handlers, one a loop whatever the number of listeners.
///
/// Addresses are bound before there is an orchestrator, because agents have to be told where the server is; so the services
/// come later than the listeners, and before the first connection is accepted.
package final class Gateway: Sendable {
    private let handlers = LoopHandlers<GatewayHandler>()

    /// Makes a gateway without services.
    package init() {}

    /// Gives the gateway its services; once, before a listener starts.
    package func open(_ services: GatewayServices) { handlers.open(services) }

    /// Changes who may send requests, how often, and what is logged of them; for connections that are there too.
    package func change(_ body: (inout GatewayServices) -> Void) { handlers.change(body) }

    /// What happened on all loops so far; from any thread.
    package var totals: GatewayTotals {
        var totals = GatewayTotals()
        for handler: GatewayHandler in handlers.all { totals.add(handler.measures) }
        if let reads: StoreReadMeasures = handlers.services?.readMeasures { totals.add(reads) }
        return totals
    }

    /// The handler of a loop; called on it.
    package func handler(_ resources: LoopResources) -> GatewayHandler { handlers.handler(resources) }
}
