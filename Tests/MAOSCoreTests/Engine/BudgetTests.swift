import MAOSCore
import Testing

/// Ceilings of tasks and projects, and what is counted against them.
@Suite struct BudgetTests {
    func world(slots: Int = 4) throws -> EngineWorld {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: slots)
        return world
    }

    func cost(_ text: String) -> Cost { Cost(text) ?? .zero }

    func use(_ world: inout EngineWorld, _ id: TaskID, _ usage: Usage) throws {
        try world.report(.attemptUsed(world.attempt(of: id), usage))
    }

    func stops(_ world: inout EngineWorld) -> [Effect.Stop] { world.takeEffects().compactMap(\.stop) }

    func standing(_ world: inout EngineWorld, _ project: String = "apollo") throws -> BudgetStanding {
        guard case .budgets(let standings) = try world.send(.budget(.show(project: project))) else {
            throw Missing()
        }
        return try #require(standings.first)
    }

    struct Missing: Error {}

    func setBudget(_ world: inout EngineWorld, _ ceiling: Budget, anew: Bool = false) throws {
        try world.send(.budget(.set(project: "apollo", ceiling, countsAnew: anew)))
    }

    @Test("what attempts use is added up on the task, and a report that is late or comes twice changes nothing")
    func usage() throws {
        var world: EngineWorld = try world()
        try world.create("a") { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 0) }
        try world.start("a")
        let first = Usage(processorTime: 300, cost: cost("0.02"), tokens: 40)
        try use(&world, "a", first)
        let events: Int = world.events.count
        try use(&world, "a", Usage(processorTime: 200, cost: cost("0.01"), tokens: 30))
        try use(&world, "a", first)
        #expect(world.events.count == events)
        #expect(try world.task("a").state.usage == first)
        try world.pass(1_000)
        #expect(try world.task("a").state.usage(at: world.now).wallTime == 1_000)
        try world.fail("a")
        try world.pass(1)
        try world.start("a")
        try use(&world, "a", Usage(processorTime: 50, cost: cost("0.005"), tokens: 2))
        try world.pass(500)
        try world.end("a")
        let used: Usage = try world.task("a").state.usage
        #expect(used == Usage(wallTime: 1_500, processorTime: 350, cost: cost("0.025"), tokens: 42))
        #expect(try world.task("a").state.attemptUsage == Usage())
    }

    @Test("a reported cost that reaches the task's ceiling stops the run, for good and with the ceiling's name")
    func costCeiling() throws {
        var world: EngineWorld = try world()
        try world.create("a") {
            $0.budget = Budget(cost: Cost("0.05"))
            $0.retryPolicy = RetryPolicy(maximumAttempts: 5, backoff: 0)
        }
        try world.start("a")
        try use(&world, "a", Usage(cost: cost("0.049999")))
        _ = world.takeEffects()
        try use(&world, "a", Usage(cost: cost("0.06")))
        #expect(stops(&world) == [Effect.Stop(attempt: world.attempt(of: "a"), reason: .budget)])
        try use(&world, "a", Usage(cost: cost("0.07")))
        #expect(stops(&world).isEmpty, "it is asked to stop once")
        try world.end("a", .stopped)
        let state: TaskState = try world.task("a").state
        #expect(state.status == .failed && state.error?.code == .budget && state.attempt == 1)
        #expect(state.error?.message == "The task's ceiling of a cost of 0.05 is reached: it has used a cost of 0.06")
        #expect(state.isDeadLetter && state.usage.cost == cost("0.07"))
        #expect(world.refusal(of: .retryTask("a"))?.conflict == "budget_exhausted")
        var richer: TaskSpecification = try world.task("a").specification
        richer.budget = Budget(cost: Cost("1"))
        #expect(try world.send(.requeueDeadLetter("a", as: richer)).task?.status == .assigned)
    }

    @Test("processor time that reaches the ceiling stops the run, and launches say that it is to be watched")
    func processorCeiling() throws {
        var world: EngineWorld = try world()
        try world.create("a") { $0.budget = Budget(processorTime: 1_000) }
        try world.create("b")
        let watched: [Bool] = world.takeLaunches().map(\.watchesProcessorTime)
        #expect(watched == [true, false])
        try world.start("a")
        try use(&world, "a", Usage(processorTime: 1_000))
        #expect(stops(&world).count == 1)
    }

    @Test("wall time is counted by the engine's own clock, and not while the attempt is held back")
    func wallCeiling() throws {
        var world: EngineWorld = try world()
        try world.create("a") { $0.budget = Budget(wallTime: .seconds(10)) }
        try world.pass(.seconds(2))
        try world.start("a")
        try world.pass(.seconds(6))
        try world.send(.pauseTask("a"))
        try world.pass(.seconds(100))
        try world.send(.resumeTask("a"))
        try world.pass(.seconds(3))
        _ = world.takeEffects()
        try world.pass(999)
        #expect(stops(&world).isEmpty)
        try world.pass(1)
        #expect(stops(&world).map(\.reason) == [.budget])
        try world.end("a", .stopped)
        #expect(try world.task("a").state.error?.message.contains("10000 ms of wall time") == true)
        #expect(try world.task("a").state.usage.wallTime == .seconds(10))
    }

    @Test("attempts share the ceiling: what one has used the next has not, and none begins when nothing is left")
    func attempts() throws {
        var world: EngineWorld = try world()
        try world.create("a") {
            $0.budget = Budget(wallTime: .seconds(10), cost: Cost("1"))
            $0.retryPolicy = RetryPolicy(maximumAttempts: 9, backoff: 0)
        }
        try world.start("a")
        try world.pass(.seconds(7))
        try world.fail("a")
        try world.pass(1)
        try world.start("a")
        _ = world.takeEffects()
        try world.pass(.seconds(3))
        #expect(stops(&world).count == 1)
        try world.create("b") {
            $0.budget = Budget(cost: Cost("1"))
            $0.retryPolicy = RetryPolicy(maximumAttempts: 9, backoff: 0)
        }
        try world.start("b")
        try use(&world, "b", Usage(cost: cost("1")))
        try world.fail("b")
        #expect(world.status("b" as TaskID) == .failed)
        #expect(try world.task("b").state.causes.count == 1)
    }

    @Test("an attempt that completes before it has been stopped has completed")
    func race() throws {
        var world: EngineWorld = try world()
        try world.create("a") { $0.budget = Budget(cost: Cost("0.5")) }
        try world.start("a")
        try use(&world, "a", Usage(cost: cost("0.6")))
        try world.end("a")
        #expect(world.status("a" as TaskID) == .completed)
    }

    @Test("ceilings out of range are refused by name")
    func badCeilings() throws {
        var world: EngineWorld = try world()
        func field(_ budget: Budget) -> String? {
            var specification = TaskSpecification(kind: .code, description: "x")
            specification.budget = budget
            return world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field
        }
        #expect(field(Budget(wallTime: 0)) == "budget.wallTimeMs")
        #expect(field(Budget(processorTime: -1)) == "budget.cpuTimeMs")
        #expect(field(Budget(cost: .zero)) == "budget.cost")
        #expect(field(Budget(cost: Cost(micros: .max))) == "budget.cost")
    }
}
