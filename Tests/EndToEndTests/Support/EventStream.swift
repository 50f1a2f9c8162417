import MAOSCore
import MAOSProtocols
import MAOSTransport

/// One of a stream's server-sent events.
struct StreamEvent: Equatable {
    var id: Int?
    var name: String = "message"
    var data: JSONValue
}

/// Reads a stream of server-sent events as it comes.
struct EventStream {
    private let stream: HTTPClientStream
    private let limit: Int

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - client: Who asks.
    ///   - path: What is asked for.
    ///   - last: The last event that it has, from when it was connected before.
    ///   - seconds: How long to wait for an event; comments do not count.
    /// - Throws: ``HarnessError`` when the answer is no stream.
    init(_ client: APIClient, _ path: String, after last: Int? = nil, seconds: Int = 30) throws {
        var fields: HTTPFields = [.accept: "text/event-stream"]
        if let last { fields.append(.lastEventID, "\(last)") }
        stream = try client.client.stream(.get, path, fields: fields)
        limit = seconds
        guard stream.head.status == 200 else { throw HarnessError("\(path) answered \(stream.head.status)") }
    }

    /// The next event; nil at the end of the stream.
    mutating func next() throws -> StreamEvent? {
        let end = ContinuousClock.now + .seconds(limit)
        var (number, name, data): (Int?, String, String) = (nil, "message", "")
        while let line = try stream.line(timeout: limit * 1_000) {
            if line.isEmpty, !data.isEmpty {
                return StreamEvent(id: number, name: name, data: try JSONReader.parse(Array(data.utf8), depthLimit: 64))
            } else if line.isEmpty {
                (number, name) = (nil, "message")
            } else if line.hasPrefix("id: ") {
                number = Int(line.dropFirst(4))
            } else if line.hasPrefix("event: ") {
                name = String(line.dropFirst(7))
            } else if line.hasPrefix("data: ") {
                data += line.dropFirst(6)
            }
            guard ContinuousClock.now < end else { throw HarnessError("no event within \(limit) s") }
        }
        return nil
    }

    /// Goes away.
    func close() { stream.close() }
}
