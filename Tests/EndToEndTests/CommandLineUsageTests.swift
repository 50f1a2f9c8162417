import Foundation
import MAOSCore
import Testing

/// How `maos-cli` reads its command line, and what it says of itself.
@Suite("The command line: usage and help")
struct CommandLineUsageTests {
    private let program = CommandLineProgram()

    @Test(
        "wrong usage ends with 2 and says what was meant",
        arguments: [
            (["taks", "list"], "did you mean task?"),
            (["task", "lits"], "did you mean list?"),
            (["task", "create", "code", "x", "--prority", "high"], "did you mean --priority?"),
            (["task", "create", "code", "x", "--priority", "hihg"], "did you mean high?"),
            (["task", "create", "code"], "DESCRIPTION is missing"),
            (["task", "create", "code", "say", "hello"], "nobody asked for \"hello\""),
            (["task", "create", "code", "x", "--shell", "true", "--", "true"], "either --shell or a command"),
            (["task", "create", "code", "x", "--timeout", "soon"], "30s, 5m or 2h"),
            (["task", "create", "code", "x", "--timeout", "1ms"], "a time from 1s to 24h"),
            (["task", "create", "code", "x", "--deadline", "tomorrow"], "2030-01-31T12:00:00Z"),
            (["task", "create", "code", "x", "--env", "A"], "NAME=VALUE"),
            (["task", "create", "code", "x", "--retry", "many"], "a whole number from 0 to 99"),
            (["task", "create", "--body", "/nonexistent/file"], "cannot read /nonexistent/file"),
            (["task", "create", "--body", "-", "--priority", "low"], "--priority cannot be added"),
            (["task", "get"], "ID is missing"),
            (["task", "get", "a", "b"], "nobody asked for \"b\""),
            (["task", "list", "--limit", "0"], "a whole number from 1 to 1000"),
            (["task", "list", "--json=yes"], "--json takes no value"),
            (["task", "list", "--limit", "5", "--limit", "6"], "given twice"),
            (["task", "list", "--limit"], "--limit needs a value"),
            (["task"], "task needs a command"),
            (["events", "--since", "-1"], "a whole number from 0"),
            (["token", "create"], "--sub NAME is missing"),
            (["token", "create", "--sub", "a", "--role", "operatr"], "did you mean operator?"),
            (["token", "create", "--sub", "a", "--permission", "task:create"], "did you mean tasks:create?"),
            (["token", "create", "--sub", "a", "--ttl", "31536001"], "from 1 to 31536000"),
            (["completion", "tcsh"], "one of bash, zsh, fish"),
            (["help", "tusk"], "did you mean task?"),
            (["health", "--url", "localhost:7400"], "did you mean http://localhost:7400?"),
            (["health", "--url", "https://localhost"], "TLS"),
            (["health", "--token", "a b"], "characters that no token has"),
        ])
    func wrongUsage(arguments: [String], expected: String) throws {
        let outcome: ProgramOutcome = try program.run(arguments)
        #expect(outcome.status == 2, "\(arguments)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("maos-cli: error: "), "\(outcome.errors)")
        #expect(outcome.errors.contains(expected), "\(arguments): \(outcome.errors)")
    }

    @Test("without arguments it shows help on standard error and ends with 2")
    func noArguments() throws {
        let outcome: ProgramOutcome = try program.run()
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("task create"))
        #expect(outcome.output.isEmpty)
    }

    @Test("every command of the overview explains itself, with examples")
    func helpOfEveryCommand() throws {
        let overview: ProgramOutcome = try program.run("help")
        #expect(overview.status == 0)
        let names: [String] = overview.outputLines.filter { $0.hasPrefix("  ") }.compactMap { line in
            let name: Substring? = line.dropFirst(2).firstRange(of: "  ").map { line.dropFirst(2)[..<$0.lowerBound] }
            return name.map(String.init)
        }
        #expect(names.count > 25)
        for name: String in names {
            let help: ProgramOutcome = try program.run(name.split(separator: " ").map(String.init) + ["--help"])
            #expect(help.status == 0, "\(name)")
            #expect(help.output.contains("usage: maos-cli \(name)"), "\(name)")
            #expect(help.output.contains("examples\n"), "\(name)")
            #expect(try program.run(["help"] + name.split(separator: " ").map(String.init)).output == help.output)
            #expect(!help.outputLines.contains { $0.count > 100 && !$0.contains("maos-cli") }, "\(name)")
        }
    }

    @Test("the version is printed")
    func version() throws {
        let outcome: ProgramOutcome = try program.run("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("maos-cli "))
    }

    @Test("Docs/CLI.md is what help --all prints")
    func referenceIsCurrent() throws {
        let path: URL = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Docs/CLI.md").standardized
        let printed: String = try program.run("help", "--all").output
        if ProcessInfo.processInfo.environment["MAOS_RECORD"] != nil {
            try printed.write(to: path, atomically: true, encoding: .utf8)
        }
        let written: String = try String(contentsOf: path, encoding: .utf8)
        #expect(written == printed, "run: maos-cli help --all > Docs/CLI.md")
        #expect(ProcessInfo.processInfo.environment["MAOS_RECORD"] == nil, "recorded")
    }

    @Test("a shell accepts its completion", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) throws {
        let outcome: ProgramOutcome = try program.run("completion", shell)
        #expect(outcome.status == 0)
        for word: String in ["create", "--priority", "spawn", "events", "agent-script"] {
            #expect(outcome.output.contains(shell == "fish" ? word.trimmingPrefix("--") : word[...]), "\(word)")
        }
    }

    @Test(
        "bash completes commands, flags and their values",
        arguments: [
            (["maos-cli", "ta"], "task"), (["maos-cli", "task", "cre"], "create"),
            (["maos-cli", "task", "create", "--prio"], "--priority"),
            (["maos-cli", "task", "create", "--priority", "cr"], "critical"),
            (["maos-cli", "--url", "http://x", "agent", "sp"], "spawn"),
            (["maos-cli", "agent", "spawn", "rev"], "reviewer"),
            (["maos-cli", "token", "create", "--role", "op"], "operator"), (["maos-cli", "completion", "f"], "fish"),
        ])
    func bashCompletes(words: [String], expected: String) throws {
        let script: String = try program.run("completion", "bash").output
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        let list: String = words.map { "'\($0)'" }.joined(separator: " ")
        process.arguments = [
            "-c",
            "\(script)\nCOMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1); _maos_cli; printf '%s\\n' \"${COMPREPLY[@]}\"",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(text.split(separator: "\n").map(String.init) == [expected])
    }

    @Test("a script plays an agent, and its exit code is the script's")
    func agentScript() throws {
        let outcome: ProgramOutcome = try program.run(
            "agent-script", "-", input: "say hello\nprogress 0.5 half\nwarn careful\nexit 7\n")
        #expect(outcome.status == 7)
        #expect(outcome.output == "hello\n::maos progress=0.5 step=half\n")
        #expect(outcome.errors == "careful\n")
        let broken: ProgramOutcome = try program.run("agent-script", "-", input: "say hello\nsmile\n")
        #expect(broken.status == 2)
        #expect(broken.errors.contains("line 2: unknown statement \"smile\""))
    }
}
