/// A server's answer.
package struct ClientResponse: Sendable {
    /// The status.
    package let status: Int
    /// The fields in their order, names in lower case.
    package let fields: [(name: String, value: String)]
    /// The whole body; empty for a stream.
    package let body: [UInt8]

    /// The value of the first field of that name, in lower case.
    package func field(_ name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// Whether the status is one of success.
    package var isSuccess: Bool { (200..<300).contains(status) }
}
