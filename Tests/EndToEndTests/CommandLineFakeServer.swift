import MAOSCore
import MAOSSystem

/// A server that answers every request as it is told, and remembers what it was asked.
final class FakeServer: Sendable {
    /// A request as it came.
    struct Request: Sendable {
        var method: String
        var target: String
        /// Names in lower case.
        var fields: [String: String]
        var body: String

        var json: JSONValue? { try? JSONReader.parse(body, depthLimit: 64) }
    }

    /// An answer.
    struct Reply: Sendable {
        var status: Int
        var body: String
        var fields: [String]

        init(_ status: Int, _ body: String, fields: [String] = ["content-type: application/json"]) {
            self.status = status
            self.body = body
            self.fields = fields
        }

        /// The envelope around data.
        static func data(_ value: JSONValue, status: Int = 200) -> Reply {
            Reply(status, JSONText(["success": true, "data": value, "metadata": ["requestId": "r1"]]).description)
        }

        /// The envelope around an error.
        static func error(_ status: Int, _ code: String, _ message: String, details: JSONValue? = nil) -> Reply {
            var error: JSONObject = ["code": .string(code), "message": .string(message)]
            error["details"] = details
            return Reply(
                status,
                JSONText(["success": false, "error": .object(error), "metadata": ["requestId": "r1"]]).description)
        }
    }

    let port: UInt16
    private let seen = Locked<[Request]>([])
    private let stopping = Locked(false)
    private let answer: @Sendable (Request) -> Reply

    init(_ answer: @escaping @Sendable (Request) -> Reply) throws {
        self.answer = answer
        let listener: Descriptor = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        port = try Socket.localAddress(of: listener).port
        let number: CInt = listener.release()
        _ = try SystemThread(name: "fake server") { [self] in
            let listener = Descriptor(owning: number)
            while !stopping.withLock({ $0 }) {
                guard (try? Socket.wait(for: listener, writable: false, timeout: 20)) == true,
                    let accepted = try? Socket.accept(from: listener)
                else { continue }
                serve(accepted.takeDescriptor())
            }
        }
    }

    /// Ends the thread, soon.
    func stop() { stopping.withLock { $0 = true } }

    var url: String { "http://127.0.0.1:\(port)" }

    /// What it was asked so far.
    var requests: [Request] { seen.withLock { $0 } }

    private func serve(_ connection: consuming Descriptor) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let request: Request = FakeServer.parse(bytes) {
                seen.withLock { $0.append(request) }
                let reply: Reply = answer(request)
                var text =
                    "HTTP/1.1 \(reply.status) X\r\nconnection: close\r\ncontent-length: \(reply.body.utf8.count)\r\n"
                text += reply.fields.map { $0 + "\r\n" }.joined() + "\r\n" + reply.body
                try? connection.setNonBlocking(false)
                Array(text.utf8).withUnsafeBytes { try? connection.writeAll($0) }
                return
            }
            guard (try? Socket.wait(for: connection, writable: false, timeout: 5_000)) == true,
                case .count(let count) = chunk.withUnsafeMutableBytes({ connection.receive(into: $0) }), count > 0
            else { return }
            bytes += chunk[..<count]
        }
    }

    private static func parse(_ bytes: [UInt8]) -> Request? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end: Range<String.Index> = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines: [Substring] = text[..<end.lowerBound].split(separator: "\r\n")
        let words: [Substring] = lines.first?.split(separator: " ") ?? []
        guard words.count == 3 else { return nil }
        var fields: [String: String] = [:]
        for line: Substring in lines.dropFirst() {
            guard let colon: Substring.Index = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let body: Substring = text[end.upperBound...]
        guard body.utf8.count >= fields["content-length"].flatMap({ Int($0) }) ?? 0 else { return nil }
        return Request(method: String(words[0]), target: String(words[1]), fields: fields, body: String(body))
    }
}
