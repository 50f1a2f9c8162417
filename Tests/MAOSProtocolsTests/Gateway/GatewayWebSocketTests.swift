import MAOSCore
@testable import MAOSProtocols
import MAOSTestSupport
import Testing

/// A WebSocket client: its session, and what is delivered to it.
private final class Client {
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
        let client = Client(world)
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
        let client = Client(world)
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
        let client = Client(world)
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
        let client = Client(world)
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
        let client = Client(world)
        let errors: [JSONValue] = try client.messages(client.session.receiveBinary(at: world.now))
        #expect(errors.map { $0["code"] } == ["VALIDATION_ERROR"])
    }

    @Test("a ping gets a pong with its id; a pong is taken (GW-WS-14, GW-WS-15)")
    func ping() async throws {
        let world = try await GatewayWorld()
        let client = Client(world)
        let pong: JSONValue = try client.send(#"{"type":"ping","id":"p-7"}"#)
        #expect(pong["type"] == "pong")
        #expect(pong["id"] == "p-7")
        #expect(pong["timestamp"] != nil)
        #expect(client.session.receive(Array(#"{"type":"pong"}"#.utf8), at: world.now).isEmpty)
    }

    @Test("flat and enveloped subscriptions are both taken, and acknowledged (GW-WS-05, GW-WS-06, GW-WS-07)")
    func subscribeShapes() async throws {
        let world = try await GatewayWorld()
        let client = Client(world)
        let flat: JSONValue = try client.send(#"{"type":"subscribe","channel":"tasks:all"}"#)
        #expect(flat["type"] == "subscribed")
        #expect(flat["channel"] == "tasks:all")
        #expect(flat["timestamp"] != nil)
        let enveloped: JSONValue = try client.send(
            #"{"id":"m1","type":"subscribe","timestamp":"2030-01-01T00:00:00Z","payload":{"channel":"agents:all"}}"#)
        #expect(enveloped["id"] == "m1")
        #expect(enveloped["channel"] == "agents:all")
        #expect(enveloped["payload"]?["channel"] == "agents:all")
        #expect(client.session.channels == [.tasks, .agents])
    }

    @Test("a task's changes come wrapped, with flat members and payload alike (GW-WS-09, GW-WS-16, GW-WS-18, C-68)")
    func taskUpdates() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let client = Client(world)
        try client.subscribe("tasks:all")
        _ = world.pumpSockets()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptProgressed(attempt, progress: 0.5, step: "half"))
        try await world.report(.attemptEnded(attempt, .completed(result: try JSONText(#"{"ok":true}"#))))
        let received: [JSONValue] = try client.received(world.pumpSockets())
        #expect(
            received.allSatisfy { $0["type"] == "broadcast" && $0["channel"] == "tasks:all" && $0["timestamp"] != nil })
        let updates: [JSONValue] = received.compactMap { $0["message"] }
        for update in updates {
            #expect(update["type"] == "task_update")
            #expect(update["taskId"] == .string(id.rawValue))
            #expect(update["id"] != nil && update["timestamp"] != nil)
            let payload: JSONObject = try #require(update["payload"]?.objectValue)
            for member in payload { #expect(update[member.key] == member.value, "\(member.key)") }
        }
        #expect(updates.first?["status"] == "pending")
        #expect(updates.contains { $0["status"] == "running" && $0["progress"] == 0.5 && $0["currentStep"] == "half" })
        #expect(updates.last?["status"] == "completed")
        #expect(updates.last?["progress"] == 1)
        #expect(updates.last?["result"] == ["ok": true])
    }

    @Test("a failed task's update carries the error (GW-WS-09)")
    func taskError() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let client = Client(world)
        try client.subscribe("task:\(id)")
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.execution, "exited with code 1"))))
        let last: JSONValue? = try client.received(world.pumpSockets()).last?["message"]
        #expect(last?["status"] == "failed")
        #expect(last?["error"] == "exited with code 1")
    }

    @Test("a task's channel brings that task only, an agent's that agent only (GW-WS-10, GW-WS-17, GW-WS-19, GW-WS-20)")
    func singleChannels() async throws {
        let world = try await GatewayWorld()
        let one: TaskID = try await world.createTask()
        let agent: AgentID = try await world.spawnAgent()
        let client = Client(world, 1)
        let watcher = Client(world, 2)
        try client.subscribe("task:\(one)")
        try client.subscribe("agent:\(agent)")
        try watcher.subscribe("agents:all")
        _ = world.pumpSockets()
        _ = try await world.createTask()
        _ = try await world.send(.post, "/api/v1/tasks/\(one)/pause")
        let other: AgentID = try await world.spawnAgent(#"{"type":"tester"}"#)
        _ = try await world.send(.post, "/api/v1/agents/\(agent)/pause")
        let outputs: [SocketOutput] = world.pumpSockets()
        let received: [JSONValue] = try client.received(outputs)
        #expect(Set(received.compactMap { $0["message"]?["taskId"]?.stringValue }) == [one.rawValue])
        #expect(Set(received.compactMap { $0["message"]?["agentId"]?.stringValue }) == [agent.rawValue])
        let updates: [JSONValue] = try watcher.received(outputs).compactMap { $0["message"] }
        #expect(Set(updates.compactMap { $0["agentId"]?.stringValue }) == [agent.rawValue, other.rawValue])
        for update in updates {
            #expect(update["type"] == "agent_update")
            #expect(update["status"] != nil)
            #expect(update["currentTasks"]?.arrayValue != nil)
            #expect(update["health"]?["cpuPercent"] == 12.5)
        }
    }

    @Test("what was committed before a subscription is not told, though this loop hears of it later (GW-WS-06)")
    func subscribedMeanwhile() async throws {
        let world = try await GatewayWorld()
        let client = Client(world, 1)
        let other = Client(world, 2)
        let task: TaskID = try await world.createTask()
        try client.subscribe("task:\(task)")
        try client.subscribe("tasks:all", #","filter":{"priority":"critical"}"#)
        try other.subscribe("tasks:all")
        try other.subscribe("tasks:all", #","delivery":"direct""#)
        // The creation has not come to this loop yet.
        #expect(try client.received(world.pumpSockets()).isEmpty)
        _ = try await world.send(.patch, "/api/v1/tasks/\(task)/priority", #"{"priority":"critical"}"#)
        let outputs: [SocketOutput] = world.pumpSockets()
        #expect(
            try client.received(outputs).map { $0["channel"] } == ["task:\(task)", "tasks:all"].map(JSONValue.string))
        #expect(try other.received(outputs).map { $0["taskId"]?.stringValue } == [task.rawValue])
    }

    @Test("a changed wish is for what is committed afterwards; until then the earlier one holds (GW-WS-06)")
    func changedMeanwhile() async throws {
        let world = try await GatewayWorld()
        let client = Client(world, 1)
        let leaver = Client(world, 2)
        try client.subscribe("tasks:all")
        let first: TaskID = try await world.createTask()
        try client.subscribe("tasks:all", #","delivery":"direct""#)
        try leaver.subscribe("tasks:all")
        _ = try leaver.send(#"{"type":"unsubscribe","channel":"tasks:all"}"#)
        let before: [JSONValue] = try client.received(world.pumpSockets())
        #expect(!before.isEmpty)
        #expect(before.allSatisfy { $0["message"]?["taskId"]?.stringValue == first.rawValue })
        let second: TaskID = try await world.createTask()
        let outputs: [SocketOutput] = world.pumpSockets()
        let after: [JSONValue] = try client.received(outputs)
        #expect(!after.isEmpty)
        #expect(after.allSatisfy { $0["channel"] == nil && $0["taskId"]?.stringValue == second.rawValue })
        #expect(try leaver.received(outputs).isEmpty)
    }

    @Test("system events come by type and all together (GW-WS-11, GW-WS-21, GW-WS-22, UND-51)")
    func systemEvents() async throws {
        let world = try await GatewayWorld()
        let all = Client(world, 1)
        let crashes = Client(world, 2)
        let drains = Client(world, 3)
        try all.subscribe("system:all")
        try crashes.subscribe("system:agent_crashed")
        try drains.subscribe("system:server_draining")
        let agent: AgentID = try await world.spawnAgent()
        try await world.report(.agentCrashed(agent, reason: "killed by SIGKILL"))
        try await world.report(.announce(SystemEvent(type: "server_draining", data: try JSONText(#"{"seconds":10}"#))))
        let outputs: [SocketOutput] = world.pumpSockets()
        func types(_ client: Client) throws -> [String] {
            try client.received(outputs).compactMap { $0["message"]?["event"]?["type"]?.stringValue }
        }
        #expect(try types(all) == ["agent_spawned", "agent_crashed", "server_draining"])
        #expect(try types(crashes) == ["agent_crashed"])
        #expect(try types(drains) == ["server_draining"])
        let event: JSONValue = try #require(try drains.received(outputs).first?["message"]?["event"])
        #expect(event["data"] == ["seconds": 10])
        for name in ["id", "type", "severity", "source", "message", "data", "timestamp"] {
            #expect(event[name] != nil, "\(name)")
        }
        #expect(try crashes.received(outputs).first?["message"]?["event"]?["severity"] == "error")
    }

    @Test("metrics come every ten seconds to those who want them (GW-WS-12, GW-REST-28)")
    func metrics() async throws {
        let world = try await GatewayWorld()
        _ = try await world.createTask()
        let client = Client(world, 1)
        let other = Client(world, 2)
        try client.subscribe("metrics:all")
        try other.subscribe("tasks:all")
        _ = world.sockets.tick(at: world.now)
        world.clock.advance(.seconds(9))
        #expect(try client.received(world.sockets.tick(at: world.now)).isEmpty)
        world.clock.advance(.seconds(1))
        let outputs: [SocketOutput] = world.sockets.tick(at: world.now)
        let message: JSONValue = try #require(try client.received(outputs).first?["message"])
        #expect(try other.received(outputs).isEmpty)
        #expect(message["type"] == "metrics")
        let metrics: [JSONValue] = message["metrics"]?.arrayValue ?? []
        #expect(metrics.contains { $0["name"] == "maos_test_total" && $0["type"] == "counter" && $0["value"] == 7 })
        #expect(
            metrics.contains {
                $0["name"] == "maos_tasks" && $0["labels"] == ["status": "queued"] && $0["value"] == 1
            })
        #expect(metrics.allSatisfy { $0["timestamp"] != nil && $0["labels"]?.objectValue != nil })
        world.clock.advance(.seconds(10))
        #expect(try client.received(world.sockets.tick(at: world.now)).count == 1)
    }

    @Test("a filter lets through what matches each of its members exactly (GW-WS-06, GW-WS-23)")
    func filters() async throws {
        let world = try await GatewayWorld()
        let high = Client(world, 1)
        let none = Client(world, 2)
        let plain = Client(world, 3)
        try high.subscribe("tasks:all", #","filter":{"priority":"high","status":"pending"}"#)
        try none.subscribe("tasks:all", #","filter":{"nothing":1}"#)
        try plain.subscribe("tasks:all", #","filter":{}"#)
        let wanted: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"high"}"#)
        _ = try await world.createTask()
        let outputs: [SocketOutput] = world.pumpSockets()
        let received: [JSONValue] = try high.received(outputs)
        #expect(!received.isEmpty)
        #expect(Set(received.compactMap { $0["message"]?["taskId"]?.stringValue }) == [wanted.rawValue])
        #expect(try none.received(outputs).isEmpty)
        #expect(try plain.received(outputs).count > received.count)
    }

    @Test("direct delivery sends the message without its wrapper (C-68)")
    func direct() async throws {
        let world = try await GatewayWorld()
        let client = Client(world, 1)
        let filtered = Client(world, 2)
        try client.subscribe("tasks:all", #","delivery":"direct""#)
        try filtered.subscribe("tasks:all", #","delivery":"direct","filter":{"type":"task_update"}"#)
        _ = try await world.createTask()
        let outputs: [SocketOutput] = world.pumpSockets()
        for client in [client, filtered] {
            let received: [JSONValue] = try client.received(outputs)
            #expect(!received.isEmpty)
            #expect(received.allSatisfy { $0["type"] == "task_update" && $0["payload"] != nil })
        }
    }

    @Test("subscribing again replaces the earlier wish and delivers once (GW-WS-07)")
    func subscribeAgain() async throws {
        let world = try await GatewayWorld()
        let client = Client(world)
        for more in ["", #","delivery":"direct""#, #","filter":{"nothing":1}"#, ""] {
            try client.subscribe("tasks:all", more)
        }
        _ = try await world.createTask()
        let events: Int = world.journal.eventCount
        #expect(try client.received(world.pumpSockets()).count == events)
        #expect(client.session.channels.count == 1)
    }

    @Test("after unsubscribing nothing comes; unknown channels are ignored (GW-WS-08)")
    func unsubscribe() async throws {
        let world = try await GatewayWorld()
        let client = Client(world)
        try client.subscribe("tasks:all")
        try client.subscribe("task:x", #","filter":{"a":1}"#)
        for channel in ["tasks:all", "task:x", "agents:all", "no such channel"] {
            let answer: JSONValue = try client.send(#"{"type":"unsubscribe","channel":"\#(channel)"}"#)
            #expect(answer["type"] == "unsubscribed")
            #expect(answer["channel"] == .string(channel))
            #expect(answer["timestamp"] != nil)
        }
        _ = try await world.createTask()
        #expect(world.pumpSockets().isEmpty)
        #expect(client.session.channels.isEmpty)
    }

    @Test("a closed connection leaves nothing behind (GW-WS-24)")
    func close() async throws {
        let world = try await GatewayWorld()
        let client = Client(world)
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
        let client = Client(world, as: Principal(subject: "eve", permissions: without))
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
        let bob = Client(world, 1, as: Principal(subject: "bob", permissions: .viewer, projects: ["blue"]))
        try bob.subscribe("tasks:all")
        try bob.subscribe("agents:all")
        let other: TaskID = try await world.createTask()
        let mine: TaskID = try await world.createTask(blue)
        let child = Client(world, 2, as: Principal(subject: "child", permissions: .viewer, task: mine))
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
        let client = Client(world)
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
        let client = Client(world, expires: world.now + .seconds(60))
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
        let clients: [Client] = (1...50).map { Client(world, $0) }
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
        let client = Client(world)
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
    fileprivate var eventCount: Int {
        (try? events(from: 1, limit: .max, types: []))?.events.count ?? 0
    }
}
