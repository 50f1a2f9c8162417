/// A rule of the engine's state that does not hold: a mistake in the engine.
package struct BrokenInvariant: Error, CustomStringConvertible {
    /// The rule, as it should be.
    package let rule: String
    /// What breaks it.
    package let detail: String

    /// The rule and what breaks it.
    package var description: String { "\(rule): \(detail)" }
}

/// Goes on only if the rule holds.
func hold(_ condition: Bool, _ rule: String, _ detail: @autoclosure () -> String) throws(BrokenInvariant) {
    guard condition else { throw BrokenInvariant(rule: rule, detail: detail()) }
}

extension Engine {
    /// Looks at the whole state, between commands, for tests; O(n) in all that is live.
    ///
    /// - Throws: The first rule that does not hold.
    package func checkInvariants() throws(BrokenInvariant) { try state.checkInvariants(under: configuration) }
}

/// What is true of the state between any two commands.
extension EngineState {
    /// Looks at everything; O(n) in all that is live.
    ///
    /// - Throws: The first rule that does not hold.
    package func checkInvariants(under configuration: EngineConfiguration) throws(BrokenInvariant) {
        let timers: [TimerReason: [Instant]] = self.timers.all
        for (id, task) in tasks {
            try check(task, id)
            try checkDependencies(of: task, id)
            try checkTimers(of: task, id, timers)
            try checkPlace(of: task, id, configuration)
            try checkAddressee(of: task, id)
        }
        for (id, agent) in agents {
            try check(agent, id)
            try checkTimers(of: agent, id, timers)
            try checkSeat(of: agent, id)
            try checkLearning(of: agent, id)
        }
        try checkDependents()
        try checkCoordination(timers)
        try checkGates(timers)
        try checkBudgets(timers)
        try checkCounters(configuration)
        for (id, waiting) in addressed {
            let known: Bool = !waiting.isEmpty && waiting.allSatisfy { tasks[$0]?.record.specification.agent == id }
            try hold(known, "only live tasks are known to be addressed to an agent", "\(id)")
        }
        try checkRemembered(configuration)
        try checkSchedules(timers, configuration)
        try checkWorkflows(timers, configuration)
        try checkResources(timers, configuration)
        try checkPools(timers, configuration)
        try ready.checkInvariants()
        try hold(
            isDraining || !ready.hasMatch, "no task waits while an agent is free for it", "\(ready.waitingCount) wait")
    }

    // MARK: Tasks

    private func check(_ task: LiveTask, _ id: TaskID) throws(BrokenInvariant) {
        let state: TaskState = task.record.state
        try hold(task.record.id == id, "a task stands under its own id", "\(id)")
        try hold(!state.status.isTerminal, "only live tasks are kept", "\(id) is \(state.status)")
        try hold((0...1).contains(state.progress), "progress is a share of 1", "\(id): \(state.progress)")
        try hold(state.attempt >= state.failures, "no more attempts fail than are made", "\(id)")
        try hold(!state.isSuspended || state.status == .paused, "only a paused attempt is suspended", "\(id)")
        try hold(state.holdsAgent == (state.agent != nil), "a task has an agent while an attempt is under way", "\(id)")
        try hold(state.cancellation == nil || state.holdsAgent, "only an attempt under way is being cancelled", "\(id)")
        try hold(task.pendingFailure == nil || state.holdsAgent, "only an attempt under way is being stopped", "\(id)")
        try hold(state.process == nil || state.holdsAgent, "only an attempt under way has a process", "\(id)")
        try hold(state.finishedAt == nil, "a live task has not finished", "\(id)")
        if state.status == .assigned { try hold(!task.hasStarted, "what has started is running", "\(id)") }
        if state.status == .running { try hold(task.hasStarted, "what is running has started", "\(id)") }
        guard let agentID: AgentID = state.agent else { return }
        try hold(state.attempt > 0, "an attempt under way has a number", "\(id)")
        let holders: [AgentID] = agents.filter { $0.value.record.state.currentTasks.contains(id) }.map(\.key)
        try hold(
            holders == [agentID], "an active task is one of its agent's tasks, and of no other's", "\(id): \(holders)")
    }

    private func checkDependencies(of task: LiveTask, _ id: TaskID) throws(BrokenInvariant) {
        let open: Int = task.record.specification.dependencies.count { tasks[$0] != nil }
        try hold(task.openDependencies == open, "a task counts the live tasks it waits for", "\(id): \(open)")
        switch task.record.status {
        case .pending: try hold(open > 0, "a pending task waits for another", "\(id)")
        case .paused, .awaitingApproval: break
        case .scheduled, .queued, .assigned, .running, .retrying:
            try hold(open == 0, "a task runs when those it depends on have completed", "\(id): \(open) are open")
        case .completed, .failed, .cancelled: break
        }
        for dependency: TaskID in task.record.specification.dependencies where tasks[dependency] != nil {
            let entries: Int = (dependents[dependency]?.entries ?? []).count {
                $0.task == id && $0.life == task.life
            }
            try hold(entries == 1, "a task stands once in the list of each it waits for", "\(id) for \(dependency)")
        }
    }

    private func checkDependents() throws(BrokenInvariant) {
        for (id, waiting) in dependents {
            try hold(tasks[id] != nil, "only live tasks are waited for", "\(id)")
            let stale: Int = waiting.entries.count { tasks[$0.task]?.life != $0.life }
            try hold(2 * stale <= waiting.entries.count, "lists of waiting tasks do not fill with old entries", "\(id)")
        }
    }

    private func checkTimers(
        of task: LiveTask, _ id: TaskID, _ timers: [TimerReason: [Instant]]
    ) throws(BrokenInvariant) {
        if let deadline: Instant = task.record.specification.deadline, deadline > now {
            let due: [Instant] = timers[.taskDeadline(id)] ?? []
            try hold(due.contains(deadline), "a timer waits for each deadline", "\(id)")
        }
        if task.record.status == .retrying || task.record.status == .scheduled {
            let due: [Instant] = timers[.taskRetry(id)] ?? []
            let start: Instant = task.record.state.notBefore ?? .distantFuture
            try hold(due.contains { $0 <= max(start, now) }, "a timer waits for each retry and each start", "\(id)")
        }
        if let timeout: Instant = task.timeoutAt, timeout > now {
            let attempt = AttemptID(task: id, number: task.record.state.attempt)
            let due: [Instant] = timers[.attemptTimeout(attempt)] ?? []
            try hold(due.contains(timeout), "a timer waits for each attempt that may take too long", "\(id)")
        }
        let counts: Bool = task.record.state.holdsAgent && !task.record.state.isSuspended
        try hold(task.timeoutAt == nil || counts, "only the time of an attempt that can go on is counted", "\(id)")
        try hold(
            task.timeoutLeft == nil || task.record.state.isSuspended, "only a suspended attempt's time stands still",
            "\(id)")
    }

    private func checkPlace(
        of task: LiveTask, _ id: TaskID, _ configuration: EngineConfiguration
    ) throws(BrokenInvariant) {
        let place: (lane: ReadyQueue.LaneKey, key: Int64)? = task.entry.flatMap { ready.place(of: $0, id) }
        try hold(
            (place != nil) == (task.record.status == .queued), "the queued tasks, and no others, wait in lanes", "\(id)"
        )
        guard let place else { return }
        let specification: TaskSpecification = task.record.specification
        let lane = ReadyQueue.LaneKey(specification, routing: configuration.routing)
        try hold(place.lane == lane, "a task waits in the lane of what it asks for", "\(id)")
        let queuedAt: Instant = task.record.state.queuedAt ?? task.record.createdAt
        let key: Int64 = queuedAt.milliseconds - task.record.state.priority.credit.count
        try hold(place.key == key, "a task's place follows from its priority and its time of queueing", "\(id)")
    }

    private func checkAddressee(of task: LiveTask, _ id: TaskID) throws(BrokenInvariant) {
        guard let addressee: AgentID = task.record.specification.agent else { return }
        try hold(addressed[addressee]?.contains(id) == true, "an addressed task is found by its agent", "\(id)")
        try hold(agents[addressee] != nil, "an addressed task lives as long as its agent", "\(id)")
        try hold(
            agents[addressee]?.termination == nil || task.record.state.cancellation != nil,
            "an addressed task ends with its agent", "\(id)")
        let holder: AgentID? = task.record.state.agent
        try hold(holder == nil || holder == addressee, "an addressed task is its agent's", "\(id)")
    }

    /// Every limit is derived from the tasks that are under way: none is counted that is not, and none is missing.
    private func checkGates(_ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        var expected: [GateKey: [TaskID: Int64]] = [:]
        for (id, task) in tasks where task.record.state.holdsAgent {
            for use: GateUse in ready.gates.uses(of: task.record) where !use.key.isRate {
                expected[use.key, default: [:]][id] = use.cost
            }
        }
        for (key, gate) in ready.gates.gates {
            try hold(
                gate.holders == expected[key] ?? [:],
                "a gate is held by the tasks that are under way, and by no others",
                "\(key)")
            if let timer: Instant = gate.timer {
                let due: [Instant] = timers[.gate(key)] ?? []
                try hold(due.contains(timer), "a timer waits for each gate that opens by itself", "\(key)")
            }
        }
        for (key, holders) in expected where !holders.isEmpty {
            try hold(ready.gates.gates[key] != nil, "a gate that is held is there", "\(key)")
        }
    }

    // MARK: Agents

    private func check(_ agent: LiveAgent, _ id: AgentID) throws(BrokenInvariant) {
        let state: AgentState = agent.record.state
        try hold(agent.record.id == id, "an agent stands under its own id", "\(id)")
        try hold(state.status != .terminated, "only live agents are kept", "\(id)")
        try hold(
            (agent.termination != nil) == (state.status == .stopping), "an agent stops when it has been asked to",
            "\(id) is \(state.status)")
        try hold(
            Set(state.currentTasks).count == state.currentTasks.count, "an agent has each task once", "\(id)")
        for task: TaskID in state.currentTasks {
            try hold(tasks[task]?.record.state.agent == id, "an agent's tasks are active", "\(id): \(task)")
        }
        switch state.status {
        case .ready, .idle:
            try hold(state.currentTasks.isEmpty, "an agent with tasks is busy", "\(id) is \(state.status)")
            try hold(agent.idleSince != nil, "an agent without tasks is idle since some time", "\(id)")
        case .busy:
            try hold(!state.currentTasks.isEmpty, "a busy agent has tasks", "\(id)")
            try hold(agent.idleSince == nil, "a busy agent is not idle", "\(id)")
        case .initializing, .paused, .stopping, .error, .terminated:
            try hold(
                agent.idleSince == nil, "only an agent that may be given tasks is idle", "\(id) is \(state.status)")
        }
    }

    private func checkTimers(
        of agent: LiveAgent, _ id: AgentID, _ timers: [TimerReason: [Instant]]
    ) throws(BrokenInvariant) {
        let status: AgentStatus = agent.record.status
        if let due: Instant = agent.heartbeatDue {
            let set: [Instant] = timers[.agentHeartbeat(id)] ?? []
            try hold(set.contains(due), "a timer waits for each heartbeat that is looked at", "\(id)")
        }
        if status.takesTasks {
            try hold(agent.heartbeatDue != nil, "the heartbeat of each agent that works is looked at", "\(id)")
        }
        if status == .error, !isDraining {
            let set: [Instant] = timers[.agentRestart(id)] ?? []
            try hold(!set.isEmpty, "a timer waits for each restart", "\(id)")
        }
        if agent.hasIdleTimer || (agent.record.origin == .onDemand && agent.idleSince != nil) {
            let set: [Instant] = timers[.agentIdle(id)] ?? []
            try hold(set.count == 1, "one timer waits for each idle agent that was made on demand", "\(id)")
        }
    }

    private func checkSeat(of agent: LiveAgent, _ id: AgentID) throws(BrokenInvariant) {
        let state: AgentState = agent.record.state
        let joins: Bool = state.status != .paused && state.status != .stopping
        try hold(
            ready.isMember(id) == (joins && !agent.staysPaused), "agents that are to work are known to the queue",
            "\(id) is \(state.status)")
        guard !isDraining else { return }
        let maximum: Int = agent.record.specification.maximumConcurrentTasks
        let isFree: Bool = state.status.takesTasks && state.currentTasks.count < maximum
        try hold(ready.hasSeat(id) == isFree, "an agent offers a seat while it has a free slot", "\(id)")
    }

    // MARK: Counters

    private func checkCounters(_ configuration: EngineConfiguration) throws(BrokenInvariant) {
        let pool: [LiveAgent] = agents.values.filter { $0.record.origin == .onDemand && $0.termination == nil }
        try hold(onDemandAgents == pool.count, "the pool counts its agents", "\(onDemandAgents) for \(pool.count)")
        let maximum: Int =
            pools[.onDemand].map { $0.mode == .onDemand ? $0.maximum : 0 } ?? configuration.onDemand.maximum
        try hold(pool.count <= maximum, "the pool does not outgrow its maximum", "\(pool.count)")
        let idle: Int = pool.count { $0.idleSince != nil }
        try hold(idleOnDemandAgents == idle, "the pool counts its idle agents", "\(idleOnDemandAgents) for \(idle)")
        for type: AgentType in AgentType.allCases {
            let starting: Int = pool.count {
                $0.record.specification.type == type && $0.record.status == .initializing
            }
            try hold(
                startingAgents[type, default: 0] == starting, "the pool counts its starting agents",
                "\(startingAgents[type, default: 0]) for \(starting) of type \(type)")
        }
        let limits: EngineLimits = configuration.limits
        try hold(tasks.count <= limits.liveTasks, "live tasks keep to their limit", "\(tasks.count)")
        let weight: Int = tasks.values.reduce(0) { $0 + $1.record.origin.weight }
        try hold(liveWeight == weight, "the bytes of live tasks are counted", "\(liveWeight) for \(weight)")
        try hold(agents.count <= limits.agents, "agents keep to their limit", "\(agents.count)")
        let numbers: Set<UInt64> = Set(tasks.values.map(\.record.number))
        try hold(numbers.count == tasks.count, "no two tasks have the same number", "\(tasks.count)")
        try hold((numbers.max() ?? 0) <= lastTaskNumber, "task numbers are counted", "\(lastTaskNumber)")
    }

    private func checkRemembered(_ configuration: EngineConfiguration) throws(BrokenInvariant) {
        let limit: Int = configuration.limits.idempotencyKeys
        try hold(
            idempotencyOrder.count <= limit, "remembered requests keep to their limit", "\(idempotencyOrder.count)")
        var places: Set<IdempotencyPlace> = []
        for offset in 0..<idempotencyOrder.count {
            if let place: IdempotencyPlace = idempotencyOrder[offset] { places.insert(place) }
        }
        for (index, entry) in idempotency {
            let place = IdempotencyPlace(index: index, expires: entry.expires)
            try hold(
                places.contains(place), "a remembered request has a place in the order of forgetting", "\(index.key)")
        }
    }
}
