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
public struct TaskSpecification: Hashable, Sendable {
    /// What kind of work it is; decides the type of agent.
    public var kind: TaskKind
    /// 1…1000 characters.
    public var description: String
    /// How urgent it is at first.
    public var priority: Priority
    /// What its agent must be able to do; all of them, at most ``EngineLimits/capabilities``.
    public var capabilities: [CapabilityRequirement]
    /// Existing tasks that must complete first, each once; at most ``EngineLimits/dependencies``.
    public var dependencies: [TaskID]
    /// When the task fails if it has not ended by then.
    public var deadline: Instant?
    /// How long one attempt may take; 1 s … 24 h.
    public var timeout: Milliseconds?
    /// When and how often it is tried again.
    public var retryPolicy: RetryPolicy
    /// The project it belongs to; `nil` for none.
    public var project: String?
    /// Tasks with the same key keep to a limit together (``EngineConfiguration/concurrency``); 1…255 characters.
    public var concurrencyKey: String?
    /// What all attempts together may use.
    public var budget = Budget()
    /// When it may start, and which tasks like it follow; at once where `nil`.
    public var schedule: TaskSchedule?
    /// What to run; without one the runner of the agent's type applies.
    public var command: RunnerCommand?
    /// Variables of its process, beside the agent's and those that the runtime sets.
    public var environment: [String: String]
    /// The folder its process starts in; the agent's workspace where `nil`.
    public var workingDirectory: String?
    /// The requirements as the client wrote them: a JSON array.
    public var requirements: JSONText
    /// The constraints as the client wrote them: a JSON array.
    public var constraints: JSONText
    /// The client's own data: a JSON object, handed to the agent as it is.
    public var context: JSONText
    /// Data of the dialect that created the task: a JSON object.
    public var metadata: JSONText
    /// The step of an execution that it was made for; `nil` for a task that stands alone.
    public var workflow: WorkflowTaskOrigin?
    /// The agent that it is addressed to, one with a resident process; any that goes with it where `nil`.
    ///
    /// Such a task may have a description of 65,536 characters and any time-out, and ends with its agent.
    public var agent: AgentID?

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
        self.kind = kind
        self.description = description
        self.priority = priority
        self.capabilities = capabilities
        self.dependencies = dependencies
        self.deadline = deadline
        self.timeout = timeout
        self.retryPolicy = retryPolicy
        self.project = project
        self.concurrencyKey = concurrencyKey
        self.command = command
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.requirements = requirements
        self.constraints = constraints
        self.context = context
        self.metadata = metadata
    }
}

extension TaskSpecification {
    /// Bytes of memory that what the client chose takes, roughly; 256 at least.
    ///
    /// Not free where there are arguments or variables: to be asked once.
    var weight: Int {
        var bytes: Int = 256 + description.utf8.count + (concurrencyKey?.utf8.count ?? 0)
        bytes += requirements.utf8.count + constraints.utf8.count + context.utf8.count + metadata.utf8.count
        bytes += dependencies.count * 64 + capabilities.count * 64
        if schedule != nil { bytes += 128 }
        for (name, value) in environment { bytes += name.utf8.count + value.utf8.count + 64 }
        switch command {
        case .arguments(let arguments)?: bytes += arguments.reduce(0) { $0 + $1.utf8.count + 32 }
        case .shell(let line)?: bytes += line.utf8.count
        case nil: break
        }
        return bytes
    }
}
