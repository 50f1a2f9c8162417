/// An attempt that failed or was interrupted: a link of the chain of causes that leads to a dead letter.
public struct AttemptFailure: Hashable, Sendable {
    /// The number of the attempt; 1 for the first.
    public var attempt: Int
    /// Why it failed.
    public var failure: TaskFailure
    /// When that was.
    public var time: Instant
    /// The agent that worked on it.
    public var agent: AgentID?

    /// A failed attempt by its number, with why, when and whose it was.
    public init(attempt: Int, failure: TaskFailure, time: Instant, agent: AgentID? = nil) {
        self.attempt = attempt
        self.failure = failure
        self.time = time
        self.agent = agent
    }
}

extension TaskState {
    /// Causes that are kept; older ones go.
    public static let causeLimit: Int = 10

    /// Notes why the newest attempt failed.
    mutating func noteCause(_ failure: TaskFailure, at now: Instant) {
        var all: [AttemptFailure] = causes
        if all.count >= TaskState.causeLimit { all.removeFirst(all.count - TaskState.causeLimit + 1) }
        all.append(AttemptFailure(attempt: attempt, failure: failure, time: now, agent: agent))
        causes = all
    }
}
