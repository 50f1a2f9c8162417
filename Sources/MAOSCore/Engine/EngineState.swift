/// Everything the engine knows: live tasks and agents, and the orders in which they are served.
package struct EngineState: Sendable {
    /// A task that is not terminal, with what can be derived from the others.
    struct LiveTask: Sendable {
        var record: TaskRecord
        /// Dependencies that have not completed.
        var openDependencies: Int = 0
        /// What the running attempt fails with once it has stopped.
        var pendingFailure: TaskFailure?
        /// The batch that it was last noted in.
        var batch: UInt64 = 0
    }

    /// An agent that is not terminated.
    struct LiveAgent: Sendable {
        var record: AgentRecord
        /// The way it was asked to end, once it was.
        var termination: Termination?
        /// Since when it has had nothing to do.
        var idleSince: Instant?
        /// Since when its resident process has run.
        var runningSince: Instant?
        var batch: UInt64 = 0
    }

    enum Termination: Sendable {
        /// Ends when its tasks have.
        case graceful
        case forced
    }

    struct IdempotencyIndex: Hashable, Sendable {
        var subject: String
        var key: String
    }

    var now = Instant(milliseconds: 0)
    var tasks: [TaskID: LiveTask] = [:]
    var agents: [AgentID: LiveAgent] = [:]
    /// Tasks that wait for a task, in order of creation.
    var dependents: [TaskID: [TaskID]] = [:]
    var ready = ReadyQueue()
    var timers = TimerQueue()
    var idempotency: [IdempotencyIndex: IdempotencyEntry] = [:]
    /// Remembered requests in the order in which they expire.
    var idempotencyOrder = Deque<IdempotencyIndex>()
    var lastSequence: UInt64 = 0
    var lastTaskNumber: UInt64 = 0
    var lastAgentNumber: UInt64 = 0
    var onDemandAgents: Int = 0
    /// On-demand agents that have not started yet, by type.
    var startingAgents: [AgentType: Int] = [:]
    /// Whether the server is about to end: nothing new is started.
    var isDraining: Bool = false
}
