import MAOSCore

/// A server, its clients, its clock, its disk and the processes under it: everything that domains act on.
struct World {
    let seed: UInt64
    let configuration: EngineConfiguration
    let stage: Stage
    /// The sequence of the present step.
    var random: SeededRandom
    var machine = Machine()
    var chronicle = Chronicle()
    private(set) var orchestrator: Orchestrator
    /// The latest that the clock has shown to any run of the server.
    private(set) var latestEver: Instant
    private let executor: SteppedExecutor
    /// What clients and others have sent that has not been answered.
    private(set) var outstanding: [UInt64: Sent] = [:]
    private var lastToken: UInt64 = 0
    /// What the clock shows; it may have been set back.
    private(set) var clock: Instant
    /// What the present run of the server takes for the time: for it, a clock that is set back stands still.
    var latest: Instant { max(clock, stage.latestRead) }
    /// Commands sent, and other things to do, since the last turn.
    private(set) var waiting: Int = 0
    /// Whether these are commands of clients and nothing else.
    private(set) var hasOnlyCommands = true
    /// When the present engine was made: signs of life of before are not known to it.
    private(set) var rebuiltAt: Instant
    /// Commands sent in all.
    private(set) var commandCount: Int = 0
    /// Whether the server has been asked to come to its end.
    var isDraining = false
    /// Whether it could not store its recovery, and has given up.
    var hasFailedToStart = false
    /// The lines of the trace, where one is kept.
    private(set) var trace: [String]?
    private let begin: Instant

    /// A command on its way.
    struct Sent {
        var command: Command
        var principal: Principal
        /// The permission without which it is refused.
        var needs: Permissions?
        /// The field that makes it unacceptable, where one does.
        var flaw: String?
        /// The latest that the clock had shown when it was sent.
        var time: Instant
    }

    init(seed: UInt64, configuration: EngineConfiguration, disk: any SimulatedDisk, keepsTrace: Bool)
        throws(JournalError)
    {
        self.seed = seed
        self.configuration = configuration
        let now = Instant(milliseconds: 1_700_000_000_000)
        stage = Stage(disk: disk, seed: seed, now: now)
        random = SeededRandom(seed: seed)
        clock = now
        begin = now
        rebuiltAt = now
        latestEver = now
        executor = SteppedExecutor()
        trace = keepsTrace ? [] : nil
        orchestrator = try World.makeOrchestrator(configuration, stage, executor)
    }

    private static func makeOrchestrator(
        _ configuration: EngineConfiguration, _ stage: Stage, _ executor: SteppedExecutor
    ) throws(JournalError) -> Orchestrator {
        let orchestrator = try Orchestrator(
            configuration: configuration, journal: stage, runtime: stage, time: stage, ids: stage,
            history: stage.disk.history, executor: executor)
        orchestrator.events.attach(stage)
        return orchestrator
    }

    // MARK: Sending

    /// Sends a command of a client; it is carried out with the next turn.
    mutating func send(
        _ command: Command, as principal: Principal, needs: Permissions? = nil, flaw: String? = nil
    ) {
        lastToken += 1
        note("\(principal.subject): \(command.summary)")
        outstanding[lastToken] = Sent(
            command: command, principal: principal, needs: needs, flaw: flaw, time: latest)
        submit(Submission(request: Request(command, from: principal), target: .sink(stage, token: lastToken)))
    }

    /// Sends a command that the server itself waits for.
    mutating func command(_ command: Command) { send(command, as: .system) }

    /// Sends a report of the runtime, which is not lost while the server lives.
    mutating func report(_ command: Command) {
        note("report: \(command.summary)")
        hasOnlyCommands = false
        submit(Submission(request: Request(command, from: .system), target: .none))
    }

    private mutating func submit(_ submission: Submission) {
        waiting += 1
        commandCount += 1
        orchestrator.submit([submission])
    }

    /// Has the journal forget what is past its retention.
    mutating func discardExpired() {
        note("discard what has expired")
        waiting += 1
        hasOnlyCommands = false
        orchestrator.discardExpired()
    }

    /// Takes a command off the list of those that wait for an answer.
    mutating func takeSent(_ token: UInt64) -> Sent? { outstanding.removeValue(forKey: token) }

    // MARK: Time

    /// Lets time go by.
    mutating func pass(_ time: Milliseconds) { setClock(clock + time) }

    /// Sets the clock, also back.
    mutating func setClock(_ now: Instant) {
        clock = now
        latestEver = max(latestEver, now)
        let time: String = sinceBegin(now)
        note("it is \(time)")
        stage.set(now)
        stage.wake()
        waiting += 1
        hasOnlyCommands = false
    }

    private func sinceBegin(_ time: Instant) -> String {
        let count: Int64 = (time - begin).count
        return "\(count / 1_000).\(String(abs(count % 1_000) + 1_000).dropFirst())"
    }

    // MARK: Turns

    /// Lets the server do what there is to do, and gives what the world could see of it.
    mutating func turn() -> [Happening] {
        waiting = 0
        hasOnlyCommands = true
        let wasReady: Bool = isReady
        repeat { executor.run() } while stage.wake()
        if !wasReady || !isReady { rebuiltAt = latest }
        return stage.takeHappenings()
    }

    /// Whether the server can store what it decides; while it cannot, its engine is ahead of what is stored.
    var isReady: Bool { orchestrator.currentCondition == .ready }

    /// Looks at the engine.
    func inspect<Value: Sendable>(_ body: @Sendable (Engine) -> Value) -> Value {
        orchestrator.assumeIsolated { $0.inspect(body) }
    }

    /// The server ends, and all that runs under it; a new one opens what is stored.
    mutating func restart(afterPowerCut: Bool) throws(BrokenPromise) {
        note(afterPowerCut ? "the power is cut; the server starts anew" : "the server ends and starts anew")
        machine.crash()
        outstanding = [:]
        waiting = 0
        isDraining = false
        hasFailedToStart = false
        rebuiltAt = clock
        stage.refuse(appends: 0)
        stage.beginRun(seed: random.next())
        do throws(JournalError) {
            try stage.disk.reopen(afterPowerCut: afterPowerCut, &random)
            orchestrator = try World.makeOrchestrator(configuration, stage, executor)
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be opened again", detail: "\(error)")
        }
        _ = stage.takeHappenings()
        chronicle.beginRun()
    }

    // MARK: The trace

    /// Adds a line to the trace, if one is kept.
    mutating func note(_ line: @autoclosure () -> String) {
        guard trace != nil else { return }
        trace?.append(line())
    }
}

// MARK: - Random values that domains share

extension World {
    /// Somebody who may do everything, mostly; sometimes somebody who may not, or not everywhere.
    mutating func anybody() -> Principal {
        let subject: String = random.one(of: ["ann", "bob"])
        let permissions: Permissions = random.one(
            of: random.chance(in: 12) ? [.viewer, .operator, .tasksCreate, [.tasksUpdate, .agentsCreate], []] : [.all])
        let projects: [String] = random.chance(in: 8) ? [random.one(of: ["red", "blue"])] : []
        let task: TaskID? = random.chance(in: 30) ? anyTask() : nil
        return Principal(
            subject: subject, permissions: permissions, projects: projects,
            team: random.chance(in: 2) ? "team" : nil, task: task)
    }

    /// Often a live task, or one of a few names that collide; sometimes one that has ended, or that never was.
    mutating func anyTask() -> TaskID {
        let live: [TaskID] = chronicle.liveTaskIDs
        switch random.below(8) {
        case 0...3 where !live.isEmpty: return random.one(of: live)
        case 4 where !chronicle.events.isEmpty:
            let recent: ArraySlice<Event> = chronicle.events.suffix(60)
            let event: Event = recent[recent.startIndex + random.number(below: recent.count)]
            if case .task(let task) = event.body { return task.id }
            return World.fewTasks[0]
        default: return random.one(of: World.fewTasks)
        }
    }

    /// Names that clients give to tasks.
    static let fewTasks: [TaskID] = ["a", "b", "c", "d", "e"].map { TaskID(unchecked: $0) }
    /// Names that clients give to agents.
    static let fewAgents: [AgentID] = ["x", "y", "z"].map { AgentID(unchecked: $0) }

    mutating func anyAgent() -> AgentID {
        let live: [AgentID] = chronicle.liveAgentIDs
        return random.chance(in: 4) || live.isEmpty ? random.one(of: World.fewAgents) : random.one(of: live)
    }

    /// A command that makes something, sometimes with one of a few keys, so that it comes again.
    mutating func withKey(_ command: Command) -> Command {
        random.chance(in: 3) ? .once(anyKey(), command) : command
    }

    mutating func anyKey() -> IdempotencyKey {
        IdempotencyKey(key: random.one(of: ["1", "2", "3", "4", "5"]), fingerprint: random.below(2))
    }

    mutating func anyProject() -> String? { random.one(of: [nil, "red", "blue", "green"]) }
}
