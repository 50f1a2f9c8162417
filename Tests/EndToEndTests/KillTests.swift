import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// The promise behind the product: what was acknowledged survives `kill -9`, and nothing runs twice at the same time.
@Suite("A server that is killed")
struct KillTests {
    private static let rounds: Int = 20
    private static let clients: Int = 32

    /// What the clients of a round were told.
    private final class Acknowledged: @unchecked Sendable {
        // Only touched while the lock is held.
        private let lock = NSLock()
        private var running: [String] = []
        private var waiting: [String] = []

        func add(_ id: String, runs: Bool) {
            lock.lock()
            defer { lock.unlock() }
            if runs { running.append(id) } else { waiting.append(id) }
        }

        var all: (running: [String], waiting: [String]) {
            lock.lock()
            defer { lock.unlock() }
            return (running, waiting)
        }
    }

    @Test(
        "twenty times under load of 32 clients loses no acknowledged task, runs none twice at once, and leaves no gap")
    func killedTwentyTimes() throws {
        let locks: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: locks) }
        let server = try ServerProcess()
        let acknowledged = Acknowledged()
        for round in 0..<KillTests.rounds {
            if round > 0 { try server.start() }
            try underLoad(server, locks: locks, acknowledged: acknowledged) {
                usleep(useconds_t(150_000 + (round % 5) * 60_000))
                server.end(with: SIGKILL)
            }
        }
        try server.start()
        let (running, waiting) = acknowledged.all
        #expect(running.count >= KillTests.rounds, "the load created too few tasks to show anything")
        let client: APIClient = try server.client()
        for id: String in waiting {
            let task: JSONValue = try client.task(id)
            #expect(task["status"] == "pending", "task \(id)")
        }
        for id: String in running {
            let task: JSONValue = try client.waitForEnd(of: id, seconds: 120)
            // A task that was hit more often than its policy allows says so; every other one completes.
            if task["status"] != "completed" {
                #expect(
                    task["status"] == "failed" && task["error"]?.stringValue?.contains("interrupted") == true, "\(task)"
                )
            }
        }
        #expect(!FileManager.default.fileExists(atPath: locks + "/violations"), "a task ran twice at the same time")
        try checkEvents(client)
        #expect(server.end(with: SIGTERM) == 0)
        try eventually("no process of an attempt is left") { Processes.mentioning(server.directory).isEmpty }
    }

    /// Runs `body` while clients create tasks, then waits until all of them have noticed the end.
    private func underLoad(
        _ server: ServerProcess, locks: String, acknowledged: Acknowledged, _ body: () throws -> Void
    ) throws {
        let token: String = try server.adminToken()
        let url: String = server.baseURL
        let group = DispatchGroup()
        let script: String =
            "exec 9>>\(locks)/$MAOS_TASK_ID; flock -n 9 || echo $MAOS_TASK_ID >> \(locks)/violations; sleep 0.05"
        for client in 0..<KillTests.clients {
            group.enter()
            Thread.detachNewThread {
                defer { group.leave() }
                guard let api = try? APIClient(url: url, token: token) else { return }
                for number in 0..<500 {
                    let runs: Bool = number % 50 == client % 50
                    let needs: JSONValue = runs ? [] : [["type": "capability", "name": "nobody-has-this"]]
                    guard let id = try? api.createTask(.string(script), ["requirements": needs]) else { return }
                    acknowledged.add(id, runs: runs)
                }
            }
        }
        try body()
        group.wait()
    }

    /// Reads the whole history, and finds each number once.
    private func checkEvents(_ client: APIClient) throws {
        var expected: Int64 = 1
        while true {
            let reply: APIReply = try client.call(.get, "/api/v1/events?since=\(expected)&limit=1000")
            let events: [JSONValue] = try #require(reply.data?["events"]?.arrayValue)
            guard !events.isEmpty else { break }
            for event: JSONValue in events {
                #expect(event["sequence"] == .integer(expected))
                expected += 1
            }
        }
        #expect(expected > 1)
    }
}

/// Processes of this machine, as `/proc` shows them.
enum Processes {
    /// Ids of processes, other than servers, whose environment mentions a text.
    static func mentioning(_ text: String) -> [Int32] {
        let names: [String] = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { (id: Int32) in
            guard let data = FileManager.default.contents(atPath: "/proc/\(id)/environ"), !data.isEmpty else {
                return false
            }
            return String(decoding: data, as: UTF8.self).contains(text)
        }
    }
}
