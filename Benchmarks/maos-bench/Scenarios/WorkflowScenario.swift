internal import Glibc
internal import MAOSCore
internal import MAOSStore
internal import MAOSSystem
internal import Synchronization

/// One execution of 1,000 steps without work in 10 layers of 100, each layer waiting for the one before, from the command to
/// its durable end: the orchestrator with its database in this process, and agents that are functions of it.
enum WorkflowScenario {
    private static let layers: Int = 10
    private static let width: Int = 100
    private static let executions: Int = 5

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        var first: [Double] = []
        var usual: [Double] = []
        for _ in 0..<options.runs {
            let times: [Double] = try run(in: try folder.fresh("data"))
            first.append(times[0])
            usual.append(times.dropFirst().reduce(0, +) / Double(times.count - 1))
        }
        return ScenarioResult(
            scenario: .workflow,
            figures: [
                Figure(
                    name: "1,000 steps in 10 layers", unit: .milliseconds, values: usual, targets: [.atMost(100)]),
                Figure(name: "the first execution", unit: .milliseconds, values: first),
            ])
    }

    /// Every step of a layer waits for every step of the one before.
    private static var definition: WorkflowDefinition {
        var steps: [JSONValue] = []
        var dependencies: [JSONValue] = []
        for layer in 0..<layers {
            let before: [JSONValue] = (0..<width).map { .string("s\(layer - 1)-\($0)") }
            for index in 0..<width {
                let id: JSONValue = .string("s\(layer)-\(index)")
                steps.append(["id": id, "type": "task", "configuration": [:]])
                if layer > 0 { dependencies.append(["stepId": id, "dependsOn": .array(before)]) }
            }
        }
        return WorkflowDefinition([
            "name": "layers", "steps": .array(steps), "dependencies": .array(dependencies),
        ])
    }

    private static func run(in folder: String) throws -> [Double] {
        let store: SQLiteStore = try SQLiteStore.open(directory: folder)
        let worker = WorkerThread(name: "orchestrator")
        try worker.start()
        defer {
            worker.stop()
            worker.join()
            store.close()
        }
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = 0
        let time = FunctionTimeSource { Double(SystemClock.wallMilliseconds()) / 1_000 }
        let runtime = FunctionAgentRuntime(time: time) { _ in .completed(result: nil) }
        let orchestrator: Orchestrator = try Orchestrator(
            configuration: configuration, journal: store.journal, runtime: runtime, time: time, history: store.history,
            executor: OrchestratorWorker(worker))
        runtime.connect(orchestrator)
        let listener = ExecutionListener(orchestrator)
        defer { listener.detach() }
        listener.submit(.recover)
        for _ in 0..<16 {
            listener.submit(.spawnAgent(AgentSpecification(type: .coder, maximumConcurrentTasks: 16), id: nil))
        }
        let id = WorkflowID(unchecked: "layers")
        listener.submit(.workflow(.put(id, definition)))
        var times: [Double] = []
        for count in 1...executions {
            let begin: Int64 = SystemClock.monotonicNanoseconds()
            listener.submit(.workflow(.execute(id, parameters: .emptyObject, overrides: [])))
            try listener.wait(for: count)
            times.append(Double(listener.endedAt - begin) / 1e6)
        }
        return times
    }
}

/// Hears of ends of executions where the orchestrator runs.
private final class ExecutionListener: EventSink, ReplySink {
    private let orchestrator: Orchestrator
    private let ended = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    private let time = Atomic<Int64>(0)

    init(_ orchestrator: Orchestrator) {
        self.orchestrator = orchestrator
        orchestrator.events.attach(self)
    }

    /// When the last execution ended.
    var endedAt: Int64 { time.load(ordering: .sequentiallyConsistent) }

    func detach() { orchestrator.events.detach(self) }

    func submit(_ command: Command) {
        orchestrator.submit([Submission(request: Request(command, from: .system), target: .sink(self, token: 0))])
    }

    func receive(_ events: [Event]) {
        for event: Event in events {
            guard case .workflow(let workflow) = event.body else { continue }
            if workflow.kind == .failed { failed.add(1, ordering: .sequentiallyConsistent) }
            guard workflow.kind == .completed else { continue }
            time.store(SystemClock.monotonicNanoseconds(), ordering: .sequentiallyConsistent)
            ended.add(1, ordering: .sequentiallyConsistent)
        }
    }

    func deliver(_ replies: [TokenReply]) {
        for reply: TokenReply in replies {
            if case .failure = reply.result { failed.add(1, ordering: .sequentiallyConsistent) }
        }
    }

    func wait(for count: Int) throws(BenchError) {
        let limit: Int64 = SystemClock.monotonicMilliseconds() + 60_000
        while ended.load(ordering: .sequentiallyConsistent) < count {
            guard failed.load(ordering: .sequentiallyConsistent) == 0, SystemClock.monotonicMilliseconds() < limit
            else { throw BenchError("an execution did not complete") }
            usleep(200)
        }
    }
}
