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
    private let limits: EngineLimits
    let routing: [TaskKind: AgentType]
    private let concurrency: [String: ConcurrencyLimit]
    /// Every task as its last event left it.
    private(set) var told: [TaskID: TaskState] = [:]
    private(set) var records: [TaskID: TaskRecord] = [:]
    private var lives: [TaskID: Life] = [:]
    /// Tasks that wait for an agent, in order of their coming to.
    private(set) var queued: [TaskID] = []
    private var lastNumber: UInt64 = 0
    /// When the newest attempt of a task was suspended, and for how long it was before.
    private var suspensions: [TaskID: (attempt: Int, since: Instant?, total: Milliseconds)] = [:]
    private var remembered: [IdempotencyEntry] = []
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

    // MARK: Random tasks

    private func anySpecification(in world: inout World) -> TaskSpecification {
        var specification = TaskSpecification(
            kind: world.random.one(of: [.code, .code, .testing, .review, .analysis]), description: "do it",
            priority: world.random.one(of: Priority.allCases))
        if world.random.chance(in: 4) {
            specification.capabilities = [
                CapabilityRequirement(
                    name: world.random.one(of: ["p", "q"]), minimumProficiency: world.random.one(of: [0, 0.5, 0.9]))
            ]
        }
        if world.random.chance(in: 6) {
            specification.deadline = world.latest + Milliseconds(Int64(world.random.number(below: 20_000)) - 500)
        }
        if world.random.chance(in: 3) {
            specification.timeout = Milliseconds(1_000 + Int64(world.random.number(below: 20_000)))
        }
        specification.retryPolicy = RetryPolicy(
            maximumAttempts: 1 + world.random.number(below: 4), backoff: world.random.time(upTo: 5_000),
            factor: world.random.one(of: [1, 2, 10]), onInterruption: world.random.one(of: [.retry, .retry, .fail]))
        specification.project = world.anyProject()
        if world.random.chance(in: 4) { specification.concurrencyKey = world.random.one(of: ["one", "two", "rare"]) }
        if world.random.chance(in: 16) { specification.environment = ["B": "2", "A": "1"] }
        return specification
    }

    private func anyTimedSpecification(in world: inout World) -> TaskSpecification {
        var specification: TaskSpecification = anySpecification(in: &world)
        guard world.random.chance(in: 8) else { return specification }
        specification.schedule = TaskScheduleDomain.anySchedule(in: &world)
        specification.deadline = nil
        return specification
    }

    /// One that may wait for others, or be addressed to an agent.
    private func anyTask(in world: inout World) -> TaskSpecification {
        var specification: TaskSpecification = anyTimedSpecification(in: &world)
        for _ in 0..<world.random.below(4) where world.random.chance(in: 2) {
            let dependency: TaskID = world.anyTask()
            if !specification.dependencies.contains(dependency) { specification.dependencies.append(dependency) }
        }
        guard world.random.chance(in: 6) else { return specification }
        let known: [AgentID] = world.chronicle.liveAgents.filter { $0.specification.resident != .none }.map(\.id)
        specification.agent = known.isEmpty ? world.anyAgent() : world.random.one(of: known)
        return specification
    }

    private func anyCreation(of specification: TaskSpecification, in world: inout World) -> Command {
        let key: IdempotencyKey? = world.random.chance(in: 4) ? world.anyKey() : nil
        let id: TaskID? = world.random.chance(in: 3) ? world.random.one(of: World.fewTasks) : nil
        return .createTask(specification, id: id, idempotency: key)
    }

    /// A few tasks of which each waits for the one before, in one commit.
    private func chain(in world: inout World) {
        let principal: Principal = world.anybody()
        let name: UInt64 = world.random.below(1_000)
        var earlier: TaskID?
        for number in 0..<world.random.number(in: 2...5) {
            let id = TaskID(unchecked: "chain-\(name)-\(number)")
            var specification: TaskSpecification = anySpecification(in: &world)
            specification.deadline = nil
            specification.dependencies = earlier.map { [$0] } ?? []
            world.send(.createTask(specification, id: id, idempotency: nil), as: principal, needs: .tasksCreate)
            earlier = id
        }
    }

    /// A task that no client may ask for, and the field that makes it so.
    private func badCreation(in world: inout World) -> (Command, flaw: String) {
        var specification: TaskSpecification = anySpecification(in: &world)
        let own: TaskID = World.fewTasks[0]
        let flaw: String
        switch world.random.below(9) {
        case 0:
            specification.description = ""
            flaw = "description"
        case 1:
            specification.description = String(repeating: "x", count: 1_001)
            flaw = "description"
        case 2:
            specification.timeout = world.random.one(of: [0, 999, Milliseconds(-1), Milliseconds(86_400_001)])
            flaw = "timeout"
        case 3:
            specification.retryPolicy.maximumAttempts = world.random.one(of: [0, -1, 101])
            flaw = "retryPolicy"
        case 4:
            specification.retryPolicy.factor = world.random.one(of: [0.5, 11, .nan, .infinity])
            flaw = "retryPolicy"
        case 5:
            specification.capabilities = [CapabilityRequirement(name: "p", minimumProficiency: .nan)]
            flaw = "capabilities"
        case 6:
            specification.dependencies = [own]
            flaw = "dependencies"
        case 7:
            specification.dependencies = [TaskID(unchecked: "nobody")]
            flaw = "dependencies"
        default:
            specification.command = .arguments([])
            flaw = "command"
        }
        return (.createTask(specification, id: own, idempotency: nil), flaw)
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for event: Event in batch.events {
            guard case .task(let task) = event.body else { continue }
            if let record: TaskRecord = task.created { try begin(record) }
            try follow(task, at: event.time, in: world)
            if (told[task.id]?.status == .queued) != (task.state.status == .queued) {
                if task.state.status == .queued { queued.append(task.id) } else { queued.removeAll { $0 == task.id } }
            }
            told[task.id] = task.state
        }
        remembered += batch.idempotency
    }

    private mutating func begin(_ record: TaskRecord) throws(BrokenPromise) {
        try keep(
            .life, "tasks are numbered in order of creation", record.number == lastNumber + 1,
            "\(record.id) is \(record.number) after \(lastNumber)")
        lastNumber = record.number
        records[record.id] = record
    }

    /// One event in the life of a task, after those before it.
    private mutating func follow(
        _ event: TaskEvent, at time: Instant, in world: World
    ) throws(BrokenPromise) {
        let id: TaskID = event.id
        let next: TaskState = event.state
        let place: String = "\(id)#\(next.attempt) \(event.kind.name)"
        guard let before: TaskState = told[id] else {
            try keep(.life, "a task's first event is its creation", event.kind == .created, place)
            lives[id] = Life()
            return
        }
        if event.kind == .restarted {
            let mayBegin: Bool = before.status == .failed || before.status == .cancelled
            try keep(.life, "only a failed or cancelled task begins anew", mayBegin, "\(place) \(before.status.name)")
            try keep(.fenced, "attempts are counted on", next.attempt == before.attempt, place)
            lives[id] = Life()
            return
        }
        try keep(.life, "a task is created once", event.kind != .created, place)
        if event.kind == .discarded {
            return try keep(.life, "only a failed task is discarded", before.status == .failed, place)
        }
        try keep(.life, "nothing happens to an ended task", !before.status.isTerminal, "\(place) \(before.status.name)")
        try keep(
            .life, "a task has an agent while an attempt is under way",
            !next.holdsAgent || next.status.isTerminal || next.agent != nil, "\(place) \(next.status.name)")
        switch event.kind {
        case .assigned: try assigned(event, before, in: world)
        case .started, .progressed, .cancelRequested, .cancelStage:
            let isSame: Bool = before.holdsAgent && next.attempt == before.attempt
            try keep(.life, "only an attempt under way is told of", isSame, place)
        case .paused:
            // One that waits for its start may be given back by its agent while it is paused.
            let isGivenBack: Bool = before.holdsAgent && next.agent == nil
            try keep(.life, "only what is not paused is paused", before.status != .paused || isGivenBack, place)
            if next.isSuspended { suspend(id, next.attempt, at: time) }
        case .resumed:
            try keep(.life, "only what is paused is resumed", before.status == .paused, place)
            resume(id, at: time)
        case .retryScheduled: try failedOnce(event, before, at: time)
        case .interrupted:
            try keep(.life, "only an attempt under way is interrupted", before.holdsAgent, place)
            lives[id]?.interruptions += 1
            let count: Int = lives[id]?.interruptions ?? 0
            try keep(.retries, "an attempt is interrupted only so often", count <= limits.interruptions, place)
        case .completed: try completed(event, before, in: world)
        case .failed: try failed(event, at: time)
        case .cancelled: try cancelled(event, before)
        default: break
        }
    }

    private func assigned(_ event: TaskEvent, _ before: TaskState, in world: World) throws(BrokenPromise) {
        let id: TaskID = event.id
        try keep(
            .life, "only a task that waits is given to an agent", before.status == .queued, "\(id) \(before.status)")
        try keep(.fenced, "each attempt has the next number", event.state.attempt == before.attempt + 1, "\(id)")
        guard let record: TaskRecord = records[id] else { return }
        for dependency: TaskID in record.specification.dependencies {
            let status: TaskStatus? = told[dependency]?.status
            try keep(
                .dependencies, "a task runs when those it depends on have completed", status == .completed,
                "\(id): \(dependency) is \(status?.name ?? "unknown")")
        }
        for other: TaskID in queued where other != id {
            guard let rival: TaskRecord = records[other], let state: TaskState = told[other] else { continue }
            guard isRival(rival, of: record) else { continue }
            let (mine, theirs): (Int64, Int64) = (order(of: before), order(of: state))
            try keep(
                .fair, "of tasks that ask for the same the one whose turn it is goes first",
                (mine, record.number) < (theirs, rival.number), "\(id) before \(other)")
        }
    }

    /// Whether two tasks wait for the same agents in the same line, before the same gates.
    private func isRival(_ one: TaskRecord, of other: TaskRecord) -> Bool {
        let (left, right): (TaskSpecification, TaskSpecification) = (one.specification, other.specification)
        return routing[left.kind] == routing[right.kind] && left.capabilities == right.capabilities
            && left.project == right.project && left.concurrencyKey == right.concurrencyKey
            && left.agent == right.agent && one.owner == other.owner && one.team == other.team
    }

    /// Where a waiting task stands: when it was queued, minus what its priority is worth, in milliseconds.
    private func order(of state: TaskState) -> Int64 {
        let credit: Int64 =
            switch state.priority {
            case .low: 0
            case .medium: 5 * 60_000
            case .high: 30 * 60_000
            case .critical: 4 * 60 * 60_000
            }
        return (state.queuedAt?.milliseconds ?? 0) - credit
    }

    private mutating func failedOnce(_ event: TaskEvent, _ before: TaskState, at time: Instant) throws(BrokenPromise) {
        let id: TaskID = event.id
        try keep(.life, "only an attempt under way fails", before.holdsAgent, "\(id)")
        lives[id]?.failures += 1
        guard let policy: RetryPolicy = records[id]?.specification.retryPolicy, let life: Life = lives[id] else {
            return
        }
        try keep(
            .retries, "a task is tried as often as its policy has it", life.failures < policy.maximumAttempts,
            "\(id) failed \(life.failures) times, and is tried again")
        let wait: Milliseconds? = event.state.notBefore.map { $0 - time }
        let isBounded: Bool = wait.map { (0...limits.backoff.count).contains($0.count) } ?? false
        try keep(.retries, "the wait for the next attempt is bounded", isBounded, "\(id)")
    }

    private func completed(_ event: TaskEvent, _ before: TaskState, in world: World) throws(BrokenPromise) {
        let attempt = AttemptID(task: event.id, number: before.attempt)
        try keep(.life, "only an attempt under way completes", before.holdsAgent, "\(attempt)")
        try keep(
            .fenced, "a task has the result of its newest attempt",
            world.machine.outcomes[attempt] == .completed(result: event.state.result)
                && event.state.attempt == before.attempt, "\(attempt)")
    }

    private func failed(_ event: TaskEvent, at time: Instant) throws(BrokenPromise) {
        let id: TaskID = event.id
        let failure: TaskFailure? = event.state.error
        try keep(.life, "a failed task says why", failure != nil, "\(id)")
        guard let failure, let record: TaskRecord = records[id], let life: Life = lives[id] else { return }
        let policy: RetryPolicy = record.specification.retryPolicy
        switch failure.code {
        case .execution, .startFailed, .timeout, .agentLost:
            try keep(
                .retries, "a task fails when its policy has no attempts left",
                life.failures + 1 == policy.maximumAttempts, "\(id) failed \(life.failures + 1) times")
        case .deadline:
            let isOver: Bool = record.specification.deadline.map { $0 <= time } ?? false
            try keep(.stopping, "a task fails for its deadline when that has passed", isOver, "\(id)")
        case .interrupted:
            let isAllowed: Bool =
                policy.onInterruption == .fail || life.interruptions + 1 > limits.interruptions
            try keep(.retries, "an interrupted task fails when its policy has it so", isAllowed, "\(id)")
        default: break
        }
    }

    private func cancelled(_ event: TaskEvent, _ before: TaskState) throws(BrokenPromise) {
        let id: TaskID = event.id
        guard event.state.error?.code == .dependency else {
            try keep(
                .life, "an attempt under way is asked to stop before its task is cancelled",
                !before.holdsAgent || before.cancellation != nil, "\(id)")
            return
        }
        let hasFailed: Bool =
            records[id]?.specification.dependencies.contains { (dependency: TaskID) in
                told[dependency]?.status == .failed || told[dependency]?.status == .cancelled
            } ?? false
        try keep(.dependencies, "a task ends with one that it depends on", hasFailed, "\(id)")
    }

    private mutating func suspend(_ id: TaskID, _ attempt: Int, at time: Instant) {
        var entry = suspensions[id] ?? (attempt, nil, 0)
        if entry.attempt != attempt { entry = (attempt, nil, 0) }
        entry.since = time
        suspensions[id] = entry
    }

    private mutating func resume(_ id: TaskID, at time: Instant) {
        guard let entry = suspensions[id], let since: Instant = entry.since else { return }
        suspensions[id] = (entry.attempt, nil, Milliseconds(entry.total.count + (time - since).count))
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
