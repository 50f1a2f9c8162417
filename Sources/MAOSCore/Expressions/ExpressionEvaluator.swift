extension Expression {
    /// Works the expression out.
    ///
    /// - Parameter scope: Where its paths lead; what they do not find is `null`.
    /// - Returns: Its value.
    /// - Throws: What operands of a wrong type, an overflow, a division by zero or too much work come to, and where.
    package func value(in scope: some ExpressionScope) throws(ExpressionError) -> JSONValue {
        var evaluator = ExpressionEvaluator()
        return try evaluator.run(self, in: scope)
    }

    /// Works the expression out as a condition; `null` counts as false.
    ///
    /// - Throws: Also when the value is neither a truth value nor `null`.
    package func holds(in scope: some ExpressionScope) throws(ExpressionError) -> Bool {
        let value: JSONValue = try value(in: scope)
        guard let truth: Bool = ExpressionEvaluator.truth(value) else {
            throw ExpressionError(
                position: 0, found: ExpressionEvaluator.kind(of: value), expected: "true, false or null")
        }
        return truth
    }
}

/// Carries the instructions of one expression out, and counts the work.
struct ExpressionEvaluator: Sendable {
    private var stack: [JSONValue] = []
    /// Steps that are left.
    var fuel: Int = ExpressionLimits.work
    /// Where the current instruction comes from.
    private(set) var position: Int = 0

    mutating func run(_ expression: Expression, in scope: some ExpressionScope) throws(ExpressionError) -> JSONValue {
        stack.removeAll(keepingCapacity: true)
        var next: Int = 0
        while next < expression.instructions.count {
            position = Int(expression.positions[next])
            let instruction: Expression.Instruction = expression.instructions[next]
            next += 1
            try spend(1)
            switch instruction {
            case .constant(let value): stack.append(value)
            case .root(let root): stack.append(scope.value(of: root) ?? .null)
            case .rootMember(let root, let member): stack.append(scope.value(of: member, in: root) ?? .null)
            case .rootIndex(let root): try lookUp(in: root, of: scope)
            case .member(let name): stack.append(pop()[name] ?? .null)
            case .index:
                let key: JSONValue = pop()
                stack.append(try element(key, of: pop()))
            case .array(let count):
                let elements: [JSONValue] = Array(stack.suffix(count))
                stack.removeLast(count)
                stack.append(.array(elements))
            case .not: stack.append(.boolean(!(try popTruth())))
            case .negate: stack.append(try negated(pop()))
            case .length: stack.append(try length(of: pop()))
            case .binary(let found):
                let right: JSONValue = pop()
                stack.append(try apply(found, pop(), right))
            case .falseGoes(let place):
                guard !(try popTruth()) else { continue }
                stack.append(.boolean(false))
                next = place
            case .trueGoes(let place):
                guard try popTruth() else { continue }
                stack.append(.boolean(true))
                next = place
            case .truth: stack.append(.boolean(try popTruth()))
            }
        }
        return pop()
    }

    mutating func spend(_ steps: Int) throws(ExpressionError) {
        fuel -= steps
        guard fuel >= 0 else {
            throw failure("too much work", expected: "at most \(ExpressionLimits.work) steps")
        }
    }

    func failure(_ found: String, expected: String) -> ExpressionError {
        ExpressionError(position: position, found: found, expected: expected)
    }

    // MARK: Stack

    private mutating func pop() -> JSONValue {
        guard let value: JSONValue = stack.popLast() else {
            preconditionFailure("the parser leaves an operand for every instruction")
        }
        return value
    }

    private mutating func popTruth() throws(ExpressionError) -> Bool {
        let value: JSONValue = pop()
        guard let truth: Bool = ExpressionEvaluator.truth(value) else {
            throw failure(ExpressionEvaluator.kind(of: value), expected: "true, false or null")
        }
        return truth
    }

    /// What a value counts as in a condition; `nil` for one that may not stand there.
    static func truth(_ value: JSONValue) -> Bool? {
        switch value {
        case .boolean(let truth): truth
        case .null: false
        case .integer, .number, .string, .array, .object: nil
        }
    }

    /// What kind of value it is, with its article, for messages.
    static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .boolean(let truth): truth ? "true" : "false"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    // MARK: Paths

    private mutating func lookUp(in root: String, of scope: some ExpressionScope) throws(ExpressionError) {
        switch pop() {
        case .string(let member): stack.append(scope.value(of: member, in: root) ?? .null)
        case let key: stack.append(try element(key, of: scope.value(of: root) ?? .null))
        }
    }

    private func element(_ key: JSONValue, of value: JSONValue) throws(ExpressionError) -> JSONValue {
        switch key {
        case .string(let name): return value[name] ?? .null
        case .integer(let place): return Int(exactly: place).flatMap { value[$0] } ?? .null
        case .null: return .null
        case .boolean, .number, .array, .object:
            throw failure(
                ExpressionEvaluator.kind(of: key), expected: "a whole number or a string as the place of an element")
        }
    }

    private mutating func length(of value: JSONValue) throws(ExpressionError) -> JSONValue {
        switch value {
        case .null: return .integer(0)
        case .string(let text):
            try spend(text.utf8.count)
            return JSONValue(text.unicodeScalars.count)
        case .array(let elements): return JSONValue(elements.count)
        case .object(let object): return JSONValue(object.count)
        case .boolean, .integer, .number:
            throw failure(
                ExpressionEvaluator.kind(of: value), expected: "a string, an array, an object or null in length")
        }
    }
}
