package import MAOSProtocols

/// A server's answer.
package struct ClientResponse: Sendable {
    /// The status code.
    package let status: Int
    /// The header fields.
    package let fields: HTTPFields
    /// The whole body; empty for a stream.
    package let body: [UInt8]

    init(_ head: HTTPResponseHead, body: [UInt8]) {
        status = head.status.code
        fields = head.fields
        self.body = body
    }

    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// Whether the status is one of success.
    package var isSuccess: Bool { (200..<300).contains(status) }
}
