/// Makes identifiers of the form of a UUID, version 4.
///
/// The first 48 bits are the time, so that identifiers made one after the other stand side by side in an index;
/// the other 74 free bits are random. Whoever reads one sees a valid version 4 identifier.
enum IdentifierMaker {
    static func make(at now: Instant, random: inout SeededRandom) -> IdentifierForm {
        let time = UInt64(truncatingIfNeeded: now.milliseconds) & 0xFFFF_FFFF_FFFF
        let high: UInt64 = time << 16 | 0x4000 | (random.next() & 0x0FFF)
        let low: UInt64 = 0x8000_0000_0000_0000 | (random.next() & 0x3FFF_FFFF_FFFF_FFFF)
        return .uuid(high: high, low: low)
    }
}
