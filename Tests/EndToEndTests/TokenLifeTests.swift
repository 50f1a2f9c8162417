import Foundation
import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTransport
import Testing

/// When tokens that were good end to be so, also on connections that have used them for long.
@Suite("The life of tokens")
struct TokenLifeTests {
    private let path = "/api/v1/tasks"

    @Test("rotating ends the administrator's old token within about a second, on every connection")
    func rotation() throws {
        let server = try ServerProcess()
        let old: String = try server.adminToken()
        let kept: APIClient = try server.client(token: old)
        for _ in 0..<3 { #expect(try kept.call(.get, path).status == 200) }

        let outcome: ProgramOutcome = try CommandLineProgram().run("token", "rotate", "--data", server.directory)
        #expect(outcome.status == 0, "\(outcome.errors)")
        try eventually(seconds: 10, "the end of the old token") { try kept.call(.get, path).status == 401 }
        let reply: APIReply = try kept.call(.get, path)
        #expect(reply.errorMessage == "Invalid or expired token")
        #expect(try server.client(token: old).call(.get, path).status == 401)

        let new: String = try server.adminToken()
        #expect(new != old)
        let client: APIClient = try server.client(token: new)
        for _ in 0..<3 { #expect(try client.call(.get, path).status == 200) }
    }

    /// The streams that can be followed, of a task that runs and its agent.
    private func streams(_ client: APIClient) throws -> [EventStream] {
        let id: String = try client.createTask("echo begun; sleep 60")
        try eventually(seconds: 20, "the task's process") {
            try client.call(.get, "\(path)/\(id)/output").data?["entries"]?.arrayValue?.isEmpty == false
        }
        let agent: String = try #require(try client.task(id)["assignedAgentId"]?.stringValue)
        let paths: [String] = [
            "/api/v1/events?follow=true", "\(path)/\(id)/output?follow=true",
            "/api/v1/agents/\(agent)/output?follow=true",
        ]
        return try paths.map { (path: String) in try EventStream(client, path) }
    }

    @Test("rotating ends the streams that are followed with the old token, and no others")
    func streamsAtRotation() throws {
        let server = try ServerProcess()
        let key: TokenKey = try #require(try TokenKey.load(server.directory + "/jwt.key"))
        let now: Int64 = SystemClock.wallMilliseconds() / 1_000
        let other: String = TokenSigner(key: key).sign(
            TokenClaims(sub: "bob", permissions: ["system:read", "tasks:read"], iat: now, exp: now + 600))
        let old: APIClient = try server.client(token: try server.adminToken())
        var streams: [EventStream] = try streams(old)
        var kept = try EventStream(try server.client(token: other), "/api/v1/events?follow=true")
        let outcome: ProgramOutcome = try CommandLineProgram().run("token", "rotate", "--data", server.directory)
        #expect(outcome.status == 0, "\(outcome.errors)")
        for index: Int in streams.indices {
            while let event: StreamEvent = try streams[index].next() { #expect(event.name == "message") }
        }
        let client: APIClient = try server.client(token: try server.adminToken())
        let id: String = try client.createTask("true")
        var seen: StreamEvent?
        repeat { seen = try kept.next() } while seen != nil && seen?.data["taskId"]?.stringValue != id
        #expect(seen != nil)
    }

    @Test("a stream ends with the token that it is followed with")
    func streamsAtExpiry() throws {
        let server = try ServerProcess()
        let key: TokenKey = try #require(try TokenKey.load(server.directory + "/jwt.key"))
        let now: Int64 = SystemClock.wallMilliseconds() / 1_000
        let token: String = TokenSigner(key: key).sign(
            TokenClaims(sub: "bob", permissions: ["admin:*"], iat: now, exp: now + 6))
        var streams: [EventStream] = try streams(try server.client(token: token))
        for index: Int in streams.indices {
            while let event: StreamEvent = try streams[index].next() { #expect(event.name == "message") }
        }
        let ended: Int64 = SystemClock.wallMilliseconds() / 1_000
        #expect(ended >= now + 6 && ended < now + 30)
    }

    @Test("a token without an end that an administrator once had is no token while there is none in the file")
    func removal() throws {
        let server = try ServerProcess()
        let token: String = try server.adminToken()
        let client: APIClient = try server.client(token: token)
        #expect(try client.call(.get, path).status == 200)
        try FileManager.default.removeItem(atPath: server.directory + "/admin.token")
        try eventually(seconds: 10, "the end of the token") { try client.call(.get, path).status == 401 }
    }

    @Test("a token ends at its time, on a connection that has used it, too")
    func expiry() throws {
        let server = try ServerProcess()
        let key: TokenKey = try #require(try TokenKey.load(server.directory + "/jwt.key"))
        let now: Int64 = SystemClock.wallMilliseconds() / 1_000
        let token: String = TokenSigner(key: key).sign(
            TokenClaims(sub: "bob", permissions: ["tasks:list"], iat: now, exp: now + 3))
        let client: APIClient = try server.client(token: token)
        #expect(try client.call(.get, path).status == 200)
        #expect(try client.call(.get, path).status == 200)
        try eventually(seconds: 10, "the end of the token") { try client.call(.get, path).status == 401 }
        #expect(SystemClock.wallMilliseconds() / 1_000 >= now + 3)
    }
}
