internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Something that makes a server tell its subscribers of one thing after the other.
protocol MessageCause: AnyObject {
    /// Causes so many messages more.
    func cause(_ count: Int) throws
}

/// Causes messages of the bare fan-out: a byte each.
final class BareCause: MessageCause {
    private let socket: Descriptor

    init(_ address: SocketAddress) throws {
        let connected: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        try Socket.setNoDelay(connected)
        socket = connected
    }

    func cause(_ count: Int) throws {
        let bytes = [UInt8](repeating: 1, count: count)
        let sent: Transfer = bytes.withUnsafeBytes { socket.send($0) }
        guard sent == .count(count) else { throw BenchError("the yardstick takes no more: \(sent)") }
    }
}

/// Causes events of the server: tasks that wait are cancelled one by one, in requests that do not wait for their answers.
final class CancellationCause: MessageCause {
    private let socket: Descriptor
    private let requests: [[UInt8]]
    private var next: Int = 0
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
        let connected: Descriptor = try Socket.connect(to: server.address, timeout: 5_000)
        try Socket.setNoDelay(connected)
        try connected.setNonBlocking(true)
        socket = connected
    }

    deinit { scratch.deallocate() }

    /// Messages that can still be caused.
    var left: Int { requests.count - next }

    func cause(_ count: Int) throws {
        while case .count(let count) = socket.receive(into: scratch), count > 0 {}
        guard left >= count else { throw BenchError("there are no tasks left to cancel") }
        var bytes: [UInt8] = []
        for request: [UInt8] in requests[next..<(next + count)] { bytes += request }
        next += count
        var sent: Int = 0
        while sent < bytes.count {
            switch bytes[sent...].withUnsafeBytes({ socket.send($0) }) {
            case .count(let count): sent += count
            case .wouldBlock:
                while case .count(let count) = socket.receive(into: scratch), count > 0 {}
                usleep(100)
            case .failed(let error): throw BenchError("requests could not be sent: \(error)")
            }
        }
    }
}
