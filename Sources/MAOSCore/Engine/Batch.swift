/// What a run of commands brought about: the unit that is committed, shown and published together.
public struct Batch: Sendable {
    public var time: Instant
    /// In order; sequence numbers follow the last batch's without a gap.
    public var events: [Event] = []
    /// Every task that was made or changed, once each, in its last state.
    public var tasks: [TaskRecord] = []
    /// Every agent that was made or changed, once each, in its last state.
    public var agents: [AgentRecord] = []
    public var idempotency: [IdempotencyEntry] = []
    public var effects: [Effect] = []

    public init(time: Instant) { self.time = time }

    /// Whether there is nothing to store.
    public var isEmpty: Bool { events.isEmpty && tasks.isEmpty && agents.isEmpty && idempotency.isEmpty }
}

/// A request that is remembered, so that its repetition is answered and not carried out.
public struct IdempotencyEntry: Hashable, Sendable {
    public var subject: String
    public var key: IdempotencyKey
    public var task: TaskID
    public var expires: Instant

    public init(subject: String, key: IdempotencyKey, task: TaskID, expires: Instant) {
        self.subject = subject
        self.key = key
        self.task = task
        self.expires = expires
    }
}
