internal import MAOSCore

/// A message for clients, encoded once; what differs from one client to the next is put in where it belongs.
struct DashboardText: Sendable {
    /// The whole message, as clients get it that did not subscribe to it.
    var bytes: [UInt8]
    /// Where the members of `metadata` end.
    var metadataEnd: Int
    /// Whether there are any.
    var hasMetadata: Bool
    /// Where those of `payload` end, in messages that name their subscription there too.
    var payloadEnd: Int?

    /// Writes a message.
    ///
    /// - Parameters:
    ///   - type: Its type.
    ///   - id: Its identifier.
    ///   - time: When what it tells happened.
    ///   - agent: The agent that it is about.
    ///   - correlation: What it answers.
    ///   - isUrgent: Whether it says that it leaves before others.
    ///   - capacity: Bytes that it will take, roughly.
    ///   - namesSubscription: Whether the payload names the subscription too.
    ///   - payload: Writes the members of the payload.
    init(
        _ type: String, id: String, at time: Instant, agent: AgentID? = nil, correlation: String? = nil,
        isUrgent: Bool = false, capacity: Int = 320, namesSubscription: Bool = false,
        payload: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter(reservingCapacity: capacity)
        writer.beginObject()
        writer.member("id", id)
        writer.member("type", type)
        writer.member("timestamp", time.milliseconds)
        writer.beginObject("payload")
        payload(&writer)
        payloadEnd = namesSubscription ? writer.count : nil
        writer.endObject()
        writer.beginObject("metadata")
        if let agent { writer.member("agentId", agent.rawValue) }
        writer.memberIfPresent("correlationId", correlation)
        if isUrgent { writer.member("priority", DashboardMessages.urgent) }
        hasMetadata = agent != nil || correlation != nil || isUrgent
        metadataEnd = writer.count
        writer.endObject()
        writer.endObject()
        bytes = writer.take()
    }

    /// The message as somebody gets it who wants it so; `nil` where it is not wanted.
    func bytes(for match: DashboardConnection.Match) -> [UInt8]? {
        switch match {
        case .none: nil
        case .plain: bytes
        case .subscription(let id): bytes(for: id)
        }
    }

    /// The message as the maker of a subscription gets it.
    func bytes(for subscription: String) -> [UInt8] {
        let member: [UInt8] = Array("\"subscriptionId\":\"\(subscription)\"".utf8)
        var all: [UInt8] = []
        all.reserveCapacity(bytes.count + 2 * member.count + 2)
        var start: Int = 0
        if let payloadEnd {
            all.append(contentsOf: bytes[..<payloadEnd])
            all.append(UInt8(ascii: ","))
            all.append(contentsOf: member)
            start = payloadEnd
        }
        all.append(contentsOf: bytes[start..<metadataEnd])
        if hasMetadata { all.append(UInt8(ascii: ",")) }
        all.append(contentsOf: member)
        all.append(contentsOf: bytes[metadataEnd...])
        return all
    }
}
