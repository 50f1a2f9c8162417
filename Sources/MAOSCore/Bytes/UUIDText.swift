/// The text of a UUID (RFC 9562 §4): `8-4-4-4-12` digits in lower case.
package enum UUIDText {
    /// The text of these bits.
    package static func bytes(high: UInt64, low: UInt64) -> InlineArray<36, UInt8> {
        var text: InlineArray<36, UInt8> = InlineArray(repeating: UInt8(ascii: "-"))
        let first: UInt64 = digits(of: UInt32(truncatingIfNeeded: high >> 32))
        let second: UInt64 = digits(of: UInt32(truncatingIfNeeded: high))
        let third: UInt64 = digits(of: UInt32(truncatingIfNeeded: low >> 32))
        let fourth: UInt64 = digits(of: UInt32(truncatingIfNeeded: low))
        put(first, 0..<8, at: 0, in: &text)
        put(second, 0..<4, at: 9, in: &text)
        put(second, 4..<8, at: 14, in: &text)
        put(third, 0..<4, at: 19, in: &text)
        put(third, 4..<8, at: 24, in: &text)
        put(fourth, 0..<8, at: 28, in: &text)
        return text
    }

    /// The eight digits of a number, the first one in the highest byte.
    @inline(__always)
    private static func digits(of number: UInt32) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // Each step moves the upper half of every group away from the lower, until each byte has four bits.
        var nibbles = UInt64(number)
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // Those from ten on carry into the fifth bit when six is added, and are letters.
        let letters: UInt64 = (nibbles &+ ones &* 6) >> 4 & ones
        return nibbles &+ ones &* 0x30 &+ letters &* 0x27
    }

    /// Writes some of eight digits.
    @inline(__always)
    private static func put(
        _ digits: UInt64, _ range: Range<Int>, at start: Int, in text: inout InlineArray<36, UInt8>
    ) {
        for index in range {
            text[start + index - range.lowerBound] = UInt8(truncatingIfNeeded: digits >> UInt64(56 - 8 * index))
        }
    }
}
