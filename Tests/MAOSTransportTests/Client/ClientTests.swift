import MAOSProtocols
import MAOSSystem
import MAOSTransport
import Testing

@Suite("The blocking client")
struct ClientTests {
    @Test("requests share one connection, and a connection that the server closed is replaced")
    func keepAlive() throws {
        let server = try TestServer(HTTPSettings(idleTimeout: 60))
        let client = HTTPClient(try server.url)
        for _ in 0..<10 { #expect(try client.send(.get, "/").text == "OK") }
        #expect(server.server.limit.count == 1)
        Socket.pause(milliseconds: 200)
        #expect(try client.send(.get, "/").text == "OK")
    }

    @Test("bodies go and come, and a refusal is an answer")
    func bodies() throws {
        let server = try TestServer()
        let client = HTTPClient(try server.url, token: "secret")
        let body = [UInt8](repeating: 0x7A, count: 1_000_000)
        #expect(try client.send(.post, "/echo", body: body).body == body)
        #expect(try client.send(.get, "/stream").text == "1   \n2   \n3   \n")
        let missing = try client.send(.get, "/nothing")
        #expect(missing.status == 404)
        #expect(!missing.isSuccess)
        #expect(missing.text == "nothing at /nothing")
        #expect(try client.send(.head, "/").body.isEmpty)
        #expect(try client.send(.get, "/close").text == "bye")
        #expect(try client.send(.get, "/").text == "OK")
    }

    @Test("a stream is read line by line while it comes")
    func streaming() throws {
        let server = try TestServer()
        let client = HTTPClient(try server.url)
        let finite = try client.stream(.get, "/stream")
        #expect(finite.head.status == 200)
        #expect(try finite.line(timeout: 10_000) == "1   ")
        #expect(try finite.line(timeout: 10_000) == "2   ")
        #expect(try finite.line(timeout: 10_000) == "3   ")
        #expect(try finite.line(timeout: 10_000) == nil)
        let quiet = try client.stream(.get, "/quiet")
        #expect(try quiet.line(timeout: 10_000) == "data: hello")
        #expect(try quiet.line(timeout: 10_000) == "")
        #expect(throws: ClientError.self) { try quiet.line(timeout: 30) }
        quiet.close()
        #expect(try quiet.line() == nil)
    }

    @Test("nobody there, no answer, and a broken answer are told apart")
    func errors() throws {
        let listener = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let port = try Socket.localAddress(of: listener).port
        let url = try #require(ClientURL("http://127.0.0.1:\(port)"))
        #expect(throws: ClientError.timedOut("\(url) did not answer in time")) {
            try HTTPClient(url, timeout: 50).send(.get, "/")
        }
        _ = consume listener
        do throws(ClientError) {
            _ = try HTTPClient(url).send(.get, "/")
            Issue.record("somebody answered")
        } catch {
            #expect(error == .unreachable("cannot reach \(url): Connection refused"))
        }
        let nowhere = try #require(ClientURL("http://no-such-host.invalid"))
        do throws(ClientError) {
            _ = try HTTPClient(nowhere).send(.get, "/")
            Issue.record("somebody answered")
        } catch {
            guard case .unreachable = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test("a server that refuses a WebSocket says why")
    func refusedWebSocket() throws {
        let server = try TestServer()
        do throws(ClientError) {
            _ = try WebSocketClient(try url(server), "/nothing")
            Issue.record("it was accepted")
        } catch {
            #expect(error == .refused(status: 404, body: "nothing at /nothing"))
        }
    }

    private func url(_ server: TestServer) throws(ClientError) -> ClientURL {
        guard let url = ClientURL("http://127.0.0.1:\(server.port)") else { throw .notUnderstood("url") }
        return url
    }
}
