internal import CSQLite
internal import MAOSCore

/// The only owner of a compiled statement.
///
/// Bind, then ``run()`` or ``step()``; afterwards it is ready for its next use. Parameters count from 1, columns from 0.
struct SQLiteStatement: ~Copyable {
    private let handle: OpaquePointer

    init(owning handle: OpaquePointer) {
        self.handle = handle
    }

    deinit { sqlite3_finalize(handle) }

    @inline(__always)
    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw SQLiteError(code: code, connection: sqlite3_db_handle(handle)) }
    }

    // MARK: - Binding

    /// Binds a whole number.
    func bind(_ value: Int64, at index: Int32) throws(SQLiteError) {
        try check(sqlite3_bind_int64(handle, index, value))
    }

    /// Binds a whole number, or nothing.
    func bind(_ value: Int64?, at index: Int32) throws(SQLiteError) {
        if let value {
            try check(sqlite3_bind_int64(handle, index, value))
        } else {
            try check(sqlite3_bind_null(handle, index))
        }
    }

    /// Binds bytes that stay where they are until the statement has run.
    func bindBlob(_ bytes: UnsafeRawBufferPointer, at index: Int32) throws(SQLiteError) {
        try check(maos_sqlite_bind_blob_static(handle, index, bytes.baseAddress, Int32(bytes.count)))
    }

    /// Binds UTF-8 that stays where it is until the statement has run.
    func bindText(_ bytes: UnsafeRawBufferPointer, at index: Int32) throws(SQLiteError) {
        try check(maos_sqlite_bind_text_static(handle, index, bytes.baseAddress, Int32(bytes.count)))
    }

    /// Binds a copy of a text, or nothing.
    func bind(copying text: String?, at index: Int32) throws(SQLiteError) {
        guard var text else { return try check(sqlite3_bind_null(handle, index)) }
        let code: Int32 = text.withUTF8 { maos_sqlite_bind_text_copy(handle, index, $0.baseAddress, Int32($0.count)) }
        try check(code)
    }

    /// Binds a copy of an identifier's text.
    func bind(_ id: some CompactIdentifier, at index: Int32) throws(SQLiteError) {
        let code: Int32 = id.withText { (text: Span<UInt8>) in
            text.withUnsafeBufferPointer { maos_sqlite_bind_text_copy(handle, index, $0.baseAddress, Int32($0.count)) }
        }
        try check(code)
    }

    // MARK: - Running

    /// Runs a statement that yields no rows.
    func run() throws(SQLiteError) {
        let code: Int32 = sqlite3_step(handle)
        guard code == SQLITE_DONE else { throw fail(code) }
        sqlite3_reset(handle)
    }

    /// Goes to the next row; false after the last one.
    ///
    /// Whoever stops before the last row calls ``reset()``.
    func step() throws(SQLiteError) -> Bool {
        let code: Int32 = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        guard code == SQLITE_DONE else { throw fail(code) }
        sqlite3_reset(handle)
        return false
    }

    /// Gives up the rows that are left.
    func reset() {
        // The result repeats the last step's failure, which has been thrown already.
        sqlite3_reset(handle)
    }

    private func fail(_ code: Int32) -> SQLiteError {
        let error = SQLiteError(code: code, connection: sqlite3_db_handle(handle))
        sqlite3_reset(handle)
        return error
    }

    // MARK: - Columns

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInt64(_ column: Int32) -> Int64? { isNull(column) ? nil : int64(column) }

    func text(_ column: Int32) -> String {
        guard let bytes: UnsafePointer<UInt8> = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    func blob(_ column: Int32) -> [UInt8] {
        guard let bytes: UnsafeRawPointer = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
