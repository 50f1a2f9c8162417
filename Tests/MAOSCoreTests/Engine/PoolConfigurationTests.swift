import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Pools of the configuration")
struct PoolConfigurationTests {
    private let id = PoolID(unchecked: "builders")

    private func specification(
        _ minimum: Int, _ maximum: Int, type: AgentType = .coder, target: Int? = nil, autoscaling: Autoscaling? = nil
    ) -> PoolSpecification {
        PoolSpecification(
            name: "Builders", minimum: minimum, maximum: maximum, target: target,
            template: AgentSpecification(type: type), autoscaling: autoscaling)
    }

    private func configure(
        _ pools: [PoolID: PoolSpecification], in world: inout EngineWorld
    ) throws -> PoolConfigurationReport? {
        let reply: Reply = try world.send(.pool(.configure(pools)), as: .system)
        try settle(&world)
        guard case .pools(let report) = reply else { return nil }
        return report
    }

    /// Reports what was to be started as started, and what was to be stopped as stopped.
    private func settle(_ world: inout EngineWorld) throws {
        while true {
            let effects: [Effect] = world.takeEffects()
            guard !effects.isEmpty else { return }
            for effect: Effect in effects {
                if let id: AgentID = effect.startedAgent { try world.report(.agentStarted(id, process: nil)) }
                if let id: AgentID = effect.stoppedAgent { try? world.report(.agentStopped(id)) }
            }
        }
    }

    private func members(in world: EngineWorld) -> [AgentRecord] {
        world.livingAgents.filter { $0.pool == id.rawValue && $0.status != .stopping }
    }

    private func record(in world: EngineWorld) throws -> PoolRecord {
        try PoolRecord(try #require(world.entities[.pool]?[id.rawValue]))
    }

    @Test("a pool is made under its id, and the same configuration changes nothing, also after a restart")
    func idempotent() throws {
        var world = EngineWorld()
        let report = try configure([id: specification(2, 4, target: 2)], in: &world)
        #expect(report?.made == [id] && report?.adjusted == [] && report?.released == [])
        #expect(members(in: world).count == 2)
        let made: PoolRecord = try record(in: world)
        #expect(made.mode == .fixed && made.name == "Builders" && made.configured == specification(2, 4, target: 2))
        let count: Int = world.events.count
        #expect(try configure([id: specification(2, 4, target: 2)], in: &world) == PoolConfigurationReport())
        #expect(world.events.count == count)
        try world.restart()
        try settle(&world)
        #expect(try configure([id: specification(2, 4, target: 2)], in: &world) == PoolConfigurationReport())
        #expect(members(in: world).count == 2)
        #expect(try record(in: world) == made)
    }

    @Test("what a client changed of a pool stays until the configuration changes")
    func clientsChanges() throws {
        var world = EngineWorld()
        _ = try configure([id: specification(1, 4, target: 1)], in: &world)
        try world.send(.pool(.scale(id, to: 4, graceful: true, reason: nil)))
        try settle(&world)
        try world.restart()
        #expect(try configure([id: specification(1, 4, target: 1)], in: &world) == PoolConfigurationReport())
        #expect(members(in: world).count == 4)
        #expect(try configure([id: specification(1, 5, target: 2)], in: &world)?.adjusted == [id])
        #expect(members(in: world).count == 2)
        #expect(try record(in: world).maximum == 5)
    }

    @Test("agents of a former kind finish what they work on, and others take their places")
    func anotherKind() throws {
        var world = EngineWorld()
        _ = try configure([id: specification(2, 2, target: 2)], in: &world)
        try world.create("a")
        let busy: AgentID = try #require(world.tasks["a"]?.state.agent)
        #expect(try configure([id: specification(2, 2, type: .tester, target: 2)], in: &world)?.adjusted == [id])
        #expect(members(in: world).map(\.specification.type) == [.tester, .tester])
        #expect(world.status("a") == .assigned && world.agents[busy]?.status == .stopping)
        try world.end("a")
        try settle(&world)
        #expect(world.status("a") == .completed && world.agents[busy]?.status == .terminated)
        #expect(members(in: world).count == 2)
    }

    @Test("a pool that is no longer configured is kept, can be deleted then, and comes back under its id")
    func released() throws {
        var world = EngineWorld()
        _ = try configure([id: specification(1, 1, target: 1)], in: &world)
        #expect(world.refusal(of: .pool(.delete(id)))?.conflict == "configured_pool")
        #expect(try configure([:], in: &world)?.released == [id])
        #expect(try configure([:], in: &world) == PoolConfigurationReport(), "it is told once")
        #expect(members(in: world).count == 1)
        #expect(try record(in: world).configured == nil)
        let number: UInt64 = try record(in: world).number
        try world.send(.pool(.delete(id)))
        try settle(&world)
        #expect(members(in: world).isEmpty)
        try world.restart()
        #expect(try configure([id: specification(2, 3, target: 2)], in: &world)?.made == [id])
        #expect(members(in: world).count == 2)
        #expect(try record(in: world).endedAt == nil && record(in: world).number == number)
    }

    @Test("a pool that a client made can be taken over")
    func takenOver() throws {
        var world = EngineWorld()
        guard case .pool(let made) = try world.send(.pool(.create(specification(1, 3)))) else {
            Issue.record("no pool")
            return
        }
        let report = try configure([made.id: specification(3, 3, target: 3)], in: &world)
        #expect(report?.adjusted == [made.id] && report?.made == [])
        #expect(world.livingAgents.count { $0.pool == made.id.rawValue } == 3)
    }

    @Test("a pool without room for its agents says why, and gets them later")
    func withoutRoom() throws {
        var world = EngineWorld { $0.limits.agents = 1 }
        try world.spawn(.reviewer, "x")
        #expect(try configure([id: specification(1, 1, target: 1)], in: &world)?.made == [id])
        #expect(members(in: world).isEmpty)
        #expect(try record(in: world).error?.contains("agents") == true)
        try world.send(.terminateAgent("x", graceful: true))
        try settle(&world)
        try world.pass(.seconds(5))
        #expect(members(in: world).count == 1)
        #expect(try record(in: world).error == nil)
    }

    @Test("agents that have been idle for long enough go, down to the minimum, but for those that work will want")
    func idleness() throws {
        var world = EngineWorld()
        let settings = Autoscaling(targetUtilization: 0.5, cooldown: 0, idleTime: .seconds(30))
        let four = specification(1, 4, autoscaling: settings)
        _ = try configure([id: four], in: &world)
        for task: TaskID in ["a", "b", "c", "d"] { try world.create(task) }
        for _ in 0..<4 {
            try world.pass(.seconds(5))
            try settle(&world)
        }
        #expect(members(in: world).count == 4)
        for task: TaskID in ["a", "b", "c"] { try world.end(task) }
        try world.pass(.seconds(25))
        try settle(&world)
        #expect(members(in: world).count == 4, "they have not been idle for long enough")
        try world.pass(.seconds(10))
        try settle(&world)
        #expect(members(in: world).count == 2, "one that works, and one in reserve")
        #expect(world.status("d") == .assigned)
        try world.end("d")
        try world.pass(.seconds(60))
        try settle(&world)
        #expect(members(in: world).count == 1)
    }

    @Test("what is wrong is named, and only who may administer everything can do it")
    func refused() throws {
        var world = EngineWorld { $0.limits.pools = 1 }
        func refusal(_ pools: [PoolID: PoolSpecification]) -> Rejection? {
            world.refusal(of: .pool(.configure(pools)), as: .system)
        }
        #expect(refusal([.onDemand: specification(0, 1)])?.field == "pools")
        #expect(refusal([id: specification(2, 1)])?.field == "minSize")
        #expect(refusal([id: specification(0, 1, target: 2)])?.field == "targetSize")
        #expect(
            refusal([id: specification(0, 1, autoscaling: Autoscaling(idleTime: 1))])?.field
                == "autoscaling.idlePeriod")
        #expect(
            refusal([id: specification(0, 1), PoolID(unchecked: "q"): specification(0, 1)])
                == .limitReached("pools", limit: 1))
        let command = Command.pool(.configure([id: specification(0, 1)]))
        let scaler = Principal(subject: "bob", permissions: .operator)
        #expect(world.refusal(of: command, as: scaler) == .forbidden(.systemAdmin))
        let local = Principal(subject: "bob", permissions: .all, projects: ["red"])
        #expect(world.refusal(of: command, as: local) == .forbidden(.systemAdmin))
        try world.report(.drain)
        guard case .unavailable? = refusal([id: specification(0, 1)]) else {
            Issue.record("a server that drains makes no pools")
            return
        }
    }

    @Test("a record keeps what the configuration says", arguments: Seeds.all)
    func coding(seed: UInt64) throws {
        var template = AgentSpecification(type: .tester, capabilities: [Capability(name: "x")])
        template.resources = ResourceRequirements(cpu: 1, memory: 2)
        template.model = "m"
        var record = PoolRecord(
            id: id, number: 4, name: "pool", template: template, holder: AgentHolder(owner: "ann", pool: "builders"),
            createdAt: Instant(milliseconds: 3), mode: .autoscaling, minimum: 1, maximum: 9, target: 4)
        record.configured = PoolSpecification(
            name: "pool", minimum: 1, maximum: 9, target: 3, template: template,
            autoscaling: Autoscaling(idleTime: .seconds(5)))
        record.autoscaling.idleTime = .seconds(7)
        let row: EntityRow = record.row
        #expect(try PoolRecord(row) == record)
        try expectRefusalOfDamage(to: row, olderForms: 1, seed: seed) { _ = try PoolRecord($0) }
    }
}
