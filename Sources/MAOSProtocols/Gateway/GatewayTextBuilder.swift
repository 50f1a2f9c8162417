internal import MAOSCore

/// Puts JSON together from ready pieces, for the few answers that are made most often.
///
/// The caller writes all punctuation and vouches that pieces and words need no escape; ``JSONWriter`` does for everything else.
struct GatewayTextBuilder {
    private(set) var bytes: [UInt8]

    init(reservingCapacity capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Appends punctuation and names of members.
    mutating func piece(_ text: StaticString) { bytes.append(literal: text) }

    /// Appends a word, which needs no escape.
    mutating func word(_ text: String) { bytes.append(utf8: text) }

    /// Appends an identifier, which needs no escape.
    mutating func piece(_ id: some CompactIdentifier) { id.append(to: &bytes) }

    /// Appends JSON as it is.
    mutating func raw(_ text: JSONText) { bytes.append(contentsOf: text.utf8) }

    mutating func integer(_ value: Int) { Decimal.append(Int64(value), to: &bytes) }

    mutating func number(_ value: Double) {
        if value == 0 {
            bytes.append(0x30)
        } else if value == 1 {
            bytes.append(0x31)
        } else {
            var writer = JSONWriter(appendingTo: bytes)
            bytes = []
            writer.number(value)
            bytes = writer.take()
        }
    }

    /// Appends a time, without quotes.
    mutating func timestamp(_ instant: Instant) {
        ISO8601.append(milliseconds: instant.milliseconds, to: &bytes)
    }

    /// Appends any string, quoted and escaped.
    mutating func string(_ text: String) { JSONString.append(text, to: &bytes) }

    /// Begins the envelope of a success; `data` is the next value.
    mutating func beginEnvelope() { piece(#"{"success":true,"data":"#) }

    /// Ends it after `data`.
    mutating func endEnvelope(_ context: GatewayContext, at now: Instant) {
        piece(#","metadata":{"timestamp":""#)
        timestamp(now)
        piece(#"","requestId":"#)
        context.requestID.appendQuoted(to: &bytes)
        piece(context.version == .v1 ? #","version":"v1"}}"# : #","version":"v2"}}"#)
    }
}
