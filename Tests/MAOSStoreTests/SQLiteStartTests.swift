import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

@Suite("Opening a data directory")
struct SQLiteStartTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var database: String { folder("data/maos.db") }

    private func open(migrations: [Migration] = Migration.all) throws -> SQLiteStore {
        var configuration = SQLiteStore.Configuration()
        configuration.migrations = migrations
        return try SQLiteStore.open(directory: folder("data"), configuration: configuration)
    }

    private func content(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    private func make(_ bytes: Data, at path: String) throws {
        try FileManager.default.createDirectory(atPath: folder("data"), withIntermediateDirectories: true)
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    private func expectCorrupt(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(comment, sourceLocation: sourceLocation) {
            try open()
        } throws: { error in
            guard case .corrupt? = error as? JournalError else { return false }
            return true
        }
    }

    // MARK: - Who else is there

    @Test("a directory in use is refused with the process that has it")
    func locked() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        #expect {
            try open()
        } throws: { error in
            guard case .locked(let reason)? = error as? JournalError else { return false }
            return reason.contains("process \(getpid())")
        }
        store.close()
        try open().close()
    }

    @Test("a lock that only a child of a server has that is gone is waited for")
    func orphanedLock() throws {
        try open().close()
        let gone = Process()
        gone.executableURL = URL(fileURLWithPath: "/bin/true")
        try gone.run()
        gone.waitUntilExit()
        let lock: String = folder("data/lock")
        try Data("\(gone.processIdentifier)\n".utf8).write(to: URL(fileURLWithPath: lock))
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sh")
        child.arguments = ["-c", #"exec 9<>"$0"; flock 9; echo; sleep 0.1"#, lock]
        let output = Pipe()
        child.standardOutput = output
        try child.run()
        _ = output.fileHandleForReading.readData(ofLength: 1)
        try open().close()
        child.waitUntilExit()
    }

    @Test("a store that was given up without an end leaves the directory to others")
    func givenUp() throws {
        var store: SQLiteStore? = try open()
        var maker = BatchMaker()
        let batch: Batch = maker.creating(5)
        try store?.journal.append(batch)
        store = nil
        let again: SQLiteStore = try open()
        defer { again.close() }
        #expect(try again.journal.load().tasks == batch.tasks)
    }

    @Test("folders above the directory are made too, however its path is written", arguments: ["", "/", "//"])
    func parents(ending: String) throws {
        for path in ["a/b/c", "d", "a/b/./x"] {
            let store: SQLiteStore = try SQLiteStore.open(directory: folder("\(path)\(ending)"))
            store.close()
            #expect(FileManager.default.fileExists(atPath: folder("\(path)/maos.db")))
        }
    }

    @Test("a directory that cannot be made is a clear error")
    func impossible() throws {
        try Data().write(to: URL(fileURLWithPath: folder("data")))
        #expect {
            try open()
        } throws: { error in
            guard case .unavailable? = error as? JournalError else { return false }
            return true
        }
    }

    // MARK: - What is there

    @Test("a file that is no database is refused and stays as it is")
    func noDatabase() throws {
        for text in ["hello", String(repeating: "no database ", count: 1_000), "SQLite format 3"] {
            try make(Data(text.utf8), at: database)
            expectCorrupt("\(text.prefix(20))")
            #expect(try content(database) == Data(text.utf8))
        }
    }

    @Test("an empty database beside a log that is not empty is refused, and the log stays")
    func lostDatabase() throws {
        try make(Data(), at: database)
        try make(Data(repeating: 7, count: 100), at: "\(database)-wal")
        expectCorrupt()
        #expect(try content("\(database)-wal").count == 100)
        try FileManager.default.removeItem(atPath: database)
        expectCorrupt()
        #expect(try content("\(database)-wal").count == 100)
    }

    @Test("a database of another program is refused and stays as it is")
    func foreign() throws {
        try FileManager.default.createDirectory(atPath: folder("data"), withIntermediateDirectories: true)
        do {
            let raw = try RawDatabase(database)
            try raw.execute("CREATE TABLE contacts (name TEXT); INSERT INTO contacts VALUES ('Ada')")
        }
        let before: Data = try content(database)
        expectCorrupt()
        #expect(try content(database) == before)
    }

    @Test("a damaged schema is refused")
    func damagedSchema() throws {
        try open().close()
        var bytes: Data = try content(database)
        bytes.replaceSubrange(200..<4_000, with: Data(repeating: 0xEE, count: 3_800))
        try make(bytes, at: database)
        expectCorrupt()
        #expect(try content(database) == bytes)
    }

    @Test("a missing table is refused")
    func missingTable() throws {
        try open().close()
        do { try RawDatabase(database).execute("DROP TABLE event_batches") }
        expectCorrupt()
    }

    @Test("a damaged record is refused when it is read, and others still read")
    func damagedRecord() throws {
        let store: SQLiteStore = try open()
        var maker = BatchMaker()
        let batch: Batch = maker.creating(1)
        try store.journal.append(batch)
        let other: Batch = maker.creating(1)
        try store.journal.append(other)
        store.close()
        do { try RawDatabase(database).execute("UPDATE task_specifications SET body = x'01FF' WHERE first_number = 1") }
        let again: SQLiteStore = try open()
        defer { again.close() }
        #expect {
            try again.journal.load()
        } throws: { error in
            guard case .corrupt? = error as? JournalError else { return false }
            return true
        }
        #expect(throws: JournalError.self) { try again.history.task(batch.tasks[0].id) }
        #expect(try again.history.task(other.tasks[0].id) == other.tasks[0])
    }

    // MARK: - Versions

    private let newest: Int = Migration.all.count
    /// A step that this version does not have yet.
    private static let later = Migration(
        version: Migration.all.count + 1,
        sql: "CREATE TABLE notes (text TEXT NOT NULL) STRICT; INSERT INTO notes VALUES ('second')")

    @Test("an older database is brought to the newest version and keeps what it has")
    func migration() throws {
        let store: SQLiteStore = try open()
        var maker = BatchMaker()
        let batch: Batch = maker.creating(50)
        try store.journal.append(batch)
        store.close()
        let again: SQLiteStore = try open(migrations: Migration.all + [SQLiteStartTests.later])
        defer { again.close() }
        #expect(try again.journal.load().tasks == batch.tasks)
        let raw = try RawDatabase(database)
        #expect(try raw.number("PRAGMA user_version") == newest + 1)
        #expect(try raw.text("SELECT text FROM notes") == "second")
    }

    @Test("a newer database is refused with both versions and stays as it is")
    func newer() throws {
        try open(migrations: Migration.all + [SQLiteStartTests.later]).close()
        let before: Data = try content(database)
        #expect(throws: JournalError.newerVersion(found: newest + 1, supported: newest)) { try open() }
        #expect(try content(database) == before)
    }

    @Test("a newer database with a log is refused, and the log stays")
    func newerWithLog() throws {
        var store: SQLiteStore? = try open(migrations: Migration.all + [SQLiteStartTests.later])
        var maker = BatchMaker()
        try store?.journal.append(maker.creating(5))
        store = nil
        let before: Data = try content("\(database)-wal")
        #expect(!before.isEmpty)
        #expect(throws: JournalError.newerVersion(found: newest + 1, supported: newest)) { try open() }
        #expect(try content("\(database)-wal") == before)
    }

    @Test("a step that fails changes nothing")
    func failingMigration() throws {
        try open().close()
        let bad = Migration(
            version: newest + 1, sql: "CREATE TABLE notes (text TEXT) STRICT; INSERT INTO nowhere VALUES (1)")
        #expect(throws: JournalError.self) { try open(migrations: Migration.all + [bad]) }
        let raw = try RawDatabase(database)
        #expect(try raw.number("PRAGMA user_version") == newest)
        #expect(try raw.number("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'") == 0)
        try open().close()
    }

    @Test("a database of version 1 stays readable")
    func version1() throws {
        try FileManager.default.createDirectory(atPath: folder("data"), withIntermediateDirectories: true)
        let script = String(decoding: try Fixture.bytes("version1.sql"), as: UTF8.self)
        do { try RawDatabase(database).execute(script) }
        let store: SQLiteStore = try open()
        defer { store.close() }
        let state: RecoveredState = try store.journal.load()
        #expect(state.tasks.map(\.id.rawValue) == ["task-1", "task-3"])
        #expect(state.taskCounts == [.queued: 2, .completed: 1])
        #expect(state.agents.map(\.id.rawValue) == ["agent-1"])
        #expect(state.lastSequence == 5)
        #expect(state.lastAgentNumber == 2)
        #expect(state.idempotency.map(\.key.key) == ["a key"])
        let events: [Event] = try allEvents(store.history)
        #expect(
            events.map(\.type) == ["task_created", "task_created", "task_created", "agent_spawned", "agent_spawned"])
        let second: TaskRecord = try #require(try store.history.task(TaskID(unchecked: "task-2")))
        #expect(second.status == .completed)
        #expect(try store.history.terminatedAgents(AgentQuery()).map(\.id.rawValue) == ["agent-2"])
    }

    // MARK: - Crashes

    @Test("files copied between any two batches open with everything that was stored")
    func copies() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker(seed: 30)
        var events: [Event] = []
        for round in 0..<12 {
            let batch: Batch = maker.creating(15)
            try store.journal.append(batch)
            events += batch.events
            let copy = folder("copy-\(round)")
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            for ending in ["", "-wal"] {
                try FileManager.default.copyItem(atPath: "\(database)\(ending)", toPath: "\(copy)/maos.db\(ending)")
            }
            let found: SQLiteStore = try SQLiteStore.open(directory: copy)
            #expect(try allEvents(found.history) == events)
            #expect(try found.journal.load().tasks.count == events.count)
            found.close()
        }
    }

    @Test("a log cut off anywhere holds a prefix of whole batches")
    func cutLog() throws {
        let store: SQLiteStore = try open()
        var maker = BatchMaker(seed: 31)
        var batches: [Batch] = []
        for _ in 0..<6 {
            let batch: Batch = maker.creating(10)
            try store.journal.append(batch)
            batches.append(batch)
        }
        let files: [Data] = [try content(database), try content("\(database)-wal")]
        store.close()
        var counts: Set<Int> = []
        for cut in Array(stride(from: 0, to: files[1].count, by: 5_000)) + [files[1].count] {
            let copy = folder("cut-\(cut)")
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            try files[0].write(to: URL(fileURLWithPath: "\(copy)/maos.db"))
            try files[1].prefix(cut).write(to: URL(fileURLWithPath: "\(copy)/maos.db-wal"))
            let found: SQLiteStore = try SQLiteStore.open(directory: copy)
            let events: [Event] = try allEvents(found.history)
            #expect(events == Array(batches.flatMap(\.events).prefix(events.count)))
            #expect(events.count % 10 == 0)
            #expect(try found.journal.load().tasks.count == events.count)
            counts.insert(events.count)
            found.close()
        }
        #expect(counts == [0, 10, 20, 30, 40, 50, 60])
    }

    @Test("starting reads what is live, however much is finished")
    func manyFinished() throws {
        let store: SQLiteStore = try open()
        var maker = BatchMaker(seed: 32)
        for _ in 0..<5 { try store.journal.append(maker.creating(1_000, status: .completed)) }
        let live: Batch = maker.creating(100)
        try store.journal.append(live)
        store.close()
        let again: SQLiteStore = try open()
        defer { again.close() }
        let state: RecoveredState = try again.journal.load()
        #expect(state.tasks == live.tasks)
        #expect(state.taskCounts == [.completed: 5_000, .queued: 100])
    }
}
