import MAOSCore
import Testing

@Suite("Attempts")
struct AttemptTests {
    @Test("a launch carries the attempt's number, the task and the agent as they are then")
    func launch() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        let launch: AttemptLaunch = try #require(world.takeLaunches().first)
        #expect(launch.id == AttemptID(task: "a", number: 1))
        #expect(launch.task == world.tasks["a"])
        #expect(launch.agent == world.agents["x"])
        #expect(launch.agent.state.currentTasks == ["a"])
    }

    @Test("a task goes from assigned over running to completed, and its agent from busy to idle")
    func wholeLife() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        #expect(world.status("a" as TaskID) == .assigned)
        #expect(world.status("x" as AgentID) == .busy)
        try world.pass(100)
        try world.start("a")
        #expect(world.status("a" as TaskID) == .running)
        #expect(try world.task("a").state.startedAt == world.now)
        #expect(try world.task("a").state.process == ProcessIdentity(pid: 42, startTicks: 7))
        try world.pass(250)
        try world.end("a", .completed(result: .emptyArray))
        let task: TaskRecord = try world.task("a")
        #expect(task.status == .completed)
        #expect(task.state.result == .emptyArray)
        #expect(task.state.progress == 1)
        #expect(task.state.finishedAt == world.now)
        #expect(task.state.agent == "x", "who did it is remembered")
        #expect(task.state.process == nil)
        let agent: AgentRecord = try world.agent("x")
        #expect(agent.status == .idle)
        #expect(agent.state.currentTasks.isEmpty)
        #expect(agent.state.statistics.tasksCompleted == 1)
        #expect(agent.state.statistics.totalRuntime == 250)
        #expect(world.history(of: "a" as TaskID) == [.created, .assigned, .started, .completed])
    }

    @Test("an agent has as many tasks at once as it has slots, and takes the next when one ends")
    func slots() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id in ["a", "b", "c", "d"] as [TaskID] { try world.create(id) }
        #expect(world.takeLaunches().map(\.task.id) == ["a", "b"])
        #expect(try world.agent("x").state.currentTasks == ["a", "b"])
        try world.end("a")
        #expect(world.takeLaunches().map(\.task.id) == ["c"])
        #expect(try world.agent("x").state.currentTasks == ["b", "c"])
        try world.end("b")
        try world.end("c")
        try world.end("d")
        #expect(try world.agent("x").state.statistics.tasksCompleted == 4)
    }

    @Test("what was cancelled or interrupted is no failure of its agent")
    func statistics() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 3)
        try world.create("cancelled")
        try world.create("requeued")
        try world.create("interrupted") { $0.retryPolicy.onInterruption = .fail }
        try world.send(.cancelTask("cancelled", reason: nil))
        for id in ["cancelled", "requeued", "interrupted"] as [TaskID] { try world.end(id, .stopped) }
        #expect(try world.agent("x").state.statistics == AgentStatistics())
        #expect(try world.agent("x").state.statistics.successRate == 1)
        try world.fail("requeued")
        #expect(try world.agent("x").state.statistics.tasksFailed == 1)
    }

    @Test("an agent that ends one task and gets the next is told of once a command")
    func oneWorkEvent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b")
        let before: Int = world.history(of: "x" as AgentID).count
        try world.end("a")
        #expect(world.history(of: "x" as AgentID).count == before + 1)
        #expect(world.status("x" as AgentID) == .busy)
    }

    @Test("a report for an old, a future or an ended attempt is refused and changes nothing")
    func fencing() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 3, backoff: 0) }
        try world.start("a")
        let first: AttemptID = world.attempt(of: "a")
        try world.fail("a")
        try world.pass(1)
        #expect(world.attempt(of: "a").number == 2)
        let before: TaskRecord = try world.task("a")
        let future = AttemptID(task: "a", number: 3)
        for attempt in [first, future] {
            for report: Command in [
                .attemptStarted(attempt, process: nil), .attemptProgressed(attempt, progress: 1, step: "x"),
                .attemptStopping(attempt, .killed), .attemptEnded(attempt, .completed(result: nil)),
                .attemptEnded(attempt, .stopped),
                .attemptEnded(attempt, .failed(TaskFailure(.execution, "x"))),
            ] {
                #expect(world.refusal(of: report, as: .system)?.conflict == "stale_attempt")
            }
        }
        #expect(try world.task("a") == before)
        let second: AttemptID = world.attempt(of: "a")
        try world.end("a")
        #expect(
            world.refusal(of: .attemptEnded(second, .completed(result: nil)), as: .system)
                == .notFound(.task, id: "a"))
    }

    @Test("a report for a task that waits for its retry is refused")
    func betweenAttempts() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2) }
        try world.fail("a")
        #expect(world.status("a" as TaskID) == .retrying)
        let report = Command.attemptEnded(AttemptID(task: "a", number: 1), .completed(result: nil))
        #expect(world.refusal(of: report, as: .system)?.conflict == "stale_attempt")
    }

    @Test("an attempt starts once, however often that is reported")
    func repeatedStart() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        let task: TaskRecord = try world.task("a")
        try world.pass(10)
        try world.start("a")
        try world.report(.attemptStarted(world.attempt(of: "a"), process: nil))
        #expect(try world.task("a") == task)
        #expect(world.history(of: "a" as TaskID).count { $0 == .started } == 1)
    }

    @Test("an attempt may end without having been reported as started")
    func endWithoutStart() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.end("a", .failed(TaskFailure(.startFailed, "could not start nothing: No such file")))
        #expect(try world.task("a").state.error?.code == .startFailed)
        #expect(try world.agent("x").state.statistics.tasksFailed == 1)
    }

    @Test("progress is a share of 1 that never goes back, and what is not a number is passed over")
    func progress() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        for (reported, stored) in [
            (0.25, 0.25), (nil, 0.25), (-1, 0.25), (0.5, 0.5), (0.4, 0.5), (.nan, 0.5), (7, 1), (.infinity, 1),
            (0.25, 1),
        ] as [(Double?, Double)] {
            try world.report(.attemptProgressed(world.attempt(of: "a"), progress: reported, step: nil))
            #expect(try world.task("a").state.progress == stored)
        }
        try world.report(.attemptProgressed(world.attempt(of: "a"), progress: nil, step: "Linking"))
        #expect(try world.task("a").state.step == "Linking")
        #expect(try world.task("a").state.progress == 1)
    }

    @Test("a new attempt begins with no progress, step or error of the one before")
    func freshAttempt() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 0) }
        try world.start("a")
        try world.report(.attemptProgressed(world.attempt(of: "a"), progress: 0.7, step: "Testing"))
        try world.fail("a")
        #expect(try world.task("a").state.error?.code == .execution)
        try world.pass(1)
        let state: TaskState = try world.task("a").state
        #expect(state.status == .assigned)
        #expect(state.attempt == 2)
        #expect(state.progress == 0)
        #expect(state.step == nil)
        #expect(state.error == nil)
        #expect(state.process == nil)
    }

    @Test("a failed task is retried as often as its policy says, and then fails with its last error")
    func retries() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.retryPolicy = RetryPolicy(maximumAttempts: 3, backoff: 1_000, factor: 2)
        }
        for attempt in 1...2 {
            try world.end("a", .failed(TaskFailure(.execution, "try \(attempt)")))
            let state: TaskState = try world.task("a").state
            #expect(state.status == .retrying)
            #expect(state.failures == attempt)
            #expect(state.agent == nil)
            #expect(state.error?.message == "try \(attempt)")
            let due: Instant = try #require(state.notBefore)
            try world.pass(Milliseconds((due - world.now).count - 1))
            #expect(world.status("a" as TaskID) == .retrying)
            try world.pass(1)
            #expect(world.status("a" as TaskID) == .assigned)
        }
        try world.end("a", .failed(TaskFailure(.execution, "try 3")))
        let state: TaskState = try world.task("a").state
        #expect(state.status == .failed)
        #expect(state.attempt == 3)
        #expect(state.failures == 3)
        #expect(state.error?.message == "try 3")
        #expect(state.notBefore == nil)
        #expect(try world.agent("x").state.statistics.tasksFailed == 3)
    }

    @Test("while a task waits for its retry its agent works on others")
    func agentDuringBackoff() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2) }
        try world.create("b")
        try world.fail("a")
        #expect(try world.task("b").state.agent == "x")
    }

    @Test(
        "the wait between attempts grows by the factor, is spread by a fifth either way, and is bounded"
    )
    func backoff() throws {
        var spread: Set<Int64> = []
        for seed in 1...40 as ClosedRange<UInt64> {
            var world = EngineWorld(seed: seed) { $0.limits.backoff = .seconds(20) }
            try world.spawn(.coder, "x")
            try world.create("a") {
                $0.retryPolicy = RetryPolicy(maximumAttempts: 100, backoff: 1_000, factor: 3)
            }
            for whole in [1_000, 3_000, 9_000, 20_000, 20_000] as [Int64] {
                try world.fail("a")
                let due: Instant = try #require(try world.task("a").state.notBefore)
                let wait: Int64 = (due - world.now).count
                #expect(wait >= whole * 4 / 5 && wait <= min(whole * 6 / 5, 20_000), "seed \(seed)")
                if whole == 1_000 { spread.insert(wait) }
                try world.pass(Milliseconds(wait))
            }
        }
        #expect(spread.count > 20)
        #expect((spread.max() ?? 0) > 1_100)
        #expect((spread.min() ?? 0) < 900)
    }

    @Test("a back-off of nothing queues the task again with the next tick, not at once")
    func noBackoff() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 0) }
        try world.fail("a")
        #expect(world.status("a" as TaskID) == .retrying)
        #expect(world.engine.nextDue == world.now)
        try world.pass(0)
        #expect(world.status("a" as TaskID) == .assigned)
    }

    @Test(
        "an ended task can be retried: a new attempt number, a clean record, the same place in the numbering"
    )
    func manualRetry() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.fail("a")
        let task: TaskRecord = try #require(try world.send(.retryTask("a")).task)
        #expect(task.status == .assigned)
        #expect(task.number == 1)
        #expect(task.state.attempt == 2)
        #expect(task.state.failures == 0)
        #expect(task.state.error == nil)
        #expect(task.state.finishedAt == nil)
        #expect(
            world.history(of: "a" as TaskID) == [.created, .assigned, .failed, .restarted, .assigned])
        try world.end("a")
        #expect(world.refusal(of: .retryTask("a"))?.conflict == "completed")
        #expect(world.refusal(of: .retryTask("nobody")) == .notFound(.task, id: "nobody"))
    }

    @Test(
        "only an ended task can be retried, and only when what it depends on has not failed, and in time"
    )
    func refusedRetry() throws {
        var world = EngineWorld()
        let deadline: Instant = world.now + .seconds(60)
        try world.create("a")
        #expect(world.refusal(of: .retryTask("a"))?.conflict == "not_ended")
        try world.create("b", dependencies: ["a"])
        try world.create("c") { $0.deadline = deadline }
        try world.send(.cancelTask("a", reason: nil))
        #expect(world.refusal(of: .retryTask("b"))?.conflict == "dependency_not_completed")
        try world.pass(.seconds(61))
        #expect(world.status("c" as TaskID) == .failed)
        #expect(world.refusal(of: .retryTask("c"))?.conflict == "deadline_passed")
    }

    @Test("a task may end and be retried within one batch, which then holds it once, alive")
    func retryWithinBatch() throws {
        var world = EngineWorld()
        let specification = TaskSpecification(kind: .code, description: "x")
        world.sendTogether([
            .createTask(specification, id: "a", idempotency: nil),
            .createTask(specification, id: "b", idempotency: nil),
            .cancelTask("a", reason: nil), .cancelTask("b", reason: nil), .retryTask("a"),
            .retryTask("b"),
            .cancelTask("a", reason: nil), .retryTask("a"), .changePriority("b", .high, reason: nil),
            .cancelTask("b", reason: nil),
        ])
        #expect(world.status("a" as TaskID) == .queued)
        #expect(world.status("b" as TaskID) == .cancelled)
    }

    @Test(
        "a task that failed with a stored dependency can be retried in the batch in which it failed")
    func retryWithStoredDependency() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.end("a")
        try world.create("b", dependencies: ["a"])
        world.sendTogether([
            .attemptEnded(world.attempt(of: "b"), .stopped), .cancelTask("b", reason: nil),
        ])
        world.sendTogether([
            .attemptEnded(world.attempt(of: "b"), .failed(TaskFailure(.execution, "x"))), .retryTask("b"),
        ])
        #expect(world.status("b" as TaskID)?.isTerminal == false)
    }
}
