import MAOSCore
import MAOSProtocols
import Testing

@Suite struct ValidationTests {
    private static let inner = MessageSchema(
        "Inner", minimumMembers: 1,
        [
            .required("id", .string(1...100, .identifier), "An identifier."),
            .optional("flag", .boolean, "A flag."),
        ])

    private static let schema = MessageSchema(
        "Outer",
        [
            .required("kind", .enumeration(["a", "b"]), "A word."),
            .required("count", .integer(1...10), "A number."),
            .optional("ratio", .number(0...1), "A ratio."),
            .optional("text", .string(2...5), "A text."),
            .optional("at", .string(20...64, .timestamp), "A time."),
            .optional("items", .array(of: .object(inner), count: 0...3), "Objects."),
            .optional(
                "mixed", .either([.string(1...3), .array(of: .integer(0 ... .max), count: 1...2)]),
                "Either."),
            .optional("map", .map(keys: .environmentName, values: .string(0...4), limit: 2), "A map."),
            .optional("free", .any, "Anything."),
        ])

    private func issues(_ json: String) throws -> [ValidationIssue] {
        ValidationTests.schema.issues(in: try JSONReader.parse(json, depthLimit: 32))
    }

    @Test("a valid message has no issues, whatever else it holds")
    func valid() throws {
        for json in [
            #"{"kind":"a","count":1}"#,
            #"{"kind":"b","count":10.0,"ratio":1,"text":"héllo","at":"2030-01-01T00:00:00Z","extra":null}"#,
            #"{"kind":"a","count":2,"items":[{"id":"x","more":[]}],"mixed":"abc","map":{"A":"1"},"free":null}"#,
            #"{"kind":"a","count":3,"mixed":[0,1],"items":[],"text":"👩‍👩"}"#,
        ] {
            #expect(try issues(json) == [], "\(json)")
        }
    }

    @Test(
        "each mistake is named by field, code and value",
        arguments: [
            (#"{"count":1}"#, "kind", "required"),
            (#"{"kind":null,"count":1}"#, "kind", "invalid_type"),
            (#"{"kind":"c","count":1}"#, "kind", "invalid_enum_value"),
            (#"{"kind":"a","count":0}"#, "count", "too_small"),
            (#"{"kind":"a","count":11}"#, "count", "too_big"),
            (#"{"kind":"a","count":1.5}"#, "count", "invalid_type"),
            (#"{"kind":"a","count":"1"}"#, "count", "invalid_type"),
            (#"{"kind":"a","count":1e400}"#, "count", "invalid_type"),
            (#"{"kind":"a","count":1,"ratio":-0.1}"#, "ratio", "too_small"),
            (#"{"kind":"a","count":1,"ratio":1.1}"#, "ratio", "too_big"),
            (#"{"kind":"a","count":1,"ratio":1e999}"#, "ratio", "too_big"),
            (#"{"kind":"a","count":1,"text":"a"}"#, "text", "too_small"),
            (#"{"kind":"a","count":1,"text":"abcdef"}"#, "text", "too_big"),
            (#"{"kind":"a","count":1,"text":null}"#, "text", "invalid_type"),
            (#"{"kind":"a","count":1,"at":"2030-01-01T00:00:00+02:00"}"#, "at", "invalid_format"),
            (#"{"kind":"a","count":1,"items":{}}"#, "items", "invalid_type"),
            (#"{"kind":"a","count":1,"items":[{},{"id":"a"}]}"#, "items.0", "too_small"),
            (#"{"kind":"a","count":1,"items":[{"id":"a"},{"id":""}]}"#, "items.1.id", "too_small"),
            (#"{"kind":"a","count":1,"items":[{"id":"a b"}]}"#, "items.0.id", "invalid_format"),
            (#"{"kind":"a","count":1,"items":[1]}"#, "items.0", "invalid_type"),
            (
                #"{"kind":"a","count":1,"items":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}"#, "items",
                "too_big"
            ),
            (#"{"kind":"a","count":1,"mixed":{}}"#, "mixed", "invalid_type"),
            (#"{"kind":"a","count":1,"mixed":[]}"#, "mixed", "too_small"),
            (#"{"kind":"a","count":1,"mixed":[-1]}"#, "mixed.0", "too_small"),
            (#"{"kind":"a","count":1,"map":{"A=B":"1"}}"#, "map.A=B", "invalid_format"),
            (#"{"kind":"a","count":1,"map":{"A":1}}"#, "map.A", "invalid_type"),
            (#"{"kind":"a","count":1,"map":{"A":"","B":"","C":""}}"#, "map", "too_big"),
            (#"[]"#, "", "invalid_type"), ("3", "", "invalid_type"), ("null", "", "invalid_type"),
        ])
    func mistakes(_ json: String, _ field: String, _ code: String) throws {
        let found: [ValidationIssue] = try issues(json)
        let first: ValidationIssue = try #require(found.first)
        #expect(first.field == field)
        #expect(first.code.rawValue == code)
        #expect(!first.message.isEmpty)
        #expect(first.expected != nil)
    }

    @Test("mistakes come in the order of declaration")
    func order() throws {
        #expect(try issues(#"{"text":1,"count":0}"#).map(\.field) == ["kind", "count", "text"])
    }

    @Test("characters are code points, not bytes and not what people see as one")
    func codePoints() throws {
        let five: String = String(repeating: "é", count: 5)
        #expect(try issues(#"{"kind":"a","count":1,"text":"\#(five)"}"#) == [])
        #expect(try issues(#"{"kind":"a","count":1,"text":"\#(five)é"}"#).count == 1)
        #expect(
            try issues(#"{"kind":"a","count":1,"text":"e\u0301e\u0301e\u0301"}"#).first?.code == .tooBig)
    }

    @Test("what is reported stays small, however broken the message is")
    func bounds() throws {
        let schema = MessageSchema(
            "Many", [.optional("list", .array(of: .boolean, count: 0 ... .max), "A list.")])
        let list: String = repeatElement("1", count: 10_000).joined(separator: ",")
        let found = schema.issues(in: try JSONReader.parse(#"{"list":[\#(list)]}"#, depthLimit: 8))
        #expect(found.count == 32)
        let long = String(repeating: "x", count: 100_000)
        let echoed = try #require(
            try issues(#"{"kind":"\#(long)","count":1}"#).first?.value?.stringValue)
        #expect(echoed.unicodeScalars.count == 101)
        #expect(try issues(#"{"kind":"a","count":1,"items":\#("[{}]")}"#).first?.value == nil)
    }

    @Test("an issue is written with its path, and its value only where it is a scalar")
    func writing() throws {
        let issue: ValidationIssue = try #require(
            try issues(#"{"kind":"a","count":1,"items":[{"id":"a b"}]}"#).first)
        var writer = JSONWriter()
        issue.write(to: &writer)
        let json: JSONValue = writer.takeText().value()
        #expect(json["field"] == "items.0.id")
        #expect(json["path"] == ["items", 0, "id"])
        #expect(json["code"] == "invalid_format")
        #expect(json["value"] == "a b")
        #expect(json["expected"]?.stringValue?.isEmpty == false)
    }

    @Test("the same declaration becomes JSON Schema")
    func schemaWriting() {
        var writer = JSONWriter()
        JSONSchemaWriter().write(ValidationTests.schema, to: &writer)
        let schema: JSONValue = writer.takeText().value()
        #expect(schema["type"] == "object")
        #expect(schema["required"] == ["kind", "count"])
        let properties: JSONValue = schema["properties"] ?? .null
        #expect(properties["kind"]?["enum"] == ["a", "b"])
        #expect(
            properties["count"] == [
                "description": "A number.", "type": "integer", "minimum": 1, "maximum": 10,
            ])
        #expect(properties["at"]?["format"] == "date-time")
        #expect(
            properties["items"]?["items"]?["properties"]?["id"]?["pattern"] == "^[A-Za-z0-9_-]{1,100}$")
        #expect(properties["items"]?["items"]?["minProperties"] == 1)
        #expect(properties["mixed"]?["anyOf"]?[1]?["items"]?["minimum"] == 0)
        #expect(properties["map"]?["additionalProperties"]?["maxLength"] == 4)
        #expect(properties["map"]?["propertyNames"]?["pattern"] != nil)
        #expect(properties["free"] == ["description": "Anything."])
    }
}
