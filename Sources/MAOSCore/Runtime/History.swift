/// What is stored, for readers: also what is no longer live. Calls may block on the disk and may come from any thread.
public protocol History: AnyObject, Sendable {
    func task(_ id: TaskID) throws(JournalError) -> TaskRecord?
    func agent(_ id: AgentID) throws(JournalError) -> AgentRecord?
    func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage
    /// Terminated agents, newest first.
    func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord]
    /// Events in order from `from` on, at most `limit`; those whose type is not in `types` are left out unless it is empty.
    func events(from sequence: UInt64, limit: Int, types: Set<String>) throws(JournalError) -> EventPage
}

/// Which tasks to list: newest first.
public struct TaskQuery: Sendable, Hashable {
    /// Any of these; empty for all.
    public var statuses: [TaskStatus] = []
    public var kind: TaskKind?
    public var priority: Priority?
    /// Only of these projects; empty for all.
    public var projects: [String] = []
    public var offset: Int = 0
    /// 1…1000.
    public var limit: Int = 50

    public init() {}
}

/// One page of a list of tasks.
public struct TaskPage: Sendable {
    public var tasks: [TaskRecord]
    /// How many the query finds on all pages.
    public var total: Int

    public init(tasks: [TaskRecord], total: Int) {
        self.tasks = tasks
        self.total = total
    }
}

/// Which agents to list.
public struct AgentQuery: Sendable, Hashable {
    public var type: AgentType?
    /// Any of these; empty for all that live.
    public var statuses: [AgentStatus] = []
    public var offset: Int = 0
    public var limit: Int = 1_000

    public init() {}
}

/// A stretch of the history.
public struct EventPage: Sendable {
    public var events: [Event]
    /// Where to go on reading; every event before it has been looked at.
    public var nextSequence: UInt64
    /// The oldest event still kept; larger than what was asked for when retention has removed some. 0 when there is none.
    public var oldestSequence: UInt64

    public init(events: [Event], nextSequence: UInt64, oldestSequence: UInt64) {
        self.events = events
        self.nextSequence = nextSequence
        self.oldestSequence = oldestSequence
    }
}
