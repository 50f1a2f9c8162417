import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

/// Echoes, and knows a few words that make it do something else.
final class EchoDelegate: WebSocketDelegate {
    private let log: Log

    init(log: Log) {
        self.log = log
    }

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        switch String(decoding: text, as: UTF8.self) {
        case "close": socket.close(.policyViolation, reason: "asked for")
        case "flood": flood(socket)
        case "alarm":
            flood(socket)
            socket.sendText(Array("first".utf8), isUrgent: true)
            // Some of the flood has gone out by then.
            socket.loop.execute { socket.sendText(Array("second".utf8), isUrgent: true) }
        case "alone":
            // The large one is more than the kernel takes at once, so that what follows has to wait behind its rest.
            for count in [10, 6_000_000, 20] {
                socket.send(SharedMessage(text: [UInt8](repeating: 0x61, count: count)), isAlone: true)
            }
            socket.sendText(Array("last".utf8))
        case "overflow":
            var backlog = WebSocketServerConnection.Backlog.open
            let frame = WebSocketFrameEncoder.serverFrame(.binary, [UInt8](repeating: 1, count: 10_000))
            while backlog != .closed { backlog = socket.send(frame: frame) }
            log.add("overflowed")
        default: socket.sendText(text)
        }
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {
        socket.sendBinary(bytes)
    }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        log.add("closed \(code.value) \(reason)")
    }

    func onDrained(_ socket: WebSocketServerConnection) {
        log.add("drained")
    }

    private func flood(_ socket: WebSocketServerConnection) {
        let frame = WebSocketFrameEncoder.serverFrame(.binary, [UInt8](repeating: 2, count: 20_000))
        var count = 0
        while true {
            count += 1
            if socket.send(frame: frame) != .open { break }
        }
        log.add("full")
        socket.sendText(Array("\(count)".utf8))
    }
}

/// Upgrades every request.
private final class UpgradeHandler: HTTPHandler {
    private let log: Log

    init(log: Log) {
        self.log = log
    }

    func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
        let socket = responder.upgrade(request, subprotocols: ["second", "first"], delegate: EchoDelegate(log: log))
        if request.target.elementsEqual("/greeting".utf8) { socket?.sendText(Array("welcome".utf8)) }
    }
}

/// Echoes, and reads no more after `stop`.
private final class PausingHandler: HTTPHandler, WebSocketDelegate {
    private let held: Watched<WebSocketServerConnection?>

    init(_ held: Watched<WebSocketServerConnection?>) {
        self.held = held
    }

    func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
        _ = responder.upgrade(request, delegate: self)
    }

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        guard text.elementsEqual("stop".utf8) else {
            socket.sendText(text)
            return
        }
        socket.setReading(false)
        held.change { $0 = socket }
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {}

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        held.change { $0 = nil }
    }
}

func frame(
    _ opcode: WebSocketOpcode, _ payload: [UInt8], isFinal: Bool = true, isCompressed: Bool = false
) -> [UInt8] {
    var bytes: [UInt8] = []
    WebSocketFrameEncoder.append(
        opcode, payload[...], isFinal: isFinal, isCompressed: isCompressed, mask: 0x1234_5678, to: &bytes)
    return bytes
}

func handshake(_ path: String = "/", _ more: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(more)\r\n"
}

/// A frame as a server sends it.
struct ReceivedFrame: Equatable {
    var first: UInt8
    var payload: [UInt8]
    var text: String { String(decoding: payload, as: UTF8.self) }
}

extension RawConnection {
    func frame() throws -> ReceivedFrame {
        let head = try take(2)
        var count = Int(head[1])
        if count == 126 { count = try take(2).reduce(0) { $0 << 8 | Int($1) } }
        if count == 127 { count = try take(8).reduce(0) { $0 << 8 | Int($1) } }
        return ReceivedFrame(first: head[0], payload: try take(count))
    }

    func shakeHands(_ path: String = "/", _ more: String = "") throws -> Response {
        try send(handshake(path, more))
        return try response()
    }

    /// The code of a close frame, after which the server ends the connection.
    func closeCode() throws -> Int {
        let frame = try frame()
        try #require(frame.first == 0x88)
        return frame.payload.prefix(2).reduce(0) { $0 << 8 | Int($1) }
    }
}

@Suite("The WebSocket server")
struct WebSocketServerTests {
    func makeServer(
        _ settings: WebSocketSettings = WebSocketSettings(), http: HTTPSettings? = nil, log: Log = Log()
    ) throws -> TestServer {
        try TestServer(http ?? HTTPSettings(webSocket: settings)) { _ in UpgradeHandler(log: log) }
    }

    @Test("the handshake answers with the key's proof and the first subprotocol that the client wants (RFC 6455 §1.3)")
    func handshakes() throws {
        let server = try makeServer()
        let peer = try server.connect()
        let response = try peer.shakeHands("/", "Sec-WebSocket-Protocol: other, first, second\r\n")
        #expect(response.status == 101)
        #expect(response.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response.fields["sec-websocket-protocol"] == "first")
        #expect(response.fields["sec-websocket-extensions"] == nil)
        #expect(response.fields["connection"] == "Upgrade")
    }

    @Test("a handshake that is none is answered, and the connection goes on")
    func badHandshake() throws {
        let server = try makeServer()
        let peer = try server.connect()
        try peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try peer.response().status == 400)
        try peer.send(handshake().replacing("Version: 13", with: "Version: 8"))
        let response = try peer.response()
        #expect(response.status == 426)
        #expect(response.fields["sec-websocket-version"] == "13")
        #expect(try peer.shakeHands().status == 101)
    }

    @Test("frames may come right behind the handshake, and messages go right behind its answer")
    func earlyFrames() throws {
        let server = try makeServer()
        let peer = try server.connect()
        try peer.send(Array(handshake("/greeting").utf8) + frame(.text, Array("early".utf8)))
        #expect(try peer.response().status == 101)
        #expect(try peer.frame().text == "welcome")
        #expect(try peer.frame().text == "early")
    }

    @Test("messages of every size come back", arguments: [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
    func echo(count: Int) throws {
        let server = try makeServer()
        let client = try WebSocketClient(server.url, "/")
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try client.send(bytes)
        #expect(try client.receive(timeout: 10_000) == .binary(bytes))
        let text = String(repeating: "é", count: count / 2)
        try client.send(text)
        #expect(try client.receive(timeout: 10_000) == .text(text))
        client.close()
        #expect(try client.receive(timeout: 10_000) == .closed(.normal, reason: ""))
    }

    @Test("fragments are one message, with pings in between, however the bytes are cut")
    func fragments() throws {
        let server = try makeServer()
        let peer = try server.connect()
        _ = try peer.shakeHands()
        let bytes =
            frame(.text, Array("one ".utf8), isFinal: false) + frame(.ping, [1, 2])
            + frame(.continuation, Array("two ".utf8), isFinal: false) + frame(.continuation, Array("three".utf8))
        try peer.send(bytes)
        #expect(try peer.frame() == ReceivedFrame(first: 0x8A, payload: [1, 2]))
        #expect(try peer.frame() == ReceivedFrame(first: 0x81, payload: Array("one two three".utf8)))
        for byte in bytes { try peer.send([byte]) }
        #expect(try peer.frame().first == 0x8A)
        #expect(try peer.frame().text == "one two three")
    }

    @Test(
        "what breaks the protocol is answered with its close code, then the connection ends",
        arguments: [
            (frame(.text, [0xFF]), 1007), (frame(.continuation, [1]), 1002), ([0x81, 0x01, 0x61], 1002),
            ([0xC1, 0x80, 0, 0, 0, 0], 1002), ([0x83, 0x80, 0, 0, 0, 0], 1002), (frame(.close, [1]), 1002),
            (frame(.close, [0x03, 0xED]), 1002), (frame(.binary, [UInt8](repeating: 0, count: 1_001)), 1009),
            (
                frame(.text, [UInt8](repeating: 0x61, count: 600), isFinal: false)
                    + frame(.continuation, [UInt8](repeating: 0x61, count: 600)), 1009
            ),
        ])
    func violations(bytes: [UInt8], code: Int) async throws {
        let log = Log()
        let server = try makeServer(WebSocketSettings(messageLimit: 1_000), log: log)
        let peer = try server.connect()
        _ = try peer.shakeHands()
        try peer.send(bytes)
        #expect(try peer.closeCode() == code)
        #expect(try peer.takeAll() == "")
        try await eventually("the delegate hears of the end once") { log.all.count == 1 }
        #expect(log.all[0].hasPrefix("closed \(code)"))
    }

    @Test("both sides say goodbye, whoever begins")
    func closing() async throws {
        let log = Log()
        let server = try makeServer(log: log)
        let first = try server.connect()
        _ = try first.shakeHands()
        try first.send(frame(.close, [0x03, 0xE9] + Array("bye".utf8)))
        #expect(try first.closeCode() == 1001)
        #expect(try first.takeAll() == "")
        let second = try server.connect()
        _ = try second.shakeHands()
        try second.send(frame(.text, Array("close".utf8)))
        #expect(try second.closeCode() == 1008)
        try second.send(frame(.close, [0x03, 0xF0]))
        #expect(try second.takeAll() == "")
        try await eventually("both ends are told") { log.all == ["closed 1001 bye", "closed 1008 "] }
    }

    @Test("a peer that does not answer our close is cut off")
    func closeTimeout() async throws {
        let log = Log()
        let server = try makeServer(WebSocketSettings(closeTimeout: 50), log: log)
        let peer = try server.connect()
        _ = try peer.shakeHands()
        try peer.send(frame(.text, Array("close".utf8)))
        #expect(try peer.closeCode() == 1008)
        #expect(try peer.takeAll() == "")
        try await eventually("the delegate is told") { log.all == ["closed 1006 "] }
    }

    @Test("a connection that just breaks is told as abnormal", arguments: [true, false])
    func abnormal(abruptly: Bool) async throws {
        let log = Log()
        let server = try makeServer(log: log)
        let peer = try server.connect()
        _ = try peer.shakeHands()
        try peer.send(frame(.text, Array("hello".utf8)))
        _ = try peer.frame()
        if abruptly { peer.reset() } else { peer.close() }
        try await eventually("the delegate is told") { log.all == ["closed 1006 "] }
    }

    @Test("pings come in their time; who answers stays, who does not is cut off (HIVE-CONN-03)")
    func pings() async throws {
        let log = Log()
        let server = try makeServer(WebSocketSettings(pingInterval: 40, unansweredPings: 2), log: log)
        let peer = try server.connect()
        _ = try peer.shakeHands()
        for _ in 0..<4 {
            #expect(try peer.frame() == ReceivedFrame(first: 0x89, payload: []))
            try peer.send(frame(.pong, []))
        }
        let rest = try peer.takeAll()
        #expect(rest.utf8.count >= 4, "at least two more pings, then the end")
        try await eventually("the delegate is told") { log.all.count == 1 }
    }

    @Test("a slow reader is told apart from a fast one, and what waits comes in order once it reads")
    func backPressure() async throws {
        let log = Log()
        let server = try makeServer(
            WebSocketSettings(pingInterval: nil, sendBudget: 8_000_000, sendLimit: 50_000_000), log: log)
        let peer = try server.connect(receiveBuffer: 65_536)
        _ = try peer.shakeHands()
        try peer.send(frame(.text, Array("flood".utf8)))
        try await eventually("the budget is never used up") { log.all.contains("full") }
        #expect(!log.all.contains("drained"))
        var count = 0
        while true {
            let frame = try peer.frame()
            if frame.first == 0x81 {
                #expect(frame.text == "\(count)")
                break
            }
            #expect(frame.payload.count == 20_000)
            count += 1
        }
        try await eventually("nobody is told that there is room again") { log.all.contains("drained") }
        try peer.send(frame(.text, Array("still here".utf8)))
        #expect(try peer.frame().text == "still here")
    }

    @Test("what is urgent goes before what waits, in its own order and between whole frames (DASH-MSG-05)")
    func urgency() async throws {
        let log = Log()
        let server = try makeServer(
            WebSocketSettings(pingInterval: nil, sendBudget: 8_000_000, sendLimit: 50_000_000), log: log)
        let peer = try server.connect(receiveBuffer: 65_536)
        try peer.send(Array(handshake("/").utf8) + frame(.text, Array("alarm".utf8)))
        #expect(try peer.response().status == 101)
        try await eventually("the budget is never used up") { log.all.contains("full") }
        var texts: [String] = []
        var places: [Int] = []
        var count = 0
        while texts.count < 3 {
            let frame = try peer.frame()
            if frame.first == 0x81 {
                texts.append(frame.text)
                places.append(count)
            } else {
                #expect(frame.payload == [UInt8](repeating: 2, count: 20_000))
                count += 1
            }
        }
        #expect(texts == ["first", "second", "\(count)"])
        #expect(places[0] <= 1)
        #expect(places[1] < count)
    }

    @Test("what a delegate does not want yet waits, in order, and a peer that waits for it is not cut off")
    func reading() async throws {
        let held = Watched<WebSocketServerConnection?>(nil)
        let settings = WebSocketSettings(pingInterval: 20, unansweredPings: 1)
        let server = try TestServer(HTTPSettings(webSocket: settings)) { _ in PausingHandler(held) }
        let peer = try server.connect()
        _ = try peer.shakeHands()
        var bytes: [UInt8] = frame(.text, Array("stop".utf8))
        for number in 0..<50 { bytes += frame(.text, Array("\(number)".utf8)) }
        try peer.send(bytes)
        // What asks for signs of life comes, and whether there is an answer is not looked at.
        for _ in 0..<5 { #expect(try peer.frame().first == 0x89) }
        let socket: WebSocketServerConnection = try #require(held.value)
        socket.loop.execute { socket.setReading(true) }
        for number in 0..<50 {
            var received = try peer.frame()
            while received.first == 0x89 {
                try peer.send(frame(.pong, received.payload))
                received = try peer.frame()
            }
            #expect(received.text == "\(number)")
        }
        try peer.send(frame(.text, Array("stop".utf8)))
        try peer.send(frame(.close, [0x03, 0xE8]))
        for _ in 0..<5 { #expect(try peer.frame().first == 0x89) }
        // Who says goodbye listens for the answer.
        socket.loop.execute { socket.close(.normal) }
        var last = try peer.frame()
        while last.first == 0x89 { last = try peer.frame() }
        #expect(last.first == 0x88)
        try await eventually("the end is not heard of") { held.value == nil }
    }

    @Test("a reader that is far too slow is closed with 1013 after the frame that has begun")
    func overflow() async throws {
        let log = Log()
        let server = try makeServer(
            WebSocketSettings(pingInterval: nil, sendBudget: 100_000, sendLimit: 20_000_000), log: log)
        let peer = try server.connect(receiveBuffer: 65_536)
        _ = try peer.shakeHands()
        try peer.send(frame(.text, Array("overflow".utf8)))
        try await eventually("the limit is never reached") { log.all.contains("overflowed") }
        while true {
            let frame = try peer.frame()
            guard frame.first == 0x88 else {
                #expect(frame.payload.count == 10_000)
                continue
            }
            #expect(frame.payload.prefix(2) == [0x03, 0xF5])
            break
        }
    }

    @Test("a draining server says goodbye with 1001 (X-09)")
    func draining() async throws {
        let log = Log()
        let server = try makeServer(log: log)
        let client = try WebSocketClient(server.url, "/")
        try client.send("hello")
        #expect(try client.receive(timeout: 10_000) == .text("hello"))
        server.server.drain { log.add("drained") }
        guard case .closed(let code, _) = try client.receive(timeout: 10_000) else {
            Issue.record("no goodbye")
            return
        }
        #expect(code == .goingAway)
        try await eventually("the last connection never goes") { log.all.contains("drained") }
    }

    @Test("no damage to frames stops the server or keeps a connection for ever")
    func damaged() throws {
        let server = try makeServer(WebSocketSettings(messageLimit: 10_000, closeTimeout: 200))
        var deflater = try Deflater()
        var compressed: [UInt8] = []
        deflater.compress(Array(String(repeating: "words ", count: 300).utf8)[...], into: &compressed)
        let original =
            frame(.text, Array("hello".utf8)) + frame(.text, compressed, isCompressed: true) + frame(.ping, [1])
            + frame(.binary, [UInt8](repeating: 7, count: 300), isFinal: false) + frame(.continuation, [1, 2, 3])
            + frame(.close, [0x03, 0xE8])
        for bytes in Mutations(of: original, count: 300) {
            let peer = try server.connect()
            _ = try peer.shakeHands("/", Self.deflate)
            try? peer.send(bytes)
            peer.finishSending()
            #expect(try peer.takeAll().utf8.count < 100_000)
        }
        let client = try WebSocketClient(server.url, "/")
        try client.send("still here")
        #expect(try client.receive(timeout: 10_000) == .text("still here"))
    }

    @Test("connections that break off leave no descriptor and no place behind")
    func abruptEnds() async throws {
        let server = try makeServer()
        for _ in 0..<5 {
            var peers: [RawConnection] = []
            for index in 0..<50 {
                let peer = try server.connect()
                try peer.send(handshake())
                if index.isMultiple(of: 2) { try peer.send(frame(.text, Array("hello".utf8))) }
                peers.append(peer)
            }
            for (index, peer) in peers.enumerated() {
                if index.isMultiple(of: 3) { peer.reset() } else { peer.close() }
            }
        }
        try await eventually("connections are left over") { server.server.limit.count == 0 }
        try await eventually("load is left over") { server.server.group.loops.allSatisfy { $0.currentLoad == 0 } }
        try await eventually("descriptors are left over") { try server.heldSocketCount() == 0 }
    }
}
