import Glibc
import MAOSCore
import Testing

@Suite("What the engine's work costs")
struct CostTests {
    /// An engine with an agent that always has work, and tasks that wait for it.
    private struct Load {
        private var engine: Engine
        private var running: [AttemptID] = []
        private var count: Int = 0
        private let now = Instant(milliseconds: 1_700_000_000_000)

        init(waiting: Int) throws {
            var configuration = EngineConfiguration()
            configuration.onDemand.maximum = 0
            engine = Engine(configuration: configuration, seed: 1)
            for _ in 0..<waiting { try create() }
            try apply(.spawnAgent(AgentSpecification(type: .coder, maximumConcurrentTasks: 4), id: "x"))
            try apply(.agentStarted("x", process: nil))
            take()
        }

        private mutating func apply(_ command: Command) throws {
            _ = try engine.apply(Request(command, from: .system), at: now)
        }

        private mutating func take() { running += engine.takeBatch().effects.compactMap { $0.launch?.id } }

        private mutating func create() throws {
            count += 1
            let specification = TaskSpecification(
                kind: .code, description: "x", priority: Priority.allCases[count % 4], deadline: now + .seconds(3_600))
            try apply(.createTask(specification, id: TaskID(unchecked: "t\(count)"), idempotency: nil))
        }

        /// The life of so many tasks: each is created, one of the longest waiting starts and ends.
        mutating func live(_ tasks: Int) throws {
            for _ in 0..<tasks {
                try create()
                let attempt: AttemptID = running.removeFirst()
                try apply(.attemptStarted(attempt, process: nil))
                try apply(.attemptEnded(attempt, .completed(result: nil)))
                take()
            }
        }

        /// Changes of priority of tasks that wait.
        mutating func reorder(_ tasks: Int) throws {
            for index in 0..<tasks {
                // Every fourth is of low priority, and so still waits.
                let id = TaskID(unchecked: "t\(4 * (count / 4 - index))")
                try apply(.changePriority(id, .critical, reason: nil))
                try apply(.changePriority(id, .low, reason: nil))
            }
            take()
        }
    }

    /// CPU time of this thread, in microseconds: the least of some tries, since others use the machine too.
    private func cost(_ body: () throws -> Void) throws -> Double {
        var least: Double = .infinity
        for _ in 0..<12 {
            let start: Double = time()
            try body()
            least = min(least, time() - start)
        }
        return least
    }

    private func time() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return Double(now.tv_sec) * 1e6 + Double(now.tv_nsec) / 1e3
    }

    @Test("a task's life costs the same whether a thousand tasks wait or fifty thousand")
    func waiting() throws {
        var few = try Load(waiting: 1_000)
        var many = try Load(waiting: 50_000)
        let (cheap, dear): (Double, Double) = (try cost { try few.live(50) }, try cost { try many.live(50) })
        #expect(dear < 4 * cheap, "\(cheap) µs and \(dear) µs for 50 tasks")
        let (quick, slow): (Double, Double) = (try cost { try few.reorder(50) }, try cost { try many.reorder(50) })
        #expect(slow < 4 * quick, "\(quick) µs and \(slow) µs for 50 changes of priority")
    }

    @Test("tasks that have ended cost nothing")
    func ended() throws {
        var load = try Load(waiting: 100)
        let before: Double = try cost { try load.live(50) }
        try load.live(10_000)
        let after: Double = try cost { try load.live(50) }
        #expect(after < 4 * before, "\(before) µs and \(after) µs for 50 tasks")
    }
}
