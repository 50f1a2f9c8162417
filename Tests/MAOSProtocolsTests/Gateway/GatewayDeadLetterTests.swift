import MAOSCore
import MAOSProtocols
import Testing

/// What REST clients can do with tasks whose attempts are used up.
@Suite struct GatewayDeadLetterTests {
    private static let deploy =
        #"{"type":"deploy","description":"ship it","requirements":[{"type":"capability","name":"ship"}],"#
        + #""priority":"high","timeout":5000,"context":{"command":["ship","it"],"project":"apollo","#
        + #""concurrencyKey":"dock","note":1}}"#

    /// A world with so many dead letters, each of which has failed once.
    private func world(dead: Int) async throws -> (GatewayWorld, [TaskID]) {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent(#"{"type":"coder","capabilities":["ship"]}"#)
        var ids: [TaskID] = []
        for number in 0..<dead {
            let id: TaskID = try await world.createTask(
                number.isMultiple(of: 2) ? GatewayWorld.plainTask : GatewayDeadLetterTests.deploy)
            try await fail(id, world)
            ids.append(id)
        }
        return (world, ids)
    }

    private func fail(_ id: TaskID, _ world: GatewayWorld) async throws {
        world.clock.advance(1_000)
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.execution, "exited with code 7"))))
    }

    @Test("the list has only dead letters, newest first, in pages, and takes filters (GW-STD-13)")
    func list() async throws {
        let (world, ids) = try await world(dead: 5)
        _ = try await world.createTask()
        let all = try await world.send(.get, "/api/v1/dead-letters?limit=2&page=2")
        #expect(all.status == 200)
        let shown: [JSONValue] = all.data["deadLetters"]?.arrayValue ?? []
        #expect(shown.compactMap { $0["taskId"]?.stringValue } == [ids[2].rawValue, ids[1].rawValue])
        #expect(all.data["pagination"]?["totalItems"] == 5)
        #expect(all.json["metadata"]?["pagination"] == all.data["pagination"])
        #expect(shown[1]["type"] == "deploy" && shown[1]["priority"] == "high" && shown[1]["project"] == "apollo")
        #expect(shown[1]["attempts"] == 1 && shown[1]["failures"] == 1 && shown[1]["error"] == "exited with code 7")
        #expect(shown[1]["errorCode"] == "TASK_EXECUTION_FAILED" && shown[1]["failedAt"] != nil)
        let deploys = try await world.send(.get, "/api/v1/dead-letters?type=deploy&priority=high")
        #expect(deploys.data["pagination"]?["totalItems"] == 2)
        let none = try await world.send(.get, "/api/v1/dead-letters?type=test")
        #expect(none.data["deadLetters"]?.arrayValue?.isEmpty == true)
    }

    @Test(
        "a bad page, limit or filter is refused by name (GW-VAL-02)",
        arguments: [
            ("page=0", "page"), ("limit=1001", "limit"), ("type=poetry", "type"), ("priority=now", "priority"),
        ])
    func badQuery(query: String, field: String) async throws {
        let answer = try await GatewayWorld().send(.get, "/api/v1/dead-letters?\(query)")
        #expect(answer.status == 400)
        #expect(answer.fields == [field])
    }

    @Test("one is shown with the cause of each attempt; what is none is not found")
    func show() async throws {
        let (world, ids) = try await world(dead: 1)
        let answer = try await world.send(.get, "/api/v1/dead-letters/\(ids[0])")
        #expect(answer.status == 200)
        #expect(answer.data["taskId"] == .string(ids[0].rawValue) && answer.data["maxAttempts"] == 1)
        let cause: JSONValue = try #require(answer.data["causes"]?[0])
        #expect(cause["attempt"] == 1 && cause["error"] == "exited with code 7")
        #expect(cause["errorCode"] == "TASK_EXECUTION_FAILED" && cause["timestamp"] == "2030-01-01T00:00:01.000Z")
        #expect(cause["agentId"]?.stringValue != nil)
        let task = try await world.send(.get, "/api/v1/tasks/\(ids[0])")
        #expect(task.data["deadLetter"] == true)
        let live: TaskID = try await world.createTask()
        for id: String in [live.rawValue, "nobody", "not an id"] {
            let missing = try await world.send(.get, "/api/v1/dead-letters/\(id.replacing(" ", with: "%20"))")
            #expect(missing.status == 404 && missing.code == "RESOURCE_NOT_FOUND")
        }
    }

    @Test("requeued without a body, a task goes on under its own id")
    func requeue() async throws {
        let (world, ids) = try await world(dead: 1)
        let answer = try await world.send(.post, "/api/v1/dead-letters/\(ids[0])/requeue")
        #expect(answer.status == 200)
        #expect(answer.data["taskId"] == .string(ids[0].rawValue) && answer.data["attempt"] == 2)
        #expect(world.orchestrator.view.task(ids[0])?.status == .assigned)
        let again = try await world.send(.post, "/api/v1/dead-letters/\(ids[0])/requeue", "{}")
        #expect(again.status == 409 && again.error["details"]?["reason"] == "not_dead_letter")
        let event: JSONValue? = try await world.send(.get, "/api/v1/events?types=task_failed,task_restarted")
            .data["events"]
        #expect(event?[0]?["deadLetter"] == true && event?[1]?["type"] == "task_restarted")
        #expect(event?[1]?["deadLetter"] == nil)
    }

    @Test("requeued with a body, a new task has its members and keeps the others")
    func edit() async throws {
        let (world, ids) = try await world(dead: 2)
        let answer = try await world.send(
            .post, "/api/v1/dead-letters/\(ids[1])/requeue",
            #"{"timeout":60000,"context":{"command":"ship --slowly"},"retryPolicy":{"maxAttempts":3}}"#)
        #expect(answer.status == 201)
        #expect(answer.data["requeuedFrom"] == .string(ids[1].rawValue))
        let id: TaskID = try #require(answer.data["taskId"]?.stringValue.flatMap { TaskID($0) })
        let old: TaskSpecification = try #require(world.orchestrator.view.task(ids[1])).specification
        let new: TaskSpecification = try #require(world.orchestrator.view.task(id)).specification
        #expect(new.timeout == 60_000 && new.command == .shell("ship --slowly") && new.retryPolicy.maximumAttempts == 3)
        #expect(new.project == nil && new.context == .emptyObject, "a member is replaced as a whole")
        #expect(new.concurrencyKey == nil, "and with it what was in the old one alone")
        #expect(new.kind == old.kind && new.description == old.description && new.priority == .high)
        #expect(new.capabilities == old.capabilities && new.requirements == old.requirements)
        let shown = try await world.send(.get, "/api/v1/tasks/\(ids[1])")
        #expect(shown.data["requeuedAs"] == .string(id.rawValue) && shown.data["deadLetter"] == nil)
        let list = try await world.send(.get, "/api/v1/dead-letters")
        #expect(list.data["pagination"]?["totalItems"] == 1)
    }

    @Test("an edit takes away requirements, too")
    func editRequirements() async throws {
        let (world, ids) = try await world(dead: 2)
        let answer = try await world.send(.post, "/api/v1/dead-letters/\(ids[1])/requeue", #"{"requirements":[]}"#)
        let id: TaskID = try #require(answer.data["taskId"]?.stringValue.flatMap { TaskID($0) })
        let new: TaskSpecification = try #require(world.orchestrator.view.task(id)).specification
        #expect(new.capabilities.isEmpty && new.requirements == .emptyArray)
        #expect(new.command == .arguments(["ship", "it"]))
    }

    @Test(
        "what is wrong with an edit is named as in a creation (GW-VAL-01)",
        arguments: [
            (#"{"timeout":1}"#, "timeout"), (#"{"type":"poetry"}"#, "type"),
            (#"{"retryPolicy":{"maxAttempts":0}}"#, "retryPolicy.maxAttempts"),
            (#"{"context":{"command":[]}}"#, "context.command"), (#"{"dependencies":["nope"]}"#, "dependencies.0"),
        ])
    func badEdit(body: String, field: String) async throws {
        let (world, ids) = try await world(dead: 1)
        let answer = try await world.send(.post, "/api/v1/dead-letters/\(ids[0])/requeue", body)
        #expect(answer.status == 400 && answer.code == "VALIDATION_ERROR")
        #expect(answer.fields == [field])
        let missing = try await world.send(.post, "/api/v1/dead-letters/nobody/requeue", body)
        #expect(missing.status == 404)
    }

    @Test("discarded, a task stays failed and is no dead letter")
    func discard() async throws {
        let (world, ids) = try await world(dead: 1)
        let answer = try await world.send(.delete, "/api/v1/dead-letters/\(ids[0])")
        #expect(answer.status == 200 && answer.data["discarded"] == true && answer.data["status"] == "failed")
        #expect(try await world.send(.delete, "/api/v1/dead-letters/\(ids[0])").status == 409)
        #expect(try await world.send(.delete, "/api/v1/dead-letters/nobody").status == 404)
    }

    @Test("several are settled by id or by filter, a bounded number a call, with an outcome each")
    func bulk() async throws {
        let (world, ids) = try await world(dead: 6)
        let named = try await world.send(
            .post, "/api/v1/dead-letters/discard", #"{"taskIds":["\#(ids[0])","nobody"]}"#)
        #expect(named.status == 200 && named.data["discarded"] == 1 && named.data["failed"] == 1)
        let outcomes: JSONValue? = named.data["outcomes"]
        #expect(outcomes?[0]?["outcome"] == "discarded" && outcomes?[0]?["status"] == "failed")
        #expect(outcomes?[1]?["outcome"] == "failed" && outcomes?[1]?["error"]?["code"] == "RESOURCE_NOT_FOUND")
        let found = try await world.send(
            .post, "/api/v1/dead-letters/requeue", #"{"filter":{"type":"deploy"},"limit":2}"#)
        #expect(found.data["requeued"] == 2 && found.data["remaining"] == 1)
        let rest = try await world.send(.post, "/api/v1/dead-letters/requeue", #"{"filter":{}}"#)
        #expect(rest.data["requeued"] == 3 && rest.data["remaining"] == 0)
        let left = try await world.send(.get, "/api/v1/dead-letters")
        #expect(left.data["pagination"]?["totalItems"] == 0)
    }

    @Test(
        "a selection that is empty, twofold or wrong is refused by field",
        arguments: [
            ("{}", "taskIds"), (#"{"taskIds":["a"],"filter":{}}"#, "taskIds"), (#"{"taskIds":[]}"#, "taskIds"),
            (#"{"taskIds":["a b"]}"#, "taskIds.0"), (#"{"filter":{"type":"poetry"}}"#, "filter.type"),
            (#"{"filter":{},"limit":0}"#, "limit"), ("[]", ""),
        ])
    func badSelection(body: String, field: String) async throws {
        let answer = try await GatewayWorld().send(.post, "/api/v1/dead-letters/requeue", body)
        #expect(answer.status == 400)
        #expect(answer.fields == [field])
    }

    @Test("each call takes its permission, and projects keep to themselves (GW-SEC-05)")
    func permissions() async throws {
        let (world, ids) = try await world(dead: 2)
        let nobody = GatewayAuthentication.principal(Principal(subject: "bob", permissions: [.agentsRead]))
        for (method, path) in [
            (HTTPMethod.get, ""), (.get, "/\(ids[0])"), (.post, "/\(ids[0])/requeue"), (.delete, "/\(ids[0])"),
            (.post, "/requeue"), (.post, "/discard"),
        ] {
            #expect(try await world.send(method, "/api/v1/dead-letters\(path)", as: nobody).status == 403)
        }
        let updater = GatewayAuthentication.principal(Principal(subject: "eve", permissions: [.tasksUpdate]))
        let edit = try await world.send(
            .post, "/api/v1/dead-letters/\(ids[0])/requeue", #"{"timeout":2000}"#, as: updater)
        #expect(edit.status == 404 || edit.status == 403)
        let gemini = GatewayAuthentication.principal(
            Principal(subject: "tom", permissions: .all, projects: ["gemini"]))
        #expect(try await world.send(.get, "/api/v1/dead-letters/\(ids[1])", as: gemini).status == 404)
        #expect(try await world.send(.delete, "/api/v1/dead-letters/\(ids[1])", as: gemini).status == 404)
        let bulk = try await world.send(.post, "/api/v1/dead-letters/discard", #"{"filter":{}}"#, as: gemini)
        #expect(bulk.data["discarded"] == 0)
        let foreign = try await world.send(
            .post, "/api/v1/dead-letters/discard", #"{"filter":{"project":"apollo"}}"#, as: gemini)
        #expect(foreign.data["discarded"] == 0 && foreign.data["failed"] == 0)
        #expect(try await world.send(.put, "/api/v1/dead-letters").status == 405)
    }
}
