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
        try requireWholeReach(principal, for: .agentsCreate)
        try validate(specification)
        if let wanted, state.agents[wanted] != nil || batch.agents.contains(where: { $0.id == wanted }) {
            throw .conflict(reason: "duplicate_id", message: "An agent with the id \(wanted) exists already")
        }
        guard state.agents.count < configuration.limits.agents else {
            throw .limitReached("agents", limit: configuration.limits.agents)
        }
        guard !state.isDraining else { throw .unavailable("The server is about to stop") }
        let holder = AgentHolder(principal)
        try requireQuota(
            holder.quotaKeys, adding: specification.resources.map { ResourceAmounts($0) } ?? .zero, agents: 1)
        let id: AgentID = createAgent(specification, id: wanted, origin: .spawned, holder: holder)
        return try reply(with: id)
    }

    mutating func configureAgent(
        _ id: AgentID, _ change: AgentChange, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        try requireWholeReach(principal, for: .agentsUpdate)
        let agent: AgentRecord = try liveAgent(id)
        var specification: AgentSpecification = agent.specification
        if let resources = change.resources { specification.resources = resources }
        if let capabilities = change.capabilities {
            specification.capabilities = capabilities.map { (wanted: Capability) in
                guard change.keptCapabilities.contains(wanted.name) else { return wanted }
                return agent.specification.capabilities.first { $0.name == wanted.name } ?? wanted
            }
        }
        if let model = change.model { specification.model = model }
        if let workspace = change.workspace { specification.workspace = workspace }
        if let environment = change.environment { specification.environment.merge(environment) { $1 } }
        if let maximum = change.maximumConcurrentTasks { specification.maximumConcurrentTasks = maximum }
        if let timeout = change.commandTimeout { specification.commandTimeout = timeout }
        if let interval = change.heartbeatInterval { specification.heartbeatInterval = interval }
        if let settings = change.settings { specification.settings = settings }
        try validate(specification)
        var configured: AgentRecord = agent
        configured.configure(specification)
        let more: ResourceAmounts = ResourceIndex.amounts(of: configured) - ResourceIndex.amounts(of: agent)
        try requireQuota(state.resources.keys(of: agent), adding: more, agents: 0)
        state.resources.remove(agent)
        state.resources.add(configured)
        state.agents[id]?.record.configure(specification)
        if change.capabilities != nil {
            // What was learned from another start is worth nothing.
            state.agents[id]?.record.learning.keep { (name: String) in
                let before: Capability? = agent.specification.capabilities.first { $0.name == name }
                return before != nil && before == specification.capabilities.first { $0.name == name }
            }
        }
        touch(id)
        emitAgent(.configured, id)
        if change.heartbeatInterval != nil, state.agents[id]?.heartbeatDue != nil { watchHeartbeat(of: id) }
        if agent.status != .paused, agent.status != .stopping, state.agents[id]?.staysPaused == false {
            state.ready.join(id, profile: profile(of: configured))
            offerSlots(of: id)
        }
        return try reply(with: id)
    }

    mutating func pauseAgent(_ id: AgentID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        try requireWholeReach(principal, for: .agentsUpdate)
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status != .paused else { return .agent(agent) }
        guard agent.status.takesTasks else {
            throw .conflict(reason: agent.status.name, message: "Agent \(id) is \(agent.status.name)")
        }
        state.agents[id]?.record.state.status = .paused
        setIdleSince(nil, of: id)
        state.ready.leave(id)
        touch(id)
        emitAgent(.paused, id)
        suspendResident(of: agent)
        return try reply(with: id)
    }

    mutating func resumeAgent(_ id: AgentID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.agentsUpdate)
        try requireWholeReach(principal, for: .agentsUpdate)
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status == .paused else {
            throw .conflict(reason: "not_paused", message: "Agent \(id) is \(agent.status.name), not paused")
        }
        // One that was paused in an earlier run of the server has not been started in this one.
        let hasStarted: Bool = state.agents[id]?.runningSince != nil
        guard hasStarted || !state.isDraining else { throw .unavailable("The server is about to stop") }
        state.ready.join(id, profile: profile(of: agent))
        if !hasStarted {
            startAgent(id)
            emitAgent(.resumed, id)
            continueResident(of: agent)
        } else {
            state.agents[id]?.record.state.status = agent.state.currentTasks.isEmpty ? .idle : .busy
            touch(id)
            emitAgent(.resumed, id)
            continueResident(of: agent)
            if agent.state.currentTasks.isEmpty { becomeIdle(id) }
            join(id)
        }
        return try reply(with: id)
    }

    mutating func terminateAgent(
        _ id: AgentID, graceful: Bool, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.agentsTerminate)
        try requireWholeReach(principal, for: .agentsTerminate)
        _ = try liveAgent(id)
        stopAgent(id, graceful: graceful, because: .requested)
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

    mutating func createAgent(
        _ specification: AgentSpecification, id wanted: AgentID?, origin: AgentRecord.Origin, holder: AgentHolder
    ) -> AgentID {
        let id: AgentID = wanted ?? AgentID(IdentifierMaker.make(at: state.now, random: &random))
        state.lastAgentNumber += 1
        let record = AgentRecord(
            id: id, number: state.lastAgentNumber, origin: origin, holder: holder, createdAt: state.now,
            specification: specification, state: AgentState(status: .initializing, at: state.now))
        state.agents[id] = EngineState.LiveAgent(record: record)
        state.resources.add(record)
        joinPool(record)
        if origin == .onDemand {
            state.onDemandAgents += 1
            state.startingAgents[specification.type, default: 0] += 1
        }
        noteChange(of: id)
        emitAgent(.spawned, id)
        state.ready.join(id, profile: profile(of: record))
        batch.effects.append(.startAgent(record))
        return id
    }

    func profile(of agent: AgentRecord) -> ReadyQueue.ProfileKey {
        let specification: AgentSpecification = agent.specification
        let capabilities: [Capability] = specification.capabilities.map {
            Capability(name: $0.name, proficiency: $0.proficiency)
        }
        return ReadyQueue.ProfileKey(
            type: specification.type, capabilities: capabilities.sorted { $0.name < $1.name },
            agent: specification.resident == .none ? nil : agent.id,
            takesOnlyOwnTasks: specification.resident.takesOnlyOwnTasks)
    }

    // MARK: On demand

    /// Makes agents for tasks that would otherwise wait, up to the pool's maximum.
    ///
    /// Comes at the end of a command, when the agents that it freed have had their pick.
    mutating func serveDemand() {
        guard hasNewDemand else { return }
        hasNewDemand = false
        let maximum: Int = onDemandMaximum
        guard !state.isDraining, state.ready.waitingCount > 0, maximum > 0 else { return }
        guard state.onDemandAgents < maximum || state.idleOnDemandAgents > 0 else { return }
        let demands: [ReadyQueue.Demand] = state.ready.demands(at: state.now)
        for demand: ReadyQueue.Demand in demands where !demand.hasAgents { startAgents(atMost: 1, for: demand) }
        for demand: ReadyQueue.Demand in demands { startAgents(atMost: demand.waiting, for: demand) }
        hasNewDemand = false
    }

    /// Makes agents for a lane until as many are starting as tasks wait, or as are allowed.
    private mutating func startAgents(atMost limit: Int, for demand: ReadyQueue.Demand) {
        let pool: EngineConfiguration.OnDemandPool = configuration.onDemand
        let type: AgentType = demand.type ?? pool.fallbackType
        while state.startingAgents[type, default: 0] < limit {
            guard state.agents.count < configuration.limits.agents else { return }
            if state.onDemandAgents >= onDemandMaximum {
                guard retireIdleAgent(otherThan: demand.type) else { return }
            }
            _ = createAgent(
                AgentSpecification(type: type), id: nil, origin: .onDemand, holder: AgentHolder(.system))
        }
    }

    /// Makes room in a full pool: the longest idle on-demand agent of another type goes.
    private mutating func retireIdleAgent(otherThan type: AgentType?) -> Bool {
        guard let type, state.idleOnDemandAgents > 0 else { return false }
        var oldest: (id: AgentID, since: Instant, number: UInt64)?
        for (id, agent) in state.agents {
            guard agent.record.origin == .onDemand, agent.record.specification.type != type,
                let since: Instant = agent.idleSince
            else { continue }
            if let current = oldest, (current.since, current.number) <= (since, agent.record.number) { continue }
            oldest = (id, since, agent.record.number)
        }
        guard let oldest else { return false }
        stopAgent(oldest.id, graceful: true)
        return true
    }

    // MARK: Starting and ending

    /// Starts a known agent again.
    private mutating func startAgent(_ id: AgentID) {
        guard let agent: AgentRecord = state.agents[id]?.record else { return }
        state.agents[id]?.record.state.status = .initializing
        if agent.origin == .onDemand { state.startingAgents[agent.specification.type, default: 0] += 1 }
        touch(id)
        if let record: AgentRecord = state.agents[id]?.record { batch.effects.append(.startAgent(record)) }
    }

    mutating func stopAgent(_ id: AgentID, graceful: Bool, because ending: AgentEvent.Ending = .idle) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        let isFirst: Bool = agent.termination == nil
        guard isFirst || (agent.termination == .graceful && !graceful) else { return }
        setIdleSince(nil, of: id)
        state.agents[id]?.termination = graceful ? .graceful : .forced
        state.agents[id]?.record.state.status = .stopping
        if isFirst { state.agents[id]?.ending = ending }
        state.ready.leave(id)
        if isFirst {
            leaveOnDemandPool(agent.record)
            leavePool(agent.record)
            hasNewDemand = true
            touch(id)
            emitAgent(.stopping, id)
            cancelAddressed(to: id)
        }
        if !graceful {
            for task: TaskID in agent.record.state.currentTasks {
                guard let attempt: Int = state.tasks[task]?.record.state.attempt,
                    state.tasks[task]?.record.state.cancellation == nil
                else { continue }
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

    /// Notes that an agent is in a pool, if it is.
    mutating func joinPool(_ agent: AgentRecord) {
        guard let pool: String = agent.pool else { return }
        state.poolMembers[PoolID(unchecked: pool), default: []].insert(agent.id)
    }

    /// Notes that an agent is in its pool no more, which may want another.
    private mutating func leavePool(_ agent: AgentRecord) {
        guard let pool: String = agent.pool else { return }
        let id = PoolID(unchecked: pool)
        state.poolMembers[id]?.remove(agent.id)
        if state.poolMembers[id]?.isEmpty == true { state.poolMembers[id] = nil }
        poolsToServe.append(id)
    }

    private mutating func removeAgent(_ id: AgentID) {
        guard var agent: EngineState.LiveAgent = state.agents.removeValue(forKey: id) else { return }
        state.ready.leave(id)
        state.resources.remove(agent.record)
        agent.record.state.status = .terminated
        agent.record.state.terminatedAt = state.now
        agent.record.state.updatedAt = state.now
        agent.record.state.process = nil
        agent.record.state.currentTasks = []
        batch.agents.append(agent.record)
        emitAgent(.terminated, agent)
    }

    // MARK: Reports

    mutating func agentStarted(_ id: AgentID, process: ProcessIdentity?) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard agent.status == .initializing else { return }
        if agent.origin == .onDemand { state.startingAgents[agent.specification.type, default: 0] -= 1 }
        let isPaused: Bool = state.agents[id]?.staysPaused == true
        state.agents[id]?.staysPaused = false
        state.agents[id]?.record.state.process = process
        state.agents[id]?.record.state.error = nil
        state.agents[id]?.record.state.lastHeartbeat = state.now
        state.agents[id]?.record.state.status =
            isPaused ? .paused : agent.state.currentTasks.isEmpty ? .ready : .busy
        state.agents[id]?.runningSince = state.now
        touch(id)
        emitAgent(.ready, id)
        watchHeartbeat(of: id)
        guard !isPaused else { return suspendResident(of: agent) }
        if agent.state.currentTasks.isEmpty { becomeIdle(id) }
        join(id)
    }

    mutating func agentCrashed(_ id: AgentID, reason: String) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard state.agents[id]?.termination == nil, agent.status != .error else { return }
        if agent.origin == .onDemand, agent.status == .initializing {
            state.startingAgents[agent.specification.type, default: 0] -= 1
        }
        if let since: Instant = state.agents[id]?.runningSince, state.now - since >= .seconds(60) {
            state.agents[id]?.record.state.restarts = 0
        }
        state.agents[id]?.record.state.restarts += 1
        if agent.status == .paused { state.agents[id]?.staysPaused = true }
        setIdleSince(nil, of: id)
        state.agents[id]?.record.state.status = .error
        state.agents[id]?.record.state.error = reason
        state.agents[id]?.record.state.process = nil
        state.agents[id]?.runningSince = nil
        state.ready.withdrawSeat(of: id)
        touch(id)
        emitAgent(.crashed, id)
        setRestartTimer(id)
    }

    /// Has a crashed agent started again after a wait that grows with each crash.
    mutating func setRestartTimer(_ id: AgentID) {
        let restarts: Int = state.agents[id]?.record.state.restarts ?? 1
        let delay: Milliseconds = backoff(after: restarts, first: .seconds(1), factor: 2)
        state.timers.set(.agentRestart(id), at: state.now + delay)
    }

    mutating func agentStopped(_ id: AgentID) throws(Rejection) {
        let agent: AgentRecord = try liveAgent(id)
        guard state.agents[id]?.termination != nil, agent.state.currentTasks.isEmpty else { return }
        removeAgent(id)
        hasNewDemand = true
    }

    mutating func agentsAlive(_ ids: [AgentID]) {
        #if EngineFaults
        if EngineFault.ignoredHeartbeat.isOn { return }
        #endif
        for id: AgentID in ids { state.agents[id]?.record.state.lastHeartbeat = state.now }
    }

    // MARK: Shared

    mutating func touch(_ id: AgentID) {
        if state.agents[id]?.touch(at: state.now, in: batchNumber) == true { changedAgents.append(id) }
    }

    /// Notes that an agent's tasks changed; the command's end makes one event of it.
    mutating func workChanged(_ id: AgentID) {
        touch(id)
        agentsWithNewWork.append(id)
    }

    /// Notes that an agent has nothing to do from now on.
    mutating func becomeIdle(_ id: AgentID) {
        guard let rest = state.agents[id]?.rest(at: state.now) else { return }
        state.idleOnDemandAgents += rest.idleChange
        guard rest.isOnDemand else { return }
        hasNewDemand = true
        if rest.needsTimer { state.timers.set(.agentIdle(id), at: state.now + configuration.onDemand.idleTime) }
    }

    /// Keeps count of the agents that could make room.
    mutating func setIdleSince(_ since: Instant?, of id: AgentID) {
        let change: Int = state.agents[id]?.setIdleSince(since) ?? 0
        state.idleOnDemandAgents += change
    }

    /// How long an agent may be silent.
    private func patience(with agent: AgentRecord) -> Milliseconds {
        Milliseconds(agent.specification.heartbeatInterval.count * Int64(max(1, configuration.missedHeartbeats)))
    }

    /// Sees to it that a timer waits for the agent's silence; an earlier one that comes in time is left to do so.
    mutating func watchHeartbeat(of id: AgentID) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        let due: Instant = agent.record.state.lastHeartbeat + patience(with: agent.record)
        if let earlier: Instant = agent.heartbeatDue, earlier <= due { return }
        state.agents[id]?.heartbeatDue = due
        state.timers.set(.agentHeartbeat(id), at: due)
    }

    // MARK: Timers

    mutating func heartbeatDue(_ id: AgentID) {
        guard let due: Instant = state.agents[id]?.heartbeatDue, due <= state.now else { return }
        #if EngineFaults
        if EngineFault.endlessPatience.isOn { return }
        #endif
        state.agents[id]?.heartbeatDue = nil
        guard let agent: AgentRecord = state.agents[id]?.record, agent.status != .error, agent.status != .initializing
        else { return }
        let silence: Milliseconds = patience(with: agent)
        guard agent.state.lastHeartbeat + silence <= state.now else {
            watchHeartbeat(of: id)
            return
        }
        let failure = TaskFailure(.agentLost, "Agent \(id) has not been heard of for \(silence.count / 1_000) s")
        for task: TaskID in agent.state.currentTasks {
            guard let attempt: Int = state.tasks[task]?.record.state.attempt else { continue }
            // An attempt that is being stopped for its limit or its deadline fails for that.
            if state.tasks[task]?.pendingFailure == nil { state.tasks[task]?.pendingFailure = failure }
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
            state.agents[id]?.termination == nil, !state.isDraining
        else { return }
        startAgent(id)
        workChanged(id)
    }

    mutating func idleDue(_ id: AgentID) {
        state.agents[id]?.hasIdleTimer = false
        guard let agent: EngineState.LiveAgent = state.agents[id], agent.record.origin == .onDemand,
            let since: Instant = agent.idleSince
        else { return }
        let due: Instant = since + configuration.onDemand.idleTime
        guard due > state.now else { return stopAgent(id, graceful: true) }
        state.agents[id]?.hasIdleTimer = true
        state.timers.set(.agentIdle(id), at: due)
    }

    // MARK: Recovery

    /// Makes the agents of an earlier run ready again; those that were made on demand are over.
    mutating func recoverAgents() {
        let agents: [AgentRecord] = state.agents.values.map(\.record).sorted { $0.number < $1.number }
        for agent: AgentRecord in agents {
            setIdleSince(nil, of: agent.id)
            if agent.origin == .onDemand || agent.status == .stopping {
                if agent.status != .stopping { leaveOnDemandPool(agent) }
                state.agents[agent.id]?.ending = .restarted
                removeAgent(agent.id)
                continue
            }
            state.ready.withdrawSeat(of: agent.id)
            state.agents[agent.id]?.record.state.process = nil
            state.agents[agent.id]?.record.state.lastHeartbeat = state.now
            state.agents[agent.id]?.runningSince = nil
            state.agents[agent.id]?.heartbeatDue = nil
            touch(agent.id)
            // A paused agent is started when it is resumed.
            if agent.status != .paused { startAgent(agent.id) }
        }
    }
}
