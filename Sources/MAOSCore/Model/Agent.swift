/// The role an agent plays; the core column of the vocabulary table.
public enum AgentType: UInt8, Sendable, CaseIterable {
    case coder = 1
    case tester
    case reviewer
    case documenter
    case specialist
    case custom

    /// The name of the core value.
    public var name: String {
        switch self {
        case .coder: "coder"
        case .tester: "tester"
        case .reviewer: "reviewer"
        case .documenter: "documenter"
        case .specialist: "specialist"
        case .custom: "custom"
        }
    }

    /// Reads the name of a core value; `nil` for any other text.
    public init?(name: String) {
        guard let match: AgentType = AgentType.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }
}

/// Where an agent stands; the core column of the vocabulary table.
public enum AgentStatus: UInt8, Sendable, CaseIterable {
    case initializing = 1
    /// Started, and has not had a task yet.
    case ready
    case idle
    case busy
    case paused
    /// Finishes what it has, then terminates.
    case stopping
    /// Crashed or silent; starts again after a back-off.
    case error
    case terminated

    /// The name of the core value.
    public var name: String {
        switch self {
        case .initializing: "initializing"
        case .ready: "ready"
        case .idle: "idle"
        case .busy: "busy"
        case .paused: "paused"
        case .stopping: "stopping"
        case .error: "error"
        case .terminated: "terminated"
        }
    }
}

/// Something an agent can do, and how well.
public struct Capability: Hashable, Sendable {
    /// 1…100 characters; the same word as in the requirements of tasks.
    public var name: String
    /// 0…1; moves with the outcomes of the agent's attempts (``AgentLearning``).
    public var proficiency: Double
    /// 0…1: how far one outcome moves it towards 1 or 0; with 0 it stays as it is.
    public var learningRate: Double

    /// The ``learningRate`` where nothing is said.
    public static let usualLearningRate: Double = 0.1

    /// A capability, of middling proficiency unless said.
    public init(name: String, proficiency: Double = 0.5, learningRate: Double = Capability.usualLearningRate) {
        self.name = name
        self.proficiency = proficiency
        self.learningRate = learningRate
    }
}

/// The process that an agent has beside those of its tasks.
public enum ResidentProcess: UInt8, Sendable, CaseIterable {
    /// None.
    case none = 0
    /// One on a terminal of its own, which carries everything that it prints; the agent takes tasks beside it.
    case terminal
    /// One that is typed to without an echo, and whose two outputs are apart; the agent takes only tasks that are addressed to it.
    case conversation

    /// Whether the agent is there for tasks that are addressed to it, and for no others.
    public var takesOnlyOwnTasks: Bool { self == .conversation }
}

/// What an agent may use.
public struct ResourceRequirements: Hashable, Sendable {
    /// Cores.
    public var cpu: Double
    /// MB.
    public var memory: Double
    /// Devices.
    public var gpu: Double?
    /// MB.
    public var storage: Double?
    /// The network requirements as the client wrote them: a JSON object.
    public var network: JSONText?

    /// At least cores and memory; the rest where it matters.
    public init(
        cpu: Double, memory: Double, gpu: Double? = nil, storage: Double? = nil, network: JSONText? = nil
    ) {
        self.cpu = cpu
        self.memory = memory
        self.gpu = gpu
        self.storage = storage
        self.network = network
    }
}

/// What a client asks for when it spawns an agent; parts of it may be changed later.
public struct AgentSpecification: Hashable, Sendable {
    /// The role it plays; decides which kinds of tasks it gets.
    public var type: AgentType
    /// The name people see; made from type and number where `nil`.
    public var name: String?
    /// What it can do; at most ``EngineLimits/capabilities``.
    public var capabilities: [Capability]
    /// The model that its runner is told.
    public var model: String?
    /// The folder its processes start in.
    public var workspace: String?
    /// Variables of its processes, beside those that the runtime sets.
    public var environment: [String: String]
    /// 1…1000.
    public var maximumConcurrentTasks: Int
    /// How long one command may take where the task says nothing.
    public var commandTimeout: Milliseconds?
    /// How often it must be heard of; 1 s … 1 h.
    public var heartbeatInterval: Milliseconds
    /// The process that it has beside those of its tasks; never changes.
    public var resident: ResidentProcess
    /// What it may use; `nil` for no limits of its own.
    public var resources: ResourceRequirements?
    /// Settings the orchestrator does not look into: a JSON object.
    public var settings: JSONText

    /// An agent with one slot and the usual heartbeat unless said.
    public init(
        type: AgentType, name: String? = nil, capabilities: [Capability] = [], model: String? = nil,
        workspace: String? = nil, environment: [String: String] = [:], maximumConcurrentTasks: Int = 1,
        commandTimeout: Milliseconds? = nil, heartbeatInterval: Milliseconds = .seconds(10),
        resident: ResidentProcess = .none,
        resources: ResourceRequirements? = nil, settings: JSONText = .emptyObject
    ) {
        self.type = type
        self.name = name
        self.capabilities = capabilities
        self.model = model
        self.workspace = workspace
        self.environment = environment
        self.maximumConcurrentTasks = maximumConcurrentTasks
        self.commandTimeout = commandTimeout
        self.heartbeatInterval = heartbeatInterval
        self.resident = resident
        self.resources = resources
        self.settings = settings
    }

    /// Bytes of memory that what the client chose takes, roughly.
    var weight: Int {
        var bytes: Int = 256 + settings.utf8.count + capabilities.count * 64
        for (name, value) in environment { bytes += name.utf8.count + value.utf8.count + 64 }
        return bytes
    }
}

/// An agent as the orchestrator keeps it.
public struct AgentRecord: Hashable, Sendable {
    /// Why an agent exists.
    public enum Origin: UInt8, Sendable {
        /// Somebody asked for it.
        case spawned = 1
        /// A task waited for one of its type; goes away when it has been idle.
        case onDemand
    }

    /// What is the same in all copies until it is configured anew.
    @usableFromInline final class Identity: Sendable, Hashable {
        @usableFromInline let id: AgentID
        @usableFromInline let number: UInt64
        @usableFromInline let origin: Origin
        @usableFromInline let holder: AgentHolder
        @usableFromInline let createdAt: Instant
        @usableFromInline let specification: AgentSpecification
        @usableFromInline let name: String

        init(
            id: AgentID, number: UInt64, origin: Origin, holder: AgentHolder, createdAt: Instant,
            specification: AgentSpecification
        ) {
            self.id = id
            self.number = number
            self.origin = origin
            self.holder = holder
            self.createdAt = createdAt
            self.specification = specification
            name = specification.name ?? "\(specification.type.name)-\(number)"
        }

        @usableFromInline static func == (left: Identity, right: Identity) -> Bool {
            left === right
                || (left.id == right.id && left.number == right.number && left.origin == right.origin
                    && left.holder == right.holder && left.createdAt == right.createdAt
                    && left.specification == right.specification)
        }

        @usableFromInline func hash(into hasher: inout Hasher) { hasher.combine(id) }
    }

    @usableFromInline private(set) var identity: Identity
    /// The part that changes.
    public var state: AgentState
    /// What it has learned since its proficiency was last changed.
    public package(set) var learning = AgentLearning()

    /// Another state of a known agent.
    init(identity: Identity, state: AgentState, learning: AgentLearning) {
        self.identity = identity
        self.state = state
        self.learning = learning
    }

    /// Puts a record together; for journals.
    public init(
        id: AgentID, number: UInt64, origin: Origin, holder: AgentHolder, createdAt: Instant,
        specification: AgentSpecification, state: AgentState, learning: AgentLearning = AgentLearning()
    ) {
        self.learning = learning
        identity = Identity(
            id: id, number: number, origin: origin, holder: holder, createdAt: createdAt, specification: specification)
        self.state = state
    }

    /// Puts a record of no team, project and pool together.
    public init(
        id: AgentID, number: UInt64, origin: Origin, owner: String, createdAt: Instant,
        specification: AgentSpecification, state: AgentState
    ) {
        self.init(
            id: id, number: number, origin: origin, holder: AgentHolder(owner: owner), createdAt: createdAt,
            specification: specification, state: state)
    }

    /// Its name in commands.
    @inlinable public var id: AgentID { identity.id }
    /// 1 for the first agent ever made here.
    @inlinable public var number: UInt64 { identity.number }
    /// Why it exists.
    @inlinable public var origin: Origin { identity.origin }
    /// The subject that asked for it.
    @inlinable public var owner: String { identity.holder.owner }
    /// The team of that subject.
    @inlinable public var team: String? { identity.holder.team }
    /// The project that it counts against; `nil` for none.
    @inlinable public var project: String? { identity.holder.project }
    /// The pool that it is in, where that is not the one on demand; `nil` for none.
    @inlinable public var pool: String? { identity.holder.pool }
    /// Whom it belongs to.
    @inlinable public var holder: AgentHolder { identity.holder }
    /// When it was made.
    @inlinable public var createdAt: Instant { identity.createdAt }
    /// What it is like, as it was last configured; its proficiency is what it has become.
    @inlinable public var specification: AgentSpecification { identity.specification }
    /// Where it stands.
    @inlinable public var status: AgentStatus { state.status }

    /// The name people see; made from type and number where none was given.
    @inlinable public var name: String { identity.name }

    /// Configures it anew.
    mutating func configure(_ specification: AgentSpecification) {
        identity = Identity(
            id: id, number: number, origin: origin, holder: holder, createdAt: createdAt, specification: specification)
    }
}

/// Whom an agent belongs to, and counts against.
public struct AgentHolder: Hashable, Sendable {
    /// The subject that asked for it.
    public var owner: String
    /// The team of that subject.
    public var team: String?
    /// The project that it counts against; `nil` for none.
    public var project: String?
    /// The pool that it is in, where that is not the one on demand; `nil` for none.
    public var pool: String?

    /// A subject, of no team, project and pool unless said.
    public init(owner: String, team: String? = nil, project: String? = nil, pool: String? = nil) {
        self.owner = owner
        self.team = team
        self.project = project
        self.pool = pool
    }

    /// A principal, with its project where it has one only.
    init(_ principal: Principal) {
        let project: String? = principal.projects.count == 1 ? principal.projects.first : nil
        self.init(owner: principal.subject, team: principal.team, project: project)
    }

    /// Everything that its agents count against.
    var quotaKeys: [QuotaKey] { QuotaKey.keys(owner: owner, team: team, project: project) }
}

/// The part of an agent that changes.
public struct AgentState: Hashable, Sendable {
    /// Where it stands.
    public var status: AgentStatus
    /// In order of assignment.
    public var currentTasks: [TaskID] = []
    /// When it was last heard of; shown, and not stored with each sign of life.
    public var lastHeartbeat: Instant
    /// When it last changed.
    public var updatedAt: Instant
    /// What it has done so far.
    public var statistics = AgentStatistics()
    /// Crashes since it last ran for a while.
    public var restarts: Int = 0
    /// Why it crashed; `nil` once it has started again.
    public var error: String?
    /// The resident process, where it has one.
    public var process: ProcessIdentity?
    /// When it ended for good.
    public var terminatedAt: Instant?

    /// The state of an agent that has just got there.
    public init(status: AgentStatus, at now: Instant) {
        self.status = status
        lastHeartbeat = now
        updatedAt = now
    }
}

/// What an agent has done so far.
public struct AgentStatistics: Hashable, Sendable {
    /// Its attempts that completed.
    public var tasksCompleted: Int = 0
    /// Its attempts that failed; those that were cancelled or interrupted count as neither.
    public var tasksFailed: Int = 0
    /// The time its ended attempts took together.
    public var totalRuntime: Milliseconds = 0
    /// Learning cycles that raised a proficiency.
    public var capabilityImprovements: Int = 0

    /// Nothing done yet.
    public init() {}

    /// Its attempts that completed or failed.
    package var endedAttempts: Int { tasksCompleted + tasksFailed }

    /// 0…1; 1 before the first task.
    public var successRate: Double {
        let ended: Int = tasksCompleted + tasksFailed
        return ended == 0 ? 1 : Double(tasksCompleted) / Double(ended)
    }

    /// Milliseconds per ended attempt; 0 before the first.
    public var averageRuntime: Double {
        let ended: Int = tasksCompleted + tasksFailed
        return ended == 0 ? 0 : Double(totalRuntime.count) / Double(ended)
    }
}
