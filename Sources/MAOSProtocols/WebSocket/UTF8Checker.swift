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
        while missing > 0, index < span.count {
            guard takeContinuation(span[index]) else { return false }
            index += 1
        }
        // The standard library is quicker at whole characters; the last one may go on in the next piece.
        let end = UTF8Checker.startOfLastCharacter(span, from: index)
        guard UTF8Checker.isValid(span.extracting(index..<end)) else { return false }
        index = end
        while index < span.count {
            let byte = span[index]
            index += 1
            if missing > 0 {
                guard takeContinuation(byte) else { return false }
            } else if byte >= 0x80 {
                guard begin(byte) else { return false }
            }
        }
        return true
    }

    /// Where the last character begins if it has more than one byte, else the end.
    private static func startOfLastCharacter(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = bytes.count
        while index > start, bytes.count - index < 3, bytes[index - 1] & 0xC0 == 0x80 {
            index -= 1
        }
        return index > start && bytes[index - 1] >= 0xC0 ? index - 1 : bytes.count
    }

    private static func isValid(_ bytes: Span<UInt8>) -> Bool {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes)
            return true
        } catch {
            return false
        }
    }

    private mutating func takeContinuation(_ byte: UInt8) -> Bool {
        guard byte >= lowest, byte <= highest else { return false }
        missing -= 1
        lowest = 0x80
        highest = 0xBF
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
