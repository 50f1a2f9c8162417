internal import Synchronization

/// What queries read: every live task and agent as it was last committed, and tasks that ended a short while ago.
///
/// A committed batch changes it in place under short locks, one per shard; readers copy one entity or one page out, on
/// their own thread, and never hold a table.
public final class CommittedView: Sendable {
    private struct Shard {
        var live = SlabTable<TaskID, TaskRecord>()
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

        /// Takes a completed task into the mean of its kind.
        mutating func note(_ duration: Double, of kind: TaskKind) {
            if let mean: Double = durations[kind] {
                durations[kind] = mean + (duration - mean) / 16
            } else if durations.count < CommittedView.kindLimit {
                durations[kind] = duration
            }
        }
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

    /// One more than the largest number of a status.
    private static let statusLimit: Int = 1 + Int(TaskStatus.allCases.map(\.rawValue).max() ?? 0)

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
        // The lowest bits are for the table inside.
        shards[Int((id.slabHash >> 8) % UInt64(CommittedView.shardCount))]
    }

    // MARK: Reading

    /// A live or recently ended task; `nil` for one that is only stored, or does not exist.
    public func task(_ id: TaskID) -> TaskRecord? {
        shard(of: id).state.withLock { $0.live[id] ?? $0.recent[id] }
    }

    /// Whether a task exists and is not terminal.
    public func isLive(_ id: TaskID) -> Bool {
        shard(of: id).state.withLock { $0.live.contains(id) }
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
        if !batch.tasks.isEmpty { apply(batch.tasks) }
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

    private func apply(_ tasks: [TaskRecord]) {
        // Worked out first, so that nobody waits for the totals while the shards are changed.
        var changes: [Int] = Array(repeating: 0, count: CommittedView.statusLimit)
        var completed: [(kind: TaskKind, duration: Double)] = []
        for task: TaskRecord in tasks {
            let previous: TaskStatus? = shard(of: task.id).state.withLock { (shard: inout Shard) in
                store(task, in: &shard)
            }
            if let previous { changes[Int(previous.rawValue)] -= 1 }
            if !task.status.isTerminal { changes[Int(task.status.rawValue)] += 1 }
            guard task.status == .completed, let started: Instant = task.state.startedAt,
                let finished: Instant = task.state.finishedAt
            else { continue }
            completed.append((task.specification.kind, Double((finished - started).count)))
        }
        totals.withLock { (totals: inout Totals) in
            for status: TaskStatus in TaskStatus.allCases where changes[Int(status.rawValue)] != 0 {
                totals.live[status, default: 0] += changes[Int(status.rawValue)]
            }
            for (kind, duration) in completed { totals.note(duration, of: kind) }
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
}
