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
            ("{\n  \"retention\": 5\n}", ["retention", "5", "object", "line 2"]),
            (
                "{ \"pools\": {\n  \"builders\": { \"mni\": 1 } } }",
                ["pools.builders.mni", "did you mean \"pools.builders.min\"", "line 2"]
            ),
            ("{ \"pools\": {\n  \"builders\": 3 } }", ["pools.builders", "3", "object", "line 2"]),
            ("{ \"pools\": {\n  \"a b\": {} } }", ["pools", "\"a b\"", "letters", "line 2"]),
            (
                "{ \"pools\": { \"builders\": {\n  \"type\": \"cook\" } } }",
                ["pools.builders.type", "\"cook\"", "coder", "line 2"]
            ),
            (
                "{ \"pools\": { \"builders\": {\n  \"min\": 3,\n  \"max\": 2 } } }",
                ["pools.builders.min", "3", "2", "line 2"]
            ),
            (
                "{ \"pools\": { \"builders\": {\n  \"max\": 2,\n  \"target\": 3 } } }",
                ["pools.builders.target", "3", "line 3"]
            ),
            (
                "{ \"pools\": { \"builders\": { \"autoscaling\": {\n  \"targetUtilization\": 1.5 } } } }",
                ["pools.builders.autoscaling.targetUtilization", "1.5", "0 to 1", "line 2"]
            ),
            (
                "{ \"pools\": {\n  \"default\": { \"mxa\": 1 } } }",
                ["pools.default.mxa", "pools.default.max", "line 2"]
            ),
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

    @Test("--print-config shows the pools of the file and of the variable, each value with where it is from")
    func printsPools() throws {
        try withFolder { folder in
            let path: String = folder + "/maos.json"
            try "{ \"pools\": {\n  \"builders\": {\n  \"max\": 7 }, \"default\": { \"max\": 1 } } }".write(
                toFile: path, atomically: true, encoding: .utf8)
            let pools: String = "{\"builders\": {\"min\": 2}, \"testers\": {}}"
            let result = try run(
                ["--config", path, "--data", folder, "--print-config"], environment: ["MAOS_POOLS": pools])
            #expect(result.status == 0, "\(result.err)")
            let lines: [Substring] = result.out.split(separator: "\n")
            for (start, origin) in [
                ("pools.builders.max = 7 ", "maos.json, line 3"), ("pools.builders.min = 2 ", "MAOS_POOLS"),
                ("pools.builders.type = \"coder\" ", "default"), ("pools.default.max = 1 ", "maos.json, line 3"),
                ("pools.testers.idleSeconds = 60 ", "default"), ("pools.testers.name = \"testers\" ", "default"),
            ] {
                #expect(lines.contains { $0.hasPrefix(start) && $0.hasSuffix(origin) }, "\(start) in \(result.out)")
            }
            #expect(!result.out.contains("*"))
            let wrong = try run(["--data", folder, "--print-config"], environment: ["MAOS_POOLS": "[1]"])
            #expect(wrong.status == 1 && wrong.err.contains("MAOS_POOLS"), "\(wrong.err)")
        }
    }

    @Test("pools of the configuration are there, are adjusted by another one, and stay without one")
    func configuredPools() throws {
        func write(_ pools: JSONObject, to folder: String) throws {
            let text = "\(JSONText(.object(["pools": .object(pools)])))"
            try text.write(toFile: folder + "/maos.json", atomically: true, encoding: .utf8)
        }
        let server = try ServerProcess(configuration: [
            "pools": ["builders": ["min": 1, "max": 4, "target": 2, "type": "tester", "name": "Builders"]]
        ])
        func pool() throws -> JSONValue? { try server.client().call(.get, "/api/v1/agent-pools/builders").data }
        func agents() throws -> [JSONValue] { try pool()?["agents"]?.arrayValue ?? [] }
        try eventually("two testers") { try agents().count == 2 }
        let made: JSONValue = try #require(try pool())
        #expect(made["name"] == "Builders" && made["mode"] == "fixed" && made["configured"] == true)
        #expect(made["agentType"] == "tester" && made["capacity"]?["max"] == 4 && made["capacity"]?["target"] == 2)
        #expect(try server.client().call(.delete, "/api/v1/agent-pools/builders").status == 409)

        #expect(server.end(with: SIGTERM) == 0)
        try server.start()
        #expect(try pool()?["updatedAt"] == made["updatedAt"], "the same configuration changes nothing")

        #expect(server.end(with: SIGTERM) == 0)
        try write(["builders": ["min": 3, "max": 3, "type": "reviewer"]], to: server.directory)
        try server.start()
        try eventually("three reviewers") {
            try agents().count == 3 && agents().allSatisfy { $0["type"] == "reviewer" }
        }
        #expect(try pool()?["capacity"]?["min"] == 3 && pool()?["name"] == "builders")
        try eventually("a word about it in the log") { server.errorText.contains("adjusted a pool") }

        #expect(server.end(with: SIGTERM) == 0)
        try write([:], to: server.directory)
        try server.start()
        try eventually("a word about it in the log") {
            server.errorText.contains("no longer in the configuration") && server.errorText.contains("builders")
        }
        #expect(try pool()?["configured"] == false)
        try eventually("three reviewers still") { try agents().count == 3 }
        #expect(try server.client().call(.delete, "/api/v1/agent-pools/builders").status == 200)
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
