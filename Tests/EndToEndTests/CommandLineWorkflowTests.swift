import Foundation
import MAOSCore
import Testing

/// `maos-cli workflow`, `execution` and `approval` against a real server.
@Suite("The command line with workflows")
struct CommandLineWorkflowTests {
    private let server: ServerProcess
    private let program: CommandLineProgram

    init() throws {
        server = try ServerProcess()
        program = CommandLineProgram(beside: server)
    }

    private func run(_ words: String...) throws -> ProgramOutcome { try program.run(words) }

    /// Writes a workflow to a file; returns its path.
    private func file(_ json: String) throws -> String {
        let path: String = server.directory + "/workflow.json"
        try json.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test("a file is applied, changed, executed, listed and deleted")
    func life() throws {
        let first: String = try file(
            #"{"name":"Say It!","steps":[{"id":"say","type":"task","configuration":{"context":{"command":["echo","${parameters.what}"]}}}]}"#
        )
        let applied: ProgramOutcome = try run("workflow", "apply", first)
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(applied.output == "say-it\n")
        let executed: ProgramOutcome = try run(
            "workflow", "execute", "say-it", "--param", "what=hello", "--wait")
        #expect(executed.status == 0, "\(executed.errors)")
        #expect(executed.output.contains("say  completed  "))
        let list: ProgramOutcome = try run("execution", "list", "--workflow", "say-it", "--json")
        let id: String = try #require(list.json?["executions"]?[0]?["id"]?.stringValue)
        let shown: ProgramOutcome = try run("execution", "get", id)
        #expect(shown.output.hasSuffix("\n\nhello\n"), "\(shown.output)")
        let definition: ProgramOutcome = try run("workflow", "get", "say-it", "--json")
        #expect(definition.json?["version"] == 1)
        #expect(try run("workflow", "apply", try file(definition.output)).output == "say-it\n")
        #expect(
            try run("workflow", "get", "say-it", "--json").json?["version"] == 1, "what is shown can be applied again")
        let outline: String = try run("workflow", "get", "say-it").output
        #expect(outline.hasSuffix("\n  say  echo ${parameters.what}\n"), "\(outline)")
        let task: String = try #require(
            try run("execution", "get", id, "--json").json?["steps"]?[0]?["taskId"]?.stringValue)
        #expect(try run("task", "get", task).output.contains("of step"))
        #expect(try run("workflow", "list").output.contains("Say It!"))
        #expect(try run("workflow", "delete", "say-it").output == "say-it  deleted\n")
        #expect(try run("workflow", "execute", "say-it").status == 1)
    }

    @Test("mistakes of a file are told with their places, and files that are none are wrong usage")
    func mistakes() throws {
        let bad: String = try file(
            #"{"name":"x","steps":[{"id":"a","type":"task","configuration":{"priority":"urgent"}}]}"#)
        let refused: ProgramOutcome = try run("workflow", "apply", bad)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("priority"), "\(refused.errors)")
        #expect(try run("workflow", "apply", try file("{")).status == 2)
        #expect(try run("workflow", "apply", try file(#"{"steps":[]}"#)).status == 2)
        #expect(try run("workflow", "apply", "/nonexistent").status == 2)
        for path: String in ["/nonexistent", try file("["), try file("[]")] {
            let outcome: ProgramOutcome = try run("workflow", "execute", "x", "--params", path)
            #expect(outcome.status == 2 && outcome.errors.contains(path), "\(outcome.errors)")
        }
        #expect(try run("workflow", "execute", "x", "--params", "/nonexistent").errors.contains("No such file"))
    }

    @Test("members that mean nothing are noted, and what the server shows has none")
    func meaningless() throws {
        let odd: String = try file(
            #"""
            {"name":"odd","stepz":1,"stages":[],"configuration":{"maxParalel":2,"defaults":{"priorty":"low"}},"steps":[
              {"id":"a","type":"task","configuration":{"retryPolicy":{"maxAttempt":1},"compensation":{"contxt":{}},"approval":{"reasn":"x"}}},
              {"id":"b","type":"loop","dependsOn":["a"],"configuration":{"items":[1],"steps":[
                {"id":"c","type":"task","configuration":{"tiemout":5}}]}}]}
            """#)
        let outcome: ProgramOutcome = try run("workflow", "apply", odd)
        #expect(outcome.status == 0 && outcome.output == "odd\n", "\(outcome.errors)")
        for note: String in [
            "stepz means nothing; did you mean steps?", "stages means nothing\n",
            "configuration.maxParalel means nothing; did you mean maxParallel?",
            "configuration.defaults.priorty means nothing",
            "steps.0.configuration.retryPolicy.maxAttempt means nothing",
            "steps.0.configuration.compensation.contxt means nothing",
            "steps.0.configuration.approval.reasn means nothing; did you mean reason?",
            "steps.1.dependsOn means nothing; the workflow's own dependencies say what waits for what",
            "steps.1.configuration.steps.0.configuration.tiemout means nothing; did you mean timeout?",
        ] {
            #expect(outcome.errors.contains("maos-cli: note: \(note)"), "\(note): \(outcome.errors)")
        }
        let plain: String = try file(
            #"{"id":"plain","name":"plain","steps":[{"id":"a","type":"task","configuration":{"approval":true,"weight":2}}]}"#
        )
        #expect(try run("workflow", "apply", plain).errors == "")
        let shown: String = try file(try run("workflow", "get", "plain", "--json").output)
        #expect(try run("workflow", "apply", shown).errors == "")
    }

    @Test("a file is looked through without a server")
    func check() throws {
        let alone = CommandLineProgram(environment: ["MAOS_URL": "http://127.0.0.1:1"])
        let good: String = try file(#"{"name":"Good one","steps":[{"id":"a","type":"task","configuration":{}}],"x":1}"#)
        let fine: ProgramOutcome = try alone.run(["workflow", "apply", good, "--check"])
        #expect(fine.status == 0 && fine.output == "good-one  nothing is wrong\n", "\(fine.errors)")
        #expect(fine.errors == "maos-cli: note: x means nothing\n")
        let json: ProgramOutcome = try alone.run(["workflow", "apply", good, "--check", "--json"])
        #expect(json.json?["workflowId"] == "good-one" && json.json?["notes"] == ["x means nothing"])
        let bad: String = try file(
            #"{"name":"x","steps":[{"id":"a","type":"decision","configuration":{"condition":"1 +"}},{"id":"b","type":"task","configuration":{"timeout":5}}]}"#
        )
        let refused: ProgramOutcome = try alone.run(["workflow", "apply", bad, "--check"])
        #expect(refused.status == 1 && refused.output == "")
        #expect(refused.errors.contains("steps.0.configuration.condition is \"1 +\", expected an expression"))
        #expect(refused.errors.contains("steps.1.configuration.timeout is 5, expected "), "\(refused.errors)")
    }

    @Test("what is not there is named with where to look, and a question for others with who they are")
    func hints() throws {
        for (words, hint) in [
            (["workflow", "get", "none"], "maos-cli workflow list shows"),
            (["execution", "get", "none"], "maos-cli execution list shows"),
            (["execution", "list", "--workflow", "none"], "maos-cli workflow list shows"),
            (["schedule", "run", "none"], "maos-cli schedule list shows"),
            (["approval", "approve", "none"], "maos-cli approval list --status all shows"),
            (["pool", "get", "none"], "maos-cli pool list shows"),
            (["resource", "release", "none"], "maos-cli resource list shows"),
            (["dead-letter", "get", "none"], "maos-cli task list shows"),
        ] {
            let outcome: ProgramOutcome = try program.run(words)
            #expect(outcome.status == 1 && outcome.errors.contains(hint), "\(words): \(outcome.errors)")
        }
        let path: String = try file(
            #"{"name":"ask","steps":[{"id":"gate","type":"task","configuration":{"approval":{"approvers":["ann"]}}}]}"#)
        _ = try run("workflow", "apply", path)
        _ = try run("workflow", "execute", "ask")
        let approval: String = try #require(
            try run("approval", "list", "--json").json?["approvals"]?[0]?["id"]?.stringValue)
        let token: String = try run("token", "create", "--sub", "bob", "--permission", "approvals:answer").output
        let refused: ProgramOutcome = try run(
            "approval", "approve", approval, "--token", token.trimmingCharacters(in: .newlines))
        #expect(refused.status == 1 && refused.errors.contains("is for ann to answer"), "\(refused.errors)")
        #expect(!refused.errors.contains("make a token"))
    }

    @Test("what all steps wrote is printed line by line, with the step and the round")
    func logs() throws {
        let path: String = try file(
            #"""
            {"name":"logs","configuration":{"onError":"continue","retryPolicy":{"maxAttempts":1}},"steps":[
              {"id":"l","type":"loop","configuration":{"items":["x","y"],"steps":[
                {"id":"say","type":"task","configuration":{"context":{"command":["printf","one %s\n::maos progress=0.5\nend","${item}"]}}}]}},
              {"id":"bad","type":"task","configuration":{"context":{"command":["sh","-c","echo oops >&2; exit 3"]}}},
              {"id":"mute","type":"task","configuration":{"context":{"command":["true"]}}}]}
            """#)
        _ = try run("workflow", "apply", path)
        _ = try run("workflow", "execute", "logs", "--wait")
        let id: String = try #require(
            try run("execution", "list", "--json").json?["executions"]?[0]?["id"]?.stringValue)
        let all: ProgramOutcome = try run("execution", "logs", id)
        #expect(
            all.output == "say[0]  one x\nsay[0]  end\nsay[1]  one y\nsay[1]  end\nbad  oops\n",
            "\(all.output)\(all.errors)")
        #expect(try run("execution", "logs", id, "--failed").output == "bad  oops\n")
        #expect(try run("execution", "logs", id, "--step", "mute").output == "")
        let json: ProgramOutcome = try run("execution", "logs", id, "--step", "bad", "--json")
        let line: JSONValue = try JSONReader.parse(json.output, depthLimit: 8)
        #expect(line["stepId"] == "bad" && line["data"] == "oops\n" && line["stream"] == "stderr")
        let unknown: ProgramOutcome = try run("execution", "logs", id, "--step", "bda")
        #expect(unknown.status == 2 && unknown.errors.contains("no step bda; did you mean bad?"), "\(unknown.errors)")
        #expect(try run("execution", "logs", "none").status == 1)
    }

    @Test("a watch of an execution goes on when the server was killed and started again")
    func survivesARestart() throws {
        let port: UInt16 = try FreePort.find()
        let server = try ServerProcess(arguments: ["--limits", "off", "--listen", "127.0.0.1:\(port)=gateway"])
        let program = CommandLineProgram(beside: server)
        let path: String = try file(
            #"{"name":"long","steps":[{"id":"a","type":"task","configuration":{"context":{"command":["sleep","0.5"]}}}]}"#
        )
        #expect(try program.run("workflow", "apply", path).status == 0)
        let process: Process = program.make(["workflow", "execute", "long", "--wait"])
        let (output, errors) = (LineBuffer(), LineBuffer())
        process.standardOutput = output.pipe()
        process.standardError = errors.pipe()
        try process.run()
        #expect(output.wait(seconds: 20) { $0.contains { $0.hasSuffix("a  running") } })
        server.end(with: SIGKILL)
        #expect(errors.wait(seconds: 20) { $0.contains { $0.hasSuffix(", trying again") } })
        try server.start()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(output.lines) \(errors.lines)")
        #expect(output.wait(seconds: 5) { $0.last?.hasSuffix("completed") == true }, "\(output.lines)")
        let gone: ProgramOutcome = try CommandLineProgram(environment: ["MAOS_URL": "http://127.0.0.1:1"])
            .run("execution", "watch", "x")
        #expect(gone.status == 3, "a server that was never there is not waited for")
    }

    @Test("a failing execution gives 1, and is started over from where it failed")
    func failure() throws {
        let flag: String = server.directory + "/flag"
        let path: String = try file(
            #"{"name":"f","steps":[{"id":"a","type":"task","configuration":{"retryPolicy":{"maxAttempts":1},"context":{"command":["test","-e","\#(flag)"]}}}]}"#
        )
        _ = try run("workflow", "apply", path)
        let failed: ProgramOutcome = try run("workflow", "execute", "f", "--wait")
        #expect(failed.status == 1)
        #expect(failed.output.contains("failed  Step a: exited with code 1"))
        let id: String = try #require(
            try run("execution", "list", "--status", "failed", "--json").json?["executions"]?[0]?["id"]?.stringValue)
        let shown: ProgramOutcome = try run("execution", "get", id)
        #expect(shown.output.contains("logs of a  maos-cli task logs "), "\(shown.output)")
        #expect(FileManager.default.createFile(atPath: flag, contents: nil))
        #expect(try run("execution", "retry", id).output == "\(id)  started over\n")
        #expect(try run("execution", "watch", id).status == 0)
        #expect(try run("execution", "cancel", id).status == 1)
    }

    @Test("questions are listed and answered", arguments: [("approve", 0), ("reject", 1)])
    func approval(verb: String, status: Int32) throws {
        let path: String = try file(
            #"{"name":"ask","steps":[{"id":"gate","type":"task","configuration":{"approval":{"reason":"Really?"}}}]}"#)
        _ = try run("workflow", "apply", path)
        let id: String = try run("workflow", "execute", "ask").output.trimmingCharacters(in: .newlines)
        let list: ProgramOutcome = try run("approval", "list")
        #expect(list.output.contains("Really?"))
        let approval: String = try #require(
            try run("approval", "list", "--json").json?["approvals"]?[0]?["id"]?.stringValue)
        #expect(try run("execution", "get", id).output.contains("waits for approval \(approval)"))
        #expect(try run("approval", verb, approval, "--comment", "so").status == 0)
        #expect(try run("approval", "get", approval).output.contains("so"))
        #expect(try run("execution", "watch", id).status == status)
    }

    @Test("the example reports what there is in a tree, once the question is answered")
    func example() throws {
        let examples: String = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Docs/Examples").path
        let tree: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: tree) }
        for folder: String in ["lib", "odd \"name", "empty", "node_modules"] {
            try FileManager.default.createDirectory(atPath: "\(tree)/\(folder)", withIntermediateDirectories: false)
        }
        let mark: String = "TO" + "DO"
        for (path, text) in [
            ("lib/long.py", String(repeating: "x = 1\n", count: 1_234)), ("lib/short.py", "# \(mark) say \"more\"\n\n"),
            ("odd \"name/quote\"d.c", "int x; \nint y;\n"), ("top.txt", "one\n"), ("node_modules/skipped.js", "x\n"),
        ] {
            try text.write(toFile: "\(tree)/\(path)", atomically: true, encoding: .utf8)
        }
        #expect(try run("workflow", "apply", "\(examples)/source-report.json").output == "source-report\n")
        let id: String = try run(
            "workflow", "execute", "source-report", "--param", "tree=\(tree)", "--param",
            "scripts=\(examples)/source-report"
        ).output.trimmingCharacters(in: .newlines)
        try eventually("the question is asked") {
            try run("approval", "list", "--json").json?["approvals"]?[0] != nil
        }
        let question: JSONValue = try #require(try run("approval", "list", "--json").json?["approvals"]?[0])
        #expect(question["reason"] == "Write the report on 3 folders?")
        let waiting: ProgramOutcome = try run("execution", "get", id)
        for line: String in [
            "completed folders", "completed look  parallel", "|-completed count  loop", "| |-completed [0] lines",
            "`-completed notes", "completed advise", "running   ask",
        ] {
            #expect(waiting.output.contains(line), "\(line): \(waiting.output)")
        }
        let answer: String = try #require(question["id"]?.stringValue)
        #expect(try run("approval", "approve", answer, "--comment", "go on").status == 0)
        #expect(try run("execution", "watch", id).status == 0)
        let report: ProgramOutcome = try run("execution", "get", id, "--result")
        let words: [[Substring]] = report.outputLines.map { $0.split(separator: " ") }
        for row: [Substring] in [
            ["lib", "2", "1,236", "1", "1,236", "py"], ["(top)", "1", "1", "0", "1", "txt"],
            ["all", "4", "1,239", "1"], ["1,234", "lib/long.py"], ["Notes", "for", "later:", "1", mark[...]],
        ] {
            #expect(words.contains(row), "\(row): \(report.output)")
        }
        for text: String in [
            "odd \"name", "trailing white space", "lib/long.py has 1234 lines", "Approved by admin: go on",
        ] {
            #expect(report.output.contains(text), "\(text): \(report.output)")
        }
    }
}
