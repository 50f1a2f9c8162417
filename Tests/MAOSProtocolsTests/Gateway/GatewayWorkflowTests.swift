import MAOSCore
import MAOSProtocols
import Testing

/// Workflows, executions and questions over REST.
@Suite struct GatewayWorkflowTests {
    private static let flow = #"""
        {"name":"Build","description":"d","parameters":{"x":1},"steps":[
          {"id":"a","type":"task","configuration":{"description":"make ${parameters.x}"}},
          {"id":"gate","type":"task","configuration":{"approval":{"reason":"Publish?"}}}]}
        """#

    private func workflow(
        in world: GatewayWorld, _ body: String = flow, as principal: Principal = GatewayWorld.admin
    ) async throws -> String {
        let answer = try await world.send(.post, "/api/v1/workflows", body, as: .principal(principal))
        #expect(answer.status == 201, "\(answer.json)")
        return try #require(answer.data["workflowId"]?.stringValue)
    }

    private func execution(of workflow: String, in world: GatewayWorld, _ body: String = "") async throws -> String {
        let answer = try await world.send(.post, "/api/v1/workflows/\(workflow)/execute", body)
        #expect(answer.status == 201, "\(answer.json)")
        #expect(answer.data["status"] == "running")
        return try #require(answer.data["executionId"]?.stringValue)
    }

    /// The task of the step that runs.
    private func task(of execution: String, in world: GatewayWorld) async throws -> TaskID {
        let steps = try await world.send(.get, "/api/v1/executions/\(execution)").data["steps"]?.arrayValue ?? []
        let running: JSONValue? = steps.first { $0["status"] == "running" }
        return try #require(running?["taskId"]?.stringValue.flatMap { TaskID($0) })
    }

    @Test("GW-REST-08: a workflow is made, shown, changed, listed and forgotten")
    func definitions() async throws {
        let world = try await GatewayWorld()
        let id: String = try await workflow(in: world)
        let shown = try await world.send(.get, "/api/v1/workflows/\(id)")
        #expect(shown.status == 200 && shown.data["version"] == 1 && shown.data["stepCount"] == 2)
        #expect(shown.data["steps"]?[0]?["configuration"]?["description"] == "make ${parameters.x}")
        let same = try await world.send(.put, "/api/v1/workflows/\(id)", GatewayWorkflowTests.flow)
        #expect(same.status == 200 && same.data["version"] == 1)
        let other: String = GatewayWorkflowTests.flow.replacing("Publish?", with: "Really?")
        #expect(try await world.send(.put, "/api/v1/workflows/\(id)", other).data["version"] == 2)
        #expect(try await world.send(.put, "/api/v1/workflows/named", other).data["workflowId"] == "named")
        let list = try await world.send(.get, "/api/v1/workflows?limit=1")
        #expect(list.data["workflows"]?[0]?["id"] == "named")
        #expect(list.json["pagination"]?["totalItems"] == 2 || list.data["pagination"]?["totalItems"] == 2)
        #expect(try await world.send(.delete, "/api/v1/workflows/\(id)").data["deleted"] == true)
        #expect(try await world.send(.post, "/api/v1/workflows/\(id)/execute").status == 404)
        #expect(
            try await world.send(.get, "/api/v1/workflows?status=archived").data["workflows"]?[0]?["id"]?.stringValue
                == id)
    }

    @Test("GW-VAL-15: every mistake of a workflow is told, those of its steps and expressions too")
    func mistakes() async throws {
        let world = try await GatewayWorld()
        let shape = try await world.send(
            .post, "/api/v1/workflows", #"{"steps":[{"id":"a b","type":"cook"}],"parameters":[]}"#)
        #expect(shape.status == 400)
        #expect(
            Set(shape.fields)
                == ["name", "steps.0.id", "steps.0.type", "steps.0.configuration", "parameters"], "\(shape.fields)")
        let inside = try await world.send(
            .post, "/api/v1/workflows",
            #"""
            {"name":"x","steps":[
              {"id":"a","type":"decision","configuration":{"condition":"1 +"}},
              {"id":"b","type":"task","configuration":{"priority":"urgent","timeout":5}}]}
            """#)
        #expect(inside.status == 400)
        for field: String in [
            "steps.0.configuration.condition", "steps.1.configuration.priority",
            "steps.1.configuration.timeout",
        ] {
            #expect(inside.fields.contains(field), "\(field): \(inside.fields)")
        }
        for body: String in ["", "[]", "{", "null"] {
            #expect(try await world.send(.post, "/api/v1/workflows", body).status == 400, "\(body)")
        }
    }

    @Test("GW-REST-09, GW-REST-10: an execution goes through its steps, asks, and tells what came of it")
    func execution() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: String = try await workflow(in: world)
        let execution: String = try await execution(of: id, in: world, #"{"parameters":{"x":"all"}}"#)
        let task: TaskID = try await task(of: execution, in: world)
        #expect(try await world.send(.get, "/api/v1/tasks/\(task)").data["description"] == "make all")
        try await world.report(.attemptEnded(try await world.start(task), .completed(result: nil)))
        let waiting = try await world.send(.get, "/api/v1/workflows/\(id)/executions/\(execution)")
        #expect(waiting.data["progress"] == 0.5 && waiting.data["currentStep"] == "gate")
        #expect(waiting.data["parameters"] == ["x": "all"])
        let question: String = try #require(waiting.data["steps"]?[1]?["approvalId"]?.stringValue)
        let asked = try await world.send(.get, "/api/v1/approvals?status=pending")
        #expect(asked.data["approvals"]?[0]?["reason"] == "Publish?")
        #expect(asked.data["approvals"]?[0]?["requester"] == "alice")
        let answer = try await world.send(
            .post, "/api/v1/approvals/\(question)", #"{"approved":true,"comment":"yes"}"#)
        #expect(answer.status == 200 && answer.data["status"] == "approved" && answer.data["resolvedBy"] == "alice")
        let over = try await world.send(.get, "/api/v1/executions/\(execution)")
        #expect(over.data["status"] == "completed" && over.data["progress"] == 1)
        #expect(over.data["result"]?["comment"] == "yes")
        let list = try await world.send(.get, "/api/v1/executions?status=completed")
        #expect(list.data["executions"]?[0]?["id"]?.stringValue == execution)
        #expect(try await world.send(.get, "/api/v1/workflows/\(id)/executions?status=failed").data["executions"] == [])
        let types: [JSONValue] =
            try await world.send(.get, "/api/v1/events?limit=1000").data["events"]?.arrayValue?.compactMap {
                $0["type"]
            } ?? []
        for type: JSONValue in ["workflow_started", "approval_requested", "approval_resolved", "workflow_completed"] {
            #expect(types.contains(type), "\(type)")
        }
    }

    @Test("a question is answered once: alike again, otherwise not, and only by those who may")
    func approvals() async throws {
        let world = try await GatewayWorld()
        let id: String = try await workflow(
            in: world, #"{"name":"ask","steps":[{"id":"gate","type":"task","configuration":{"approval":true}}]}"#)
        let execution: String = try await execution(of: id, in: world)
        let steps: JSONValue? = try await world.send(.get, "/api/v1/executions/\(execution)").data["steps"]
        let path: String = "/api/v1/approvals/" + (try #require(steps?[0]?["approvalId"]?.stringValue))
        let reader = GatewayAuthentication.principal(Principal(subject: "bob", permissions: .workflowsRead))
        #expect(try await world.send(.get, path, as: reader).status == 200)
        #expect(try await world.send(.post, path, #"{"approved":true}"#, as: reader).status == 403)
        for (body, field) in [
            ("{}", "approved"), (#"{"approved":1}"#, "approved"), (#"{"approved":true,"comment":5}"#, "comment"),
        ] {
            #expect(try await world.send(.post, path, body).fields == [field])
        }
        #expect(try await world.send(.post, path, #"{"approved":false}"#).data["approved"] == false)
        #expect(try await world.send(.post, path, #"{"approved":false}"#).status == 200)
        #expect(try await world.send(.post, path, #"{"approved":true}"#).status == 409)
        #expect(try await world.send(.get, "/api/v1/executions/\(execution)").data["status"] == "failed")
        #expect(try await world.send(.post, "/api/v1/approvals/none", "{}").status == 404)
        #expect(try await world.send(.get, "/api/v1/approvals?status=asked").status == 400)
    }

    @Test("a question for somebody else is refused with who may answer it, not for a permission")
    func namedApprovers() async throws {
        let world = try await GatewayWorld()
        let id: String = try await workflow(
            in: world,
            #"{"name":"ask","steps":[{"id":"gate","type":"task","configuration":{"approval":{"approvers":["ann"]}}}]}"#)
        let execution: String = try await execution(of: id, in: world)
        let steps: JSONValue? = try await world.send(.get, "/api/v1/executions/\(execution)").data["steps"]
        let path: String = "/api/v1/approvals/" + (try #require(steps?[0]?["approvalId"]?.stringValue))
        func answer(as subject: String) async throws -> Answer {
            try await world.send(
                .post, path, #"{"approved":true}"#,
                as: .principal(Principal(subject: subject, permissions: .approvalsAnswer)))
        }
        let refused = try await answer(as: "bob")
        #expect(refused.status == 403 && refused.code == "AUTHORIZATION_ERROR", "\(refused.json)")
        #expect(refused.message?.hasSuffix("is for ann to answer") == true, "\(refused.json)")
        #expect(refused.error["details"] == ["reason": "not_named"])
        #expect(try await answer(as: "ann").status == 200)
    }

    @Test("what runs counts by how far it has come, and by its share of what it is in")
    func progress() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent(#"{"type":"coder","configuration":{"maxConcurrentTasks":8}}"#)
        let id: String = try await workflow(
            in: world,
            #"""
            {"name":"p","dependencies":[],"steps":[
              {"id":"a","type":"task","configuration":{"weight":2}},
              {"id":"b","type":"parallel","configuration":{"weight":5,"steps":[
                {"id":"c","type":"task","configuration":{"weight":3}},
                {"id":"l","type":"loop","configuration":{"items":[1,2],"steps":[{"id":"d","type":"task","configuration":{}}]}},
                {"id":"w","type":"loop","configuration":{"items":"[1,2]","steps":[{"id":"e","type":"task","configuration":{}}]}}]}},
              {"id":"gate","type":"task","configuration":{"weight":3,"approval":true}}]}
            """#)
        let execution: String = try await execution(of: id, in: world)
        func shown() async throws -> JSONValue {
            try await world.send(.get, "/api/v1/executions/\(execution)").data
        }
        #expect(try await shown()["progress"] == 0)
        let client = GatewayClient(world, 1)
        try client.subscribe("system:workflow_progress")
        let others = GatewayClient(world, 2)
        try others.subscribe("system:all")
        _ = world.pumpSockets()
        var expected: Double = 0
        for (step, part) in [("a", 0.2), ("c", 0.3), ("d", 0.05), ("e", 0.05)] {
            let steps: [JSONValue] = try await shown()["steps"]?.arrayValue ?? []
            let running: JSONValue? = steps.first { $0["stepId"]?.stringValue == step }
            let task: TaskID = try #require(running?["taskId"]?.stringValue.flatMap { TaskID($0) })
            try await world.report(.attemptProgressed(try await world.start(task), progress: 0.5, step: nil))
            expected += part / 2
            let progress: Double = try #require(try await shown()["progress"]?.doubleValue)
            #expect(abs(progress - expected) < 0.000_01, "\(step): \(progress), \(expected)")
            let list = try await world.send(.get, "/api/v1/executions")
            #expect(list.data["executions"]?[0]?["progress"] == JSONValue(progress), "a list says the same")
            let outputs: [SocketOutput] = world.pumpSockets()
            let told: [JSONValue] = try client.received(outputs)
            #expect(told.count == 1 && told.first?["message"]?["event"]?["data"]?["progress"] == JSONValue(progress))
            #expect(try others.received(outputs).isEmpty, "only who asks for it is told")
            let keys: [SupersedingKey?] = outputs.compactMap { (output: SocketOutput) in
                if case .deliver(let delivery) = output { delivery.superseding } else { nil }
            }
            #expect(keys == [SupersedingKey(topic: "system:workflow_progress", entity: execution)])
            let types: String = "/api/v1/events?types=workflow_progress"
            let events: [JSONValue] = try await world.send(.get, types).data["events"]?.arrayValue ?? []
            #expect(
                events.last?["progress"] == JSONValue(progress) && events.last?["executionId"] == .string(execution))
        }
    }

    @Test("an execution is paused, resumed, cancelled and retried, and each only where it makes sense")
    func control() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: String = try await workflow(in: world)
        let execution: String = try await execution(of: id, in: world)
        let path: String = "/api/v1/workflows/\(id)/executions/\(execution)"
        #expect(try await world.send(.post, "\(path)/resume").status == 409)
        #expect(try await world.send(.post, "\(path)/retry").status == 409)
        #expect(try await world.send(.post, "\(path)/pause").data["status"] == "paused")
        #expect(try await world.send(.post, "\(path)/resume").data["status"] == "running")
        let task: TaskID = try await task(of: execution, in: world)
        let attempt: AttemptID = try await world.start(task)
        #expect(try await world.send(.post, "\(path)/cancel", #"{"reason":5}"#).fields == ["reason"])
        let stopping = try await world.send(.post, "\(path)/cancel", #"{"reason":"enough"}"#)
        #expect(stopping.status == 202 && stopping.data["cancelRequested"] == true)
        try await world.report(.attemptEnded(attempt, .stopped))
        #expect(try await world.send(.get, path).data["status"] == "cancelled")
        #expect(try await world.send(.delete, path).status == 200, "what has been cancelled is cancelled")
        #expect(try await world.send(.post, "\(path)/pause").status == 409)
        let again = try await world.send(.post, "\(path)/retry")
        #expect(again.data["status"] == "running" && again.data["attempt"] == 2)
    }

    @Test("what does not exist, or is of another workflow or project, is not found before its body is looked at")
    func reach() async throws {
        let world = try await GatewayWorld()
        let id: String = try await workflow(in: world)
        let other: String = try await workflow(in: world)
        let execution: String = try await execution(of: id, in: world)
        for (method, path, body) in [
            (.get, "workflows/none", ""), (.post, "workflows/none/execute", #"{"parameters":5}"#),
            (.get, "workflows/none/executions", ""), (.get, "executions/none", ""),
            (.post, "executions/none/pause", ""), (.post, "executions/none/cancel", "5"),
            (.get, "workflows/\(other)/executions/\(execution)", ""),
            (.post, "workflows/\(other)/executions/\(execution)/cancel", ""), (.delete, "workflows/none", ""),
            (.get, "workflows/a%20b", ""),
        ] as [(HTTPMethod, String, String)] {
            #expect(try await world.send(method, "/api/v1/\(path)", body).status == 404, "\(method.name) \(path)")
        }
        #expect(
            try await world.send(.post, "/api/v1/workflows/\(id)/execute", #"{"parameters":5}"#).fields == [
                "parameters"
            ])
        let red: String = try await workflow(
            in: world, #"{"name":"r","project":"red","steps":[{"id":"a","type":"task","configuration":{}}]}"#)
        let blue = GatewayAuthentication.principal(Principal(subject: "bob", permissions: .all, projects: ["blue"]))
        #expect(try await world.send(.get, "/api/v1/workflows/\(red)", as: blue).status == 404)
        #expect(try await world.send(.post, "/api/v1/workflows/\(red)/execute", as: blue).status == 404)
        #expect(try await world.send(.get, "/api/v1/workflows", as: blue).data["workflows"] == [])
        let task = GatewayAuthentication.principal(
            Principal(subject: "t", permissions: .all, task: TaskID(unchecked: "t")))
        #expect(try await world.send(.get, "/api/v1/workflows", as: task).status == 403)
    }

    @Test(
        "each request takes its permission (GW-SEC-05)",
        arguments: [
            (.post, "workflows", Permissions.workflowsCreate), (.get, "workflows", .workflowsRead),
            (.post, "workflows/w/execute", .workflowsExecute), (.post, "executions/e/pause", .workflowsExecute),
            (.post, "executions/e/cancel", .workflowsCancel), (.delete, "executions/e", .workflowsCancel),
            (.post, "approvals/a", .approvalsAnswer), (.get, "approvals", .workflowsRead),
        ] as [(HTTPMethod, String, Permissions)])
    func permissions(method: HTTPMethod, path: String, permission: Permissions) async throws {
        let world = try await GatewayWorld()
        let without = Principal(subject: "bob", permissions: Permissions.all.subtracting(permission))
        let with = Principal(subject: "bob", permissions: permission)
        let refused = try await world.send(method, "/api/v1/\(path)", as: .principal(without))
        #expect(refused.status == 403, "\(refused.json)")
        #expect(try await world.send(method, "/api/v1/\(path)", as: .principal(with)).status != 403)
    }

    @Test(
        "the same key and body make one execution, schedule or pool; another body is a conflict",
        arguments: [
            ("workflows/w/execute", #"{"parameters":{"x":1}}"#, "executionId"),
            ("workflows/w/execute", "", "executionId"),
            ("schedules", #"{"cron":"0 * * * *","execution":{"workflowId":"w"}}"#, "id"),
            ("agent-pools", #"{"name":"p","type":"fixed","minSize":0,"maxSize":1}"#, "id"),
        ])
    func idempotency(path: String, body: String, member: String) async throws {
        let world = try await GatewayWorld()
        _ = try await world.send(.put, "/api/v1/workflows/w", GatewayWorkflowTests.flow)
        let key: [(String, String)] = [("Idempotency-Key", "k")]
        let first = try await world.send(.post, "/api/v1/\(path)", body, headers: key)
        #expect(first.status == 201, "\(first.json)")
        let second = try await world.send(.post, "/api/v1/\(path)", body, headers: key)
        #expect(second.status == 201)
        #expect(first.data[member] != nil && first.data[member] == second.data[member])
        let other: String =
            body.isEmpty ? #"{"parameters":{"x":2}}"# : body.replacing("1", with: "2").replacing("*\"", with: "1\"")
        let third = try await world.send(.post, "/api/v1/\(path)", other, headers: key)
        #expect(third.status == 409 && third.error["details"]?["reason"] == "idempotency_key_reused")
        let bad = try await world.send(.post, "/api/v1/\(path)", body, headers: [("Idempotency-Key", "")])
        #expect(bad.fields == ["Idempotency-Key"])
    }

    @Test("a schedule starts a task or an execution, one of the two, and shows which")
    func schedules() async throws {
        let world = try await GatewayWorld()
        _ = try await world.send(.put, "/api/v1/workflows/w", GatewayWorkflowTests.flow)
        let body: String =
            #"{"cron":"0 * * * *","execution":{"workflowId":"w","parameters":{"x":2},"overrides":[{"stepId":"a","configuration":{"priority":"high"}}]}}"#
        let made = try await world.send(.post, "/api/v1/schedules", body)
        #expect(made.status == 201 && made.data["execution"]?["parameters"] == ["x": 2], "\(made.json)")
        let id: String = try #require(made.data["id"]?.stringValue)
        let run = try await world.send(.post, "/api/v1/schedules/\(id)/run")
        let execution: String = try #require(run.data["lastExecutionId"]?.stringValue)
        let begun = try await world.send(.get, "/api/v1/executions/\(execution)")
        #expect(begun.data["scheduleId"]?.stringValue == id && begun.data["scheduledFor"] != nil)
        for (body, field) in [
            (#"{"cron":"0 * * * *"}"#, ""), (#"{"cron":"0 * * * *","task":{},"execution":{"workflowId":"w"}}"#, ""),
            (#"{"cron":"0 * * * *","execution":{}}"#, "execution.workflowId"),
            (#"{"cron":"0 * * * *","execution":{"workflowId":"none"}}"#, "execution.workflowId"),
            (
                #"{"cron":"0 * * * *","execution":{"workflowId":"w","overrides":[{"stepId":"zz","configuration":{}}]}}"#,
                "execution.overrides.0.stepId"
            ),
            (
                #"{"cron":"0 * * * *","execution":{"workflowId":"w","overrides":[{"stepId":"gate","configuration":{}},{"stepId":"a","configuration":{"timeout":"x"}}]}}"#,
                "execution.overrides.1.configuration.timeout"
            ),
            (#"{"cron":"61 * * * *","task":{}}"#, "cron"), (#"{"at":"soon","task":{}}"#, "at"),
        ] {
            #expect(try await world.send(.post, "/api/v1/schedules", body).fields == [field], "\(body)")
        }
    }

    @Test("what a schedule says of its task can be sent again, and its tasks name it")
    func scheduleAgain() async throws {
        let world = try await GatewayWorld()
        let task: String =
            #"{"type":"test","context":{"command":["make"],"workingDirectory":"/srv","concurrencyKey":"db","note":1},"budget":{"cost":2}}"#
        let made = try await world.send(
            .post, "/api/v1/schedules",
            #"{"name":"n","cron":"@yearly","maxRuns":1,"startTime":"2030-01-02T00:00:00Z","task":\#(task)}"#)
        #expect(made.status == 201 && made.data["cron"] == "0 0 1 1 *", "\(made.json)")
        let id: String = try #require(made.data["id"]?.stringValue)
        let again = try await world.send(.put, "/api/v1/schedules/\(id)", JSONText(made.data).description)
        #expect(again.status == 200 && again.data["task"] == made.data["task"], "\(again.json)")
        #expect(
            again.data["task"]?["context"]
                == ["note": 1, "concurrencyKey": "db", "command": ["make"], "workingDirectory": "/srv"])
        let run = try await world.send(.post, "/api/v1/schedules/\(id)/run")
        #expect(run.data["status"] == "completed" && run.data["nextRun"] == nil, "it was the only run it may have")
        let begun = try await world.send(.get, "/api/v1/tasks/\(run.data["lastTaskId"]?.stringValue ?? "")")
        #expect(begun.data["scheduleId"]?.stringValue == id && begun.data["scheduledFor"] != nil, "\(begun.json)")
    }

    @Test("a preview takes its bounds from the query or the body")
    func preview() async throws {
        let world = try await GatewayWorld()
        let body: String = #"{"cron":"@hourly","count":2,"after":"2030-05-01T00:30:00Z"}"#
        let shown = try await world.send(.post, "/api/v1/schedules/preview", body)
        #expect(shown.data["runs"]?.arrayValue?.count == 2)
        #expect(shown.data["runs"]?[0]?["utc"] == "2030-05-01T01:00:00.000Z", "\(shown.json)")
        let asked = try await world.send(.post, "/api/v1/schedules/preview?count=3", body)
        #expect(asked.data["runs"]?.arrayValue?.count == 3)
        for (body, field) in [
            (#"{"cron":"@hourly","count":0}"#, "count"), (#"{"cron":"@hourly","after":"later"}"#, "after"),
            (#"{"cron":"@often"}"#, "cron"),
        ] {
            #expect(try await world.send(.post, "/api/v1/schedules/preview", body).fields == [field], "\(body)")
        }
    }

    @Test(
        "lists show one project where it is asked for, and none that is out of reach",
        arguments: [
            "workflows", "executions", "approvals", "schedules", "dead-letters", "tasks",
        ])
    func projects(list: String) async throws {
        let world = try await GatewayWorld()
        for name: String in ["red", "blue"] {
            let steps: String = #""steps":[{"id":"gate","type":"task","configuration":{"approval":true}}]"#
            _ = try await world.send(.put, "/api/v1/workflows/\(name)", #"{"name":"w","project":"\#(name)",\#(steps)}"#)
            _ = try await world.send(.post, "/api/v1/workflows/\(name)/execute")
            _ = try await world.send(
                .post, "/api/v1/schedules", #"{"cron":"@daily","task":{"context":{"project":"\#(name)"}}}"#)
        }
        // The schedule has made a task at once: the world begins at midnight.
        let count: JSONValue = list == "dead-letters" ? 0 : 1
        let red = try await world.send(.get, "/api/v1/\(list)?project=red")
        #expect(red.data["pagination"]?["totalItems"] == count, "\(red.json)")
        #expect(try await world.send(.get, "/api/v1/\(list)?project=green").data["pagination"]?["totalItems"] == 0)
        let bob = GatewayAuthentication.principal(Principal(subject: "bob", permissions: .all, projects: ["blue"]))
        let refused = try await world.send(.get, "/api/v1/\(list)?project=red", as: bob)
        #expect(refused.status == 400 && refused.fields == ["project"], "\(refused.json)")
        #expect(try await world.send(.get, "/api/v1/\(list)?project=", as: bob).fields == ["project"])
    }

    @Test("GW-VAL-15: a mistake in a step is told with the value that is there, or that nothing is")
    func values() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(
            .post, "/api/v1/workflows",
            #"""
            {"name":"x","steps":[
              {"id":"a","type":"decision","configuration":{}},
              {"id":"b","type":"task","configuration":{"timeout":5,"schedule":{"at":"2031-01-01T00:00:00Z"},"dependencies":["a"]}},
              {"id":"c","type":"loop","configuration":{"condition":"true","steps":[{"id":"d","type":"task","configuration":{}}]}}]}
            """#)
        let issues: [JSONValue] = answer.error["details"]?.arrayValue ?? []
        func issue(_ field: String) throws -> JSONValue {
            try #require(issues.first { $0["field"]?.stringValue == field }, "\(answer.json)")
        }
        let condition: JSONValue = try issue("steps.0.configuration.condition")
        #expect(condition["code"] == "required" && condition["value"] == nil)
        #expect(condition["message"] == "is required: an expression (step “a”)")
        #expect(try issue("steps.1.configuration.timeout")["value"] == 5)
        #expect(try issue("steps.1.configuration.schedule")["value"] == nil)
        #expect(try issue("steps.1.configuration.dependencies")["code"] == "invalid_value")
        #expect(try issue("steps.2.configuration.maxIterations")["code"] == "required")
        let circle = try await world.send(
            .post, "/api/v1/workflows",
            #"{"name":"x","dependencies":[{"stepId":"a","dependsOn":["b"]},{"stepId":"b","dependsOn":["a"]}],"steps":[{"id":"a","type":"task","configuration":{}},{"id":"b","type":"task","configuration":{}}]}"#
        )
        #expect(circle.fields == ["dependencies"] && circle.error["details"]?[0]?["value"] == "b → a → b")
    }

    @Test("a name that no workflow can have is refused where one would be made")
    func badName() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.put, "/api/v1/workflows/a%20b", GatewayWorkflowTests.flow)
        #expect(answer.status == 400 && answer.fields == ["workflowId"])
        #expect(answer.error["details"]?[0]?["value"] == "a b")
    }

    @Test("a task names the execution and the step that it is made for")
    func taskOrigin() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: String = try await workflow(in: world)
        let execution: String = try await execution(of: id, in: world)
        let task: TaskID = try await task(of: execution, in: world)
        let shown = try await world.send(.get, "/api/v1/tasks/\(task)")
        #expect(
            shown.data["workflow"]
                == ["workflowId": .string(id), "executionId": .string(execution), "stepId": "a"], "\(shown.json)")
    }

    @Test("a task with a time of its own waits for it, and says when and how it comes back")
    func taskSchedules() async throws {
        let world = try await GatewayWorld()
        func body(_ schedule: String) -> String {
            #"{"type":"code","description":"d","requirements":[],"priority":"low","schedule":\#(schedule)}"#
        }
        let id: TaskID = try await world.createTask(
            body(#"{"at":"2030-01-31T08:00:00Z","interval":"monthly","maxRuns":3,"endTime":"2031-01-01T00:00:00Z"}"#))
        let shown = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(shown.data["status"] == "pending" && shown.data["coreStatus"] == "scheduled")
        #expect(shown.data["schedule"]?["at"] == "2030-01-31T08:00:00.000Z")
        #expect(
            shown.data["schedule"]?["run"] == 1 && shown.data["schedule"]?["firstTaskId"]?.stringValue == id.rawValue)
        let waiting = try await world.send(.get, "/api/v1/tasks/\(id)/waiting")
        #expect(waiting.data["reasons"]?[0]?["kind"] == "schedule")
        for (schedule, field) in [
            ("{}", "schedule.at"), (#"{"at":"2029-12-31T08:00:00Z"}"#, "schedule.at"), (#"{"at":5}"#, "schedule.at"),
            (#"{"at":"2031-01-01T00:00:00Z","interval":"hourly"}"#, "schedule.interval"),
            (#"{"at":"2031-01-01T00:00:00Z","maxRuns":2}"#, "schedule.maxRuns"),
            (#"{"at":"2031-01-01T00:00:00Z","interval":"daily","maxRuns":0}"#, "schedule.maxRuns"),
            (#"{"at":"2031-01-01T00:00:00Z","interval":"daily","timeZone":"Mars"}"#, "schedule.timeZone"),
            (#"{"at":"2031-01-01T00:00:00Z","interval":"daily","endTime":"2030-12-01T00:00:00Z"}"#, "schedule.endTime"),
            ("[]", "schedule"),
        ] {
            let answer = try await world.send(.post, "/api/v1/tasks", body(schedule))
            #expect(answer.status == 400 && answer.fields == [field], "\(schedule): \(answer.json)")
        }
    }
}
