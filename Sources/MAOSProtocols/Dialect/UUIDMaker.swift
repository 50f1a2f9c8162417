internal import MAOSCore

/// Makes UUIDs of version 4 (RFC 9562 §5.4): unique, not secret.
package struct UUIDMaker: Sendable {
    private var random: SeededRandom

    /// Begins.
    ///
    /// - Parameter seed: Where the randomness is from; makers with the same seed make the same.
    package init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// The next one.
    package mutating func next() -> String { UUIDMaker.text(high: random.next(), low: random.next()) }

    /// The one that has these bits, but for the six that say what kind of UUID it is.
    static func text(high: UInt64, low: UInt64) -> String {
        let high: UInt64 = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low: UInt64 = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let text = [36 of UInt8] { (text: inout OutputSpan<UInt8>) in
            appendHexadecimal(high >> 32, digits: 8, to: &text)
            text.append(UInt8(ascii: "-"))
            appendHexadecimal(high >> 16, digits: 4, to: &text)
            text.append(UInt8(ascii: "-"))
            appendHexadecimal(high, digits: 4, to: &text)
            text.append(UInt8(ascii: "-"))
            appendHexadecimal(low >> 48, digits: 4, to: &text)
            text.append(UInt8(ascii: "-"))
            appendHexadecimal(low, digits: 12, to: &text)
        }
        return String(validUTF8: text.span) ?? ""
    }
}

/// The lowest digits of a number.
@inline(__always)
private func appendHexadecimal(_ value: UInt64, digits: Int, to text: inout OutputSpan<UInt8>) {
    var shift = UInt64(digits * 4)
    while shift > 0 {
        shift -= 4
        let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
        text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
}
