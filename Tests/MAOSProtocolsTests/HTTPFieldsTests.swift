import MAOSProtocols
import Testing

@Suite("HTTP fields") struct HTTPFieldsTests {
    private func parsed(_ lines: String) throws -> HTTPFields {
        var parser = HTTP1RequestParser(headLimit: 8192, fieldLimit: 100, bodyLimit: 0)
        parser.receive(Array("GET / HTTP/1.0\r\n\(lines)\r\n".utf8))
        guard case .head(let head) = try parser.next() else { throw HTTP1Error.truncated }
        return head.fields
    }

    @Test("every known name is known in any case, and nothing else is")
    func names() throws {
        for name in HTTPFieldName.allCases {
            #expect(HTTPFieldName(anyCase: name.rawValue) == name)
            #expect(HTTPFieldName(anyCase: name.rawValue.uppercased()) == name)
            #expect(HTTPFieldName(anyCase: name.rawValue + "x") == nil)
            #expect(HTTPFieldName(anyCase: String(name.rawValue.dropLast()) + "_") == nil)
            if ![.contentLength, .transferEncoding].contains(name) {
                #expect(try parsed("\(name.rawValue.uppercased()): 1\r\n")[name] == "1")
            }
        }
        #expect(HTTPFieldName(anyCase: "") == nil)
        #expect(HTTPFieldName(anyCase: String(repeating: "a", count: 100)) == nil)
    }

    @Test("fields are found by name in any case, the first of several first")
    func lookup() throws {
        let fields = try parsed("X-Own: 1\r\nAccept: a\r\nx-OWN: 2\r\nACCEPT: b, ,c\r\n")
        #expect(fields.count == 4)
        #expect(fields["x-own"] == "1")
        #expect(fields["X-OWN"] == "1")
        #expect(fields["x-ow"] == nil)
        #expect(fields["accept"] == "a")
        #expect(fields[.accept] == "a")
        #expect(fields.values(.accept) == ["a", "b, ,c"])
        #expect(fields.list(.accept) == ["a", "b", "c"])
        #expect(fields.contains("c", in: .accept))
        #expect(!fields.contains("d", in: .accept))
        #expect(fields.count(of: .accept) == 2)
        #expect(!fields.contains(.cookie))
    }

    @Test("lists compare whole words in any case")
    func words() throws {
        let fields = try parsed("Connection: Keep-Alive,UPGRADE\t, x\r\n")
        #expect(fields.contains("upgrade", in: .connection))
        #expect(fields.contains("keep-alive", in: .connection))
        #expect(!fields.contains("keep", in: .connection))
    }

    @Test("fields that are built are cleaned and can be replaced")
    func building() {
        var fields: HTTPFields = [.server: " a\r\nb\u{0} "]
        #expect(fields[.server] == "a  b")
        fields.append("X-Own", "1")
        fields.append(.retryAfter, 30)
        fields.set(.server, "c")
        #expect(fields.values(.server) == ["c"])
        #expect(fields["x-own"] == "1")
        #expect(fields[.retryAfter] == "30")
        #expect(fields.count == 3)
    }

    @Test("cookies come as pairs in order")
    func cookies() throws {
        let pairs = try parsed("Cookie: a=1; b=x=y;c=; =d; e\r\nCookie: f=hello world\r\n").cookies()
        #expect(pairs.map(\.name) == ["a", "b", "c", "f"])
        #expect(pairs.map(\.value) == ["1", "x=y", "", "hello world"])
    }
}

@Suite("HTTP targets") struct HTTPTargetTests {
    @Test(
        "paths are split before they are decoded",
        arguments: [
            ("/", []), ("/a", ["a"]), ("/a/", ["a", ""]), ("//a", ["", "a"]), ("/a%2Fb/c%20d", ["a/b", "c d"]),
            ("/a+b", ["a+b"]), ("/%C3%A9/../.", ["é", "..", "."]), ("*", ["*"]),
            ("/a?b/c", ["a"]),
        ] as [(String, [String])])
    func paths(target: String, segments: [String]) throws {
        #expect(try HTTPTarget(target).segments == segments)
    }

    @Test("queries are decoded item by item")
    func queries() throws {
        let target = try HTTPTarget("/x?a=1&b=c+d%2B%26&a=2&flag&=e&&f==")
        #expect(target.query.map(\.name) == ["a", "b", "a", "flag", "", "f"])
        #expect(target.query.map(\.value) == ["1", "c d+&", "2", "", "e", "="])
        #expect(target.queryValue("a") == "1")
        #expect(target.queryValue("none") == nil)
        #expect(try HTTPTarget("/x?").query.isEmpty)
    }

    @Test(
        "broken escapes and characters are refused",
        arguments: [
            ("/%", HTTPTargetError.badEscape), ("/%1", .badEscape), ("/%zz", .badEscape), ("/a?b=%", .badEscape),
            ("/a?%4=b", .badEscape), ("/%FF", .badCharacter),
            ("/%C0%AF", .badCharacter), ("/%00", .badCharacter), ("/a%0d%0a", .badCharacter),
            ("/a?b=%ED%A0%80", .badCharacter),
        ])
    func refused(target: String, error: HTTPTargetError) {
        #expect(throws: error) { try HTTPTarget(target) }
    }

    @Test("what is encoded is decoded")
    func encoding() throws {
        let text = "a/b?c=d&e f+%é😀~"
        let encoded = HTTPTarget.encode(text)
        #expect(encoded == "a%2Fb%3Fc%3Dd%26e%20f%2B%25%C3%A9%F0%9F%98%80~")
        #expect(try HTTPTarget("/\(encoded)?q=\(encoded)").segments == [text])
        #expect(try HTTPTarget("/\(encoded)?q=\(encoded)").queryValue("q") == text)
    }
}
