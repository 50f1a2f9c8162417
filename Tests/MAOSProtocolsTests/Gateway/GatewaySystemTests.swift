import MAOSCore
import MAOSProtocols
import Testing

/// Health, events and output over REST, where they are answered at once.
@Suite struct GatewaySystemTests {
    @Test("health shows every component and the worst status (GW-REST-30, GW-REST-31, UND-35, UND-36, C-77)")
    func health() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, "/api/v1/health")
        #expect(answer.status == 200)
        #expect(answer.data["overall"] == "healthy")
        #expect(answer.data["timestamp"] == "2030-01-01T00:00:00.000Z")
        let storage: JSONValue = try #require(answer.data["components"]?[1])
        #expect(storage["name"] == "storage")
        #expect(storage["lastCheck"] != nil)
        #expect(storage["message"] == nil)
        let disk: JSONValue = try #require(storage["dependencies"]?[0])
        #expect(disk["name"] == "disk" && disk["status"] == "healthy" && disk["latencyMs"] == 3)
        #expect(disk["lastCheck"] != nil)

        world.environment.set(.degraded)
        #expect(try await world.send(.get, "/api/v1/health").data["overall"] == "degraded")
        world.environment.set(.unhealthy)
        let unhealthy = try await world.send(.get, "/api/v1/health")
        #expect(unhealthy.status == 503)
        #expect(unhealthy.data["overall"] == "unhealthy")
        #expect(unhealthy.data["components"]?[1]?["message"] == "not well")
    }

    @Test("probes are open, minimal, and tell whether the server is ready (C-77)")
    func probes() async throws {
        let world = try await GatewayWorld()
        for authentication in [GatewayAuthentication.missing, .invalid] {
            let alive = try await world.send(.get, "/livez", as: authentication)
            #expect(alive.status == 200)
            #expect(alive.json == ["status": "alive"])
            #expect(try await world.send(.get, "/readyz", as: authentication).json == ["status": "ready"])
            let health = try await world.send(.get, "/health", as: authentication)
            #expect(health.json == ["status": "healthy", "uptime_seconds": 10, "version": "9.9.9"])
        }
        world.environment.set(.unhealthy)
        #expect(try await world.send(.get, "/health", as: .missing).status == 503)
        let starting = try await GatewayWorld(isReady: false)
        let notReady = try await starting.send(.get, "/readyz", as: .missing)
        #expect(notReady.status == 503)
        #expect(notReady.response.fields[.retryAfter] == "1")
        #expect(try await starting.send(.get, "/livez", as: .missing).status == 200)
    }

    // MARK: Events

    @Test("events come oldest first, without gaps, and page by page")
    func events() async throws {
        let world = try await GatewayWorld()
        for _ in 0..<3 { _ = try await world.createTask() }
        let all = try await world.send(.get, "/api/v1/events")
        let events: [JSONValue] = all.data["events"]?.arrayValue ?? []
        #expect(events.compactMap { $0["sequence"]?.intValue } == Array(1...events.count))
        #expect(all.data["oldestSequence"] == 1)
        let last: Int = events.count
        #expect(all.data["lastSequence"]?.intValue == last)
        // The same from anywhere, also from behind the end.
        for query: String in ["since=2&limit=1", "types=task_failed", "since=\(last + 1)", "since=\(Int.max)"] {
            let page = try await world.send(.get, "/api/v1/events?\(query)")
            #expect(page.data["lastSequence"]?.intValue == last, "\(query)")
        }
        #expect(events.first?["type"] == "task_created")
        #expect(events.first?["timestamp"] == "2030-01-01T00:00:00.000Z")
        for name in ["taskId", "taskType", "status", "coreStatus", "priority", "progress", "attempt", "owner"] {
            #expect(events.first?[name] != nil, "\(name)")
        }
        var read: [JSONValue] = []
        var next: Int = 0
        while true {
            let page = try await world.send(.get, "/api/v1/events?since=\(next)&limit=2")
            let part: [JSONValue] = page.data["events"]?.arrayValue ?? []
            #expect(part.count <= 2)
            guard !part.isEmpty else { break }
            read += part
            next = try #require(page.data["nextSequence"]?.intValue)
        }
        #expect(read == events)
    }

    @Test("events are chosen by type, and by what the caller may see")
    func eventFilters() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        _ = try await world.createTask()
        let mine: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"low","context":{"project":"blue"}}"#)
        let chosen = try await world.send(.get, "/api/v1/events?types=task_created,agent_ready")
        let types: [String] = chosen.data["events"]?.arrayValue?.compactMap { $0["type"]?.stringValue } ?? []
        #expect(Set(types) == ["task_created", "agent_ready"])
        let bob = GatewayAuthentication.principal(
            Principal(subject: "bob", permissions: .viewer, projects: ["blue"]))
        let seen = try await world.send(.get, "/api/v1/events", as: bob)
        let events: [JSONValue] = seen.data["events"]?.arrayValue ?? []
        #expect(Set(events.compactMap { $0["taskId"]?.stringValue }) == [mine.rawValue])
        #expect(events.compactMap { $0["currentTasks"] }.allSatisfy { $0 == [] })
    }

    @Test(
        "a bad query for events is refused by name",
        arguments: [
            ("since=-1", "since"), ("since=x", "since"), ("since=", "since"), ("limit=0", "limit"),
            ("limit=1001", "limit"), ("types=", "types"), ("types=a,,b", "types"), ("types=a b", "types"),
            ("follow=yes", "follow"),
        ])
    func badEventQuery(_ query: String, _ field: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(
            .get, "/api/v1/events?\(query.replacing(" ", with: "%20"))")
        #expect(answer.status == 400)
        #expect(answer.fields == [field])
    }

    @Test("a Last-Event-ID that is no number is refused")
    func badLastEventID() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        for path in ["/api/v1/events?follow=true", "/api/v1/tasks/\(id)/output?follow=true"] {
            for value in ["x", "-1", "99999999999999999999999"] {
                let answer = try await world.send(.get, path, headers: [("Last-Event-ID", value)])
                #expect(answer.status == 400)
                #expect(answer.fields == ["Last-Event-ID"])
            }
        }
    }

    // MARK: Output

    private func print(_ text: [String], _ task: TaskID?, _ agent: AgentID, in world: GatewayWorld) -> [OutputEntry] {
        world.outputs.store(
            text.map {
                OutputChunk(
                    task: task, agent: agent, attempt: 1, stream: .stdout, time: world.now, data: Array($0.utf8))
            })
    }

    @Test("output is read by sequence, and complete when the task has ended and all is there")
    func outputPages() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let empty = try await world.send(.get, "/api/v1/tasks/\(id)/output")
        #expect(empty.data["entries"] == [])
        #expect(empty.data["complete"] == false)
        _ = print(["one\n", "two\n", "three\n"], id, agent, in: world)
        let page = try await world.send(.get, "/api/v1/tasks/\(id)/output?from=2&limit=1")
        #expect(
            page.data["entries"] == [
                ["sequence": 2, "stream": "stdout", "timestamp": "2030-01-01T00:00:00.000Z", "data": "two\n"]
            ])
        #expect(page.data["firstSequence"] == 1)
        #expect(page.data["nextSequence"] == 3)
        #expect(page.data["complete"] == false)
        #expect(try await world.send(.get, "/api/v1/tasks/\(id)/output?from=0").data["nextSequence"] == 4)
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        #expect(try await world.send(.get, "/api/v1/tasks/\(id)/output?limit=2").data["complete"] == false)
        #expect(try await world.send(.get, "/api/v1/tasks/\(id)/output").data["complete"] == true)
    }

    @Test("what is not UTF-8 in output becomes the replacement character")
    func binaryOutput() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        _ = world.outputs.store([
            OutputChunk(
                task: nil, agent: agent, attempt: 0, stream: .terminal, time: world.now, data: [0x61, 0xFF, 0x0A])
        ])
        let answer = try await world.send(.get, "/api/v1/agents/\(agent)/output")
        #expect(answer.data["entries"]?[0]?["data"] == "a\u{FFFD}\n")
        #expect(answer.data["entries"]?[0]?["stream"] == "terminal")
        #expect(answer.data["complete"] == false)
    }

    @Test(
        "a bad query for output is refused by name",
        arguments: [
            ("from=-1", "from"), ("from=x", "from"), ("limit=0", "limit"), ("limit=10001", "limit"),
            ("follow=1", "follow"), ("from=", "from"),
        ])
    func badOutputQuery(_ query: String, _ field: String) async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let agent: AgentID = try await world.spawnAgent()
        for path in ["/api/v1/tasks/\(id)", "/api/v1/agents/\(agent)"] {
            let answer = try await world.send(.get, "\(path)/output?\(query)")
            #expect(answer.status == 400)
            #expect(answer.fields == [field])
        }
    }
}
