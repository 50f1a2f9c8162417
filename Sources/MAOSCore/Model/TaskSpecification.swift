/// What kind of work a task is: `^[a-z][a-z0-9_]{0,63}$`, open to new words.
public struct TaskKind: Hashable, Sendable, CustomStringConvertible {
    /// The word itself.
    public let rawValue: String

    /// Reads a kind; `nil` when the text has another form.
    public init?(_ text: String) {
        let bytes: String.UTF8View = text.utf8
        guard let first: UInt8 = bytes.first, bytes.count <= 64, isLowercaseLetter(first) else { return nil }
        guard bytes.allSatisfy({ isLowercaseLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }) else { return nil }
        rawValue = text
    }

    init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// The word itself.
    public var description: String { rawValue }

    /// Writing code; goes to coders.
    public static let code = TaskKind(unchecked: "code")
    /// Testing; goes to testers.
    public static let testing = TaskKind(unchecked: "testing")
    /// Review; goes to reviewers.
    public static let review = TaskKind(unchecked: "review")
    /// Deployment; goes to any agent.
    public static let deployment = TaskKind(unchecked: "deployment")
    /// Documentation; goes to documenters.
    public static let documentation = TaskKind(unchecked: "documentation")
    /// Analysis; goes to any agent.
    public static let analysis = TaskKind(unchecked: "analysis")
}

private func isLowercaseLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

/// What is started for one attempt.
public enum RunnerCommand: Hashable, Sendable {
    /// Program and arguments, started without a shell; at least one element.
    case arguments([String])
    /// A line for `/bin/sh -c`.
    case shell(String)
}

/// A capability that an agent must have before it is given the task.
public struct CapabilityRequirement: Hashable, Sendable {
    /// 1…100 characters; the same word as in the capabilities of agents.
    public var name: String
    /// 0…1; agents below it do not qualify.
    public var minimumProficiency: Double

    /// A capability of any proficiency unless said.
    public init(name: String, minimumProficiency: Double = 0) {
        self.name = name
        self.minimumProficiency = minimumProficiency
    }
}

/// When and how often a failed task is tried again.
public struct RetryPolicy: Hashable, Sendable {
    /// What becomes of an attempt that the server's own end interrupted.
    public enum Interruption: UInt8, Sendable {
        /// Queued again, at most ``EngineLimits/interruptions`` times; does not count as a failure.
        case retry = 1
        case fail
    }

    /// Attempts that may fail before the task does; 1…100.
    public var maximumAttempts: Int
    /// The wait after the first failure; 0…24 h.
    public var backoff: Milliseconds
    /// By what the wait grows after each further failure; 1…10.
    public var factor: Double
    /// What becomes of an attempt that the server's own end interrupted.
    public var onInterruption: Interruption

    /// One attempt unless said; with more, a second after the first failure, then twice as long each time.
    public init(
        maximumAttempts: Int = 1, backoff: Milliseconds = 1_000, factor: Double = 2,
        onInterruption: Interruption = .retry
    ) {
        self.maximumAttempts = maximumAttempts
        self.backoff = backoff
        self.factor = factor
        self.onInterruption = onInterruption
    }
}

/// What a client asks for when it creates a task; never changes afterwards.
///
/// All copies share one box until one of them is changed: on its way from a request to the engine, the journal and the views
/// it is handed on many times, and is large.
public struct TaskSpecification: Sendable {
    @usableFromInline struct Parts: Hashable, Sendable {
        @usableFromInline var kind: TaskKind
        @usableFromInline var description: String
        @usableFromInline var priority: Priority
        @usableFromInline var capabilities: [CapabilityRequirement]
        @usableFromInline var dependencies: [TaskID]
        @usableFromInline var timeout: Milliseconds?
        @usableFromInline var project: String?
        @usableFromInline var command: RunnerCommand?
        @usableFromInline var requirements: JSONText
        @usableFromInline var constraints: JSONText
        @usableFromInline var context: JSONText
        @usableFromInline var metadata: JSONText
        @usableFromInline var rare: Rare?
    }

    /// What few tasks ask for, kept apart so that the others need no memory for it.
    @usableFromInline struct RareParts: Hashable, Sendable {
        @usableFromInline var deadline: Instant?
        @usableFromInline var retryPolicy = RetryPolicy()
        @usableFromInline var concurrencyKey: String?
        @usableFromInline var budget = Budget()
        @usableFromInline var schedule: TaskSchedule?
        @usableFromInline var environment: [String: String] = [:]
        @usableFromInline var workingDirectory: String?
        @usableFromInline var workflow: WorkflowTaskOrigin?
        @usableFromInline var agent: AgentID?

        @usableFromInline init() {}
    }

    /// There is one only while something is asked for, so that equal specifications look equal.
    @usableFromInline final class Rare: Hashable, Sendable {
        @usableFromInline let parts: RareParts

        @usableFromInline init(_ parts: RareParts) { self.parts = parts }

        @usableFromInline static func == (left: Rare, right: Rare) -> Bool {
            left === right || left.parts == right.parts
        }

        @usableFromInline func hash(into hasher: inout Hasher) { hasher.combine(parts) }
    }

    /// The parts of all copies; written to only while one specification alone has it.
    @usableFromInline final class Box: @unchecked Sendable {
        @usableFromInline var parts: Parts

        @usableFromInline init(_ parts: Parts) { self.parts = parts }
    }

    @usableFromInline var box: Box

    /// The box, when nobody else has it; of its own, else.
    @usableFromInline mutating func own() -> Box {
        if !isKnownUniquelyReferenced(&box) { box = Box(box.parts) }
        return box
    }

    /// What few tasks ask for, as it is or would be.
    @usableFromInline var rare: Rare? { box.parts.rare }

    /// Changes what few tasks ask for.
    @usableFromInline mutating func changeRare(_ body: (inout RareParts) -> Void) {
        var parts: RareParts = rare?.parts ?? RareParts()
        body(&parts)
        own().parts.rare = parts == RareParts() ? nil : Rare(parts)
    }

    /// What kind of work it is; decides the type of agent.
    @inlinable public var kind: TaskKind {
        get { box.parts.kind }
        set { own().parts.kind = newValue }
    }
    /// 1…1000 characters.
    @inlinable public var description: String {
        get { box.parts.description }
        set { own().parts.description = newValue }
    }
    /// How urgent it is at first.
    @inlinable public var priority: Priority {
        get { box.parts.priority }
        set { own().parts.priority = newValue }
    }
    /// What its agent must be able to do; all of them, at most ``EngineLimits/capabilities``.
    @inlinable public var capabilities: [CapabilityRequirement] {
        get { box.parts.capabilities }
        set { own().parts.capabilities = newValue }
    }
    /// Existing tasks that must complete first, each once; at most ``EngineLimits/dependencies``.
    @inlinable public var dependencies: [TaskID] {
        get { box.parts.dependencies }
        set { own().parts.dependencies = newValue }
    }
    /// When the task fails if it has not ended by then.
    @inlinable public var deadline: Instant? {
        get { rare?.parts.deadline }
        set { if newValue != nil || rare != nil { changeRare { $0.deadline = newValue } } }
    }
    /// How long one attempt may take; 1 s … 24 h.
    @inlinable public var timeout: Milliseconds? {
        get { box.parts.timeout }
        set { own().parts.timeout = newValue }
    }
    /// When and how often it is tried again.
    @inlinable public var retryPolicy: RetryPolicy {
        get { rare?.parts.retryPolicy ?? RetryPolicy() }
        set { if newValue != RetryPolicy() || rare != nil { changeRare { $0.retryPolicy = newValue } } }
    }
    /// The project it belongs to; `nil` for none.
    @inlinable public var project: String? {
        get { box.parts.project }
        set { own().parts.project = newValue }
    }
    /// Tasks with the same key keep to a limit together (``EngineConfiguration/concurrency``); 1…255 characters.
    @inlinable public var concurrencyKey: String? {
        get { rare?.parts.concurrencyKey }
        set { if newValue != nil || rare != nil { changeRare { $0.concurrencyKey = newValue } } }
    }
    /// What all attempts together may use.
    @inlinable public var budget: Budget {
        get { rare?.parts.budget ?? Budget() }
        set { if !newValue.isEmpty || rare != nil { changeRare { $0.budget = newValue } } }
    }
    /// When it may start, and which tasks like it follow; at once where `nil`.
    @inlinable public var schedule: TaskSchedule? {
        get { rare?.parts.schedule }
        set { if newValue != nil || rare != nil { changeRare { $0.schedule = newValue } } }
    }
    /// The time of ``schedule``.
    var scheduledTime: Instant? { rare?.parts.schedule?.time }
    /// What to run; without one the runner of the agent's type applies.
    @inlinable public var command: RunnerCommand? {
        get { box.parts.command }
        set { own().parts.command = newValue }
    }
    /// Variables of its process, beside the agent's and those that the runtime sets.
    @inlinable public var environment: [String: String] {
        get { rare?.parts.environment ?? [:] }
        set { if !newValue.isEmpty || rare != nil { changeRare { $0.environment = newValue } } }
    }
    /// The folder its process starts in; the agent's workspace where `nil`.
    @inlinable public var workingDirectory: String? {
        get { rare?.parts.workingDirectory }
        set { if newValue != nil || rare != nil { changeRare { $0.workingDirectory = newValue } } }
    }
    /// The requirements as the client wrote them: a JSON array.
    @inlinable public var requirements: JSONText {
        get { box.parts.requirements }
        set { own().parts.requirements = newValue }
    }
    /// The constraints as the client wrote them: a JSON array.
    @inlinable public var constraints: JSONText {
        get { box.parts.constraints }
        set { own().parts.constraints = newValue }
    }
    /// The client's own data: a JSON object, handed to the agent as it is.
    @inlinable public var context: JSONText {
        get { box.parts.context }
        set { own().parts.context = newValue }
    }
    /// Data of the dialect that created the task: a JSON object.
    @inlinable public var metadata: JSONText {
        get { box.parts.metadata }
        set { own().parts.metadata = newValue }
    }
    /// The step of an execution that it was made for; `nil` for a task that stands alone.
    @inlinable public var workflow: WorkflowTaskOrigin? {
        get { rare?.parts.workflow }
        set { if newValue != nil || rare != nil { changeRare { $0.workflow = newValue } } }
    }
    /// The agent that it is addressed to, one with a resident process; any that goes with it where `nil`.
    ///
    /// Such a task may have a description of 65,536 characters and any time-out, and ends with its agent.
    @inlinable public var agent: AgentID? {
        get { rare?.parts.agent }
        set { if newValue != nil || rare != nil { changeRare { $0.agent = newValue } } }
    }

    /// A task of medium priority that is tried once, unless said.
    public init(
        kind: TaskKind, description: String, priority: Priority = .medium,
        capabilities: [CapabilityRequirement] = [], dependencies: [TaskID] = [], deadline: Instant? = nil,
        timeout: Milliseconds? = nil, retryPolicy: RetryPolicy = RetryPolicy(), project: String? = nil,
        concurrencyKey: String? = nil, command: RunnerCommand? = nil, environment: [String: String] = [:],
        workingDirectory: String? = nil,
        requirements: JSONText = .emptyArray, constraints: JSONText = .emptyArray,
        context: JSONText = .emptyObject, metadata: JSONText = .emptyObject
    ) {
        box = Box(
            Parts(
                kind: kind, description: description, priority: priority, capabilities: capabilities,
                dependencies: dependencies, timeout: timeout, project: project, command: command,
                requirements: requirements, constraints: constraints, context: context, metadata: metadata))
        self.deadline = deadline
        self.retryPolicy = retryPolicy
        self.concurrencyKey = concurrencyKey
        self.environment = environment
        self.workingDirectory = workingDirectory
    }
}

extension TaskSpecification: Hashable {
    /// Whether both ask for the same.
    public static func == (left: TaskSpecification, right: TaskSpecification) -> Bool {
        left.box === right.box || left.box.parts == right.box.parts
    }

    /// Hashes everything that is asked for.
    public func hash(into hasher: inout Hasher) { hasher.combine(box.parts) }
}

extension TaskSpecification {
    /// Bytes of memory that what the client chose takes, roughly; 256 at least.
    ///
    /// Not free where there are arguments or variables: to be asked once.
    var weight: Int {
        var bytes: Int = 256 + description.utf8.count
        bytes += requirements.utf8.count + constraints.utf8.count + context.utf8.count + metadata.utf8.count
        bytes += dependencies.count * 64 + capabilities.count * 64
        switch command {
        case .arguments(let arguments)?: bytes += arguments.reduce(0) { $0 + $1.utf8.count + 32 }
        case .shell(let line)?: bytes += line.utf8.count
        case nil: break
        }
        guard let rare: RareParts = rare?.parts else { return bytes }
        bytes += 256 + (rare.concurrencyKey?.utf8.count ?? 0)
        for (name, value) in rare.environment { bytes += name.utf8.count + value.utf8.count + 64 }
        return bytes
    }
}
