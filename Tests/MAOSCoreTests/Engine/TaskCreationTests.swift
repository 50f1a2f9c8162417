import MAOSCore
import Testing

@Suite("Creating tasks")
struct TaskCreationTests {
    @Test("a new task is queued, numbered in order of creation, and owned by who asked for it")
    func newTask() throws {
        var world = EngineWorld()
        let principal = Principal(subject: "bob", permissions: .tasksCreate, team: "blue")
        let first: TaskRecord = try world.create("a", as: principal)
        let second: TaskRecord = try world.create("b")
        #expect(first.status == .queued)
        #expect(first.state.queuedAt == world.now)
        #expect(first.createdAt == world.now)
        #expect((first.owner, first.team) == ("bob", "blue"))
        #expect((first.number, second.number) == (1, 2))
        #expect(first.state.attempt == 0)
        #expect(world.tasks["a"] == first)
        #expect(world.history(of: "a" as TaskID) == [.created])
    }

    @Test("the event of a creation carries the whole task, later events do not")
    func createdEvent() throws {
        var world = EngineWorld()
        let task: TaskRecord = try world.create("a")
        try world.send(.cancelTask("a", reason: nil))
        let carried: [TaskRecord?] = world.events.map {
            if case .task(let event) = $0.body { event.created } else { nil }
        }
        #expect(carried == [task, nil])
    }

    @Test("the answer is the task as it is after the command, given to an agent if one was free")
    func answerIsCurrent() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let task: TaskRecord = try world.create("a")
        #expect(task.status == .assigned)
        #expect(task.state.agent == "x")
        #expect(world.tasks["a"] == task)
    }

    @Test(
        "an identifier that is not given is made in the form of a UUID, version 4, and differs each time"
    )
    func madeIdentifiers() throws {
        var world = EngineWorld()
        var seen: Set<TaskID> = []
        for _ in 0..<200 {
            let reply: Reply = try world.send(
                .createTask(TaskSpecification(kind: .code, description: "x"), id: nil, idempotency: nil))
            let id: TaskID = try #require(reply.task).id
            let bytes: [UInt8] = Array(id.rawValue.utf8)
            #expect(bytes.count == 36)
            #expect([8, 13, 18, 23].allSatisfy { bytes[$0] == UInt8(ascii: "-") })
            #expect(bytes[14] == UInt8(ascii: "4"))
            #expect(
                [UInt8(ascii: "8"), UInt8(ascii: "9"), UInt8(ascii: "a"), UInt8(ascii: "b")].contains(
                    bytes[19]))
            seen.insert(id)
        }
        #expect(seen.count == 200)
    }

    @Test("an identifier is taken once, also when its task has ended, in this batch or long ago")
    func duplicateIdentifier() throws {
        var world = EngineWorld()
        try world.create("a")
        let specification = TaskSpecification(kind: .code, description: "x")
        let again = Command.createTask(specification, id: "a", idempotency: nil)
        #expect(world.refusal(of: again)?.conflict == "duplicate_id")
        try world.send(.cancelTask("a", reason: nil))
        #expect(world.refusal(of: again)?.conflict == "duplicate_id")
        let events: Int = world.events.count
        world.sendTogether([
            .createTask(specification, id: "b", idempotency: nil), .cancelTask("b", reason: nil),
            .createTask(specification, id: "b", idempotency: nil),
        ])
        #expect(world.events.count == events + 2)
        #expect(world.status("b" as TaskID) == .cancelled)
    }

    @Test("a task in the principal's project, its only project, or none")
    func projectOfNewTask() throws {
        var world = EngineWorld()
        func project(_ wanted: String?, _ allowed: [String]) throws -> String? {
            let principal = Principal(subject: "bob", permissions: .tasksCreate, projects: allowed)
            let specification = TaskSpecification(kind: .code, description: "x", project: wanted)
            let reply: Reply = try world.send(
                .createTask(specification, id: nil, idempotency: nil), as: principal)
            return try #require(reply.task).specification.project
        }
        #expect(try project("red", []) == "red")
        #expect(try project(nil, []) == nil)
        #expect(try project("red", ["red", "blue"]) == "red")
        #expect(try project("green", ["red"]) == "red")
        #expect(try project(nil, ["red"]) == "red")
        #expect(try project("green", ["red", "blue"]) == nil)
    }

    @Test("a deadline that has passed is accepted and fails the task at once, without an attempt")
    func pastDeadline() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        let now: Instant = world.now
        let task: TaskRecord = try world.create("a") { $0.deadline = now }
        #expect(task.status == .failed)
        #expect(task.state.error?.code == .deadline)
        #expect(world.history(of: "a" as TaskID) == [.created, .failed])
        #expect(world.takeLaunches().isEmpty)
    }

    @Test("live tasks are limited, also those that come back by a retry")
    func liveTaskLimit() throws {
        var world = EngineWorld { $0.limits.liveTasks = 2 }
        try world.create("a")
        try world.create("b")
        let specification = TaskSpecification(kind: .code, description: "x")
        #expect(
            world.refusal(of: .createTask(specification, id: nil, idempotency: nil))
                == .limitReached("live tasks", limit: 2))
        try world.send(.cancelTask("a", reason: nil))
        try world.create("c")
        #expect(world.refusal(of: .retryTask("a")) == .limitReached("live tasks", limit: 2))
    }

    @Test("what clients say about live tasks is limited by its bytes, also of those that come back by a retry")
    func liveBytesLimit() throws {
        var world = EngineWorld { $0.limits.liveTaskBytes = 100_000 }
        let large = JSONText(.string(String(repeating: "x", count: 60_000)))
        try world.create("a") { $0.context = large }
        try world.create("b")
        var specification = TaskSpecification(kind: .code, description: "x")
        specification.context = large
        let refusal: Rejection = .limitReached("bytes of live tasks", limit: 100_000)
        #expect(world.refusal(of: .createTask(specification, id: nil, idempotency: nil)) == refusal)
        try world.send(.cancelTask("a", reason: nil))
        try world.create("c") { $0.context = large }
        #expect(world.refusal(of: .retryTask("a")) == refusal)
        try world.send(.cancelTask("c", reason: nil))
        try world.send(.retryTask("a"))
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var field: String
        var change: @Sendable (inout TaskSpecification) -> Void
        var testDescription: String { field }
    }

    @Test(
        "a value out of its range is refused by name",
        arguments: [
            Broken(field: "description") { $0.description = "" },
            Broken(field: "description") { $0.description = String(repeating: "é", count: 1_001) },
            Broken(field: "timeout") { $0.timeout = 999 },
            Broken(field: "timeout") { $0.timeout = 86_400_001 },
            Broken(field: "timeout") { $0.timeout = Milliseconds(.min) },
            Broken(field: "retryPolicy.maximumAttempts") { $0.retryPolicy.maximumAttempts = 0 },
            Broken(field: "retryPolicy.maximumAttempts") { $0.retryPolicy.maximumAttempts = 101 },
            Broken(field: "retryPolicy.backoff") { $0.retryPolicy.backoff = -1 },
            Broken(field: "retryPolicy.backoff") { $0.retryPolicy.backoff = 86_400_001 },
            Broken(field: "retryPolicy.factor") { $0.retryPolicy.factor = 0.99 },
            Broken(field: "retryPolicy.factor") { $0.retryPolicy.factor = .nan },
            Broken(field: "retryPolicy.factor") { $0.retryPolicy.factor = .infinity },
            Broken(field: "capabilities.0.name") { $0.capabilities = [CapabilityRequirement(name: "")] },
            Broken(field: "capabilities.1.minimumProficiency") {
                $0.capabilities = [
                    CapabilityRequirement(name: "a"),
                    CapabilityRequirement(name: "b", minimumProficiency: .nan),
                ]
            },
            Broken(field: "capabilities.0.minimumProficiency") {
                $0.capabilities = [CapabilityRequirement(name: "a", minimumProficiency: 1.01)]
            },
            Broken(field: "capabilities") {
                $0.capabilities = (0..<101).map { CapabilityRequirement(name: "c\($0)") }
            },
            Broken(field: "command") { $0.command = .arguments([]) },
        ])
    func outOfRange(broken: Broken) throws {
        var world = EngineWorld()
        var specification = TaskSpecification(kind: .code, description: "x")
        broken.change(&specification)
        #expect(
            world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field
                == broken.field)
    }

    @Test("the ends of each range are in it")
    func endsOfRanges() throws {
        var world = EngineWorld()
        try world.create("a") {
            $0.description = String(repeating: "é", count: 1_000)
            $0.timeout = 1_000
            $0.retryPolicy = RetryPolicy(maximumAttempts: 100, backoff: 0, factor: 1)
            $0.capabilities = [CapabilityRequirement(name: "a", minimumProficiency: 0)]
        }
        try world.create("b") {
            $0.description = "x"
            $0.timeout = 86_400_000
            $0.retryPolicy = RetryPolicy(maximumAttempts: 1, backoff: 86_400_000, factor: 10)
            $0.capabilities = [CapabilityRequirement(name: "a", minimumProficiency: 1)]
        }
    }

    @Test("nothing but text says what an identifier is: 1 to 100 letters, digits, _ and -")
    func identifierGrammar() {
        for text in ["a", "A-1_b", String(repeating: "x", count: 100)] {
            #expect(TaskID(text)?.rawValue == text)
        }
        for text in [
            "", " ", "a b", "ä", "a/b", "a.b", "a\n", "a\0", String(repeating: "x", count: 101),
        ] {
            #expect(TaskID(text) == nil)
        }
        #expect(TaskKind("data_processing2") != nil)
        for text in ["", "Code", "2code", "_code", "co-de", "cöde", String(repeating: "x", count: 65)] {
            #expect(TaskKind(text) == nil)
        }
    }
}
