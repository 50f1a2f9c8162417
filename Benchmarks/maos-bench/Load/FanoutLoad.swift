internal import Glibc
internal import MAOSSystem

/// Messages for the subscribers of a fleet, at full speed and at a steady rate, and what they cost whoever sends them.
enum FanoutLoad {
    /// What happened between two moments.
    struct Window {
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
        /// What 99 of 100 deliveries took at most, in milliseconds.
        var latency: Double { Double(latencies.quantile(0.99)) / 1e6 }
    }

    /// The same from somebody and from the bare loop, run after run.
    struct Comparison {
        var windows: [Window] = []
        var bare: [Window] = []

        /// A figure of it, with the bare loop as its yardstick.
        func figure(
            _ name: String, _ unit: Figure.Unit, _ value: (Window) -> Double, _ targets: Figure.Target...
        ) -> Figure {
            let yardstick = Figure.Yardstick(name: "bare epoll loop", values: bare.map(value))
            return Figure(
                name: name, unit: unit, values: windows.map(value), yardstick: yardstick, targets: targets)
        }
    }

    /// Messages that are under way at once at full speed.
    private static let outstanding: Int = 256
    /// Messages a second of the steady rate.
    static let steadyRate: Int64 = 100
    /// How often subscribers look whether something has come, where they are not woken, in nanoseconds.
    private static let lookInterval: Int64 = 1_000_000

    /// Causes messages as fast as the slowest subscriber gets them.
    static func burst(
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
            try waitForMore(fleet, begin, upTo: first + count)
        }
        return begin.window(until: Mark(fleet, server), fleet)
    }

    /// Causes messages at a steady rate, and measures how long each takes to each subscriber.
    static func pace(
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
                if fleet.isWoken {
                    try fleet.turn(timeout: CInt(left / 1_000_000))
                } else {
                    let isComplete: Bool = try fleet.look(for: first + number)
                    rest(for: isComplete ? left : min(left, lookInterval))
                }
            }
            fleet.causedAt[first + number] = SystemClock.monotonicNanoseconds()
            try cause.cause(1)
        }
        while fleet.fewest - first < count { try waitForMore(fleet, begin, upTo: first + count) }
        let window: Window = begin.window(until: Mark(fleet, server), fleet)
        fleet.causedAt = []
        return window
    }

    /// Lets so many nanoseconds pass.
    private static func rest(for nanoseconds: Int64) {
        var duration = timespec(tv_sec: 0, tv_nsec: Int(nanoseconds))
        nanosleep(&duration, nil)
    }

    private static func waitForMore(_ fleet: SocketFleet, _ begin: Mark, upTo count: Int) throws(BenchError) {
        if fleet.isWoken {
            try fleet.turn(timeout: 1_000)
        } else if try !fleet.look(for: count) {
            rest(for: lookInterval)
        }
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
