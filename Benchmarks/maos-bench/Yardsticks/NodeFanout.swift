internal import Glibc
internal import MAOSSystem

/// The same fan-out by a library that many servers are made with: `ws` for node, one write for each message and connection.
///
/// Subscribers connect to one port; each byte that comes on the other is a number of messages for all of them.
enum NodeFanout {
    private static let program: String = """
        const library = () => { try { return require('ws') } catch { return require('/usr/share/nodejs/ws') } }
        const message = Buffer.alloc(Number(process.argv[1]), 'x')
        const server = new (library().Server)({ port: 0, host: '127.0.0.1', backlog: 2048, perMessageDeflate: false })
        const tell = () => { for (const subscriber of server.clients) subscriber.send(message, { binary: false }) }
        const control = require('net').createServer(socket => socket.on('data', counts => {
            for (const count of counts) for (let number = 0; number < count; number++) tell()
        }))
        server.on('listening', () => control.listen(0, '127.0.0.1', () => console.log(
            `listening 127.0.0.1:${server.address().port} 127.0.0.1:${control.address().port} ${process.version}`)))
        process.stdin.on('end', () => process.exit()).resume()
        """

    /// A process that runs.
    struct Running {
        let child: ChildProcess
        /// Where subscribers connect to.
        let address: SocketAddress
        /// Where messages are caused.
        let control: SocketAddress
        /// The version of node.
        let version: String
    }

    /// Starts node.
    ///
    /// - Parameters:
    ///   - messageSize: Bytes of a message's payload.
    ///   - folder: Where it writes its mistakes.
    /// - Returns: The process, which listens.
    /// - Throws: ``BenchError`` where node or the library is missing.
    static func start(messageSize: Int, _ folder: borrowing WorkFolder) throws -> Running {
        guard let node: String = path(of: "node") else {
            throw BenchError("needs node and its library ws, of Debian's packages nodejs and node-ws")
        }
        let child: ChildProcess = try ChildProcess(
            node, ["-e", program, "\(messageSize)"], errorLog: "\(folder.path)/node.log")
        let words: [Substring] = try child.nextLine(within: 10)?.split(separator: " ") ?? []
        guard words.count == 4, let address = SocketAddress(String(words[1])),
            let control = SocketAddress(String(words[2]))
        else { throw BenchError("node has no library ws, of Debian's package node-ws") }
        return Running(child: child, address: address, control: control, version: String(words[3]))
    }

    /// Where a program is that is called by its name alone.
    private static func path(of name: String) -> String? {
        guard let folders: UnsafeMutablePointer<CChar> = getenv("PATH") else { return nil }
        return String(cString: folders).split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
