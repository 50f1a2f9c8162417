import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// What a stop and a start in between change: nothing that was acknowledged.
@Suite("A server that is stopped and started again", .serialized)
struct RestartTests {
    private static let held: JSONObject = ["requirements": [["type": "capability", "name": "nobody-has-this"]]]

    @Test("remembers keys of requests, whatever ended it", arguments: [SIGTERM, SIGKILL])
    func idempotency(signal: CInt) async throws {
        let server = try ServerProcess()
        let body: JSONObject = [
            "type": "code", "description": "once", "requirements": [], "priority": "low",
            "context": ["command": ["/bin/true"]],
        ]
        let key: HTTPFields = [.idempotencyKey: "k1"]
        let first: APIReply = try server.client().call(.post, "/api/v1/tasks", .object(body), fields: key)
        #expect(first.status == 201)
        server.end(with: signal)
        try server.start()
        let client: APIClient = try server.client()
        let again: APIReply = try client.call(.post, "/api/v1/tasks", .object(body), fields: key)
        #expect(again.status == 201 && again.data == first.data)
        var changed: JSONObject = body
        changed["priority"] = "high"
        #expect(try client.call(.post, "/api/v1/tasks", .object(changed), fields: key).status == 409)
        #expect(try client.events().count { $0["type"] == "task_created" } == 1)
    }

    @Test("drains on SIGTERM: it says so, is not ready, ends the processes, and runs their tasks after the next start")
    func drain() async throws {
        let server = try ServerProcess()
        var client: APIClient = try server.client()
        // The first attempt does not want to end at once, so that there is time to look.
        let script: String =
            "trap 'sleep 1; exit 1' TERM; test $MAOS_ATTEMPT -ge 2 || while :; do sleep 0.05; done; echo attempt $MAOS_ATTEMPT"
        let ids: [String] = try (0..<2).map { _ in try client.createTask(.string(script)) }
        let waiting: String = try client.createTask(["/bin/true"], RestartTests.held)
        for id in ids { try await client.running(id) }
        let probe: APIClient = try server.client(token: "none")
        #expect(try probe.call(.get, "/readyz").status == 200)
        kill(server.process.processIdentifier, SIGTERM)
        try await waitUntil("it is not ready") { try probe.call(.get, "/readyz").status == 503 }
        #expect(try probe.call(.get, "/livez").status == 200)
        var last: APIReply?
        try await waitUntil("nothing new is begun") {
            last = try client.call(.post, "/api/v1/agents", ["type": "coder"])
            return last?.status != 201
        }
        let refused: APIReply = try #require(last)
        #expect(
            refused.status == 503 && refused.errorCode == "SERVICE_UNAVAILABLE", "\(refused.status) \(refused.body)")
        #expect(refused.head.fields[.retryAfter] != nil)
        #expect(try client.task(ids[0])["id"] == .string(ids[0]), "reads go on")
        try await waitUntil("it has ended") { !server.process.isRunning }
        #expect(server.process.terminationStatus == 0)
        for id in ids { #expect(Processes.ofTask(id).isEmpty) }
        try server.start()
        client = try server.client()
        for id in ids {
            let ended: JSONValue = try await client.ended(id)
            #expect(ended["status"] == "completed" && ended["attempt"] == 2, "\(ended)")
            #expect(ended["result"]?["stdout"] == "attempt 2\n")
        }
        #expect(try client.task(waiting)["status"] == "pending")
        let types: [String] = try client.events().map { $0["type"]?.text ?? "" }
        #expect(types.first == "server_started" && types.contains("server_draining"))
        #expect(types.count { $0 == "task_interrupted" } == 2)
    }

    @Test("is gone in time although a process does not want to end")
    func drainStubborn() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        let id: String = try client.createTask(
            "trap '' TERM HUP; setsid sh -c \"trap '' TERM; sleep 300\" & while :; do sleep 1; done")
        try await waitUntil("the tree is up") { Processes.ofTask(id).count >= 3 }
        let started = Date()
        #expect(server.end(with: SIGTERM) == 0)
        #expect(Date().timeIntervalSince(started) < 15)
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("ends what it left when it was killed, before it runs anything again")
    func strays() async throws {
        let server = try ServerProcess()
        let id: String = try server.client().createTask(
            "trap '' TERM HUP; (setsid sleep 301 &); setsid sh -c \"trap '' TERM; sleep 302\" & test $MAOS_ATTEMPT -ge 2 || sleep 303"
        )
        try await waitUntil("the tree is up") { Processes.ofTask(id).count >= 4 }
        let left: [Int32] = Processes.ofTask(id)
        server.end(with: SIGKILL)
        #expect(left.allSatisfy { Processes.state(of: $0) != nil }, "they outlive it")
        try server.start()
        let client: APIClient = try server.client()
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed" && ended["attempt"] == 2, "\(ended)")
        #expect(left.allSatisfy { (pid: Int32) in Processes.state(of: pid).map { $0 == "Z" } ?? true })
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("fails an attempt that must not be repeated, and says that it was interrupted")
    func interruptionPolicy() async throws {
        let server = try ServerProcess()
        let id: String = try server.client().createTask(
            ["/bin/sleep", "300"], ["retryPolicy": ["onInterruption": "fail", "maxAttempts": 5]])
        try await server.client().running(id)
        server.end(with: SIGKILL)
        try server.start()
        let ended: JSONValue = try await server.client().ended(id)
        #expect(ended["status"] == "failed" && ended["attempt"] == 1, "\(ended)")
        #expect(ended["error"]?.text.contains("interrupted") == true, "\(ended)")
    }

    @Test("has everything as it was: waiting and paused tasks, agents, what was printed, what came out")
    func everything() async throws {
        let server = try ServerProcess()
        var client: APIClient = try server.client()
        let done: JSONValue = try await client.run("echo printed; echo '[1]' > $MAOS_RESULT_FILE")
        let failed: JSONValue = try await client.run(["/bin/false"])
        let waiting: String = try client.createTask(["/bin/true"], RestartTests.held)
        let paused: String = try client.createTask(["/bin/true"], RestartTests.held)
        #expect(try client.call(.post, "/api/v1/tasks/\(paused)/pause").status == 200)
        let dependent: String = try client.createTask(["/bin/true"], ["dependencies": [.string(waiting)]])
        let agent: String = try client.spawnAgent([
            "type": "documenter", "name": "dora", "capabilities": ["writing"],
            "configuration": ["maxConcurrentTasks": 3],
        ])
        try await client.readyAgent(agent)
        let resting: String = try client.spawnAgent(["type": "documenter"])
        try await client.readyAgent(resting)
        #expect(try client.call(.post, "/api/v1/agents/\(resting)/pause").status == 200)
        #expect(server.end(with: SIGTERM) == 0)
        try server.start()
        client = try server.client()
        for before in [done, failed] { #expect(try client.task(before["id"]?.text ?? "") == before) }
        #expect(String(decoding: try client.output(of: done["id"]?.text ?? ""), as: UTF8.self) == "printed\n")
        #expect(try client.task(waiting)["coreStatus"] == "queued" && client.task(paused)["coreStatus"] == "paused")
        #expect(try client.task(dependent)["coreStatus"] == "pending")
        let dora: JSONValue = try await client.readyAgent(agent)
        #expect(dora["name"] == "dora" && dora["capabilities"] == ["writing"])
        #expect(dora["configuration"]?["maxConcurrentTasks"] == 3)
        #expect(try client.agent(resting)["coreStatus"] == "paused")
        #expect(try client.call(.post, "/api/v1/agents/\(resting)/resume").status == 200)
        try await client.readyAgent(resting)
        #expect(try client.call(.delete, "/api/v1/tasks/\(waiting)").status == 200)
        #expect(try await client.ended(dependent)["status"] == "cancelled")
    }
}
