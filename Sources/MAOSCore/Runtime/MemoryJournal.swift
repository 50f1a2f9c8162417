internal import Synchronization

/// A journal without a disk: for embedding programs that need no durability, and for tests.
public final class MemoryJournal: Journal, History {
    private struct State {
        var tasks: [TaskID: TaskRecord] = [:]
        var agents: [AgentID: AgentRecord] = [:]
        var entities: [EntityKind: [String: EntityRow]] = [:]
        var idempotency: [IdempotencyEntry] = []
        var events = Deque<Event>()
        var lastSequence: UInt64 = 0
    }

    private let state = Mutex(State())
    private let eventLimit: Int

    /// - Parameter eventLimit: Events that are kept; older ones are forgotten.
    public init(eventLimit: Int = 100_000) { self.eventLimit = eventLimit }

    /// All that is live, and the counters; O(n log n).
    public func load() throws(JournalError) -> RecoveredState {
        state.withLock { (state: inout State) in
            var recovered = RecoveredState()
            recovered.tasks = state.tasks.values.filter { !$0.status.isTerminal }.sorted { $0.number < $1.number }
            recovered.agents = state.agents.values.filter { $0.status != .terminated }.sorted { $0.number < $1.number }
            let rows: [EntityRow] = EntityKind.allCases.flatMap { (kind: EntityKind) in
                (state.entities[kind] ?? [:]).values.sorted { $0.number < $1.number }
            }
            let live = Set(rows.filter { $0.endedAt == nil }.map(\.id))
            recovered.entities = rows.filter { (row: EntityRow) in
                row.endedAt == nil || row.parent.map { live.contains($0) } ?? false
            }
            for row: EntityRow in rows { recovered.lastEntityNumbers[row.kind] = row.number }
            recovered.idempotency = state.idempotency
            recovered.lastSequence = state.lastSequence
            recovered.lastTaskNumber = state.tasks.values.map(\.number).max() ?? 0
            recovered.lastAgentNumber = state.agents.values.map(\.number).max() ?? 0
            for task: TaskRecord in state.tasks.values { recovered.taskCounts[task.status, default: 0] += 1 }
            return recovered
        }
    }

    /// Keeps a batch; never fails.
    public func append(_ batch: Batch) throws(JournalError) {
        state.withLock { (state: inout State) in
            for task: TaskRecord in batch.tasks { state.tasks[task.id] = task }
            for agent: AgentRecord in batch.agents { state.agents[agent.id] = agent }
            for row: EntityRow in batch.entities { state.entities[row.kind, default: [:]][row.id] = row }
            state.idempotency.append(contentsOf: batch.idempotency)
            for event: Event in batch.events {
                state.events.append(event)
                if state.events.count > eventLimit { _ = state.events.popFirst() }
                state.lastSequence = event.sequence
            }
        }
    }

    /// A task in any state.
    public func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { state.withLock { $0.tasks[id] } }

    /// An agent in any state.
    public func agent(_ id: AgentID) throws(JournalError) -> AgentRecord? { state.withLock { $0.agents[id] } }

    /// An entity in any state.
    public func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        state.withLock { $0.entities[kind]?[id] }
    }

    /// Entities that satisfy the query; O(n log n).
    public func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage {
        state.withLock { (state: inout State) in
            var found: [EntityRow] = (state.entities[query.kind] ?? [:]).values.filter { query.takes($0) }
            found.sort { query.isOldestFirst ? $0.number < $1.number : $0.number > $1.number }
            return EntityPage(rows: Array(found.dropFirst(query.offset).prefix(query.limit)), total: found.count)
        }
    }

    /// Forgets requests that have expired; there is never more to do.
    public func discardExpired(at now: Instant) throws(JournalError) -> Bool {
        state.withLock { $0.idempotency.removeAll { $0.expires <= now } }
        return false
    }

    /// Tasks that satisfy the query, newest first; O(n log n).
    public func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage {
        state.withLock { (state: inout State) in
            let found: [TaskRecord] = state.tasks.values.filter { (task: TaskRecord) in
                (query.statuses.isEmpty || query.statuses.contains(task.status))
                    && (query.kind == nil || query.kind == task.specification.kind)
                    && (query.priority == nil || query.priority == task.state.priority)
                    && (query.projects.isEmpty || query.projects.contains(task.specification.project ?? ""))
                    && (!query.isDeadLettersOnly || task.state.isDeadLetter)
            }
            let page: ArraySlice<TaskRecord> =
                found.filter { $0.number < query.before ?? .max }.sorted { $0.number > $1.number }
                .dropFirst(query.offset).prefix(query.limit)
            return TaskPage(tasks: page.map { query.isBrief ? $0.brief : $0 }, total: found.count)
        }
    }

    /// Agents that have ended, newest first; O(n log n).
    public func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord] {
        state.withLock { (state: inout State) in
            let found: [AgentRecord] = state.agents.values.filter {
                $0.status == .terminated && (query.type == nil || query.type == $0.specification.type)
            }
            return Array(found.sorted { $0.number > $1.number }.dropFirst(query.offset).prefix(query.limit))
        }
    }

    /// Events in order from a sequence number on, as far as they are kept.
    public func events(
        from sequence: UInt64, limit: Int, types: Set<String>
    ) throws(JournalError) -> EventPage {
        state.withLock { (state: inout State) in
            let oldest: UInt64 = state.events.first?.sequence ?? 0
            var page = EventPage(events: [], nextSequence: max(sequence, oldest), oldestSequence: oldest)
            guard oldest > 0, sequence <= state.lastSequence else { return page }
            var offset = Int(page.nextSequence - oldest)
            while page.events.count < limit, let event: Event = state.events[offset] {
                if types.isEmpty || types.contains(event.type) { page.events.append(event) }
                page.nextSequence = event.sequence + 1
                offset += 1
            }
            return page
        }
    }
}
