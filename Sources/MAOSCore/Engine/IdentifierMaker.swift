/// Makes identifiers of the form of a UUID, version 4.
///
/// The first 48 bits are the time, so that identifiers made one after the other stand side by side in an index;
/// the other 74 free bits are random. Whoever reads one sees a valid version 4 identifier.
enum IdentifierMaker {
    static func make(at now: Instant, random: inout SeededRandom) -> String {
        let time = UInt64(truncatingIfNeeded: now.milliseconds) & 0xFFFF_FFFF_FFFF
        let high: UInt64 = time << 16 | 0x4000 | (random.next() & 0x0FFF)
        let low: UInt64 = 0x8000_0000_0000_0000 | (random.next() & 0x3FFF_FFFF_FFFF_FFFF)
        let text = [UInt8](capacity: 36) { (text: inout OutputSpan<UInt8>) in
            append(high, from: 60, to: 32, text: &text)
            text.append(UInt8(ascii: "-"))
            append(high, from: 28, to: 16, text: &text)
            text.append(UInt8(ascii: "-"))
            append(high, from: 12, to: 0, text: &text)
            text.append(UInt8(ascii: "-"))
            append(low, from: 60, to: 48, text: &text)
            text.append(UInt8(ascii: "-"))
            append(low, from: 44, to: 0, text: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ value: UInt64, from first: UInt64, to last: UInt64, text: inout OutputSpan<UInt8>) {
        var shift: UInt64 = first
        while true {
            let digit = UInt8(truncatingIfNeeded: (value >> shift) & 0xF)
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            guard shift > last else { return }
            shift -= 4
        }
    }
}
