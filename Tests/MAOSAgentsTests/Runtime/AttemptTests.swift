import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

@Suite("An attempt")
struct AttemptTests {
    @Test("that exits with 0 completes, with what it printed as its result")
    func completes() async throws {
        let harness = try RuntimeHarness()
        let outcome: AttemptOutcome = try await harness.run("echo hello; echo oops >&2")
        #expect(outcome == standardResult("hello\n"))
        #expect(harness.output() == "hello\n")
        #expect(harness.output("t1", .stderr) == "oops\n")
        await harness.runtime.shutDown()
    }

    @Test("reports its process before its end")
    func order() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("true")
        let process: ProcessIdentity? = try await harness.sink.process(of: id)
        try await harness.sink.outcome(of: id)
        #expect(try #require(process).pid > 1)
        #expect(try #require(process).startTicks > 0)
        let commands: [Command] = harness.sink.commands.value
        let started: Int? = commands.firstIndex { if case .attemptStarted(id, _) = $0 { true } else { false } }
        let ended: Int? = commands.firstIndex { $0.endedAttempt == id }
        #expect(try #require(started) < (try #require(ended)))
        await harness.runtime.shutDown()
    }

    @Test(
        "that ends in another way fails, and says how",
        arguments: [
            ("exit 3", "exited with code 3"), ("exit 255", "exited with code 255"),
            ("kill -KILL $$", "killed by SIGKILL"), ("kill -SEGV $$", "killed by SIGSEGV"),
            ("kill -TERM $$", "killed by SIGTERM"),
        ])
    func fails(line: String, message: String) async throws {
        let harness = try RuntimeHarness()
        #expect(try await harness.run(line) == .failed(TaskFailure(.execution, message)))
        await harness.runtime.shutDown()
    }

    @Test("of a program that is not there fails with its name and the reason")
    func missingProgram() async throws {
        let harness = try RuntimeHarness()
        let cases: [([String], String)] = [
            (["no-such-program-here"], "could not start no-such-program-here: No such file or directory"),
            (["/etc/passwd"], "could not start /etc/passwd: Permission denied"),
            (["/no/such/file", "x"], "could not start /no/such/file: No such file or directory"),
            ([], "could not start : the command is empty"),
            (["echo", "a\0b"], "could not start echo: an argument holds a zero byte"),
        ]
        for (number, (arguments, message)) in cases.enumerated() {
            let task = TaskSpecification(kind: .code, description: "x", command: .arguments(arguments))
            let id: AttemptID = harness.start(task, id: "t\(number)")
            #expect(try await harness.sink.outcome(of: id) == .failed(TaskFailure(.startFailed, message)))
        }
        #expect(harness.sink.commands.value.allSatisfy { if case .attemptStarted = $0 { false } else { true } })
        await harness.runtime.shutDown()
    }

    @Test("without a command and without a runner fails with what to configure")
    func nothingToRun() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start(TaskSpecification(kind: .code, description: "x"))
        guard case .failed(let failure) = try await harness.sink.outcome(of: id) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failure.code == .startFailed)
        #expect(failure.message.contains("context.command"))
        #expect(failure.message.contains("runners.coder.command"))
        await harness.runtime.shutDown()
    }

    @Test("runs arguments as they are, without a shell")
    func arguments() async throws {
        let harness = try RuntimeHarness()
        let task = TaskSpecification(
            kind: .code, description: "x", command: .arguments(["printf", "%s|", "$HOME", "a b", "*", "", "'", "`id`"]))
        let id: AttemptID = harness.start(task)
        #expect(try await harness.sink.outcome(of: id) == standardResult("$HOME|a b|*||'|`id`|"))
        await harness.runtime.shutDown()
    }

    @Test("of a script without an interpreter line runs in the shell, as execvp has it")
    func scriptWithoutInterpreter() async throws {
        let harness = try RuntimeHarness()
        // Made by another process: what other tests fork must not hold it open for writing as it is run.
        let source: String = try harness.folder.write("echo \"script $1\"\n", to: "source")
        let script: String = source + ".script"
        let copy = TaskSpecification(
            kind: .code, description: "x",
            command: .arguments(["/usr/bin/install", "-m", "755", source, script]))
        #expect(try await harness.sink.outcome(of: harness.start(copy)) == standardResult(""))
        let task = TaskSpecification(kind: .code, description: "x", command: .arguments([script, "one"]))
        #expect(try await harness.sink.outcome(of: harness.start(task, id: "t2")) == standardResult("script one\n"))
        await harness.runtime.shutDown()
    }

    @Test("of its agent type's runner gets the template filled in, by no shell")
    func runner() async throws {
        let runner = RunnerConfiguration(
            command: [
                "printf", "%s\\n", "{description}", "{task.id}/{task.kind}", "{agent.id}/{agent.name}", "{model}",
                "{nothing}",
            ],
            environment: ["FROM": "runner"])
        let harness = try RuntimeHarness(runners: ["coder": runner])
        let agent: AgentRecord = RuntimeHarness.agent { $0.model = "model-1" }
        let task = TaskSpecification(kind: .review, description: "Rate \"$(rm -rf /)\" {model}")
        let id: AttemptID = harness.start(task, agent: agent)
        let expected: String = "Rate \"$(rm -rf /)\" {model}\nt1/review\na1/coder-1\nmodel-1\n{nothing}\n"
        #expect(try await harness.sink.outcome(of: id) == standardResult(expected))
        await harness.runtime.shutDown()
    }

    @Test("has a small environment of its own: the outer layers lose against the inner ones, ours win")
    func environment() async throws {
        let runner = RunnerConfiguration(environment: ["A": "runner", "B": "runner", "C": "runner"])
        let harness = try RuntimeHarness(runners: ["*": runner]) { configuration in
            configuration.environment = ChildEnvironment(base: ["PATH": "/usr/bin:/bin", "A": "base", "D": "base"])
        }
        let agent: AgentRecord = RuntimeHarness.agent { $0.environment = ["B": "agent", "C": "agent"] }
        let task = TaskSpecification(
            kind: .code, description: "x", command: .shell("env | sort"),
            environment: ["C": "task", "MAOS_TASK_ID": "forged", "MAOS_SUPERVISED": "forged"])
        try await harness.sink.outcome(of: harness.start(task, agent: agent))
        let lines: [Substring] = harness.output().split(separator: "\n")
        for expected in [
            "A=runner", "B=agent", "C=task", "D=base", "MAOS_TASK_ID=t1", "MAOS_ATTEMPT=1", "MAOS_AGENT_ID=a1",
            "MAOS_URL=http://localhost:7400", "MAOS_TOKEN=token-of-t1", "PATH=/usr/bin:/bin",
            "MAOS_SUPERVISED=\(harness.instance)/task:t1#1",
        ] {
            #expect(lines.contains(Substring(expected)), "\(expected) is missing")
        }
        #expect(!lines.contains { $0.hasPrefix("MAOS_DATA") || $0.hasPrefix("SECRET") || $0.contains("forged") })
        await harness.runtime.shutDown()
    }

    @Test("starts with three descriptors, no blocked or ignored signal, in a session of its own")
    func cleanStart() async throws {
        let harness = try RuntimeHarness()
        Signals.ignoreBrokenPipes()
        let line: String = """
            ls /proc/self/fd | tr '\\n' ' '; grep -E '^Sig(Blk|Ign)' /proc/$$/status | tr -d '\\t\\n'
            test "$(readlink /proc/self/fd/0)" = /dev/null && printf ' null'
            test "$(cut -d' ' -f6 /proc/$$/stat)" = $$ && printf ' session'
            """
        _ = try await harness.run(line)
        // `ls` itself has the folder open as 3.
        let expected: String = "0 1 2 3 SigBlk:0000000000000000SigIgn:0000000000000000 null session"
        #expect(harness.output() == expected)
        await harness.runtime.shutDown()
    }

    @Test("ends only when what it printed last has been stored")
    func outputBeforeEnd() async throws {
        let harness = try RuntimeHarness()
        let release: @Sendable () -> Void = harness.store.holdUp()
        let id: AttemptID = harness.start("echo early; echo late")
        try await harness.sink.process(of: id)
        let other: AttemptID = harness.start("true", id: "t2")
        try await harness.sink.process(of: other)
        #expect(!harness.sink.commands.value.contains { $0.endedAttempt == id })
        release()
        try await harness.sink.outcome(of: id)
        #expect(harness.output() == "early\nlate\n")
        try await harness.sink.outcome(of: other)
        await harness.runtime.shutDown()
    }

    @Test("shows a prompt that has no line end yet")
    func prompt() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("printf 'Continue? '; sleep 60")
        try await harness.store.wait(for: "Continue? ", in: .task(id.task))
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        await harness.runtime.shutDown()
    }

    @Test("that prints without end neither fills memory nor stops others")
    func flood() async throws {
        let bound: Int = 4 << 20
        let store = RecordingOutputStore(cap: 1 << 16)
        let harness = try RuntimeHarness(store: store) { $0.outputBound = bound }
        let size: Int = 128 << 20
        let id: AttemptID = harness.start("head -c \(size) /dev/zero | tr '\\0' 'x' | fold -w 99", id: "flood")
        #expect(try await harness.run("echo small", id: "small") == standardResult("small\n"))
        guard case .completed = try await harness.sink.outcome(of: id, seconds: 120) else {
            Issue.record("it did not complete")
            return
        }
        let stream: RecordingOutputStore.Stream = store.stream(.task(id.task), .stdout)
        #expect(stream.total >= size)
        #expect(stream.chunks.allSatisfy { (1...65_536).contains($0) })
        #expect(store.mostPending <= bound + (2 << 20))
        #expect(stream.data.count <= 2 << 16)
        await harness.runtime.shutDown()
    }

    @Test("waits while its output cannot be stored, and goes on afterwards")
    func backpressure() async throws {
        let store = RecordingOutputStore()
        let harness = try RuntimeHarness(store: store) { $0.outputBound = 100_000 }
        let release: @Sendable () -> Void = store.holdUp()
        let id: AttemptID = harness.start("head -c 3000000 /dev/zero | tr '\\0' 'y'")
        try await harness.sink.process(of: id)
        // Others are not held back by it, though nothing can be stored.
        try await harness.sink.process(of: harness.start("exit 0", id: "t2"))
        release()
        try await harness.sink.outcome(of: id)
        #expect(store.stream(.task(id.task), .stdout).total == 3_000_000)
        #expect(store.mostPending < 100_000 + (1 << 20) + 65_536)
        await harness.runtime.shutDown()
    }

    @Test("keeps its lines whole, however long it waits for its output to be stored")
    func wholeLines() async throws {
        let store = RecordingOutputStore()
        let harness = try RuntimeHarness(store: store) { $0.outputBound = 100_000 }
        let line = String(repeating: "y", count: 99)
        for turn in 0..<3 {
            let release: @Sendable () -> Void = store.holdUp()
            let id: AttemptID = harness.start("yes \(line) | head -n 10000", id: "lines\(turn)")
            try await harness.sink.process(of: id)
            // Longer than a line that does not go on is waited for.
            try await harness.sink.outcome(of: harness.start("sleep 0.2", id: "pause\(turn)"))
            release()
            try await harness.sink.outcome(of: id)
            let stream: RecordingOutputStore.Stream = store.stream(.task(id.task), .stdout)
            #expect(stream.total == 1_000_000)
            #expect(stream.chunks.allSatisfy { $0 % 100 == 0 })
        }
        await harness.runtime.shutDown()
    }

    @Test("reports progress, at most ten times a second, the last one always")
    func progress() async throws {
        let harness = try RuntimeHarness()
        let line: String = """
            for i in 1 2 3 4 5 6 7 8; do echo "::maos progress=0.$i step=Step number $i cost=0.1 tokens=5"; done
            printf '::maos progress=0.9 step=the end'
            """
        let id: AttemptID = harness.start(line)
        try await harness.sink.outcome(of: id)
        #expect(harness.sink.progress(of: id).last == 0.9)
        #expect(harness.sink.steps(of: id).last == "the end")
        #expect(harness.sink.progress(of: id).count < 5)
        #expect(harness.output().hasPrefix("::maos progress=0.1 step=Step number 1"))
        await harness.runtime.shutDown()
    }

    @Test("may leave a result of its own in a file")
    func resultFile() async throws {
        let harness = try RuntimeHarness()
        let cases: [(String, AttemptOutcome)] = [
            ("echo '{\"lines\": [1, 2]}' > $MAOS_RESULT_FILE", .completed(result: JSONText(["lines": [1, 2]]))),
            (": > $MAOS_RESULT_FILE; echo out", standardResult("out\n")),
            (
                "echo 7 > $MAOS_RESULT_FILE.new; mv $MAOS_RESULT_FILE.new $MAOS_RESULT_FILE",
                .completed(result: JSONText(7))
            ),
            (
                "echo '{' > $MAOS_RESULT_FILE",
                .failed(
                    TaskFailure(
                        .invalidResult,
                        "invalid result file: byte 2: expected a key or \"}\", found the end of the text"))
            ),
            (
                "mkfifo $MAOS_RESULT_FILE",
                .failed(TaskFailure(.invalidResult, "invalid result file: not a regular file"))
            ),
            (
                "head -c 1048577 /dev/zero | tr '\\0' '1' > $MAOS_RESULT_FILE",
                .failed(
                    TaskFailure(
                        .invalidResult, "invalid result file: longer than 1048576 bytes, or not readable"))
            ),
            ("echo 1 > $MAOS_RESULT_FILE; exit 4", .failed(TaskFailure(.execution, "exited with code 4"))),
        ]
        for (number, (line, expected)) in cases.enumerated() {
            let outcome: AttemptOutcome = try await harness.run(line, id: "r\(number)")
            if case .failed(let failure) = expected, failure.code == .invalidResult, case .failed(let found) = outcome {
                #expect(found.code == .invalidResult)
                #expect(found.message.hasPrefix("invalid result file: "))
            } else {
                #expect(outcome == expected, "\(line)")
            }
        }
        await harness.runtime.shutDown()
    }

    @Test("keeps the last 4 KB of its output as its result")
    func tail() async throws {
        let harness = try RuntimeHarness()
        let outcome: AttemptOutcome = try await harness.run("seq 1 5000; echo end")
        guard case .completed(let result) = outcome, case .object(let object)? = result?.value() else {
            Issue.record("no result")
            return
        }
        let text: String = try #require(object["stdout"]?.stringValue)
        #expect(text.utf8.count == 4_096)
        #expect(text.hasSuffix("4999\n5000\nend\n"))
        await harness.runtime.shutDown()
    }

    @Test("finds its task, with the results of the tasks before it, in a file only it may read")
    func taskFile() async throws {
        let harness = try RuntimeHarness()
        let line: String = "cat $MAOS_TASK_FILE; stat -c %a $MAOS_TASK_FILE $(dirname $MAOS_TASK_FILE) >&2"
        let task = TaskSpecification(
            kind: .analysis, description: "Look", project: "web", command: .shell(line),
            requirements: try JSONText(#"[{"type":"x"}]"#), context: try JSONText(#"{"file": "a.c"}"#))
        let inputs: [AttemptInput] = [
            AttemptInput(task: TaskID(unchecked: "before"), result: JSONText(["n": 3])),
            AttemptInput(task: TaskID(unchecked: "other"), result: nil),
        ]
        try await harness.sink.outcome(of: harness.start(task, number: 2, inputs: inputs))
        let expected: String = """
            {"id":"t1","attempt":2,"kind":"analysis","description":"Look","requirements":[{"type":"x"}],"constraints":[],\
            "context":{"file":"a.c"},"metadata":{},"project":"web","inputs":{"before":{"n":3},"other":null}}
            """
        #expect(harness.output() == expected)
        #expect(harness.output("t1", .stderr) == "600\n700\n")
        let left: Data? = FileManager.default.contents(atPath: "\(harness.folder.path)/run/1/task.json")
        #expect(left?.isEmpty == true)
        await harness.runtime.shutDown()
        #expect(!FileManager.default.fileExists(atPath: "\(harness.folder.path)/run"))
    }

    @Test("never finds what an earlier one left in its folder, nor can it change another one's", .tags(.security))
    func foldersAreClean() async throws {
        let harness = try RuntimeHarness()
        let lines: [String] = [
            "echo 1 > $MAOS_RESULT_FILE",
            "mkdir -p $(dirname $MAOS_TASK_FILE)/a/b; touch $(dirname $MAOS_TASK_FILE)/a/b/c",
            "ln $MAOS_TASK_FILE stolen", "rm $MAOS_TASK_FILE", "rm $MAOS_TASK_FILE; ln -s /etc/passwd $MAOS_TASK_FILE",
            "chmod 777 $(dirname $MAOS_TASK_FILE)", "chmod 666 $MAOS_TASK_FILE", "echo more >> $MAOS_TASK_FILE",
            "mkdir $MAOS_RESULT_FILE; exit 1", "echo 5 > $MAOS_RESULT_FILE.new", "rm -r $(dirname $MAOS_TASK_FILE)",
        ]
        let check: String = """
            cd $(dirname $MAOS_TASK_FILE); ls -A; stat -c %a . task.json; grep -c '"id":"check' task.json; wc -l < task.json
            """
        for (number, line) in lines.enumerated() {
            _ = try await harness.run(line, id: "dirty\(number)")
            _ = try await harness.run(check, id: "check\(number)")
            #expect(harness.output("check\(number)") == "task.json\n700\n600\n1\n0\n", "\(line)")
        }
        // Who kept its own task's file under another name sees no other task in it.
        let stolen: Data = try #require(
            FileManager.default.contents(atPath: "\(harness.folder.path)/workspaces/a1/stolen"))
        #expect(!String(decoding: stolen, as: UTF8.self).contains("check"))
        await harness.runtime.shutDown()
    }

    @Test("starts in its task's folder, else in its agent's workspace, else in a folder of its agent's")
    func folders() async throws {
        let harness = try RuntimeHarness()
        let root: String = "\(harness.folder.path)/workspaces"
        #expect(try await harness.run("pwd", id: "own") == standardResult("\(root)/a1\n"))
        #expect(
            try await harness.run("pwd", id: "absolute") { $0.workingDirectory = "/usr" } == standardResult("/usr\n"))
        _ = try await harness.run("mkdir sub", id: "make")
        #expect(
            try await harness.run("pwd", id: "sub") { $0.workingDirectory = "sub" }
                == standardResult("\(root)/a1/sub\n"))
        try FileManager.default.removeItem(atPath: "\(root)/a1")
        #expect(try await harness.run("pwd", id: "again") == standardResult("\(root)/a1\n"))
        let agent: AgentRecord = RuntimeHarness.agent("a2") { $0.workspace = "shared/docs" }
        let task = TaskSpecification(kind: .code, description: "x", command: .shell("pwd"))
        let id: AttemptID = harness.start(task, id: "named", agent: agent)
        #expect(try await harness.sink.outcome(of: id) == standardResult("\(root)/shared/docs\n"))
        await harness.runtime.shutDown()
    }

    @Test("in a folder that is not there, or not allowed, does not start", .tags(.security))
    func refusedFolders() async throws {
        let harness = try RuntimeHarness()
        let missing: AttemptOutcome = try await harness.run("pwd", id: "m") { $0.workingDirectory = "/no/such" }
        let message: String = "could not start /bin/sh: working directory /no/such: No such file or directory"
        #expect(missing == .failed(TaskFailure(.startFailed, message)))
        guard
            case .failed(let climbing) = try await harness.run("pwd", id: "c", change: { $0.workingDirectory = "../x" })
        else {
            Issue.record("it climbed out")
            return
        }
        #expect(climbing.code == .startFailed)
        let root: String = "\(harness.folder.path)/workspaces"
        try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: "/etc")
        for workspace in ["/etc", "../../x", "link", "link/new", "\(root)/../other"] {
            let agent: AgentRecord = RuntimeHarness.agent { $0.workspace = workspace }
            let task = TaskSpecification(kind: .code, description: "x", command: .shell("pwd"))
            let id: AttemptID = harness.start(task, id: "w\(abs(workspace.hashValue))", agent: agent)
            guard case .failed(let failure) = try await harness.sink.outcome(of: id) else {
                Issue.record("\(workspace) was accepted")
                continue
            }
            #expect(failure.message.contains("workspaceRoot"))
        }
        await harness.runtime.shutDown()
    }

    @Test("of many at once: each has an end, and their output is not mixed up")
    func many() async throws {
        let harness = try RuntimeHarness()
        let launches: [AttemptLaunch] = (1...100).map { number in
            RuntimeHarness.launch(
                TaskSpecification(kind: .code, description: "x", command: .shell("echo \(number)")), id: "n\(number)")
        }
        harness.runtime.perform(launches.map { .startAttempt($0) })
        for (number, launch) in launches.enumerated() {
            #expect(try await harness.sink.outcome(of: launch.id) == standardResult("\(number + 1)\n"))
        }
        await harness.runtime.shutDown()
    }
}

extension Tag {
    @Tag static var security: Self
}
