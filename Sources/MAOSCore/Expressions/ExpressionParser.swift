/// Reads expressions by recursive descent, one method for each level of precedence.
struct ExpressionParser: Sendable {
    private var lexer: ExpressionLexer
    private var token: ExpressionLexer.Token
    /// Where the token begins.
    private var position: Int
    private var nesting: Int = 0
    private var instructions: [Expression.Instruction] = []
    private var positions: [Int32] = []
    private var references: [Expression.Reference] = []

    /// A parser at the first token from an offset on.
    init(_ bytes: [UInt8], from start: Int) throws(ExpressionError) {
        lexer = ExpressionLexer(bytes, from: start)
        position = lexer.skipSpace()
        token = try lexer.next()
    }

    /// Bytes that have been read, the last token included.
    var offset: Int { lexer.offset }

    /// Reads a whole expression and the token that closes it, behind which nothing is read.
    mutating func expression(closedBy close: ExpressionLexer.Token) throws(ExpressionError) -> Expression {
        try disjunction()
        guard token == close else {
            throw mistake(close == .end ? "an operator or the end" : "an operator or “}”")
        }
        return Expression(instructions: instructions, positions: positions, references: references)
    }

    // MARK: Levels

    private mutating func disjunction() throws(ExpressionError) {
        try conjunction()
        try chain("||", jump: { .trueGoes(to: $0) }) { (parser: inout ExpressionParser) throws(ExpressionError) in
            try parser.conjunction()
        }
    }

    private mutating func conjunction() throws(ExpressionError) {
        try equality()
        try chain("&&", jump: { .falseGoes(to: $0) }) { (parser: inout ExpressionParser) throws(ExpressionError) in
            try parser.equality()
        }
    }

    /// Operands that are looked at only as far as they matter.
    private mutating func chain(
        _ sign: String, jump: (Int) -> Expression.Instruction,
        operand: (inout ExpressionParser) throws(ExpressionError) -> Void
    ) throws(ExpressionError) {
        guard token == .sign(sign) else { return }
        var places: [Int] = []
        while token == .sign(sign) {
            places.append(instructions.count)
            emit(jump(0), at: position)
            try advance()
            try operand(&self)
        }
        emit(.truth, at: position)
        for place: Int in places { instructions[place] = jump(instructions.count) }
    }

    private mutating func equality() throws(ExpressionError) {
        try relation()
        while let found: Expression.Operator = take(of: ["==": .equal, "!=": .unequal]) {
            let place: Int = position
            try advance()
            try relation()
            emit(.binary(found), at: place)
        }
    }

    private mutating func relation() throws(ExpressionError) {
        let signs: [String: Expression.Operator] = [
            "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual, "in": .in, "matches": .matches,
        ]
        try sum()
        guard let found: Expression.Operator = take(of: signs) else { return }
        let place: Int = position
        try advance()
        try sum()
        emit(.binary(found), at: place)
        guard take(of: signs) == nil else { throw mistake("one comparison at a time; join several with &&") }
    }

    private mutating func sum() throws(ExpressionError) {
        try product()
        while let found: Expression.Operator = take(of: ["+": .add, "-": .subtract]) {
            let place: Int = position
            try advance()
            try product()
            emit(.binary(found), at: place)
        }
    }

    private mutating func product() throws(ExpressionError) {
        try prefix()
        while let found: Expression.Operator = take(of: ["*": .multiply, "/": .divide, "%": .remainder]) {
            let place: Int = position
            try advance()
            try prefix()
            emit(.binary(found), at: place)
        }
    }

    private mutating func prefix() throws(ExpressionError) {
        guard token == .sign("!") || token == .sign("-") else { return try postfix() }
        let isNot: Bool = token == .sign("!")
        let place: Int = position
        try advance()
        try nest { (parser: inout ExpressionParser) throws(ExpressionError) in try parser.prefix() }
        emit(isNot ? .not : .negate, at: place)
    }

    private mutating func postfix() throws(ExpressionError) {
        try primary()
        while true {
            let place: Int = position
            if token == .sign(".") {
                try advance()
                emit(.member(try name()), at: place)
            } else if token == .sign("[") {
                try index()
                emit(.index, at: place)
            } else {
                return
            }
        }
    }

    private mutating func primary() throws(ExpressionError) {
        let place: Int = position
        switch token {
        case .integer(let integer): try constant(.integer(integer))
        case .number(let number): try constant(ExpressionArithmetic.value(of: number))
        case .string(let string): try constant(.string(string))
        case .sign("("):
            try advance()
            try nest { (parser: inout ExpressionParser) throws(ExpressionError) in try parser.disjunction() }
            try expect(")")
        case .sign("["):
            try advance()
            let count: Int = try list(closedBy: "]")
            emit(.array(count: count), at: place)
        case .name(let name):
            if let value: JSONValue = ExpressionWords.constants[name] { return try constant(value) }
            guard !ExpressionWords.operators.contains(name) else { throw mistake("a value") }
            try advance()
            if token == .sign("("), ExpressionWords.functions.contains(name) { return try call(name, at: place) }
            guard token != .sign("(") else {
                throw ExpressionError(
                    position: place, found: "“\(name)”", expected: "one of the functions length and contains")
            }
            try path(name, at: place)
        case .sign, .end:
            throw mistake("a value")
        }
    }

    private mutating func constant(_ value: JSONValue) throws(ExpressionError) {
        emit(.constant(value), at: position)
        try advance()
    }

    private mutating func call(_ name: String, at place: Int) throws(ExpressionError) {
        try advance()
        let count: Int = try list(closedBy: ")")
        let wanted: Int = name == "length" ? 1 : 2
        guard count == wanted else {
            throw ExpressionError(
                position: place, found: "\(count) arguments", expected: "\(wanted) for \(name)")
        }
        emit(name == "length" ? .length : .binary(.contains), at: place)
    }

    /// A root and its first member.
    private mutating func path(_ root: String, at place: Int) throws(ExpressionError) {
        if token == .sign(".") {
            try advance()
            let member: String = try name()
            references.append(.init(root: root, member: member, isComputed: false, position: place))
            emit(.rootMember(root, member), at: place)
        } else if token == .sign("[") {
            let reference: Int = references.count
            references.append(.init(root: root, member: nil, isComputed: true, position: place))
            let first: Int = instructions.count
            try index()
            if instructions.count == first + 1, case .constant(.string(let member)) = instructions[first] {
                instructions.removeLast()
                positions.removeLast()
                references[reference].member = member
                references[reference].isComputed = false
                emit(.rootMember(root, member), at: place)
            } else {
                emit(.rootIndex(root), at: place)
            }
        } else {
            references.append(.init(root: root, member: nil, isComputed: false, position: place))
            emit(.root(root), at: place)
        }
    }

    private mutating func index() throws(ExpressionError) {
        try advance()
        try nest { (parser: inout ExpressionParser) throws(ExpressionError) in try parser.disjunction() }
        try expect("]")
    }

    /// Values between commas; gives how many there are.
    private mutating func list(closedBy close: String) throws(ExpressionError) -> Int {
        var count: Int = 0
        while token != .sign(close) {
            if count > 0 { try expect(",", or: close) }
            try nest { (parser: inout ExpressionParser) throws(ExpressionError) in try parser.disjunction() }
            count += 1
        }
        try advance()
        return count
    }

    // MARK: Pieces

    private mutating func name() throws(ExpressionError) -> String {
        guard case .name(let name) = token else {
            throw mistake("a name; one with other characters is written [\"name\"]")
        }
        try advance()
        return name
    }

    private mutating func nest(
        _ inner: (inout ExpressionParser) throws(ExpressionError) -> Void
    ) throws(ExpressionError) {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= ExpressionLimits.nesting else {
            throw ExpressionError(
                position: position, found: "a deeper nesting", expected: "at most \(ExpressionLimits.nesting) levels")
        }
        try inner(&self)
    }

    private func take(of signs: [String: Expression.Operator]) -> Expression.Operator? {
        switch token {
        case .sign(let sign): signs[sign]
        case .name(let name): signs[name]
        case .string, .integer, .number, .end: nil
        }
    }

    private mutating func expect(_ sign: String, or other: String? = nil) throws(ExpressionError) {
        guard token == .sign(sign) else {
            throw mistake("“\(sign)”" + (other.map { " or “\($0)”" } ?? ""))
        }
        try advance()
    }

    private mutating func advance() throws(ExpressionError) {
        position = lexer.skipSpace()
        token = try lexer.next()
    }

    private mutating func emit(_ instruction: Expression.Instruction, at place: Int) {
        instructions.append(instruction)
        positions.append(Int32(truncatingIfNeeded: place))
    }

    private func mistake(_ expected: String) -> ExpressionError {
        ExpressionError(position: position, found: token.spelling, expected: expected)
    }
}
