/// Cuts the text of an expression into its tokens.
struct ExpressionLexer: Sendable {
    enum Token: Hashable, Sendable {
        /// A name or a word of the language.
        case name(String)
        case string(String)
        case integer(Int64)
        case number(Double)
        /// One of the signs of the language, such as `==`.
        case sign(String)
        case end
    }

    private static let doubleSigns: [String] = ["==", "!=", "<=", ">=", "&&", "||"]
    private static let singleSigns: [UInt8] = Array("<>!+-*/%.,()[]}".utf8)

    private let bytes: [UInt8]
    private let end: Int
    private(set) var offset: Int

    init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        offset = start
        end = bytes.count
    }

    /// Where the next token begins.
    mutating func skipSpace() -> Int {
        while offset < end, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
        return offset
    }

    mutating func next() throws(ExpressionError) -> Token {
        let start: Int = skipSpace()
        guard start < end else { return .end }
        let byte: UInt8 = bytes[start]
        if isLetter(byte) { return .name(takeName()) }
        if isDigit(byte) { return try takeNumber() }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { return try takeString(quote: byte) }
        if start + 1 < end {
            let pair = String(decoding: bytes[start..<start + 2], as: UTF8.self)
            if ExpressionLexer.doubleSigns.contains(pair) {
                offset += 2
                return .sign(pair)
            }
        }
        guard ExpressionLexer.singleSigns.contains(byte) else {
            throw ExpressionError(
                position: start, found: character(at: start), expected: "a value, an operator or the end")
        }
        offset += 1
        return .sign(String(decoding: [byte], as: UTF8.self))
    }

    private mutating func takeName() -> String {
        let start: Int = offset
        while offset < end, isLetter(bytes[offset]) || isDigit(bytes[offset]) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// A number as JSON writes it (RFC 8259 §6), without a sign.
    private mutating func takeNumber() throws(ExpressionError) -> Token {
        let start: Int = offset
        var isWhole = true
        try takeDigits()
        if offset < end, bytes[offset] == UInt8(ascii: ".") {
            isWhole = false
            offset += 1
            try takeDigits()
        }
        if offset < end, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            offset += 1
            if offset < end, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") { offset += 1 }
            try takeDigits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if offset < end, isLetter(bytes[offset]) {
            throw ExpressionError(
                position: offset, found: character(at: offset), expected: "an operator or the end after a number")
        }
        if bytes[start] == UInt8(ascii: "0"), offset - start > 1, isDigit(bytes[start + 1]) {
            throw ExpressionError(position: start, found: text, expected: "a number without leading zeros")
        }
        if isWhole {
            guard let integer = Int64(text) else {
                throw ExpressionError(
                    position: start, found: text, expected: "a whole number of at most \(Int64.max)")
            }
            return .integer(integer)
        }
        guard let number = Double(text), number.isFinite else {
            throw ExpressionError(position: start, found: text, expected: "a number in the range of a double")
        }
        return .number(number)
    }

    private mutating func takeDigits() throws(ExpressionError) {
        guard offset < end, isDigit(bytes[offset]) else {
            throw ExpressionError(position: offset, found: character(at: offset), expected: "a digit")
        }
        while offset < end, isDigit(bytes[offset]) { offset += 1 }
    }

    private mutating func takeString(quote: UInt8) throws(ExpressionError) -> Token {
        let start: Int = offset
        offset += 1
        var text: [UInt8] = []
        while offset < end {
            let byte: UInt8 = bytes[offset]
            offset += 1
            switch byte {
            case quote: return .string(String(decoding: text, as: UTF8.self))
            case UInt8(ascii: "\\"): try takeEscape(into: &text)
            default: text.append(byte)
            }
        }
        throw ExpressionError(
            position: end, found: "the end",
            expected: "the closing \(Character(Unicode.Scalar(quote))) of the string at \(start)")
    }

    private mutating func takeEscape(into text: inout [UInt8]) throws(ExpressionError) {
        let start: Int = offset - 1
        guard offset < end else {
            throw ExpressionError(position: offset, found: "the end", expected: "the rest of an escape")
        }
        let byte: UInt8 = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let digits: ArraySlice<UInt8> = bytes[offset..<min(end, offset + 4)]
            guard digits.count == 4, digits.allSatisfy({ isHexDigit($0) }),
                let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(code)
            else {
                throw ExpressionError(
                    position: start, found: "\\u", expected: "four hexadecimal digits that name a character")
            }
            offset += 4
            text.append(contentsOf: String(Character(scalar)).utf8)
        default:
            throw ExpressionError(
                position: start, found: "an unknown escape", expected: #"one of \" \' \\ \/ \n \r \t \u"#)
        }
    }

    /// The character at a place, for messages.
    func character(at position: Int) -> String {
        guard position < end else { return "the end" }
        let rest = String(decoding: bytes[position..<min(end, position + 32)], as: UTF8.self)
        return rest.first.map { "“\($0)”" } ?? "the end"
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}

extension ExpressionLexer.Token {
    /// The token as it may have been written, for messages.
    var spelling: String {
        switch self {
        case .name(let name): "“\(name)”"
        case .string: "a string"
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .sign(let sign): "“\(sign)”"
        case .end: "the end"
        }
    }
}
