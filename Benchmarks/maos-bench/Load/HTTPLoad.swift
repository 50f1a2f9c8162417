internal import CLinux
internal import Glibc
internal import MAOSSystem

/// Keeps connections busy, one request at a time each, and counts what comes back.
///
/// It shares the machine with what it measures, so a request costs it one `send`, one `recv` and a part of an `epoll_wait`:
/// requests are bytes made beforehand, and of an answer only status and length are read.
final class HTTPLoad {
    /// What happened between two moments.
    struct Window {
        /// Answers that came.
        var answers: Int = 0
        /// Its length in nanoseconds.
        var nanoseconds: Int64 = 0
        /// CPU time of the server in nanoseconds.
        var serverCPU: Int64 = 0
        /// CPU time of this load in nanoseconds.
        var ownCPU: Int64 = 0
        /// From the send to the whole answer.
        var latencies = LatencyHistogram()

        /// Answers per second.
        var rate: Double { quotient(Double(answers), Double(nanoseconds) / 1e9) }
        /// Microseconds of the server's CPU per answer.
        var serverMicroseconds: Double { quotient(Double(serverCPU) / 1e3, Double(answers)) }
        /// Answers per second of the server's CPU.
        var ratePerCPUSecond: Double { quotient(Double(answers), Double(serverCPU) / 1e9) }
        /// Microseconds of this load's CPU per answer.
        var ownMicroseconds: Double { quotient(Double(ownCPU) / 1e3, Double(answers)) }
    }

    private struct Connection {
        var socket: CInt
        var request: UnsafeMutableRawPointer
        var requestCount: Int
        var buffer: UnsafeMutablePointer<UInt8>
        var received: Int = 0
        var sentAt: Int64 = 0
        var isBusy: Bool = false
    }

    private static let bufferCapacity: Int = 16_384
    private static let eventCapacity: Int = 256

    private let epoll: Descriptor
    private let connections: UnsafeMutableBufferPointer<Connection>
    private let events: UnsafeMutablePointer<epoll_event>
    private let expectedStatus: Int
    private let server: ProcessProbe
    private var busyCount: Int = 0
    private var answers: Int = 0
    /// Requests that may still be sent.
    private var budget: Int = 0
    private var now: Int64 = 0
    private var latencies = LatencyHistogram()

    /// Connects.
    ///
    /// - Parameters:
    ///   - address: Where the server listens.
    ///   - server: The server's process.
    ///   - requests: What the connections send, one element each, over and over.
    ///   - expectedStatus: Any other status ends the measurement.
    /// - Throws: ``SystemError`` when a connection cannot be made.
    init(
        to address: SocketAddress, server: ProcessProbe, requests: [[UInt8]], expecting expectedStatus: Int
    ) throws {
        epoll = Descriptor(owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: HTTPLoad.eventCapacity)
        connections = .allocate(capacity: requests.count)
        self.expectedStatus = expectedStatus
        self.server = server
        for (index, request) in requests.enumerated() {
            let copy = UnsafeMutableRawPointer.allocate(byteCount: request.count, alignment: 16)
            request.withUnsafeBytes {
                copy.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(copy), byteCount: $0.count)
            }
            let connection = Connection(
                socket: -1, request: copy, requestCount: request.count,
                buffer: .allocate(capacity: HTTPLoad.bufferCapacity))
            connections.initializeElement(at: index, to: connection)
        }
        for index in connections.indices {
            let socket: Descriptor = try Socket.connect(to: address, timeout: 5_000)
            try socket.setNonBlocking(true)
            try Socket.setNoDelay(socket)
            let number: CInt = socket.release()
            connections[index].socket = number
            var event = epoll_event(
                events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: UInt64(index)))
            let poll: CInt = epoll.number
            try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_ADD, number, &event) }
        }
    }

    deinit {
        for connection: Connection in connections {
            if connection.socket >= 0 { close(connection.socket) }
            connection.request.deallocate()
            connection.buffer.deallocate()
        }
        connections.deallocate()
        events.deallocate()
    }

    /// Sends as fast as answers come, first unmeasured, then measured, then waits for what is still under way.
    ///
    /// - Parameters:
    ///   - warmUp: Nanoseconds that do not count.
    ///   - duration: Nanoseconds that do.
    /// - Returns: What happened in the measured time.
    /// - Throws: ``BenchError`` for an answer that was not expected, with its text.
    func run(warmUp: Int64, duration: Int64) throws -> Window {
        budget = .max
        try sendAll()
        try turn(until: now + warmUp)
        latencies.removeAll()
        let begin = mark()
        try turn(until: now + duration)
        var window: Window = difference(from: begin)
        window.latencies = latencies
        try settle()
        return window
    }

    /// Sends so many requests, spread over the connections, and waits for all the answers.
    func run(requests: Int) throws -> Window {
        budget = requests
        latencies.removeAll()
        now = SystemClock.monotonicNanoseconds()
        let begin = mark()
        try sendAll()
        let limit: Int64 = now + 600_000_000_000
        while busyCount > 0, now < limit { try turnOnce(timeout: 1_000) }
        var window: Window = difference(from: begin)
        window.latencies = latencies
        try settle()
        return window
    }

    /// Answers since the beginning, those of warm-ups included.
    var total: Int { answers }

    // MARK: Turns

    private func sendAll() throws(BenchError) {
        now = SystemClock.monotonicNanoseconds()
        for index in connections.indices where !connections[index].isBusy && budget > 0 { try send(on: index) }
    }

    private func turn(until end: Int64) throws(BenchError) {
        while now < end { try turnOnce(timeout: CInt(min(1_000, (end - now) / 1_000_000 + 1))) }
    }

    /// Waits for the answers that are still to come.
    private func settle() throws(BenchError) {
        budget = 0
        let limit: Int64 = now + 10_000_000_000
        while busyCount > 0 {
            try turnOnce(timeout: 1_000)
            guard now < limit else { throw BenchError("\(busyCount) answers did not come within 10 s") }
        }
    }

    private func turnOnce(timeout: CInt) throws(BenchError) {
        let count: CInt = epoll_wait(epoll.number, events, CInt(HTTPLoad.eventCapacity), timeout)
        now = SystemClock.monotonicNanoseconds()
        guard count > 0 else { return }
        for index in 0..<Int(count) { try receive(on: Int(events[index].data.u64)) }
    }

    @inline(__always)
    private func send(on index: Int) throws(BenchError) {
        budget -= 1
        busyCount += 1
        connections[index].isBusy = true
        connections[index].received = 0
        connections[index].sentAt = now
        let (request, count) = (connections[index].request, connections[index].requestCount)
        let sent: Int = Glibc.send(connections[index].socket, request, count, CInt(MSG_NOSIGNAL))
        guard sent == count else {
            throw BenchError("a request could not be sent: \(String(cString: strerror(errno)))")
        }
    }

    private func receive(on index: Int) throws(BenchError) {
        let (received, buffer) = (connections[index].received, connections[index].buffer)
        let count: Int = recv(
            connections[index].socket, buffer + received, HTTPLoad.bufferCapacity - received, 0)
        guard count > 0 else {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            throw BenchError("the server ended a connection after \(answers) answers")
        }
        let total: Int = received + count
        connections[index].received = total
        guard let response = ResponseScanner(buffer, count: total), total >= response.totalCount else {
            guard total < HTTPLoad.bufferCapacity else { throw BenchError("an answer is too long") }
            return
        }
        guard response.status == expectedStatus, total == response.totalCount, connections[index].isBusy else {
            let text = String(decoding: UnsafeBufferPointer(start: buffer, count: min(total, 800)), as: UTF8.self)
            throw BenchError("an answer that was not expected: \(text)")
        }
        now = SystemClock.monotonicNanoseconds()
        latencies.add(now - connections[index].sentAt)
        answers += 1
        busyCount -= 1
        connections[index].isBusy = false
        if budget > 0 { try send(on: index) }
    }

    // MARK: Marks

    private struct Mark {
        var time: Int64
        var answers: Int
        var serverCPU: Int64
        var ownCPU: Int64
    }

    private func mark() -> Mark {
        Mark(
            time: SystemClock.monotonicNanoseconds(), answers: answers, serverCPU: server.cpuNanoseconds(),
            ownCPU: ProcessProbe.ownThreadNanoseconds())
    }

    private func difference(from begin: Mark) -> Window {
        let end: Mark = mark()
        return Window(
            answers: end.answers - begin.answers, nanoseconds: end.time - begin.time,
            serverCPU: end.serverCPU - begin.serverCPU, ownCPU: end.ownCPU - begin.ownCPU)
    }
}
