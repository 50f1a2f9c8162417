import MAOSCore

/// The processes that a runtime would have under way: it sees what is started twice, on whom, and what is stopped.
struct Machine {
    struct Attempt {
        let launch: AttemptLaunch
        /// Says nothing by itself, and ends only when it is stopped.
        var isSilent: Bool
        var isStarted = false
        var isSuspended = false
        /// Is given back, if it has not begun.
        var isRecalled = false
        var stop: StopReason?

        var id: AttemptID { launch.id }

        /// How long it may take, where anything limits it.
        var allowance: Milliseconds? {
            launch.task.specification.timeout ?? launch.agent.specification.commandTimeout
        }
    }

    enum Phase { case starting, running, crashed, stopping }

    struct Agent {
        let id: AgentID
        var phase: Phase
        /// Runs, and is not heard of.
        var isSilent = false
        /// When it was last heard of.
        var heardAt: Instant
        var isSuspended = false
    }

    /// In order of launch.
    private(set) var attempts: [Attempt] = []
    /// In order of making.
    private(set) var agents: [Agent] = []
    /// How each attempt that has been told of ended.
    private(set) var outcomes: [AttemptID: AttemptOutcome] = [:]
    private var launched: Set<AttemptID> = []
    /// One in so many attempts says nothing; 0 for none.
    var silence: UInt64 = 0
    /// Whether agents do not crash any more.
    private var isCalm = false

    // MARK: What it is asked for

    /// Carries out what it is asked for.
    mutating func perform(_ effect: Effect, at now: Instant, _ random: inout SeededRandom) throws(BrokenPromise) {
        switch effect {
        case .startAgent(let agent):
            let earlier: Phase? = phase(of: agent.id)
            try keep(
                .once, "an agent is started when it is not there", earlier == nil || earlier == .crashed, "\(agent.id)")
            set(agent.id, .starting, at: now)
        case .stopAgent(let id, _):
            // One that was never started in this run of the server is answered for as well.
            set(id, .stopping, at: now)
        case .startAttempt(let launch):
            try start(launch, &random)
        case .stopAttempt(let id, let reason):
            if let index: Int = index(of: id) { attempts[index].stop = attempts[index].stop ?? reason }
        case .recallAttempt(let id):
            if let index: Int = index(of: id) { attempts[index].isRecalled = true }
        case .suspendAttempt(let id, let isSuspended):
            try keep(.once, "an attempt is suspended after it is started", launched.contains(id), "\(id)")
            // It may have ended in the batch in which it was suspended.
            guard let index: Int = index(of: id) else { return }
            try keep(
                .life, "an attempt is suspended when it runs, and continued when it does not",
                attempts[index].isSuspended != isSuspended, "\(id)")
            attempts[index].isSuspended = isSuspended
        case .suspendAgent(let id, let isSuspended):
            guard let index: Int = agents.firstIndex(where: { $0.id == id }) else {
                return try keep(.once, "an agent is suspended after it is started", false, "\(id)")
            }
            try keep(
                .life, "an agent is suspended when it runs, and continued when it does not",
                agents[index].isSuspended != isSuspended, "\(id)")
            agents[index].isSuspended = isSuspended
        }
    }

    private mutating func start(_ launch: AttemptLaunch, _ random: inout SeededRandom) throws(BrokenPromise) {
        let agent: AgentID = launch.agent.id
        try keep(.once, "an attempt is started once", launched.insert(launch.id).inserted, "\(launch.id)")
        let other: Attempt? = attempts.first { $0.id.task == launch.id.task }
        try keep(
            .once, "an attempt is started when the one before it is gone", other == nil,
            "\(launch.id) beside \(other.map { "\($0.id)" } ?? "")")
        // It may have crashed since the task was given to it.
        let phase: Phase? = phase(of: agent)
        try keep(
            .life, "an attempt is started on an agent that has started", phase != nil && phase != .starting,
            "\(launch.id) on \(agent)")
        let load: Int = load(of: agent)
        try keep(
            .leases, "an agent gets no more attempts than it has slots",
            load < launch.agent.specification.maximumConcurrentTasks, "\(launch.id) on \(agent) beside \(load) others")
        attempts.append(Attempt(launch: launch, isSilent: silence > 0 && random.chance(in: silence)))
    }

    // MARK: What it reports

    /// The next report about an attempt: honest, and each end only once; `nil` from one that says nothing.
    mutating func report(onAttempt index: Int, _ random: inout SeededRandom) -> Command? {
        let attempt: Attempt = attempts[index]
        let id: AttemptID = attempt.id
        if attempt.isRecalled, !attempt.isStarted, attempt.stop == nil { return end(index, .stopped) }
        if !attempt.isStarted, attempt.stop == nil, !random.chance(in: 10) {
            attempts[index].isStarted = true
            return .attemptStarted(id, process: ProcessIdentity(pid: Int32(random.below(1_000)), startTicks: 1))
        }
        guard !attempt.isSilent || attempt.stop != nil else { return nil }
        let isStopped: Bool = attempt.stop != nil
        switch random.below(6) {
        case 0,
            1 where !isStopped:
            return .attemptProgressed(
                id, progress: Double(random.below(101)) / 100, step: "step \(random.below(3))")
        case 2 where isStopped:
            return .attemptStopping(id, random.chance(in: 2) ? .signalled : .killed)
        case 3 where !isStopped || random.chance(in: 4):
            return end(index, .completed(result: random.chance(in: 4) ? nil : result(of: id)))
        case 4, 5:
            let failure = TaskFailure(.execution, "exited with code \(1 + random.below(100))")
            return end(index, isStopped && !random.chance(in: 3) ? .stopped : .failed(failure))
        default:
            return .attemptProgressed(id, progress: nil, step: nil)
        }
    }

    /// A result that tells which attempt it is from.
    private func result(of id: AttemptID) -> JSONText { JSONText(.string("\(id)")) }

    private mutating func end(_ index: Int, _ outcome: AttemptOutcome) -> Command {
        let id: AttemptID = attempts.remove(at: index).id
        outcomes[id] = outcome
        return .attemptEnded(id, outcome)
    }

    /// The next report about an agent; `nil` when there is nothing to say.
    mutating func report(onAgent index: Int, at now: Instant, _ random: inout SeededRandom) -> Command? {
        let id: AgentID = agents[index].id
        switch agents[index].phase {
        case .starting where !isCalm && random.chance(in: 6):
            agents[index].phase = .crashed
            return .agentCrashed(id, reason: "no such program")
        case .starting:
            agents[index].phase = .running
            agents[index].heardAt = now
            agents[index].isSilent = silence > 0 && random.chance(in: silence)
            return .agentStarted(id, process: nil)
        case .running where !isCalm && random.chance(in: 12):
            agents[index].phase = .crashed
            return .agentCrashed(id, reason: "exited with code 1")
        case .running:
            guard !agents[index].isSilent else { return nil }
            agents[index].heardAt = now
            return .agentsAlive([id])
        case .stopping:
            agents.remove(at: index)
            return .agentStopped(id)
        case .crashed:
            return nil
        }
    }

    /// Signs of life of all agents that give any; `nil` when none does.
    mutating func signsOfLife(at now: Instant) -> Command? {
        var alive: [AgentID] = []
        for index in agents.indices where agents[index].phase == .running && !agents[index].isSilent {
            agents[index].heardAt = now
            alive.append(agents[index].id)
        }
        return alive.isEmpty ? nil : .agentsAlive(alive)
    }

    // MARK: What becomes of it

    /// The engine has given the agent up by itself.
    mutating func lost(_ id: AgentID) {
        guard let index: Int = agents.firstIndex(where: { $0.id == id }), agents[index].phase == .running else {
            return
        }
        agents[index].phase = .crashed
    }

    /// Everything ends with the server; that each attempt has run is remembered.
    mutating func crash() {
        attempts = []
        agents = []
    }

    /// From now on everything that nothing limits answers.
    mutating func calmDown() {
        silence = 0
        isCalm = true
        for index in attempts.indices {
            let attempt: Attempt = attempts[index]
            attempts[index].isSilent =
                attempt.isSilent && (attempt.allowance != nil || attempt.launch.task.specification.deadline != nil)
        }
    }

    func load(of agent: AgentID) -> Int { attempts.count { $0.launch.agent.id == agent } }

    func agent(_ id: AgentID) -> Agent? { agents.first { $0.id == id } }

    func attempt(of task: TaskID) -> Attempt? { attempts.first { $0.id.task == task } }

    private func phase(of id: AgentID) -> Phase? { agent(id)?.phase }
    private func index(of id: AttemptID) -> Int? { attempts.firstIndex { $0.id == id } }

    private mutating func set(_ id: AgentID, _ phase: Phase, at now: Instant) {
        if let index: Int = agents.firstIndex(where: { $0.id == id }) {
            agents[index].phase = phase
            agents[index].isSuspended = false
        } else {
            agents.append(Agent(id: id, phase: phase, heardAt: now))
        }
    }
}
