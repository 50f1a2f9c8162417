import MAOSCore
import MAOSProtocols
import Testing

/// Ceilings and usage over REST.
@Suite struct GatewayBudgetTests {
    private static let limited =
        #"{"type":"code","description":"d","requirements":[],"priority":"low","budget":"#
        + #"{"wallTimeMs":60000,"cpuTimeMs":5000,"cost":0.05},"context":{"project":"apollo"}}"#

    @Test("a task has its ceilings and shows what it has used")
    func task() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let id: TaskID = try await world.createTask(GatewayBudgetTests.limited)
        let attempt: AttemptID = try await world.start(id)
        try await world.report(
            .attemptUsed(attempt, Usage(processorTime: 120, cost: try #require(Cost("0.0123")), tokens: 456)))
        world.clock.advance(1_500)
        let shown = try await world.send(.get, "/api/v1/tasks/\(id)")
        #expect(shown.data["budget"] == ["wallTimeMs": 60_000, "cpuTimeMs": 5_000, "cost": 0.05])
        #expect(shown.data["usage"] == ["wallTimeMs": 1_500, "cpuTimeMs": 120, "cost": 0.0123, "tokens": 456])
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        let events: JSONValue? = try await world.send(.get, "/api/v1/events?types=task_completed").data["events"]
        #expect(events?[0]?["usage"]?["tokens"] == 456)
        let plain: TaskID = try await world.createTask()
        let untouched = try await world.send(.get, "/api/v1/tasks/\(plain)")
        #expect(untouched.data["usage"] == nil && untouched.data["budget"] == nil)
    }

    @Test(
        "ceilings that mean nothing are refused by field (GW-VAL-01)",
        arguments: [
            (#"{}"#, "budget"), (#"{"cost":0}"#, "budget.cost"), (#"{"cost":"1"}"#, "budget.cost"),
            (#"{"wallTimeMs":0}"#, "budget.wallTimeMs"), (#"{"cpuTimeMs":1.5}"#, "budget.cpuTimeMs"),
            (#"{"cost":1000000001}"#, "budget.cost"), (#"5"#, "budget"),
        ])
    func badCeilings(budget: String, field: String) async throws {
        let world = try await GatewayWorld()
        let body =
            #"{"type":"code","description":"d","requirements":[],"priority":"low","budget":\#(budget)}"#
        let answer = try await world.send(.post, "/api/v1/tasks", body)
        #expect(answer.status == 400)
        #expect(answer.fields == [field])
    }

    @Test("costs are read exactly, also where they are very small")
    func exactCosts() async throws {
        let world = try await GatewayWorld()
        for (text, micros) in [("0.1", 100_000), ("0.000001", 1), ("1e-5", 10), ("12.345678", 12_345_678)] {
            let id: TaskID = try await world.createTask(
                #"{"type":"code","description":"d","requirements":[],"priority":"low","budget":{"cost":\#(text)}}"#)
            #expect(world.orchestrator.view.task(id)?.specification.budget.cost?.micros == Int64(micros), "\(text)")
        }
    }

    @Test("a project's account is set, shown and listed with what is used of it")
    func projects() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        let set = try await world.send(.put, "/api/v1/budgets/projects/apollo", #"{"cost":2.5,"wallTimeMs":100000}"#)
        #expect(set.status == 200)
        #expect(set.data["project"] == "apollo" && set.data["ceiling"] == ["wallTimeMs": 100_000, "cost": 2.5])
        #expect(set.data["setBy"] == "alice" && set.data["attempts"] == 0)
        let id: TaskID = try await world.createTask(GatewayBudgetTests.limited)
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptUsed(attempt, Usage(cost: Cost(micros: 20_000), tokens: 9)))
        var shown = try await world.send(.get, "/api/v1/budgets/projects/apollo")
        #expect(shown.data["attemptsUnderWay"] == 1 && shown.data["underWay"]?["cost"] == 0.05)
        #expect(shown.data["remaining"]?["cost"] == 2.45 && shown.data["remaining"]?["wallTimeMs"] == 40_000)
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        shown = try await world.send(.get, "/api/v1/budgets/projects/apollo")
        #expect(shown.data["settled"]?["cost"] == 0.02 && shown.data["settled"]?["tokens"] == 9)
        #expect(shown.data["remaining"]?["cost"] == 2.48 && shown.data["attemptsUnderWay"] == 0)
        _ = try await world.send(.put, "/api/v1/budgets/projects/moon%20base", "{}")
        let list = try await world.send(.get, "/api/v1/budgets/projects?limit=1&page=2")
        #expect(list.data["budgets"]?[0]?["project"] == "moon base" && list.data["pagination"]?["totalItems"] == 2)
        let anew = try await world.send(.put, "/api/v1/budgets/projects/apollo", #"{"cost":1,"countsAnew":true}"#)
        #expect(anew.data["settled"]?["cost"] == 0 && anew.data["ceiling"] == ["cost": 1])
    }

    @Test("a project's account is closed, with what was settled, and may be opened anew")
    func closed() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent()
        _ = try await world.send(.put, "/api/v1/budgets/projects/apollo", #"{"cost":2.5}"#)
        let id: TaskID = try await world.createTask(GatewayBudgetTests.limited)
        let attempt: AttemptID = try await world.start(id)
        try await world.report(.attemptUsed(attempt, Usage(cost: Cost(micros: 20_000), tokens: 9)))
        let answer = try await world.send(.delete, "/api/v1/budgets/projects/apollo")
        #expect(answer.status == 200 && answer.data["closedAt"] != nil && answer.data["settled"]?["cost"] == 0)
        #expect(answer.data["underWay"]?["cost"] == 0.05 && answer.data["attemptsUnderWay"] == 1)
        #expect(try await world.send(.get, "/api/v1/budgets/projects/apollo").status == 404)
        #expect(try await world.send(.delete, "/api/v1/budgets/projects/apollo").status == 404)
        #expect(try await world.send(.get, "/api/v1/budgets/projects").data["budgets"] == [])
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        let anew = try await world.send(.put, "/api/v1/budgets/projects/apollo", #"{"cost":1}"#)
        #expect(anew.status == 200 && anew.data["settled"]?["cost"] == 0 && anew.data["closedAt"] == nil)
    }

    @Test("bad bodies, unknown projects, methods and missing permissions are refused as documented")
    func refusals() async throws {
        let world = try await GatewayWorld()
        let bad = try await world.send(.put, "/api/v1/budgets/projects/apollo", #"{"cost":-1,"countsAnew":1}"#)
        #expect(bad.status == 400 && bad.fields == ["cost", "countsAnew"])
        #expect(try await world.send(.get, "/api/v1/budgets/projects/apollo").status == 404)
        #expect(try await world.send(.get, "/api/v1/budgets").status == 404)
        #expect(try await world.send(.delete, "/api/v1/budgets/projects/apollo").status == 404)
        #expect(try await world.send(.delete, "/api/v1/budgets/projects").status == 405)
        let viewer = GatewayAuthentication.principal(Principal(subject: "bob", permissions: .viewer))
        #expect(try await world.send(.get, "/api/v1/budgets/projects", as: viewer).status == 200)
        #expect(try await world.send(.put, "/api/v1/budgets/projects/apollo", "{}", as: viewer).status == 403)
        #expect(try await world.send(.delete, "/api/v1/budgets/projects/apollo", as: viewer).status == 403)
        let nobody = GatewayAuthentication.principal(Principal(subject: "bob", permissions: [.tasksRead]))
        #expect(try await world.send(.get, "/api/v1/budgets/projects", as: nobody).status == 403)
    }
}
