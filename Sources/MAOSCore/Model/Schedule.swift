/// Names one schedule, for as long as its record is kept.
public struct ScheduleID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// What is started, and at which times.
public struct ScheduleSpecification: Hashable, Sendable {
    /// 0…200 characters; for people.
    public var name: String
    /// At which local times it runs.
    public var recurrence: Recurrence
    /// The zone whose clocks are meant, by its IANA name.
    public var timeZone: String
    /// Nothing runs before this, and intervals are counted from its day; the time of creation where `nil`.
    public var start: Instant?
    /// Nothing runs after this.
    public var end: Instant?
    /// 1…1,000,000; then it has completed.
    public var maximumRuns: Int?
    /// Each run is late by a random time up to this; 0…24 h.
    public var jitter: Milliseconds
    /// What becomes of times that clocks jump over; by the recurrence where `nil`.
    public var gap: GapRule?
    /// What becomes of times that clocks show twice; by the recurrence where `nil`.
    public var repeated: RepeatRule?
    /// What becomes of runs that were missed because no server was there.
    public var catchUp: CatchUpPolicy
    /// What becomes of a run while an earlier one has not ended.
    public var overlap: OverlapPolicy
    /// What a run starts.
    public var target: ScheduleTarget

    /// A schedule in UTC without an end, that leaves out what it missed and lets runs overlap, unless said.
    public init(
        name: String = "", recurrence: Recurrence, timeZone: String = "UTC", start: Instant? = nil,
        end: Instant? = nil, maximumRuns: Int? = nil, jitter: Milliseconds = 0, gap: GapRule? = nil,
        repeated: RepeatRule? = nil, catchUp: CatchUpPolicy = .skip, overlap: OverlapPolicy = .allow,
        target: ScheduleTarget
    ) {
        self.name = name
        self.recurrence = recurrence
        self.timeZone = timeZone
        self.start = start
        self.end = end
        self.maximumRuns = maximumRuns
        self.jitter = jitter
        self.gap = gap
        self.repeated = repeated
        self.catchUp = catchUp
        self.overlap = overlap
        self.target = target
    }
}

/// What a run of a schedule starts.
public enum ScheduleTarget: Hashable, Sendable {
    /// A new task of this kind; without dependencies and deadline, which are of one time only.
    case task(TaskSpecification)
    /// A new execution of a workflow, in the version that is the newest at that time.
    case execution(ScheduledExecution)

    /// The project it belongs to; `nil` for none.
    public var project: String? {
        switch self {
        case .task(let specification): specification.project
        case .execution(let execution): execution.project
        }
    }
}

/// The execution that each run of a schedule begins.
public struct ScheduledExecution: Hashable, Sendable {
    /// What is executed.
    public var workflow: WorkflowID
    /// The workflow's project, as it was when the schedule was made; the engine fills it in.
    public var project: String?
    /// Parameters over those of the workflow: a JSON object.
    public var parameters: JSONText
    /// What the executions do differently.
    public var overrides: [WorkflowOverride]
    /// What the tasks of each execution may use together; comes before the workflow's, part by part.
    public var budget: Budget

    /// An execution with the workflow's own parameters, unless said.
    public init(
        workflow: WorkflowID, project: String? = nil, parameters: JSONText = .emptyObject,
        overrides: [WorkflowOverride] = [], budget: Budget = Budget()
    ) {
        self.workflow = workflow
        self.project = project
        self.parameters = parameters
        self.overrides = overrides
        self.budget = budget
    }
}

/// What a run of a schedule has started.
public enum ScheduleRun: Hashable, Sendable {
    case task(TaskID)
    case execution(ExecutionID)

    /// The identifier as clients see it.
    public var id: String {
        switch self {
        case .task(let id): id.rawValue
        case .execution(let id): id.rawValue
        }
    }
}

/// What becomes of runs that were missed: no server was there, or time jumped, by more than a minute.
public enum CatchUpPolicy: UInt8, Sendable, Hashable, CaseIterable {
    case skip = 1
    /// One run stands for all that were missed.
    case once
    /// Each of them, the oldest first, at most ``EngineLimits/caughtUpRuns``; the rest is left out.
    case all

    /// The name on the wire.
    public var name: String {
        switch self {
        case .skip: "skip"
        case .once: "once"
        case .all: "all"
        }
    }
}

/// What becomes of a run while an earlier one has not ended.
public enum OverlapPolicy: UInt8, Sendable, Hashable, CaseIterable {
    /// It runs beside it.
    case allow = 1
    /// It is left out.
    case skip
    /// It waits until the earlier one has ended; at most ``EngineLimits/waitingRuns`` of a schedule do.
    case queue
    /// The earlier one is cancelled; this one runs when that has ended.
    case cancel

    /// The name on the wire.
    public var name: String {
        switch self {
        case .allow: "allow"
        case .skip: "skip"
        case .queue: "queue"
        case .cancel: "cancel"
        }
    }
}

/// Where a schedule stands.
public enum ScheduleStatus: UInt8, Sendable, Hashable, CaseIterable {
    case active = 1
    /// Nothing runs until it is resumed.
    case paused
    /// Its last run has been started, and has ended where runs must not overlap.
    case completed
    case deleted

    /// The name on the wire.
    public var name: String {
        switch self {
        case .active: "active"
        case .paused: "paused"
        case .completed: "completed"
        case .deleted: "deleted"
        }
    }
}

/// A schedule, and how far it has come.
public struct ScheduleRecord: Hashable, Sendable {
    /// Its name in commands.
    public let id: ScheduleID
    /// 1 for the first schedule ever created here.
    public let number: UInt64
    /// What was asked for; may be replaced.
    public var specification: ScheduleSpecification
    /// The subject that created it, and in whose name it runs.
    public let owner: String
    /// The team of that subject.
    public let team: String?
    /// When it was created.
    public let createdAt: Instant
    /// When it last changed.
    public var updatedAt: Instant
    /// When it completed or was deleted.
    public var endedAt: Instant?
    /// Where it stands.
    public var status: ScheduleStatus
    /// The time of the next run; `nil` when none comes any more.
    public var nextRun: Instant?
    /// When that run really begins: its time and a random part of the jitter.
    public var nextDue: Instant?
    /// The time of the newest run.
    public var lastRun: Instant?
    /// The times that have come, and do not come again.
    package var pastTimes = PastTimes()
    /// What the newest run started; `nil` also when the schedule started something of another kind then.
    public var newest: ScheduleRun?
    /// Runs that were started.
    public var runs: Int = 0
    /// Runs that were left out because an earlier one had not ended.
    public var skipped: Int = 0
    /// Runs that were left out because no server was there; counted up to 1,000 at a time.
    public var missed: Int = 0
    /// What runs have started that has not ended; empty where runs may overlap.
    public var active: [ScheduleRun] = []
    /// The times of runs that wait for an earlier one to end.
    public var waiting: [Instant] = []
    /// Why the newest run could not be started, or why it was paused by itself.
    public var error: String?

    /// Puts a new schedule together; the engine does.
    package init(
        id: ScheduleID, number: UInt64, specification: ScheduleSpecification, owner: String, team: String?,
        createdAt: Instant
    ) {
        self.id = id
        self.number = number
        self.specification = specification
        self.owner = owner
        self.team = team
        self.createdAt = createdAt
        updatedAt = createdAt
        status = .active
    }

    /// The project of what it starts; `nil` for none.
    public var project: String? { specification.target.project }

    /// When its days, weeks and months are counted from.
    package var start: Instant { specification.start ?? createdAt }
}

extension ScheduleTarget {
    /// Whether both start tasks, or both executions.
    func isOfOneKind(with other: ScheduleTarget) -> Bool {
        switch (self, other) {
        case (.task, .task), (.execution, .execution): true
        case (.task, .execution), (.execution, .task): false
        }
    }
}
