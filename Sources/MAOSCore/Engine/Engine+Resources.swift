/// The host's resources: who has what, and who may have more.
extension Engine {
    mutating func apply(_ command: ResourceCommand, by principal: Principal) throws(Rejection) -> Reply {
        switch command {
        case .allocate(let request): try allocate(request, by: principal)
        case .release(let id): try release(id, by: principal)
        case .setQuotas(let limits): try setQuotas(limits, by: principal)
        case .showUsage: try showUsage(to: principal)
        case .showQuotas: try showQuotas(to: principal)
        case .showLimits: try showLimits(to: principal)
        }
    }

    // MARK: Allocations

    private mutating func allocate(_ wanted: AllocationRequest, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.resourcesAllocate)
        try requireWholeReach(principal, for: .resourcesAllocate)
        try validate(wanted)
        var request: AllocationRequest = wanted
        request.project = try projectOfAllocation(wanted.project, by: principal)
        let key = ResourceIndex.RequestKey(subject: principal.subject, requestID: request.requestID)
        if let known: AllocationID = state.resources.requests[key], let earlier = state.allocations[known] {
            guard earlier.request == request else {
                throw .conflict(
                    reason: "request_id_reused",
                    message: "The request \(request.requestID) has been made before, for something else")
            }
            return .allocation(earlier)
        }
        let limit: Int = configuration.limits.allocations
        guard state.resources.allocations < limit else { throw .limitReached("allocations", limit: limit) }
        try requireAlone(request)
        let keys: [QuotaKey] = QuotaKey.keys(owner: principal.subject, team: principal.team, project: request.project)
        try requireQuota(keys, adding: request.amounts, agents: 0)
        try requireCapacity(for: request.amounts)

        let allocation = AllocationRecord(
            id: AllocationID(unchecked: IdentifierMaker.make(at: state.now, random: &random).text),
            number: state.allocations.makeNumber(), request: request, owner: principal.subject, team: principal.team,
            createdAt: state.now)
        state.allocations.insert(allocation)
        state.resources.add(allocation)
        if let end: Instant = allocation.expiresAt { state.timers.set(.allocationEnd(allocation.id), at: end) }
        emitAllocation("resources_allocated", allocation)
        return .allocation(allocation)
    }

    private mutating func release(_ id: AllocationID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.resourcesRelease)
        guard let allocation: AllocationRecord = state.allocations[id], allocation.endedAt == nil,
            principal.task == nil, principal.reaches(project: allocation.project)
        else { throw .notFound(.allocation, id: id.rawValue) }
        if allocation.expiresAt != nil { abandonTimer() }
        let ended: AllocationRecord = endAllocation(allocation, as: .released)
        emitAllocation("resources_released", ended)
        return .allocation(ended)
    }

    /// Ends an allocation whose time is over.
    mutating func allocationDue(_ id: AllocationID) {
        #if EngineFaults
        if EngineFault.keptAllocation.isOn { return }
        #endif
        guard let allocation: AllocationRecord = state.allocations[id], allocation.endedAt == nil,
            let end: Instant = allocation.expiresAt, end <= state.now
        else { return }
        emitAllocation("resources_expired", endAllocation(allocation, as: .expired))
    }

    private mutating func endAllocation(
        _ allocation: AllocationRecord, as status: AllocationStatus
    ) -> AllocationRecord {
        state.resources.remove(allocation)
        let now: Instant = state.now
        let ended: AllocationRecord? = state.allocations.update(allocation.id) { (record: inout AllocationRecord) in
            record.status = status
            record.endedAt = now
            return record
        }
        return ended ?? allocation
    }

    /// Takes over the stored allocations and quotas.
    mutating func loadResources(_ allocations: [AllocationRecord], lastNumber: UInt64, quotas: [QuotaTable]) {
        state.allocations.load(allocations, lastNumber: lastNumber)
        for allocation: AllocationRecord in allocations {
            state.resources.add(allocation)
            if let end: Instant = allocation.expiresAt { state.timers.set(.allocationEnd(allocation.id), at: end) }
        }
        state.quotas.load(quotas, lastNumber: UInt64(quotas.count))
        _ = replaceTaskQuotas((quotas.first?.limits ?? [:]).compactMapValues(\.tasks))
    }

    // MARK: What may be had

    /// Refuses when something that stands alone is there, or is asked for where something is.
    private func requireAlone(_ request: AllocationRequest) throws(Rejection) {
        guard let other: AllocationID = state.resources.exclusive else {
            guard request.isExclusive, state.resources.allocations > 0 else { return }
            let count: Int = state.resources.allocations
            throw .conflict(
                reason: "exclusive",
                message: "An exclusive allocation is asked for, and there "
                    + (count == 1 ? "is another one" : "are \(count) others"))
        }
        throw .conflict(reason: "exclusive", message: "The allocation \(other) is exclusive")
    }

    private func requireCapacity(for amounts: ResourceAmounts) throws(Rejection) {
        guard let capacity: ResourceAmounts = configuration.capacity else { return }
        for kind: ResourceKind in ResourceKind.allCases where amounts[kind] > 0 {
            // A host without a measure for its network does not limit it.
            if kind == .network, capacity[kind] == 0 { continue }
            guard state.resources.allocated[kind] + amounts[kind] > capacity[kind] else { continue }
            throw .exhausted(
                Shortage(
                    key: nil, resource: kind.name, limit: capacity.amount(of: kind),
                    inUse: state.resources.allocated.amount(of: kind), requested: amounts.amount(of: kind)))
        }
    }

    /// Refuses what would be more than a quota allows; what is in excess already stays.
    func requireQuota(_ keys: [QuotaKey], adding amounts: ResourceAmounts, agents: Int) throws(Rejection) {
        guard let quotas: QuotaTable = state.quotas[.only] else { return }
        for key: QuotaKey in keys {
            guard let limits: QuotaLimits = quotas.limits[key] else { continue }
            let held: ResourceIndex.Holding = state.resources.holdings[key] ?? ResourceIndex.Holding()
            for kind: ResourceKind in ResourceKind.allCases where amounts[kind] > 0 {
                guard let limit: Int64 = limits.amounts[kind], held.amounts[kind] + amounts[kind] > limit else {
                    continue
                }
                throw .exhausted(
                    Shortage(
                        key: key, resource: kind.name, limit: Double(limit) / 1_000,
                        inUse: held.amounts.amount(of: kind), requested: amounts.amount(of: kind)))
            }
            if agents > 0, let limit: Int = limits.agents, held.agents + agents > limit {
                throw .exhausted(
                    Shortage(
                        key: key, resource: "agents", limit: Double(limit), inUse: Double(held.agents),
                        requested: Double(agents)))
            }
        }
    }

    private func validate(_ request: AllocationRequest) throws(Rejection) {
        try check("requestId", length: request.requestID, in: 1...255)
        if let duration: Milliseconds = request.duration {
            try check("duration", duration, in: .seconds(1)...(.seconds(365 * 86_400)))
        }
        for kind: ResourceKind in ResourceKind.allCases {
            try check("requirements.\(kind.name)", request.amounts[kind], in: 0...Int64(ResourceAmounts.limit) * 1_000)
        }
    }

    /// The project that an allocation counts against: the named one, else the principal's only one, else none.
    private func projectOfAllocation(_ wanted: String?, by principal: Principal) throws(Rejection) -> String? {
        guard let wanted else { return principal.projects.count == 1 ? principal.projects.first : nil }
        guard principal.reaches(project: wanted) else {
            throw refusal("project", wanted, expected: "one of \(principal.projects.joined(separator: ", "))")
        }
        return wanted
    }

    // MARK: Quotas

    private mutating func setQuotas(
        _ limits: [QuotaKey: QuotaLimits], by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.resourcesQuota)
        // Quotas bind everybody, so who may act in some projects only cannot set them.
        guard principal.task == nil, principal.projects.isEmpty else { throw .forbidden(.resourcesQuota) }
        let most: Int = configuration.limits.quotas
        guard limits.count <= most else { throw .limitReached("quotas", limit: most) }
        for (key, limit) in limits.sorted(by: { $0.key < $1.key }) {
            let field: String = "\(key.scope.name).\(key.id)"
            try check(field, length: key.id, in: 1...200)
            for kind: ResourceKind in ResourceKind.allCases {
                guard let amount: Int64 = limit.amounts[kind] else { continue }
                try check("\(field).\(kind.name)", amount, in: 0...Int64(ResourceAmounts.limit) * 1_000)
            }
            if let agents: Int = limit.agents { try check("\(field).maxAgents", agents, in: 0...1_000_000_000) }
            if let tasks: Int = limit.tasks { try check("\(field).maxTasks", tasks, in: 0...1_000_000_000) }
        }
        let now: Instant = state.now
        let isKnown: Bool? = state.quotas.update(.only) { (table: inout QuotaTable) in
            table.limits = limits
            table.updatedAt = now
            return true
        }
        if isKnown == nil {
            _ = state.quotas.makeNumber()
            state.quotas.insert(QuotaTable(limits: limits, createdAt: now, updatedAt: now))
        }
        for lane: Int in replaceTaskQuotas(limits.compactMapValues(\.tasks)) { assignWaiting(inLane: lane) }
        let report: QuotaReport = quotaReport()
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("quotas", limits.count)
        writer.member("exceeded", report.excesses.count)
        writer.endObject()
        emit(.system(SystemEvent(type: "quota_changed", data: writer.takeText())))
        return .quotas(report)
    }

    // MARK: Reports

    private func showUsage(to principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.resourcesRead)
        try requireWholeReach(principal, for: .resourcesRead)
        let shown: [AllocationRecord] = state.allocations.live.filter { principal.reaches(project: $0.project) }
        return .resources(
            ResourceReport(
                capacity: configuration.capacity, allocated: state.resources.allocated, allocations: shown))
    }

    private func showQuotas(to principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.resourcesRead)
        try requireWholeReach(principal, for: .resourcesRead)
        return .quotas(quotaReport())
    }

    /// The quotas, and what is taken of them; O(n) in quotas and agents.
    private func quotaReport() -> QuotaReport {
        guard let table: QuotaTable = state.quotas[.only] else { return QuotaReport(entries: []) }
        var tasks: [QuotaKey: Int] = [:]
        for agent: EngineState.LiveAgent in state.agents.values {
            for id: TaskID in agent.record.state.currentTasks {
                guard let task: TaskRecord = state.tasks[id]?.record else { continue }
                let project: String? = task.specification.project
                for key: QuotaKey in QuotaKey.keys(owner: task.owner, team: task.team, project: project) {
                    tasks[key, default: 0] += 1
                }
            }
        }
        return QuotaReport(
            entries: table.limits.sorted { $0.key < $1.key }.map { (key, limits) in
                let held: ResourceIndex.Holding = state.resources.holdings[key] ?? ResourceIndex.Holding()
                return QuotaReport.Entry(
                    key: key, limits: limits, amounts: held.amounts, agents: held.agents, tasks: tasks[key] ?? 0)
            })
    }

    private mutating func emitAllocation(_ type: String, _ allocation: AllocationRecord) {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.member("allocationId", allocation.id.rawValue)
        writer.member("owner", allocation.owner)
        for kind: ResourceKind in ResourceKind.allCases where allocation.request.amounts[kind] > 0 {
            writer.member(kind.name, allocation.request.amounts.amount(of: kind))
        }
        writer.endObject()
        emit(.system(SystemEvent(type: type, data: writer.takeText())))
    }
}

/// What is true of resources between any two commands.
extension EngineState {
    func checkResources(
        _ timers: [TimerReason: [Instant]], _ configuration: EngineConfiguration
    ) throws(BrokenInvariant) {
        var derived = ResourceIndex()
        for allocation: AllocationRecord in allocations.live {
            derived.add(allocation)
            if let end: Instant = allocation.expiresAt {
                let set: [Instant] = timers[.allocationEnd(allocation.id)] ?? []
                try hold(set == [end], "a timer waits for the end of each allocation", "\(allocation.id)")
            }
        }
        for agent: LiveAgent in agents.values { derived.add(agent.record) }
        let taskQuotas: [QuotaKey: Int] = (quotas[.only]?.limits ?? [:]).compactMapValues(\.tasks)
        try hold(ready.gates.quotas == taskQuotas, "tasks keep to the quotas that are set", "")
        try hold(derived.holdings == resources.holdings, "what everybody has is counted", "\(resources.holdings)")
        try hold(derived.allocated == resources.allocated, "what is allocated is counted", "\(resources.allocated)")
        try hold(derived.allocations == resources.allocations, "allocations are counted", "\(resources.allocations)")
        try hold(derived.requests == resources.requests, "the requests of allocations are known", "")
        try hold(derived.exclusive == resources.exclusive, "an allocation that stands alone is known", "")
        try hold(
            resources.exclusive == nil || resources.allocations == 1, "an exclusive allocation stands alone", "")
        guard let capacity: ResourceAmounts = configuration.capacity else { return }
        for kind: ResourceKind in ResourceKind.allCases where kind != .network || capacity[kind] > 0 {
            try hold(resources.allocated[kind] <= capacity[kind], "no more is allocated than there is", kind.name)
        }
    }
}
