import MAOSCore

/// Everything of a request but its body.
package struct HTTPRequestHead: Sendable {
    /// What the client wants done.
    package let method: HTTPMethod
    /// The version the client speaks.
    package let version: HTTPVersion
    /// The header fields.
    package let fields: HTTPFields
    /// The length of the body if it is known: 0 if there is none, `nil` if it comes in chunks.
    package let contentLength: Int?
    /// Whether the connection may carry another request after this one (RFC 9112 §9.3).
    package let keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    package let expectsContinue: Bool
    /// Whether the version and all bytes of the fields are those of the connection's request before this one, and the host is named
    /// in no other place, so that what was found out about them still holds.
    package let repeatsFields: Bool

    /// The target in origin form, beginning with `/`, or `*`.
    package let target: ArraySlice<UInt8>
    /// The authority of an absolute target; empty for the other forms.
    private let absoluteAuthority: String
    /// The value of `Host` in ``fields``; empty if there is none.
    private let hostRange: Range<Int>

    init(
        method: HTTPMethod, version: HTTPVersion, fields: HTTPFields, target: ArraySlice<UInt8>,
        absoluteAuthority: String, hostRange: Range<Int>, contentLength: Int?, keepsAlive: Bool,
        expectsContinue: Bool, repeatsFields: Bool
    ) {
        self.method = method
        self.version = version
        self.fields = fields
        self.target = target.isEmpty ? [0x2F] : target
        self.absoluteAuthority = absoluteAuthority
        self.hostRange = hostRange
        self.contentLength = contentLength
        self.keepsAlive = keepsAlive
        self.expectsContinue = expectsContinue
        self.repeatsFields = repeatsFields
    }

    /// A request that did not come through HTTP/1, with the target in origin form.
    package init(
        method: HTTPMethod, version: HTTPVersion, target: String, authority: String, fields: HTTPFields,
        contentLength: Int?
    ) {
        var fields = fields
        let hostRange = fields.stow(authority.utf8)
        self.init(
            method: method, version: version, fields: fields, target: Array(target.utf8)[...], absoluteAuthority: "",
            hostRange: hostRange, contentLength: contentLength, keepsAlive: true, expectsContinue: false,
            repeatsFields: false)
    }

    /// ``target`` as text.
    package var targetText: String {
        String(decoding: target, as: UTF8.self)
    }

    /// The host, with its port if given, of an absolute target or the `Host` field; empty if HTTP/1.0 named none.
    package var authority: String {
        absoluteAuthority.isEmpty ? String(decoding: fields.bytes[hostRange], as: UTF8.self) : absoluteAuthority
    }

    /// The path and query, taken apart.
    package func parsedTarget() throws(HTTPTargetError) -> HTTPTarget {
        try HTTPTarget(target)
    }

    /// What the answer has to know of the request.
    package var exchange: HTTP1Exchange {
        HTTP1Exchange(isHead: method == .head, version: version, keepsAlive: keepsAlive)
    }
}
