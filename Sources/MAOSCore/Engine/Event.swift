/// A fact in the one ordered history; sequence numbers start at 1 and have no gaps.
public struct Event: Sendable, Hashable {
    /// 1 for the first event ever; the next one has the next number.
    public var sequence: UInt64
    /// When it happened: the time of its command.
    public var time: Instant
    /// What happened.
    public var body: EventBody

    /// Puts an event together; for journals.
    public init(sequence: UInt64, time: Instant, body: EventBody) {
        self.sequence = sequence
        self.time = time
        self.body = body
    }

    /// The name of the event's type, as filters and the wire have it.
    public var type: String {
        switch body {
        case .task(let event): event.kind.name
        case .agent(let event): event.kind.name
        case .system(let event): event.type
        case .workflow(let event): event.kind.name
        }
    }

    /// What happened to a task; `nil` where it is about something else.
    ///
    /// Inlined, so that whoever asks events in a row copies none of them.
    @inlinable public var taskKind: TaskEvent.Kind? {
        if case .task(let event) = body { event.kind } else { nil }
    }

    /// Bytes of memory that it keeps from being freed, roughly.
    package var weight: Int {
        switch body {
        case .task(let event): 512 + (event.state.result?.utf8.count ?? 0) + event.originWeight
        case .agent(let event): 512 + (event.record?.specification.weight ?? 0)
        case .system(let event): 256 + event.data.utf8.count
        case .workflow(let event): event.weight
        }
    }
}

/// What the fact is about.
public enum EventBody: Sendable, Hashable {
    case task(TaskEvent)
    case agent(AgentEvent)
    case system(SystemEvent)
    case workflow(WorkflowEvent)
}

/// What happened to a task.
public struct TaskEvent: Sendable, Hashable {
    /// The kinds of things that happen to tasks.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case created = 1
        case queued
        case assigned
        case started
        case progressed
        case paused
        case resumed
        case retryScheduled
        case interrupted
        case cancelRequested
        case cancelStage
        case priorityChanged
        case completed
        case failed
        case cancelled
        case restarted
        /// No longer a dead letter, and nothing else: left as it is, or replaced by the task that its state names.
        case discarded

        /// The name as filters and the wire have it.
        public var name: String {
            switch self {
            case .created: "task_created"
            case .queued: "task_queued"
            case .assigned: "task_assigned"
            case .started: "task_started"
            case .progressed: "task_progress"
            case .paused: "task_paused"
            case .resumed: "task_resumed"
            case .retryScheduled: "task_retry_scheduled"
            case .interrupted: "task_interrupted"
            case .cancelRequested: "task_cancel_requested"
            case .cancelStage: "task_cancel_stage"
            case .priorityChanged: "task_priority_changed"
            case .completed: "task_completed"
            case .failed: "task_failed"
            case .cancelled: "task_cancelled"
            case .restarted: "task_restarted"
            case .discarded: "task_discarded"
            }
        }
    }

    /// What kind of thing it was.
    public var kind: Kind
    /// The task.
    public var id: TaskID
    /// What kind of work the task is.
    public var taskKind: TaskKind
    /// The project of the task, for whoever may see only some.
    public var project: String?
    /// The task's state right after the event.
    public var state: TaskState
    private var origin: TaskRecord.Origin?
    /// The whole task, with ``Kind/created`` only; in the state of the event.
    public var created: TaskRecord? {
        get { origin.map { TaskRecord(origin: $0, state: state) } }
        set { origin = newValue?.origin }
    }
    /// Bytes that the whole task takes, where it is there.
    var originWeight: Int { origin?.weight ?? 0 }
    /// What the client said for a reason, where it said one.
    public var reason: String?
    /// The agent the event is about, also where the task has already been taken from it.
    public var agent: AgentID?
    /// The subject that asked for it, with ``Kind/cancelled`` only, where somebody did.
    public var subject: String?

    /// Puts an event together, for the engine, the journal and tests.
    package init(
        kind: Kind, id: TaskID, taskKind: TaskKind, project: String? = nil, state: TaskState,
        created: TaskRecord? = nil, reason: String? = nil, agent: AgentID? = nil, subject: String? = nil
    ) {
        self.kind = kind
        self.id = id
        self.taskKind = taskKind
        self.project = project
        self.state = state
        origin = created?.origin
        self.reason = reason
        self.agent = agent
        self.subject = subject
    }
}

/// What happened to an agent.
public struct AgentEvent: Sendable, Hashable {
    /// The kinds of things that happen to agents.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case spawned = 1
        case ready
        /// Its tasks, and so perhaps its status, changed.
        case workChanged
        case configured
        case paused
        case resumed
        case crashed
        case stopping
        case terminated

        /// The name as filters and the wire have it.
        public var name: String {
            switch self {
            case .spawned: "agent_spawned"
            case .ready: "agent_ready"
            case .workChanged: "agent_work_changed"
            case .configured: "agent_configured"
            case .paused: "agent_paused"
            case .resumed: "agent_resumed"
            case .crashed: "agent_crashed"
            case .stopping: "agent_stopping"
            case .terminated: "agent_terminated"
            }
        }
    }

    /// Why an agent was asked to end.
    public enum Ending: UInt8, Sendable {
        /// Somebody asked for it.
        case requested = 1
        /// It had nothing to do, or its place was needed for another.
        case idle
        /// Its pool has become smaller.
        case scaled
        /// It belonged to an earlier run of the server.
        case restarted
    }

    /// What kind of thing it was.
    public var kind: Kind
    /// The agent.
    public var id: AgentID
    /// The role the agent plays.
    public var agentType: AgentType
    /// The name people see.
    public var name: String
    /// The agent's state right after the event.
    public var state: AgentState
    private var identity: AgentRecord.Identity?
    private var learning = AgentLearning()
    /// The whole agent, with ``Kind/spawned`` and ``Kind/configured`` only; in the state of the event.
    public var record: AgentRecord? {
        get { identity.map { AgentRecord(identity: $0, state: state, learning: learning) } }
        set {
            identity = newValue?.identity
            learning = newValue?.learning ?? AgentLearning()
        }
    }
    /// Where it stood at the event before; `nil` with ``Kind/spawned``.
    public var previousStatus: AgentStatus?
    /// Its attempts that have completed or failed since the event before.
    public var endedAttempts: Int = 0
    /// Tasks that were taken from it for others since it was asked to end, with ``Kind/terminated`` only.
    public var reassignedTasks: Int = 0
    /// Why it ended, with ``Kind/terminated`` only.
    public var ending: Ending?

    /// Puts an event together, for the engine, the journal and tests.
    package init(
        kind: Kind, id: AgentID, agentType: AgentType, name: String, state: AgentState, record: AgentRecord? = nil
    ) {
        self.kind = kind
        self.id = id
        self.agentType = agentType
        self.name = name
        self.state = state
        identity = record?.identity
        learning = record?.learning ?? AgentLearning()
    }
}

/// A fact about the server as a whole.
public struct SystemEvent: Sendable, Hashable {
    /// A word of lower-case letters and `_`, such as `server_started`.
    public var type: String
    /// What there is to say about it: a JSON object.
    public var data: JSONText

    /// A fact with its type and data.
    public init(type: String, data: JSONText = .emptyObject) {
        self.type = type
        self.data = data
    }
}
