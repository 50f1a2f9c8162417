import MAOSCore

/// Tasks: everything that clients do with them, and their attempts.
struct TaskDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case create, chain, createBadly, cancel, retry, priority, pause, resume
        case attemptReport, everyAttempt, staleReport
    }

    /// What the policy counts in one life of a task.
    struct Life {
        var failures: Int = 0
        var interruptions: Int = 0
    }

    let weights: [Int]
    let limits: EngineLimits
    let routing: [TaskKind: AgentType]
    private let concurrency: [String: ConcurrencyLimit]
    /// Every task as its last event left it.
    var told: [TaskID: TaskState] = [:]
    var records: [TaskID: TaskRecord] = [:]
    var lives: [TaskID: Life] = [:]
    /// Tasks that wait for an agent, in order of their coming to.
    var queued: [TaskID] = []
    var lastNumber: UInt64 = 0
    /// When the newest attempt of a task was suspended, and for how long it was before.
    var suspensions: [TaskID: (attempt: Int, since: Instant?, total: Milliseconds)] = [:]
    var remembered: [IdempotencyEntry] = []
    /// Reports that have been sent, for sending them again.
    private var pastReports: [Command] = []

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.liveTasks = 24
        configuration.limits.idempotencyKeys = 8
        configuration.limits.idempotencyRetention = .seconds(30)
        configuration.limits.backoff = .seconds(20)
        configuration.fairness.weights = ["red": 3]
        configuration.concurrency = [
            "two": ConcurrencyLimit(limit: 2),
            "rare": ConcurrencyLimit(limit: 3, rate: ConcurrencyLimit.Rate(count: 2, period: .seconds(7))),
        ]
        concurrency = configuration.concurrency
        limits = configuration.limits
        routing = configuration.routing
        var weights: [Int] = TaskDomain.someWeights(Action.allCases.count, upTo: 12, &random)
        weights[Action.create.rawValue] = 8 + random.number(below: 12)
        weights[Action.chain.rawValue] = random.number(below: 3)
        weights[Action.createBadly.rawValue] = random.number(below: 3)
        weights[Action.attemptReport.rawValue] = 15 + random.number(below: 25)
        weights[Action.everyAttempt.rawValue] = 1 + random.number(below: 4)
        self.weights = weights
    }

    // MARK: What happens

    mutating func act(_ action: Int, in world: inout World) {
        switch Action(rawValue: action) {
        case .create:
            let specification: TaskSpecification = anyTask(in: &world)
            let creation: Command = anyCreation(of: specification, in: &world)
            world.send(
                creation, as: world.anybody(), needs: specification.agent == nil ? .tasksCreate : .agentsCommand)
        case .chain: chain(in: &world)
        case .createBadly:
            let (command, flaw): (Command, String) = badCreation(in: &world)
            world.send(command, as: world.anybody(), needs: .tasksCreate, flaw: flaw)
        case .cancel:
            let reason: String? = world.random.chance(in: 2) ? "enough" : nil
            world.send(.cancelTask(world.anyTask(), reason: reason), as: world.anybody(), needs: .tasksCancel)
        case .retry: world.send(.retryTask(world.anyTask()), as: world.anybody(), needs: .tasksUpdate)
        case .priority:
            let priority: Priority = world.random.one(of: Priority.allCases)
            world.send(
                .changePriority(world.anyTask(), priority, reason: nil), as: world.anybody(), needs: .tasksUpdate)
        case .pause: world.send(.pauseTask(world.anyTask()), as: world.anybody(), needs: .tasksUpdate)
        case .resume: world.send(.resumeTask(world.anyTask()), as: world.anybody(), needs: .tasksUpdate)
        case .attemptReport:
            guard !world.machine.attempts.isEmpty else { return }
            report(on: world.random.number(below: world.machine.attempts.count), in: &world)
        case .everyAttempt: reportOnAll(in: &world)
        case .staleReport, nil: world.report(staleReport(in: &world))
        }
    }

    private mutating func report(on index: Int, in world: inout World) {
        guard let command: Command = world.machine.report(onAttempt: index, &world.random) else { return }
        pastReports.append(command)
        if pastReports.count > 60 { pastReports.removeFirst(20) }
        world.report(command)
        // A report may come twice, at once.
        guard world.random.chance(in: 20) else { return }
        if case .attemptEnded = command { world.report(command) }
    }

    private mutating func reportOnAll(in world: inout World) {
        for index in world.machine.attempts.indices.reversed() { report(on: index, in: &world) }
    }

    /// A report that has been sent already, or is about an attempt that is not the newest.
    private func staleReport(in world: inout World) -> Command {
        if !pastReports.isEmpty, !world.random.chance(in: 3) {
            let command: Command = world.random.one(of: pastReports)
            // An attempt that has not ended may be told of twice, but its end is told of once.
            if case .attemptEnded(let id, _, _) = command, world.machine.attempts.contains(where: { $0.id == id }) {
                return .tick
            }
            return command
        }
        let task: TaskID = world.anyTask()
        let newest: Int = told[task]?.attempt ?? 0
        // One before the newest, or one that will never be.
        let number: Int = world.random.chance(in: 2) ? newest + 1_000 : newest - 1
        return .attemptEnded(
            AttemptID(task: task, number: max(0, number)), .completed(result: JSONText(.string("stale"))))
    }

    // MARK: Answers

    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise) {
        try checkRights(answer, sent)
        try checkFlaw(answer, sent)
        switch sent.command {
        case .createTask(_, _, let key?), .once(let key, _): try checkRepetition(answer, key, sent, in: world)
        default: break
        }
    }

    private func checkRights(_ answer: Result<Reply, Rejection>, _ sent: World.Sent) throws(BrokenPromise) {
        let principal: Principal = sent.principal
        switch answer {
        case .success(let reply):
            if let needs: Permissions = sent.needs {
                try keep(
                    .permissions, "what is not permitted is refused", principal.permissions.isSuperset(of: needs),
                    "\(sent.command.summary) without \(needs.name)")
            }
            guard case .task(let task) = reply else {
                try keep(
                    .permissions, "the token of an attempt acts on nothing but its task", principal.task == nil,
                    sent.command.summary)
                return
            }
            try keep(
                .permissions, "what lies out of reach does not exist",
                principal.reaches(task: task.id, project: task.specification.project), sent.command.summary)
        case .failure(.forbidden(let missing)):
            // What concerns everybody is not for those who may act in some projects only.
            let isLimited: Bool = principal.task != nil || !principal.projects.isEmpty
            let isMissing: Bool = !principal.permissions.isSuperset(of: missing) || isLimited
            try keep(.permissions, "what is permitted is not forbidden", isMissing, sent.command.summary)
        case .failure: break
        }
    }

    private func checkFlaw(_ answer: Result<Reply, Rejection>, _ sent: World.Sent) throws(BrokenPromise) {
        guard let flaw: String = sent.flaw else { return }
        switch answer {
        case .success:
            try keep(.refusals, "a bad command is refused", false, "\(flaw) of \(sent.command.summary)")
        case .failure(.invalid(let issue)):
            let isNamed: Bool = issue.field.hasPrefix(flaw) && !issue.expected.isEmpty
            try keep(.refusals, "a refusal names the field", isNamed, "\(issue.field) instead of \(flaw)")
        case .failure: break
        }
    }

    private func checkRepetition(
        _ answer: Result<Reply, Rejection>, _ key: IdempotencyKey, _ sent: World.Sent, in world: World
    ) throws(BrokenPromise) {
        func isSame(_ entry: IdempotencyEntry) -> Bool {
            entry.subject == sent.principal.subject && entry.key.key == key.key
        }
        guard case .success(let reply) = answer, let (made, isRepeated) = TaskDomain.creation(of: reply) else { return }
        guard !isRepeated else {
            let known: Bool = remembered.contains {
                isSame($0) && $0.made == made && $0.key.fingerprint == key.fingerprint && $0.expires > sent.time
            }
            return try keep(
                .idempotency, "a repetition has what the first sending made", known, "\(key.key): \(made.text)")
        }
        let forgotten: Int = remembered.count - limits.idempotencyKeys
        for (index, entry) in remembered.enumerated() where index > forgotten && isSame(entry) {
            try keep(
                .idempotency, "a repeated request is not carried out again",
                entry.made == made || entry.expires <= world.latestEver, "\(key.key): \(made.text) after \(entry.made)")
        }
    }

    /// What an answer says has been made, now or by an earlier sending.
    private static func creation(of reply: Reply) -> (made: Creation, isRepeated: Bool)? {
        switch reply {
        case .repeated(let id): (.task(id), true)
        case .repeatedCreation(let made): (made, true)
        case .task(let task): (.task(task.id), false)
        case .schedule(let schedule): (.schedule(schedule.id), false)
        case .execution(let execution): (.execution(execution.record.id), false)
        case .pool(let pool): (.pool(pool.id), false)
        default: nil
        }
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        try checkConcurrency()
        for task: TaskRecord in world.chronicle.liveTasks {
            let attempt: Machine.Attempt? = world.machine.attempt(of: task.id)
            try checkDependencies(of: task, in: world)
            let isUnderWay: Bool = attempt?.id.number == task.state.attempt
            try keep(
                .leases, "a task has an agent while a process runs for it", task.state.holdsAgent == isUnderWay,
                "\(task.id)#\(task.state.attempt) is \(task.status.name)")
            if task.state.cancellation != nil {
                try keep(.stopping, "what is cancelled is asked to stop", attempt?.stop != nil, "\(task.id)")
            }
            guard world.clock == world.latest else { continue }
            if let deadline: Instant = task.specification.deadline, deadline <= world.latest {
                try keep(.stopping, "what is past its deadline is asked to stop", attempt?.stop != nil, "\(task.id)")
            }
            if let attempt { try checkTime(of: attempt, task, in: world) }
        }
        for attempt: Machine.Attempt in world.machine.attempts {
            let isLive: Bool = world.chronicle.tasks[attempt.id.task].map { !$0.status.isTerminal } ?? false
            try keep(.leases, "no process outlives its task", isLive, "\(attempt.id)")
        }
    }

    /// As many tasks with one key are under way as may be, however they began and ended.
    private func checkConcurrency() throws(BrokenPromise) {
        var active: [String: Int] = [:]
        for (id, state) in told where state.holdsAgent && !state.status.isTerminal {
            if let key: String = records[id]?.specification.concurrencyKey { active[key, default: 0] += 1 }
        }
        for (key, count) in active {
            let limit: Int = concurrency[key].map { $0.limit ?? .max } ?? 1
            try keep(.leases, "tasks with one concurrency key keep to its limit", count <= limit, "\(key): \(count)")
        }
    }

    private func checkDependencies(of task: TaskRecord, in world: World) throws(BrokenPromise) {
        for dependency: TaskID in task.specification.dependencies {
            let status: TaskStatus? = world.chronicle.tasks[dependency]?.status
            let hasFailed: Bool = status == .failed || status == .cancelled
            try keep(
                .dependencies, "no task waits for one that has failed", !hasFailed, "\(task.id) for \(dependency)")
        }
    }

    private func checkTime(of attempt: Machine.Attempt, _ task: TaskRecord, in world: World) throws(BrokenPromise) {
        guard attempt.stop == nil, !task.state.isSuspended, let allowance: Milliseconds = attempt.allowance,
            let began: Instant = task.state.startedAt
        else { return }
        // What the agent allows may have been changed meanwhile.
        let usual: Milliseconds? = world.chronicle.agents[attempt.launch.agent.id]?.specification.commandTimeout
        guard task.specification.timeout != nil || usual == attempt.launch.agent.specification.commandTimeout else {
            return
        }
        var due: Instant = began + allowance
        if let entry = suspensions[task.id], entry.attempt == attempt.id.number { due = due + entry.total }
        try keep(.stopping, "what takes too long is asked to stop", world.latest < due, "\(attempt.id)")
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        for id: TaskID in world.chronicle.liveTaskIDs where world.chronicle.tasks[id]?.status == .paused {
            world.send(.resumeTask(id), as: .system)
        }
        reportOnAll(in: &world)
    }

    func unfinished(in world: World) -> String? {
        guard let id: TaskID = world.chronicle.liveTaskIDs.first, let task: TaskRecord = world.chronicle.tasks[id]
        else {
            return nil
        }
        return "\(world.chronicle.liveTaskIDs.count) tasks live; \(id) is \(task.status.name)"
    }
}
