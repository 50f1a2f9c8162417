/// How tasks reach agents, and how attempts end.
extension Engine {
    // MARK: Queueing and assignment

    /// Puts a queued task into its lane and looks for an agent.
    mutating func enqueue(_ id: TaskID) {
        guard let record: TaskRecord = state.tasks[id]?.record else { return }
        enqueue(record)
    }

    /// The same for a task as it is stored.
    mutating func enqueue(_ record: TaskRecord) {
        precondition(record.status == .queued, "only queued tasks wait in lanes")
        assignWaiting(inLane: stand(record))
    }

    /// Gives a queued task its place, which is no other after a restart; gives its lane.
    mutating func stand(_ record: TaskRecord) -> Int {
        let queuedAt: Instant = record.state.queuedAt ?? record.createdAt
        let place = state.ready.enqueue(
            record, key: queuedAt.milliseconds - record.state.priority.credit.count,
            lane: ReadyQueue.LaneKey(record.specification, routing: configuration.routing),
            at: state.now)
        state.tasks.change(record.id) { $0?.entry = place.entry }
        return place.lane
    }

    /// Takes a task out of the queue, if it is there.
    mutating func withdraw(_ id: TaskID) {
        guard let entry: Int = state.tasks[id]?.entry else { return }
        state.tasks[id]?.entry = nil
        state.ready.withdraw(entry, at: state.now)
    }

    mutating func assignWaiting(inLane index: Int) {
        guard !state.isDraining else { return }
        while let match = state.ready.match(lane: index, at: state.now) { assign(match.task, to: match.agent) }
        // Agents are made for tasks that ask for no capabilities.
        if state.ready.lanes[index].key.isPlain { hasNewDemand = true }
    }

    /// Offers an agent's free slots, and gives it tasks that wait for them.
    mutating func offerSlots(of id: AgentID) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        let load: Int = agent.record.state.currentTasks.count
        guard !state.isDraining, agent.termination == nil, agent.record.status.takesTasks,
            load < agent.record.specification.maximumConcurrentTasks
        else {
            state.ready.withdrawSeat(of: id)
            return
        }
        if load == 0, agent.record.origin == .onDemand, state.onDemandAgents >= onDemandMaximum,
            state.ready.yields(id, at: state.now)
        {
            // Tasks that have waited for longer need an agent of another type, and the pool has no room for one.
            stopAgent(id, graceful: true)
            return
        }
        guard let profile: Int = state.ready.offerSeat(of: id, load: load) else { return }
        // A gate may have let somebody through who comes before those that this agent could take.
        while let lane: Int = state.ready.takeReopened(beforeThoseOf: profile) { assignWaiting(inLane: lane) }
        while let match = state.ready.match(profile: profile, at: state.now) { assign(match.task, to: match.agent) }
    }

    private mutating func assign(_ id: TaskID, to agentID: AgentID, reason: String? = nil) {
        guard let taken = state.agents[agentID]?.take(id, at: state.now, in: batchNumber) else {
            preconditionFailure("an agent with a seat is live")
        }
        if taken.isNews { changedAgents.append(agentID) }
        state.idleOnDemandAgents += taken.idleChange
        agentsWithNewWork.append(agentID)
        guard let agent: AgentRecord = state.agents[agentID]?.record else {
            preconditionFailure("an agent with a seat is live")
        }
        let usual: Milliseconds? = agent.specification.commandTimeout
        let isNews: Bool? = state.tasks[id]?.beginAttempt(
            on: agentID, usualTimeout: usual, at: state.now, in: batchNumber)
        if isNews == true { changedTasks.append(id) }
        guard let task: TaskRecord = state.tasks[id]?.record else { preconditionFailure("what waits is live") }
        emitTask(.assigned, task, reason: reason)
        let attempt = AttemptID(task: id, number: task.state.attempt)
        // What the attempt before had reached is taken back.
        if attempt.number > 1 { noteProgress(of: id) }
        if let timeout: Milliseconds = task.specification.timeout ?? usual {
            state.timers.set(.attemptTimeout(attempt), at: state.now + timeout)
        }
        var launch = AttemptLaunch(id: attempt, task: task, agent: agent)
        launch.watchesProcessorTime = openAccount(of: task)
        batch.effects.append(.startAttempt(launch))
        #if EngineFaults
        if EngineFault.doubleStart.isOn { batch.effects.append(.startAttempt(launch)) }
        #endif
        if agent.state.currentTasks.count < agent.specification.maximumConcurrentTasks {
            _ = state.ready.offerSeat(of: agentID, load: agent.state.currentTasks.count)
        }
    }

    /// Queues a task that waits for nothing else any more, or lets it go on waiting for what remains.
    mutating func makeRunnable(_ id: TaskID, isItsTime: Bool = false) {
        guard let task: EngineState.LiveTask = state.tasks[id] else { return }
        if task.openDependencies > 0 {
            // Its time has come before what it waits for has completed.
            guard task.record.status != .pending else { return }
            state.tasks[id]?.record.state.status = .pending
            touch(id)
        } else if !isItsTime, let start: Instant = scheduledStart(of: task.record) {
            waitForStart(id, at: start)
        } else if let notBefore: Instant = task.record.state.notBefore, notBefore > state.now {
            state.tasks[id]?.record.state.status = .retrying
            touch(id)
            state.timers.set(.taskRetry(id), at: notBefore)
        } else {
            if task.record.state.queuedAt == nil { makeNextRun(after: task.record) }
            state.tasks[id]?.record.state.status = .queued
            state.tasks[id]?.record.state.queuedAt = state.now
            touch(id)
            emitTaskNow(.queued, id)
            enqueue(id)
        }
    }

    // MARK: Reports

    mutating func attemptStarted(_ id: AttemptID, process: ProcessIdentity?) throws(Rejection) {
        try requireCurrent(id)
        _ = takeRecall(of: id)
        guard state.tasks[id.task]?.start(process, at: state.now) == true else { return }
        touch(id.task)
        guard let task: TaskRecord = state.tasks[id.task]?.record else { return }
        guard isLimited(task) else { return emitTask(.started, task) }
        runningChanged(of: id.task)
        emitTaskNow(.started, id.task)
    }

    mutating func attemptProgressed(_ id: AttemptID, progress: Double?, step: String?) throws(Rejection) {
        try requireCurrent(id)
        if let progress, progress.isFinite {
            // What has been reached in an attempt is never taken back.
            let reached: Double = state.tasks[id.task]?.record.state.progress ?? 0
            state.tasks[id.task]?.record.state.progress = min(max(progress, reached), 1)
        }
        if let step, state.tasks[id.task]?.record.state.cancellation == nil {
            state.tasks[id.task]?.record.state.step = step
        }
        touch(id.task)
        emitTaskNow(.progressed, id.task)
        if progress != nil { noteProgress(of: id.task) }
    }

    mutating func attemptStopping(_ id: AttemptID, stage: CancellationStage) throws(Rejection) {
        try requireCurrent(id)
        let reached: CancellationStage? = state.tasks[id.task]?.record.state.cancellation
        guard let current: CancellationStage = reached, current.rawValue < stage.rawValue else {
            return
        }
        state.tasks[id.task]?.record.state.cancellation = stage
        touch(id.task)
        emitTaskNow(.cancelStage, id.task)
    }

    mutating func attemptEnded(_ id: AttemptID, outcome: AttemptOutcome, used: Usage) throws(Rejection) {
        try requireCurrent(id)
        if used != Usage(), let record: TaskRecord = state.tasks[id.task]?.record { _ = noteUsage(of: record, used) }
        let isCancelled: Bool = state.tasks[id.task]?.record.state.cancellation != nil
        let recall: EngineState.Recall? = takeRecall(of: id)
        switch outcome {
        case .completed(let result):
            endTask(id.task, as: .completed, failure: nil, result: result)
        case .failed(let failure):
            if isCancelled {
                endTask(id.task, as: .cancelled, failure: nil)
            } else {
                attemptFailed(id.task, state.tasks[id.task]?.pendingFailure ?? failure)
            }
        case .stopped:
            if isCancelled {
                endTask(id.task, as: .cancelled, failure: nil)
            } else if let pending: TaskFailure = state.tasks[id.task]?.pendingFailure {
                attemptFailed(id.task, pending)
            } else if let recall, state.tasks[id.task]?.hasStarted == false {
                attemptGivenBack(id.task, recall)
            } else {
                attemptInterrupted(id.task)
            }
        }
    }

    /// Refuses a report that is not about the current attempt of a live task.
    func requireCurrent(_ id: AttemptID) throws(Rejection) {
        // Only what is asked for is copied, not the task.
        guard let newest: Int = state.tasks[id.task]?.record.state.attempt else {
            throw .notFound(.task, id: id.task.rawValue)
        }
        #if EngineFaults
        if EngineFault.skippedFencing.isOn, state.tasks[id.task]?.record.state.holdsAgent == true { return }
        #endif
        guard newest == id.number, state.tasks[id.task]?.record.state.holdsAgent == true else {
            throw .conflict(
                reason: "stale_attempt",
                message: "Attempt \(id.number) of task \(id.task) is over; the newest is \(newest)")
        }
    }

    // MARK: Ends

    private mutating func attemptFailed(_ id: TaskID, _ failure: TaskFailure) {
        guard let task: TaskRecord = state.tasks[id]?.record else { return }
        let policy: RetryPolicy = task.specification.retryPolicy
        let failures: Int = task.state.failures + 1
        state.tasks[id]?.record.state.failures = failures
        #if EngineFaults
        if EngineFault.uncountedRetry.isOn { state.tasks[id]?.record.state.failures = task.state.failures }
        #endif
        state.tasks[id]?.record.state.noteCause(failure, at: state.now)
        let reached: TaskFailure? = failure.code == .budget ? failure : reachedCeiling(of: task)
        guard failures < policy.maximumAttempts, failure.code != .deadline, reached == nil else {
            state.tasks[id]?.record.state.isDeadLetter = failure.code != .deadline
            #if EngineFaults
            if EngineFault.lostDeadLetter.isOn { state.tasks[id]?.record.state.isDeadLetter = false }
            #endif
            let isLast: Bool = failures >= policy.maximumAttempts || failure.code == .deadline
            endTask(id, as: .failed, failure: isLast ? failure : reached ?? failure)
            return
        }
        let delay: Milliseconds = backoff(after: failures, first: policy.backoff, factor: policy.factor)
        let agent: AgentID? = releaseAgent(of: id, completed: false, failure: failure)
        state.tasks[id]?.record.state.error = failure
        state.tasks[id]?.record.state.notBefore = state.now + delay
        if task.status != .paused { state.tasks[id]?.record.state.status = .retrying }
        touch(id)
        if let record: TaskRecord = state.tasks[id]?.record { emitTask(.retryScheduled, record, agent: agent) }
        if task.status != .paused { state.timers.set(.taskRetry(id), at: state.now + delay) }
        if let agent { offerSlots(of: agent) }
    }

    /// Puts a task back that lost its attempt through no fault of its own.
    mutating func attemptInterrupted(_ id: TaskID) {
        guard let task: TaskRecord = state.tasks[id]?.record else { return }
        let interruptions: Int = task.state.interruptions + 1
        state.tasks[id]?.record.state.interruptions = interruptions
        let isTooOften: Bool = interruptions > configuration.limits.interruptions
        let reason: String = isTooOften ? "interrupted \(interruptions) times" : "interrupted"
        let failure = TaskFailure(.interrupted, "The attempt was \(reason)")
        state.tasks[id]?.record.state.noteCause(failure, at: state.now)
        let reached: TaskFailure? = reachedCeiling(of: task)
        guard task.specification.retryPolicy.onInterruption == .retry, !isTooOften, reached == nil else {
            state.tasks[id]?.record.state.isDeadLetter = true
            endTask(id, as: .failed, failure: reached ?? failure)
            return
        }
        let wasPaused: Bool = task.status == .paused
        let agent: AgentID? = releaseAgent(of: id, completed: nil, failure: nil)
        state.tasks[id]?.record.state.status = wasPaused ? .paused : .pending
        touch(id)
        if let agent, state.agents[agent]?.termination != nil { state.agents[agent]?.reassignedTasks += 1 }
        if let record: TaskRecord = state.tasks[id]?.record { emitTask(.interrupted, record, agent: agent) }
        if !wasPaused { makeRunnable(id) }
        if let agent { offerSlots(of: agent) }
    }

    /// The wait before try number `failures` + 1: exponential, spread by a fifth either way, and bounded.
    mutating func backoff(after failures: Int, first: Milliseconds, factor: Double) -> Milliseconds {
        let bound: Double = Double(configuration.limits.backoff.count)
        var delay: Double = min(Double(max(first.count, 0)), bound)
        for _ in 1..<max(failures, 1) where delay < bound { delay *= factor }
        let whole: Int64 = Int64(min(delay, bound))
        guard whole > 5 else { return Milliseconds(whole) }
        let spread: UInt64 = UInt64(whole) / 5
        let spreadOut: Int64 = whole - Int64(spread) + Int64(random.below(2 * spread + 1))
        return Milliseconds(min(spreadOut, configuration.limits.backoff.count))
    }

    /// What a task ends with.
    private struct Ending {
        var status: TaskStatus
        var failure: TaskFailure?
        var reason: String?
        var subject: String?
        var result: JSONText?

        /// How the attempt counts for its agent; `nil` when the agent had no part in its end.
        var countsAsCompleted: Bool? {
            switch status {
            case .completed: true
            case .failed where failure?.code != .interrupted: false
            default: nil
            }
        }
    }

    /// Ends a task for good, and all that depend on it if it did not complete.
    mutating func endTask(
        _ id: TaskID, as status: TaskStatus, failure: TaskFailure?, reason: String? = nil, by subject: String? = nil,
        result: JSONText? = nil
    ) {
        var others: [(id: TaskID, failure: TaskFailure)] = []
        var ending = Ending(status: status, failure: failure, reason: reason, subject: subject, result: result)
        if let request: EngineState.CancelRequest = state.cancelRequests.removeValue(forKey: id), status == .cancelled {
            ending.reason = reason ?? request.reason
            ending.subject = subject ?? request.subject
        }
        let agent: AgentID? = end(id, ending, andCancel: &others)
        var released: [AgentID] = []
        while let next = others.popLast() {
            let agent: AgentID? = end(next.id, Ending(status: .cancelled, failure: next.failure), andCancel: &others)
            if let agent { released.append(agent) }
        }
        if let agent { offerSlots(of: agent) }
        for agent: AgentID in released { offerSlots(of: agent) }
    }

    /// Ends one task, and makes those runnable that waited for it; gives those that are to be cancelled, and its agent.
    private mutating func end(
        _ id: TaskID, _ ending: Ending, andCancel others: inout [(id: TaskID, failure: TaskFailure)]
    ) -> AgentID? {
        guard let task: EngineState.LiveTask = state.tasks.removeValue(forKey: id) else { return nil }
        state.liveWeight -= task.record.origin.weight
        var record: TaskRecord = task.record
        if let entry: Int = task.entry { state.ready.withdraw(entry, at: state.now) }
        if record.state.holdsAgent, let agent: AgentID = record.state.agent {
            if task.timeoutAt != nil || task.timeoutLeft != nil || task.hasBudgetTimer { abandonTimer() }
            closeAccount(of: &record)
            release(agent, from: record, completed: ending.countsAsCompleted, failure: ending.failure)
        }
        let agent: AgentID? = record.state.agent
        if let addressee: AgentID = record.specification.agent { forget(id, addressedTo: addressee) }
        if task.openDependencies > 0 { leaveDependencies(of: task) }
        if record.specification.deadline != nil { abandonTimer() }
        record.state.end(as: ending.status, failure: ending.failure, result: ending.result, at: state.now)
        ended[id] = batch.tasks.count
        batch.tasks.append(record)
        noteEnd(of: record)
        switch ending.status {
        case .completed: emitTask(.completed, record, reason: ending.reason)
        case .failed: emitTask(.failed, record, reason: ending.reason)
        default: emitTask(.cancelled, record, reason: ending.reason, subject: ending.subject)
        }
        if !state.scheduleRuns.isEmpty { scheduleRunEnded(.task(id)) }
        if task.isAwaited, let waiting: Dependents = state.dependents.removeValue(forKey: id) {
            settle(waiting, after: record, andCancel: &others)
        }
        return agent
    }

    /// Makes runnable what waited for a completed task; what waited for another is to be cancelled.
    private mutating func settle(
        _ waiting: Dependents, after ended: TaskRecord, andCancel others: inout [(id: TaskID, failure: TaskFailure)]
    ) {
        var runnable: [TaskID] = []
        for entry: Dependents.Entry in waiting.entries where state.tasks[entry.task]?.life == entry.life {
            #if EngineFaults
            if EngineFault.lostWakeUp.isOn, ended.status == .completed { continue }
            if EngineFault.lostCascade.isOn, ended.status != .completed { continue }
            #endif
            if ended.status != .completed {
                others.append((entry.task, dependencyFailure(ended)))
            } else if state.tasks[entry.task]?.closeDependency() == true {
                runnable.append(entry.task)
            }
        }
        for id: TaskID in runnable { makeRunnable(id) }
    }

    /// Takes a task that ends early off the lists of those it waits for.
    private mutating func leaveDependencies(of task: EngineState.LiveTask) {
        for dependency: TaskID in task.record.specification.dependencies where state.dependents[dependency] != nil {
            let tasks: SlabTable<TaskID, EngineState.LiveTask> = state.tasks
            state.dependents[dependency]?.abandon { tasks[$0.task]?.life == $0.life }
            if state.dependents[dependency]?.entries.isEmpty == true { state.dependents[dependency] = nil }
        }
    }

    func dependencyFailure(_ dependency: TaskRecord) -> TaskFailure {
        TaskFailure(
            .dependency,
            "The task \(dependency.id) that it depends on \(dependency.status == .failed ? "failed" : "was cancelled")")
    }

    /// Takes a live task from its agent, and gives the agent back; `completed` is how the attempt counts, if at all.
    private mutating func releaseAgent(of id: TaskID, completed: Bool?, failure: TaskFailure?) -> AgentID? {
        guard var task: TaskRecord = state.tasks[id]?.record, let agent: AgentID = task.state.agent else { return nil }
        closeAccount(of: &task)
        state.tasks[id]?.record.state = task.state
        if state.tasks[id]?.endAttempt() == true { abandonTimer() }
        release(agent, from: task, completed: completed, failure: failure)
        return agent
    }

    private mutating func release(
        _ agent: AgentID, from task: TaskRecord, completed: Bool?, failure: TaskFailure?
    ) {
        leaveGates(task)
        releaseSlot(of: agent, from: task, completed: completed, failure: failure)
    }

    private mutating func releaseSlot(
        of agent: AgentID, from task: TaskRecord, completed: Bool?, failure: TaskFailure?
    ) {
        guard
            let released = state.agents[agent]?.release(
                task.id, completed: completed, startedAt: task.state.startedAt, at: state.now, in: batchNumber)
        else { return }
        if released.isNews { changedAgents.append(agent) }
        agentsWithNewWork.append(agent)
        if let completed, !task.specification.capabilities.isEmpty, completed || failure?.code.isAgentsOwn == true {
            learn(from: task, on: agent, isSuccess: completed)
        }
        switch released.next {
        case .work: break
        case .rest: becomeIdle(agent)
        case .stop(let graceful): batch.effects.append(.stopAgent(agent, graceful: graceful))
        }
    }

    /// Gives a task whose attempt has not begun to another agent with a free slot; it stays behind the gates that it passed.
    mutating func handOver(_ id: TaskID, from giver: AgentID, to taker: AgentID) {
        guard var task: TaskRecord = state.tasks[id]?.record else { return }
        closeAccount(of: &task)
        state.tasks[id]?.record.state = task.state
        if state.tasks[id]?.endAttempt() == true { abandonTimer() }
        // What it may use has become less.
        enterGates(task)
        releaseSlot(of: giver, from: task, completed: nil, failure: nil)
        // Whoever follows the task sees it wait again, if only for a moment.
        state.tasks[id]?.record.state.status = .queued
        touch(id)
        emitTaskNow(.queued, id, reason: "load_balancing")
        state.ready.withdrawSeat(of: taker)
        assign(id, to: taker, reason: "load_balancing")
    }

    /// Puts a task whose attempt has not begun back to its place in the queue; a paused one stays out of it.
    mutating func returnToQueue(_ id: TaskID) {
        let isPaused: Bool = state.tasks[id]?.record.status == .paused
        let agent: AgentID? = releaseAgent(of: id, completed: nil, failure: nil)
        state.tasks[id]?.record.state.status = isPaused ? .paused : .queued
        touch(id)
        if isPaused {
            // It has no agent any more.
            emitTaskNow(.paused, id, reason: "load_balancing")
        } else {
            emitTaskNow(.queued, id)
            enqueue(id)
        }
        if let agent { offerSlots(of: agent) }
    }

    /// Notes that a timer has lost its reason; clears such timers away when they are the larger part.
    mutating func abandonTimer() {
        guard state.timers.abandon() else { return }
        // Only the table is shared with the closure: a copy of the whole state would make the timers' change copy them.
        let tasks: SlabTable<TaskID, EngineState.LiveTask> = state.tasks
        let runTimers: [ScheduleID: UInt64] = state.runTimers
        let flows: FlowState = state.flows
        let allocations: EntityTable<AllocationRecord> = state.allocations
        let budgetTimers: [BudgetID: EngineState.BudgetTimer] = state.budgetTimers
        state.timers.removeAll { (reason: TimerReason) in
            switch reason {
            case .taskDeadline(let id), .taskRetry(let id):
                tasks[id] == nil
            case .attemptTimeout(let id), .attemptBudget(let id):
                tasks[id.task].map { $0.record.state.attempt != id.number || !$0.record.state.holdsAgent } ?? true
            case .scheduleRun(let id, let timer): runTimers[id] != timer
            case .allocationEnd(let id): allocations[id]?.endedAt != nil || allocations[id] == nil
            case .poolCheck: false
            case .projectBudget(let id, let timer): budgetTimers[id]?.number != timer
            case .executionTimeout(let id): flows.executions[id] == nil && !flows.changed.contains(id)
            case .executionBudget(let id, let timer): flows.accounts[id]?.timer?.number != timer
            case .approvalTimeout(let id): flows.approvals[id]?.status != .pending
            case .agentHeartbeat, .agentRestart, .agentIdle, .gate, .coordination: false
            }
        }
    }
}
