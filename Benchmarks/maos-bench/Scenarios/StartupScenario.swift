internal import Glibc
internal import MAOSSystem

/// From exec to the line that says the server is ready, and what it takes up when it has nothing to do.
enum StartupScenario {
    private static let starts: Int = 10

    static func measure(_ options: Options) throws -> ScenarioResult {
        let folder: WorkFolder = try WorkFolder(in: options.folder)
        let program: String = try options.requireServer()
        var first: [Start] = []
        var again: [Start] = []
        for _ in 0..<starts {
            let data: String = try folder.fresh("data")
            first.append(try start(program, data, folder))
            again.append(try start(program, data, folder))
        }
        let bare: [Start] = try bareStarts(folder)
        let idle: Start = try start(program, try folder.fresh("data"), folder, isIdle: true)
        func figure(
            _ name: String, _ starts: [Start], _ targets: [Figure.Target], _ value: (Start) -> Double
        ) -> Figure {
            Figure(
                name: name, unit: .milliseconds, values: starts.map(value),
                yardstick: Figure.Yardstick(name: "bare Swift program", values: bare.map(value)), targets: targets)
        }
        var figures: [Figure] = [
            figure("start, no data directory", first, [.atMost(30)]) { $0.milliseconds },
            figure("start, empty database", again, [.atMost(30)]) { $0.milliseconds },
            figure("start, empty database, CPU", again, []) { $0.cpuMilliseconds },
            Figure(
                name: "idle memory, resident", unit: .megabytes, values: [idle.memory.resident / 1_048_576],
                targets: [.atMost(16)]),
            Figure(
                name: "idle memory, proportional", unit: .megabytes, values: [idle.memory.proportional / 1_048_576]),
            Figure(
                name: "idle memory, anonymous", unit: .megabytes, values: [idle.memory.anonymous / 1_048_576]),
            Figure(name: "idle CPU per second", unit: .microseconds, values: [idle.cpuMicrosecondsPerSecond]),
            Figure(name: "threads", unit: .count, values: [Double(idle.threads)]),
        ]
        if options.isLarge { figures += try large(options, program, folder) }
        return ScenarioResult(scenario: .startup, figures: figures)
    }

    private static func large(
        _ options: Options, _ program: String, _ folder: borrowing WorkFolder
    ) throws -> [Figure] {
        let data: String = try folder.fresh("large")
        Program.write(
            error: "making a database of \(options.finishedTasks) finished and \(options.liveTasks) waiting tasks …\n")
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        try LargeDatabase.make(in: data, finished: options.finishedTasks, live: options.liveTasks)
        let seconds: Double = Double(SystemClock.monotonicNanoseconds() - begin) / 1e9
        var starts: [Double] = []
        var recoveries: [Double] = []
        for _ in 0..<options.runs {
            starts.append(try start(program, data, folder).milliseconds)
            try ServerProcess(program, data: data, folder: folder).kill()
            recoveries.append(try start(program, data, folder).milliseconds)
        }
        let idle: Start = try start(program, data, folder, isIdle: true)
        let tasks = Double(options.finishedTasks + options.liveTasks)
        return [
            Figure(
                name: "start, large database", unit: .milliseconds, values: starts, targets: [.atMost(2_000)]),
            Figure(name: "start after SIGKILL, large database", unit: .milliseconds, values: recoveries),
            Figure(
                name: "idle memory, large database", unit: .megabytes, values: [idle.memory.resident / 1_048_576]),
            Figure(name: "bytes on disk per task", unit: .count, values: [Double(WorkFolder.size(of: data)) / tasks]),
            Figure(name: "tasks stored when it was made", unit: .perSecond, values: [tasks / seconds]),
        ]
    }

    /// One start.
    struct Start {
        var milliseconds: Double
        var cpuMilliseconds: Double
        var memory = ProcessProbe.Memory()
        var cpuMicrosecondsPerSecond: Double = 0
        var threads: Int = 0
    }

    /// Starts a server once, lets it idle for two seconds if that is wanted, and stops it.
    static func start(
        _ program: String, _ data: String, _ folder: borrowing WorkFolder, isIdle: Bool = false
    ) throws -> Start {
        let server: ServerProcess = try ServerProcess(program, data: data, folder: folder)
        var start = Start(
            milliseconds: Double(server.startNanoseconds) / 1e6, cpuMilliseconds: Double(server.startCPU) / 1e6)
        if isIdle {
            usleep(1_000_000)
            let before: Int64 = server.probe.cpuNanoseconds()
            usleep(1_000_000)
            start.cpuMicrosecondsPerSecond = Double(server.probe.cpuNanoseconds() - before) / 1e3
            start.memory = server.probe.memory()
            start.threads = server.probe.threadCount()
        }
        server.stop()
        return start
    }

    /// The same for the bare responder, which does no more at its start than to listen.
    private static func bareStarts(_ folder: borrowing WorkFolder) throws -> [Start] {
        var times: [Start] = []
        for _ in 0..<starts {
            let (responder, _): (ChildProcess, SocketAddress) = try BareResponder.start(answerSize: 100, folder)
            times.append(
                Start(
                    milliseconds: Double(SystemClock.monotonicNanoseconds() - responder.startedAt) / 1e6,
                    cpuMilliseconds: Double(responder.probe.cpuNanoseconds()) / 1e6))
            responder.stop()
        }
        return times
    }
}
