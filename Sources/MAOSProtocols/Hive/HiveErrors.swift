/// Why a connection is closed again; there are no error messages, as clients expect nothing but events.
enum HiveRefusal: Error, Hashable, Sendable {
    /// `types` names none, too many, or too long ones.
    case badTypes
    /// `since` is no whole number.
    case badSequence
    /// The token permits to follow nothing of what there is.
    case forbidden
    /// Nobody has said who it is, and it has to be said.
    case unknownCaller
    /// The token's time is over.
    case expired
    /// What happened before cannot be read.
    case unreadable

    /// The close code (RFC 6455 §7.4.1).
    var code: UInt16 {
        switch self {
        case .badTypes, .badSequence, .forbidden, .unknownCaller, .expired: 1_008
        case .unreadable: 1_011
        }
    }

    /// For people; at most 123 bytes.
    var reason: String {
        switch self {
        case .badTypes: "types must name 1 to \(HiveWishes.typeLimit) event types, separated by commas"
        case .badSequence: "since must be the sequence of an event"
        case .forbidden: "the token permits to follow neither tasks nor agents nor the system"
        case .unknownCaller: "a token is needed here"
        case .expired: "the token has expired"
        case .unreadable: "earlier events cannot be read now; connect again"
        }
    }
}
