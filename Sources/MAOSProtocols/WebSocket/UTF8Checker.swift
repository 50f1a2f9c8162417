/// Checks UTF-8 that arrives in pieces, and finds a mistake at the first byte that cannot be right (RFC 3629 §4).
struct UTF8Checker: Sendable {
    /// Continuation bytes that the current character still needs.
    private var missing = 0
    /// What the next continuation byte may be; the second byte of some characters has a narrower range.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether the text may end here.
    var isComplete: Bool { missing == 0 }

    /// Checks the next piece.
    mutating func accepts(_ bytes: ArraySlice<UInt8>) -> Bool {
        let span = bytes.span
        var index = 0
        while index < span.count {
            let byte = span[index]
            index += 1
            if missing > 0 {
                guard byte >= lowest, byte <= highest else { return false }
                missing -= 1
                lowest = 0x80
                highest = 0xBF
            } else if byte >= 0x80 {
                guard begin(byte) else { return false }
            }
        }
        return true
    }

    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF:
            missing = 1
        case 0xE0:
            missing = 2
            lowest = 0xA0
        case 0xED:
            missing = 2
            highest = 0x9F
        case 0xE1...0xEF:
            missing = 2
        case 0xF0:
            missing = 3
            lowest = 0x90
        case 0xF4:
            missing = 3
            highest = 0x8F
        case 0xF1...0xF3:
            missing = 3
        default:
            return false
        }
        return true
    }
}
