/// What is true of ceilings and accounts between any two commands.
extension EngineState {
    /// Looks at all accounts; O(n) in all that is live.
    func checkBudgets(_ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        let accounts: [BudgetAccount] = budgets.live
        try hold(
            budgetOfProject.count == accounts.count, "a project has one account", "\(budgetOfProject.count)")
        var loads: [BudgetID: BudgetLoad] = [:]
        for task: LiveTask in tasks.values where task.record.state.holdsAgent {
            try checkBudget(of: task, timers)
            guard let project: String = task.record.specification.project, let id: BudgetID = budgetOfProject[project]
            else { continue }
            loads[id, default: BudgetLoad()].set(BudgetLoad.Hold(of: task.record), of: task.record.id)
        }
        try hold(loads.count == budgetLoads.count, "only accounts with live attempts are taken up", "\(loads.count)")
        for account: BudgetAccount in accounts {
            try hold(
                budgetOfProject[account.account] == account.id, "an account is its project's", "\(account.account)")
            let load: BudgetLoad = budgetLoads[account.id] ?? BudgetLoad()
            let expected: BudgetLoad = loads[account.id] ?? BudgetLoad()
            try hold(load.holds == expected.holds, "what is taken up is what live attempts take up", account.account)
            for part: BudgetPart in BudgetPart.allCases {
                try hold(
                    load.taken(part, at: now) == expected.taken(part, at: now), "what is taken up is summed up",
                    "\(account.account), \(part.name)")
                try checkCeiling(part, of: account, load, timers)
            }
        }
    }

    private func checkCeiling(
        _ part: BudgetPart, of account: BudgetAccount, _ load: BudgetLoad, _ timers: [TimerReason: [Instant]]
    ) throws(BrokenInvariant) {
        guard let ceiling: Int64 = account.ceiling[part] else { return }
        let left: Int64 = ceiling - account.settled[part] - load.taken(part, at: now)
        let free: [TaskID] = load.holds.filter { $0.value.reserved[part] == nil }.map(\.key)
        if left > 0 {
            guard part == .wallTime, load.pace > 0 else { return }
            let timer: BudgetTimer? = budgetTimers[account.id]
            let set: [Instant] = timer.flatMap { timers[.projectBudget(account.id, $0.number)] } ?? []
            try hold(
                set.contains { $0 <= now + Milliseconds((left + load.pace - 1) / load.pace) },
                "a timer waits for the end of each project's wall time", account.account)
        } else if part != .wallTime {
            for id: TaskID in free {
                let isStopping: Bool = tasks[id]?.pendingFailure != nil || tasks[id]?.record.state.cancellation != nil
                try hold(isStopping, "nothing runs on an account of which nothing is left", "\(account.account): \(id)")
            }
        }
    }

    private func checkBudget(of task: LiveTask, _ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        let record: TaskRecord = task.record
        guard !record.specification.budget.isEmpty, task.pendingFailure == nil, record.state.cancellation == nil else {
            return
        }
        for part: BudgetPart in [.processorTime, .cost] {
            guard let ceiling: Int64 = record.specification.budget[part] else { continue }
            try hold(
                record.state.usage[part] < ceiling, "an attempt that reached a ceiling is being stopped",
                "\(record.id), \(part.name)")
        }
        guard record.specification.budget.wallTime != nil, !record.state.isSuspended else { return }
        let set: [Instant] = timers[.attemptBudget(AttemptID(task: record.id, number: record.state.attempt))] ?? []
        try hold(task.hasBudgetTimer && set.count == 1, "a timer waits for each ceiling of wall time", "\(record.id)")
    }
}
