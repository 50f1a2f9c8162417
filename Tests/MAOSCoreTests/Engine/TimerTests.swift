import MAOSCore
import Testing

@Suite("Time-outs and deadlines")
struct TimerTests {
    @Test("an attempt that takes too long is stopped, and fails once it is gone")
    func timeout() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.timeout = .seconds(5) }
        try world.start("a")
        _ = world.takeEffects()
        try world.pass(4_999)
        #expect(world.takeEffects().isEmpty)
        try world.pass(1)
        #expect(
            world.takeEffects().map(\.stop) == [
                Effect.Stop(attempt: world.attempt(of: "a"), reason: .timeout)
            ])
        #expect(world.status("a" as TaskID) == .running, "until its process tree is gone")
        #expect(world.refusal(of: .pauseTask("a"))?.conflict == "stopping")
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .failed)
        let error: TaskFailure = try #require(try world.task("a").state.error)
        #expect(error.code == .timeout)
        #expect(error.message.contains("5000 ms"))
    }

    @Test("what the signal made of the process does not hide the time-out", arguments: [true, false])
    func timeoutOutcome(isFailure: Bool) throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.timeout = .seconds(5) }
        try world.start("a")
        try world.pass(.seconds(5))
        try world.end("a", isFailure ? .failed(TaskFailure(.execution, "killed by SIGTERM")) : .stopped)
        #expect(try world.task("a").state.error?.code == .timeout)
    }

    @Test("an attempt that completes in the last moment has completed")
    func completedAfterTimeout() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.timeout = .seconds(5) }
        try world.start("a")
        try world.pass(.seconds(5))
        try world.end("a")
        #expect(world.status("a" as TaskID) == .completed)
        #expect(try world.task("a").state.error == nil)
    }

    @Test("a time-out counts as a failure of the attempt, and the next one has its own time")
    func timeoutAndRetry() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.timeout = .seconds(5)
            $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 0)
        }
        try world.pass(.seconds(5))
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .retrying)
        try world.pass(.seconds(3))
        #expect(world.attempt(of: "a").number == 2)
        _ = world.takeEffects()
        try world.pass(1_999)
        #expect(world.takeEffects().isEmpty)
        try world.pass(.seconds(3))
        #expect(world.takeEffects().map(\.stop?.attempt.number) == [2])
    }

    @Test("where the task says nothing the agent's own limit counts")
    func agentTimeout() throws {
        var world = EngineWorld()
        try world.send(.spawnAgent(AgentSpecification(type: .coder, commandTimeout: 200), id: "x"))
        try world.report(.agentStarted("x", process: nil))
        try world.create("a")
        try world.create("b") { $0.timeout = .seconds(1) }
        _ = world.takeEffects()
        try world.pass(200)
        #expect(world.takeEffects().map(\.stop?.reason) == [.timeout])
        try world.end("a", .stopped)
        #expect(try world.task("a").state.error?.message.contains("200 ms") == true)
        _ = world.takeEffects()
        try world.pass(999)
        #expect(world.takeEffects().isEmpty)
    }

    @Test("a deadline fails what waits at once: queued, pending with all that depend on it, retrying")
    func deadlineWaiting() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(10)
        try world.spawn(.tester, "t")
        try world.create("queued") { $0.deadline = deadline }
        try world.create("other")
        try world.create("pending", dependencies: ["other"]) { $0.deadline = deadline }
        try world.create("dependent", dependencies: ["pending"])
        try world.create("retrying", kind: .testing) {
            $0.deadline = deadline
            $0.retryPolicy = RetryPolicy(maximumAttempts: 5, backoff: .seconds(60))
        }
        try world.fail("retrying")
        try world.pass(9_999)
        #expect(world.tasks.values.allSatisfy { !$0.status.isTerminal })
        try world.pass(1)
        for id in ["queued", "pending", "retrying"] as [TaskID] {
            #expect(world.status(id) == .failed)
            #expect(try world.task(id).state.error?.code == .deadline)
        }
        #expect(world.status("dependent" as TaskID) == .cancelled)
        #expect(world.status("other" as TaskID) == .queued)
    }

    @Test("a deadline stops a running attempt, and the task fails whatever its retries")
    func deadlineRunning() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(10)
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.deadline = deadline
            $0.retryPolicy = RetryPolicy(maximumAttempts: 5)
        }
        try world.start("a")
        _ = world.takeEffects()
        try world.pass(.seconds(10))
        #expect(world.takeEffects().map(\.stop?.reason) == [.deadline])
        #expect(world.status("a" as TaskID) == .running)
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .failed)
        #expect(try world.task("a").state.error?.code == .deadline)
    }

    @Test("a deadline that comes while a time-out is being carried out is the one that counts")
    func deadlineAfterTimeout() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(3)
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.deadline = deadline
            $0.timeout = .seconds(2)
            $0.retryPolicy = RetryPolicy(maximumAttempts: 5)
        }
        try world.pass(.seconds(3))
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .failed)
        #expect(try world.task("a").state.error?.code == .deadline)
    }

    @Test("the engine says when it next wants to be woken, and being woken early changes nothing")
    func nextDue() throws {
        var world = EngineWorld()
        #expect(world.engine.nextDue == nil)
        let deadline: Instant = world.now + .seconds(100)
        try world.create("a") { $0.deadline = deadline }
        #expect(world.engine.nextDue == deadline)
        let events: Int = world.events.count
        try world.pass(.seconds(99))
        try world.report(.tick)
        #expect(world.events.count == events)
    }

    @Test("many timers whose tasks have ended are forgotten")
    func abandonedTimers() throws {
        var engine = Engine(configuration: EngineConfiguration(), seed: 1)
        let now = Instant(milliseconds: 1_000)
        let specification = TaskSpecification(
            kind: .code, description: "x", deadline: now + .seconds(1_000), retryPolicy: RetryPolicy())
        for index in 0..<5_000 {
            let id = TaskID(unchecked: "t\(index)")
            _ = try engine.apply(
                Request(.createTask(specification, id: id, idempotency: nil), from: .system), at: now)
            _ = try engine.apply(Request(.cancelTask(id, reason: nil), from: .system), at: now)
            _ = engine.takeBatch()
        }
        #expect(engine.timerCount < 3_000)
    }

    @Test("an attempt that is being stopped for its deadline fails for that, though its agent falls silent meanwhile")
    func deadlineBeforeSilence() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(10)
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.deadline = deadline
            $0.retryPolicy.maximumAttempts = 3
        }
        try world.start("a")
        try world.pass(.seconds(30), silent: ["x"])
        #expect(world.status("x" as AgentID) == .error)
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .failed)
        #expect(try world.task("a").state.error?.code == .deadline)
    }

    @Test("time that runs back is taken as time that stands still")
    func backwards() throws {
        var world = EngineWorld()
        let start: Instant = world.now
        try world.create("a")
        world.now = Instant(milliseconds: start.milliseconds - 10_000)
        let task: TaskRecord = try world.create("b")
        #expect(task.createdAt == start)
    }
}
