/// An answer that is read line by line as it comes, such as server-sent events.
package final class HTTPClientStream {
    /// Status and fields.
    package let head: ClientResponse

    private let connection: ClientConnection
    private let framing: HTTPClient.Framing
    private var pending: [UInt8] = []
    private var start = 0
    private var remaining: Int
    private var isEnded = false

    init(connection: ClientConnection, head: ClientResponse, framing: HTTPClient.Framing) {
        self.connection = connection
        self.head = head
        self.framing = framing
        switch framing {
        case .none:
            isEnded = true
            remaining = 0
        case .length(let count): remaining = count
        case .chunked, .untilClose: remaining = .max
        }
    }

    /// The next line without its end; nil after the last.
    ///
    /// A last line without an end counts.
    ///
    /// - Parameter timeout: Milliseconds to wait for it; negative waits for ever.
    /// - Returns: The line.
    /// - Throws: ``ClientError``.
    package func line(timeout: Int = -1) throws(ClientError) -> String? {
        let deadline = ClientConnection.deadline(timeout)
        var searched = start
        while true {
            if let end = pending[searched...].firstIndex(of: 0x0A) {
                var line = pending[start..<end]
                if line.last == 0x0D { line = line.dropLast() }
                let text = String(decoding: line, as: UTF8.self)
                start = end + 1
                if start == pending.count {
                    pending.removeAll(keepingCapacity: true)
                    start = 0
                }
                return text
            }
            searched = pending.count
            guard let piece = try nextPiece(until: deadline) else {
                guard start < pending.count else { return nil }
                let text = String(decoding: pending[start...], as: UTF8.self)
                pending = []
                start = 0
                return text
            }
            pending.append(contentsOf: piece)
        }
    }

    /// Everything that is left.
    ///
    /// - Parameter timeout: Milliseconds to wait for the end; negative waits for ever.
    /// - Returns: The bytes.
    /// - Throws: ``ClientError``.
    package func rest(timeout: Int = -1) throws(ClientError) -> [UInt8] {
        let deadline = ClientConnection.deadline(timeout)
        while let piece = try nextPiece(until: deadline) { pending.append(contentsOf: piece) }
        defer {
            pending = []
            start = 0
        }
        return Array(pending[start...])
    }

    /// Ends the connection.
    package func close() {
        connection.shutDown()
        isEnded = true
    }

    /// The next bytes of the body in whatever size they come; nil at the end.
    ///
    /// - Parameter timeout: Milliseconds to wait; negative waits for ever.
    /// - Returns: The bytes.
    /// - Throws: ``ClientError``.
    package func piece(timeout: Int = -1) throws(ClientError) -> [UInt8]? {
        if start < pending.count {
            defer {
                pending = []
                start = 0
            }
            return Array(pending[start...])
        }
        return try nextPiece(until: ClientConnection.deadline(timeout))
    }

    private func nextPiece(until deadline: Int64) throws(ClientError) -> [UInt8]? {
        guard !isEnded else { return nil }
        if case .chunked = framing {
            guard let chunk = try HTTPClient.chunk(from: connection, until: { deadline }) else {
                isEnded = true
                return nil
            }
            return chunk
        }
        if connection.available.isEmpty, remaining > 0, try !connection.fill(until: deadline) {
            isEnded = true
            guard case .length = framing else { return nil }
            throw .unreachable("\(connection.url) closed the connection in the middle of an answer")
        }
        let piece = Array(connection.available.prefix(remaining))
        connection.consume(piece.count)
        if remaining != .max { remaining -= piece.count }
        guard !piece.isEmpty else {
            isEnded = true
            return nil
        }
        return piece
    }
}
