import Foundation
import MAOSCore
import Testing

/// What `maos-cli` asks, and how it shows what a server answers.
@Suite("The command line: requests and replies")
struct CommandLineReplyTests {
    private func program(_ server: FakeServer, token: String = "t0ken") -> CommandLineProgram {
        CommandLineProgram(environment: ["MAOS_URL": server.url, "MAOS_TOKEN": token])
    }

    private func withServer(
        _ answer: @escaping @Sendable (FakeServer.Request) -> FakeServer.Reply, _ body: (FakeServer) throws -> Void
    ) throws {
        let server = try FakeServer(answer)
        defer { server.stop() }
        try body(server)
    }

    private static let task: JSONValue = [
        "id": "task_1", "type": "code", "description": "Say \u{1B}[31mhello\nworld", "status": "running",
        "coreStatus": "running", "priority": "high", "progress": 0.425, "createdAt": "2030-01-01T00:00:00.000Z",
        "updatedAt": "2030-01-01T00:00:01.000Z",
    ]

    @Test("every flag of task create reaches the request")
    func createRequest() throws {
        try withServer({ _ in .data(["taskId": "task_9", "status": "pending"], status: 201) }) { server in
            let outcome: ProgramOutcome = try program(server).run(
                "task", "create", "test", "Run it", "--priority", "critical", "--timeout", "90s", "--deadline",
                "2030-01-31T12:00:00Z", "--depends-on", "a", "--depends-on", "b", "--capability", "swift", "--retry",
                "2",
                "--backoff", "500ms", "--env", "A=1", "--env", "B=x=y", "--cwd", "/usr/bin", "--project", "web",
                "--idempotency-key", "k1", "--", "make", "-j", "2", "--json")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output == "task_9\n")
            let request: FakeServer.Request = try #require(server.requests.first)
            #expect(request.method == "POST")
            #expect(request.target == "/api/v1/tasks")
            #expect(request.fields["authorization"] == "Bearer t0ken")
            #expect(request.fields["content-type"] == "application/json")
            #expect(request.fields["idempotency-key"] == "k1")
            #expect(
                request.json == [
                    "type": "test", "description": "Run it", "priority": "critical",
                    "requirements": [["type": "capability", "name": "swift"]], "timeout": 90_000,
                    "deadline": "2030-01-31T12:00:00.000Z", "dependencies": ["a", "b"],
                    "retryPolicy": ["maxAttempts": 3, "backoffMs": 500],
                    "context": [
                        "command": ["make", "-j", "2", "--json"], "environment": ["A": "1", "B": "x=y"],
                        "workingDirectory": "/usr/bin", "project": "web",
                    ],
                ])
        }
    }

    @Test("task create has sensible defaults, and a line of shell is a string")
    func createDefaults() throws {
        try withServer({ _ in .data(["taskId": "task_9", "status": "pending"], status: 201) }) { server in
            let outcome: ProgramOutcome = try program(server).run(
                "task", "create", "code", "x", "--shell", "echo $HOME | wc")
            #expect(outcome.status == 0)
            #expect(
                server.requests.first?.json == [
                    "type": "code", "description": "x", "priority": "medium", "requirements": [],
                    "context": ["command": "echo $HOME | wc"],
                ])
        }
    }

    @Test("ceilings of schedule create go to each run's task, or to each run's execution")
    func scheduleCeilings() throws {
        try withServer({ _ in .data(["id": "s1"], status: 201) }) { server in
            let ceilings: [String] = ["--max-cost", "2.50", "--max-wall-time", "10m", "--max-cpu-time", "90s"]
            let budget: JSONValue = ["cost": 2.5, "wallTimeMs": 600_000, "cpuTimeMs": 90_000]
            let task: ProgramOutcome = try program(server).run(
                ["schedule", "create", "nightly", "--daily"] + ceilings + ["--shell", "make"])
            #expect(task.status == 0 && task.output == "s1\n", "\(task.errors)")
            #expect(server.requests.last?.json?["task"]?["budget"] == budget)
            let workflow: ProgramOutcome = try program(server).run(
                ["schedule", "create", "--daily", "--workflow", "report"] + ceilings)
            #expect(workflow.status == 0, "\(workflow.errors)")
            #expect(server.requests.last?.json?["execution"]?["budget"] == budget)
            #expect(server.requests.last?.json?["execution"]?["workflowId"] == "report")
            let bad: ProgramOutcome = try program(server).run(
                "schedule", "create", "--daily", "--max-cost", "much", "--shell", "make")
            #expect(bad.status == 2 && bad.errors.contains("--max-cost"), "\(bad.errors)")
        }
    }

    @Test("a body is sent as it is")
    func rawBody() throws {
        try withServer({ _ in .data(["taskId": "task_9", "status": "pending"], status: 201) }) { server in
            let text: String = "{ \"type\" : \"code\" }"
            let outcome: ProgramOutcome = try program(server).run(
                "task", "create", "--body", "-", "--json", input: text)
            #expect(outcome.status == 0)
            #expect(server.requests.first?.body == text)
        }
    }

    @Test("ids are encoded in paths")
    func encodedPath() throws {
        try withServer({ _ in .error(404, "RESOURCE_NOT_FOUND", "No task has the id a/b?c d") }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "get", "a/b?c d")
            #expect(outcome.status == 1)
            #expect(server.requests.first?.target == "/api/v1/tasks/a%2Fb%3Fc%20d")
            #expect(outcome.errors.contains("task list shows the tasks there are"))
        }
    }

    @Test("details that the message holds already are not repeated")
    func conflictDetails() throws {
        let details: JSONValue = ["reason": "failed", "limit": 3]
        try withServer({ _ in .error(409, "RESOURCE_CONFLICT", "It has failed", details: details) }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "cancel", "x")
            #expect(
                outcome.errors == """
                    maos-cli: error: cannot cancel the task x: It has failed (409, RESOURCE_CONFLICT)
                      limit: 3

                    """)
        }
    }

    @Test("every mistake of a validation is named with field, value and what was expected")
    func validation() throws {
        let details: JSONValue = [
            [
                "field": "priority", "path": ["priority"], "message": "must be one of low, medium", "value": "hihg",
                "code": "invalid_enum_value", "expected": "low, medium, high",
            ],
            ["field": "description", "path": ["description"], "message": "is required", "code": "required"],
        ]
        try withServer({ _ in .error(400, "VALIDATION_ERROR", "Validation failed", details: details) }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "create", "code", "x")
            #expect(outcome.status == 1)
            #expect(
                outcome.errors == """
                    maos-cli: error: cannot create the task: Validation failed (400, VALIDATION_ERROR)
                      priority is "hihg", expected one of low, medium, high; did you mean high?
                      description: is required

                    """)
            #expect(outcome.output.isEmpty)
        }
    }

    @Test(
        "each refusal ends with 1 and says what to do",
        arguments: [
            (401, "AUTHENTICATION_ERROR", "the token is from MAOS_TOKEN"),
            (403, "AUTHORIZATION_ERROR", "token create --permission"),
            (404, "RESOURCE_NOT_FOUND", "task list"), (409, "RESOURCE_CONFLICT", "RESOURCE_CONFLICT"),
            (429, "RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED"), (500, "INTERNAL_SERVER_ERROR", "under the request r1"),
            (503, "SERVICE_UNAVAILABLE", "under the request r1"),
        ])
    func refusals(status: Int, code: String, expected: String) throws {
        try withServer({ _ in .error(status, code, "No") }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "retry", "x")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("cannot retry the task x: No (\(status), \(code))"), "\(outcome.errors)")
            #expect(outcome.errors.contains(expected), "\(outcome.errors)")
        }
    }

    @Test("something that is no MAOS server is said to be none", arguments: ["<html>hello</html>", ""])
    func notAServer(body: String) throws {
        try withServer({ _ in FakeServer.Reply(502, body) }) { server in
            let outcome: ProgramOutcome = try program(server).run("health")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("is it a MAOS server?"), "\(outcome.errors)")
        }
    }

    @Test("nobody there: 3, and how to start a server")
    func unreachable() throws {
        let server = try FakeServer { _ in .data(.null) }
        server.stop()
        // Port 1 is nobody's.
        let outcome: ProgramOutcome = try program(server).run("task", "list", "--url", "http://127.0.0.1:1")
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("Connection refused"))
        #expect(outcome.errors.contains("maos-server starts one"))
    }

    @Test("a list is an aligned table without colours, and nothing in it can steer a terminal")
    func listTable() throws {
        let reply: JSONValue = [
            "tasks": [CommandLineReplyTests.task], "pagination": ["hasNext": false, "totalItems": 1],
        ]
        try withServer({ _ in .data(reply) }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "list", "--status", "running", "--limit", "5")
            #expect(
                outcome.output == """
                    ID      STATUS   DONE  PRIORITY  TYPE  CREATED                   DESCRIPTION
                    task_1  running   42%  high      code  2030-01-01T00:00:00.000Z  Say \u{FFFD}[31mhello world

                    """)
            #expect(server.requests.first?.target == "/api/v1/tasks?status=running&page=1&limit=5")
        }
    }

    @Test("on a terminal a table has colours and is cut to the width; NO_COLOR takes the colours away")
    func listOnTerminal() throws {
        let reply: JSONValue = [
            "tasks": [CommandLineReplyTests.task], "pagination": ["hasNext": false, "totalItems": 1],
        ]
        try withServer({ _ in .data(reply) }) { server in
            let coloured: ProgramOutcome = try program(server).runOnTerminal("task", "list", columns: 60)
            #expect(coloured.output.contains("\u{1B}[36mrunning\u{1B}[0m"))
            #expect(coloured.output.contains("…"))
            var plain: CommandLineProgram = program(server)
            plain.environment["NO_COLOR"] = "1"
            let lines: [String] = try plain.runOnTerminal("task", "list", columns: 60).outputLines
            #expect(!lines.joined().contains("\u{1B}"))
            #expect(lines.allSatisfy { $0.count <= 60 }, "\(lines)")
        }
    }

    @Test("--json prints the data, one document")
    func json() throws {
        let reply: JSONValue = [
            "tasks": [CommandLineReplyTests.task], "pagination": ["hasNext": false, "totalItems": 1],
        ]
        try withServer({ _ in .data(reply) }) { server in
            let after: ProgramOutcome = try program(server).run("task", "list", "--json")
            #expect(after.json == reply)
            let before: ProgramOutcome = try program(server).run("--json", "task", "list")
            #expect(before.json == reply)
        }
    }

    @Test("--all walks the pages")
    func allPages() throws {
        try withServer({ request in
            let isLast: Bool = request.target.contains("page=3")
            return .data([
                "tasks": [["id": .string(String(request.target.split(separator: "=")[1].prefix(1)))]],
                "pagination": ["hasNext": .boolean(!isLast), "totalItems": 3],
            ])
        }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "list", "--all", "--json")
            #expect(outcome.json?["tasks"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["1", "2", "3"])
        }
    }

    @Test("of several ids each is tried, and one failure makes the whole fail")
    func severalIDs() throws {
        try withServer({ request in
            request.target.hasSuffix("bad")
                ? .error(409, "RESOURCE_CONFLICT", "It has ended") : .data(["taskId": "x", "status": "cancelled"])
        }) { server in
            let outcome: ProgramOutcome = try program(server).run("task", "cancel", "a", "bad", "c")
            #expect(outcome.status == 1)
            #expect(outcome.output == "a  cancelled\nc  cancelled\n")
            #expect(outcome.errors.contains("cannot cancel the task bad: It has ended"))
        }
    }

    @Test("the health of an unhealthy server is shown, with 1")
    func unhealthy() throws {
        let health: JSONValue = [
            "overall": "unhealthy", "timestamp": "2030-01-01T00:00:00.000Z",
            "components": [["name": "journal", "status": "unhealthy", "message": "disk full", "dependencies": []]],
        ]
        try withServer({ _ in .data(health, status: 503) }) { server in
            let outcome: ProgramOutcome = try program(server).run("health")
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("journal    unhealthy  disk full"), "\(outcome.output)")
            #expect(outcome.errors.isEmpty)
        }
    }

    @Test("the token of the data directory is used where none is given")
    func tokenOfFile() throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let isMade: Bool = FileManager.default.createFile(
            atPath: folder + "/admin.token", contents: Data("abc.def.ghi\n".utf8),
            attributes: [.posixPermissions: 0o600])
        try #require(isMade)
        try withServer({ _ in .error(401, "AUTHENTICATION_ERROR", "Invalid or expired token") }) { server in
            let outcome: ProgramOutcome = try CommandLineProgram().run("health", "--url", server.url, "--data", folder)
            #expect(server.requests.first?.fields["authorization"] == "Bearer abc.def.ghi")
            #expect(outcome.errors.contains("the token is from \(folder)/admin.token"))
            let anonymous: ProgramOutcome = try CommandLineProgram().run(
                "health", "--url", server.url, "--data", "/nonexistent")
            #expect(anonymous.errors.contains("no token was sent: there is no /nonexistent/admin.token"))
        }
    }
}
