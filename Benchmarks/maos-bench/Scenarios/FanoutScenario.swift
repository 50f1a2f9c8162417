internal import MAOSSystem

/// Events for many subscribers of the hive, at full speed and at a steady rate, and the same bytes from a bare loop.
enum FanoutScenario {
    /// What happened between two moments.
    private struct Window {
        var deliveries: Int
        var bytes: Int
        /// How often anything came to a subscriber.
        var arrivals: Int
        var nanoseconds: Int64
        var serverCPU: Int64
        var latencies: LatencyHistogram

        /// Messages that came together.
        var merged: Double { quotient(Double(deliveries), Double(arrivals)) }
        var rate: Double { quotient(Double(deliveries), Double(nanoseconds) / 1e9) }
        var ratePerCPUSecond: Double { quotient(Double(deliveries), Double(serverCPU) / 1e9) }
        /// CPU-seconds of the server for a million deliveries.
        var secondsPerMillion: Double { quotient(Double(serverCPU) / 1e3, Double(deliveries)) }
    }

    static let subscribers: Int = 1_000
    /// Events that are under way at once at full speed.
    private static let outstanding: Int = 256
    /// Events a second of the steady rate.
    private static let steadyRate: Int64 = 100
    private static let warmUpEvents: Int = 500
    private static let events: Int = 16_000
    private static let steadyEvents: Int = 300

    static func measure(_ options: Options) throws -> ScenarioResult {
        var full: [Window] = []
        var bare: [Window] = []
        var steady: [Window] = []
        var bareSteady: [Window] = []
        var stalled: [Window] = []
        var stalledMemory: [Double] = []
        var size: Int = 0
        for _ in 0..<options.runs {
            let folder: WorkFolder = try WorkFolder(in: options.folder)
            let server: ServerProcess = try ServerProcess(
                try options.requireServer(), data: try folder.fresh("data"), folder: folder, surface: "all")
            let cause: CancellationCause = try CancellationCause(
                server, count: 2 * warmUpEvents + 2 * events + steadyEvents)
            let handshake: [UInt8] = SocketRequests.handshake("/hive/ws?types=task_cancelled", server.requests)
            let fleet: SocketFleet = try SocketFleet()
            for _ in 0..<subscribers { try fleet.connect(to: server.address, handshake: handshake) }
            _ = try burst(fleet, cause, server.probe, warmUpEvents)
            let window: Window = try burst(fleet, cause, server.probe, events)
            full.append(window)
            size =
                quotient(Double(window.bytes), Double(window.deliveries)).isFinite
                ? window.bytes / window.deliveries : 0
            steady.append(try pace(fleet, cause, server.probe, steadyEvents))
            let memory: Double = server.probe.memory().anonymous
            let idler: Descriptor = try stalledReader(server.address, handshake)
            stalled.append(try burst(fleet, cause, server.probe, events))
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
            _ = try burst(bareFleet, trigger, child.probe, warmUpEvents)
            bare.append(try burst(bareFleet, trigger, child.probe, events))
            trigger.merging = 1
            bareSteady.append(try pace(bareFleet, trigger, child.probe, steadyEvents))
            child.stop()
        }
        return ScenarioResult(
            scenario: .fanout, figures: figures(full, steady, (bare, bareSteady), (stalled, stalledMemory), size))
    }

    private static func figures(
        _ full: [Window], _ steady: [Window], _ bare: (full: [Window], steady: [Window]),
        _ stalled: (full: [Window], memory: [Double]), _ size: Int
    ) -> [Figure] {
        func yardstick(_ windows: [Window], _ value: (Window) -> Double) -> Figure.Yardstick {
            Figure.Yardstick(name: "bare epoll loop", values: windows.map(value))
        }
        func latency(_ window: Window) -> Double { Double(window.latencies.quantile(0.99)) / 1e6 }
        return [
            Figure(
                name: "deliveries", unit: .perSecond, values: full.map(\.rate), yardstick: yardstick(bare.full, \.rate),
                targets: [.atLeast(1_000_000)]),
            Figure(
                name: "deliveries per CPU-second", unit: .perSecond, values: full.map(\.ratePerCPUSecond),
                yardstick: yardstick(bare.full, \.ratePerCPUSecond), targets: [.ratioAtLeast(0.6)]),
            Figure(
                name: "server CPU per delivery", unit: .microseconds, values: full.map(\.secondsPerMillion),
                yardstick: yardstick(bare.full, \.secondsPerMillion)),
            Figure(
                name: "at \(steadyRate) events/s: server CPU per delivery", unit: .microseconds,
                values: steady.map(\.secondsPerMillion), yardstick: yardstick(bare.steady, \.secondsPerMillion),
                targets: [.atMost(5)]),
            Figure(
                name: "at \(steadyRate) events/s: delivery, 99 %", unit: .milliseconds,
                values: steady.map(latency), yardstick: yardstick(bare.steady, latency), targets: [.atMost(10)]),
            Figure(
                name: "deliveries beside a stalled reader", unit: .perSecond, values: stalled.full.map(\.rate),
                yardstick: Figure.Yardstick(name: "without it", values: full.map(\.rate))),
            Figure(name: "memory more with it", unit: .megabytes, values: stalled.memory),
            Figure(
                name: "messages that came together", unit: .count, values: full.map(\.merged),
                yardstick: yardstick(bare.full, \.merged)),
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

    /// Causes events as fast as the slowest subscriber gets them.
    private static func burst(
        _ fleet: SocketFleet, _ cause: any MessageCause, _ server: ProcessProbe, _ count: Int
    ) throws -> Window {
        let first: Int = fleet.fewest
        var caused: Int = 0
        let begin = Mark(fleet, server)
        while true {
            let received: Int = fleet.fewest - first
            if received == count { break }
            let room: Int = min(outstanding - (caused - received), count - caused)
            // Fewer requests than half of what may be under way are not worth a system call.
            if room >= outstanding / 2 || (room > 0 && caused + room == count) {
                try cause.cause(room)
                caused += room
            }
            try waitForMore(fleet, begin)
        }
        return begin.window(until: Mark(fleet, server), fleet)
    }

    /// Causes events at a steady rate, and measures how long each takes to each subscriber.
    private static func pace(
        _ fleet: SocketFleet, _ cause: any MessageCause, _ server: ProcessProbe, _ count: Int
    ) throws -> Window {
        let first: Int = fleet.fewest
        fleet.causedAt = [Int64](repeating: 0, count: first + count)
        fleet.forgetLatencies()
        let begin = Mark(fleet, server)
        let interval: Int64 = 1_000_000_000 / steadyRate
        for number in 0..<count {
            let due: Int64 = begin.time + Int64(number) * interval
            while true {
                let left: Int64 = due - SystemClock.monotonicNanoseconds()
                guard left > 0 else { break }
                try fleet.turn(timeout: CInt(left / 1_000_000))
            }
            fleet.causedAt[first + number] = SystemClock.monotonicNanoseconds()
            try cause.cause(1)
        }
        while fleet.fewest - first < count { try waitForMore(fleet, begin) }
        let window: Window = begin.window(until: Mark(fleet, server), fleet)
        fleet.causedAt = []
        return window
    }

    private static func waitForMore(_ fleet: SocketFleet, _ begin: Mark) throws(BenchError) {
        try fleet.turn(timeout: 1_000)
        guard SystemClock.monotonicNanoseconds() - begin.time < 120_000_000_000 else {
            throw BenchError("messages are missing: \(fleet.fewest) of the slowest subscriber after two minutes")
        }
    }

    private struct Mark {
        var time: Int64
        var messages: Int
        var bytes: Int
        var arrivals: Int
        var cpu: Int64

        init(_ fleet: SocketFleet, _ server: ProcessProbe) {
            time = SystemClock.monotonicNanoseconds()
            messages = fleet.messages
            bytes = fleet.bytes
            arrivals = fleet.arrivals
            cpu = server.cpuNanoseconds()
        }

        func window(until end: Mark, _ fleet: SocketFleet) -> Window {
            Window(
                deliveries: end.messages - messages, bytes: end.bytes - bytes, arrivals: end.arrivals - arrivals,
                nanoseconds: end.time - time,
                serverCPU: end.cpu - cpu, latencies: fleet.latencies)
        }
    }
}
