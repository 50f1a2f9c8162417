internal import MAOSSystem

/// The yardsticks without anything to hold against them: what the machine and the load itself can do.
enum YardstickScenario {
    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        let (responder, address): (ChildProcess, SocketAddress) = try BareResponder.start(answerSize: 600, folder)
        let request: [UInt8] = HTTPRequests(host: "\(address)", token: String(repeating: "t", count: 200))
            .get("/api/v1/tasks/task_0123456789")
        let load: HTTPLoad = try HTTPLoad(
            to: address, server: responder.probe, requests: Array(repeating: request, count: options.connections),
            expecting: 200)
        var windows: [HTTPLoad.Window] = []
        var rows: [Double] = []
        var spawns: [BareSpawns] = []
        for _ in 0..<options.runs {
            windows.append(try load.run(warmUp: 500_000_000, duration: options.window))
            rows.append(
                try RawInserts.rate(
                    in: try folder.fresh("raw"), rowSize: WaitingTask.body.utf8.count, duration: options.window))
            spawns.append(try BareSpawns.measure(count: 2_000, parallelism: 4))
        }
        responder.stop()
        return ScenarioResult(
            scenario: .yardsticks,
            figures: [
                Figure(name: "bare epoll responder", unit: .perSecond, values: windows.map(\.rate)),
                Figure(name: "its requests per CPU-second", unit: .perSecond, values: windows.map(\.ratePerCPUSecond)),
                Figure(name: "its CPU per request", unit: .microseconds, values: windows.map(\.serverMicroseconds)),
                Figure(name: "generator CPU per request", unit: .microseconds, values: windows.map(\.ownMicroseconds)),
                Figure(name: "raw SQLite, batches of \(RawInserts.batch)", unit: .perSecond, values: rows),
                Figure(name: "bare posix_spawn, 4 at a time", unit: .perSecond, values: spawns.map(\.rate)),
                Figure(
                    name: "its CPU per process", unit: .microseconds, values: spawns.map(\.microsecondsPerProcess)),
            ])
    }
}
