/// What a run of commands brought about: the unit that is committed, shown and published together.
public struct Batch: Sendable {
    /// When its last command was carried out.
    public var time: Instant
    /// In order; sequence numbers follow the last batch's without a gap.
    public var events: [Event] = []
    /// Every task that was made or changed, once each, in its last state.
    public var tasks: [TaskRecord] = []
    /// Every agent that was made or changed, once each, in its last state.
    public var agents: [AgentRecord] = []
    /// Every entity that was made or changed, once each, in its last state.
    public var entities: [EntityRow] = []
    /// Requests to be remembered for their repetition.
    public var idempotency: [IdempotencyEntry] = []
    /// What is to be done once the rest is durable; not stored.
    public var effects: [Effect] = []

    /// A batch in which nothing has happened.
    public init(time: Instant) { self.time = time }

    /// A batch after another: with room for as much, within bounds, because the next is mostly like the last.
    init(following last: Batch) {
        self.init(time: last.time)
        events.reserveCapacity(min(last.events.count, 256))
        tasks.reserveCapacity(min(last.tasks.count, 128))
        agents.reserveCapacity(min(last.agents.count, 64))
        effects.reserveCapacity(min(last.effects.count, 128))
    }

    /// Whether there is nothing to store.
    public var isEmpty: Bool {
        events.isEmpty && tasks.isEmpty && agents.isEmpty && entities.isEmpty && idempotency.isEmpty
    }
}

/// A request that is remembered, so that its repetition is answered and not carried out.
public struct IdempotencyEntry: Hashable, Sendable {
    /// Who sent the request.
    public var subject: String
    /// What the sender called it, and what it asked for.
    public var key: IdempotencyKey
    /// What it made.
    public var made: Creation
    /// When it is forgotten.
    public var expires: Instant

    /// Puts an entry together; for journals.
    public init(subject: String, key: IdempotencyKey, made: Creation, expires: Instant) {
        self.subject = subject
        self.key = key
        self.made = made
        self.expires = expires
    }
}
