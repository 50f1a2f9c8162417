internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import MAOSTransport

extension Surfaces {
    /// What every loop's dashboard shares.
    static func dashboardHub(_ configuration: Configuration) -> DashboardHub {
        var dashboard = DashboardConfiguration()
        if configuration.isDashboardOpen { dashboard.trusted = Principal(subject: "local", permissions: .all) }
        var seed = SystemRandomNumberGenerator()
        return DashboardHub(configuration: dashboard, limits: configuration.dashboardLimits, seed: seed.next())
    }

    /// What the team dashboard is opened with; clients say in a message who they are.
    static func dashboardServices(
        _ hub: DashboardHub, orchestrator: Orchestrator, history: any History, outputs: any OutputStore,
        reader: WorkerThread, host: HostPort, readings: (any HostInformation)?,
        credentials: any CredentialChecker, origins: OriginPolicy, log: Log
    ) -> DialectServices {
        DialectServices(
            name: "dashboard", orchestrator: orchestrator, history: history, outputs: outputs, reader: reader,
            host: host, credentials: credentials, subprotocols: ["maos.dashboard"], trust: .messages,
            origins: origins, log: log
        ) {
            DashboardDialect(
                hub: hub, view: orchestrator.view, bus: orchestrator.events, credentials: credentials, host: readings)
        }
    }
}
