import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// Repeated attempts, and the limits of their time.
@Suite("Attempts at a task", .server, .serialized)
struct AttemptTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    @Test("are repeated with a growing wait, and know their number")
    func retries() async throws {
        let id: String = try client.createTask(
            "echo attempt $MAOS_ATTEMPT; test $MAOS_ATTEMPT = 3",
            ["retryPolicy": ["maxAttempts": 5, "backoffMs": 200, "factor": 3]])
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed" && ended["attempt"] == 3 && ended["error"] == nil, "\(ended)")
        #expect(ended["result"]?["stdout"] == "attempt 3\n")
        #expect(String(decoding: try client.output(of: id), as: UTF8.self) == "attempt 1\nattempt 2\nattempt 3\n")
        let events: [JSONValue] = try client.events().filter { $0["taskId"] == .string(id) }
        let times: [Date] = events.filter { $0["type"] == "task_started" }.compactMap {
            ISODate.date($0["timestamp"]?.text)
        }
        try #require(times.count == 3)
        // 200 ms and 600 ms, each a fifth more or less, and never shorter than that.
        #expect(times[1].timeIntervalSince(times[0]) >= 0.15 && times[2].timeIntervalSince(times[1]) >= 0.47)
    }

    @Test("that wait for their time say so")
    func waiting() async throws {
        let id: String = try client.createTask("exit 1", ["retryPolicy": ["maxAttempts": 2, "backoffMs": 60_000]])
        let waiting: JSONValue = try await client.task(id, until: "the wait") { $0["coreStatus"] == "retrying" }
        #expect(waiting["status"] == "running" && waiting["retryAt"] != nil && waiting["error"] == "exited with code 1")
        let reply: APIReply = try client.call(.get, "/api/v1/tasks/\(id)/waiting")
        #expect(reply.data?["reasons"]?[0]?["kind"] == "backoff" && reply.data?["reasons"]?[0]?["until"] != nil)
        #expect(try client.call(.delete, "/api/v1/tasks/\(id)").data?["status"] == "cancelled")
        #expect(try client.task(id)["retryAt"] == nil)
    }

    @Test("end when there have been enough, and the last one's failure is the task's")
    func exhausted() async throws {
        let ended: JSONValue = try await client.run(
            "exit $((MAOS_ATTEMPT + 10))", ["retryPolicy": ["maxAttempts": 3, "backoffMs": 0]])
        #expect(
            ended["status"] == "failed" && ended["attempt"] == 3 && ended["error"] == "exited with code 13", "\(ended)")
        // One attempt is all that is made unasked.
        #expect(try await client.run("exit 1")["attempt"] == 1)
    }

    @Test("that take too long are stopped, and say so", arguments: [1, 2])
    func timeout(attempts: Int) async throws {
        let started = Date()
        let id: String = try client.createTask(
            "sleep 100 & sleep 100",
            ["timeout": 1_000, "retryPolicy": ["maxAttempts": JSONValue(attempts), "backoffMs": 0]])
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "failed" && ended["errorCode"] == "TASK_TIMEOUT_EXCEEDED", "\(ended)")
        #expect(ended["error"]?.text.contains("1000 ms") == true && ended["attempt"] == JSONValue(attempts))
        let took: Double = Date().timeIntervalSince(started)
        #expect(took >= Double(attempts) && took < Double(attempts) + 20)
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("that a deadline meets fail, whatever attempts are left")
    func deadlineWhileRunning() async throws {
        let deadline: String = ISODate.text(Date(timeIntervalSinceNow: 1.2))
        let id: String = try client.createTask(
            "trap '' TERM; while :; do sleep 1; done",
            ["deadline": .string(deadline), "retryPolicy": ["maxAttempts": 5, "backoffMs": 0]])
        try await client.running(id)
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "failed" && ended["errorCode"] == "TASK_DEADLINE_EXCEEDED", "\(ended)")
        #expect(ended["attempt"] == 1 && ended["deadline"] == .string(deadline))
        #expect(Processes.ofTask(id).isEmpty)
    }

    @Test("do not begin when the deadline passes first, or had passed already (GW-VAL-06)", arguments: [1.0, -3_600])
    func deadlineWhileWaiting(seconds: Double) async throws {
        let ended: JSONValue = try await client.run(
            ["/bin/true"],
            [
                "requirements": [["type": "capability", "name": "nobody-has-this"]],
                "deadline": .string(ISODate.text(Date(timeIntervalSinceNow: seconds))),
            ])
        #expect(ended["status"] == "failed" && ended["errorCode"] == "TASK_DEADLINE_EXCEEDED", "\(ended)")
        #expect(ended["attempt"] == 0 && ended["error"]?.text.lowercased().contains("deadline") == true)
        let again: APIReply = try client.call(.post, "/api/v1/tasks/\(ended["id"]?.text ?? "")/retry")
        #expect(again.status == 409 && again.body["error"]?["details"]?["reason"] == "deadline_passed")
    }

    @Test("can be asked for again after the end, with the next number")
    func manualRetry() async throws {
        let failed: JSONValue = try await client.run("test $MAOS_ATTEMPT -ge 2")
        let id: String = failed["id"]?.text ?? ""
        let reply: APIReply = try client.call(.post, "/api/v1/tasks/\(id)/retry")
        #expect(reply.status == 200 && reply.data?["taskId"] == .string(id) && reply.data?["attempt"] == 2)
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed" && ended["attempt"] == 2)
        let cancelled: String = try client.createTask(
            ["/bin/true"], ["requirements": [["type": "capability", "name": "nobody-has-this"]]])
        #expect(try client.call(.delete, "/api/v1/tasks/\(cancelled)").status == 200)
        #expect(try client.call(.post, "/api/v1/tasks/\(cancelled)/retry").status == 200)
        #expect(try client.task(cancelled)["status"] == "pending")
        #expect(try client.call(.delete, "/api/v1/tasks/\(cancelled)").data?["status"] == "cancelled")
    }
}
