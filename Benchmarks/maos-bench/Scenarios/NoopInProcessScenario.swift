internal import Glibc
internal import MAOSCore
internal import MAOSStore
internal import MAOSSystem

/// Tasks that do nothing, from creation to durable completion: the orchestrator with its database in this process, and agents
/// that are functions of it.
enum NoopInProcessScenario {
    /// Tasks that are created and not completed, at any time.
    private static let outstanding: Int = 256
    private static let agents: Int = 16
    private static let warmUp: Int64 = 500_000_000

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        var measured: [TaskPump.Window] = []
        var rows: [Double] = []
        for _ in 0..<options.runs {
            measured.append(try run(in: try folder.fresh("data"), duration: options.window))
            rows.append(
                try RawInserts.rate(
                    in: try folder.fresh("raw"), rowSize: WaitingTask.body.utf8.count, duration: options.window * 2 / 3)
            )
        }
        return ScenarioResult(
            scenario: .noopInProcess,
            figures: [
                Figure(
                    name: "tasks completed", unit: .perSecond, values: measured.map(\.rate),
                    yardstick: Figure.Yardstick(name: "raw SQLite, batches of \(RawInserts.batch)", values: rows),
                    targets: [.atLeast(10_000)]),
                Figure(name: "CPU per task", unit: .microseconds, values: measured.map(\.microsecondsPerTask)),
                Figure(name: "tasks in a commit of events", unit: .count, values: measured.map(\.tasksPerBatch)),
            ])
    }

    private static func run(in folder: String, duration: Int64) throws -> TaskPump.Window {
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
        let pump = TaskPump(orchestrator)
        defer { pump.detach() }
        pump.submit(.recover)
        for _ in 0..<agents {
            let agent = AgentSpecification(type: .coder, maximumConcurrentTasks: outstanding / agents)
            pump.submit(.spawnAgent(agent, id: nil))
        }
        return try pump.run(outstanding: outstanding, warmUp: warmUp, duration: duration)
    }
}
