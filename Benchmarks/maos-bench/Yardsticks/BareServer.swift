internal import CLinux
internal import Glibc
internal import MAOSSystem

/// The listening side of a yardstick: one thread in a process of its own.
///
/// So its CPU time is counted as the server's is. It ends with its standard input.
struct BareServer: ~Copyable {
    /// What happened to a connection.
    enum Event {
        case opened(CInt)
        /// There is something to be read, or its end.
        case readable(CInt)
    }

    private static let eventCapacity: Int = 256

    private let epoll: Descriptor
    private let listener: Descriptor

    /// Runs the process of a yardstick, and says where it listens.
    ///
    /// - Returns: The exit code.
    static func run(_ name: String, _ body: (borrowing BareServer) throws(SystemError) -> Void) -> Int32 {
        do {
            let server: BareServer = try BareServer()
            let address: SocketAddress = try Socket.localAddress(of: server.listener)
            var line: String = "listening \(address) \(name)\nready\n"
            _ = line.withUTF8 { write(1, $0.baseAddress, $0.count) }
            try body(server)
            return 0
        } catch {
            Program.write(error: "maos-bench: \(error)\n")
            return 1
        }
    }

    /// Starts the process of a yardstick.
    static func start(
        _ name: String, _ argument: Int, _ folder: borrowing WorkFolder
    ) throws -> (ChildProcess, SocketAddress) {
        let child: ChildProcess = try ChildProcess(
            try OwnProgram.path(), [name, "\(argument)"], errorLog: "\(folder.path)/\(name).log")
        guard let line: String = try child.nextLine(within: 10), line.hasPrefix("listening "),
            let address = SocketAddress(String(line.split(separator: " ")[1])),
            try child.nextLine(within: 10) == "ready"
        else { throw BenchError("the bare \(name) did not start") }
        return (child, address)
    }

    private init() throws(SystemError) {
        let opened: Descriptor = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let poll: Descriptor = Descriptor(
            owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        listener = opened
        epoll = poll
    }

    /// Tells of every event, until standard input ends.
    borrowing func serve(_ body: (Event) -> Void) throws(SystemError) {
        try watch(listener.number)
        try watch(0)
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: BareServer.eventCapacity)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
        defer {
            events.deallocate()
            buffer.deallocate()
        }
        while true {
            let count: CInt = epoll_wait(epoll.number, events, CInt(BareServer.eventCapacity), -1)
            for index in 0..<Int(max(0, count)) {
                let number: CInt = events[index].data.fd
                if number == listener.number {
                    try accept(body)
                } else if number != 0 {
                    body(.readable(number))
                } else if read(0, buffer, 64) <= 0 {
                    return
                }
            }
        }
    }

    private borrowing func accept(_ body: (Event) -> Void) throws(SystemError) {
        while let accepted: Socket.Accepted = try Socket.accept(from: listener) {
            let socket: Descriptor = accepted.takeDescriptor()
            try Socket.setNoDelay(socket)
            let number: CInt = socket.release()
            body(.opened(number))
            try watch(number)
        }
    }

    private borrowing func watch(_ number: CInt) throws(SystemError) {
        let poll: CInt = epoll.number
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: number))
        try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_ADD, number, &event) }
    }
}
