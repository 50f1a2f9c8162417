import MAOSProtocols
import MAOSTestSupport
import Testing

/// Heads whose fields are those of the head before are not read anew; nothing but the time it takes may show that.
@Suite("HTTP/1 repeated fields") struct HTTP1RepeatedFieldsTests {
    /// The heads that come out of a parser, one `receive` a message.
    private func heads(_ messages: [String], headLimit: Int = 8_192) throws -> [HTTPRequestHead] {
        var parser = HTTP1RequestParser(headLimit: headLimit, fieldLimit: 50, bodyLimit: 1_000)
        var heads: [HTTPRequestHead] = []
        for message in messages {
            parser.receive(Array(message.utf8))
            while let event = try parser.next() {
                if case .head(let head) = event { heads.append(head) }
            }
        }
        return heads
    }

    private let fields = "Host: a:1\r\nAuthorization: Bearer x.y.z\r\nX-Client: 7\r\n\r\n"

    @Test("the same fields again are told, and mean the same")
    func repeated() throws {
        let heads = try heads([
            "GET /1 HTTP/1.1\r\n\(fields)", "DELETE /22?x=1 HTTP/1.1\r\n\(fields)",
            "\r\nGET /333 HTTP/1.1\r\n\(fields)",
        ])
        #expect(heads.map(\.repeatsFields) == [false, true, true])
        #expect(heads.map(\.targetText) == ["/1", "/22?x=1", "/333"])
        #expect(heads.map(\.method) == [.get, .delete, .get])
        for head in heads {
            #expect(head.authority == "a:1")
            #expect(head.fields[.authorization] == "Bearer x.y.z")
            #expect(head.fields["x-client"] == "7")
            #expect(head.keepsAlive && head.contentLength == 0)
        }
    }

    @Test("requests with bodies repeat their fields, too")
    func bodies() {
        let fields = "Host: a\r\nContent-Length: 5\r\n\r\n"
        let text =
            "POST /1 HTTP/1.1\r\n\(fields)helloPOST /2 HTTP/1.1\r\n\(fields)wide GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
        let whole = CollectedRequests(text)
        #expect(whole.error == nil)
        #expect(whole.complete.map(\.target) == ["/1", "/2", "/3"])
        #expect(whole.complete.map { String(decoding: $0.body, as: UTF8.self) } == ["hello", "wide ", ""])
        everySplit(of: Array(text.utf8)) { #expect(CollectedRequests($0) == whole) }
    }

    @Test(
        "another byte, another field or another version is another section",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a:1\r\nAuthorization: Bearer x.y.Z\r\nX-Client: 7\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:1\r\nAuthorization: Bearer x.y.z\r\nX-Client: 7\r\nX-More: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:1\r\nAuthorization: Bearer x.y.z\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a:1\r\nAuthorization: Bearer x.y.z\r\nX-Client: 7\r\n\r\n",
        ])
    func different(second: String) throws {
        let first = "GET / HTTP/1.1\r\n\(fields)"
        let heads = try heads([first, second])
        #expect(heads.map(\.repeatsFields) == [false, false])
        #expect(CollectedRequests(first + second).requests.last == CollectedRequests(second).requests.last)
        // What counts is the request before, not any one before.
        guard heads[1].keepsAlive else { return }
        #expect(try self.heads([first, second, first]).map(\.repeatsFields) == [false, false, false])
    }

    @Test("a request that names its host in the target is looked at again")
    func absoluteTarget() throws {
        let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let heads = try heads([first, "GET http://A/x HTTP/1.1\r\nHost: a\r\n\r\n"])
        #expect(heads.map(\.repeatsFields) == [false, false])
        #expect(heads.map(\.authority) == ["a", "A"])
        #expect(throws: HTTP1Error.target) {
            try self.heads([first, "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"])
        }
        let old = try self.heads([
            "GET http://a/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET http://b/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ])
        #expect(old.map(\.authority) == ["a", "b"])
        #expect(old.map(\.repeatsFields) == [false, false])
    }

    @Test("the limit of a head counts its request line with fields that repeat")
    func limit() throws {
        let path = String(repeating: "p", count: 60)
        let first = "GET / HTTP/1.1\r\n\(fields)"
        let limit = first.utf8.count + 40
        #expect(throws: HTTP1Error.headTooLarge(limit: limit)) {
            try heads([first, "GET /\(path) HTTP/1.1\r\n\(fields)"], headLimit: limit)
        }
        #expect(throws: HTTP1Error.headTooLarge(limit: limit)) {
            try heads(["GET /\(path) HTTP/1.1\r\n\(fields)"], headLimit: limit)
        }
    }
}
