internal import MAOSCore

/// An answer, ready for the wire but for its framing.
package struct GatewayResponse: Sendable {
    /// Its status.
    package var status: HTTPStatus
    /// The value of the field `Content-Type`.
    package var contentType: String
    /// The value of the field `x-request-id`, which is in none of ``fields``.
    package var requestID: RequestID
    /// Fields beside `Content-Type`, `x-request-id` and those of framing; mostly empty.
    package var fields: HTTPFields
    /// The whole body; empty for a stream's head.
    package var body: [UInt8]
    /// The error's code, where the answer is one; for the log.
    package var failure: GatewayErrorCode?

    /// Puts an answer together.
    ///
    /// - Parameters:
    ///   - status: Its status.
    ///   - contentType: The type of its body.
    ///   - requestID: The request's identifier.
    ///   - fields: Further header fields.
    ///   - body: The whole body.
    ///   - failure: The code of the error that it tells of.
    package init(
        status: HTTPStatus, contentType: String = GatewayResponse.json, requestID: RequestID,
        fields: HTTPFields = HTTPFields(), body: [UInt8], failure: GatewayErrorCode? = nil
    ) {
        self.status = status
        self.contentType = contentType
        self.requestID = requestID
        self.fields = fields
        self.body = body
        self.failure = failure
    }

    /// The type of nearly every answer.
    package static let json = "application/json"
    /// The type of what Prometheus reads.
    package static let scrape = "text/plain; version=0.0.4; charset=utf-8"
    /// The type of raw output.
    package static let text = "text/plain; charset=utf-8"
}
