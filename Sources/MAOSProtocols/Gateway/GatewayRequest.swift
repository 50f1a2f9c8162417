package import MAOSCore

/// Who a request comes from, as far as the transport could tell.
package enum GatewayAuthentication: Sendable, Hashable {
    /// A verified token, or a caller that is trusted by configuration.
    case principal(Principal)
    /// No token at all.
    case missing
    /// A token that is malformed, forged or expired.
    case invalid
}

/// A whole request, with everything that answering it takes.
package struct GatewayRequest: Sendable {
    /// Method, target and header fields.
    package var head: HTTPRequestHead
    /// The whole body, decoded from its framing.
    package var body: [UInt8]
    /// Who sends it.
    package var authentication: GatewayAuthentication
    /// Whether it comes from this host.
    package var isLocal: Bool

    /// Puts a request together.
    ///
    /// - Parameters:
    ///   - head: Method, target and header fields.
    ///   - body: The whole body; empty where there is none.
    ///   - authentication: Who sends it.
    ///   - isLocal: Whether it comes from this host.
    package init(
        head: HTTPRequestHead, body: [UInt8] = [], authentication: GatewayAuthentication, isLocal: Bool = false
    ) {
        self.head = head
        self.body = body
        self.authentication = authentication
        self.isLocal = isLocal
    }
}

/// Which version of the interface a client speaks; until they differ, the second is an alias of the first.
package enum GatewayVersion: UInt8, Sendable, Hashable {
    case v1 = 1
    case v2

    /// The name in paths and in `metadata.version`.
    package var name: String {
        switch self {
        case .v1: "v1"
        case .v2: "v2"
        }
    }
}

/// What of a request its answer has to know.
package struct GatewayContext: Sendable, Hashable {
    /// Repeated in the answer's metadata and in its header field `x-request-id`.
    package var requestID: RequestID
    /// The version of the interface in the path.
    package var version: GatewayVersion
    /// Who sends the request.
    package var principal: Principal
    /// Whether only the head of an answer is wanted.
    package var isHead: Bool = false
}
