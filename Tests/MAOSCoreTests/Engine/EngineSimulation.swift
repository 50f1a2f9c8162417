import MAOSCore
import Testing

/// Random commands and reports through an engine, with a journal and a runtime that behave, or break, at random.
///
/// Per seed some kinds of commands are off and the others unevenly frequent; half of the identifiers come from a tiny set.
struct EngineSimulation {
    let seed: UInt64
    private(set) var engine: Engine
    private(set) var events: [Event] = []
    private var random: SeededRandom
    private var now = Instant(milliseconds: 1_700_000_000_000)
    private let journal = MemoryJournal(eventLimit: 10)
    private var runtime = SimulatedRuntime()
    private let weights: [Int]
    private let configuration: EngineConfiguration

    /// Reports sent since the last commit; they must not be lost with it.
    private var uncommitted: [Command] = []
    private var pastReports: [Command] = []
    private var knownTasks: [TaskID] = ["a", "b", "c"]
    private var knownAgents: [AgentID] = ["x", "y"]
    private var step: Int = 0
    private var isDraining = false

    private(set) var rejections: [String: Int] = [:]

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededRandom(seed: seed)
        var configuration = EngineConfiguration()
        configuration.limits.liveTasks = 24
        configuration.limits.agents = 7
        configuration.limits.idempotencyKeys = 8
        configuration.limits.idempotencyRetention = .seconds(30)
        configuration.limits.backoff = .seconds(20)
        configuration.onDemand.maximum = Int(random.below(5))
        configuration.onDemand.idleTime = .seconds(10)
        self.configuration = configuration
        var weights: [Int] = []
        for _ in 0..<Action.allCases.count { weights.append(random.below(6) == 0 ? 0 : 1 + Int(random.below(12))) }
        weights[Action.create.rawValue] = 8 + Int(random.below(12))
        weights[Action.attemptReport.rawValue] = 15 + Int(random.below(25))
        weights[Action.agentReport.rawValue] = 5 + Int(random.below(10))
        weights[Action.pass.rawValue] = 5 + Int(random.below(10))
        for rare in [Action.restart, .fail, .drain] { weights[rare.rawValue] = Int(random.below(2)) }
        self.weights = weights
        engine = Engine(configuration: configuration, seed: random.next())
        engine.load(try journal.load(), at: now)
    }

    enum Action: Int, CaseIterable {
        case create, cancel, retry, requeue, discard, priority, pauseTask, resumeTask
        case spawn, configure, pauseAgent, resumeAgent, terminate
        case attemptReport, agentReport, staleReport, pass, compare, restart, fail, drain
    }

    // MARK: Steps

    mutating func run(steps: Int) throws {
        for number in 0..<steps {
            step = number
            try perform(pick())
            try check()
            if random.below(3) > 0 { try commit() }
        }
        try commit()
    }

    private mutating func pick() -> Action {
        var place = Int(random.below(UInt64(weights.reduce(0, +))))
        for action: Action in Action.allCases {
            place -= weights[action.rawValue]
            if place < 0 { return action }
        }
        return .pass
    }

    private mutating func perform(_ action: Action) throws {
        switch action {
        case .create: send(create())
        case .cancel: send(.cancelTask(anyTask(), reason: nil))
        case .retry: send(.retryTask(anyTask()))
        case .requeue: send(requeue())
        case .discard: send(.discardDeadLetter(anyTask()))
        case .priority: send(.changePriority(anyTask(), anyPriority(), reason: nil))
        case .pauseTask: send(.pauseTask(anyTask()))
        case .resumeTask: send(.resumeTask(anyTask()))
        case .spawn: send(.spawnAgent(anyAgentSpecification(), id: nil))
        case .configure: send(.configureAgent(anyAgent(), anyChange()))
        case .pauseAgent: send(.pauseAgent(anyAgent()))
        case .resumeAgent: send(.resumeAgent(anyAgent()))
        case .terminate: send(.terminateAgent(anyAgent(), graceful: random.below(2) == 0))
        case .attemptReport:
            guard !runtime.attempts.isEmpty else { return }
            report(runtime.report(onAttempt: Int(random.below(UInt64(runtime.attempts.count))), &random))
        case .agentReport:
            guard !runtime.agents.isEmpty else { return }
            let index = Int(random.below(UInt64(runtime.agents.count)))
            if let command: Command = runtime.report(onAgent: index, &random) { report(command) }
        case .staleReport: report(staleReport())
        case .pass:
            now = now + Milliseconds(Int64(random.below(random.below(8) == 0 ? 60_000 : 3_000)))
            report(.tick)
        case .compare: try compare()
        case .restart: try restart()
        case .fail: try fail()
        case .drain:
            try commit()
            report(.drain)
            isDraining = true
        }
        if isDraining, random.below(20) == 0 { try restart() }
    }

    /// Dead letters to be started over, some of them with another specification.
    private mutating func requeue() -> Command {
        guard random.below(3) > 0 else { return .settleDeadLetters([anyTask(), anyTask()], .requeue) }
        let id: TaskID = anyTask()
        guard random.below(2) == 0, case .createTask(let specification, _, _) = create() else {
            return .requeueDeadLetter(id, as: nil)
        }
        return .requeueDeadLetter(id, as: specification)
    }

    /// A report that has been sent already, or is about an attempt that is not the current one.
    private mutating func staleReport() -> Command {
        if !pastReports.isEmpty, random.below(3) > 0 {
            let command: Command = pastReports[Int(random.below(UInt64(pastReports.count)))]
            switch command {
            // Of agents there is only one of a name: a late report about one is a true one.
            case .agentStarted, .agentCrashed, .agentStopped, .agentsAlive, .tick, .drain, .recover: break
            // An attempt that has not ended may be told of twice, but its end is told of once.
            case .attemptEnded(let id, _) where runtime.attempts.contains { $0.launch.id == id }: break
            default: return command
            }
        }
        let attempt = AttemptID(task: anyTask(), number: Int(random.below(5)) + 5)
        guard !runtime.attempts.contains(where: { $0.launch.id == attempt }) else { return .tick }
        return .attemptEnded(attempt, .completed(result: nil))
    }

    // MARK: Through the engine

    private mutating func send(_ command: Command) {
        let project: [String] = random.below(8) == 0 ? ["red"] : []
        let permissions: Permissions = random.below(30) == 0 ? .viewer : .all
        let task: TaskID? = random.below(30) == 0 ? anyTask() : nil
        apply(
            command,
            from: Principal(
                subject: random.below(2) == 0 ? "ann" : "bob", permissions: permissions, projects: project, task: task))
    }

    private mutating func report(_ command: Command) {
        uncommitted.append(command)
        pastReports.append(command)
        if pastReports.count > 60 { pastReports.removeFirst(20) }
        apply(command, from: .system)
    }

    private mutating func apply(_ command: Command, from principal: Principal) {
        for _ in 0..<2 {
            for id: TaskID in engine.missing(for: command) {
                do throws(JournalError) {
                    if let task: TaskRecord = try journal.task(id), task.status.isTerminal { engine.recall(task) }
                } catch {
                    Issue.record(error)
                }
            }
        }
        do throws(Rejection) {
            let reply: Reply = try engine.apply(Request(command, from: principal), at: now)
            if case .task(let task) = reply { remember(task.id) }
            if case .agent(let agent) = reply, !knownAgents.contains(agent.id) { knownAgents.append(agent.id) }
        } catch {
            rejections[error.conflict ?? error.field ?? "\(error)".prefix(12).description, default: 0] += 1
        }
    }

    private mutating func remember(_ id: TaskID) {
        guard !knownTasks.contains(id) else { return }
        knownTasks.append(id)
        if knownTasks.count > 40 { knownTasks.remove(at: 3) }
    }

    private mutating func commit() throws {
        let batch: Batch = engine.takeBatch()
        try journal.append(batch)
        uncommitted = []
        for event: Event in batch.events {
            #expect(event.sequence == (events.last?.sequence ?? 0) + 1, "\(place): gap in the sequence")
            events.append(event)
            if case .agent(let agent) = event.body, agent.kind == .crashed { runtime.lost(agent.id) }
        }
        #expect(Set(batch.tasks.map(\.id)).count == batch.tasks.count, "\(place): a task twice in a batch")
        #expect(Set(batch.agents.map(\.id)).count == batch.agents.count, "\(place): an agent twice in a batch")
        for effect: Effect in batch.effects {
            if let mistake: String = runtime.perform(effect) { Issue.record("\(place): \(mistake)") }
        }
    }

    private var place: String { "seed \(seed), step \(step)" }

    private func check() throws {
        do throws(BrokenInvariant) {
            try engine.checkInvariants()
        } catch {
            Issue.record("\(place): \(error)")
            throw error
        }
    }

    // MARK: Restarts

    /// What a journal gives back is what the engine holds.
    private mutating func compare() throws {
        try commit()
        var reborn = Engine(configuration: configuration, seed: 0)
        reborn.load(try journal.load(), at: now)
        #expect(reborn.liveTasks == engine.liveTasks, "\(place): stored tasks differ")
        #expect(
            reborn.liveAgents.map(\.withoutHeartbeat) == engine.liveAgents.map(\.withoutHeartbeat),
            "\(place): stored agents differ")
        if !isDraining { try reborn.checkInvariants() }
    }

    /// The process ends and begins again.
    private mutating func restart() throws {
        if random.below(2) == 0 { try commit() }
        runtime.crash()
        isDraining = false
        try reload()
        report(.recover)
        report(.tick)
        try commit()
    }

    /// The journal refuses a batch: clients hear of it, reports are sent again.
    private mutating func fail() throws {
        let reports: [Command] = uncommitted
        _ = engine.takeBatch()
        let failed: Engine = engine
        try reload()
        engine.adopt(runOf: failed)
        for command: Command in reports { report(command) }
        report(.tick)
        try commit()
    }

    private mutating func reload() throws {
        engine = Engine(configuration: configuration, seed: random.next())
        engine.load(try journal.load(), at: now)
        uncommitted = []
    }

    // MARK: The end

    /// Lets everything come to its end: agents for all that waits, nothing paused, every attempt answered.
    mutating func finish() throws {
        if isDraining { try restart() }
        for agent: AgentRecord in engine.liveAgents {
            apply(.resumeAgent(agent.id), from: .system)
            apply(.terminateAgent(agent.id, graceful: true), from: .system)
        }
        try commit()
        for _ in 0..<4_000 where !engine.liveTasks.isEmpty {
            step += 1
            now = now + .seconds(1)
            report(.agentsAlive(runtime.agents.map(\.id)))
            report(.tick)
            for task: TaskRecord in engine.liveTasks where task.status == .paused {
                apply(.resumeTask(task.id), from: .system)
            }
            for type: AgentType in [.coder, .tester, .reviewer] {
                let isThere: Bool = engine.liveAgents.contains {
                    $0.specification.type == type && $0.specification.capabilities.count == 2 && $0.status != .stopping
                        && $0.origin == .spawned && $0.specification.capabilities.allSatisfy { $0.proficiency == 1 }
                }
                guard !isThere else { continue }
                let skills: [Capability] = ["p", "q"].map { Capability(name: $0, proficiency: 1) }
                apply(
                    .spawnAgent(
                        AgentSpecification(type: type, capabilities: skills, maximumConcurrentTasks: 5), id: nil),
                    from: .system)
            }
            for index in runtime.attempts.indices.reversed() { report(runtime.report(onAttempt: index, &random)) }
            for index in runtime.agents.indices.reversed() {
                if let command: Command = runtime.report(onAgent: index, &random) { report(command) }
            }
            try check()
            try commit()
        }
    }
}

extension AgentRecord {
    /// Signs of life are not stored.
    fileprivate var withoutHeartbeat: AgentRecord {
        var copy: AgentRecord = self
        copy.state.lastHeartbeat = createdAt
        return copy
    }
}

// MARK: - Random values

extension EngineSimulation {
    private mutating func any<Value>(of values: [Value]) -> Value { values[Int(random.below(UInt64(values.count)))] }

    /// Often one of a few, or one that has ended; often a live one.
    private mutating func anyTask() -> TaskID {
        let live: [TaskRecord] = engine.liveTasks
        return random.below(2) == 0 || live.isEmpty ? any(of: knownTasks) : any(of: live).id
    }

    private mutating func anyAgent() -> AgentID {
        let live: [AgentRecord] = engine.liveAgents
        return random.below(4) == 0 || live.isEmpty ? any(of: knownAgents) : any(of: live).id
    }

    private mutating func anyPriority() -> Priority { any(of: Priority.allCases) }

    private mutating func create() -> Command {
        var specification = TaskSpecification(
            kind: any(of: [.code, .code, .testing, .review, .analysis]), description: "do it", priority: anyPriority())
        for _ in 0..<random.below(4) where random.below(2) == 0 { specification.dependencies.append(anyTask()) }
        if random.below(4) == 0 {
            specification.capabilities = [
                CapabilityRequirement(name: any(of: ["p", "q"]), minimumProficiency: any(of: [0, 0.5, 0.9]))
            ]
        }
        if random.below(6) == 0 { specification.deadline = now + Milliseconds(Int64(random.below(20_000)) - 500) }
        if random.below(3) == 0 { specification.timeout = Milliseconds(1_000 + Int64(random.below(20_000))) }
        specification.retryPolicy = RetryPolicy(
            maximumAttempts: 1 + Int(random.below(4)), backoff: Milliseconds(Int64(random.below(5_000))),
            factor: any(of: [1, 2, 10]), onInterruption: any(of: [.retry, .retry, .fail]))
        specification.project = any(of: [nil, "red", "blue"])
        var key: IdempotencyKey?
        if random.below(4) == 0 {
            key = IdempotencyKey(key: any(of: ["1", "2", "3", "4", "5"]), fingerprint: random.below(2))
        }
        let id: TaskID? = random.below(3) == 0 ? any(of: ["a", "b", "c", "d", "e"]) : nil
        return .createTask(specification, id: id, idempotency: key)
    }

    private mutating func anyCapabilities() -> [Capability] {
        ["p", "q"].prefix(Int(random.below(3))).map {
            Capability(name: $0, proficiency: Double(random.below(11)) / 10)
        }
    }

    private mutating func anyAgentSpecification() -> AgentSpecification {
        AgentSpecification(
            type: any(of: [.coder, .coder, .tester, .reviewer, .custom]), capabilities: anyCapabilities(),
            maximumConcurrentTasks: 1 + Int(random.below(3)),
            commandTimeout: random.below(3) == 0 ? Milliseconds(1 + Int64(random.below(20_000))) : nil,
            heartbeatInterval: .seconds(1 + Int64(random.below(20))))
    }

    private mutating func anyChange() -> AgentChange {
        var change = AgentChange()
        if random.below(2) == 0 { change.capabilities = anyCapabilities() }
        if random.below(2) == 0 { change.maximumConcurrentTasks = Int(random.below(4)) }
        if random.below(3) == 0 { change.heartbeatInterval = .seconds(1 + Int64(random.below(20))) }
        if random.below(3) == 0 { change.commandTimeout = Milliseconds(1 + Int64(random.below(20_000))) }
        return change
    }
}
