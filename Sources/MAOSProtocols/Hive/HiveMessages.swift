internal import MAOSCore

/// What a client may say: nothing in messages, which are passed over, and two things in the query of its handshake.
struct HiveWishes: Hashable, Sendable {
    /// The types that it wants, none for all; names that no event has are accepted, as programs may publish their own.
    var types: Set<String>?
    /// The `sequence` of the newest frame that it has; `nil` for a client that begins with what happens next.
    var since: UInt64?

    /// Types that a client may name.
    static let typeLimit: Int = 100
    /// Bytes of a name.
    static let nameLimit: Int = 64

    /// Reads the query; other members are passed over.
    init(_ arrival: SocketArrival) throws(HiveRefusal) {
        for item: HTTPTarget.QueryItem in arrival.query {
            switch item.name {
            case "types":
                var named: Set<String> = types ?? []
                for name: Substring in item.value.split(separator: ",") {
                    guard name.utf8.count <= HiveWishes.nameLimit else { throw .badTypes }
                    named.insert(String(name))
                }
                guard !named.isEmpty, named.count <= HiveWishes.typeLimit else { throw .badTypes }
                types = named
            case "since":
                guard let sequence = UInt64(item.value), item.value.utf8.allSatisfy({ $0 != UInt8(ascii: "+") })
                else { throw .badSequence }
                since = sequence
            default:
                continue
            }
        }
    }
}
