/// Looks for bytes, eight at a time.
package enum ByteSearch {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Where a byte stands at or after a place; the end where it does not.
    package static func first(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int = 0) -> Int {
        let pattern: UInt64 = ones &* UInt64(byte)
        let words: RawSpan = unsafe bytes.bytes
        var index: Int = start
        while index + 8 <= bytes.count {
            let word = unsafe UInt64(littleEndian: words.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let difference: UInt64 = word ^ pattern
            // The highest bit of each byte that is equal; above the first such byte others may be marked wrongly.
            let marks: UInt64 = (difference &- ones) & ~difference & (ones &* 0x80)
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count, bytes[index] != byte { index += 1 }
        return index
    }
}
