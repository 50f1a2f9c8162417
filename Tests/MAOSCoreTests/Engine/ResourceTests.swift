import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Resources and quotas")
struct ResourceTests {
    private func request(
        _ id: String, cpu: Double = 1, memory: Double = 0, _ adjust: (inout AllocationRequest) -> Void = { _ in }
    ) -> AllocationRequest {
        var request = AllocationRequest(requestID: id, amounts: ResourceAmounts(cpu: cpu, memory: memory))
        adjust(&request)
        return request
    }

    private func allocate(
        _ request: AllocationRequest, in world: inout EngineWorld, as principal: Principal? = nil
    ) throws -> AllocationRecord {
        guard case .allocation(let record) = try world.send(.resource(.allocate(request)), as: principal) else {
            throw Unexpected()
        }
        return record
    }

    private struct Unexpected: Error {}

    private func world(_ adjust: (inout EngineConfiguration) -> Void = { _ in }) -> EngineWorld {
        EngineWorld { (configuration: inout EngineConfiguration) in
            configuration.capacity = ResourceAmounts(cpu: 4, memory: 1_000, gpu: 1)
            adjust(&configuration)
        }
    }

    private func allocated(in world: inout EngineWorld) throws -> ResourceAmounts {
        guard case .resources(let report) = try world.send(.resource(.showUsage)) else { throw Unexpected() }
        return report.allocated
    }

    private func shortage(_ rejection: Rejection?) -> Shortage? {
        if case .exhausted(let shortage)? = rejection { shortage } else { nil }
    }

    @Test("no more is allocated than the host has, GW-REST-22")
    func capacity() throws {
        var world = world()
        let first: AllocationRecord = try allocate(request("a", cpu: 3.5), in: &world)
        let refused: Shortage? = shortage(world.refusal(of: .resource(.allocate(request("b", cpu: 0.501)))))
        #expect(refused == Shortage(key: nil, resource: "cpu", limit: 4, inUse: 3.5, requested: 0.501))
        _ = try allocate(request("c", cpu: 0.5, memory: 1_000), in: &world)
        #expect(
            shortage(world.refusal(of: .resource(.allocate(request("d", cpu: 0, memory: 1)))))?.resource == "memory")
        try world.send(.resource(.release(first.id)))
        #expect(try allocated(in: &world) == ResourceAmounts(cpu: 0.5, memory: 1_000))
        _ = try allocate(request("e", cpu: 3.5), in: &world)
    }

    @Test("a request that comes again is answered with the first allocation, as long as that is there")
    func repeated() throws {
        var world = world()
        let first: AllocationRecord = try allocate(request("a"), in: &world)
        #expect(try allocate(request("a"), in: &world) == first)
        #expect(world.refusal(of: .resource(.allocate(request("a", cpu: 2))))?.conflict == "request_id_reused")
        let bob = Principal(subject: "bob", permissions: .all)
        #expect(try allocate(request("a"), in: &world, as: bob).id != first.id)
        try world.restart()
        #expect(try allocate(request("a"), in: &world) == first)
        try world.send(.resource(.release(first.id)))
        #expect(try allocate(request("a"), in: &world).id != first.id)
    }

    @Test("an allocation is released once, and ends by itself when its time is over, also across a restart")
    func ends() throws {
        var world = world()
        let short: AllocationRecord = try allocate(request("a") { $0.duration = .seconds(60) }, in: &world)
        #expect(short.expiresAt == world.now + .seconds(60))
        let long: AllocationRecord = try allocate(request("b") { $0.duration = .seconds(600) }, in: &world)
        try world.restart()
        try world.pass(.seconds(60))
        #expect(try allocated(in: &world) == ResourceAmounts(cpu: 1))
        #expect(world.refusal(of: .resource(.release(short.id))) == .notFound(.allocation, id: short.id.rawValue))
        try world.send(.resource(.release(long.id)))
        #expect(world.refusal(of: .resource(.release(long.id))) == .notFound(.allocation, id: long.id.rawValue))
        let rows: [EntityRow] = world.stored(EntityQuery(.allocation))
        #expect(rows.map(\.status) == [AllocationStatus.released.rawValue, AllocationStatus.expired.rawValue])
        try world.pass(.seconds(600))
        #expect(try allocated(in: &world) == .zero)
    }

    @Test("an exclusive allocation stands alone")
    func exclusive() throws {
        var world = world()
        let other: AllocationRecord = try allocate(request("a"), in: &world)
        let alone: AllocationRequest = request("b") { $0.isExclusive = true }
        #expect(world.refusal(of: .resource(.allocate(alone)))?.conflict == "exclusive")
        try world.send(.resource(.release(other.id)))
        let only: AllocationRecord = try allocate(alone, in: &world)
        #expect(world.refusal(of: .resource(.allocate(request("c"))))?.conflict == "exclusive")
        try world.send(.resource(.release(only.id)))
        _ = try allocate(request("c"), in: &world)
    }

    @Test("quotas of users, teams and projects hold for allocations, GW-REST-26")
    func quotas() throws {
        var world = world { $0.capacity = nil }
        let ann = Principal(subject: "ann", permissions: .all, projects: ["red"], team: "one")
        let bob = Principal(subject: "bob", permissions: .all, projects: ["red", "blue"], team: "one")
        try world.send(
            .resource(
                .setQuotas([
                    QuotaKey(.user, "ann"): QuotaLimits([.cpu: 2]), QuotaKey(.team, "one"): QuotaLimits([.cpu: 3]),
                    QuotaKey(.project, "red"): QuotaLimits([.memory: 100]),
                ])))
        _ = try allocate(request("a", cpu: 2, memory: 60), in: &world, as: ann)
        let over: Shortage? = shortage(world.refusal(of: .resource(.allocate(request("b", cpu: 0.5))), as: ann))
        #expect(over?.key == QuotaKey(.user, "ann") && over?.limit == 2 && over?.inUse == 2)
        let team: Shortage? = shortage(world.refusal(of: .resource(.allocate(request("a", cpu: 1.5))), as: bob))
        #expect(team?.key == QuotaKey(.team, "one"))
        let project = Command.resource(.allocate(request("a", cpu: 0, memory: 41) { $0.project = "red" }))
        #expect(shortage(world.refusal(of: project, as: bob))?.key == QuotaKey(.project, "red"))
        _ = try allocate(request("a", cpu: 1, memory: 41) { $0.project = "blue" }, in: &world, as: bob)
        let foreign = Command.resource(.allocate(request("z") { $0.project = "green" }))
        #expect(world.refusal(of: foreign, as: bob)?.field == "project")
    }

    @Test("quotas hold for agents and what they may use, and count what is there already")
    func agents() throws {
        var world = world()
        let ann = Principal(subject: "ann", permissions: .all, team: "one")
        var specification = AgentSpecification(type: .coder)
        specification.resources = ResourceRequirements(cpu: 2, memory: 100)
        try world.send(.spawnAgent(specification, id: "x"), as: ann)
        let reply: Reply = try world.send(
            .resource(
                .setQuotas([
                    QuotaKey(.user, "ann"): QuotaLimits([.cpu: 3], agents: 2),
                    QuotaKey(.team, "one"): QuotaLimits(agents: 0),
                ])))
        guard case .quotas(let report) = reply else { throw Unexpected() }
        #expect(report.excesses.map(\.key) == [QuotaKey(.team, "one")], "a quota below what is in use is said")
        #expect(shortage(world.refusal(of: .spawnAgent(specification, id: "y"), as: ann))?.resource == "cpu")
        specification.resources = nil
        #expect(shortage(world.refusal(of: .spawnAgent(specification, id: "y"), as: ann))?.key?.scope == .team)
        try world.send(.resource(.setQuotas([QuotaKey(.user, "ann"): QuotaLimits([.cpu: 3], agents: 2)])))
        try world.send(.spawnAgent(specification, id: "y"), as: ann)
        #expect(shortage(world.refusal(of: .spawnAgent(specification, id: "z"), as: ann))?.resource == "agents")
        var change = AgentChange()
        change.resources = ResourceRequirements(cpu: 2, memory: 0)
        #expect(shortage(world.refusal(of: .configureAgent("y", change), as: ann))?.resource == "cpu")
        change.resources = ResourceRequirements(cpu: 1, memory: 0)
        try world.send(.configureAgent("y", change), as: ann)
        #expect(shortage(world.refusal(of: .resource(.allocate(request("a", cpu: 0.1))), as: ann))?.resource == "cpu")
        try world.restart()
        #expect(shortage(world.refusal(of: .spawnAgent(specification, id: "z"), as: ann))?.resource == "agents")
        try world.send(.terminateAgent("x", graceful: true), as: ann)
        try world.report(.agentStopped("x"))
        try world.send(.spawnAgent(specification, id: "z"), as: ann)
    }

    @Test("the report counts running tasks")
    func runningTasks() throws {
        var world = world()
        try world.spawn(.coder, "x", slots: 3)
        for id: TaskID in ["a", "b"] { try world.create(id) { $0.project = "red" } }
        let reply: Reply = try world.send(
            .resource(.setQuotas([QuotaKey(.project, "red"): QuotaLimits(tasks: 1)])))
        guard case .quotas(let report) = reply else { throw Unexpected() }
        #expect(report.entries.first?.tasks == 2)
        #expect(report.excesses.map(\.resource) == ["tasks"])
    }

    @Test("what is wrong with a request is named, and so is a missing permission")
    func refused() throws {
        var world = world { $0.limits.allocations = 1 }
        #expect(world.refusal(of: .resource(.allocate(request(""))))?.field == "requestId")
        #expect(world.refusal(of: .resource(.allocate(request("a") { $0.duration = 1 })))?.field == "duration")
        let nobody = Principal(subject: "eve", permissions: [])
        #expect(world.refusal(of: .resource(.allocate(request("a"))), as: nobody) == .forbidden(.resourcesAllocate))
        #expect(world.refusal(of: .resource(.setQuotas([:])), as: nobody) == .forbidden(.resourcesQuota))
        #expect(world.refusal(of: .resource(.showUsage), as: nobody) == .forbidden(.resourcesRead))
        let limited = Principal(subject: "ann", permissions: .all, projects: ["red"])
        #expect(world.refusal(of: .resource(.setQuotas([:])), as: limited) == .forbidden(.resourcesQuota))
        let made: AllocationRecord = try allocate(request("a"), in: &world)
        #expect(world.refusal(of: .resource(.allocate(request("b")))) == .limitReached("allocations", limit: 1))
        let hidden: Rejection? = world.refusal(of: .resource(.release(made.id)), as: limited)
        #expect(hidden == .notFound(.allocation, id: made.id.rawValue))
        let long: [QuotaKey: QuotaLimits] = [
            QuotaKey(.team, String(repeating: "x", count: 201)): QuotaLimits(agents: 1)
        ]
        #expect(world.refusal(of: .resource(.setQuotas(long)))?.field?.hasPrefix("team.") == true)
        #expect(
            world.refusal(of: .resource(.setQuotas([QuotaKey(.user, "a"): QuotaLimits(tasks: -1)])))?.field
                == "user.a.maxTasks")
    }

    @Test("what is taken and given back adds up, in any order", arguments: Seeds.all)
    func addsUp(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var world = world()
        var held: [AllocationID] = []
        for step in 0..<400 {
            if held.isEmpty || random.below(3) > 0 {
                let wanted: AllocationRequest = request("\(step)", cpu: Double(random.below(1_000)) / 333) {
                    if random.below(3) == 0 { $0.duration = .seconds(Int64(random.below(50)) + 1) }
                }
                if case .allocation(let made)? = try? world.send(.resource(.allocate(wanted))) { held.append(made.id) }
            } else {
                _ = try? world.send(.resource(.release(held.remove(at: Int(random.below(UInt64(held.count)))))))
            }
            try world.pass(.seconds(Int64(random.below(5))))
            if random.below(40) == 0 { try world.restart() }
        }
        try world.pass(.seconds(60))
        for id: AllocationID in held { _ = try? world.send(.resource(.release(id))) }
        #expect(try allocated(in: &world) == .zero)
    }

    @Test("an agent's record keeps whom it belongs to")
    func holders() throws {
        for parts in 0..<8 {
            let holder = AgentHolder(
                owner: "ann", team: parts & 1 == 0 ? nil : "one", project: parts & 2 == 0 ? nil : "red",
                pool: parts & 4 == 0 ? nil : "p")
            let agent = AgentRecord(
                id: "a", number: 1, origin: .spawned, holder: holder, createdAt: Instant(milliseconds: 5),
                specification: AgentSpecification(type: .coder),
                state: AgentState(status: .idle, at: Instant(milliseconds: 6)))
            var writer = ByteWriter(reservingCapacity: 64)
            RecordCoding.write(agent, to: &writer)
            let bytes: [UInt8] = writer.take()
            #expect(try RecordCoding.agent(bytes[...]) == agent)
            for count in 0..<bytes.count {
                #expect(throws: RecordCodingError.self) { try RecordCoding.agent(bytes[..<count]) }
            }
        }
    }

    @Test("records are read back as they were written, and damaged ones are refused", arguments: Seeds.all)
    func coding(seed: UInt64) throws {
        var wanted: AllocationRequest = request("a", cpu: 0.001, memory: 7)
        wanted.network = JSONText(["bandwidthMbps": 5])
        wanted.constraints = JSONText([["type": "zone"]])
        wanted.duration = 1_000
        wanted.project = "red"
        wanted.isExclusive = true
        let allocation = AllocationRecord(
            id: AllocationID(unchecked: "x"), number: 3, request: wanted, owner: "ann", team: "t",
            createdAt: Instant(milliseconds: 5))
        let table = QuotaTable(
            limits: [
                QuotaKey(.user, "ann@example"): QuotaLimits([.cpu: 1, .network: 5], agents: 3),
                QuotaKey(.team, "t"): QuotaLimits(tasks: 0),
            ], createdAt: Instant(milliseconds: 1), updatedAt: Instant(milliseconds: 2))
        #expect(try AllocationRecord(allocation.row) == allocation)
        #expect(try QuotaTable(table.row) == table)
        for row: EntityRow in [allocation.row, table.row] {
            try expectRefusalOfDamage(to: row, seed: seed) { (row: EntityRow) in
                if row.kind == .quota { _ = try QuotaTable(row) } else { _ = try AllocationRecord(row) }
            }
        }
    }
}
