import MAOSCore
import Testing

@Suite("Sharing agents among projects")
struct FairnessTests {
    /// How many of the tasks that run in turn on one slot belong to each project.
    private func served(_ rounds: Int, in world: inout EngineWorld) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for _ in 0..<rounds {
            let running: TaskRecord = try #require(world.engine.liveTasks.first { $0.state.holdsAgent })
            counts[running.specification.project ?? "", default: 0] += 1
            try world.end(running.id)
        }
        return counts
    }

    private func fill(_ world: inout EngineWorld, _ project: String?, _ count: Int, from start: Int = 0) throws {
        for number in start..<(start + count) {
            try world.create(TaskID(unchecked: "\(project ?? "none")-\(number)")) { $0.project = project }
        }
    }

    @Test("projects that always have work share by their weights, whoever came first and has more waiting")
    func weights() throws {
        var world = EngineWorld { $0.fairness.weights = ["a": 1, "b": 2, "c": 4, "d": 0.5] }
        world.checkedBatches = 50
        try fill(&world, "a", 400)
        for project in ["b", "c", "d"] { try fill(&world, project, 300) }
        try world.spawn(.coder, "x")
        let counts: [String: Int] = try served(450, in: &world)
        for (project, share) in [("a", 60.0), ("b", 120), ("c", 240), ("d", 30)] {
            let count = Double(counts[project] ?? 0)
            #expect(abs(count - share) <= 0.1 * share, "\(project) got \(count) of \(share)")
        }
    }

    @Test("tasks without a project are one share like any other")
    func noProject() throws {
        var world = EngineWorld()
        try fill(&world, nil, 40)
        try fill(&world, "a", 40)
        try world.spawn(.coder, "x")
        let counts: [String: Int] = try served(40, in: &world)
        #expect(counts == ["": 20, "a": 20])
    }

    @Test("a project with little to do is served at once, however much others have waiting")
    func light() throws {
        var world = EngineWorld()
        world.checkedBatches = 20
        try fill(&world, "heavy", 300)
        try world.spawn(.coder, "x")
        _ = try served(100, in: &world)
        for round in 0..<20 {
            try fill(&world, "light", 1, from: round)
            let counts: [String: Int] = try served(3, in: &world)
            #expect(counts["light"] == 1, "round \(round)")
        }
    }

    @Test("a project that rested saves up no turns")
    func rest() throws {
        var world = EngineWorld()
        world.checkedBatches = 20
        try fill(&world, "a", 200)
        try fill(&world, "b", 1)
        try world.spawn(.coder, "x")
        _ = try served(100, in: &world)
        try fill(&world, "b", 100, from: 1)
        let counts: [String: Int] = try served(40, in: &world)
        #expect((19...21).contains(counts["b"] ?? 0), "\(counts)")
    }

    @Test("nobody starves while new projects keep coming")
    func starvation() throws {
        var world = EngineWorld()
        world.checkedBatches = 20
        try fill(&world, "old", 30)
        try fill(&world, "other", 30)
        try world.spawn(.coder, "x")
        var old: Int = 0
        for number in 0..<100 {
            try fill(&world, "new-\(number)", 1)
            old += try served(1, in: &world)["old"] ?? 0
        }
        // Each new one makes the shares smaller, so the old ones get about the square root of the rounds.
        #expect(old >= 8, "\(old)")
    }

    @Test("a backlog that nobody could serve is not caught up on at the others' expense")
    func backlog() throws {
        var world = EngineWorld()
        world.checkedBatches = 20
        for number in 0..<100 {
            try world.create(TaskID(unchecked: "t-\(number)"), kind: .testing) { $0.project = "slow" }
        }
        try fill(&world, "fast", 300)
        try world.spawn(.coder, "x")
        _ = try served(200, in: &world)
        for number in 0..<100 { try world.create(TaskID(unchecked: "s-\(number)")) { $0.project = "slow" } }
        let counts: [String: Int] = try served(40, in: &world)
        #expect((19...23).contains(counts["slow"] ?? 0), "\(counts)")
    }

    @Test("inside a project the priority decides, and waiting makes up for it in time")
    func priority() throws {
        var world = EngineWorld()
        try world.create("old") {
            $0.priority = .low; $0.project = "a"
        }
        try world.pass(.seconds(29 * 60))
        try world.create("urgent") {
            $0.priority = .high; $0.project = "a"
        }
        try world.create("low") {
            $0.priority = .low; $0.project = "a"
        }
        try world.spawn(.coder, "x")
        #expect(world.status("urgent" as TaskID) == .assigned)
        try world.end("urgent")
        #expect(world.status("old" as TaskID) == .assigned)
        try world.create("later") {
            $0.priority = .medium; $0.project = "a"
        }
        try world.end("old")
        #expect(world.status("later" as TaskID) == .assigned)
    }

    @Test("after a restart the projects share as before")
    func restart() throws {
        var world = EngineWorld { $0.fairness.weights = ["b": 3] }
        world.checkedBatches = 20
        try fill(&world, "a", 200)
        try fill(&world, "b", 200)
        try world.spawn(.coder, "x")
        _ = try served(40, in: &world)
        try world.restart()
        try world.report(.agentStarted("x", process: nil))
        let counts: [String: Int] = try served(80, in: &world)
        #expect((18...22).contains(counts["a"] ?? 0), "\(counts)")
    }
}
