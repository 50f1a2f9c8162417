import MAOSCore
import Testing

@Suite("Pausing tasks")
struct PauseTests {
    @Test("a paused task in the queue gets no agent until it is resumed, and then waits anew")
    func queued() throws {
        var world = EngineWorld()
        try world.create("a")
        try world.send(.pauseTask("a"))
        try world.spawn(.coder, "x")
        #expect(world.takeLaunches().isEmpty)
        try world.pass(50)
        let task: TaskRecord = try #require(try world.send(.resumeTask("a")).task)
        #expect(task.status == .assigned)
        #expect(task.state.queuedAt == world.now)
        #expect(world.history(of: "a" as TaskID) == [.created, .paused, .resumed, .queued, .assigned])
    }

    @Test("a running attempt is suspended, keeps its agent and slot, and goes on where it was")
    func running() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b")
        try world.start("a")
        _ = world.takeEffects()
        try world.send(.pauseTask("a"))
        let attempt: AttemptID = world.attempt(of: "a")
        var state: TaskState = try world.task("a").state
        #expect((state.status, state.isSuspended, state.agent) == (.paused, true, "x"))
        #expect(world.status("b" as TaskID) == .queued)
        #expect(isSuspension(world.takeEffects(), of: attempt, true))
        try world.send(.resumeTask("a"))
        state = try world.task("a").state
        #expect((state.status, state.isSuspended, state.agent) == (.running, false, "x"))
        #expect(state.attempt == 1)
        #expect(isSuspension(world.takeEffects(), of: attempt, false))
        try world.end("a")
        #expect(world.status("b" as TaskID) == .assigned)
    }

    private func isSuspension(_ effects: [Effect], of attempt: AttemptID, _ isSuspended: Bool) -> Bool {
        guard effects.count == 1, case .suspendAttempt(attempt, isSuspended)? = effects.first else {
            return false
        }
        return true
    }

    @Test("an attempt that is suspended before it was reported as started is not lost")
    func assigned() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.send(.pauseTask("a"))
        try world.start("a")
        #expect(world.status("a" as TaskID) == .paused)
        #expect(try world.task("a").state.process != nil)
        try world.send(.resumeTask("a"))
        #expect(world.status("a" as TaskID) == .running)

        try world.create("b")
        try world.end("a")
        try world.send(.pauseTask("b"))
        try world.send(.resumeTask("b"))
        #expect(world.status("b" as TaskID) == .assigned, "it has not been reported as started")
        try world.start("b")
        #expect(world.status("b" as TaskID) == .running)
    }

    @Test("pausing twice is pausing once; only a paused task is resumed; an ended one is neither")
    func wrongStates() throws {
        var world = EngineWorld()
        try world.create("a")
        #expect(world.refusal(of: .resumeTask("a"))?.conflict == "not_paused")
        try world.send(.pauseTask("a"))
        let events: Int = world.events.count
        try world.send(.pauseTask("a"))
        #expect(world.events.count == events)
        try world.send(.cancelTask("a", reason: nil))
        #expect(world.refusal(of: .pauseTask("a"))?.conflict == "cancelled")
        #expect(world.refusal(of: .resumeTask("a"))?.conflict == "cancelled")
        #expect(world.refusal(of: .pauseTask("nobody")) == .notFound(.task, id: "nobody"))
    }

    @Test(
        "a retry that is paused stays so past its time, and once resumed it waits only for what is left"
    )
    func retrying() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        for (id, wait, status) in [("a", 1, .retrying), ("b", 60, .assigned)]
            as [(TaskID, Int64, TaskStatus)]
        {
            try world.create(id) {
                $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: .seconds(20))
            }
            try world.fail(id)
            try world.send(.pauseTask(id))
            try world.pass(.seconds(wait))
            #expect(world.status(id) == .paused)
            try world.send(.resumeTask(id))
            #expect(world.status(id) == status)
            try world.pass(.seconds(60))
            #expect(world.status(id) == .assigned)
            try world.end(id)
        }
    }

    @Test("an attempt that fails while it is suspended leaves its task paused, with a retry to come")
    func failedWhileSuspended() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: .seconds(20))
        }
        try world.start("a")
        try world.send(.pauseTask("a"))
        try world.fail("a")
        let state: TaskState = try world.task("a").state
        #expect((state.status, state.isSuspended, state.agent) == (.paused, false, nil))
        try world.pass(.seconds(60))
        #expect(world.status("a" as TaskID) == .paused)
        try world.send(.resumeTask("a"))
        #expect(world.status("a" as TaskID) == .assigned)
        #expect(world.attempt(of: "a").number == 2)
    }

    @Test("a suspended attempt may complete")
    func completedWhileSuspended() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        try world.send(.pauseTask("a"))
        try world.end("a")
        #expect(world.status("a" as TaskID) == .completed)
        #expect(try world.task("a").state.isSuspended == false)
        #expect(world.status("x" as AgentID) == .idle)
    }

    @Test("the time of a suspended attempt stands still")
    func timeoutWhilePaused() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.timeout = .seconds(10) }
        try world.start("a")
        try world.pass(.seconds(4))
        try world.send(.pauseTask("a"))
        _ = world.takeEffects()
        try world.pass(.seconds(3_600))
        #expect(world.takeEffects().isEmpty)
        try world.send(.resumeTask("a"))
        _ = world.takeEffects()
        try world.pass(.seconds(5))
        #expect(world.takeEffects().isEmpty)
        try world.pass(.seconds(1))
        #expect(world.takeEffects().map(\.stop?.reason) == [.timeout])
    }

    @Test("a deadline passes for a paused task too", arguments: [false, true])
    func deadlineWhilePaused(isSuspended: Bool) throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(10)
        if isSuspended { try world.spawn(.coder, "x") }
        try world.create("a") { $0.deadline = deadline }
        try world.send(.pauseTask("a"))
        _ = world.takeEffects()
        try world.pass(.seconds(10))
        if isSuspended {
            #expect(world.takeEffects().map(\.stop?.reason) == [.deadline])
            #expect(world.refusal(of: .resumeTask("a"))?.conflict == "stopping")
            try world.end("a", .stopped)
        }
        #expect(world.status("a" as TaskID) == .failed)
        #expect(try world.task("a").state.error?.code == .deadline)
    }

    @Test("a task that is resumed while it backs off is told of as one that will be tried again")
    func resumedBackOff() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: .seconds(10)) }
        try world.start("a")
        try world.fail("a")
        try world.send(.pauseTask("a"))
        try world.send(.resumeTask("a"))
        let told: TaskState? = world.events.last?.task?.state
        #expect(told?.status == .retrying)
        #expect(told == (try world.task("a").state))
    }
}
