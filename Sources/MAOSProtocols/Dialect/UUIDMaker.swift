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

    /// The next one, for a request.
    mutating func nextRequestID() -> RequestID {
        let bits = UUIDMaker.bits(high: random.next(), low: random.next())
        return RequestID(high: bits.high, low: bits.low)
    }

    /// The one that has these bits, but for the six that say what kind of UUID it is.
    static func text(high: UInt64, low: UInt64) -> String {
        let bits = bits(high: high, low: low)
        return String(validUTF8: UUIDText.bytes(high: bits.high, low: bits.low).span) ?? ""
    }

    /// The bits of that one.
    static func bits(high: UInt64, low: UInt64) -> (high: UInt64, low: UInt64) {
        (high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
