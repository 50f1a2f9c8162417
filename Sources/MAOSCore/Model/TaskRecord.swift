/// A task as the orchestrator keeps it: what was asked for, and what has become of it.
///
/// The part that never changes is shared by all copies, so that a copy costs little.
public struct TaskRecord: Hashable, Sendable {
    /// What is known from the start.
    @usableFromInline final class Origin: Sendable, Hashable {
        @usableFromInline let id: TaskID
        @usableFromInline let number: UInt64
        @usableFromInline let specification: TaskSpecification
        @usableFromInline let owner: String
        @usableFromInline let team: String?
        @usableFromInline let createdAt: Instant
        /// See ``TaskSpecification/weight``.
        let weight: Int

        init(
            id: TaskID, number: UInt64, specification: TaskSpecification, owner: String, team: String?,
            createdAt: Instant, weight: Int
        ) {
            self.id = id
            self.number = number
            self.specification = specification
            self.owner = owner
            self.team = team
            self.createdAt = createdAt
            self.weight = weight
        }

        @usableFromInline static func == (left: Origin, right: Origin) -> Bool {
            left === right
                || (left.id == right.id && left.number == right.number && left.owner == right.owner
                    && left.team == right.team && left.createdAt == right.createdAt
                    && left.specification == right.specification)
        }

        @usableFromInline func hash(into hasher: inout Hasher) { hasher.combine(id) }
    }

    @usableFromInline let origin: Origin
    /// The part that changes.
    public var state: TaskState

    /// Another state of a known task.
    init(origin: Origin, state: TaskState) {
        self.origin = origin
        self.state = state
    }

    /// Puts a record together; for journals.
    public init(
        id: TaskID, number: UInt64, specification: TaskSpecification, owner: String, team: String?, createdAt: Instant,
        state: TaskState
    ) {
        self.init(
            id: id, number: number, specification: specification, owner: owner, team: team, createdAt: createdAt,
            state: state, weight: specification.weight)
    }

    /// The same where the specification's weight is known already.
    init(
        id: TaskID, number: UInt64, specification: TaskSpecification, owner: String, team: String?, createdAt: Instant,
        state: TaskState, weight: Int
    ) {
        origin = Origin(
            id: id, number: number, specification: specification, owner: owner, team: team, createdAt: createdAt,
            weight: weight)
        self.state = state
    }

    /// Its name.
    @inlinable public var id: TaskID { origin.id }
    /// 1 for the first task ever created here; the order of creation.
    @inlinable public var number: UInt64 { origin.number }
    /// What was asked for.
    @inlinable public var specification: TaskSpecification { origin.specification }
    /// The subject that created it.
    @inlinable public var owner: String { origin.owner }
    /// The team of that subject.
    @inlinable public var team: String? { origin.team }
    /// When it was created.
    @inlinable public var createdAt: Instant { origin.createdAt }
    /// Where it stands.
    @inlinable public var status: TaskStatus { state.status }

    /// The same without what may be large: its result, and what is handed to the agent.
    package var brief: TaskRecord {
        guard weight > 4_096 else { return self }
        var specification: TaskSpecification = origin.specification
        specification.command = nil
        specification.environment = [:]
        specification.requirements = .emptyArray
        specification.constraints = .emptyArray
        specification.context = .emptyObject
        specification.metadata = .emptyObject
        var state: TaskState = state
        state.result = nil
        return TaskRecord(
            id: id, number: number, specification: specification, owner: owner, team: team, createdAt: createdAt,
            state: state)
    }

    /// Bytes of memory that it takes, roughly.
    var weight: Int { origin.weight + (state.result?.utf8.count ?? 0) }
}

/// Why a task or an attempt failed.
public struct TaskFailure: Hashable, Sendable, Error {
    /// What kinds of failure there are.
    public enum Code: UInt8, Sendable, CaseIterable {
        /// The process ended with another code than 0, or by a signal.
        case execution = 1
        /// The program could not be started, or nothing says what to start.
        case startFailed
        case timeout
        case deadline
        /// A task it depends on failed or was cancelled.
        case dependency
        /// The server ended while it ran.
        case interrupted
        case agentLost
        case limitExceeded
        case invalidResult
        /// A ceiling is reached: the task's own, or its project's.
        case budget

        /// The name on the wire.
        public var name: String {
            switch self {
            case .execution: "TASK_EXECUTION_FAILED"
            case .startFailed: "TASK_START_FAILED"
            case .timeout: "TASK_TIMEOUT_EXCEEDED"
            case .deadline: "TASK_DEADLINE_EXCEEDED"
            case .dependency: "TASK_DEPENDENCY_FAILED"
            case .interrupted: "TASK_INTERRUPTED"
            case .agentLost: "TASK_AGENT_LOST"
            case .limitExceeded: "TASK_LIMIT_EXCEEDED"
            case .invalidResult: "TASK_RESULT_INVALID"
            case .budget: "TASK_BUDGET_EXCEEDED"
            }
        }
    }

    /// What kind of failure it is.
    public var code: Code
    /// For people; names the value that was wrong.
    public var message: String

    /// A failure of a kind, with a message for people.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// A process that can be told from a later one with the same id.
public struct ProcessIdentity: Hashable, Sendable {
    /// The process id.
    public var pid: Int32
    /// Field 22 of `/proc/PID/stat`: clock ticks between boot and the start of the process.
    public var startTicks: UInt64

    /// A process by its id and the moment of its start.
    public init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }
}
