/// A wish or a report, on its way to the engine.
///
/// What is rare and large has a box of its own, so that the frequent ones are handed on as a few words.
public enum Command: Sendable {
    // What clients ask for.
    case createTask(TaskSpecification, id: TaskID?, idempotency: IdempotencyKey?)
    case cancelTask(TaskID, reason: String?)
    /// Starts an ended task over: failed and cancelled ones only.
    case retryTask(TaskID)
    case changePriority(TaskID, Priority, reason: String?)
    case pauseTask(TaskID)
    case resumeTask(TaskID)
    /// Asks why a task has not started, and changes nothing.
    case explainWaiting(TaskID)
    /// Starts a dead letter over as it is, or makes another task of it with another specification.
    case requeueDeadLetter(TaskID, as: TaskSpecification?)
    /// Leaves a failed task as it is, and takes it off the list of dead letters.
    case discardDeadLetter(TaskID)
    /// Does the same to several dead letters, at most ``EngineLimits/bulk``; each succeeds or is refused by itself.
    case settleDeadLetters([TaskID], DeadLetterSettlement)
    indirect case spawnAgent(AgentSpecification, id: AgentID?)
    indirect case configureAgent(AgentID, AgentChange)
    case pauseAgent(AgentID)
    case resumeAgent(AgentID)
    case terminateAgent(AgentID, graceful: Bool)
    indirect case schedule(ScheduleCommand)
    indirect case workflow(WorkflowCommand)
    indirect case resource(ResourceCommand)
    indirect case pool(PoolCommand)
    indirect case budget(BudgetCommand)
    /// One of ``schedule(_:)``, ``workflow(_:)`` and ``pool(_:)`` that makes something: sent again with the same key it makes nothing,
    /// and is answered with ``Reply/repeatedCreation(_:)``.
    indirect case once(IdempotencyKey, Command)

    // What the runtime that carries out the effects reports.
    case agentStarted(AgentID, process: ProcessIdentity?)
    /// The agent's resident process ended, or could not be started; `reason` is for people.
    case agentCrashed(AgentID, reason: String)
    /// Everything of the agent is gone, after ``Effect/stopAgent(_:graceful:)``.
    case agentStopped(AgentID)
    case agentsAlive([AgentID])
    case attemptStarted(AttemptID, process: ProcessIdentity?)
    /// Progress 0…1.
    case attemptProgressed(AttemptID, progress: Double?, step: String?)
    /// What the attempt has used since its start, all of it each time; its wall time is not looked at.
    case attemptUsed(AttemptID, Usage)
    case attemptStopping(AttemptID, CancellationStage)
    /// Everything of the attempt is gone; `used` is what ``attemptUsed(_:_:)`` would tell of it last.
    case attemptEnded(AttemptID, AttemptOutcome, used: Usage = Usage())

    // What the orchestrator itself sends.
    /// Sees to the timers that are due.
    case tick
    /// The first command after a start: what an earlier run left under way has ended with it.
    case recover
    /// Ends attempts in an orderly way before the process ends; they run again after the next start.
    case drain
    /// Makes a fact of the server an event.
    case announce(SystemEvent)
}

extension Command {
    /// Bytes of a client's or a process's data that it holds, roughly; 0 for what holds little.
    var weight: Int {
        switch self {
        case .createTask(let specification, _, _): specification.weight
        case .requeueDeadLetter(_, let specification): specification?.weight ?? 0
        case .attemptEnded(_, .completed(let result), _): result?.utf8.count ?? 0
        case .spawnAgent(let specification, _): specification.weight
        case .configureAgent(_, let change): change.settings?.utf8.count ?? 0
        case .schedule(let command): command.weight
        case .workflow(let command): command.weight
        case .once(_, let command): command.weight
        default: 0
        }
    }
}

/// What becomes of a dead letter.
public enum DeadLetterSettlement: Sendable, Hashable {
    /// It starts over as it is.
    case requeue
    /// It stays as it is, and is a dead letter no longer.
    case discard
}

/// How an attempt ended.
public enum AttemptOutcome: Hashable, Sendable {
    case completed(result: JSONText?)
    case failed(TaskFailure)
    /// Its whole process tree is gone, as was asked for.
    case stopped
}

/// Identifies a request, so that its repetition gets the first answer again.
public struct IdempotencyKey: Hashable, Sendable {
    /// 1…255 characters, unique per subject.
    public var key: String
    /// A digest of the request; the same key with another digest is a conflict.
    public var fingerprint: UInt64

    /// A key of 1 to 255 characters with the digest of its request.
    public init(key: String, fingerprint: UInt64) {
        self.key = key
        self.fingerprint = fingerprint
    }
}

/// A change to an agent's configuration; `nil` leaves a part as it is.
public struct AgentChange: Hashable, Sendable {
    /// What it may use.
    public var resources: ResourceRequirements?
    /// All that it can do; replaces what it could.
    public var capabilities: [Capability]?
    /// Names of ``capabilities`` that stay as they are, with what was learned, where the agent has them already.
    public var keptCapabilities: Set<String> = []
    /// The model that its runner is told.
    public var model: String?
    /// The folder its processes start in.
    public var workspace: String?
    /// Variables to add or to replace; the others stay.
    public var environment: [String: String]?
    /// 1…1000; with more tasks than that it keeps them and gets no new ones.
    public var maximumConcurrentTasks: Int?
    /// How long one attempt may take where the task says nothing; 1 ms … 24 h.
    public var commandTimeout: Milliseconds?
    /// How often it must be heard of; 1 s … 1 h; counts at once.
    public var heartbeatInterval: Milliseconds?
    /// Settings the orchestrator does not look into; replaces them all.
    public var settings: JSONText?

    /// A change of nothing.
    public init() {}
}

/// A command and whom it comes from.
public struct Request: Sendable {
    /// Who asks, and what that subject may do.
    public var principal: Principal
    /// What is asked for.
    public var command: Command

    /// A command from somebody.
    public init(_ command: Command, from principal: Principal) {
        self.command = command
        self.principal = principal
    }
}

/// What an accepted command brought about; boxed as in ``Command``.
public enum Reply: Sendable {
    case none
    /// The task as it is after the command.
    case task(TaskRecord)
    /// A repeated request: the task that its first sending created, as it was answered then.
    case repeated(TaskID)
    /// A repeated request: what its first sending made.
    case repeatedCreation(Creation)
    indirect case agent(AgentRecord)
    indirect case schedule(ScheduleRecord)
    indirect case allocation(AllocationRecord)
    indirect case pool(PoolRecord)
    /// What the server's configuration did to pools.
    indirect case pools(PoolConfigurationReport)
    indirect case resources(ResourceReport)
    indirect case quotas(QuotaReport)
    indirect case limits(LimitReport)
    /// Why the task has not started.
    case waiting(TaskRecord, [WaitingReason])
    /// Accounts of projects, in order of the projects' names.
    case budgets([BudgetStanding])
    /// What became of each task of a command about several, in its order.
    case outcomes([TaskOutcome])
    indirect case workflow(WorkflowRecord)
    indirect case execution(ExecutionSnapshot)
    indirect case approval(ApprovalRecord)
}

/// What became of one task of a command about several.
public struct TaskOutcome: Sendable {
    /// The task.
    public var id: TaskID
    /// The task as it is after the command, or why nothing has been done to it.
    public var result: Result<TaskRecord, Rejection>

    /// What became of a task.
    public init(id: TaskID, result: Result<TaskRecord, Rejection>) {
        self.id = id
        self.result = result
    }
}
