import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

@Suite("The SQLite journal")
struct SQLiteJournalTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ change: (inout SQLiteStore.Configuration) -> Void = { _ in }) throws -> SQLiteStore {
        var configuration = SQLiteStore.Configuration()
        change(&configuration)
        return try SQLiteStore.open(directory: folder("data"), configuration: configuration)
    }

    @Test("it does what every journal must do")
    func conformance() throws {
        var store: SQLiteStore?
        try JournalExercise.run {
            store?.close()
            store = nil
            let opened: SQLiteStore = try open()
            store = opened
            return opened.journal
        }
        store?.close()
    }

    @Test("a journal in memory does the same")
    func memory() throws {
        let journal = MemoryJournal()
        try JournalExercise.run { journal }
    }

    @Test("a batch with everything in it comes back whole")
    func wholeBatch() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker()
        let created: Batch = maker.creating(100)
        try store.journal.append(created)
        let agents: [AgentRecord] = (1...5).map {
            maker.samples.agent("agent-\($0)", number: UInt64($0), status: .idle)
        }
        let spawned: Batch = maker.storing(agents)
        try store.journal.append(spawned)
        #expect(try store.journal.load().tasks == created.tasks)
        #expect(try store.journal.load().agents == agents)
        #expect(try allEvents(store.history) == created.events + spawned.events)
    }

    @Test("batches of any size come back whole, new tasks beside known ones", arguments: 1...25)
    func sizes(count: Int) throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker()
        let first: Batch = maker.creating(3)
        let known: [TaskRecord] = first.tasks
        try store.journal.append(first)
        var batch: Batch = maker.creating(count)
        let fresh: [TaskRecord] = batch.tasks
        batch.tasks = [known[0]] + fresh.prefix(count / 2) + [known[2]] + fresh.dropFirst(count / 2)
        try store.journal.append(batch)
        #expect(try store.journal.load().tasks == known + fresh)
        for task: TaskRecord in fresh { #expect(try store.journal.task(task.id) == task) }
    }

    @Test("what an event says is the state of then, not of now")
    func eventsAreHistory() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker()
        let created: Batch = maker.creating(10)
        try store.journal.append(created)
        let changed: Batch = maker.changing(created.tasks, kind: .completed) { $0.status = .completed }
        try store.journal.append(changed)
        #expect(try allEvents(store.history) == created.events + changed.events)
    }

    @Test("a task made and ended in one batch is stored as ended")
    func createdAndEnded() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker()
        try store.journal.append(maker.creating(3, status: .failed))
        let state: RecoveredState = try store.journal.load()
        #expect(state.tasks.isEmpty)
        #expect(state.taskCounts == [.failed: 3])
        #expect(state.lastTaskNumber == 3)
    }

    @Test("a task whose retention ended meanwhile is stored anew when it starts over")
    func startedOverAfterRetention() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker()
        let created: Batch = maker.creating(2, status: .failed)
        try store.journal.append(created)
        try store.journal.append(maker.creating(1))
        while try store.journal.discardExpired(at: maker.now + .seconds(1_000 * 86_400)) {}
        #expect(try store.journal.task(created.tasks[0].id) == nil)
        let again: Batch = maker.changing([created.tasks[0]], kind: .restarted) { $0.status = .queued }
        try store.journal.append(again)
        #expect(try store.journal.load().tasks.first == again.tasks[0])
    }

    @Test("tasks in one batch may come in any order, be large, and be started over one by one")
    func blocks() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        var maker = BatchMaker(seed: 44)
        var batch: Batch = maker.creating(300, status: .failed)
        for (index, task) in batch.tasks.enumerated() where index % 50 == 0 {
            var specification: TaskSpecification = task.specification
            specification.context = JSONText(.string(String(repeating: "x", count: 20_000)))
            batch.tasks[index] = TaskRecord(
                id: task.id, number: task.number, specification: specification, owner: task.owner, team: task.team,
                createdAt: task.createdAt, state: task.state)
        }
        let tasks: [TaskRecord] = batch.tasks
        batch.tasks = batch.tasks.filter { $0.number % 3 == 0 } + batch.tasks.filter { $0.number % 3 != 0 }
        try store.journal.append(batch)
        for task: TaskRecord in tasks { #expect(try store.history.task(task.id) == task) }

        // One that lives on keeps the block that it is in, not its neighbours.
        let again: Batch = maker.changing([tasks[120]], kind: .restarted) { $0.status = .queued }
        try store.journal.append(again)
        try store.journal.append(maker.creating(1))
        while try store.journal.discardExpired(at: maker.now + .seconds(1_000 * 86_400)) {}
        #expect(try store.history.task(tasks[0].id) == nil)
        #expect(try store.history.task(tasks[121].id) == nil)
        #expect(try store.history.task(tasks[120].id) == again.tasks[0])
        #expect(try RawDatabase(folder("data/maos.db")).number("SELECT count(*) FROM task_specifications") == 2)

        // Started over after that: one whose block is still there, one whose block is not.
        for index in [121, 0] {
            let revived: Batch = maker.changing([tasks[index]], kind: .restarted) { $0.status = .queued }
            try store.journal.append(revived)
            #expect(try store.history.task(tasks[index].id) == revived.tasks[0])
        }
        #expect(try RawDatabase(folder("data/maos.db")).number("SELECT count(*) FROM task_specifications") == 3)
        #expect(try store.journal.load().tasks.map(\.number) == [1, 121, 122, 301])
    }

    @Test("a data directory is made for its owner only")
    func mode() throws {
        let store: SQLiteStore = try open()
        defer { store.close() }
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(folder("data")) == 0o700)
        #expect(try mode(folder("data/maos.db")) == 0o600)
    }

    @Test("an orderly end leaves no log behind")
    func orderlyEnd() throws {
        let store: SQLiteStore = try open()
        var maker = BatchMaker()
        try store.journal.append(maker.creating(100))
        store.close()
        let log: Int? =
            try? FileManager.default.attributesOfItem(atPath: folder("data/maos.db-wal"))[.size] as? Int
        #expect(log ?? 0 == 0)
        #expect(throws: JournalError.unavailable("the journal is closed")) { try store.journal.load() }
        #expect(throws: JournalError.unavailable("the history is closed")) {
            try store.history.task(TaskID(unchecked: "task-1"))
        }
    }

    @Test("the log is copied while batches keep coming, and begins anew")
    func checkpoints() throws {
        let store: SQLiteStore = try open { $0.checkpointFrames = 100 }
        var maker = BatchMaker()
        var tasks: [TaskRecord] = []
        for _ in 0..<150 {
            let batch: Batch = maker.creating(20)
            tasks += batch.tasks
            try store.journal.append(batch)
        }
        let attributes: [FileAttributeKey: Any] = try FileManager.default.attributesOfItem(
            atPath: folder("data/maos.db-wal"))
        let log: Int = try #require(attributes[.size] as? Int)
        #expect(log < 6_000_000, "the log has \(log) bytes")
        #expect(try store.journal.load().tasks == tasks)
        store.close()
        let again: SQLiteStore = try open()
        defer { again.close() }
        #expect(try again.journal.load().tasks == tasks)
        #expect(try allEvents(again.history).count == tasks.count)
    }

    // MARK: - Retention

    @Test("events and finished tasks go when their time is over, live ones stay")
    func retention() throws {
        let store: SQLiteStore = try open {
            $0.eventRetention = .seconds(86_400)
            $0.taskRetention = .seconds(2 * 86_400)
        }
        defer { store.close() }
        var maker = BatchMaker()
        let old: Batch = maker.creating(600, status: .completed)
        try store.journal.append(old)
        let live: Batch = maker.creating(10)
        try store.journal.append(live)
        maker.now = maker.now + .seconds(86_400 * 3 / 2)
        let recent: Batch = maker.creating(5, status: .cancelled)
        try store.journal.append(recent)

        func discard() throws -> Int {
            var calls = 1
            while try store.journal.discardExpired(at: maker.now) { calls += 1 }
            return calls
        }
        _ = try discard()
        let page: EventPage = try store.history.events(from: 1, limit: 1_000, types: [])
        #expect(page.events == recent.events)
        #expect(page.oldestSequence == recent.events.first?.sequence)
        #expect(try store.history.tasks(TaskQuery()).total == 615)

        maker.now = maker.now + .seconds(86_400)
        #expect(try discard() >= 3)
        #expect(try store.history.task(old.tasks[0].id) == nil)
        #expect(try store.history.task(old.tasks[599].id) == nil)
        #expect(try store.journal.load().tasks == live.tasks)
        #expect(try store.journal.load().taskCounts == [.queued: 10, .cancelled: 5])
        #expect(try store.history.tasks(TaskQuery()).total == 15)
    }

    @Test("a task stays as long as the event of its creation is told")
    func creationNeedsTask() throws {
        let store: SQLiteStore = try open {
            $0.eventRetention = nil
            $0.taskRetention = .seconds(1)
        }
        defer { store.close() }
        var maker = BatchMaker()
        let old: Batch = maker.creating(3, status: .completed)
        try store.journal.append(old)
        try store.journal.append(maker.creating(1))
        while try store.journal.discardExpired(at: maker.now + .seconds(86_400)) {}
        #expect(try allEvents(store.history).prefix(3) == old.events[...])
    }

    @Test("without an end of retention nothing goes")
    func forEver() throws {
        let store: SQLiteStore = try open {
            $0.eventRetention = nil
            $0.taskRetention = nil
        }
        defer { store.close() }
        var maker = BatchMaker()
        try store.journal.append(maker.creating(3, status: .completed))
        #expect(try store.journal.discardExpired(at: .distantFuture) == false)
        #expect(try store.history.tasks(TaskQuery()).total == 3)
    }
}
