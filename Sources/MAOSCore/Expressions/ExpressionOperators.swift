/// What the operators with two operands mean.
extension ExpressionEvaluator {
    mutating func apply(
        _ found: Expression.Operator, _ left: JSONValue, _ right: JSONValue
    ) throws(ExpressionError) -> JSONValue {
        switch found {
        case .equal: return .boolean(try areEqual(left, right))
        case .unequal: return .boolean(!(try areEqual(left, right)))
        case .less: return .boolean(try order(left, right, for: found) < 0)
        case .lessOrEqual: return .boolean(try order(left, right, for: found) <= 0)
        case .greater: return .boolean(try order(left, right, for: found) > 0)
        case .greaterOrEqual: return .boolean(try order(left, right, for: found) >= 0)
        case .add: return try sum(left, right)
        case .subtract, .multiply, .divide, .remainder: return try arithmetic(found, left, right)
        case .in: return .boolean(try isMember(left, of: right))
        case .contains: return .boolean(try isMember(right, of: left))
        case .matches: return .boolean(try matches(left, pattern: right))
        }
    }

    // MARK: Comparison

    /// Whether two values are the same: numbers by their value, objects whatever the order of their members is.
    private mutating func areEqual(_ left: JSONValue, _ right: JSONValue) throws(ExpressionError) -> Bool {
        try spend(1)
        switch (left, right) {
        case (.null, .null): return true
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.string(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count else { return false }
            try spend(left.utf8.count)
            return left.utf8.elementsEqual(right.utf8)
        case (.integer, .integer), (.integer, .number), (.number, .integer), (.number, .number):
            return ExpressionArithmetic.order(left, right) == 0
        case (.array(let left), .array(let right)):
            guard left.count == right.count else { return false }
            for (left, right) in zip(left, right) {
                guard try areEqual(left, right) else { return false }
            }
            return true
        case (.object(let left), .object(let right)):
            guard left.count == right.count else { return false }
            for member: JSONObject.Member in left.members {
                guard let other: JSONValue = right[member.key], try areEqual(member.value, other) else { return false }
            }
            return true
        default: return false
        }
    }

    /// Negative, zero or positive, as the left value comes before, beside or after the right one.
    private mutating func order(
        _ left: JSONValue, _ right: JSONValue, for found: Expression.Operator
    ) throws(ExpressionError) -> Int {
        if case .string(let left) = left, case .string(let right) = right {
            try spend(min(left.utf8.count, right.utf8.count))
            if left.utf8.elementsEqual(right.utf8) { return 0 }
            return left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1
        }
        guard let order: Int = ExpressionArithmetic.order(left, right) else {
            throw mismatch(left, right, for: found, expected: "two numbers or two strings")
        }
        return order
    }

    private func mismatch(
        _ left: JSONValue, _ right: JSONValue, for found: Expression.Operator, expected: String
    ) -> ExpressionError {
        let kinds: String = "\(ExpressionEvaluator.kind(of: left)) and \(ExpressionEvaluator.kind(of: right))"
        return failure(kinds, expected: "\(expected) around \(found.rawValue)")
    }

    // MARK: Arithmetic

    private mutating func sum(_ left: JSONValue, _ right: JSONValue) throws(ExpressionError) -> JSONValue {
        switch (left, right) {
        case (.string(let left), .string(let right)):
            let size: Int = left.utf8.count + right.utf8.count
            try require(size: size)
            try spend(size)
            return .string(left + right)
        case (.array(let left), .array(let right)):
            let size: Int = left.count + right.count
            try require(size: size)
            try spend(size)
            return .array(left + right)
        default:
            guard ExpressionArithmetic.isNumber(left), ExpressionArithmetic.isNumber(right) else {
                throw mismatch(left, right, for: .add, expected: "two numbers, two strings or two arrays")
            }
            return try arithmetic(.add, left, right)
        }
    }

    func require(size: Int) throws(ExpressionError) {
        guard size <= ExpressionLimits.resultSize else {
            throw failure("a result of size \(size)", expected: "at most \(ExpressionLimits.resultSize)")
        }
    }

    private func arithmetic(
        _ found: Expression.Operator, _ left: JSONValue, _ right: JSONValue
    ) throws(ExpressionError) -> JSONValue {
        guard ExpressionArithmetic.isNumber(left), ExpressionArithmetic.isNumber(right) else {
            throw mismatch(left, right, for: found, expected: "two numbers")
        }
        switch ExpressionArithmetic.apply(found, left, right) {
        case .value(let value): return value
        case .divisionByZero: throw failure("a division by zero", expected: "another divisor")
        case .overflow: throw failure("an overflow", expected: "a result in the range of its numbers")
        case .notWhole: throw mismatch(left, right, for: found, expected: "two whole numbers")
        }
    }

    func negated(_ value: JSONValue) throws(ExpressionError) -> JSONValue {
        guard ExpressionArithmetic.isNumber(value) else {
            throw failure(ExpressionEvaluator.kind(of: value), expected: "a number after -")
        }
        return try arithmetic(.subtract, .integer(0), value)
    }

    // MARK: Membership

    private mutating func isMember(_ value: JSONValue, of whole: JSONValue) throws(ExpressionError) -> Bool {
        switch (whole, value) {
        case (.null, _): return false
        case (.array(let elements), _):
            for element: JSONValue in elements where try areEqual(element, value) { return true }
            return false
        case (.object(let object), .string(let name)): return object[name] != nil
        case (.string(let text), .string(let part)): return try hasPart(Array(part.utf8), in: Array(text.utf8))
        default:
            throw mismatch(
                value, whole, for: .in, expected: "a value and an array, a string and an object, or two strings")
        }
    }

    /// Looks for a part by a table of how far a mismatch leads back: O(both lengths).
    private mutating func hasPart(_ part: [UInt8], in text: [UInt8]) throws(ExpressionError) -> Bool {
        try spend(part.count + text.count)
        guard !part.isEmpty else { return true }
        var back: [Int] = [0]
        var length: Int = 0
        for byte: UInt8 in part.dropFirst() {
            while length > 0, part[length] != byte { length = back[length - 1] }
            if part[length] == byte { length += 1 }
            back.append(length)
        }
        length = 0
        for byte: UInt8 in text {
            while length > 0, part[length] != byte { length = back[length - 1] }
            if part[length] == byte { length += 1 }
            if length == part.count { return true }
        }
        return false
    }

    private mutating func matches(_ value: JSONValue, pattern: JSONValue) throws(ExpressionError) -> Bool {
        guard case .string(let text) = pattern else {
            throw mismatch(value, pattern, for: .matches, expected: "a string and a pattern")
        }
        if value.isNull { return false }
        guard case .string(let subject) = value else {
            throw mismatch(value, pattern, for: .matches, expected: "a string and a pattern")
        }
        try spend(subject.utf8.count + text.utf8.count)
        guard let glob = Glob(text) else {
            throw failure("the pattern “\(text.prefix(64))”", expected: "every “[” of a pattern closed by “]”")
        }
        let scalars: [Unicode.Scalar] = Array(subject.unicodeScalars)
        guard let answer: Bool = glob.matches(scalars, steps: &fuel) else {
            try spend(1)
            return false
        }
        return answer
    }
}

/// Numbers: whole ones exactly, others as doubles.
enum ExpressionArithmetic {
    enum Outcome {
        case value(JSONValue)
        case divisionByZero
        case overflow
        case notWhole
    }

    static func isNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .integer, .number: true
        case .null, .boolean, .string, .array, .object: false
        }
    }

    /// A double as a value; whole where it is exactly a whole number that fits.
    static func value(of double: Double) -> JSONValue {
        if let whole: Int64 = JSONNumber.whole(double) { return .integer(whole) }
        return JSONValue(double)
    }

    /// How two numbers stand to each other, exactly; `nil` when one of them is none.
    static func order(_ left: JSONValue, _ right: JSONValue) -> Int? {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): sign(left, right)
        case (.integer(let left), .number(let right)): order(left, right.doubleValue)
        case (.number(let left), .integer(let right)): -order(right, left.doubleValue)
        case (.number(let left), .number(let right)): sign(left.doubleValue, right.doubleValue)
        default: nil
        }
    }

    private static func order(_ left: Int64, _ right: Double) -> Int {
        if let whole: Int64 = JSONNumber.whole(right) { return sign(left, whole) }
        // Beyond the whole numbers, or between two of them, where doubles are exact enough.
        return sign(Double(left), right) != 0 ? sign(Double(left), right) : (right > 0 ? -1 : 1)
    }

    private static func sign<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
        left < right ? -1 : (left > right ? 1 : 0)
    }

    static func apply(_ found: Expression.Operator, _ left: JSONValue, _ right: JSONValue) -> Outcome {
        if case .integer(let left) = left, case .integer(let right) = right {
            return apply(found, left, right)
        }
        let (left, right): (Double, Double) = (double(left), double(right))
        switch found {
        case .add: return outcome(left + right)
        case .subtract: return outcome(left - right)
        case .multiply: return outcome(left * right)
        case .divide: return right == 0 ? .divisionByZero : outcome(left / right)
        default: return .notWhole
        }
    }

    private static func apply(_ found: Expression.Operator, _ left: Int64, _ right: Int64) -> Outcome {
        let result: (partialValue: Int64, overflow: Bool)
        switch found {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { return .divisionByZero }
            let divided = left.quotientAndRemainder(dividingBy: right == -1 ? 1 : right)
            if right == -1 {
                result = Int64(0).subtractingReportingOverflow(left)
            } else if divided.remainder == 0 {
                result = (divided.quotient, false)
            } else {
                return outcome(Double(left) / Double(right))
            }
        case .remainder:
            guard right != 0 else { return .divisionByZero }
            result = (right == -1 ? 0 : left % right, false)
        default: return .notWhole
        }
        return result.overflow ? .overflow : .value(.integer(result.partialValue))
    }

    private static func outcome(_ double: Double) -> Outcome {
        double.isFinite ? .value(value(of: double)) : .overflow
    }

    private static func double(_ value: JSONValue) -> Double {
        switch value {
        case .integer(let integer): Double(integer)
        case .number(let number): number.doubleValue
        case .null, .boolean, .string, .array, .object: .nan
        }
    }
}
