import MAOSProtocols
import Testing

@Suite("HTTP/1 serializer") struct HTTP1SerializerTests {
    private let date = Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)
    private let exchange = HTTP1Exchange(isHead: false, version: .http11, keepsAlive: true)

    private func text(_ body: (inout [UInt8]) -> Void) -> String {
        var output: [UInt8] = []
        body(&output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("a whole answer")
    func response() {
        let answer = text {
            HTTP1Serializer.appendResponse(
                HTTP1ResponseLead(.created, contentType: "application/json", date: date), body: Array("{}".utf8),
                requestID: RequestID(Array("r-1".utf8)[...]), fields: [.location: "/x"], exchange: exchange, to: &$0)
        }
        #expect(
            answer
                == "HTTP/1.1 201 Created\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-type: application/json\r\nx-request-id: r-1\r\nlocation: /x\r\ncontent-length: 2\r\n\r\n{}"
        )
    }

    @Test("no body for HEAD, 204 and 304; their lengths as RFC 9110 has them")
    func bodiless() {
        var head = exchange
        head.isHead = true
        let answer = text {
            HTTP1Serializer.appendResponse(
                HTTP1ResponseLead(.ok, contentType: "text/plain", date: []), body: [0x41], exchange: head, to: &$0)
        }
        #expect(answer.hasSuffix("content-length: 1\r\n\r\n"))
        for status in [HTTPStatus.noContent, .notModified] {
            let answer = text {
                HTTP1Serializer.appendResponse(
                    HTTP1ResponseLead(status, contentType: "text/plain", date: []), body: [0x41], exchange: exchange,
                    to: &$0)
            }
            #expect(answer.hasSuffix("\r\n\r\n"))
            #expect(!answer.contains("content-length"))
            #expect(!answer.contains("content-type"))
        }
    }

    @Test(
        "the connection field says what HTTP/1.0 and HTTP/1.1 do not assume",
        arguments: [
            (HTTPVersion.http11, true, nil), (.http11, false, "close"), (.http10, true, "keep-alive"),
            (.http10, false, "close"),
        ] as [(HTTPVersion, Bool, String?)])
    func connection(version: HTTPVersion, keepsAlive: Bool, field: String?) {
        let exchange = HTTP1Exchange(isHead: false, version: version, keepsAlive: keepsAlive)
        let answer = text {
            HTTP1Serializer.appendResponseHead(
                .ok, fields: [:], body: .length(0), exchange: exchange, date: [], to: &$0)
        }
        if let field {
            #expect(answer.contains("\r\nconnection: \(field)\r\n"))
        } else {
            #expect(!answer.contains("connection"))
        }
    }

    @Test("chunks go to HTTP/1.1, the end of the connection to HTTP/1.0")
    func chunked() {
        let fields: HTTPFields = [.contentType: "text/plain", .contentLength: "99", .transferEncoding: "gzip"]
        let modern = text {
            HTTP1Serializer.appendResponseHead(
                .ok, fields: fields, body: .chunked, exchange: exchange, date: [], to: &$0)
            HTTP1Serializer.appendChunk(Array("hello, wide world".utf8)[...], to: &$0)
            HTTP1Serializer.appendChunk([], to: &$0)
            HTTP1Serializer.appendLastChunk(to: &$0)
        }
        #expect(
            modern
                == "HTTP/1.1 200 OK\r\ndate: \r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n11\r\nhello, wide world\r\n0\r\n\r\n"
        )
        let old = text {
            HTTP1Serializer.appendResponseHead(
                .ok, fields: fields, body: .chunked,
                exchange: HTTP1Exchange(isHead: false, version: .http10, keepsAlive: true), date: [], to: &$0)
        }
        #expect(!old.contains("chunked"))
        #expect(old.contains("connection: close"))
    }

    @Test("no value adds a field or a message")
    func injection() {
        let evil = "x\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 200 OK"
        let answer = text {
            HTTP1Serializer.appendResponse(
                HTTP1ResponseLead(.ok, contentType: evil, date: []), body: [],
                fields: [.location: evil], exchange: exchange, to: &$0)
        }
        #expect(answer.split(separator: "\r\n", omittingEmptySubsequences: false).count == 7)
        let request = text {
            HTTP1Serializer.appendRequestHead(
                .get, target: "/a b\r\nX: y", host: "h\r\nX: y", fields: [.origin: evil], body: .length(0), to: &$0)
        }
        #expect(request.hasPrefix("GET /a%20b%0d%0aX:%20y HTTP/1.1\r\nhost: h  X: y\r\n"))
        #expect(request.split(separator: "\r\n", omittingEmptySubsequences: false).count == 5)
    }

    @Test("what is written is what is read")
    func roundTrip() throws {
        var output: [UInt8] = []
        HTTP1Serializer.appendRequestHead(
            .post, target: "/t?x=1", host: "h:1", fields: [.contentType: "text/plain", .authorization: "Bearer x"],
            body: .length(3), to: &output)
        output += Array("abc".utf8)
        HTTP1Serializer.appendRequestHead(
            .delete, target: "/t", host: "h:1", fields: [:], body: .length(0), to: &output)
        HTTP1Serializer.appendRequestHead(.put, target: "/t", host: "h:1", fields: [:], body: .chunked, to: &output)
        HTTP1Serializer.appendChunk(Array(repeating: 0x41, count: 300)[...], to: &output)
        HTTP1Serializer.appendLastChunk(to: &output)
        let result = CollectedRequests([output[...]])
        #expect(result.error == nil)
        #expect(result.complete.map(\.method) == ["POST", "DELETE", "PUT"])
        #expect(
            result.complete[0].fields == [
                "host: h:1", "content-type: text/plain", "authorization: Bearer x", "content-length: 3",
            ])
        #expect(result.complete[0].body == Array("abc".utf8))
        #expect(result.complete[2].body.count == 300)
    }
}
