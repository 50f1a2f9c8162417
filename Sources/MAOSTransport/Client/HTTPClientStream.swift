internal import MAOSProtocols

/// An answer that is read as it comes, such as server-sent events.
package final class HTTPClientStream {
    /// Status and fields.
    package let head: ClientResponse

    private let connection: ClientConnection
    private var pending: [UInt8] = []
    private var start = 0
    private var isEnded = false

    init(_ connection: ClientConnection, _ head: ClientResponse) {
        self.connection = connection
        self.head = head
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
                if start == pending.count { dropPending() }
                return text
            }
            if start > 65_536 {
                pending.removeSubrange(..<start)
                start = 0
            }
            searched = pending.count
            guard try receive(until: deadline) else {
                guard start < pending.count else { return nil }
                defer { dropPending() }
                return String(decoding: pending[start...], as: UTF8.self)
            }
        }
    }

    /// The next bytes of the body in whatever size they come; nil at the end.
    ///
    /// - Parameter timeout: Milliseconds to wait; negative waits for ever.
    /// - Returns: The bytes.
    /// - Throws: ``ClientError``.
    package func piece(timeout: Int = -1) throws(ClientError) -> [UInt8]? {
        if start == pending.count, try !receive(until: ClientConnection.deadline(timeout)) { return nil }
        defer { dropPending() }
        return Array(pending[start...])
    }

    /// Everything that is left.
    ///
    /// - Parameter timeout: Milliseconds to wait for the end; negative waits for ever.
    /// - Returns: The bytes.
    /// - Throws: ``ClientError``.
    package func rest(timeout: Int = -1) throws(ClientError) -> [UInt8] {
        let deadline = ClientConnection.deadline(timeout)
        while try receive(until: deadline) {}
        defer { dropPending() }
        return Array(pending[start...])
    }

    /// Ends the connection.
    package func close() {
        connection.shutDown()
        isEnded = true
    }

    private func dropPending() {
        pending.removeAll(keepingCapacity: true)
        start = 0
    }

    /// Waits for more of the body; false at its end.
    private func receive(until deadline: Int64) throws(ClientError) -> Bool {
        while !isEnded {
            switch try connection.event(until: deadline) {
            case .head: continue
            case .body(let piece):
                pending.append(contentsOf: piece)
                return true
            case .end, nil: isEnded = true
            }
        }
        return false
    }
}
