/// The text of a UUID (RFC 9562 §4): `8-4-4-4-12` digits in lower case.
package enum UUIDText {
    /// Appends the text of these bits.
    package static func append(high: UInt64, low: UInt64, to bytes: inout [UInt8]) {
        bytes.append(copying: words(high, low).span)
    }

    /// The text of these bits.
    package static func bytes(high: UInt64, low: UInt64) -> InlineArray<36, UInt8> {
        unsafe unsafeBitCast(words(high, low), to: InlineArray<36, UInt8>.self)
    }

    /// The text, four characters in each word as they are in memory.
    @inline(__always)
    private static func words(_ high: UInt64, _ low: UInt64) -> InlineArray<9, UInt32> {
        let first: UInt64 = digits(of: UInt32(truncatingIfNeeded: high >> 32))
        let second: UInt64 = digits(of: UInt32(truncatingIfNeeded: high))
        let third: UInt64 = digits(of: UInt32(truncatingIfNeeded: low >> 32))
        let fourth: UInt64 = digits(of: UInt32(truncatingIfNeeded: low))
        let dash: UInt64 = 0x2D
        let words: InlineArray<9, UInt64> = [
            first, first >> 32, dash | second << 8, second >> 24 & 0xFF | dash << 8 | (second >> 32) << 16,
            second >> 48 | dash << 16 | third << 24, third >> 8 & 0xFF_FFFF | dash << 24, third >> 32,
            fourth, fourth >> 32,
        ]
        var result: InlineArray<9, UInt32> = InlineArray(repeating: 0)
        for index in words.indices { result[index] = UInt32(truncatingIfNeeded: words[index]).littleEndian }
        return result
    }

    /// The eight digits of a number, the first one in the lowest byte.
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
        return (nibbles &+ ones &* 0x30 &+ letters &* 0x27).byteSwapped
    }
}
