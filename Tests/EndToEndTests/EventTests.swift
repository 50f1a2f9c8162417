import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// The history of everything: numbered, without gaps, for ever resumable.
@Suite("Events", .serialized)
struct EventTests {
    private static let path: String = "/api/v1/events?"

    @Test("have no gap over two restarts, one of them by SIGKILL, and say who started and stopped when")
    func gapless() async throws {
        let server = try ServerProcess()
        var client: APIClient = try server.client()
        for signal: CInt in [SIGTERM, SIGKILL] {
            for _ in 0..<5 { _ = try await client.run(["/bin/true"]) }
            _ = try client.createTask(["/bin/sleep", "60"])
            server.end(with: signal)
            try server.start()
            client = try server.client()
        }
        let events: [JSONValue] = try client.events()
        #expect(events.map { $0["sequence"]?.intValue } == (1...events.count).map { $0 })
        let types: [String] = events.map { $0["type"]?.text ?? "" }
        #expect(types.count { $0 == "server_started" } == 3 && types.count { $0 == "server_draining" } == 1)
        #expect(types.count { $0 == "task_completed" } == 10)
        let times: [String] = events.map { $0["timestamp"]?.text ?? "" }
        #expect(times == times.sorted() && times.allSatisfy { $0.hasSuffix("Z") })
        let lives = Dictionary(grouping: events.filter { $0["taskId"] != nil }) { $0["taskId"]?.text ?? "" }
        for life in lives.values { #expect(life.first?["type"] == "task_created") }
        // Pages are what the whole is.
        let last: Int = events.count
        var pieces: [JSONValue] = []
        var next: Int = 1
        while next <= last {
            let reply: APIReply = try client.call(.get, "/api/v1/events?since=\(next)&limit=7")
            pieces += reply.data?["events"]?.arrayValue ?? []
            next = try #require(reply.data?["nextSequence"]?.intValue)
        }
        #expect(Array(pieces.prefix(last)) == events)
    }

    @Test("are followed from the past into the present, without gap or repetition, by all at once")
    func following() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        for _ in 0..<20 { _ = try await client.run(["/bin/true"]) }
        var streams: [EventStream] = try (0..<5).map { _ in
            try EventStream(client, EventTests.path + "since=1&follow=true")
        }
        let late: [String] = try (0..<20).map { _ in try client.createTask(["/bin/true"]) }
        for id in late { _ = try await client.ended(id) }
        let expected: [JSONValue] = try client.events()
        for place in streams.indices {
            var seen: [StreamEvent] = []
            while seen.count < expected.count, let event = try streams[place].next() { seen.append(event) }
            #expect(seen.map(\.data) == expected && seen.map(\.id) == expected.map { $0["sequence"]?.intValue })
        }
        // The header counts more than the query.
        var resumed = try EventStream(client, EventTests.path + "since=1&follow=true", after: 30)
        #expect(try resumed.next()?.id == 31)
        #expect(server.end(with: SIGTERM) == 0)
        var rest: [String] = []
        while let event = try resumed.next() { rest.append(event.data["type"]?.text ?? "") }
        #expect(rest.contains("server_draining"), "the end is told before the stream ends")
    }

    @Test("that have not happened yet can be waited for")
    func future() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        let last: Int = try client.events().count
        var early = try EventStream(client, EventTests.path + "since=\(last + 1)&follow=true")
        var next = try EventStream(client, EventTests.path + "follow=true", after: last)
        let id: String = try client.createTask(
            ["/bin/true"], ["requirements": [["type": "capability", "name": "none"]]])
        for event in [try next.next(), try early.next()] {
            #expect(event?.data["taskId"] == .string(id) && event?.id == last + 1)
        }
    }

    @Test("can be filtered by their types, in pages and in streams")
    func types() async throws {
        let server = try ServerProcess()
        let client: APIClient = try server.client()
        var stream = try EventStream(client, EventTests.path + "since=1&follow=true&types=task_completed,task_failed")
        let good: JSONValue = try await client.run(["/bin/true"])
        let bad: JSONValue = try await client.run(["/bin/false"])
        let reply: APIReply = try client.call(.get, EventTests.path + "types=task_completed,task_failed")
        let events: [JSONValue] = try #require(reply.data?["events"]?.arrayValue)
        #expect(events.map { $0["taskId"] } == [good["id"], bad["id"]])
        #expect(events.map { $0["type"] } == ["task_completed", "task_failed"])
        let next: Int = try #require(reply.data?["nextSequence"]?.intValue)
        #expect(next > (events.last?["sequence"]?.intValue ?? 0))
        #expect(try stream.next()?.data == events[0])
        #expect(try stream.next()?.data == events[1])
        #expect(try client.call(.get, EventTests.path + "types=nothing_of_the_kind").data?["events"] == [])
    }
}
