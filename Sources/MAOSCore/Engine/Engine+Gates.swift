/// Gates: limits on what is under way or started, which tasks pass on their way to an agent.
extension Engine {
    /// Notes a task that was under way when the state was stored.
    mutating func enterGates(_ task: TaskRecord) {
        let uses: [GateUse] = state.ready.gates.uses(of: task)
        // When it was started is not known of all that were, so rates begin with what may have been.
        if !uses.isEmpty { state.ready.enter(uses.filter { !$0.key.isRate }, task.id, at: state.now) }
    }

    /// Notes that a task is under way no more.
    mutating func leaveGates(_ task: TaskRecord) {
        let uses: [GateUse] = state.ready.gates.uses(of: task)
        if !uses.isEmpty { state.ready.leave(uses, task.id, at: state.now) }
    }

    /// Looks for agents for the tasks that gates have let pass.
    mutating func serveReopenedLanes() {
        while let lane: Int = state.ready.takeReopened() { assignWaiting(inLane: lane) }
    }

    /// Sees to it that timers look at gates that open by themselves.
    mutating func setGateTimers() {
        for look in state.ready.takeLooks() { state.timers.set(.gate(look.key), at: look.at) }
    }

    /// Has tasks keep to other quotas from now on; those that are under way stay, also where they are too many.
    ///
    /// Every live task may stand before other gates then, so this looks at all of them. Lanes are given back in which tasks
    /// may run now.
    mutating func replaceTaskQuotas(_ quotas: [QuotaKey: Int]) -> [Int] {
        guard state.ready.gates.quotas != quotas else { return [] }
        let live: [TaskRecord] = state.tasks.values.map(\.record).sorted { $0.number < $1.number }
        for task: TaskRecord in live {
            if task.state.holdsAgent { leaveGates(task) } else { withdraw(task.id) }
        }
        state.ready.gates.quotas = quotas
        for task: TaskRecord in live where task.state.holdsAgent { enterGates(task) }
        return live.filter { $0.status == .queued }.map { stand($0) }
    }
}
