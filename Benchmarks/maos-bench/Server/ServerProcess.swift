internal import MAOSCore
internal import MAOSSystem

/// A server that has said it is ready, without rate limits, on a free port of loopback.
final class ServerProcess {
    let address: SocketAddress
    let requests: HTTPRequests
    /// From exec to the line `ready`, in nanoseconds.
    let startNanoseconds: Int64
    /// CPU time until then, in nanoseconds.
    let startCPU: Int64
    private let child: ChildProcess
    private let log: String

    /// Starts a server and waits until it is ready.
    ///
    /// - Parameters:
    ///   - program: The server's program.
    ///   - data: Its data directory.
    ///   - folder: Where its log goes.
    ///   - surface: What it serves.
    ///   - more: Further arguments.
    /// - Throws: ``BenchError`` with the end of its log when it did not become ready.
    init(
        _ program: String, data: String, folder: borrowing WorkFolder, surface: String = "gateway", more: [String] = []
    ) throws {
        log = "\(folder.path)/server.log"
        let arguments: [String] =
            [
                "--limits", "off", "--listen", "127.0.0.1:0=\(surface)", "--data", data, "--log-level", "warn",
            ] + more
        child = try ChildProcess(program, arguments, errorLog: log)
        var found: SocketAddress?
        while true {
            guard let line: String = try child.nextLine(within: 120) else {
                throw BenchError("the server ended before it was ready: \(TextFile.read(log).suffix(1_000))")
            }
            if line == "ready" { break }
            let words: [Substring] = line.split(separator: " ")
            if words.count >= 2, words[0] == "listening" { found = SocketAddress(String(words[1])) }
        }
        startNanoseconds = SystemClock.monotonicNanoseconds() - child.startedAt
        startCPU = child.probe.cpuNanoseconds()
        guard let found else { throw BenchError("the server named no address") }
        address = found
        let token: Substring = TextFile.read("\(data)/admin.token").prefix { !$0.isWhitespace }
        guard !token.isEmpty else { throw BenchError("there is no token in \(data)/admin.token") }
        requests = HTTPRequests(host: "\(found)", token: String(token))
    }

    var probe: ProcessProbe { child.probe }

    /// Ends it and waits until it is gone.
    func stop() { child.stop() }

    /// Ends it at once, without giving it a chance to do anything.
    func kill() { child.kill() }

    /// The end of what it logged.
    var logged: String { String(TextFile.read(log).suffix(1_000)) }
}

/// A task whose creation is all that ever happens to it: nobody has what it asks for.
enum WaitingTask {
    /// The body of the request that creates it.
    static let body: String =
        #"{"type":"code","description":"Count the lines of every source file","priority":"medium","#
        + #""requirements":[{"type":"capability","name":"bench-nobody","mandatory":true}],"#
        + #""context":{"repository":"https://example.org/project.git","branch":"main","files":["Sources","Tests"]}}"#
}
