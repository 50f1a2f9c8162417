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

/// The identifiers of messages that can be derived again: UUIDs that are the same each time, so that a client can tell what it
/// has already.
enum DashboardMessageID {
    /// The identifier of a message; `part` tells messages of the same event apart.
    static func text(of position: DashboardPosition, part: UInt32) -> String {
        let (kind, salt): (UInt64, UInt64) =
            switch position.source {
            case .event: (1, 0x6D61_6F73)
            case .output(let agent): (2, hash(agent))
            }
        let high: UInt64 = position.sequence << 16 | kind << 8 | UInt64(part & 0xFF)
        let mixed: UInt64 = mix(salt ^ position.sequence &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(part))
        return UUIDMaker.text(high: high, low: mixed)
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
