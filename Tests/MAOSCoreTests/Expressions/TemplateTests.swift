import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Templates")
struct TemplateTests {
    @Test(
        "strings are filled in, and one that is only an expression keeps the value's type",
        arguments: [
            ("plain", "plain"), ("${index}", 3), ("n=${index}", "n=3"), ("${parameters.tags}", ["a", "b"]),
            ("t: ${parameters.tags}!", "t: [\"a\",\"b\"]!"), ("${nothing}", nil), ("<${nothing}>", "<null>"),
            ("${item.path}:${item.size}", "src/main.swift:12"), ("$${index}", "${index}"), ("$5", "$5"), ("$", "$"),
            ("${'}'}", "}"), ("a${'${'}b", "a${b"), ("${ index }", 3), ("", ""), ("x$${y}${index}", "x${y}3"),
            (["a": "${index + 1}", "b": ["${true}", 1]], ["a": 4, "b": [true, 1]]), (["${x}": 1], ["${x}": 1]),
        ] as [(JSONValue, JSONValue)])
    func values(value: JSONValue, expected: JSONValue) throws {
        #expect(try Template(value).value(in: SampleScope.usual) == expected)
    }

    @Test("a mistake names its string and the place in it")
    func mistakes() throws {
        let failure: Template.Failure = try #require(
            #expect(throws: Template.Failure.self) { try Template(["a": ["x", "go ${1 +} on"]]) })
        #expect(failure.path == "a.1")
        #expect(failure.error.position == 8)
        let open: Template.Failure = try #require(
            #expect(throws: Template.Failure.self) { try Template(["a": "${index"]) })
        #expect(open.error.expected == "an operator or “}”")
        let template = try Template(["c": ["d": "${1 / 0}"]])
        let late: Template.Failure = try #require(
            #expect(throws: Template.Failure.self) { try template.value(in: SampleScope.usual) })
        #expect(late.path == "c.d")
        #expect(late.error.position == 4)
    }

    @Test("a template knows whether it holds expressions, and what they refer to")
    func references() throws {
        let template = try Template(["a": "${steps.x.result}", "b": ["${item}"]])
        #expect(!template.isPlain)
        #expect(template.references.map(\.path) == ["a", "b.0"])
        #expect(template.references.map(\.reference.member) == ["x", nil])
        #expect(try Template(["a": "$5", "b": [1, nil]]).isPlain)
    }

    @Test("damaged templates are read or refused with a place inside them")
    func mutations() {
        let source = "a ${parameters.n + 1} b $${c} ${item['path'] + '}'}"
        for bytes in Mutations(of: Array(source.utf8), count: 3_000, spice: Array("${}'\"\\[].".utf8)) {
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(Template.Failure) {
                _ = try Template(.string(text)).value(in: SampleScope.usual)
            } catch {
                #expect((0...text.utf8.count).contains(error.error.position), "\(text): \(error)")
            }
        }
    }

    @Test("values that are put in as they are count, too, so that a small template makes no large one")
    func wholeValues() throws {
        let large: JSONValue = .array(
            Array(repeating: .object(["name": .string(String(repeating: "a", count: 1_000))]), count: 300))
        let scope = SampleScope(["a": large])
        #expect(try Template(["one": "${a}", "three": ["${a}", "${a[0].name}"]]).value(in: scope)["one"] == large)
        for value: JSONValue in [
            .array(Array(repeating: "${a}", count: 4)), ["x": "${a}", "y": "${a}", "z": ["${a}", "${a}"]],
            ["x": "${a}", "y": "${a}", "z": "${a}", "text": "so: ${a}"],
        ] {
            let template = try Template(value)
            let failure: Template.Failure = try #require(
                #expect(throws: Template.Failure.self) { try template.value(in: scope) })
            #expect(failure.error.expected.hasPrefix("at most 1048576 bytes"))
        }
    }

    @Test("texts that are put together have a bound")
    func bounds() throws {
        let scope = SampleScope(["a": .string(String(repeating: "a", count: 300_000))])
        let template = try Template(["x": "-${a}${a}", "y": "-${a}${a}"])
        #expect(throws: Template.Failure.self) { try template.value(in: scope) }
        #expect(throws: Template.Failure.self) {
            try Template(.string("${a}" + String(repeating: " ", count: 20_000)))
        }
    }
}
