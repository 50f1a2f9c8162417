import CSQLite
import MAOSCore
import MAOSSimulation
import MAOSStore
import MAOSTestSupport
import Synchronization
import Testing

/// A real database on a disk that fails now and then, and forgets what was not synced when its power is cut.
private final class SQLiteDisk: SimulatedDisk {
    private struct State {
        var disk: FaultDisk
        var store: SQLiteStore
        /// Disks that are no longer used: what closes late still finds them.
        var earlier: [FaultDisk] = []
    }

    private let folder: TemporaryFolder
    private let state: Mutex<State>

    init() throws {
        folder = try TemporaryFolder()
        let disk = FaultDisk()
        state = Mutex(State(disk: disk, store: try SQLiteDisk.open(disk, in: folder)))
    }

    /// Closes everything; to be called at the end.
    func close() {
        let disks: [FaultDisk] = state.withLock { (state: inout State) in
            state.store.close()
            return state.earlier + [state.disk]
        }
        SQLiteDisk.used.withLock { $0 += disks }
    }

    /// Kept to the end of the process, because SQLite may hold on to them.
    private static let used = Mutex<[FaultDisk]>([])

    private static func open(_ disk: FaultDisk, in folder: TemporaryFolder) throws(JournalError) -> SQLiteStore {
        var configuration = SQLiteStore.Configuration()
        configuration.fileSystem = disk.name
        configuration.checkpointFrames = 40
        return try SQLiteStore.open(directory: "\(folder.path)/data", configuration: configuration)
    }

    var journal: any Journal { state.withLock { $0.store.journal } }
    var history: any History { state.withLock { $0.store.history } }

    func prepare(_ random: inout SeededRandom) {
        let isSound: Bool = random.below(20) > 0
        let operation: Int = 1 + Int(random.below(12))
        let codes: [Int32] = [DiskError.write, DiskError.sync, SQLITE_FULL]
        let code: Int32 = codes[Int(random.below(UInt64(codes.count)))]
        state.withLock { $0.disk.set(isSound ? .none : .once(at: operation, code: code)) }
    }

    func reopen(afterPowerCut: Bool, _ random: inout SeededRandom) throws(JournalError) {
        var seed: SeededRandom = random
        _ = random.next()
        try state.withLock { (state: inout State) throws(JournalError) in
            state.disk.set(.none)
            if afterPowerCut {
                let found: FaultDisk = state.disk.afterPowerCut(&seed)
                state.store.close()
                state.earlier.append(state.disk)
                state.disk = found
            } else {
                state.store.close()
            }
            state.store = try SQLiteDisk.open(state.disk, in: folder)
        }
    }
}

@Suite("The server in a simulated world, with a real database")
struct SQLiteSimulationTests {
    private func run(_ plan: Simulation.Plan) throws -> Simulation.Outcome {
        let disk = try SQLiteDisk()
        defer { disk.close() }
        return Simulation.run(plan, disk: disk)
    }

    @Test("every promise is kept over failing writes and power cuts", arguments: Seeds.all)
    func promises(seed: UInt64) throws {
        let outcome: Simulation.Outcome = try run(Simulation.Plan(seed: 1_000 + seed, steps: 250))
        #expect(outcome.failure == nil, "seed \(1_000 + seed)")
        #expect(outcome.commits > 100, "the simulation does something")
    }

    @Test("whichever commit is the last one before the power is cut, everything acknowledged is there afterwards")
    func everyCommit() throws {
        var plan = Simulation.Plan(seed: 4, steps: 60)
        plan.deadlyCommit = .max
        let commits: Int = try run(plan).commits
        for commit in stride(from: 0, to: commits, by: 3) {
            plan.deadlyCommit = commit
            let outcome: Simulation.Outcome = try run(plan)
            #expect(outcome.failure == nil, "commit \(commit)")
        }
    }
}
