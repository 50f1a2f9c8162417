internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// One request after the other, for what comes before and after a measurement.
struct HTTPClient: ~Copyable {
    /// An answer as it came.
    struct Answer {
        var status: Int
        /// Head and body.
        var bytes: [UInt8]
        var headCount: Int

        /// The body as JSON; `null` when it is none.
        var json: JSONValue {
            do throws(JSONError) {
                return try JSONReader.parse(bytes[headCount...], depthLimit: 64)
            } catch {
                return .null
            }
        }

        /// The body as text, for messages.
        var text: String { String(decoding: bytes[headCount...].prefix(500), as: UTF8.self) }
    }

    private let socket: Descriptor

    /// Connects.
    init(to address: SocketAddress) throws {
        let connected: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        try connected.setNonBlocking(false)
        socket = connected
    }

    /// Sends a request and waits for its answer.
    func send(_ request: [UInt8]) throws -> Answer {
        let sent: Transfer = request.withUnsafeBytes { socket.send($0) }
        guard sent == .count(request.count) else { throw BenchError("a request could not be sent: \(sent)") }
        var bytes: [UInt8] = []
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { part.deallocate() }
        while true {
            guard case .count(let count) = socket.receive(into: part), count > 0 else {
                throw BenchError("the connection ended before the answer was complete")
            }
            bytes.append(contentsOf: part[..<count])
            let scanned: ResponseScanner? = bytes.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.flatMap { ResponseScanner($0, count: buffer.count) }
            }
            guard let scanned, bytes.count >= scanned.totalCount else { continue }
            return Answer(status: scanned.status, bytes: bytes, headCount: scanned.headCount)
        }
    }

    /// Sends a request, and insists on a status.
    func send(_ request: [UInt8], expecting status: Int) throws -> Answer {
        let answer: Answer = try send(request)
        guard answer.status == status else {
            throw BenchError("status \(answer.status) where \(status) was expected: \(answer.text)")
        }
        return answer
    }
}

/// Requests as bytes.
struct HTTPRequests: Sendable {
    let host: String
    let token: String

    /// A `GET`.
    func get(_ path: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8)
    }

    /// A `DELETE`.
    func delete(_ path: String) -> [UInt8] {
        Array("DELETE \(path) HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8)
    }

    /// A `POST` of JSON.
    func post(_ path: String, _ body: String) -> [UInt8] {
        let head: String =
            "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer \(token)\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }
}
