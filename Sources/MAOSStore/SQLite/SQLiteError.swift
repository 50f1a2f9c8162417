internal import CSQLite
internal import MAOSCore

/// A call that SQLite refused.
struct SQLiteError: Error, Hashable, Sendable {
    /// The extended result code.
    let code: Int32
    /// SQLite's own words.
    let message: String

    /// The error that a connection has just had.
    init(code: Int32, connection: OpaquePointer?) {
        self.code = code
        if let connection, let text: UnsafePointer<CChar> = sqlite3_errmsg(connection) {
            message = String(cString: text)
        } else {
            message = String(cString: sqlite3_errstr(code))
        }
    }

    /// The result code without its extension.
    var primaryCode: Int32 { code & 0xFF }

    /// What the error means to whoever uses the journal.
    ///
    /// A misuse of the library is our own bug and ends the program.
    var journalError: JournalError {
        switch primaryCode {
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_MISMATCH, SQLITE_CONSTRAINT, SQLITE_SCHEMA,
            SQLITE_ERROR, SQLITE_TOOBIG:
            return .corrupt("\(message) (SQLite error \(code))")
        case SQLITE_MISUSE, SQLITE_RANGE:
            preconditionFailure("SQLite misused: \(message)")
        case SQLITE_FULL:
            return .full("\(message) (SQLite error \(code))")
        default:
            return .unavailable("\(message) (SQLite error \(code))")
        }
    }
}

/// Runs work whose failures are SQLite's or a record's, and says what they mean to whoever uses the journal.
func journaling<Value: ~Copyable>(_ body: () throws -> Value) throws(JournalError) -> Value {
    do {
        return try body()
    } catch let error as SQLiteError {
        throw error.journalError
    } catch let error as RecordCodingError {
        throw .corrupt("a stored record cannot be read: \(error)")
    } catch let error as JournalError {
        throw error
    } catch {
        throw .unavailable("\(error)")
    }
}
