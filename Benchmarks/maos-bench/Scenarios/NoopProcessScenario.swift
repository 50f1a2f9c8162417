internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Tasks that run `/bin/true` through the whole server, and the same program started in a loop.
enum NoopProcessScenario {
    private static let tasks: Int = 2_000
    private static let warmUpTasks: Int = 100
    /// What the server's own agents come to on the machine that the targets are for.
    private static let parallelism: Int = 4

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        let server: ServerProcess = try ServerProcess(
            try options.requireServer(), data: try folder.fresh("data"), folder: folder)
        let client: HTTPClient = try HTTPClient(to: server.address)
        let request: [UInt8] = server.requests.post(
            "/api/v1/tasks",
            #"{"type":"code","description":"Do nothing","priority":"medium","requirements":[],"#
                + #""context":{"command":["/bin/true"]}}"#)
        let load: HTTPLoad = try HTTPLoad(
            to: server.address, server: server.probe,
            requests: Array(repeating: request, count: min(options.connections, 64)), expecting: 201)

        _ = try load.run(requests: warmUpTasks)
        var done: Int = warmUpTasks
        try wait(until: done, client, server)
        var rates: [Double] = []
        var cpu: [Double] = []
        var spawns: [BareSpawns] = []
        for _ in 0..<options.runs {
            let begin: Int64 = SystemClock.monotonicNanoseconds()
            let cpuBefore: Int64 = server.probe.cpuNanoseconds()
            _ = try load.run(requests: tasks)
            done += tasks
            try wait(until: done, client, server)
            rates.append(Double(tasks) / (Double(SystemClock.monotonicNanoseconds() - begin) / 1e9))
            cpu.append(Double(server.probe.cpuNanoseconds() - cpuBefore) / 1e3 / Double(tasks))
            spawns.append(try BareSpawns.measure(count: tasks, parallelism: parallelism))
        }
        server.stop()
        let yardstick: String = "bare posix_spawn, \(parallelism) at a time"
        return ScenarioResult(
            scenario: .noopProcess,
            figures: [
                Figure(
                    name: "tasks completed", unit: .perSecond, values: rates,
                    yardstick: Figure.Yardstick(name: yardstick, values: spawns.map(\.rate)),
                    targets: [.atLeast(400)]),
                Figure(
                    name: "server CPU per task", unit: .microseconds, values: cpu,
                    yardstick: Figure.Yardstick(name: yardstick, values: spawns.map(\.microsecondsPerProcess))),
            ])
    }

    /// Asks every 10 ms how many tasks are completed, until all are.
    private static func wait(until count: Int, _ client: borrowing HTTPClient, _ server: ServerProcess) throws {
        let limit: Int64 = SystemClock.monotonicMilliseconds() + 120_000
        var completed: Int = 0
        while true {
            let seen: Int = try total(of: "completed", client, server)
            if seen >= count { return }
            completed = seen
            guard SystemClock.monotonicMilliseconds() < limit else { break }
            usleep(10_000)
        }
        let failed: Int = try total(of: "failed", client, server)
        throw BenchError("\(completed) of \(count) tasks completed within 120 s, \(failed) failed: \(server.logged)")
    }

    private static func total(
        of status: String, _ client: borrowing HTTPClient, _ server: ServerProcess
    ) throws -> Int {
        let answer: HTTPClient.Answer = try client.send(
            server.requests.get("/api/v1/tasks?status=\(status)&limit=1"), expecting: 200)
        let json: JSONValue = answer.json
        let places: [JSONValue?] = [json["data"]?["pagination"], json["metadata"]?["pagination"], json["pagination"]]
        for case let pagination? in places {
            if let total: Int = (pagination["total"] ?? pagination["totalItems"])?.intValue { return total }
        }
        throw BenchError("no total in \(answer.text)")
    }
}
