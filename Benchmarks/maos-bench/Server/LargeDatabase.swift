internal import MAOSCore
internal import MAOSStore
internal import MAOSSystem

/// A database as a server leaves it after a long time: many tasks that have ended, some that wait.
///
/// The engine decides and the journal stores, as in the server, but nothing is run: attempts are reported as ended right away.
struct LargeDatabase {
    private static let batch: Int = 2_000
    private static let agentCount: Int = 500

    private let store: SQLiteStore
    private var engine: Engine
    private let principal = Principal(subject: "bench", permissions: .all)
    private var agents: [AgentID] = []
    /// Attempts that the last batch started.
    private var running: [AttemptID] = []

    /// Makes a database.
    ///
    /// - Parameters:
    ///   - data: The data directory.
    ///   - finished: Tasks that have completed.
    ///   - live: Tasks that wait for an agent nobody has.
    /// - Throws: ``JournalError`` or ``Rejection``; neither is to be expected.
    static func make(in data: String, finished: Int, live: Int) throws {
        let store: SQLiteStore = try SQLiteStore.open(directory: data)
        defer { store.close() }
        var database = LargeDatabase(store: store)
        try database.spawnAgents()
        var created: Int = 0
        while created < finished {
            let count: Int = min(batch, finished - created)
            try database.endRunning()
            for number in created..<(created + count) { try database.create(number, capabilities: []) }
            try database.commit()
            created += count
        }
        try database.endRunning()
        try database.terminateAgents()
        try database.commit()
        for number in 0..<live {
            try database.create(number, capabilities: [CapabilityRequirement(name: "bench-nobody")])
            if number % batch == batch - 1 { try database.commit() }
        }
        try database.commit()
    }

    private init(store: SQLiteStore) {
        self.store = store
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = 0
        engine = Engine(configuration: configuration, seed: 1)
    }

    private mutating func apply(_ command: Command, _ principal: Principal) throws {
        _ = try engine.apply(
            Request(command, from: principal), at: Instant(milliseconds: SystemClock.wallMilliseconds()))
    }

    private mutating func create(_ number: Int, capabilities: [CapabilityRequirement]) throws {
        let priorities: [Priority] = Priority.allCases
        let task = TaskSpecification(
            kind: .analysis, description: "Count the lines of source file number \(number)",
            priority: priorities[number % priorities.count], capabilities: capabilities,
            context: JSONText(trusted: Array(#"{"repository":"https://example.org/project.git","branch":"main"}"#.utf8))
        )
        try apply(.createTask(task, id: nil, idempotency: nil), principal)
    }

    private mutating func spawnAgents() throws {
        for _ in 0..<LargeDatabase.agentCount {
            let slots: Int = LargeDatabase.batch / LargeDatabase.agentCount
            try apply(.spawnAgent(AgentSpecification(type: .coder, maximumConcurrentTasks: slots), id: nil), principal)
        }
        try commit()
    }

    private mutating func terminateAgents() throws {
        for agent: AgentID in agents { try apply(.terminateAgent(agent, graceful: false), principal) }
        try commit()
    }

    /// Ends every attempt that is under way.
    private mutating func endRunning() throws {
        let ending: [AttemptID] = running
        running.removeAll(keepingCapacity: true)
        for attempt: AttemptID in ending {
            try apply(.attemptStarted(attempt, process: nil), .system)
            try apply(
                .attemptEnded(attempt, .completed(result: JSONText(trusted: Array(#"{"exitCode":0}"#.utf8)))), .system)
        }
    }

    /// Stores what has come together, and carries out its effects.
    private mutating func commit() throws {
        let batch: Batch = engine.takeBatch()
        try store.journal.append(batch)
        for effect: Effect in batch.effects {
            switch effect {
            case .startAgent(let agent):
                agents.append(agent.id)
                try apply(.agentStarted(agent.id, process: nil), .system)
            case .stopAgent(let id, _): try apply(.agentStopped(id), .system)
            case .startAttempt(let launch): running.append(launch.id)
            case .stopAttempt(let id, _): try apply(.attemptEnded(id, .stopped), .system)
            case .suspendAttempt, .suspendAgent, .recallAttempt: break
            }
        }
    }
}
