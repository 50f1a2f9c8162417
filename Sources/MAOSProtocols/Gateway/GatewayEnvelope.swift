internal import MAOSCore

/// What every JSON answer is wrapped in: `{success, data | error, metadata}`.
enum GatewayEnvelope {
    /// Which page of a list an answer holds.
    struct Pagination: Sendable, Hashable {
        /// 1 for the first.
        var page: Int
        var pageSize: Int
        var totalItems: Int

        func write(to writer: inout JSONWriter) {
            let pages: Int = totalItems == 0 ? 0 : (totalItems - 1) / pageSize + 1
            writer.beginObject("pagination")
            writer.member("page", page)
            writer.member("pageSize", pageSize)
            writer.member("totalItems", totalItems)
            writer.member("totalPages", pages)
            writer.member("hasNext", page < pages)
            writer.member("hasPrevious", page > 1)
            writer.endObject()
        }
    }

    /// Begins the envelope of a success; `data` is the next value.
    static func begin(_ writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("success", true)
        writer.key("data")
    }

    /// Ends it after `data`.
    static func end(
        _ writer: inout JSONWriter, _ context: GatewayContext, at now: Instant, pagination: Pagination? = nil
    ) {
        writeMetadata(
            requestID: context.requestID, version: context.version, at: now, pagination: pagination, to: &writer)
        writer.endObject()
    }

    static func writeMetadata(
        requestID: RequestID, version: GatewayVersion, at now: Instant, pagination: Pagination? = nil,
        to writer: inout JSONWriter
    ) {
        writer.beginObject("metadata")
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.member("requestId", requestID.text)
        writer.member("version", version.name)
        pagination?.write(to: &writer)
        writer.endObject()
    }
}
