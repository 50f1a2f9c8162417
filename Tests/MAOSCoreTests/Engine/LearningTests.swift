import MAOSCore
import Testing

@Suite("Learning from outcomes")
struct LearningTests {
    /// A world in which cycles are short, with one agent that knows Swift.
    private func world(every: Int = 4, proficiency: Double = 0.5, rate: Double = 0.1) throws -> EngineWorld {
        var world = EngineWorld { $0.learning.every = every }
        try world.spawn(
            .coder, "x", capabilities: [Capability(name: "swift", proficiency: proficiency, learningRate: rate)])
        return world
    }

    private func attempt(
        _ id: TaskID, in world: inout EngineWorld, asking names: [String] = ["swift"],
        _ outcome: AttemptOutcome = .completed(result: nil)
    ) throws {
        try world.create(id) { $0.capabilities = names.map { CapabilityRequirement(name: $0) } }
        try world.start(id)
        try world.end(id, outcome)
    }

    private func events(_ type: String, in world: EngineWorld) -> [JSONValue] {
        world.events.compactMap { (event: Event) in
            guard case .system(let system) = event.body, system.type == type else { return nil }
            return system.data.value()
        }
    }

    private let failed = AttemptOutcome.failed(TaskFailure(.execution, "exited with code 1"))

    @Test("proficiency follows the outcomes by the learning rate, when a cycle completes (HIVE-EVT-18, HIVE-EVT-19)")
    func cycle() throws {
        var world = try world()
        for number in 1...3 { try attempt(TaskID(unchecked: "t\(number)"), in: &world) }
        let learned: AgentLearning.Progress = try #require(world.agent("x").learning["swift"])
        #expect(learned.outcomes == 3)
        #expect(abs(learned.estimate - (1 - 0.5 * 0.9 * 0.9 * 0.9)) < 0.000_001)
        #expect(try world.agent("x").specification.capabilities[0].proficiency == 0.5, "the cycle is still under way")
        try world.pass(.seconds(60))
        try attempt("t4", in: &world)
        #expect(try world.agent("x").specification.capabilities[0].proficiency == 0.65, "0.672 is nearest to 0.65")
        #expect(try world.agent("x").state.statistics.capabilityImprovements == 1)
        #expect(try world.agent("x").learning["swift"]?.outcomes == 0)

        let started: [JSONValue] = events("learning_cycle_started", in: world)
        let completed: [JSONValue] = events("learning_cycle_completed", in: world)
        #expect((started.count, completed.count) == (1, 1))
        #expect(started[0]["cycleId"] == "learn-x-1")
        #expect(started[0]["agentId"] == "x")
        #expect(started[0]["learningType"] == "capability_improvement")
        #expect(started[0]["targetCapability"] == "swift")
        #expect(started[0]["estimatedDurationMinutes"]?.doubleValue != nil)
        #expect(completed[0]["cycleId"] == "learn-x-1")
        #expect(completed[0]["durationMs"] == 60_000)
        let improvement: JSONValue = try #require(completed[0]["improvements"]?["swift_proficiency"])
        #expect(improvement["oldValue"] == 0.5)
        #expect(improvement["newValue"] == 0.65)
        #expect(improvement["improvement"] == 0.15)
    }

    @Test("failures lower the proficiency, and are no improvement")
    func failures() throws {
        var world = try world(rate: 0.5)
        for number in 1...4 { try attempt(TaskID(unchecked: "t\(number)"), in: &world, failed) }
        #expect(try world.agent("x").specification.capabilities[0].proficiency == 0.05, "0.03125 is nearest to 0.05")
        #expect(try world.agent("x").state.statistics.capabilityImprovements == 0)
        let completed: [JSONValue] = events("learning_cycle_completed", in: world)
        #expect(completed.first?["improvements"]?["swift_proficiency"]?["improvement"] == -0.45)
    }

    @Test("each failed attempt of a task that is tried again counts")
    func retries() throws {
        var world = try world(every: 2)
        try world.create("t") {
            $0.capabilities = [CapabilityRequirement(name: "swift")]
            $0.retryPolicy = RetryPolicy(maximumAttempts: 3, backoff: 0)
        }
        try world.fail("t")
        try world.pass(1)
        #expect(try world.agent("x").learning["swift"]?.outcomes == 1)
        try world.fail("t")
        #expect(events("learning_cycle_completed", in: world).count == 1)
    }

    @Test(
        "what is not the agent's own doing teaches nothing",
        arguments: [TaskFailure.Code.startFailed, .agentLost, .budget, .interrupted])
    func others(code: TaskFailure.Code) throws {
        var world = try world()
        try attempt("t", in: &world, .failed(TaskFailure(code, "not its fault")))
        #expect(try world.agent("x").learning == AgentLearning())
    }

    @Test("a cancelled attempt teaches nothing, nor does one that the server's end interrupted")
    func cancelled() throws {
        var world = try world()
        try world.create("a") { $0.capabilities = [CapabilityRequirement(name: "swift")] }
        try world.start("a")
        try world.send(.cancelTask("a", reason: nil))
        try world.end("a", .stopped)
        try world.create("b") { $0.capabilities = [CapabilityRequirement(name: "swift")] }
        try world.start("b")
        try world.restart()
        #expect(try world.agent("x").learning == AgentLearning())
    }

    @Test("a task that asks for no capabilities teaches nothing")
    func plainTasks() throws {
        var world = try world(every: 1)
        for number in 1...3 { try attempt(TaskID(unchecked: "t\(number)"), in: &world, asking: []) }
        #expect(try world.agent("x").learning == AgentLearning())
        #expect(events("learning_cycle_started", in: world).isEmpty)
    }

    @Test("capabilities are learned by themselves, each once for a task that names it twice")
    func several() throws {
        var world = EngineWorld { $0.learning.every = 3 }
        try world.spawn(.coder, "x", capabilities: [Capability(name: "swift"), Capability(name: "sql")])
        try attempt("1", in: &world, asking: ["swift", "sql", "swift"])
        try attempt("2", in: &world, asking: ["sql"], failed)
        let learning: AgentLearning = try world.agent("x").learning
        #expect(learning["swift"]?.outcomes == 1)
        #expect(learning["sql"]?.outcomes == 2)
        #expect(learning["swift"]?.cycle == 1)
        #expect(learning["sql"]?.cycle == 2)
        try attempt("3", in: &world, asking: ["sql"])
        #expect(events("learning_cycle_completed", in: world).map { $0["cycleId"] } == ["learn-x-2"])
    }

    @Test("what was learned survives a restart, and the cycle goes on")
    func restart() throws {
        var world = try world()
        for number in 1...2 { try attempt(TaskID(unchecked: "t\(number)"), in: &world) }
        let before: AgentLearning = try world.agent("x").learning
        try world.restart()
        #expect(try world.agent("x").learning == before)
        try world.startAgents()
        for number in 3...4 { try attempt(TaskID(unchecked: "t\(number)"), in: &world) }
        #expect(events("learning_cycle_started", in: world).count == 1)
        #expect(events("learning_cycle_completed", in: world).count == 1)
        #expect(try world.agent("x").specification.capabilities[0].proficiency == 0.65)
    }

    @Test("a cycle that is longer than cycles are now completes with the next outcome")
    func shorterCycles() throws {
        var world = try world(every: 10)
        for number in 1...5 { try attempt(TaskID(unchecked: "t\(number)"), in: &world) }
        world.reconfigure { $0.learning.every = 3 }
        try world.restart()
        try world.startAgents()
        try attempt("t6", in: &world)
        #expect(events("learning_cycle_completed", in: world).count == 1)
    }

    @Test("matching goes by what was learned, once a cycle has completed")
    func matching() throws {
        var world = EngineWorld { $0.learning.every = 2 }
        try world.spawn(.coder, "a", capabilities: [Capability(name: "swift", proficiency: 0.6, learningRate: 1)])
        try world.spawn(.coder, "b", capabilities: [Capability(name: "swift", proficiency: 0.5)])
        try attempt("1", in: &world, failed)
        #expect(try world.create("2") { $0.capabilities = [CapabilityRequirement(name: "swift")] }.state.agent == "a")
        try world.end("2", failed)
        #expect(try world.create("3") { $0.capabilities = [CapabilityRequirement(name: "swift")] }.state.agent == "b")
    }

    @Test("an agent that has become too bad at something gets no such tasks, until it is configured anew")
    func minimum() throws {
        var world = try world(every: 1, rate: 1)
        try attempt("1", in: &world, failed)
        let asked = CapabilityRequirement(name: "swift", minimumProficiency: 0.5)
        #expect(try world.create("2") { $0.capabilities = [asked] }.status == .queued)
        var change = AgentChange()
        change.capabilities = [Capability(name: "swift", proficiency: 0.5)]
        try world.send(.configureAgent("x", change))
        #expect(try world.task("2").state.agent == "x")
    }

    @Test("configuring an agent keeps what was learned of capabilities that are only named, and of no others")
    func configuration() throws {
        var world = EngineWorld { $0.learning.every = 2 }
        try world.spawn(
            .coder, "x",
            capabilities: [Capability(name: "swift", learningRate: 1), Capability(name: "sql"), Capability(name: "c")])
        for number in 1...2 { try attempt(TaskID(unchecked: "t\(number)"), in: &world, asking: ["swift"]) }
        try attempt("t3", in: &world, asking: ["swift", "sql", "c"])
        var change = AgentChange()
        change.capabilities = [
            Capability(name: "swift"), Capability(name: "sql", proficiency: 0.9), Capability(name: "go"),
        ]
        change.keptCapabilities = ["swift", "go"]
        try world.send(.configureAgent("x", change))
        let agent: AgentRecord = try world.agent("x")
        #expect(
            agent.specification.capabilities == [
                Capability(name: "swift", proficiency: 1, learningRate: 1), Capability(name: "sql", proficiency: 0.9),
                Capability(name: "go"),
            ])
        #expect(agent.learning.progress.map(\.capability) == ["swift"])
    }

    @Test("a capability with a learning rate of 0 stays as it is")
    func noLearning() throws {
        var world = try world(every: 2, proficiency: 0.42, rate: 0)
        for number in 1...4 { try attempt(TaskID(unchecked: "t\(number)"), in: &world, failed) }
        #expect(try world.agent("x").specification.capabilities[0].proficiency == 0.42)
        let completed: [JSONValue] = events("learning_cycle_completed", in: world)
        #expect(completed.map { $0["improvements"]?["swift_proficiency"]?["improvement"] } == [0, 0])
    }

    @Test("an agent that stands between two steps does not go to and fro")
    func margin() throws {
        var world = try world(every: 1, proficiency: 0.5, rate: 0.05)
        var seen: Set<Double> = []
        for number in 1...40 {
            try attempt(
                TaskID(unchecked: "t\(number)"), in: &world, number.isMultiple(of: 2) ? failed : .completed(result: nil)
            )
            seen.insert(try world.agent("x").specification.capabilities[0].proficiency)
        }
        #expect(seen == [0.5])
    }

    @Test("agents of many outcomes have no more profiles than there are steps")
    func profiles() throws {
        var world = EngineWorld { $0.learning.every = 2 }
        world.checkedBatches = 50
        var random = SeededRandom(seed: 5)
        for number in 1...60 {
            try world.spawn(.coder, AgentID(unchecked: "a\(number)"), capabilities: [Capability(name: "swift")])
        }
        for number in 1...600 {
            let outcome: AttemptOutcome = random.below(3) == 0 ? failed : .completed(result: nil)
            try attempt(TaskID(unchecked: "t\(number)"), in: &world, outcome)
        }
        let levels = Set(world.livingAgents.map { $0.specification.capabilities[0].proficiency })
        #expect(levels.count <= 21)
        #expect(levels.allSatisfy { abs($0 * 20 - ($0 * 20).rounded()) < 0.000_001 })
    }

    @Test("learning rates outside 0…1 are refused by name", arguments: [-0.1, 1.1, .nan, .infinity])
    func badRates(rate: Double) throws {
        var world = EngineWorld()
        let specification = AgentSpecification(
            type: .coder, capabilities: [Capability(name: "swift", learningRate: rate)])
        let refusal: Rejection? = world.refusal(of: .spawnAgent(specification, id: nil))
        guard case .invalid(let issue)? = refusal else { throw BadRefusal() }
        #expect(issue.field == "capabilities.0.learningRate")
    }

    private struct BadRefusal: Error {}
}
