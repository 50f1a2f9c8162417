import Foundation
import MAOSCore
import MAOSSystem
import MAOSTransport
import Testing

/// Tokens, which `maos-cli` makes without a server.
@Suite("The command line: tokens")
struct CommandLineTokenTests {
    private let program = CommandLineProgram()

    private func withKey(_ body: (String, TokenKey) throws -> Void) throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder, try TokenKey.loadOrCreate(folder + "/jwt.key"))
    }

    private func verify(
        _ text: String, _ key: TokenKey, leeway: Int64 = 0, allowsAdminWithoutExpiry: Bool = false
    ) throws -> TokenClaims {
        let token: String = text.trimmingCharacters(in: .newlines)
        let verifier = TokenVerifier(key: key, leeway: leeway, allowsAdminWithoutExpiry: allowsAdminWithoutExpiry)
        return try verifier.verify(Array(token.utf8)[...], at: SystemClock.wallMilliseconds() / 1_000).claims
    }

    @Test("a token says what the flags say, and lives an hour")
    func create() throws {
        try withKey { folder, key in
            let outcome: ProgramOutcome = try program.run(
                "token", "create", "--data", folder, "--sub", "bob", "--email", "bob@example.org", "--role", "viewer",
                "--permission", "tasks:create", "--permission", "agents:*", "--project", "web", "--project", "shop",
                "--team", "red")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.isEmpty)
            let claims: TokenClaims = try verify(outcome.output, key)
            #expect(claims.sub == "bob")
            #expect(claims.email == "bob@example.org")
            #expect(claims.roles == ["viewer"])
            #expect(claims.permissions == ["tasks:create", "agents:*"])
            #expect(claims.projects == ["web", "shop"])
            #expect(claims.team == "red")
            #expect(claims.iss == "maos")
            #expect(claims.exp == claims.iat.map { $0 + 3_600 })
        }
    }

    @Test("a token lives as long as --ttl says", arguments: [1, 31_536_000])
    func lifetime(seconds: Int64) throws {
        try withKey { folder, key in
            let outcome: ProgramOutcome = try program.run(
                "token", "create", "--sub", "a", "--role", "operator", "--ttl", "\(seconds)", "--data=\(folder)")
            // The shortest may be over before it is looked at.
            let claims: TokenClaims = try verify(outcome.output, key, leeway: 600)
            #expect(claims.exp == claims.iat.map { $0 + seconds })
        }
    }

    @Test("a token that permits nothing is made with a note")
    func powerless() throws {
        try withKey { folder, key in
            let outcome: ProgramOutcome = try program.run("token", "create", "--sub", "nobody", "--data", folder)
            #expect(outcome.status == 0)
            #expect(outcome.errors.contains("permits nothing"))
            #expect(try verify(outcome.output, key).permissions.isEmpty)
        }
    }

    @Test("the data directory may come from the environment")
    func dataDirectoryOfEnvironment() throws {
        try withKey { folder, key in
            let named = CommandLineProgram(environment: ["MAOS_DATA": folder])
            #expect(try verify(named.run("token", "create", "--sub", "a").output, key).sub == "a")
            try FileManager.default.createDirectory(atPath: folder + "/maos", withIntermediateDirectories: false)
            try FileManager.default.copyItem(atPath: folder + "/jwt.key", toPath: folder + "/maos/jwt.key")
            let standard = CommandLineProgram(environment: ["XDG_DATA_HOME": folder])
            #expect(try verify(standard.run("token", "create", "--sub", "b").output, key).sub == "b")
        }
    }

    @Test("without a key it says where it looked and what makes one")
    func noKey() throws {
        let outcome: ProgramOutcome = try program.run("token", "create", "--sub", "a", "--data", "/nonexistent")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("/nonexistent/jwt.key"))
        #expect(outcome.errors.contains("maos-server makes it"))
    }

    @Test("a key that others may read is refused")
    func exposedKey() throws {
        try withKey { folder, _ in
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/jwt.key")
            let outcome: ProgramOutcome = try program.run("token", "create", "--sub", "a", "--data", folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("chmod 600"))
        }
    }

    @Test("rotating writes an administrator's token without an end, for its owner only")
    func rotate() throws {
        try withKey { folder, key in
            let path: String = folder + "/admin.token"
            try "old".write(toFile: path, atomically: true, encoding: .utf8)
            let outcome: ProgramOutcome = try program.run("token", "rotate", "--data", folder)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == path + "\n")
            let claims: TokenClaims = try verify(
                String(contentsOfFile: path, encoding: .utf8), key, allowsAdminWithoutExpiry: true)
            #expect(claims.sub == "admin")
            #expect(claims.exp == nil)
            #expect(claims.principal.permissions == .all)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        }
    }
}
