/// What an identifier is kept as.
///
/// Ours are version 4 UUIDs in lower case, and most clients send such ones too: their bits need no memory of their own, are
/// copied without counting references, and are compared in an instant. Each text has exactly one form.
enum IdentifierForm: Sendable {
    /// The bits of a text of the form `8-4-4-4-12`, with digits `0`…`9` and `a`…`f`.
    case uuid(high: UInt64, low: UInt64)
    /// Any other text.
    case text(String)

    /// The form of a text.
    init(_ text: String) {
        if text.utf8.count == IdentifierForm.uuidLength, let bits = IdentifierForm.bits(of: text.utf8Span.span) {
            self = .uuid(high: bits.high, low: bits.low)
        } else {
            self = .text(text)
        }
    }

    /// The form of a text that is known to be UTF-8.
    init(utf8 bytes: Span<UInt8>) {
        if bytes.count == IdentifierForm.uuidLength, let bits = IdentifierForm.bits(of: bytes) {
            self = .uuid(high: bits.high, low: bits.low)
        } else {
            self = .text(String(validUTF8: bytes) ?? "")
        }
    }

    /// The form of bytes from outside; `nil` unless they are an identifier.
    init?(checking bytes: Span<UInt8>) {
        // A UUID is an identifier, so that its bytes need no second look.
        if bytes.count == IdentifierForm.uuidLength, let bits = IdentifierForm.bits(of: bytes) {
            self = .uuid(high: bits.high, low: bits.low)
            return
        }
        guard (1...100).contains(bytes.count) else { return nil }
        for index in bytes.indices where !isIdentifierByte(bytes[index]) { return nil }
        self = .text(String(validUTF8: bytes) ?? "")
    }

    /// The text; made anew where only the bits are kept.
    var text: String {
        switch self {
        case .uuid(let high, let low):
            String(validUTF8: UUIDText.bytes(high: high, low: low).span) ?? ""
        case .text(let text): text
        }
    }

    /// Calls a body with the bytes of the text.
    func withText<Value, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        switch self {
        case .uuid(let high, let low):
            let text: InlineArray<36, UInt8> = UUIDText.bytes(high: high, low: low)
            return try body(text.span)
        case .text(let text):
            return try body(text.utf8Span.span)
        }
    }

    /// Appends the bytes of the text.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .uuid(let high, let low): UUIDText.append(high: high, low: low, to: &bytes)
        case .text(let text): bytes.append(utf8: text)
        }
    }

    private static let uuidLength: Int = 36

    /// The bits of a UUID's text; `nil` when it is none, or has capital letters.
    private static func bits(of text: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
        let dash = UInt8(ascii: "-")
        guard text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash else { return nil }
        var invalid: UInt64 = 0
        var high: UInt64 = digits(text, 0, 8, &invalid)
        high = high << 16 | digits(text, 9, 13, &invalid)
        high = high << 16 | digits(text, 14, 18, &invalid)
        var low: UInt64 = digits(text, 19, 23, &invalid)
        low = low << 48 | digits(text, 24, 36, &invalid)
        return invalid == 0 ? (high, low) : nil
    }

    /// The number that some digits stand for; marks bytes that are none.
    @inline(__always)
    private static func digits(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ invalid: inout UInt64) -> UInt64 {
        var value: UInt64 = 0
        for index in start..<end {
            let byte: UInt8 = text[index]
            let decimal: UInt8 = byte &- UInt8(ascii: "0")
            let letter: UInt8 = byte &- UInt8(ascii: "a")
            let digit: UInt8 = decimal < 10 ? decimal : letter < 6 ? letter &+ 10 : 0xFF
            invalid |= UInt64(digit >> 4)
            value = value << 4 | UInt64(digit & 0xF)
        }
        return value
    }
}

extension IdentifierForm: Hashable {
    @inline(__always)
    static func == (left: IdentifierForm, right: IdentifierForm) -> Bool {
        switch (left, right) {
        case (.uuid(let high, let low), .uuid(let otherHigh, let otherLow)): high == otherHigh && low == otherLow
        case (.text(let text), .text(let other)): text == other
        case (.uuid, .text), (.text, .uuid): false
        }
    }

    /// Clients choose identifiers too, so the hash has to be one that cannot be foreseen.
    func hash(into hasher: inout Hasher) {
        switch self {
        case .uuid(let high, let low):
            hasher.combine(high)
            hasher.combine(low)
        case .text(let text):
            hasher.combine(text)
        }
    }
}

extension IdentifierForm: SlabKey {
    private static let seed: (high: UInt64, low: UInt64) = (secret(1), secret(2))

    /// A number that is another one in each run of the program.
    private static func secret(_ number: Int) -> UInt64 { UInt64(bitPattern: Int64(number.hashValue)) }

    /// For bits a product with a secret, which takes a tenth of what a hash of texts does.
    var slabHash: UInt64 {
        switch self {
        case .uuid(let high, let low):
            let product = (high ^ IdentifierForm.seed.high).multipliedFullWidth(by: low ^ IdentifierForm.seed.low)
            return product.high ^ product.low
        case .text(let text):
            return UInt64(bitPattern: Int64(text.hashValue))
        }
    }
}

extension IdentifierForm: Comparable {
    /// The order of the texts' bytes: digits come before letters in both.
    static func < (left: IdentifierForm, right: IdentifierForm) -> Bool {
        switch (left, right) {
        case (.uuid(let high, let low), .uuid(let otherHigh, let otherLow)):
            high != otherHigh ? high < otherHigh : low < otherLow
        default:
            left.text < right.text
        }
    }
}
