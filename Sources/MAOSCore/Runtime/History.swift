/// What is stored, for readers: also what is no longer live.
///
/// Calls may block on the disk and may come from any thread.
public protocol History: AnyObject, Sendable {
    /// A task in any state; `nil` when none is stored under the identifier.
    func task(_ id: TaskID) throws(JournalError) -> TaskRecord?
    /// An agent in any state; `nil` when none is stored under the identifier.
    func agent(_ id: AgentID) throws(JournalError) -> AgentRecord?
    func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage
    /// Terminated agents, newest first.
    func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord]
    /// An entity in any state; `nil` when none is stored under the identifier.
    func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow?
    func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage
    /// Events in order from `from` on, at most `limit`; those whose type is not in `types` are left out unless it is empty.
    func events(from sequence: UInt64, limit: Int, types: Set<String>) throws(JournalError) -> EventPage
}

/// Which tasks to list: newest first.
public struct TaskQuery: Sendable, Hashable {
    /// Any of these; empty for all.
    public var statuses: [TaskStatus] = []
    /// Only tasks of this kind.
    public var kind: TaskKind?
    /// Only tasks that have this priority now.
    public var priority: Priority?
    /// Only of these projects; empty for all.
    public var projects: [String] = []
    /// Only dead letters.
    public var isDeadLettersOnly: Bool = false
    /// Only tasks that were created before the one of this number; the total counts the others, too.
    public var before: UInt64?
    /// So many of the newest are left out.
    public var offset: Int = 0
    /// 1…1000.
    public var limit: Int = 50
    /// Whether to leave out what may be large: results, and what is handed to the agent.
    public var isBrief: Bool = false

    /// The newest tasks of all kinds.
    public init() {}
}

/// One page of a list of tasks.
public struct TaskPage: Sendable {
    /// Newest first.
    public var tasks: [TaskRecord]
    /// How many the query finds on all pages.
    public var total: Int

    /// Puts a page together; for histories.
    public init(tasks: [TaskRecord], total: Int) {
        self.tasks = tasks
        self.total = total
    }
}

/// Which agents to list.
public struct AgentQuery: Sendable, Hashable {
    /// Only agents of this type.
    public var type: AgentType?
    /// Any of these; empty for all that live.
    public var statuses: [AgentStatus] = []
    /// So many of the first are left out.
    public var offset: Int = 0
    /// At most so many are given.
    public var limit: Int = 1_000

    /// All agents that live.
    public init() {}
}

/// A stretch of the history.
public struct EventPage: Sendable {
    /// In order; with a list of types, numbers between them may be missing.
    public var events: [Event]
    /// Where to go on reading; every event before it has been looked at.
    public var nextSequence: UInt64
    /// The oldest event still kept, 0 when there is none; larger than what was asked for when retention removed some.
    public var oldestSequence: UInt64

    /// Puts a page together; for histories.
    public init(events: [Event], nextSequence: UInt64, oldestSequence: UInt64) {
        self.events = events
        self.nextSequence = nextSequence
        self.oldestSequence = oldestSequence
    }
}
