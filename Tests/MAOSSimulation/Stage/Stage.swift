import MAOSCore
import Synchronization

/// Something an orchestrator did that the world can see.
enum Happening: Sendable {
    /// A batch was handed to the journal, which took it.
    case stored(Batch)
    /// A batch was handed to the journal, which threw: it may be there or not once the power is back.
    case doubted(Batch)
    case told([Event])
    case answered([TokenReply])
    case asked([Effect])
}

/// Everything around an orchestrator, as its ports see it: notes what it does, in order, and does nothing about it.
final class Stage: Journal, AgentRuntime, ReplySink, EventSink, TimeSource, IDSource {
    private struct State {
        var now: Instant
        /// The latest time that the server was shown.
        var latestRead = Instant(milliseconds: 0)
        var random: SeededRandom
        var happenings: [Happening] = []
        var wakes: [(due: Instant, body: @Sendable () -> Void)] = []
        var refusals: Int = 0
        var digest = Digest()
    }

    let disk: any SimulatedDisk
    private let state: Mutex<State>

    init(disk: any SimulatedDisk, seed: UInt64, now: Instant) {
        self.disk = disk
        state = Mutex(State(now: now, random: SeededRandom(seed: seed)))
    }

    // MARK: For the simulation

    /// What has happened since the last call, in order.
    func takeHappenings() -> [Happening] {
        state.withLock { (state: inout State) in
            defer { state.happenings.removeAll(keepingCapacity: true) }
            return state.happenings
        }
    }

    /// Has so many of the next appends refused, as on a full disk.
    func refuse(appends: Int) { state.withLock { $0.refusals = appends } }

    /// How many of the next appends are refused.
    var refusals: Int { state.withLock { $0.refusals } }

    /// Sets the clock, forward or back; nobody is woken.
    func set(_ now: Instant) { state.withLock { $0.now = now } }

    /// The latest time that the present run of the server was shown.
    var latestRead: Instant { state.withLock { $0.latestRead } }

    /// Forgets what a server asked for that is no more, and begins a sequence of random values for the next.
    func beginRun(seed: UInt64) {
        state.withLock { (state: inout State) in
            state.wakes = []
            state.latestRead = state.now
            state.random = SeededRandom(seed: seed)
        }
    }

    /// Wakes everybody who is due, in order of time; false when nobody was.
    @discardableResult
    func wake() -> Bool {
        var hasWoken = false
        while true {
            let body: (@Sendable () -> Void)? = state.withLock { (state: inout State) in
                let due: [Int] = state.wakes.indices.filter { state.wakes[$0].due <= state.now }
                guard let first: Int = due.min(by: { state.wakes[$0].due < state.wakes[$1].due }) else { return nil }
                return state.wakes.remove(at: first).body
            }
            guard let body else { return hasWoken }
            hasWoken = true
            body()
        }
    }

    /// A digest of all that was stored and asked for.
    var digest: Digest { state.withLock { $0.digest } }

    private func note(_ happening: Happening) { state.withLock { $0.happenings.append(happening) } }

    // MARK: The journal

    func load() throws(JournalError) -> RecoveredState { try disk.journal.load() }

    func append(_ batch: Batch) throws(JournalError) {
        let isRefused: Bool = state.withLock { (state: inout State) in
            guard state.refusals > 0 else { return false }
            state.refusals -= 1
            return true
        }
        guard !isRefused else { throw .unavailable("no space left on device") }
        do throws(JournalError) {
            try disk.journal.append(batch)
        } catch {
            note(.doubted(batch))
            throw error
        }
        state.withLock { (state: inout State) in
            state.happenings.append(.stored(batch))
            state.digest.add(batch)
        }
    }

    func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { try disk.journal.task(id) }

    func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        try disk.journal.entity(kind, id: id)
    }

    func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage { try disk.journal.entities(query) }

    func discardExpired(at now: Instant) throws(JournalError) -> Bool { try disk.journal.discardExpired(at: now) }

    // MARK: The other ports

    func connect(_ reports: any ReportSink) {}

    func perform(_ effects: [Effect]) {
        state.withLock { (state: inout State) in
            state.happenings.append(.asked(effects))
            for effect: Effect in effects { state.digest.add(effect.summary) }
        }
    }

    func deliver(_ replies: [TokenReply]) { note(.answered(replies)) }

    func receive(_ events: [Event]) { note(.told(events)) }

    func now() -> Instant {
        state.withLock { (state: inout State) in
            state.latestRead = max(state.latestRead, state.now)
            return state.now
        }
    }

    func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.wakes.append((instant, body)) }
    }

    func random() -> UInt64 { state.withLock { $0.random.next() } }
}
