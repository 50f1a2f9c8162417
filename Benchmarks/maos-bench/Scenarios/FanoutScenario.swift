internal import MAOSSystem

/// Events for many subscribers of the hive, at full speed and at a steady rate, and the same bytes from a bare loop.
enum FanoutScenario {
    static let subscribers: Int = 1_000
    private static let warmUpEvents: Int = 500
    private static let events: Int = 16_000
    private static let steadyEvents: Int = 300

    static func measure(_ options: Options) throws -> ScenarioResult {
        var full = FanoutLoad.Comparison()
        var steady = FanoutLoad.Comparison()
        var woken = FanoutLoad.Comparison()
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
            full.windows.append(window)
            size =
                quotient(Double(window.bytes), Double(window.deliveries)).isFinite
                ? window.bytes / window.deliveries : 0
            woken.windows.append(try FanoutLoad.pace(fleet, cause, server.probe, steadyEvents))
            try fleet.setWoken(false)
            steady.windows.append(try FanoutLoad.pace(fleet, cause, server.probe, steadyEvents))
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
            full.bare.append(try FanoutLoad.burst(bareFleet, trigger, child.probe, events))
            trigger.merging = 1
            woken.bare.append(try FanoutLoad.pace(bareFleet, trigger, child.probe, steadyEvents))
            try bareFleet.setWoken(false)
            steady.bare.append(try FanoutLoad.pace(bareFleet, trigger, child.probe, steadyEvents))
            child.stop()
        }
        return ScenarioResult(
            scenario: .fanout, figures: figures(full, steady, woken, (stalled, stalledMemory), size))
    }

    private static func figures(
        _ full: FanoutLoad.Comparison, _ steady: FanoutLoad.Comparison, _ woken: FanoutLoad.Comparison,
        _ stalled: (full: [FanoutLoad.Window], memory: [Double]), _ size: Int
    ) -> [Figure] {
        let rate: String = "at \(FanoutLoad.steadyRate) events/s"
        return [
            full.figure("deliveries", .perSecond, \.rate, .atLeast(1_000_000)),
            full.figure("deliveries per CPU-second", .perSecond, \.ratePerCPUSecond, .ratioAtLeast(0.6)),
            full.figure("server CPU per delivery", .microseconds, \.secondsPerMillion),
            steady.figure("\(rate): server CPU per delivery", .microseconds, \.secondsPerMillion, .atMost(5)),
            steady.figure("\(rate): delivery, 99 %", .milliseconds, \.latency, .atMost(10)),
            woken.figure("\(rate), woken subscribers: server CPU per delivery", .microseconds, \.secondsPerMillion),
            woken.figure("\(rate), woken subscribers: delivery, 99 %", .milliseconds, \.latency),
            Figure(
                name: "deliveries beside a stalled reader", unit: .perSecond, values: stalled.full.map(\.rate),
                yardstick: Figure.Yardstick(name: "without it", values: full.windows.map(\.rate))),
            Figure(name: "memory more with it", unit: .megabytes, values: stalled.memory),
            full.figure("messages that came together", .count, \.merged),
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
