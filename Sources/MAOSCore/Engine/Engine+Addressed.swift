/// Tasks that are addressed to an agent with a resident process.
extension Engine {
    /// Refuses a task for an agent that is not there, is about to end, or takes none that are addressed to it.
    func checkAddressee(of task: TaskSpecification) throws(Rejection) {
        guard let id: AgentID = task.agent else { return }
        guard let agent: EngineState.LiveAgent = state.agents[id] else { throw .notFound(.agent, id: id.rawValue) }
        guard agent.record.specification.resident != .none else {
            throw refusal("agent", id.rawValue, expected: "an agent with a resident process")
        }
        guard agent.termination == nil else {
            throw .conflict(reason: "stopping", message: "Agent \(id) is about to end")
        }
    }

    /// Notes that a task that becomes live is addressed to an agent, if it is.
    mutating func noteAddressee(of task: TaskRecord) {
        guard let agent: AgentID = task.specification.agent else { return }
        state.addressed[agent, default: []].insert(task.id)
    }

    /// Forgets a task that has ended.
    mutating func forget(_ task: TaskID, addressedTo agent: AgentID) {
        state.addressed[agent]?.remove(task)
        if state.addressed[agent]?.isEmpty == true { state.addressed[agent] = nil }
    }

    /// Cancels what is addressed to an agent that is about to end: nobody else may take it.
    mutating func cancelAddressed(to id: AgentID) {
        for task: TaskRecord in addressedTasks(of: id) {
            // One may have ended with another that it depends on.
            guard let current: TaskRecord = state.tasks[task.id]?.record else { continue }
            cancel(current, reason: "agent_terminated")
        }
    }

    /// In order of creation.
    private func addressedTasks(of id: AgentID) -> [TaskRecord] {
        (state.addressed[id] ?? []).compactMap { state.tasks[$0]?.record }.sorted { $0.number < $1.number }
    }

    /// Halts an agent's resident process with all attempts that are addressed to it.
    mutating func suspendResident(of agent: AgentRecord) {
        guard agent.specification.resident != .none else { return }
        batch.effects.append(.suspendAgent(agent.id, true))
        for task: TaskRecord in addressedTasks(of: agent.id)
        where task.state.holdsAgent && !task.state.isSuspended && !isBeingStopped(task) { pause(task) }
    }

    /// Lets an agent's resident process go on, with all tasks that are addressed to it and paused.
    mutating func continueResident(of agent: AgentRecord) {
        guard agent.specification.resident != .none else { return }
        if state.agents[agent.id]?.runningSince != nil { batch.effects.append(.suspendAgent(agent.id, false)) }
        for task: TaskRecord in addressedTasks(of: agent.id) where task.status == .paused && !isBeingStopped(task) {
            // One may have ended with another that it depends on.
            guard let current: TaskRecord = state.tasks[task.id]?.record else { continue }
            if current.state.isSuspended { continueSuspended(current) } else { waitAgain(current) }
        }
    }

    private func isBeingStopped(_ task: TaskRecord) -> Bool {
        task.state.cancellation != nil || state.tasks[task.id]?.pendingFailure != nil
    }
}
