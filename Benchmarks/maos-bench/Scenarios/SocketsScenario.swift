internal import Glibc
internal import MAOSSystem

/// WebSocket connections: how fast they are ready, what an idle one takes, and how fast messages are answered.
enum SocketsScenario {
    private static let connects: Int = 200
    private static let idle: Int = 10_000
    /// Messages a second that clients send together.
    private static let messageRate: Int64 = 10_000
    private static let senders: Int = 100

    static func measure(_ options: Options) throws -> ScenarioResult {
        DescriptorLimit.raise()
        var ready: [Double] = []
        var memory: [Double] = []
        var answers: [Double] = []
        for _ in 0..<options.runs {
            let folder: WorkFolder = try WorkFolder(in: options.folder)
            let server: ServerProcess = try ServerProcess(
                try options.requireServer(), data: try folder.fresh("data"), folder: folder, surface: "all")
            ready.append(try readiness(server))
            answers.append(try answerTime(server))
            memory.append(try idleMemory(server))
            server.stop()
        }
        return ScenarioResult(
            scenario: .sockets,
            figures: [
                Figure(
                    name: "connect to first message, 99 %", unit: .milliseconds, values: ready, targets: [.atMost(5)]),
                Figure(
                    name: "answer at \(messageRate) messages/s, 99 %", unit: .milliseconds, values: answers,
                    targets: [.atMost(10)]),
                Figure(
                    name: "resident bytes of an idle connection", unit: .count, values: memory,
                    targets: [.atMost(3_072)]),
            ])
    }

    /// From the begin of the connect to the hive's first message, one connection after the other.
    private static func readiness(_ server: ServerProcess) throws -> Double {
        let handshake: [UInt8] = SocketRequests.handshake("/hive/ws", server.requests)
        var durations = LatencyHistogram()
        for _ in 0..<connects {
            let fleet: SocketFleet = try SocketFleet()
            let begin: Int64 = SystemClock.monotonicNanoseconds()
            try fleet.connect(to: server.address, handshake: handshake)
            while fleet.messages == 0 { try fleet.turn(timeout: 1_000) }
            durations.add(SystemClock.monotonicNanoseconds() - begin)
        }
        return Double(durations.quantile(0.99)) / 1e6
    }

    /// From a client's `ping` to the server's `pong`, where many clients send at a steady rate.
    private static func answerTime(_ server: ServerProcess) throws -> Double {
        let handshake: [UInt8] = SocketRequests.handshake("/ws", server.requests)
        let fleet: SocketFleet = try SocketFleet()
        for _ in 0..<senders { try fleet.connect(to: server.address, handshake: handshake) }
        while fleet.fewest < 1 { try fleet.turn(timeout: 1_000) }
        let ping: [UInt8] = SocketRequests.text(#"{"type":"ping"}"#)
        let count = Int(messageRate) * 3
        var durations = LatencyHistogram()
        var sent = [Int64](repeating: 0, count: senders)
        var awaited = [Bool](repeating: false, count: senders)
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        var number: Int = 0
        while number < count {
            let due: Int64 = begin + Int64(number) * 1_000_000_000 / messageRate
            let client: Int = number % senders
            let now: Int64 = SystemClock.monotonicNanoseconds()
            if now >= due, !awaited[client] {
                sent[client] = now
                awaited[client] = true
                try fleet.send(ping, from: client)
                number += 1
                continue
            }
            try fleet.turn(timeout: 0)
            let turned: Int64 = SystemClock.monotonicNanoseconds()
            for client in 0..<senders where awaited[client] {
                // The greeting was the first message.
                let expected: Int = 1 + (number - client + senders - 1) / senders
                if fleet.messages(of: client) >= expected {
                    durations.add(turned - sent[client])
                    awaited[client] = false
                }
            }
            guard turned - begin < 60_000_000_000 else { throw BenchError("answers to pings are missing") }
        }
        return Double(durations.quantile(0.99)) / 1e6
    }

    /// Growth of the server's resident memory by an idle connection of the hive.
    private static func idleMemory(_ server: ServerProcess) throws -> Double {
        let handshake: [UInt8] = SocketRequests.handshake("/hive/ws?types=none", server.requests)
        let before: Double = server.probe.memory().resident
        let fleet: SocketFleet = try SocketFleet()
        for _ in 0..<idle { try fleet.connect(to: server.address, handshake: handshake) }
        usleep(500_000)
        return (server.probe.memory().resident - before) / Double(idle)
    }
}
