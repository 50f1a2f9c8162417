import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// What people do to tasks that wait or run: cancel, pause, move.
@Suite("Somebody who steers tasks", .server(["pools": ["default": ["max": 2]]]), .serialized)
struct ControlTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    /// A tree that does not listen: the root ignores SIGTERM, a child has a session of its own, another lost its parent.
    private static let stubborn: String = """
        trap '' TERM HUP INT
        setsid sh -c "trap '' TERM HUP; while :; do sleep 1; done" &
        sh -c "trap '' TERM; (setsid sleep 300 &) ; sleep 300" &
        (sleep 300 &)
        echo up
        while :; do sleep 1; done
        """

    private func stubbornTask() async throws -> String {
        let id: String = try client.createTask(.string(ControlTests.stubborn))
        try await waitUntil("the tree is up") {
            try client.output(of: id) == Array("up\n".utf8) && Processes.ofTask(id).count >= 5
        }
        return id
    }

    @Test("cancels a stubborn process tree in five seconds, and nothing of it is left (GW-REST-05)")
    func cancelStubborn() async throws {
        let id: String = try await stubbornTask()
        let started = Date()
        let reply: APIReply = try await ControlTests.blocking { try $0.call(.delete, "/api/v1/tasks/\(id)") }
        #expect(Date().timeIntervalSince(started) < 9, "answered after five seconds, or a few more")
        #expect([200, 202].contains(reply.status), "\(reply.body)")
        if reply.status == 202 {
            #expect(reply.data?["cancelRequested"] == true && reply.data?["status"] == "running")
        } else {
            #expect(reply.data?["status"] == "cancelled" && Processes.ofTask(id).isEmpty)
        }
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "cancelled" && Processes.ofTask(id).isEmpty)
        #expect(try client.call(.delete, "/api/v1/tasks/\(id)").status == 200, "again is no mistake")
        let types: [JSONValue] = try client.events().filter { $0["taskId"] == .string(id) }.compactMap { $0["type"] }
        #expect(types.contains("task_cancel_requested"), "\(types)")
        #expect(try Processes.zombies(of: SharedServer.current.process.processIdentifier) == 0)
    }

    @Test("sees a task that is being stopped as running and cancelling")
    func cancelling() async throws {
        let id: String = try await stubbornTask()
        async let reply: APIReply = ControlTests.blocking { try $0.call(.delete, "/api/v1/tasks/\(id)") }
        let seen: JSONValue = try await client.task(id, until: "the request") { $0["cancelRequested"] == true }
        #expect(seen["status"] == "running" && seen["currentStep"] == "cancelling")
        let refused: APIReply = try client.call(.post, "/api/v1/tasks/\(id)/pause")
        #expect(
            refused.status == 409 && refused.body["error"]?["details"]?["reason"] == "cancelling", "\(refused.body)")
        #expect([200, 202].contains(try await reply.status))
        #expect(try await client.ended(id)["status"] == "cancelled")
    }

    @Test("cancels what waits at once")
    func cancelWaiting() throws {
        let waiting: String = try client.createTask(
            ["/bin/true"], ["requirements": [["type": "capability", "name": "nobody-has-this"]]])
        let reply: APIReply = try client.call(.delete, "/api/v1/tasks/\(waiting)")
        #expect(reply.status == 200 && reply.data == ["taskId": .string(waiting), "status": "cancelled"])
    }

    @Test("gets conflicts for what has ended otherwise")
    func cancelEnded() async throws {
        for command in ["/bin/true", "/bin/false"] {
            let ended: JSONValue = try await client.run([.string(command)])
            let reply: APIReply = try client.call(.delete, "/api/v1/tasks/\(ended["id"]?.text ?? "")")
            #expect(reply.status == 409 && reply.errorCode == "RESOURCE_CONFLICT")
            #expect(reply.body["error"]?["details"]?["reason"] == ended["status"])
        }
    }

    @Test("pauses a process tree: the kernel has stopped all of it, and its time does not run")
    func pauseRunning() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // It ends when it is told to, so that nobody has to be quick to see it.
        let id: String = try client.createTask(
            .string(
                "setsid sh -c 'while :; do sleep 0.05; done' & (sleep 300 &); "
                    + "while [ ! -e '\(folder)/go' ]; do sleep 0.05; done"),
            ["timeout": 5_000])
        try await waitUntil("the tree is up") { Processes.ofTask(id).count >= 4 }
        let paused: APIReply = try client.call(.post, "/api/v1/tasks/\(id)/pause")
        #expect(paused.status == 200 && paused.data?["coreStatus"] == "paused" && paused.data?["status"] == "running")
        try await waitUntil("all of it is stopped") {
            let tree: [Int32] = Processes.ofTask(id)
            return tree.count >= 3 && tree.allSatisfy { Processes.isHalted($0) }
        }
        #expect(try client.call(.post, "/api/v1/tasks/\(id)/pause").status == 200, "again is no mistake")
        // Longer than its timeout.
        let until = Date(timeIntervalSinceNow: 5.5)
        try await waitUntil("time has passed") {
            #expect(Processes.ofTask(id).allSatisfy { Processes.isHalted($0) })
            return Date() >= until
        }
        #expect(try client.task(id)["coreStatus"] == "paused")
        let resumed: APIReply = try client.call(.post, "/api/v1/tasks/\(id)/resume")
        #expect(resumed.status == 200 && resumed.data?["coreStatus"] == "running")
        #expect(FileManager.default.createFile(atPath: "\(folder)/go", contents: nil))
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed" && ended["attempt"] == 1, "\(ended)")
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("cancels a paused tree")
    func cancelPaused() async throws {
        let id: String = try client.createTask(["/bin/sleep", "300"])
        try await client.running(id)
        #expect(try client.call(.post, "/api/v1/tasks/\(id)/pause").status == 200)
        try await waitUntil("it is stopped") {
            let tree: [Int32] = Processes.ofTask(id)
            return !tree.isEmpty && tree.allSatisfy { Processes.isHalted($0) }
        }
        let reply: APIReply = try await ControlTests.blocking { try $0.call(.delete, "/api/v1/tasks/\(id)") }
        #expect(reply.status == 200 && reply.data?["status"] == "cancelled", "\(reply.body)")
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("pauses a waiting task: it does not start before it is resumed")
    func pauseWaiting() async throws {
        let capability: JSONObject = ["requirements": [["type": "capability", "name": "patience"]]]
        let id: String = try client.createTask(["/bin/true"], capability)
        #expect(try client.call(.post, "/api/v1/tasks/\(id)/pause").status == 200)
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["patience"]])
        let other: JSONValue = try await client.run(["/bin/true"], capability)
        #expect(other["status"] == "completed" && other["assignedAgentId"] == .string(agent))
        #expect(try client.task(id)["coreStatus"] == "paused")
        let waiting: APIReply = try client.call(.get, "/api/v1/tasks/\(id)/waiting")
        #expect(waiting.data?["reasons"]?[0]?["kind"] == "paused")
        #expect(try client.call(.post, "/api/v1/tasks/\(id)/resume").status == 200)
        #expect(try await client.ended(id)["status"] == "completed")
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test("moves a task past others by its priority (GW-REST-06)")
    func priority() async throws {
        let capability: JSONObject = ["requirements": [["type": "capability", "name": "order"]]]
        var ids: [String: String] = [:]
        for (name, priority) in [("a", "low"), ("b", "medium"), ("c", "low"), ("d", "high"), ("e", "critical")] {
            var more: JSONObject = capability
            more["priority"] = .string(priority)
            ids[name] = try client.createTask(["/bin/true"], more)
        }
        let path: String = "/api/v1/tasks/\(ids["c"] ?? "")/priority"
        let reply: APIReply = try client.call(.patch, path, ["priority": "critical", "reason": "it burns"])
        #expect(reply.status == 200 && reply.data?["priority"] == "critical" && reply.data?["status"] == "pending")
        #expect(try client.call(.patch, path, ["priority": "critical"]).status == 200, "the same again is no mistake")
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["order"]])
        for id in ids.values { #expect(try await client.ended(id)["status"] == "completed") }
        let events: [JSONValue] = try client.events()
        let started: [String] = events.filter { $0["type"] == "task_started" }.map { $0["taskId"]?.text ?? "" }
        // Of the same priority the one that has waited for longer comes first.
        let order: [String] = started.compactMap { id in ids.first { $0.value == id }?.key }
        #expect(order == ["c", "e", "d", "b", "a"])
        let change: JSONValue? = events.first {
            $0["type"] == "task_priority_changed" && $0["taskId"]?.text == ids["c"]
        }
        #expect(change?["reason"] == "it burns" && change?["priority"] == "critical")
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    /// A call that takes long, on a connection and a thread of its own.
    private static func blocking(_ body: @escaping @Sendable (APIClient) throws -> APIReply) async throws -> APIReply {
        let client: UncheckedBox<APIClient> = UncheckedBox(try SharedServer.current.client())
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body(client.value) }) }
        }
    }
}

/// Hands something to another thread that nobody else uses meanwhile.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
