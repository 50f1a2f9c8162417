package import MAOSProtocols

/// A blocking HTTP/1.1 client with one connection, which it keeps; for command lines and tests.
///
/// Confined to one thread at a time.
package final class HTTPClient {
    /// Where requests go.
    package let url: ClientURL
    /// Sent with every request.
    package var commonFields = HTTPFields()
    private let timeout: Int
    private var connection: ClientConnection?

    /// Makes a client; it connects when it is first used.
    ///
    /// - Parameters:
    ///   - url: The server.
    ///   - token: Sent as `Authorization: Bearer` with every request.
    ///   - timeout: Milliseconds to wait for a connection, and for each piece of an answer.
    package init(_ url: ClientURL, token: String? = nil, timeout: Int = 30_000) {
        self.url = url
        self.timeout = timeout
        if let token { commonFields.append(.authorization, "Bearer \(token)") }
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// A kept connection that the server has closed meanwhile is replaced without a word.
    ///
    /// - Parameters:
    ///   - method: What is to be done.
    ///   - path: Beginning with a slash, with its query, percent-encoded.
    ///   - fields: More fields.
    ///   - body: The body; its type is JSON unless `fields` says otherwise.
    /// - Returns: The answer, whatever its status.
    /// - Throws: ``ClientError``.
    package func send(
        _ method: HTTPMethod, _ path: String, fields: HTTPFields = HTTPFields(), body: [UInt8]? = nil
    ) throws(ClientError) -> ClientResponse {
        let used: ClientConnection
        if let kept = connection, !kept.isStale {
            used = kept
        } else {
            used = try ClientConnection(url, timeout: timeout)
        }
        // Set again when the answer is whole: after an error nobody knows what is on the connection.
        connection = nil
        used.parser.sent(method)
        try used.send(request(method, path, fields, body), timeout: timeout)
        let head = try used.head(until: ClientConnection.deadline(timeout))
        let received = try used.rest { ClientConnection.deadline(timeout) }
        if head.keepsAlive, !used.isEnded { connection = used }
        return ClientResponse(head, body: received)
    }

    /// Sends a request whose answer is read as it comes, on a connection of its own.
    ///
    /// - Parameters:
    ///   - method: What is to be done.
    ///   - path: Beginning with a slash, with its query, percent-encoded.
    ///   - fields: More fields.
    /// - Returns: The stream; its head tells whether the server said yes.
    /// - Throws: ``ClientError``.
    package func stream(
        _ method: HTTPMethod, _ path: String, fields: HTTPFields = HTTPFields()
    ) throws(ClientError) -> HTTPClientStream {
        let connection = try ClientConnection(url, timeout: timeout)
        connection.parser.sent(method)
        try connection.send(request(method, path, fields, nil), timeout: timeout)
        let head = try connection.head(until: ClientConnection.deadline(timeout))
        return HTTPClientStream(connection, ClientResponse(head, body: []))
    }

    private func request(
        _ method: HTTPMethod, _ path: String, _ fields: HTTPFields, _ body: [UInt8]?
    ) -> [UInt8] {
        var all = commonFields
        fields.forEach { name, value in all.append(name, value) }
        if body != nil, !all.contains(.contentType) { all.append(.contentType, "application/json") }
        var bytes: [UInt8] = []
        HTTP1Serializer.appendRequestHead(
            method, target: url.basePath + path, host: url.authority, fields: all, body: .length(body?.count ?? 0),
            to: &bytes)
        bytes.append(contentsOf: body ?? [])
        return bytes
    }
}
