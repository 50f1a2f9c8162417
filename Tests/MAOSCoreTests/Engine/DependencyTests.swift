import MAOSCore
import Testing

@Suite("Dependencies")
struct DependencyTests {
    private func refusal(_ dependencies: [TaskID], id: TaskID? = nil, in world: inout EngineWorld)
        -> Rejection?
    {
        let specification = TaskSpecification(kind: .code, description: "x", dependencies: dependencies)
        return world.refusal(of: .createTask(specification, id: id, idempotency: nil))
    }

    @Test("a task waits until all that it depends on have completed")
    func waitsForAll() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 10)
        try world.create("a")
        try world.create("b")
        try world.create("c", dependencies: ["a", "b"])
        #expect(world.status("c" as TaskID) == .pending)
        try world.end("a")
        #expect(world.status("c" as TaskID) == .pending)
        try world.end("b")
        #expect(world.status("c" as TaskID) == .assigned)
        #expect(world.history(of: "c" as TaskID) == [.created, .queued, .assigned])
    }

    @Test("a task that depends only on completed ones is queued at once")
    func completedDependency() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.end("a")
        try world.create("b", dependencies: ["a"])
        #expect(world.status("b" as TaskID) == .assigned)
    }

    @Test("unknown, repeated and own identifiers are refused with their place in the list")
    func badDependencies() throws {
        var world = EngineWorld()
        try world.create("a")
        #expect(refusal(["a", "nobody"], in: &world)?.field == "dependencies.1")
        #expect(refusal(["a", "a"], in: &world)?.field == "dependencies.1")
        #expect(refusal(["b"], id: "b", in: &world)?.field == "dependencies.0")
        #expect(world.tasks.count == 1)
    }

    @Test("a list that is too long is refused")
    func tooMany() throws {
        var world = EngineWorld { $0.limits.dependencies = 2 }
        try world.create("a")
        try world.create("b")
        try world.create("c")
        #expect(refusal(["a", "b"], in: &world) == nil)
        #expect(refusal(["a", "b", "c"], in: &world)?.field == "dependencies")
    }

    @Test("a task out of the principal's reach is no dependency for it")
    func outOfReach() throws {
        var world = EngineWorld()
        try world.create("a") { $0.project = "red" }
        let principal = Principal(subject: "bob", permissions: .all, projects: ["blue"])
        let specification = TaskSpecification(kind: .code, description: "x", dependencies: ["a"])
        let refused: Rejection? = world.refusal(
            of: .createTask(specification, id: nil, idempotency: nil), as: principal)
        #expect(refused?.field == "dependencies.0")
    }

    @Test("a failed or cancelled task cancels all that wait for it, and each says for which")
    func failureCascades() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b", dependencies: ["a"])
        try world.create("c", dependencies: ["b"])
        try world.create("d", dependencies: ["a", "c"])
        try world.fail("a")
        #expect(world.status("a" as TaskID) == .failed)
        for (id, cause) in [("b", "a"), ("c", "b")] as [(TaskID, String)] {
            let task: TaskRecord = try world.task(id)
            #expect(task.status == .cancelled)
            #expect(task.state.error?.code == .dependency)
            #expect(task.state.error?.message.contains(" \(cause) ") == true)
        }
        #expect(world.status("d" as TaskID) == .cancelled)
    }

    @Test(
        "a task that depends on a failed one is cancelled as soon as it is created",
        arguments: [false, true])
    func failedDependency(isCancelled: Bool) throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("other")
        try world.create("a")
        if isCancelled {
            try world.send(.cancelTask("a", reason: nil))
        } else {
            try world.end("other")
            try world.fail("a")
        }
        let task: TaskRecord = try world.create(
            "b", dependencies: isCancelled ? ["other", "a"] : ["a"])
        #expect(task.status == .cancelled)
        #expect(task.state.error?.code == .dependency)
        #expect(world.history(of: "b" as TaskID) == [.created, .cancelled])
    }

    @Test("a paused task stays paused when its dependency completes, and runs once resumed")
    func pausedDependent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("b", dependencies: ["a"])
        try world.send(.pauseTask("b"))
        try world.end("a")
        #expect(world.status("b" as TaskID) == .paused)
        try world.send(.resumeTask("b"))
        #expect(world.status("b" as TaskID) == .assigned)
    }

    @Test("a paused task that is resumed too early goes on waiting")
    func resumedDependent() throws {
        var world = EngineWorld()
        try world.create("a")
        try world.create("b", dependencies: ["a"])
        try world.send(.pauseTask("b"))
        try world.send(.resumeTask("b"))
        #expect(world.status("b" as TaskID) == .pending)
    }

    @Test("a retried task waits for each dependency once, though it has waited for them before")
    func retriedDependent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 10)
        try world.create("a")
        try world.create("b")
        try world.create("c", dependencies: ["a", "b"])
        try world.fail("a")
        #expect(world.status("c" as TaskID) == .cancelled)
        try world.send(.retryTask("a"))
        try world.send(.retryTask("c"))
        #expect(world.status("c" as TaskID) == .pending)
        try world.end("b")
        #expect(world.status("c" as TaskID) == .pending, "a has not completed")
        try world.end("a")
        #expect(world.status("c" as TaskID) == .assigned)
    }

    @Test("tasks that come and go while another lives leave nothing behind")
    func abandonedDependents() throws {
        var world = EngineWorld()
        try world.create("a")
        for _ in 0..<100 {
            let reply: Reply = try world.send(
                .createTask(
                    TaskSpecification(kind: .code, description: "x", dependencies: ["a"]), id: nil,
                    idempotency: nil))
            try world.send(.cancelTask(try #require(reply.task).id, reason: nil))
        }
    }

    @Test(
        "tasks that become runnable together are queued in order of creation, before the freed agent chooses"
    )
    func orderOfDependents() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        try world.create("low") { $0.priority = .low }
        try world.create("c", dependencies: ["a"]) { $0.priority = .high }
        try world.create("d", dependencies: ["a"]) { $0.priority = .high }
        _ = world.takeEffects()
        try world.end("a")
        #expect(world.takeLaunches().map(\.task.id) == ["c"])
        try world.end("c")
        #expect(world.takeLaunches().map(\.task.id) == ["d"])
    }

    @Test("a chain of ten thousand is cancelled without a recursion")
    func longChain() throws {
        var engine = Engine(configuration: EngineConfiguration(), seed: 1)
        for index in 0..<10_000 {
            let specification = TaskSpecification(
                kind: .code, description: "x",
                dependencies: index == 0 ? [] : [TaskID(unchecked: "t\(index - 1)")])
            let create = Command.createTask(
                specification, id: TaskID(unchecked: "t\(index)"), idempotency: nil)
            _ = try engine.apply(Request(create, from: .system), at: Instant(milliseconds: 1))
        }
        _ = try engine.apply(
            Request(.cancelTask("t0", reason: nil), from: .system), at: Instant(milliseconds: 2))
        let batch: Batch = engine.takeBatch()
        #expect(batch.tasks.count { $0.status == .cancelled } == 10_000)
    }
}
