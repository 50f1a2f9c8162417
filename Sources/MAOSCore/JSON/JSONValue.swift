/// Any JSON value (RFC 8259 §3).
///
/// Numbers that are exactly an `Int64`, however they were written (`1`, `1.0`, `1e0`), are ``integer(_:)``.
public enum JSONValue: Sendable, Hashable {
    /// The literal `null`.
    case null
    /// The literal `true` or `false`.
    case boolean(Bool)
    /// A whole number that fits.
    case integer(Int64)
    /// Any other number.
    case number(JSONNumber)
    /// A string of Unicode scalars.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Named values in the order they were written.
    case object(JSONObject)

    /// The value of a double: ``integer(_:)`` where it is whole and exact, ``null`` where it is not finite.
    public init(_ double: Double) {
        if double.magnitude <= 9_007_199_254_740_992, double != 0 || double.sign == .plus,
            let whole = JSONNumber.whole(double)
        {
            self = .integer(whole)
        } else if let number = JSONNumber(double) {
            self = .number(number)
        } else {
            self = .null
        }
    }

    /// The value of a whole number.
    public init(_ integer: Int) {
        self = .integer(Int64(integer))
    }

    /// The value of a string.
    public init(_ string: String) {
        self = .string(string)
    }

    /// The value of a truth value.
    public init(_ boolean: Bool) {
        self = .boolean(boolean)
    }

    /// The member of that name, `nil` if this is no object or has none.
    public subscript(_ key: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[key]
    }

    /// The element at that place, `nil` if this is no array or is shorter.
    public subscript(_ position: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(position) else { return nil }
        return elements[position]
    }

    /// Whether this is the literal `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The text of a string, `nil` of anything else.
    public var stringValue: String? {
        if case .string(let string) = self { string } else { nil }
    }

    /// The value of a number that is whole and fits, `nil` of anything else.
    public var intValue: Int? {
        switch self {
        case .integer(let integer): Int(exactly: integer)
        case .number(let number) where number.isDouble: JSONNumber.whole(number.doubleValue).flatMap(Int.init(exactly:))
        case .null, .boolean, .number, .string, .array, .object: nil
        }
    }

    /// The nearest double to a number, `nil` of anything else and of numbers beyond its range.
    public var doubleValue: Double? {
        switch self {
        case .integer(let integer):
            return Double(integer)
        case .number(let number):
            let double = number.doubleValue
            return double.isFinite ? double : nil
        case .null, .boolean, .string, .array, .object:
            return nil
        }
    }

    /// The truth value of a boolean, `nil` of anything else.
    public var boolValue: Bool? {
        if case .boolean(let boolean) = self { boolean } else { nil }
    }

    /// The elements of an array, `nil` of anything else.
    public var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object, `nil` of anything else.
    public var objectValue: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
    /// The literal `null`.
    public init(nilLiteral: ()) {
        self = .null
    }

    /// The literal `true` or `false`.
    public init(booleanLiteral value: Bool) {
        self = .boolean(value)
    }

    /// A whole number.
    public init(integerLiteral value: Int64) {
        self = .integer(value)
    }
}

extension JSONValue: ExpressibleByFloatLiteral, ExpressibleByStringInterpolation {
    /// A number as ``JSONValue/init(_:)-(Double)`` makes it.
    public init(floatLiteral value: Double) {
        self.init(value)
    }

    /// A string.
    public init(stringLiteral value: String) {
        self = .string(value)
    }
}

extension JSONValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    /// An array.
    public init(arrayLiteral elements: JSONValue...) {
        self = .array(elements)
    }

    /// An object; of equal keys the last wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements))
    }
}

extension JSONValue: CustomStringConvertible {
    /// The value as compact JSON text.
    public var description: String {
        JSONText(self).description
    }
}
