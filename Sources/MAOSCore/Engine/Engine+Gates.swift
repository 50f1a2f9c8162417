/// Gates: limits on what is under way or started, which tasks pass on their way to an agent.
extension Engine {
    /// Notes a task that was under way when the state was stored.
    mutating func enterGates(_ task: TaskRecord) {
        let uses: [GateUse] = state.ready.gates.uses(of: task.specification)
        // When it was started is not known of all that were, so rates begin with what may have been.
        if !uses.isEmpty { state.ready.enter(uses.filter { !$0.key.isRate }, task.id, at: state.now) }
    }

    /// Notes that a task is under way no more.
    mutating func leaveGates(_ task: TaskRecord) {
        let uses: [GateUse] = state.ready.gates.uses(of: task.specification)
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
}
