import MAOSCore
import Testing

/// An engine, and what a journal and a runtime would have seen of it.
///
/// Each command is a batch of its own. What a batch must always be is checked here, once for all tests.
struct EngineWorld {
    private(set) var engine: Engine
    var now = Instant(milliseconds: 1_700_000_000_000)
    let user = Principal(subject: "ann", permissions: .all)
    private(set) var configuration: EngineConfiguration
    private let seed: UInt64
    private var restarts: UInt64 = 0
    private var batches: Int = 0
    /// The state is looked at after each so many batches; 1 but for tests of large states.
    var checkedBatches: Int = 1

    // What is stored.
    private(set) var tasks: [TaskID: TaskRecord] = [:]
    private(set) var agents: [AgentID: AgentRecord] = [:]
    private(set) var entities: [EntityKind: [String: EntityRow]] = [:]
    private(set) var idempotency: [IdempotencyEntry] = []
    private(set) var events: [Event] = []

    /// What has been asked of the runtime and not been taken yet.
    private(set) var effects: [Effect] = []

    /// Begins with nothing; the pool makes no agents unless told to, so that tests decide which there are.
    init(
        onDemand: Int = 0, seed: UInt64 = 1, _ adjust: (inout EngineConfiguration) -> Void = { _ in }
    ) {
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = onDemand
        adjust(&configuration)
        self.configuration = configuration
        self.seed = seed
        engine = Engine(configuration: configuration, seed: seed)
        engine.load(RecoveredState(), at: now)
    }

    // MARK: Commands

    @discardableResult
    mutating func send(_ command: Command, as principal: Principal? = nil) throws(Rejection) -> Reply {
        for _ in 0..<2 {
            let isTick: Bool = if case .tick = command { true } else { false }
            for id: TaskID in isTick ? engine.missing(atTick: now) : engine.missing(for: command) {
                if let task: TaskRecord = tasks[id], task.status.isTerminal { engine.recall(task) }
            }
        }
        recallEntities(for: command)
        defer { store(engine.takeBatch()) }
        return try engine.apply(Request(command, from: principal ?? user), at: now)
    }

    /// Sends a report of the runtime, or a command of the orchestrator's own.
    mutating func report(_ command: Command) throws(Rejection) { try send(command, as: .system) }

    /// Why a command is refused; `nil` when it is not.
    mutating func refusal(of command: Command, as principal: Principal? = nil) -> Rejection? {
        let before: Int = events.count
        do throws(Rejection) {
            try send(command, as: principal)
            return nil
        } catch {
            #expect(events.count == before, "a refused command changes nothing")
            return error
        }
    }

    /// Several commands in one batch, as a group commit has them; refusals are ignored.
    mutating func sendTogether(_ commands: [Command]) {
        for command: Command in commands {
            for id: TaskID in engine.missing(for: command) {
                if let task: TaskRecord = tasks[id], task.status.isTerminal { engine.recall(task) }
            }
            recallEntities(for: command)
            do throws(Rejection) {
                _ = try engine.apply(Request(command, from: command.isReport ? .system : user), at: now)
            } catch {
                continue
            }
        }
        store(engine.takeBatch())
    }

    /// Sends a report whose batch cannot be stored; the run goes on from what is.
    mutating func lose(_ command: Command) throws(Rejection) {
        _ = try engine.apply(Request(command, from: .system), at: now)
        _ = engine.takeBatch()
        try restart(recovering: false)
    }

    /// Entities that satisfy a query, as a journal finds them.
    func stored(_ query: EntityQuery) -> [EntityRow] {
        let found: [EntityRow] = (entities[query.kind] ?? [:]).values.filter { query.takes($0) }
        return found.sorted { query.isOldestFirst ? $0.number < $1.number : $0.number > $1.number }
    }

    private mutating func recallEntities(for command: Command) {
        for _ in 0..<2 { recallMissingEntities(for: command) }
    }

    private mutating func recallMissingEntities(for command: Command) {
        for reference: Engine.StoredReference in engine.missingEntities(for: command) {
            let rows: [EntityRow]
            switch reference {
            case .entity(let kind, let id):
                rows = entities[kind]?[id].map { [$0] } ?? []
            case .children(let kind, let parent):
                var query = EntityQuery(kind)
                query.parent = parent
                query.isOldestFirst = true
                rows = stored(query)
            }
            do throws(RecordCodingError) {
                for row: EntityRow in rows { try engine.recall(row) }
            } catch {
                Issue.record(error)
            }
        }
    }

    /// Lets time go by, with a tick whenever something is due; all agents give signs of life, but for the silent ones.
    mutating func pass(_ time: Milliseconds, silent: Set<AgentID> = []) throws(Rejection) {
        let end: Instant = now + time
        while let due: Instant = engine.nextDue, due <= end {
            now = max(now, due)
            try report(.agentsAlive(livingAgents.map(\.id).filter { !silent.contains($0) }))
            try report(.tick)
        }
        now = end
        try report(.agentsAlive(livingAgents.map(\.id).filter { !silent.contains($0) }))
    }

    /// What the next start of the server is told; nothing changes before it.
    mutating func reconfigure(_ adjust: (inout EngineConfiguration) -> Void) { adjust(&configuration) }

    /// Begins again from what is stored, as another run of the server does; without recovering, as the same run does.
    mutating func restart(recovering: Bool = true) throws(Rejection) {
        var recovered = RecoveredState()
        recovered.tasks = tasks.values.filter { !$0.status.isTerminal }.sorted { $0.number < $1.number }
        recovered.agents = agents.values.filter { $0.status != .terminated }.sorted {
            $0.number < $1.number
        }
        recovered.idempotency = idempotency
        let rows: [EntityRow] = EntityKind.allCases.flatMap { (kind: EntityKind) in
            (entities[kind] ?? [:]).values.sorted { $0.number < $1.number }
        }
        let live = Set(rows.filter { $0.endedAt == nil }.map(\.id))
        recovered.entities = rows.filter { (row: EntityRow) in
            row.endedAt == nil || row.parent.map { live.contains($0) } ?? false
        }
        for row: EntityRow in rows { recovered.lastEntityNumbers[row.kind] = row.number }
        recovered.lastSequence = events.last?.sequence ?? 0
        recovered.lastTaskNumber = tasks.values.map(\.number).max() ?? 0
        recovered.lastAgentNumber = agents.values.map(\.number).max() ?? 0
        restarts += 1
        let earlier: Engine = engine
        engine = Engine(configuration: configuration, seed: seed &+ restarts)
        engine.load(recovered, at: now)
        do throws(RecordCodingError) {
            try engine.loadEntities(recovered)
        } catch {
            Issue.record(error)
        }
        guard recovering else { return engine.adopt(runOf: earlier) }
        effects = []
        try report(.recover)
    }

    private mutating func store(_ batch: Batch) {
        batches += 1
        do throws(BrokenInvariant) {
            if batches.isMultiple(of: checkedBatches) { try engine.checkInvariants() }
        } catch {
            Issue.record(error)
        }
        for row: EntityRow in batch.entities { entities[row.kind, default: [:]][row.id] = row }
        for event: Event in batch.events {
            let last: UInt64 = events.last?.sequence ?? 0
            #expect(event.sequence == last + 1, "sequence numbers have no gaps")
            events.append(event)
        }
        #expect(Set(batch.tasks.map(\.id)).count == batch.tasks.count, "a batch holds each task once")
        #expect(
            Set(batch.agents.map(\.id)).count == batch.agents.count, "a batch holds each agent once")
        for task: TaskRecord in batch.tasks { tasks[task.id] = task }
        for agent: AgentRecord in batch.agents { agents[agent.id] = agent }
        idempotency += batch.idempotency
        effects += batch.effects
    }

    /// Puts a row in the place of a stored one, as another version of the server would have written it.
    mutating func overwrite(_ row: EntityRow) { entities[row.kind, default: [:]][row.id] = row }

    // MARK: The runtime's part

    mutating func takeEffects() -> [Effect] {
        defer { effects = [] }
        return effects
    }

    /// The attempts that were to be started since the effects were last taken.
    mutating func takeLaunches() -> [AttemptLaunch] { takeEffects().compactMap(\.launch) }

    /// Spawns an agent and reports it started.
    @discardableResult
    mutating func spawn(
        _ type: AgentType = .coder, _ id: AgentID, capabilities: [Capability] = [], slots: Int = 1
    ) throws(Rejection) -> AgentID {
        let specification = AgentSpecification(
            type: type, capabilities: capabilities, maximumConcurrentTasks: slots)
        try send(.spawnAgent(specification, id: id))
        try report(.agentStarted(id, process: nil))
        return id
    }

    /// Reports every agent that was to be started as started, and keeps the other effects.
    mutating func startAgents() throws(Rejection) {
        let waiting: [Effect] = takeEffects()
        for effect: Effect in waiting {
            if case .startAgent(let agent) = effect {
                try report(.agentStarted(agent.id, process: nil))
            } else {
                effects.append(effect)
            }
        }
    }

    @discardableResult
    mutating func create(
        _ id: TaskID, kind: TaskKind = .code, dependencies: [TaskID] = [],
        as principal: Principal? = nil,
        _ adjust: (inout TaskSpecification) -> Void = { _ in }
    ) throws(Rejection) -> TaskRecord {
        var specification = TaskSpecification(
            kind: kind, description: "do it", dependencies: dependencies)
        adjust(&specification)
        guard
            case .task(let task) = try send(
                .createTask(specification, id: id, idempotency: nil), as: principal)
        else {
            preconditionFailure("a new task is answered with its record")
        }
        return task
    }

    /// Reports the current attempt of a task as started.
    mutating func start(_ id: TaskID) throws(Rejection) {
        try report(.attemptStarted(attempt(of: id), process: ProcessIdentity(pid: 42, startTicks: 7)))
    }

    /// Reports the current attempt of a task as ended.
    mutating func end(_ id: TaskID, _ outcome: AttemptOutcome = .completed(result: nil))
        throws(Rejection)
    {
        try report(.attemptEnded(attempt(of: id), outcome))
    }

    mutating func fail(_ id: TaskID) throws(Rejection) {
        try end(id, .failed(TaskFailure(.execution, "exited with code 1")))
    }

    func attempt(of id: TaskID) -> AttemptID {
        AttemptID(task: id, number: tasks[id]?.state.attempt ?? 0)
    }

    // MARK: Looking

    func task(_ id: TaskID) throws -> TaskRecord { try #require(tasks[id]) }
    func agent(_ id: AgentID) throws -> AgentRecord { try #require(agents[id]) }
    func status(_ id: TaskID) -> TaskStatus? { tasks[id]?.status }
    func status(_ id: AgentID) -> AgentStatus? { agents[id]?.status }

    /// What has happened to a task.
    func history(of id: TaskID) -> [TaskEvent.Kind] {
        events.compactMap { (event: Event) in
            guard case .task(let task) = event.body, task.id == id else { return nil }
            return task.kind
        }
    }

    /// What has happened to an agent.
    func history(of id: AgentID) -> [AgentEvent.Kind] {
        events.compactMap { (event: Event) in
            guard case .agent(let agent) = event.body, agent.id == id else { return nil }
            return agent.kind
        }
    }

    /// The agents that live, in order of creation.
    var livingAgents: [AgentRecord] {
        agents.values.filter { $0.status != .terminated }.sorted { $0.number < $1.number }
    }
}

extension Command {
    /// Whether only the runtime or the orchestrator sends it.
    var isReport: Bool {
        switch self {
        case .createTask, .cancelTask, .retryTask, .changePriority, .pauseTask, .resumeTask, .explainWaiting,
            .requeueDeadLetter, .discardDeadLetter, .settleDeadLetters, .spawnAgent,
            .configureAgent, .pauseAgent, .resumeAgent, .terminateAgent, .schedule, .workflow,
            .resource, .pool, .budget, .once:
            false
        case .agentStarted, .agentCrashed, .agentStopped, .agentsAlive, .attemptStarted,
            .attemptProgressed, .attemptUsed,
            .attemptStopping, .attemptEnded, .tick, .recover, .drain, .announce:
            true
        }
    }
}

extension Effect {
    /// The attempt that is to be started, if that is what it is.
    var launch: AttemptLaunch? {
        if case .startAttempt(let launch) = self { launch } else { nil }
    }

    /// The attempt that is to be stopped and why, if that is what it is.
    var stop: Stop? {
        if case .stopAttempt(let id, let reason) = self {
            Stop(attempt: id, reason: reason)
        } else {
            nil
        }
    }

    struct Stop: Equatable {
        var attempt: AttemptID
        var reason: StopReason
    }

    /// The agent that is to be started, if that is what it is.
    var startedAgent: AgentID? {
        if case .startAgent(let agent) = self { agent.id } else { nil }
    }

    /// The agent that is to be stopped, if that is what it is.
    var stoppedAgent: AgentID? {
        if case .stopAgent(let id, _) = self { id } else { nil }
    }
}

extension Event {
    /// What it says about a task, if it does.
    var task: TaskEvent? {
        if case .task(let event) = body { event } else { nil }
    }
}

extension Rejection {
    /// The field, of an invalid value.
    var field: String? {
        if case .invalid(let issue) = self { issue.field } else { nil }
    }

    /// The word, of a conflict.
    var conflict: String? {
        if case .conflict(let reason, _) = self { reason } else { nil }
    }
}

extension Reply {
    var task: TaskRecord? {
        if case .task(let task) = self { task } else { nil }
    }

    var agent: AgentRecord? {
        if case .agent(let agent) = self { agent } else { nil }
    }
}

extension TaskID: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self.init(unchecked: value) }
}

extension AgentID: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self.init(unchecked: value) }
}
