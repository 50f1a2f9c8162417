internal import MAOSCore

/// The form of a string, where its length alone does not say enough.
package final class TextFormat: Sendable {
    /// What a client is told that was expected.
    package let expected: String
    /// A text that has the form, for the description; `nil` where the name of a member has it.
    package let example: String?
    /// The form as a regular expression of JSON Schema, where it can be written as one.
    package let pattern: String?
    /// The name that JSON Schema has for the form, where it has one.
    package let schemaName: String?
    let matches: @Sendable (String) -> Bool

    /// Declares a form.
    ///
    /// - Parameters:
    ///   - expected: What a client is told that was expected.
    ///   - example: A text that has the form, where the name of a member has not.
    ///   - pattern: The form as an anchored regular expression.
    ///   - schemaName: JSON Schema's `format` of it.
    ///   - matches: Whether a text has the form.
    package init(
        expected: String, example: String? = nil, pattern: String? = nil, schemaName: String? = nil,
        matches: @escaping @Sendable (String) -> Bool
    ) {
        self.expected = expected
        self.example = example
        self.pattern = pattern
        self.schemaName = schemaName
        self.matches = matches
    }

    /// A date and time in UTC with `Z` at its end.
    package static let timestamp = TextFormat(
        expected: "a date and time in UTC such as 2030-01-01T00:00:00Z", example: "2030-01-01T00:00:00.000Z",
        schemaName: "date-time"
    ) { ISO8601.parse($0) != nil }

    /// A UUID (RFC 9562 §4).
    package static let uuid = TextFormat(
        expected: "a UUID", example: "00000000-0000-4000-8000-000000000000",
        pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", schemaName: "uuid"
    ) { (text: String) in
        let groups: [Substring] = text.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
            && groups.joined().utf8.allSatisfy { $0 &- 0x30 < 10 || $0 &- 0x61 < 6 }
    }

    /// An identifier of ours: 1 to 100 letters, digits, `_` and `-`.
    package static let identifier = TextFormat(
        expected: "an identifier of 1 to 100 letters, digits, _ and -", pattern: "^[A-Za-z0-9_-]{1,100}$"
    ) { TaskID($0) != nil }

    /// Text that can be handed to a process: no NUL.
    package static let processText = TextFormat(
        expected: "text without the character NUL", pattern: "^[^\\u0000]*$"
    ) { !$0.utf8.contains(0) }

    /// The name of an environment variable: no `=`, no NUL.
    package static let environmentName = TextFormat(
        expected: "a name without = and NUL", pattern: "^[^=\\u0000]+$"
    ) { !$0.isEmpty && !$0.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "=") } }
}
