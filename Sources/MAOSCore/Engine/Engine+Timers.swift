/// What becomes due, and what happens around the end and the start of the server.
extension Engine {
    /// Sees to every timer that is due.
    mutating func fireTimers() {
        while let reason: TimerReason = state.timers.popDue(at: state.now) {
            switch reason {
            case .taskDeadline(let id): deadlineDue(id)
            case .attemptTimeout(let id): timeoutDue(id)
            case .taskRetry(let id): retryDue(id)
            case .attemptBudget(let id): attemptBudgetDue(id)
            case .projectBudget(let id, let number): projectBudgetDue(id, number)
            case .agentHeartbeat(let id): heartbeatDue(id)
            case .agentRestart(let id): restartDue(id)
            case .agentIdle(let id): idleDue(id)
            case .scheduleRun(let id, let timer): scheduleDue(id, timer)
            case .executionTimeout(let id): executionTimeoutDue(id)
            case .executionBudget(let id, let number): executionBudgetDue(id, number)
            case .approvalTimeout(let id): approvalTimeoutDue(id)
            case .allocationEnd(let id): allocationDue(id)
            case .poolCheck(let id, let timer): poolCheckDue(id, timer)
            case .coordination: coordinationDue()
            case .gate(let key): state.ready.look(at: key, at: state.now)
            }
        }
    }

    static let deadlineFailure = TaskFailure(.deadline, "The deadline passed before the task had ended")

    private mutating func deadlineDue(_ id: TaskID) {
        guard let task: TaskRecord = state.tasks[id]?.record, let deadline: Instant = task.specification.deadline,
            deadline <= state.now
        else { return }
        let failure: TaskFailure = Engine.deadlineFailure
        guard task.state.holdsAgent else {
            endTask(id, as: .failed, failure: failure)
            return
        }
        #if EngineFaults
        if EngineFault.lateDeadline.isOn { return }
        #endif
        guard task.state.cancellation == nil else { return }
        state.tasks[id]?.pendingFailure = failure
        batch.effects.append(.stopAttempt(AttemptID(task: id, number: task.state.attempt), .deadline))
    }

    private mutating func timeoutDue(_ id: AttemptID) {
        guard let task: EngineState.LiveTask = state.tasks[id.task], task.record.state.holdsAgent,
            task.record.state.attempt == id.number, task.record.state.cancellation == nil, task.pendingFailure == nil,
            let due: Instant = task.timeoutAt, due <= state.now
        else { return }
        let agent: AgentRecord? = task.record.state.agent.flatMap { state.agents[$0]?.record }
        let limit: Milliseconds? = task.record.specification.timeout ?? agent?.specification.commandTimeout
        let text: String = limit.map { "The attempt took longer than \($0.count) ms" } ?? "The attempt took too long"
        state.tasks[id.task]?.pendingFailure = TaskFailure(.timeout, text)
        batch.effects.append(.stopAttempt(id, .timeout))
    }

    private mutating func retryDue(_ id: TaskID) {
        guard let task: TaskRecord = state.tasks[id]?.record,
            task.status == .retrying || task.status == .scheduled,
            let notBefore: Instant = task.state.notBefore, notBefore <= state.now
        else { return }
        makeRunnable(id, isItsTime: true)
    }

    /// Stops every attempt in an orderly way; the tasks run again after the next start.
    mutating func drain() {
        guard !state.isDraining else { return }
        state.isDraining = true
        let active: [TaskRecord] = state.tasks.values.map(\.record).filter(\.state.holdsAgent)
        for task: TaskRecord in active.sorted(by: { $0.number < $1.number }) {
            batch.effects.append(.stopAttempt(AttemptID(task: task.id, number: task.state.attempt), .draining))
        }
    }

    /// Takes over what is stored; to be called once, before the first command.
    package mutating func load(_ recovered: RecoveredState, at now: Instant) {
        precondition(state.tasks.isEmpty && state.agents.isEmpty, "an engine is loaded once, at its start")
        state.now = now
        state.lastSequence = recovered.lastSequence
        #if EngineFaults
        if EngineFault.repeatedSequence.isOn, state.lastSequence > 0 { state.lastSequence -= 1 }
        #endif
        state.lastTaskNumber = recovered.lastTaskNumber
        state.lastAgentNumber = recovered.lastAgentNumber
        // An empty journal has seen nothing start.
        state.ready.gates.loadedAt = recovered.lastSequence > 0 ? now : nil
        for entry: IdempotencyEntry in recovered.idempotency { remember(entry) }
        for task: TaskRecord in recovered.tasks {
            state.lastLife += 1
            state.tasks[task.id] = EngineState.LiveTask(record: task, life: state.lastLife)
            state.liveWeight += task.origin.weight
            noteAddressee(of: task)
            if task.state.holdsAgent { enterGates(task) }
        }
        for agent: AgentRecord in recovered.agents { load(agent) }
        for task: TaskRecord in recovered.tasks { loadOrders(of: task) }
        setGateTimers()
    }

    /// Takes over what an engine, whose last batch could not be stored, knew of this run of the server and is not stored.
    package mutating func adopt(runOf other: Engine) {
        state.isDraining = other.state.isDraining
        state.ready.adopt(other.state.ready, at: state.now)
        // What is given back from now on was asked for by the other.
        for (id, recall) in other.state.recalls.merging(
            other.coordinationMarks.recalls, uniquingKeysWith: { mine, _ in mine })
        {
            guard let task: EngineState.LiveTask = state.tasks[id], task.record.state.holdsAgent, !task.hasStarted,
                task.record.state.attempt == recall.attempt
            else { continue }
            state.recalls[id] = recall
        }
        for (id, request) in other.state.cancelRequests where state.tasks[id]?.record.state.cancellation != nil {
            state.cancelRequests[id] = request
        }
        resumeCoordination(other.coordinationMarks)
        setGateTimers()
        stopAgain()
        let agents: [EngineState.LiveAgent] = other.state.agents.values.sorted { $0.record.number < $1.record.number }
        for agent: EngineState.LiveAgent in agents {
            let id: AgentID = agent.record.id
            guard let status: AgentStatus = state.agents[id]?.record.status else { continue }
            if status == .stopping {
                state.agents[id]?.ending = agent.ending
                state.agents[id]?.reassignedTasks = agent.reassignedTasks
            }
            // A crash that could not be stored is only known once it is reported again.
            if agent.runningSince == nil, agent.record.status != .error {
                state.agents[id]?.runningSince = nil
                // Nobody hears of a paused agent that has not been started.
                if status == .paused { state.agents[id]?.heartbeatDue = nil }
            }
            // One that started in that batch, and was paused again at once, will start once more.
            let staysPaused: Bool = agent.staysPaused || agent.record.status == .paused
            guard staysPaused, status == .error || status == .initializing else { continue }
            state.agents[id]?.staysPaused = true
            state.ready.leave(id)
        }
    }

    private mutating func loadOrders(of task: TaskRecord) {
        var open: Int = 0
        for dependency: TaskID in task.specification.dependencies where state.tasks[dependency] != nil {
            open += 1
            state.dependents[dependency, default: Dependents()].append(
                task.id, life: state.tasks[task.id]?.life ?? 0)
            state.tasks[dependency]?.isAwaited = true
        }
        state.tasks[task.id]?.openDependencies = open
        if let deadline: Instant = task.specification.deadline {
            state.timers.set(.taskDeadline(task.id), at: deadline)
        }
        switch task.status {
        case .queued:
            _ = stand(task)
        case .retrying, .scheduled:
            state.timers.set(.taskRetry(task.id), at: task.state.notBefore ?? state.now)
        case .assigned, .running, .paused:
            let agent: AgentRecord? = task.state.agent.flatMap { state.agents[$0]?.record }
            guard task.state.holdsAgent else { return }
            state.tasks[task.id]?.hasStarted = task.status == .running || task.state.process != nil
            guard let timeout: Milliseconds = task.specification.timeout ?? agent?.specification.commandTimeout else {
                return
            }
            let due: Instant = (task.state.startedAt ?? state.now) + timeout
            if task.state.isSuspended {
                state.tasks[task.id]?.timeoutLeft = due - task.state.updatedAt
            } else {
                state.tasks[task.id]?.timeoutAt = due
                state.timers.set(.attemptTimeout(AttemptID(task: task.id, number: task.state.attempt)), at: due)
            }
        case .pending, .awaitingApproval, .completed, .failed, .cancelled:
            break
        }
    }

    private mutating func load(_ agent: AgentRecord) {
        let id: AgentID = agent.id
        state.agents[id] = EngineState.LiveAgent(record: agent)
        state.resources.add(agent)
        if agent.status == .stopping { state.agents[id]?.termination = .graceful } else { joinPool(agent) }
        if agent.origin == .onDemand, agent.status != .stopping {
            state.onDemandAgents += 1
            if agent.status == .initializing { state.startingAgents[agent.specification.type, default: 0] += 1 }
        }
        if agent.status != .stopping, agent.status != .paused {
            state.ready.join(id, profile: profile(of: agent))
        }
        switch agent.status {
        case .ready, .idle, .busy, .paused, .stopping:
            state.agents[id]?.runningSince = state.now
            state.agents[id]?.record.state.lastHeartbeat = state.now
            watchHeartbeat(of: id)
        case .error:
            setRestartTimer(id)
        case .initializing, .terminated:
            break
        }
        guard agent.status.takesTasks else { return }
        let load: Int = agent.state.currentTasks.count
        if load == 0 { becomeIdle(id) }
        if load < agent.specification.maximumConcurrentTasks { _ = state.ready.offerSeat(of: id, load: load) }
    }

    /// What an earlier run left under way has ended with it: attempts are repeated or failed by their policy.
    mutating func recover() {
        recoverAgents()
        let active: [TaskRecord] = state.tasks.values.map(\.record).filter(\.state.holdsAgent)
        for task: TaskRecord in active.sorted(by: { $0.number < $1.number }) {
            countInterruptedRun(of: task.id)
            #if EngineFaults
            if EngineFault.skippedRecovery.isOn { continue }
            #endif
            if task.state.cancellation != nil {
                endTask(task.id, as: .cancelled, failure: nil)
            } else if let deadline: Instant = task.specification.deadline, deadline <= state.now {
                endTask(task.id, as: .failed, failure: Engine.deadlineFailure)
            } else {
                attemptInterrupted(task.id)
            }
        }
        recoverSchedules()
        recoverPools()
        hasNewDemand = true
    }
}
