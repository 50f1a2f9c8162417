package import MAOSCore
internal import MAOSSystem

/// Everything the server keeps in its database: the journal that writes it, and the history that reads it.
///
/// The database is `maos.db` in the data directory, which no other process may use meanwhile.
package final class SQLiteStore: Sendable {
    /// What an operator may set about the store.
    package struct Configuration: Sendable {
        /// How long events are kept; for ever where `nil`.
        package var eventRetention: Milliseconds? = .seconds(30 * 86_400)
        /// How long finished tasks and terminated agents are kept, and at least as long as the events of their creation; for
        /// ever where `nil`.
        package var taskRetention: Milliseconds? = .seconds(90 * 86_400)
        /// Frames in the log, of 4 KB, from which on they are copied into the database file.
        ///
        /// Few, because a commit that comes meanwhile waits for as much of the disk as the copy takes.
        package var checkpointFrames: Int = 500
        /// The SQLite file system to go through; the usual one where `nil`.
        package var fileSystem: String?
        /// The steps of the schema.
        package var migrations: [Migration] = Migration.all

        /// What holds where nothing is set.
        package init() {}
    }

    /// Writes, for the orchestrator.
    package let journal: SQLiteJournal

    /// Reads, for everybody.
    package let history: SQLiteHistory

    private let directory: DataDirectory

    private init(directory: consuming DataDirectory, journal: SQLiteJournal, history: SQLiteHistory) {
        self.directory = directory
        self.journal = journal
        self.history = history
    }

    /// Takes a data directory and opens the database in it; makes both where they are not there.
    ///
    /// - Parameters:
    ///   - path: The data directory.
    ///   - configuration: What an operator has set.
    /// - Returns: The store, ready for use.
    /// - Throws: ``JournalError``, and whatever it is, nothing stored has been changed.
    package static func open(
        directory path: String, configuration: Configuration = Configuration()
    ) throws(JournalError) -> SQLiteStore {
        let directory = try DataDirectory(path: path)
        if configuration.fileSystem == nil {
            try directory.inspectDatabase()
            try directory.createDatabase()
        }
        let database: String = directory.database
        try journaling {
            let connection = try SQLiteConnection.open(path: database, mode: .creating, vfs: configuration.fileSystem)
            let migrator = Migrator(migrations: configuration.migrations)
            let version: Int = try migrator.inspect(connection)
            try JournalWriter.prepare(connection)
            try migrator.migrate(connection, from: version)
        }
        let journal = try SQLiteJournal(database: database, configuration: configuration)
        let history = SQLiteHistory(database: database, fileSystem: configuration.fileSystem)
        return SQLiteStore(directory: directory, journal: journal, history: history)
    }

    /// Ends in an orderly way: everything is copied from the log into the database file, and
    /// the data directory is free for others.
    package func close() {
        history.close()
        journal.close()
        directory.release()
    }
}
