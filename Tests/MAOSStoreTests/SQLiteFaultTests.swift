import CSQLite
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

/// What a journal must hold: everything acknowledged.
private struct Expected {
    var tasks: [UInt64: TaskRecord] = [:]
    var agents: [UInt64: AgentRecord] = [:]
    var events: [Event] = []

    mutating func add(_ batch: Batch) {
        for task: TaskRecord in batch.tasks { tasks[task.number] = task }
        for agent: AgentRecord in batch.agents { agents[agent.number] = agent }
        events += batch.events
    }

    /// Whether a store holds exactly this.
    func matches(_ store: SQLiteStore) throws -> Bool {
        let state: RecoveredState = try store.journal.load()
        let live: [TaskRecord] = tasks.values.filter { !$0.status.isTerminal }.sorted { $0.number < $1.number }
        var counts: [TaskStatus: Int] = [:]
        for task: TaskRecord in tasks.values { counts[task.status, default: 0] += 1 }
        guard state.tasks == live, state.taskCounts == counts, state.lastSequence == UInt64(events.count) else {
            return false
        }
        guard state.agents == agents.values.filter({ $0.status != .terminated }).sorted(by: { $0.number < $1.number })
        else { return false }
        return try allEvents(store.history) == events
    }
}

/// Random batches, as a server might make them.
private struct Work {
    var maker: BatchMaker
    var random: SeededRandom
    var lastAgent: UInt64 = 0

    init(seed: UInt64) {
        maker = BatchMaker(seed: seed)
        random = SeededRandom(seed: seed)
    }

    mutating func next(_ known: Expected) -> Batch {
        switch random.below(4) {
        case 0 where !known.tasks.isEmpty:
            let live: [TaskRecord] = known.tasks.values.sorted { $0.number < $1.number }.suffix(8)
            let status: TaskStatus = random.below(2) == 0 ? .running : .completed
            return maker.changing(live) { $0.status = status }
        case 1:
            lastAgent += 1
            return maker.storing([maker.samples.agent("agent-\(lastAgent)", number: lastAgent, at: maker.now)])
        default:
            return maker.creating(1 + Int(random.below(20)), status: random.below(3) == 0 ? .failed : .queued)
        }
    }
}

@Suite("The SQLite journal on a failing disk")
struct SQLiteFaultTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(_ disk: FaultDisk, checkpointFrames: Int = 40) throws -> SQLiteStore {
        var configuration = SQLiteStore.Configuration()
        configuration.fileSystem = disk.name
        configuration.checkpointFrames = checkpointFrames
        return try SQLiteStore.open(directory: folder("data"), configuration: configuration)
    }

    @Test("the disk of these tests does what a disk does")
    func disk() throws {
        let disk = FaultDisk()
        defer { disk.remove() }
        let store: SQLiteStore = try open(disk)
        var work = Work(seed: 1)
        var expected = Expected()
        for _ in 0..<40 {
            let batch: Batch = work.next(expected)
            try store.journal.append(batch)
            expected.add(batch)
        }
        #expect(try expected.matches(store))
        store.close()
        let again: SQLiteStore = try open(disk)
        #expect(try expected.matches(again))
        again.close()
    }

    @Test("what was acknowledged survives a power cut at any moment, and nothing is stored in part")
    func powerCuts() throws {
        var random = SeededRandom(seed: 99)
        for round: UInt64 in 0..<30 {
            let disk = FaultDisk()
            let store: SQLiteStore = try open(disk)
            disk.set(.dead(from: 1 + Int(random.below(400))))
            var work = Work(seed: round)
            var expected = Expected()
            var unacknowledged: Batch?
            for _ in 0..<60 {
                let batch: Batch = work.next(expected)
                do {
                    try store.journal.append(batch)
                    expected.add(batch)
                } catch {
                    unacknowledged = batch
                    break
                }
            }
            let found: FaultDisk = disk.afterPowerCut(&random)
            store.close()
            disk.remove()

            let again: SQLiteStore = try open(found)
            var isWhole: Bool = try expected.matches(again)
            if !isWhole, let unacknowledged {
                // It was never refused for good: it may have reached the disk before the power went.
                expected.add(unacknowledged)
                isWhole = try expected.matches(again)
            }
            #expect(isWhole, "round \(round)")
            var next: BatchMaker = work.maker.resumed(after: expected.events.count, expected.tasks.count)
            try again.journal.append(next.creating(3))
            again.close()
            found.remove()
        }
    }

    @Test("a power cut while a new database is made leaves one that opens")
    func powerCutAtBirth() throws {
        var random = SeededRandom(seed: 5)
        let trial = FaultDisk()
        try open(trial).close()
        let operations: Int = trial.operations
        trial.remove()
        for operation in 1...operations {
            let disk = FaultDisk()
            disk.set(.dead(from: operation))
            if let store = try? open(disk) { store.close() }
            let found: FaultDisk = disk.afterPowerCut(&random)
            disk.remove()
            let again: SQLiteStore = try open(found)
            #expect(try Expected().matches(again))
            again.close()
            found.remove()
        }
    }

    @Test(
        "when any one write or sync of a batch fails, the batch is refused whole, and the next try stores it",
        arguments: [DiskError.write, SQLITE_FULL])
    func everyWrite(code: Int32) throws {
        var operation = 1
        while true {
            let disk = FaultDisk()
            let store: SQLiteStore = try open(disk, checkpointFrames: .max)
            var maker = BatchMaker(seed: 3)
            var expected = Expected()
            let first: Batch = maker.creating(40)
            try store.journal.append(first)
            expected.add(first)
            let second: Batch = maker.changing(Array(first.tasks[..<20])) { $0.status = .completed }
            disk.set(.once(at: operation, code: code))
            var isRefused = false
            do throws(JournalError) {
                try store.journal.append(second)
            } catch {
                switch error {
                case .full where code == SQLITE_FULL: break
                case .unavailable where code != SQLITE_FULL: break
                default: Issue.record("operation \(operation): \(error)")
                }
                isRefused = true
                #expect(try expected.matches(store), "operation \(operation)")
                try store.journal.append(second)
            }
            expected.add(second)
            #expect(try expected.matches(store), "operation \(operation)")
            store.close()
            let again: SQLiteStore = try open(disk)
            #expect(try expected.matches(again), "operation \(operation)")
            again.close()
            disk.remove()
            if !isRefused { break }
            operation += 1
        }
        #expect(operation > 10)
    }

    @Test("on a full disk batches are refused, reads go on, and space brings everything back")
    func fullDisk() throws {
        let disk = FaultDisk()
        defer { disk.remove() }
        // A checkpoint would make room in the log, and the batch would be stored after all.
        let store: SQLiteStore = try open(disk, checkpointFrames: 1_000_000)
        defer { store.close() }
        var maker = BatchMaker(seed: 4)
        var expected = Expected()
        disk.setLimit(disk.used + 300_000)
        var refused: Batch?
        for _ in 0..<200 where refused == nil {
            let batch: Batch = maker.creating(20)
            do throws(JournalError) {
                try store.journal.append(batch)
                expected.add(batch)
            } catch {
                guard case .full = error else { throw error }
                refused = batch
            }
        }
        let batch: Batch = try #require(refused)
        for _ in 0..<5 {
            #expect(throws: JournalError.self) { try store.journal.append(batch) }
            #expect(try expected.matches(store))
            #expect(try store.history.task(TaskID(unchecked: "task-1")) == expected.tasks[1])
        }
        disk.setLimit(.max)
        try store.journal.append(batch)
        expected.add(batch)
        for _ in 0..<20 {
            let next: Batch = maker.creating(20)
            try store.journal.append(next)
            expected.add(next)
        }
        #expect(try expected.matches(store))
    }
}

extension BatchMaker {
    /// A maker that goes on after what is stored.
    fileprivate func resumed(after events: Int, _ tasks: Int) -> BatchMaker {
        var maker = BatchMaker(seed: 77, sequence: UInt64(events), lastTask: UInt64(tasks))
        maker.now = now
        return maker
    }
}
