internal import MAOSCore

/// The query of a request: reads known names, notes what is wrong with their values, ignores the others.
struct GatewayQuery {
    private let items: [HTTPTarget.QueryItem]
    private(set) var issues: [ValidationIssue] = []

    /// Takes the query of a target apart.
    init(_ target: ArraySlice<UInt8>) {
        guard target.contains(UInt8(ascii: "?")) else {
            items = []
            return
        }
        do throws(HTTPTargetError) {
            items = try HTTPTarget(target).query
        } catch {
            items = []
            issues = [
                ValidationIssue(
                    path: [], code: .syntax, message: "the query is not percent-encoded UTF-8",
                    expected: "percent-encoded UTF-8")
            ]
        }
    }

    /// The failure that the mistakes so far make; `nil` for none.
    var failure: GatewayFailure? { issues.isEmpty ? nil : .invalid(issues) }

    /// The last value of a name; an empty one is a mistake.
    mutating func text(_ name: String, expected: String) -> String? {
        guard let item = items.last(where: { $0.name == name }) else { return nil }
        guard !item.value.isEmpty else {
            note(name, .tooSmall, expected: expected, value: "")
            return nil
        }
        return item.value
    }

    /// A whole number in plain decimal digits.
    mutating func integer(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        let expected =
            range.upperBound == .max
            ? "an integer of at least \(range.lowerBound)"
            : "an integer from \(range.lowerBound) to \(range.upperBound)"
        guard let text: String = text(name, expected: expected) else { return nil }
        let isNegative: Bool = text.utf8.first == UInt8(ascii: "-")
        let digits = Array(text.utf8.dropFirst(isNegative ? 1 : 0))
        guard let magnitude: Int = Decimal.parse(digits.span) else {
            let isTooLarge: Bool = !digits.isEmpty && digits.allSatisfy { $0 &- 0x30 < 10 }
            note(name, isTooLarge ? (isNegative ? .tooSmall : .tooBig) : .type, expected: expected, value: text)
            return nil
        }
        let value: Int = isNegative ? -magnitude : magnitude
        guard range.contains(value) else {
            note(name, value < range.lowerBound ? .tooSmall : .tooBig, expected: expected, value: text)
            return nil
        }
        return value
    }

    /// `true` or `false`.
    mutating func boolean(_ name: String) -> Bool? {
        switch choice(name, among: ["true", "false"]) {
        case "true"?: true
        case "false"?: false
        default: nil
        }
    }

    /// A date and time in UTC.
    mutating func timestamp(_ name: String) -> Instant? {
        let expected: String = TextFormat.timestamp.expected
        guard let text: String = text(name, expected: expected) else { return nil }
        guard let milliseconds: Int64 = ISO8601.parse(text) else {
            note(name, .format, expected: expected, value: text)
            return nil
        }
        return Instant(milliseconds: milliseconds)
    }

    /// One of these words.
    mutating func choice(_ name: String, among choices: [String]) -> String? {
        let expected: String = choices.joined(separator: ", ")
        guard let text: String = text(name, expected: expected) else { return nil }
        guard choices.contains(text) else {
            note(name, .enumeration, expected: expected, value: text)
            return nil
        }
        return text
    }

    /// The projects of which a list is to tell: the one that is named, else all that the principal is limited to.
    mutating func projects(of principal: Principal) -> [String] {
        let expected: String = "a project that you may use"
        guard let name: String = text("project", expected: expected) else { return principal.projects }
        if !principal.reaches(project: name) { refuse("project", value: name, expected: expected) }
        return [name]
    }

    /// Notes that the value of a name is not what was expected.
    mutating func refuse(_ name: String, value: String, expected: String) {
        note(name, .format, expected: expected, value: value)
    }

    /// Words between commas, each of small letters, digits and `_`; at most so many.
    mutating func words(_ name: String, limit: Int) -> Set<String>? {
        let expected = "up to \(limit) words of letters, digits and _ between commas"
        guard let text: String = text(name, expected: expected) else { return nil }
        let words: [Substring] = text.split(separator: ",", omittingEmptySubsequences: false)
        let areValid: Bool = words.allSatisfy { (word: Substring) in
            (1...64).contains(word.utf8.count)
                && word.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x5F }
        }
        guard words.count <= limit, areValid else {
            note(name, .format, expected: expected, value: text)
            return nil
        }
        return Set(words.map(String.init))
    }

    private mutating func note(_ name: String, _ code: ValidationIssue.Code, expected: String, value: String) {
        issues.append(
            ValidationIssue(
                path: [.key(name)], code: code, message: "must be \(expected)", expected: expected,
                value: .string(String(value.prefix(100)))))
    }
}
