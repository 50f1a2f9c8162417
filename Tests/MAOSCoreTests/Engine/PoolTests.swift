import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Pools")
struct PoolTests {
    private struct Unexpected: Error {}

    private func pool(_ reply: Reply) throws -> PoolRecord {
        guard case .pool(let record) = reply else { throw Unexpected() }
        return record
    }

    private func create(
        _ minimum: Int, _ maximum: Int, target: Int? = nil, autoscaling: Autoscaling? = nil, slots: Int = 1,
        in world: inout EngineWorld, as principal: Principal? = nil
    ) throws -> PoolID {
        let template = AgentSpecification(type: .coder, maximumConcurrentTasks: slots)
        let specification = PoolSpecification(
            name: "p", minimum: minimum, maximum: maximum, target: target, template: template,
            autoscaling: autoscaling)
        let record: PoolRecord = try pool(try world.send(.pool(.create(specification)), as: principal))
        try world.startAgents()
        return record.id
    }

    private func scale(_ id: PoolID, _ size: Int, graceful: Bool = true, in world: inout EngineWorld) throws {
        try world.send(.pool(.scale(id, to: size, graceful: graceful, reason: "test")))
        try settle(&world)
    }

    /// Reports what was to be started as started, and what was to be stopped as stopped.
    private func settle(_ world: inout EngineWorld) throws {
        while true {
            let effects: [Effect] = world.takeEffects()
            guard !effects.isEmpty else { return }
            for effect: Effect in effects {
                if let id: AgentID = effect.startedAgent { try world.report(.agentStarted(id, process: nil)) }
                if let id: AgentID = effect.stoppedAgent { try? world.report(.agentStopped(id)) }
                if let stop = effect.stop { try? world.report(.attemptEnded(stop.attempt, .stopped)) }
            }
        }
    }

    private func members(_ id: PoolID, in world: EngineWorld) -> [AgentRecord] {
        world.livingAgents.filter { $0.pool == id.rawValue && $0.status != .stopping }
    }

    private func record(_ id: PoolID, in world: EngineWorld) throws -> PoolRecord {
        try PoolRecord(try #require(world.entities[.pool]?[id.rawValue]))
    }

    private func scalings(in world: EngineWorld) -> Int {
        world.events.count { if case .system(let event) = $0.body { event.type == "pool_scaled" } else { false } }
    }

    @Test("the pool on demand takes no other pool's place")
    func limit() throws {
        var world = EngineWorld { $0.limits.pools = 1 }
        try world.send(.pool(.scale(.onDemand, to: 0, graceful: true, reason: nil)))
        _ = try create(0, 1, in: &world)
        let specification = PoolSpecification(
            name: "q", minimum: 0, maximum: 1, template: AgentSpecification(type: .coder))
        #expect(world.refusal(of: .pool(.create(specification))) == .limitReached("pools", limit: 1))
    }

    @Test("a pool has as many agents as it is to have, whatever ends, GW-REST-18")
    func keepsSize() throws {
        var world = EngineWorld()
        let id: PoolID = try create(2, 5, target: 3, in: &world)
        #expect(members(id, in: world).count == 3)
        try world.send(.terminateAgent(members(id, in: world)[0].id, graceful: true))
        try settle(&world)
        #expect(members(id, in: world).count == 3)
        try world.restart()
        try settle(&world)
        #expect(members(id, in: world).count == 3 && members(id, in: world).allSatisfy { $0.status.rawValue <= 3 })
    }

    @Test("scaling keeps to the bounds, and idle agents go first, GW-REST-19")
    func scaling() throws {
        var world = EngineWorld()
        let id: PoolID = try create(1, 4, in: &world)
        try scale(id, 4, in: &world)
        #expect(members(id, in: world).count == 4)
        for task: TaskID in ["a", "b"] { try world.create(task) }
        let busy = Set(world.tasks.values.compactMap(\.state.agent))
        #expect(busy.count == 2)
        try world.send(.pool(.scale(id, to: 2, graceful: true, reason: nil)))
        #expect(Set(members(id, in: world).map(\.id)) == busy)
        try world.send(.pool(.scale(id, to: 1, graceful: true, reason: nil)))
        #expect(members(id, in: world).count == 1)
        #expect(world.status("a") == .assigned && world.status("b") == .assigned, "a graceful end waits for the task")
        for size in [0, 5, -1] {
            let command = Command.pool(.scale(id, to: size, graceful: true, reason: nil))
            #expect(world.refusal(of: command)?.field == "targetSize")
        }
        #expect(try record(id, in: world).lastScaledAt == world.now)
    }

    @Test("an ungraceful scaling ends tasks, which are queued again")
    func ungraceful() throws {
        var world = EngineWorld()
        let id: PoolID = try create(0, 2, target: 1, in: &world)
        try world.create("a")
        #expect(world.status("a") == .assigned)
        try scale(id, 0, graceful: false, in: &world)
        #expect(members(id, in: world).isEmpty && world.status("a") == .queued)
    }

    @Test("a pool grows and shrinks with its work, between its bounds, once a cool-down, GW-REST-21")
    func autoscaling() throws {
        var world = EngineWorld()
        let settings = Autoscaling(cooldown: .seconds(30))
        let id: PoolID = try create(1, 4, autoscaling: settings, in: &world)
        for number in 0..<10 { try world.create(TaskID(unchecked: "t\(number)")) }
        var sizes: [Int] = []
        var last: (size: Int, at: Instant)?
        for _ in 0..<60 {
            try world.pass(.seconds(5))
            try settle(&world)
            let size: Int = members(id, in: world).count
            sizes.append(size)
            if let before = last, before.size != size { #expect(world.now - before.at >= .seconds(30)) }
            if last?.size != size { last = (size, world.now) }
        }
        #expect(sizes.last == 4 && sizes.allSatisfy { (1...4).contains($0) } && sizes == sizes.sorted())
        while let active = world.tasks.values.first(where: { $0.state.holdsAgent }) { try world.end(active.id) }
        for _ in 0..<60 {
            try world.pass(.seconds(5))
            try settle(&world)
        }
        #expect(members(id, in: world).count == 1)
        let count: Int = scalings(in: world)
        try world.pass(.seconds(600))
        #expect(scalings(in: world) == count, "what is at its bound stays there")
    }

    @Test("a pool that is half busy stays as it is")
    func hysteresis() throws {
        var world = EngineWorld()
        let id: PoolID = try create(
            0, 9, target: 2, autoscaling: Autoscaling(cooldown: 0), slots: 2, in: &world)
        for task: TaskID in ["a", "b"] { try world.create(task) }
        try world.pass(.seconds(600))
        #expect(members(id, in: world).count == 2)
    }

    @Test("an empty pool grows when a task waits for it")
    func fromNothing() throws {
        var world = EngineWorld()
        let id: PoolID = try create(0, 3, autoscaling: Autoscaling(cooldown: 0), in: &world)
        try world.pass(.seconds(60))
        #expect(members(id, in: world).isEmpty)
        try world.create("a")
        try world.pass(.seconds(5))
        #expect(members(id, in: world).count == 1)
    }

    @Test("autoscaling can be changed and switched off, GW-REST-20")
    func configure() throws {
        var world = EngineWorld()
        let id: PoolID = try create(1, 2, in: &world)
        let on = AutoscalingChange(isEnabled: true, minimum: 3, maximum: 6, settings: Autoscaling())
        let changed: PoolRecord = try pool(try world.send(.pool(.autoscale(id, on))))
        #expect(changed.mode == .autoscaling && changed.target == 3 && changed.maximum == 6)
        try settle(&world)
        #expect(members(id, in: world).count == 3)
        let off = AutoscalingChange(isEnabled: false, minimum: 0, maximum: 2, settings: Autoscaling())
        #expect(try pool(try world.send(.pool(.autoscale(id, off)))).mode == .fixed)
        try settle(&world)
        #expect(members(id, in: world).count == 2)
        try world.pass(.seconds(600))
        #expect(members(id, in: world).count == 2)
    }

    @Test("the pool on demand can be fixed, and goes back to the tasks that wait")
    func onDemand() throws {
        var world = EngineWorld(onDemand: 2)
        try world.create("a")
        try settle(&world)
        #expect(world.livingAgents.map(\.origin) == [.onDemand])
        try scale(.onDemand, 2, in: &world)
        #expect(members(.onDemand, in: world).count == 2)
        try world.pass(.seconds(300))
        #expect(members(.onDemand, in: world).count == 2, "a fixed size does not go by idleness")
        for task: TaskID in ["b", "c", "d", "e"] { try world.create(task) }
        #expect(world.livingAgents.count { $0.status != .stopping } == 2)
        #expect(world.refusal(of: .pool(.scale(.onDemand, to: 3, graceful: true, reason: nil)))?.field == "targetSize")
        #expect(world.refusal(of: .pool(.delete(.onDemand)))?.conflict == "default_pool")
        try world.restart()
        try settle(&world)
        #expect(members(.onDemand, in: world).count == 2)
        let back = AutoscalingChange(isEnabled: false, minimum: 0, maximum: 3, settings: Autoscaling())
        #expect(try pool(try world.send(.pool(.autoscale(.onDemand, back)))).mode == .onDemand)
        try settle(&world)
        while let active = world.tasks.values.first(where: { $0.state.holdsAgent }) {
            try world.end(active.id)
            try settle(&world)
        }
        try world.pass(.seconds(120))
        try settle(&world)
        #expect(world.livingAgents.isEmpty)
    }

    @Test("a pool over a quota is refused, or as large as the quota allows")
    func quota() throws {
        var world = EngineWorld()
        try world.send(.resource(.setQuotas([QuotaKey(.user, "ann"): QuotaLimits(agents: 2)])))
        let wanted = PoolSpecification(
            name: "p", minimum: 3, maximum: 9, template: AgentSpecification(type: .coder))
        guard case .exhausted(let shortage)? = world.refusal(of: .pool(.create(wanted))) else { throw Unexpected() }
        #expect(shortage.resource == "agents" && shortage.requested == 3)
        let id: PoolID = try create(0, 5, target: 2, in: &world)
        try world.send(.resource(.setQuotas([QuotaKey(.user, "ann"): QuotaLimits(agents: 1)])))
        try world.send(.terminateAgent(members(id, in: world)[0].id, graceful: true))
        try settle(&world)
        #expect(members(id, in: world).count == 1)
        #expect(try record(id, in: world).error?.contains("agents") == true)
        try world.send(.resource(.setQuotas([:])))
        try world.pass(.seconds(5))
        #expect(members(id, in: world).count == 2)
        #expect(try record(id, in: world).error == nil)
    }

    @Test("what is wrong is named, and others' pools do not exist")
    func refused() throws {
        var world = EngineWorld { $0.limits.pools = 1 }
        func specification(_ minimum: Int, _ maximum: Int, _ settings: Autoscaling? = nil) -> Command {
            .pool(
                .create(
                    PoolSpecification(
                        name: "p", minimum: minimum, maximum: maximum, template: AgentSpecification(type: .coder),
                        autoscaling: settings)))
        }
        #expect(world.refusal(of: specification(2, 1))?.field == "minSize")
        #expect(world.refusal(of: specification(0, 10_001))?.field == "maxSize")
        let crossed = Autoscaling(scaleUpThreshold: 0.5, scaleDownThreshold: 0.5)
        #expect(world.refusal(of: specification(0, 1, crossed))?.field == "autoscaling.scaleDownThreshold")
        let negative = Autoscaling(cooldown: -1)
        #expect(world.refusal(of: specification(0, 1, negative))?.field == "autoscaling.cooldownPeriod")
        let ann = Principal(subject: "ann", permissions: .all, projects: ["red"])
        let id: PoolID = try create(0, 1, in: &world, as: ann)
        #expect(world.refusal(of: specification(0, 1)) == .limitReached("pools", limit: 1))
        let bob = Principal(subject: "bob", permissions: .all, projects: ["blue"])
        let scale = Command.pool(.scale(id, to: 1, graceful: true, reason: nil))
        #expect(world.refusal(of: scale, as: bob) == .notFound(.pool, id: id.rawValue))
        #expect(world.refusal(of: scale, as: Principal(subject: "eve", permissions: [])) == .forbidden(.poolsScale))
        try world.send(.pool(.delete(id)), as: ann)
        #expect(world.refusal(of: scale, as: ann) == .notFound(.pool, id: id.rawValue))
    }

    @Test("a record is read back as it was written, and damaged ones are refused", arguments: Seeds.all)
    func coding(seed: UInt64) throws {
        var template = AgentSpecification(type: .tester, capabilities: [Capability(name: "x")])
        template.resources = ResourceRequirements(cpu: 1, memory: 2)
        var record = PoolRecord(
            id: PoolID(unchecked: "p"), number: 4, name: "pool", template: template,
            holder: AgentHolder(owner: "ann", team: "t", project: "red", pool: "p"),
            createdAt: Instant(milliseconds: 3), mode: .autoscaling, minimum: 1, maximum: 9, target: 4)
        record.lastScaledAt = Instant(milliseconds: 9)
        record.error = "no"
        let row: EntityRow = record.row
        #expect(try PoolRecord(row) == record)
        try expectRefusalOfDamage(to: row, olderForms: 1, seed: seed) { _ = try PoolRecord($0) }
    }
}

@Suite("Quotas of tasks")
struct TaskQuotaTests {
    private func set(_ limits: [QuotaKey: Int], in world: inout EngineWorld) throws {
        try world.send(.resource(.setQuotas(limits.mapValues { QuotaLimits(tasks: $0) })))
    }

    private func running(_ world: EngineWorld) -> Int { world.tasks.values.count { $0.state.holdsAgent } }

    @Test("a task over a quota waits and says so, and goes on when there is room")
    func waits() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 9)
        try set([QuotaKey(.project, "red"): 2], in: &world)
        for id: TaskID in ["a", "b", "c", "d"] { try world.create(id) { $0.project = "red" } }
        try world.create("e") { $0.project = "blue" }
        #expect(running(world) == 3 && world.status("c") == .queued && world.status("e") == .assigned)
        guard case .waiting(_, let reasons) = try world.send(.explainWaiting("c")) else {
            Issue.record("no reasons")
            return
        }
        #expect(reasons.contains(.quota(QuotaKey(.project, "red"), limit: 2, inUse: 2)))
        try world.end("a")
        #expect(world.status("c") == .assigned && world.status("d") == .queued)
    }

    @Test("quotas of user, team and project hold together, also after a restart")
    func together() throws {
        var world = EngineWorld()
        let ann = Principal(subject: "ann", permissions: .all, projects: ["red"], team: "one")
        try set([QuotaKey(.user, "ann"): 3, QuotaKey(.team, "one"): 1, QuotaKey(.project, "red"): 2], in: &world)
        for id: TaskID in ["a", "b", "c"] { try world.create(id, as: ann) }
        try world.restart()
        try world.spawn(.coder, "x", slots: 9)
        #expect(running(world) == 1)
        try set([QuotaKey(.user, "ann"): 3, QuotaKey(.project, "red"): 2], in: &world)
        #expect(running(world) == 2)
        try set([:], in: &world)
        #expect(running(world) == 3)
    }

    @Test("a quota below what is under way stops nothing, and lets nothing more begin")
    func lowered() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 9)
        for id: TaskID in ["a", "b", "c"] { try world.create(id) }
        try set([QuotaKey(.user, "ann"): 1], in: &world)
        #expect(running(world) == 3)
        try world.create("d")
        for id: TaskID in ["a", "b"] {
            try world.end(id)
            #expect(world.status("d") == .queued)
        }
        try world.end("c")
        #expect(world.status("d") == .assigned)
        try set([QuotaKey(.user, "ann"): 0], in: &world)
        try world.end("d")
        try world.create("e")
        #expect(world.status("e") == .queued)
    }

    @Test("quotas that change at any moment neither leak nor starve", arguments: Seeds.all)
    func changes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 4)
        var number: Int = 0
        for _ in 0..<250 {
            switch random.below(6) {
            case 0...1:
                number += 1
                try world.create(TaskID(unchecked: "t\(number)")) {
                    $0.project = ["red", "blue"][Int(random.below(2))]
                    if random.below(3) == 0 { $0.concurrencyKey = "k" }
                }
            case 2...3:
                let active = world.tasks.values.filter { $0.state.holdsAgent }.sorted { $0.number < $1.number }
                if !active.isEmpty { try world.end(active[Int(random.below(UInt64(active.count)))].id) }
            case 4:
                try set(
                    [QuotaKey(.project, "red"): Int(random.below(3)), QuotaKey(.user, "ann"): Int(random.below(4))],
                    in: &world)
            default:
                if random.below(10) == 0 { try world.restart() }
            }
        }
        try set([:], in: &world)
        try world.startAgents()
        while let active = world.tasks.values.first(where: { $0.state.holdsAgent }) { try world.end(active.id) }
        #expect(world.tasks.values.allSatisfy { $0.status.isTerminal })
    }
}
