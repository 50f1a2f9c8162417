internal import CLinux
internal import Glibc
internal import MAOSSystem

/// What sending to many costs at least: one thread that writes the same bytes to every connection, and does nothing else.
///
/// The first connection says when: each byte that comes on it is one write to each of the others, with as many messages as the
/// byte says.
struct BareFanout {
    /// The word on the command line that starts it.
    static let command: String = "fanout"

    /// Bytes of the first connection that are read at once.
    private static let batchLimit: Int = 1_024
    /// Messages in a write.
    private static let mergeLimit: Int = 255

    private let frame: [UInt8]
    private var control: CInt = -1
    private var sockets: [CInt] = []

    /// The process.
    ///
    /// - Parameter arguments: The size of a message in bytes.
    /// - Returns: The exit code.
    static func run(_ arguments: [String]) -> Int32 {
        guard let text: String = arguments.first, let size = Int(text), (1...60_000).contains(size) else {
            Program.write(error: "usage: maos-bench \(command) BYTES\n")
            return 2
        }
        var fanout = BareFanout(frame: SocketRequests.serverText(count: size))
        return BareServer.run(command) { (server: borrowing BareServer) throws(SystemError) in
            try fanout.serve(on: server)
        }
    }

    /// Starts the process.
    static func start(messageSize: Int, _ folder: borrowing WorkFolder) throws -> (ChildProcess, SocketAddress) {
        try BareServer.start(command, messageSize, folder)
    }

    private init(frame: [UInt8]) { self.frame = frame }

    private mutating func serve(on server: borrowing BareServer) throws(SystemError) {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BareFanout.batchLimit, alignment: 16)
        let batch = UnsafeMutableRawBufferPointer.allocate(
            byteCount: BareFanout.mergeLimit * frame.count, alignment: 16)
        for place in 0..<BareFanout.mergeLimit {
            UnsafeMutableRawBufferPointer(rebasing: batch[(place * frame.count)...]).copyBytes(from: frame)
        }
        defer {
            buffer.deallocate()
            batch.deallocate()
        }
        try server.serve { (event: BareServer.Event) in
            switch event {
            case .opened(let number):
                if control < 0 { control = number } else { sockets.append(number) }
            case .readable(let number):
                let received: Int = recv(number, buffer, BareFanout.batchLimit, 0)
                if received <= 0 {
                    leave(number)
                } else if number == control {
                    for place in 0..<received {
                        let count = Int(buffer.load(fromByteOffset: place, as: UInt8.self))
                        sendAll(UnsafeRawBufferPointer(rebasing: batch[..<(count * frame.count)]))
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
}
