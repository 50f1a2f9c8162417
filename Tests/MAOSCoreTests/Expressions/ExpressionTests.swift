import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Expressions")
struct ExpressionTests {
    @Test(
        "operators give what their table says",
        arguments: [
            ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("7 / 2", 3.5), ("8 / 2", 4), ("-7 % 3", -1), ("2 - 3 - 4", -5),
            ("0.5 + 0.5", 1), ("1e3", 1_000), ("--3", 3), ("-9223372036854775807 - 1", .integer(.min)),
            ("9223372036854775807 % -1", 0),
            ("'a' + \"b\"", "ab"), ("[1] + [2, 3]", [1, 2, 3]), ("'\\u00e9\\n\\'' ", "é\n'"), ("[]", []),
            ("1 == 1.0", true), ("1 == '1'", false), ("null == null", true), ("[1, [2]] == [1, [2]]", true),
            ("item == item", true), ("1 != 2", true), ("'a' < 'b'", true), ("'a' < 'B'", false), ("2 <= 2", true),
            ("9007199254740993 > 9007199254740992.0", true), ("0.5 < 1", true), ("1 > 0.5", true),
            ("true && !false", true), ("null || false", false), ("!null", true), ("false && 1 / 0 == 0", false),
            ("true || 1 / 0 == 0", true), ("true && null", false), ("false || true && false", false),
            ("1 < 2 == true", true),
            ("2 in [1, 2]", true), ("'x' in 'abc'", false), ("'' in 'abc'", true), ("'bab' in 'abbabab'", true),
            ("'exitCode' in steps.build.result", true), ("1 in null", false), ("contains([1, null], null)", true),
            ("length('né')", 2), ("length(parameters.tags)", 2), ("length(item)", 2), ("length(nothing)", 0),
            ("item.path matches '*.swift'", true), ("null matches '*'", false),
        ] as [(String, JSONValue)])
    func values(source: String, expected: JSONValue) {
        #expect(evaluate(source) == .success(expected), "\(source)")
    }

    @Test(
        "paths lead to values, and to null where there is nothing",
        arguments: [
            ("parameters.n", 7), ("parameters['n']", 7), ("steps.build.result.files[1]", "y"),
            ("steps.build.result.files[-1]", nil), ("steps.build.result.files[9]", nil), ("steps.none.result.x", nil),
            ("steps['bu' + 'ild'].status", "completed"), ("parameters[parameters.none]", nil),
            ("parameters.tags[index - 2]", "b"), ("item.path.more", nil), ("index.x", nil),
            ("parameters.tags['a']", nil),
            ("{}", nil), ("nowhere", nil), ("[10, 20][1]", 20), ("item[\"size\"]", 12), ("parameters[1]", nil),
        ].filter { $0.0 != "{}" } as [(String, JSONValue)])
    func paths(source: String, expected: JSONValue) {
        #expect(evaluate(source) == .success(expected), "\(source)")
    }

    @Test(
        "what cannot be read says where it stops and what was expected",
        arguments: [
            ("", 0, "a value"), ("1 +", 3, "a value"), ("1 2", 2, "an operator or the end"), ("(1", 2, "“)”"),
            ("[1, 2", 5, "“,” or “]”"), ("a.", 2, "a name"), ("a.1", 2, "a name"), ("a[1", 3, "“]”"),
            ("'a", 2, "closing"),
            ("'\\q'", 1, "one of"), ("'\\u12'", 1, "four"), ("'\\ud800'", 1, "name a character"), ("01", 0, "leading"),
            ("1.", 2, "a digit"), ("1e", 2, "a digit"), ("1x", 1, "after a number"),
            ("9223372036854775808", 0, "at most"), ("1e999", 0, "range of a double"),
            ("a = b", 2, "a value, an operator"),
            ("a & b", 2, "a value, an operator"), ("1 < 2 < 3", 6, "one comparison"), ("in", 0, "a value"),
            ("size(a)", 0, "one of the functions"), ("length()", 0, "1 for length"),
            ("contains(1)", 0, "2 for contains"),
            ("a; b", 1, "a value, an operator"), ("a }", 2, "an operator or the end"), ("[,]", 1, "a value"),
        ] as [(String, Int, String)])
    func mistakes(source: String, position: Int, expected: String) throws {
        let error: ExpressionError? = #expect(throws: ExpressionError.self) { try Expression(source) }
        let mistake: ExpressionError = try #require(error)
        #expect(mistake.position == position, "\(source): \(mistake)")
        #expect(mistake.expected.contains(expected), "\(source): \(mistake)")
    }

    @Test(
        "what cannot be worked out says where and why",
        arguments: [
            ("1 / 0", 2, "a division by zero"), ("1 % 0", 2, "a division by zero"),
            ("1.5 / 0", 4, "a division by zero"),
            ("parameters.big + 1", 15, "an overflow"), ("parameters.big * 2", 15, "an overflow"),
            ("-(-9223372036854775807 - 1)", 0, "an overflow"), ("1e308 * 10", 6, "an overflow"),
            ("(-9223372036854775807 - 1) / -1", 27, "an overflow"),
            ("1 + 'a'", 2, "a number and a string"), ("null + 1", 5, "null and a number"),
            ("1 < 'a'", 2, "a number and"),
            ("1.5 % 2", 4, "a number and a number"), ("!1", 0, "a number"), ("1 && true", 2, "a number"),
            ("true && 'x'", 11, "a string"), ("-'a'", 0, "a string"), ("item[true]", 0, "true"),
            ("length(1)", 0, "a number"),
            ("1 in 2", 2, "a number and a number"), ("1 in 'a'", 2, "a number and a string"),
            ("1 matches '*'", 2, "a number and a string"), ("'a' matches 1", 4, "a string and a number"),
            ("'a' matches '[a'", 4, "the pattern"),
        ] as [(String, Int, String)])
    func failures(source: String, position: Int, found: String) throws {
        guard case .failure(let error) = evaluate(source) else {
            Issue.record("\(source) has a value")
            return
        }
        #expect(error.position == position, "\(source): \(error)")
        #expect(error.found.hasPrefix(found), "\(source): \(error)")
    }

    @Test("a condition is true, false or null")
    func conditions() throws {
        #expect(try Expression("1 < 2").holds(in: SampleScope.usual))
        #expect(try !Expression("nothing.at.all").holds(in: SampleScope.usual))
        #expect(throws: ExpressionError.self) { try Expression("1").holds(in: SampleScope.usual) }
    }

    @Test("an expression knows what it refers to")
    func references() throws {
        let expression = try Expression("parameters.n + steps['a-b'].result.x + steps[item].y + index")
        #expect(expression.references.map(\.root) == ["parameters", "steps", "steps", "item", "index"])
        #expect(expression.references.map(\.member) == ["n", "a-b", nil, nil, nil])
        #expect(expression.references.map(\.isComputed) == [false, false, true, false, false])
        #expect(expression.references.map(\.position) == [0, 15, 39, 45, 55])
    }

    private static let valid: [String] = [
        "parameters.n >= 7 && steps.build.status == 'completed' || !(index in [1, 2, 3])",
        "length(steps[\"build\"].result.files) * -2 + 1.5e2 / 4 % 3", "item.path matches 'src/[a-m]*.swift' != false",
        "contains(parameters.tags, 'a' + '\\u0062') && null == nothing.here[0][\"x\"]",
    ]

    @Test("every beginning of an expression is read or refused with a place inside it", arguments: valid)
    func prefixes(source: String) throws {
        _ = try Expression(source)
        let bytes: [UInt8] = Array(source.utf8)
        for length in 0...bytes.count {
            let text = String(decoding: bytes[..<length], as: UTF8.self)
            guard case .failure(let error) = evaluate(text) else { continue }
            #expect((0...length).contains(error.position), "\(text): \(error)")
        }
    }

    @Test("damaged expressions are read or refused with a place inside them", arguments: valid)
    func mutations(source: String) {
        for bytes in Mutations(of: Array(source.utf8), count: 2_000, spice: Array("()[]{}.,'\"\\!&|=<>+-*/%0e$".utf8)) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard case .failure(let error) = evaluate(text) else { continue }
            #expect((0...text.utf8.count).contains(error.position), "\(text): \(error)")
        }
    }

    @Test("nesting, length, work and results have bounds")
    func bounds() throws {
        let deep = String(repeating: "(", count: 33) + "1" + String(repeating: ")", count: 33)
        #expect(throws: ExpressionError.self) { try Expression(deep) }
        #expect(try Expression(String(deep.dropFirst().dropLast())).value(in: SampleScope.usual) == 1)
        #expect(throws: ExpressionError.self) { try Expression(String(repeating: "!", count: 33) + "true") }
        #expect(throws: ExpressionError.self) { try Expression(String(repeating: "1+", count: 8_192) + "1") }
        let long = String(repeating: "1+", count: 8_000) + "1"
        #expect(try Expression(long).value(in: SampleScope.usual) == 8_001)

        let scope = SampleScope(["a": .string(String(repeating: "a", count: 600_000))])
        let tooLarge: Result<JSONValue, ExpressionError> = evaluate("a + a", in: scope)
        #expect(throws: ExpressionError.self) { try tooLarge.get() }
        let tooMuch: Result<JSONValue, ExpressionError> = evaluate("a == a && a == a", in: scope)
        #expect(throws: ExpressionError.self) { try tooMuch.get() }
    }
}

@Suite("Patterns")
struct GlobTests {
    @Test(
        "a pattern stands for the whole text",
        arguments: [
            ("", "", true), ("", "a", false), ("*", "", true), ("*", "abc", true), ("a*c", "abbc", true),
            ("a*c", "abcb", false), ("*a*b*", "xxaxxbxx", true), ("?", "é", true), ("?", "", false), ("a?", "ab", true),
            ("[abc]x", "bx", true), ("[a-c]x", "dx", false), ("[!a-c]x", "dx", true), ("[^a]", "a", false),
            ("[]]", "]", true), ("[a-]", "-", true), ("\\*", "*", true), ("\\*", "x", false), ("[\\]x]", "]", true),
            ("abc", "ABC", false), ("a**b", "ab", true), ("*.tar.gz", "a.tar.tar.gz", true), ("\\", "\\", true),
        ] as [(String, String, Bool)])
    func matches(pattern: String, text: String, expected: Bool) {
        let scope = SampleScope(["t": .string(text), "p": .string(pattern)])
        #expect(evaluate("t matches p", in: scope) == .success(.boolean(expected)), "\(pattern) on \(text)")
    }

    @Test("a pattern of many stars ends soon")
    func hostile() {
        let scope = SampleScope([
            "t": .string(String(repeating: "a", count: 2_000)),
            "p": .string(String(repeating: "a*", count: 100) + "b"),
        ])
        #expect(evaluate("t matches p", in: scope) == .success(false))
        let larger = SampleScope([
            "t": .string(String(repeating: "a", count: 100_000)),
            "p": .string("*" + String(repeating: "a", count: 900) + "b"),
        ])
        let tooMuch: Result<JSONValue, ExpressionError> = evaluate("t matches p", in: larger)
        #expect(throws: ExpressionError.self) { try tooMuch.get() }
    }
}
