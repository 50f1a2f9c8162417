internal import CSQLite

/// The only owner of a connection; one thread at a time may use it.
struct SQLiteConnection: ~Copyable {
    /// What a connection is for.
    enum Mode {
        /// Reads and writes; makes the file if it is not there.
        case creating
        /// Reads and writes what is there.
        case writing
        /// Reads; every attempt to write is refused.
        case reading
    }

    /// How far a checkpoint came.
    struct CheckpointProgress {
        /// Frames in the log.
        var frames: Int
        /// Frames of them that are in the database file.
        var checkpointed: Int

        /// Frames that are still in the log only.
        var remaining: Int { frames - checkpointed }
    }

    /// What to do beyond copying what can be copied at once.
    enum CheckpointMode {
        case passive
        /// Waits for readers and empties the log file.
        case truncate
    }

    private let handle: OpaquePointer

    private static let prepareLibrary: Void = { _ = maos_sqlite_forgo_memory_statistics() }()

    /// Opens a database.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - mode: What the connection is for.
    ///   - vfs: The file system to go through; the usual one where `nil`.
    /// - Returns: The connection's only owner.
    /// - Throws: ``SQLiteError``; a file that is no database is found by the first statement only.
    static func open(path: String, mode: Mode, vfs: String?) throws(SQLiteError) -> SQLiteConnection {
        _ = SQLiteConnection.prepareLibrary
        var flags: Int32 = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        if mode == .creating { flags |= SQLITE_OPEN_CREATE }
        var opened: OpaquePointer?
        let code: Int32
        if let vfs {
            code = sqlite3_open_v2(path, &opened, flags, vfs)
        } else {
            code = sqlite3_open_v2(path, &opened, flags, nil)
        }
        guard code == SQLITE_OK, let opened else {
            let error = SQLiteError(code: code, connection: opened)
            sqlite3_close_v2(opened)
            throw error
        }
        let connection = SQLiteConnection(owning: opened)
        // What another program left in the log stays there: only an orderly end of ours empties it.
        try connection.check(maos_sqlite_configure(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1))
        try connection.check(maos_sqlite_configure(opened, SQLITE_DBCONFIG_DEFENSIVE, 1))
        try connection.check(sqlite3_busy_timeout(opened, 5_000))
        if mode == .reading { try connection.execute("PRAGMA query_only = 1") }
        return connection
    }

    private init(owning handle: OpaquePointer) {
        self.handle = handle
    }

    deinit { sqlite3_close_v2(handle) }

    /// Every result code passes here, so that no call site can drop one.
    private borrowing func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw SQLiteError(code: code, connection: handle) }
    }

    /// Runs statements that yield nothing anybody wants.
    borrowing func execute(_ sql: String) throws(SQLiteError) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Compiles a statement that will be run often.
    borrowing func statement(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil))
        guard let statement else { preconditionFailure("no statement in \(sql)") }
        return SQLiteStatement(owning: statement)
    }

    /// The first column of a query's first row; 0 where there is none.
    borrowing func number(_ sql: String) throws(SQLiteError) -> Int64 {
        let query: SQLiteStatement = try statement(sql)
        return try query.step() ? query.int64(0) : 0
    }

    /// The first column of a query's first row; empty where there is none.
    borrowing func text(_ sql: String) throws(SQLiteError) -> String {
        let query: SQLiteStatement = try statement(sql)
        return try query.step() ? query.text(0) : ""
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// The number that the table gave to the row inserted last.
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Rows that the statement run last changed.
    var changes: Int { Int(sqlite3_changes64(handle)) }

    /// Gives back the memory that caches hold and do not need.
    borrowing func releaseMemory() {
        sqlite3_db_release_memory(handle)
    }

    /// Copies from the log into the database file.
    @discardableResult
    borrowing func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> CheckpointProgress {
        var frames: Int32 = 0
        var done: Int32 = 0
        let number: Int32 = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
        let code: Int32 = sqlite3_wal_checkpoint_v2(handle, nil, number, &frames, &done)
        // Busy means that somebody reads or copies too; what could be done has been done.
        if code & 0xFF != SQLITE_BUSY { try check(code) }
        return CheckpointProgress(frames: max(0, Int(frames)), checkpointed: max(0, Int(done)))
    }

    /// Notes the number of frames in the log after each commit.
    ///
    /// - Parameter place: Must outlive the connection.
    borrowing func noteLogFrames(in place: UnsafeMutablePointer<Int32>) {
        sqlite3_wal_hook(
            handle,
            { context, _, _, frames in
                context?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, place)
    }
}
