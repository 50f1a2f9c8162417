internal import CLinux
internal import Glibc
internal import MAOSSystem

/// What HTTP costs at least: one thread that answers every read with the same bytes, and looks at none.
///
/// It runs as a process of its own, so that its CPU time is counted as the server's is. It ends with its standard input.
struct BareResponder: ~Copyable {
    /// The word on the command line that starts it.
    static let command: String = "responder"

    private static let bufferCapacity: Int = 16_384
    private static let eventCapacity: Int = 256

    private let epoll: Descriptor
    private let listener: Descriptor
    private let answer: [UInt8]

    /// The responder's process: prints where it listens, then answers.
    ///
    /// - Parameter arguments: The size of an answer in bytes, head included.
    /// - Returns: The exit code.
    static func run(_ arguments: [String]) -> Int32 {
        guard let text: String = arguments.first, let size = Int(text), size >= 100 else {
            Program.write(error: "usage: maos-bench \(command) BYTES\n")
            return 2
        }
        do {
            let responder: BareResponder = try BareResponder(answerSize: size)
            let address: SocketAddress = try Socket.localAddress(of: responder.listener)
            var line: String = "listening \(address) responder\nready\n"
            _ = line.withUTF8 { write(1, $0.baseAddress, $0.count) }
            try responder.serve()
            return 0
        } catch {
            Program.write(error: "maos-bench: \(error)\n")
            return 1
        }
    }

    /// Starts the responder's process.
    static func start(answerSize: Int, _ folder: borrowing WorkFolder) throws -> (ChildProcess, SocketAddress) {
        let child: ChildProcess = try ChildProcess(
            try OwnProgram.path(), [command, "\(answerSize)"], errorLog: "\(folder.path)/responder.log")
        guard let line: String = try child.nextLine(within: 10), line.hasPrefix("listening "),
            let address = SocketAddress(String(line.split(separator: " ")[1])),
            try child.nextLine(within: 10) == "ready"
        else { throw BenchError("the bare responder did not start") }
        return (child, address)
    }

    private init(answerSize: Int) throws(SystemError) {
        var head: String = ""
        var body: Int = answerSize
        // The length's own digits count too.
        for _ in 0..<2 {
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body)\r\n\r\n"
            body = max(0, answerSize - head.utf8.count)
        }
        answer = Array(head.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: body)
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

    private borrowing func serve() throws(SystemError) {
        try watch(listener.number)
        try watch(0)
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: BareResponder.eventCapacity)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BareResponder.bufferCapacity, alignment: 16)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: answer.count, alignment: 16)
        bytes.copyBytes(from: answer)
        defer {
            events.deallocate()
            buffer.deallocate()
            bytes.deallocate()
        }
        while true {
            let count: CInt = epoll_wait(epoll.number, events, CInt(BareResponder.eventCapacity), -1)
            for index in 0..<Int(max(0, count)) {
                let number: CInt = events[index].data.fd
                if number == listener.number {
                    try accept()
                } else if number == 0 {
                    if read(0, buffer, 64) <= 0 { return }
                } else {
                    let received: Int = recv(number, buffer, BareResponder.bufferCapacity, 0)
                    if received > 0 {
                        _ = send(number, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
                    } else {
                        close(number)
                    }
                }
            }
        }
    }

    private borrowing func accept() throws(SystemError) {
        while let accepted: Socket.Accepted = try Socket.accept(from: listener) {
            let socket: Descriptor = accepted.takeDescriptor()
            try Socket.setNoDelay(socket)
            try watch(socket.release())
        }
    }
}
