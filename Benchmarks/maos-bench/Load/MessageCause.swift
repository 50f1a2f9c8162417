internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Something that makes a server tell its subscribers of one thing after the other.
protocol MessageCause: AnyObject {
    /// Causes so many messages more.
    func cause(_ count: Int) throws
}

/// Causes messages of the bare fan-out: a byte for each write to everybody, with the number of messages in it.
final class BareCause: MessageCause {
    /// About how many messages are in a write; 1 … 128.
    var merging: Int = 1
    private let socket: Descriptor

    init(_ address: SocketAddress) throws {
        let connected: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        try Socket.setNoDelay(connected)
        socket = connected
    }

    func cause(_ count: Int) throws {
        let writes: Int = max(1, (count + merging / 2) / merging, (count + 254) / 255)
        let bytes: [UInt8] = (0..<writes).map { UInt8(count * ($0 + 1) / writes - count * $0 / writes) }
        let sent: Transfer = bytes.withUnsafeBytes { socket.send($0) }
        guard sent == .count(bytes.count) else { throw BenchError("the yardstick takes no more: \(sent)") }
    }
}

/// Causes events of the server: tasks that wait are cancelled one by one, in requests that do not wait for their answers.
final class CancellationCause: MessageCause {
    /// Connections; the server works on no more than 32 requests of each at a time.
    private static let connectionCount: Int = 8

    private let connections: [Connection]
    private let requests: [[UInt8]]
    private var next: Int = 0
    /// The connection whose turn it is.
    private var turn: Int = 0
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 262_144, alignment: 16)

    /// Creates so many tasks, and connects.
    init(_ server: ServerProcess, count: Int) throws {
        let load: HTTPLoad = try HTTPLoad(
            to: server.address, server: server.probe,
            requests: Array(repeating: server.requests.post("/api/v1/tasks", WaitingTask.body), count: 32),
            expecting: 201)
        _ = try load.run(requests: count)
        let client: HTTPClient = try HTTPClient(to: server.address)
        var found: [[UInt8]] = []
        var page: Int = 1
        while found.count < count {
            let answer: HTTPClient.Answer = try client.send(
                server.requests.get("/api/v1/tasks?status=pending&limit=100&page=\(page)"), expecting: 200)
            let items: [JSONValue] = answer.json["data"]?["tasks"]?.arrayValue ?? []
            guard !items.isEmpty else { break }
            for item in items {
                guard let id: String = item["id"]?.stringValue else { continue }
                found.append(server.requests.delete("/api/v1/tasks/\(id)"))
            }
            page += 1
        }
        requests = found
        connections = try (0..<CancellationCause.connectionCount).map { _ in try Connection(to: server.address) }
    }

    deinit { scratch.deallocate() }

    /// Messages that can still be caused.
    var left: Int { requests.count - next }

    func cause(_ count: Int) throws {
        guard left >= count else { throw BenchError("there are no tasks left to cancel") }
        // Neighbours on one connection, as few connections as it takes.
        let share: Int = max(8, (count + connections.count - 1) / connections.count)
        var first: Int = next
        next += count
        while first < next {
            let end: Int = min(first + share, next)
            try connections[turn].send(requests[first..<end], scratch)
            turn = (turn + 1) % connections.count
            first = end
        }
    }

    /// One of the connections that requests are sent on, and answers thrown away.
    private final class Connection {
        private let socket: Descriptor

        init(to address: SocketAddress) throws {
            let connected: Descriptor = try Socket.connect(to: address, timeout: 5_000)
            try Socket.setNoDelay(connected)
            try connected.setNonBlocking(true)
            socket = connected
        }

        func send(_ requests: ArraySlice<[UInt8]>, _ scratch: UnsafeMutableRawBufferPointer) throws {
            discardAnswers(scratch)
            var bytes: [UInt8] = []
            for request: [UInt8] in requests { bytes += request }
            var sent: Int = 0
            while sent < bytes.count {
                switch bytes[sent...].withUnsafeBytes({ socket.send($0) }) {
                case .count(let count): sent += count
                case .wouldBlock:
                    discardAnswers(scratch)
                    usleep(100)
                case .failed(let error): throw BenchError("requests could not be sent: \(error)")
                }
            }
        }

        private func discardAnswers(_ scratch: UnsafeMutableRawBufferPointer) {
            while case .count(let count) = socket.receive(into: scratch), count > 0 {}
        }
    }
}
