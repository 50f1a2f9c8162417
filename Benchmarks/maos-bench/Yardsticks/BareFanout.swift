internal import CLinux
internal import Glibc
internal import MAOSSystem

/// What sending to many costs at least: one thread that writes the same bytes to every connection, and does nothing else.
///
/// The first connection says when: each byte that comes on it is one message for all others. What has come together goes out
/// in one write a connection. It runs as a process of its own, and ends with its standard input.
struct BareFanout: ~Copyable {
    /// The word on the command line that starts it.
    static let command: String = "fanout"

    private static let batchLimit: Int = 1_024
    private static let eventCapacity: Int = 256

    private let epoll: Descriptor
    private let listener: Descriptor
    private let frame: [UInt8]
    private var control: CInt = -1
    private var sockets: [CInt] = []

    /// The process: prints where it listens, then sends.
    ///
    /// - Parameter arguments: The size of a message in bytes.
    /// - Returns: The exit code.
    static func run(_ arguments: [String]) -> Int32 {
        guard let text: String = arguments.first, let size = Int(text), (1...60_000).contains(size) else {
            Program.write(error: "usage: maos-bench \(command) BYTES\n")
            return 2
        }
        do {
            var fanout: BareFanout = try BareFanout(messageSize: size)
            let address: SocketAddress = try Socket.localAddress(of: fanout.listener)
            var line: String = "listening \(address) fanout\nready\n"
            _ = line.withUTF8 { write(1, $0.baseAddress, $0.count) }
            try fanout.serve()
            return 0
        } catch {
            Program.write(error: "maos-bench: \(error)\n")
            return 1
        }
    }

    /// Starts the process.
    static func start(messageSize: Int, _ folder: borrowing WorkFolder) throws -> (ChildProcess, SocketAddress) {
        let child: ChildProcess = try ChildProcess(
            try OwnProgram.path(), [command, "\(messageSize)"], errorLog: "\(folder.path)/fanout.log")
        guard let line: String = try child.nextLine(within: 10), line.hasPrefix("listening "),
            let address = SocketAddress(String(line.split(separator: " ")[1])),
            try child.nextLine(within: 10) == "ready"
        else { throw BenchError("the bare fan-out did not start") }
        return (child, address)
    }

    private init(messageSize: Int) throws(SystemError) {
        frame = SocketRequests.serverText(count: messageSize)
        let opened: Descriptor = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let poll: Descriptor = Descriptor(
            owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        listener = opened
        epoll = poll
    }

    private borrowing func watch(_ number: CInt) throws(SystemError) {
        let poll: CInt = epoll.number
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: number))
        try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_ADD, number, &event) }
    }

    private mutating func serve() throws(SystemError) {
        try watch(listener.number)
        try watch(0)
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: BareFanout.eventCapacity)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BareFanout.batchLimit, alignment: 16)
        let batch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BareFanout.batchLimit * frame.count, alignment: 16)
        for place in 0..<BareFanout.batchLimit {
            UnsafeMutableRawBufferPointer(rebasing: batch[(place * frame.count)...]).copyBytes(from: frame)
        }
        defer {
            events.deallocate()
            buffer.deallocate()
            batch.deallocate()
        }
        while true {
            let count: CInt = epoll_wait(epoll.number, events, CInt(BareFanout.eventCapacity), -1)
            for index in 0..<Int(max(0, count)) {
                let number: CInt = events[index].data.fd
                if number == listener.number {
                    try accept()
                } else if number == 0 {
                    if read(0, buffer, 64) <= 0 { return }
                } else {
                    let received: Int = recv(number, buffer, BareFanout.batchLimit, 0)
                    if received <= 0 {
                        leave(number)
                    } else if number == control {
                        sendAll(UnsafeRawBufferPointer(rebasing: batch[..<(received * frame.count)]))
                    }
                }
            }
        }
    }

    private func sendAll(_ bytes: UnsafeRawBufferPointer) {
        for socket: CInt in sockets {
            var left = bytes
            while !left.isEmpty {
                let sent: Int = send(socket, left.baseAddress, left.count, CInt(MSG_NOSIGNAL))
                if sent > 0 {
                    left = UnsafeRawBufferPointer(rebasing: left[sent...])
                } else if errno == EAGAIN {
                    var watched = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                    poll(&watched, 1, 1_000)
                } else {
                    break
                }
            }
        }
    }

    private mutating func leave(_ socket: CInt) {
        close(socket)
        sockets.removeAll { $0 == socket }
        if control == socket { control = -1 }
    }

    private mutating func accept() throws(SystemError) {
        while let accepted: Socket.Accepted = try Socket.accept(from: listener) {
            let socket: Descriptor = accepted.takeDescriptor()
            try Socket.setNoDelay(socket)
            let number: CInt = socket.release()
            if control < 0 { control = number } else { sockets.append(number) }
            try watch(number)
        }
    }
}
