import MAOSCore
import Testing

@Suite("The life of agents")
struct AgentTests {
    @Test("a new agent initializes, is ready when it has started, busy with a task and idle after it")
    func life() throws {
        var world = EngineWorld()
        let reply: Reply = try world.send(.spawnAgent(AgentSpecification(type: .tester), id: nil))
        let agent: AgentRecord = try #require(reply.agent)
        #expect(agent.status == .initializing)
        #expect((agent.number, agent.origin, agent.owner) == (1, .spawned, "ann"))
        #expect(agent.name == "tester-1")
        #expect(world.takeEffects().map(\.startedAgent) == [agent.id])
        try world.create("a", kind: .testing)
        #expect(world.status("a" as TaskID) == .queued, "it has not started")
        let process = ProcessIdentity(pid: 7, startTicks: 8)
        try world.report(.agentStarted(agent.id, process: process))
        #expect(world.status(agent.id) == .busy)
        #expect(try world.agent(agent.id).state.process == process)
        try world.end("a")
        #expect(world.status(agent.id) == .idle)
        #expect(
            world.history(of: agent.id) == [.spawned, .ready, .workChanged, .workChanged])
        try world.spawn(.coder, "x")
        #expect(world.status("x" as AgentID) == .ready)
    }

    @Test("an agent starts once, however often that is reported")
    func repeatedStart() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let before: AgentRecord = try world.agent("x")
        try world.report(.agentStarted("x", process: ProcessIdentity(pid: 1, startTicks: 1)))
        #expect(try world.agent("x") == before)
    }

    @Test("identifiers of living agents are taken, and there is a limit to their number")
    func limits() throws {
        var world = EngineWorld { $0.limits.agents = 2 }
        try world.spawn(.coder, "x")
        let another = Command.spawnAgent(AgentSpecification(type: .coder), id: "x")
        #expect(world.refusal(of: another)?.conflict == "duplicate_id")
        try world.spawn(.coder, "y")
        let third = Command.spawnAgent(AgentSpecification(type: .coder), id: "z")
        #expect(world.refusal(of: third) == .limitReached("agents", limit: 2))
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.refusal(of: third) == .limitReached("agents", limit: 2), "it has not ended yet")
        try world.report(.agentStopped("x"))
        #expect(world.refusal(of: third) == nil)
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var field: String
        var change: @Sendable (inout AgentSpecification) -> Void
        var testDescription: String { field }
    }

    @Test(
        "a value out of its range is refused by name, for a new agent and for a change",
        arguments: [
            Broken(field: "maximumConcurrentTasks") { $0.maximumConcurrentTasks = 0 },
            Broken(field: "maximumConcurrentTasks") { $0.maximumConcurrentTasks = 1_001 },
            Broken(field: "maximumConcurrentTasks") { $0.maximumConcurrentTasks = .min },
            Broken(field: "heartbeatInterval") { $0.heartbeatInterval = 999 },
            Broken(field: "heartbeatInterval") { $0.heartbeatInterval = Milliseconds(.max) },
            Broken(field: "commandTimeout") { $0.commandTimeout = 0 },
            Broken(field: "capabilities.0.proficiency") {
                $0.capabilities = [Capability(name: "a", proficiency: .nan)]
            },
            Broken(field: "capabilities.0.proficiency") {
                $0.capabilities = [Capability(name: "a", proficiency: 2)]
            },
            Broken(field: "capabilities.0.name") { $0.capabilities = [Capability(name: "")] },
            Broken(field: "capabilities") {
                $0.capabilities = (0..<101).map { Capability(name: "c\($0)") }
            },
            Broken(field: "resources.cpu") { $0.resources = ResourceRequirements(cpu: -1, memory: 1) },
            Broken(field: "resources.memory") {
                $0.resources = ResourceRequirements(cpu: 1, memory: .infinity)
            },
        ])
    func outOfRange(broken: Broken) throws {
        var world = EngineWorld()
        var specification = AgentSpecification(type: .coder)
        broken.change(&specification)
        #expect(world.refusal(of: .spawnAgent(specification, id: nil))?.field == broken.field)
        try world.spawn(.coder, "x")
        var change = AgentChange()
        change.maximumConcurrentTasks = specification.maximumConcurrentTasks
        change.heartbeatInterval = specification.heartbeatInterval
        change.commandTimeout = specification.commandTimeout
        change.capabilities = specification.capabilities
        change.resources = specification.resources
        #expect(world.refusal(of: .configureAgent("x", change))?.field == broken.field)
    }

    // MARK: Configuration

    @Test("a change leaves alone what it does not name, adds to the environment, and counts at once")
    func configure() throws {
        var world = EngineWorld()
        var specification = AgentSpecification(
            type: .coder, model: "m", environment: ["A": "1", "B": "2"])
        specification.workspace = "/w"
        try world.send(.spawnAgent(specification, id: "x"))
        try world.report(.agentStarted("x", process: nil))
        for id in ["a", "b", "c"] as [TaskID] { try world.create(id) }
        try world.create("swift") { $0.capabilities = [CapabilityRequirement(name: "swift")] }
        var change = AgentChange()
        change.maximumConcurrentTasks = 4
        change.environment = ["B": "3", "C": "4"]
        change.capabilities = [Capability(name: "swift")]
        let changed: AgentRecord = try #require(try world.send(.configureAgent("x", change)).agent)
        #expect(changed.specification.environment == ["A": "1", "B": "3", "C": "4"])
        #expect((changed.specification.model, changed.specification.workspace) == ("m", "/w"))
        #expect(changed.state.currentTasks == ["a", "b", "c", "swift"])
        #expect(world.refusal(of: .configureAgent("nobody", change)) == .notFound(.agent, id: "nobody"))
    }

    @Test(
        "an agent with fewer slots than tasks keeps them, and gets no other before it has a free slot")
    func fewerSlots() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 3)
        for id in ["a", "b", "c", "d"] as [TaskID] { try world.create(id) }
        var change = AgentChange()
        change.maximumConcurrentTasks = 1
        try world.send(.configureAgent("x", change))
        try world.end("a")
        try world.end("b")
        #expect(world.status("d" as TaskID) == .queued)
        try world.end("c")
        #expect(world.status("d" as TaskID) == .assigned)
    }

    @Test("a shorter heartbeat interval counts at once")
    func shorterInterval() throws {
        var world = EngineWorld()
        try world.send(
            .spawnAgent(AgentSpecification(type: .coder, heartbeatInterval: .seconds(3_600)), id: "x"))
        try world.report(.agentStarted("x", process: nil))
        var change = AgentChange()
        change.heartbeatInterval = .seconds(1)
        try world.send(.configureAgent("x", change))
        try world.pass(.seconds(3), silent: ["x"])
        #expect(world.status("x" as AgentID) == .error)
    }

    // MARK: Pause

    @Test("a paused agent finishes what it has and gets nothing new until it is resumed")
    func pause() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b")
        try world.send(.pauseAgent("x"))
        try world.end("a")
        #expect(world.status("a" as TaskID) == .completed)
        #expect(world.status("b" as TaskID) == .queued)
        #expect(world.status("x" as AgentID) == .paused)
        let events: Int = world.events.count
        try world.send(.pauseAgent("x"))
        #expect(world.events.count == events, "pausing twice is pausing once")
        try world.send(.resumeAgent("x"))
        #expect(world.status("b" as TaskID) == .assigned)
        #expect(world.refusal(of: .resumeAgent("x"))?.conflict == "not_paused")
        try world.send(.pauseAgent("x"))
        try world.send(.resumeAgent("x"))
        #expect(world.status("x" as AgentID) == .busy)
    }

    @Test("only an agent that has started and works can be paused")
    func wrongStates() throws {
        var world = EngineWorld()
        try world.send(.spawnAgent(AgentSpecification(type: .coder), id: "x"))
        #expect(world.refusal(of: .pauseAgent("x"))?.conflict == "initializing")
        try world.report(.agentCrashed("x", reason: "no such program"))
        #expect(world.refusal(of: .pauseAgent("x"))?.conflict == "error")
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.refusal(of: .pauseAgent("x"))?.conflict == "stopping")
        try world.report(.agentStopped("x"))
        #expect(world.refusal(of: .pauseAgent("x")) == .notFound(.agent, id: "x"))
        #expect(world.refusal(of: .resumeAgent("x")) == .notFound(.agent, id: "x"))
    }

    @Test("a paused agent that crashes is started again, and is still paused")
    func crashWhilePaused() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.send(.pauseAgent("x"))
        try world.report(.agentCrashed("x", reason: "killed by SIGSEGV"))
        try world.pass(.seconds(2))
        try world.report(.agentStarted("x", process: nil))
        #expect(world.status("x" as AgentID) == .paused)
        try world.create("a")
        #expect(world.status("a" as TaskID) == .queued)
        try world.send(.resumeAgent("x"))
        #expect(world.status("a" as TaskID) == .assigned)
    }

    // MARK: Termination

    @Test("an idle agent that is terminated is stopped at once, and gone when that is reported")
    func terminateIdle() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        _ = world.takeEffects()
        let reply: Reply = try world.send(.terminateAgent("x", graceful: true))
        #expect(reply.agent?.status == .stopping)
        #expect(world.takeEffects().map(\.stoppedAgent) == ["x"])
        try world.create("a")
        #expect(world.status("a" as TaskID) == .queued)
        try world.report(.agentStopped("x"))
        let agent: AgentRecord = try world.agent("x")
        #expect(agent.status == .terminated)
        #expect(agent.state.terminatedAt == world.now)
        #expect(world.history(of: "x" as AgentID) == [.spawned, .ready, .stopping, .terminated])
        #expect(world.refusal(of: .terminateAgent("x", graceful: true)) == .notFound(.agent, id: "x"))
    }

    @Test("an agent that is terminated gracefully finishes its tasks first")
    func graceful() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id in ["a", "b", "c"] as [TaskID] { try world.create(id) }
        _ = world.takeEffects()
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.takeEffects().isEmpty)
        try world.end("a")
        #expect(world.status("c" as TaskID) == .queued)
        #expect(world.takeEffects().isEmpty)
        try world.end("b")
        #expect(world.takeEffects().map(\.stoppedAgent) == ["x"])
        #expect(world.status("b" as TaskID) == .completed)
    }

    @Test(
        "an agent that is terminated by force has its attempts stopped; their tasks are queued again")
    func forced() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.create("a")
        try world.create("b") { $0.retryPolicy.onInterruption = .fail }
        for id in ["a", "b"] as [TaskID] { try world.start(id) }
        _ = world.takeEffects()
        try world.send(.terminateAgent("x", graceful: false))
        #expect(world.takeEffects().map(\.stop?.reason) == [.agentTerminated, .agentTerminated])
        try world.end("a", .stopped)
        let a: TaskState = try world.task("a").state
        #expect((a.status, a.agent, a.interruptions, a.failures) == (.queued, nil, 1, 0))
        #expect(world.takeEffects().isEmpty)
        try world.end("b", .stopped)
        #expect(world.status("b" as TaskID) == .failed)
        #expect(try world.task("b").state.error?.code == .interrupted)
        #expect(world.takeEffects().map(\.stoppedAgent) == ["x"])
        try world.spawn(.coder, "y")
        #expect(world.attempt(of: "a").number == 2)
    }

    @Test("a graceful termination can be followed by a forced one, but not the other way round")
    func escalation() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.send(.terminateAgent("x", graceful: true))
        _ = world.takeEffects()
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.takeEffects().isEmpty)
        try world.send(.terminateAgent("x", graceful: false))
        #expect(world.takeEffects().map(\.stop?.reason) == [.agentTerminated])
        try world.send(.terminateAgent("x", graceful: true))
        try world.send(.terminateAgent("x", graceful: false))
        #expect(world.takeEffects().isEmpty)
        #expect(world.history(of: "x" as AgentID).count { $0 == .stopping } == 1)
    }

    @Test(
        "an agent that has not started, has crashed or is paused can be terminated", arguments: 0..<3)
    func terminateInAllStates(state: Int) throws {
        var world = EngineWorld()
        try world.send(.spawnAgent(AgentSpecification(type: .coder), id: "x"))
        if state == 1 { try world.report(.agentCrashed("x", reason: "gone")) }
        if state == 2 {
            try world.report(.agentStarted("x", process: nil))
            try world.send(.pauseAgent("x"))
        }
        _ = world.takeEffects()
        try world.send(.terminateAgent("x", graceful: true))
        #expect(world.takeEffects().map(\.stoppedAgent) == ["x"])
        try world.report(.agentStarted("x", process: nil))
        try world.report(.agentCrashed("x", reason: "gone"))
        #expect(world.status("x" as AgentID) == .stopping, "late reports change nothing")
        try world.pass(.seconds(60))
        #expect(world.takeEffects().isEmpty)
        try world.report(.agentStopped("x"))
        #expect(world.status("x" as AgentID) == .terminated)
    }

    @Test(
        "a stop that nobody asked for, or that comes before the last attempt has ended, is passed over")
    func earlyStop() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.report(.agentStopped("x"))
        #expect(world.status("x" as AgentID) == .ready)
        try world.create("a")
        try world.send(.terminateAgent("x", graceful: false))
        try world.report(.agentStopped("x"))
        #expect(world.status("x" as AgentID) == .stopping)
        try world.end("a", .stopped)
        try world.report(.agentStopped("x"))
        #expect(world.status("x" as AgentID) == .terminated)
    }

    // MARK: Crashes

    @Test(
        "a crashed agent is started again after a wait that grows with each crash, and its tasks go on")
    func crash() throws {
        var world = EngineWorld { $0.limits.backoff = .seconds(60) }
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        try world.create("b")
        _ = world.takeEffects()
        for (crash, whole) in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000].enumerated()
            as EnumeratedSequence<[Int64]>
        {
            try world.report(.agentCrashed("x", reason: "exited with code 3"))
            let agent: AgentRecord = try world.agent("x")
            #expect(agent.status == .error)
            #expect(agent.state.error == "exited with code 3")
            #expect(agent.state.restarts == crash + 1)
            #expect(agent.state.currentTasks == ["a"])
            try world.pass(Milliseconds(whole * 4 / 5 - 1))
            #expect(world.takeEffects().isEmpty)
            try world.pass(Milliseconds(whole * 2 / 5 + 1))
            #expect(world.takeEffects().map(\.startedAgent) == ["x"])
            try world.report(.agentStarted("x", process: nil))
            #expect(try world.agent("x").state.error == nil)
            #expect(world.status("x" as AgentID) == .busy)
        }
        try world.end("a")
        #expect(world.status("b" as TaskID) == .assigned)
    }

    @Test("a crash that is reported twice is one crash")
    func repeatedCrash() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.report(.agentCrashed("x", reason: "gone"))
        try world.report(.agentCrashed("x", reason: "gone"))
        #expect(try world.agent("x").state.restarts == 1)
        _ = world.takeEffects()
        try world.pass(.seconds(5))
        #expect(world.takeEffects().count == 1)
    }

    @Test("crashes are forgotten once the agent has run for a minute")
    func forgottenCrashes() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        for _ in 0..<3 {
            try world.report(.agentCrashed("x", reason: "gone"))
            try world.pass(.seconds(10))
            try world.report(.agentStarted("x", process: nil))
        }
        #expect(try world.agent("x").state.restarts == 3)
        try world.pass(.seconds(60))
        try world.report(.agentCrashed("x", reason: "gone"))
        #expect(try world.agent("x").state.restarts == 1)
    }

    // MARK: Heartbeats

    @Test(
        "an agent that is not heard of for three intervals is lost: its attempts are stopped and fail")
    func lostAgent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2) }
        try world.create("b")
        _ = world.takeEffects()
        try world.pass(.seconds(20))
        try world.pass(29_999, silent: ["x"])
        #expect(world.status("x" as AgentID) == .busy)
        try world.pass(1, silent: ["x"])
        #expect(world.status("x" as AgentID) == .error)
        #expect(world.takeEffects().map(\.stop?.reason) == [.agentTerminated, .agentTerminated])
        try world.end("a", .stopped)
        try world.end("b", .stopped)
        #expect(world.status("a" as TaskID) == .retrying)
        #expect(world.status("b" as TaskID) == .failed)
        for id in ["a", "b"] as [TaskID] { #expect(try world.task(id).state.error?.code == .agentLost) }
    }

    @Test("signs of life keep an agent; they are worth no event and no storing")
    func heartbeats() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let events: Int = world.events.count
        for _ in 0..<20 {
            try world.pass(.seconds(25), silent: ["x"])
            try world.report(.agentsAlive(["x", "nobody"]))
        }
        #expect(world.status("x" as AgentID) == .ready)
        #expect(world.events.count == events)
    }

    @Test("however often an agent restarts, one timer watches it")
    func oneHeartbeatTimer() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        for _ in 0..<20 {
            try world.report(.agentCrashed("x", reason: "gone"))
            try world.pass(.seconds(2_000))
            try world.report(.agentStarted("x", process: nil))
        }
        try world.pass(.seconds(100))
        #expect(world.engine.timerCount == 1)
    }

    @Test("reports about agents that are not known are refused")
    func unknownAgents() throws {
        var world = EngineWorld()
        for report: Command in [
            .agentStarted("x", process: nil), .agentCrashed("x", reason: ""), .agentStopped("x"),
        ] {
            #expect(world.refusal(of: report, as: .system) == .notFound(.agent, id: "x"))
        }
    }
}
