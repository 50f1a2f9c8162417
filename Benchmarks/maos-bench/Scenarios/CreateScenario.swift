internal import MAOSSystem

/// Durable creation of tasks, and SQLite alone storing rows of the same size.
enum CreateScenario {
    private static let warmUp: Int64 = 500_000_000

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        let program: String = try options.requireServer()
        var measured: [HTTPLoad.Window] = []
        var rows: [Double] = []
        var bytesPerTask: [Double] = []
        for _ in 0..<options.runs {
            // A new server for every run, so that each one begins with an empty database.
            let data: String = try folder.fresh("data")
            let server: ServerProcess = try ServerProcess(program, data: data, folder: folder)
            let request: [UInt8] = server.requests.post("/api/v1/tasks", WaitingTask.body)
            let load: HTTPLoad = try HTTPLoad(
                to: server.address, server: server.probe,
                requests: Array(repeating: request, count: options.connections), expecting: 201)
            let window: HTTPLoad.Window = try load.run(warmUp: warmUp, duration: options.window * 4 / 3)
            measured.append(window)
            bytesPerTask.append(quotient(server.probe.memory().resident, Double(load.total)))
            server.stop()
            let raw: String = try folder.fresh("raw")
            rows.append(
                try RawInserts.rate(in: raw, rowSize: WaitingTask.body.utf8.count, duration: options.window * 2 / 3))
        }
        return ScenarioResult(
            scenario: .create,
            figures: [
                Figure(
                    name: "tasks created", unit: .perSecond, values: measured.map(\.rate),
                    yardstick: Figure.Yardstick(name: "raw SQLite, batches of \(RawInserts.batch)", values: rows),
                    targets: [.atLeast(40_000), .ratioAtLeast(0.2)]),
                Figure(
                    name: "latency, median", unit: .milliseconds,
                    values: measured.map { Double($0.latencies.quantile(0.5)) / 1e6 }),
                Figure(
                    name: "latency, 99 %", unit: .milliseconds,
                    values: measured.map { Double($0.latencies.quantile(0.99)) / 1e6 }, targets: [.atMost(5)]),
                Figure(
                    name: "latency, longest", unit: .milliseconds,
                    values: measured.map { Double($0.latencies.maximum) / 1e6 }),
                Figure(
                    name: "server CPU per task", unit: .microseconds, values: measured.map(\.serverMicroseconds)),
                Figure(
                    name: "generator CPU per task", unit: .microseconds, values: measured.map(\.ownMicroseconds)),
                Figure(name: "resident bytes per live task", unit: .count, values: bytesPerTask),
            ])
    }
}
