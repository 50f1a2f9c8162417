/// What a value of a message has to be like.
package indirect enum Constraint: Sendable {
    /// Any value, `null` too.
    case any
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
