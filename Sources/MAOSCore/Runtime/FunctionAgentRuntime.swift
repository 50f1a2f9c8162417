internal import Synchronization

/// Runs attempts as Swift functions of this program: for programs that embed the orchestrator, and for tests.
///
/// Each attempt is a task of its own, which is cancelled when the attempt is to stop; the attempt ends when the function
/// returns. Functions cannot be suspended, so pausing one only keeps new attempts from starting.
public final class FunctionAgentRuntime: AgentRuntime {
    /// An attempt under way.
    public struct Attempt: Sendable {
        /// The task, the agent, and what the tasks before it produced.
        public let launch: AttemptLaunch
        fileprivate let runtime: FunctionAgentRuntime

        /// Tells how far it is.
        ///
        /// - Parameters:
        ///   - progress: 0…1; `nil` leaves it as it was.
        ///   - step: What it is doing; `nil` leaves it as it was.
        public func report(progress: Double?, step: String? = nil) {
            runtime.report([.attemptProgressed(launch.id, progress: progress, step: step)])
        }
    }

    private struct State {
        var sink: (any ReportSink)?
        var agents: Set<AgentID> = []
        var running: [AttemptID: Task<Void, Never>] = [:]
        var stopped: Set<AttemptID> = []
        var reports: [Command] = []
        var isReporting: Bool = false
    }

    private let body: @Sendable (Attempt) async -> AttemptOutcome
    private let time: any TimeSource
    private let heartbeat: Milliseconds
    private let state = Mutex(State())

    /// Takes the function that does the work of all attempts.
    ///
    /// - Parameters:
    ///   - time: What heartbeats go by.
    ///   - heartbeat: How often the agents are reported alive.
    ///   - body: Does the work; is called once per attempt, many at a time.
    public init(
        time: any TimeSource, heartbeat: Milliseconds = .seconds(5),
        _ body: @escaping @Sendable (Attempt) async -> AttemptOutcome
    ) {
        self.time = time
        self.heartbeat = heartbeat
        self.body = body
    }

    /// Says where reports go; once, before the first effect.
    public func connect(_ reports: any ReportSink) {
        state.withLock { $0.sink = reports }
        beat()
    }

    /// Starts and stops attempts; returns at once.
    public func perform(_ effects: [Effect]) {
        state.withLock { (state: inout State) in
            for effect: Effect in effects { perform(effect, &state) }
        }
        // Not on the caller's thread, which may hold what the sink waits for.
        Task { sendReports() }
    }

    private func perform(_ effect: Effect, _ state: inout State) {
        switch effect {
        case .startAgent(let agent):
            state.agents.insert(agent.id)
            state.reports.append(.agentStarted(agent.id, process: nil))
        case .stopAgent(let id, _):
            state.agents.remove(id)
            state.reports.append(.agentStopped(id))
        case .startAttempt(let launch):
            state.agents.insert(launch.agent.id)
            state.reports.append(.attemptStarted(launch.id, process: nil))
            // The new task waits for the lock before it can end, so it is always known by then.
            state.running[launch.id] = Task { await run(launch) }
        case .stopAttempt(let id, _):
            guard let task: Task<Void, Never> = state.running[id] else {
                state.reports.append(.attemptEnded(id, .stopped))
                return
            }
            state.stopped.insert(id)
            task.cancel()
        case .suspendAttempt, .suspendAgent, .recallAttempt:
            // Every attempt begins at once.
            break
        }
    }

    private func run(_ launch: AttemptLaunch) async {
        let outcome: AttemptOutcome = await body(Attempt(launch: launch, runtime: self))
        state.withLock { (state: inout State) in
            state.running[launch.id] = nil
            let wasStopped: Bool = state.stopped.remove(launch.id) != nil
            state.reports.append(.attemptEnded(launch.id, wasStopped ? .stopped : outcome))
        }
        sendReports()
    }

    private func report(_ commands: [Command]) {
        state.withLock { $0.reports.append(contentsOf: commands) }
        sendReports()
    }

    /// Hands over what has gathered, unless somebody is at it: then that one takes this along.
    private func sendReports() {
        var isFirst: Bool = true
        while let (sink, commands) = nextReports(isFirst: isFirst) {
            isFirst = false
            sink.report(commands)
        }
    }

    private func nextReports(isFirst: Bool) -> (any ReportSink, [Command])? {
        state.withLock { (state: inout State) in
            if isFirst, state.isReporting { return nil }
            guard let sink: any ReportSink = state.sink, !state.reports.isEmpty else {
                state.isReporting = false
                return nil
            }
            state.isReporting = true
            let commands: [Command] = state.reports
            state.reports = []
            return (sink, commands)
        }
    }

    private func beat() {
        let alive: [AgentID] = state.withLock { Array($0.agents) }
        if !alive.isEmpty { report([.agentsAlive(alive)]) }
        time.wake(at: time.now() + heartbeat) { [weak self] in self?.beat() }
    }
}
