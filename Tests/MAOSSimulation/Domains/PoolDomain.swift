import MAOSCore

/// Pools: agents alike, as many as clients say or their work asks for.
struct PoolDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case create, createBadly, scale, autoscale, autoscaleBadly, delete, configure, configureBadly
    }

    let weights: [Int]
    /// Live pools in order of making; the one on demand once it has a record.
    private var live: [PoolID] = []
    private var records: [PoolID: PoolRecord] = [:]
    /// When a pool last changed its size, whoever wanted it.
    private var scaledAt: [PoolID: Instant] = [:]
    /// What the server's configuration says since the last answer to it; `nil` where that is not known.
    private var configured: [PoolID: PoolSpecification]?
    /// Names that operators give to pools.
    private static let fewPools: [PoolID] = ["builders", "testers"].map { PoolID(unchecked: $0) }

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.pools = 3
        configuration.limits.poolSize = 5
        var weights: [Int] = PoolDomain.someWeights(Action.allCases.count, upTo: 2, &random)
        weights[Action.createBadly.rawValue] = random.number(below: 2)
        weights[Action.autoscaleBadly.rawValue] = random.number(below: 2)
        weights[Action.configureBadly.rawValue] = random.number(below: 2)
        if random.chance(in: 2) { weights = weights.map { _ in 0 } }
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        let principal: Principal = world.anybody()
        let id: PoolID = anyPool(in: &world)
        switch Action(rawValue: action) {
        case .create:
            let command: Command = .pool(.create(anySpecification(in: &world)))
            world.send(world.withKey(command), as: principal, needs: .poolsScale)
        case .createBadly:
            var specification: PoolSpecification = anySpecification(in: &world)
            let isNameless: Bool = world.random.chance(in: 2)
            if isNameless { specification.name = "" } else { specification.maximum = 6 }
            world.send(
                .pool(.create(specification)), as: principal, needs: .poolsScale, flaw: isNameless ? "name" : "maxSize")
        case .scale:
            let command = PoolCommand.scale(
                id, to: world.random.number(below: 5), graceful: world.random.chance(in: 2), reason: nil)
            world.send(.pool(command), as: principal, needs: .poolsScale)
        case .autoscale:
            let minimum: Int = world.random.number(below: 3)
            let change = AutoscalingChange(
                isEnabled: world.random.chance(in: 2), minimum: minimum,
                maximum: minimum + world.random.number(below: 3), settings: anySettings(in: &world))
            world.send(.pool(.autoscale(id, change)), as: principal, needs: .poolsScale)
        case .autoscaleBadly:
            let settings = Autoscaling(scaleUpThreshold: 0.3, scaleDownThreshold: 0.3)
            let change = AutoscalingChange(isEnabled: true, minimum: 0, maximum: 1, settings: settings)
            world.send(.pool(.autoscale(id, change)), as: principal, needs: .poolsScale, flaw: "scaleDownThreshold")
        case .delete: world.send(.pool(.delete(id)), as: principal, needs: .poolsScale)
        case .configure, nil:
            var pools: [PoolID: PoolSpecification] = [:]
            for id: PoolID in PoolDomain.fewPools where world.random.chance(in: 2) {
                pools[id] = anySpecification(in: &world)
            }
            // Mostly what it says already.
            if !world.random.chance(in: 3), let configured { pools = configured }
            world.send(.pool(.configure(pools)), as: principal, needs: [.poolsScale, .systemAdmin])
        case .configureBadly:
            var specification: PoolSpecification = anySpecification(in: &world)
            let isForAll: Bool = world.random.chance(in: 2)
            if !isForAll { specification.minimum = 6 }
            let id: PoolID = isForAll ? .onDemand : PoolDomain.fewPools[0]
            world.send(
                .pool(.configure([id: specification])), as: principal, needs: [.poolsScale, .systemAdmin],
                flaw: isForAll ? "pools" : "minSize")
        }
    }

    private func anyPool(in world: inout World) -> PoolID {
        let isOnDemand: Bool = live.isEmpty || world.random.chance(in: 4)
        return isOnDemand ? .onDemand : world.random.one(of: live)
    }

    private func anySettings(in world: inout World) -> Autoscaling {
        Autoscaling(
            targetUtilization: world.random.one(of: [0, 0.5, 1]), scaleUpThreshold: world.random.one(of: [0.4, 0.9]),
            scaleDownThreshold: world.random.one(of: [0, 0.3]), cooldown: world.random.time(upTo: 30_000),
            idleTime: world.random.one(of: [nil, .seconds(2), .seconds(20)]))
    }

    private func anySpecification(in world: inout World) -> PoolSpecification {
        let minimum: Int = world.random.number(below: 3)
        return PoolSpecification(
            name: "several", minimum: minimum, maximum: minimum + world.random.number(below: 3),
            template: AgentSpecification(
                type: world.random.one(of: [.coder, .tester, .custom]),
                maximumConcurrentTasks: 1 + world.random.number(below: 2),
                heartbeatInterval: .seconds(1 + Int64(world.random.below(20)))),
            autoscaling: world.random.chance(in: 2) ? anySettings(in: &world) : nil)
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for row: EntityRow in batch.entities where row.kind == .pool {
            let record: PoolRecord
            do throws(RecordCodingError) {
                record = try PoolRecord(row)
            } catch {
                throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: row.id)
            }
            records[record.id] = record
            live.removeAll { $0 == record.id }
            if record.endedAt == nil { live.append(record.id) }
        }
        for event: Event in batch.events {
            guard case .system(let system) = event.body, system.type == "pool_scaled" else { continue }
            try checkScaling(system.data.value(), at: event.time)
        }
    }

    /// By itself a pool changes its size no more often than it may.
    private mutating func checkScaling(_ data: JSONValue, at time: Instant) throws(BrokenPromise) {
        guard let id = PoolID(data["poolId"]?.stringValue ?? ""), let record: PoolRecord = records[id] else {
            throw BrokenPromise(promise: .told, rule: "a pool that is told of is stored", detail: "\(data)")
        }
        let reason: String = data["reason"]?.stringValue ?? ""
        let isItsOwn: Bool = reason.hasSuffix("slots are in use") || reason.hasSuffix("have nothing to do")
        // What it is now may have been said in the same batch.
        if isItsOwn, record.updatedAt == time || record.lastScaledAt == time, let last: Instant = scaledAt[id] {
            try keep(
                .leases, "a pool changes its size no more often than it may",
                last + record.autoscaling.cooldown <= time,
                "\(id)")
        }
        scaledAt[id] = time
    }

    /// The same configuration again changes nothing.
    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise) {
        guard case .pool(.configure(let wanted)) = sent.command, case .success(.pools(let report)) = answer else {
            return
        }
        let isSame: Bool = wanted == configured
        try keep(
            .idempotency, "the same configuration of pools changes nothing",
            !isSame || report == PoolConfigurationReport(), "\(report)")
        for id: PoolID in report.made + report.adjusted {
            try keep(.told, "only what is configured is made or adjusted", wanted[id] != nil, "\(id)")
        }
        configured = wanted
    }

    mutating func restarted(in world: World) { configured = nil }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        guard !records.isEmpty else { return }
        if let configured {
            for (id, record) in records {
                try keep(
                    .told, "a pool says what the configuration says of it",
                    record.configured == configured[id] && (record.configured == nil || record.endedAt == nil), "\(id)")
            }
        }
        var sizes: [String: Int] = [:]
        for agent: AgentRecord in world.chronicle.liveAgents where agent.status != .stopping {
            if let pool: String = agent.pool { sizes[pool, default: 0] += 1 }
        }
        for (id, record) in records {
            let size: Int = sizes[id.rawValue] ?? 0
            guard record.endedAt == nil else {
                try keep(.leases, "a pool that is deleted has no agents", size == 0, "\(id): \(size)")
                continue
            }
            try keep(
                .leases, "a pool keeps to its bounds",
                size <= record.target && (record.minimum...record.maximum).contains(record.target),
                "\(id): \(size) of \(record.target)")
            guard !world.isDraining else { continue }
            try keep(
                .life, "a pool that has too few agents says why", size == record.target || record.error != nil,
                "\(id): \(size) of \(record.target)")
        }
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        if live.contains(where: { records[$0]?.configured != nil }) { world.send(.pool(.configure([:])), as: .system) }
        for id: PoolID in live where id != .onDemand { world.send(.pool(.delete(id)), as: .system) }
        guard let pool: PoolRecord = records[.onDemand], pool.mode != .onDemand || pool.minimum > 0 else { return }
        let change = AutoscalingChange(
            isEnabled: false, minimum: 0, maximum: max(1, pool.maximum), settings: Autoscaling())
        world.send(.pool(.autoscale(.onDemand, change)), as: .system)
    }

    func unfinished(in world: World) -> String? {
        live.first { $0 != .onDemand }.map { "pool \($0) is live" }
    }
}
