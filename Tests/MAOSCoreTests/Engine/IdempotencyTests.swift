import MAOSCore
import Testing

@Suite("Repeated requests")
struct IdempotencyTests {
    private func create(_ key: String, fingerprint: UInt64 = 1) -> Command {
        .createTask(
            TaskSpecification(kind: .code, description: "x"), id: nil,
            idempotency: IdempotencyKey(key: key, fingerprint: fingerprint))
    }

    private func repeated(_ reply: Reply) -> TaskID? {
        if case .repeated(let id) = reply { id } else { nil }
    }

    @Test("the same key with the same request creates one task, however often it is sent")
    func same() throws {
        var world = EngineWorld()
        let first: TaskID = try #require(try world.send(create("k")).task).id
        for _ in 0..<3 { #expect(repeated(try world.send(create("k"))) == first) }
        try world.send(.cancelTask(first, reason: nil))
        #expect(repeated(try world.send(create("k"))) == first, "also when the task has ended")
        #expect(world.tasks.count == 1)
    }

    @Test("the same key with another request is refused")
    func otherRequest() throws {
        var world = EngineWorld()
        try world.send(create("k", fingerprint: 1))
        #expect(world.refusal(of: create("k", fingerprint: 2))?.conflict == "idempotency_key_reused")
    }

    @Test("keys of different subjects have nothing to do with each other")
    func otherSubject() throws {
        var world = EngineWorld()
        try world.send(create("k"))
        let other = Principal(subject: "bob", permissions: .all)
        #expect(try world.send(create("k", fingerprint: 2), as: other).task != nil)
    }

    @Test("a key is forgotten after its time")
    func expiry() throws {
        var world = EngineWorld { $0.limits.idempotencyRetention = .seconds(10) }
        let first: TaskID = try #require(try world.send(create("k")).task).id
        try world.pass(9_999)
        #expect(repeated(try world.send(create("k"))) == first)
        try world.pass(1)
        #expect(try world.send(create("k", fingerprint: 2)).task?.id != first)
    }

    @Test(
        "only so many keys are remembered: the oldest goes first, and one that was renewed is not the oldest"
    )
    func bound() throws {
        var world = EngineWorld {
            $0.limits.idempotencyKeys = 3
            $0.limits.idempotencyRetention = .seconds(10)
        }
        try world.send(create("a"))
        try world.pass(.seconds(10))
        let renewed: TaskID = try #require(try world.send(create("a")).task).id
        for key in ["b", "c"] { try world.send(create(key)) }
        #expect(repeated(try world.send(create("a"))) == renewed)
        try world.send(create("d"))
        #expect(try world.send(create("a", fingerprint: 2)).task != nil, "it was the oldest now")
    }

    @Test("keys survive a restart")
    func restart() throws {
        var world = EngineWorld { $0.limits.idempotencyRetention = .seconds(10) }
        let first: TaskID = try #require(try world.send(create("k")).task).id
        try world.pass(.seconds(5))
        try world.restart()
        #expect(repeated(try world.send(create("k"))) == first)
        try world.pass(.seconds(5))
        try world.restart()
        #expect(try world.send(create("k")).task != nil)
    }

    @Test("a refused request is not remembered")
    func refused() throws {
        var world = EngineWorld()
        let bad = Command.createTask(
            TaskSpecification(kind: .code, description: "x", dependencies: ["nobody"]), id: nil,
            idempotency: IdempotencyKey(key: "k", fingerprint: 1))
        #expect(world.refusal(of: bad) != nil)
        #expect(try world.send(create("k", fingerprint: 2)).task != nil)
    }

    @Test("a key is 1 to 255 characters long")
    func length() throws {
        var world = EngineWorld()
        try world.send(create(String(repeating: "k", count: 255)))
        #expect(
            world.refusal(of: create(String(repeating: "k", count: 256)))?.field == "idempotencyKey")
        #expect(world.refusal(of: create(""))?.field == "idempotencyKey")
    }

    @Test("who may not make something is not told what a request with its key has made")
    func rights() throws {
        var world = EngineWorld()
        let pool = PoolSpecification(
            name: "p", minimum: 0, maximum: 1, template: AgentSpecification(type: .coder))
        let command = Command.once(IdempotencyKey(key: "k", fingerprint: 1), .pool(.create(pool)))
        try world.send(command)
        let reader = Principal(subject: "ann", permissions: .viewer)
        #expect(world.refusal(of: command, as: reader) == .forbidden(.poolsScale))
        let attempt = Principal(subject: "ann", permissions: .all, task: "t")
        #expect(world.refusal(of: command, as: attempt) == .forbidden(.poolsScale))
    }

    @Test("schedules, executions and pools are made once for a key, also after a restart")
    func otherCreations() throws {
        var world = EngineWorld()
        let steps: JSONText = try JSONText(#"{"name":"w","steps":[{"id":"a","type":"task","configuration":{}}]}"#)
        let definition = WorkflowDefinition(try #require(steps.value().objectValue))
        try world.send(.workflow(.put(WorkflowID(unchecked: "w"), definition)))
        let commands: [Command] = [
            .schedule(
                .create(
                    ScheduleSpecification(
                        recurrence: .cron(try CronExpression("0 * * * *")),
                        target: .task(TaskSpecification(kind: .code, description: "run"))))),
            .workflow(.execute(WorkflowID(unchecked: "w"), parameters: .emptyObject, overrides: [])),
            .pool(
                .create(
                    PoolSpecification(name: "p", minimum: 0, maximum: 2, template: AgentSpecification(type: .coder)))),
        ]
        for (number, command) in commands.enumerated() {
            let key = IdempotencyKey(key: "k\(number)", fingerprint: UInt64(number))
            let made: Creation = try #require(Self.creation(of: try world.send(.once(key, command))))
            #expect(Creation(made.text) == made)
            let count: Int = world.events.count
            guard case .repeatedCreation(made) = try world.send(.once(key, command)) else {
                Issue.record("the same again makes nothing")
                continue
            }
            #expect(world.events.count == count)
            try world.restart()
            guard case .repeatedCreation(made) = try world.send(.once(key, command)) else {
                Issue.record("a restart forgets nothing")
                continue
            }
            let other = IdempotencyKey(key: "k\(number)", fingerprint: 99)
            #expect(world.refusal(of: .once(other, command))?.conflict == "idempotency_key_reused")
        }
        let empty = IdempotencyKey(key: "", fingerprint: 1)
        #expect(world.refusal(of: .once(empty, commands[0]))?.field == "idempotencyKey")
        let fresh = IdempotencyKey(key: "new", fingerprint: 1)
        #expect(world.refusal(of: .once(fresh, .pauseTask("t")))?.field == "idempotencyKey")
        // What was refused is not remembered.
        let reader = Principal(subject: "bob", permissions: .tasksRead)
        #expect(world.refusal(of: .once(fresh, commands[0]), as: reader) == .forbidden(.tasksCreate))
        guard case .schedule = try world.send(.once(fresh, commands[0])) else {
            Issue.record("a key that was refused may be used")
            return
        }
    }

    private static func creation(of reply: Reply) -> Creation? {
        switch reply {
        case .schedule(let record): .schedule(record.id)
        case .execution(let snapshot): .execution(snapshot.record.id)
        case .pool(let record): .pool(record.id)
        default: nil
        }
    }

    @Test("a creation is read back from its text", arguments: ["", "x:y", "pool:", "execution:a b", "a b", ":"])
    func creationTexts(text: String) { #expect(Creation(text) == nil) }
}
