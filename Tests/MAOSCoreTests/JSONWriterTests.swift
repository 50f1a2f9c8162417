import MAOSCore
import Testing

@Suite("JSON writer") struct JSONWriterTests {
    @Test("commas and colons come by themselves")
    func structure() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("string", "a\"b")
        writer.member("integer", Int64.min)
        writer.member("unsigned", UInt64.max)
        writer.member("number", 0.1)
        writer.member("flag", false)
        writer.key("nothing")
        writer.null()
        writer.beginArray("list")
        writer.integer(1)
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.boolean(true)
        writer.endArray()
        writer.beginObject("inner")
        writer.member("text", JSONText(["a", 1]))
        writer.member("value", ["k": nil] as JSONValue)
        writer.member("names", ["x", "y"])
        writer.memberIfPresent("absent", nil as String?)
        writer.memberIfPresent("present", 5)
        writer.member("at", timestamp: 1_234)
        writer.endObject()
        writer.endObject()
        let text = writer.takeText().description
        #expect(
            text
                == #"{"string":"a\"b","integer":-9223372036854775808,"unsigned":18446744073709551615,"number":0.1,"flag":false,"nothing":null,"#
                + #""list":[1,{},[],true],"inner":{"text":["a",1],"value":{"k":null},"names":["x","y"],"present":5,"at":"1970-01-01T00:00:01.234Z"}}"#
        )
        #expect(writer.count == 0)
    }

    @Test(
        "numbers are the shortest that read back",
        arguments: [
            (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (-3.0, "-3"), (0.5, "0.5"), (1e15, "1000000000000000"),
            (1e16, "1e+16"), (1e21, "1e+21"), (1e-7, "1e-07"),
            (123456.789, "123456.789"), (Double.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (.infinity, "null"), (-.infinity, "null"), (.nan, "null"),
        ])
    func numbers(value: Double, expected: String) throws {
        var writer = JSONWriter()
        writer.number(value)
        let text = writer.takeText()
        #expect(text.description == expected)
        guard value.isFinite else { return }
        #expect(try JSONReader.parse(text.description, depthLimit: 1).doubleValue?.bitPattern == value.bitPattern)
    }

    @Test("strings escape what must be escaped and nothing else")
    func escapes() throws {
        for value in UInt8(0)...0x7F {
            let string = "é\(Character(Unicode.Scalar(value)))z"
            var writer = JSONWriter()
            writer.string(string)
            let text = writer.takeText().description
            #expect(try JSONReader.parse(text, depthLimit: 1) == .string(string))
            let needsEscape = value < 0x20 || value == 0x22 || value == 0x5C
            #expect((text.utf8.count > string.utf8.count + 2) == needsEscape)
        }
        var writer = JSONWriter()
        writer.string("\u{1}\u{1F}\u{2028}\u{10FFFF}")
        #expect(writer.takeText().description == "\"\\u0001\\u001f\u{2028}\u{10FFFF}\"")
    }

    @Test("a writer appends to what is there and can be used again")
    func reuse() {
        var writer = JSONWriter(appendingTo: Array("42".utf8))
        writer.beginArray()
        writer.string(utf8: [0x61, 0xFF][...])
        writer.endArray()
        #expect(String(decoding: writer.take(), as: UTF8.self) == "42[\"a\u{FFFD}\"]")
        writer.integer(1)
        writer.removeAll()
        writer.integer(2)
        #expect(writer.bytes == [0x32])
    }

    @Test("checked text loses its white space and nothing else")
    func compactText() throws {
        let text = try JSONText(" { \"a b\" : [ 1.0 , -0 , 1E5 , \"x \\u0041 y\" ] ,\n\t\"c\":{ } } ")
        #expect(text.description == #"{"a b":[1.0,-0,1E5,"x \u0041 y"],"c":{}}"#)
        #expect(text == (try JSONText(utf8: text.utf8)))
        #expect(throws: JSONError.self) { try JSONText("{} {}") }
        #expect(throws: JSONError.self) {
            try JSONText(String(repeating: "[", count: 200) + String(repeating: "]", count: 200))
        }
    }
}
