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
