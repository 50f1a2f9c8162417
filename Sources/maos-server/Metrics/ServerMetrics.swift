internal import Glibc
internal import MAOSAgents
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSStore
internal import MAOSSystem
internal import MAOSTransport

/// The server's board of metrics, and what is looked at once a second for it.
final class ServerMetrics: Sendable {
    /// What the board is about.
    struct Sources: Sendable {
        var orchestrator: Orchestrator
        var journal: MeasuredJournal
        var events: EventMeasures
        var outputs: OutputLog
        var gateway: Gateway
        var dialects: [(name: String, surface: DialectSurface)]
        var opencode: OpenCodeShared
        var dashboard: DashboardHub
        var transport: TransportServer
        var host: HostMonitor
        var database: String
        /// How each part of the server fares.
        var components: @Sendable () -> [HealthComponent]
    }

    /// What is too dear to be looked at for every reader.
    private final class Look: Sendable {
        private let bytes = Locked<Double?>(nil)

        var databaseBytes: Double? { bytes.withLock { $0 } }

        func again(_ database: String) {
            var status = stat()
            let size: Double? = stat(database, &status) == 0 ? Double(status.st_size) : nil
            bytes.withLock { $0 = size }
        }
    }

    let board: MetricsBoard
    private let look: Look
    private let host: HostMonitor
    private let orchestrator: Orchestrator
    private let database: String

    init(_ sources: Sources) {
        let look = Look()
        var builder = MetricsBoard.Builder()
        Self.addOrchestration(sources, to: &builder)
        Self.addExecution(sources, to: &builder)
        builder.add(sources.host)
        Self.addCommunication(sources, to: &builder)
        Self.addStorage(sources, look, to: &builder)
        Self.addAgents(sources, to: &builder)
        board = MetricsBoard(builder)
        self.look = look
        host = sources.host
        orchestrator = sources.orchestrator
        database = sources.database
    }

    /// Looks at everything once a second, on a worker that may block.
    func start(on worker: WorkerThread, clock: any TimeSource) {
        let due: Int64 = SystemClock.monotonicMilliseconds() + 1_000
        sample(at: clock.now())
        worker.wake(at: due) { [self] in start(on: worker, clock: clock) }
    }

    private func sample(at now: Instant) {
        look.again(database)
        let alerts: [ResourceAlert] = host.look(at: now)
        if !alerts.isEmpty {
            orchestrator.submit(
                alerts.map { Submission(request: Request(.announce($0.event), from: .system), target: .none) })
        }
        board.sample(at: now)
    }

    // MARK: The parts

    private static func addOrchestration(_ sources: Sources, to builder: inout MetricsBoard.Builder) {
        let (orchestrator, events) = (sources.orchestrator, sources.events)
        let measures: OrchestratorMeasures = orchestrator.measures
        let commands: [(String, MetricCounter)] = [
            ("accepted", measures.accepted), ("refused", measures.refused), ("failed", measures.failed),
        ]
        let places: [Int] = commands.map { (outcome, counter) in
            builder.count(
                "maos_commands_total", .orchestration, ["outcome": outcome],
                "Commands that the orchestrator has answered", counter)
        }
        builder.add(
            MetricSeries("maos_commands_waiting", .gauge, of: .orchestration, "Commands that wait for the orchestrator")
        ) { .number(Double(orchestrator.waitingCommands)) }
        for status: TaskStatus in TaskStatus.allCases where !status.isTerminal {
            builder.add(
                MetricSeries(
                    "maos_tasks", .gauge, of: .orchestration, labels: [MetricLabel("status", status.name)],
                    "Tasks that have not ended")
            ) { .number(Double(orchestrator.view.liveTaskCounts()[status] ?? 0)) }
        }
        builder.count("maos_tasks_created_total", .orchestration, [:], "Tasks that were created", events.created)
        for (status, counter) in [
            ("completed", events.completed), ("failed", events.failed), ("cancelled", events.cancelled),
        ] {
            builder.count(
                "maos_tasks_ended_total", .orchestration, ["status": status], "Tasks that have ended", counter)
        }
        builder.count(
            "maos_dead_letters_total", .orchestration, [:], "Tasks that used up their attempts", events.deadLetters)
        let waits: Int = builder.time(
            "maos_task_wait_seconds", .orchestration, "From the time that a task could run until an agent had it",
            events.waits)
        let up: Int = builder.availability(of: "orchestration", sources.components, .orchestration)
        var performance = ComponentPerformance()
        performance.operations = places
        performance.failures = [places[2]]
        performance.durations = waits
        performance.availability = up
        builder.describe(.orchestration, performance)
    }

    private static func addExecution(_ sources: Sources, to builder: inout MetricsBoard.Builder) {
        let events: EventMeasures = sources.events
        builder.count(
            "maos_attempts_started_total", .execution, [:], "Attempts whose process was started",
            events.attemptsStarted)
        let outcomes: [(String, MetricCounter)] = [
            ("completed", events.attemptsCompleted), ("failed", events.attemptsFailed),
            ("interrupted", events.attemptsInterrupted),
        ]
        let places: [Int] = outcomes.map { (outcome, counter) in
            builder.count(
                "maos_attempts_ended_total", .execution, ["outcome": outcome], "Attempts that have ended", counter)
        }
        let durations: Int = builder.time(
            "maos_attempt_seconds", .execution, "From the assignment of an attempt to its end", events.attempts)
        var performance = ComponentPerformance()
        performance.operations = places
        performance.failures = [places[1]]
        performance.durations = durations
        performance.availability = builder.availability(of: "execution", sources.components, .execution)
        builder.describe(.execution, performance)
    }

    private static func addSockets(
        of dialect: String, to builder: inout MetricsBoard.Builder, _ totals: @escaping @Sendable () -> DialectTotals
    ) {
        func add(
            _ name: String, _ kind: MetricSeries.Kind, _ help: String, labels: [MetricLabel] = [],
            _ value: @escaping @Sendable (DialectTotals) -> MetricValue
        ) {
            builder.add(
                MetricSeries(
                    name, kind, of: .communication, labels: [MetricLabel("dialect", dialect)] + labels, help)
            ) { value(totals()) }
        }
        add("maos_ws_connections", .gauge, "WebSocket connections there are") { .number(Double($0.sockets)) }
        add("maos_ws_messages_total", .counter, "WebSocket messages", labels: [MetricLabel("direction", "in")]) {
            .number(Double($0.messagesIn))
        }
        add("maos_ws_messages_total", .counter, "WebSocket messages", labels: [MetricLabel("direction", "out")]) {
            .number(Double($0.messagesOut))
        }
        add("maos_ws_refused_total", .counter, "WebSocket handshakes that were refused") {
            .number(Double($0.refusals))
        }
        add("maos_ws_reconnects_total", .counter, "WebSocket clients that went on where they had been") {
            .number(Double($0.resumptions))
        }
        add("maos_ws_latency_seconds", .histogram, "From the commit of events to their messages being sent") {
            .distribution($0.latencies)
        }
    }

    private static func addCommunication(_ sources: Sources, to builder: inout MetricsBoard.Builder) {
        let gateway: Gateway = sources.gateway
        var answers: [Int] = []
        for place in 0..<5 {
            answers.append(
                builder.add(
                    MetricSeries(
                        "maos_http_requests_total", .counter, of: .communication,
                        labels: [MetricLabel("dialect", "gateway"), MetricLabel("status", "\(place + 1)xx")],
                        "HTTP requests that were answered")
                ) { .number(Double(gateway.totals.answers[place])) })
        }
        for (place, code) in GatewayErrorCode.allCases.enumerated() {
            builder.add(
                MetricSeries(
                    "maos_errors_total", .counter, of: .communication,
                    labels: [MetricLabel("code", code.rawValue), MetricLabel("dialect", "gateway")],
                    "Requests that were refused or failed")
            ) { .number(Double(gateway.totals.failures[place])) }
        }
        let durations: Int = builder.add(
            MetricSeries(
                "maos_http_request_seconds", .histogram, of: .communication, "From a whole HTTP request to its answer")
        ) { .distribution(gateway.totals.durations) }
        for code: OpenCodeErrorCode in OpenCodeErrorCode.allCases where code != .taskTimeoutExceeded {
            builder.add(
                MetricSeries(
                    "maos_errors_total", .counter, of: .communication,
                    labels: [MetricLabel("code", code.rawValue), MetricLabel("dialect", "opencode")],
                    "Requests that were refused or failed")
            ) { [opencode = sources.opencode] in .number(Double(opencode.errors(code))) }
        }
        for (name, surface) in sources.dialects { addSockets(of: name, to: &builder) { surface.totals } }
        addSockets(of: "terminal", to: &builder) { gateway.totals.terminals }
        builder.addDashboard(sources.dashboard)
        builder.add(
            MetricSeries(
                "maos_ws_queue_bytes", .gauge, of: .communication, "Bytes that WebSocket clients have not taken yet")
        ) { [dialects = sources.dialects] in
            let terminals: Int = gateway.totals.terminals.queuedBytes
            return .number(Double(dialects.reduce(terminals) { $0 + $1.surface.totals.queuedBytes }))
        }
        var performance = ComponentPerformance()
        performance.operations = answers
        performance.failures = [answers[4]]
        performance.durations = durations
        performance.availability = builder.availability(of: "communication", sources.components, .communication)
        builder.describe(.communication, performance)

        let limit: ConnectionLimit = sources.transport.limit
        builder.add(MetricSeries("maos_connections", .gauge, of: .transport, "Connections there are")) {
            .number(Double(limit.count))
        }
        let accepted: Int = builder.add(
            MetricSeries("maos_connections_accepted_total", .counter, of: .transport, "Connections that were accepted")
        ) { .number(Double(limit.takenCount)) }
        let refused: Int = builder.add(
            MetricSeries(
                "maos_connections_refused_total", .counter, of: .transport, "Connections for which there was no room")
        ) { .number(Double(limit.refusedCount)) }
        var transport = ComponentPerformance()
        transport.operations = [accepted, refused]
        transport.failures = [refused]
        transport.availability = builder.availability(of: "communication", sources.components, .transport)
        builder.describe(.transport, transport)
    }

    private static func addStorage(_ sources: Sources, _ look: Look, to builder: inout MetricsBoard.Builder) {
        let (gateway, outputs, journal) = (sources.gateway, sources.outputs, sources.journal)
        let reads: Int = builder.add(
            MetricSeries("maos_read_seconds", .histogram, of: .storage, "Reads from the disk for clients")
        ) { .distribution(gateway.totals.reads) }
        let readCount: Int = builder.add(
            MetricSeries("maos_reads_total", .counter, of: .storage, "Reads from the disk for clients")
        ) { .number(Double(gateway.totals.reads.count)) }
        let failures: Int = builder.add(
            MetricSeries("maos_read_failures_total", .counter, of: .storage, "Reads from the disk that failed")
        ) { .number(Double(gateway.totals.readFailures)) }
        builder.add(
            MetricSeries("maos_output_pending_bytes", .gauge, of: .storage, "Output that waits for the disk")
        ) { .number(Double(outputs.pendingBytes)) }
        builder.add(
            MetricSeries("maos_output_lost_total", .counter, of: .storage, "Pieces of output that the disk has refused")
        ) { .number(Double(outputs.losses.entries)) }
        builder.add(
            MetricSeries("maos_output_lost_bytes_total", .counter, of: .storage, "Output that the disk has refused")
        ) { .number(Double(outputs.losses.bytes)) }
        builder.add(
            MetricSeries("maos_database_bytes", .gauge, of: .storage, "Size of the database file, without its log")
        ) { look.databaseBytes.map { .number($0) } ?? .unknown }
        var storage = ComponentPerformance()
        storage.operations = [readCount]
        storage.failures = [failures]
        storage.durations = reads
        storage.availability = builder.availability(of: "storage", sources.components, .storage)
        builder.describe(.storage, storage)

        let commits: Int = builder.time(
            "maos_journal_commit_seconds", .journal, "From the handing over of a batch until it is on the disk",
            journal.commits)
        let count: Int = builder.add(
            MetricSeries("maos_journal_commits_total", .counter, of: .journal, "Batches that were to be stored")
        ) { .number(Double(journal.commits.value.count)) }
        let failed: Int = builder.count(
            "maos_journal_failures_total", .journal, [:], "Batches that could not be stored", journal.failures)
        builder.count("maos_journal_events_total", .journal, [:], "Events that were stored", journal.events)
        var performance = ComponentPerformance()
        performance.operations = [count]
        performance.failures = [failed]
        performance.durations = commits
        performance.availability = builder.availability(of: "storage", sources.components, .journal)
        builder.describe(.journal, performance)
    }

    private static func addAgents(_ sources: Sources, to builder: inout MetricsBoard.Builder) {
        let (orchestrator, events) = (sources.orchestrator, sources.events)
        for status: AgentStatus in AgentStatus.allCases where status != .terminated {
            builder.add(
                MetricSeries(
                    "maos_agents", .gauge, of: .agents, labels: [MetricLabel("status", status.name)],
                    "Agents that have not ended")
            ) { .number(Double(orchestrator.view.agentCounts()[status] ?? 0)) }
        }
        let spawned: Int = builder.count(
            "maos_agents_spawned_total", .agents, [:], "Agents that were spawned", events.agentsSpawned)
        let crashed: Int = builder.count(
            "maos_agents_crashed_total", .agents, [:], "Agents that crashed, or could not be started",
            events.agentsCrashed)
        let starts: Int = builder.time(
            "maos_agent_start_seconds", .agents, "From the wish for an agent until it was there", events.agentStarts)
        let healthy: Int = builder.add(
            MetricSeries(
                "maos_component_up", .gauge, of: .agents, labels: [MetricLabel("component", "agents")],
                "Whether a part of the server is well; of the agents, how many of them")
        ) {
            let counts: [AgentStatus: Int] = orchestrator.view.agentCounts()
            let all: Int = counts.values.reduce(0, +)
            return all == 0 ? .unknown : .number(1 - Double(counts[.error] ?? 0) / Double(all))
        }
        var performance = ComponentPerformance()
        performance.operations = [spawned]
        performance.failures = [crashed]
        performance.durations = starts
        performance.availability = healthy
        builder.describe(.agents, performance)
    }
}

extension MetricsBoard.Builder {
    @discardableResult
    fileprivate mutating func count(
        _ name: String, _ component: MetricComponent, _ labels: [String: String], _ summary: String,
        _ counter: MetricCounter
    ) -> Int {
        let sorted: [MetricLabel] = labels.sorted { $0.key < $1.key }.map { MetricLabel($0.key, $0.value) }
        return add(MetricSeries(name, .counter, of: component, labels: sorted, summary)) {
            .number(Double(counter.value))
        }
    }

    fileprivate mutating func time(
        _ name: String, _ component: MetricComponent, _ summary: String, _ histogram: MetricHistogram
    ) -> Int {
        add(MetricSeries(name, .histogram, of: component, summary)) { .distribution(histogram.value) }
    }

    /// 1 while a part of the server is healthy or degraded, 0 while it is not, and nothing while nobody knows.
    fileprivate mutating func availability(
        of name: String, _ components: @escaping @Sendable () -> [HealthComponent], _ component: MetricComponent
    ) -> Int {
        add(
            MetricSeries(
                "maos_component_up", .gauge, of: component, labels: [MetricLabel("component", component.rawValue)],
                "Whether a part of the server is well; of the agents, how many of them")
        ) {
            switch components().first(where: { $0.name == name })?.status {
            case .healthy?, .degraded?: .number(1)
            case .unhealthy?: .number(0)
            case .unknown?, nil: .unknown
            }
        }
    }
}
