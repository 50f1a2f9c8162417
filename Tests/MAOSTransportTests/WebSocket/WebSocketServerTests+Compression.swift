import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

/// Messages that are compressed, and messages that many peers share, compressed or not.
extension WebSocketServerTests {
    static let deflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

    @Test("compression is agreed on only when it is offered and configured (HIVE-CONN-09)")
    func negotiation() throws {
        let server = try makeServer()
        let agreed = try server.connect().shakeHands("/", Self.deflate)
        let field = try #require(agreed.fields["sec-websocket-extensions"])
        #expect(field.hasPrefix("permessage-deflate"))
        #expect(field.contains("server_no_context_takeover"))
        #expect(field.contains("client_no_context_takeover"))
        let plain = try makeServer(WebSocketSettings(compresses: false))
        #expect(try plain.connect().shakeHands("/", Self.deflate).fields["sec-websocket-extensions"] == nil)
    }

    @Test("compressed messages are read, and large answers are compressed", arguments: [15, 10])
    func compression(bits: Int) throws {
        let server = try makeServer()
        let peer = try server.connect()
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=\(bits)\r\n"
        #expect(try peer.shakeHands("/", offer).status == 101)
        var deflater = try Deflater()
        var inflater = try Inflater()
        for count in [10, 1_000, 200_000] {
            let text = Array(String(repeating: "words and words, ", count: count / 17 + 1).utf8.prefix(count))
            var compressed: [UInt8] = []
            deflater.compress(text[...], into: &compressed)
            try peer.send(frame(.text, compressed, isCompressed: true))
            let answer = try peer.frame()
            if count < 512 {
                #expect(answer == ReceivedFrame(first: 0x81, payload: text))
            } else {
                #expect(answer.first == 0xC1)
                #expect(answer.payload.count < count / 4)
                let expanded = try inflater.expand(answer.payload[...], limit: count)
                #expect(expanded == text)
            }
        }
    }

    @Test("a bomb, broken data, and text that is not UTF-8 are refused after inflating")
    func badCompression() throws {
        let server = try makeServer(WebSocketSettings(messageLimit: 100_000))
        var deflater = try Deflater(windowBits: 15, level: 9)
        var bomb: [UInt8] = []
        deflater.compress([UInt8](repeating: 0x61, count: 10_000_000)[...], into: &bomb)
        #expect(bomb.count < 100_000)
        var latin: [UInt8] = []
        deflater.compress([0x61, 0xE9][...], into: &latin)
        for (payload, code) in [(bomb, 1009), ([0xFF, 0xFF, 0xFF], 1007), (latin, 1007)] {
            let peer = try server.connect()
            _ = try peer.shakeHands("/", Self.deflate)
            try peer.send(frame(.text, payload, isCompressed: true))
            #expect(try peer.closeCode() == code)
            #expect(try peer.takeAll() == "")
        }
    }

    @Test("a shared message reaches compressed and plain peers alike")
    func sharedMessages() throws {
        final class Greeter: HTTPHandler {
            let message = SharedMessage(text: [UInt8](repeating: 0x62, count: 5_000))
            func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
                let socket = responder.upgrade(request, delegate: EchoDelegate(log: Log()))
                socket?.send(message)
            }
        }
        let server = try TestServer(loops: 1) { _ in Greeter() }
        let plain = try server.connect()
        _ = try plain.shakeHands()
        #expect(try plain.frame().payload == [UInt8](repeating: 0x62, count: 5_000))
        let compressed = try server.connect()
        _ = try compressed.shakeHands("/", Self.deflate)
        let frame = try compressed.frame()
        #expect(frame.first == 0xC1)
        var inflater = try Inflater()
        let expanded = try inflater.expand(frame.payload[...], limit: 5_000)
        #expect(expanded == [UInt8](repeating: 0x62, count: 5_000))
    }

    @Test("messages that are shared together keep their order, and only the large ones are compressed")
    func sharedRuns() throws {
        let texts: [[UInt8]] = [3, 5_000, 40, 700].map { [UInt8](repeating: 0x63, count: $0) }
        final class Greeter: HTTPHandler {
            let message: SharedMessage
            init(_ texts: [[UInt8]]) { message = SharedMessage(texts: texts) }
            func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
                responder.upgrade(request, delegate: EchoDelegate(log: Log()))?.send(message)
            }
        }
        let server = try TestServer(loops: 1) { _ in Greeter(texts) }
        let plain = try server.connect()
        _ = try plain.shakeHands()
        for text: [UInt8] in texts { #expect(try plain.frame() == ReceivedFrame(first: 0x81, payload: text)) }
        let compressed = try server.connect()
        _ = try compressed.shakeHands("/", Self.deflate)
        var inflater = try Inflater()
        for text: [UInt8] in texts {
            let frame = try compressed.frame()
            #expect(frame.first == (text.count < 512 ? 0x81 : 0xC1))
            let payload: [UInt8] =
                text.count < 512 ? frame.payload : try inflater.expand(frame.payload[...], limit: 5_000)
            #expect(payload == text)
        }
    }

    @Test("messages that go past the queue keep their order, also when the kernel takes only a part of one")
    func loneMessages() throws {
        let server = try makeServer(WebSocketSettings(sendBudget: 1_000_000, sendLimit: 100_000_000))
        let peer = try server.connect()
        #expect(try peer.shakeHands().status == 101)
        try peer.send(frame(.text, Array("alone".utf8)))
        for count in [10, 6_000_000, 20] {
            let received = try peer.frame()
            #expect(received.first == 0x81)
            #expect(received.payload == [UInt8](repeating: 0x61, count: count))
        }
        #expect(try peer.frame().text == "last")
        // All of it is accounted for: what comes next goes past the queue again.
        try peer.send(frame(.text, Array("alone".utf8)))
        #expect(try peer.frame().payload.count == 10)
    }
}
