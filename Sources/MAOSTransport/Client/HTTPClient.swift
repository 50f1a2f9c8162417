/// A blocking HTTP/1.1 client with one connection, which it keeps; for command lines and tests.
///
/// Confined to one thread at a time.
package final class HTTPClient {
    /// How a body ends.
    enum Framing {
        case none
        case length(Int)
        case chunked
        case untilClose
    }

    /// Where requests go.
    package let url: ClientURL
    /// Sent with every request.
    package var commonFields: [(name: String, value: String)]
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
        commonFields = token.map { [("authorization", "Bearer \($0)")] } ?? []
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// A kept connection that the server has closed meanwhile is replaced without a word.
    ///
    /// - Parameters:
    ///   - method: Such as `GET`.
    ///   - path: Beginning with a slash, with its query, percent-encoded.
    ///   - fields: More fields.
    ///   - body: The body; its type is JSON unless `fields` says otherwise.
    /// - Returns: The answer, whatever its status.
    /// - Throws: ``ClientError``.
    package func send(
        _ method: String, _ path: String, fields: [(name: String, value: String)] = [], body: [UInt8]? = nil
    ) throws(ClientError) -> ClientResponse {
        let (connection, head) = try exchange(method, path, fields, body)
        let framing = try HTTPClient.framing(of: head, method: method)
        var received: [UInt8] = []
        switch framing {
        case .none:
            break
        case .length(let count):
            while connection.available.count < count {
                guard try connection.fill(until: ClientConnection.deadline(timeout)) else { throw cutShort() }
            }
            received = Array(connection.available.prefix(count))
            connection.consume(count)
        case .chunked:
            while let chunk = try HTTPClient.chunk(from: connection, until: { ClientConnection.deadline(self.timeout) })
            {
                received.append(contentsOf: chunk)
            }
        case .untilClose:
            while try connection.fill(until: ClientConnection.deadline(timeout)) {}
            received = Array(connection.available)
            connection.consume(received.count)
        }
        if case .untilClose = framing { self.connection = nil }
        if head.field("connection")?.lowercased() == "close" { self.connection = nil }
        return ClientResponse(status: head.status, fields: head.fields, body: received)
    }

    /// Sends a request whose answer is read as it comes, on a connection of its own.
    ///
    /// - Parameters:
    ///   - method: Such as `GET`.
    ///   - path: Beginning with a slash, with its query, percent-encoded.
    ///   - fields: More fields.
    /// - Returns: The stream; its head tells whether the server said yes.
    /// - Throws: ``ClientError``.
    package func stream(
        _ method: String, _ path: String, fields: [(name: String, value: String)] = []
    ) throws(ClientError) -> HTTPClientStream {
        let connection = try ClientConnection(url, timeout: timeout)
        try connection.send(request(method, path, fields, nil), timeout: timeout)
        let head = try readHead(connection)
        return HTTPClientStream(
            connection: connection, head: head, framing: try HTTPClient.framing(of: head, method: method))
    }

    /// Closes the kept connection.
    package func close() {
        connection = nil
    }

    private func exchange(
        _ method: String, _ path: String, _ fields: [(name: String, value: String)], _ body: [UInt8]?
    ) throws(ClientError) -> (ClientConnection, ClientResponse) {
        let request = request(method, path, fields, body)
        let used: ClientConnection
        if let kept = connection, !kept.isStale {
            used = kept
        } else {
            used = try ClientConnection(url, timeout: timeout)
        }
        // Set again when the answer is whole: after an error nobody knows what is on the connection.
        connection = nil
        try used.send(request, timeout: timeout)
        let head = try readHead(used)
        connection = used
        return (used, head)
    }

    private func request(
        _ method: String, _ path: String, _ fields: [(name: String, value: String)], _ body: [UInt8]?
    ) -> [UInt8] {
        var text = "\(method) \(url.basePath)\(path) HTTP/1.1\r\nhost: \(url.authority)\r\n"
        var hasType = false
        for field in commonFields + fields {
            text += "\(field.name): \(field.value)\r\n"
            if field.name.lowercased() == "content-type" { hasType = true }
        }
        if let body {
            if !hasType { text += "content-type: application/json\r\n" }
            text += "content-length: \(body.count)\r\n"
        }
        text += "\r\n"
        return Array(text.utf8) + (body ?? [])
    }

    /// Reads a head, and goes past interim ones.
    private func readHead(_ connection: ClientConnection) throws(ClientError) -> ClientResponse {
        while true {
            let head = try HTTPClient.head(from: connection, until: ClientConnection.deadline(timeout))
            if head.status == 101 || head.status >= 200 { return head }
        }
    }

    private func cutShort() -> ClientError {
        .unreachable("\(url) closed the connection in the middle of an answer")
    }

    // MARK: - Reading

    static func head(from connection: ClientConnection, until deadline: Int64) throws(ClientError) -> ClientResponse {
        guard let first = try connection.line(until: deadline) else {
            throw .unreachable("\(connection.url) closed the connection without an answer")
        }
        let parts = first.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].starts(with: Array("HTTP/1.".utf8)), parts[1].count == 3,
            let status = Int(String(decoding: parts[1], as: UTF8.self))
        else { throw .notUnderstood("\(connection.url) does not speak HTTP/1.1") }
        var fields: [(name: String, value: String)] = []
        while true {
            guard let line = try connection.line(until: deadline) else {
                throw .unreachable("\(connection.url) closed the connection in the middle of an answer")
            }
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: 0x3A), fields.count < 1_000 else {
                throw .notUnderstood("\(connection.url) sent a broken field")
            }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            let end = value.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? value.startIndex
            fields.append((name, String(decoding: value[..<end], as: UTF8.self)))
        }
        return ClientResponse(status: status, fields: fields, body: [])
    }

    private static func framing(of head: ClientResponse, method: String) throws(ClientError) -> Framing {
        if method == "HEAD" || head.status == 204 || head.status == 304 || head.status < 200 { return .none }
        if let coding = head.field("transfer-encoding") {
            guard coding.lowercased() == "chunked" else { throw .notUnderstood("unknown transfer coding \(coding)") }
            return .chunked
        }
        guard let text = head.field("content-length") else { return .untilClose }
        guard let length = Int(text), length >= 0 else { throw .notUnderstood("broken content-length \(text)") }
        return .length(length)
    }

    /// The next chunk of a chunked body; nil after the last.
    static func chunk(
        from connection: ClientConnection, until deadline: () -> Int64
    ) throws(ClientError) -> [UInt8]? {
        func broken() -> ClientError { .notUnderstood("\(connection.url) sent a broken chunk") }
        func cutShort() -> ClientError {
            .unreachable("\(connection.url) closed the connection in the middle of an answer")
        }
        guard let line = try connection.line(until: deadline()) else { throw cutShort() }
        let digits = line.prefix { $0 != 0x3B && $0 != 0x20 }
        guard let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count >= 0 else { throw broken() }
        guard count > 0 else {
            while let trailer = try connection.line(until: deadline()), !trailer.isEmpty {}
            return nil
        }
        while connection.available.count < count + 2 {
            guard try connection.fill(until: deadline()) else { throw cutShort() }
        }
        let chunk = Array(connection.available.prefix(count))
        guard connection.available.dropFirst(count).prefix(2).elementsEqual([0x0D, 0x0A]) else { throw broken() }
        connection.consume(count + 2)
        return chunk
    }
}
