import Foundation
import MAOSProtocols
import MAOSSystem
import MAOSTransport
import Testing

/// A server on a free port of loopback, with a handler of the test's own; gone when the test ends.
final class TestServer {
    let server: TransportServer
    let listener: Listener
    let port: UInt16

    init(
        _ settings: HTTPSettings = HTTPSettings(), loops: Int = 2, connections: Int = 1_000,
        filter: AddressFilter = AddressFilter(), makeHandler: @escaping HTTPHandlerMaker = { _ in TestHandler() }
    ) throws {
        server = try TransportServer(loops: loops, connections: connections)
        listener = try server.listen(
            on: .numeric(SocketAddress(.loopback4, port: 0)), settings: settings, filter: filter,
            makeHandler: makeHandler)
        listener.start()
        port = listener.address.port
    }

    deinit {
        server.stopAndJoin()
    }

    func connect(receiveBuffer: Int? = nil) throws -> RawConnection {
        try RawConnection(port: port, receiveBuffer: receiveBuffer)
    }

    var url: ClientURL {
        get throws { try #require(ClientURL("http://127.0.0.1:\(port)")) }
    }
}

/// Waits until a condition holds; fails the test when it does not after some seconds.
func eventually(_ comment: Comment, _ condition: () throws -> Bool) async throws {
    let end = SystemClock.monotonicMilliseconds() + 10_000
    while try !condition() {
        guard SystemClock.monotonicMilliseconds() < end else {
            Issue.record(comment)
            return
        }
        await Task.yield()
    }
}

/// What a test wants to see of the inside of a server.
final class Log: Sendable {
    private let lines = Locked<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// Answers that tests need: echo, delays, streams.
final class TestHandler: HTTPHandler {
    private let log: Log?
    private var later: [String: HTTPResponder] = [:]

    init(log: Log? = nil) {
        self.log = log
    }

    func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
        let target = request.targetText
        switch target {
        case "/":
            responder.respond(.ok, contentType: "text/plain", body: Array("OK".utf8))
        case "/echo":
            responder.respond(.ok, contentType: "text/plain", body: body)
        case "/empty":
            responder.respond(.noContent)
        case "/close":
            responder.closeAfterwards()
            responder.respond(.ok, contentType: "text/plain", body: Array("bye".utf8))
        case "/stream":
            TickStream(responder, count: 3, pieceSize: 5).begin()
        case "/flood":
            TickStream(responder, count: .max, pieceSize: 10_000, log: log).begin()
        case "/quiet":
            QuietStream(responder, log: log).begin()
        case _ where target.hasPrefix("/size/"):
            let count = Int(target.dropFirst(6)) ?? 0
            responder.respond(.ok, contentType: "text/plain", body: [UInt8](repeating: 0x78, count: count))
        case _ where target.hasPrefix("/hold/"):
            later[String(target.dropFirst(6))] = responder
        case _ where target.hasPrefix("/release/"):
            let name = String(target.dropFirst(9))
            later.removeValue(forKey: name)?.respond(.ok, contentType: "text/plain", body: Array(name.utf8))
            responder.respond(.ok, contentType: "text/plain", body: Array("released".utf8))
        default:
            responder.respond(.notFound, contentType: "text/plain", body: Array("nothing at \(target)".utf8))
        }
    }
}

/// Writes numbered pieces as fast as they are taken.
final class TickStream: HTTPStreamOwner {
    private let responder: HTTPResponder
    private let count: Int
    private let pieceSize: Int
    private let log: Log?
    private var written = 0

    init(_ responder: HTTPResponder, count: Int, pieceSize: Int, log: Log? = nil) {
        self.responder = responder
        self.count = count
        self.pieceSize = pieceSize
        self.log = log
    }

    func begin() {
        guard responder.beginStream(.ok, fields: [.contentType: "text/plain"], owner: self) else { return }
        go()
    }

    private func go() {
        while written < count {
            written += 1
            var piece = Array("\(written)".utf8)
            while piece.count < pieceSize - 1 { piece.append(0x20) }
            piece.append(0x0A)
            switch responder.write(piece[...]) {
            case .open: continue
            case .full:
                log?.add("full")
                return
            case .closed: return
            }
        }
        responder.finishStream()
    }

    func streamDrained(_ responder: HTTPResponder) {
        log?.add("drained")
        go()
    }

    func streamClosed(_ responder: HTTPResponder) {
        log?.add("closed")
    }
}

/// Begins a stream and says nothing more.
final class QuietStream: HTTPStreamOwner {
    private let responder: HTTPResponder
    private let log: Log?

    init(_ responder: HTTPResponder, log: Log?) {
        self.responder = responder
        self.log = log
    }

    func begin() {
        guard responder.beginStream(.ok, fields: [.contentType: "text/event-stream"], owner: self) else { return }
        responder.write(Array("data: hello\n\n".utf8)[...])
    }

    func streamDrained(_ responder: HTTPResponder) {}

    func streamClosed(_ responder: HTTPResponder) {
        log?.add("closed")
    }

    func streamShouldEnd(_ responder: HTTPResponder) {
        responder.write(Array("event: end\n\n".utf8)[...])
        responder.finishStream()
    }
}

extension TestServer {
    /// Sockets of accepted connections that this process still holds, by the kernel's own list.
    func heldSocketCount() throws -> Int {
        let table = try String(contentsOfFile: "/proc/self/net/tcp", encoding: .utf8)
        let local = "0100007F:" + String(format: "%04X", Int(port))
        return table.split(separator: "\n").count { line in
            let columns = line.split(separator: " ")
            // 0A listens; what has no inode belongs to no process any more.
            return columns.count > 9 && columns[1] == local && columns[3] != "0A" && columns[9] != "0"
        }
    }
}
