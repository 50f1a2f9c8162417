/// What the tasks of an execution may use together, and what its live tasks take up of that.
///
/// There is one only for an execution that has a ceiling. What is settled is stored with the execution; what is taken up is
/// worked out from the live tasks and nothing else.
struct ExecutionAccount: Sendable {
    var ceiling: Budget
    /// What attempts that have ended used.
    var settled: Usage
    /// What live tasks take up, those included that wait for an agent.
    var load = BudgetLoad()
    var timer: EngineState.BudgetTimer?

    /// What is left of a part for others to take up; `nil` without a ceiling.
    func left(of part: BudgetPart, at now: Instant) -> Int64? {
        ceiling[part].map { subtract(load.taken(part, at: now), from: subtract(settled[part], from: $0)) }
    }

    /// Whether another task may begin.
    func hasRoom(at now: Instant) -> Bool {
        BudgetPart.allCases.allSatisfy { (left(of: $0, at: now) ?? 1) > 0 }
    }

    /// The part that is used up, and not only promised to tasks with a ceiling of their own.
    func usedUp(at now: Instant) -> BudgetPart? {
        BudgetPart.allCases.first { (part: BudgetPart) in
            guard let ceiling: Int64 = ceiling[part], let left: Int64 = left(of: part, at: now), left <= 0 else {
                return false
            }
            return load.used(part, at: now) > 0 || settled[part] >= ceiling
        }
    }

    private func subtract(_ amount: Int64, from whole: Int64) -> Int64 {
        let (rest, overflow) = whole.subtractingReportingOverflow(amount)
        return overflow ? .min : rest
    }
}

extension BudgetLoad.Hold {
    /// What a live task takes up of its execution's account.
    init(ofStep task: TaskRecord, isUnderWay: Bool) {
        self.init(of: task)
        if !isUnderWay { since = nil }
    }
}

/// Ceilings of executions.
///
/// A task with a ceiling of its own takes that up from the moment its step starts, or what is left where that is less. Of
/// other parts a task takes up what it uses. When a part is used up, the execution stops and fails; while all that is left
/// is promised, steps wait.
extension Engine {
    // MARK: Accounts

    /// Opens the account of an execution that begins, or goes on; nothing happens for one without a ceiling.
    mutating func openAccount(of execution: ExecutionRecord) {
        guard !execution.budget.isEmpty else { return }
        state.flows.accounts[execution.id] = ExecutionAccount(ceiling: execution.budget, settled: execution.spent)
        guard execution.attempt > 1 else { return }
        // A task of an earlier attempt may have been tried again by itself.
        for task: EngineState.LiveTask in state.tasks.values
        where task.record.specification.workflow?.execution == execution.id {
            noteHoldOfExecution(of: task.record, isUnderWay: task.record.state.holdsAgent)
        }
    }

    /// Closes the account of an execution that has ended.
    mutating func closeAccount(of execution: ExecutionID) {
        guard let account = state.flows.accounts.removeValue(forKey: execution), account.timer != nil else { return }
        abandonTimer()
    }

    /// What is left for a task with ceilings of its own that is about to be made.
    func inherit(_ own: Budget, from execution: ExecutionID) -> Budget {
        guard let account: ExecutionAccount = state.flows.accounts[execution], !own.isEmpty else { return own }
        func least(_ part: BudgetPart) -> Int64? {
            guard let amount: Int64 = own[part], let left: Int64 = account.left(of: part, at: state.now) else {
                return own[part]
            }
            return min(amount, max(1, left))
        }
        return Budget(
            wallTime: least(.wallTime).map { Milliseconds($0) },
            processorTime: least(.processorTime).map { Milliseconds($0) }, cost: least(.cost).map { Cost(micros: $0) })
    }

    /// Whether an execution's account has room for another task.
    func hasRoom(in execution: ExecutionID) -> Bool {
        guard !state.flows.accounts.isEmpty, let account = state.flows.accounts[execution] else { return true }
        return account.hasRoom(at: state.now)
    }

    /// The ceiling of an execution that is used up before anything runs, in words.
    func usedUpCeiling(of execution: ExecutionRecord) -> String? {
        let account = ExecutionAccount(ceiling: execution.budget, settled: execution.spent)
        return account.usedUp(at: state.now).map { text(of: $0, account, used: execution.spent) }
    }

    private func text(of part: BudgetPart, _ account: ExecutionAccount, used: Usage) -> String {
        let ceiling: String = part.text(account.ceiling[part] ?? 0)
        return "The execution's ceiling of \(ceiling) is reached: it has used \(part.text(used[part]))"
    }

    // MARK: Tasks

    /// Whether the processor time of a task's attempts counts against a ceiling of its execution.
    func watchesProcessorTime(ofExecutionOf task: TaskRecord) -> Bool {
        guard !state.flows.accounts.isEmpty, let origin: WorkflowTaskOrigin = task.specification.workflow else {
            return false
        }
        return state.flows.accounts[origin.execution]?.ceiling.processorTime != nil
    }

    /// Notes what a live task takes up of its execution's account.
    mutating func noteHoldOfExecution(of task: TaskRecord, isUnderWay: Bool) {
        guard !state.flows.accounts.isEmpty, let origin: WorkflowTaskOrigin = task.specification.workflow,
            state.flows.accounts[origin.execution] != nil
        else { return }
        let hold = BudgetLoad.Hold(ofStep: task, isUnderWay: isUnderWay)
        state.flows.accounts[origin.execution]?.load.set(hold, of: task.id)
        watch(origin.execution)
    }

    /// Counts what an attempt used, which has ended, for the execution that its task belongs to.
    mutating func settleExecution(_ used: Usage, of task: TaskRecord) {
        guard let origin: WorkflowTaskOrigin = task.specification.workflow else { return }
        let id: ExecutionID = origin.execution
        #if EngineFaults
        if EngineFault.unsettledExecution.isOn { return noteHoldOfExecution(of: task, isUnderWay: false) }
        #endif
        if used != Usage(), let spent: Usage = state.flows.executions[id]?.record.spent {
            state.flows.executions[id]?.record.spent = spent + used
            if state.flows.executions[id]?.isNoted == false {
                state.flows.executions[id]?.isNoted = true
                state.flows.changed.append(id)
            }
            if let settled: Usage = state.flows.accounts[id]?.settled {
                state.flows.accounts[id]?.settled = settled + used
            }
        }
        noteHoldOfExecution(of: task, isUnderWay: false)
    }

    /// A task has ended: it takes up nothing any more.
    mutating func releaseHoldOfExecution(of task: TaskID, _ execution: ExecutionID) {
        guard !state.flows.accounts.isEmpty, state.flows.accounts[execution] != nil else { return }
        state.flows.accounts[execution]?.load.remove(task)
        watch(execution)
    }

    // MARK: Ceilings

    /// Notes it when a part is used up, and sees to it that the end of the wall time is noticed.
    private mutating func watch(_ id: ExecutionID) {
        guard let account: ExecutionAccount = state.flows.accounts[id] else { return }
        guard account.usedUp(at: state.now) == nil else {
            if !state.flows.exhausted.contains(id) { state.flows.exhausted.append(id) }
            return
        }
        guard let left: Int64 = account.left(of: .wallTime, at: state.now), left > 0, account.load.pace > 0 else {
            return
        }
        setTimer(of: id, at: state.now + Milliseconds((left + account.load.pace - 1) / account.load.pace))
    }

    private mutating func setTimer(of id: ExecutionID, at due: Instant) {
        if let timer = state.flows.accounts[id]?.timer {
            guard due < timer.due else { return }
            abandonTimer()
        }
        state.lastBudgetTimer += 1
        state.flows.accounts[id]?.timer = EngineState.BudgetTimer(number: state.lastBudgetTimer, due: due)
        state.timers.set(.executionBudget(id, state.lastBudgetTimer), at: due)
    }

    mutating func executionBudgetDue(_ id: ExecutionID, _ number: UInt64) {
        guard state.flows.accounts[id]?.timer?.number == number else { return }
        state.flows.accounts[id]?.timer = nil
        watch(id)
    }

    /// Stops the executions of which a part is used up, as far as that has been noted.
    mutating func stopExhausted() {
        while !state.flows.exhausted.isEmpty {
            let id: ExecutionID = state.flows.exhausted.removeFirst()
            guard var live: LiveExecution = state.flows.executions.removeValue(forKey: id) else { continue }
            stopIfExhausted(&live)
            settle(&live)
            put(live)
        }
    }

    /// Stops an execution of which a part is used up, unless it is being stopped or has ended.
    mutating func stopIfExhausted(_ live: inout LiveExecution) {
        guard !live.record.status.isTerminal, live.record.phase == .normal,
            let account: ExecutionAccount = state.flows.accounts[live.record.id],
            let part: BudgetPart = account.usedUp(at: state.now)
        else { return }
        var used: Usage = account.settled
        for id: TaskID in account.load.holds.keys {
            if let task: TaskState = state.tasks[id]?.record.state { used = used + task.usageUnderWay(at: state.now) }
        }
        live.record.reachedCeiling = part
        stop(&live, as: .failed, error: text(of: part, account, used: used))
    }

    // MARK: Loading

    /// Opens the accounts of stored executions, and works out what live tasks take up of them.
    mutating func loadExecutionAccounts(_ executions: [ExecutionRecord]) {
        for execution: ExecutionRecord in executions where !execution.budget.isEmpty {
            state.flows.accounts[execution.id] = ExecutionAccount(ceiling: execution.budget, settled: execution.spent)
        }
        guard !state.flows.accounts.isEmpty else { return }
        for task: TaskRecord in liveTasks where task.specification.workflow != nil {
            noteHoldOfExecution(of: task, isUnderWay: task.state.holdsAgent)
        }
        for execution: ExecutionRecord in executions { watch(execution.id) }
        // Nothing is decided while the state is loaded: the next tick looks again.
        for id: ExecutionID in state.flows.exhausted { setTimer(of: id, at: state.now) }
        state.flows.exhausted = []
    }
}

extension Budget {
    /// These ceilings, and others for the parts of which they say nothing.
    func over(_ other: Budget) -> Budget {
        Budget(
            wallTime: wallTime ?? other.wallTime, processorTime: processorTime ?? other.processorTime,
            cost: cost ?? other.cost)
    }
}

/// What is true of the accounts of executions, between any two commands.
extension EngineState {
    func checkExecutionAccounts(_ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        try hold(flows.exhausted.isEmpty, "an execution whose ceiling is reached is stopped at once", "")
        for (id, live) in flows.executions {
            try hold(
                (flows.accounts[id] != nil) == !live.record.budget.isEmpty,
                "an execution with a ceiling has an account, and no other", "\(id)")
        }
        for (id, account) in flows.accounts {
            guard let live: LiveExecution = flows.executions[id] else {
                throw BrokenInvariant(rule: "an account belongs to a live execution", detail: "\(id)")
            }
            try hold(account.ceiling == live.record.budget, "an account keeps to its execution's ceilings", "\(id)")
            try hold(account.settled == live.record.spent, "what is settled is stored", "\(id)")
            var expected = BudgetLoad()
            for task: LiveTask in tasks.values where task.record.specification.workflow?.execution == id {
                expected.set(
                    BudgetLoad.Hold(ofStep: task.record, isUnderWay: task.record.state.holdsAgent), of: task.record.id)
            }
            try hold(account.load.holds == expected.holds, "live tasks of an execution take up its account", "\(id)")
            for part: BudgetPart in BudgetPart.allCases {
                try hold(
                    account.load.taken(part, at: now) == expected.taken(part, at: now),
                    "what an execution's tasks take up is summed up", "\(id), \(part.name)")
            }
            guard live.record.phase == .normal else { continue }
            let usedUp: BudgetPart? = account.usedUp(at: now)
            try hold(
                usedUp == nil || usedUp == .wallTime, "an execution whose ceiling is reached is being stopped", "\(id)")
            guard usedUp == nil, let left: Int64 = account.left(of: .wallTime, at: now), left > 0, account.load.pace > 0
            else {
                continue
            }
            let set: [Instant] = account.timer.flatMap { timers[.executionBudget(id, $0.number)] } ?? []
            try hold(
                set.contains { $0 <= now + Milliseconds((left + account.load.pace - 1) / account.load.pace) },
                "a timer waits for the end of each execution's wall time", "\(id)")
        }
    }
}
