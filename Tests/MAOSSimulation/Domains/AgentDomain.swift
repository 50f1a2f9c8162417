import MAOSCore

/// Agents: what clients do with them, and what becomes of their processes.
struct AgentDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case spawn, spawnBadly, configure, configureBadly, pause, resume, terminate, report, signsOfLife
    }

    let weights: [Int]
    private let pool: EngineConfiguration.OnDemandPool
    /// Agents on demand at most, where that is not as configured any more.
    private var maximum: Int?
    private let missedHeartbeats: Int
    /// One in so many agents and attempts says nothing.
    private let silence: UInt64
    /// Every agent as its last event left it.
    private var told: [AgentID: AgentState] = [:]
    /// Agents that were there when the world began to calm down have been told to end.
    private var isCalm = false

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.agents = 7
        configuration.onDemand.maximum = random.number(below: 5)
        configuration.onDemand.idleTime = .seconds(10)
        pool = configuration.onDemand
        missedHeartbeats = configuration.missedHeartbeats
        silence = random.one(of: [0, 4, 10])
        var weights: [Int] = AgentDomain.someWeights(Action.allCases.count, upTo: 10, &random)
        weights[Action.spawnBadly.rawValue] = random.number(below: 2)
        weights[Action.configureBadly.rawValue] = random.number(below: 2)
        weights[Action.report.rawValue] = 5 + random.number(below: 10)
        weights[Action.signsOfLife.rawValue] = 3 + random.number(below: 10)
        self.weights = weights
    }

    // MARK: What happens

    mutating func act(_ action: Int, in world: inout World) {
        world.machine.silence = silence
        switch Action(rawValue: action) {
        case .spawn:
            let id: AgentID? = world.random.chance(in: 4) ? world.random.one(of: World.fewAgents) : nil
            world.send(.spawnAgent(anySpecification(in: &world), id: id), as: world.anybody(), needs: .agentsCreate)
        case .spawnBadly: spawnBadly(in: &world)
        case .configure:
            let change: AgentChange = anyChange(in: &world)
            world.send(.configureAgent(world.anyAgent(), change), as: world.anybody(), needs: .agentsUpdate)
        case .configureBadly:
            var change = AgentChange()
            change.maximumConcurrentTasks = world.random.one(of: [0, -1, 1_001])
            world.send(
                .configureAgent(world.anyAgent(), change), as: world.anybody(), needs: .agentsUpdate,
                flaw: "maximumConcurrentTasks")
        case .pause: world.send(.pauseAgent(world.anyAgent()), as: world.anybody(), needs: .agentsUpdate)
        case .resume: world.send(.resumeAgent(world.anyAgent()), as: world.anybody(), needs: .agentsUpdate)
        case .terminate:
            let isGraceful: Bool = world.random.chance(in: 2)
            world.send(
                .terminateAgent(world.anyAgent(), graceful: isGraceful), as: world.anybody(), needs: .agentsTerminate)
        case .report:
            guard !world.machine.agents.isEmpty else { return }
            report(on: world.random.number(below: world.machine.agents.count), in: &world)
        case .signsOfLife, nil:
            if let command: Command = world.machine.signsOfLife(at: world.latest) { world.report(command) }
        }
    }

    private func report(on index: Int, in world: inout World) {
        let now: Instant = world.latest
        guard let command: Command = world.machine.report(onAgent: index, at: now, &world.random) else { return }
        world.report(command)
    }

    private func anyCapabilities(in world: inout World) -> [Capability] {
        ["p", "q"].prefix(world.random.number(below: 3)).map {
            Capability(name: $0, proficiency: Double(world.random.below(11)) / 10)
        }
    }

    private func anySpecification(in world: inout World) -> AgentSpecification {
        AgentSpecification(
            type: world.random.one(of: [.coder, .coder, .tester, .reviewer, .custom]),
            capabilities: anyCapabilities(in: &world), maximumConcurrentTasks: 1 + world.random.number(below: 3),
            commandTimeout: world.random.chance(in: 3) ? Milliseconds(1 + Int64(world.random.below(20_000))) : nil,
            heartbeatInterval: .seconds(1 + Int64(world.random.below(20))),
            resident: world.random.one(of: [.none, .none, .terminal, .conversation]))
    }

    private func anyChange(in world: inout World) -> AgentChange {
        var change = AgentChange()
        if world.random.chance(in: 2) { change.capabilities = anyCapabilities(in: &world) }
        if world.random.chance(in: 2) { change.maximumConcurrentTasks = 1 + world.random.number(below: 3) }
        if world.random.chance(in: 3) { change.heartbeatInterval = .seconds(1 + Int64(world.random.below(20))) }
        if world.random.chance(in: 3) { change.commandTimeout = Milliseconds(1 + Int64(world.random.below(20_000))) }
        return change
    }

    private func spawnBadly(in world: inout World) {
        var specification: AgentSpecification = anySpecification(in: &world)
        let flaw: String
        switch world.random.below(4) {
        case 0:
            specification.maximumConcurrentTasks = 0
            flaw = "maximumConcurrentTasks"
        case 1:
            specification.heartbeatInterval = world.random.one(of: [0, 999, .seconds(3_601)])
            flaw = "heartbeatInterval"
        case 2:
            specification.capabilities = [Capability(name: "p", proficiency: world.random.one(of: [-0.1, 1.1, .nan]))]
            flaw = "capabilities"
        default:
            specification.resources = ResourceRequirements(cpu: -1, memory: 0)
            flaw = "resources"
        }
        world.send(.spawnAgent(specification, id: nil), as: world.anybody(), needs: .agentsCreate, flaw: flaw)
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for row: EntityRow in batch.entities where row.kind == .pool && row.id == PoolID.onDemand.rawValue {
            guard let record: PoolRecord = try? PoolRecord(row) else { continue }
            maximum = record.mode == .onDemand ? record.maximum : 0
        }
        for event: Event in batch.events {
            switch event.body {
            case .agent(let agent):
                try follow(agent, at: event.time, batch, in: world)
                told[agent.id] = agent.state
                if agent.kind == .crashed { world.machine.lost(agent.id) }
            case .task(let task) where task.kind == .assigned:
                guard let agent: AgentID = task.state.agent else { continue }
                let status: AgentStatus? = told[agent]?.status
                try keep(
                    .life, "tasks are given to agents that may take them",
                    status == .ready || status == .idle || status == .busy,
                    "\(task.id) to \(agent), which is \(status?.name ?? "unknown")")
            default: break
            }
        }
    }

    private func follow(
        _ event: AgentEvent, at time: Instant, _ batch: Batch, in world: World
    ) throws(BrokenPromise) {
        let place: String = "\(event.id) \(event.kind.name)"
        guard let before: AgentState = told[event.id] else {
            return try keep(.life, "an agent's first event is its making", event.kind == .spawned, place)
        }
        // The name of one that is no more may be given again.
        try keep(
            .life, "an agent is made when there is none of its name, and everything else happens to one that is there",
            (event.kind == .spawned) == (before.status == .terminated), place)
        guard event.kind == .crashed, event.state.error?.hasPrefix("no heartbeat") == true,
            let agent: Machine.Agent = world.machine.agent(event.id),
            let record: AgentRecord = batch.agents.first(where: { $0.id == event.id }),
            world.chronicle.agents[event.id]?.specification.heartbeatInterval == record.specification.heartbeatInterval
        else { return }
        try keep(
            .heartbeats, "an agent that is heard of is not given up", agent.heardAt + patience(with: record) <= time,
            place)
    }

    /// How long an agent may be silent.
    private func patience(with agent: AgentRecord) -> Milliseconds {
        Milliseconds(agent.specification.heartbeatInterval.count * Int64(missedHeartbeats))
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        var onDemand: Int = 0
        for agent: AgentRecord in world.chronicle.liveAgents {
            let running: [TaskID] = world.machine.attempts.filter { $0.launch.agent.id == agent.id }.map(\.id.task)
            try keep(
                .leases, "an agent's slots are held by its processes, and by nothing else",
                Set(running) == Set(agent.state.currentTasks),
                "\(agent.id) has \(agent.state.currentTasks), and \(running) run")
            if agent.origin == .onDemand, agent.status != .stopping { onDemand += 1 }
            try checkHeartbeat(of: agent, in: world)
        }
        try keep(.leases, "the pool does not outgrow its maximum", onDemand <= (maximum ?? pool.maximum), "\(onDemand)")
        for process: Machine.Agent in world.machine.agents where process.phase == .starting || process.phase == .running
        {
            let isLive: Bool = world.chronicle.agents[process.id].map { $0.status != .terminated } ?? false
            try keep(.leases, "no process outlives its agent", isLive, "\(process.id)")
        }
    }

    private func checkHeartbeat(of agent: AgentRecord, in world: World) throws(BrokenPromise) {
        guard let process: Machine.Agent = world.machine.agent(agent.id), process.phase == .running,
            world.clock == world.latest
        else { return }
        switch agent.status {
        case .ready, .idle, .busy, .paused: break
        case .initializing, .stopping, .error, .terminated: return
        }
        let heard: Instant = max(process.heardAt, world.rebuiltAt)
        try keep(
            .heartbeats, "an agent that is not heard of is given up", world.latest < heard + patience(with: agent),
            "\(agent.id), which is \(agent.status.name)")
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        // They can do everything, whatever they go through.
        let skills: [Capability] = ["p", "q"].map { Capability(name: $0, proficiency: 1, learningRate: 0) }
        let agents: [AgentRecord] = world.chronicle.liveAgents
        if !isCalm {
            isCalm = true
            for agent: AgentRecord in agents {
                world.send(.resumeAgent(agent.id), as: .system)
                world.send(.terminateAgent(agent.id, graceful: true), as: .system)
            }
        }
        for type: AgentType in [.coder, .tester, .reviewer] {
            let isThere: Bool = agents.contains { (agent: AgentRecord) in
                agent.specification.type == type && agent.specification.capabilities == skills
                    && agent.specification.maximumConcurrentTasks == 5 && agent.status != .stopping
            }
            guard !isThere else { continue }
            let specification = AgentSpecification(type: type, capabilities: skills, maximumConcurrentTasks: 5)
            world.send(.spawnAgent(specification, id: nil), as: .system)
        }
        if let command: Command = world.machine.signsOfLife(at: world.latest) { world.report(command) }
        for index in world.machine.agents.indices.reversed() { report(on: index, in: &world) }
    }

    func unfinished(in world: World) -> String? {
        for agent: AgentRecord in world.chronicle.liveAgents {
            switch agent.status {
            case .ready, .idle, .busy: if agent.origin == .spawned { continue }
            case .initializing, .paused, .stopping, .error, .terminated: break
            }
            return "agent \(agent.id) is \(agent.status.name)"
        }
        return nil
    }
}
