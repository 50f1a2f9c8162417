import Foundation
import MAOSCore
import Testing

/// `maos-cli` against a real server.
@Suite("The command line with a server")
struct CommandLineServerTests {
    private func program(_ server: ServerProcess) -> CommandLineProgram {
        CommandLineProgram(beside: server)
    }

    /// Creates a task that runs a line of shell; returns its id.
    private func create(_ program: CommandLineProgram, _ line: String, _ flags: String...) throws -> String {
        let outcome: ProgramOutcome = try program.run(["task", "create", "code", "a test", "--shell", line] + flags)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    @Test("a task that is waited for gives its output, byte streams apart, and 0")
    func waitForSuccess() throws {
        let server = try ServerProcess()
        let outcome: ProgramOutcome = try program(server).run(
            "task", "create", "code", "x", "--wait", "--env", "NAME=world", "--shell",
            "echo hello $NAME; echo ::maos progress=0.5 step=half; echo careful >&2; printf end")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "hello world\nend")
        #expect(outcome.errors.contains("careful\n"))
        #expect(outcome.errors.contains("completed  100%"))
    }

    @Test("a task that fails while it is waited for gives 1, and the reason")
    func waitForFailure() throws {
        let server = try ServerProcess()
        let outcome: ProgramOutcome = try program(server).run(
            "task", "create", "code", "x", "--wait", "--", "/bin/sh", "-c", "exit 3")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("exited with code 3"), "\(outcome.errors)")
        let json: ProgramOutcome = try program(server).run(
            "task", "create", "code", "x", "--wait", "--json", "--", "/nonexistent/program")
        #expect(json.status == 1)
        #expect(json.json?["status"] == "failed")
        #expect(json.errors.isEmpty)
    }

    @Test("who may only read and create tasks can wait for one, too")
    func waitWithoutEvents() throws {
        let server = try ServerProcess()
        let token: ProgramOutcome = try program(server).run(
            "token", "create", "--sub", "bob", "--permission", "tasks:create", "--permission", "tasks:read")
        var limited: CommandLineProgram = program(server)
        limited.environment["MAOS_TOKEN"] = token.output.trimmingCharacters(in: .newlines)
        let outcome: ProgramOutcome = try limited.run("task", "create", "code", "x", "--wait", "--", "echo", "hello")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "hello\n")
        let refused: ProgramOutcome = try limited.run("agent", "spawn", "coder")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("agents:create"), "\(refused.errors)")
    }

    @Test("metrics tell what has been done, as tables and as JSON")
    func metrics() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        #expect(try program.run("task", "create", "code", "x", "--wait", "--shell", "true").status == 0)
        let json: ProgramOutcome = try program.run("metrics", "orchestration", "--json")
        let ended: JSONValue? = json.json?["metrics"]?.arrayValue?.first {
            $0["name"] == "maos_tasks_ended_total" && $0["labels"]?["status"] == "completed"
        }
        #expect(ended?["value"] == 1 && ended?["type"] == "counter", "\(json.output)")
        let table: ProgramOutcome = try program.run("metrics", "journal", "--since", "5m")
        #expect(table.status == 0 && table.output.contains("maos_journal_commit_seconds"), "\(table.errors)")
        let performance: ProgramOutcome = try program.run("metrics", "communication", "--performance")
        #expect(performance.status == 0 && performance.output.contains("responseTime"), "\(performance.errors)")
        #expect(try program.run("metrics", "--performance").status == 2)
        #expect(try program.run("metrics", "engine").status == 2)
    }

    @Test("a real process reports its cost, which its task and its project show, and a ceiling stops it")
    func budgets() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let set: ProgramOutcome = try program.run("budget", "set", "apollo", "--max-cost", "0.50")
        #expect(set.status == 0 && set.output.contains("0 of 0.5"), "\(set.errors)")
        let paid: ProgramOutcome = try program.run(
            "task", "create", "code", "x", "--project", "apollo", "--wait", "--shell",
            "echo ::maos cost=0.2 tokens=12; echo ::maos cost=0.05")
        #expect(paid.status == 0, "\(paid.errors)")
        let shown: ProgramOutcome = try program.run("budget", "get", "apollo", "--json")
        #expect(shown.json?["settled"]?["cost"] == 0.25 && shown.json?["settled"]?["tokens"] == 12, "\(shown.output)")
        let limited: ProgramOutcome = try program.run(
            "task", "create", "code", "x", "--project", "apollo", "--max-cost", "0.1", "--wait", "--shell",
            "while :; do echo ::maos cost=0.03; sleep 0.2; done")
        #expect(limited.status == 1 && limited.errors.contains("ceiling of a cost of 0.1"), "\(limited.errors)")
        let list: ProgramOutcome = try program.run("budget", "list")
        #expect(list.output.contains("apollo") && list.output.contains("of 0.5"), "\(list.output)")
        let closed: ProgramOutcome = try program.run("budget", "delete", "apollo")
        #expect(closed.status == 0 && closed.output.contains("apollo  closed"), "\(closed.errors)")
        #expect(try program.run("budget", "get", "apollo").status == 1)
        #expect(try program.run("budget", "delete", "apollo").status == 1)
        #expect(try program.run("budget", "get", "gemini").status == 1)
        #expect(try program.run("budget", "set", "apollo", "--max-cost", "much").status == 2)
    }

    @Test("dead letters are listed, explained, requeued edited, and discarded")
    func deadLetters() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        for _ in 0..<3 {
            #expect(try program.run("task", "create", "code", "x", "--wait", "--shell", "exit 4").status == 1)
        }
        let list: ProgramOutcome = try program.run("dead-letter", "list", "--json")
        let ids: [String] = list.json?["deadLetters"]?.arrayValue?.compactMap { $0["taskId"]?.stringValue } ?? []
        try #require(ids.count == 3, "\(list.errors)")
        #expect(try program.run("dead-letter", "list").output.contains("exited with code 4"))
        let shown: ProgramOutcome = try program.run("dead-letter", "get", ids[0])
        #expect(shown.status == 0 && shown.output.contains("ATTEMPT"), "\(shown.output)")
        let file: String = server.directory + "/edit.json"
        try #"{"context":{"command":"true"}}"#.write(toFile: file, atomically: true, encoding: .utf8)
        let edited: ProgramOutcome = try program.run("dead-letter", "requeue", ids[0], "--body", file)
        #expect(edited.status == 0, "\(edited.errors)")
        let fresh: String = edited.output.trimmingCharacters(in: .newlines)
        #expect(fresh != ids[0])
        #expect(try program.run("task", "watch", fresh).status == 0)
        let again: ProgramOutcome = try program.run("dead-letter", "discard", ids[0], ids[1])
        #expect(again.status == 1 && again.output == "\(ids[1])  discarded\n", "\(again.errors)")
        #expect(again.errors.contains("no dead letter"))
        let rest: ProgramOutcome = try program.run("dead-letter", "discard", "--all", "--type", "code")
        #expect(rest.status == 0 && rest.output == "\(ids[2])  discarded\n", "\(rest.errors)")
        #expect(try program.run("dead-letter", "requeue").status == 2)
        #expect(try program.run("dead-letter", "requeue", "--all", ids[0]).status == 2)
    }

    @Test("on a terminal the output stands above a line that is drawn in place")
    func waitOnTerminal() throws {
        let server = try ServerProcess()
        let outcome: ProgramOutcome = try program(server).runOnTerminal(
            "task", "create", "code", "x", "--wait", "--shell", "echo hello; sleep 0.3; printf bye")
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("hello\n"))
        #expect(outcome.output.contains("bye\n"))
        #expect(outcome.output.contains("\u{1B}[?25l"))
        #expect(outcome.output.contains("✓"))
        // The cursor is given back at the end.
        let show: String.Index? = outcome.output.ranges(of: "\u{1B}[?25h").last?.lowerBound
        let hide: String.Index? = outcome.output.ranges(of: "\u{1B}[?25l").last?.lowerBound
        #expect(try #require(show) > #require(hide))
    }

    @Test("a task's life: created, listed, shown, read")
    func lifeOfATask() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let id: String = try create(
            program, "echo one; echo two >&2; echo '{\"answer\": 42}' > $MAOS_RESULT_FILE", "--priority", "high")
        let watched: ProgramOutcome = try program.run("task", "watch", id)
        #expect(watched.status == 0, "\(watched.errors)")
        #expect(watched.outputLines.last?.contains("completed  100%") == true, "\(watched.output)")

        let shown: ProgramOutcome = try program.run("task", "get", id)
        for text: String in [id, "a test", "completed", "high", "\"answer\": 42", "took"] {
            #expect(shown.output.contains(text), "\(shown.output)")
        }
        #expect(try program.run("task", "get", id, "--json").json?["result"]?["answer"] == 42)
        #expect(try program.run("task", "list", "--status", "completed").output.contains(id))
        #expect(try program.run("task", "list", "--status", "failed").output.isEmpty)

        let logs: ProgramOutcome = try program.run("task", "logs", id)
        #expect(logs.outputLines.sorted() == ["one", "two"])
        #expect(try program.run("task", "logs", "-f", id).outputLines.sorted() == ["one", "two"])
        #expect(try program.run("task", "logs", "--stream", "stderr", id).output == "two\n")
        let stamped: ProgramOutcome = try program.run("task", "logs", "--timestamps", "--stream", "stdout", id)
        #expect(stamped.output.wholeMatch(of: /[0-9-]{10}T[0-9:.]{12}Z one\n/) != nil, "\(stamped.output)")
        let json: ProgramOutcome = try program.run("task", "logs", "--json", id)
        #expect(json.outputLines.allSatisfy { (try? JSONReader.parse($0, depthLimit: 8))?["data"] != nil })

        let again: ProgramOutcome = try program.run("task", "cancel", id)
        #expect(again.status == 1)
        #expect(again.errors.contains("RESOURCE_CONFLICT"), "\(again.errors)")
    }

    @Test("logs are the bytes that were written")
    func rawLogs() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let id: String = try create(program, "printf '\\377\\000\\n\\303\\244x'", "--wait", "--json")
        let task: JSONValue = try JSONReader.parse(id, depthLimit: 64)
        let process: Process = program.make(["task", "logs", try #require(task["id"]?.stringValue)])
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let bytes: Data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect([UInt8](bytes) == [0xFF, 0x00, 0x0A, 0xC3, 0xA4, 0x78])
    }

    @Test("a task's course can be changed: priority, pause, resume, cancel, retry")
    func changes() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let first: String = try create(program, "sleep 60")
        let second: String = try create(program, "echo done", "--depends-on", first)
        #expect(try program.run("task", "waiting", second).output.contains("dependencies"))
        #expect(try program.run("task", "get", second).output.contains("waits for: "))
        #expect(
            try program.run("task", "priority", second, "critical", "--reason", "now").output == "\(second)  critical\n"
        )
        #expect(try program.run("task", "pause", second).output == "\(second)  paused\n")
        #expect(try program.run("task", "get", second, "--json").json?["coreStatus"] == "paused")
        #expect(try program.run("task", "resume", second).output == "\(second)  resumed\n")
        try eventually("the task runs") {
            try program.run("task", "get", first, "--json").json?["coreStatus"] == "running"
        }
        #expect(try program.run("task", "cancel", first).output == "\(first)  cancelled\n")
        let watched: ProgramOutcome = try program.run("task", "watch", first, second, "--json")
        #expect(watched.status == 1)
        let last: JSONValue? = watched.outputLines.last.flatMap { try? JSONReader.parse($0, depthLimit: 8) }
        #expect(last?["status"] == "cancelled")
        #expect(try program.run("task", "retry", first).output.contains("queued again"))
        #expect(try program.run("task", "cancel", first).status == 0)
    }

    @Test("agents are spawned, shown, paused and ended")
    func agents() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let spawned: ProgramOutcome = try program.run(
            "agent", "spawn", "reviewer", "--name", "barbara", "--capability", "swift", "--max-tasks", "3")
        #expect(spawned.status == 0, "\(spawned.errors)")
        let id: String = spawned.output.trimmingCharacters(in: .newlines)
        let list: ProgramOutcome = try program.run("agent", "list", "--type", "reviewer")
        #expect(list.output.contains(id) && list.output.contains("barbara") && list.output.contains("swift"))
        #expect(try program.run("agent", "get", id).output.contains("barbara"))
        #expect(try program.run("agent", "get", id, "--json").json?["configuration"]?["maxConcurrentTasks"] == 3)
        #expect(try program.run("agent", "pause", id).output == "\(id)  paused\n")
        #expect(try program.run("agent", "resume", id).output == "\(id)  resumed\n")
        #expect(try program.run("agent", "terminate", id).status == 0)
        #expect(try program.run("agent", "list", "--status", "active").output.contains(id) == false)
        let unknown: ProgramOutcome = try program.run("agent", "get", "nobody")
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("agent list shows the agents there are"))
    }

    @Test("events have sequence numbers without gaps, and can be read from any of them")
    func events() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        for _ in 0..<3 { #expect(try program.run("task", "create", "code", "x", "--wait", "--", "true").status == 0) }
        let all: [JSONValue] = try program.run("events", "--since", "1", "--limit", "1000", "--json").outputLines.map {
            try JSONReader.parse($0, depthLimit: 64)
        }
        let sequences: [Int] = all.compactMap { $0["sequence"]?.intValue }
        #expect(sequences == Array(1...all.count))
        #expect(all.count > 12)
        let cut: Process = program.make(["events", "--limit", "1000"])
        let closed = Pipe()
        try closed.fileHandleForReading.close()
        cut.standardOutput = closed
        cut.standardError = closed
        try cut.run()
        cut.waitUntilExit()
        #expect(cut.terminationReason == .uncaughtSignal || cut.terminationStatus == 1)
        let newest: ProgramOutcome = try program.run("events", "--limit", "2", "--json")
        #expect(newest.outputLines.count == 2)
        let completed: ProgramOutcome = try program.run("events", "--types", "task_completed")
        #expect(completed.outputLines.count == 3, "\(completed.output)")
        let followed: ProgramOutcome = try program.run(
            "events", "--follow", "--since", "2", "--limit", "3", "--json")
        #expect(
            try followed.outputLines.map { try JSONReader.parse($0, depthLimit: 64)["sequence"]?.intValue } == [
                2, 3, 4,
            ])
    }

    @Test("a healthy server is said to be")
    func health() throws {
        let server = try ServerProcess()
        let outcome: ProgramOutcome = try program(server).run("health")
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("healthy"), "\(outcome.output)")
        #expect(try program(server).run("health", "--json").json?["overall"] == "healthy")
    }

    @Test("Ctrl-C ends the waiting, not the task")
    func interrupted() throws {
        let server = try ServerProcess()
        let program: CommandLineProgram = program(server)
        let process: Process = program.make([
            "task", "create", "code", "x", "--wait", "--shell", "echo begun; sleep 60",
        ])
        let (output, errors) = (LineBuffer(), LineBuffer())
        process.standardOutput = output.pipe()
        process.standardError = errors.pipe()
        try process.run()
        #expect(output.wait(seconds: 20) { $0.contains("begun") })
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(process.terminationStatus == SIGINT)
        #expect(errors.wait(seconds: 5) { $0.contains { $0.contains("the task goes on") } })
        let running: ProgramOutcome = try program.run("task", "list", "--status", "running", "--json")
        let id: String = try #require(running.json?["tasks"]?[0]?["id"]?.stringValue)
        #expect(try program.run("task", "cancel", id).status == 0)
    }

    @Test("a watch goes on when the server was killed and started again")
    func survivesARestart() throws {
        let port: UInt16 = try FreePort.find()
        let server = try ServerProcess(
            arguments: ["--limits", "off", "--listen", "127.0.0.1:\(port)=gateway"])
        let program: CommandLineProgram = program(server)
        let id: String = try create(program, "sleep 0.5; echo done")
        let process: Process = program.make(["task", "watch", id])
        let (output, errors) = (LineBuffer(), LineBuffer())
        process.standardOutput = output.pipe()
        process.standardError = errors.pipe()
        try process.run()
        #expect(output.wait(seconds: 20) { $0.contains { $0.contains("running") } })
        server.end(with: SIGKILL)
        #expect(output.wait(seconds: 20) { $0.contains { $0.contains("trying again") } })
        try server.start()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(output.lines) \(errors.lines)")
        #expect(output.wait(seconds: 5) { $0.last?.contains("completed") == true }, "\(output.lines)")
    }
}

/// Ports that nobody has.
enum FreePort {
    /// A port that was free a moment ago.
    static func find() throws -> UInt16 {
        let number: CInt = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound: Bool = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { form in
                bind(number, form, length) == 0 && getsockname(number, form, &length) == 0
            }
        }
        guard isBound else { throw HarnessError("no free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
