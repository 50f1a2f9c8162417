import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// Waits until a condition holds, looking every few milliseconds; other tests run meanwhile.
func waitUntil(
    seconds: Double = 30, _ what: String, _ condition: () async throws -> Bool
) async throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while true {
        if try await condition() { return }
        guard Date() < end else { throw HarnessError("did not happen within \(seconds) s: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

extension APIClient {
    /// Waits until a task has ended; returns it.
    func ended(_ id: String, seconds: Double = 40) async throws -> JSONValue {
        var last: JSONValue = .null
        try await waitUntil(seconds: seconds, "the end of task \(id)") {
            last = try task(id)
            return ["completed", "failed", "cancelled"].contains(last["status"]?.stringValue ?? "")
        }
        return last
    }

    /// Creates a task and waits for its end; returns it.
    func run(_ command: JSONValue, _ more: JSONObject = [:]) async throws -> JSONValue {
        try await ended(try createTask(command, more))
    }

    /// Waits until a task fulfils a condition; returns it.
    @discardableResult
    func task(_ id: String, until what: String, _ condition: (JSONValue) -> Bool) async throws -> JSONValue {
        var last: JSONValue = .null
        try await waitUntil("\(what) of task \(id)") {
            last = try task(id)
            return condition(last)
        }
        return last
    }

    /// Waits until a task runs; returns it.
    @discardableResult
    func running(_ id: String) async throws -> JSONValue {
        try await task(id, until: "the start") { $0["coreStatus"] == "running" }
    }

    /// An agent as the server shows it.
    func agent(_ id: String) throws -> JSONValue {
        let reply: APIReply = try call(.get, "/api/v1/agents/\(id)")
        return try #require(reply.data, "GET agent answered \(reply.status)")
    }

    /// Waits until an agent fulfils a condition; returns it.
    @discardableResult
    func agent(_ id: String, until what: String, _ condition: (JSONValue) -> Bool) async throws -> JSONValue {
        var last: JSONValue = .null
        try await waitUntil("\(what) of agent \(id)") {
            last = try agent(id)
            return condition(last)
        }
        return last
    }

    /// Waits until an agent takes tasks; returns it.
    @discardableResult
    func readyAgent(_ id: String) async throws -> JSONValue {
        try await agent(id, until: "readiness") { $0["status"] == "ready" || $0["status"] == "idle" }
    }

    /// Spawns an agent; returns its id.
    func spawnAgent(_ body: JSONObject) throws -> String {
        let reply: APIReply = try call(.post, "/api/v1/agents", .object(body))
        guard reply.status == 201 else { throw HarnessError("spawn answered \(reply.status): \(reply.body)") }
        return try #require(reply.data?["agentId"]?.stringValue)
    }

    /// The agents of a list.
    func agents(_ query: String = "") throws -> [JSONValue] {
        let reply: APIReply = try call(.get, "/api/v1/agents?\(query)")
        return try #require(reply.data?["agents"]?.arrayValue, "GET agents answered \(reply.status)")
    }

    /// Every event from a sequence number on.
    func events(from first: Int = 1) throws -> [JSONValue] {
        var found: [JSONValue] = []
        var next: Int = first
        while true {
            let reply: APIReply = try call(.get, "/api/v1/events?since=\(next)&limit=1000")
            let page: [JSONValue] = try #require(reply.data?["events"]?.arrayValue, "events answered \(reply.status)")
            found += page
            guard let last: Int = page.last?["sequence"]?.intValue else { return found }
            next = last + 1
        }
    }

    /// The whole output of a task as bytes.
    func output(of id: String) throws -> [UInt8] {
        let reply: APIReply = try call(.get, "/api/v1/tasks/\(id)/output", fields: [.accept: "text/plain"])
        guard reply.status == 200 else { throw HarnessError("output answered \(reply.status)") }
        return reply.head.body
    }
}

extension JSONValue {
    /// The text of a string; empty for anything else.
    var text: String { stringValue ?? "" }
}

/// Times as the API writes them.
enum ISODate {
    static func text(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func date(_ text: String?) -> Date? {
        text.flatMap { try? Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
    }
}
