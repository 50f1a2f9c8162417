/// Where decisions are kept.
///
/// Only the orchestrator calls it, on its own executor.
public protocol Journal: AnyObject, Sendable {
    /// What an engine needs to go on: everything that is not terminal, and the counters.
    func load() throws(JournalError) -> RecoveredState

    /// Stores a batch in one transaction; it is durable when this returns, and nothing of it is stored when it throws.
    func append(_ batch: Batch) throws(JournalError)

    /// A stored task in any state, also a terminal one that is no longer live.
    func task(_ id: TaskID) throws(JournalError) -> TaskRecord?

    /// A stored entity in any state, also one that has ended.
    func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow?

    /// A page of a list of entities in any state.
    func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage

    /// Deletes what is past its retention, a bounded amount a call; returns whether there is more to do.
    func discardExpired(at now: Instant) throws(JournalError) -> Bool
}

/// Why something could not be stored or read.
public enum JournalError: Error, Hashable, Sendable {
    /// A failing disk: nothing was stored, and a later try may succeed.
    case unavailable(String)
    /// No space: nothing was stored, and a later try may succeed.
    case full(String)
    /// What is stored is damaged.
    case corrupt(String)
    /// Made by a newer version; nothing was changed.
    case newerVersion(found: Int, supported: Int)
    /// Another process has the data directory.
    case locked(String)
}

/// What a journal holds that an engine needs to go on.
public struct RecoveredState: Sendable {
    /// Tasks that are not terminal, in order of creation.
    public var tasks: [TaskRecord] = []
    /// Agents that are not terminated, in order of creation.
    public var agents: [AgentRecord] = []
    /// Entities that have not ended and entities whose parent has not, by kind and in order of creation.
    public var entities: [EntityRow] = []
    /// Number of the newest entity of each kind that has any.
    public var lastEntityNumbers: [EntityKind: UInt64] = [:]
    /// Requests that are still remembered, in the order in which they expire.
    public var idempotency: [IdempotencyEntry] = []
    /// Sequence number of the newest event; 0 when there is none.
    public var lastSequence: UInt64 = 0
    /// Number of the newest task; 0 when there is none.
    public var lastTaskNumber: UInt64 = 0
    /// Number of the newest agent; 0 when there is none.
    public var lastAgentNumber: UInt64 = 0
    /// Tasks by status, all of them, terminal ones included.
    public var taskCounts: [TaskStatus: Int] = [:]

    /// What an empty journal holds.
    public init() {}
}
