/// What a task waits for, worked out from what decides about it.
extension Engine {
    /// So far it is counted who comes first.
    private static let countLimit: Int = 10_000

    /// Why a task has not started; nothing for one that has started or ended.
    func explainWaiting(of id: TaskID, for principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksRead)
        let live: EngineState.LiveTask? = state.tasks[id]
        guard let task: TaskRecord = live?.record ?? terminalTask(id),
            principal.reaches(task: id, project: task.specification.project)
        else { throw .notFound(.task, id: id.rawValue) }
        return .waiting(task, live.map { reasons(for: $0, principal) } ?? [])
    }

    private func reasons(for task: EngineState.LiveTask, _ principal: Principal) -> [WaitingReason] {
        let record: TaskRecord = task.record
        var reasons: [WaitingReason] = []
        let open: [TaskID] = record.specification.dependencies.filter { state.tasks[$0] != nil }
        switch record.status {
        case .pending, .scheduled:
            if !open.isEmpty { reasons.append(.dependencies(open)) }
            if let time: Instant = record.state.notBefore { reasons.append(.schedule(until: time)) }
        case .queued:
            if let entry: Int = task.entry { reasons += queueReasons(for: record, entry, principal) }
        case .assigned:
            reasons.append(.starting(record.state.agent))
        case .retrying:
            reasons.append(.backoff(failures: record.state.failures, until: record.state.notBefore))
        case .paused:
            reasons.append(.paused)
            if !open.isEmpty { reasons.append(.dependencies(open)) }
        case .awaitingApproval:
            reasons.append(.approval)
        case .running, .completed, .failed, .cancelled:
            return []
        }
        if state.isDraining, record.status != .assigned { reasons.append(.draining) }
        return reasons
    }

    private func queueReasons(for task: TaskRecord, _ entry: Int, _ principal: Principal) -> [WaitingReason] {
        var reasons: [WaitingReason] = gateReasons(entry, principal)
        reasons.append(contentsOf: agentReasons(for: task))
        if let turn = state.ready.turn(of: entry, limit: Engine.countLimit), turn.tasks > 0 || turn.projects > 0 {
            reasons.append(.turn(tasks: turn.tasks, projects: turn.projects))
        }
        return reasons
    }

    private func gateReasons(_ entry: Int, _ principal: Principal) -> [WaitingReason] {
        var reasons: [WaitingReason] = []
        for use: GateUse in state.ready.entries[entry]?.gates ?? [] {
            let gate: Gate = state.ready.gates.gate(use.key, at: state.now)
            guard !gate.hasRoom(for: use.cost, at: state.now) else { continue }
            switch (use.key, gate.rule) {
            case (.concurrency(let key), .underWay(let limit)):
                // Keys are shared by projects; their tasks are not shown to each other.
                let running: [TaskID] = gate.holders.keys.filter { (id: TaskID) in
                    principal.reaches(task: id, project: state.tasks[id]?.record.specification.project)
                }.sorted()
                reasons.append(.concurrency(key: key, limit: Int(limit), running: running))
            case (.rate(let key), .started(let count, let per)):
                reasons.append(.rate(key: key, count: count, period: per, until: gate.opens(at: state.now)))
            case (.quota(let key), .underWay(let limit)):
                reasons.append(.quota(key, limit: Int(limit), inUse: Int(gate.used)))
            case (.budget(let project, let part), .underWay(let limit)):
                reasons.append(
                    .budget(project: project, part, needed: use.cost, remaining: max(0, limit - gate.used)))
            case (.concurrency, .started), (.quota, .started), (.rate, .underWay), (.budget, .started):
                preconditionFailure("each kind of gate has its kind of rule")
            }
        }
        return reasons
    }

    private func agentReasons(for task: TaskRecord) -> [WaitingReason] {
        let lane = ReadyQueue.LaneKey(task.specification, routing: configuration.routing)
        let type: AgentType? = lane.type
        let needed: [CapabilityRequirement] = task.specification.capabilities
        let ofType: [LiveAgentView] = state.agents.values.compactMap { (agent: EngineState.LiveAgent) in
            let specification: AgentSpecification = agent.record.specification
            guard type == nil || specification.type == type, agent.record.status != .stopping else { return nil }
            guard lane.agent == nil ? !specification.resident.takesOnlyOwnTasks : lane.agent == agent.record.id else {
                return nil
            }
            return LiveAgentView(status: agent.record.status, capabilities: specification.capabilities)
        }
        let capable: [LiveAgentView] = ofType.filter { (agent: LiveAgentView) in needed.allSatisfy(agent.meets) }
        let working: [LiveAgentView] = capable.filter { $0.status != .error }
        if working.isEmpty {
            let missing: [CapabilityRequirement] = needed.filter { (one: CapabilityRequirement) in
                !ofType.contains { $0.meets(one) }
            }
            let mayBeMade: Bool = lane.isPlain && onDemandMaximum > 0 && !state.isDraining
            return [.noCapableAgent(type: type, missing: missing.isEmpty ? needed : missing, onDemand: mayBeMade)]
        }
        let starting: Int = working.count { $0.status == .initializing }
        if starting > 0 { return [.agentStarting(agents: starting)] }
        let paused: Int = working.count { $0.status == .paused }
        if paused == working.count { return [.agentsPaused(agents: paused)] }
        // With an agent that is free, something else holds the task back.
        guard !state.ready.hasSeat(for: lane) else { return [] }
        return [.noFreeSlot(agents: working.count, since: task.state.queuedAt)]
    }

    private struct LiveAgentView {
        var status: AgentStatus
        var capabilities: [Capability]

        func meets(_ requirement: CapabilityRequirement) -> Bool {
            capabilities.contains {
                $0.name == requirement.name && $0.proficiency >= requirement.minimumProficiency
            }
        }
    }
}

extension ReadyQueue {
    /// Whether an agent is free that goes with a lane.
    func hasSeat(for key: LaneKey) -> Bool {
        guard let index: Int = laneIndex[key] else { return false }
        return lanes[index].profiles.contains { (profiles[$0.profile]?.available ?? 0) > 0 }
    }

    /// How many tasks of its project, and how many projects, come before a task in its lane; `nil` for one that stands aside.
    func turn(of number: Int, limit: Int) -> (tasks: Int, projects: Int)? {
        guard let entry: Entry = entries[number], entry.parkedAt == nil,
            let index: Int = lanes[entry.lane].queues[entry.share],
            let own: FairShares.Share = shares.shares[entry.share]
        else { return nil }
        let queue: Queue = queues[index]
        let place = Place(key: entry.key, number: entry.number, order: entry.order, entry: number)
        let tasks: Int = queue.heap.count(before: place, limit: limit) { entries[$0.entry]?.order == $0.order }
        let turn = Turn(tag: own.tag, order: own.order, queue: index, life: queue.life)
        let projects: Int = lanes[entry.lane].turns.count(before: turn, limit: limit) { (other: Turn) in
            let head: (share: Int, life: UInt64) = queues[other.queue].head
            guard head.life == other.life, let share: FairShares.Share = shares.shares[head.share]
            else { return false }
            return share.tag != own.tag ? share.tag < own.tag : share.order < own.order
        }
        return (tasks, projects)
    }
}
