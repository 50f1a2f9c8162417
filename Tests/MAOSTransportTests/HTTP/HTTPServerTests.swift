import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

func get(_ target: String, _ fields: String = "") -> String {
    "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
}

@Suite("The HTTP/1.1 server")
struct HTTPServerTests {
    @Test("a connection answers one request after the other")
    func keepAlive() throws {
        let server = try TestServer()
        let peer = try server.connect()
        for _ in 0..<50 {
            try peer.send(get("/"))
            let response = try peer.response()
            #expect(response.statusLine == "HTTP/1.1 200 OK")
            #expect(response.text == "OK")
            #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
            #expect(response.fields["connection"] == nil)
        }
    }

    @Test("the connection ends after the answer when the client says so, and with HTTP/1.0 unless it asks")
    func closing() throws {
        let server = try TestServer()
        for request in [get("/", "Connection: close\r\n"), "GET / HTTP/1.0\r\n\r\n"] {
            let peer = try server.connect()
            try peer.send(request)
            let response = try peer.response()
            #expect(response.text == "OK")
            #expect(response.fields["connection"] == "close")
            #expect(try peer.takeAll() == "")
        }
        let peer = try server.connect()
        for _ in 0..<2 {
            try peer.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let response = try peer.response()
            #expect(response.fields["connection"] == "keep-alive")
        }
    }

    @Test("requests sent at once are answered in their order")
    func pipelining() throws {
        let server = try TestServer()
        let peer = try server.connect()
        let targets = (0..<200).map { "/size/\($0)" }
        try peer.send(targets.map { get($0) }.joined())
        for index in targets.indices { #expect(try peer.response().body.count == index) }
    }

    @Test("an answer that comes early waits for those before it")
    func outOfOrder() throws {
        let server = try TestServer(loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a") + get("/hold/b") + get("/size/3") + get("/release/b") + get("/release/a"))
        #expect(try peer.response().text == "a")
        #expect(try peer.response().text == "b")
        #expect(try peer.response().text == "xxx")
        #expect(try peer.response().text == "released")
        #expect(try peer.response().text == "released")
    }

    @Test("a stream keeps its place among other answers")
    func streamInOrder() throws {
        let server = try TestServer(loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a") + get("/stream") + get("/") + get("/release/a"))
        #expect(try peer.response().text == "a")
        #expect(try peer.response().text == "1   \n2   \n3   \n")
        #expect(try peer.response().text == "OK")
        #expect(try peer.response().text == "released")
    }

    @Test("no more requests are read than may be under way, and none is lost")
    func pipelineLimit() throws {
        let server = try TestServer(HTTPSettings(pipelineLimit: 4), loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a") + (0..<20).map { get("/size/\($0)") }.joined())
        let other = try server.connect()
        try other.send(get("/release/a"))
        #expect(try other.response().text == "released")
        #expect(try peer.response().text == "a")
        for index in 0..<20 { #expect(try peer.response().body.count == index) }
    }

    @Test("a request cut anywhere is the same request")
    func everyCut() throws {
        let server = try TestServer()
        let request = Array("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".utf8)
        let peer = try server.connect()
        try everySplit(of: request) { pieces in
            for piece in pieces { try peer.send(Array(piece)) }
            #expect(try peer.response().text == "hello")
        }
    }

    @Test("bodies come whole, by length and in chunks", arguments: [0, 1, 1_000, 65_536, 3_000_000])
    func bodies(count: Int) throws {
        let server = try TestServer()
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let peer = try server.connect()
        try peer.send(Array("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n".utf8) + body)
        #expect(try peer.response().body == body)
        try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(7_001)
            try peer.send(Array("\(String(piece.count, radix: 16));x=1\r\n".utf8) + piece + [0x0D, 0x0A])
            rest = rest.dropFirst(7_001)
        }
        try peer.send("0\r\nX-Trailer: 1\r\n\r\n")
        #expect(try peer.response().body == body)
    }

    @Test("a client that waits for 100 Continue gets it before it sends the body")
    func expectContinue() throws {
        let server = try TestServer()
        let peer = try server.connect()
        try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        #expect(try peer.take(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        try peer.send("hi")
        #expect(try peer.response().text == "hi")
    }

    @Test("a body that is too large is refused before it is sent, and no 100 Continue invites it")
    func expectTooLarge() throws {
        let server = try TestServer(HTTPSettings(bodyLimit: 100))
        let peer = try server.connect()
        try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n")
        #expect(try peer.response().status == 413)
        #expect(try peer.takeAll() == "")
    }

    @Test("HEAD has the head of GET and no body")
    func head() throws {
        let server = try TestServer()
        let peer = try server.connect()
        try peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"))
        let first = try peer.response(head: true)
        #expect(first.fields["content-length"] == "2")
        #expect(try peer.response(head: true).status == 200)
        #expect(try peer.response().text == "OK")
    }

    @Test("an answer without a body says nothing of its length")
    func noContent() throws {
        let server = try TestServer()
        let peer = try server.connect()
        try peer.send(get("/empty") + get("/"))
        let response = try peer.response()
        #expect(response.status == 204)
        #expect(response.fields["content-length"] == nil)
        #expect(try peer.response().text == "OK")
    }

    @Test(
        "what is no request is answered with its status, then the connection ends",
        arguments: [
            ("nonsense\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: a\n\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracle\r\n\r\n", 417),
            ("\u{16}\u{03}\u{01}\u{02}\u{00}", 400),
        ])
    func badRequests(request: String, status: Int) throws {
        let server = try TestServer()
        let peer = try server.connect()
        try peer.send(get("/size/1") + request + get("/"))
        #expect(try peer.response().text == "x")
        let response = try peer.response()
        #expect(response.status == status)
        #expect(response.fields["connection"] == "close")
        #expect(try peer.takeAll() == "")
    }

    @Test("a client that goes on sending after a refusal still reads it")
    func refusalArrives() throws {
        let server = try TestServer(HTTPSettings(bodyLimit: 1_000))
        let peer = try server.connect()
        try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n")
        let piece = [UInt8](repeating: 0x61, count: 10_000)
        for _ in 0..<20 { _ = try? peer.trySend(piece[...]) }
        let response = try peer.response()
        #expect(response.status == 413)
        #expect(response.text.contains("1000"))
    }

    @Test("who streams is told when the reader is gone", arguments: [true, false])
    func streamClosed(abruptly: Bool) async throws {
        let log = Log()
        let server = try TestServer { _ in TestHandler(log: log) }
        let peer = try server.connect()
        try peer.send(get("/quiet"))
        _ = try peer.take(through: "data: hello\n\n")
        if abruptly { peer.reset() } else { peer.close() }
        try await eventually("the stream's owner never hears of the end") { log.all == ["closed"] }
    }

    @Test("a handler can ask for the end of the connection")
    func closeAfterwards() throws {
        let server = try TestServer()
        let peer = try server.connect()
        try peer.send(get("/close") + get("/"))
        let response = try peer.response()
        #expect(response.text == "bye")
        #expect(response.fields["connection"] == "close")
        #expect(try peer.takeAll() == "")
    }

    @Test("draining closes idle connections, answers what was asked, and ends streams in order")
    func draining() async throws {
        let log = Log()
        let server = try TestServer(loops: 1) { _ in TestHandler(log: log) }
        let idle = try server.connect()
        try idle.send(get("/"))
        _ = try idle.response()
        let asking = try server.connect()
        try asking.send(get("/hold/a"))
        let releasing = try server.connect()
        try releasing.send(get("/hold/b"))
        let streaming = try server.connect()
        try streaming.send(get("/quiet"))
        _ = try streaming.take(through: "data: hello\n\n")
        try settle(idle)
        server.server.drain { log.add("drained") }
        #expect(try idle.takeAll() == "")
        #expect(try streaming.take(through: "0\r\n\r\n").contains("event: end"))
        #expect(throws: (any Error).self) { try server.connect().response() }
        #expect(!log.all.contains("drained"))
        _ = asking
        releasing.close()
        asking.close()
        server.server.stopAndJoin()
    }

    @Test("strangers are not let in, nor more than there is room for")
    func admission() throws {
        let deny = try #require(AddressRange("127.0.0.0/8"))
        let closed = try TestServer(filter: AddressFilter(deny: [deny]))
        #expect(try closed.connect().takeAll() == "")
        let small = try TestServer(connections: 2)
        let first = try small.connect()
        let second = try small.connect()
        for peer in [first, second] {
            try peer.send(get("/"))
            #expect(try peer.response().text == "OK")
        }
        #expect(try small.connect().takeAll() == "")
        first.close()
        try second.send(get("/", "Connection: close\r\n"))
        _ = try second.takeAll()
        let third = try retry { () -> RawConnection? in
            let peer = try small.connect()
            try? peer.send(get("/"))
            return (try? peer.response()) == nil ? nil : peer
        }
        #expect(third != nil)
    }

    private func retry<Value>(_ body: () throws -> Value?) throws -> Value? {
        for _ in 0..<200 {
            if let value = try body() { return value }
            Socket.pause(milliseconds: 5)
        }
        return nil
    }

    @Test("thousands of connections that end badly leave no descriptor behind")
    func abruptEnds() async throws {
        let server = try TestServer(HTTPSettings(), loops: 2, connections: 500)
        for round in 0..<10 {
            var peers: [RawConnection] = []
            for index in 0..<100 {
                let peer = try server.connect()
                switch (index + round) % 5 {
                case 0: break
                case 1: try peer.send("GET / HT")
                case 2: try peer.send(get("/"))
                case 3: try peer.send(get("/size/1000000"))
                default: try peer.send(get("/quiet"))
                }
                peers.append(peer)
            }
            for (index, peer) in peers.enumerated() {
                if index.isMultiple(of: 2) { peer.reset() } else { peer.close() }
            }
        }
        try await eventually("connections are left over") { server.server.limit.count == 0 }
        try await eventually("load is left over") { server.server.group.loops.allSatisfy { $0.currentLoad == 0 } }
        try await eventually("descriptors are left over") { try server.heldSocketCount() == 0 }
    }

    @Test("no damage to requests stops the server or keeps a connection for ever")
    func damaged() throws {
        let server = try TestServer(HTTPSettings(headTimeout: 200, bodyGrace: 200, lingerTimeout: 200))
        let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        let sized = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
        let original = Array((get("/") + chunked + get("/stream") + sized).utf8)
        for bytes in Mutations(of: original, count: 300) {
            let peer = try server.connect()
            try? peer.send(bytes)
            peer.finishSending()
            #expect(try peer.takeAll().utf8.count < 10_000)
        }
        let peer = try server.connect()
        try peer.send(get("/"))
        #expect(try peer.response().text == "OK")
    }

    @Test("a process that is out of descriptors goes on where it was once there are some")
    func outOfDescriptors() async {
        await #expect(processExitsWith: .success) {
            func ask(_ peer: RawConnection) throws {
                try peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                guard try peer.response().text == "OK" else { throw RawConnection.Failure.closed }
            }
            let server = try TestServer(loops: 1)
            let first = try server.connect()
            try ask(first)
            try limitDescriptors(above: 12)
            var crowd: [RawConnection] = []
            while let peer = try? server.connect() { crowd.append(peer) }
            guard crowd.count > 3 else { throw RawConnection.Failure.closed }
            // The server cannot take all of them in, but serves whom it has.
            try ask(first)
            crowd = []
            try ask(try server.connect())
        }
    }

    @Test("localhost is both loopback addresses with one port (X-11)")
    func localhost() throws {
        let server = try TransportServer(loops: 1)
        defer { server.stopAndJoin() }
        let listener = try server.listen(on: .localhost(port: 0)) { _ in TestHandler() }
        listener.start()
        let port = listener.address.port
        #expect(listener.address.description == "localhost:\(port)")
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let url = try #require(ClientURL("http://\(host):\(port)"))
            #expect(try HTTPClient(url).send(.get, "/").text == "OK")
        }
        do throws(SystemError) {
            _ = try server.listen(on: .localhost(port: port)) { _ in TestHandler() }
            Issue.record("two listeners share a port")
        } catch {
            #expect(error.isAddressInUse)
        }
    }
}
