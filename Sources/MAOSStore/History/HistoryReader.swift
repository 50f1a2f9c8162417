internal import MAOSCore

/// One reading connection with its statements.
///
/// `@unchecked Sendable`: whoever took it out of the pool is the only one to use it.
final class HistoryReader: @unchecked Sendable {
    let queries: JournalQueries
    let newestTasks: SQLiteStatement
    let newestOfBucket: SQLiteStatement
    let eventBatches: SQLiteStatement
    let oldestEvent: SQLiteStatement

    private let connection: SQLiteConnection
    private let begin: SQLiteStatement
    private let end: SQLiteStatement
    private let terminatedOfType: SQLiteStatement
    private let terminated: SQLiteStatement

    init(database: String, fileSystem: String?) throws(SQLiteError) {
        let connection = try SQLiteConnection.open(path: database, mode: .reading, vfs: fileSystem)
        try connection.execute("PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY")
        queries = try JournalQueries(connection)
        begin = try connection.statement("BEGIN")
        end = try connection.statement("COMMIT")
        newestTasks = try connection.statement(
            "SELECT number FROM tasks WHERE number < ?3 ORDER BY number DESC LIMIT ?1 OFFSET ?2")
        newestOfBucket = try connection.statement(
            """
            SELECT number FROM tasks INDEXED BY tasks_by_bucket
            WHERE bucket = ?1 AND number > ?2 AND number < ?5 ORDER BY number DESC LIMIT ?3 OFFSET ?4
            """)
        eventBatches = try connection.statement(
            """
            SELECT first_sequence, time, body FROM event_batches
            WHERE first_sequence >= ifnull(
                (SELECT max(first_sequence) FROM event_batches WHERE first_sequence <= ?1), 0)
            ORDER BY first_sequence
            """)
        oldestEvent = try connection.statement("SELECT min(first_sequence) FROM event_batches")
        terminatedOfType = try connection.statement(
            """
            SELECT record FROM agents INDEXED BY agents_terminated
            WHERE type = ?3 AND terminated_at IS NOT NULL ORDER BY number DESC LIMIT ?1 OFFSET ?2
            """)
        terminated = try connection.statement(
            """
            SELECT record FROM agents NOT INDEXED
            WHERE terminated_at IS NOT NULL ORDER BY number DESC LIMIT ?1 OFFSET ?2
            """)
        self.connection = connection
    }

    /// Runs a body on one consistent state of the database.
    func transaction<Value>(_ body: () throws -> Value) throws -> Value {
        try begin.run()
        do {
            let value: Value = try body()
            try end.run()
            return value
        } catch {
            // Not used again; closing it ends the transaction.
            throw error
        }
    }

    func terminatedAgents(_ query: AgentQuery) throws -> [AgentRecord] {
        if let type: AgentType = query.type {
            try terminatedOfType.bind(Int64(type.rawValue), at: 3)
            return try agents(terminatedOfType, query)
        }
        return try agents(terminated, query)
    }

    func entity(_ kind: EntityKind, id: String) throws -> EntityRow? {
        try EntityQueries.entity(kind, id: id, connection)
    }

    func entities(_ query: EntityQuery) throws -> EntityPage { try EntityQueries.entities(query, connection) }

    private func agents(_ statement: borrowing SQLiteStatement, _ query: AgentQuery) throws -> [AgentRecord] {
        try statement.bind(Int64(max(0, query.limit)), at: 1)
        try statement.bind(Int64(max(0, query.offset)), at: 2)
        var agents: [AgentRecord] = []
        while try statement.step() { agents.append(try RecordCoding.agent(statement.blob(0)[...])) }
        return agents
    }
}
