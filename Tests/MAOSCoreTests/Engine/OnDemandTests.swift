import MAOSCore
import Testing

@Suite("Agents made on demand")
struct OnDemandTests {
    private func types(_ world: EngineWorld) -> [AgentType] {
        world.livingAgents.map(\.specification.type)
    }

    @Test("a task that no agent is free for gets one of its type made")
    func makesAgent() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("a", kind: .testing)
        #expect(types(world) == [.tester])
        let agent: AgentRecord = try #require(world.livingAgents.first)
        #expect((agent.origin, agent.owner) == (.onDemand, "system"))
        try world.startAgents()
        #expect(try world.task("a").state.agent == agent.id)
        try world.create("b", kind: .analysis)
        #expect(types(world) == [.tester, .coder], "any type would do: the configured one is made")
    }

    @Test("as many are made as tasks wait, up to the pool's maximum")
    func maximum() throws {
        var world = EngineWorld(onDemand: 3)
        for index in 0..<5 { try world.create(TaskID(unchecked: "t\(index)")) }
        #expect(world.livingAgents.count == 3)
        try world.startAgents()
        #expect(world.takeLaunches().count == 3)
        #expect(world.livingAgents.count == 3)
    }

    @Test("no agent is made while one is free, or is being made")
    func notNeeded() throws {
        var world = EngineWorld(onDemand: 4)
        try world.spawn(.coder, "x")
        try world.create("a")
        #expect(world.livingAgents.count == 1)
        try world.create("b")
        #expect(world.livingAgents.count == 2)
        try world.end("a")
        #expect(try world.task("b").state.agent == "x")
        try world.create("c")
        #expect(world.livingAgents.count == 2, "the one being made will do")
    }

    @Test("the next step of a chain is taken by the agent that has just become free")
    func chain() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("t0")
        for index in 1..<10 {
            try world.create(
                TaskID(unchecked: "t\(index)"), dependencies: [TaskID(unchecked: "t\(index - 1)")])
        }
        try world.startAgents()
        for index in 0..<10 { try world.end(TaskID(unchecked: "t\(index)")) }
        #expect(world.agents.count == 1)
    }

    @Test("nothing is made for capabilities, which no template has, nor when the pool is off")
    func nothingMade() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("a") { $0.capabilities = [CapabilityRequirement(name: "swift")] }
        #expect(world.agents.isEmpty)
        world = EngineWorld(onDemand: 0)
        try world.create("a")
        #expect(world.agents.isEmpty)
        #expect(world.status("a" as TaskID) == .queued)
    }

    @Test("the limit on all agents holds for the pool too; when one goes, the pool makes another")
    func agentLimit() throws {
        var world = EngineWorld(onDemand: 4) { $0.limits.agents = 1 }
        try world.spawn(.reviewer, "r")
        try world.create("a")
        #expect(world.livingAgents.count == 1)
        try world.send(.terminateAgent("r", graceful: true))
        try world.report(.agentStopped("r"))
        #expect(types(world) == [.coder])
    }

    @Test("an agent goes when it has been idle for a minute, counted from its last task")
    func retirement() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("a")
        try world.startAgents()
        let agent: AgentID = try #require(world.livingAgents.first).id
        try world.pass(.seconds(50))
        try world.end("a")
        try world.pass(.seconds(50))
        try world.create("b")
        try world.end("b")
        try world.pass(59_999)
        _ = world.takeEffects()
        #expect(world.status(agent) == .idle)
        try world.pass(1)
        #expect(world.status(agent) == .stopping)
        #expect(world.takeEffects().map(\.stoppedAgent) == [agent])
        try world.report(.agentStopped(agent))
        #expect(world.livingAgents.isEmpty)
        #expect(world.engine.timerCount <= 1)
    }

    @Test("an agent made for a task that was cancelled meanwhile is idle from its start")
    func unneeded() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("a")
        try world.send(.cancelTask("a", reason: nil))
        try world.startAgents()
        try world.pass(.seconds(60))
        #expect(world.livingAgents.map(\.status) == [.stopping])
    }

    @Test("agents that somebody asked for never go by themselves")
    func spawnedStay() throws {
        var world = EngineWorld(onDemand: 4)
        try world.spawn(.coder, "x")
        try world.pass(.seconds(3_600))
        #expect(world.status("x" as AgentID) == .ready)
    }

    @Test("in a full pool the longest idle agent of another type makes room")
    func room() throws {
        var world = EngineWorld(onDemand: 2)
        try world.create("a")
        try world.create("b", kind: .review)
        try world.startAgents()
        try world.end("b")
        try world.pass(.seconds(1))
        try world.end("a")
        try world.pass(.seconds(1))
        try world.create("c", kind: .testing)
        #expect(types(world) == [.coder, .reviewer, .tester])
        #expect(world.livingAgents.map(\.status) == [.idle, .stopping, .initializing])
    }

    @Test("in a full pool of busy agents the first that becomes idle makes room")
    func roomLater() throws {
        var world = EngineWorld(onDemand: 2)
        try world.create("a")
        try world.create("b")
        try world.startAgents()
        try world.create("c", kind: .testing)
        #expect(types(world) == [.coder, .coder])
        try world.end("b")
        #expect(world.livingAgents.map(\.status) == [.busy, .stopping, .initializing])
        try world.startAgents()
        #expect(world.status("c" as TaskID) == .assigned)
    }

    @Test("a type that always has work does not keep others from ever getting an agent")
    func fairness() throws {
        var world = EngineWorld(onDemand: 1)
        try world.create("c0")
        try world.startAgents()
        try world.pass(1)
        try world.create("t", kind: .testing)
        for index in 1..<10 {
            try world.pass(1)
            try world.create(TaskID(unchecked: "c\(index)"))
        }
        try world.end("c0")
        #expect(world.livingAgents.map(\.status) == [.stopping, .initializing])
        try world.startAgents()
        #expect(world.status("t" as TaskID) == .assigned)
        try world.end("t")
        try world.startAgents()
        #expect(world.status("c1" as TaskID) == .assigned)
    }

    @Test("a paused agent does not go, and makes no room")
    func paused() throws {
        var world = EngineWorld(onDemand: 1)
        try world.create("a")
        try world.startAgents()
        try world.end("a")
        let agent: AgentID = try #require(world.livingAgents.first).id
        try world.send(.pauseAgent(agent))
        try world.create("b", kind: .testing)
        try world.pass(.seconds(120))
        #expect(world.status(agent) == .paused)
        try world.send(.resumeAgent(agent))
        #expect(world.status(agent) == .stopping)
        #expect(types(world) == [.coder, .tester])
    }

    @Test("an agent that cannot start leaves the pool its place, and tries again")
    func cannotStart() throws {
        var world = EngineWorld(onDemand: 2)
        try world.create("a")
        let agent: AgentID = try #require(world.livingAgents.first).id
        try world.report(.agentCrashed(agent, reason: "no such program"))
        try world.create("b")
        #expect(world.livingAgents.count == 2)
        try world.create("c")
        #expect(world.livingAgents.count == 2)
        try world.pass(.seconds(5))
        try world.startAgents()
        #expect(world.livingAgents.map(\.status) == [.busy, .busy])
    }

    @Test("when agents of the pool are terminated others are made for what still waits")
    func terminated() throws {
        var world = EngineWorld(onDemand: 1)
        try world.create("a")
        let agent: AgentID = try #require(world.livingAgents.first).id
        try world.send(.terminateAgent(agent, graceful: true))
        #expect(world.livingAgents.map(\.status) == [.stopping, .initializing])
    }

    @Test("with ten thousand waiting tasks an agent that comes and goes sets no timer for each")
    func fewTimers() throws {
        var engine = Engine(configuration: EngineConfiguration(), seed: 1)
        let now = Instant(milliseconds: 1_000)
        for index in 0..<10_000 {
            let create = Command.createTask(
                TaskSpecification(kind: .code, description: "x"), id: TaskID(unchecked: "t\(index)"),
                idempotency: nil)
            _ = try engine.apply(Request(create, from: .system), at: now)
        }
        var launches: [AttemptLaunch] = []
        var ended: Int = 0
        while true {
            let batch: Batch = engine.takeBatch()
            launches += batch.effects.compactMap(\.launch)
            for agent: AgentID in batch.effects.compactMap(\.startedAgent) {
                _ = try engine.apply(Request(.agentStarted(agent, process: nil), from: .system), at: now)
            }
            guard let launch: AttemptLaunch = launches.popLast() else {
                if batch.effects.isEmpty { break }
                continue
            }
            ended += 1
            _ = try engine.apply(
                Request(.attemptEnded(launch.id, .completed(result: nil)), from: .system), at: now)
        }
        #expect(ended == 10_000)
        // Two for each agent, and one for the look at those that joined.
        #expect(engine.timerCount <= 2 * EngineConfiguration().onDemand.maximum + 1)
    }
}
