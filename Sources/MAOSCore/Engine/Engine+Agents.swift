extension AgentStatus {
    /// Whether an agent in this state may be given a task.
    var takesTasks: Bool { self == .ready || self == .idle || self == .busy }
}

/// The life of agents.
extension Engine {
    // MARK: What clients may ask

    mutating func spawnAgent(
        _ specification: AgentSpecification, id wanted: AgentID?, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.agentsCreate)
        if let wanted, state.agents[wanted] != nil {
            throw .conflict(reason: "duplicate_id", message: "An agent with the id \(wanted) exists already")
        }
        guard state.agents.count < configuration.limits.agents else {
            throw .limitReached("agents", limit: configuration.limits.agents)
        }
        guard !state.isDraining else { throw .unavailable("The server is about to stop") }
        let id: AgentID = createAgent(specification, id: wanted, origin: .spawned, owner: principal.subject)
        return try reply(with: id)
    }

    mutating func configureAgent(
        _ id: AgentID, _ change: AgentChange, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        var specification: AgentSpecification = try liveAgent(id).specification
        if let resources = change.resources { specification.resources = resources }
        if let capabilities = change.capabilities { specification.capabilities = capabilities }
        if let model = change.model { specification.model = model }
        if let workspace = change.workspace { specification.workspace = workspace }
        if let environment = change.environment { specification.environment.merge(environment) { $1 } }
        if let maximum = change.maximumConcurrentTasks { specification.maximumConcurrentTasks = maximum }
        if let timeout = change.commandTimeout { specification.commandTimeout = timeout }
        if let interval = change.heartbeatInterval { specification.heartbeatInterval = interval }
        if let settings = change.settings { specification.settings = settings }
        state.agents[id]?.record.specification = specification
        touch(id)
        emitAgent(.configured, id)
        state.ready.join(id, profile: profile(of: specification))
        offerSlots(of: id)
        return try reply(with: id)
    }

    mutating func pauseAgent(_ id: AgentID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status != .paused else { return .agent(agent) }
        guard agent.status.takesTasks else {
            throw .conflict(reason: agent.status.name, message: "Agent \(id) is \(agent.status.name)")
        }
        state.agents[id]?.record.state.status = .paused
        state.ready.withdrawSeat(of: id)
        touch(id)
        emitAgent(.paused, id)
        return try reply(with: id)
    }

    mutating func resumeAgent(_ id: AgentID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status == .paused else {
            throw .conflict(reason: "not_paused", message: "Agent \(id) is \(agent.status.name), not paused")
        }
        state.agents[id]?.record.state.status = agent.state.currentTasks.isEmpty ? .idle : .busy
        touch(id)
        emitAgent(.resumed, id)
        offerSlots(of: id)
        return try reply(with: id)
    }

    mutating func terminateAgent(
        _ id: AgentID, graceful: Bool, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.agentsTerminate)
        _ = try liveAgent(id)
        stopAgent(id, graceful: graceful)
        return try reply(with: id)
    }

    private func reply(with id: AgentID) throws(Rejection) -> Reply { .agent(try liveAgent(id)) }

    private func liveAgent(_ id: AgentID) throws(Rejection) -> AgentRecord {
        guard let agent: AgentRecord = state.agents[id]?.record else {
            throw .notFound(.agent, id: id.rawValue)
        }
        return agent
    }

    // MARK: Making and ending

    private mutating func createAgent(
        _ specification: AgentSpecification, id wanted: AgentID?, origin: AgentRecord.Origin, owner: String
    ) -> AgentID {
        let id: AgentID = wanted ?? AgentID(unchecked: IdentifierMaker.make(at: state.now, random: &random))
        state.lastAgentNumber += 1
        let record = AgentRecord(
            id: id, number: state.lastAgentNumber, origin: origin, owner: owner, createdAt: state.now,
            specification: specification, state: AgentState(status: .initializing, at: state.now))
        state.agents[id] = EngineState.LiveAgent(record: record)
        if origin == .onDemand {
            state.onDemandAgents += 1
            state.startingAgents[specification.type, default: 0] += 1
        }
        noteChange(of: id)
        emitAgent(.spawned, record)
        state.ready.join(id, profile: profile(of: specification))
        batch.effects.append(.startAgent(record))
        return id
    }

    func profile(of specification: AgentSpecification) -> ReadyQueue.ProfileKey {
        ReadyQueue.ProfileKey(
            type: specification.type, capabilities: specification.capabilities.sorted { $0.name < $1.name })
    }

    /// Makes agents for a lane whose tasks would otherwise wait: as many as wait, up to the pool's maximum.
    mutating func startAgentsOnDemand(forLane index: Int) {
        guard let backlog: ReadyQueue.Backlog = state.ready.backlog(of: index), backlog.key.capabilities.isEmpty else {
            return
        }
        let pool: EngineConfiguration.OnDemandPool = configuration.onDemand
        let type: AgentType = backlog.key.type ?? pool.fallbackType
        while state.startingAgents[type, default: 0] < backlog.waiting {
            if state.onDemandAgents >= pool.maximum {
                guard retireIdleAgent(otherThan: backlog.key.type) else { return }
                continue
            }
            guard state.agents.count < configuration.limits.agents else { return }
            _ = createAgent(
                AgentSpecification(type: type), id: nil, origin: .onDemand, owner: Principal.system.subject)
        }
    }

    /// Makes room in a full pool: the longest idle on-demand agent of another type goes.
    private mutating func retireIdleAgent(otherThan type: AgentType?) -> Bool {
        guard let type, configuration.onDemand.maximum > 0 else { return false }
        var oldest: (id: AgentID, since: Instant, number: UInt64)?
        for (id, agent) in state.agents {
            guard agent.record.origin == .onDemand, agent.record.specification.type != type,
                agent.termination == nil, let since: Instant = agent.idleSince
            else { continue }
            if let current = oldest, (current.since, current.number) <= (since, agent.record.number) { continue }
            oldest = (id, since, agent.record.number)
        }
        guard let oldest else { return false }
        stopAgent(oldest.id, graceful: true)
        return true
    }

    private mutating func stopAgent(_ id: AgentID, graceful: Bool) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        let isFirst: Bool = agent.termination == nil
        guard isFirst || (agent.termination == .graceful && !graceful) else { return }
        state.agents[id]?.termination = graceful ? .graceful : .forced
        state.agents[id]?.record.state.status = .stopping
        state.agents[id]?.idleSince = nil
        state.ready.withdrawSeat(of: id)
        if isFirst {
            leaveOnDemandPool(agent.record)
            touch(id)
            emitAgent(.stopping, id)
        }
        if !graceful {
            for task: TaskID in agent.record.state.currentTasks {
                guard let attempt: Int = state.tasks[task]?.record.state.attempt else { continue }
                batch.effects.append(.stopAttempt(AttemptID(task: task, number: attempt), .agentTerminated))
            }
        }
        if agent.record.state.currentTasks.isEmpty {
            batch.effects.append(.stopAgent(id, graceful: graceful))
        }
    }

    private mutating func leaveOnDemandPool(_ agent: AgentRecord) {
        guard agent.origin == .onDemand else { return }
        state.onDemandAgents -= 1
        if agent.status == .initializing { state.startingAgents[agent.specification.type, default: 0] -= 1 }
    }

    private mutating func removeAgent(_ id: AgentID) {
        guard var record: AgentRecord = state.agents.removeValue(forKey: id)?.record else { return }
        state.ready.leave(id)
        record.state.status = .terminated
        record.state.terminatedAt = state.now
        record.state.updatedAt = state.now
        record.state.process = nil
        record.state.currentTasks = []
        batch.agents.append(record)
        emitAgent(.terminated, record)
    }

    // MARK: Reports

    mutating func agentStarted(_ id: AgentID, process: ProcessIdentity?) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status == .initializing else { return }
        if agent.origin == .onDemand { state.startingAgents[agent.specification.type, default: 0] -= 1 }
        state.agents[id]?.record.state.process = process
        state.agents[id]?.record.state.error = nil
        state.agents[id]?.record.state.lastHeartbeat = state.now
        state.agents[id]?.record.state.status = agent.state.currentTasks.isEmpty ? .ready : .busy
        state.agents[id]?.runningSince = state.now
        touch(id)
        emitAgent(.ready, id)
        setHeartbeatTimer(id)
        if agent.state.currentTasks.isEmpty { becomeIdle(id) }
        offerSlots(of: id)
    }

    mutating func agentCrashed(_ id: AgentID, reason: String) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard state.agents[id]?.termination == nil else { return }
        if agent.origin == .onDemand, agent.status == .initializing {
            state.startingAgents[agent.specification.type, default: 0] -= 1
        }
        if let since: Instant = state.agents[id]?.runningSince, state.now - since >= .seconds(60) {
            state.agents[id]?.record.state.restarts = 0
        }
        state.agents[id]?.record.state.restarts += 1
        state.agents[id]?.record.state.status = .error
        state.agents[id]?.record.state.error = reason
        state.agents[id]?.record.state.process = nil
        state.agents[id]?.runningSince = nil
        state.agents[id]?.idleSince = nil
        state.ready.withdrawSeat(of: id)
        touch(id)
        emitAgent(.crashed, id)
        let restarts: Int = state.agents[id]?.record.state.restarts ?? 1
        let delay: Milliseconds = backoff(after: restarts, first: .seconds(1), factor: 2)
        state.timers.set(.agentRestart(id), at: state.now + delay)
    }

    mutating func agentStopped(_ id: AgentID) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard state.agents[id]?.termination != nil, agent.state.currentTasks.isEmpty else { return }
        removeAgent(id)
        reconsiderDemand()
    }

    mutating func agentsAlive(_ ids: [AgentID]) {
        for id: AgentID in ids { state.agents[id]?.record.state.lastHeartbeat = state.now }
    }

    // MARK: Shared

    mutating func touch(_ id: AgentID) {
        state.agents[id]?.record.state.updatedAt = state.now
        noteChange(of: id)
    }

    /// Notes that an agent's tasks changed; the command's end makes one event of it.
    mutating func workChanged(_ id: AgentID) {
        touch(id)
        agentsWithNewWork.append(id)
    }

    mutating func agentBecameLessBusy(_ id: AgentID) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        if agent.record.state.currentTasks.isEmpty {
            if agent.termination != nil {
                batch.effects.append(.stopAgent(id, graceful: agent.termination == .graceful))
            } else if agent.record.status == .busy {
                state.agents[id]?.record.state.status = .idle
                becomeIdle(id)
            }
        }
        workChanged(id)
    }

    private mutating func becomeIdle(_ id: AgentID) {
        state.agents[id]?.idleSince = state.now
        guard state.agents[id]?.record.origin == .onDemand else { return }
        state.timers.set(.agentIdle(id), at: state.now + configuration.onDemand.idleTime)
    }

    private mutating func setHeartbeatTimer(_ id: AgentID) {
        guard let agent: AgentRecord = state.agents[id]?.record else { return }
        let silence = Milliseconds(agent.specification.heartbeatInterval.count * Int64(configuration.missedHeartbeats))
        state.timers.set(.agentHeartbeat(id), at: agent.state.lastHeartbeat + silence)
    }

    /// Looks whether tasks wait for agents that could be made now.
    mutating func reconsiderDemand() {
        guard !state.isDraining else { return }
        for lane: Int in state.ready.busyLanes { startAgentsOnDemand(forLane: lane) }
    }

    // MARK: Timers

    mutating func heartbeatDue(_ id: AgentID) {
        guard let agent: AgentRecord = state.agents[id]?.record, agent.status != .error, agent.status != .initializing
        else { return }
        let silence = Milliseconds(agent.specification.heartbeatInterval.count * Int64(configuration.missedHeartbeats))
        guard agent.state.lastHeartbeat + silence <= state.now else {
            setHeartbeatTimer(id)
            return
        }
        let failure = TaskFailure(.agentLost, "Agent \(id) has not been heard of for \(silence.count / 1_000) s")
        for task: TaskID in agent.state.currentTasks {
            guard let attempt: Int = state.tasks[task]?.record.state.attempt else { continue }
            state.tasks[task]?.pendingFailure = failure
            batch.effects.append(.stopAttempt(AttemptID(task: task, number: attempt), .agentTerminated))
        }
        do throws(Rejection) {
            try agentCrashed(id, reason: "no heartbeat for \(silence.count / 1_000) s")
        } catch {
            preconditionFailure("the agent has just been found")
        }
    }

    mutating func restartDue(_ id: AgentID) {
        guard let agent: AgentRecord = state.agents[id]?.record, agent.status == .error,
            state.agents[id]?.termination == nil
        else { return }
        state.agents[id]?.record.state.status = .initializing
        if agent.origin == .onDemand { state.startingAgents[agent.specification.type, default: 0] += 1 }
        touch(id)
        workChanged(id)
        if let record: AgentRecord = state.agents[id]?.record { batch.effects.append(.startAgent(record)) }
    }

    mutating func idleDue(_ id: AgentID) {
        guard let agent: EngineState.LiveAgent = state.agents[id], agent.record.origin == .onDemand,
            agent.termination == nil, let since: Instant = agent.idleSince,
            since + configuration.onDemand.idleTime <= state.now
        else { return }
        stopAgent(id, graceful: true)
    }

    // MARK: Recovery

    /// Makes the agents of an earlier run ready again; those that were made on demand are over.
    mutating func recoverAgents() {
        let agents: [AgentRecord] = state.agents.values.map(\.record).sorted { $0.number < $1.number }
        for agent: AgentRecord in agents {
            if agent.origin == .onDemand || agent.status == .stopping {
                leaveOnDemandPool(agent)
                removeAgent(agent.id)
                continue
            }
            state.ready.withdrawSeat(of: agent.id)
            state.agents[agent.id]?.record.state.process = nil
            state.agents[agent.id]?.record.state.lastHeartbeat = state.now
            // A paused agent needs no start: its seat is offered when it is resumed.
            guard agent.status != .paused else { continue }
            state.agents[agent.id]?.record.state.status = .initializing
            touch(agent.id)
            if let record: AgentRecord = state.agents[agent.id]?.record { batch.effects.append(.startAgent(record)) }
        }
    }
}
