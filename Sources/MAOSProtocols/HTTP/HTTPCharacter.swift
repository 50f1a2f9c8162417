/// The classes of bytes that HTTP's grammar knows, as bit masks over ASCII.
enum HTTPCharacter {
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A
    static let colon: UInt8 = 0x3A
    static let comma: UInt8 = 0x2C
    static let semicolon: UInt8 = 0x3B

    /// Letters, digits and ``!#$%&'*+-.^_`|~``: what names are made of (RFC 9110 §5.6.2).
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        isIn(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE, byte)
    }

    /// What a request target may hold: visible ASCII, but no quotes, angle brackets, `#` and backslashes.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool {
        isIn(0xAFFF_FFF2_0000_0000, 0x7FFF_FFFF_EFFF_FFFF, byte)
    }

    /// What a registered name may hold (RFC 3986 §3.2.2), a percent sign among it.
    @inline(__always)
    static func isHostName(_ byte: UInt8) -> Bool {
        isIn(0x2BFF_7FF2_0000_0000, 0x47FF_FFFE_87FF_FFFE, byte)
    }

    /// What a field value may hold: visible characters, space, tab, and bytes above ASCII (RFC 9110 §5.5).
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != 0x7F || byte == tab
    }

    @inline(__always)
    static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == space || byte == tab
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10
    }

    /// The byte with an ASCII capital turned into its small letter.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    @inline(__always)
    private static func isIn(_ low: UInt64, _ high: UInt64, _ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }

    /// Whether bytes are this ASCII text without regard to case.
    static func equal(_ bytes: Span<UInt8>, _ lowercase: String) -> Bool {
        let expected = lowercase.utf8.span
        guard bytes.count == expected.count else { return false }
        for index in bytes.indices where lowercased(bytes[index]) != expected[index] { return false }
        return true
    }

    /// The range without spaces and tabs at its ends.
    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, isWhiteSpace(bytes[start]) {
            start += 1
        }
        while end > start, isWhiteSpace(bytes[end - 1]) {
            end -= 1
        }
        return start..<end
    }
}
