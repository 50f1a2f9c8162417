package import MAOSCore
internal import MAOSSystem

/// What is stored, read through connections of its own that cannot write; safe from any thread.
package final class SQLiteHistory: History {
    /// Readers that are kept open when nobody reads.
    private static let idleReaders = 2

    private let database: String
    private let fileSystem: String?
    private let pool = Locked(Pool())

    private struct Pool {
        var idle: [HistoryReader] = []
        var isClosed = false
    }

    init(database: String, fileSystem: String?) {
        self.database = database
        self.fileSystem = fileSystem
    }

    /// A stored task in any state.
    package func task(_ id: TaskID) throws(JournalError) -> TaskRecord? {
        try read { try $0.queries.task(id) }
    }

    /// A stored agent; of those that have had the identifier, the newest.
    package func agent(_ id: AgentID) throws(JournalError) -> AgentRecord? {
        try read { try $0.queries.agent(id) }
    }

    /// A page of tasks, newest first.
    ///
    /// Costs what the page and those before it have, not what is stored.
    package func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage {
        try read { try $0.tasks(query) }
    }

    /// Terminated agents, newest first; the query's statuses are not looked at.
    package func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord] {
        try read { try $0.terminatedAgents(query) }
    }

    /// A stored entity in any state.
    package func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        try read { try $0.entity(kind, id: id) }
    }

    /// A page of a list of entities.
    package func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage {
        try read { try $0.entities(query) }
    }

    /// Events in order; looks at a bounded number of them, so a page may be shorter than asked for, or empty, although there
    /// are more: `nextSequence` says where to go on.
    package func events(
        from sequence: UInt64, limit: Int, types: Set<String>
    ) throws(JournalError) -> EventPage {
        try read { try $0.events(from: sequence, limit: limit, types: types) }
    }

    /// Closes the connections; later reads are refused.
    package func close() {
        pool.withLock { pool in
            pool.isClosed = true
            pool.idle = []
        }
    }

    /// Runs a body with a reader of its own, on one consistent state of the database.
    private func read<Value>(_ body: (HistoryReader) throws -> Value) throws(JournalError) -> Value {
        let idle: HistoryReader? = try pool.withLock { pool throws(JournalError) in
            guard !pool.isClosed else { throw .unavailable("the history is closed") }
            return pool.idle.popLast()
        }
        return try journaling {
            let reader: HistoryReader = try idle ?? HistoryReader(database: database, fileSystem: fileSystem)
            let value: Value = try reader.transaction { try body(reader) }
            // One that has failed is not kept.
            pool.withLock { pool in
                if !pool.isClosed, pool.idle.count < SQLiteHistory.idleReaders { pool.idle.append(reader) }
            }
            return value
        }
    }
}
