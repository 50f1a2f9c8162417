import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// Tasks that wait for others.
@Suite("Tasks that depend on each other", .server, .serialized)
struct DependencyTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    private func create(_ command: JSONValue, after: [String], _ more: JSONObject = [:]) throws -> String {
        var more: JSONObject = more
        more["dependencies"] = .array(after.map { .string($0) })
        return try client.createTask(command, more)
    }

    @Test("run in their order, and each finds the results of those before it in its task file")
    func orderAndInputs() async throws {
        let first: String = try client.createTask("sleep 0.2; echo '{\"n\": 1}' > $MAOS_RESULT_FILE")
        let left: String = try create("echo '\"left\"' > $MAOS_RESULT_FILE", after: [first])
        let right: String = try create(["/bin/echo", "right"], after: [first])
        let last: String = try create("cat $MAOS_TASK_FILE > $MAOS_RESULT_FILE", after: [left, right, first])
        let waiting: APIReply = try client.call(.get, "/api/v1/tasks/\(last)/waiting")
        #expect(waiting.data?["reasons"]?[0]?["kind"] == "dependencies")
        #expect(try client.task(last)["status"] == "pending")
        let ended: JSONValue = try await client.ended(last)
        #expect(ended["status"] == "completed", "\(ended)")
        #expect(ended["dependencies"] == [.string(left), .string(right), .string(first)])
        let inputs: JSONValue = try #require(ended["result"]?["inputs"])
        #expect(inputs[first] == ["n": 1] && inputs[left] == "left")
        #expect(inputs[right] == ["exitCode": 0, "stdout": "right\n"])
        #expect(inputs.objectValue?.count == 3)
        let ids: [String] = [first, left, right, last]
        let events: [JSONValue] = try client.events().filter { ids.contains($0["taskId"]?.text ?? "") }
        func place(_ type: String, _ id: String) -> Int {
            events.first { $0["type"] == .string(type) && $0["taskId"] == .string(id) }?["sequence"]?.intValue ?? -1
        }
        for middle: String in [left, right] {
            #expect(place("task_completed", first) < place("task_started", middle))
            #expect(place("task_completed", middle) < place("task_started", last))
        }
    }

    @Test("are cancelled when one of them fails, all the way down, and say which it was")
    func failureCascades() async throws {
        let root: String = try client.createTask("sleep 0.2; exit 3")
        let child: String = try create(["/bin/true"], after: [root])
        let grandchild: String = try create(["/bin/true"], after: [child])
        let bystander: String = try client.createTask(["/bin/true"])
        #expect(try await client.ended(root)["status"] == "failed")
        for (id, cause) in [(child, root), (grandchild, child)] {
            let ended: JSONValue = try await client.ended(id)
            #expect(ended["status"] == "cancelled" && ended["attempt"] == 0, "\(ended)")
            #expect(ended["error"]?.text.contains(cause) == true, "\(ended)")
            #expect(ended["errorCode"]?.text.contains("DEPENDENCY") == true, "\(ended)")
        }
        #expect(try await client.ended(bystander)["status"] == "completed")
    }

    @Test("are cancelled when one of them is")
    func cancellationCascades() async throws {
        let root: String = try client.createTask(["/bin/sleep", "60"])
        let child: String = try create(["/bin/true"], after: [root])
        try await client.running(root)
        #expect(try client.call(.delete, "/api/v1/tasks/\(root)").status == 200)
        let ended: JSONValue = try await client.ended(child)
        #expect(ended["status"] == "cancelled" && ended["error"]?.text.contains(root) == true, "\(ended)")
    }

    @Test("do not wait for what has ended: they run after success, and are cancelled at once after failure")
    func endedDependencies() async throws {
        let good: String = try client.createTask(["/bin/true"])
        let bad: String = try client.createTask(["/bin/false"])
        _ = try await client.ended(good)
        _ = try await client.ended(bad)
        #expect(try await client.ended(try create(["/bin/true"], after: [good]))["status"] == "completed")
        let refused: JSONValue = try await client.ended(try create(["/bin/true"], after: [good, bad]))
        #expect(refused["status"] == "cancelled" && refused["error"]?.text.contains(bad) == true, "\(refused)")
    }

    @Test("can be retried from the one that failed on, in order only")
    func retryingAChain() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let root: String = try client.createTask(.string("test -e \(folder)/ready"))
        let child: String = try create(["/bin/true"], after: [root])
        #expect(try await client.ended(child)["status"] == "cancelled")
        let early: APIReply = try client.call(.post, "/api/v1/tasks/\(child)/retry")
        #expect(early.status == 409 && early.body["error"]?["details"]?["reason"] == "dependency_not_completed")
        #expect(FileManager.default.createFile(atPath: folder + "/ready", contents: nil))
        let retried: APIReply = try client.call(.post, "/api/v1/tasks/\(root)/retry")
        #expect(retried.status == 200 && retried.data?["attempt"] == 2, "\(retried.body)")
        #expect(try await client.ended(root)["status"] == "completed")
        #expect(try client.call(.post, "/api/v1/tasks/\(child)/retry").status == 200)
        let ended: JSONValue = try await client.ended(child)
        #expect(ended["status"] == "completed" && ended["error"] == nil && ended["errorCode"] == nil, "\(ended)")
    }

    @Test("may be many: a hundred at once, joined by one")
    func fanIn() async throws {
        let many: [String] = try (0..<100).map { _ in try client.createTask(["/bin/true"]) }
        let joined: String = try create("cat $MAOS_TASK_FILE > $MAOS_RESULT_FILE", after: many)
        let ended: JSONValue = try await client.ended(joined, seconds: 60)
        #expect(ended["status"] == "completed")
        #expect(ended["result"]?["inputs"]?.objectValue?.count == 100)
    }
}
