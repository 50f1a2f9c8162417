/// Pools: agents alike, as many as a client says or their work asks for.
extension Engine {
    mutating func apply(_ command: PoolCommand, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.poolsScale)
        try requireWholeReach(principal, for: .poolsScale)
        switch command {
        case .create(let specification):
            return try createPool(specification, by: principal)
        case .scale(let id, let size, let graceful, let reason):
            return try scalePool(id, to: size, graceful: graceful, reason: reason, by: principal)
        case .autoscale(let id, let change):
            return try autoscalePool(id, change, by: principal)
        case .delete(let id):
            return try deletePool(id, by: principal)
        case .configure(let wanted):
            return try configurePools(wanted, by: principal)
        }
    }

    private mutating func createPool(
        _ wanted: PoolSpecification, by principal: Principal
    ) throws(Rejection) -> Reply {
        try validate(wanted)
        let target: Int = wanted.target ?? wanted.minimum
        let limit: Int = configuration.limits.pools
        guard state.clientPools < limit else { throw .limitReached("pools", limit: limit) }
        guard !state.isDraining else { throw .unavailable("The server is about to stop") }
        let id = PoolID(unchecked: IdentifierMaker.make(at: state.now, random: &random).text)
        var holder = AgentHolder(principal)
        holder.pool = id.rawValue
        try requireRoom(for: target, of: wanted.template, holder)
        var template: AgentSpecification = wanted.template
        template.name = nil
        state.pools.insert(
            PoolRecord(
                id: id, number: state.pools.makeNumber(), name: wanted.name, template: template, holder: holder,
                createdAt: state.now, mode: wanted.autoscaling == nil ? .fixed : .autoscaling,
                minimum: wanted.minimum, maximum: wanted.maximum, target: target,
                autoscaling: wanted.autoscaling ?? Autoscaling()))
        emitPool("pool_created", id)
        reconcile(id, graceful: true)
        return try reply(with: id)
    }

    private mutating func scalePool(
        _ id: PoolID, to size: Int, graceful: Bool, reason: String?, by principal: Principal
    ) throws(Rejection) -> Reply {
        let pool: PoolRecord = try livePool(id, by: principal)
        try check("targetSize", size, in: pool.minimum...pool.maximum)
        try requireRoom(for: size - members(of: id).count, of: pool.template, pool.holder)
        if id == .onDemand { insertOnDemandPool(pool) }
        state.pools.update(id) { $0.mode = .fixed }
        retarget(id, to: size, reason: reason)
        reconcile(id, graceful: graceful)
        return try reply(with: id)
    }

    private mutating func autoscalePool(
        _ id: PoolID, _ change: AutoscalingChange, by principal: Principal
    ) throws(Rejection) -> Reply {
        let pool: PoolRecord = try livePool(id, by: principal)
        try validate(minimum: change.minimum, maximum: change.maximum)
        try validate(change.settings, prefix: "")
        if id == .onDemand { insertOnDemandPool(pool) }
        let now: Instant = state.now
        state.pools.update(id) { (pool: inout PoolRecord) in
            pool.minimum = change.minimum
            pool.maximum = change.maximum
            pool.autoscaling = change.settings
            pool.mode = change.isEnabled ? .autoscaling : id == .onDemand ? .onDemand : .fixed
            pool.updatedAt = now
        }
        let isOnDemand: Bool = state.pools[id]?.mode == .onDemand
        let target: Int = isOnDemand ? change.minimum : min(max(pool.target, change.minimum), change.maximum)
        retarget(id, to: target, reason: "its bounds were changed")
        emitPool("pool_configured", id)
        reconcile(id, graceful: true)
        hasNewDemand = true
        return try reply(with: id)
    }

    private mutating func deletePool(_ id: PoolID, by principal: Principal) throws(Rejection) -> Reply {
        let pool: PoolRecord = try livePool(id, by: principal)
        guard id != .onDemand else {
            throw .conflict(reason: "default_pool", message: "The pool \(id) is always there")
        }
        guard pool.configured == nil else {
            throw .conflict(
                reason: "configured_pool",
                message:
                    "The pool \(id) is in the server's configuration; take it out there, and start the server again")
        }
        retarget(id, to: 0, reason: "the pool was deleted")
        let now: Instant = state.now
        state.pools.update(id) { $0.endedAt = now }
        state.poolTimers[id] = nil
        stopMembers(of: id, downTo: 0, graceful: true)
        emitPool("pool_deleted", id)
        return try reply(with: id)
    }

    // MARK: Size

    mutating func retarget(_ id: PoolID, to target: Int, reason: String?) {
        guard let pool: PoolRecord = state.pools[id], pool.target != target else { return }
        let now: Instant = state.now
        state.pools.update(id) { (pool: inout PoolRecord) in
            pool.target = target
            pool.lastScaledAt = now
            pool.updatedAt = now
        }
        emitPool("pool_scaled", id, from: pool.target, reason: reason)
    }

    /// Starts or ends agents until the pool has as many as it is to have.
    mutating func reconcile(_ id: PoolID, graceful: Bool) {
        guard let pool: PoolRecord = state.pools[id], pool.endedAt == nil else { return }
        if id == .onDemand { retireOnDemandAgents(beyond: onDemandMaximum) }
        stopMembers(of: id, downTo: pool.target, graceful: graceful)
        while !state.isDraining, members(of: id).count < pool.target {
            do throws(Rejection) {
                try requireRoom(for: 1, of: pool.template, pool.holder)
            } catch {
                note(error.summary, on: id)
                break
            }
            _ = createAgent(pool.template, id: nil, origin: .spawned, holder: pool.holder)
        }
        if members(of: id).count >= pool.target { note(nil, on: id) }
        setPoolTimer(of: id)
    }

    private mutating func note(_ error: String?, on id: PoolID) {
        guard state.pools[id]?.error != error else { return }
        state.pools.update(id) { $0.error = error }
    }

    /// Ends agents of a pool: those that are idle first, then the newest.
    mutating func stopMembers(of id: PoolID, downTo size: Int, graceful: Bool) {
        let surplus: Int = members(of: id).count - size
        guard surplus > 0 else { return }
        let known: [EngineState.LiveAgent] = members(of: id).compactMap { state.agents[$0] }
        let order: [EngineState.LiveAgent] = known.sorted { (left, right) in
            let (leftTasks, rightTasks) = (left.record.state.currentTasks.count, right.record.state.currentTasks.count)
            return leftTasks != rightTasks ? leftTasks < rightTasks : left.record.number > right.record.number
        }
        for agent: EngineState.LiveAgent in order.prefix(surplus) {
            stopAgent(agent.record.id, graceful: graceful, because: .scaled)
        }
    }

    private func members(of id: PoolID) -> Set<AgentID> { state.poolMembers[id] ?? [] }

    /// Refuses when so many more agents are too many, or over a quota.
    private func requireRoom(
        for count: Int, of template: AgentSpecification, _ holder: AgentHolder
    ) throws(Rejection) {
        guard count > 0 else { return }
        let limit: Int = configuration.limits.agents
        guard state.agents.count + count <= limit else { throw .limitReached("agents", limit: limit) }
        let each: ResourceAmounts = template.resources.map { ResourceAmounts($0) } ?? .zero
        var amounts = ResourceAmounts.zero
        for kind: ResourceKind in ResourceKind.allCases { amounts[kind] = each[kind] &* Int64(count) }
        try requireQuota(holder.quotaKeys, adding: amounts, agents: count)
    }

    // MARK: On demand

    /// Agents that may be made because tasks wait for them.
    var onDemandMaximum: Int {
        #if EngineFaults
        if EngineFault.outgrownPool.isOn { return configuration.onDemand.maximum + 1 }
        #endif
        guard let pool: PoolRecord = state.pools[.onDemand] else { return configuration.onDemand.maximum }
        guard pool.mode == .onDemand else { return 0 }
        return max(0, pool.maximum - members(of: .onDemand).count)
    }

    /// The pool on demand gets a record when it is changed for the first time.
    private mutating func insertOnDemandPool(_ pool: PoolRecord) {
        guard state.pools[.onDemand] == nil else { return }
        let number: UInt64 = state.pools.makeNumber()
        state.pools.insert(
            PoolRecord(
                id: pool.id, number: number, name: pool.name, template: pool.template, holder: pool.holder,
                createdAt: state.now, mode: pool.mode, minimum: pool.minimum, maximum: pool.maximum,
                target: pool.target))
    }

    private mutating func retireOnDemandAgents(beyond count: Int) {
        guard state.onDemandAgents > count else { return }
        let agents: [AgentRecord] = state.agents.values.map(\.record).filter {
            $0.origin == .onDemand && $0.status != .stopping
        }
        let order: [AgentRecord] = agents.sorted { (left, right) in
            let (leftTasks, rightTasks) = (left.state.currentTasks.count, right.state.currentTasks.count)
            return leftTasks != rightTasks ? leftTasks < rightTasks : left.number > right.number
        }
        for agent: AgentRecord in order.prefix(state.onDemandAgents - count) {
            stopAgent(agent.id, graceful: true, because: .scaled)
        }
    }

    // MARK: Autoscaling

    /// Sees to pools that lost agents in this command; comes at its end.
    mutating func servePools() {
        while let id: PoolID = poolsToServe.popLast() { reconcile(id, graceful: true) }
    }

    /// A pool that changes by itself, or has fewer agents than it is to have, is looked at again and again.
    private mutating func setPoolTimer(of id: PoolID) {
        guard let pool: PoolRecord = state.pools[id], pool.endedAt == nil, !state.isDraining,
            pool.mode == .autoscaling || members(of: id).count < pool.target
        else { return state.poolTimers[id] = nil }
        guard state.poolTimers[id] == nil else { return }
        state.lastPoolTimer += 1
        state.poolTimers[id] = state.lastPoolTimer
        state.timers.set(.poolCheck(id, state.lastPoolTimer), at: state.now + configuration.autoscalingInterval)
    }

    /// Looks whether a pool is to grow or to shrink.
    mutating func poolCheckDue(_ id: PoolID, _ timer: UInt64) {
        guard state.poolTimers[id] == timer else { return }
        state.poolTimers[id] = nil
        guard let pool: PoolRecord = state.pools[id], pool.endedAt == nil, !state.isDraining else { return }
        if pool.mode == .autoscaling, let wanted = wantedSize(of: pool) {
            retarget(id, to: wanted.size, reason: wanted.reason)
        }
        reconcile(id, graceful: true)
    }

    /// The size that a pool's work asks for; `nil` when it is to stay as it is.
    private mutating func wantedSize(of pool: PoolRecord) -> (size: Int, reason: String)? {
        let settings: Autoscaling = pool.autoscaling
        #if EngineFaults
        let cooldown: Milliseconds = EngineFault.ignoredCooldown.isOn ? 0 : settings.cooldown
        #else
        let cooldown: Milliseconds = settings.cooldown
        #endif
        if let last: Instant = pool.lastScaledAt, state.now < last + cooldown { return nil }
        var busy: Int = 0
        var slots: Int = 0
        for id: AgentID in members(of: pool.id) {
            guard let agent: AgentRecord = state.agents[id]?.record else { continue }
            busy += agent.state.currentTasks.count
            slots += agent.specification.maximumConcurrentTasks
        }
        // Without agents there is nothing to be busy; tasks that wait ask for the first.
        let share: Double = slots > 0 ? Double(busy) / Double(slots) : isWaitedFor(pool) ? 1 : 0
        let each: Double = Double(max(1, pool.template.maximumConcurrentTasks)) * max(settings.targetUtilization, 0.01)
        let ideal: Int = Int((Double(busy) / each).rounded(.up))
        let percent: Int = Int((share * 100).rounded())
        #if EngineFaults
        if EngineFault.outgrownBounds.isOn, share > settings.scaleUpThreshold {
            return (pool.maximum + 1, "\(percent) % of its slots are in use")
        }
        #endif
        if share > settings.scaleUpThreshold, pool.target < pool.maximum {
            return (min(max(ideal, pool.target + 1), pool.maximum), "\(percent) % of its slots are in use")
        }
        if let idleTime: Milliseconds = settings.idleTime {
            let idle: Int = members(of: pool.id).count { (id: AgentID) in
                guard let since: Instant = state.agents[id]?.idleSince else { return false }
                return since + idleTime <= state.now
            }
            let size: Int = max(ideal, pool.target - idle, pool.minimum)
            return size < pool.target ? (size, "\(idle) of its agents have nothing to do") : nil
        }
        if share < settings.scaleDownThreshold, pool.target > pool.minimum {
            return (max(min(ideal, pool.target - 1), pool.minimum), "\(percent) % of its slots are in use")
        }
        return nil
    }

    private mutating func isWaitedFor(_ pool: PoolRecord) -> Bool {
        state.ready.demands(at: state.now).contains {
            $0.waiting > 0 && ($0.type ?? pool.template.type) == pool.template.type
        }
    }

    // MARK: Shared

    private func reply(with id: PoolID) throws(Rejection) -> Reply {
        guard let pool: PoolRecord = state.pools[id] else { throw .notFound(.pool, id: id.rawValue) }
        return .pool(pool)
    }

    /// A pool that is there, in the principal's reach; the one on demand also before it has a record.
    private func livePool(_ id: PoolID, by principal: Principal) throws(Rejection) -> PoolRecord {
        if let pool: PoolRecord = state.pools[id], pool.endedAt == nil, principal.reaches(project: pool.project) {
            return pool
        }
        // It is everybody's, so that who may act in some projects only cannot change it.
        guard id == .onDemand, state.pools[id] == nil, principal.projects.isEmpty else {
            throw .notFound(.pool, id: id.rawValue)
        }
        return PoolRecord.onDemand(configuration.onDemand, createdAt: state.now)
    }

    func validate(_ wanted: PoolSpecification) throws(Rejection) {
        try check("name", length: wanted.name, in: 1...200)
        try validate(wanted.template)
        try validate(minimum: wanted.minimum, maximum: wanted.maximum)
        if let target: Int = wanted.target { try check("targetSize", target, in: wanted.minimum...wanted.maximum) }
        if let autoscaling: Autoscaling = wanted.autoscaling { try validate(autoscaling, prefix: "autoscaling.") }
    }

    private func validate(minimum: Int, maximum: Int) throws(Rejection) {
        try check("maxSize", maximum, in: 0...configuration.limits.poolSize)
        try check("minSize", minimum, in: 0...maximum)
    }

    private func validate(_ settings: Autoscaling, prefix: String) throws(Rejection) {
        try check("\(prefix)targetUtilization", settings.targetUtilization, in: 0...1)
        try check("\(prefix)scaleUpThreshold", settings.scaleUpThreshold, in: 0...1)
        try check("\(prefix)scaleDownThreshold", settings.scaleDownThreshold, in: 0...1)
        guard settings.scaleDownThreshold < settings.scaleUpThreshold else {
            throw refusal(
                "\(prefix)scaleDownThreshold", "\(settings.scaleDownThreshold)",
                expected: "less than scaleUpThreshold, \(settings.scaleUpThreshold)")
        }
        try check("\(prefix)cooldownPeriod", settings.cooldown, in: 0...(.seconds(86_400)))
        if let idleTime: Milliseconds = settings.idleTime {
            try check("\(prefix)idlePeriod", idleTime, in: .seconds(1)...(.seconds(86_400)))
        }
    }

    /// Takes over the stored pools; their agents have been.
    mutating func loadPools(_ pools: [PoolRecord], lastNumber: UInt64) {
        state.pools.load(pools, lastNumber: lastNumber)
        for pool: PoolRecord in pools { setPoolTimer(of: pool.id) }
    }

    /// Has pools whose agents ended with the server, or were not started any more, be as large as they are to be.
    mutating func recoverPools() {
        for pool: PoolRecord in state.pools.live { poolsToServe.append(pool.id) }
    }

    mutating func emitPool(_ type: String, _ id: PoolID, from: Int? = nil, reason: String? = nil) {
        guard let pool: PoolRecord = state.pools[id] else { return }
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.member("poolId", id.rawValue)
        writer.member("name", pool.name)
        writer.memberIfPresent("from", from)
        writer.member("target", pool.target)
        writer.member("min", pool.minimum)
        writer.member("max", pool.maximum)
        writer.memberIfPresent("reason", reason)
        writer.endObject()
        emit(.system(SystemEvent(type: type, data: writer.takeText())))
    }
}

extension PoolRecord {
    /// The pool on demand as the configuration has it.
    package static func onDemand(_ settings: EngineConfiguration.OnDemandPool, createdAt: Instant) -> PoolRecord {
        PoolRecord(
            id: .onDemand, number: 0, name: "default", template: AgentSpecification(type: settings.fallbackType),
            holder: AgentHolder(owner: Principal.system.subject, pool: PoolID.onDemand.rawValue),
            createdAt: createdAt, mode: .onDemand, minimum: 0, maximum: settings.maximum, target: 0)
    }
}

extension EngineState {
    /// Pools that clients have made: the one on demand is always there.
    var clientPools: Int { pools.liveCount - (pools[.onDemand] == nil ? 0 : 1) }
}

/// What is true of pools between any two commands.
extension EngineState {
    func checkPools(_ timers: [TimerReason: [Instant]], _ configuration: EngineConfiguration) throws(BrokenInvariant) {
        var derived: [PoolID: Set<AgentID>] = [:]
        for (id, agent) in agents where agent.termination == nil {
            if let pool: String = agent.record.pool { derived[PoolID(unchecked: pool), default: []].insert(id) }
        }
        try hold(derived == poolMembers, "a pool knows its agents, and no others", "\(poolMembers)")
        try hold(clientPools <= configuration.limits.pools, "pools keep to their limit", "\(clientPools)")
        for pool: PoolRecord in pools.live {
            let size: Int = poolMembers[pool.id]?.count ?? 0
            try hold(size <= pool.target, "a pool has no more agents than it is to have", "\(pool.id): \(size)")
            try hold(
                pool.minimum <= pool.target && pool.target <= pool.maximum, "a pool keeps to its bounds", "\(pool.id)")
            guard !isDraining, pool.mode == .autoscaling || size < pool.target else { continue }
            let set: [Instant] = poolTimers[pool.id].flatMap { timers[.poolCheck(pool.id, $0)] } ?? []
            try hold(set.count == 1, "a timer waits for the next look at a pool", "\(pool.id)")
        }
    }
}
