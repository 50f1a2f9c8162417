import MAOSProtocols
import MAOSTestSupport
import Testing

@Suite("HTTP/1 request parser") struct HTTP1RequestParserTests {
    private func head(_ text: String) throws -> HTTPRequestHead {
        var parser = HTTP1RequestParser(headLimit: 8192, fieldLimit: 50, bodyLimit: 1000)
        parser.receive(Array(text.utf8))
        guard case .head(let head) = try parser.next() else {
            throw HTTP1Error.truncated
        }
        return head
    }

    private static let samples: [String] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /a/b?c=d HTTP/1.1\r\nHOST: [::1]:80\r\nX-Empty:\r\nX-Spaces: \t v w \t\r\n\r\nGET /2 HTTP/1.1\r\nhost: b\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloDELETE /y HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b ; c=\"d\\\"e\"\r\n!\r\n0\r\nX-T: 1\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\nGET /ignored HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://Host.example:80/p?q HTTP/1.1\r\nHost: host.EXAMPLE:80\r\nConnection: x, Close\r\n\r\nrest that is not read",
    ]

    @Test("however a stream is cut, the requests are the same", arguments: samples)
    func splits(text: String) {
        let bytes = Array(text.utf8)
        let whole = CollectedRequests([bytes[...]])
        #expect(whole.error == nil)
        #expect(!whole.complete.isEmpty)
        everySplit(of: bytes) { pieces in
            #expect(CollectedRequests(pieces) == whole)
        }
        everyPrefix(of: bytes) { prefix in
            #expect(CollectedRequests([prefix[...]]).error == nil)
        }
    }

    @Test("requests hold their parts")
    func parts() throws {
        let result = CollectedRequests(HTTP1RequestParserTests.samples[1])
        #expect(result.requests.map(\.target) == ["/a/b?c=d", "/2"])
        #expect(result.requests[0].fields == ["host: [::1]:80", "x-empty: ", "x-spaces: v w"])
        let chunked = CollectedRequests(HTTP1RequestParserTests.samples[3])
        #expect(chunked.requests.map(\.method) == ["POST", "HEAD"])
        #expect(chunked.requests[0].body == Array("hello!".utf8))
        #expect(chunked.requests[0].trailers == ["x-t: 1"])
        #expect(CollectedRequests(HTTP1RequestParserTests.samples[4]).requests.map(\.target) == ["*"])
        #expect(CollectedRequests(HTTP1RequestParserTests.samples[5]).requests.map(\.target) == ["/p?q"])
    }

    @Test("the head knows method, version, authority, length and connection")
    func headProperties() throws {
        var head = try head("PATCH /x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 7\r\n\r\n")
        #expect(head.method == .patch)
        #expect(head.version == .http11)
        #expect(head.authority == "h:1")
        #expect(head.contentLength == 7)
        #expect(head.keepsAlive)
        #expect(!head.expectsContinue)
        #expect(head.fields[.contentLength] == "7")
        head = try self.head("GET https://h HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n")
        #expect(head.targetText == "/")
        #expect(head.authority == "h")
        #expect(head.contentLength == nil)
        head = try self.head("GET / HTTP/1.0\r\n\r\n")
        #expect(head.authority == "")
        #expect(!head.keepsAlive)
        #expect(try self.head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepsAlive)
        #expect(
            try !self.head("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nConnection: close\r\n\r\n").keepsAlive)
        #expect(try self.head("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n").method == .other("M-SEARCH"))
    }

    @Test("100-continue is expected only of HTTP/1.1 with a body that has not begun")
    func expectContinue() throws {
        let fields = "Host: h\r\nExpect: 100-Continue\r\n"
        #expect(try head("POST / HTTP/1.1\r\n\(fields)Content-Length: 5\r\n\r\n").expectsContinue)
        #expect(try head("POST / HTTP/1.1\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n").expectsContinue)
        #expect(try !head("POST / HTTP/1.1\r\n\(fields)Content-Length: 5\r\n\r\nhello").expectsContinue)
        #expect(try !head("POST / HTTP/1.1\r\n\(fields)\r\n").expectsContinue)
        #expect(try !head("POST / HTTP/1.0\r\n\(fields)Content-Length: 5\r\n\r\n").expectsContinue)
    }

    @Test(
        "what is wrong is named, with the status to answer",
        arguments: [
            ("GET /\r\n", .requestLine, 400), ("GET  / HTTP/1.1\r\n", .requestLine, 400),
            ("GET / HTTP/1.1 \r\n", .requestLine, 400),
            (" GET / HTTP/1.1\r\n", .requestLine, 400), ("\r\n\r\n", .requestLine, 400),
            ("GET / HTTP/1.\r\n", .requestLine, 400),
            ("GET / http/1.1\r\n", .requestLine, 400), ("\u{16}\u{3}", .requestLine, 400),
            ("GET / HTTP/1.1\n", .lineEnding, 400), ("\n", .requestLine, 400),
            ("GET / HTTP/2.0\r\n", .version, 505), ("GET / HTTP/1.2\r\n", .version, 505),
            ("GET x HTTP/1.1\r\n", .target, 400),
            ("GET * HTTP/1.1\r\n", .target, 400), ("GET /a#b HTTP/1.1\r\n", .target, 400),
            ("GET /a\\b HTTP/1.1\r\n", .target, 400),
            ("GET /é HTTP/1.1\r\n", .target, 400), ("GET ftp://h/ HTTP/1.1\r\n", .target, 400),
            ("GET http:///x HTTP/1.1\r\n", .target, 400),
            ("GET http://u@h/ HTTP/1.1\r\n", .target, 400),
            ("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n", .target, 400),
            ("CONNECT h:1 HTTP/1.1\r\n", .tunnel, 501), ("GET / HTTP/1.1\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", .host, 400), ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .host, 400), ("GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", .host, 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .host, 400),
            ("GET / HTTP/1.1\r\n Host: a\r\n", .foldedField, 400),
            ("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n", .foldedField, 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n", .fieldName, 400), ("GET / HTTP/1.1\r\nHost\r\n", .fieldName, 400),
            ("GET / HTTP/1.1\r\n: a\r\n", .fieldName, 400),
            ("GET / HTTP/1.1\r\nA: b\u{0}\r\n", .fieldValue, 400),
            ("GET / HTTP/1.1\r\nA: b\u{7F}\r\n", .fieldValue, 400), ("GET / HTTP/1.1\r\nA: b\rc\r\n", .lineEnding, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n", .contentLength, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .contentLength, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .contentLength, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", .contentLength, 400),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                .transferEncoding, 400
            ), ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncoding, 400),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                .transferEncoding, 400
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .transferCoding, 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", .transferEncoding, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", .expectation, 417),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n", .duplicateField, 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", .bodyTooLarge(limit: 1000), 413),
        ] as [(String, HTTP1Error, Int)])
    func refusals(text: String, error: HTTP1Error, status: Int) {
        let bytes = Array(text.utf8)
        everySplit(of: bytes) { pieces in
            let result = CollectedRequests(pieces, bodyLimit: 1000)
            #expect(result.error == error)
            #expect(result.requests.isEmpty)
        }
        #expect(error.status.code == status)
        #expect(!error.description.isEmpty)
    }

    @Test(
        "chunks that are malformed are refused",
        arguments: [
            "\r\n", "x\r\n", " 1\r\n", "1 \r\n", "1;\r\n", "1;=\r\n", "1;a=\r\n", "1;a=\"b\r\n", "1;a=\"b\"c\r\n",
            "-1\r\n", "+1\r\n", "0x1\r\n", "1_0\r\n", "10000000000000000\r\n",
            "1\n", "1\r\nab", "1\r\na\n", "1\r\na\rb", "0\r\nA\r\n", "0\r\nContent-Length: 1\r\n\r\n",
            "0\r\nHost: x\r\n\r\n", "0\r\nA: \u{0}\r\n\r\n",
        ])
    func badChunks(chunks: String) {
        let result = CollectedRequests("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
        #expect(result.error != nil)
        #expect(result.complete.isEmpty)
    }

    @Test("limits hold on what is declared and on what arrives")
    func limits() {
        func error(_ text: String, head: Int = 100, fields: Int = 3, body: Int = 10) -> HTTP1Error? {
            CollectedRequests([Array(text.utf8)[...]], headLimit: head, fieldLimit: fields, bodyLimit: body).error
        }
        #expect(error("GET /\(String(repeating: "a", count: 200))") == .targetTooLong(limit: 100))
        #expect(
            error("GET /\(String(repeating: "a", count: 200)) HTTP/1.1\r\nHost: a\r\n\r\n")
                == .targetTooLong(limit: 100))
        #expect(error(String(repeating: "A", count: 200)) == .requestLine)
        #expect(error("GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 200))") == .headTooLarge(limit: 100))
        #expect(error("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n") == .tooManyFields(limit: 3))
        #expect(error("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n") == nil)
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(error(chunked + "6\r\nhello!\r\n5\r\n") == .bodyTooLarge(limit: 10))
        #expect(error(chunked + "FFFFFFFFFFFFFFF\r\n") == .bodyTooLarge(limit: 10))
        #expect(error(chunked + "1;a=\(String(repeating: "b", count: 5000))") == .chunk)
        #expect(error(chunked + "0\r\nA: \(String(repeating: "b", count: 200))") == .headTooLarge(limit: 100))
        #expect(error(chunked + "0\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n") == .tooManyFields(limit: 3))
    }

    @Test("a failure is final")
    func failuresAreFinal() {
        var parser = HTTP1RequestParser(headLimit: 100, fieldLimit: 10, bodyLimit: 10)
        parser.receive(Array("BAD\r\n".utf8))
        #expect(throws: HTTP1Error.requestLine) { try parser.next() }
        parser.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(throws: HTTP1Error.requestLine) { try parser.next() }
    }

    @Test("the parser knows whether it is idle or inside of a head")
    func idle() throws {
        var parser = HTTP1RequestParser(headLimit: 100, fieldLimit: 10, bodyLimit: 10)
        #expect(parser.isIdle && !parser.isInHead)
        parser.receive(Array("GET / HT".utf8))
        #expect(try parser.next() == nil)
        #expect(!parser.isIdle && parser.isInHead)
        parser.receive(Array("TP/1.1\r\nHost: a\r\n".utf8))
        #expect(try parser.next() == nil)
        #expect(parser.isInHead)
        parser.receive(Array("\r\n".utf8))
        #expect(try parser.next() != nil)
        #expect(!parser.isInHead)
        #expect(try parser.next() != nil)
        #expect(parser.isIdle)
        #expect(try parser.next() == nil)
    }

    @Test("an upgrade takes what follows the head")
    func upgrade() throws {
        var parser = HTTP1RequestParser(headLimit: 100, fieldLimit: 10, bodyLimit: 10)
        parser.receive(Array("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n\u{1}\u{2}".utf8))
        #expect(try parser.next() != nil)
        #expect(parser.takeRemaining() == [1, 2])
        #expect(try parser.next() == nil)
    }

    @Test("long streams of requests are parsed without growing the buffer")
    func longStream() throws {
        var parser = HTTP1RequestParser(headLimit: 1000, fieldLimit: 10, bodyLimit: 100_000)
        let request =
            Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n".utf8)
            + [UInt8](repeating: 0x41, count: 5000)
        let stream = Array(repeatElement(request, count: 50).joined())
        var ends = 0
        var largest = 0
        for start in stride(from: 0, to: stream.count, by: 777) {
            parser.receive(stream[start..<min(start + 777, stream.count)])
            while let event = try parser.next() {
                if case .end = event { ends += 1 }
            }
            largest = max(largest, parser.bufferedCount)
        }
        #expect(ends == 50)
        #expect(largest < 777)
    }

    @Test("mutations never crash and depend on no cut")
    func mutations() {
        for sample in HTTP1RequestParserTests.samples {
            let bytes = Array(sample.utf8)
            for variant in Mutations(of: bytes, count: 1500, spice: Array(":;, \r\nHTTP/1.0".utf8)) {
                let whole = CollectedRequests([variant[...]])
                let drip = CollectedRequests(variant.indices.map { variant[$0...$0] })
                #expect(whole.requests == drip.requests)
                #expect(whole.error == drip.error)
            }
        }
    }
}
