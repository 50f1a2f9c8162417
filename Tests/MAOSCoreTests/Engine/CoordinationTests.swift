import MAOSCore
import Testing

@Suite("Work that moves to agents that join")
struct CoordinationTests {
    private func told(in world: EngineWorld) -> [JSONValue] {
        world.events.compactMap { (event: Event) in
            guard case .system(let system) = event.body, system.type == "coordination_event" else { return nil }
            return system.data.value()
        }
    }

    private func recalled(in world: inout EngineWorld) -> [AttemptID] {
        world.takeEffects().compactMap { (effect: Effect) in
            if case .recallAttempt(let id) = effect { id } else { nil }
        }
    }

    /// A world with so many attempts that have waited for their start on one agent, and another that has just joined.
    private func loaded(_ tasks: Int = 4, slots: Int = 4) throws -> EngineWorld {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 8)
        for number in 0..<tasks { try world.create(TaskID(unchecked: "t\(number)")) }
        try world.pass(.seconds(2))
        _ = world.takeEffects()
        try world.spawn(.coder, "b", slots: slots)
        return world
    }

    @Test("tasks that waited for others begin on an agent that joins, and one event tells of it (HIVE-EVT-17)")
    func queued() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a")
        for number in 1...5 { try world.create(TaskID(unchecked: "t\(number)")) }
        try world.spawn(.coder, "b", slots: 2)
        try world.pass(500)
        try world.spawn(.coder, "c")
        #expect(told(in: world).isEmpty)
        try world.pass(500)
        let events: [JSONValue] = told(in: world)
        #expect(events.count == 1)
        #expect(events.first?["eventType"] == "SwarmOptimization")
        #expect(events.first?["module"] == "coordinator")
        let details: JSONValue = try #require(events.first?["details"])
        #expect(details["optimizationType"] == "load_balancing")
        #expect(details["agentsRebalanced"] == 2)
        #expect(details["queuedTasksMoved"] == 3)
        #expect(details["assignedTasksMoved"] == 0)
        // 4 for 1 slot, 2 for 3 slots; 2 for 3 slots, 1 for 4 slots.
        #expect(details["efficiencyImprovement"] == 0.9375)
        try world.pass(.seconds(10))
        #expect(told(in: world).count == 1)
    }

    @Test("an agent that is made because no other could take a task moves nothing")
    func provisioning() throws {
        var world = EngineWorld(onDemand: 4)
        try world.create("t")
        try world.startAgents()
        #expect(world.status("t" as TaskID) == .assigned)
        try world.pass(.seconds(2))
        #expect(told(in: world).isEmpty)
    }

    @Test("an agent that joins while nothing waits moves nothing")
    func idle() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a")
        try world.create("t")
        try world.start("t")
        try world.spawn(.coder, "b")
        try world.pass(.seconds(2))
        #expect(told(in: world).isEmpty)
        #expect(recalled(in: &world).isEmpty)
    }

    @Test("attempts that have not begun move from an agent with more to do, until both have about the same")
    func assigned() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        #expect(asked.map(\.task) == ["t3", "t2"])
        for id in asked { try world.report(.attemptEnded(id, .stopped)) }
        for id in ["t2", "t3"] as [TaskID] {
            let task: TaskRecord = try world.task(id)
            #expect(task.state.agent == "b")
            #expect((task.status, task.state.attempt, task.state.interruptions) == (.assigned, 2, 0))
        }
        #expect(world.takeLaunches().map(\.agent.id) == ["b", "b"])
        #expect(try world.agent("a").state.currentTasks == ["t0", "t1"])
        #expect(world.refusal(of: .attemptStarted(asked[0], process: nil), as: .system) != nil, "its number is over")
        try world.pass(.seconds(1))
        let details: JSONValue = try #require(told(in: world).first?["details"])
        #expect(details["agentsRebalanced"] == 2)
        #expect(details["assignedTasksMoved"] == 2)
        #expect(details["efficiencyImprovement"] == 0.5)
    }

    @Test("a paused task that is given back waits paused for another agent, and is told of")
    func pausedRecall() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let id: AttemptID = try #require(recalled(in: &world).first)
        try world.send(.pauseTask(id.task))
        try world.report(.attemptEnded(id, .stopped))
        let task: TaskRecord = try world.task(id.task)
        #expect(task.status == .paused && task.state.agent == nil)
        #expect(world.events.compactMap(\.task).last { $0.id == id.task }?.state == task.state)
        try world.send(.resumeTask(id.task))
        #expect(try world.task(id.task).status == .assigned)
    }

    @Test("an attempt that begins before it is given back stays where it is")
    func lateRecall() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        for id in recalled(in: &world) {
            try world.report(.attemptStarted(id, process: nil))
            try world.report(.attemptEnded(id, .completed(result: nil)))
            #expect(world.status(id.task) == .completed)
        }
        try world.pass(.seconds(2))
        #expect(told(in: world).isEmpty)
    }

    @Test("an attempt that begins and is then stopped was interrupted, and not given back")
    func startedThenStopped() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let id: AttemptID = try #require(recalled(in: &world).first)
        try world.report(.attemptStarted(id, process: nil))
        try world.report(.attemptEnded(id, .stopped))
        #expect(try world.task(id.task).state.interruptions == 1)
    }

    @Test(
        "attempts do not move for a difference of one, nor before they have waited, nor to agents that cannot do them")
    func hysteresis() throws {
        var close = try loaded(1)
        try close.pass(.seconds(1))
        #expect(recalled(in: &close).isEmpty)

        var early = EngineWorld()
        try early.spawn(.coder, "a", slots: 8)
        try early.spawn(.tester, "t")
        try early.pass(.seconds(2))
        try early.create("other", kind: .testing)
        try early.spawn(.coder, "b", slots: 8)
        try early.pass(500)
        try early.send(.pauseAgent("b"))
        for number in 0..<4 { try early.create(TaskID(unchecked: "t\(number)")) }
        try early.pass(500)
        #expect(recalled(in: &early).isEmpty)

        var unable = EngineWorld()
        try unable.spawn(.coder, "a", capabilities: [Capability(name: "swift")], slots: 8)
        for number in 0..<4 {
            try unable.create(TaskID(unchecked: "t\(number)")) {
                $0.capabilities = [CapabilityRequirement(name: "swift")]
            }
        }
        try unable.pass(.seconds(2))
        try unable.spawn(.coder, "b", slots: 8)
        try unable.spawn(.coder, "c", capabilities: [Capability(name: "swift", proficiency: 0)], slots: 1)
        try unable.pass(.seconds(1))
        #expect(recalled(in: &unable).count == 1, "c takes one; it has one slot")
    }

    @Test("an agent that comes back after a crash moves nothing")
    func crashed() throws {
        var world = try loaded()
        try world.report(.agentCrashed("b", reason: "no"))
        try world.pass(.seconds(1))
        _ = world.takeEffects()
        try world.pass(.seconds(2))
        try world.startAgents()
        try world.report(.agentStarted("b", process: nil))
        try world.pass(.seconds(2))
        #expect(recalled(in: &world).isEmpty)
    }

    @Test("what is given back when the agent that joined is gone or full keeps its place in the queue")
    func lostTaker() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        let queuedAt: Instant? = try world.task(asked[0].task).state.queuedAt
        try world.send(.terminateAgent("b", graceful: false))
        try world.report(.agentStopped("b"))
        try world.send(.pauseAgent("a"))
        try world.report(.attemptEnded(asked[0], .stopped))
        let task: TaskRecord = try world.task(asked[0].task)
        #expect((task.status, task.state.interruptions, task.state.queuedAt) == (.queued, 0, queuedAt))
        try world.send(.pauseTask(asked[1].task))
        try world.report(.attemptEnded(asked[1], .stopped))
        #expect(world.status(asked[1].task) == .paused)
        try world.send(.resumeAgent("a"))
        #expect(try world.task(asked[0].task).state.agent == "a")
    }

    @Test("a cancelled attempt that is given back is cancelled; one that is to fail fails")
    func otherEnds() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        try world.send(.cancelTask(asked[0].task, reason: nil))
        try world.report(.attemptEnded(asked[0], .stopped))
        #expect(world.status(asked[0].task) == .cancelled)
        try world.report(.attemptEnded(asked[1], .failed(TaskFailure(.startFailed, "no such program"))))
        #expect(world.status(asked[1].task) == .failed)
    }

    @Test("concurrency keys and budgets hold while attempts move")
    func gates() throws {
        var world = EngineWorld { $0.concurrency = ["k": ConcurrencyLimit(limit: 4)] }
        try world.send(.budget(.set(project: "p", Budget(wallTime: 1_000_000), countsAnew: false)))
        try world.spawn(.coder, "a", slots: 8)
        for number in 0..<6 {
            try world.create(TaskID(unchecked: "t\(number)")) {
                $0.concurrencyKey = "k"
                $0.project = "p"
                $0.budget = Budget(wallTime: 10_000)
            }
        }
        try world.pass(.seconds(2))
        try world.spawn(.coder, "b", slots: 8)
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        #expect(asked.count == 2)
        for id in asked { try world.report(.attemptEnded(id, .stopped)) }
        #expect(world.tasks.values.count { $0.state.holdsAgent } == 4)
        #expect(try world.agent("b").state.currentTasks.count == 2)
    }

    /// Attempts of a project that were asked back, and a quota of it that was lowered before or after.
    private func lowered(to limit: Int, beforeRecall: Bool) throws -> (world: EngineWorld, asked: [AttemptID]) {
        var world = EngineWorld()
        let lowered: Command = .resource(.setQuotas([QuotaKey(.project, "p"): QuotaLimits(tasks: limit)]))
        try world.spawn(.coder, "a", slots: 8)
        for number in 0..<4 { try world.create(TaskID(unchecked: "t\(number)")) { $0.project = "p" } }
        try world.pass(.seconds(2))
        _ = world.takeEffects()
        try world.spawn(.coder, "b", slots: 4)
        if beforeRecall { try world.send(lowered) }
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        if !beforeRecall { try world.send(lowered) }
        return (world, asked)
    }

    @Test("what is under way beyond a quota that was lowered stays where it is")
    func loweredQuota() throws {
        #expect(try lowered(to: 3, beforeRecall: true).asked.isEmpty)
        #expect(try lowered(to: 4, beforeRecall: true).asked.map(\.task) == ["t3", "t2"])
    }

    @Test("an attempt that is given back begins nowhere while a quota is exceeded, and waits for its turn")
    func quotaLoweredMeanwhile() throws {
        var (world, asked): (EngineWorld, [AttemptID]) = try lowered(to: 2, beforeRecall: false)
        #expect(asked.map(\.task) == ["t3", "t2"])
        try world.report(.attemptEnded(asked[0], .stopped))
        try world.report(.attemptEnded(asked[1], .stopped))
        #expect(
            world.tasks.values.filter { $0.state.holdsAgent }.map(\.id).sorted { $0.rawValue < $1.rawValue } == [
                "t0", "t1",
            ])
        for id in ["t2", "t3"] as [TaskID] {
            let task: TaskRecord = try world.task(id)
            #expect((task.status, task.state.attempt, task.state.interruptions) == (.queued, 1, 0))
        }
        try world.end("t0")
        #expect(try world.task("t2").state.holdsAgent, "as many as the quota has room for")
        #expect(world.status("t3" as TaskID) == .queued)
    }

    @Test("a run of the server that goes on after a lost batch still knows what it asked back")
    func lostBatch() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        try world.restart(recovering: false)
        try world.report(.attemptEnded(asked[0], .stopped))
        #expect(try world.task(asked[0].task).state.agent == "b")
        try world.restart()
        #expect(try world.task(asked[1].task).state.interruptions == 1)
    }

    @Test(
        "what moved is told of once, and what was lost with its batch is not, also when nothing can be stored meanwhile"
    )
    func toldAfterLostBatch() throws {
        var world = try loaded()
        try world.pass(.seconds(1))
        let asked: [AttemptID] = recalled(in: &world)
        try world.report(.attemptEnded(asked[0], .stopped))
        try world.lose(.attemptEnded(asked[1], .stopped))
        #expect(try world.task(asked[1].task).state.agent == "a")
        try world.lose(.tick)
        world.now = world.now + .seconds(1)
        try world.lose(.tick)
        #expect(told(in: world).isEmpty)
        try world.pass(.seconds(5))
        let events: [JSONValue] = told(in: world)
        #expect(events.map { $0["details"]?["assignedTasksMoved"] } == [1])
        #expect(events.map { $0["details"]?["agentsRebalanced"] } == [2])
        try world.lose(.attemptEnded(asked[1], .stopped))
        try world.report(.attemptEnded(asked[1], .stopped))
        let task: TaskRecord = try world.task(asked[1].task)
        #expect(task.state.agent == "b" && task.state.interruptions == 0)
        try world.pass(.seconds(5))
        #expect(told(in: world).map { $0["details"]?["assignedTasksMoved"] } == [1, 1])
    }

    @Test(
        "whatever happens while agents join, nothing is lost and nothing runs twice",
        arguments: 1...40 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var world = EngineWorld(seed: seed) { $0.concurrency = ["k": ConcurrencyLimit(limit: 3)] }
        var attempts: [AttemptID] = []
        var recalls: [AttemptID] = []
        var begun: Set<AttemptID> = []
        var made: Int = 0
        for step in 0..<200 {
            for effect: Effect in world.takeEffects() {
                switch effect {
                case .startAttempt(let launch):
                    #expect(!attempts.contains { $0.task == launch.id.task }, "one attempt of a task at a time")
                    attempts.append(launch.id)
                case .recallAttempt(let id):
                    if !begun.contains(id), attempts.contains(id) { recalls.append(id) }
                case .startAgent(let agent): try world.report(.agentStarted(agent.id, process: nil))
                default: break
                }
            }
            switch random.below(9) {
            case 0:
                try world.spawn(.coder, AgentID(unchecked: "g\(step)"), slots: 1 + Int(random.below(5)))
            case 1, 2, 3:
                try world.create(TaskID(unchecked: "t\(step)")) { $0.concurrencyKey = random.below(3) == 0 ? "k" : nil }
                made += 1
            case 4: try world.pass(Milliseconds(Int64(random.below(2_000))))
            case 5:
                guard let id: AttemptID = recalls.popLast(), !begun.contains(id), attempts.contains(id) else {
                    continue
                }
                attempts.removeAll { $0 == id }
                try world.report(.attemptEnded(id, .stopped))
            case 6:
                guard let id: AttemptID = attempts.first(where: { !begun.contains($0) }) else { continue }
                begun.insert(id)
                try world.report(.attemptStarted(id, process: nil))
            case 7:
                guard let id: AttemptID = attempts.first(where: { begun.contains($0) }) else { continue }
                attempts.removeAll { $0 == id }
                try world.report(.attemptEnded(id, .completed(result: nil)))
            default:
                guard random.below(6) == 0 else { continue }
                try world.restart()
                (attempts, recalls, begun) = ([], [], [])
            }
        }
        #expect(world.tasks.count == made)
        #expect(
            world.tasks.values.allSatisfy { !$0.status.isTerminal || $0.status == .completed || $0.status == .failed })
    }
}
