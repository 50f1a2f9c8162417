/// Why a task has not started yet.
public enum WaitingReason: Hashable, Sendable {
    /// These tasks have to complete first.
    case dependencies([TaskID])
    /// Its time has not come.
    case schedule(until: Instant)
    /// An attempt failed; the next one waits for its time.
    case backoff(failures: Int, until: Instant?)
    case paused
    /// It waits for a person's answer.
    case approval
    /// Its agent has it; the process has not been confirmed yet.
    case starting(AgentID?)
    /// The server is about to end; nothing is started any more.
    case draining
    /// No agent can take it.
    ///
    /// - Parameters:
    ///   - type: The type it needs; `nil` for any.
    ///   - missing: The capabilities that no agent of the type has well enough; all of them where each has some agent,
    ///     but none has all.
    ///   - onDemand: Whether one may be made for it.
    case noCapableAgent(type: AgentType?, missing: [CapabilityRequirement], onDemand: Bool)
    /// Agents that could take it are starting.
    case agentStarting(agents: Int)
    /// All agents that could take it are paused.
    case agentsPaused(agents: Int)
    /// All agents that could take it have as many tasks as they may.
    case noFreeSlot(agents: Int, since: Instant?)
    /// As many tasks with its concurrency key are under way as may be.
    case concurrency(key: String, limit: Int, running: [TaskID])
    /// Its owner, team or project has as many tasks under way as it may.
    case quota(QuotaKey, limit: Int, inUse: Int)
    /// As many tasks with its concurrency key have been started lately as may be.
    case rate(key: String, count: Int, period: Milliseconds, until: Instant?)
    /// Too little is left of a ceiling of its project, in milliseconds or millionths; without a ceiling of its own it needs 1.
    case budget(project: String, BudgetPart, needed: Int64, remaining: Int64)
    /// Others come first.
    ///
    /// - Parameters:
    ///   - tasks: Tasks of its project that come before it, 10,000 at most.
    ///   - projects: Projects whose next task comes before its project's, 10,000 at most.
    case turn(tasks: Int, projects: Int)
}
