import MAOSCore
import MAOSProtocols
import Testing

/// What REST clients can do with agents.
@Suite struct GatewayAgentTests {
    @Test("a spawn is answered with 201 and the agent's data (GW-REST-12)")
    func spawn() async throws {
        let world = try await GatewayWorld { $0.publicURL = "http://localhost:7400" }
        let answer = try await world.send(
            .post, "/api/v1/agents", #"{"type":"coder","name":"Ada","capabilities":["swift"]}"#)
        #expect(answer.status == 201)
        let id: String = try #require(answer.data["agentId"]?.stringValue)
        #expect(answer.data["status"] == "initializing")
        #expect(answer.data["capabilities"] == ["swift"])
        #expect(answer.data["endpoint"] == .string("http://localhost:7400/api/v1/agents/\(id)"))
        #expect(answer.data["createdAt"] == "2030-01-01T00:00:00.000Z")
    }

    @Test("an agent is shown with every documented member (GW-REST-13, UND-20, UND-21)")
    func show() async throws {
        let world = try await GatewayWorld()
        let id: AgentID = try await world.spawnAgent(
            #"{"type":"coder","configuration":{"model":"m","environment":{"SECRET":"hush"}},"resources":{"cpu":2,"memory":64}}"#
        )
        let task: TaskID = try await world.createTask()
        let answer = try await world.send(.get, "/api/v1/agents/\(id)")
        #expect(answer.status == 200)
        #expect(answer.data["id"] == .string(id.rawValue))
        #expect(answer.data["type"] == "coder")
        #expect(answer.data["name"] == "coder-1")
        #expect(answer.data["status"] == "busy")
        #expect(answer.data["capabilities"] == [])
        #expect(answer.data["currentTasks"] == [.string(task.rawValue)])
        #expect(
            answer.data["health"] == [
                "status": "healthy", "cpuPercent": 12.5, "memoryBytes": 4_096, "uptimeSeconds": 0,
                "errorRate": 0,
                "averageResponseTimeMs": 0, "lastCheck": "2030-01-01T00:00:00.000Z",
            ])
        #expect(answer.data["resources"] == ["cpu": 2, "memory": 64, "gpu": 0, "storage": 0])
        #expect(
            answer.data["statistics"] == [
                "tasksCompleted": 0, "tasksFailed": 0, "successRate": 1, "averageResponseTimeMs": 0,
                "capabilityImprovements": 0, "totalRuntimeMs": 0,
            ])
        #expect(answer.data["createdAt"] != nil && answer.data["lastHeartbeat"] != nil)
        #expect(!String(decoding: answer.response.body, as: UTF8.self).contains("hush"))
        #expect(answer.data["configuration"]?["environmentNames"] == ["SECRET"])
    }

    @Test("an agent that is not at hand is looked up, and may not exist (GW-REST-13)")
    func missing() async throws {
        let world = try await GatewayWorld()
        for (method, path, body) in [
            (HTTPMethod.get, "", ""), (.delete, "", ""), (.post, "/pause", ""), (.post, "/resume", ""),
            (.patch, "/config", #"{"capabilities":[]}"#), (.get, "/output", ""),
        ] {
            let answer = try await world.send(method, "/api/v1/agents/nobody\(path)", body)
            #expect(answer.status == 404, "\(method.name) \(path)")
            #expect(answer.error["details"] == ["resource": "agent", "id": "nobody"])
        }
    }

    @Test(
        "agents are listed with their sums; active means initializing, ready, idle or busy (GW-REST-14, GW-REST-15, C-65)"
    )
    func list() async throws {
        let world = try await GatewayWorld()
        let busy: AgentID = try await world.spawnAgent()
        let paused: AgentID = try await world.spawnAgent(#"{"type":"tester"}"#)
        let failed: AgentID = try await world.spawnAgent(#"{"type":"tester"}"#)
        _ = try await world.send(.post, "/api/v1/agents", #"{"type":"reviewer"}"#)
        _ = try await world.createTask()
        _ = try await world.send(.post, "/api/v1/agents/\(paused)/pause")
        try await world.report(.agentCrashed(failed, reason: "killed by SIGSEGV"))

        let all = try await world.send(.get, "/api/v1/agents")
        #expect(all.data["summary"] == ["total": 4, "active": 3, "idle": 1, "busy": 1, "error": 1])
        let first: JSONValue = try #require(all.data["agents"]?[0])
        for name in ["id", "type", "name", "status", "capabilities", "currentTasks", "lastHeartbeat"] {
            #expect(first[name] != nil, "\(name)")  // UND-22
        }
        func ids(_ query: String) async throws -> [JSONValue?] {
            let answer = try await world.send(.get, "/api/v1/agents?\(query)")
            #expect(answer.status == 200)
            return answer.data["agents"]?.arrayValue?.map { $0["id"] } ?? []
        }
        #expect(try await ids("type=coder&status=active") == [.string(busy.rawValue)])
        #expect(try await ids("status=idle") == [.string(paused.rawValue)])
        #expect(try await ids("status=busy") == [.string(busy.rawValue)])
        #expect(try await ids("status=error") == [.string(failed.rawValue)])
        #expect(try await ids("status=active").count == 3)
        #expect(try await ids("status=initializing").count == 1)
        #expect(try await ids("page=2&limit=3").count == 1)
        let tester = try await world.send(.get, "/api/v1/agents?type=tester")
        #expect(tester.data["summary"]?["total"] == 2)
    }

    @Test("terminated agents are listed from the history")
    func terminatedList() async throws {
        let world = try await GatewayWorld()
        for _ in 0..<3 {
            let id: AgentID = try await world.spawnAgent()
            _ = try await world.send(.delete, "/api/v1/agents/\(id)?graceful=false")
            try await world.report(.agentStopped(id))
        }
        let answer = try await world.send(.get, "/api/v1/agents?status=terminated&limit=2")
        #expect(answer.data["agents"]?.arrayValue?.count == 2)
        #expect(answer.data["pagination"]?["hasNext"] == true)
        let rest = try await world.send(.get, "/api/v1/agents?status=terminated&limit=2&page=2")
        #expect(rest.data["agents"]?.arrayValue?.count == 1)
        #expect(rest.data["pagination"]?["hasNext"] == false)
        let id: String = try #require(rest.data["agents"]?[0]?["id"]?.stringValue)
        let shown = try await world.send(.get, "/api/v1/agents/\(id)")
        #expect(shown.data["status"] == "terminated")
        #expect(shown.data["terminatedAt"] != nil)
    }

    @Test(
        "a bad query is refused by name (GW-REST-14, GW-REST-16)",
        arguments: ["type=robot", "type=", "status=paused", "status=", "limit=0", "page=x"])
    func badQuery(_ query: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, "/api/v1/agents?\(query)")
        #expect(answer.status == 400)
        #expect(answer.fields == [String(query.prefix { $0 != "=" })])
    }

    @Test("termination is graceful unless asked otherwise (GW-REST-16)")
    func terminate() async throws {
        let world = try await GatewayWorld()
        let id: AgentID = try await world.spawnAgent()
        _ = try await world.createTask()
        for value in ["maybe", "", "1", "TRUE"] {
            let answer = try await world.send(.delete, "/api/v1/agents/\(id)?graceful=\(value)")
            #expect(answer.status == 400, "\(value)")
            #expect(answer.fields == ["graceful"])
        }
        let answer = try await world.send(.delete, "/api/v1/agents/\(id)")
        #expect(answer.status == 200)
        #expect(answer.data["agentId"] == .string(id.rawValue))
        #expect(answer.data["status"] == "busy")
        #expect(answer.data["coreStatus"] == "stopping")
    }

    @Test("a change of configuration merges, capabilities and resources are replaced (GW-REST-17)")
    func configure() async throws {
        let world = try await GatewayWorld()
        let id: AgentID = try await world.spawnAgent(
            #"{"type":"coder","capabilities":["a","b"],"configuration":{"model":"m1","maxConcurrentTasks":2}}"#
        )
        let answer = try await world.send(
            .patch, "/api/v1/agents/\(id)/config",
            #"{"capabilities":["c"],"configuration":{"maxConcurrentTasks":5},"resources":{"cpu":1,"memory":2}}"#
        )
        #expect(answer.status == 200)
        #expect(answer.data["capabilities"] == ["c"])
        #expect(answer.data["configuration"]?["model"] == "m1")
        #expect(answer.data["configuration"]?["maxConcurrentTasks"] == 5)
        #expect(answer.data["resources"]?["memory"] == 2)
        let broken = try await world.send(
            .patch, "/api/v1/agents/\(id)/config", #"{"configuration":{"maxConcurrentTasks":"5"}}"#)
        #expect(broken.fields == ["configuration.maxConcurrentTasks"])
    }

    @Test("an agent is paused and resumed")
    func pause() async throws {
        let world = try await GatewayWorld()
        let id: AgentID = try await world.spawnAgent()
        let paused = try await world.send(.post, "/api/v1/agents/\(id)/pause")
        #expect(paused.data["coreStatus"] == "paused")
        #expect(paused.data["status"] == "idle")
        #expect(try await world.send(.post, "/api/v1/agents/\(id)/resume").data["coreStatus"] == "idle")
        let again = try await world.send(.post, "/api/v1/agents/\(id)/resume")
        #expect(again.status == 409)
        #expect(again.error["details"]?["reason"] == "not_paused")
    }

    @Test("a limited caller sees only its own tasks on an agent")
    func limitedCaller() async throws {
        let world = try await GatewayWorld()
        let id: AgentID = try await world.spawnAgent()
        _ = try await world.createTask()
        let bob = GatewayAuthentication.principal(
            Principal(subject: "bob", permissions: .viewer, projects: ["blue"]))
        #expect(try await world.send(.get, "/api/v1/agents/\(id)", as: bob).data["currentTasks"] == [])
        #expect(
            try await world.send(.get, "/api/v1/agents", as: bob).data["agents"]?[0]?["currentTasks"]
                == [])
    }
}
