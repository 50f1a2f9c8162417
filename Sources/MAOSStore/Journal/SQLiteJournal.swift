package import MAOSCore
internal import MAOSSystem

/// The journal in SQLite: one transaction a batch, on the disk when ``append(_:)`` returns.
package final class SQLiteJournal: Journal {
    private let writer: Locked<Writer>
    private let checkpointer: Checkpointer

    /// The writer, until the journal is closed.
    private struct Writer {
        var open: JournalWriter?

        /// The writer.
        ///
        /// - Throws: ``JournalError/unavailable(_:)`` once the journal is closed.
        func use() throws(JournalError) -> JournalWriter {
            guard let open else { throw .unavailable("the journal is closed") }
            return open
        }
    }

    init(database: String, configuration: SQLiteStore.Configuration) throws(JournalError) {
        let open: JournalWriter = try journaling {
            let connection = try SQLiteConnection.open(path: database, mode: .writing, vfs: configuration.fileSystem)
            try JournalWriter.prepare(connection)
            return try JournalWriter(connection, configuration: configuration)
        }
        writer = Locked(Writer(open: open))
        checkpointer = try Checkpointer(
            database: database, fileSystem: configuration.fileSystem, threshold: configuration.checkpointFrames)
    }

    /// What an engine needs to go on, read from non-terminal tasks and agents only.
    package func load() throws(JournalError) -> RecoveredState {
        try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            return try journaling { try open.load() }
        }
    }

    /// Stores a batch in one transaction; it is on the disk when this returns, and nothing of it is when it throws.
    package func append(_ batch: Batch) throws(JournalError) {
        let frames: Int = try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            do throws(SQLiteError) { try open.append(batch) } catch { throw error.journalError }
            return open.logFrames
        }
        if checkpointer.wants(frames) { checkpointer.start { [self] in copyRest() } }
    }

    /// A stored task in any state.
    package func task(_ id: TaskID) throws(JournalError) -> TaskRecord? {
        try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            return try journaling { try open.queries.task(id) }
        }
    }

    /// A stored entity in any state.
    package func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            return try journaling { try EntityQueries.entity(kind, id: id, open.connection) }
        }
    }

    /// A page of a list of entities.
    package func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage {
        try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            return try journaling { try EntityQueries.entities(query, open.connection) }
        }
    }

    /// Deletes some of what is past its retention; returns whether there is more to do.
    package func discardExpired(at now: Instant) throws(JournalError) -> Bool {
        try writer.withLock { writer throws(JournalError) in
            let open: JournalWriter = try writer.use()
            return try journaling { try open.discardExpired(at: now) }
        }
    }

    /// Copies what the checkpointer left, while nobody can write, so that the log begins anew with the next batch.
    private func copyRest() -> Bool {
        writer.withLock { writer in
            guard let open: JournalWriter = writer.open else { return true }
            guard let progress = try? open.connection.checkpoint(.passive) else { return false }
            return progress.remaining == 0
        }
    }

    /// Copies everything from the log into the database file, and closes it.
    package func close() {
        checkpointer.close()
        writer.withLock { writer in
            // What cannot be copied stays in the log, where the next start finds it.
            _ = try? writer.open?.connection.checkpoint(.truncate)
            writer.open = nil
        }
    }
}
