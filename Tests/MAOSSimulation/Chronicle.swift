import MAOSCore

/// What has become durable, put together from batches alone, and what must be true of batches whoever makes them.
struct Chronicle {
    /// Every task ever, as it was stored last.
    private(set) var tasks: [TaskID: TaskRecord] = [:]
    /// Every agent ever, as it was stored last.
    private(set) var agents: [AgentID: AgentRecord] = [:]
    private(set) var entities: [EntityKind: [String: EntityRow]] = [:]
    private(set) var events: [Event] = []
    /// Live tasks in the order in which they began to be.
    private(set) var liveTaskIDs: [TaskID] = []
    /// Live agents in order of making.
    private(set) var liveAgentIDs: [AgentID] = []
    private(set) var idempotency: [IdempotencyEntry] = []
    /// The first event of the present run of the server.
    private var firstOfRun: Int = 0

    /// In order of creation.
    var liveTasks: [TaskRecord] { liveTaskIDs.compactMap { tasks[$0] }.sorted { $0.number < $1.number } }
    /// In order of creation.
    var liveAgents: [AgentRecord] { liveAgentIDs.compactMap { agents[$0] }.sorted { $0.number < $1.number } }

    var lastSequence: UInt64 { events.last?.sequence ?? 0 }

    /// Notes that the server has begun anew.
    mutating func beginRun() { firstOfRun = events.count }

    /// Takes a batch that is durable.
    mutating func add(_ batch: Batch) throws(BrokenPromise) {
        try checkEvents(of: batch)
        try checkRecords(of: batch)
        events += batch.events
        for task: TaskRecord in batch.tasks {
            let isLive: Bool = !task.status.isTerminal
            let wasLive: Bool = tasks[task.id].map { !$0.status.isTerminal } ?? false
            if isLive != wasLive {
                if isLive { liveTaskIDs.append(task.id) } else { liveTaskIDs.removeAll { $0 == task.id } }
            }
            tasks[task.id] = task
        }
        for agent: AgentRecord in batch.agents {
            let isLive: Bool = agent.status != .terminated
            let wasLive: Bool = agents[agent.id].map { $0.status != .terminated } ?? false
            if isLive != wasLive {
                if isLive { liveAgentIDs.append(agent.id) } else { liveAgentIDs.removeAll { $0 == agent.id } }
            }
            agents[agent.id] = agent
        }
        for row: EntityRow in batch.entities { entities[row.kind, default: [:]][row.id] = row }
        idempotency += batch.idempotency
    }

    private func checkEvents(of batch: Batch) throws(BrokenPromise) {
        var sequence: UInt64 = lastSequence
        var time: Instant? = events.count > firstOfRun ? events.last?.time : nil
        for event: Event in batch.events {
            sequence += 1
            try keep(
                .history, "sequence numbers have no gaps", event.sequence == sequence,
                "\(event.sequence) instead of \(sequence)")
            try keep(
                .history, "time does not run back", time.map { $0 <= event.time } ?? true, "event \(event.sequence)")
            time = event.time
        }
    }

    /// The events of a batch say what its records say.
    private func checkRecords(of batch: Batch) throws(BrokenPromise) {
        var told: [TaskID: TaskState] = [:]
        var toldAgents: [AgentID: AgentState] = [:]
        for event: Event in batch.events {
            switch event.body {
            case .task(let event): told[event.id] = event.state
            case .agent(let event): toldAgents[event.id] = event.state
            default: break
            }
        }
        var stored: Set<TaskID> = []
        for task: TaskRecord in batch.tasks {
            try keep(.told, "a batch holds each task once", stored.insert(task.id).inserted, "\(task.id)")
            if let earlier: TaskRecord = tasks[task.id] {
                let isSame: Bool =
                    earlier.number == task.number && earlier.specification == task.specification
                    && earlier.owner == task.owner && earlier.createdAt == task.createdAt
                try keep(.told, "what was asked for never changes", isSame, "\(task.id)")
                try keep(
                    .told, "a task that changed is told of", earlier.state == task.state || told[task.id] != nil,
                    "\(task.id) is \(task.status.name)")
            }
            let state: TaskState? = told[task.id]
            try keep(
                .told, "a task is stored as it was told of last", state == nil || state == task.state,
                "\(task.id) is \(task.status.name), told of as \(state?.status.name ?? "")")
        }
        for event: Event in batch.events {
            guard case .task(let event) = event.body else { continue }
            try keep(.told, "a task that is told of is stored", stored.contains(event.id), "\(event.id)")
        }
        try checkAgents(of: batch, told: toldAgents)
        var rows: Set<String> = []
        for row: EntityRow in batch.entities {
            let isNew: Bool = rows.insert("\(row.kind.rawValue) \(row.id)").inserted
            try keep(.told, "a batch holds each entity once", isNew, "\(row.kind) \(row.id)")
        }
    }

    private func checkAgents(of batch: Batch, told: [AgentID: AgentState]) throws(BrokenPromise) {
        var stored: Set<AgentID> = []
        for agent: AgentRecord in batch.agents {
            try keep(.told, "a batch holds each agent once", stored.insert(agent.id).inserted, "\(agent.id)")
            guard let state: AgentState = told[agent.id] else { continue }
            try keep(
                .told, "an agent is stored as it was told of last",
                state.withoutHeartbeat == agent.state.withoutHeartbeat,
                "\(agent.id) is \(agent.status.name), told of as \(state.status.name)")
        }
        for event: Event in batch.events {
            guard case .agent(let event) = event.body else { continue }
            try keep(.told, "an agent that is told of is stored", stored.contains(event.id), "\(event.id)")
        }
    }

    // MARK: Comparing

    /// What a journal gives back is what was stored.
    func check(_ recovered: RecoveredState) throws(BrokenPromise) {
        try checkLive(tasks: recovered.tasks, agents: recovered.agents, "the journal")
        try keep(
            .acknowledged, "the journal knows the newest event", recovered.lastSequence == lastSequence,
            "\(recovered.lastSequence) instead of \(lastSequence)")
        let numbers: UInt64 = tasks.values.map(\.number).max() ?? 0
        try keep(
            .acknowledged, "the journal knows the newest task", recovered.lastTaskNumber == numbers,
            "\(recovered.lastTaskNumber) instead of \(numbers)")
        for row: EntityRow in recovered.entities {
            try keep(
                .acknowledged, "an entity is read as it was stored", entities[row.kind]?[row.id] == row,
                "\(row.kind) \(row.id)")
        }
        let live: Int = entities.values.reduce(0) { $0 + $1.values.count { $0.endedAt == nil } }
        let found: Int = recovered.entities.count { $0.endedAt == nil }
        try keep(.acknowledged, "all live entities are stored", live == found, "\(found) instead of \(live)")
    }

    /// What is live somewhere is what was stored.
    func checkLive(tasks: [TaskRecord], agents: [AgentRecord], _ place: String) throws(BrokenPromise) {
        let stored: [TaskRecord] = liveTasks
        try keep(
            .rebuilt, "the live tasks are those that are stored", tasks == stored,
            "\(place): \(differences(tasks.map(\.id), stored.map(\.id)) { tasks[$0] == stored[$1] })")
        let storedAgents: [AgentRecord] = liveAgents
        let isSame: Bool =
            agents.count == storedAgents.count
            && zip(agents, storedAgents).allSatisfy { $0.withoutHeartbeat == $1.withoutHeartbeat }
        try keep(
            .rebuilt, "the live agents are those that are stored", isSame,
            "\(place): \(differences(agents.map(\.id), storedAgents.map(\.id)) { agents[$0].withoutHeartbeat == storedAgents[$1].withoutHeartbeat })"
        )
    }

    private func differences<ID: Equatable>(_ left: [ID], _ right: [ID], _ areEqual: (Int, Int) -> Bool) -> String {
        let missing: [ID] = right.filter { !left.contains($0) }
        let surplus: [ID] = left.filter { !right.contains($0) }
        var changed: [ID] = []
        for (index, id) in left.enumerated() {
            if let other: Int = right.firstIndex(of: id), !areEqual(index, other) { changed.append(id) }
        }
        return "missing \(missing), too many \(surplus), different \(changed)"
    }
}

extension AgentState {
    /// Signs of life are not stored.
    var withoutHeartbeat: AgentState {
        var copy: AgentState = self
        copy.lastHeartbeat = Instant(milliseconds: 0)
        return copy
    }
}

extension AgentRecord {
    /// Signs of life are not stored.
    var withoutHeartbeat: AgentRecord {
        var copy: AgentRecord = self
        copy.state = state.withoutHeartbeat
        return copy
    }
}
