package import MAOSCore
import Synchronization

/// A journal in memory that fails when it is told to, and counts what it does.
package final class FaultyJournal: Journal, History {
    private struct State {
        var isBroken = false
        var failingAppends: Set<Int> = []
        var appends: Int = 0
        var batches: [Batch] = []
        var loads: Int = 0
        var pages: Int = 0
        var whenAppended: (@Sendable (Batch) -> Void)?
    }

    private let inner: MemoryJournal
    private let state = Mutex(State())

    /// A journal that works; the events that it keeps are limited.
    package init(eventLimit: Int = 100_000) { inner = MemoryJournal(eventLimit: eventLimit) }

    // MARK: Faults

    /// From now on nothing can be stored.
    package func breakDown() { state.withLock { $0.isBroken = true } }

    /// From now on everything works again.
    package func mend() { state.withLock { $0.isBroken = false } }

    /// Makes single appends fail, counted from 1 for the first ever tried.
    package func failAppends(_ numbers: Set<Int>) { state.withLock { $0.failingAppends = numbers } }

    // MARK: What has happened

    /// Appends that were tried.
    package var appends: Int { state.withLock { $0.appends } }
    /// Batches that were stored.
    package var batches: [Batch] { state.withLock { $0.batches } }
    /// Times that an engine was loaded.
    package var loads: Int { state.withLock { $0.loads } }
    /// Pages of events that were read.
    package var pages: Int { state.withLock { $0.pages } }

    /// Calls a body with each batch as soon as it is stored.
    package func whenAppended(_ body: @escaping @Sendable (Batch) -> Void) { state.withLock { $0.whenAppended = body } }

    // MARK: The journal

    package func load() throws(JournalError) -> RecoveredState {
        state.withLock { $0.loads += 1 }
        return try inner.load()
    }

    package func append(_ batch: Batch) throws(JournalError) {
        let fails: Bool = state.withLock { (state: inout State) in
            state.appends += 1
            return state.isBroken || state.failingAppends.contains(state.appends)
        }
        guard !fails else { throw .unavailable("no space left on device") }
        try inner.append(batch)
        let body: (@Sendable (Batch) -> Void)? = state.withLock { (state: inout State) in
            state.batches.append(batch)
            return state.whenAppended
        }
        body?(batch)
    }

    package func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { try inner.task(id) }

    package func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        try inner.entity(kind, id: id)
    }

    package func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage { try inner.entities(query) }

    package func discardExpired(at now: Instant) throws(JournalError) -> Bool { try inner.discardExpired(at: now) }

    // MARK: The history

    package func agent(_ id: AgentID) throws(JournalError) -> AgentRecord? { try inner.agent(id) }

    package func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage { try inner.tasks(query) }

    package func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord] {
        try inner.terminatedAgents(query)
    }

    package func events(
        from sequence: UInt64, limit: Int, types: Set<String>
    ) throws(JournalError) -> EventPage {
        state.withLock { $0.pages += 1 }
        return try inner.events(from: sequence, limit: limit, types: types)
    }
}
