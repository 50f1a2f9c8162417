internal import MAOSCore
internal import MAOSSystem

/// The agents and attempts that have processes here, or may get some.
final class ProcessHost: @unchecked Sendable {
    // Confined to the loop's thread.

    private struct Agent {
        var resident: AgentProcess?
        var attempts: Int = 0
        /// Asked to end; nothing new starts.
        var isStopping: Bool = false
        /// Its resident process ended by itself, or never ran.
        var isDown: Bool = false
    }

    /// Starts of one turn, so that output and ends are seen to in between.
    private static let startsPerTurn: Int = 8

    let outbox: Outbox
    let time: any TimeSource
    private let loop: EventLoop
    private let supervisor: ProcessSupervisor
    private let configuration: ProcessAgentConfiguration
    private let starter: ProcessStarter
    private var agents: [AgentID: Agent] = [:]
    private var attempts: [AttemptID: AttemptProcess] = [:]
    private var starts: [AttemptLaunch] = []
    private var nextStart: Int = 0
    private var cancelledStarts: Set<AttemptID> = []
    private var suspendedStarts: Set<AttemptID> = []
    private var progressing: [AttemptProcess] = []
    private var isShuttingDown: Bool = false
    private var whenDown: (@Sendable () -> Void)?
    private var whenResidentEnds: (@Sendable (AgentID, Int) -> Void)?
    private lazy var progressTimer = LoopTimer(on: loop) { [unowned self] in reportProgress() }
    private lazy var heartbeatTimer = LoopTimer(on: loop) { [unowned self] in beat() }

    init(
        loop: EventLoop, configuration: ProcessAgentConfiguration, output: any OutputStore, time: any TimeSource
    ) throws(SystemError) {
        self.loop = loop
        self.configuration = configuration
        self.time = time
        outbox = Outbox(loop: loop, output: output, bound: configuration.outputBound)
        supervisor = try ProcessSupervisor(
            loop: loop, outbox: outbox, instance: configuration.instance, grace: configuration.grace,
            isExclusive: configuration.isExclusive, controlGroups: configuration.controlGroups)
        starter = try ProcessStarter(configuration: configuration, supervisor: supervisor)
    }

    /// What runs here, for other threads.
    var supervision: SupervisionTable { supervisor.table }

    /// Begins to report.
    func connect(_ sink: any ReportSink) {
        outbox.connect(sink)
        heartbeatTimer.setDeadline(after: configuration.heartbeat)
    }

    /// Goes by other runners from the next start on.
    func use(_ runners: RunnerTable) { starter.use(runners) }

    /// Carries out effects in order.
    func perform(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .startAgent(let agent): start(agent)
            case .stopAgent(let id, let graceful): stopAgent(id, graceful: graceful)
            case .startAttempt(let launch): enqueue(launch)
            case .stopAttempt(let id, _): stopAttempt(id)
            case .recallAttempt(let id): recallAttempt(id)
            case .suspendAttempt(let id, let isSuspended): suspend(id, isSuspended)
            case .suspendAgent(let id, let isSuspended): agents[id]?.resident?.setSuspended(isSuspended)
            }
        }
        runStarts()
    }

    // MARK: - Agents

    private func start(_ agent: AgentRecord) {
        // Silence is ours, not the process's: one that was given up for it is still looked after, and goes on.
        if let resident: AgentProcess = agents[agent.id]?.resident {
            outbox.report(.agentStarted(agent.id, process: resident.identity))
            return
        }
        agents[agent.id, default: Agent()].isStopping = false
        agents[agent.id]?.isDown = false
        guard agent.specification.resident != .none else {
            outbox.report(.agentStarted(agent.id, process: nil))
            return
        }
        do throws(StartFailure) {
            guard !isShuttingDown else { throw StartFailure(message: "the server is about to stop") }
            let resident: AgentProcess = try starter.start(agent, host: self)
            agents[agent.id]?.resident = resident
            outbox.report(.agentStarted(agent.id, process: resident.identity))
        } catch {
            agents[agent.id]?.isDown = true
            outbox.reportEnd(.agentCrashed(agent.id, reason: error.message), hadOutput: false)
        }
    }

    private func stopAgent(_ id: AgentID, graceful: Bool) {
        agents[id, default: Agent()].isStopping = true
        agents[id]?.resident?.stop(graceful: graceful)
        if !graceful {
            for attempt in Array(attempts.values) where attempt.agent == id { attempt.stop(graceful: true) }
            for launch in starts[nextStart...] where launch.agent.id == id { cancelledStarts.insert(launch.id) }
        }
        forgetIfStopped(id, hadOutput: false)
    }

    /// Reports an agent's end once nothing of it is left.
    private func forgetIfStopped(_ id: AgentID, hadOutput: Bool) {
        guard let agent: Agent = agents[id], agent.isStopping, agent.resident == nil, agent.attempts == 0 else {
            return
        }
        agents[id] = nil
        outbox.reportEnd(.agentStopped(id), hadOutput: hadOutput)
    }

    /// Calls a body for each resident process that ends, with its exit code, on a thread of the output store's and after
    /// all of its output.
    func whenResidentEnds(_ body: @escaping @Sendable (AgentID, Int) -> Void) { whenResidentEnds = body }

    /// An agent's resident process has ended, and nothing of it is left.
    func residentEnded(_ process: AgentProcess, reason: String, code: Int, hadOutput: Bool) {
        if let tell = whenResidentEnds {
            let agent: AgentID = process.agent
            outbox.afterOutput { tell(agent, code) }
        }
        guard agents[process.agent]?.resident === process else { return }
        agents[process.agent]?.resident = nil
        if agents[process.agent]?.isStopping == true {
            forgetIfStopped(process.agent, hadOutput: hadOutput)
        } else {
            agents[process.agent]?.isDown = true
            outbox.reportEnd(.agentCrashed(process.agent, reason: reason), hadOutput: hadOutput)
        }
    }

    /// Milliseconds between asking an agent's conversation to end and killing it.
    var conversationGrace: Int64 { configuration.conversationGrace }

    /// Types bytes on an agent's terminal; false when it has none, or takes no more for now.
    func type(_ bytes: [UInt8], to agent: AgentID) -> Bool {
        agents[agent]?.resident?.type(bytes) ?? false
    }

    /// Types bytes on an agent's terminal, and calls a body once the process has been given all of them, or they are refused.
    func feed(_ bytes: [UInt8], to agent: AgentID, _ done: @escaping @Sendable (Typing) -> Void) {
        guard let resident: AgentProcess = agents[agent]?.resident else { return done(.noProcess) }
        resident.feed(bytes, done)
    }

    /// Tells an agent's terminal a new size.
    func resize(_ agent: AgentID, to size: TerminalSize) {
        agents[agent]?.resident?.resize(to: size)
    }

    private func beat() {
        let alive: [AgentID] = agents.filter { !$0.value.isDown }.map(\.key)
        if !alive.isEmpty { outbox.report(.agentsAlive(alive)) }
        heartbeatTimer.setDeadline(after: configuration.heartbeat)
    }

    // MARK: - Attempts

    private func enqueue(_ launch: AttemptLaunch) {
        agents[launch.agent.id, default: Agent()].attempts += 1
        starts.append(launch)
    }

    private func runStarts() {
        var left: Int = ProcessHost.startsPerTurn
        while nextStart < starts.count, left > 0 {
            let launch: AttemptLaunch = starts[nextStart]
            nextStart += 1
            left -= 1
            start(launch)
        }
        if nextStart == starts.count {
            starts.removeAll(keepingCapacity: starts.count < 4_096)
            nextStart = 0
        } else {
            loop.execute { [self] in runStarts() }
        }
    }

    private func start(_ launch: AttemptLaunch) {
        let isSuspended: Bool = suspendedStarts.remove(launch.id) != nil
        guard cancelledStarts.remove(launch.id) == nil, !isShuttingDown else {
            return end(launch.id, of: launch.agent.id, .stopped, hadOutput: false)
        }
        do throws(StartFailure) {
            let process: AttemptProcess = try starter.start(launch, host: self)
            attempts[launch.id] = process
            outbox.report(.attemptStarted(launch.id, process: process.identity))
            if isSuspended { process.setSuspended(true) }
        } catch {
            let failure = TaskFailure(.startFailed, error.message)
            end(launch.id, of: launch.agent.id, .failed(failure), hadOutput: false)
        }
    }

    private func stopAttempt(_ id: AttemptID) {
        if let process: AttemptProcess = attempts[id] {
            process.stop(graceful: true)
        } else if starts[nextStart...].contains(where: { $0.id == id }) {
            cancelledStarts.insert(id)
        } else {
            // It has ended, and said so, or never was; a second answer does no harm.
            outbox.reportEnd(.attemptEnded(id, .stopped), hadOutput: false)
        }
    }

    /// Gives an attempt back that has not begun; says nothing of any other.
    private func recallAttempt(_ id: AttemptID) {
        if starts[nextStart...].contains(where: { $0.id == id }) { cancelledStarts.insert(id) }
    }

    private func suspend(_ id: AttemptID, _ isSuspended: Bool) {
        if let process: AttemptProcess = attempts[id] { return process.setSuspended(isSuspended) }
        guard starts[nextStart...].contains(where: { $0.id == id }) else { return }
        if isSuspended { suspendedStarts.insert(id) } else { suspendedStarts.remove(id) }
    }

    /// An attempt has ended, and nothing of it is left.
    func attemptEnded(_ process: AttemptProcess, _ outcome: AttemptOutcome, hadOutput: Bool) {
        attempts[process.id] = nil
        starter.giveBack(process.folder)
        end(process.id, of: process.agent, outcome, used: process.used, hadOutput: hadOutput)
    }

    private func end(
        _ id: AttemptID, of agent: AgentID, _ outcome: AttemptOutcome, used: Usage = Usage(), hadOutput: Bool
    ) {
        outbox.reportEnd(.attemptEnded(id, outcome, used: used), hadOutput: hadOutput)
        agents[agent]?.attempts -= 1
        forgetIfStopped(agent, hadOutput: hadOutput)
    }

    /// Notes that a run said something impossible of itself.
    func noteRefused(_ word: String, of attempt: AttemptID) {
        configuration.log?(
            .warn, "a task reported a value that cannot be, which is ignored", ["attempt": "\(attempt)", "value": word])
    }

    /// Reports an attempt's progress when it is time for the next report.
    func reportProgressLater(_ attempt: AttemptProcess) {
        if progressing.isEmpty { progressTimer.setDeadline(after: AttemptProcess.progressInterval) }
        guard !progressing.contains(where: { $0 === attempt }) else { return }
        progressing.append(attempt)
    }

    private func reportProgress() {
        let attempts: [AttemptProcess] = progressing
        progressing = []
        for attempt in attempts { attempt.reportProgress() }
    }

    // MARK: - The end

    /// Ends everything, and calls a body once nothing is left and all was reported.
    func shutDown(_ body: @escaping @Sendable () -> Void) {
        guard !isShuttingDown else { return body() }
        isShuttingDown = true
        whenDown = body
        supervisor.whenIdle = { [unowned self] in finishShutDown() }
        for id in Array(agents.keys) { agents[id]?.isStopping = true }
        for process in supervisor.allProcesses {
            if let resident = process as? AgentProcess { resident.hurry() } else { process.stop(graceful: true) }
        }
        runStarts()
        finishShutDown()
    }

    private func finishShutDown() {
        guard supervisor.isIdle, nextStart == starts.count, let body = whenDown else { return }
        whenDown = nil
        heartbeatTimer.cancelDeadline()
        starter.removeFolders()
        // After the reports of this turn, and after what the store still writes for earlier ones.
        outbox.whenStored { [self] in loop.execute { [self] in confirmShutDown(body) } }
    }

    private func confirmShutDown(_ body: @escaping @Sendable () -> Void) {
        guard outbox.isEmpty else {
            outbox.flush()
            outbox.whenStored { [self] in loop.execute { [self] in confirmShutDown(body) } }
            return
        }
        body()
    }
}
