import MAOSCore
import Testing

@Suite("Cancelling tasks")
struct CancellationTests {
    @Test("what waits is cancelled at once: queued, pending, paused, retrying")
    func waiting() throws {
        var world = EngineWorld()
        try world.spawn(.tester, "t")
        try world.create("queued")
        try world.create("pending", dependencies: ["queued"])
        try world.create("paused")
        try world.send(.pauseTask("paused"))
        try world.create("retrying", kind: .testing) {
            $0.retryPolicy = RetryPolicy(maximumAttempts: 2)
        }
        try world.fail("retrying")
        _ = world.takeEffects()
        for (id, status) in [
            ("pending", .pending), ("queued", .queued), ("paused", .paused), ("retrying", .retrying),
        ] as [(TaskID, TaskStatus)] {
            #expect(world.status(id) == status)
            let reply: Reply = try world.send(.cancelTask(id, reason: "enough"))
            #expect(reply.task?.status == .cancelled)
            #expect(reply.task?.state.finishedAt == world.now)
            #expect(reply.task?.state.error == nil)
        }
        #expect(world.takeEffects().isEmpty)
        try world.spawn(.coder, "x")
        try world.pass(.seconds(60))
        #expect(world.takeLaunches().isEmpty)
        guard case .task(let event)? = world.events.first(where: { $0.type == "task_cancelled" })?.body
        else {
            Issue.record("no event")
            return
        }
        #expect(event.reason == "enough")
    }

    @Test(
        "a running attempt is cancelled when its process tree is gone: requested, signalled, killed, confirmed"
    )
    func stages() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        _ = world.takeEffects()
        let attempt: AttemptID = world.attempt(of: "a")
        let reply: Reply = try world.send(.cancelTask("a", reason: "enough"))
        #expect(reply.task?.status == .running)
        #expect(reply.task?.state.cancellation == .requested)
        #expect(reply.task?.state.step == "cancelling")
        #expect(world.takeEffects().map(\.stop) == [Effect.Stop(attempt: attempt, reason: .cancelled)])
        for stage in [CancellationStage.signalled, .killed] {
            try world.report(.attemptStopping(attempt, stage))
            #expect(try world.task("a").state.cancellation == stage)
            #expect(world.status("a" as TaskID) == .running)
        }
        try world.report(.attemptStopping(attempt, .signalled))
        #expect(try world.task("a").state.cancellation == .killed, "stages only go forward")
        try world.report(.attemptEnded(attempt, .stopped))
        let task: TaskRecord = try world.task("a")
        #expect(task.status == .cancelled)
        #expect(task.state.step == nil)
        #expect(world.status("x" as AgentID) == .idle)
        #expect(
            world.history(of: "a" as TaskID)
                == [
                    .created, .assigned, .started, .cancelRequested, .cancelStage, .cancelStage, .cancelled,
                ])
    }

    @Test("a task that is assigned but not started can be cancelled")
    func assigned() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.send(.cancelTask("a", reason: nil))
        #expect(world.status("a" as TaskID) == .assigned)
        try world.start("a")
        #expect(world.status("a" as TaskID) == .running)
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .cancelled)
    }

    @Test("a second cancellation of a running task changes nothing and asks for nothing")
    func repeated() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.send(.cancelTask("a", reason: nil))
        _ = world.takeEffects()
        let events: Int = world.events.count
        #expect(try world.send(.cancelTask("a", reason: nil)).task == world.tasks["a"])
        #expect(world.takeEffects().isEmpty)
        #expect(world.events.count == events)
    }

    @Test("a cancelled task can be cancelled again; a completed or failed one cannot")
    func ended() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("cancelled")
        try world.create("completed")
        try world.send(.cancelTask("cancelled", reason: nil))
        try world.end("cancelled", .stopped)
        #expect(try world.send(.cancelTask("cancelled", reason: nil)).task?.status == .cancelled)
        try world.end("completed")
        #expect(world.refusal(of: .cancelTask("completed", reason: nil))?.conflict == "completed")
        try world.create("failed")
        try world.fail("failed")
        #expect(world.refusal(of: .cancelTask("failed", reason: nil))?.conflict == "failed")
        #expect(world.refusal(of: .cancelTask("nobody", reason: nil)) == .notFound(.task, id: "nobody"))
    }

    @Test("an attempt that completes before the signal reaches it has completed")
    func completedFirst() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        try world.send(.cancelTask("a", reason: nil))
        try world.end("a")
        #expect(world.status("a" as TaskID) == .completed)
        #expect(try world.task("a").state.cancellation == nil)
        #expect(try world.task("a").state.step == nil)
    }

    @Test("an attempt that fails while it is being cancelled is cancelled and not retried")
    func failedMeanwhile() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 5) }
        try world.start("a")
        try world.send(.cancelTask("a", reason: nil))
        try world.end("a", .failed(TaskFailure(.execution, "killed by SIGTERM")))
        #expect(world.status("a" as TaskID) == .cancelled)
    }

    @Test("while a task is being cancelled it keeps that step, can neither be paused nor time out")
    func whileCancelling() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let deadline: Instant = world.now + .seconds(5)
        try world.create("a") {
            $0.timeout = .seconds(2)
            $0.deadline = deadline
        }
        try world.start("a")
        try world.send(.cancelTask("a", reason: nil))
        _ = world.takeEffects()
        try world.report(.attemptProgressed(world.attempt(of: "a"), progress: 0.5, step: "Cleaning up"))
        #expect(try world.task("a").state.step == "cancelling")
        #expect(world.refusal(of: .pauseTask("a"))?.conflict == "cancelling")
        try world.pass(.seconds(10))
        #expect(world.takeEffects().isEmpty)
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .cancelled)
    }

    @Test(
        "a suspended attempt that is cancelled shows as running until it is gone, and cannot be resumed"
    )
    func suspended() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.start("a")
        try world.send(.pauseTask("a"))
        let task: TaskRecord = try #require(try world.send(.cancelTask("a", reason: nil)).task)
        #expect(task.status == .running)
        #expect(task.state.step == "cancelling")
        #expect(world.refusal(of: .resumeTask("a"))?.conflict == "not_paused")
        try world.end("a", .stopped)
        #expect(world.status("a" as TaskID) == .cancelled)
    }

    @Test("a stage without a cancellation is passed over")
    func stageWithoutCancellation() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        let before: Int = world.events.count
        try world.report(.attemptStopping(world.attempt(of: "a"), .signalled))
        #expect(world.events.count == before)
        #expect(try world.task("a").state.cancellation == nil)
    }
}
