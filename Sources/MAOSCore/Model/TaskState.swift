/// The part of a task that changes.
///
/// Every event carries one, so it is kept small: what most states have none of is in one shared part, which is made anew
/// when something of it changes.
public struct TaskState: Hashable, Sendable {
    /// Where it stands.
    public var status: TaskStatus
    /// How urgent it is now; it may have been created with another one.
    public var priority: Priority
    /// How far a requested cancellation has come; `nil` when none was.
    public var cancellation: CancellationStage?
    /// Whether it failed because its attempts are used up, and nobody has seen to it yet.
    public var isDeadLetter: Bool = false
    /// 0…1.
    public var progress: Double = 0
    /// The number of the newest attempt; 0 before the first.
    public var attempt: Int = 0
    /// The agent that works on it, or did when it ended.
    public var agent: AgentID?
    /// When it last changed.
    public var updatedAt: Instant
    private var queued = Moment()
    private var started = Moment()
    private var finished = Moment()
    private var rare: Rare?

    /// The state of a task that has just got there.
    public init(status: TaskStatus, priority: Priority, updatedAt: Instant) {
        self.status = status
        self.priority = priority
        self.updatedAt = updatedAt
    }

    /// When it last began to wait for an agent.
    public var queuedAt: Instant? {
        get { queued.instant }
        set { queued.instant = newValue }
    }

    /// When the newest attempt began.
    public var startedAt: Instant? {
        get { started.instant }
        set { started.instant = newValue }
    }

    /// When it ended.
    public var finishedAt: Instant? {
        get { finished.instant }
        set { finished.instant = newValue }
    }

    /// What the agent says it is doing.
    public var step: String? {
        get { rare?.parts.step }
        set { if newValue != nil || rare != nil { change { $0.step = newValue } } }
    }

    /// Attempts that failed and count against the retry policy.
    public var failures: Int {
        get { rare?.parts.failures ?? 0 }
        set { if newValue != 0 || rare != nil { change { $0.failures = newValue } } }
    }

    /// Attempts that the server's own end interrupted.
    public var interruptions: Int {
        get { rare?.parts.interruptions ?? 0 }
        set { if newValue != 0 || rare != nil { change { $0.interruptions = newValue } } }
    }

    /// The root of the running attempt's process tree.
    public var process: ProcessIdentity? {
        get { rare?.parts.process }
        set { if newValue != nil || rare != nil { change { $0.process = newValue } } }
    }

    /// What the task produced; a JSON value.
    public var result: JSONText? {
        get { rare?.parts.result }
        set { if newValue != nil || rare != nil { change { $0.result = newValue } } }
    }

    /// Why it ended, or why the last attempt failed while it waits for the next.
    public var error: TaskFailure? {
        get { rare?.parts.error }
        set { if newValue != nil || rare != nil { change { $0.error = newValue } } }
    }

    /// Before this the task is not queued again.
    public var notBefore: Instant? {
        get { rare?.parts.notBefore }
        set { if newValue != nil || rare != nil { change { $0.notBefore = newValue } } }
    }

    /// The newest attempts that failed or were interrupted, oldest first; at most ``causeLimit``.
    public var causes: [AttemptFailure] {
        get { rare?.parts.causes ?? [] }
        set { if !newValue.isEmpty || rare != nil { change { $0.causes = newValue } } }
    }

    /// The task that was made of this one, a dead letter, with another specification.
    public var requeuedAs: TaskID? {
        get { rare?.parts.requeuedAs }
        set { if newValue != nil || rare != nil { change { $0.requeuedAs = newValue } } }
    }

    /// What the attempts that have ended used.
    public var spent: Usage {
        get { rare?.parts.spent ?? Usage() }
        set { if newValue != Usage() || rare != nil { change { $0.spent = newValue } } }
    }

    /// What the attempt under way has used, as far as it was reported, and how long it ran before it was last held back.
    public var attemptUsage: Usage {
        get { rare?.parts.attemptUsage ?? Usage() }
        set { if newValue != Usage() || rare != nil { change { $0.attemptUsage = newValue } } }
    }

    /// When the attempt under way last went on.
    package var resumedAt: Instant? {
        get { rare?.parts.resumedAt }
        set { if newValue != nil || rare != nil { change { $0.resumedAt = newValue } } }
    }

    /// Whether a paused task still holds its agent and a stopped process; one that waits while it is paused has no agent.
    public var isSuspended: Bool { status == .paused && agent != nil }

    /// Whether an attempt is bound to an agent and may have a process.
    public var holdsAgent: Bool { status == .assigned || status == .running || isSuspended }

    private mutating func change(_ body: (inout RareParts) -> Void) {
        var parts: RareParts = rare?.parts ?? RareParts()
        body(&parts)
        if parts == rare?.parts { return }
        rare = parts == RareParts() ? nil : Rare(parts)
    }
}

extension TaskState {
    /// A time that may be missing, in the room of one that may not.
    struct Moment: Hashable, Sendable, CustomStringConvertible {
        private var milliseconds: Int64 = .min

        var instant: Instant? {
            get { milliseconds == .min ? nil : Instant(milliseconds: milliseconds) }
            set { milliseconds = newValue?.milliseconds ?? .min }
        }

        var description: String { milliseconds == .min ? "never" : "\(milliseconds)" }
    }

    struct RareParts: Hashable, Sendable {
        var step: String?
        var failures: Int = 0
        var interruptions: Int = 0
        var process: ProcessIdentity?
        var result: JSONText?
        var error: TaskFailure?
        var notBefore: Instant?
        var causes: [AttemptFailure] = []
        var requeuedAs: TaskID?
        var spent = Usage()
        var attemptUsage = Usage()
        var resumedAt: Instant?
    }

    /// There is one only while it holds something, so that equal states look equal.
    final class Rare: Hashable, Sendable, CustomStringConvertible {
        let parts: RareParts

        init(_ parts: RareParts) { self.parts = parts }

        static func == (left: Rare, right: Rare) -> Bool { left === right || left.parts == right.parts }

        func hash(into hasher: inout Hasher) { hasher.combine(parts) }

        var description: String { "\(parts)" }
    }
}
