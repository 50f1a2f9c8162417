/// Ceilings of tasks and projects: what attempts use is reported while they run, taken up while they live, and settled when
/// they end.
///
/// A task's ceilings hold for all of its attempts together. Its newest attempt takes what is left of them up from the
/// project's account as soon as it begins, so that what was promised cannot be used by others. What is taken up is worked out
/// from the live attempts and nothing else.
extension Engine {
    // MARK: Clients

    mutating func budget(_ command: BudgetCommand, by principal: Principal) throws(Rejection) -> Reply {
        switch command {
        case .set(let project, let ceiling, let countsAnew):
            try principal.require(.resourcesQuota)
            try requireWholeReach(principal, for: .resourcesQuota)
            return try setBudget(of: project, ceiling, countsAnew: countsAnew, by: principal)
        case .close(let project):
            try principal.require(.resourcesQuota)
            try requireWholeReach(principal, for: .resourcesQuota)
            return try closeBudget(of: project, by: principal)
        case .show(let project):
            try principal.require(.resourcesRead)
            guard principal.reaches(project: project), let id: BudgetID = state.budgetOfProject[project] else {
                throw .notFound(.budget, id: project)
            }
            return .budgets(standings([id]))
        case .list:
            try principal.require(.resourcesRead)
            let accounts: [BudgetAccount] = state.budgets.live.filter { principal.reaches(project: $0.account) }
            return .budgets(standings(accounts.sorted { $0.account < $1.account }.map(\.id)))
        }
    }

    private mutating func setBudget(
        of project: String, _ ceiling: Budget, countsAnew: Bool, by principal: Principal
    ) throws(Rejection) -> Reply {
        try validate(ceiling)
        try validate(project: project)
        guard principal.reaches(project: project) else { throw .notFound(.budget, id: project) }
        let parted: [TaskID] = leaveBudget(of: project)
        let id: BudgetID
        if let known: BudgetID = state.budgetOfProject[project] {
            id = known
            let now: Instant = state.now
            state.budgets.update(id) { (account: inout BudgetAccount) in
                account.ceiling = ceiling
                account.updatedAt = now
                account.setBy = principal.subject
                guard countsAnew else { return }
                account.settled = Usage()
                account.attempts = 0
                account.since = now
            }
        } else {
            let limit: Int = configuration.limits.budgets
            guard state.budgets.liveCount < limit else { throw .limitReached("projects with a budget", limit: limit) }
            id = BudgetID(unchecked: IdentifierMaker.make(at: state.now, random: &random).text)
            state.budgets.insert(
                BudgetAccount(
                    id: id, number: state.budgets.makeNumber(), project: project, ceiling: ceiling,
                    createdAt: state.now, setBy: principal.subject))
            state.budgetOfProject[project] = id
            for task: EngineState.LiveTask in state.tasks.values where task.record.specification.project == project {
                if task.record.state.holdsAgent { noteHold(of: task.record) }
            }
        }
        var data: JSONObject = ["project": .string(project)]
        for part: BudgetPart in BudgetPart.allCases {
            guard let amount: Int64 = ceiling[part] else { continue }
            data[part.name] = part == .cost ? .string(Cost(micros: amount).description) : .integer(amount)
        }
        emit(.system(SystemEvent(type: "quota_changed", data: JSONText(["budget": .object(data)]))))
        watch(id)
        enterBudget(of: project, parted)
        return .budgets(standings([id]))
    }

    /// Closes a project's account: what waits for room on it goes on, and what runs is counted for its task only.
    ///
    /// An attempt is charged as a whole to the account that is open when it ends, so that what was settled here never changes again.
    private mutating func closeBudget(of project: String, by principal: Principal) throws(Rejection) -> Reply {
        guard principal.reaches(project: project), let id: BudgetID = state.budgetOfProject[project] else {
            throw .notFound(.budget, id: project)
        }
        var last: [BudgetStanding] = standings([id])
        let parted: [TaskID] = leaveBudget(of: project)
        let now: Instant = state.now
        state.budgets.update(id) { (account: inout BudgetAccount) in
            account.endedAt = now
            account.updatedAt = now
            account.setBy = principal.subject
        }
        state.budgetOfProject[project] = nil
        state.budgetLoads[id] = nil
        if state.budgetTimers.removeValue(forKey: id) != nil { abandonTimer() }
        state.ready.setCeilings([:], of: project, at: now)
        let data: JSONValue = ["budget": ["project": .string(project), "closed": true]]
        emit(.system(SystemEvent(type: "quota_changed", data: JSONText(data))))
        enterBudget(of: project, parted)
        if let account: BudgetAccount = state.budgets[id], !last.isEmpty { last[0].account = account }
        return .budgets(last)
    }

    /// Takes a project's tasks from before and behind the gates of its ceilings, which are about to change; gives those that
    /// waited.
    private mutating func leaveBudget(of project: String) -> [TaskID] {
        var waiting: [TaskRecord] = []
        for task: EngineState.LiveTask in state.tasks.values where task.record.specification.project == project {
            if task.record.state.holdsAgent {
                state.ready.leave(state.ready.gates.budgetUses(of: task.record), task.record.id, at: state.now)
            } else if task.entry != nil {
                waiting.append(task.record)
            }
        }
        waiting.sort { $0.number < $1.number }
        for task: TaskRecord in waiting { withdraw(task.id) }
        return waiting.map(\.id)
    }

    /// Puts a project's tasks behind and before the gates of its ceilings.
    private mutating func enterBudget(of project: String, _ waiting: [TaskID]) {
        for task: EngineState.LiveTask in state.tasks.values where task.record.specification.project == project {
            guard task.record.state.holdsAgent else { continue }
            state.ready.enter(state.ready.gates.budgetUses(of: task.record), task.record.id, at: state.now)
        }
        // All have their places before the first is given to an agent.
        let lanes: [Int] = waiting.compactMap { state.tasks[$0]?.record }.map { stand($0) }
        for lane: Int in lanes { assignWaiting(inLane: lane) }
    }

    private func standings(_ ids: [BudgetID]) -> [BudgetStanding] {
        ids.compactMap { (id: BudgetID) in
            guard let account: BudgetAccount = state.budgets[id] else { return nil }
            let load: BudgetLoad = state.budgetLoads[id] ?? BudgetLoad()
            let taken = Usage(
                wallTime: Milliseconds(load.taken(.wallTime, at: state.now)),
                processorTime: Milliseconds(load.taken(.processorTime, at: state.now)),
                cost: Cost(micros: load.taken(.cost, at: state.now)))
            return BudgetStanding(account: account, taken: taken, attempts: load.holds.count)
        }
    }

    // MARK: Attempts

    /// Whether a task is held to any ceiling: its own, its project's or its execution's.
    func isLimited(_ task: TaskRecord) -> Bool {
        !task.specification.budget.isEmpty || account(of: task) != nil
            || (!state.flows.accounts.isEmpty && task.specification.workflow != nil)
    }

    /// Opens the account of an attempt that has just begun.
    ///
    /// - Returns: Whether its processor time has to be watched.
    mutating func openAccount(of task: TaskRecord) -> Bool {
        guard isLimited(task) else { return false }
        setBudgetTimer(of: task.id)
        noteHoldOfExecution(of: task, isUnderWay: true)
        let watches: Bool =
            task.specification.budget.processorTime != nil || watchesProcessorTime(ofExecutionOf: task)
        guard let id: BudgetID = account(of: task) else { return watches }
        noteHold(of: task)
        watch(id)
        return watches || state.budgets[id]?.ceiling.processorTime != nil
    }

    /// Notes that an attempt began to run, was held back or went on.
    mutating func runningChanged(of id: TaskID) {
        setBudgetTimer(of: id)
        guard let task: TaskRecord = state.tasks[id]?.record else { return }
        noteHoldOfExecution(of: task, isUnderWay: true)
        guard let account: BudgetID = account(of: task) else { return }
        noteHold(of: task)
        watch(account)
    }

    mutating func attemptUsed(_ id: AttemptID, _ usage: Usage) throws(Rejection) {
        try requireCurrent(id)
        guard let task: EngineState.LiveTask = state.tasks[id.task] else { return }
        guard noteUsage(of: task.record, usage) else { return }
        touch(id.task)
        emitTaskNow(.progressed, id.task)
        guard let record: TaskRecord = state.tasks[id.task]?.record else { return }
        if let failure: TaskFailure = reachedCeiling(of: record) { stopForBudget(id.task, failure) }
        noteHoldOfExecution(of: record, isUnderWay: true)
        guard let account: BudgetID = account(of: record) else { return }
        noteHold(of: record)
        watch(account)
    }

    /// Notes what an attempt has used in all so far; false when that is known.
    mutating func noteUsage(of task: TaskRecord, _ usage: Usage) -> Bool {
        let before: Usage = task.state.attemptUsage
        let reported = Usage(
            processorTime: max(0, usage.processorTime), cost: max(.zero, usage.cost), tokens: max(0, usage.tokens))
        let after: Usage = before.union(reported)
        guard after != before else { return false }
        state.tasks[task.id]?.record.state.attemptUsage = after
        return true
    }

    /// Closes the account of an attempt that ends: what it used is the task's, and the project's, from now on.
    mutating func closeAccount(of record: inout TaskRecord) {
        let used: Usage = record.state.settleAttempt(at: state.now)
        settleExecution(used, of: record)
        guard let id: BudgetID = account(of: record) else { return }
        state.budgets.update(id) { (account: inout BudgetAccount) in
            #if EngineFaults
            if EngineFault.unsettledBudget.isOn { return }
            #endif
            account.settled = account.settled + used
            account.attempts += 1
        }
        state.budgetLoads[id]?.remove(record.id)
        if state.budgetLoads[id]?.isEmpty == true { state.budgetLoads[id] = nil }
        watch(id)
    }

    /// The failure of a task whose own ceiling is reached; `nil` while none is.
    func reachedCeiling(of task: TaskRecord) -> TaskFailure? {
        guard !task.specification.budget.isEmpty else { return nil }
        let used: Usage = task.state.usage(at: state.now)
        for part: BudgetPart in BudgetPart.allCases {
            guard let ceiling: Int64 = task.specification.budget[part], used[part] >= ceiling else { continue }
            return TaskFailure(
                .budget, "The task's ceiling of \(part.text(ceiling)) is reached: it has used \(part.text(used[part]))")
        }
        return nil
    }

    /// Stops an attempt, unless it is being stopped already.
    private mutating func stopForBudget(_ id: TaskID, _ failure: TaskFailure) {
        guard let task: EngineState.LiveTask = state.tasks[id], task.record.state.holdsAgent,
            task.record.state.cancellation == nil, task.pendingFailure == nil
        else { return }
        state.tasks[id]?.pendingFailure = failure
        batch.effects.append(.stopAttempt(AttemptID(task: id, number: task.record.state.attempt), .budget))
    }

    // MARK: Projects

    /// The account of a task's project, if it has one.
    private func account(of task: TaskRecord) -> BudgetID? {
        guard !state.budgetOfProject.isEmpty, let project: String = task.specification.project else { return nil }
        return state.budgetOfProject[project]
    }

    private mutating func noteHold(of task: TaskRecord) {
        guard let id: BudgetID = account(of: task) else { return }
        state.budgetLoads[id, default: BudgetLoad()].set(BudgetLoad.Hold(of: task), of: task.id)
    }

    /// What is left of an account for attempts to reserve, by part.
    private func ceilings(of account: BudgetAccount) -> [BudgetPart: Int64] {
        let load: BudgetLoad = state.budgetLoads[account.id] ?? BudgetLoad()
        var limits: [BudgetPart: Int64] = [:]
        for part: BudgetPart in BudgetPart.allCases {
            limits[part] = account.ceiling[part].map { $0 - account.settled[part] - load.used(part, at: state.now) }
        }
        return limits
    }

    /// Stops what uses a part of which nothing is left, and sees to it that the end of the wall time is noticed.
    private mutating func watch(_ id: BudgetID) {
        guard let account: BudgetAccount = state.budgets[id] else { return }
        let load: BudgetLoad = state.budgetLoads[id] ?? BudgetLoad()
        state.ready.setCeilings(ceilings(of: account), of: account.account, at: state.now)
        for part: BudgetPart in BudgetPart.allCases {
            guard let ceiling: Int64 = account.ceiling[part] else { continue }
            let left: Int64 = ceiling - account.settled[part] - load.taken(part, at: state.now)
            if left <= 0 {
                let failure = TaskFailure(
                    .budget, "The ceiling of project \(account.account), \(part.text(ceiling)), is reached")
                let free = load.holds.filter { $0.value.reserved[part] == nil }
                for hold in free.sorted(by: { $0.value.number < $1.value.number }) { stopForBudget(hold.key, failure) }
            } else if part == .wallTime, load.pace > 0 {
                setProjectTimer(id, at: state.now + Milliseconds((left + load.pace - 1) / load.pace))
            }
        }
    }

    // MARK: Timers

    /// Sets a timer for the moment at which an attempt will have used its task's wall time, unless one is set.
    private mutating func setBudgetTimer(of id: TaskID) {
        guard let task: EngineState.LiveTask = state.tasks[id], !task.hasBudgetTimer, task.record.state.holdsAgent,
            !task.record.state.isSuspended, let ceiling: Int64 = task.record.specification.budget[.wallTime]
        else { return }
        let left: Int64 = max(0, ceiling - task.record.state.usage(at: state.now)[.wallTime])
        state.tasks[id]?.hasBudgetTimer = true
        let attempt = AttemptID(task: id, number: task.record.state.attempt)
        state.timers.set(.attemptBudget(attempt), at: state.now + Milliseconds(left))
    }

    mutating func attemptBudgetDue(_ id: AttemptID) {
        guard let task: EngineState.LiveTask = state.tasks[id.task], task.record.state.holdsAgent,
            task.record.state.attempt == id.number
        else { return }
        state.tasks[id.task]?.hasBudgetTimer = false
        guard let failure: TaskFailure = reachedCeiling(of: task.record) else { return setBudgetTimer(of: id.task) }
        stopForBudget(id.task, failure)
    }

    private mutating func setProjectTimer(_ id: BudgetID, at due: Instant) {
        if let timer = state.budgetTimers[id] {
            guard due < timer.due else { return }
            abandonTimer()
        }
        state.lastBudgetTimer += 1
        state.budgetTimers[id] = EngineState.BudgetTimer(number: state.lastBudgetTimer, due: due)
        state.timers.set(.projectBudget(id, state.lastBudgetTimer), at: due)
    }

    mutating func projectBudgetDue(_ id: BudgetID, _ number: UInt64) {
        guard state.budgetTimers[id]?.number == number else { return }
        state.budgetTimers[id] = nil
        watch(id)
    }

    // MARK: Loading

    /// Takes over stored accounts, and works out what live attempts take up of them.
    mutating func loadBudgets(_ accounts: [BudgetAccount], lastNumber: UInt64) {
        state.budgets.load(accounts, lastNumber: lastNumber)
        for account: BudgetAccount in accounts { state.budgetOfProject[account.account] = account.id }
        let live: [TaskRecord] = state.tasks.values.map(\.record).sorted { $0.number < $1.number }
        for task: TaskRecord in live where task.state.holdsAgent {
            noteHold(of: task)
            setBudgetTimer(of: task.id)
        }
        for account: BudgetAccount in accounts {
            state.ready.setCeilings(ceilings(of: account), of: account.account, at: state.now)
        }
        let limited: [TaskRecord] = live.filter { account(of: $0) != nil }
        for task: TaskRecord in limited where task.state.holdsAgent {
            state.ready.enter(state.ready.gates.budgetUses(of: task), task.id, at: state.now)
        }
        // Only now is it known which gates are closed.
        for task: TaskRecord in limited where state.tasks[task.id]?.entry != nil { withdraw(task.id) }
        for task: TaskRecord in limited where task.status == .queued { _ = stand(task) }
        loadStops()
    }

    /// Marks what has reached a ceiling as being stopped, as it was before.
    private mutating func loadStops() {
        let limited: [TaskRecord] = state.tasks.values.map(\.record).filter { !$0.specification.budget.isEmpty }
        for task: TaskRecord in limited.sorted(by: { $0.number < $1.number }) {
            if let failure: TaskFailure = reachedCeiling(of: task) { stopForBudget(task.id, failure) }
        }
        for account: BudgetAccount in state.budgets.live { watch(account.id) }
        // Whether there is anything to be stopped is only known where the run of the server goes on.
        batch.effects.removeAll()
    }

    /// Stops again what was being stopped for a ceiling: nobody knows whether that was told.
    mutating func stopAgain() {
        let stopping: [EngineState.LiveTask] = state.tasks.values.filter { $0.pendingFailure?.code == .budget }
        for task: EngineState.LiveTask in stopping.sorted(by: { $0.record.number < $1.record.number }) {
            let attempt = AttemptID(task: task.record.id, number: task.record.state.attempt)
            batch.effects.append(.stopAttempt(attempt, .budget))
        }
    }

    /// What ran until the server ended counts up to what is stored last: nobody knows how much longer it ran.
    mutating func countInterruptedRun(of id: TaskID) {
        guard let task: TaskRecord = state.tasks[id]?.record, task.state.holdsAgent else { return }
        state.tasks[id]?.record.state.countRunning(until: task.state.updatedAt, resumedAt: state.now)
        guard let changed: TaskRecord = state.tasks[id]?.record else { return }
        noteHold(of: changed)
        noteHoldOfExecution(of: changed, isUnderWay: true)
    }

    // MARK: Validation

    /// Refuses ceilings that mean nothing.
    func validate(_ budget: Budget) throws(Rejection) {
        for part: BudgetPart in BudgetPart.allCases {
            guard let amount: Int64 = budget[part] else { continue }
            let most: Int64 = part == .cost ? Cost.limit.micros : Budget.longest.count
            guard amount >= 1, amount <= most else {
                let range: String = part == .cost ? "0.000001 to \(Cost.limit)" : "1 to \(most) ms"
                throw .invalid(
                    Rejection.Issue(
                        field: "budget.\(part.name)",
                        value: part == .cost ? "\(Cost(micros: amount))" : "\(amount)", expected: range))
            }
        }
    }

    private func validate(project: String) throws(Rejection) {
        guard (1...100).contains(project.count) else {
            throw .invalid(
                Rejection.Issue(
                    field: "project", value: "\(project.count) characters", expected: "1 to 100 characters"))
        }
    }
}

extension EngineState {
    /// The timer that looks at a project's wall time; those with another number have lost their reason.
    struct BudgetTimer: Hashable, Sendable {
        var number: UInt64
        var due: Instant
    }
}
