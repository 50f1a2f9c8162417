/// Every bound of the engine, in one place; reaching one is a ``Rejection``, never growth.
public struct EngineLimits: Sendable, Hashable {
    /// Tasks that are not terminal.
    public var liveTasks: Int = 2_000_000
    /// Bytes of what clients said about tasks that are not terminal, roughly.
    public var liveTaskBytes: Int = 1 << 30
    /// Agents that are not terminated.
    public var agents: Int = 10_000
    /// Workflows that have not been deleted.
    public var workflows: Int = 10_000
    /// Executions that have not ended.
    public var executions: Int = 10_000
    /// Dependencies of one task.
    public var dependencies: Int = 1_000
    /// Capabilities that one task asks for, or one agent has.
    public var capabilities: Int = 100
    /// Projects that have an account.
    public var budgets: Int = 10_000
    /// Tasks that one command is about.
    public var bulk: Int = 1_000
    /// Commands of clients that wait for the orchestrator at the same time.
    public var waitingCommands: Int = 100_000
    /// Requests remembered for their repetition.
    public var idempotencyKeys: Int = 200_000
    /// How long they are remembered.
    public var idempotencyRetention: Milliseconds = .seconds(24 * 60 * 60)
    /// Attempts of one task that the server's own end may interrupt.
    public var interruptions: Int = 3
    /// Schedules that have not ended.
    public var schedules: Int = 10_000
    /// Missed runs of one schedule that are made up for at a time.
    public var caughtUpRuns: Int = 100
    /// Runs of one schedule that wait for an earlier one to end.
    public var waitingRuns: Int = 100
    /// Pools that have not been deleted.
    public var pools: Int = 1_000
    /// Agents of one pool.
    public var poolSize: Int = 10_000
    /// Allocations that have not ended.
    public var allocations: Int = 10_000
    /// Users, teams and projects that have quotas.
    public var quotas: Int = 10_000
    /// The longest wait between two attempts or two starts of an agent.
    public var backoff: Milliseconds = .seconds(10 * 60)

    /// The defaults of the product.
    public init() {}
}
