import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// Workflows whose steps are processes.
@Suite("Workflows with real processes", .server)
struct WorkflowTests {
    private func client() throws -> APIClient { try SharedServer.current.client() }

    fileprivate static func step(_ id: String, _ command: JSONValue, _ more: JSONObject = [:]) -> JSONValue {
        var configuration: JSONObject = ["context": ["command": command]]
        var step: JSONObject = ["id": .string(id), "type": "task"]
        for member in more.members {
            if member.key.hasPrefix("on") {
                step[member.key] = member.value
            } else {
                configuration[member.key] = member.value
            }
        }
        step["configuration"] = .object(configuration)
        return .object(step)
    }

    @Test("GW-REST-08, GW-REST-11: each type of step does its part, and results reach later steps")
    func everyType() async throws {
        let client: APIClient = try client()
        let steps: JSONValue = [
            WorkflowTests.step("list", .string(#"echo '["a","b","c"]' > "$MAOS_RESULT_FILE""#)),
            [
                "id": "each", "type": "loop",
                "configuration": [
                    "items": "steps.list.result", "maxParallel": 2,
                    "steps": [WorkflowTests.step("say", ["echo", "${item}:${index}"])],
                ],
            ],
            [
                "id": "enough", "type": "decision",
                "configuration": ["condition": "length(steps.each.result) == parameters.wanted"], "onSuccess": "both",
                "onFailure": "never",
            ],
            WorkflowTests.step("never", "exit 9", ["onSuccess": "both"]),
            [
                "id": "both", "type": "parallel",
                "configuration": [
                    "steps": [
                        WorkflowTests.step("x", ["echo", "${steps.each.result[2].stdout}"]),
                        WorkflowTests.step("y", "true"),
                    ]
                ],
            ],
            WorkflowTests.step(
                "report", .string(#"printf '{"said":"%s"}' $SAID > "$MAOS_RESULT_FILE""#),
                ["retryPolicy": ["maxAttempts": 1]]),
        ]
        let id: String = try client.createWorkflow(steps)
        let started: String = try client.executeWorkflow(
            id,
            [
                "parameters": ["wanted": 3],
                "overrides": [
                    [
                        "stepId": "report",
                        "configuration": ["context": ["environment": ["SAID": "${steps.both.result.x.stdout}"]]],
                    ]
                ],
            ])
        let execution: JSONValue = try await client.executed(started)
        #expect(execution["status"] == "completed", "\(execution)")
        #expect(execution["progress"] == 1)
        let steps2: [JSONValue] = try #require(execution["steps"]?.arrayValue)
        #expect(steps2.first { $0["stepId"] == "never" }?["status"] == "skipped")
        #expect(steps2.count { $0["stepId"] == "say" } == 3)
        #expect(execution["result"]?["said"]?.stringValue?.hasPrefix("c:2") == true, "\(execution)")
    }

    @Test("a failing step is tried again, then its handler runs; the execution completes")
    func failurePath() async throws {
        let client: APIClient = try client()
        let id: String = try client.createWorkflow([
            WorkflowTests.step(
                "bad", "exit 3", ["onFailure": "handler", "retryPolicy": ["maxAttempts": 2, "backoffMs": 10]]),
            WorkflowTests.step("handler", ["echo", "${steps.bad.error}"]),
        ])
        let execution: JSONValue = try await client.executed(try client.executeWorkflow(id))
        #expect(execution["status"] == "completed")
        let steps: [JSONValue] = try #require(execution["steps"]?.arrayValue)
        #expect(steps[0]["error"] == "exited with code 3")
        #expect(steps[1]["result"]?["stdout"] == "exited with code 3\n")
        let task: JSONValue = try client.task(try #require(steps[0]["taskId"]?.stringValue))
        #expect(task["attempt"] == 2)
    }

    @Test("a cancellation in the middle ends the processes, and nothing more starts")
    func cancellation() async throws {
        let client: APIClient = try client()
        let id: String = try client.createWorkflow([
            WorkflowTests.step("sleep", ["sleep", "600"]), WorkflowTests.step("after", "true"),
        ])
        let started: String = try client.executeWorkflow(id)
        var task: String = ""
        try await waitUntil("the first step's process") {
            let execution: JSONValue = try client.execution(started)
            task = execution["steps"]?[0]?["taskId"]?.stringValue ?? ""
            return try !task.isEmpty && client.task(task)["coreStatus"] == "running"
        }
        let reply: APIReply = try client.call(
            .post, "/api/v1/workflows/\(id)/executions/\(started)/cancel", ["reason": "enough"])
        #expect([200, 202].contains(reply.status))
        let execution: JSONValue = try await client.executed(started)
        #expect(execution["status"] == "cancelled")
        #expect(execution["error"] == "enough")
        #expect(try client.task(task)["status"] == "cancelled")
        #expect(execution["steps"]?[1]?["status"] == "skipped")
    }
}

/// The promise of workflows: a server that is killed goes on where it was.
@Suite("A server that is killed in the middle of a workflow")
struct WorkflowKillTests {
    @Test("finishes its thousand steps after restarts, with no step run twice at once")
    func killed() async throws {
        let locks: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: locks) }
        let server = try ServerProcess()
        let script: String =
            "exec 9>>\(locks)/$MAOS_TASK_ID; flock -n 9 || echo $MAOS_TASK_ID >> \(locks)/violations; echo x >> \(locks)/ran-$STEP"
        var layers: [JSONValue] = []
        for layer in 0..<10 {
            let steps: [JSONValue] = (0..<100).map { (index: Int) in
                [
                    "id": .string("s\(layer)-\(index)"), "type": "task",
                    "configuration": [
                        "context": ["command": .string(script), "environment": ["STEP": .string("\(layer)-\(index)")]],
                        "retryPolicy": ["maxAttempts": 20, "backoffMs": 10],
                    ],
                ]
            }
            layers.append(
                ["id": .string("layer\(layer)"), "type": "parallel", "configuration": ["steps": .array(steps)]])
        }
        let id: String = try server.client().createWorkflow(.array(layers))
        let started: String = try server.client().executeWorkflow(id)
        for round in 0..<3 {
            let goal: Double = Double(round + 1) * 0.15
            let client: APIClient = try server.client()
            try await waitUntil(seconds: 120, "progress of \(goal)") {
                try (client.execution(started)["progress"]?.doubleValue ?? 0) >= goal
            }
            server.end(with: SIGKILL)
            try server.start()
        }
        let client: APIClient = try server.client()
        let execution: JSONValue = try await client.executed(started, seconds: 240)
        #expect(execution["status"] == "completed", "\(execution["error"] ?? .null)")
        let steps: [JSONValue] = try #require(execution["steps"]?.arrayValue)
        #expect(steps.count == 1_010)
        #expect(steps.allSatisfy { $0["status"] == "completed" && $0["attempt"] == 1 })
        #expect(Set(steps.compactMap { $0["taskId"]?.stringValue }).count == 1_000, "a task a step")
        #expect(!FileManager.default.fileExists(atPath: locks + "/violations"), "a step ran twice at the same time")
        let ran: [String] = try FileManager.default.contentsOfDirectory(atPath: locks).filter { $0.hasPrefix("ran-") }
        #expect(ran.count == 1_000, "every step ran")
        #expect(server.end(with: SIGTERM) == 0)
    }

    @Test("GW-REST-11: a half-done step shows alike in the answer, in lists, events, on the socket and in commands")
    func progress() async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try ServerProcess()
        let socket: WebSocketClient = try WebSocketClient(
            try #require(ClientURL(server.baseURL)), "/ws", token: server.adminToken())
        try socket.send(#"{"type":"subscribe","channel":"system:workflow_progress"}"#)
        // The second attempt comes a little further before it ends.
        let script: String = "echo ::maos progress=0.5$MAOS_ATTEMPT; while [ ! -e \(folder)/on ]; do sleep 0.05; done"
        let id: String = try server.client().createWorkflow([
            WorkflowTests.step("half", .string(script), ["weight": 3]), WorkflowTests.step("rest", "true"),
        ])
        let started: String = try server.client().executeWorkflow(id)
        try await expect(0.3825, of: started, beside: server)
        var message: JSONValue = .null
        while message["message"]?["event"]?["type"] != "workflow_progress" {
            guard case .text(let text) = try socket.receive(timeout: 30_000) else { throw HarnessError("closed") }
            message = try JSONReader.parse(Array(text.utf8), depthLimit: 64)
        }
        let data: JSONValue? = message["message"]?["event"]?["data"]
        #expect(data?["executionId"] == .string(started) && data?["progress"] == 0.3825, "\(message)")
        server.end(with: SIGKILL)
        try server.start()
        try await expect(0.39, of: started, beside: server)
        #expect(FileManager.default.createFile(atPath: folder + "/on", contents: nil))
        #expect(try await server.client().executed(started)["status"] == "completed")
        try await expect(1, of: started, beside: server)
        let told: [JSONValue] = try server.client().events().filter { $0["type"] == "workflow_progress" }
        #expect(
            told.map { $0["progress"] } == [0.3825, 0, 0.39], "each once; what ended with the server is taken back")
        let printed: [String] = try CommandLineProgram(beside: server).run("events", "--types", "workflow_progress")
            .outputLines
        #expect(printed.last?.contains(started) == true && printed.last?.hasSuffix("39%  a test") == true, "\(printed)")
        #expect(server.end(with: SIGTERM) == 0)
    }

    /// Waits for what an execution shows of itself, and looks whether it shows that everywhere.
    private func expect(_ progress: JSONValue, of id: String, beside server: ServerProcess) async throws {
        let client: APIClient = try server.client()
        try await waitUntil("progress of \(progress)") { try client.execution(id)["progress"] == progress }
        let list: JSONValue? = try client.call(.get, "/api/v1/executions").data?["executions"]
        #expect(list?.arrayValue?.map { $0["progress"] } == [progress])
        let event: JSONValue? = try client.events().last { $0["executionId"] == .string(id) }
        #expect(event?["progress"] == progress, "\(event ?? .null)")
        let program = CommandLineProgram(beside: server)
        let percent: String = "\(progress.doubleValue?.wholePercent ?? -1)%"
        for arguments: [String] in [["execution", "list"], ["execution", "get", id]] {
            let output: String = try program.run(arguments).output
            #expect(output.contains(percent), "\(arguments): \(output)")
        }
    }

    @Test("a question that waits for an answer waits for it after the restart too")
    func question() async throws {
        let server = try ServerProcess()
        let id: String = try server.client().createWorkflow([
            ["id": "gate", "type": "task", "configuration": ["approval": ["reason": "Go on?"]]]
        ])
        let started: String = try server.client().executeWorkflow(id)
        server.end(with: SIGKILL)
        try server.start()
        let client: APIClient = try server.client()
        let list: APIReply = try client.call(.get, "/api/v1/approvals?status=pending")
        let approval: String = try #require(list.data?["approvals"]?[0]?["id"]?.stringValue)
        let reply: APIReply = try client.call(.post, "/api/v1/approvals/\(approval)", ["approved": true])
        #expect(reply.status == 200)
        let execution: JSONValue = try await client.executed(started)
        #expect(execution["status"] == "completed")
        #expect(execution["result"]?["by"] == "admin")
        #expect(server.end(with: SIGTERM) == 0)
    }
}

extension APIClient {
    /// Creates a workflow of steps; returns its id.
    fileprivate func createWorkflow(_ steps: JSONValue) throws -> String {
        let reply: APIReply = try call(.post, "/api/v1/workflows", ["name": "a test", "steps": steps])
        guard reply.status == 201 else { throw HarnessError("create answered \(reply.status): \(reply.body)") }
        return try #require(reply.data?["workflowId"]?.stringValue)
    }

    fileprivate func executeWorkflow(_ id: String, _ body: JSONValue = [:]) throws -> String {
        let reply: APIReply = try call(.post, "/api/v1/workflows/\(id)/execute", body)
        guard reply.status == 201 else { throw HarnessError("execute answered \(reply.status): \(reply.body)") }
        return try #require(reply.data?["id"]?.stringValue)
    }

    fileprivate func execution(_ id: String) throws -> JSONValue {
        let reply: APIReply = try call(.get, "/api/v1/executions/\(id)")
        return try #require(reply.data, "GET execution answered \(reply.status)")
    }

    /// Waits until an execution has ended; returns it.
    fileprivate func executed(_ id: String, seconds: Double = 60) async throws -> JSONValue {
        var last: JSONValue = .null
        try await waitUntil(seconds: seconds, "the end of execution \(id)") {
            last = try execution(id)
            return ["completed", "failed", "cancelled"].contains(last["status"]?.stringValue ?? "")
        }
        return last
    }
}
