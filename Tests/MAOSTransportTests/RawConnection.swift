import Glibc
import MAOSSystem
import MAOSTransport
import Testing

/// A peer that sends exactly what it is told and reads what comes; every wait ends after some seconds.
final class RawConnection {
    private var descriptor: Descriptor?
    private var buffer: [UInt8] = []
    private var start = 0
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    private(set) var isEnded = false
    private static let patience = 10_000

    init(port: UInt16, receiveBuffer: Int? = nil) throws {
        let connected = try Socket.connect(to: SocketAddress(.loopback4, port: port), timeout: RawConnection.patience)
        if let receiveBuffer {
            var size = CInt(receiveBuffer)
            #expect(setsockopt(connected.number, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size)) == 0)
        }
        try connected.setNonBlocking(true)
        descriptor = consume connected
    }

    var localPort: UInt16 {
        get throws {
            var port: UInt16 = 0
            switch descriptor {
            case .some(let open): port = try Socket.localAddress(of: open).port
            case .none: break
            }
            return port
        }
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            guard let count = try trySend(bytes[sent...]) else {
                try wait(writable: true)
                continue
            }
            sent += count
        }
    }

    /// Sends what fits; nil if nothing does now.
    func trySend(_ bytes: ArraySlice<UInt8>) throws -> Int? {
        let outcome: Transfer
        switch descriptor {
        case .some(let open): outcome = bytes.withUnsafeBytes { open.send($0) }
        case .none: throw Failure.closed
        }
        switch outcome {
        case .count(let count): return count
        case .wouldBlock: return nil
        case .failed(let code): throw SystemError(code: code, call: "send")
        }
    }

    enum Failure: Error {
        case closed
        case endedEarly(String)
        case timedOut(String)
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        switch descriptor {
        case .some(let open): Socket.shutDownSending(open)
        case .none: break
        }
    }

    /// Closes with a reset.
    func reset() {
        switch descriptor {
        case .some(let open):
            var value = linger(l_onoff: 1, l_linger: 0)
            #expect(
                setsockopt(open.number, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size)) == 0)
        case .none: break
        }
        descriptor = nil
    }

    func close() {
        descriptor = nil
    }

    /// Reads once; false at the end of the stream.
    func fill() throws -> Bool {
        while !isEnded {
            let outcome: Transfer
            switch descriptor {
            case .some(let open): outcome = chunk.withUnsafeMutableBytes { open.receive(into: $0) }
            case .none: outcome = .count(0)
            }
            if case .count(let count) = outcome { buffer.append(contentsOf: chunk[..<count]) }
            switch outcome {
            case .count(0): isEnded = true
            case .count: return true
            case .wouldBlock: try wait(writable: false)
            case .failed(let code):
                isEnded = true
                guard code == ECONNRESET else { throw SystemError(code: code, call: "recv") }
            }
        }
        return false
    }

    /// Reads until so many bytes are there, and takes them.
    func take(_ count: Int) throws -> [UInt8] {
        while buffer.count - start < count {
            guard try fill() else { throw Failure.endedEarly(pending) }
        }
        defer { drop(count) }
        return Array(buffer[start..<(start + count)])
    }

    /// Reads until the text comes, and takes everything up to its end.
    func take(through text: String) throws -> String {
        let wanted = Array(text.utf8)
        while true {
            if let end = RawConnection.end(of: wanted, in: buffer[start...]) {
                return String(decoding: try take(end - start), as: UTF8.self)
            }
            guard try fill() else { throw Failure.endedEarly(pending) }
        }
    }

    /// Reads to the end of the stream, and takes everything.
    func takeAll() throws -> String {
        while try fill() {}
        defer { drop(buffer.count - start) }
        return String(decoding: buffer[start...], as: UTF8.self)
    }

    private var pending: String { String(decoding: buffer[start...].prefix(1_000), as: UTF8.self) }

    private func drop(_ count: Int) {
        start += count
        guard start == buffer.count || start > 1_000_000 else { return }
        buffer.removeSubrange(..<start)
        start = 0
    }

    /// A response with its body, by `content-length`, chunks or the end of the stream.
    func response(head isHead: Bool = false) throws -> Response {
        let head = try take(through: "\r\n\r\n")
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: true)[...]
        let first = lines.popFirst()
        let statusLine = String(try #require(first))
        let status = try #require(Int(statusLine.split(separator: " ")[1]))
        var fields: [String: String] = [:]
        for line in lines {
            let colon = try #require(line.firstIndex(of: ":"))
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields[line[..<colon].lowercased()] = String(value)
        }
        var body: [UInt8] = []
        if isHead || status < 200 || status == 204 || status == 304 {
            body = []
        } else if fields["transfer-encoding"] == "chunked" {
            while true {
                let size = try take(through: "\r\n").dropLast()
                let count = try #require(Int(size, radix: 16))
                body += try take(count)
                _ = try take(2)
                if count == 0 { break }
            }
        } else if let length = fields["content-length"] {
            let count = try #require(Int(length))
            body = try take(count)
        } else {
            body = Array(try takeAll().utf8)
        }
        return Response(statusLine: statusLine, status: status, fields: fields, body: body)
    }

    struct Response {
        let statusLine: String
        let status: Int
        let fields: [String: String]
        let body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    private func wait(writable: Bool) throws {
        let isReady: Bool
        switch descriptor {
        case .some(let open): isReady = try Socket.wait(for: open, writable: writable, timeout: RawConnection.patience)
        case .none: throw Failure.closed
        }
        guard isReady else { throw Failure.timedOut(pending) }
    }

    private static func end(of wanted: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        var place = bytes.startIndex
        while place + wanted.count <= bytes.endIndex {
            if bytes[place] == wanted[0], bytes[place..<(place + wanted.count)].elementsEqual(wanted) {
                return place + wanted.count
            }
            place += 1
        }
        return nil
    }
}
