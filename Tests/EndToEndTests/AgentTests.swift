import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// The life of agents, as clients steer and see it.
@Suite("Agents", .server(["pools": ["default": ["max": 0]]]), .serialized)
struct AgentTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    private func terminate(_ id: String, graceful: Bool = true) throws -> APIReply {
        try client.call(.delete, "/api/v1/agents/\(id)?graceful=\(graceful)")
    }

    private func waitForEnd(of id: String) async throws {
        try await client.agent(id, until: "the end") { $0["status"] == "terminated" }
    }

    private func waiting(_ task: String) throws -> JSONValue? {
        try client.call(.get, "/api/v1/tasks/\(task)/waiting").data?["reasons"]?[0]
    }

    @Test("are spawned, seen, listed and ended (GW-REST-12, GW-REST-13, GW-REST-14, GW-REST-15)")
    func life() async throws {
        let reply: APIReply = try client.call(
            .post, "/api/v1/agents",
            [
                "type": "reviewer", "name": "rita", "capabilities": ["reading", "reading", "writing"],
                "configuration": [
                    "model": "m1", "environment": ["SECRET": "s3cret"], "maxConcurrentTasks": 2, "settings": ["a": 1],
                ],
                "resources": ["cpu": 1.5, "memory": 512],
            ])
        #expect(reply.status == 201)
        let id: String = try #require(reply.data?["agentId"]?.stringValue)
        #expect(reply.data?["capabilities"] == ["reading", "writing"] && reply.data?["createdAt"] != nil)
        #expect(reply.data?["endpoint"]?.text.hasSuffix("/api/v1/agents/\(id)") == true)
        let agent: JSONValue = try await client.readyAgent(id)
        #expect(agent["name"] == "rita" && agent["type"] == "reviewer")
        #expect(agent["currentTasks"] == [] && agent["origin"] == "spawned")
        #expect(agent["health"]?["status"] == "healthy" && agent["resources"]?["cpu"] == 1.5)
        #expect(agent["statistics"]?["tasksCompleted"] == 0 && agent["lastHeartbeat"] != nil)
        #expect(agent["configuration"]?["model"] == "m1" && agent["configuration"]?["environmentNames"] == ["SECRET"])
        #expect(!"\(JSONText(agent))".contains("s3cret"), "values of variables are nobody's business")
        let list: APIReply = try client.call(.get, "/api/v1/agents?type=reviewer&status=active")
        #expect(list.data?["agents"]?.arrayValue?.contains { $0["id"] == .string(id) } == true)
        let summary: JSONValue = try #require(list.data?["summary"])
        #expect(summary["total"] == summary["active"] && (summary["idle"]?.intValue ?? 0) >= 1)
        #expect(try client.agents("type=documenter&status=busy").isEmpty)
        let ended: APIReply = try terminate(id)
        #expect(ended.status == 200 && ended.data?["agentId"] == .string(id))
        try await waitForEnd(of: id)
        #expect(try client.agents("type=reviewer").allSatisfy { $0["id"] != .string(id) })
        #expect(try client.agents("type=reviewer&status=terminated").contains { $0["id"] == .string(id) })
    }

    @Test("get the tasks that their type and capabilities fit, and count them (GW-REST-17)")
    func matching() async throws {
        let needs: JSONObject = [
            "requirements": [["type": "capability", "name": "rust"], ["type": "capability", "name": "c"]]
        ]
        let task: String = try client.createTask(["/bin/true"], needs)
        let wrongType: String = try client.spawnAgent(["type": "tester", "capabilities": ["rust", "c"]])
        let half: String = try client.spawnAgent(["type": "coder", "capabilities": ["rust"]])
        for agent in [wrongType, half] { try await client.readyAgent(agent) }
        #expect(try client.task(task)["status"] == "pending")
        let change: APIReply = try client.call(
            .patch, "/api/v1/agents/\(half)/config", ["capabilities": ["rust", "c"], "configuration": ["model": "m2"]])
        #expect(change.status == 200 && change.data?["capabilities"] == ["rust", "c"])
        #expect(change.data?["configuration"]?["model"] == "m2")
        let ended: JSONValue = try await client.ended(task)
        #expect(ended["status"] == "completed" && ended["assignedAgentId"] == .string(half))
        let statistics: JSONValue? = try client.agent(half)["statistics"]
        #expect(statistics?["tasksCompleted"] == 1 && statistics?["successRate"] == 1)
        _ = try await client.run(["/bin/false"], needs)
        #expect(try client.agent(half)["statistics"]?["tasksFailed"] == 1)
        for agent in [wrongType, half] { #expect(try terminate(agent).status == 200) }
    }

    @Test("work on as many tasks at a time as they may")
    func concurrency() async throws {
        let needs: JSONObject = ["requirements": [["type": "capability", "name": "juggling"]]]
        let agent: String = try client.spawnAgent(
            ["type": "coder", "capabilities": ["juggling"], "configuration": ["maxConcurrentTasks": 2]])
        let ids: [String] = try (0..<3).map { _ in try client.createTask(["/bin/sleep", "60"], needs) }
        let busy: JSONValue = try await client.agent(agent, until: "two tasks") {
            $0["currentTasks"]?.arrayValue?.count == 2
        }
        #expect(busy["status"] == "busy")
        #expect(try client.task(ids[2])["status"] == "pending")
        #expect(try waiting(ids[2])?["kind"] == "agents_busy")
        #expect(try client.call(.delete, "/api/v1/tasks/\(ids[0])").status == 200)
        try await client.running(ids[2])
        for id in ids { _ = try client.call(.delete, "/api/v1/tasks/\(id)") }
        #expect(try terminate(agent).status == 200)
    }

    @Test("that are paused take nothing new, and go on when they are resumed")
    func pause() async throws {
        let needs: JSONObject = ["requirements": [["type": "capability", "name": "rest"]]]
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["rest"]])
        try await client.readyAgent(agent)
        #expect(try client.call(.post, "/api/v1/agents/\(agent)/pause").data?["coreStatus"] == "paused")
        let task: String = try client.createTask(["/bin/true"], needs)
        #expect(try waiting(task)?["kind"] == "agents_paused")
        #expect(try client.call(.post, "/api/v1/agents/\(agent)/resume").status == 200)
        #expect(try await client.ended(task)["status"] == "completed")
        #expect(try terminate(agent).status == 200)
    }

    @Test("that are asked to end finish what they do; nothing new comes to them (GW-REST-16)")
    func gracefulEnd() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let needs: JSONObject = ["requirements": [["type": "capability", "name": "grace"]]]
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["grace"]])
        let current: String = try client.createTask(.string("while [ ! -e \(folder)/go ]; do sleep 0.01; done"), needs)
        try await client.running(current)
        let next: String = try client.createTask(["/bin/true"], needs)
        #expect(try terminate(agent).data?["coreStatus"] == "stopping")
        #expect(try client.task(current)["coreStatus"] == "running")
        #expect(FileManager.default.createFile(atPath: folder + "/go", contents: nil))
        #expect(try await client.ended(current)["status"] == "completed")
        try await waitForEnd(of: agent)
        #expect(try client.task(next)["status"] == "pending")
        #expect(try client.call(.delete, "/api/v1/tasks/\(next)").status == 200)
    }

    @Test("that are ended at once give their task back, which another one takes (GW-REST-16)")
    func forcedEnd() async throws {
        let needs: JSONObject = ["requirements": [["type": "capability", "name": "force"]]]
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["force"]])
        let task: String = try client.createTask("test $MAOS_ATTEMPT -ge 2 || sleep 300", needs)
        try await waitUntil("its process") { !Processes.ofTask(task).isEmpty }
        let processes: [Int32] = Processes.ofTask(task)
        #expect(try terminate(agent, graceful: false).status == 200)
        try await waitForEnd(of: agent)
        #expect(processes.allSatisfy { Processes.state(of: $0) == nil })
        #expect(try client.task(task)["status"] == "pending")
        let other: String = try client.spawnAgent(["type": "coder", "capabilities": ["force"]])
        let ended: JSONValue = try await client.ended(task)
        #expect(ended["status"] == "completed" && ended["attempt"] == 2, "\(ended)")
        #expect(ended["assignedAgentId"] == .string(other))
        #expect(try terminate(other).status == 200)
        try await waitForEnd(of: other)
        #expect([404, 409].contains(try terminate(other).status))
    }

    @Test("wait in vain where the pool is off, and say so")
    func nobody() throws {
        let task: String = try client.createTask(["/bin/true"], ["type": "review"])
        let reason: JSONValue? = try waiting(task)
        #expect(reason?["kind"] == "no_capable_agent" && reason?["onDemand"] == false)
        #expect(reason?["agentType"] == "reviewer")
        #expect(try client.call(.delete, "/api/v1/tasks/\(task)").status == 200)
    }
}

/// Agents that come when a task waits, and go when none does.
@Suite("Agents on demand", .server(["pools": ["default": ["max": 2, "idleSeconds": 1]]]), .serialized)
struct OnDemandTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    @Test("appear for a task that waits, and retire when they have been idle")
    func comeAndGo() async throws {
        let ended: JSONValue = try await client.run(["/bin/true"], ["type": "test"])
        #expect(ended["status"] == "completed")
        let id: String = try #require(ended["assignedAgentId"]?.stringValue)
        let agent: JSONValue = try client.agent(id)
        #expect(agent["origin"] == "on_demand" && agent["type"] == "tester")
        try await client.agent(id, until: "retirement") { $0["status"] == "terminated" }
        let lived: [String] = try client.events().filter { $0["agentId"] == .string(id) && $0["taskId"] == nil }
            .map { $0["type"]?.text ?? "" }
        #expect(lived.first == "agent_spawned" && lived.last == "agent_terminated")
    }

    @Test("make room for another type, and are never more than they may be")
    func room() async throws {
        let types: [JSONValue] = ["code", "test", "review", "code", "test", "review", "deploy"]
        let ids: [String] = try types.map { try client.createTask(["/bin/sleep", "0.1"], ["type": $0]) }
        try await waitUntil("all are done") { try ids.allSatisfy { try client.task($0)["status"] == "completed" } }
        var live: Int = 0
        var peak: Int = 0
        for event in try client.events() {
            if event["type"] == "agent_spawned" { live += 1 }
            if event["type"] == "agent_terminated" { live -= 1 }
            peak = max(peak, live)
        }
        // One that was asked to make room may still be about to end when the next one begins.
        #expect((1...4).contains(peak), "\(peak)")
    }
}

/// Agents with a resident process on a terminal.
@Suite(
    "Agents with a terminal",
    .server([
        "runners": [
            "coder": [
                "interactive": [
                    "/bin/sh", "-c", "echo hello from {agent.name}; test -t 0 && echo a terminal; exec sleep 300",
                ]
            ],
            "tester": ["interactive": ["/bin/sh", "-c", "echo up; sleep 0.1; exit 3"]],
            "documenter": ["interactive": ["/no/such/program"]],
        ]
    ]), .serialized)
struct TerminalTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    private func output(_ agent: String) throws -> String {
        let reply: APIReply = try client.call(.get, "/api/v1/agents/\(agent)/output", fields: [.accept: "text/plain"])
        return reply.head.text
    }

    private func end(_ agent: String) async throws {
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)?graceful=false").status == 200)
        try await client.agent(agent, until: "the end") { $0["status"] == "terminated" }
        #expect(Processes.mentioning("MAOS_AGENT_ID=\(agent)").isEmpty)
    }

    @Test("run the configured program, and what it prints can be read")
    func resident() async throws {
        let agent: String = try client.spawnAgent(["type": "coder", "name": "tom", "configuration": ["terminal": true]])
        try await waitUntil("its words") { try output(agent).contains("a terminal") }
        #expect(try output(agent) == "hello from tom\r\na terminal\r\n")
        let page: APIReply = try client.call(.get, "/api/v1/agents/\(agent)/output")
        #expect(page.data?["entries"]?[0]?["stream"] == "terminal" && page.data?["complete"] == false)
        #expect(!Processes.mentioning("MAOS_AGENT_ID=\(agent)").isEmpty)
        try await end(agent)
        #expect(try output(agent).hasPrefix("hello"), "what it printed stays")
    }

    @Test("are started again with a growing wait when their program ends")
    func crash() async throws {
        let agent: String = try client.spawnAgent(["type": "tester", "configuration": ["terminal": true]])
        let crashed: JSONValue = try await client.agent(agent, until: "the crash") { $0["status"] == "error" }
        #expect(crashed["error"] == "exited with code 3" && crashed["health"]?["status"] == "unhealthy", "\(crashed)")
        try await client.agent(agent, until: "two restarts") { ($0["restarts"]?.intValue ?? 0) >= 2 }
        let crashes: [JSONValue] = try client.events().filter {
            $0["agentId"] == .string(agent) && $0["type"] == "agent_crashed"
        }
        let times: [Date] = crashes.compactMap { ISODate.date($0["timestamp"]?.text) }
        try #require(times.count >= 2)
        #expect(times[1].timeIntervalSince(times[0]) >= 0.8)
        #expect(try output(agent).contains("up"))
        try await end(agent)
    }

    @Test("whose program does not exist say which")
    func missingProgram() async throws {
        let agent: String = try client.spawnAgent(["type": "documenter", "configuration": ["terminal": true]])
        let crashed: JSONValue = try await client.agent(agent, until: "the error") { $0["status"] == "error" }
        #expect(crashed["error"]?.text.contains("/no/such/program") == true, "\(crashed)")
        try await end(agent)
    }
}
