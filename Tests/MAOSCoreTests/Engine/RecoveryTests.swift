import MAOSCore
import Testing

@Suite("After a restart")
struct RecoveryTests {
    @Test(
        "attempts that were under way are repeated under the next number; they count as interrupted, not as failed"
    )
    func interrupted() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 3)
        for id in ["assigned", "running", "suspended"] as [TaskID] { try world.create(id) }
        try world.start("running")
        try world.start("suspended")
        try world.send(.pauseTask("suspended"))
        try world.restart()
        for (id, status) in [
            ("assigned", .queued), ("running", .queued), ("suspended", .paused),
        ] as [(TaskID, TaskStatus)] {
            let state: TaskState = try world.task(id).state
            #expect(state.status == status)
            #expect((state.agent, state.process, state.isSuspended) == (nil, nil, false))
            #expect((state.interruptions, state.failures, state.attempt) == (1, 0, 1))
        }
        #expect(world.takeEffects().map(\.startedAgent) == ["x"])
        #expect(
            world.refusal(
                of: .attemptEnded(AttemptID(task: "running", number: 1), .completed(result: nil)),
                as: .system)?
                .conflict == "stale_attempt")
        try world.report(.agentStarted("x", process: nil))
        #expect(world.takeLaunches().map(\.id.number) == [2, 2])
        try world.send(.resumeTask("suspended"))
        #expect(world.attempt(of: "suspended").number == 2)
    }

    @Test("an interrupted task is told of as one that has no attempt under way")
    func interruptedEvent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id in ["running", "suspended"] as [TaskID] {
            try world.create(id)
            try world.start(id)
        }
        try world.send(.pauseTask("suspended"))
        try world.restart()
        let told: [TaskState] = world.events.compactMap(\.task).filter { $0.kind == .interrupted }.map(\.state)
        #expect(told.map(\.status) == [.pending, .paused])
        #expect(told.allSatisfy { !$0.holdsAgent && $0.agent == nil })
    }

    @Test("an interrupted task fails where its policy says so, and after the fourth time everywhere")
    func interruptionPolicy() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.create("once") { $0.retryPolicy.onInterruption = .fail }
        try world.create("often")
        for round in 1...4 {
            try world.restart()
            #expect(world.status("once" as TaskID) == .failed)
            #expect(world.status("often" as TaskID) == (round <= 3 ? .queued : .failed))
            try world.startAgents()
        }
        for id in ["once", "often"] as [TaskID] {
            #expect(try world.task(id).state.error?.code == .interrupted)
        }
    }

    @Test("a task that was being cancelled is cancelled")
    func cancelling() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.send(.cancelTask("a", reason: nil))
        try world.restart()
        #expect(world.status("a" as TaskID) == .cancelled)
    }

    @Test("a task whose deadline passed meanwhile fails without another attempt")
    func deadline() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(10)
        try world.spawn(.coder, "x")
        try world.create("running") { $0.deadline = deadline }
        try world.create("queued") { $0.deadline = deadline }
        world.now = world.now + .seconds(20)
        try world.restart()
        try world.pass(0)
        try world.startAgents()
        for id in ["running", "queued"] as [TaskID] {
            #expect(try world.task(id).state.error?.code == .deadline)
        }
        #expect(world.takeLaunches().isEmpty)
    }

    @Test(
        "agents that somebody asked for start again; those made on demand and those that were ending are gone"
    )
    func agents() throws {
        var world = EngineWorld(onDemand: 2)
        try world.spawn(.coder, "ready")
        try world.spawn(.coder, "ending")
        try world.spawn(.coder, "crashed")
        try world.spawn(.reviewer, "paused")
        try world.send(.terminateAgent("ending", graceful: true))
        try world.report(.agentCrashed("crashed", reason: "gone"))
        try world.send(.pauseAgent("paused"))
        try world.create("t", kind: .testing)
        let made: AgentID = try #require(world.livingAgents.last).id
        try world.startAgents()
        try world.restart()
        #expect(world.status("ready" as AgentID) == .initializing)
        #expect(world.status("crashed" as AgentID) == .initializing)
        #expect(world.status("paused" as AgentID) == .paused)
        #expect(world.status("ending" as AgentID) == .terminated)
        #expect(world.status(made) == .terminated)
        let started: [AgentID] = world.takeEffects().compactMap(\.startedAgent)
        #expect(started.prefix(2) == ["ready", "crashed"])
        #expect(started.count == 3, "and one on demand, for the task that was interrupted")
    }

    @Test("on-demand agents that were ending do not make the pool larger", arguments: [false, true])
    func endingOnDemand(isStarted: Bool) throws {
        var world = EngineWorld(onDemand: 1)
        try world.create("a")
        if isStarted { try world.startAgents() }
        try world.send(.terminateAgent(try #require(world.livingAgents.first).id, graceful: true))
        try world.restart()
        try world.create("b")
        #expect(world.livingAgents.count == 1)
    }

    @Test("a paused agent is started when it is resumed")
    func pausedAgent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.send(.pauseAgent("x"))
        try world.restart()
        #expect(world.takeEffects().isEmpty)
        try world.create("a")
        try world.send(.resumeAgent("x"))
        #expect(world.status("x" as AgentID) == .initializing)
        try world.startAgents()
        #expect(world.status("a" as TaskID) == .assigned)
    }

    @Test("what waited goes on waiting: its place, its dependencies, its retry, its deadline")
    func waiting() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(100)
        try world.create("low") { $0.priority = .low }
        try world.pass(1)
        try world.create("high") { $0.priority = .high }
        try world.create("dependent", dependencies: ["low", "high"])
        try world.create("late", kind: .review) { $0.deadline = deadline }
        try world.spawn(.tester, "t")
        try world.create("retrying", kind: .testing) {
            $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: .seconds(50))
        }
        try world.fail("retrying")
        let before: [TaskID: TaskRecord] = world.tasks
        try world.restart()
        #expect(world.tasks == before)
        try world.startAgents()
        try world.spawn(.coder, "x")
        #expect(world.takeLaunches().map(\.task.id) == ["high"])
        try world.end("high")
        #expect(world.takeLaunches().map(\.task.id) == ["low"])
        #expect(world.status("dependent" as TaskID) == .pending)
        try world.end("low")
        #expect(world.takeLaunches().map(\.task.id) == ["dependent"])
        try world.pass(.seconds(61))
        #expect(world.status("retrying" as TaskID) == .assigned)
        try world.pass(.seconds(40))
        #expect(try world.task("late").state.error?.code == .deadline)
    }

    @Test("numbers and sequence numbers go on where they were")
    func counters() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.end("a")
        try world.restart()
        #expect(try world.create("b").number == 2)
        try world.spawn(.coder, "y")
        #expect(try world.agent("y").number == 2)
    }

    @Test("a stored dependency that had ended counts as completed")
    func endedDependency() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b")
        try world.create("c", dependencies: ["a", "b"])
        try world.end("a")
        try world.restart()
        try world.startAgents()
        try world.end("b")
        #expect(world.status("c" as TaskID) == .assigned)
    }

    // MARK: An engine that is loaded while the runtime goes on

    @Test("attempts that go on while the engine is loaded anew keep their number, time-out and agent")
    func reload() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.timeout = .seconds(10) }
        try world.start("a")
        try world.create("b")
        let before: (tasks: [TaskID: TaskRecord], agents: [AgentID: AgentRecord]) = (
            world.tasks, world.agents
        )
        try world.pass(.seconds(4))
        try world.restart(recovering: false)
        #expect(world.tasks == before.tasks)
        #expect(world.agents == before.agents)
        _ = world.takeEffects()
        try world.start("a")
        #expect(world.history(of: "a" as TaskID).count { $0 == .started } == 1)
        try world.pass(.seconds(6))
        #expect(world.takeEffects().map(\.stop?.reason) == [.timeout])
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .failed)
        #expect(world.takeLaunches().map(\.task.id) == ["b"])
    }

    @Test("a crashed agent still starts again when the engine is loaded anew")
    func reloadCrashed() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.report(.agentCrashed("x", reason: "gone"))
        try world.restart(recovering: false)
        _ = world.takeEffects()
        try world.pass(.seconds(2))
        #expect(world.takeEffects().map(\.startedAgent) == ["x"])
    }

    @Test("a paused agent that goes on is resumed without a start; a silent one is still found")
    func reloadPaused() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.send(.pauseAgent("x"))
        try world.restart(recovering: false)
        _ = world.takeEffects()
        try world.send(.resumeAgent("x"))
        #expect(world.status("x" as AgentID) == .idle)
        #expect(world.takeEffects().isEmpty)
        try world.pass(.seconds(30), silent: ["x"])
        #expect(world.status("x" as AgentID) == .error)
    }

    @Test("an agent that was paused in an earlier run is started when resumed, though the engine was loaded anew")
    func reloadUnstarted() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.send(.pauseAgent("x"))
        try world.restart()
        try world.restart(recovering: false)
        _ = world.takeEffects()
        try world.send(.resumeAgent("x"))
        #expect(world.takeEffects().map(\.startedAgent) == ["x"])
    }

    @Test("an agent that crashed while it was paused is still to be paused when the engine is loaded anew")
    func reloadCrashedPaused() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.send(.pauseAgent("x"))
        try world.report(.agentCrashed("x", reason: "gone"))
        try world.restart(recovering: false)
        try world.pass(.seconds(2))
        try world.report(.agentStarted("x", process: nil))
        #expect(world.status("x" as AgentID) == .paused)
    }

    @Test("an idle on-demand agent still goes after its time when the engine is loaded anew")
    func reloadIdle() throws {
        var world = EngineWorld(onDemand: 1)
        try world.create("a")
        try world.startAgents()
        try world.end("a")
        try world.restart(recovering: false)
        try world.pass(.seconds(60))
        #expect(world.livingAgents.map(\.status) == [.stopping])
    }

    // MARK: Draining

    @Test("draining stops every attempt, starts nothing, and leaves the tasks to the next run")
    func drain() throws {
        var world = EngineWorld(onDemand: 4)
        try world.spawn(.coder, "x", slots: 2)
        try world.create("running")
        try world.start("running")
        try world.create("suspended")
        try world.send(.pauseTask("suspended"))
        try world.create("waiting")
        try world.startAgents()
        _ = world.takeEffects()
        try world.report(.drain)
        #expect(world.takeEffects().allSatisfy { $0.stop?.reason == .draining })
        try world.report(.drain)
        #expect(world.takeEffects().isEmpty, "draining twice is draining once")
        for id in ["running", "suspended", "waiting"] as [TaskID] { try world.end(id, .stopped) }
        #expect(world.status("running" as TaskID) == .queued)
        #expect(world.status("suspended" as TaskID) == .paused)
        try world.create("late")
        try world.create("test", kind: .testing)
        try world.report(.agentCrashed("x", reason: "gone"))
        try world.pass(.seconds(10))
        #expect(world.takeEffects().isEmpty)
        let spawn = Command.spawnAgent(AgentSpecification(type: .coder), id: nil)
        #expect(world.refusal(of: spawn) == .unavailable("The server is about to stop"))
        try world.restart()
        try world.startAgents()
        #expect(world.takeLaunches().count == 4)
    }

    @Test(
        "while the server drains, what is being cancelled is cancelled and what completes has completed"
    )
    func endsWhileDraining() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.create("a")
        try world.create("b")
        try world.send(.cancelTask("a", reason: nil))
        try world.report(.drain)
        try world.end("a", .stopped)
        try world.end("b")
        #expect(world.status("a" as TaskID) == .cancelled)
        #expect(world.status("b" as TaskID) == .completed)
    }
}
