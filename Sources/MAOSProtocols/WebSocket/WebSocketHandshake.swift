import MAOSCore

/// Why a handshake is refused (RFC 6455 §4).
package enum WebSocketHandshakeError: Error, Sendable, Hashable {
    /// Not a `GET` of HTTP/1.1 that asks for an upgrade to `websocket`.
    case notAnUpgrade
    /// Another version than 13; answer with `Sec-WebSocket-Version: 13`.
    case version
    /// `Sec-WebSocket-Key` is missing, repeated or not 16 bytes in base64.
    case key
    /// The server answered with another status.
    case status(Int)
    /// The server's `Sec-WebSocket-Accept` does not belong to the key.
    case accept
    /// The server chose a subprotocol that was not offered.
    case subprotocol
    /// The server answered with extensions that were not offered.
    case extensions

    /// What a server answers.
    package var status: HTTPStatus {
        switch self {
        case .version: .upgradeRequired
        case .notAnUpgrade, .key, .status, .accept, .subprotocol, .extensions: .badRequest
        }
    }
}

/// The opening handshake of a WebSocket (RFC 6455 §4), both sides.
package enum WebSocketHandshake {
    /// What a server agrees to.
    package struct Acceptance: Sendable, Hashable {
        /// The value of `Sec-WebSocket-Accept`.
        package let acceptKey: String
        /// The chosen subprotocol, if any.
        package let subprotocol: String?
        /// The agreed compression, if any.
        package let deflate: WebSocketDeflateParameters?
        private let extensionsField: String?

        fileprivate init(
            acceptKey: String, subprotocol: String?, deflate: WebSocketDeflateParameters?, extensionsField: String?
        ) {
            self.acceptKey = acceptKey
            self.subprotocol = subprotocol
            self.deflate = deflate
            self.extensionsField = extensionsField
        }

        /// The fields of the answer with status 101.
        package var fields: HTTPFields {
            var fields: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: acceptKey]
            if let subprotocol {
                fields.append(.secWebSocketProtocol, subprotocol)
            }
            if let extensionsField {
                fields.append(.secWebSocketExtensions, extensionsField)
            }
            return fields
        }

        /// Writes the answer with status 101; frames follow it at once.
        package func appendResponse(date: [UInt8], to output: inout [UInt8]) {
            HTTP1Serializer.appendResponseHead(
                .switchingProtocols, fields: fields, body: .length(0),
                exchange: HTTP1Exchange(isHead: false, version: .http11, keepsAlive: true), date: date, to: &output)
        }
    }

    /// Whether a request asks for an upgrade to WebSocket, right or wrong.
    package static func isUpgrade(_ head: HTTPRequestHead) -> Bool {
        head.fields.contains("websocket", in: .upgrade) && head.fields.contains("upgrade", in: .connection)
    }

    // MARK: Server (§4.2)

    /// Checks a client's request and decides on the answer.
    ///
    /// Of the offered subprotocols the first that is in `subprotocols` is chosen; without a `deflate` policy nothing is compressed.
    ///
    /// - Returns: What to answer with.
    /// - Throws: Why the request is refused.
    package static func accept(
        _ head: HTTPRequestHead, subprotocols: [String], deflate policy: WebSocketDeflatePolicy?
    ) throws(WebSocketHandshakeError) -> Acceptance {
        guard head.method == .get, head.version == .http11, isUpgrade(head), head.contentLength == 0 else {
            throw .notAnUpgrade
        }
        let fields = head.fields
        guard fields.values(.secWebSocketVersion) == ["13"] else { throw .version }
        let keys = fields.values(.secWebSocketKey)
        guard keys.count == 1, Base64.decode(keys[0], .standard)?.count == 16 else { throw .key }
        let offered = fields.list(.secWebSocketProtocol)
        let deflate = policy.flatMap { WebSocketDeflate.accept(fields.values(.secWebSocketExtensions), policy: $0) }
        return Acceptance(
            acceptKey: acceptKey(for: keys[0]), subprotocol: offered.first { subprotocols.contains($0) },
            deflate: deflate?.parameters, extensionsField: deflate?.response)
    }

    /// The proof that a server has understood a key (§4.2.2).
    package static func acceptKey(for key: String) -> String {
        Base64.encode(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)), .standard)
    }

    // MARK: Client (§4.1)

    /// What a client asked for, to be compared with the answer.
    package struct Request: Sendable, Hashable {
        /// The value of `Sec-WebSocket-Key`.
        package let key: String
        /// The offered subprotocols, the most wanted first.
        package let subprotocols: [String]
        /// Whether compression is offered.
        package let offersDeflate: Bool

        /// A request with 16 fresh random bytes.
        package init(nonce: [UInt8], subprotocols: [String], offersDeflate: Bool) {
            precondition(nonce.count == 16, "a key has 16 bytes")
            key = Base64.encode(nonce, .standard)
            self.subprotocols = subprotocols
            self.offersDeflate = offersDeflate
        }

        /// Writes the request; `fields` are further ones, for example `Authorization`.
        package func append(target: String, host: String, fields: HTTPFields, to output: inout [UInt8]) {
            var all = fields
            all.append(.upgrade, "websocket")
            all.append(.connection, "Upgrade")
            all.append(.secWebSocketVersion, "13")
            all.append(.secWebSocketKey, key)
            if !subprotocols.isEmpty {
                all.append(.secWebSocketProtocol, subprotocols.joined(separator: ", "))
            }
            if offersDeflate {
                all.append(.secWebSocketExtensions, WebSocketDeflate.offer)
            }
            HTTP1Serializer.appendRequestHead(
                .get, target: target, host: host, fields: all, body: .length(0), to: &output)
        }

        /// Checks the server's answer.
        ///
        /// - Returns: The chosen subprotocol and compression.
        /// - Throws: Why the answer is none to this request.
        package func verify(_ head: HTTPResponseHead) throws(WebSocketHandshakeError) -> (
            subprotocol: String?, deflate: WebSocketDeflateParameters?
        ) {
            guard head.status == .switchingProtocols else { throw .status(head.status.code) }
            guard head.fields.contains("websocket", in: .upgrade), head.fields.contains("upgrade", in: .connection)
            else { throw .notAnUpgrade }
            guard head.fields.values(.secWebSocketAccept) == [acceptKey(for: key)] else { throw .accept }
            let chosen = head.fields.values(.secWebSocketProtocol)
            guard chosen.count <= 1, chosen.allSatisfy({ subprotocols.contains($0) }) else { throw .subprotocol }
            let deflate = try WebSocketDeflate.verify(head.fields.values(.secWebSocketExtensions))
            guard deflate == nil || offersDeflate else { throw .extensions }
            return (chosen.first, deflate)
        }
    }
}
