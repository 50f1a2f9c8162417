internal import CLinux
internal import Glibc
internal import MAOSSystem

/// What HTTP costs at least: one thread that answers every read with the same bytes, and looks at none.
struct BareResponder {
    /// The word on the command line that starts it.
    static let command: String = "responder"

    private static let bufferCapacity: Int = 16_384

    private let answer: [UInt8]

    /// The responder's process.
    ///
    /// - Parameter arguments: The size of an answer in bytes, head included.
    /// - Returns: The exit code.
    static func run(_ arguments: [String]) -> Int32 {
        guard let text: String = arguments.first, let size = Int(text), size >= 100 else {
            Program.write(error: "usage: maos-bench \(command) BYTES\n")
            return 2
        }
        let responder = BareResponder(answerSize: size)
        return BareServer.run(command) { (server: borrowing BareServer) throws(SystemError) in
            try responder.serve(on: server)
        }
    }

    /// Starts the responder's process.
    static func start(answerSize: Int, _ folder: borrowing WorkFolder) throws -> (ChildProcess, SocketAddress) {
        try BareServer.start(command, answerSize, folder)
    }

    private init(answerSize: Int) {
        var head: String = ""
        var body: Int = answerSize
        // The length's own digits count too.
        for _ in 0..<2 {
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body)\r\n\r\n"
            body = max(0, answerSize - head.utf8.count)
        }
        answer = Array(head.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: body)
    }

    private func serve(on server: borrowing BareServer) throws(SystemError) {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: BareResponder.bufferCapacity, alignment: 16)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: answer.count, alignment: 16)
        bytes.copyBytes(from: answer)
        defer {
            buffer.deallocate()
            bytes.deallocate()
        }
        try server.serve { (event: BareServer.Event) in
            guard case .readable(let number) = event else { return }
            if recv(number, buffer, BareResponder.bufferCapacity, 0) > 0 {
                _ = send(number, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            } else {
                close(number)
            }
        }
    }
}
