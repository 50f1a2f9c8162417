/// What an attempt changes in its task, each in one piece.
extension EngineState.LiveTask {
    /// Begins the next attempt; `usualTimeout` is how long it may take where the task says nothing.
    mutating func beginAttempt(on agent: AgentID, usualTimeout: Milliseconds?, at now: Instant) {
        record.state.status = .assigned
        record.state.attempt += 1
        record.state.agent = agent
        record.state.startedAt = now
        record.state.progress = 0
        record.state.step = nil
        record.state.error = nil
        record.state.notBefore = nil
        hasStarted = false
        timeoutAt = (record.specification.timeout ?? usualTimeout).map { now + $0 }
    }

    /// Holds the attempt back; its time stands still.
    mutating func suspend(at now: Instant) {
        record.state.isSuspended = true
        timeoutLeft = timeoutAt.map { $0 - now }
        timeoutAt = nil
    }

    /// Lets the attempt go on.
    ///
    /// - Returns: When it will have taken too long.
    mutating func resume(at now: Instant) -> Instant? {
        record.state.isSuspended = false
        record.state.status = hasStarted ? .running : .assigned
        timeoutAt = timeoutLeft.map { now + $0 }
        timeoutLeft = nil
        return timeoutAt
    }

    /// Ends the attempt.
    ///
    /// - Returns: Whether a timer is left over.
    mutating func endAttempt() -> Bool {
        let hadTimeout: Bool = timeoutAt != nil || timeoutLeft != nil
        record.state.agent = nil
        record.state.process = nil
        record.state.isSuspended = false
        pendingFailure = nil
        timeoutAt = nil
        timeoutLeft = nil
        hasStarted = false
        return hadTimeout
    }
}
