internal import MAOSCore

/// What an engine needs to go on.
extension JournalWriter {
    func load() throws -> RecoveredState {
        var state = RecoveredState()
        state.lastSequence = try queries.lastSequence()
        state.lastTaskNumber = try queries.lastTaskNumber()
        state.lastAgentNumber = try queries.lastAgentNumber()
        try loadTasks(into: &state)
        try loadAgents(into: &state)
        try loadIdempotency(into: &state)
        state.entities = try EntityQueries.live(connection)
        state.lastEntityNumbers = try EntityQueries.lastNumbers(connection)
        connection.releaseMemory()
        return state
    }

    private func loadTasks(into state: inout RecoveredState) throws {
        let query: SQLiteStatement = try connection.statement(
            "SELECT number, id, state FROM tasks WHERE bucket = ?1 ORDER BY number")
        for bucket: JournalQueries.Bucket in try queries.buckets() {
            state.taskCounts[bucket.status, default: 0] += bucket.count
            guard !bucket.status.isTerminal else { continue }
            try query.bind(bucket.number, at: 1)
            while try query.step() {
                let id = TaskID(unchecked: query.text(1))
                state.tasks.append(try queries.task(id, number: UInt64(query.int64(0)), state: query.blob(2)))
            }
        }
        state.tasks.sort { $0.number < $1.number }
    }

    private func loadAgents(into state: inout RecoveredState) throws {
        let query: SQLiteStatement = try connection.statement(
            "SELECT record FROM agents WHERE terminated_at IS NULL ORDER BY number")
        while try query.step() { state.agents.append(try RecordCoding.agent(query.blob(0)[...])) }
    }

    private func loadIdempotency(into state: inout RecoveredState) throws {
        let query: SQLiteStatement = try connection.statement(
            "SELECT subject, key, fingerprint, task, expires FROM idempotency ORDER BY position")
        while try query.step() {
            let made: String = query.text(3)
            state.idempotency.append(
                IdempotencyEntry(
                    subject: query.text(0),
                    key: IdempotencyKey(key: query.text(1), fingerprint: UInt64(bitPattern: query.int64(2))),
                    made: Creation(made) ?? .task(TaskID(unchecked: made)),
                    expires: Instant(milliseconds: query.int64(4))))
        }
    }
}
