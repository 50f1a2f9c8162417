internal import MAOSCore

/// One step from a version of the schema to the next.
package struct Migration: Sendable {
    /// The version that the step leads to; the first step leads to 1.
    package let version: Int
    /// Statements, run in one transaction together with the change of the version.
    package let sql: String

    /// A step that leads to a version by these statements.
    package init(version: Int, sql: String) {
        self.version = version
        self.sql = sql
    }

    /// All steps, in order.
    package static let all: [Migration] = [.schemaV1, .schemaV2]
}

/// Brings a database to the newest version; versions only go up.
struct Migrator {
    /// "MAOS" in ASCII, in the file's header, so that other programs' databases are told from ours.
    static let applicationID: Int64 = 0x4D41_4F53

    let migrations: [Migration]

    /// Refuses a database that is not ours or too new, before anything of it is changed.
    ///
    /// - Returns: The version it has; 0 when it is empty.
    func inspect(_ connection: borrowing SQLiteConnection) throws -> Int {
        let found = Int(try connection.number("PRAGMA user_version"))
        let application: Int64 = try connection.number("PRAGMA application_id")
        let objects: Int64 = try connection.number("SELECT count(*) FROM sqlite_schema")
        if objects == 0, found == 0, application == 0 { return 0 }
        guard application == Migrator.applicationID else {
            throw JournalError.corrupt("maos.db is a database of another program")
        }
        guard found <= migrations.count else {
            throw JournalError.newerVersion(found: found, supported: migrations.count)
        }
        return found
    }

    /// Takes every step that is missing.
    func migrate(_ connection: borrowing SQLiteConnection, from version: Int) throws {
        for migration: Migration in migrations.dropFirst(version) {
            try connection.execute("BEGIN IMMEDIATE")
            do {
                try connection.execute(migration.sql)
                try connection.execute(
                    """
                    PRAGMA application_id = \(Migrator.applicationID);
                    PRAGMA user_version = \(migration.version);
                    COMMIT
                    """)
            } catch {
                if connection.isInTransaction { try? connection.execute("ROLLBACK") }
                throw error
            }
        }
    }
}
