/// What happens to a task, each in one piece: a table is searched once for it.
extension EngineState.LiveTask {
    /// Notes a change for a batch; false when one has been noted already.
    mutating func note(in batch: UInt64) -> Bool {
        guard self.batch != batch else { return false }
        self.batch = batch
        return true
    }

    /// Stamps a change, and notes it.
    mutating func touch(at now: Instant, in batch: UInt64) -> Bool {
        record.state.updatedAt = now
        return note(in: batch)
    }

    /// One of the tasks that it waits for has completed; true when it waited for nothing else.
    mutating func closeDependency() -> Bool {
        openDependencies -= 1
        return openDependencies == 0 && record.status == .pending
    }

    /// Begins the next attempt; `usualTimeout` is how long it may take where the task says nothing.
    ///
    /// - Returns: Whether that is the first change of the batch.
    mutating func beginAttempt(
        on agent: AgentID, usualTimeout: Milliseconds?, at now: Instant, in batch: UInt64
    ) -> Bool {
        record.state.status = .assigned
        record.state.attempt += 1
        #if EngineFaults
        if EngineFault.reusedAttempt.isOn, record.state.attempt > 1 { record.state.attempt -= 1 }
        #endif
        record.state.agent = agent
        record.state.startedAt = now
        record.state.progress = 0
        record.state.step = nil
        record.state.error = nil
        record.state.notBefore = nil
        entry = nil
        hasStarted = false
        timeoutAt = (record.specification.timeout ?? usualTimeout).map { now + $0 }
        return touch(at: now, in: batch)
    }

    /// The attempt is under way; false when that is known.
    mutating func start(_ process: ProcessIdentity?, at now: Instant) -> Bool {
        guard !hasStarted else { return false }
        hasStarted = true
        record.state.process = process
        record.state.startedAt = now
        if record.status == .assigned { record.state.status = .running }
        return true
    }

    /// Holds the attempt back; its time stands still.
    mutating func suspend(at now: Instant) {
        record.state.countRunning(until: now, resumedAt: nil)
        record.state.status = .paused
        timeoutLeft = timeoutAt.map { $0 - now }
        timeoutAt = nil
    }

    /// Lets the attempt go on.
    ///
    /// - Returns: When it will have taken too long.
    mutating func resume(at now: Instant) -> Instant? {
        record.state.resumedAt = now
        record.state.status = hasStarted ? .running : .assigned
        timeoutAt = timeoutLeft.map { now + $0 }
        timeoutLeft = nil
        return timeoutAt
    }

    /// Ends the attempt.
    ///
    /// - Returns: Whether a timer is left over.
    mutating func endAttempt() -> Bool {
        let hadTimeout: Bool = timeoutAt != nil || timeoutLeft != nil || hasBudgetTimer
        record.state.agent = nil
        record.state.process = nil
        pendingFailure = nil
        timeoutAt = nil
        timeoutLeft = nil
        hasBudgetTimer = false
        hasStarted = false
        return hadTimeout
    }
}

/// What happens to an agent, each in one piece.
extension EngineState.LiveAgent {
    /// Notes a change for a batch; false when one has been noted already.
    mutating func note(in batch: UInt64) -> Bool {
        guard self.batch != batch else { return false }
        self.batch = batch
        return true
    }

    /// Stamps a change, and notes it.
    mutating func touch(at now: Instant, in batch: UInt64) -> Bool {
        record.state.updatedAt = now
        return note(in: batch)
    }

    /// Says since when it has had nothing to do; gives by how much the pool's count of idle agents changes.
    mutating func setIdleSince(_ since: Instant?) -> Int {
        defer { idleSince = since }
        guard record.origin == .onDemand else { return 0 }
        return (since == nil ? 0 : 1) - (idleSince == nil ? 0 : 1)
    }

    /// Gives it a task.
    ///
    /// - Returns: Whether that is the first change of the batch, and by how much the count of idle agents changes.
    mutating func take(_ task: TaskID, at now: Instant, in batch: UInt64) -> (isNews: Bool, idleChange: Int) {
        record.state.currentTasks.append(task)
        record.state.status = .busy
        let idleChange: Int = setIdleSince(nil)
        return (touch(at: now, in: batch), idleChange)
    }

    /// What an agent does next that has one task less.
    enum Next {
        case work
        case rest
        case stop(graceful: Bool)
    }

    /// Takes a task from it; `completed` is how the attempt counts, if at all.
    ///
    /// - Returns: Whether that is the first change of the batch, and what the agent does next.
    mutating func release(
        _ task: TaskID, completed: Bool?, startedAt: Instant?, at now: Instant, in batch: UInt64
    ) -> (isNews: Bool, next: Next) {
        if let place: Int = record.state.currentTasks.firstIndex(of: task) {
            record.state.currentTasks.remove(at: place)
        }
        #if EngineFaults
        if EngineFault.leakedSlot.isOn, completed == true { record.state.currentTasks.append(task) }
        #endif
        if let completed {
            record.state.statistics.totalRuntime.count += (now - (startedAt ?? now)).count
            if completed {
                record.state.statistics.tasksCompleted += 1
            } else {
                record.state.statistics.tasksFailed += 1
            }
        }
        let isNews: Bool = touch(at: now, in: batch)
        guard record.state.currentTasks.isEmpty else { return (isNews, .work) }
        if let termination { return (isNews, .stop(graceful: termination == .graceful)) }
        guard record.status == .busy else { return (isNews, .work) }
        record.state.status = .idle
        return (isNews, .rest)
    }

    /// Has nothing to do from now on.
    ///
    /// - Returns: By how much the count of idle agents changes, and whether a timer is to be set for its retirement.
    mutating func rest(at now: Instant) -> (isOnDemand: Bool, idleChange: Int, needsTimer: Bool) {
        let idleChange: Int = setIdleSince(now)
        guard record.origin == .onDemand else { return (false, 0, false) }
        // One timer is enough, however often it comes and goes in between.
        defer { hasIdleTimer = true }
        return (true, idleChange, !hasIdleTimer)
    }
}

extension TaskState {
    /// Ends for good.
    mutating func end(as status: TaskStatus, failure: TaskFailure?, result: JSONText?, at now: Instant) {
        self.status = status
        updatedAt = now
        finishedAt = now
        error = failure
        notBefore = nil
        process = nil
        if step == "cancelling" { step = nil }
        guard status == .completed else { return }
        progress = 1
        self.result = result
        cancellation = nil
    }
}
