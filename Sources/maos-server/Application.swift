internal import Glibc
internal import MAOSAgents
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSStore
internal import MAOSSystem
internal import MAOSTransport

/// Why the server could not start: one line that says why and what to do.
struct StartFailure: Error {
    var message: String
}

/// The parts of the server and how they are joined: started in order, stopped in the reverse.
final class Application {
    private var configuration: Configuration
    private var values: SettingValues
    private var log: Log
    private let store: SQLiteStore
    private let outputs: OutputLog
    private let runtime: ProcessAgentRuntime
    private let writer: WorkerThread
    private let reader: WorkerThread
    private let orchestrator: Orchestrator
    private let transport: TransportServer
    private let listeners: [(listener: Listener, surfaces: String)]
    private let environment: ServerEnvironment
    private let host: HostMonitor
    private let metrics: ServerMetrics
    private let surfaces: Surfaces
    private let opencode: OpenCodeService
    private let dashboard: DashboardHub

    /// Opens everything and binds the addresses; nothing is accepted and nothing runs yet.
    ///
    /// - Throws: ``StartFailure``.
    init(_ configuration: Configuration, _ values: SettingValues) throws(StartFailure) {
        self.configuration = configuration
        self.values = values
        let logs = LogIndex()
        log = Log(level: configuration.logLevel, format: configuration.logFormat)
        log.listener = LogIndex.listener(logs)
        store = try Application.openStore(configuration)
        let secrets = try Secrets(directory: configuration.data)
        outputs = try Application.openOutputs(configuration)
        let recovered: RecoveredState
        do throws(JournalError) {
            recovered = try store.journal.load()
        } catch {
            throw StartFailure(message: Application.text(of: error, in: configuration.data))
        }
        writer = WorkerThread(name: "maos-writer")
        reader = WorkerThread(name: "maos-reader")
        let clock = SystemTimeSource(worker: writer)
        environment = ServerEnvironment(startedAt: clock.now(), outputs: outputs)
        let signer = TokenSigner(key: secrets.key)
        do throws(SystemError) {
            try writer.start()
            try reader.start()
            transport = try TransportServer()
        } catch {
            throw StartFailure(message: "the system refuses a thread or descriptor: \(error)")
        }

        surfaces = Surfaces()
        let gateway: Gateway = surfaces.gateway
        var bound: [(listener: Listener, surfaces: String)] = []
        for listen: Configuration.Listen in configuration.listen {
            do throws(StartFailure) {
                bound.append((try Application.bind(listen, configuration, transport, surfaces), listen.surfaceNames))
            } catch {
                guard listen.isOptional else { throw error }
                log(.warn, error.message, ["surfaces": listen.surfaceNames])
            }
        }
        listeners = bound
        let url: String = Application.url(of: bound.first?.listener.address)

        Application.endLeftovers(recovered, secrets: secrets, configuration: configuration, log: log)
        var agents = ProcessAgentConfiguration(
            dataFolder: configuration.data, instance: secrets.instance, runners: configuration.runners, url: url,
            makeToken: { launch in Application.attemptToken(launch, signer: signer, now: clock.now()) })
        agents.workspaceRoot = configuration.workspaceRoot
        agents.isExclusive = true
        agents.log = log
        agents.controlGroups = ControlGroups.delegated()
        do throws(SystemError) {
            runtime = try ProcessAgentRuntime(agents, output: outputs, time: clock)
        } catch {
            throw StartFailure(message: "cannot prepare the folder for runs in \(configuration.data): \(error)")
        }
        let journal = MeasuredJournal(store.journal)
        do throws(JournalError) {
            orchestrator = try Orchestrator(
                configuration: configuration.engine, journal: journal, runtime: runtime, time: clock,
                history: store.history, executor: writer, recovered: recovered)
        } catch {
            throw StartFailure(message: Application.text(of: error, in: configuration.data))
        }
        environment.attach(orchestrator)
        host = HostMonitor(disk: configuration.data, runtime: runtime, thresholds: configuration.alerts)
        environment.attach(host)
        dashboard = Surfaces.dashboardHub(configuration)
        let verifier = TokenVerifier(
            key: secrets.key, leeway: configuration.tokenLeeway, allowsAdminWithoutExpiry: true)
        let administrator = CurrentToken(path: configuration.data + "/admin.token")
        let credentials = TokenCredentials(verifier: verifier, administrator: administrator)
        opencode = OpenCodeService(configuration, tokens: credentials, logs: logs)
        let events = EventMeasures()
        orchestrator.events.attach(events)
        metrics = ServerMetrics(
            ServerMetrics.Sources(
                orchestrator: orchestrator, journal: journal, events: events, outputs: outputs, gateway: gateway,
                dialects: surfaces.dialects, opencode: opencode.shared, dashboard: dashboard, transport: transport,
                host: host, database: configuration.data + "/maos.db",
                components: { [environment] in environment.components(at: clock.now()) }))
        environment.attach(metrics.board)
        let hostPort = HostPort(environment, reader: reader, runtime: runtime)
        surfaces.opencode.open(
            opencode.services(
                configuration, orchestrator: orchestrator, history: store.history, outputs: outputs, reader: reader,
                environment: environment, host: hostPort, log: log))
        surfaces.dashboard.open(
            Surfaces.dashboardServices(
                dashboard, orchestrator: orchestrator, history: store.history, outputs: outputs, reader: reader,
                host: hostPort, readings: host, credentials: credentials, origins: configuration.originPolicy, log: log
            ))
        surfaces.openHive(
            DialectParts(
                orchestrator: orchestrator, history: store.history, outputs: outputs, reader: reader,
                environment: environment, credentials: credentials, origins: configuration.originPolicy, log: log,
                messageSeed: secrets.messageSeed),
            configuration, now: clock.now())
        let gatewayConfiguration: GatewayConfiguration = Application.gatewayConfiguration(configuration, url: url)
        surfaces.gatewaySockets.open(
            DialectServices(
                name: "gateway", orchestrator: orchestrator, history: store.history, outputs: outputs, reader: reader,
                credentials: credentials,
                subprotocols: ["bearer"], trust: .tokens, origins: configuration.originPolicy, log: log
            ) { [orchestrator, environment] in
                var seed = SystemRandomNumberGenerator()
                return GatewaySocketDialect(
                    view: orchestrator.view, bus: orchestrator.events, configuration: gatewayConfiguration,
                    environment: environment, seed: seed.next())
            })
        gateway.open(
            GatewayServices(
                orchestrator: orchestrator, history: store.history, outputs: outputs, reader: reader,
                host: hostPort, environment: environment, configuration: gatewayConfiguration, verifier: verifier,
                administrator: administrator, sockets: surfaces.gatewaySockets, origins: configuration.originPolicy,
                trustsLoopback: configuration.trustsLoopback, limit: configuration.limits.limit, log: log))
        if configuration.tracesSockets {
            for (_, surface) in surfaces.dialects { surface.change { $0.tracesMessages = true } }
        }
    }

    // MARK: Running

    /// Takes over what an earlier run left, begins to accept, and says so.
    ///
    /// - Throws: ``StartFailure`` when the first decision cannot be stored.
    func start() throws(StartFailure) {
        runtime.connect(orchestrator)
        let started = SystemEvent(type: "server_started")
        let pools = Command.pool(.configure(configuration.pools))
        guard
            let results = AwaitedReply.of(
                .recover, .announce(started), pools, to: orchestrator, atMost: .seconds(60))
        else { throw StartFailure(message: "the data in \(configuration.data) is not writable within a minute") }
        if case .failure(let rejection) = results[0] {
            throw StartFailure(message: "cannot store anything in \(configuration.data): \(rejection)")
        }
        try tell(ofPools: results[2])
        environment.isReady = true
        // What the machine is like is known before the first client asks.
        metrics.start(on: reader, clock: SystemTimeSource(worker: writer))
        for (listener, surfaces) in listeners {
            listener.start()
            say("listening \(listener.address) \(surfaces)")
        }
        say("ready")
        log(.info, "ready", ["version": Version.text])
        keepTidy()
    }

    /// Says what the configuration has done to pools.
    private func tell(ofPools result: Result<Reply, Rejection>) throws(StartFailure) {
        let report: PoolConfigurationReport
        switch result {
        case .success(.pools(let made)): report = made
        case .success: return
        case .failure(let rejection):
            // What went on with the recovery ends in order.
            stop()
            throw StartFailure(message: "the pools of the configuration are refused: \(rejection.summary)")
        }
        for id: PoolID in report.made { log(.info, "made a pool of the configuration", ["pool": id.rawValue]) }
        for id: PoolID in report.adjusted {
            log(.info, "adjusted a pool to the configuration", ["pool": id.rawValue])
        }
        for id: PoolID in report.released {
            log(
                .warn, "a pool is no longer in the configuration; it is kept until it is deleted",
                ["pool": id.rawValue])
        }
    }

    /// Reads the configuration again, and goes by it as far as that is possible without a new start.
    ///
    /// What is wrong with it is logged, and everything stays as it was.
    func reload() {
        do throws(ConfigurationError) {
            var options = try Options(Array(CommandLine.arguments.dropFirst()))
            let fresh = try Configuration(&options.values)
            follow(fresh, changed: options.values.changes(from: values))
            values = options.values
        } catch {
            log(.error, "the configuration was not read again: \(error.message)")
        }
    }

    private func follow(_ fresh: Configuration, changed: [String]) {
        let isFollowed: (String) -> Bool = { Application.liveSettings.contains($0) }
        configuration.runners = fresh.runners
        configuration.limits = fresh.limits
        configuration.dashboardLimits = fresh.dashboardLimits
        dashboard.use(fresh.dashboardLimits)
        configuration.origins = fresh.origins
        configuration.hosts = fresh.hosts
        configuration.drainTime = fresh.drainTime
        configuration.alerts = fresh.alerts
        configuration.logLevel = fresh.logLevel
        log.level = fresh.logLevel
        runtime.use(fresh.runners)
        host.use(fresh.alerts)
        surfaces.gateway.change { (services: inout GatewayServices) in
            services.origins = fresh.originPolicy
            services.limit = fresh.limits.limit
            services.log = log
        }
        for (_, surface) in surfaces.dialects {
            surface.change { (services: inout DialectServices) in
                services.origins = fresh.originPolicy
                services.log = log
            }
        }
        configuration.openCode = fresh.openCode
        opencode.shared.configuration = fresh.openCode
        surfaces.opencode.change { $0.trust = OpenCodeService.trust(fresh) }
        // Names only: values may be secret.
        let data: JSONValue = [
            "changes": .array(changed.filter(isFollowed).map { .string($0) }),
            "atNextStart": .array(changed.filter { !isFollowed($0) }.map { .string($0) }),
        ]
        log(
            .info, "read the configuration again",
            [
                "changed": changed.filter(isFollowed).joined(separator: ","),
                "atNextStart": changed.filter { !isFollowed($0) }.joined(separator: ","),
            ])
        announce(SystemEvent(type: "config_changed", data: JSONText(data)))
    }

    /// The settings that are followed without a new start.
    private static let liveSettings: Set<String> = [
        "runners", "limits", "origins", "hosts", "drainSeconds", "logLevel", "opencode.auth", "opencode.pushDefault",
        "opencode.killForeign", "opencode.shrinkAbovePercent", "alerts.cpuPercent", "alerts.memoryPercent",
        "alerts.diskPercent",
    ]

    /// Stops accepting, lets work end, and closes everything in order.
    func stop() {
        log(.info, "draining", ["seconds": "\(configuration.drainTime.count / 1_000)"])
        environment.isReady = false
        announce(SystemEvent(type: "server_draining"))
        _ = AwaitedReply.of(.drain, to: orchestrator, atMost: configuration.drainTime)
        let end: Int64 = SystemClock.monotonicMilliseconds() + configuration.drainTime.count
        while orchestrator.view.hasActiveTasks, SystemClock.monotonicMilliseconds() < end { usleep(5_000) }

        let connections = Signpost()
        transport.drain { connections.reach() }
        let processes = Signpost()
        let runtime: ProcessAgentRuntime = runtime
        Task.detached {
            await runtime.shutDown()
            processes.reach()
        }
        processes.wait(atMost: .seconds(10))
        connections.wait(atMost: Milliseconds(max(200, end - SystemClock.monotonicMilliseconds())))
        transport.stopAndJoin()
        reader.stop()
        reader.join()
        writer.stop()
        writer.join()
        outputs.close()
        store.close()
        log(.info, "stopped")
    }

    private func announce(_ event: SystemEvent) {
        _ = AwaitedReply.of(.announce(event), to: orchestrator, atMost: .seconds(5))
    }

    /// Lines for whoever started the server.
    private func say(_ line: String) {
        var text: String = line + "\n"
        text.withUTF8 { bytes in _ = write(STDOUT_FILENO, bytes.baseAddress, bytes.count) }
    }

    /// Once a minute, what is past its retention goes.
    private func keepTidy() { Application.keepTidy(orchestrator, on: writer) }

    private static func keepTidy(_ orchestrator: Orchestrator, on worker: WorkerThread) {
        worker.wake(at: SystemClock.monotonicMilliseconds() + 60_000) {
            orchestrator.discardExpired()
            keepTidy(orchestrator, on: worker)
        }
    }

    // MARK: Making the parts

    private static func openStore(_ configuration: Configuration) throws(StartFailure) -> SQLiteStore {
        var settings = SQLiteStore.Configuration()
        settings.eventRetention = .seconds(Int64(configuration.eventsDays) * 86_400)
        settings.taskRetention = .seconds(Int64(configuration.tasksDays) * 86_400)
        do throws(JournalError) {
            return try SQLiteStore.open(directory: configuration.data, configuration: settings)
        } catch {
            throw StartFailure(message: text(of: error, in: configuration.data))
        }
    }

    private static func openOutputs(_ configuration: Configuration) throws(StartFailure) -> OutputLog {
        var settings = OutputLog.Configuration()
        settings.bytesPerLog = configuration.outputBytesPerTask
        settings.bytesTotal = configuration.outputBytesTotal
        settings.retention = .seconds(Int64(configuration.tasksDays) * 86_400)
        do throws(JournalError) {
            return try OutputLog.open(directory: configuration.data, configuration: settings)
        } catch {
            throw StartFailure(message: text(of: error, in: configuration.data))
        }
    }

    private static func text(of error: JournalError, in directory: String) -> String {
        switch error {
        case .unavailable(let reason), .full(let reason):
            "cannot use the data directory \(directory): \(reason)"
        case .corrupt(let reason):
            "the database in \(directory) is damaged (\(reason)); nothing was changed, restore it from a backup or move it away"
        case .newerVersion(let found, let supported):
            "the database in \(directory) has version \(found), this program knows up to \(supported); use a newer maos-server"
        case .locked(let reason):
            "another process uses the data directory \(directory) (\(reason)); stop it, or choose another with --data"
        }
    }

    private static func bind(
        _ listen: Configuration.Listen, _ configuration: Configuration, _ transport: TransportServer,
        _ surfaces: Surfaces
    ) throws(StartFailure) -> Listener {
        let served: ListenerSurfaces = surfaces.listener(listen.surfaces)
        do throws(SystemError) {
            return try transport.listen(
                on: listen.address, filter: AddressFilter(allow: configuration.allow, deny: configuration.deny)
            ) { resources in served.handler(resources) }
        } catch {
            let reason: String = error.isAddressInUse ? "another program listens there" : "\(error)"
            throw StartFailure(
                message: "cannot listen on \(listen.address): \(reason); choose another address with --listen")
        }
    }

    private static func url(of address: ListenAddress?) -> String {
        guard let address else { return "" }
        return address.isLoopback ? "http://localhost:\(address.port)" : "http://\(address)"
    }

    private static func endLeftovers(
        _ recovered: RecoveredState, secrets: Secrets, configuration: Configuration, log: Log
    ) {
        // Processes are started for what is stored before, and what they were for is not over before they are gone.
        guard !recovered.agents.isEmpty || recovered.tasks.contains(where: { $0.state.holdsAgent }) else { return }
        let processes: [ProcessIdentity] =
            recovered.tasks.compactMap(\.state.process) + recovered.agents.compactMap(\.state.process)
        let outcome: Leftovers.Outcome = Leftovers.end(
            recorded: processes, instance: secrets.instance, dataFolder: configuration.data)
        if outcome.ended > 0 { log(.warn, "ended processes of an earlier run", ["count": "\(outcome.ended)"]) }
        for process: ProcessIdentity in outcome.remaining {
            log(.error, "a process of an earlier run does not end", ["pid": "\(process.pid)"])
        }
    }

    /// A token for the process of an attempt: it may read and report on its task, nothing else.
    private static func attemptToken(_ launch: AttemptLaunch, signer: TokenSigner, now: Instant) -> String? {
        let seconds: Int64 = now.milliseconds / 1_000
        let life: Int64 = (launch.task.specification.timeout?.count).map { $0 / 1_000 + 60 } ?? 86_400
        var claims = TokenClaims(sub: "task:\(launch.id.task)")
        claims.permissions = ["tasks:read", "tasks:list", "tasks:subscribe"]
        claims.iss = "maos"
        claims.iat = seconds
        claims.exp = seconds + life
        claims.task = launch.id.task.rawValue
        return signer.sign(claims)
    }

    private static func gatewayConfiguration(_ configuration: Configuration, url: String) -> GatewayConfiguration {
        var gateway = GatewayConfiguration()
        gateway.timeZones = configuration.engine.timeZones
        gateway.onDemand = configuration.engine.onDemand
        gateway.workspaceRoot = configuration.workspaceRoot
        gateway.publicURL = url
        gateway.requestTime = configuration.requestTime
        return gateway
    }
}
