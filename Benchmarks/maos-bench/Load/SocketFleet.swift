internal import CLinux
internal import Glibc
internal import MAOSSystem

/// Many WebSocket clients of one thread: they count the messages that come, and look into none.
///
/// It shares the machine with what it measures, so a client costs it one `recv` for everything that waits.
final class SocketFleet {
    private struct Client {
        var socket: CInt
        /// Text messages so far.
        var messages: Int = 0
        /// Bytes of the present frame's payload that are still to come.
        var left: Int = 0
        /// Bytes that have come of a frame's head.
        var headCount: Int = 0
        /// Bytes that the head has.
        private var headSize: Int = 2
        private(set) var isText: Bool = false

        init(socket: CInt) { self.socket = socket }

        /// Whether the head is whole, and ``left`` so what it says.
        var hasHead: Bool { headCount >= 2 && headCount == headSize }

        /// Takes the next byte of a head.
        mutating func take(_ byte: UInt8) {
            headCount += 1
            switch headCount {
            case 1:
                isText = byte & 0x0F == 1
            case 2:
                headSize = byte & 0x7F == 126 ? 4 : byte & 0x7F == 127 ? 10 : 2
                left = headSize == 2 ? Int(byte & 0x7F) : 0
            default:
                left = left << 8 | Int(byte)
            }
        }
    }

    private static let bufferCapacity: Int = 262_144
    private static let eventCapacity: Int = 1_024

    /// Messages that all clients together have got.
    private(set) var messages: Int = 0
    /// Bytes that all clients together have got.
    private(set) var bytes: Int = 0
    /// How often anything has come to a client.
    private(set) var arrivals: Int = 0
    /// When the message of an ordinal (modulo the count) was caused, in nanoseconds; what comes is measured against that.
    var causedAt: [Int64] = []
    /// From the cause to the end of the message at each client.
    private(set) var latencies = LatencyHistogram()

    /// Whether clients are woken by what comes to them; where they are not, ``look(for:)`` finds it.
    ///
    /// The kernel has whoever sends to a client on the same machine do the work of waking it: of a message to each of 1,000 clients
    /// that is a seventh of what the sender seems to need, and nothing that it would need for clients elsewhere.
    private(set) var isWoken: Bool = true

    private let epoll: Descriptor
    private var clients: [Client] = []
    private let events: UnsafeMutablePointer<epoll_event>
    private let buffer: UnsafeMutablePointer<UInt8>

    /// A fleet without clients.
    init() throws {
        epoll = Descriptor(owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: SocketFleet.eventCapacity)
        buffer = .allocate(capacity: SocketFleet.bufferCapacity)
    }

    deinit {
        for client: Client in clients { close(client.socket) }
        events.deallocate()
        buffer.deallocate()
    }

    /// How many clients there are.
    var count: Int { clients.count }

    /// Messages of the client that has the fewest.
    var fewest: Int { clients.reduce(Int.max) { min($0, $1.messages) } }

    /// Forgets the durations so far.
    func forgetLatencies() { latencies.removeAll() }

    /// Adds a client.
    ///
    /// - Parameters:
    ///   - address: Where to connect to.
    ///   - handshake: The request that opens the WebSocket; `nil` for a server that sends frames at once.
    /// - Returns: Nanoseconds from the begin of the connect to the end of the handshake.
    /// - Throws: ``BenchError`` with the answer when it is not 101.
    @discardableResult
    func connect(to address: SocketAddress, handshake: [UInt8]?) throws -> Int64 {
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        let socket: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        try Socket.setNoDelay(socket)
        var early: ArraySlice<UInt8> = []
        if let handshake {
            let sent: Transfer = handshake.withUnsafeBytes { socket.send($0) }
            guard sent == .count(handshake.count) else { throw BenchError("a handshake could not be sent: \(sent)") }
            early = try SocketFleet.upgraded(socket)
        }
        let duration: Int64 = SystemClock.monotonicNanoseconds() - begin
        try socket.setNonBlocking(true)
        let number: CInt = socket.release()
        clients.append(Client(socket: number))
        let index: Int = clients.count - 1
        early.withUnsafeBufferPointer { early in
            guard let base = early.baseAddress else { return }
            take(base, early.count, index)
        }
        if isWoken { try watch(index) }
        return duration
    }

    /// Has clients woken by what comes to them from now on, or not.
    func setWoken(_ isWoken: Bool) throws {
        guard isWoken != self.isWoken else { return }
        self.isWoken = isWoken
        for index: Int in clients.indices {
            if isWoken {
                try watch(index)
            } else {
                let poll: CInt = epoll.number
                let number: CInt = clients[index].socket
                try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_DEL, number, nil) }
            }
        }
    }

    private func watch(_ index: Int) throws {
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64(index)))
        let poll: CInt = epoll.number
        let number: CInt = clients[index].socket
        try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_ADD, number, &event) }
    }

    /// Reads the answer to a handshake, and returns what came after it.
    static func upgraded(_ socket: borrowing Descriptor) throws -> ArraySlice<UInt8> {
        var bytes: [UInt8] = []
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { part.deallocate() }
        while true {
            guard case .count(let count) = socket.receive(into: part), count > 0 else {
                throw BenchError("the connection ended in the handshake")
            }
            bytes.append(contentsOf: part[..<count])
            var index: Int = 3
            while index < bytes.count {
                if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10 {
                    let head = String(decoding: bytes[...index], as: UTF8.self)
                    guard head.hasPrefix("HTTP/1.1 101") else { throw BenchError("no WebSocket: \(head.prefix(300))") }
                    return bytes[(index + 1)...]
                }
                index += 1
            }
        }
    }

    /// Sends the same bytes from every client, one after the other.
    func send(_ frame: [UInt8], from client: Int) throws(BenchError) {
        let sent: Int = frame.withUnsafeBytes {
            Glibc.send(clients[client].socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard sent == frame.count else { throw BenchError("a message could not be sent") }
    }

    /// Messages that a client has got.
    func messages(of client: Int) -> Int { clients[client].messages }

    /// Takes what has come, and waits for something at most so long.
    ///
    /// - Parameter timeout: Milliseconds.
    /// - Throws: ``BenchError`` when a connection ends.
    func turn(timeout: CInt) throws(BenchError) {
        let count: CInt = epoll_wait(epoll.number, events, CInt(SocketFleet.eventCapacity), timeout)
        guard count > 0 else { return }
        for place in 0..<Int(count) { try receive(Int(events[place].data.u64)) }
    }

    /// Takes what has come to those clients that have got fewer messages than this.
    ///
    /// - Returns: Whether all of them have as many now.
    /// - Throws: ``BenchError`` when a connection ends.
    func look(for messages: Int) throws(BenchError) -> Bool {
        var isComplete: Bool = true
        for index: Int in clients.indices where clients[index].messages < messages {
            try receive(index)
            if clients[index].messages < messages { isComplete = false }
        }
        return isComplete
    }

    private func receive(_ index: Int) throws(BenchError) {
        let received: Int = recv(clients[index].socket, buffer, SocketFleet.bufferCapacity, 0)
        guard received > 0 else {
            if received < 0, errno == EAGAIN || errno == EINTR { return }
            throw BenchError("a subscriber was disconnected after \(clients[index].messages) messages")
        }
        bytes += received
        arrivals += 1
        take(buffer, received, index)
    }

    /// Counts the frames in some bytes (RFC 6455 §5.2); servers do not mask.
    private func take(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ index: Int) {
        var client: Client = clients[index]
        let now: Int64 = causedAt.isEmpty ? 0 : SystemClock.monotonicNanoseconds()
        var place: Int = 0
        while place < count {
            if client.left > 0, client.headCount == 0 {
                let step: Int = min(client.left, count - place)
                place += step
                client.left -= step
                if client.left == 0 { finish(&client, now) }
                continue
            }
            client.take(bytes[place])
            place += 1
            guard client.hasHead else { continue }
            client.headCount = 0
            if client.left == 0 { finish(&client, now) }
        }
        clients[index] = client
    }

    private func finish(_ client: inout Client, _ now: Int64) {
        guard client.isText else { return }
        if !causedAt.isEmpty { latencies.add(now - causedAt[client.messages % causedAt.count]) }
        client.messages += 1
        messages += 1
    }
}

/// The frames and handshakes that clients send.
enum SocketRequests {
    /// Opens a WebSocket at a path (RFC 6455 §4.1).
    static func handshake(_ path: String, _ requests: HTTPRequests, isAnonymous: Bool = false) -> [UInt8] {
        let credentials: String = isAnonymous ? "" : "Authorization: Bearer \(requests.token)\r\n"
        return Array(
            ("GET \(path) HTTP/1.1\r\nHost: \(requests.host)\r\n" + credentials
                + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").utf8)
    }

    /// A text message of at most 65,535 bytes, masked with zeros.
    static func text(_ text: String) -> [UInt8] {
        let count: Int = text.utf8.count
        let length: [UInt8] =
            count > 125 ? [0x80 | 126, UInt8(count >> 8), UInt8(count & 0xFF)] : [0x80 | UInt8(count)]
        return [0x81] + length + [0, 0, 0, 0] + Array(text.utf8)
    }

    /// A text message as a server sends it; at most 65,535 bytes.
    static func serverText(count: Int) -> [UInt8] {
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: count)
        guard count > 125 else { return [0x81, UInt8(count)] + payload }
        return [0x81, 126, UInt8(count >> 8), UInt8(count & 0xFF)] + payload
    }
}
