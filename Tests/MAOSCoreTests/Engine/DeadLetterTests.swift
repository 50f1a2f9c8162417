import MAOSCore
import Testing

/// Tasks whose attempts are used up.
@Suite struct DeadLetterTests {
    /// A world with a task `a` that has failed `attempts` times, and may not be tried again.
    private func dead(attempts: Int = 1) throws -> EngineWorld {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") {
            $0.retryPolicy = RetryPolicy(maximumAttempts: attempts, backoff: 0)
            $0.project = "apollo"
        }
        for attempt in 1...attempts {
            try world.start("a")
            try world.end("a", .failed(TaskFailure(.execution, "exited with code \(attempt)")))
            try world.pass(1)
        }
        return world
    }

    @Test("a task whose attempts are used up is a dead letter with the cause of each, oldest first")
    func causes() throws {
        let world: EngineWorld = try dead(attempts: 3)
        let state: TaskState = try world.task("a").state
        #expect(state.status == .failed && state.isDeadLetter)
        #expect(state.causes.map(\.attempt) == [1, 2, 3])
        #expect(state.causes.map(\.failure.message) == (1...3).map { "exited with code \($0)" })
        #expect(state.causes.allSatisfy { $0.agent == "x" && $0.failure.code == .execution })
        let failed: [TaskEvent] = world.events.compactMap {
            if case .task(let task) = $0.body, task.kind == .failed { task } else { nil }
        }
        #expect(failed.count == 1 && failed[0].state.isDeadLetter, "its event says so")
    }

    @Test("a task that may be tried again is none, and keeps the causes of its failed attempts when it completes")
    func notYet() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 0) }
        try world.fail("a")
        #expect(try !world.task("a").state.isDeadLetter)
        try world.pass(1)
        try world.end("a")
        let state: TaskState = try world.task("a").state
        #expect(state.status == .completed && !state.isDeadLetter && state.causes.count == 1)
    }

    @Test("only the newest ten causes are kept")
    func bound() throws {
        let world: EngineWorld = try dead(attempts: 25)
        #expect(try world.task("a").state.causes.map(\.attempt) == Array(16...25))
    }

    @Test("a task that was interrupted too often is one; its interruptions are causes")
    func interrupted() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        for _ in 0...world.configuration.limits.interruptions {
            try world.start("a")
            try world.restart()
            try world.report(.agentStarted("x", process: nil))
        }
        let state: TaskState = try world.task("a").state
        #expect(state.status == .failed && state.isDeadLetter)
        #expect(state.causes.count == 4 && state.causes.allSatisfy { $0.failure.code == .interrupted })
    }

    @Test("a deadline that passed and a cancellation make none")
    func others() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let deadline: Instant = world.now + .seconds(10)
        try world.create("a") { $0.deadline = deadline }
        try world.start("a")
        try world.pass(.seconds(11))
        try world.end("a", .stopped)
        try world.create("b")
        try world.send(.cancelTask("b", reason: nil))
        try world.end("b", .failed(TaskFailure(.execution, "killed")))
        for id: TaskID in ["a", "b"] {
            #expect(try !world.task(id).state.isDeadLetter)
            #expect(world.refusal(of: .requeueDeadLetter(id, as: nil))?.conflict == "not_dead_letter")
            #expect(world.refusal(of: .discardDeadLetter(id))?.conflict == "not_dead_letter")
        }
    }

    @Test("requeued as it is, a task keeps its id and causes, and its failures are counted anew")
    func requeue() throws {
        var world: EngineWorld = try dead(attempts: 2)
        let task: TaskRecord = try #require(try world.send(.requeueDeadLetter("a", as: nil)).task)
        #expect(task.id == "a" && task.status == .assigned && task.state.attempt == 3)
        #expect(!task.state.isDeadLetter && task.state.failures == 0 && task.state.causes.count == 2)
        #expect(world.history(of: "a" as TaskID).suffix(2) == [.restarted, .assigned])
        try world.fail("a")
        try world.pass(1)
        #expect(world.status("a" as TaskID) == .assigned, "it has all its attempts again")
        try world.fail("a")
        #expect(try world.task("a").state.causes.map(\.attempt) == [1, 2, 3, 4])
        #expect(try world.task("a").state.isDeadLetter)
    }

    @Test("requeued with another specification, a new task is made, and the old one says which")
    func edited() throws {
        var world: EngineWorld = try dead()
        var specification: TaskSpecification = try world.task("a").specification
        specification.timeout = .seconds(600)
        let made: TaskRecord = try #require(try world.send(.requeueDeadLetter("a", as: specification)).task)
        #expect(made.id != "a" && made.number == 2 && made.specification == specification)
        #expect(made.status == .assigned && made.state.causes.isEmpty)
        let old: TaskRecord = try world.task("a")
        #expect(old.status == .failed && !old.state.isDeadLetter && old.state.requeuedAs == made.id)
        #expect(old.state.causes.count == 1 && old.specification.timeout == nil)
        #expect(world.history(of: "a" as TaskID).last == .discarded)
        #expect(world.refusal(of: .requeueDeadLetter("a", as: nil))?.conflict == "not_dead_letter")
        // It is a failed task like any other, which may still be retried.
        #expect(try world.send(.retryTask("a")).task?.status == .queued)
    }

    @Test("an edit that no task may have is refused, and the dead letter stays")
    func badEdit() throws {
        var world: EngineWorld = try dead()
        var specification: TaskSpecification = try world.task("a").specification
        specification.dependencies = ["nobody"]
        #expect(world.refusal(of: .requeueDeadLetter("a", as: specification))?.field == "dependencies.0")
        specification.dependencies = []
        specification.description = ""
        #expect(world.refusal(of: .requeueDeadLetter("a", as: specification))?.field == "description")
        #expect(try world.task("a").state.isDeadLetter)
    }

    @Test("discarded, a task stays failed and is told of once")
    func discard() throws {
        var world: EngineWorld = try dead()
        let finished: Instant? = try world.task("a").state.finishedAt
        try world.pass(50)
        try world.send(.discardDeadLetter("a"))
        let state: TaskState = try world.task("a").state
        #expect(state.status == .failed && !state.isDeadLetter && state.finishedAt == finished)
        #expect(world.history(of: "a" as TaskID).last == .discarded)
        #expect(world.refusal(of: .discardDeadLetter("a"))?.conflict == "not_dead_letter")
    }

    @Test("several are settled one by one: what is wrong with one does not touch the others")
    func several() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 5)
        for id: TaskID in ["a", "b", "c"] { try world.create(id) }
        for id: TaskID in ["a", "b"] { try world.fail(id) }
        guard
            case .outcomes(let outcomes) = try world.send(
                .settleDeadLetters(["a", "nobody", "c", "a", "b"], .requeue))
        else {
            Issue.record("several are answered with an outcome each")
            return
        }
        #expect(outcomes.map(\.id) == ["a", "nobody", "c", "a", "b"])
        let refusals: [String?] = outcomes.map { (outcome: TaskOutcome) in
            if case .failure(let rejection) = outcome.result { rejection.conflict ?? "missing" } else { nil }
        }
        #expect(refusals == [nil, "missing", "not_dead_letter", "not_dead_letter", nil])
        for id: TaskID in ["a", "b", "c"] { #expect(world.status(id) == .assigned) }
        let many: [TaskID] = (0...1_000).map { TaskID(unchecked: "t\($0)") }
        #expect(world.refusal(of: .settleDeadLetters(many, .discard))?.field == "taskIds")
    }

    @Test("who may not update tasks, or not see this one, may do nothing; an edit takes the right to create")
    func permissions() throws {
        var world: EngineWorld = try dead()
        let reader = Principal(subject: "bob", permissions: [.tasksRead, .tasksList, .tasksCreate])
        let updater = Principal(subject: "eve", permissions: [.tasksUpdate])
        let stranger = Principal(subject: "tom", permissions: .all, projects: ["gemini"])
        let child = Principal(subject: "a", permissions: .all, task: "b")
        let specification: TaskSpecification = try world.task("a").specification
        for command: Command in [
            .requeueDeadLetter("a", as: nil), .discardDeadLetter("a"), .settleDeadLetters(["a"], .discard),
        ] {
            #expect(world.refusal(of: command, as: reader) == .forbidden(.tasksUpdate))
        }
        #expect(world.refusal(of: .requeueDeadLetter("a", as: specification), as: updater) == .forbidden(.tasksCreate))
        #expect(world.refusal(of: .discardDeadLetter("a"), as: stranger) == .notFound(.task, id: "a"))
        #expect(world.refusal(of: .settleDeadLetters(["a"], .discard), as: child) == .forbidden(.tasksUpdate))
        #expect(try world.send(.requeueDeadLetter("a", as: nil), as: updater).task?.status == .assigned)
    }

    @Test("one that died, was discarded and was retried in the same batch is stored once, as it is last")
    func oneBatch() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("a")
        let end = Command.attemptEnded(world.attempt(of: "a"), .failed(TaskFailure(.execution, "no")))
        world.sendTogether([end, .discardDeadLetter("a")])
        #expect(world.status("a" as TaskID) == .failed)
        #expect(try !world.task("a").state.isDeadLetter)
        world.sendTogether([.retryTask("a")])
        let again = Command.attemptEnded(world.attempt(of: "a"), .failed(TaskFailure(.execution, "no")))
        world.sendTogether([again, .requeueDeadLetter("a", as: nil)])
        #expect(world.status("a" as TaskID) == .assigned)
        #expect(try world.task("a").state.causes.count == 2)
    }
}
