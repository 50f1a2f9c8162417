import MAOSProtocols
import MAOSTestSupport
import Testing

@Suite("WebSocket handshake") struct WebSocketHandshakeTests {
    private func head(_ lines: String, first: String = "GET /ws HTTP/1.1") throws -> HTTPRequestHead {
        var parser = HTTP1RequestParser(headLimit: 8192, fieldLimit: 50, bodyLimit: 100)
        parser.receive(Array("\(first)\r\nHost: h\r\n\(lines)\r\n".utf8))
        guard case .head(let head) = try parser.next() else { throw HTTP1Error.truncated }
        return head
    }

    private static let good =
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

    @Test("the key of RFC 6455 section 1.3 gets its answer")
    func acceptKey() throws {
        #expect(WebSocketHandshake.acceptKey(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        let request = try head(WebSocketHandshakeTests.good)
        #expect(WebSocketHandshake.isUpgrade(request))
        let acceptance = try WebSocketHandshake.accept(request, subprotocols: [], deflate: nil)
        var output: [UInt8] = []
        acceptance.appendResponse(date: [], to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == "HTTP/1.1 101 Switching Protocols\r\ndate: \r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
    }

    @Test(
        "of the offered subprotocols the first that is spoken is chosen",
        arguments: [
            ("a, b", ["b", "a"], "a"), ("x, b", ["a", "b"], "b"), ("x", ["a"], nil), ("", ["a"], nil),
        ] as [(String, [String], String?)])
    func subprotocols(offered: String, spoken: [String], chosen: String?) throws {
        let request = try head(WebSocketHandshakeTests.good + "Sec-WebSocket-Protocol: \(offered)\r\n")
        let acceptance = try WebSocketHandshake.accept(request, subprotocols: spoken, deflate: nil)
        #expect(acceptance.subprotocol == chosen)
        #expect(acceptance.fields[.secWebSocketProtocol] == chosen)
    }

    @Test(
        "requests that are no handshake are refused",
        arguments: [
            (("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"), WebSocketHandshakeError.notAnUpgrade),
            (("Upgrade: websocket\r\n", ""), .notAnUpgrade), (("keep-alive, Upgrade", "keep-alive"), .notAnUpgrade),
            (("Version: 13", "Version: 8"), .version), (("Version: 13", "Version: 13, 8"), .version),
            (("Sec-WebSocket-Version: 13\r\n", ""), .version),
            (("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), .key), (("dGhlIHNhbXBsZSBub25jZQ==", "no base64"), .key),
            (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), .key),
            (("Sec-WebSocket-Version", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version"), .key),
            (("Upgrade: websocket\r\n", "Upgrade: websocket\r\nContent-Length: 1\r\n"), .notAnUpgrade),
        ])
    func refused(change: (String, String), error: WebSocketHandshakeError) throws {
        let lines = WebSocketHandshakeTests.good.replacing(change.0, with: change.1)
        #expect(throws: error) { try WebSocketHandshake.accept(try head(lines), subprotocols: [], deflate: nil) }
        #expect(error.status == (error == .version ? .upgradeRequired : .badRequest))
    }

    @Test("other methods and HTTP/1.0 are refused", arguments: ["POST /ws HTTP/1.1", "GET /ws HTTP/1.0"])
    func refusedRequestLine(first: String) throws {
        let request = try head(WebSocketHandshakeTests.good, first: first)
        #expect(throws: WebSocketHandshakeError.notAnUpgrade) {
            try WebSocketHandshake.accept(request, subprotocols: [], deflate: nil)
        }
    }

    @Test("a client's request is accepted by our server, and its answer by the client")
    func client() throws {
        let request = WebSocketHandshake.Request(nonce: Array(0..<16), subprotocols: ["a", "b"], offersDeflate: true)
        var output: [UInt8] = []
        request.append(target: "/ws", host: "h", fields: [.authorization: "Bearer t"], to: &output)
        var parser = HTTP1RequestParser(headLimit: 8192, fieldLimit: 50, bodyLimit: 0)
        parser.receive(output)
        guard case .head(let head) = try parser.next() else { throw HTTP1Error.truncated }
        #expect(head.fields[.authorization] == "Bearer t")
        let acceptance = try WebSocketHandshake.accept(
            head, subprotocols: ["b"],
            deflate: WebSocketDeflatePolicy(serverNoContextTakeover: true, clientMaxWindowBits: 12))
        output = []
        acceptance.appendResponse(date: [], to: &output)
        let agreed = try request.verify(try answer(String(decoding: output, as: UTF8.self)))
        #expect(agreed.subprotocol == "b")
        #expect(agreed.deflate == acceptance.deflate)
        #expect(agreed.deflate?.serverNoContextTakeover == true)
        #expect(agreed.deflate?.clientMaxWindowBits == 12)
    }

    private func answer(_ text: String) throws -> HTTPResponseHead {
        var parser = HTTP1ResponseParser(headLimit: 8192, fieldLimit: 50, bodyLimit: 100)
        parser.sent(.get)
        parser.receive(Array(text.utf8))
        guard case .head(let head) = try parser.next() else { throw HTTP1Error.truncated }
        return head
    }

    @Test(
        "a client refuses answers to something else",
        arguments: [
            ("HTTP/1.1 200 OK\r\n", "", WebSocketHandshakeError.status(200)),
            ("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n", "", .notAnUpgrade),
            ("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n", "", .accept),
            ("OK", "Sec-WebSocket-Protocol: c\r\n", .subprotocol),
            ("OK", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", .subprotocol),
            ("OK", "Sec-WebSocket-Extensions: permessage-deflate\r\n", .extensions),
            ("OK", "Sec-WebSocket-Extensions: x\r\n", .extensions),
        ])
    func refusedAnswers(start: String, more: String, error: WebSocketHandshakeError) throws {
        let request = WebSocketHandshake.Request(nonce: Array(0..<16), subprotocols: ["a"], offersDeflate: false)
        let good =
            "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(WebSocketHandshake.acceptKey(for: request.key))\r\n"
        let head = try answer((start == "OK" ? good : start) + more + "\r\n")
        #expect(throws: error) { try request.verify(head) }
    }
}

@Suite("WebSocket compression negotiation") struct WebSocketDeflateTests {
    @Test(
        "the first offer that can be met is met",
        arguments: [
            ("permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
            ("x-other, permessage-deflate", "permessage-deflate"),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            ),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"),
            ("permessage-deflate; client_max_window_bits=\"9\"", "permessage-deflate; client_max_window_bits=9"),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate"),
            (
                "permessage-deflate; unknown, permessage-deflate; client_max_window_bits=15",
                "permessage-deflate; client_max_window_bits=15"
            ),
            (" ,permessage-deflate ;server_max_window_bits = 15 ", "permessage-deflate; server_max_window_bits=15"),
        ])
    func accepted(offer: String, response: String) throws {
        let answer = try #require(WebSocketDeflate.accept([offer], policy: WebSocketDeflatePolicy()))
        #expect(answer.response == response)
        #expect(try WebSocketDeflate.verify([answer.response]) == answer.parameters)
    }

    @Test(
        "offers that cannot be met go without the extension",
        arguments: [
            "", "permessage-bzip2", "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=010", "permessage-deflate; client_max_window_bits=a",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "permessage-deflate; unknown",
            "permessage-deflate;", "permessage-deflate; =1", "permessage-deflate x",
            "permessage-deflate; client_max_window_bits=\"9", "permessage-deflate; client_max_window_bits=\"\"",
        ])
    func declined(offer: String) {
        #expect(WebSocketDeflate.accept([offer], policy: WebSocketDeflatePolicy()) == nil)
    }

    @Test("the server's policy narrows what clients leave open")
    func policy() throws {
        let policy = WebSocketDeflatePolicy(
            serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 11,
            clientMaxWindowBits: 10)
        let free = try #require(WebSocketDeflate.accept(["permessage-deflate; client_max_window_bits"], policy: policy))
        #expect(
            free.response
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=10"
        )
        let bound = try #require(
            WebSocketDeflate.accept(["permessage-deflate; server_max_window_bits=9"], policy: policy))
        #expect(bound.parameters.serverMaxWindowBits == 9)
        #expect(bound.parameters.clientMaxWindowBits == 15)
    }

    @Test(
        "a client refuses answers that are none to its offer",
        arguments: [
            "permessage-deflate; client_max_window_bits", "permessage-deflate, permessage-deflate", "x",
            "permessage-deflate; server_max_window_bits=99", "permessage-deflate; client_max_window_bits=8", ";",
        ])
    func refusedAnswers(answer: String) {
        #expect(throws: WebSocketHandshakeError.extensions) { try WebSocketDeflate.verify([answer]) }
    }

    @Test("an answer without extensions goes without")
    func noExtension() throws {
        #expect(try WebSocketDeflate.verify([]) == nil)
    }

    @Test("mutations of offers never crash")
    func mutations() {
        let offer = Array(
            "permessage-deflate; client_max_window_bits=\"1\\0\"; server_no_context_takeover, x; y=z".utf8)
        for variant in Mutations(of: offer, count: 3000, spice: Array(";,=\"\\ ".utf8)) {
            _ = WebSocketDeflate.accept([String(decoding: variant, as: UTF8.self)], policy: WebSocketDeflatePolicy())
        }
    }
}
