internal import Synchronization

/// What queries read: every live task and agent as it was last committed, and tasks that ended a short while ago.
///
/// A committed batch changes it in place under short locks, one per shard; readers copy one entity or one page out, on
/// their own thread, and never hold a table.
public final class CommittedView: Sendable {
    private struct Shard {
        var live: [TaskID: TaskRecord] = [:]
        var recent: [TaskID: TaskRecord] = [:]
        var recentOrder = Deque<TaskID>()
        /// Bytes of memory that the recent ones take, roughly.
        var recentWeight: Int = 0

        /// Takes a task off the recent ones; whether it was there.
        mutating func forget(_ id: TaskID) -> Bool {
            guard let task: TaskRecord = recent.removeValue(forKey: id) else { return false }
            recentWeight -= task.weight
            return true
        }
    }

    private struct Agents {
        var records: [AgentID: AgentRecord] = [:]
        /// In order of creation.
        var order: [AgentID] = []
    }

    private struct Totals {
        var live: [TaskStatus: Int] = [:]
        /// Milliseconds that a completed task of a kind took, as a sliding mean.
        var durations: [TaskKind: Double] = [:]
    }

    /// A shard is a class because a mutex cannot be kept in an array.
    private final class ShardBox: Sendable {
        let state = Mutex(Shard())
    }

    private static let shardCount: Int = 16
    /// Ended tasks that a shard keeps at hand.
    private static let recentLimit: Int = 512
    /// Bytes that they may take in a shard; the newest one is kept however large it is.
    private static let recentWeightLimit: Int = 2 << 20
    /// Kinds of task whose durations are remembered.
    private static let kindLimit: Int = 1_000

    private let shards: [ShardBox]
    private let agentTable = Mutex(Agents())
    private let totals = Mutex(Totals())

    init(_ recovered: RecoveredState) {
        shards = (0..<CommittedView.shardCount).map { _ in ShardBox() }
        for task: TaskRecord in recovered.tasks {
            shard(of: task.id).state.withLock { $0.live[task.id] = task }
            totals.withLock { $0.live[task.status, default: 0] += 1 }
        }
        agentTable.withLock { (agents: inout Agents) in
            for agent: AgentRecord in recovered.agents {
                agents.records[agent.id] = agent
                agents.order.append(agent.id)
            }
        }
    }

    private func shard(of id: TaskID) -> ShardBox {
        shards[Int(UInt(bitPattern: id.hashValue) % UInt(CommittedView.shardCount))]
    }

    // MARK: Reading

    /// A live or recently ended task; `nil` for one that is only stored, or does not exist.
    public func task(_ id: TaskID) -> TaskRecord? {
        shard(of: id).state.withLock { $0.live[id] ?? $0.recent[id] }
    }

    /// Whether a task exists and is not terminal.
    public func isLive(_ id: TaskID) -> Bool {
        shard(of: id).state.withLock { $0.live[id] != nil }
    }

    /// An agent that is not terminated.
    public func agent(_ id: AgentID) -> AgentRecord? {
        agentTable.withLock { $0.records[id] }
    }

    /// Agents that satisfy the query, in order of creation.
    public func agents(_ query: AgentQuery = AgentQuery()) -> [AgentRecord] {
        agentTable.withLock { (agents: inout Agents) in
            var page: [AgentRecord] = []
            var skipped: Int = 0
            for id: AgentID in agents.order {
                guard page.count < query.limit else { break }
                guard let agent: AgentRecord = agents.records[id] else { continue }
                if let type: AgentType = query.type, agent.specification.type != type { continue }
                if !query.statuses.isEmpty, !query.statuses.contains(agent.status) { continue }
                if skipped < query.offset {
                    skipped += 1
                } else {
                    page.append(agent)
                }
            }
            return page
        }
    }

    /// How many agents that are of the type, if one is given, stand in each status.
    public func agentCounts(type: AgentType? = nil) -> [AgentStatus: Int] {
        agentTable.withLock { (agents: inout Agents) in
            var counts: [AgentStatus: Int] = [:]
            for agent: AgentRecord in agents.records.values where type == nil || agent.specification.type == type {
                counts[agent.status, default: 0] += 1
            }
            return counts
        }
    }

    /// How many tasks that are not terminal stand in each status.
    public func liveTaskCounts() -> [TaskStatus: Int] {
        totals.withLock { $0.live }
    }

    /// Whether a task is assigned or running.
    package var hasActiveTasks: Bool {
        totals.withLock { ($0.live[.assigned] ?? 0) + ($0.live[.running] ?? 0) > 0 }
    }

    /// What a task of this kind has taken lately; `nil` before the first has completed.
    public func typicalDuration(of kind: TaskKind) -> Milliseconds? {
        totals.withLock { $0.durations[kind] }.map { Milliseconds(Int64($0)) }
    }

    // MARK: Writing

    func apply(_ batch: Batch) {
        var changes: [(from: TaskStatus?, to: TaskRecord)] = []
        changes.reserveCapacity(batch.tasks.count)
        for task: TaskRecord in batch.tasks {
            let previous: TaskStatus? = shard(of: task.id).state.withLock { (shard: inout Shard) in
                store(task, in: &shard)
            }
            changes.append((previous, task))
        }
        if !changes.isEmpty {
            totals.withLock { (totals: inout Totals) in
                for (previous, task) in changes { count(task, after: previous, in: &totals) }
            }
        }
        guard !batch.agents.isEmpty else { return }
        agentTable.withLock { (agents: inout Agents) in
            for agent: AgentRecord in batch.agents {
                if agent.status == .terminated {
                    agents.records[agent.id] = nil
                    agents.order.removeAll { $0 == agent.id }
                } else if agents.records.updateValue(agent, forKey: agent.id) == nil {
                    agents.order.append(agent.id)
                }
            }
        }
    }

    /// Notes signs of life, which are not worth a commit.
    func heard(from agents: [AgentID], at now: Instant) {
        agentTable.withLock { (table: inout Agents) in
            for id: AgentID in agents { table.records[id]?.state.lastHeartbeat = now }
        }
    }

    private func store(_ task: TaskRecord, in shard: inout Shard) -> TaskStatus? {
        guard task.status.isTerminal else {
            if shard.forget(task.id) {
                // Its place in the order stays behind; it is skipped when its turn comes.
                shard.live[task.id] = task
                return nil
            }
            return shard.live.updateValue(task, forKey: task.id)?.status
        }
        let previous: TaskStatus? = shard.live.removeValue(forKey: task.id)?.status
        _ = shard.forget(task.id)
        shard.recent[task.id] = task
        shard.recentWeight += task.weight
        shard.recentOrder.append(task.id)
        while shard.recentOrder.count > CommittedView.recentLimit
            || (shard.recentWeight > CommittedView.recentWeightLimit && shard.recentOrder.count > 1),
            let oldest: TaskID = shard.recentOrder.popFirst()
        {
            if oldest != task.id { _ = shard.forget(oldest) }
        }
        return previous
    }

    private func count(_ task: TaskRecord, after previous: TaskStatus?, in totals: inout Totals) {
        if let previous { totals.live[previous, default: 0] -= 1 }
        guard task.status.isTerminal else {
            totals.live[task.status, default: 0] += 1
            return
        }
        guard task.status == .completed, let started: Instant = task.state.startedAt,
            let finished: Instant = task.state.finishedAt
        else { return }
        let duration = Double((finished - started).count)
        let kind: TaskKind = task.specification.kind
        if let mean: Double = totals.durations[kind] {
            totals.durations[kind] = mean + (duration - mean) / 16
        } else if totals.durations.count < CommittedView.kindLimit {
            totals.durations[kind] = duration
        }
    }
}
