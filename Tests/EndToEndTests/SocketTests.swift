import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// The gateway's WebSocket, through our own client; `Tests/Interop` has those of others.
@Suite("The gateway's WebSocket", .serialized)
struct SocketTests {
    private struct Socket {
        let client: WebSocketClient

        init(_ server: ServerProcess, token: String? = nil, query: String = "") throws {
            guard let url = ClientURL(server.baseURL) else { throw HarnessError("no URL") }
            client = try WebSocketClient(url, "/ws\(query)", token: token ?? server.adminToken())
            let hello: JSONValue = try receive()
            guard hello["type"] == "connected" else { throw HarnessError("\(hello) is no hello") }
        }

        func send(_ message: JSONValue) throws { try client.send("\(JSONText(message))") }

        func receive() throws -> JSONValue {
            switch try client.receive(timeout: 30_000) {
            case .text(let text): return try JSONReader.parse(Array(text.utf8), depthLimit: 64)
            case .binary: throw HarnessError("a binary message came")
            case .closed(let code, let reason): throw Closed(code: code, reason: reason)
            }
        }

        func subscribe(_ channel: String, _ more: JSONObject = [:]) throws {
            var message: JSONObject = ["type": "subscribe", "channel": .string(channel)]
            for member in more { message[member.key] = member.value }
            try send(.object(message))
            let reply: JSONValue = try receive()
            guard reply["type"] == "subscribed" else { throw HarnessError("subscribing got \(reply)") }
        }
    }

    private struct Closed: Error {
        var code: WebSocketCloseCode
        var reason: String
    }

    @Test("tells a hundred listeners the same, once each and in order (GW-WS-16, GW-WS-18)")
    func fanOut() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        let sockets: [Socket] = try (0..<100).map { _ in try Socket(server) }
        for (number, socket) in sockets.enumerated() {
            try socket.subscribe("tasks:all", number % 2 == 0 ? [:] : ["delivery": "direct"])
        }
        let ids: [String] = try (0..<10).map { _ in try client.createTask(["/bin/true"]) }
        for id in ids { #expect(try await client.ended(id)["status"] == "completed") }
        let expected: [Int] = try client.events().filter { $0["taskId"] != nil }.compactMap { $0["sequence"]?.intValue }
        for (number, socket) in sockets.enumerated() {
            var seen: [Int] = []
            while seen.count < expected.count {
                let message: JSONValue = try socket.receive()
                #expect(message["type"] == (number % 2 == 0 ? "broadcast" : "task_update"))
                let inner: JSONValue? = number % 2 == 0 ? message["message"] : message
                seen.append(try #require(inner?["sequence"]?.intValue))
            }
            #expect(seen == expected, "listener \(number)")
        }
    }

    @Test("tells that the server is about to stop, and closes as one that goes away (GW-WS-11, GW-WS-21)")
    func draining() throws {
        let server = try ServerProcess()
        let socket = try Socket(server)
        try socket.subscribe("system:server_draining")
        kill(server.process.processIdentifier, SIGTERM)
        let message: JSONValue = try socket.receive()
        #expect(message["message"]?["event"]?["type"] == "server_draining")
        #expect(message["message"]?["event"]?["severity"] == "warning")
        let end: Closed? = #expect(throws: Closed.self) {
            while true { _ = try socket.receive() }
        }
        #expect(end?.code == .goingAway, "\(String(describing: end))")
        #expect(server.end(with: SIGTERM) == 0)
    }

    @Test("shows progress only as often as somebody can look")
    func progress() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        let socket = try Socket(server)
        try socket.subscribe("tasks:all")
        let id: String = try client.createTask(
            "i=0; while [ $i -lt 2000 ]; do echo \"::maos progress=0.$((1000 + i))\"; i=$((i+1)); done; sleep 0.2")
        var updates: Int = 0
        while true {
            let message: JSONValue = try #require(try socket.receive()["message"])
            guard message["taskId"] == .string(id) else { continue }
            if message["event"] == "task_progress" { updates += 1 }
            if message["status"] == "completed" { break }
        }
        #expect(updates >= 1 && updates < 200, "\(updates) updates of 2000 lines")
    }

    @Test("tells of workflows: their course to who listens to the system, their steps to who asks for them")
    func workflows() throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        let (course, steps): (Socket, Socket) = (try Socket(server), try Socket(server))
        for type: String in ["workflow_started", "workflow_completed", "approval_requested", "approval_resolved"] {
            try course.subscribe("system:\(type)")
        }
        for type: String in ["workflow_step_started", "workflow_step_completed"] {
            try steps.subscribe("system:\(type)")
        }
        let workflow: JSONObject = [
            "name": "told",
            "steps": [
                ["id": "say", "type": "task", "configuration": ["context": ["command": ["echo", "hello"]]]],
                ["id": "gate", "type": "task", "configuration": ["approval": ["reason": "On?"]]],
            ],
        ]
        #expect(try client.call(.put, "/api/v1/workflows/told", .object(workflow)).status == 200)
        let begun: APIReply = try client.call(.post, "/api/v1/workflows/told/execute", [:])
        let execution: JSONValue = try #require(begun.data?["id"])
        func next(_ socket: Socket) throws -> JSONValue {
            let message: JSONValue = try socket.receive()
            return try #require(message["message"]?["event"], "\(message)")
        }
        let started: JSONValue = try next(course)
        #expect(started["type"] == "workflow_started")
        #expect(started["data"]?["executionId"] == execution && started["data"]?["workflowId"] == "told", "\(started)")
        let asked: JSONValue = try next(course)
        #expect(asked["type"] == "approval_requested")
        let approval: String = try #require(asked["data"]?["approvalId"]?.stringValue, "\(asked)")
        #expect(try client.call(.post, "/api/v1/approvals/\(approval)", ["approved": true]).status == 200)
        #expect(try next(course)["type"] == "approval_resolved")
        #expect(try next(course)["type"] == "workflow_completed")
        var told: [String] = []
        while told.count < 4 {
            let event: JSONValue = try next(steps)
            let step: String = event["data"]?["stepId"]?.stringValue ?? "?"
            told.append("\(step) \(event["type"]?.stringValue?.split(separator: "_").last ?? "?")")
        }
        #expect(told == ["say started", "say completed", "gate started", "gate completed"])
    }
}
