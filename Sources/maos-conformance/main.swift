import Glibc
import MAOSSystem
import MAOSTransport

let usage = """
    usage: maos-conformance [--port N]

    Serves plain handlers on MAOS's own transport, for public conformance suites:

      GET /        200, "OK"; POST gives the body back, OPTIONS says what is allowed
      /echo        any method: the request's body
      /cookie      the request's cookies, one name=value a line
      /ws-echo     WebSocket: echoes text and binary messages

      --port N     the port on 127.0.0.1; 0, the default, picks a free one
      --help       this text

    Prints "listening 127.0.0.1:PORT", then "ready". Ends on SIGTERM and SIGINT.

    """

/// Writes a line or more to a descriptor, whole.
func write(_ text: String, to number: CInt) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}

/// Says what is wrong, and ends.
func fail(_ reason: String, code: CInt) -> Never {
    write("maos-conformance: \(reason)\n", to: STDERR_FILENO)
    exit(code)
}

/// The port that the arguments ask for.
func port(from arguments: [String]) -> UInt16 {
    var rest = arguments[...]
    var port: UInt16 = 0
    while let argument = rest.popFirst() {
        switch argument {
        case "--help", "-h":
            write(usage, to: STDOUT_FILENO)
            exit(0)
        case "--port":
            guard let text = rest.popFirst(), let number = UInt16(text) else {
                fail("--port takes a number from 0 to 65535", code: 2)
            }
            port = number
        default:
            fail("unknown argument \(argument); see --help", code: 2)
        }
    }
    return port
}

let wanted = port(from: Array(CommandLine.arguments.dropFirst()))
do {
    try Signals.block([Signals.terminate, Signals.interrupt])
    Signals.ignoreBrokenPipes()
    DescriptorLimit.raise()
    let server = try TransportServer()
    let ended = WorkerThread(name: "end")
    let signals = try SignalSource([Signals.terminate, Signals.interrupt], on: server.group.loops[0]) { _ in
        ended.stop()
    }
    // Suites send messages of 16 MB and more.
    let settings = HTTPSettings(
        webSocket: WebSocketSettings(messageLimit: 64 << 20, sendLimit: 256 << 20, compressionThreshold: 0))
    let listener = try server.listen(on: .numeric(SocketAddress(.loopback4, port: wanted)), settings: settings) { _ in
        ConformanceHandler()
    }
    signals.start()
    try ended.start()
    listener.start()
    write("listening \(listener.address)\nready\n", to: STDOUT_FILENO)
    ended.join()
    server.stopAndJoin()
} catch {
    fail("\(error)", code: 1)
}
