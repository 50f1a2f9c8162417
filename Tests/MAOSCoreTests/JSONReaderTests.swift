import MAOSCore
import MAOSTestSupport
import Testing

@Suite("JSON reader") struct JSONReaderTests {
    private func parse(_ text: String, depthLimit: Int = 64) throws(JSONError) -> JSONValue {
        try JSONReader.parse(Array(text.utf8), depthLimit: depthLimit)
    }

    private func error(_ bytes: [UInt8], depthLimit: Int = 64) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONReader.parse(bytes, depthLimit: depthLimit)
            return nil
        } catch {
            return error
        }
    }

    private func error(_ text: String) -> JSONError? { error(Array(text.utf8)) }

    @Test("the parsing suite: y_ accepted, n_ refused, i_ never a crash")
    func parsingSuite() throws {
        let names = try Fixture.names(in: "JSON/test_parsing")
        #expect(names.count == 318)
        for name in names {
            let bytes = try Fixture.bytes("JSON/test_parsing/\(name)")
            let failure = error(bytes, depthLimit: 512)
            switch name.prefix(2) {
            case "y_": #expect(failure == nil, "\(name)")
            case "n_": #expect(failure != nil, "\(name)")
            default: break
            }
            let compacted = try? JSONText(utf8: bytes)
            #expect((compacted == nil) == (error(bytes, depthLimit: JSONText.depthLimit) != nil), "\(name)")
            guard let compacted, let value = try? JSONReader.parse(bytes, depthLimit: 512) else { continue }
            #expect(compacted.value() == value, "\(name)")
            #expect(JSONText(value).value() == value, "\(name)")
        }
    }

    @Test("implementation-defined cases: surrogates and foreign encodings are refused, big numbers kept")
    func implementationDefined() throws {
        for name in try Fixture.names(in: "JSON/test_parsing") where name.hasPrefix("i_") {
            let failure = error(try Fixture.bytes("JSON/test_parsing/\(name)"), depthLimit: 512)
            let isAccepted = name.hasPrefix("i_number") || name == "i_structure_500_nested_arrays.json"
            #expect((failure == nil) == isAccepted, "\(name): \(failure?.description ?? "")")
        }
    }

    @Test("integers, exact decimals and keys of the transformation suite come back as they were")
    func transformationSuite() throws {
        func text(_ name: String) throws -> String {
            JSONText(try JSONReader.parse(try Fixture.bytes("JSON/test_transform/\(name).json"), depthLimit: 8))
                .description
        }
        #expect(try text("number_-9223372036854775808") == "[-9223372036854775808]")
        #expect(try text("number_-9223372036854775809") == "[-9223372036854775809]")
        #expect(try text("number_9223372036854775807") == "[9223372036854775807]")
        #expect(try text("number_9223372036854775808") == "[9223372036854775808]")
        #expect(try text("number_10000000000000000999") == "[10000000000000000999]")
        #expect(try text("number_1.000000000000000005") == "[1.000000000000000005]")
        #expect(try text("number_1e-999") == "[1E-999]")
        #expect(try text("number_1.0") == "[1]")
        #expect(try text("number_1e6") == "[1000000]")
        #expect(try text("object_key_nfc_nfd") == "{\"\u{E9}\":\"NFC\",\"e\u{301}\":\"NFD\"}")
        #expect(try text("object_key_nfd_nfc") == "{\"e\u{301}\":\"NFD\",\"\u{E9}\":\"NFC\"}")
        #expect(try text("object_same_key_different_values") == "{\"a\":2}")
        #expect(try text("string_with_escaped_NULL") == #"["A\u0000B"]"#)
        for name in try Fixture.names(in: "JSON/test_transform") where name.contains("invalid_codepoint") {
            #expect(error(try Fixture.bytes("JSON/test_transform/\(name)")) != nil, "\(name)")
        }
    }

    @Test(
        "every kind of value is read",
        arguments: [
            ("null", JSONValue.null), (" true ", true), ("false", false), ("0", 0), ("-0", JSONValue(-0.0)), ("-1", -1),
            ("1.5", 1.5), ("1e2", 100), ("-2.50E+1", -25), ("0.0", 0),
            ("5e-324", JSONValue(Double.leastNonzeroMagnitude)),
            ("1.7976931348623157e308", 1.7976931348623157e308),
            ("0.1", 0.1), ("0.30000000000000004", 0.30000000000000004),
            ("1234567.12345", 1_234_567.12345),
            ("\"\"", ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"),
            (#""\u0041\u00e9\u20AC\uD83D\uDE00""#, "Aé€😀"),
            ("\"é€😀\"", "é€😀"), ("[]", []), ("[ ]", []), ("{}", [:]), ("{ }", [:]),
            ("[1,[2,{\"a\":[]}],3]", [1, [2, ["a": []]], 3]),
            ("{\"a\":{\"b\":{\"c\":null}},\"d\":[{},[]]}", ["a": ["b": ["c": nil]], "d": [[:], []]]),
            ("\t\r\n [ 1 , 2 ] \n", [1, 2]),
        ] as [(String, JSONValue)])
    func value(text: String, expected: JSONValue) throws {
        let value = try parse(text)
        #expect(value == expected)
        #expect(try JSONReader.parse(Array("xx\(text)yy".utf8)[2..<(2 + text.utf8.count)], depthLimit: 8) == expected)
        #expect(try JSONReader.parse(text, depthLimit: 8) == expected)
        #expect(try parse(JSONText(value).description) == value)
    }

    @Test(
        "numbers that no double holds keep their text",
        arguments: [
            "18446744073709551615", "-9223372036854775809", "123456789012345678901234567890", "1E400", "-1e-400",
            "0.1234567890123456789",
            "3.14159265358979323846", "123456789.123456789",
        ])
    func exactNumbers(text: String) throws {
        let value = try parse(text)
        #expect(JSONText(value).description == text)
        guard case .number(let number) = value else {
            Issue.record("\(text) became \(value)")
            return
        }
        #expect(!number.isDouble)
        #expect(number.doubleValue == Double(text))
    }

    @Test(
        "an error names the byte and what was expected",
        arguments: [
            ("", 0, "a value"), ("  ", 2, "a value"), ("[1,]", 3, "a value"), ("[1 2]", 3, "\",\" or \"]\""),
            ("{\"a\" 1}", 5, "\":\" after a key"),
            ("{a:1}", 1, "a key or \"}\""), ("{\"a\":1,}", 7, "a key"), ("[1", 2, "\",\" or \"]\""),
            ("tru", 3, "\"true\""), ("trve", 2, "\"true\""),
            ("01", 1, "the end of the text"), ("-", 1, "a digit"), ("1.", 2, "a digit"), ("1.e1", 2, "a digit"),
            ("1e", 2, "a digit"), ("+1", 0, "a value"),
            ("\"abc", 4, "the end of a string"), ("\"a\nb\"", 2, "an escape"),
            (#""\x""#, 2, "one of \"\\/bfnrtu after a backslash"),
            (#""\u12G4""#, 5, "four hexadecimal digits"), (#""ab\uD800""#, 3, "a pair of surrogate escapes"),
            (#""\uDC00\uD800""#, 1, "a pair of surrogate escapes"),
            ("[]]", 2, "the end of the text"), ("\u{FEFF}1", 0, "a value"),
        ])
    func errors(text: String, offset: Int, expected: String) throws {
        let failure = try #require(error(text))
        #expect(failure.offset == offset)
        #expect(failure.expected == expected)
        #expect((try? JSONText(text)) == nil)
    }

    @Test("invalid UTF-8 is found where it stands, with and without escapes")
    func invalidUTF8() {
        #expect(error(Array("\"ab".utf8) + [0xC3, 0x28, 0x22])?.offset == 3)
        #expect(error(Array("\"a\\n".utf8) + [0xED, 0xA0, 0x80, 0x22])?.offset == 4)
        #expect(error([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22])?.reason == .invalidUTF8)
        #expect(error([0x22, 0xC0, 0x80, 0x22])?.reason == .invalidUTF8)
    }

    @Test("the depth limit counts containers, of either kind")
    func depthLimit() throws {
        #expect(try parse("[{\"a\":[]}]", depthLimit: 3) == [["a": []]])
        let failure = try #require(error(Array("[{\"a\":[]}]".utf8), depthLimit: 2))
        #expect(failure.reason == .tooDeep(limit: 2))
        #expect(failure.offset == 6)
        #expect(error([UInt8](repeating: 0x5B, count: 1_000_000))?.reason == .tooDeep(limit: 64))
    }

    @Test("no prefix and no mutation crashes; what is accepted is accepted again after writing")
    func damaged() throws {
        let seeds: [String] = [
            #"{"type":"code","description":"Fix the \"bug\" in é€😀 \u00e9\uD83D\uDE00","priority":"high","requirements":[],"n":-12.5e+3,"m":18446744073709551616,"deep":[[{"a":null,"b":true,"c":false}]]}"#,
            #"[0,-0,1.5,1e5,"",[],{},{"a":1,"a":2,"b":{"c":[1,2,3]}}, "\b\f\n\r\t\/\\\""]"#,
        ]
        for seed in seeds {
            let bytes = Array(seed.utf8)
            everyPrefix(of: bytes) { prefix in
                #expect(error(prefix) != nil)
            }
            for variant in Mutations(of: bytes, count: 4000, spice: Array("{}[]\",:\\u0123-+.eE".utf8)) {
                guard let value = try? JSONReader.parse(variant, depthLimit: 16) else {
                    continue
                }
                #expect(JSONText(value).value() == value)
                #expect(try JSONText(utf8: variant).value() == value)
            }
        }
    }
}
