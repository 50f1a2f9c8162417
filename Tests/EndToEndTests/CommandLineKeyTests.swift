import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// API keys, which `maos-cli` makes without a server.
@Suite("The command line: keys")
struct CommandLineKeyTests {
    private let program = CommandLineProgram()

    private func withData(_ body: (String) throws -> Void) throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try TokenKey.loadOrCreate(folder + "/jwt.key")
        try body(folder)
    }

    @Test("a key is shown once, listed without its secret, and revoked")
    func life() throws {
        try withData { (folder: String) throws in
            let made: ProgramOutcome = try program.run(
                "key", "create", "--data", folder, "--name", "wall", "--scope", "read", "--ttl", "60")
            #expect(made.status == 0, "\(made.errors)")
            let key: String = made.output.trimmingCharacters(in: .newlines)
            #expect(key.hasPrefix("sk-"))
            let id = String(try #require(key.split(separator: "-").dropFirst().first))
            let kept: APIKey = try #require(try APIKeyFile.read(APIKeyFile.path(in: folder)).first)
            #expect(kept.id == id)
            #expect(kept.scopes == [.read])
            #expect(kept.expires == kept.created + .seconds(60))
            let listed: String = try program.run("key", "list", "--data", folder).output
            #expect(listed.contains(id) && listed.contains("wall") && listed.contains("valid"))
            #expect(!listed.contains(key))
            let revoked: ProgramOutcome = try program.run("key", "revoke", id, "--data", folder)
            #expect(revoked.status == 0)
            #expect(try program.run("key", "list", "--data", folder).output.contains("revoked"))
        }
    }

    @Test("keys that are made and revoked at the same time are all kept, or all revoked")
    func together() throws {
        try withData { (folder: String) throws in
            func runAll(_ all: [[String]]) throws {
                let processes: [Process] = all.map { program.make(["key"] + $0 + ["--data", folder]) }
                for process: Process in processes {
                    process.standardOutput = FileHandle.nullDevice
                    process.standardError = FileHandle.nullDevice
                    try process.run()
                }
                for process: Process in processes {
                    process.waitUntilExit()
                    #expect(process.terminationStatus == 0)
                }
            }
            try runAll((0..<12).map { ["create", "--name", "key-\($0)"] })
            let made: [APIKey] = try APIKeyFile.read(APIKeyFile.path(in: folder))
            #expect(Set(made.map(\.name)) == Set((0..<12).map { "key-\($0)" }))
            try runAll(made.map { ["revoke", $0.id] })
            #expect(try APIKeyFile.read(APIKeyFile.path(in: folder)).allSatisfy { $0.revoked != nil })
        }
    }

    @Test("what cannot be done is said with the right code")
    func refusals() throws {
        try withData { (folder: String) throws in
            #expect(try program.run("key", "create", "--data", folder).status == 2)
            #expect(try program.run("key", "create", "--name", "x", "--scope", "all", "--data", folder).status == 2)
            #expect(try program.run("key", "revoke", "none", "--data", folder).status == 1)
            #expect(try program.run("key", "list", "--data", folder + "/missing").status == 1)
            #expect(try program.run("key", "list", "--data", folder).output.isEmpty)
        }
    }
}
