/// An expression over JSON values: comparisons, truth values, arithmetic, membership, patterns and paths.
///
/// It has no side effects, no loops and no recursion: its instructions are carried out at most once each, from the first to
/// the last, on a stack. `Docs/Expressions.md` has the grammar and what each operator means.
package struct Expression: Sendable, Hashable {
    /// A step of the evaluation; it takes its operands from the stack and leaves its result there.
    enum Instruction: Sendable, Hashable {
        case constant(JSONValue)
        /// The value of a root, such as `item`.
        case root(String)
        /// A member of a root, asked for without building the root: `steps.build`.
        case rootMember(String, String)
        /// The same with a name that is worked out: `steps[item]`.
        case rootIndex(String)
        case member(String)
        case index
        case array(count: Int)
        case not
        case negate
        case length
        case binary(Operator)
        /// Leaves `false` and goes on at the place when the value on top is false, else drops it.
        case falseGoes(to: Int)
        /// Leaves `true` and goes on at the place when the value on top is true, else drops it.
        case trueGoes(to: Int)
        /// Makes the value on top a truth value.
        case truth
    }

    enum Operator: String, Sendable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case remainder = "%"
        case `in`
        case matches
        /// `in` with its operands the other way round.
        case contains
    }

    /// What an expression refers to.
    package struct Reference: Sendable, Hashable {
        /// The first name of the path.
        package var root: String
        /// The second one; `nil` where it is worked out or there is none.
        package var member: String?
        /// Whether a second name is there, but is worked out.
        package var isComputed: Bool
        /// Where the path begins, in bytes.
        package var position: Int
    }

    var instructions: [Instruction]
    /// Where in the text each instruction comes from.
    var positions: [Int32]
    /// Every path, in the order in which they are written.
    package internal(set) var references: [Reference]

    /// Reads an expression.
    ///
    /// - Throws: The first mistake, with what would have been right.
    package init(_ source: String) throws(ExpressionError) {
        let bytes: [UInt8] = Array(source.utf8)
        guard bytes.count <= ExpressionLimits.sourceLength else {
            throw ExpressionError(
                position: ExpressionLimits.sourceLength, found: "\(bytes.count) bytes",
                expected: "at most \(ExpressionLimits.sourceLength) bytes")
        }
        var parser = try ExpressionParser(bytes, from: 0)
        self = try parser.expression(closedBy: .end)
    }

    init(instructions: [Instruction], positions: [Int32], references: [Reference]) {
        self.instructions = instructions
        self.positions = positions
        self.references = references
    }
}

/// Where an expression gets the values of its paths from.
package protocol ExpressionScope {
    /// The value of a root; `nil` where there is none.
    func value(of root: String) -> JSONValue?
    /// The value of a member of a root; `nil` where there is none.
    func value(of member: String, in root: String) -> JSONValue?
}

/// The words of the language, which name nothing.
enum ExpressionWords {
    static let constants: [String: JSONValue] = ["true": .boolean(true), "false": .boolean(false), "null": .null]
    static let operators: Set<String> = ["in", "matches"]
    static let functions: Set<String> = ["length", "contains"]
}
