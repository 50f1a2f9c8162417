/// Why a peer's HTTP/1 message cannot be understood (RFC 9112) or is refused; final for its connection.
package enum HTTP1Error: Error, Sendable, Hashable {
    /// The request line is not method, space, target, space, version.
    case requestLine
    /// The status line is not version, space, three digits, phrase.
    case statusLine
    /// The target has a character or a form that is not allowed, or names another host than `Host`.
    case target
    /// A tunnel was asked for.
    case tunnel
    /// A version that is spelt right but not spoken here.
    case version
    /// A line does not end in CR LF, or has a CR elsewhere.
    case lineEnding
    /// A field continues on the next line (§5.2), or white space comes before the first field.
    case foldedField
    /// A field without a colon, with an empty name, or with a name that is no token.
    case fieldName
    /// A control character in a field's value.
    case fieldValue
    /// The request line is longer than the header section may be.
    case targetTooLong(limit: Int)
    /// The header or trailer section is longer than its limit.
    case headTooLarge(limit: Int)
    /// There are more fields than the limit.
    case tooManyFields(limit: Int)
    /// `Host` is missing, repeated or malformed (§3.2).
    case host
    /// A field that may stand once is repeated.
    case duplicateField
    /// `Content-Length` is not one plain number (§6.2).
    case contentLength
    /// `Transfer-Encoding` is something other than `chunked`, comes with `Content-Length`, or with HTTP/1.0 (§6.1).
    case transferEncoding
    /// A transfer coding that is known but not spoken here.
    case transferCoding
    /// A chunk's size, extension or end is malformed (§7.1).
    case chunk
    /// A trailer has a field that would change the framing or routing of the message.
    case trailer
    /// The body is, or says it is, longer than the limit.
    case bodyTooLarge(limit: Int)
    /// `Expect` asks for something other than `100-continue`.
    case expectation
    /// The connection ended inside a message.
    case truncated

    /// What to answer before the connection is closed.
    package var status: HTTPStatus {
        switch self {
        case .requestLine, .statusLine, .target, .lineEnding, .foldedField, .fieldName, .fieldValue, .host,
            .duplicateField, .contentLength, .transferEncoding, .chunk, .trailer, .truncated:
            .badRequest
        case .tunnel, .transferCoding: .notImplemented
        case .version: .versionNotSupported
        case .targetTooLong: .targetTooLong
        case .headTooLarge, .tooManyFields: .headerFieldsTooLarge
        case .bodyTooLarge: .contentTooLarge
        case .expectation: .expectationFailed
        }
    }
}

extension HTTP1Error: CustomStringConvertible {
    /// What was wrong, for people.
    package var description: String {
        switch self {
        case .requestLine: "the request line is malformed"
        case .statusLine: "the status line is malformed"
        case .target: "the request target is invalid"
        case .tunnel: "CONNECT is not supported"
        case .version: "only HTTP/1.0 and HTTP/1.1 are spoken here"
        case .lineEnding: "lines must end in CR LF"
        case .foldedField: "header fields may not continue on the next line"
        case .fieldName: "a header field has no valid name"
        case .fieldValue: "a header field has a control character"
        case .targetTooLong(let limit): "the request line is longer than \(limit) bytes"
        case .headTooLarge(let limit): "the header section is longer than \(limit) bytes"
        case .tooManyFields(let limit): "there are more than \(limit) header fields"
        case .host: "the Host field is missing, repeated or malformed"
        case .duplicateField: "a header field that may stand once is repeated"
        case .contentLength: "Content-Length is not one number"
        case .transferEncoding: "Transfer-Encoding is not valid here"
        case .transferCoding: "only the transfer coding chunked is supported"
        case .chunk: "a chunk is malformed"
        case .trailer: "a trailer field is not allowed there"
        case .bodyTooLarge(let limit): "the body is longer than \(limit) bytes"
        case .expectation: "only the expectation 100-continue can be met"
        case .truncated: "the connection ended inside a message"
        }
    }
}
