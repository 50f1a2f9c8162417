import MAOSCore

/// What agents learn: worked out here from the ends of attempts alone, and compared with what is stored of each agent.
struct LearningDomain: SimulatedDomain {
    /// An agent as far as learning goes.
    private struct Pupil {
        var capabilities: [Capability]
        var progress: [String: AgentLearning.Progress] = [:]
        var cycles: Int = 0

        init(_ record: AgentRecord) {
            capabilities = record.specification.capabilities
            cycles = record.learning.cycles
            for entry: AgentLearning.Progress in record.learning.progress { progress[entry.capability] = entry }
        }
    }

    let weights: [Int] = []
    private let every: Int
    private var pupils: [AgentID: Pupil] = [:]
    /// What tasks ask for, and who works on them.
    private var asked: [TaskID: [String]] = [:]
    private var agents: [TaskID: AgentID] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.learning.every = 1 + random.number(below: 4)
        every = configuration.learning.every
    }

    mutating func act(_ action: Int, in world: inout World) {}

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        // What an agent can do may change in between, and with it what it has learned.
        var changed: Set<AgentID> = []
        var (begun, completed): (Int, Int) = (0, 0)
        var (toldBegun, toldCompleted): (Int, Int) = (0, 0)
        for event: Event in batch.events {
            switch event.body {
            case .agent(let agent) where agent.kind == .spawned || agent.kind == .configured: changed.insert(agent.id)
            case .task(let task): follow(task, at: event.time, &begun, &completed)
            case .system(let system) where system.type == "learning_cycle_started": toldBegun += 1
            case .system(let system) where system.type == "learning_cycle_completed": toldCompleted += 1
            default: break
            }
        }
        for record: AgentRecord in batch.agents where record.status != .terminated {
            if !changed.contains(record.id), let pupil: Pupil = pupils[record.id] { try compare(record, with: pupil) }
            pupils[record.id] = Pupil(record)
        }
        guard changed.isEmpty else { return }
        try keep(
            .told, "a learning cycle is told of when it begins and when it completes",
            toldBegun == begun && toldCompleted == completed,
            "\(toldBegun) of \(begun) begun, \(toldCompleted) of \(completed) completed")
    }

    private mutating func follow(
        _ event: TaskEvent, at time: Instant, _ begun: inout Int, _ completed: inout Int
    ) {
        if let record: TaskRecord = event.created {
            asked[event.id] = record.specification.capabilities.map(\.name)
        }
        let isSuccess: Bool
        switch event.kind {
        case .assigned:
            agents[event.id] = event.state.agent
            return
        case .completed: isSuccess = true
        case .failed, .retryScheduled: isSuccess = false
        case .interrupted, .cancelled, .queued:
            agents[event.id] = nil
            return
        default: return
        }
        guard let agent: AgentID = agents.removeValue(forKey: event.id), let names: [String] = asked[event.id] else {
            return
        }
        if !isSuccess {
            switch event.state.error?.code {
            case .execution, .timeout, .limitExceeded, .invalidResult: break
            default: return
            }
        }
        for (place, name) in names.enumerated() where !names[..<place].contains(name) {
            learn(name, on: agent, isSuccess: isSuccess, at: time, &begun, &completed)
        }
    }

    private mutating func learn(
        _ name: String, on agent: AgentID, isSuccess: Bool, at time: Instant, _ begun: inout Int, _ completed: inout Int
    ) {
        guard let place: Int = pupils[agent]?.capabilities.firstIndex(where: { $0.name == name }),
            let capability: Capability = pupils[agent]?.capabilities[place]
        else { return }
        var entry: AgentLearning.Progress =
            pupils[agent]?.progress[name]
            ?? AgentLearning.Progress(
                capability: name, estimate: capability.proficiency, outcomes: 0, cycle: 0, startedAt: time)
        if entry.outcomes == 0 {
            begun += 1
            pupils[agent]?.cycles += 1
            entry.cycle = pupils[agent]?.cycles ?? 0
            entry.startedAt = time
        }
        let estimate: Double = entry.estimate + ((isSuccess ? 1 : 0) - entry.estimate) * capability.learningRate
        entry.estimate = min(max(estimate, 0), 1)
        entry.outcomes += 1
        if entry.outcomes >= every {
            completed += 1
            entry.outcomes = 0
            // It moves in steps of a twentieth, and not for less than three quarters of one.
            if abs(entry.estimate - capability.proficiency) * 20 > 0.75 {
                pupils[agent]?.capabilities[place].proficiency = (entry.estimate * 20).rounded() / 20
            }
        }
        pupils[agent]?.progress[name] = entry
    }

    private func compare(_ record: AgentRecord, with pupil: Pupil) throws(BrokenPromise) {
        var learned: [String: AgentLearning.Progress] = [:]
        for entry: AgentLearning.Progress in record.learning.progress { learned[entry.capability] = entry }
        try keep(
            .life, "an agent has learned what its attempts taught it, each once",
            learned == pupil.progress && record.learning.cycles == pupil.cycles,
            "\(record.id): \(record.learning.progress) instead of \(pupil.progress.values)")
        try keep(
            .life, "an agent is as good as it has learned to be",
            record.specification.capabilities.map(\.proficiency) == pupil.capabilities.map(\.proficiency),
            "\(record.id)")
    }

    mutating func restarted(in world: World) { agents = [:] }
}
