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
    /// An entry of a log has 64 KiB, which become half as many lines at most, and the output itself.
    private static let partLimit: UInt64 = 32_800

    /// The identifier of a message; `part` tells messages of the same event apart.
    static func text(of position: DashboardPosition, part: UInt32) -> String {
        let words = words(of: position, part: part)
        return UUIDMaker.text(high: words.high, low: words.low)
    }

    /// The message that has an identifier: one of an event, or of the output of some agents; `nil` where it is none of these.
    static func message(_ text: String, of agents: Set<AgentID>) -> DashboardSession.Sent? {
        let digits: String = text.filter { $0 != "-" }
        guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16), high >> 16 > 0
        else { return nil }
        func message(_ source: DashboardPosition.Source, _ part: UInt64) -> DashboardSession.Sent? {
            let position = DashboardPosition(source: source, sequence: high >> 16)
            let words = words(of: position, part: UInt32(part))
            guard UUIDMaker.bits(high: words.high, low: words.low) == (high, low) else { return nil }
            return DashboardSession.Sent(position: position, part: UInt32(part))
        }
        let part: UInt64 = high & 0xFF
        if let event = message(.event, part) { return event }
        for agent: AgentID in agents {
            // The identifier has the low bits of the part, and vouches for the others.
            for part: UInt64 in stride(from: part, through: partLimit, by: 256) {
                if let output = message(.output(agent), part) { return output }
            }
        }
        return nil
    }

    private static func words(of position: DashboardPosition, part: UInt32) -> (high: UInt64, low: UInt64) {
        let (kind, salt): (UInt64, UInt64) =
            switch position.source {
            case .event: (1, 0x6D61_6F73)
            case .output(let agent): (2, hash(agent))
            }
        let high: UInt64 = position.sequence << 16 | kind << 8 | UInt64(part & 0xFF)
        let mixed: UInt64 = mix(salt ^ position.sequence &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(part))
        return (high, mixed)
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
