package import MAOSCore

/// One event of a `text/event-stream` (HTML standard, server-sent events).
package struct ServerSentEvent: Sendable, Hashable {
    /// What the client repeats as `Last-Event-ID` when it reconnects; empty if none was sent yet.
    package var id: String
    /// The kind of event, `message` unless named.
    package var event: String
    /// The lines of the event, joined by line feeds.
    package var data: String

    /// An event by its parts.
    package init(id: String, event: String = "message", data: String) {
        self.id = id
        self.event = event
        self.data = data
    }
}

/// Writes a `text/event-stream`.
package enum ServerSentEventEncoder {
    /// The value of the `Content-Type` field.
    package static let contentType = "text/event-stream; charset=utf-8"

    /// Writes an event whose data is JSON, as ``JSONWriter`` writes it: one line.
    ///
    /// `event` must have no line end.
    package static func append(id: Int64?, event: String?, data: JSONText, to output: inout [UInt8]) {
        if let id {
            output.append(utf8: "id: ")
            Decimal.append(id, to: &output)
            output.append(HTTPCharacter.lineFeed)
        }
        if let event {
            output.append(utf8: "event: ")
            output.append(utf8: event)
            output.append(HTTPCharacter.lineFeed)
        }
        output.append(utf8: "data: ")
        output.append(contentsOf: data.utf8)
        output.append(HTTPCharacter.lineFeed)
        output.append(HTTPCharacter.lineFeed)
    }

    /// Writes a comment, which keeps an idle connection open and which readers skip.
    package static func appendKeepAlive(to output: inout [UInt8]) {
        output.append(utf8: ": keep-alive\n\n")
    }

    /// Writes how long clients should wait before they reconnect, in milliseconds.
    package static func appendRetry(milliseconds: Int, to output: inout [UInt8]) {
        output.append(utf8: "retry: ")
        Decimal.append(Int64(milliseconds), to: &output)
        output.append(utf8: "\n\n")
    }
}

/// An event of a `text/event-stream` is longer than its reader allows.
package struct ServerSentEventTooLong: Error, Sendable, Hashable {}

/// Reads a `text/event-stream` from pieces that may be cut anywhere.
package struct ServerSentEventParser: Sendable {
    private let limit: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var searched = 0
    private var atStart = true
    private var skipsLineFeed = false
    private var lastID = ""
    private var event = ""
    private var data: [UInt8] = []
    private var hasData = false

    /// What the server last asked for as the time before a reconnection, in milliseconds.
    package private(set) var retryMilliseconds: Int?

    /// A reader of events that may have `limit` bytes each.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if position > 0 {
            buffer.removeFirst(position)
            searched -= position
            position = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole event, `nil` until more bytes arrive.
    ///
    /// - Throws: If an event is longer than the limit.
    package mutating func next() throws(ServerSentEventTooLong) -> ServerSentEvent? {
        while let line = takeLine() {
            guard line.count + data.count <= limit else { throw ServerSentEventTooLong() }
            if line.isEmpty {
                defer {
                    event = ""
                    data = []
                    hasData = false
                }
                guard hasData else { continue }
                return ServerSentEvent(
                    id: lastID, event: event.isEmpty ? "message" : event, data: String(decoding: data, as: UTF8.self))
            }
            take(line)
        }
        guard buffer.count - position + data.count <= limit else { throw ServerSentEventTooLong() }
        return nil
    }

    /// The next line without its end: CR, LF or both.
    private mutating func takeLine() -> ArraySlice<UInt8>? {
        if skipsLineFeed, position < buffer.count {
            if buffer[position] == HTTPCharacter.lineFeed {
                position += 1
            }
            searched = max(searched, position)
            skipsLineFeed = false
        }
        while searched < buffer.count {
            let byte = buffer[searched]
            searched += 1
            guard byte == HTTPCharacter.lineFeed || byte == HTTPCharacter.carriageReturn else { continue }
            var line = buffer[position..<(searched - 1)]
            skipsLineFeed = byte == HTTPCharacter.carriageReturn
            position = searched
            if atStart, line.starts(with: [0xEF, 0xBB, 0xBF]) {
                line = line.dropFirst(3)
            }
            atStart = false
            return line
        }
        return nil
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        let colon = line.firstIndex(of: HTTPCharacter.colon) ?? line.endIndex
        guard colon > line.startIndex else { return }  // a comment
        let name = String(decoding: line[..<colon], as: UTF8.self)
        var value = line[colon...].dropFirst()
        if value.first == HTTPCharacter.space {
            value = value.dropFirst()
        }
        switch name {
        case "data":
            if hasData {
                data.append(HTTPCharacter.lineFeed)
            }
            data.append(contentsOf: value)
            hasData = true
        case "event":
            event = String(decoding: value, as: UTF8.self)
        case "id" where !value.contains(0):
            lastID = String(decoding: value, as: UTF8.self)
        case "retry":
            retryMilliseconds = Decimal.parse(value.span) ?? retryMilliseconds
        default:
            break
        }
    }
}
