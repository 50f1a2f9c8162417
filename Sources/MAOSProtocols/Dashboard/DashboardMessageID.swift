internal import MAOSCore

/// Where a message that can be derived again came from.
struct DashboardPosition: Hashable, Sendable {
    enum Source: Hashable, Sendable {
        case event
        case output(AgentID)
    }

    var source: Source
    /// The number of the event, or of the entry in the agent's log.
    var sequence: UInt64
}

/// The identifiers of messages: version 4 UUIDs (RFC 9562 §5.4).
///
/// A message that can be derived again has the same one each time, so that a client can tell what it has already.
enum DashboardMessageID {
    /// The identifier of a message; `part` tells messages of the same event apart.
    static func text(of position: DashboardPosition, part: UInt8) -> String {
        let (kind, salt): (UInt64, UInt64) =
            switch position.source {
            case .event: (1, 0x6D61_6F73)
            case .output(let agent): (2, hash(agent))
            }
        let high: UInt64 = position.sequence << 16 | 0x4000 | kind << 8 | UInt64(part)
        let mixed: UInt64 = mix(salt ^ position.sequence &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(part))
        return text(high: high, low: mixed)
    }

    /// An identifier that nobody can foresee.
    static func make(_ random: inout SeededRandom) -> String {
        text(high: random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, low: random.next())
    }

    private static func text(high: UInt64, low: UInt64) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        append(high >> 32, 8, to: &text)
        text.append(UInt8(ascii: "-"))
        append(high >> 16, 4, to: &text)
        text.append(UInt8(ascii: "-"))
        append(high, 4, to: &text)
        text.append(UInt8(ascii: "-"))
        let variant: UInt64 = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        append(variant >> 48, 4, to: &text)
        text.append(UInt8(ascii: "-"))
        append(variant, 12, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ value: UInt64, _ digits: UInt64, to text: inout [UInt8]) {
        for digit: UInt64 in stride(from: (digits - 1) * 4, through: 0, by: -4) {
            text.append(Hex.digit(UInt8(truncatingIfNeeded: value >> digit & 0xF)))
        }
    }

    /// The same for an agent at any time and place (FNV-1a).
    private static func hash(_ agent: AgentID) -> UInt64 {
        agent.withText { (text: Span<UInt8>) in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for index in text.indices { hash = (hash ^ UInt64(text[index])) &* 0x0000_0100_0000_01B3 }
            return hash
        }
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var random = SeededRandom(seed: value)
        return random.next()
    }
}
