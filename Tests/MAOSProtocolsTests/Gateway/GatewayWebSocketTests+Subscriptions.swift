import MAOSCore
@testable import MAOSProtocols
import MAOSTestSupport
import Testing

/// What subscriptions bring, and what they do not.
extension GatewayWebSocketTests {
    @Test("flat and enveloped subscriptions are both taken, and acknowledged (GW-WS-05, GW-WS-06, GW-WS-07)")
    func subscribeShapes() async throws {
        let world = try await GatewayWorld()
        let client = GatewayClient(world)
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
        let client = GatewayClient(world)
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
        let client = GatewayClient(world)
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
        let client = GatewayClient(world, 1)
        let watcher = GatewayClient(world, 2)
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
        let client = GatewayClient(world, 1)
        let other = GatewayClient(world, 2)
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
        let client = GatewayClient(world, 1)
        let leaver = GatewayClient(world, 2)
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
        let all = GatewayClient(world, 1)
        let crashes = GatewayClient(world, 2)
        let drains = GatewayClient(world, 3)
        try all.subscribe("system:all")
        try crashes.subscribe("system:agent_crashed")
        try drains.subscribe("system:server_draining")
        let agent: AgentID = try await world.spawnAgent()
        try await world.report(.agentCrashed(agent, reason: "killed by SIGKILL"))
        try await world.report(.announce(SystemEvent(type: "server_draining", data: try JSONText(#"{"seconds":10}"#))))
        let outputs: [SocketOutput] = world.pumpSockets()
        func types(_ client: GatewayClient) throws -> [String] {
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
        let client = GatewayClient(world, 1)
        let other = GatewayClient(world, 2)
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
        let high = GatewayClient(world, 1)
        let none = GatewayClient(world, 2)
        let plain = GatewayClient(world, 3)
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
        let client = GatewayClient(world, 1)
        let filtered = GatewayClient(world, 2)
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
        let client = GatewayClient(world)
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
        let client = GatewayClient(world)
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
}
