package import MAOSProtocols
internal import MAOSSystem

/// A blocking WebSocket client, for command lines and tests.
///
/// It answers pings by itself, and compresses nothing.
///
/// Confined to one thread at a time.
package final class WebSocketClient {
    /// What the server sent.
    package enum Message: Hashable, Sendable {
        /// A text message.
        case text(String)
        /// A binary message.
        case binary([UInt8])
        /// The end, with why; ``WebSocketCloseCode/abnormal`` if the connection just broke.
        case closed(WebSocketCloseCode, reason: String)
    }

    /// The subprotocol that the server chose, if any.
    package let subprotocol: String?

    private let connection: ClientConnection
    private let timeout: Int
    private var machine: WebSocketConnection
    private var end: Message?
    /// What ``post(_:)-([UInt8])`` took and the system has not.
    private var outgoing: [UInt8] = []

    /// Connects and shakes hands.
    ///
    /// - Parameters:
    ///   - url: The server.
    ///   - path: Beginning with a slash, with its query, percent-encoded.
    ///   - token: Sent as `Authorization: Bearer`.
    ///   - fields: More fields.
    ///   - subprotocols: Offered to the server, the most wanted first.
    ///   - messageLimit: Bytes that a message may have.
    ///   - timeout: Milliseconds to wait for the connection and for the server's agreement.
    /// - Throws: ``ClientError``; ``ClientError/refused(status:body:)`` if the server said no.
    package init(
        _ url: ClientURL, _ path: String, token: String? = nil, fields: HTTPFields = HTTPFields(),
        subprotocols: [String] = [], messageLimit: Int = 64 * 1_048_576, timeout: Int = 30_000
    ) throws(ClientError) {
        self.timeout = timeout
        connection = try ClientConnection(url, timeout: timeout)
        let request = WebSocketHandshake.Request(
            nonce: SystemRandom.bytes(16), subprotocols: subprotocols, offersDeflate: false)
        var all = fields
        if let token { all.append(.authorization, "Bearer \(token)") }
        var bytes: [UInt8] = []
        request.append(target: url.basePath + path, host: url.authority, fields: all, to: &bytes)
        connection.parser.sent(.get)
        try connection.send(bytes, timeout: timeout)
        let head = try connection.head(until: ClientConnection.deadline(timeout))
        guard head.status == .switchingProtocols else {
            let body = try connection.rest { ClientConnection.deadline(timeout) }
            throw .refused(status: head.status.code, body: String(decoding: body, as: UTF8.self))
        }
        do throws(WebSocketHandshakeError) {
            subprotocol = try request.verify(head).subprotocol
        } catch {
            throw .notUnderstood("\(url) did not agree to a WebSocket: \(error)")
        }
        let seed = SystemRandom.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        machine = .client(messageLimit: messageLimit, allowsCompression: false, maskSeed: seed)
        machine.receive(connection.parser.takeRemaining())
    }

    /// Sends a text message.
    ///
    /// - Throws: ``ClientError``.
    package func send(_ text: String) throws(ClientError) {
        post(text)
        try sendPosted()
    }

    /// Sends a binary message.
    ///
    /// - Throws: ``ClientError``.
    package func send(_ message: [UInt8]) throws(ClientError) {
        post(message)
        try sendPosted()
    }

    // MARK: Without waiting

    /// The system's number for the connection, to wait for what it brings together with other descriptors.
    ///
    /// Call ``receive(timeout:)`` with 0 until it throws ``ClientError/timedOut(_:)`` before waiting again.
    package var number: CInt { connection.number }

    /// Bytes that wait to be sent.
    package var backlog: Int { outgoing.count }

    /// Takes a text message for ``flush()``.
    package func post(_ text: String) { machine.sendText(Array(text.utf8), to: &outgoing) }

    /// Takes a binary message for ``flush()``.
    package func post(_ message: [UInt8]) { machine.sendBinary(message, to: &outgoing) }

    /// Sends as much of what waits as the system takes now.
    ///
    /// - Throws: ``ClientError``.
    package func flush() throws(ClientError) {
        guard !outgoing.isEmpty else { return }
        let count: Int = try connection.trySend(outgoing[...])
        outgoing.removeFirst(count)
    }

    private func sendPosted() throws(ClientError) {
        let bytes: [UInt8] = outgoing
        outgoing = []
        try connection.send(bytes, timeout: timeout)
    }

    // MARK: Receiving

    /// Waits for a message; after the end has come it comes again.
    ///
    /// - Parameter timeout: Milliseconds to wait; negative waits for ever.
    /// - Returns: What came.
    /// - Throws: ``ClientError``; ``ClientError/timedOut(_:)`` leaves the connection as it was.
    package func receive(timeout: Int = -1) throws(ClientError) -> Message {
        if let end { return end }
        let deadline = ClientConnection.deadline(timeout)
        while true {
            var replies: [UInt8] = []
            let event = machine.next(replies: &replies)
            if !replies.isEmpty {
                // Never into the middle of a frame that is on its way.
                outgoing += replies
                try? flush()
            }
            switch event {
            case .text(let text): return .text(String(decoding: text, as: UTF8.self))
            case .binary(let bytes): return .binary(bytes)
            case .close(let code, let reason): return finish(.closed(code, reason: reason))
            case .failure(let failure): return finish(.closed(failure.closeCode, reason: failure.description))
            case .compressedText, .compressedBinary, .ping, .pong: continue
            case nil: break
            }
            guard let bytes = try connection.receive(until: deadline) else {
                return finish(.closed(.abnormal, reason: ""))
            }
            machine.receive(bytes)
        }
    }

    /// Says goodbye; the server's answer comes as a last message.
    package func close(_ code: WebSocketCloseCode = .normal, reason: String = "") {
        machine.close(code, reason: reason, to: &outgoing)
        try? sendPosted()
    }

    private func finish(_ message: Message) -> Message {
        end = message
        connection.shutDown()
        return message
    }
}
