import MAOSCore
import Testing

/// Projects' accounts, and tasks that wait for room in them.
extension BudgetTests {
    @Test("a project's account settles what its attempts used when they end, whatever the end")
    func settling() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("10")))
        for id: TaskID in ["a", "b", "c"] {
            try world.create(id) { $0.project = "apollo" }
            try world.start(id)
            try use(&world, id, Usage(processorTime: 10, cost: cost("0.5"), tokens: 5))
        }
        try world.create("d") { $0.project = "gemini" }
        try world.pass(100)
        var now: BudgetStanding = try standing(&world)
        #expect(now.attempts == 3 && now.taken.cost == cost("1.5") && now.account.settled == Usage())
        #expect(now.remaining(.cost) == 8_500_000 && now.remaining(.wallTime) == nil)
        try world.end("a")
        try world.fail("b")
        try world.send(.cancelTask("c", reason: nil))
        try world.end("c", .stopped)
        now = try standing(&world)
        #expect(now.attempts == 0 && now.taken == Usage())
        #expect(
            now.account.settled == Usage(wallTime: 300, processorTime: 30, cost: cost("1.5"), tokens: 15))
        #expect(now.account.attempts == 3)
    }

    @Test("when a project's ceiling is reached, everything that runs on it is stopped, and nothing else")
    func projectCeiling() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("1")))
        for id: TaskID in ["a", "b"] {
            try world.create(id) { $0.project = "apollo" }
            try world.start(id)
        }
        try world.create("c") { $0.project = "gemini" }
        try world.start("c")
        _ = world.takeEffects()
        try use(&world, "a", Usage(cost: cost("0.6")))
        #expect(stops(&world).isEmpty)
        try use(&world, "b", Usage(cost: cost("0.4")))
        #expect(stops(&world).map(\.attempt.task) == ["a", "b"])
        try world.end("a", .stopped)
        #expect(
            try world.task("a").state.error
                == TaskFailure(.budget, "The ceiling of project apollo, a cost of 1, is reached"))
        #expect(try world.task("a").state.isDeadLetter)
    }

    @Test("what a task's own ceiling promises it cannot be used by others")
    func reservation() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("1")))
        try world.create("a") {
            $0.project = "apollo"
            $0.budget = Budget(cost: Cost("0.7"))
        }
        try world.start("a")
        try world.create("b") { $0.project = "apollo" }
        try world.start("b")
        _ = world.takeEffects()
        #expect(try standing(&world).taken.cost == cost("0.7"))
        try use(&world, "b", Usage(cost: cost("0.3")))
        #expect(stops(&world).map(\.attempt.task) == ["b"])
        try use(&world, "a", Usage(cost: cost("0.69")))
        #expect(stops(&world).isEmpty)
        try world.end("b", .stopped)
        try world.end("a")
        #expect(try standing(&world).account.settled.cost == cost("0.99"))
    }

    private func reasons(_ world: inout EngineWorld, _ id: TaskID) throws -> [WaitingReason] {
        guard case .waiting(_, let reasons) = try world.send(.explainWaiting(id)) else { throw Missing() }
        return reasons
    }

    @Test("without room a task waits, and says for what; it starts when there is room")
    func waiting() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("1")))
        try world.create("a") {
            $0.project = "apollo"
            $0.budget = Budget(cost: Cost("0.7"))
        }
        try world.start("a")
        try world.create("b") {
            $0.project = "apollo"
            $0.budget = Budget(cost: Cost("0.5"))
        }
        try world.create("c") { $0.project = "gemini" }
        #expect(world.status("b" as TaskID) == .queued && world.status("c" as TaskID) == .assigned)
        let expected = WaitingReason.budget(project: "apollo", .cost, needed: 500_000, remaining: 300_000)
        #expect(try reasons(&world, "b").contains(expected))
        try use(&world, "a", Usage(cost: cost("0.2")))
        try world.end("a")
        #expect(world.status("b" as TaskID) == .assigned, "what was not used is there again")
        try world.start("b")
        try use(&world, "b", Usage(cost: cost("0.49")))
        try world.end("b")
        try world.create("d") {
            $0.project = "apollo"
            $0.budget = Budget(cost: Cost("0.4"))
        }
        #expect(world.status("d" as TaskID) == .queued)
        try world.restart(recovering: false)
        #expect(world.status("d" as TaskID) == .queued)
        try setBudget(&world, Budget(cost: Cost("2")))
        #expect(world.status("d" as TaskID) == .assigned, "a higher ceiling makes room")
    }

    @Test("when nothing is left of a project's ceiling nothing begins, until it is raised, lifted or counted anew")
    func exhausted() throws {
        for (ceiling, anew) in [(Budget(cost: Cost("2")), false), (Budget(), false), (Budget(cost: Cost("1")), true)] {
            var world: EngineWorld = try world()
            try setBudget(&world, Budget(cost: Cost("1")))
            try world.create("a") { $0.project = "apollo" }
            try world.start("a")
            try use(&world, "a", Usage(cost: cost("1")))
            try world.end("a", .stopped)
            try world.create("b") { $0.project = "apollo" }
            #expect(world.status("b" as TaskID) == .queued)
            try world.restart()
            try world.report(.agentStarted("x", process: nil))
            #expect(world.status("b" as TaskID) == .queued)
            try setBudget(&world, ceiling, anew: anew)
            #expect(world.status("b" as TaskID) == .assigned)
            try world.start("b")
            try world.end("b")
            #expect(world.status("b" as TaskID) == .completed)
        }
    }

    @Test("when a ceiling is raised, those that it held back go on in their order")
    func orderAfterRaise() throws {
        var world: EngineWorld = try world(slots: 2)
        try setBudget(&world, Budget(wallTime: 10))
        try world.create("first") { $0.project = "apollo" }
        try world.start("first")
        try world.pass(10)
        try world.end("first", .stopped)
        try world.create("low") {
            $0.project = "apollo"; $0.priority = .low
        }
        try world.create("high") {
            $0.project = "apollo"; $0.priority = .high
        }
        #expect(world.status("low") == .queued && world.status("high") == .queued)
        try setBudget(&world, Budget(cost: cost("1")))
        #expect(world.status("high") == .assigned)
        let assigned: [TaskID] = world.events.compactMap { (event: Event) in
            if case .task(let task) = event.body, task.kind == .assigned { task.id } else { nil }
        }
        #expect(assigned == ["first", "high", "low"])
    }

    @Test("after a restart a task stands before a ceiling that one which came later has reserved all of")
    func reservedAfterRestart() throws {
        var world: EngineWorld = try world(slots: 2)
        try setBudget(&world, Budget(cost: cost("1")))
        try world.send(.pauseAgent("x"))
        for (id, priority) in [("low", .low), ("high", .high)] as [(TaskID, Priority)] {
            try world.create(id) {
                $0.project = "apollo"; $0.priority = priority; $0.budget.cost = cost("1")
            }
        }
        try world.send(.resumeAgent("x"))
        try world.start("high")
        #expect(world.status("low") == .queued)
        try world.restart(recovering: false)
        try world.engine.checkInvariants()
        #expect(world.status("low") == .queued)
    }

    @Test("an account that is opened holds tasks back that waited already")
    func openedLater() throws {
        var world: EngineWorld = try world(slots: 1)
        try world.create("a") { $0.project = "apollo" }
        try world.create("b") {
            $0.project = "apollo"
            $0.budget = Budget(wallTime: .seconds(60))
        }
        try setBudget(&world, Budget(wallTime: .seconds(50)))
        try world.end("a")
        #expect(world.status("b" as TaskID) == .queued)
        try setBudget(&world, Budget(cost: Cost("1")))
        #expect(world.status("b" as TaskID) == .assigned)
        try setBudget(&world, Budget(wallTime: .seconds(90), cost: Cost("1")))
        #expect(try standing(&world).taken.wallTime == .seconds(60))
        try world.end("b")
        #expect(try standing(&world).attempts == 0)
    }

    @Test("a project's wall time runs out as fast as attempts run on it")
    func projectWallTime() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(wallTime: .seconds(30)))
        for id: TaskID in ["a", "b", "c"] {
            try world.create(id) { $0.project = "apollo" }
            try world.start(id)
        }
        try world.pass(.seconds(5))
        try world.send(.pauseTask("c"))
        _ = world.takeEffects()
        try world.pass(7_499)
        #expect(stops(&world).isEmpty)
        try world.pass(1)
        #expect(Set(stops(&world).map(\.attempt.task)) == ["a", "b", "c"])
    }

    @Test("an account can be changed, counted anew, and opened while attempts run")
    func changes() throws {
        var world: EngineWorld = try world()
        try world.create("a") { $0.project = "apollo" }
        try world.start("a")
        try use(&world, "a", Usage(cost: cost("0.4")))
        try setBudget(&world, Budget(cost: Cost("5")))
        #expect(try standing(&world).taken.cost == cost("0.4"))
        try world.end("a")
        try setBudget(&world, Budget(processorTime: 5))
        var now: BudgetStanding = try standing(&world)
        #expect(now.account.settled.cost == cost("0.4") && now.remaining(.cost) == nil)
        try world.pass(5)
        try setBudget(&world, Budget(cost: Cost("5")), anew: true)
        now = try standing(&world)
        #expect(now.account.settled == Usage() && now.account.since == world.now && now.account.number == 1)
        let changes: Int = world.events.count { $0.type == "quota_changed" }
        #expect(changes == 3)
    }

    @Test("an account that is closed holds nothing back, is charged nothing more, and stays closed over a restart")
    func close() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(wallTime: .seconds(100), cost: cost("1")))
        for id: TaskID in ["a", "b"] {
            try world.create(id) {
                $0.project = "apollo"
                $0.budget = Budget(cost: cost("0.6"))
            }
        }
        try world.start("a")
        #expect(world.status("b") == .queued, "there is no room for it")
        try world.create("c") { $0.project = "apollo" }
        try use(&world, "a", Usage(cost: cost("0.5")))
        let before: BudgetStanding = try standing(&world)
        guard case .budgets(let closed) = try world.send(.budget(.close(project: "apollo"))) else { throw Missing() }
        #expect(closed.first?.taken == before.taken && closed.first?.account.endedAt == world.now)
        #expect(world.status("b") == .assigned && world.status("c") == .assigned)
        #expect(world.refusal(of: .budget(.show(project: "apollo"))) == .notFound(.budget, id: "apollo"))
        #expect(world.refusal(of: .budget(.close(project: "apollo"))) == .notFound(.budget, id: "apollo"))
        try world.pass(.seconds(200))
        #expect(stops(&world).isEmpty, "no ceiling is left")
        try world.end("a")
        #expect(try world.task("a").state.usage.cost == cost("0.5"), "the task still says what it used")
        let id: String = try #require(closed.first?.account.id.rawValue)
        let stored = try BudgetAccount(try #require(world.entities[.budget]?[id]))
        #expect(stored.settled == Usage() && stored.attempts == 0)
        try world.restart()
        #expect(world.refusal(of: .budget(.show(project: "apollo"))) == .notFound(.budget, id: "apollo"))
        try setBudget(&world, Budget(cost: cost("1")))
        let anew: BudgetStanding = try standing(&world)
        #expect(anew.account.id.rawValue != id && anew.account.settled == Usage())
    }

    @Test("who closes an account needs the permission and has the project in reach")
    func closeRights() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: cost("1")))
        let close = Command.budget(.close(project: "apollo"))
        let reader = Principal(subject: "bob", permissions: .operator)
        #expect(world.refusal(of: close, as: reader) == .forbidden(.resourcesQuota))
        let elsewhere = Principal(subject: "bob", permissions: .all, projects: ["gemini"])
        #expect(world.refusal(of: close, as: elsewhere) == .notFound(.budget, id: "apollo"))
        let attempt = Principal(subject: "task:a", permissions: .all, task: "a")
        #expect(world.refusal(of: close, as: attempt) == .forbidden(.resourcesQuota))
    }

    @Test("a lower ceiling counts at once")
    func lowering() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("5")))
        try world.create("a") { $0.project = "apollo" }
        try world.start("a")
        try use(&world, "a", Usage(cost: cost("2")))
        _ = world.takeEffects()
        try setBudget(&world, Budget(cost: Cost("1")))
        #expect(stops(&world).count == 1)
    }

    @Test("after a crash the ledger adds up: what was stored is settled once, and nothing stays taken up")
    func crash() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(wallTime: .seconds(100), cost: Cost("10")))
        try world.create("a") { $0.project = "apollo" }
        try world.start("a")
        try world.pass(.seconds(3))
        try use(&world, "a", Usage(cost: cost("0.5"), tokens: 7))
        try world.pass(.seconds(50))
        try world.restart()
        try world.report(.agentStarted("x", process: nil))
        let now: BudgetStanding = try standing(&world)
        #expect(now.account.settled == Usage(wallTime: .seconds(3), cost: cost("0.5"), tokens: 7))
        #expect(try world.task("a").state.usage.cost == cost("0.5"))
        #expect(now.account.attempts == 1)
        try world.restart(recovering: false)
        #expect(try standing(&world).account == now.account)
    }

    @Test("a run of the server that goes on after a failed commit still stops what reached a ceiling")
    func failedCommit() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(wallTime: .seconds(20), cost: Cost("10")))
        try world.create("a") {
            $0.project = "apollo"
            $0.budget = Budget(wallTime: .seconds(10))
        }
        try world.create("b") { $0.project = "apollo" }
        for id: TaskID in ["a", "b"] { try world.start(id) }
        try world.pass(.seconds(2))
        try use(&world, "b", Usage(cost: cost("0.5")))
        try world.restart(recovering: false)
        _ = world.takeEffects()
        try world.pass(.seconds(8))
        #expect(Set(stops(&world).map(\.attempt.task)) == ["a", "b"])
    }

    @Test(
        "permissions and reach: setting takes resources:quota, looking resources:read, and projects keep to themselves")
    func permissions() throws {
        var world: EngineWorld = try world()
        try setBudget(&world, Budget(cost: Cost("1")))
        let viewer = Principal(subject: "bob", permissions: .viewer)
        let set = Command.budget(.set(project: "apollo", Budget(), countsAnew: false))
        #expect(world.refusal(of: set, as: viewer) == .forbidden(.resourcesQuota))
        let nobody = Principal(subject: "eve", permissions: [.tasksRead])
        #expect(world.refusal(of: .budget(.list), as: nobody) == .forbidden(.resourcesRead))
        let gemini = Principal(subject: "tom", permissions: .all, projects: ["gemini"])
        #expect(world.refusal(of: .budget(.show(project: "apollo")), as: gemini) == .notFound(.budget, id: "apollo"))
        #expect(world.refusal(of: set, as: gemini) == .notFound(.budget, id: "apollo"))
        guard case .budgets(let seen) = try world.send(.budget(.list), as: gemini) else { throw Missing() }
        #expect(seen.isEmpty)
        #expect(world.refusal(of: .budget(.show(project: "gemini"))) == .notFound(.budget, id: "gemini"))
        let long = String(repeating: "p", count: 101)
        #expect(world.refusal(of: .budget(.set(project: long, Budget(), countsAnew: false)))?.field == "project")
    }
}
