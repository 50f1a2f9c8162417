import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

/// Peers that send too much, too slowly or not at all, and peers that do not read.
extension HTTPServerTests {
    @Test("limits on the head are kept: too long a line 414, too many bytes or fields 431")
    func headLimits() throws {
        let server = try TestServer(HTTPSettings(headLimit: 2_000, fieldLimit: 10))
        let long = String(repeating: "a", count: 2_100)
        let many = (0..<11).map { "X-\($0): y\r\n" }.joined()
        for (request, status) in [
            (get("/\(long)"), 414), (get("/", "X: \(long)\r\n"), 431), (get("/", many), 431), ("GET /\(long)", 414),
        ] {
            let peer = try server.connect()
            try peer.send(request)
            #expect(try peer.response().status == status)
            #expect(try peer.takeAll() == "")
        }
    }

    @Test("an unfinished head is answered 408 when its time is over, however slowly it comes")
    func slowHead() throws {
        let server = try TestServer(HTTPSettings(headTimeout: 150))
        let peer = try server.connect()
        try peer.send(get("/"))
        #expect(try peer.response().text == "OK")
        let begin = SystemClock.monotonicMilliseconds()
        for byte in "GET / HTTP/1.1\r\nHost: a\r\nX: y".utf8 {
            guard (try? peer.send([byte])) != nil else { break }
            Socket.pause(milliseconds: 10)
            if SystemClock.monotonicMilliseconds() - begin > 400 { break }
        }
        #expect(try peer.response().status == 408)
        #expect(try peer.takeAll() == "")
        #expect(SystemClock.monotonicMilliseconds() - begin >= 140)
    }

    @Test("a connection that never says anything is closed without a word")
    func silence() throws {
        let server = try TestServer(HTTPSettings(headTimeout: 50))
        let peer = try server.connect()
        #expect(try peer.takeAll() == "")
    }

    @Test("an idle connection is closed when its time is over, and its time begins anew with each request")
    func idle() throws {
        let server = try TestServer(HTTPSettings(idleTimeout: 120))
        let peer = try server.connect()
        let begin = SystemClock.monotonicMilliseconds()
        for _ in 0..<5 {
            try peer.send(get("/"))
            #expect(try peer.response().text == "OK")
            Socket.pause(milliseconds: 40)
        }
        #expect(try peer.takeAll() == "")
        #expect(SystemClock.monotonicMilliseconds() - begin >= 280)
    }

    @Test("a body that stops coming is answered 408")
    func slowBody() throws {
        let server = try TestServer(HTTPSettings(bodyGrace: 50, minimumBodyRate: 1_000))
        let peer = try server.connect()
        try peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
        #expect(try peer.response().status == 408)
        #expect(try peer.takeAll() == "")
    }

    @Test("requests that are not read because of those before them are not late")
    func waitingIsNotSlow() throws {
        let server = try TestServer(HTTPSettings(headTimeout: 40, idleTimeout: 40, pipelineLimit: 1), loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a") + get("/size/1") + get("/size/2"))
        Socket.pause(milliseconds: 150)
        let other = try server.connect()
        try other.send(get("/release/a"))
        #expect(try other.response().text == "released")
        #expect(try peer.response().text == "a")
        #expect(try peer.response().body.count == 1)
        #expect(try peer.response().body.count == 2)
    }

    @Test("a request that waits for its answer is not idle")
    func waitingIsNotIdle() throws {
        let server = try TestServer(HTTPSettings(headTimeout: 40, idleTimeout: 40), loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a"))
        Socket.pause(milliseconds: 150)
        let other = try server.connect()
        try other.send(get("/release/a"))
        #expect(try other.response().text == "released")
        #expect(try peer.response().text == "a")
    }

    @Test("a client that sends no more still gets every answer")
    func halfClose() throws {
        let server = try TestServer(loops: 1)
        let peer = try server.connect()
        try peer.send(get("/hold/a") + get("/size/100000"))
        peer.finishSending()
        let other = try server.connect()
        try settle(other)
        try other.send(get("/release/a"))
        #expect(try other.response().text == "released")
        #expect(try peer.response().text == "a")
        #expect(try peer.response().body.count == 100_000)
        #expect(try peer.takeAll() == "")
    }

    func settle(_ other: RawConnection) throws {
        // One answered request means that the loop has seen what came before.
        try other.send(get("/"))
        _ = try other.response()
    }

    @Test("an answer larger than every buffer arrives whole")
    func largeAnswer() throws {
        let server = try TestServer()
        let peer = try server.connect(receiveBuffer: 65_536)
        try peer.send(get("/size/5000000") + get("/"))
        #expect(try peer.response().body.count == 5_000_000)
        #expect(try peer.response().text == "OK")
    }

    @Test("a client that reads nothing gets no more answers made, and loses none")
    func slowReader() throws {
        let server = try TestServer(HTTPSettings(outputBudget: 100_000))
        let peer = try server.connect(receiveBuffer: 65_536)
        let count = 100
        let requests = Array((0..<count).map { _ in get("/size/50000") }.joined().utf8)
        try peer.send(requests)
        for _ in 0..<count { #expect(try peer.response().body.count == 50_000) }
    }

    @Test("a client that takes nothing for too long is cut off")
    func stalled() throws {
        let server = try TestServer(HTTPSettings(stallTimeout: 100))
        let peer = try server.connect(receiveBuffer: 65_536)
        try peer.send(get("/size/20000000"))
        Socket.pause(milliseconds: 400)
        let text = try peer.takeAll()
        #expect(text.utf8.count < 20_000_000)
    }

    @Test("a stream waits for a slow reader instead of growing")
    func streamBackPressure() async throws {
        let log = Log()
        let server = try TestServer(HTTPSettings(streamBudget: 100_000)) { _ in TestHandler(log: log) }
        let peer = try server.connect(receiveBuffer: 65_536)
        try peer.send(get("/flood"))
        try await eventually("the stream is never full") { log.all.contains("full") }
        while !log.all.contains("drained") { #expect(try peer.fill()) }
        peer.close()
        try await eventually("the stream's owner never hears of the end") { log.all.last == "closed" }
    }
}
