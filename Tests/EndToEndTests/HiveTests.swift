import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// The hive feed, through our own client; `Tests/Interop` has those of others.
@Suite("The hive feed", .serialized)
struct HiveTests {
    /// A client that checks what holds for every frame.
    private final class Listener {
        private let client: WebSocketClient
        private(set) var frames: [JSONValue] = []

        init(_ server: ServerProcess, query: String = "", token: String? = nil) throws {
            let line: String = try #require(server.outputLines.first { $0.hasSuffix(" hive") })
            let address: Substring = try #require(line.split(separator: " ").dropFirst().first)
            let url: ClientURL = try #require(ClientURL("http://\(address)"))
            client = try WebSocketClient(url, "/ws\(query)", token: token)
        }

        func receive() throws -> JSONValue {
            guard case .text(let text) = try client.receive(timeout: 30_000) else {
                throw HarnessError("no text came")
            }
            let frame: JSONValue = try JSONReader.parse(Array(text.utf8), depthLimit: 64)
            #expect(frame["data"]?.objectValue != nil, "\(text)")
            if let last: Int = frames.last?["sequence"]?.intValue {
                #expect(try #require(frame["sequence"]?.intValue) > last, "\(text)")
            }
            frames.append(frame)
            return frame
        }

        /// The frames up to the one that fulfils the condition.
        @discardableResult
        func until(_ condition: (JSONValue) -> Bool) throws -> [JSONValue] {
            var seen: [JSONValue] = []
            repeat { seen.append(try receive()) } while !condition(try #require(seen.last))
            return seen
        }

        func end(of task: String) throws -> [JSONValue] {
            try until {
                $0["data"]?["task_id"]?.stringValue == task && $0["data"]?["retry_scheduled"] != true && $0.isEnd
            }
        }
    }

    private static let addresses: [String] = [
        "--limits", "off", "--listen", "127.0.0.1:0=gateway", "--listen", "127.0.0.1:0=hive",
    ]

    private func sequences(_ frames: [JSONValue]) -> [Int] {
        frames.filter { $0["type"] != "hive_status_update" && $0["type"] != "module_status_changed" }
            .compactMap { $0["sequence"]?.intValue }
    }

    @Test("places go on where they were after a kill, and nothing is told twice or left out (HIVE-MSG-05, HIVE-MSG-07)")
    func survivesKill() async throws {
        let server = try ServerProcess(arguments: HiveTests.addresses)
        let first = try Listener(server)
        #expect(try first.receive()["type"] == "hive_status_update")
        var client: APIClient = try server.client()
        let one: String = try client.createTask(["/bin/true"])
        _ = try first.end(of: one)
        let seen: Int = try #require(first.frames.last?["sequence"]?.intValue)
        let two: String = try client.createTask(["/bin/true"])
        let rest: [JSONValue] = try first.end(of: two)
        server.end(with: SIGKILL)
        try server.start()
        client = try server.client()
        let again = try Listener(server, query: "?since=\(seen)")
        let told: [JSONValue] = try again.end(of: two)
        #expect(sequences(told) == sequences(rest))
        let three: String = try client.createTask(["/bin/false"])
        let last: JSONValue = try #require(try again.end(of: three).last)
        #expect(last["type"] == "task_failed")
        #expect(last["data"]?["error"]?["message"] == "exited with code 1")
        #expect(server.end(with: SIGTERM) == 0)
    }

    @Test(
        "what REST does is told: a running task that is cancelled, an agent that is removed (X-01, X-02, X-03, HIVE-EVT-11)"
    )
    func control() async throws {
        let server = try ServerProcess(arguments: HiveTests.addresses)
        let listener = try Listener(server)
        let client: APIClient = try server.client()
        let agent: String = try client.spawnAgent(["type": "coder", "name": "worker"])
        let created: JSONValue = try #require(try listener.until { $0["type"] == "agent_created" }.last)
        #expect(created["data"]?["agent"]?["id"]?.stringValue == agent)
        let task: String = try client.createTask(["/bin/sleep", "60"])
        try listener.until { $0["type"] == "task_started" && $0["data"]?["task_id"]?.stringValue == task }
        let reply = try client.call(.delete, "/api/v1/tasks/\(task)?reason=enough")
        #expect(reply.status == 200)
        let cancelled: JSONValue = try #require(try listener.end(of: task).last)
        #expect(cancelled["type"] == "task_cancelled")
        #expect(cancelled["data"]?["reason"] == "enough" || cancelled["data"]?["reason"] == "manual_cancellation")
        #expect(cancelled["data"]?["cancelled_by"]?.stringValue?.isEmpty == false)
        _ = try client.call(.delete, "/api/v1/agents/\(agent)")
        let removed: JSONValue = try #require(try listener.until { $0["type"] == "agent_removed" }.last)
        #expect(removed["data"]?["agent_id"]?.stringValue == agent)
        #expect(removed["data"]?["reason"] == "manual_removal")
        #expect(server.end(with: SIGTERM) == 0)
    }

    @Test("progress that an agent reports is told, and never goes back (HIVE-EVT-08)")
    func progress() async throws {
        let server = try ServerProcess(arguments: HiveTests.addresses)
        let listener = try Listener(server, query: "?types=task_progress,task_completed")
        let client: APIClient = try server.client()
        let script: JSONValue = [
            "/bin/sh", "-c",
            "for p in 0.25 0.75 0.5; do echo \"::maos progress=$p step=Batch $p\"; sleep 0.4; done",
        ]
        let task: String = try client.createTask(script)
        let frames: [JSONValue] = try listener.end(of: task)
        let values: [Double] = frames.compactMap { $0["data"]?["progress"]?.doubleValue }
        #expect(values.contains(0.25) && values.contains(0.75) && !values.contains(0.5), "\(values)")
        #expect(values == values.sorted())
        #expect(frames.contains { $0["data"]?["current_step"] == "Batch 0.25" })
        #expect(server.end(with: SIGTERM) == 0)
    }
}

extension JSONValue {
    fileprivate var isEnd: Bool {
        ["task_completed", "task_failed", "task_cancelled"].contains(self["type"]?.stringValue ?? "")
    }
}
