import MAOSCore
import Testing

@Suite("Tasks that are addressed to an agent")
struct AddressedTaskTests {
    private func world(_ resident: ResidentProcess = .conversation, slots: Int = 2) throws -> EngineWorld {
        var world = EngineWorld()
        try spawn("x", resident, slots: slots, in: &world)
        return world
    }

    private func spawn(
        _ id: AgentID, _ resident: ResidentProcess, slots: Int = 2, in world: inout EngineWorld
    ) throws {
        let specification = AgentSpecification(type: .specialist, maximumConcurrentTasks: slots, resident: resident)
        try world.send(.spawnAgent(specification, id: id))
        try world.report(.agentStarted(id, process: ProcessIdentity(pid: 7, startTicks: 1)))
        _ = world.takeEffects()
    }

    @Test("go to it whatever their kind, and to nobody else")
    func match() throws {
        var world = try world()
        try world.spawn(.coder, "c")
        try world.create("a") { $0.agent = "x" }
        try world.create("b") { $0.agent = "x" }
        try world.create("c") { $0.agent = "x" }
        #expect(world.takeLaunches().map(\.agent.id) == ["x", "x"])
        #expect(world.status("c" as TaskID) == .queued)
        try world.start("a")
        try world.end("a")
        #expect(world.takeLaunches().map(\.id.task) == ["c"])
    }

    @Test("are all that an agent gets that is talked to; one with a terminal gets others too")
    func onlyOwn() throws {
        var world = try world()
        try world.create("a", kind: .analysis)
        #expect(world.status("a" as TaskID) == .queued)
        try spawn("y", .terminal, in: &world)
        #expect(try world.task("a").state.agent == "y")
        try world.create("b") { $0.agent = "y" }
        #expect(try world.task("b").state.agent == "y")
    }

    @Test("wait for no other agent, and say so")
    func waiting() throws {
        var world = try world(slots: 1)
        try world.spawn(.coder, "c")
        try world.create("a") { $0.agent = "x" }
        try world.create("b") { $0.agent = "x" }
        let reply: Reply = try world.send(.explainWaiting("b"))
        guard case .waiting(_, let reasons) = reply else { return #expect(Bool(false)) }
        #expect(reasons.contains { if case .noFreeSlot(agents: 1, since: _) = $0 { true } else { false } })
    }

    @Test("may be longer and shorter than others, and cannot be scheduled")
    func limits() throws {
        var world = try world()
        try world.create("a") {
            $0.agent = "x"
            $0.description = String(repeating: "x", count: 65_536)
            $0.timeout = 1
        }
        var specification = TaskSpecification(kind: .code, description: String(repeating: "x", count: 65_537))
        specification.agent = "x"
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field == "description")
        specification.description = "x"
        specification.schedule = TaskSchedule(at: world.now + 1_000)
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field == "schedule")
    }

    @Test("need an agent that is there, has a resident process and is not about to end")
    func refused() throws {
        var world = try world()
        try world.spawn(.coder, "c")
        var specification = TaskSpecification(kind: .code, description: "do it")
        specification.agent = "nobody"
        #expect(
            world.refusal(of: .createTask(specification, id: nil, idempotency: nil)) == .notFound(.agent, id: "nobody"))
        specification.agent = "c"
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field == "agent")
        try world.create("a") { $0.agent = "x" }
        try world.send(.terminateAgent("x", graceful: true))
        specification.agent = "x"
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.conflict == "stopping")
    }

    @Test("need the permission to command agents, and no other")
    func permission() throws {
        var world = try world()
        var specification = TaskSpecification(kind: .code, description: "do it")
        specification.agent = "x"
        let creator = Principal(subject: "bob", permissions: .tasksCreate)
        #expect(
            world.refusal(of: .createTask(specification, id: nil, idempotency: nil), as: creator)
                == .forbidden(.agentsCommand))
        let commander = Principal(subject: "bob", permissions: .agentsCommand)
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil), as: commander) == nil)
    }

    @Test("end with their agent, those that wait at once and those that run when they have stopped")
    func termination() throws {
        var world = try world(slots: 1)
        try world.create("a") { $0.agent = "x" }
        try world.create("b") { $0.agent = "x" }
        try world.start("a")
        _ = world.takeEffects()
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.status("b" as TaskID) == .cancelled)
        #expect(world.takeEffects().compactMap(\.stop?.attempt) == [world.attempt(of: "a")])
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .cancelled)
        #expect(world.takeEffects().compactMap(\.stoppedAgent) == ["x"])
        // Nobody is there to try it again.
        #expect(world.refusal(of: .retryTask("a"))?.conflict == "stopping")
        try world.report(.agentStopped("x"))
        #expect(world.refusal(of: .retryTask("a")) == .notFound(.agent, id: "x"))
    }

    @Test("halt with their agent's process, and go on with it")
    func pause() throws {
        var world = try world()
        try world.create("a") { $0.agent = "x" }
        try world.start("a")
        _ = world.takeEffects()
        try world.send(.pauseAgent("x"))
        #expect(suspensions(world.takeEffects()) == ["x true", "a true"])
        #expect(world.status("a" as TaskID) == .paused)
        try world.send(.resumeAgent("x"))
        #expect(suspensions(world.takeEffects()) == ["x false", "a false"])
        #expect(world.status("a" as TaskID) == .running)
        #expect(world.status("x" as AgentID) == .busy)
    }

    @Test("of an agent without a resident process go on while it is paused")
    func pauseOfOthers() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "c")
        try world.create("a")
        try world.start("a")
        _ = world.takeEffects()
        try world.send(.pauseAgent("c"))
        #expect(suspensions(world.takeEffects()).isEmpty)
        #expect(world.status("a" as TaskID) == .running)
    }

    @Test("a paused agent that crashes is halted again once it has started again")
    func pausedCrash() throws {
        var world = try world()
        try world.send(.pauseAgent("x"))
        _ = world.takeEffects()
        try world.report(.agentCrashed("x", reason: "exited with code 1"))
        try world.pass(.seconds(10))
        #expect(world.takeEffects().compactMap(\.startedAgent) == ["x"])
        try world.report(.agentStarted("x", process: nil))
        #expect(suspensions(world.takeEffects()) == ["x true"])
        #expect(world.status("x" as AgentID) == .paused)
    }

    @Test("survive a restart with their agent, also paused, and go on when it is resumed")
    func restart() throws {
        var world = try world()
        try world.create("a") { $0.agent = "x" }
        try world.start("a")
        try world.send(.pauseAgent("x"))
        try world.restart()
        #expect(world.status("a" as TaskID) == .paused)
        _ = world.takeEffects()
        try world.send(.resumeAgent("x"))
        #expect(world.takeEffects().compactMap(\.startedAgent) == ["x"])
        #expect(world.status("a" as TaskID) == .queued)
        try world.report(.agentStarted("x", process: nil))
        #expect(try world.task("a").state.agent == "x")
    }

    private func suspensions(_ effects: [Effect]) -> [String] {
        effects.compactMap {
            switch $0 {
            case .suspendAgent(let id, let isSuspended): "\(id) \(isSuspended)"
            case .suspendAttempt(let id, let isSuspended): "\(id.task) \(isSuspended)"
            default: nil
            }
        }
    }
}
