import MAOSCore
import MAOSProtocols
import Testing

/// What REST clients can do with tasks.
@Suite struct GatewayTaskTests {
    // MARK: Creating

    @Test(
        "a creation is answered with 201, the id and the status (GW-REST-01, GW-STD-06, GW-STD-09, GW-STD-14)"
    )
    func create() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.post, "/api/v1/tasks", GatewayWorld.plainTask)
        #expect(answer.status == 201)
        #expect(answer.response.contentType == "application/json")
        #expect(answer.json["success"] == true)
        #expect(answer.json["error"] == nil)
        #expect(answer.data["status"] == "pending")
        #expect(answer.data["estimatedDuration"] == nil)
        let id: TaskID = try #require(answer.data["taskId"]?.stringValue.flatMap { TaskID($0) })
        #expect(world.orchestrator.view.task(id)?.specification.description == "do it")
        #expect(answer.json["metadata"]?["timestamp"] == "2030-01-01T00:00:00.000Z")
        #expect(answer.json["metadata"]?["version"] == "v1")
        #expect(answer.json["metadata"]?["requestId"]?.stringValue == answer.response.requestID.text)
    }

    @Test("the estimate comes from what the kind has taken before (GW-REST-01)")
    func estimate() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let first: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(first)
        world.clock.advance(1_500)
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        let answer = try await world.send(.post, "/api/v1/tasks", GatewayWorld.plainTask)
        #expect(answer.data["estimatedDuration"] == 1_500)
    }

    @Test("an unknown dependency is refused by field and value")
    func unknownDependency() async throws {
        let world = try await GatewayWorld()
        let body =
            #"{"type":"code","description":"d","requirements":[],"priority":"low","dependencies":["nope"]}"#
        let answer = try await world.send(.post, "/api/v1/tasks", body)
        #expect(answer.status == 400)
        #expect(answer.fields == ["dependencies.0"])
        #expect(answer.error["details"]?[0]?["value"] == "nope")
        #expect(answer.error["details"]?[0]?["path"] == ["dependencies", 0])
    }

    @Test("the same idempotency key and body give the first answer again, another body a conflict")
    func idempotency() async throws {
        let world = try await GatewayWorld()
        let key = [("Idempotency-Key", "k-1")]
        let first = try await world.send(.post, "/api/v1/tasks", GatewayWorld.plainTask, headers: key)
        let spaced = GatewayWorld.plainTask.replacing(",", with: " , ")
        let again = try await world.send(.post, "/api/v1/tasks", spaced, headers: key)
        #expect(again.status == 201)
        #expect(again.data == first.data)
        let other = try await world.send(
            .post, "/api/v1/tasks", GatewayWorld.plainTask.replacing("do it", with: "do that"),
            headers: key)
        #expect(other.status == 409)
        #expect(other.code == "RESOURCE_CONFLICT")
        #expect(other.error["details"]?["reason"] == "idempotency_key_reused")
        #expect(world.orchestrator.view.liveTaskCounts()[.queued] == 1)
    }

    @Test(
        "a key that is empty, too long or not printable is refused",
        arguments: ["", String(repeating: "k", count: 256), "a\u{80}b"])
    func badIdempotencyKey(_ key: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(
            .post, "/api/v1/tasks", GatewayWorld.plainTask, headers: [("Idempotency-Key", key)])
        #expect(answer.status == 400)
        #expect(answer.fields == ["Idempotency-Key"])
    }

    @Test("only JSON is taken; charset and case do not matter (GW-STD-07)")
    func contentType() async throws {
        let world = try await GatewayWorld()
        for type in ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=y"] {
            let answer = try await world.send(
                .post, "/api/v1/tasks", GatewayWorld.plainTask, headers: [("Content-Type", type)])
            #expect(answer.status == 201, "\(type)")
        }
        for type in [
            "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "",
            "application/x-protobuf",
        ] {
            let answer = try await world.send(
                .post, "/api/v1/tasks", GatewayWorld.plainTask, headers: [("Content-Type", type)])
            #expect(answer.status == 415, "\(type)")
            #expect(answer.code == "VALIDATION_ERROR")
            #expect(answer.error["details"]?["expected"] == "application/json")
        }
    }

    // MARK: Reading

    @Test("a task is shown with every documented member (GW-REST-02, vocabulary)")
    func show() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask(
            #"{"type":"code","description":"say \"hi\"\n","requirements":[],"priority":"high","deadline":"2031-01-01T00:00:00Z"}"#
        )
        let attempt: AttemptID = try await world.start(id)
        world.clock.advance(1_000)
        try await world.report(.attemptProgressed(attempt, progress: 0.25, step: "Running tests"))
        let answer = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(answer.status == 200)
        let expected: [(String, JSONValue)] = [
            ("id", .string(id.rawValue)), ("type", "code"), ("description", "say \"hi\"\n"),
            ("status", "running"),
            ("coreStatus", "running"), ("priority", "high"), ("progress", 0.25), ("progressPercent", 25),
            ("attempt", 1), ("currentStep", "Running tests"),
            ("assignedAgentId", .string(agent.rawValue)),
            ("createdAt", "2030-01-01T00:00:00.000Z"), ("updatedAt", "2030-01-01T00:00:01.000Z"),
            ("startedAt", "2030-01-01T00:00:00.000Z"),
            ("estimatedCompletion", "2030-01-01T00:00:04.000Z"),
            ("deadline", "2031-01-01T00:00:00.000Z"),
        ]
        for (name, value) in expected { #expect(answer.data[name] == value, "\(name)") }
        for name in ["result", "error", "finishedAt", "cancelRequested", "retryAt"] {
            #expect(answer.data[name] == nil, "\(name)")
        }
        try await world.report(
            .attemptEnded(attempt, .completed(result: try JSONText(#"{"lines": [1, 2]}"#))))
        let done = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(done.data["status"] == "completed")
        #expect(done.data["progress"] == 1)
        #expect(done.data["progressPercent"] == 100)
        #expect(done.data["result"] == ["lines": [1, 2]])
        #expect(done.data["finishedAt"] == "2030-01-01T00:00:01.000Z")
    }

    @Test("a failed task tells why, as text and code (GW-REST-02)")
    func failure() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        try await world.report(
            .attemptEnded(attempt, .failed(TaskFailure(.execution, "exited with code 3"))))
        let answer = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(answer.data["status"] == "failed")
        #expect(answer.data["error"] == "exited with code 3")
        #expect(answer.data["errorCode"] == "TASK_EXECUTION_FAILED")
    }

    @Test("a task that is no longer at hand is read from the history")
    func stored() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, "/api/v1/tasks/unknown-1")
        #expect(world.reads == [.task(TaskID(unchecked: "unknown-1"))])
        #expect(answer.status == 404)
        #expect(answer.code == "RESOURCE_NOT_FOUND")
        #expect(answer.error["details"] == ["resource": "task", "id": "unknown-1"])
    }

    @Test(
        "lists are paged, newest first, with the pagination in both places (GW-REST-03, GW-REST-04, GW-STD-13, C-63)"
    )
    func list() async throws {
        let world = try await GatewayWorld()
        var ids: [String] = []
        for _ in 0..<5 { ids.append(try await world.createTask().rawValue) }
        let answer = try await world.send(.get, "/api/v1/tasks?page=2&limit=2")
        let shown: [String] =
            answer.data["tasks"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
        #expect(shown == [ids[2], ids[1]])
        let pagination: JSONValue = [
            "page": 2, "pageSize": 2, "totalItems": 5, "totalPages": 3, "hasNext": true,
            "hasPrevious": true,
        ]
        #expect(answer.data["pagination"] == pagination)
        #expect(answer.json["metadata"]?["pagination"] == pagination)
        let all = try await world.send(.get, "/api/v1/tasks")
        #expect(all.data["pagination"]?["pageSize"] == 50)
        #expect(all.data["pagination"]?["hasNext"] == false)
        let beyond = try await world.send(.get, "/api/v1/tasks?page=1000000000&limit=1000")
        #expect(beyond.data["tasks"] == [])
        #expect(beyond.data["pagination"]?["hasPrevious"] == true)
        let summary: JSONValue = try #require(all.data["tasks"]?[0])
        for name in [
            "id", "type", "description", "status", "priority", "progress", "createdAt", "updatedAt",
        ] {
            #expect(summary[name] != nil, "\(name)")  // UND-08
        }
    }

    @Test("an empty list has no pages (GW-STD-13)")
    func emptyList() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, "/api/v1/tasks?status=failed")
        #expect(
            answer.data["pagination"] == [
                "page": 1, "pageSize": 50, "totalItems": 0, "totalPages": 0, "hasNext": false,
                "hasPrevious": false,
            ])
    }

    @Test("a status selects every core status that is shown under it (vocabulary: task status)")
    func statusFilter() async throws {
        let world = try await GatewayWorld()
        let paused: TaskID = try await world.createTask()
        let queued: TaskID = try await world.createTask()
        _ = try await world.send(.post, "/api/v1/tasks/\(paused)/pause")
        let running = try await world.send(.get, "/api/v1/tasks?status=running")
        #expect(running.data["tasks"]?.arrayValue?.map { $0["id"] } == [.string(paused.rawValue)])
        #expect(running.data["tasks"]?[0]?["coreStatus"] == "paused")
        let pending = try await world.send(
            .get, "/api/v1/tasks?status=pending&type=code&priority=medium")
        #expect(pending.data["tasks"]?.arrayValue?.map { $0["id"] } == [.string(queued.rawValue)])
        #expect(try await world.send(.get, "/api/v1/tasks?type=deploy").data["tasks"] == [])
    }

    @Test(
        "a bad query is refused by name and value (GW-REST-03, GW-STD-13)",
        arguments: [
            ("status=queued", "status"), ("status=", "status"), ("status=RUNNING", "status"),
            ("page=0", "page"),
            ("page=-1", "page"), ("page=x", "page"), ("page=1.0", "page"), ("page=", "page"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"), ("limit=99999999999999999999", "limit"), ("limit=+5", "limit"),
            ("type=bogus", "type"), ("priority=urgent", "priority"), ("page=%zz", ""), ("page=%ff", ""),
            ("limit=5&limit=0", "limit"),
        ])
    func badQuery(_ query: String, _ field: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, "/api/v1/tasks?\(query)")
        #expect(answer.status == 400)
        #expect(answer.code == "VALIDATION_ERROR")
        #expect(answer.fields == [field])
        #expect(world.reads.isEmpty)
    }

    // MARK: Changing

    @Test("a priority changes, and the whole task comes back (GW-REST-06)")
    func priority() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let answer = try await world.send(
            .patch, "/api/v1/tasks/\(id)/priority", #"{"priority":"critical","reason":"now"}"#)
        #expect(answer.status == 200)
        #expect(answer.data["id"] == .string(id.rawValue))
        #expect(answer.data["priority"] == "critical")
    }

    @Test(
        "a broken change of a task that does not exist is 404, of one that does 400 (GW-STD-01, GW-REST-06)",
        arguments: [#"{"priority":"urgent"}"#, "{}", "nonsense", #"{"priority":"low","reason":5}"#])
    func brokenPriority(_ body: String) async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        #expect(try await world.send(.patch, "/api/v1/tasks/\(id)/priority", body).status == 400)
        #expect(try await world.send(.patch, "/api/v1/tasks/nope/priority", body).status == 404)
        #expect(
            try await world.send(
                .patch, "/api/v1/tasks/\(id)/priority", body, headers: [("Content-Type", "text/csv")]
            )
            .status == 415)
    }

    @Test("cancelling a waiting task takes effect at once, and again is 200 (GW-REST-05)")
    func cancelWaiting() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        for _ in 0..<2 {
            let answer = try await world.send(.delete, "/api/v1/tasks/\(id)")
            #expect(answer.status == 200)
            #expect(answer.data == ["taskId": .string(id.rawValue), "status": "cancelled"])
        }
    }

    @Test("cancelling a running task is answered when it has ended (GW-REST-05)")
    func cancelRunning() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        let action = await world.perform(.delete, "/api/v1/tasks/\(id)")
        guard case .awaitEnd(let awaited, let deadline, let pending) = action else {
            throw GatewayWorld.Unanswered()
        }
        #expect(awaited == id)
        #expect(deadline == world.now + .seconds(5))
        let peer = PeerID(rawValue: 7)
        #expect(!world.hub.awaitEnd(of: id, until: deadline, for: peer))
        _ = world.pump()
        let shown = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(shown.data["status"] == "running")
        #expect(shown.data["currentStep"] == "cancelling")
        #expect(shown.data["cancelRequested"] == true)

        try await world.report(.attemptEnded(attempt, .stopped))
        #expect(world.pump().contains { if case .ended(peer, true) = $0 { true } else { false } })
        guard case .respond(let response) = world.rest.complete(pending, ended: true, at: world.now)
        else {
            throw GatewayWorld.Unanswered()
        }
        #expect(response.status == .ok)
        #expect(try Answer(response).data["status"] == "cancelled")
    }

    @Test("a cancellation that takes too long is answered with 202 and the true status (GW-REST-05)")
    func cancelSlowly() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        _ = try await world.start(id)
        guard
            case .awaitEnd(_, let deadline, let pending) = await world.perform(
                .delete, "/api/v1/tasks/\(id)")
        else {
            throw GatewayWorld.Unanswered()
        }
        let peer = PeerID(rawValue: 1)
        #expect(!world.hub.awaitEnd(of: id, until: deadline, for: peer))
        #expect(world.hub.tick(at: world.now).isEmpty)
        world.clock.advance(.seconds(5))
        let outputs: [GatewayOutput] = world.hub.tick(at: world.now)
        #expect(outputs.contains { if case .ended(peer, false) = $0 { true } else { false } })
        guard case .respond(let response) = world.rest.complete(pending, ended: false, at: world.now)
        else {
            throw GatewayWorld.Unanswered()
        }
        #expect(response.status == .accepted)
        let answer = try Answer(response)
        #expect(answer.data["status"] == "running")
        #expect(answer.data["cancelRequested"] == true)
        #expect(answer.data["currentStep"] == "cancelling")
    }

    @Test(
        "what has ended otherwise cannot be cancelled, and its priority not changed (GW-REST-05, GW-REST-06)"
    )
    func conflicts() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        for answer in [
            try await world.send(.delete, "/api/v1/tasks/\(id)"),
            try await world.send(.patch, "/api/v1/tasks/\(id)/priority", #"{"priority":"low"}"#),
            try await world.send(.post, "/api/v1/tasks/\(id)/retry"),
            try await world.send(.post, "/api/v1/tasks/\(id)/pause"),
            try await world.send(.post, "/api/v1/tasks/\(id)/resume"),
        ] {
            #expect(answer.status == 409)
            #expect(answer.code == "RESOURCE_CONFLICT")
            #expect(answer.error["details"]?["reason"] == "completed")  // GW-ERR-05
        }
    }

    @Test("a failed task is tried again with the next attempt number")
    func retry() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.execution, "no"))))
        let answer = try await world.send(.post, "/api/v1/tasks/\(id)/retry")
        #expect(answer.status == 200)
        #expect(answer.data["taskId"] == .string(id.rawValue))
        #expect(answer.data["attempt"] == 2)
        let shown = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(shown.data["attempt"] == 2)
    }

    @Test("pausing and resuming answer with the task")
    func pause() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let paused = try await world.send(.post, "/api/v1/tasks/\(id)/pause")
        #expect(paused.data["coreStatus"] == "paused")
        let resumed = try await world.send(.post, "/api/v1/tasks/\(id)/resume")
        #expect(resumed.data["coreStatus"] == "queued")
        #expect(try await world.send(.post, "/api/v1/tasks/\(id)/resume").status == 409)
    }

    // MARK: Waiting

    @Test("why a task waits is told from what is committed")
    func waiting() async throws {
        let world = try await GatewayWorld()
        func reasons(_ id: TaskID) async throws -> [String] {
            let answer = try await world.send(.get, "/api/v1/tasks/\(id)/waiting")
            #expect(answer.status == 200)
            let list: [JSONValue] = answer.data["reasons"]?.arrayValue ?? []
            #expect(list.allSatisfy { $0["detail"]?.stringValue?.isEmpty == false })
            return list.compactMap { $0["kind"]?.stringValue }
        }
        let first: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"low","retryPolicy":{"maxAttempts":2}}"#
        )
        let second: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"low","dependencies":["\#(first)"]}"#
        )
        #expect(try await reasons(first) == ["no_capable_agent"])
        #expect(try await reasons(second) == ["dependencies"])
        let starting = try await world.send(.post, "/api/v1/agents", #"{"type":"coder"}"#)
        #expect(try await reasons(first) == ["agent_starting"])
        let agent: AgentID = try #require(starting.data["agentId"]?.stringValue.flatMap { AgentID($0) })
        try await world.report(.agentStarted(agent, process: nil))
        #expect(try await reasons(first) == ["starting"])
        let attempt: AttemptID = try await world.start(first)
        #expect(try await reasons(first) == [])
        let third: TaskID = try await world.createTask()
        #expect(try await reasons(third) == ["agents_busy"])
        _ = try await world.send(.post, "/api/v1/tasks/\(third)/pause")
        #expect(try await reasons(third) == ["paused"])
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.execution, "no"))))
        #expect(try await reasons(first) == ["backoff"])
        let skilled: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[{"type":"capability","name":"cobol"}],"priority":"low"}"#
        )
        #expect(try await reasons(skilled) == ["no_capable_agent"])
    }

    // MARK: Reach

    @Test("what is out of reach does not exist: other projects, other tasks than a token's own")
    func reach() async throws {
        let world = try await GatewayWorld()
        let mine: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"low","context":{"project":"blue"}}"#
        )
        let other: TaskID = try await world.createTask(
            #"{"type":"code","description":"d","requirements":[],"priority":"low","context":{"project":"red"}}"#
        )
        let blue = GatewayAuthentication.principal(
            Principal(subject: "bob", permissions: .operator, projects: ["blue"]))
        let child = GatewayAuthentication.principal(
            Principal(subject: "child", permissions: .operator, task: mine))
        for caller in [blue, child] {
            #expect(try await world.send(.get, "/api/v1/tasks/\(mine)", as: caller).status == 200)
            for (method, path, body) in [
                (HTTPMethod.get, "", ""), (.get, "/waiting", ""), (.get, "/output", ""), (.delete, "", ""),
                (.post, "/retry", ""), (.post, "/pause", ""), (.patch, "/priority", #"{"priority":"low"}"#),
                (.patch, "/priority", "broken"), (.get, "/output?limit=0", ""),
            ] {
                let answer = try await world.send(method, "/api/v1/tasks/\(other)\(path)", body, as: caller)
                #expect(answer.status == 404, "\(method.name) \(path)")
            }
            let list = try await world.send(.get, "/api/v1/tasks", as: caller)
            #expect(list.data["tasks"]?.arrayValue?.map { $0["id"] } == [.string(mine.rawValue)])
            #expect(list.data["pagination"]?["totalItems"] == 1)
            #expect(try await world.send(.get, "/api/v1/tasks?page=2", as: caller).data["tasks"] == [])
        }
    }
}
