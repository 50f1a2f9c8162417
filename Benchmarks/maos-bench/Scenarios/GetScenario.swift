internal import MAOSCore
internal import MAOSSystem

/// Reads of a task over keep-alive connections, and the same load against a responder that does nothing.
enum GetScenario {
    private static let warmUp: Int64 = 500_000_000

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        let server: ServerProcess = try ServerProcess(
            try options.requireServer(), data: try folder.fresh("data"), folder: folder)
        let client: HTTPClient = try HTTPClient(to: server.address)
        var requests: [[UInt8]] = []
        var answerSize: Int = 0
        for _ in 0..<options.connections {
            let created: HTTPClient.Answer = try client.send(
                server.requests.post("/api/v1/tasks", WaitingTask.body), expecting: 201)
            requests.append(server.requests.get("/api/v1/tasks/\(try GetScenario.taskID(in: created))"))
        }
        if let request: [UInt8] = requests.first { answerSize = try client.send(request, expecting: 200).bytes.count }

        let (responder, bare): (ChildProcess, SocketAddress) = try BareResponder.start(answerSize: answerSize, folder)
        // New connections for every measurement, because a server does not keep one for ever that says nothing.
        func window(_ address: SocketAddress, _ server: ProcessProbe) throws -> HTTPLoad.Window {
            let load: HTTPLoad = try HTTPLoad(to: address, server: server, requests: requests, expecting: 200)
            return try load.run(warmUp: warmUp, duration: options.window)
        }
        var measured: [HTTPLoad.Window] = []
        var yardstick: [HTTPLoad.Window] = []
        for _ in 0..<options.runs {
            yardstick.append(try window(bare, responder.probe))
            measured.append(try window(server.address, server.probe))
        }
        responder.stop()
        server.stop()
        return ScenarioResult(scenario: .get, figures: figures(measured, yardstick, answerSize))
    }

    private static func figures(
        _ measured: [HTTPLoad.Window], _ bare: [HTTPLoad.Window], _ answerSize: Int
    ) -> [Figure] {
        func figure(
            _ name: String, _ unit: Figure.Unit, _ targets: [Figure.Target], _ value: (HTTPLoad.Window) -> Double
        ) -> Figure {
            Figure(
                name: name, unit: unit, values: measured.map(value),
                yardstick: Figure.Yardstick(name: "bare epoll responder", values: bare.map(value)), targets: targets)
        }
        return [
            figure("requests", .perSecond, []) { $0.rate },
            figure("requests per CPU-second", .perSecond, [.ratioAtLeast(0.6)]) { $0.ratePerCPUSecond },
            figure("server CPU per request", .microseconds, [.atMost(10)]) { $0.serverMicroseconds },
            figure("generator CPU per request", .microseconds, []) { $0.ownMicroseconds },
            figure("latency, median", .milliseconds, []) { Double($0.latencies.quantile(0.5)) / 1e6 },
            figure("latency, 99 %", .milliseconds, []) { Double($0.latencies.quantile(0.99)) / 1e6 },
            Figure(name: "bytes of an answer", unit: .count, values: [Double(answerSize)]),
        ]
    }

    /// The identifier in the answer to a creation.
    static func taskID(in answer: HTTPClient.Answer) throws(BenchError) -> String {
        let json: JSONValue = answer.json
        guard let id: String = (json["data"]?["taskId"] ?? json["taskId"])?.stringValue else {
            throw BenchError("no taskId in \(answer.text)")
        }
        return id
    }
}
