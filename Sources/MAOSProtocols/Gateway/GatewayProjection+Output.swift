internal import MAOSCore

extension GatewayProjection {
    /// Writes `{sequence, stream, timestamp, data}`; what is not UTF-8 in the data becomes U+FFFD.
    static func write(_ entry: OutputEntry, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("sequence", entry.sequence)
        writer.member("stream", entry.stream.name)
        writer.member("timestamp", timestamp: entry.time.milliseconds)
        writer.key("data")
        writer.string(utf8: entry.data[...])
        writer.endObject()
    }

    /// Writes a page of output.
    ///
    /// - Parameters:
    ///   - page: The page.
    ///   - isEnded: Whether nothing was to come any more when the page was read.
    ///   - writer: Where to write.
    static func write(_ page: OutputPage, isEnded: Bool, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.beginArray("entries")
        for entry: OutputEntry in page.entries { write(entry, to: &writer) }
        writer.endArray()
        writer.member("firstSequence", page.firstSequence)
        writer.member("nextSequence", page.nextSequence)
        writer.member("complete", isEnded && page.nextSequence > page.lastSequence)
        writer.endObject()
    }
}
