import MAOSCore
import Testing

@Suite("Matching tasks with agents")
struct MatchingTests {
    @Test("a kind of task goes to the type of agent that the routing names; others go to any")
    func routing() throws {
        var world = EngineWorld()
        try world.spawn(.tester, "t")
        try world.create("code")
        #expect(world.status("code" as TaskID) == .queued)
        try world.create("test", kind: .testing)
        #expect(try world.task("test").state.agent == "t")
        try world.end("test")
        try world.create("any", kind: .analysis)
        #expect(try world.task("any").state.agent == "t")
        try world.spawn(.coder, "c")
        #expect(try world.task("code").state.agent == "c")
    }

    @Test("the routing can be configured")
    func configuredRouting() throws {
        var world = EngineWorld { $0.routing = [.analysis: .specialist] }
        try world.spawn(.coder, "c")
        try world.spawn(.specialist, "s")
        try world.create("a", kind: .analysis)
        #expect(try world.task("a").state.agent == "s")
        try world.create("b", kind: .review)
        #expect(try world.task("b").state.agent == "c")
    }

    @Test("an agent needs every capability a task asks for, well enough")
    func capabilities() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "none")
        try world.spawn(.coder, "one", capabilities: [Capability(name: "swift", proficiency: 1)])
        try world.spawn(
            .coder, "weak",
            capabilities: [
                Capability(name: "swift", proficiency: 1), Capability(name: "sql", proficiency: 0.4),
            ])
        try world.create("a") {
            $0.capabilities = [
                CapabilityRequirement(name: "swift"),
                CapabilityRequirement(name: "sql", minimumProficiency: 0.5),
            ]
        }
        #expect(world.status("a" as TaskID) == .queued)
        try world.spawn(
            .coder, "both",
            capabilities: [
                Capability(name: "sql", proficiency: 0.5), Capability(name: "swift", proficiency: 0),
            ])
        #expect(try world.task("a").state.agent == "both")
    }

    @Test("of several fitting agents the most proficient in what is asked for is chosen")
    func bestProficiency() throws {
        var world = EngineWorld()
        for (id, proficiency) in [("low", 0.2), ("best", 0.9), ("middle", 0.5)] as [(AgentID, Double)] {
            try world.spawn(
                .coder, id, capabilities: [Capability(name: "swift", proficiency: proficiency)])
        }
        for (task, agent) in [("1", "best"), ("2", "middle"), ("3", "low")] as [(TaskID, AgentID)] {
            try world.create(task) { $0.capabilities = [CapabilityRequirement(name: "swift")] }
            #expect(try world.task(task).state.agent == agent)
        }
    }

    @Test(
        "of agents alike the one with the least to do is chosen, then the one that has been free for longest"
    )
    func leastLoaded() throws {
        var world = EngineWorld()
        for id in ["x", "y", "z"] as [AgentID] { try world.spawn(.coder, id, slots: 2) }
        var chosen: [AgentID?] = []
        for task in ["1", "2", "3", "4"] as [TaskID] {
            chosen.append(try world.create(task).state.agent)
        }
        #expect(chosen == ["x", "y", "z", "x"])
        try world.end("3")
        #expect(try world.create("5").state.agent == "z")
    }

    @Test("more urgent tasks come first; of equals the one that has waited for longer")
    func priorities() throws {
        var world = EngineWorld()
        for (id, priority) in [
            ("low", .low), ("medium1", .medium), ("critical", .critical), ("high", .high),
            ("medium2", .medium),
        ] as [(TaskID, Priority)] {
            try world.create(id) { $0.priority = priority }
            try world.pass(1)
        }
        try world.spawn(.coder, "x")
        var order: [TaskID] = []
        while let next: TaskID = world.takeLaunches().first?.task.id {
            order.append(next)
            try world.end(next)
        }
        #expect(order == ["critical", "high", "medium1", "medium2", "low"])
    }

    @Test(
        "a task that has waited for the credit of a more urgent one is overtaken no more",
        arguments: [
            (Priority.low, Priority.medium, 5 * 60), (.low, .high, 30 * 60),
            (.medium, .critical, 235 * 60),
        ])
    func ageing(older: Priority, newer: Priority, seconds: Int64) throws {
        for (wait, first) in [(-1, "new"), (1, "old")] as [(Int64, TaskID)] {
            var world = EngineWorld()
            try world.create("old") { $0.priority = older }
            try world.pass(Milliseconds(seconds * 1_000 + wait))
            try world.create("new") { $0.priority = newer }
            try world.spawn(.coder, "x")
            #expect(world.takeLaunches().map(\.task.id) == [first])
        }
    }

    @Test("an agent that several lanes suit takes the task that is next in all of them")
    func acrossLanes() throws {
        var world = EngineWorld()
        try world.create("any", kind: .analysis)
        try world.pass(1)
        try world.create("code") { $0.capabilities = [CapabilityRequirement(name: "swift")] }
        try world.pass(1)
        try world.create("urgent", kind: .analysis) { $0.priority = .high }
        try world.spawn(.coder, "x", capabilities: [Capability(name: "swift")])
        var order: [TaskID] = []
        while let next: TaskID = world.takeLaunches().first?.task.id {
            order.append(next)
            try world.end(next)
        }
        #expect(order == ["urgent", "any", "code"])
    }

    @Test("a change of priority changes the place, with the time of queueing kept")
    func changedPriority() throws {
        var world = EngineWorld()
        for id in ["a", "b", "c"] as [TaskID] {
            try world.create(id)
            try world.pass(1)
        }
        try world.send(.changePriority("c", .high, reason: "soon"))
        try world.send(.changePriority("a", .low, reason: nil))
        try world.send(.changePriority("a", .medium, reason: nil))
        try world.spawn(.coder, "x")
        var order: [TaskID] = []
        while let next: TaskID = world.takeLaunches().first?.task.id {
            order.append(next)
            try world.end(next)
        }
        #expect(order == ["c", "a", "b"])
        #expect(try world.task("c").state.priority == .high)
        #expect(world.history(of: "c" as TaskID).contains(.priorityChanged))
    }

    @Test("a change of priority to the same one is no change")
    func samePriority() throws {
        var world = EngineWorld()
        try world.create("a")
        let events: Int = world.events.count
        try world.send(.changePriority("a", .medium, reason: nil))
        #expect(world.events.count == events)
    }

    @Test("priorities that go up and down for ever leave nothing behind")
    func restlessPriorities() throws {
        var world = EngineWorld()
        world.checkedBatches = 50
        for index in 0..<20 { try world.create(TaskID(unchecked: "t\(index)")) }
        for round in 0..<200 {
            for index in 0..<20 {
                try world.send(
                    .changePriority(
                        TaskID(unchecked: "t\(index)"), round % 2 == 0 ? .high : .medium, reason: nil))
            }
        }
    }

    @Test(
        "a priority can be changed while the task waits for others, runs or is paused, but not when it has ended"
    )
    func priorityInAllStates() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("running")
        try world.start("running")
        try world.create("pending", dependencies: ["running"])
        try world.create("paused")
        try world.send(.pauseTask("paused"))
        for id in ["running", "pending", "paused"] as [TaskID] {
            try world.send(.changePriority(id, .critical, reason: nil))
            #expect(try world.task(id).state.priority == .critical)
        }
        try world.end("running")
        #expect(
            world.refusal(of: .changePriority("running", .low, reason: nil))?.conflict == "completed")
        #expect(
            world.refusal(of: .changePriority("nobody", .low, reason: nil))
                == .notFound(.task, id: "nobody"))
    }

    @Test("many lanes come and go, and each still finds its agents")
    func manyLanes() throws {
        var world = EngineWorld()
        world.checkedBatches = 50
        for round in 0..<2 {
            for index in 0..<70 {
                try world.create(TaskID(unchecked: "t\(round)-\(index)")) {
                    $0.capabilities = [CapabilityRequirement(name: "c\(index)")]
                }
            }
            for index in 0..<70 {
                try world.spawn(
                    .coder, AgentID(unchecked: "a\(round)-\(index)"),
                    capabilities: [Capability(name: "c\(index)")])
            }
            for index in 0..<70 {
                let task = TaskID(unchecked: "t\(round)-\(index)")
                #expect(world.status(task) == .assigned)
                try world.end(task)
            }
        }
    }

    @Test("capabilities in another order ask for the same")
    func orderOfCapabilities() throws {
        var world = EngineWorld()
        try world.create("a") {
            $0.capabilities = [CapabilityRequirement(name: "x"), CapabilityRequirement(name: "y")]
        }
        try world.create("b") {
            $0.capabilities = [CapabilityRequirement(name: "y"), CapabilityRequirement(name: "x")]
        }
        try world.spawn(
            .coder, "x", capabilities: [Capability(name: "y"), Capability(name: "x")], slots: 2)
        #expect(world.status("a" as TaskID) == .assigned)
        #expect(world.status("b" as TaskID) == .assigned)
    }
}
