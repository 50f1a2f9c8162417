/// What a value of a message has to be like.
package indirect enum Constraint: Sendable {
    /// Any value, `null` too.
    case any
    /// Only `null`.
    case null
    case boolean
    /// A whole number, however it is written.
    case integer(ClosedRange<Int>)
    /// A finite number.
    case number(ClosedRange<Double>)
    /// A string with so many code points.
    case string(ClosedRange<Int>, TextFormat? = nil)
    /// One of these strings.
    case enumeration([String])
    /// So many elements, all alike.
    case array(of: Constraint, count: ClosedRange<Int>)
    /// An object with free names and values that are all alike; at most so many members.
    case map(keys: TextFormat? = nil, values: Constraint, limit: Int)
    /// An object with declared members.
    case object(MessageSchema)
    /// The first of these that takes values of the given value's JSON type.
    case either([Constraint])

    /// The JSON type that it takes, in words; what a client is told that was expected.
    var typeName: String {
        switch self {
        case .any: "any value"
        case .null: "null"
        case .boolean: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string, .enumeration: "string"
        case .array: "array"
        case .map, .object: "object"
        case .either(let alternatives): alternatives.map(\.typeName).joined(separator: " or ")
        }
    }

    /// What a process can be made of: a program with its arguments, or a line for a shell.
    static let command = Constraint.either([
        .array(of: .string(0...131_072, .processText), count: 1...1_000), .string(1...131_072, .processText),
    ])
}

// MARK: Words for declarations

extension Constraint {
    /// Text of any length.
    static let text: Constraint = .string(0...Int.max)
    /// A date and time in UTC.
    static let instant: Constraint = .string(1...64, .timestamp)
    /// A time in milliseconds since 1970.
    static let milliseconds: Constraint = .integer(0...Int.max)
    /// A whole number from zero on.
    static let count: Constraint = .integer(0...Int.max)
    /// A number from zero on.
    static let amount: Constraint = .number(0...Double.greatestFiniteMagnitude)
    /// Any finite number.
    static let anyNumber: Constraint = .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
    /// 0…1.
    static let share: Constraint = .number(0...1)
    /// 0…100.
    static let percent: Constraint = .number(0...100)
    /// 0…100 without fractions.
    static let wholePercent: Constraint = .integer(0...100)
    /// An object whose members are not declared.
    static let freeObject: Constraint = .map(values: .any, limit: .max)

    /// Exactly this text.
    static func constant(_ text: String) -> Constraint { .enumeration([text]) }

    /// A value of that kind, or `null`.
    static func nullable(_ constraint: Constraint) -> Constraint { .either([constraint, .null]) }

    /// Any number of values of that kind.
    static func list(_ element: Constraint) -> Constraint { .array(of: element, count: 0...Int.max) }

    /// An object with these members.
    static func members(_ name: String, _ fields: [Field]) -> Constraint { .object(MessageSchema(name, fields)) }
}
