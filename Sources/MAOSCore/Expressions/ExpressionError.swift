/// Why an expression or a template cannot be read or evaluated, and where.
package struct ExpressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bytes before the place, from the start of the text that was given.
    package var position: Int
    /// What stands there, or what it gave, for people.
    package var found: String
    /// What would have been right there, for people.
    package var expected: String

    package init(position: Int, found: String, expected: String) {
        self.position = position
        self.found = found
        self.expected = expected
    }

    /// One sentence without a full stop.
    package var description: String { "at position \(position): found \(found), expected \(expected)" }
}

/// The bounds of expressions; they make each evaluation end soon, whatever the text and the values are.
package enum ExpressionLimits {
    /// Bytes of one expression, and of one string with expressions in it.
    package static let sourceLength: Int = 16_384
    /// Parentheses, brackets, calls and prefix operators that may stand inside each other.
    package static let nesting: Int = 32
    /// Steps of one evaluation: an operation is one, and so is each value, character or byte that it has to look at.
    package static let work: Int = 1_000_000
    /// Bytes of one string, or values of one array, that an evaluation makes.
    package static let resultSize: Int = 1 << 20
}
