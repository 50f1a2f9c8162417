internal import MAOSCore

/// Deletes what is past its retention, so little at a time that nobody has to wait for it.
extension JournalWriter {
    /// Rows that one call looks at, per table.
    private static let rowsPerCall: Int64 = 200
    /// Rows of events that one call deletes; each holds a whole batch.
    private static let batchesPerCall: Int64 = 50

    /// Returns whether there is more to do.
    ///
    /// The newest event, task and agent stay whatever their age: their numbers are where the next ones go on.
    func discardExpired(at now: Instant) throws -> Bool {
        try transaction { () throws(SQLiteError) in
            let events: Bool = try discardEvents(at: now)
            let tasks: Bool = try discardTasks(at: now)
            let agents: Bool = try discardAgents(at: now)
            let entities: Bool = try discardEntities(at: now)
            let idempotency: Bool = try discardIdempotency(at: now)
            return events || tasks || agents || entities || idempotency
        }
    }

    private func discardEvents(at now: Instant) throws(SQLiteError) -> Bool {
        guard let retention: Milliseconds = configuration.eventRetention else { return false }
        let delete: SQLiteStatement = try connection.statement(
            """
            DELETE FROM event_batches WHERE first_sequence IN (
                SELECT first_sequence FROM event_batches
                WHERE first_sequence < (SELECT max(first_sequence) FROM event_batches)
                ORDER BY first_sequence LIMIT \(JournalWriter.batchesPerCall)
            ) AND time < ?1
            """)
        try delete.bind(now.milliseconds - retention.count, at: 1)
        try delete.run()
        return connection.changes == Int(JournalWriter.batchesPerCall)
    }

    private func discardTasks(at now: Instant) throws(SQLiteError) -> Bool {
        guard let retention: Milliseconds = configuration.taskRetention else { return false }
        // The event of a task's creation is told from the task's own rows, so it goes first.
        let oldestEvent: Int64 = try connection.number(
            "SELECT time FROM event_batches ORDER BY first_sequence LIMIT 1")
        let limit: Int64 = min(now.milliseconds - retention.count, oldestEvent)
        let candidates: SQLiteStatement = try connection.statement(
            """
            SELECT number, bucket, created_at, finished_at FROM tasks
            WHERE number > ?1 AND number < (SELECT max(number) FROM tasks)
            ORDER BY number LIMIT \(JournalWriter.rowsPerCall)
            """)
        try candidates.bind(taskSweep, at: 1)
        var expired: [(number: Int64, bucket: Int64)] = []
        var seen: Int64 = 0
        var isAtEnd = false
        while try candidates.step() {
            seen += 1
            taskSweep = candidates.int64(0)
            // Nothing created later can have finished earlier.
            if candidates.int64(2) >= limit {
                isAtEnd = true
                candidates.reset()
                break
            }
            if let finished: Int64 = candidates.optionalInt64(3), finished < limit {
                expired.append((candidates.int64(0), candidates.int64(1)))
            }
        }
        isAtEnd = isAtEnd || seen < JournalWriter.rowsPerCall
        if isAtEnd { taskSweep = 0 }
        if !expired.isEmpty { try deleteTasks(expired) }
        if isAtEnd { try buckets.discardEmpty() }
        return !isAtEnd
    }

    private func deleteTasks(_ expired: [(number: Int64, bucket: Int64)]) throws(SQLiteError) {
        let deleteTask: SQLiteStatement = try connection.statement("DELETE FROM tasks WHERE number = ?1")
        for (number, bucket) in expired {
            try deleteTask.bind(number, at: 1)
            try deleteTask.run()
            buckets.change(bucket, by: -1)
        }
        try deleteSpecifications(of: expired.map(\.number))
    }

    /// Deletes the blocks that held these tasks, in order, and hold no others.
    private func deleteSpecifications(of numbers: [Int64]) throws(SQLiteError) {
        let delete: SQLiteStatement = try connection.statement(
            """
            DELETE FROM task_specifications WHERE first_number = ?1
                AND NOT EXISTS (SELECT 1 FROM tasks WHERE number BETWEEN first_number AND last_number)
            """)
        var done: UInt64 = 0
        for number: Int64 in numbers where UInt64(number) > done {
            guard let block: SpecificationBlock = try queries.block(holding: UInt64(number)) else { continue }
            done = block.last
            try delete.bind(Int64(block.first), at: 1)
            try delete.run()
        }
        queries.forgetBlock()
    }

    private func discardAgents(at now: Instant) throws(SQLiteError) -> Bool {
        guard let retention: Milliseconds = configuration.taskRetention else { return false }
        let limit: Int64 = now.milliseconds - retention.count
        let candidates: SQLiteStatement = try connection.statement(
            """
            SELECT number, created_at, terminated_at FROM agents
            WHERE number > ?1 AND number < (SELECT max(number) FROM agents)
            ORDER BY number LIMIT \(JournalWriter.rowsPerCall)
            """)
        let delete: SQLiteStatement = try connection.statement("DELETE FROM agents WHERE number = ?1")
        try candidates.bind(agentSweep, at: 1)
        var expired: [Int64] = []
        var seen: Int64 = 0
        var isAtEnd = false
        while try candidates.step() {
            seen += 1
            agentSweep = candidates.int64(0)
            if candidates.int64(1) >= limit {
                isAtEnd = true
                candidates.reset()
                break
            }
            if let terminated: Int64 = candidates.optionalInt64(2), terminated < limit {
                expired.append(candidates.int64(0))
            }
        }
        isAtEnd = isAtEnd || seen < JournalWriter.rowsPerCall
        if isAtEnd { agentSweep = 0 }
        for number: Int64 in expired {
            try delete.bind(number, at: 1)
            try delete.run()
        }
        return !isAtEnd
    }

    /// Ended entities go when tasks of their age go; what belongs to a live one stays.
    private func discardEntities(at now: Instant) throws(SQLiteError) -> Bool {
        guard let retention: Milliseconds = configuration.taskRetention else { return false }
        let candidates: SQLiteStatement = try connection.statement(
            """
            SELECT key, ended_at < ?2 AND NOT EXISTS (
                    SELECT 1 FROM entities AS owner WHERE owner.id = entities.parent AND owner.ended_at IS NULL)
                AND EXISTS (
                    SELECT 1 FROM entities AS later
                    WHERE later.key > entities.key AND later.key >> 48 = entities.key >> 48)
            FROM entities WHERE key > ?1 ORDER BY key LIMIT \(JournalWriter.rowsPerCall)
            """)
        try candidates.bind(entitySweep, at: 1)
        try candidates.bind(now.milliseconds - retention.count, at: 2)
        let delete: SQLiteStatement = try connection.statement("DELETE FROM entities WHERE key = ?1")
        var expired: [Int64] = []
        var seen: Int64 = 0
        while try candidates.step() {
            seen += 1
            entitySweep = candidates.int64(0)
            if candidates.int64(1) == 1 { expired.append(entitySweep) }
        }
        for key: Int64 in expired {
            try delete.bind(key, at: 1)
            try delete.run()
        }
        guard seen < JournalWriter.rowsPerCall else { return true }
        entitySweep = 0
        return false
    }

    private func discardIdempotency(at now: Instant) throws(SQLiteError) -> Bool {
        // All are remembered equally long, so the oldest expire first.
        let delete: SQLiteStatement = try connection.statement(
            """
            DELETE FROM idempotency WHERE position IN (
                SELECT position FROM idempotency ORDER BY position LIMIT \(JournalWriter.rowsPerCall)
            ) AND expires < ?1
            """)
        try delete.bind(now.milliseconds, at: 1)
        try delete.run()
        return connection.changes == Int(JournalWriter.rowsPerCall)
    }
}
