internal import MAOSCore

/// The frame around every event: `{type, data, timestamp, message_id, sequence}`.
struct HiveEnvelope: Sendable {
    /// Makes the identifiers of messages; the same on all loops, so that a frame has one identifier.
    let seed: UInt64

    /// Encodes a frame.
    ///
    /// - Parameters:
    ///   - type: The type.
    ///   - time: When it happened.
    ///   - sequence: The frame's place.
    ///   - body: Writes the members of `data`, all but its `timestamp`.
    /// - Returns: The frame, as UTF-8.
    func encode(
        _ type: HiveFrameType, at time: Instant, sequence: UInt64, _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        wrap(type, at: time, sequence: sequence) { (writer: inout JSONWriter) in
            writer.beginObject()
            body(&writer)
            writer.member("timestamp", timestamp: time.milliseconds)
            writer.endObject()
        }
    }

    /// Encodes a frame whose `data` is as it is.
    func encode(_ type: HiveFrameType, at time: Instant, sequence: UInt64, data: JSONText) -> [UInt8] {
        wrap(type, at: time, sequence: sequence) { $0.raw(data) }
    }

    private func wrap(
        _ type: HiveFrameType, at time: Instant, sequence: UInt64, data: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        writer.beginObject()
        writer.member("type", type.name)
        writer.key("data")
        data(&writer)
        writer.member("timestamp", timestamp: time.milliseconds)
        writer.member("message_id", HiveEnvelope.identifier(of: sequence, seed: seed))
        writer.member("sequence", sequence)
        writer.endObject()
        return writer.take()
    }

    /// The identifier of the message at a place.
    static func identifier(of place: UInt64, seed: UInt64) -> String {
        var maker = UUIDMaker(seed: seed ^ place &* 0xD6E8_FEB8_6659_FD93)
        return maker.next()
    }
}
