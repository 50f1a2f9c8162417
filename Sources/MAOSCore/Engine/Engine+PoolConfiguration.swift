/// Pools that the server's configuration describes: the same again changes nothing, another description adjusts them.
extension Engine {
    /// Brings pools in line with the server's configuration.
    ///
    /// Whether there is room for their agents is not looked at: a pool without it has fewer, says why, and tries again.
    mutating func configurePools(
        _ wanted: [PoolID: PoolSpecification], by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.systemAdmin)
        guard principal.projects.isEmpty else { throw .forbidden(.systemAdmin) }
        guard !state.isDraining else { throw .unavailable("The server is about to stop") }
        guard wanted[.onDemand] == nil else {
            throw refusal("pools", "\(PoolID.onDemand)", expected: "a pool other than the one on demand")
        }
        let ids: [PoolID] = wanted.keys.sorted()
        var added: Int = 0
        for id: PoolID in ids {
            guard let specification: PoolSpecification = wanted[id] else { continue }
            try validate(specification)
            if !isLive(id) { added += 1 }
        }
        let limit: Int = configuration.limits.pools
        guard added == 0 || state.clientPools + added <= limit else { throw .limitReached("pools", limit: limit) }

        var report = PoolConfigurationReport()
        for id: PoolID in ids {
            guard let specification: PoolSpecification = wanted[id] else { continue }
            if !isLive(id) {
                makePool(id, specification, by: principal)
                report.made.append(id)
            } else if state.pools[id]?.configured != specification {
                adjustPool(id, to: specification)
                report.adjusted.append(id)
            }
        }
        for pool: PoolRecord in state.pools.live where pool.configured != nil && wanted[pool.id] == nil {
            let now: Instant = state.now
            state.pools.update(pool.id) { (pool: inout PoolRecord) in
                pool.configured = nil
                pool.updatedAt = now
            }
            emitPool("pool_configured", pool.id, reason: "the server's configuration does not name it any more")
            report.released.append(pool.id)
        }
        report.released.sort()
        hasNewDemand = true
        return .pools(report)
    }

    private func isLive(_ id: PoolID) -> Bool {
        guard let pool: PoolRecord = state.pools[id] else { return false }
        return pool.endedAt == nil
    }

    private mutating func makePool(_ id: PoolID, _ wanted: PoolSpecification, by principal: Principal) {
        var holder = AgentHolder(principal)
        holder.pool = id.rawValue
        if state.pools[id] == nil {
            state.pools.insert(
                PoolRecord(
                    id: id, number: state.pools.makeNumber(), name: wanted.name, template: wanted.template,
                    holder: holder, createdAt: state.now, mode: .fixed, minimum: 0, maximum: 0, target: 0))
        } else {
            // It was deleted before, and comes back with its number.
            state.pools.update(id) { (pool: inout PoolRecord) in
                pool.endedAt = nil
                pool.target = 0
            }
        }
        describe(id, by: wanted)
        let target: Int = wanted.target ?? wanted.minimum
        state.pools.update(id) { $0.target = target }
        emitPool("pool_created", id, reason: "the server's configuration names it")
        reconcile(id, graceful: true)
    }

    private mutating func adjustPool(_ id: PoolID, to wanted: PoolSpecification) {
        guard let before: PoolRecord = state.pools[id] else { return }
        describe(id, by: wanted)
        let kept: Int = wanted.autoscaling == nil ? wanted.minimum : before.target
        retarget(
            id, to: wanted.target ?? min(max(kept, wanted.minimum), wanted.maximum),
            reason: "the server's configuration was changed")
        emitPool("pool_configured", id, reason: "the server's configuration was changed")
        // Agents of the former kind finish what they work on, and others take their places.
        if state.pools[id]?.template != before.template { stopMembers(of: id, downTo: 0, graceful: true) }
        reconcile(id, graceful: true)
    }

    private mutating func describe(_ id: PoolID, by wanted: PoolSpecification) {
        let now: Instant = state.now
        state.pools.update(id) { (pool: inout PoolRecord) in
            pool.name = wanted.name
            pool.template = wanted.template
            pool.template.name = nil
            pool.mode = wanted.autoscaling == nil ? .fixed : .autoscaling
            pool.minimum = wanted.minimum
            pool.maximum = wanted.maximum
            pool.autoscaling = wanted.autoscaling ?? Autoscaling()
            pool.configured = wanted
            pool.updatedAt = now
        }
    }
}
