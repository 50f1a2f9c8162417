/// Something to be done in the world, once the decision behind it is durable.
public enum Effect: Sendable {
    /// Makes the agent ready to take tasks; answered by ``Command/agentStarted(_:process:)`` or ``Command/agentCrashed(_:reason:)``.
    case startAgent(AgentRecord)
    /// Ends the agent's resident process, if it has one; answered by ``Command/agentStopped(_:)``.
    case stopAgent(AgentID, graceful: Bool)
    /// Starts an attempt; answered by ``Command/attemptStarted(_:process:)`` and ``Command/attemptEnded(_:_:)``, or the latter alone.
    case startAttempt(AttemptLaunch)
    /// Ends an attempt's whole process tree, also while it is suspended; answered by ``Command/attemptEnded(_:_:)``.
    case stopAttempt(AttemptID, StopReason)
    /// Takes an attempt back that has not begun; answered by ``Command/attemptEnded(_:_:)`` if so, and by nothing if it has.
    case recallAttempt(AttemptID)
    /// Stops (SIGSTOP) or continues (SIGCONT) an attempt's whole process tree.
    case suspendAttempt(AttemptID, Bool)
    /// Stops or continues the whole tree of an agent's resident process.
    case suspendAgent(AgentID, Bool)
}

/// Why an attempt is stopped.
public enum StopReason: UInt8, Sendable {
    case cancelled = 1
    case timeout
    case deadline
    case agentTerminated
    case draining
    /// A ceiling is reached.
    case budget
}

/// All that is needed to start an attempt.
public struct AttemptLaunch: Sendable {
    /// Reports about the attempt carry this.
    public var id: AttemptID
    /// The task as it is with this attempt assigned.
    public var task: TaskRecord
    /// The agent that works on it, as it is then.
    public var agent: AgentRecord
    /// Results of the tasks it depends on; filled in by the orchestrator after the commit.
    public var inputs: [AttemptInput] = []
    /// Whether a ceiling of processor time holds, so that its use has to be reported while the attempt runs.
    public var watchesProcessorTime: Bool = false

    /// Puts a launch together; the engine does.
    public init(id: AttemptID, task: TaskRecord, agent: AgentRecord, inputs: [AttemptInput] = []) {
        self.id = id
        self.task = task
        self.agent = agent
        self.inputs = inputs
    }
}

/// What a task gets from one that it depends on.
public struct AttemptInput: Hashable, Sendable {
    /// The task that produced it.
    public var task: TaskID
    /// `nil` for a task without a result.
    public var result: JSONText?

    /// What one task produced.
    public init(task: TaskID, result: JSONText?) {
        self.task = task
        self.result = result
    }
}
