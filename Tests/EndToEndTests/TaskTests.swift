import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// What becomes of a task's process, and what a client sees of it.
@Suite("A task", .server, .serialized)
struct TaskTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    @Test("goes from pending to running to completed, with progress, step, times and result (GW-REST-01, GW-REST-02)")
    func life() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let held: JSONObject = ["requirements": [["type": "capability", "name": "life"]]]
        let script: String =
            "echo '::maos progress=0.5 step=Half of it'; while [ ! -e \(folder)/go ]; do sleep 0.01; done; "
            + "echo '{\"n\": [1, 2.5, null]}' > $MAOS_RESULT_FILE"
        let id: String = try client.createTask(.string(script), held)
        let pending: JSONValue = try client.task(id)
        #expect(pending["status"] == "pending" && pending["progress"] == 0 && pending["attempt"] == 0)
        #expect(pending["startedAt"] == nil && pending["result"] == nil && pending["error"] == nil)
        let waiting: APIReply = try client.call(.get, "/api/v1/tasks/\(id)/waiting")
        #expect(waiting.data?["reasons"]?[0]?["kind"] == "no_capable_agent")
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["life"]])
        let running: JSONValue = try await client.task(id, until: "half of the work") {
            $0["progress"]?.doubleValue == 0.5
        }
        #expect(running["status"] == "running" && running["currentStep"] == "Half of it" && running["attempt"] == 1)
        #expect(running["progressPercent"] == 50 && running["assignedAgentId"] == .string(agent))
        #expect(running["startedAt"] != nil && running["estimatedCompletion"] != nil)
        #expect(FileManager.default.createFile(atPath: folder + "/go", contents: nil))
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed" && ended["progress"] == 1 && ended["attempt"] == 1)
        #expect(ended["result"] == ["n": [1, 2.5, nil]])
        let times: [String] = ["createdAt", "startedAt", "finishedAt"].map { ended[$0]?.text ?? "" }
        #expect(times == times.sorted() && times.allSatisfy { $0.hasSuffix("Z") })
        #expect(ended["updatedAt"] == ended["finishedAt"])
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test(
        "that fails says how its process ended",
        arguments: [
            ("exit 1", "exited with code 1"), ("exit 255", "exited with code 255"),
            ("kill -KILL $$", "killed by SIGKILL"), ("kill -TERM $$", "killed by SIGTERM"),
            ("kill -SEGV $$", "killed by SIGSEGV"), ("kill -USR1 $$", "killed by SIGUSR1"),
            ("echo '{}' > $MAOS_RESULT_FILE; exit 7", "exited with code 7"),
            ("no-such-program-here", "exited with code 127"),
        ])
    func failure(script: String, error: String) async throws {
        let ended: JSONValue = try await client.run(.string(script))
        #expect(ended["status"] == "failed" && ended["errorCode"] != nil)
        #expect(ended["error"] == .string(error), "\(ended)")
        #expect(ended["result"] == nil)
    }

    @Test(
        "with a command that cannot be started names it",
        arguments: [
            ["/no/such/program"], ["no-such-program-here", "x"], ["/"], ["/etc/passwd"], [""], ["./relative"],
        ] as [[String]])
    func unstartable(command: [String]) async throws {
        let ended: JSONValue = try await client.run(.array(command.map { .string($0) }))
        #expect(ended["status"] == "failed")
        #expect(ended["error"]?.text.hasPrefix("could not start \(command[0])") == true, "\(ended)")
        #expect((ended["error"]?.text.count ?? 0) > "could not start \(command[0]): ".count)
    }

    @Test("with neither a command nor a runner says what to configure")
    func nothingToRun() async throws {
        let reply: APIReply = try client.call(
            .post, "/api/v1/tasks",
            ["type": "review", "description": "look", "requirements": [], "priority": "low", "context": ["more": 1]])
        let ended: JSONValue = try await client.ended(try #require(reply.data?["taskId"]?.stringValue))
        #expect(ended["status"] == "failed")
        for word in ["context.command", "runners.reviewer.command", "runners.*.command"] {
            #expect(ended["error"]?.text.contains(word) == true, "\(ended)")
        }
    }

    @Test("may have a result of a megabyte, and no more")
    func largeResult() async throws {
        func script(_ bytes: Int) -> JSONValue {
            .string(#"{ printf '"'; head -c \#(bytes - 2) /dev/zero | tr '\0' x; printf '"'; } > $MAOS_RESULT_FILE"#)
        }
        let fits: JSONValue = try await client.run(script(1_048_576))
        #expect(fits["status"] == "completed" && fits["result"]?.text.utf8.count == 1_048_574)
        let tooLarge: JSONValue = try await client.run(script(1_048_577))
        #expect(tooLarge["status"] == "failed")
        #expect(tooLarge["error"]?.text.hasPrefix("invalid result file: ") == true, "\(tooLarge["error"]?.text ?? "")")
    }

    @Test(
        "with an invalid result file says so",
        arguments: [
            "echo '{' > $MAOS_RESULT_FILE", "echo '{} {}' > $MAOS_RESULT_FILE", "printf '\\377' > $MAOS_RESULT_FILE",
            "ln -s /etc/hostname $MAOS_RESULT_FILE", "mkfifo $MAOS_RESULT_FILE", "mkdir $MAOS_RESULT_FILE",
            "ln -s /dev/zero $MAOS_RESULT_FILE", "echo NaN > $MAOS_RESULT_FILE",
            "head -c 3000 /dev/zero > $MAOS_RESULT_FILE",
            "head -c 9000 /dev/zero | tr '\\0' '[' > $MAOS_RESULT_FILE",
        ])
    func invalidResult(script: String) async throws {
        let ended: JSONValue = try await client.run(.string(script))
        #expect(ended["status"] == "failed" && ended["result"] == nil)
        #expect(ended["error"]?.text.hasPrefix("invalid result file: ") == true, "\(ended)")
        #expect(ended["error"]?.text.contains("/") == false, "no path is told: \(ended)")
    }

    @Test("without a result file has the end of its output for a result")
    func outputAsResult() async throws {
        let ended: JSONValue = try await client.run("echo to nobody >&2; seq 1 5000; printf 'ende\\303\\251'")
        #expect(ended["result"]?["exitCode"] == 0)
        let text: String = ended["result"]?["stdout"]?.text ?? ""
        #expect(text.hasSuffix("5000\nendeé") && (4_000...4_096).contains(text.utf8.count))
        let empty: JSONValue = try await client.run(["/bin/true"])
        #expect(empty["result"] == ["exitCode": 0, "stdout": ""])
        // A file that is there but empty is no result either.
        let touched: JSONValue = try await client.run(": > $MAOS_RESULT_FILE; echo hi")
        #expect(touched["result"] == ["exitCode": 0, "stdout": "hi\n"])
    }

    @Test("finds itself in its task file")
    func taskFile() async throws {
        let more: JSONObject = [
            "type": "test", "description": "Tést \"it\"\n", "priority": "high",
            "requirements": ["free text", ["type": "tool", "name": "swift"]], "constraints": ["quick"],
            "context": [
                "command": "cat $MAOS_TASK_FILE > $MAOS_RESULT_FILE", "project": "apollo", "answer": [42, nil],
            ],
        ]
        let ended: JSONValue = try await client.run("", more)
        let file: JSONValue = try #require(ended["result"], "\(ended)")
        #expect(file["id"] == ended["id"] && file["attempt"] == 1 && file["kind"] == "testing")
        #expect(file["description"] == "Tést \"it\"\n" && file["project"] == "apollo")
        #expect(file["requirements"]?[0]?["description"] == "free text" && file["requirements"]?[1]?["name"] == "swift")
        #expect(file["constraints"]?[0]?["description"] == "quick")
        #expect(file["context"]?["answer"] == [42, nil] && file["inputs"] == [:])
        #expect(file["metadata"]?.objectValue != nil)
        #expect(ended["project"] == "apollo")
    }

    @Test("gets its own variables and the harmless ones of the server, and nothing else")
    func environment() async throws {
        let ended: JSONValue = try await client.run(
            "",
            [
                "context": [
                    "command": "env",
                    "environment": ["MINE": "a b\nc=d", "MAOS_TASK_ID": "forged", "MAOS_TOKEN": "x", "LANG": "C"],
                ]
            ])
        let text: String = ended["result"]?["stdout"]?.text ?? ""
        #expect(text.contains("MINE=a b\nc=d\n") && text.contains("LANG=C\n") && text.contains("PATH="))
        #expect(text.contains("MAOS_TASK_ID=\(ended["id"]?.text ?? "?")\n") && !text.contains("forged"))
        #expect(!text.contains("MAOS_TOKEN=x\n") && text.contains("MAOS_TOKEN=ey"))
        for name in ["MAOS_AGENT_ID=", "MAOS_ATTEMPT=1\n", "MAOS_RESULT_FILE=/", "MAOS_URL=http://localhost:"] {
            #expect(text.contains(name), "\(name)")
        }
        #expect(!text.contains(SharedServer.secret), "what the server was told is not for its tasks")
    }

    @Test("starts where it is told, inside its agent's workspace or at an absolute path")
    func workingDirectory() async throws {
        func run(_ directory: String?) async throws -> JSONValue {
            var context: JSONObject = ["command": ["/bin/pwd"]]
            if let directory { context["workingDirectory"] = .string(directory) }
            return try await client.run("", ["context": .object(context)])
        }
        let usual: String = try await run(nil)["result"]?["stdout"]?.text ?? ""
        #expect(usual.contains("/workspaces/"), "\(usual)")
        #expect(try await run("/usr")["result"]?["stdout"] == "/usr\n")
        let climbing: JSONValue = try await run("../../..")
        #expect(climbing["status"] == "failed", "\(climbing)")
        #expect(climbing["error"]?.text.contains("working directory") == true, "\(climbing)")
        let missing: JSONValue = try await run("/no/such/folder")
        #expect(missing["status"] == "failed", "\(missing)")
        #expect(missing["error"]?.text.hasPrefix("could not start /bin/pwd") == true, "\(missing)")
    }

    @Test("passes its arguments as they are, without a shell")
    func arguments() async throws {
        let words: [String] = [
            "/usr/bin/printf", "[%s]", "$HOME; echo", "a\nb", "", "*", "'\"\\", "{description}", "é",
        ]
        let ended: JSONValue = try await client.run(.array(words.map { .string($0) }))
        #expect(ended["result"]?["stdout"] == "[$HOME; echo][a\nb][][*]['\"\\][{description}][é]")
    }

    @Test("reports progress as its process prints it; what is no progress changes nothing")
    func progress() async throws {
        let lines: String = [
            "::maos progress=0.25 step=One two", "::maos progress=2", "::maos progress=-1", "::maos progress=nan",
            "::maos progress=x step=", "x::maos progress=0.9", ":: maos progress=0.9", "::maos", "::maos nonsense=1",
            "::maos progress=0.75",
        ].map { "echo '\($0)'" }.joined(separator: "; ")
        let id: String = try client.createTask(.string(lines + "; sleep 30"))
        let task: JSONValue = try await client.task(id, until: "three quarters") { $0["progress"]?.doubleValue == 0.75 }
        #expect(task["status"] == "running")
        #expect(try client.call(.delete, "/api/v1/tasks/\(id)").status == 200)
    }

    @Test("has no descriptor beside the usual three, and no terminal")
    func descriptors() async throws {
        let ended: JSONValue = try await client.run([
            "/bin/sh", "-c", "ls /proc/self/fd | tr '\\n' ' '; [ -t 0 ] && echo terminal; cat; exit 0",
        ])
        // 3 is the folder that `ls` reads.
        #expect(ended["result"]?["stdout"]?.text.trimmingCharacters(in: .whitespaces) == "0 1 2 3", "\(ended)")
    }

    @Test("that starts a process which goes on leaves nothing behind when it ends")
    func strays() async throws {
        let script: String =
            "setsid sh -c 'trap \"\" TERM HUP; sleep 300 & sleep 300' >/dev/null 2>&1 & (sleep 300 &) ; sleep 0.2; exit 0"
        let id: String = try client.createTask(.string(script))
        let ended: JSONValue = try await client.ended(id)
        #expect(ended["status"] == "completed", "\(ended)")
        #expect(Processes.ofTask(id).isEmpty, "the tree was gone before the task was told to have ended")
        // Other tests use the server too, and their processes end as this one looks.
        let server: Int32 = try SharedServer.current.process.processIdentifier
        try eventually("no child stays behind as a zombie") { Processes.zombies(of: server) == 0 }
    }

    @Test("that forks as quickly as it can leaves nothing behind when it ends")
    func forks() async throws {
        // Links that end as soon as they have started the next one, beside many processes that take a while to be seen to.
        let script: String = """
            cat > chain <<'END'
            #!/bin/sh
            setsid "$0" &
            END
            chmod +x chain; for i in $(seq 100); do setsid sleep 300 & done; ./chain; ./chain; exit 0
            """
        for _ in 1...5 {
            let id: String = try client.createTask(.string(script))
            let ended: JSONValue = try await client.ended(id)
            #expect(ended["status"] == "completed", "\(ended)")
            #expect(Processes.ofTask(id).isEmpty)
        }
    }

    @Test("that is asked for again by its key is the first one, with the first answer")
    func idempotency() async throws {
        let key: HTTPFields = [.idempotencyKey: "\(UUID())"]
        let body: JSONValue = [
            "type": "code", "description": "once", "requirements": [], "priority": "low",
            "context": ["command": ["/bin/sleep", "0.3"]],
        ]
        let first: APIReply = try client.call(.post, "/api/v1/tasks", body, fields: key)
        let again: APIReply = try client.call(.post, "/api/v1/tasks", body, fields: key)
        #expect(first.status == 201 && again.status == 201 && first.data == again.data)
        _ = try await client.ended(try #require(first.data?["taskId"]?.stringValue))
        #expect(try client.call(.post, "/api/v1/tasks", body, fields: key).data == first.data)
    }
}
