/// Reads the rules of a zone from a TZif file, versions 1 to 4 (RFC 9636).
package enum TZifReader {
    /// Why bytes are not the rules of a zone.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// They do not begin as such a file does.
        case notTZif
        /// A version that this reader does not know.
        case unknownVersion(UInt8)
        /// They end before what the header announces.
        case truncated
        /// A part that RFC 9636 does not allow; says which.
        case malformed(String)

        /// A few words for people.
        package var description: String {
            switch self {
            case .notTZif: "not a TZif file"
            case .unknownVersion(let version): "TZif version byte \(version) is unknown"
            case .truncated: "the file is cut off"
            case .malformed(let part): "malformed \(part)"
            }
        }
    }

    /// The rules that a file holds.
    ///
    /// - Throws: ``Failure``; whatever the bytes are, nothing worse happens.
    package static func rules(_ bytes: [UInt8]) throws(Failure) -> TimeZoneRules {
        var reader = Reader(bytes: bytes)
        let first: Header = try header(&reader)
        guard first.version >= 2 else { return try block(&reader, first, timeSize: 4).rules(footer: nil) }
        try reader.skip(first.size(timeSize: 4))
        let second: Header = try header(&reader)
        guard second.version == first.version else { throw .malformed("second header") }
        let data: Block = try block(&reader, second, timeSize: 8)
        return try data.rules(footer: try footer(&reader))
    }

    // MARK: Parts

    private struct Header {
        var version: Int
        var universalFlags: Int
        var standardFlags: Int
        var leapSeconds: Int
        var transitions: Int
        var types: Int
        var characters: Int

        func size(timeSize: Int) -> Int {
            transitions * (timeSize + 1) + types * 6 + characters + leapSeconds * (timeSize + 4) + standardFlags
                + universalFlags
        }
    }

    private struct Block {
        var transitions: [Int64]
        var indices: [UInt8]
        var offsets: [ZoneOffset]

        func rules(footer: PosixTimeZone?) throws(Failure) -> TimeZoneRules {
            TimeZoneRules(transitions: transitions, indices: indices, offsets: offsets, rule: footer)
        }
    }

    private static func header(_ reader: inout Reader) throws(Failure) -> Header {
        guard reader.left >= 44 else { throw reader.startsWithMagic ? .truncated : .notTZif }
        guard reader.startsWithMagic else { throw .notTZif }
        try reader.skip(4)
        let version: UInt8 = UInt8(truncatingIfNeeded: try reader.integer(1))
        let known: [UInt8: Int] = [0: 1, 0x32: 2, 0x33: 3, 0x34: 4]
        guard let number: Int = known[version] else { throw .unknownVersion(version) }
        try reader.skip(15)
        var counts: [Int] = []
        for _ in 0..<6 { counts.append(Int(UInt32(truncatingIfNeeded: try reader.integer(4)))) }
        let header = Header(
            version: number, universalFlags: counts[0], standardFlags: counts[1], leapSeconds: counts[2],
            transitions: counts[3], types: counts[4], characters: counts[5])
        guard (1...256).contains(header.types) else { throw .malformed("number of local time types") }
        guard header.characters > 0 else { throw .malformed("number of designation characters") }
        guard header.universalFlags == 0 || header.universalFlags == header.types,
            header.standardFlags == 0 || header.standardFlags == header.types
        else { throw .malformed("number of indicators") }
        return header
    }

    private static func block(_ reader: inout Reader, _ header: Header, timeSize: Int) throws(Failure) -> Block {
        guard header.size(timeSize: timeSize) <= reader.left else { throw .truncated }
        var transitions: [Int64] = []
        transitions.reserveCapacity(header.transitions)
        for _ in 0..<header.transitions { transitions.append(try reader.integer(timeSize)) }
        guard zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .malformed("order of transitions")
        }
        let indices: [UInt8] = try reader.bytes(header.transitions)
        guard indices.allSatisfy({ Int($0) < header.types }) else {
            throw .malformed("local time type of a transition")
        }
        var types: [(seconds: Int, isSaving: Bool, name: Int)] = []
        for _ in 0..<header.types {
            let seconds: Int = Int(try reader.integer(4))
            let saving: Int64 = try reader.integer(1)
            let name: Int = Int(UInt8(truncatingIfNeeded: try reader.integer(1)))
            guard abs(seconds) <= ZoneOffset.limit, saving == 0 || saving == 1 else {
                throw .malformed("local time type")
            }
            types.append((seconds, saving == 1, name))
        }
        let names: [UInt8] = try reader.bytes(header.characters)
        var offsets: [ZoneOffset] = []
        for type in types {
            guard type.name < names.count, let end: Int = names[type.name...].firstIndex(of: 0) else {
                throw .malformed("designation")
            }
            let name: ArraySlice<UInt8> = names[type.name..<end]
            guard name.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .malformed("designation") }
            offsets.append(
                ZoneOffset(
                    seconds: type.seconds, isDaylightSaving: type.isSaving,
                    abbreviation: String(decoding: name, as: UTF8.self)))
        }
        let leaps: [LeapSecond] = try leapSeconds(&reader, header, timeSize: timeSize)
        try reader.skip(header.standardFlags + header.universalFlags)
        transitions = transitions.map { withoutLeapSeconds($0, leaps) }
        guard transitions.allSatisfy({ (-(1 << 59)...(1 << 59)).contains($0) }) else {
            throw .malformed("time of a transition")
        }
        return Block(transitions: transitions, indices: indices, offsets: offsets)
    }

    private typealias LeapSecond = (occurrence: Int64, correction: Int64)

    private static func leapSeconds(
        _ reader: inout Reader, _ header: Header, timeSize: Int
    ) throws(Failure) -> [LeapSecond] {
        var leaps: [LeapSecond] = []
        for _ in 0..<header.leapSeconds {
            let occurrence: Int64 = try reader.integer(timeSize)
            let correction: Int64 = try reader.integer(4)
            guard leaps.last.map({ $0.occurrence < occurrence }) ?? true else {
                throw .malformed("order of leap seconds")
            }
            leaps.append((occurrence, correction))
        }
        return leaps
    }

    /// Our instants do not count leap seconds; the transitions of a file that has them do.
    private static func withoutLeapSeconds(_ time: Int64, _ leaps: [LeapSecond]) -> Int64 {
        time &- (leaps.last { $0.occurrence <= time }?.correction ?? 0)
    }

    /// The rule between two line ends after the data; `nil` when it is empty.
    private static func footer(_ reader: inout Reader) throws(Failure) -> PosixTimeZone? {
        guard try reader.integer(1) == 0x0A else { throw .malformed("footer") }
        let text: ArraySlice<UInt8> = try reader.line()
        guard !text.isEmpty else { return nil }
        guard let rule = PosixTimeZone(text) else { throw .malformed("rule in the footer") }
        return rule
    }

    private struct Reader {
        private var rest: ArraySlice<UInt8>

        init(bytes: [UInt8]) { rest = bytes[...] }

        var left: Int { rest.count }

        var startsWithMagic: Bool { rest.starts(with: [0x54, 0x5A, 0x69, 0x66]) }

        mutating func skip(_ count: Int) throws(Failure) {
            guard count <= rest.count else { throw .truncated }
            rest = rest.dropFirst(count)
        }

        mutating func bytes(_ count: Int) throws(Failure) -> [UInt8] {
            guard count <= rest.count else { throw .truncated }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        /// A signed number of 1, 4 or 8 bytes, the highest first.
        mutating func integer(_ size: Int) throws(Failure) -> Int64 {
            guard size <= rest.count else { throw .truncated }
            var value: UInt64 = 0
            for byte in rest.prefix(size) { value = value << 8 | UInt64(byte) }
            rest = rest.dropFirst(size)
            let unused = UInt64(64 - size * 8)
            return Int64(bitPattern: value << unused) >> Int64(unused)
        }

        /// What comes before the next line end, which is taken too.
        mutating func line() throws(Failure) -> ArraySlice<UInt8> {
            guard let end: Int = rest.firstIndex(of: 0x0A) else { throw .truncated }
            defer { rest = rest[(end + 1)...] }
            return rest[..<end]
        }
    }
}
