internal import MAOSCore
internal import MAOSSystem

/// The engine by itself, in memory and on one thread: no clock, no journal, no other thread.
enum EngineScenario {
    /// Commands whose outcome is taken from the engine together, as one commit would.
    private static let batch: Int = 64

    static func measure(_ options: Options) throws -> ScenarioResult {
        var mixes: [Double] = []
        var (few, many): ([Double], [Double]) = ([], [])
        for _ in 0..<options.runs {
            mixes.append(try mix(for: options.window))
            few.append(try decision(waiting: 100, projects: 1, for: options.window / 4))
            many.append(try decision(waiting: 100_000, projects: 1_000, for: options.window / 4))
        }
        return ScenarioResult(
            scenario: .engine,
            figures: [
                Figure(
                    name: "commands: create, start, complete", unit: .perSecond, values: mixes,
                    targets: [.atLeast(500_000)]),
                Figure(
                    name: "a task's life, 100,000 tasks of 1,000 projects wait", unit: .microseconds, values: many,
                    yardstick: Figure.Yardstick(name: "100 tasks of one project wait", values: few),
                    targets: [.ratioAtMost(2)]),
            ])
    }

    /// Microseconds of the thread's CPU time for a task's creation, start and completion, and so for one decision who is next.
    private static func decision(waiting: Int, projects: Int, for duration: Int64) throws -> Double {
        var bench = EngineBench(projects: projects)
        try bench.create(waiting, batch: batch)
        try bench.spawnAgents(4, slots: 4)
        try bench.live(5_000, batch: batch)
        let start: Int64 = ProcessProbe.ownThreadNanoseconds()
        var lives: Int = 0
        while ProcessProbe.ownThreadNanoseconds() - start < duration {
            try bench.live(2_000, batch: batch)
            lives += 2_000
        }
        return quotient(Double(ProcessProbe.ownThreadNanoseconds() - start) / 1e3, Double(lives))
    }

    /// Commands a second of the thread's CPU time while tasks are created, assigned, started and completed.
    private static func mix(for duration: Int64) throws -> Double {
        var bench = EngineBench(projects: 1)
        try bench.spawnAgents(256, slots: 1)
        try bench.live(20_000, batch: batch)
        let start: Int64 = ProcessProbe.ownThreadNanoseconds()
        let commands: Int = bench.commands
        while ProcessProbe.ownThreadNanoseconds() - start < duration { try bench.live(5_000, batch: batch) }
        let seconds: Double = Double(ProcessProbe.ownThreadNanoseconds() - start) / 1e9
        return quotient(Double(bench.commands - commands), seconds)
    }
}

/// An engine that is given work, and the other end of its effects.
struct EngineBench {
    private var engine: Engine
    private var now = Instant(milliseconds: 1_700_000_000_000)
    /// Attempts that have been launched and not ended, the oldest first from `next` on.
    private var launched: [AttemptID] = []
    private var next: Int = 0
    /// What creates a task of each project in turn.
    private let creations: [Request]
    private var created: Int = 0
    /// Commands applied so far.
    private(set) var commands: Int = 0

    /// An engine whose tasks are of so many projects in turn.
    init(projects: Int) {
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = 0
        engine = Engine(configuration: configuration, seed: 1)
        creations = (0..<max(1, projects)).map { (project: Int) in
            let specification = TaskSpecification(
                kind: .code, description: "measure", project: projects > 1 ? "project-\(project)" : nil,
                command: .arguments(["/bin/true"]))
            return Request(.createTask(specification, id: nil, idempotency: nil), from: .system)
        }
    }

    /// Makes agents that take so many tasks each.
    mutating func spawnAgents(_ count: Int, slots: Int) throws {
        for number in 0..<count {
            let id = AgentID(unchecked: "agent-\(number)")
            try apply(.spawnAgent(AgentSpecification(type: .coder, maximumConcurrentTasks: slots), id: id))
            try apply(.agentStarted(id, process: nil))
        }
        take()
    }

    /// Creates tasks.
    mutating func create(_ count: Int, batch: Int) throws {
        for number in 0..<count {
            try create()
            if number % batch == batch - 1 { take() }
        }
        take()
    }

    /// The lives of so many tasks: each is created, and the one that was launched first starts and completes.
    mutating func live(_ tasks: Int, batch: Int) throws {
        var fresh: Int = 0
        for _ in 0..<tasks {
            try create()
            fresh += 1
            if next < launched.count {
                let attempt: AttemptID = launched[next]
                next += 1
                try apply(.attemptStarted(attempt, process: nil))
                try apply(.attemptEnded(attempt, .completed(result: nil)))
                fresh += 2
            }
            guard fresh >= batch else { continue }
            take()
            fresh = 0
        }
        take()
    }

    private mutating func create() throws {
        _ = try engine.apply(creations[created % creations.count], at: now)
        created += 1
        commands += 1
    }

    private mutating func apply(_ command: Command) throws {
        _ = try engine.apply(Request(command, from: .system), at: now)
        commands += 1
    }

    private mutating func take() {
        now = now + 1
        if next > 4_096 {
            launched.removeFirst(next)
            next = 0
        }
        for effect: Effect in engine.takeBatch().effects {
            if case .startAttempt(let launch) = effect { launched.append(launch.id) }
        }
    }
}
