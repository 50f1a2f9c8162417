/// Reads the tokens of JSON (RFC 8259) from borrowed bytes.
///
/// Knows strings, numbers and literals; how they nest is the concern of ``JSONReader``.
struct JSONScanner: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0
    /// Behind the last place where ``JSONWriter`` would write something else: white space, an escape, `1.0`.
    private var unlikeEnd = 0
    /// What is known of all the bytes, so that each string need not be looked at again.
    private let encoding: Encoding

    /// What bytes turned out to be.
    private enum Encoding {
        case ascii
        case utf8
        /// Somewhere in them is a mistake: at the string that has it, unless another mistake comes first.
        case unknown
    }

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        do throws(UTF8.ValidationError) {
            encoding = try UTF8Span(validating: bytes).isKnownASCII ? .ascii : .utf8
        } catch {
            encoding = .unknown
        }
    }

    /// The byte after white space, without taking it.
    mutating func peek(expecting expected: String) throws(JSONError) -> UInt8 {
        let count = bytes.count
        while position < count {
            let byte = bytes[position]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
            unlikeEnd = position
        }
        throw JSONError(.unexpectedEnd, at: position, expected: expected)
    }

    /// Takes the byte that ``peek(expecting:)`` has shown.
    mutating func advance() {
        position += 1
    }

    /// Whether ``JSONWriter`` writes what has been read from a place on just as it stands there.
    func isCompact(from start: Int) -> Bool {
        unlikeEnd <= start
    }

    /// Notes that what has been read last is written in another way.
    mutating func noteUnlike() {
        unlikeEnd = position
    }

    func unexpected(_ byte: UInt8, expected: String) -> JSONError {
        JSONError(.unexpectedByte(byte), at: position, expected: expected)
    }

    /// Makes sure that nothing but white space is left.
    mutating func finish() throws(JSONError) {
        let count = bytes.count
        while position < count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                throw unexpected(byte, expected: "the end of the text")
            }
            position += 1
        }
    }

    /// Takes a literal whose first byte is at the position.
    mutating func literal(_ text: StaticLiteral) throws(JSONError) {
        let name = text.name.utf8.span
        for index in name.indices {
            guard position < bytes.count else {
                throw JSONError(.unexpectedEnd, at: position, expected: "\"\(text.name)\"")
            }
            guard bytes[position] == name[index] else {
                throw unexpected(bytes[position], expected: "\"\(text.name)\"")
            }
            position += 1
        }
    }

    /// The three names of RFC 8259 §3.
    enum StaticLiteral {
        case null, `true`, `false`

        var name: String {
            switch self {
            case .null: "null"
            case .true: "true"
            case .false: "false"
            }
        }
    }

    /// Appends a range of the bytes.
    func copy(_ range: Range<Int>, to output: inout [UInt8]) {
        output.append(copying: bytes.extracting(range))
    }

    // MARK: Strings (§7)

    /// Takes a string whose opening quote is at the position.
    mutating func string() throws(JSONError) -> String {
        let start = position + 1
        let end = ByteSearch.first(in: bytes, from: start, marks: JSONString.specials)
        guard end < bytes.count else { throw JSONError(.unexpectedEnd, at: end, expected: "the end of a string") }
        switch bytes[end] {
        case 0x22:
            position = end + 1
            return try text(start..<end)
        case 0x5C:
            position = end
            defer { noteUnlike() }
            return try escapedString(from: start)
        default:
            throw JSONError(.controlCharacter(bytes[end]), at: end, expected: "an escape")
        }
    }

    /// Takes a key and its colon, notes what tells it from others, and moves to the value.
    @inline(__always)
    mutating func key(marking marks: inout JSONObject.KeyMarks) throws(JSONError) -> String {
        let start = position + 1
        let key = try string()
        let length = position - 1 - start
        // An escape is longer than what it stands for.
        if length == key.utf8.count { marks.note(first: bytes[start], length: length) } else { marks.noteUnknown() }
        if position < bytes.count, bytes[position] == 0x3A {
            position += 1
            return key
        }
        let colon = try peek(expecting: "\":\" after a key")
        guard colon == 0x3A else { throw unexpected(colon, expected: "\":\" after a key") }
        position += 1
        return key
    }

    /// Takes a string as ``string()`` does, without making it.
    mutating func skipString() throws(JSONError) {
        let start = position + 1
        position = start
        while try skipRun() == 0x5C {
            _ = try escape()
        }
        try validate(start..<position)
        position += 1
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(position - start + 32)
        copy(start..<position, to: &output)
        var runStart = position
        while try skipRun() == 0x5C {
            copy(runStart..<position, to: &output)
            let scalar = try escape()
            if scalar.value < 0x80 {
                output.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
            runStart = position
        }
        copy(runStart..<position, to: &output)
        try validate(start..<position)
        position += 1
        return String(decoding: output, as: UTF8.self)
    }

    /// Moves to the next quote or backslash and returns it.
    private mutating func skipRun() throws(JSONError) -> UInt8 {
        position = JSONString.firstSpecial(in: bytes, from: position)
        guard position < bytes.count else {
            throw JSONError(.unexpectedEnd, at: position, expected: "the end of a string")
        }
        let byte = bytes[position]
        guard byte >= 0x20 else { throw JSONError(.controlCharacter(byte), at: position, expected: "an escape") }
        return byte
    }

    /// Takes an escape whose backslash is at the position.
    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = position
        guard start + 1 < bytes.count else {
            throw JSONError(.unexpectedEnd, at: bytes.count, expected: "the rest of an escape")
        }
        let byte = bytes[start + 1]
        position = start + 2
        switch byte {
        case 0x22: return "\""
        case 0x5C: return "\\"
        case 0x2F: return "/"
        case 0x62: return "\u{8}"
        case 0x66: return "\u{C}"
        case 0x6E: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75: break
        default:
            throw JSONError(.unexpectedByte(byte), at: start + 1, expected: "one of \"\\/bfnrtu after a backslash")
        }
        let high = try hexQuad()
        guard high & 0xF800 == 0xD800 else {
            return Unicode.Scalar(high) ?? "\u{FFFD}"
        }
        guard high < 0xDC00, position + 1 < bytes.count, bytes[position] == 0x5C, bytes[position + 1] == 0x75 else {
            throw JSONError(.loneSurrogate, at: start, expected: "a pair of surrogate escapes")
        }
        position += 2
        let low = try hexQuad()
        guard low & 0xFC00 == 0xDC00,
            let scalar = Unicode.Scalar(0x10000 + (high & 0x3FF) << 10 + low & 0x3FF)
        else {
            throw JSONError(.loneSurrogate, at: start, expected: "a pair of surrogate escapes")
        }
        return scalar
    }

    private mutating func hexQuad() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count else {
                throw JSONError(.unexpectedEnd, at: position, expected: "four hexadecimal digits")
            }
            guard let digit = Hex.value(of: bytes[position]) else {
                throw unexpected(bytes[position], expected: "four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    @inline(__always)
    private func text(_ range: Range<Int>) throws(JSONError) -> String {
        // A quote is a character of its own in UTF-8: what lies between two of them in valid text is valid.
        switch encoding {
        case .ascii:
            return unsafe String(copying: UTF8Span(unchecked: bytes.extracting(range), isKnownASCII: true))
        case .utf8:
            return unsafe String(copying: UTF8Span(unchecked: bytes.extracting(range)))
        case .unknown:
            return try validText(range)
        }
    }

    private func validText(_ range: Range<Int>) throws(JSONError) -> String {
        do throws(UTF8.ValidationError) {
            return String(copying: try UTF8Span(validating: bytes.extracting(range)))
        } catch {
            throw JSONError(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound, expected: "UTF-8")
        }
    }

    private func validate(_ range: Range<Int>) throws(JSONError) {
        guard encoding == .unknown else { return }
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.extracting(range))
        } catch {
            throw JSONError(.invalidUTF8, at: range.lowerBound + error.byteOffsets.lowerBound, expected: "UTF-8")
        }
    }

    // MARK: Numbers (§6)

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// What a number's text says, before it becomes a value.
    private struct Digits: Equatable {
        var isNegative = false
        var isWhole = true
        /// The first 19 significant digits.
        var mantissa: UInt64 = 0
        var significant = 0
        /// The power of ten that the mantissa is to be multiplied with, saturating.
        var exponent = 0

        /// The same number without zeros at its end, so that equal numbers of up to 19 digits are equal.
        var normalized: Digits {
            var digits = self
            digits.isWhole = false
            digits.significant = 0
            while digits.mantissa != 0, digits.mantissa.isMultiple(of: 10) {
                digits.mantissa /= 10
                digits.exponent += 1
            }
            return digits
        }

        mutating func take(_ byte: UInt8) {
            guard significant > 0 || byte != 0x30 else { return }
            significant += 1
            if significant <= 19 {
                mantissa = mantissa &* 10 &+ UInt64(byte & 0x0F)
            } else {
                exponent += 1
            }
        }
    }

    /// Takes a number whose first byte is at the position.
    mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        let digits = try numberDigits()
        if digits.isWhole, digits.significant <= 19 {
            if digits.mantissa <= UInt64(Int64.max), digits.mantissa != 0 || !digits.isNegative {
                let magnitude = Int64(digits.mantissa)
                return .integer(digits.isNegative ? -magnitude : magnitude)
            }
            if digits.isNegative, digits.mantissa == UInt64(Int64.max) + 1 {
                return .integer(.min)
            }
        }
        noteUnlike()
        return inexact(digits, from: start)
    }

    /// Takes a number as ``number()`` does, without making it.
    mutating func skipNumber() throws(JSONError) {
        _ = try numberDigits()
    }

    private mutating func numberDigits() throws(JSONError) -> Digits {
        var digits = Digits()
        if bytes[position] == 0x2D {
            digits.isNegative = true
            position += 1
        }
        if position < bytes.count, bytes[position] == 0x30 {
            position += 1
        } else {
            try takeDigits(into: &digits)
        }
        if position < bytes.count, bytes[position] == 0x2E {
            position += 1
            digits.isWhole = false
            let start = position
            try takeDigits(into: &digits)
            digits.exponent -= position - start
        }
        if position < bytes.count, bytes[position] | 0x20 == 0x65 {
            position += 1
            digits.isWhole = false
            digits.exponent += try exponent()
        }
        return digits
    }

    private mutating func takeDigits(into digits: inout Digits) throws(JSONError) {
        guard position < bytes.count else {
            throw JSONError(.unexpectedEnd, at: position, expected: "a digit")
        }
        guard bytes[position] &- 0x30 < 10 else { throw unexpected(bytes[position], expected: "a digit") }
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            digits.take(bytes[position])
            position += 1
        }
    }

    /// Takes a sign and digits; saturates far beyond what a double can hold.
    private mutating func exponent() throws(JSONError) -> Int {
        var isNegative = false
        if position < bytes.count, bytes[position] == 0x2B || bytes[position] == 0x2D {
            isNegative = bytes[position] == 0x2D
            position += 1
        }
        var digits = Digits()
        try takeDigits(into: &digits)
        let magnitude = digits.significant > 9 ? 1_000_000_000 : Int(digits.mantissa)
        return isNegative ? -magnitude : magnitude
    }

    private func inexact(_ digits: Digits, from start: Int) -> JSONValue {
        if digits.mantissa == 0 {
            return digits.isNegative ? .number(JSONNumber(finite: -0.0)) : .integer(0)
        }
        // Mantissa and power are both exact doubles, so one rounding gives the nearest double.
        if digits.significant <= 15, digits.exponent.magnitude <= 22 {
            let power = JSONScanner.powersOfTen[Int(digits.exponent.magnitude)]
            let magnitude = Double(digits.mantissa)
            let absolute = digits.exponent < 0 ? magnitude / power : magnitude * power
            return JSONValue(digits.isNegative ? -absolute : absolute)
        }
        let text = String(copying: ascii(start..<position))
        guard digits.significant <= 17, let double = Double(text), double.isFinite,
            double.isNormal && digits.significant <= 15 || JSONScanner.digits(of: double) == digits.normalized
        else {
            return .number(JSONNumber(decimal: text))
        }
        return .number(JSONNumber(finite: double))
    }

    /// The digits of the shortest decimal that reads back as the double.
    private static func digits(of double: Double) -> Digits? {
        let text = double.description
        var scanner = JSONScanner(text.utf8.span)
        guard let digits = try? scanner.numberDigits() else { return nil }
        return digits.normalized
    }

    @_lifetime(borrow self)
    private func ascii(_ range: Range<Int>) -> UTF8Span {
        do throws(UTF8.ValidationError) {
            return try UTF8Span(validating: bytes.extracting(range))
        } catch {
            preconditionFailure("digits are ASCII")
        }
    }
}
