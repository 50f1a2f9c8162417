/// Everything the engine knows: live tasks and agents, and the orders in which they are served.
package struct EngineState: Sendable {
    /// A task that is not terminal, with what can be derived from the others.
    struct LiveTask: Sendable {
        var record: TaskRecord
        /// Tells this life of the task from one that a retry has followed.
        var life: UInt64
        /// Where it stands in the queue, while it waits for an agent.
        var entry: Int?
        /// Dependencies that have not completed.
        var openDependencies: Int = 0
        /// What the running attempt fails with once it has stopped.
        var pendingFailure: TaskFailure?
        /// When the running attempt has taken too long; `nil` without a limit, and while it is suspended.
        var timeoutAt: Instant?
        /// What was left until then when the attempt was suspended.
        var timeoutLeft: Milliseconds?
        /// Whether a timer waits for the attempt to reach the task's ceiling of wall time.
        var hasBudgetTimer = false
        /// Whether the running attempt has been reported as started.
        var hasStarted = false
        /// Whether tasks wait for it.
        var isAwaited = false
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
        /// Since when it has been started in this run of the server.
        var runningSince: Instant?
        /// When its heartbeat is looked at next; a timer that fires earlier or later is stale.
        var heartbeatDue: Instant?
        /// Whether a timer waits for it to have been idle for long enough.
        var hasIdleTimer = false
        /// Whether it crashed while it was paused, and is to be paused again.
        var staysPaused = false
        /// Tasks that were taken from it for others since it was asked to end.
        var reassignedTasks: Int32 = 0
        /// Why it was asked to end, once it was.
        var ending: AgentEvent.Ending?
        /// Where it stood at its newest event.
        private(set) var toldStatus: AgentStatus
        /// Its attempts that had completed or failed by its newest event.
        private(set) var toldAttempts: Int
        /// The batch that it was last noted in.
        var batch: UInt64 = 0

        init(record: AgentRecord) {
            self.record = record
            toldStatus = record.status
            toldAttempts = record.state.statistics.endedAttempts
        }

        /// Notes that an event tells of it.
        mutating func tell() {
            toldStatus = record.status
            toldAttempts = record.state.statistics.endedAttempts
        }
    }

    /// Who wants a running task cancelled, and why.
    struct CancelRequest: Sendable {
        var subject: String?
        var reason: String?
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

    struct IdempotencyPlace: Hashable, Sendable {
        var index: IdempotencyIndex
        var expires: Instant
    }

    var now = Instant(milliseconds: 0)
    var tasks = SlabTable<TaskID, LiveTask>()
    /// Bytes that the live tasks take, roughly.
    var liveWeight: Int = 0
    var agents = SlabTable<AgentID, LiveAgent>()
    /// The live tasks that are addressed to each agent; only of agents that have some.
    var addressed: [AgentID: Set<TaskID>] = [:]
    /// The tasks that wait for each task.
    var dependents: [TaskID: Dependents] = [:]
    var ready: ReadyQueue
    var timers = TimerQueue()
    var flows = FlowState()
    var idempotency: [IdempotencyIndex: IdempotencyEntry] = [:]
    /// Remembered requests in the order in which they expire; one that was remembered anew has an older place as well.
    var idempotencyOrder = Deque<IdempotencyPlace>()
    var lastSequence: UInt64 = 0
    var lastTaskNumber: UInt64 = 0
    var lastAgentNumber: UInt64 = 0
    /// The newest ``LiveTask/life``.
    var lastLife: UInt64 = 0
    /// For the tasks whose attempts are being stopped because somebody wants them cancelled.
    var cancelRequests: [TaskID: CancelRequest] = [:]
    /// On-demand agents that have not been asked to end.
    var onDemandAgents: Int = 0
    /// How many of them have nothing to do.
    var idleOnDemandAgents: Int = 0
    /// On-demand agents that have not started yet, by type.
    var startingAgents: [AgentType: Int] = [:]
    /// Attempts that are to be taken back if they have not begun.
    var recalls: [TaskID: Recall] = [:]
    var coordination = Coordination()
    var budgets = EntityTable<BudgetAccount>()
    var budgetOfProject: [String: BudgetID] = [:]
    /// What live attempts take up; only of accounts of which they do.
    var budgetLoads: [BudgetID: BudgetLoad] = [:]
    var budgetTimers: [BudgetID: BudgetTimer] = [:]
    var lastBudgetTimer: UInt64 = 0
    var schedules = EntityTable<ScheduleRecord>()
    /// When the schedules run; one whose zone is not known has none.
    var timetables: [ScheduleID: Timetable] = [:]
    /// The timer of each schedule's next run; those with another number have lost their reason.
    var runTimers: [ScheduleID: UInt64] = [:]
    var lastRunTimer: UInt64 = 0
    /// What runs have started that must not overlap, while it is live.
    var scheduleRuns: [ScheduleRun: ScheduleID] = [:]
    var pools = EntityTable<PoolRecord>()
    /// The agents of each pool that have not been asked to end; those made on demand are not among them.
    var poolMembers: [PoolID: Set<AgentID>] = [:]
    /// The timer of the next look at each pool; those with another number have lost their reason.
    var poolTimers: [PoolID: UInt64] = [:]
    var lastPoolTimer: UInt64 = 0
    var allocations = EntityTable<AllocationRecord>()
    var quotas = EntityTable<QuotaTable>()
    /// What is taken of the host's resources, and by whom.
    var resources = ResourceIndex()
    /// Whether the server is about to end: nothing new is started.
    var isDraining: Bool = false

    init(configuration: EngineConfiguration) { ready = ReadyQueue(configuration: configuration) }
}
