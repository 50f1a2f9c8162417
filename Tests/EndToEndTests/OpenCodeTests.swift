import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// The OpenCode surface of a real server, through our own client; `Tests/Interop` has those of others.
@Suite("OpenCode, served")
struct OpenCodeServedTests {
    private struct Socket {
        let client: WebSocketClient

        init(_ server: ServerProcess, token: String? = nil, path: String = "/ws") throws {
            guard let url = ClientURL(server.baseURL) else { throw HarnessError("no URL") }
            client = try WebSocketClient(url, path, token: token)
        }

        func receive() throws -> JSONValue {
            switch try client.receive(timeout: 30_000) {
            case .text(let text): return try JSONReader.parse(Array(text.utf8), depthLimit: 64)
            case .binary: throw HarnessError("a binary message came")
            case .closed(let code, let reason): throw HarnessError("closed with \(code.value) \(reason)")
            }
        }

        func ask(_ text: String) throws -> JSONValue {
            try client.send(text)
            return try receive()
        }
    }

    @Test(
        "a task is started, runs and is seen completed; a client that leaves takes nothing with it (OC-CONN-01, OC-REQ-57)"
    )
    func task() throws {
        let server = try ServerProcess(arguments: ["--limits", "off", "--listen", "127.0.0.1:0=opencode"])
        do {
            let socket = try Socket(server)
            #expect(try socket.receive()["type"] == "connection_established")
            #expect(try socket.receive()["type"] == "full_status")
            let started = try socket.ask(
                #"{"type":"start_task","task":{"id":"e2e","type":"testing","priority":"high","description":"d","metadata":{"command":["echo","hello"]}}}"#
            )
            #expect(started["type"] == "task_started")
        }
        let other = try Socket(server)
        #expect(try other.receive()["type"] == "connection_established")
        #expect(try other.receive()["data"]?["tasks"]?[0]?["id"] == "e2e")
        var status: JSONValue?
        repeat {
            status = try other.ask(#"{"type":"get_task_status","task_id":"e2e"}"#)["task"]?["status"]
        } while status != "completed" && status != "failed"
        #expect(status == "completed")
        let logs = try other.ask(#"{"type":"request_log_entries","filter":{"agent":["e2e"],"source_file":"stdout"}}"#)
        #expect(logs["data"]?["entries"]?[0]?["message"] == "hello")
    }

    @Test(
        "with auth required a token opens the door, and the gateway's path does not lead here (OC-SEC-02, X-04, X-06)")
    func authentication() throws {
        let server = try ServerProcess(
            arguments: ["--limits", "off", "--listen", "127.0.0.1:0=opencode"],
            configuration: ["opencode": ["auth": "required"]])
        let stranger = try Socket(server)
        #expect(try stranger.receive()["authentication_required"] == true)
        #expect(try stranger.ask(#"{"type":"request_status"}"#)["code"] == "AUTHENTICATION_REQUIRED")
        let token = try server.adminToken()
        #expect(try stranger.ask(#"{"type":"authenticate","token":"\#(token)"}"#)["type"] == "authentication_success")
        #expect(try stranger.ask(#"{"type":"request_status"}"#)["type"] == "full_status")
        let known = try Socket(server, token: token)
        #expect(try known.receive()["authentication_required"] == false)
        #expect(throws: (any Error).self) { try Socket(server, token: token, path: "/api/v1/ws") }
    }
}
