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
}
