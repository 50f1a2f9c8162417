import MAOSCore

/// Resources: allocations that people hold, and quotas that bound them.
struct ResourceDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case allocate, allocateBadly, release, setQuotas, look
    }

    let weights: [Int]
    private let capacity: ResourceAmounts
    /// Live allocations in order of making.
    private var live: [AllocationRecord] = []
    private var quotas: [QuotaKey: QuotaLimits] = [:]
    /// Whom each live task counts against.
    private var holders: [TaskID: [QuotaKey]] = [:]
    /// Tasks that are under way, of each user, team and project.
    private var underWay: [QuotaKey: Set<TaskID>] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        capacity = ResourceAmounts(cpu: 16, memory: 1_000)
        configuration.capacity = capacity
        configuration.limits.allocations = 10
        var weights: [Int] = ResourceDomain.someWeights(Action.allCases.count, upTo: 4, &random)
        if random.chance(in: 2) { weights = weights.map { _ in 0 } }
        weights[Action.setQuotas.rawValue] = min(1, weights[Action.setQuotas.rawValue])
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        switch Action(rawValue: action) {
        case .allocate:
            world.send(.resource(.allocate(anyRequest(in: &world))), as: world.anybody(), needs: .resourcesAllocate)
        case .allocateBadly:
            var request: AllocationRequest = anyRequest(in: &world)
            let isNameless: Bool = world.random.chance(in: 2)
            if isNameless { request.requestID = "" } else { request.duration = 999 }
            world.send(
                .resource(.allocate(request)), as: world.anybody(), needs: .resourcesAllocate,
                flaw: isNameless ? "requestId" : "duration")
        case .release:
            let id: AllocationID =
                live.isEmpty ? AllocationID(unchecked: "none") : world.random.one(of: live.map(\.id))
            world.send(.resource(.release(id)), as: world.anybody(), needs: .resourcesRelease)
        case .setQuotas:
            world.send(.resource(.setQuotas(anyQuotas(in: &world))), as: world.anybody(), needs: .resourcesQuota)
        case .look, nil:
            let command: ResourceCommand = world.random.one(of: [.showUsage, .showQuotas, .showLimits])
            world.send(.resource(command), as: world.anybody(), needs: .resourcesRead)
        }
    }

    private func anyRequest(in world: inout World) -> AllocationRequest {
        AllocationRequest(
            requestID: "request-\(world.random.below(12))",
            amounts: ResourceAmounts(
                cpu: Double(world.random.below(8)), memory: Double(world.random.below(500))),
            duration: world.random.chance(in: 2) ? Milliseconds(1_000 + Int64(world.random.below(30_000))) : nil,
            isExclusive: world.random.chance(in: 12), project: world.anyProject())
    }

    private func anyQuotas(in world: inout World) -> [QuotaKey: QuotaLimits] {
        var limits: [QuotaKey: QuotaLimits] = [:]
        for key: QuotaKey in [QuotaKey(.user, "ann"), QuotaKey(.team, "team"), QuotaKey(.project, "red")] {
            guard world.random.chance(in: 2) else { continue }
            let agents: Int? = world.random.chance(in: 3) ? 1 + world.random.number(below: 5) : nil
            let tasks: Int? = world.random.chance(in: 3) ? 1 + world.random.number(below: 4) : nil
            limits[key] = QuotaLimits([.cpu: Double(4 + world.random.below(10))], agents: agents, tasks: tasks)
        }
        return limits
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        var fresh: [AllocationRecord] = []
        var areQuotasNew = false
        do throws(RecordCodingError) {
            for row: EntityRow in batch.entities {
                if row.kind == .allocation {
                    let record = try AllocationRecord(row)
                    if !live.contains(where: { $0.id == record.id }), record.endedAt == nil { fresh.append(record) }
                    live.removeAll { $0.id == record.id }
                    if record.endedAt == nil { live.append(record) }
                } else if row.kind == .quota {
                    quotas = try QuotaTable(row).limits
                    areQuotasNew = true
                }
            }
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: "\(error)")
        }
        for event: Event in batch.events {
            guard case .task(let task) = event.body else { continue }
            try follow(task, areQuotasNew: areQuotasNew)
        }
        // Who has too much since a quota was lowered keeps it, and so is not looked at in that batch.
        guard !areQuotasNew, batch.agents.isEmpty else { return }
        for record: AllocationRecord in fresh { try checkQuotas(of: record, world) }
    }

    private mutating func follow(_ event: TaskEvent, areQuotasNew: Bool) throws(BrokenPromise) {
        if let task: TaskRecord = event.created {
            holders[event.id] = keys(task.owner, task.team, task.specification.project)
        }
        let isUnderWay: Bool = event.state.holdsAgent && !event.state.status.isTerminal
        for key: QuotaKey in holders[event.id] ?? [] {
            guard isUnderWay else {
                underWay[key]?.remove(event.id)
                continue
            }
            underWay[key, default: []].insert(event.id)
            guard event.kind == .assigned, !areQuotasNew, let limit: Int = quotas[key]?.tasks else { continue }
            let count: Int = underWay[key]?.count ?? 0
            try keep(.leases, "no more tasks are begun than the quotas allow", count <= limit, "\(key): \(count)")
        }
    }

    /// Whoever has just been given something has no more of it than the quotas allow.
    private func checkQuotas(of record: AllocationRecord, _ world: World) throws(BrokenPromise) {
        for key: QuotaKey in keys(record.owner, record.team, record.project) {
            guard let limit: Double = quotas[key]?.amount(of: .cpu), record.request.amounts.amount(of: .cpu) > 0 else {
                continue
            }
            var held: Double = 0
            for other: AllocationRecord in live where keys(other.owner, other.team, other.project).contains(key) {
                held += other.request.amounts.amount(of: .cpu)
            }
            for agent: AgentRecord in world.chronicle.liveAgents
            where keys(agent.owner, agent.team, agent.project).contains(key) {
                held += agent.specification.resources?.cpu ?? 0
            }
            try keep(
                .leases, "nobody is given more than the quotas allow", held <= limit, "\(key): \(held) of \(limit)")
        }
    }

    private func keys(_ owner: String, _ team: String?, _ project: String?) -> [QuotaKey] {
        var keys: [QuotaKey] = [QuotaKey(.user, owner)]
        if let team { keys.append(QuotaKey(.team, team)) }
        if let project { keys.append(QuotaKey(.project, project)) }
        return keys
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        for kind: ResourceKind in [.cpu, .memory] {
            let taken: Double = live.reduce(0) { $0 + $1.request.amounts.amount(of: kind) }
            try keep(
                .leases, "no more is allocated than there is", taken <= capacity.amount(of: kind),
                "\(taken) \(kind.name)")
        }
        let isAlone: Bool = live.count <= 1 || !live.contains { $0.request.isExclusive }
        try keep(.leases, "what is exclusive stands alone", isAlone, "\(live.map(\.id))")
        let requests: Set<String> = Set(live.map { "\($0.owner) \($0.request.requestID)" })
        try keep(.idempotency, "a request has one allocation", requests.count == live.count, "\(live.map(\.id))")
        guard world.clock == world.latest else { return }
        for record: AllocationRecord in live {
            let isOver: Bool = record.expiresAt.map { $0 <= world.latest } ?? false
            try keep(.leases, "an allocation ends when its time is over", !isOver, "\(record.id)")
        }
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        if !quotas.isEmpty { world.send(.resource(.setQuotas([:])), as: .system) }
        for record: AllocationRecord in live { world.send(.resource(.release(record.id)), as: .system) }
    }

    func unfinished(in world: World) -> String? { live.first.map { "allocation \($0.id) is live" } }
}
