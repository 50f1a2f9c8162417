internal import MAOSSystem

/// Events for many subscribers of the hive, at full speed and at a steady rate, and the same bytes from a bare loop.
enum FanoutScenario {
    static let subscribers: Int = 1_000
    private static let warmUpEvents: Int = 500
    private static let events: Int = 16_000
    private static let steadyEvents: Int = 300

    static func measure(_ options: Options) throws -> ScenarioResult {
        var full: [FanoutLoad.Window] = []
        var bare: [FanoutLoad.Window] = []
        var steady: [FanoutLoad.Window] = []
        var bareSteady: [FanoutLoad.Window] = []
        var woken: [FanoutLoad.Window] = []
        var bareWoken: [FanoutLoad.Window] = []
        var stalled: [FanoutLoad.Window] = []
        var stalledMemory: [Double] = []
        var size: Int = 0
        for _ in 0..<options.runs {
            let folder: WorkFolder = try WorkFolder(in: options.folder)
            let server: ServerProcess = try ServerProcess(
                try options.requireServer(), data: try folder.fresh("data"), folder: folder, surface: "all")
            let cause: CancellationCause = try CancellationCause(
                server, count: 2 * warmUpEvents + 2 * events + 2 * steadyEvents)
            let handshake: [UInt8] = SocketRequests.handshake("/hive/ws?types=task_cancelled", server.requests)
            let fleet: SocketFleet = try SocketFleet()
            for _ in 0..<subscribers { try fleet.connect(to: server.address, handshake: handshake) }
            _ = try FanoutLoad.burst(fleet, cause, server.probe, warmUpEvents)
            let window: FanoutLoad.Window = try FanoutLoad.burst(fleet, cause, server.probe, events)
            full.append(window)
            size =
                quotient(Double(window.bytes), Double(window.deliveries)).isFinite
                ? window.bytes / window.deliveries : 0
            woken.append(try FanoutLoad.pace(fleet, cause, server.probe, steadyEvents))
            try fleet.setWoken(false)
            steady.append(try FanoutLoad.pace(fleet, cause, server.probe, steadyEvents))
            try fleet.setWoken(true)
            let memory: Double = server.probe.memory().anonymous
            let idler: Descriptor = try stalledReader(server.address, handshake)
            stalled.append(try FanoutLoad.burst(fleet, cause, server.probe, events))
            stalledMemory.append((server.probe.memory().anonymous - memory) / 1_048_576)
            _ = idler.number
            server.stop()

            let (child, address): (ChildProcess, SocketAddress) = try BareFanout.start(
                messageSize: max(1, size - 4), folder)
            let trigger: BareCause = try BareCause(address)
            let bareFleet: SocketFleet = try SocketFleet()
            for _ in 0..<subscribers { try bareFleet.connect(to: address, handshake: nil) }
            // As many messages in a write as the server's came together: otherwise either side may fall into step with the
            // generator at half or twice as many, and the comparison would be one of luck.
            trigger.merging = max(1, min(128, Int(window.merged.rounded())))
            _ = try FanoutLoad.burst(bareFleet, trigger, child.probe, warmUpEvents)
            bare.append(try FanoutLoad.burst(bareFleet, trigger, child.probe, events))
            trigger.merging = 1
            bareWoken.append(try FanoutLoad.pace(bareFleet, trigger, child.probe, steadyEvents))
            try bareFleet.setWoken(false)
            bareSteady.append(try FanoutLoad.pace(bareFleet, trigger, child.probe, steadyEvents))
            child.stop()
        }
        return ScenarioResult(
            scenario: .fanout,
            figures: figures((full, bare), (steady, bareSteady), (woken, bareWoken), (stalled, stalledMemory), size))
    }

    private static func figures(
        _ full: (server: [FanoutLoad.Window], bare: [FanoutLoad.Window]),
        _ steady: (server: [FanoutLoad.Window], bare: [FanoutLoad.Window]),
        _ woken: (server: [FanoutLoad.Window], bare: [FanoutLoad.Window]),
        _ stalled: (full: [FanoutLoad.Window], memory: [Double]), _ size: Int
    ) -> [Figure] {
        func figure(
            _ name: String, _ unit: Figure.Unit, _ windows: (server: [FanoutLoad.Window], bare: [FanoutLoad.Window]),
            _ value: (FanoutLoad.Window) -> Double, _ targets: Figure.Target...
        ) -> Figure {
            let yardstick = Figure.Yardstick(name: "bare epoll loop", values: windows.bare.map(value))
            return Figure(
                name: name, unit: unit, values: windows.server.map(value), yardstick: yardstick, targets: targets)
        }
        func latency(_ window: FanoutLoad.Window) -> Double { Double(window.latencies.quantile(0.99)) / 1e6 }
        let rate: String = "at \(FanoutLoad.steadyRate) events/s"
        return [
            figure("deliveries", .perSecond, full, \.rate, .atLeast(1_000_000)),
            figure("deliveries per CPU-second", .perSecond, full, \.ratePerCPUSecond, .ratioAtLeast(0.6)),
            figure("server CPU per delivery", .microseconds, full, \.secondsPerMillion),
            figure("\(rate): server CPU per delivery", .microseconds, steady, \.secondsPerMillion, .atMost(5)),
            figure("\(rate): delivery, 99 %", .milliseconds, steady, latency, .atMost(10)),
            figure("\(rate), woken subscribers: server CPU per delivery", .microseconds, woken, \.secondsPerMillion),
            figure("\(rate), woken subscribers: delivery, 99 %", .milliseconds, woken, latency),
            Figure(
                name: "deliveries beside a stalled reader", unit: .perSecond, values: stalled.full.map(\.rate),
                yardstick: Figure.Yardstick(name: "without it", values: full.server.map(\.rate))),
            Figure(name: "memory more with it", unit: .megabytes, values: stalled.memory),
            figure("messages that came together", .count, full, \.merged),
            Figure(name: "bytes of a message", unit: .count, values: [Double(size)]),
        ]
    }

    /// A subscriber that never reads.
    private static func stalledReader(_ address: SocketAddress, _ handshake: [UInt8]) throws -> Descriptor {
        let socket: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        guard handshake.withUnsafeBytes({ socket.send($0) }) == .count(handshake.count) else {
            throw BenchError("a handshake could not be sent")
        }
        return socket
    }
}
