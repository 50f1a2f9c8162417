import MAOSProtocols
import MAOSTestSupport
import Testing

/// Everything that came out of a response parser for some input.
private struct CollectedResponses: Equatable {
    var heads: [Int] = []
    var bodies: [[UInt8]] = []
    var ends = 0
    var error: HTTP1Error?

    init(_ pieces: [ArraySlice<UInt8>], methods: [HTTPMethod], closes: Bool) {
        var parser = HTTP1ResponseParser(headLimit: 1000, fieldLimit: 20, bodyLimit: 1000)
        for method in methods {
            parser.sent(method)
        }
        do throws(HTTP1Error) {
            for piece in pieces {
                parser.receive(piece)
                while let event = try parser.next() {
                    take(event)
                }
            }
            if closes, let event = try parser.finish() {
                take(event)
            }
        } catch {
            self.error = error
        }
    }

    private mutating func take(_ event: HTTP1ResponseParser.Event) {
        switch event {
        case .head(let head):
            heads.append(head.status.code)
            bodies.append([])
        case .body(let piece): bodies[bodies.count - 1] += piece
        case .end: ends += 1
        }
    }
}

@Suite("HTTP/1 response parser") struct HTTP1ResponseParserTests {
    private struct Case: Sendable {
        var text: String
        var methods: [HTTPMethod]
        var heads: [Int]
        var bodies: [String]
    }

    private static let cases: [Case] = [
        Case(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 404 \r\ncontent-length: 0\r\n\r\n",
            methods: [.get, .get], heads: [200, 404], bodies: ["hello", ""]),
        Case(
            text: "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", methods: [.get],
            heads: [200], bodies: ["abc"]),
        Case(
            text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", methods: [.post],
            heads: [100, 201], bodies: ["", "x"]),
        Case(
            text:
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            methods: [.head, .get, .get], heads: [200, 204, 304], bodies: ["", "", ""]),
        Case(text: "HTTP/1.0 200 OK\r\n\r\nuntil the end", methods: [.get], heads: [200], bodies: ["until the end"]),
    ]

    @Test("answers of every framing, however they are cut")
    func framings() {
        for test in HTTP1ResponseParserTests.cases {
            everySplit(of: Array(test.text.utf8)) { pieces in
                let result = CollectedResponses(pieces, methods: test.methods, closes: true)
                #expect(result.error == nil)
                #expect(result.heads == test.heads)
                #expect(result.bodies == test.bodies.map { Array($0.utf8) })
                #expect(result.ends == test.heads.count)
            }
        }
    }

    @Test("an answer cut short is truncated")
    func truncation() {
        for test in HTTP1ResponseParserTests.cases.dropLast() {
            everyPrefix(of: Array(test.text.utf8)) { prefix in
                #expect(CollectedResponses([prefix[...]], methods: test.methods, closes: true).error == .truncated)
            }
        }
    }

    @Test(
        "broken answers are refused",
        arguments: [
            "HTTP/1.1\r\n", "HTTP/2 200 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000\r\n", "HTTP/1.1 099 X\r\n",
            "HTTP/1.1 600 X\r\n", "HTTP/1.1 200 \u{1}\r\n", "http/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        ])
    func refusals(text: String) {
        #expect(CollectedResponses([Array(text.utf8)[...]], methods: [.get], closes: false).error != nil)
    }

    @Test("after 101 the connection belongs to the other protocol")
    func switching() throws {
        var parser = HTTP1ResponseParser(headLimit: 1000, fieldLimit: 20, bodyLimit: 1000)
        parser.sent(.get)
        parser.receive(Array("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\u{1}\u{2}".utf8))
        guard case .head(let head) = try parser.next() else {
            Issue.record("no head")
            return
        }
        #expect(head.status == .switchingProtocols)
        guard case .end = try parser.next() else {
            Issue.record("no end")
            return
        }
        #expect(try parser.next() == nil)
        #expect(parser.takeRemaining() == [1, 2])
    }

    @Test("mutations never crash and depend on no cut")
    func mutations() {
        for test in HTTP1ResponseParserTests.cases {
            for variant in Mutations(of: Array(test.text.utf8), count: 1000, spice: Array(":;, \r\nHTTP/1.0".utf8)) {
                let whole = CollectedResponses([variant[...]], methods: test.methods, closes: true)
                let drip = CollectedResponses(
                    variant.indices.map { variant[$0...$0] }, methods: test.methods, closes: true)
                #expect(whole == drip)
            }
        }
    }
}
