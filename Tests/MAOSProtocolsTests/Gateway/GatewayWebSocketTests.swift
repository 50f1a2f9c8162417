import MAOSCore
@testable import MAOSProtocols
import MAOSTestSupport
import Testing

/// A WebSocket client: its session, and what is delivered to it.
final class GatewayClient {
    let world: GatewayWorld
    let session: GatewayWebSocketSession
    private(set) var closeCode: UInt16?

    init(
        _ world: GatewayWorld, _ peer: UInt64 = 1, as principal: Principal = GatewayWorld.admin, expires: Instant? = nil
    ) {
        self.world = world
        session = GatewayWebSocketSession(
            id: "conn-\(peer)", peer: PeerID(rawValue: peer), principal: principal, expires: expires,
            userAgent: "test/1", address: "127.0.0.1", subscriptions: world.sockets.subscriptions,
            limit: world.configuration.subscriptions, at: world.now)
    }

    func messages(_ actions: [GatewaySocketAction]) throws -> [JSONValue] {
        try actions.compactMap { (action: GatewaySocketAction) in
            switch action {
            case .send(let text): return try read(text)
            case .close(let code, _):
                closeCode = code
                return nil
            }
        }
    }

    /// Sends a message that has one answer.
    func send(_ text: String) throws -> JSONValue {
        let answers: [JSONValue] = try messages(session.receive(Array(text.utf8), at: world.now))
        #expect(answers.count == 1)
        return try #require(answers.first)
    }

    func subscribe(_ channel: String, _ more: String = "") throws {
        let answer: JSONValue = try send(#"{"type":"subscribe","channel":"\#(channel)"\#(more)}"#)
        #expect(answer["type"] == "subscribed", "\(answer)")
    }

    /// What these outputs bring to this client.
    func received(_ outputs: [SocketOutput]) throws -> [JSONValue] {
        try outputs.compactMap { (output: SocketOutput) in
            guard case .deliver(let delivery) = output, delivery.peers.contains(session.peer) else { return nil }
            return try read(delivery.payload)
        }
    }

    private func read(_ text: [UInt8]) throws -> JSONValue {
        let message: JSONValue = try JSONReader.parse(text, depthLimit: 32)
        DeclaredChannel.gateway.check(message)
        return message
    }
}

@Suite struct GatewayWebSocketTests {
    @Test("the first message is connected, with both shapes (GW-WS-02, GW-WS-05, C-68)")
    func connected() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        let hello: JSONValue = try #require(try client.messages(client.session.open(at: world.now)).first)
        #expect(hello["type"] == "connected")
        #expect(hello["connectionId"] == "conn-1")
        #expect(hello["timestamp"] == "2030-01-01T00:00:00.000Z")
        #expect(hello["payload"]?["connectionId"] == "conn-1")
        #expect(hello["id"]?.stringValue?.isEmpty == false)
    }

    @Test("a connection's record holds who and where from, and when it was last heard of (GW-WS-03)")
    func record() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        #expect(client.session.principal.subject == "alice")
        #expect(client.session.userAgent == "test/1")
        #expect(client.session.address == "127.0.0.1")
        world.clock.advance(.seconds(3))
        _ = try client.send("{broken")
        #expect(client.session.lastActivity == world.now)
        world.clock.advance(.seconds(3))
        _ = client.session.receiveBinary(at: world.now)
        #expect(client.session.lastActivity == world.now)
    }

    @Test(
        "a message that is no JSON gets an error, and the connection stays (GW-WS-04, GW-WS-13)",
        arguments: ["", "{", "{]", "nonsense", "{\"type\":\"ping\"} x", "\u{1}"])
    func badJSON(_ text: String) async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        let error: JSONValue = try client.send(text)
        #expect(error["type"] == "error")
        #expect(error["code"] == "VALIDATION_ERROR")
        #expect(error["message"] == "Invalid JSON message")
        #expect(error["payload"]?["code"] == "VALIDATION_ERROR")
        #expect(error["payload"]?["message"] == "Invalid JSON message")
        #expect(error["id"] != nil && error["timestamp"] != nil)
        #expect(client.closeCode == nil)
        #expect(try client.send(#"{"type":"ping"}"#)["type"] == "pong")
    }

    @Test(
        "a message that says nothing known gets an error with its field (GW-WS-13)",
        arguments: [
            ("[]", ""), ("7", ""), ("null", ""), ("{}", "type"), (#"{"type":5}"#, "type"),
            (#"{"type":"dance"}"#, "type"),
            (#"{"type":"task_update"}"#, "type"), (#"{"type":"subscribe"}"#, "channel"),
            (#"{"type":"subscribe","channel":7}"#, "channel"), (#"{"type":"subscribe","channel":null}"#, "channel"),
            (#"{"type":"subscribe","channel":""}"#, "channel"), (#"{"type":"subscribe","payload":{}}"#, "channel"),
            (#"{"type":"subscribe","channel":"tasks"}"#, "channel"),
            (#"{"type":"subscribe","channel":"tasks:x"}"#, "channel"),
            (#"{"type":"subscribe","channel":"task:"}"#, "channel"),
            (#"{"type":"subscribe","channel":"task:a b"}"#, "channel"),
            (#"{"type":"subscribe","channel":"system:Bad!"}"#, "channel"),
            (#"{"type":"subscribe","channel":"metrics:cpu"}"#, "channel"),
            (#"{"type":"subscribe","channel":"tasks:all","filter":[]}"#, "filter"),
            (#"{"type":"subscribe","channel":"tasks:all","filter":null}"#, "filter"),
            (#"{"type":"subscribe","channel":"tasks:all","delivery":"pigeon"}"#, "delivery"),
            (#"{"type":"unsubscribe"}"#, "channel"), (#"{"type":"unsubscribe","channel":[]}"#, "channel"),
        ])
    func badMessages(_ text: String, _ field: String) async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        let error: JSONValue = try client.send(text)
        #expect(error["type"] == "error")
        #expect(error["code"] == "VALIDATION_ERROR")
        #expect(error["details"]?[0]?["field"] == .string(field))
        #expect(error["payload"]?["details"] == error["details"])
        #expect(client.session.channels.isEmpty)
    }

    @Test("a binary message gets an error (GW-WS-13)")
    func binary() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        let errors: [JSONValue] = try client.messages(client.session.receiveBinary(at: world.now))
        #expect(errors.map { $0["code"] } == ["VALIDATION_ERROR"])
    }

    @Test("a ping gets a pong with its id; a pong is taken (GW-WS-14, GW-WS-15)")
    func ping() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        let pong: JSONValue = try client.send(#"{"type":"ping","id":"p-7"}"#)
        #expect(pong["type"] == "pong")
        #expect(pong["id"] == "p-7")
        #expect(pong["timestamp"] != nil)
        #expect(client.session.receive(Array(#"{"type":"pong"}"#.utf8), at: world.now).isEmpty)
    }

    @Test("a closed connection leaves nothing behind (GW-WS-24)")
    func close() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        for channel in ["tasks:all", "agents:all", "system:all", "metrics:all", "task:x"] {
            try client.subscribe(channel)
        }
        client.session.close()
        _ = try await world.createTask()
        _ = try await world.spawnAgent()
        #expect(world.pumpSockets().isEmpty)
        #expect(client.session.receive(Array(#"{"type":"ping"}"#.utf8), at: world.now).isEmpty)
    }

    @Test(
        "each channel takes its own permission (GW-WS-25, GW-SEC-05)",
        arguments: [
            ("tasks:all", "tasks:subscribe"), ("task:x", "tasks:subscribe"), ("agents:all", "agents:subscribe"),
            ("agent:x", "agents:subscribe"), ("system:all", "system:subscribe"), ("system:x", "system:subscribe"),
            ("metrics:all", "metrics:subscribe"),
        ])
    func permissions(_ channel: String, _ permission: String) async throws {
        let world = try await GatewayWorld()
        let without = Permissions.all.subtracting(Permissions(name: permission))
        let client = GatewayClient(world, as: Principal(subject: "eve", permissions: without))
        let error: JSONValue = try client.send(#"{"type":"subscribe","channel":"\#(channel)"}"#)
        #expect(error["type"] == "error")
        #expect(error["code"] == "AUTHORIZATION_ERROR")
        #expect(error["message"] == .string("Missing permission: \(permission)"))
        #expect(client.session.channels.isEmpty)
    }

    @Test("a limited client hears of its own projects and tasks only")
    func reach() async throws {
        let world = try await GatewayWorld()
        let blue = #"{"type":"code","description":"d","requirements":[],"priority":"low","context":{"project":"blue"}}"#
        let bob = GatewayClient(world, 1, as: Principal(subject: "bob", permissions: .viewer, projects: ["blue"]))
        try bob.subscribe("tasks:all")
        try bob.subscribe("agents:all")
        let other: TaskID = try await world.createTask()
        let mine: TaskID = try await world.createTask(blue)
        let child = GatewayClient(world, 2, as: Principal(subject: "child", permissions: .viewer, task: mine))
        try child.subscribe("tasks:all", #","delivery":"direct""#)
        _ = try await world.spawnAgent()
        for id: TaskID in [mine, other] { _ = try await world.send(.post, "/api/v1/tasks/\(id)/pause") }
        let outputs: [SocketOutput] = world.pumpSockets()
        let received: [JSONValue] = try bob.received(outputs).compactMap { $0["message"] }
        #expect(Set(received.compactMap { $0["taskId"]?.stringValue }) == [mine.rawValue])
        #expect(received.compactMap { $0["currentTasks"] }.allSatisfy { $0 == [] })
        #expect(Set(try child.received(outputs).compactMap { $0["taskId"]?.stringValue }) == [mine.rawValue])
    }

    @Test("a connection has a bounded number of subscriptions")
    func limit() async throws {
        let world = try await GatewayWorld { $0.subscriptions = 3 }
        let client = GatewayClient(world)
        for index in 0..<3 { try client.subscribe("task:t\(index)") }
        try client.subscribe("task:t1")
        let error: JSONValue = try client.send(#"{"type":"subscribe","channel":"task:t9"}"#)
        #expect(error["code"] == "RESOURCE_CONFLICT")
        #expect(error["details"]?["maximum"] == 3)
        _ = try client.send(#"{"type":"unsubscribe","channel":"task:t0"}"#)
        try client.subscribe("task:t9")
    }

    @Test("a connection ends with its token")
    func expiry() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world, expires: world.now + .seconds(60))
        try client.subscribe("tasks:all")
        #expect(client.session.tick(at: world.now).isEmpty)
        world.clock.advance(.seconds(60))
        let last: [JSONValue] = try client.messages(client.session.tick(at: world.now))
        #expect(last.map { $0["code"] } == ["AUTHENTICATION_ERROR"])
        #expect(client.closeCode == 1008)
        _ = try await world.createTask()
        #expect(world.pumpSockets().isEmpty)
    }

    @Test("one encoding serves everybody on a channel, and progress may be superseded")
    func sharing() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let clients: [GatewayClient] = (1...50).map { GatewayClient(world, $0) }
        for client in clients { try client.subscribe("tasks:all") }
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptProgressed(attempt, progress: 0.5, step: nil))
        let deliveries: [SocketDelivery] = world.pumpSockets().compactMap {
            if case .deliver(let delivery) = $0 { delivery } else { nil }
        }
        #expect(deliveries.count == world.journal.eventCount - 3)
        #expect(deliveries.allSatisfy { $0.peers.count == 50 })
        #expect(deliveries.first?.superseding == nil)
        #expect(deliveries.last?.superseding == SupersedingKey(topic: "tasks:all", entity: id.rawValue))
    }

    @Test("no damage to a message crashes, and every answer is JSON")
    func mutations() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
        for text in [
            #"{"id":"m1","type":"subscribe","payload":{"channel":"task:abc","filter":{"status":"running"},"delivery":"direct"}}"#,
            #"{"type":"unsubscribe","channel":"system:server_started"}"#,
        ] {
            for damaged in Mutations(of: Array(text.utf8), count: 3_000, spice: Array("{}[],:\"".utf8)) {
                _ = try client.messages(client.session.receive(damaged, at: world.now))
            }
        }
        #expect(client.session.channels.count <= 1_000)
    }
}

extension MemoryJournal {
    /// How many events there are.
    var eventCount: Int {
        (try? events(from: 1, limit: .max, types: []))?.events.count ?? 0
    }
}
