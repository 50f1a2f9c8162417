internal import MAOSCore

/// The outer forms of WebSocket messages.
enum GatewaySocketMessage {
    /// Both shapes in one: `{id, type, timestamp, …members, payload: {…members}}`.
    ///
    /// - Parameters:
    ///   - id: The message's identifier.
    ///   - type: Its type.
    ///   - now: Its time.
    ///   - members: A JSON object as text.
    /// - Returns: The message as JSON text.
    static func encode(id: String, type: String, at now: Instant, members: [UInt8]) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 160 + members.count * 2)
        writer.beginObject()
        writer.member("id", id)
        writer.member("type", type)
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.member("payload", JSONText(trusted: members))
        writer.endObject()
        var bytes: [UInt8] = writer.take()
        guard members.count > 2 else { return bytes }
        // The members again, flat: between the opening brace and what follows it.
        bytes.insert(UInt8(ascii: ","), at: 1)
        bytes.insert(contentsOf: members[1..<(members.count - 1)], at: 1)
        return bytes
    }

    /// What every delivery on a channel is wrapped in: `{type: "broadcast", channel, timestamp, message}`.
    static func wrap(_ message: [UInt8], channel: GatewayChannel, at now: Instant) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 160 + message.count)
        writer.beginObject()
        writer.member("type", "broadcast")
        writer.member("channel", channel.name)
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.member("message", JSONText(trusted: message))
        writer.endObject()
        return writer.take()
    }
}
