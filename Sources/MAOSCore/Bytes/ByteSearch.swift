/// Looks for bytes, eight at a time.
package enum ByteSearch {
    /// Where a byte stands at or after a place; the end where it does not.
    package static func first(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int = 0) -> Int {
        first(in: bytes, from: start) { $0.marks(of: byte) }
    }

    /// Where one or the other byte stands; the end where none does.
    package static func first(_ byte: UInt8, or other: UInt8, in bytes: Span<UInt8>) -> Int {
        first(in: bytes, from: 0) { $0.marks(of: byte) | $0.marks(of: other) }
    }

    /// Where a control character of ASCII stands at or after a place; the end where none does.
    package static func firstControl(in bytes: Span<UInt8>, from start: Int) -> Int {
        first(in: bytes, from: start) { $0.marks(below: 0x20) | $0.marks(of: 0x7F) }
    }

    /// Where a byte stands that no URL may hold: what is not visible or not ASCII, and quotes, `#`, `<`, `>` and backslashes; the end where
    /// none does.
    package static func firstForeignToURL(in bytes: Span<UInt8>) -> Int {
        first(in: bytes, from: 0) {
            $0.marks(below: 0x21) | $0.marks(of: 0x22, or: 0x23) | $0.marks(of: 0x3C, or: 0x3E) | $0.marks(of: 0x5C)
                | $0.marks(of: 0x7F) | $0.marksBeyondASCII
        }
    }

    /// Where the first byte of a kind stands at or after a place; the end where there is none.
    @inline(__always)
    static func first(in bytes: Span<UInt8>, from start: Int, marks: (ByteWord) -> UInt64) -> Int {
        var index: Int = start
        while index + 8 <= bytes.count {
            let found: UInt64 = marks(ByteWord(bytes, at: index))
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        guard index < bytes.count else { return bytes.count }
        // What lies behind the end may be marked as well.
        return min(index + marks(ByteWord(lastOf: bytes, from: index)).trailingZeroBitCount / 8, bytes.count)
    }
}

/// Eight bytes that are looked at together; the first one is the lowest.
///
/// Marks are the highest bits of bytes. The lowest mark is right, and so is it that there is none; above the lowest one, others may be
/// marked wrongly.
struct ByteWord {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highest: UInt64 = 0x8080_8080_8080_8080

    private let bits: UInt64

    /// The eight bytes from a place on, all of which must be there.
    @inline(__always)
    init(_ bytes: Span<UInt8>, at place: Int) {
        let raw: RawSpan = unsafe bytes.bytes
        bits = UInt64(littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    /// The last bytes, fewer than eight, with zeros behind them.
    @inline(__always)
    init(lastOf bytes: Span<UInt8>, from place: Int) {
        if bytes.count >= 8 {
            bits = ByteWord(bytes, at: bytes.count - 8).bits >> UInt64(8 * (8 - (bytes.count - place)))
        } else {
            var bits: UInt64 = 0
            for index in place..<bytes.count { bits |= UInt64(bytes[index]) << UInt64(8 * (index - place)) }
            self.bits = bits
        }
    }

    /// The marks of bytes that are equal to one.
    @inline(__always)
    func marks(of byte: UInt8) -> UInt64 { ByteWord.zeros(in: bits ^ (ByteWord.ones &* UInt64(byte))) }

    /// The marks of bytes that are equal to one or the other, where these two differ in a single bit.
    @inline(__always)
    func marks(of byte: UInt8, or other: UInt8) -> UInt64 {
        let mask: UInt64 = ByteWord.ones &* UInt64(byte ^ other)
        return ByteWord.zeros(in: (bits | mask) ^ (ByteWord.ones &* UInt64(byte | other)))
    }

    /// The marks of bytes that are smaller than a limit of 128 at most.
    @inline(__always)
    func marks(below limit: UInt8) -> UInt64 {
        (bits &- (ByteWord.ones &* UInt64(limit))) & ~bits & ByteWord.highest
    }

    /// The marks of bytes that are no ASCII.
    @inline(__always)
    var marksBeyondASCII: UInt64 { bits & ByteWord.highest }

    @inline(__always)
    private static func zeros(in bits: UInt64) -> UInt64 { (bits &- ones) & ~bits & highest }
}

extension Span<UInt8> {
    /// Whether these are the bytes of a text of the program.
    package func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in indices where unsafe self[index] != text.utf8Start[index] { return false }
        return true
    }
}
