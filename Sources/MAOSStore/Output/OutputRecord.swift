internal import MAOSCore

/// The head of a record in a log of output: 32 bytes, little endian, before the record's content.
///
/// It tells of itself whether it is whole, and of its content whether that is; so whatever a crash left of the last write is
/// recognised, and any place where a record may begin can be tried.
struct OutputRecord: Hashable {
    /// What the content is.
    enum Kind: UInt8 {
        case stdout = 1
        case stderr
        case terminal
        /// Names entries of a task's log that are also entries of this one.
        case reference = 16
    }

    /// Bytes that the head takes.
    static let headSize = 32
    /// The longest content.
    static let contentLimit = 65_536

    var kind: Kind
    /// The number of the record's first entry in its log.
    var sequence: UInt64
    var time: Instant
    /// The attempt that printed it; of a reference, how many entries it stands for.
    var extent: UInt32
    /// Bytes of content.
    var length: Int
    /// What ``checksum(_:)`` makes of the content.
    var check: UInt32

    /// The number of the record's last entry in its log.
    var lastSequence: UInt64 { kind == .reference ? sequence + UInt64(extent) - 1 : sequence }

    /// Bytes of head and content.
    var size: Int { OutputRecord.headSize + length }

    /// The stream the content came from; `nil` for a reference.
    var stream: OutputStream? { OutputStream(rawValue: kind.rawValue) }

    /// Appends the head to a buffer.
    func write(to buffer: inout [UInt8]) {
        let first: UInt64 = UInt64(length) | UInt64(check) << 32
        let second: UInt64 = sequence
        let third = UInt64(bitPattern: time.milliseconds)
        var fourth: UInt64 = UInt64(extent) | UInt64(kind.rawValue) << 32
        fourth |= OutputRecord.headCheck(first, second, third, fourth) << 48
        let words: [4 of UInt64] = [
            first.littleEndian, second.littleEndian, third.littleEndian, fourth.littleEndian,
        ]
        withUnsafeBytes(of: words) { buffer.append(contentsOf: $0) }
    }

    /// Reads a head; `nil` when there is none, as where the rest of a block is empty.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= OutputRecord.headSize else { return nil }
        let first = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
        let second = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let third = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        let fourth = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
        let bare: UInt64 = fourth & 0x0000_FFFF_FFFF_FFFF
        guard fourth >> 48 == OutputRecord.headCheck(first, second, third, bare),
            let kind = Kind(rawValue: UInt8(truncatingIfNeeded: fourth >> 32))
        else { return nil }
        self.kind = kind
        sequence = second
        time = Instant(milliseconds: Int64(bitPattern: third))
        extent = UInt32(truncatingIfNeeded: fourth)
        length = Int(first & 0xFFFF_FFFF)
        check = UInt32(first >> 32)
        guard (1...OutputRecord.contentLimit).contains(length), sequence > 0, sequence < 1 << 62 else { return nil }
        guard kind != .reference || extent > 0 else { return nil }
    }

    init(kind: Kind, sequence: UInt64, time: Instant, extent: UInt32, content: [UInt8]) {
        self.kind = kind
        self.sequence = sequence
        self.time = time
        self.extent = extent
        length = content.count
        check = content.withUnsafeBytes { OutputRecord.checksum($0) }
    }

    /// 16 bits that say whether a head is whole.
    private static func headCheck(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt64 {
        var mixed: UInt64 = 0x4D41_4F53_6F75_7470
        for word: UInt64 in [first, second, third, fourth] {
            mixed = (mixed ^ word) &* 0x9E37_79B9_7F4A_7C15
            mixed ^= mixed >> 29
        }
        return mixed >> 48
    }

    /// 32 bits that say whether content is whole; made for speed, four lanes of eight bytes at a time.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let prime: UInt64 = 0x9E37_79B9_7F4A_7C15
        var one: UInt64 = UInt64(bytes.count) ^ prime
        var two: UInt64 = 0xBF58_476D_1CE4_E5B9
        var three: UInt64 = 0x94D0_49BB_1331_11EB
        var four: UInt64 = 0xD6E8_FEB8_6659_FD93
        var offset = 0
        while offset + 32 <= bytes.count {
            one = (one ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian) &* prime
            two = (two ^ bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self).littleEndian) &* prime
            three = (three ^ bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self).littleEndian) &* prime
            four = (four ^ bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self).littleEndian) &* prime
            one ^= one >> 32
            two ^= two >> 32
            three ^= three >> 32
            four ^= four >> 32
            offset += 32
        }
        while offset < bytes.count {
            one = (one ^ UInt64(bytes[offset])) &* prime
            one ^= one >> 32
            offset += 1
        }
        var mixed: UInt64 = one ^ (two &* 3) ^ (three &* 5) ^ (four &* 7)
        mixed = (mixed ^ mixed >> 33) &* prime
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }
}
