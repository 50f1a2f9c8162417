import MAOSCore
import Testing

/// What a runtime would have under way, and what must be true of all that it is asked to do.
struct SimulatedRuntime {
    struct Attempt {
        var launch: AttemptLaunch
        var isStarted = false
        var isStopped = false
        var isSuspended = false
    }

    enum Phase { case starting, running, crashed, stopping }

    /// In order of launch.
    private(set) var attempts: [Attempt] = []
    /// In order of making.
    private(set) var agents: [(id: AgentID, phase: Phase)] = []
    private var launched: Set<AttemptID> = []

    /// Carries out what it is asked for, and says what is wrong with it.
    mutating func perform(_ effect: Effect) -> String? {
        switch effect {
        case .startAgent(let agent):
            guard phase(of: agent.id) == nil || phase(of: agent.id) == .crashed else { return "\(agent.id) is there" }
            set(agent.id, .starting)
        case .stopAgent(let id, _):
            // Its end may have been reported before it is asked to end in another way.
            if phase(of: id) != nil { set(id, .stopping) }
        case .startAttempt(let launch):
            defer { attempts.append(Attempt(launch: launch)) }
            guard launched.insert(launch.id).inserted else { return "\(launch.id) is started twice" }
            guard !attempts.contains(where: { $0.launch.id.task == launch.id.task }) else {
                return "\(launch.id) is started beside an earlier attempt"
            }
            // It may have crashed since the task was given to it.
            guard let phase: Phase = phase(of: launch.agent.id), phase != .starting else {
                return "\(launch.id) is started on an agent that has not started"
            }
            guard load(of: launch.agent.id) < launch.agent.specification.maximumConcurrentTasks else {
                return "\(launch.id) is started on a full agent"
            }
        case .stopAttempt(let id, _):
            if let index: Int = index(of: id) { attempts[index].isStopped = true }
        case .suspendAttempt(let id, let isSuspended):
            guard launched.contains(id) else { return "\(id) is suspended before it is started" }
            // It may have ended in the batch in which it was suspended.
            guard let index: Int = index(of: id) else { return nil }
            guard attempts[index].isSuspended != isSuspended else { return "\(id) is suspended twice" }
            attempts[index].isSuspended = isSuspended
        }
        return nil
    }

    /// The next report about an attempt: honest, and each end only once.
    mutating func report(onAttempt index: Int, _ random: inout SeededRandom) -> Command {
        let attempt: Attempt = attempts[index]
        let id: AttemptID = attempt.launch.id
        if !attempt.isStarted, !attempt.isStopped, random.below(10) > 0 {
            attempts[index].isStarted = true
            return .attemptStarted(id, process: ProcessIdentity(pid: Int32(random.below(1_000)), startTicks: 1))
        }
        switch random.below(6) {
        case 0,
            1 where !attempt.isStopped:
            return .attemptProgressed(id, progress: Double(random.below(101)) / 100, step: "step \(random.below(3))")
        case 2 where attempt.isStopped:
            return .attemptStopping(id, random.below(2) == 0 ? .signalled : .killed)
        case 3 where !attempt.isStopped || random.below(4) == 0:
            attempts.remove(at: index)
            return .attemptEnded(id, .completed(result: random.below(2) == 0 ? nil : .emptyObject))
        case 4, 5:
            attempts.remove(at: index)
            let failure = TaskFailure(.execution, "exited with code \(random.below(100))")
            return .attemptEnded(id, attempt.isStopped && random.below(3) > 0 ? .stopped : .failed(failure))
        default:
            return .attemptProgressed(id, progress: nil, step: nil)
        }
    }

    /// The next report about an agent; `nil` when there is nothing to say.
    mutating func report(onAgent index: Int, _ random: inout SeededRandom) -> Command? {
        let (id, phase): (AgentID, Phase) = agents[index]
        switch phase {
        case .starting where random.below(6) == 0:
            agents[index].phase = .crashed
            return .agentCrashed(id, reason: "no such program")
        case .starting:
            agents[index].phase = .running
            return .agentStarted(id, process: nil)
        case .running where random.below(10) == 0:
            agents[index].phase = .crashed
            return .agentCrashed(id, reason: "exited with code 1")
        case .running:
            return .agentsAlive([id])
        case .stopping:
            agents.remove(at: index)
            return .agentStopped(id)
        case .crashed:
            return nil
        }
    }

    /// The engine has given the agent up by itself.
    mutating func lost(_ id: AgentID) { if phase(of: id) == .running { set(id, .crashed) } }

    func load(of agent: AgentID) -> Int { attempts.count { $0.launch.agent.id == agent } }

    private func phase(of id: AgentID) -> Phase? { agents.first { $0.id == id }?.phase }
    private func index(of id: AttemptID) -> Int? { attempts.firstIndex { $0.launch.id == id } }

    private mutating func set(_ id: AgentID, _ phase: Phase) {
        if let index: Int = agents.firstIndex(where: { $0.id == id }) {
            agents[index].phase = phase
        } else {
            agents.append((id, phase))
        }
    }

    /// Everything ends with the process; that each attempt has run is remembered.
    mutating func crash() {
        attempts = []
        agents = []
    }
}
