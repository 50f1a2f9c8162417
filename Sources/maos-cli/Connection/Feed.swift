internal import Glibc
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import MAOSTransport

/// One server-sent event.
struct FeedItem: Sendable {
    /// Where to go on after it.
    let sequence: UInt64?
    let data: String
}

/// What a followed stream brings.
enum FeedMessage: Sendable {
    /// The stream is open, for the first time or again.
    case open
    case item(FeedItem)
    /// Items with these sequence numbers are no longer kept.
    case gap(from: Int, to: Int)
    /// The server said that nothing more comes.
    case end
    /// The connection broke; another is tried.
    case lost(String)
    /// The server refuses the stream, or could not be reached again.
    case failed(Failure)
}

/// Follows a stream of server-sent events on a thread of its own, and goes on where it was after a lost connection.
struct Feed: Sendable {
    /// How long a server that has gone may stay away, in milliseconds.
    private static let patience: Int64 = 30_000

    let endpoint: Endpoint
    /// What is attempted, for messages.
    let action: String
    let path: APIPath
    /// Delivers a message; called on the feed's thread.
    let deliver: @Sendable (FeedMessage) -> Void

    /// Starts the thread.
    func start() throws(Failure) {
        do throws(SystemError) {
            _ = try SystemThread(name: "feed") { [self] in follow() }
        } catch {
            throw .refused("cannot start a thread: \(error.reason)")
        }
    }

    private func follow() {
        var last: UInt64?
        var lostAt: Int64?
        while true {
            let error: ClientError
            do throws(ClientError) {
                let isOver: Bool = try followOnce(&last) { lostAt = nil }
                if isOver { return }
                error = .unreachable("\(endpoint.url) closed the connection")
            } catch let thrown {
                error = thrown
            }
            let now: Int64 = SystemClock.monotonicMilliseconds()
            guard let since: Int64 = lostAt ?? (last == nil ? nil : now), now - since < Feed.patience else {
                return deliver(.failed(Server.failure(of: error, endpoint)))
            }
            if lostAt == nil { deliver(.lost(error.description)) }
            lostAt = since
            Pause.milliseconds(250)
        }
    }

    /// Reads one connection to its end; true when there is nothing more to read at all.
    private func followOnce(_ last: inout UInt64?, whenOpen: () -> Void) throws(ClientError) -> Bool {
        let client = HTTPClient(endpoint.url, token: endpoint.token)
        var fields: HTTPFields = [.accept: "text/event-stream"]
        if let last, last > 0 { fields.append(.lastEventID, String(last)) }
        let stream: HTTPClientStream = try client.stream(.get, path.text, fields: fields)
        guard stream.head.isSuccess else {
            let body: [UInt8] = try stream.rest(timeout: 10_000)
            let refusal = Refusal(
                action: action, status: stream.head.status, retryAfter: stream.head.fields[.retryAfter],
                body: try? JSONReader.parse(body, depthLimit: 128))
            deliver(.failed(refusal.failure(endpoint)))
            return true
        }
        whenOpen()
        if last == nil { last = 0 }
        deliver(.open)
        var event: String = "message"
        var data: String?
        var sequence: UInt64?
        while let line: String = try stream.line() {
            guard !line.isEmpty else {
                switch (event, data) {
                case ("end", _):
                    deliver(.end)
                    return true
                case ("gap", let data?):
                    let gap: JSONValue? = try? JSONReader.parse(data, depthLimit: 8)
                    deliver(.gap(from: gap?["from"]?.intValue ?? 0, to: gap?["to"]?.intValue ?? 0))
                case ("message", let data?): deliver(.item(FeedItem(sequence: sequence, data: data)))
                default: break
                }
                if let sequence { last = sequence }
                (event, data, sequence) = ("message", nil, nil)
                continue
            }
            let colon: String.Index = line.firstIndex(of: ":") ?? line.endIndex
            var value: Substring = line[colon...].dropFirst()
            if value.hasPrefix(" ") { value = value.dropFirst() }
            switch line[..<colon] {
            case "id": sequence = UInt64(value)
            case "event": event = String(value)
            case "data": data = data.map { "\($0)\n\(value)" } ?? String(value)
            default: break
            }
        }
        return false
    }
}

/// Waiting without doing anything.
enum Pause {
    /// Waits so many milliseconds.
    static func milliseconds(_ count: Int64) {
        let end: Int64 = SystemClock.monotonicMilliseconds() + count
        while case let left = end - SystemClock.monotonicMilliseconds(), left > 0 {
            var time = timespec(tv_sec: Int(left / 1_000), tv_nsec: Int(left % 1_000 * 1_000_000))
            nanosleep(&time, nil)
        }
    }
}
