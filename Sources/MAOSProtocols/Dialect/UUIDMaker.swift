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
        return String(validUTF8: UUIDText.bytes(high: high, low: low).span) ?? ""
    }
}
