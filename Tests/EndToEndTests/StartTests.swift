import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// How the server starts, refuses to start, and stops.
@Suite("Starting and stopping the server")
struct StartTests {
    /// Runs the server with arguments that make it end by itself.
    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        status: CInt, out: String, err: String
    ) {
        let process = Process()
        process.executableURL = Products.url(of: "maos-server")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        try process.run()
        let output: Data = out.fileHandleForReading.readDataToEndOfFile()
        let errors: Data = err.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: output, as: UTF8.self), String(decoding: errors, as: UTF8.self)
        )
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("SIGTERM and SIGINT end it with 0", arguments: [SIGTERM, SIGINT])
    func stopsCleanly(signal: CInt) throws {
        let server = try ServerProcess()
        #expect(server.end(with: signal) == 0)
    }

    @Test("it says where it listens, then that it is ready")
    func announcesItself() throws {
        let server = try ServerProcess()
        #expect(server.outputLines == ["listening 127.0.0.1:\(server.port) gateway", "ready"])
    }

    @Test("its data directory, key and token are for its owner only")
    func filesArePrivate() throws {
        let server = try ServerProcess()
        for (path, mode) in [("", 0o700), ("/jwt.key", 0o600), ("/admin.token", 0o600)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: server.directory + path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode, "\(path)")
        }
    }

    @Test("a second server on the same data says so and ends with 1")
    func lockedDirectory() throws {
        let server = try ServerProcess()
        let second = try run(["--data", server.directory, "--listen", "127.0.0.1:0=gateway"])
        #expect(second.status == 1)
        #expect(second.err.contains("another"), "\(second.err)")
        #expect(try server.client().call(.get, "/api/v1/health").status == 200)
    }

    @Test("a file that is no database is refused and left as it is")
    func corruptDatabase() throws {
        try withFolder { folder in
            let junk = Data(repeating: 0x5A, count: 8_192)
            try junk.write(to: URL(fileURLWithPath: folder + "/maos.db"))
            let result = try run(["--data", folder, "--listen", "127.0.0.1:0=gateway"])
            #expect(result.status == 1)
            #expect(result.err.split(separator: "\n").count == 1, "\(result.err)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/maos.db")) == junk)
        }
    }

    @Test(
        "a database that was cut, damaged inside, or made by a newer version is refused and left as it is",
        arguments: ["cut", "damaged", "newer"])
    func unusableDatabase(_ mishap: String) async throws {
        let server = try ServerProcess()
        for _ in 0..<20 { _ = try await server.client().run(["/bin/true"]) }
        #expect(server.end(with: SIGTERM) == 0)
        let file = URL(fileURLWithPath: server.directory + "/maos.db")
        var bytes = try Data(contentsOf: file)
        switch mishap {
        case "cut": bytes = bytes.prefix(6_000)
        case "damaged":
            bytes.replaceSubrange(
                4_096..<(bytes.count - 4_096), with: Data(repeating: 0xA5, count: bytes.count - 8_192))
        // Where SQLite keeps the version that is ours to set.
        default: bytes.replaceSubrange(60..<64, with: [0, 0, 3, 231])
        }
        try bytes.write(to: file)
        let result = try run(["--data", server.directory, "--listen", "127.0.0.1:0=gateway"])
        #expect(result.status == 1 && result.out.isEmpty)
        #expect(result.err.split(separator: "\n").count == 1, "\(result.err)")
        #expect(result.err.contains(mishap == "newer" ? "999" : "damaged"), "\(result.err)")
        #expect(try Data(contentsOf: file) == bytes)
    }

    @Test("a key that is too short is refused, a lost token is made again")
    func keys() throws {
        let server = try ServerProcess()
        let key = URL(fileURLWithPath: server.directory + "/jwt.key")
        let before = try Data(contentsOf: key)
        #expect(server.end(with: SIGTERM) == 0)
        try FileManager.default.removeItem(atPath: server.directory + "/admin.token")
        try server.start()
        #expect(try server.client().call(.get, "/api/v1/tasks").status == 200)
        #expect(try Data(contentsOf: key) == before)
        #expect(server.end(with: SIGTERM) == 0)
        try Data("short".utf8).write(to: URL(fileURLWithPath: server.directory + "/jwt.key"))
        let result = try run(["--data", server.directory, "--listen", "127.0.0.1:0=gateway"])
        #expect(result.status == 1 && result.err.contains("jwt.key"), "\(result.err)")
    }

    @Test(
        "a data directory that cannot be made is named",
        arguments: ["/proc/maos/data", "/dev/null/maos", "/etc/hostname", "/sys/maos"])
    func impossibleDirectory(path: String) throws {
        let result = try run(["--data", path, "--listen", "127.0.0.1:0=gateway"])
        #expect(result.status == 1 && result.err.contains(path), "\(result.err)")
        #expect(result.err.split(separator: "\n").count == 1, "\(result.err)")
    }

    @Test("a data directory may be named from where the server starts")
    func relativeDirectory() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let here: String = FileManager.default.currentDirectoryPath
        let steps: String = here.split(separator: "/").map { _ in "../" }.joined()
        let server = try ServerProcess(directory: ".//" + steps + folder.dropFirst() + "/relative")
        let client: APIClient = try server.client()
        let agent: String = try client.spawnAgent([
            "type": "coder", "capabilities": ["here"], "configuration": ["workspace": "w"],
        ])
        let ended: JSONValue = try await client.run(
            "pwd; cat $MAOS_TASK_FILE >/dev/null", ["requirements": [["type": "capability", "name": "here"]]])
        #expect(ended["result"]?["stdout"]?.text.hasSuffix("/relative/workspaces/w\n") == true, "\(ended)")
        #expect(try client.agent(agent)["configuration"]?["workspace"]?.text.hasPrefix("/") == true)
        #expect(server.end(with: SIGTERM) == 0)
    }

    @Test("a port that is taken is named")
    func portTaken() throws {
        let server = try ServerProcess()
        try withFolder { folder in
            let result = try run(["--data", folder, "--listen", "127.0.0.1:\(server.port)=gateway"])
            #expect(result.status == 1)
            #expect(result.err.contains("\(server.port)"), "\(result.err)")
        }
    }

    @Test(
        "wrong usage ends with 2 and says what was meant",
        arguments: [
            (["--nonsense"], "--nonsense"), (["--dat", "x"], "--data"), (["--listen", "nowhere"], "ADDR:PORT"),
            (["--listen", "127.0.0.1:0=kitchen"], "kitchen"), (["--auth", "maybe"], "required"), (["--data"], "--data"),
            (["--log-level", "loud"], "debug"),
        ])
    func wrongUsage(arguments: [String], mentions: String) throws {
        let result = try run(arguments)
        #expect(result.status == 2)
        #expect(result.err.contains(mentions), "\(result.err)")
        #expect(result.out.isEmpty)
    }

    @Test(
        "a bad configuration file ends with 1 and names key, value and line",
        arguments: [
            ("{\n  \"logLevle\": \"info\"\n}", ["logLevle", "logLevel", "line 2"]),
            ("{\n\n  \"drainSeconds\": \"soon\"\n}", ["drainSeconds", "\"soon\"", "line 3"]),
            ("{\n  \"retention\": {\n    \"eventsDays\": 0\n  }\n}", ["retention.eventsDays", "0", "line 3"]),
            ("{ nonsense", ["no valid JSON"]),
            (
                "{\n  \"runners\": { \"coder\": { \"command\": [\"run\", 7] } }\n}",
                ["runners", "coder.command", "line 2"]
            ),
            ("{\n  \"limits\": { \"gateway\": { \"capacty\": 5 } }\n}", ["capacty", "capacity", "line 2"]),
            ("[]", ["line 1", "object"]),
        ])
    func badConfiguration(text: String, mentions: [String]) throws {
        try withFolder { folder in
            let path: String = folder + "/maos.json"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let result = try run(["--config", path, "--data", folder])
            #expect(result.status == 1)
            for word: String in mentions { #expect(result.err.contains(word), "\(result.err)") }
        }
    }

    @Test("--print-config shows each value with where it is from")
    func printsConfiguration() throws {
        try withFolder { folder in
            let path: String = folder + "/maos.json"
            try "{\n  \"drainSeconds\": 3\n}".write(toFile: path, atomically: true, encoding: .utf8)
            let result = try run(
                ["--config", path, "--data", folder, "--print-config"], environment: ["MAOS_LOG_LEVEL": "warn"])
            #expect(result.status == 0)
            let lines: [Substring] = result.out.split(separator: "\n")
            #expect(lines.contains { $0.hasPrefix("drainSeconds = 3 ") && $0.contains("maos.json, line 2") })
            #expect(lines.contains { $0.hasPrefix("logLevel = \"warn\" ") && $0.contains("MAOS_LOG_LEVEL") })
            #expect(lines.contains { $0.hasPrefix("data = ") && $0.contains("--data") })
            #expect(lines.contains { $0.hasPrefix("jwt.leewaySeconds = 0 ") && $0.contains("default") })
        }
    }

    @Test("--auth local does not go with an address that is not loopback")
    func localIsForLoopback() throws {
        try withFolder { folder in
            let result = try run(["--data", folder, "--auth", "local", "--listen", "0.0.0.0:0=gateway"])
            #expect(result.status == 1)
            #expect(result.err.contains("0.0.0.0"), "\(result.err)")
        }
    }

    @Test("--help and --version answer on standard output")
    func help() throws {
        let help = try run(["--help"])
        #expect(help.status == 0 && help.out.contains("--listen") && help.out.contains("MAOS_DRAIN_SECONDS"))
        let version = try run(["--version"])
        #expect(version.status == 0 && version.out.hasPrefix("maos-server "))
    }

    @Test("--auth local gives loopback callers the administrator")
    func localAuthentication() throws {
        let server = try ServerProcess(arguments: ["--auth", "local", "--limits", "off"])
        let reply: APIReply = try APIClient(url: server.baseURL, token: nil).call(.get, "/api/v1/tasks")
        #expect(reply.status == 200)
    }

    @Test("localhost answers on both loopback addresses with one port (X-11)")
    func localhostIsBoth() throws {
        let server = try ServerProcess(arguments: ["--limits", "off", "--listen", "localhost:0=gateway"])
        #expect(server.outputLines.first == "listening localhost:\(server.port) gateway")
        for host in ["127.0.0.1", "[::1]"] {
            let client = try APIClient(url: "http://\(host):\(server.port)", token: server.adminToken())
            #expect(try client.call(.get, "/api/v1/health").status == 200, "\(host)")
        }
    }
}
