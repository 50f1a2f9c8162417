internal import CSQLite
internal import Glibc
internal import MAOSSystem

/// What durable storage costs at least: rows into one table in SQLite, a group of them in a transaction, on one thread.
///
/// The database is set up as the journal's: a write-ahead log that is synced at every commit.
struct RawInserts {
    /// Rows in a transaction.
    static let batch: Int = 100

    /// Measures.
    ///
    /// - Parameters:
    ///   - folder: Where the database is made.
    ///   - rowSize: Bytes in a row.
    ///   - duration: Nanoseconds to measure.
    /// - Returns: Rows a second.
    /// - Throws: ``BenchError`` with SQLite's message.
    static func rate(in folder: String, rowSize: Int, duration: Int64) throws(BenchError) -> Double {
        var opened: OpaquePointer?
        let flags: Int32 = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        guard sqlite3_open_v2("\(folder)/raw.db", &opened, flags, nil) == SQLITE_OK, let database = opened else {
            throw BenchError("SQLite cannot open a database in \(folder)")
        }
        defer { sqlite3_close_v2(database) }
        let inserts = RawInserts(database: database)
        for pragma: String in [
            "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 2000", "cache_size = -4096",
        ] {
            try inserts.execute("PRAGMA \(pragma)")
        }
        try inserts.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
        return try inserts.measure(rowSize: rowSize, duration: duration)
    }

    private let database: OpaquePointer

    private func measure(rowSize: Int, duration: Int64) throws(BenchError) -> Double {
        let body = UnsafeMutableRawBufferPointer.allocate(byteCount: rowSize, alignment: 16)
        defer { body.deallocate() }
        SystemRandom.fill(body)
        let begin: OpaquePointer = try prepare("BEGIN IMMEDIATE")
        let insert: OpaquePointer = try prepare("INSERT INTO entries (number, body) VALUES (?1, ?2)")
        let commit: OpaquePointer = try prepare("COMMIT")
        defer {
            sqlite3_finalize(begin)
            sqlite3_finalize(insert)
            sqlite3_finalize(commit)
        }
        var number: Int64 = 0
        var measuredFrom: Int64 = 0
        var start: Int64 = 0
        let warmUp: Int64 = SystemClock.monotonicNanoseconds() + duration / 5
        while true {
            let now: Int64 = SystemClock.monotonicNanoseconds()
            if start == 0, now >= warmUp { (start, measuredFrom) = (now, number) }
            if start > 0, now >= start + duration {
                return Double(number - measuredFrom) / (Double(now - start) / 1e9)
            }
            try step(begin)
            for _ in 0..<RawInserts.batch {
                number += 1
                sqlite3_bind_int64(insert, 1, number)
                sqlite3_bind_blob(insert, 2, body.baseAddress, Int32(body.count), nil)
                try step(insert)
            }
            try step(commit)
        }
    }

    private func execute(_ sql: String) throws(BenchError) {
        guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw error() }
    }

    private func prepare(_ sql: String) throws(BenchError) -> OpaquePointer {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK, let statement else { throw error() }
        return statement
    }

    private func step(_ statement: OpaquePointer) throws(BenchError) {
        guard sqlite3_step(statement) == SQLITE_DONE, sqlite3_reset(statement) == SQLITE_OK else { throw error() }
    }

    private func error() -> BenchError { BenchError("SQLite: \(String(cString: sqlite3_errmsg(database)))") }
}
