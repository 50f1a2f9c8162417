import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode tasks")
struct OpenCodeTaskTests {
    @Test("a client is greeted, then sees everything (OC-CONN-02, OC-REQ-02, OC-REQ-03, OC-REQ-05)")
    func greeting() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.connect()
        let inbox = world.inbox(peer)
        #expect(inbox.map { $0["type"]?.stringValue } == ["connection_established", "full_status"])
        #expect(inbox[0]["server_version"] == "9.9.9")
        #expect(inbox[0]["api_version"] == "1.4.0")
        let data = inbox[1]["data"]
        #expect(data?["agents"]?[0]?["status"] == "idle")
        for member in ["id", "type", "task", "progress", "start_time", "memory_usage", "cpu_percent", "working_dir"] {
            #expect(data?["agents"]?[0]?[member] != nil, "\(member)")
        }
        #expect(data?["tasks"]?.arrayValue?.isEmpty == true)
        #expect(data?["system_resources"]?["cpu_usage"] != nil)
        #expect(data?["claude_processes"]?.arrayValue?.isEmpty == true)
    }

    @Test(
        "a started task is answered as pending, and shown with what it was given (OC-REQ-07, OC-REQ-12, OC-REQ-13, OC-REQ-27)"
    )
    func start() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let answer = try await world.start(
            "new_task_123",
            #","files_pattern":"**/*.test.js","timeout":3600000,"metadata":{"complexity":"medium","x":{"y":[1,null]}}"#,
            from: peer)
        #expect(answer["task_id"] == "new_task_123")
        #expect(answer["task"]?["status"] == "pending")
        #expect(answer["task"]?["progress"] == 0)
        let status = try await world.ask(#"{"type":"get_task_status","task_id":"new_task_123"}"#, from: peer)
        let task = try #require(status["task"])
        #expect(task["type"] == "testing")
        #expect(task["priority"] == "high")
        #expect(task["status"] == "queued")
        #expect(task["runtime_status"] == "pending")
        #expect(task["files_pattern"] == "**/*.test.js")
        #expect(task["timeout"] == 3_600_000)
        #expect(task["metadata"] == ["complexity": "medium", "x": ["y": [1, nil]]])
        #expect(task["started_at"] == nil)
        let record = try #require(world.orchestrator.view.task(TaskID(unchecked: "new_task_123")))
        #expect(record.specification.kind == .testing)
        #expect(record.specification.metadata.description == #"{"complexity":"medium","x":{"y":[1,null]}}"#)
    }

    @Test("only the seven statuses are ever shown, with whole percents (OC-TYPE-03, OC-VAL-14, OC-REQ-04, OC-TYPE-07)")
    func statuses() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let known: Set<String> = ["pending", "running", "completed", "failed", "cancelled", "paused", "queued"]
        var tasks: [TaskRecord] = []
        for (number, status) in TaskStatus.allCases.enumerated() {
            var state = TaskState(status: status, priority: .low, updatedAt: world.now)
            state.progress = 0.999
            tasks.append(
                TaskRecord(
                    id: TaskID(unchecked: "t\(number)"), number: UInt64(number + 1),
                    specification: TaskSpecification(kind: .testing, description: "d"), owner: "o", team: nil,
                    createdAt: world.now, state: state))
        }
        world.history = FixedHistory(tasks)
        let list = try await world.ask(#"{"type":"list_tasks"}"#, from: peer)
        let shown: [JSONValue] = list["tasks"]?.arrayValue ?? []
        #expect(shown.count == TaskStatus.allCases.count)
        for task in shown {
            #expect(known.contains(task["status"]?.stringValue ?? ""))
            #expect(task["progress"] == (task["status"] == "completed" ? 100 : 99))
        }
    }

    /// Has these tasks, whatever is asked for.
    private final class FixedHistory: History {
        let all: [TaskRecord]
        init(_ all: [TaskRecord]) { self.all = all }
        func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { all.first { $0.id == id } }
        func agent(_ id: AgentID) throws(JournalError) -> AgentRecord? { nil }
        func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage { TaskPage(tasks: all, total: all.count) }
        func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord] { [] }
        func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? { nil }
        func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage { throw .unavailable("none") }
        func events(from sequence: UInt64, limit: Int, types: Set<String>) throws(JournalError) -> EventPage {
            EventPage(events: [], nextSequence: sequence, oldestSequence: 0)
        }
    }

    @Test("metadata.command says what runs, metadata.project where it counts")
    func command() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("a", #","metadata":{"command":["echo","hi"],"project":"web"}"#, from: peer)
        try await world.start("b", #","metadata":{"command":"echo hi"}"#, from: peer)
        let first = try #require(world.orchestrator.view.task(TaskID(unchecked: "a"))).specification
        #expect(first.command == .arguments(["echo", "hi"]))
        #expect(first.project == "web")
        #expect(world.orchestrator.view.task(TaskID(unchecked: "b"))?.specification.command == .shell("echo hi"))
    }

    @Test("a name is used once, also by a scheduled task (OC-VAL-02, OC-ERR-10)")
    func duplicates() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let again = #"{"type":"start_task","task":\#(OpenCodeWorld.task("a"))}"#
        #expect(try await world.refusal(again, from: peer) == "TASK_ALREADY_EXISTS")
        let scheduled = OpenCodeWorld.task("a", #","scheduled_time":"2030-01-01T01:00:00Z""#)
        #expect(
            try await world.refusal(#"{"type":"schedule_task","task":\#(scheduled)}"#, from: peer)
                == "TASK_ALREADY_EXISTS")
    }

    @Test(
        "an unknown dependency is named, with tasks that exist; an unmet one is waited for (OC-ERR-12, OC-VAL-18, OC-REQ-08)"
    )
    func dependencies() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("task_456", from: peer)
        let text = #"{"type":"start_task","task":\#(OpenCodeWorld.task("b", #","dependencies":["task_123"]"#))}"#
        let answer = try await world.ask(text, from: peer)
        #expect(answer["code"] == "TASK_DEPENDENCY_ERROR")
        #expect(answer["message"] == "Task dependency 'task_123' does not exist")
        #expect(answer["details"]?["task_id"] == "b")
        #expect(answer["details"]?["dependency_id"] == "task_123")
        #expect(answer["details"]?["available_tasks"] == ["task_456"])
        try await world.start("c", #","dependencies":["task_456"]"#, from: peer)
        let status = try await world.ask(#"{"type":"get_task_status","task_id":"c"}"#, from: peer)
        #expect(status["task"]?["status"] == "pending")
        #expect(status["task"]?["dependencies"] == ["task_456"])
    }

    @Test("a waiting task is cancelled at once, again with success, and cannot be cancelled after its end (OC-REQ-10)")
    func cancel() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        for _ in 0..<2 {
            let answer = try await world.ask(#"{"type":"cancel_task","task_id":"a"}"#, from: peer)
            #expect(answer["type"] == "task_cancelled")
            #expect(answer["task_id"] == "a")
            #expect(answer["status"] == "cancelled")
        }
        for type in ["cancel_task", "retry_task", "get_task_status"] {
            let answer = try await world.ask(#"{"type":"\#(type)","task_id":"none"}"#, from: peer)
            #expect(answer["code"] == "TASK_NOT_FOUND")
            #expect(answer["message"] == "Task with ID 'none' not found")
            #expect(answer["details"]?["task_id"] == "none")
        }
    }

    @Test(
        "a running task is cancelled when its processes are gone; what was asked meanwhile waits its turn (OC-CONN-03)")
    func cancelRunning() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let attempt = try await world.begin("a")
        try await world.pump()
        world.clear(peer)
        try await world.post(#"{"type":"cancel_task","task_id":"a","request_id":1}"#, from: peer)
        try await world.post(#"{"type":"ping","request_id":2}"#, from: peer)
        #expect(world.inbox(peer).isEmpty)
        try await world.report(.attemptEnded(attempt, .stopped))
        try await world.pump()
        #expect(world.inbox(peer).map { $0["request_id"] } == [1, 2])
        #expect(world.inbox(peer)[0]["status"] == "cancelled")
    }

    @Test("a cancellation that takes long is answered after five seconds as what it is")
    func slowCancel() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        _ = try await world.begin("a")
        world.clear(peer)
        try await world.post(#"{"type":"cancel_task","task_id":"a"}"#, from: peer)
        try await world.pass(.seconds(4))
        #expect(world.inbox(peer).isEmpty)
        try await world.pass(.seconds(1))
        #expect(world.inbox(peer)[0]["type"] == "task_cancelled")
        #expect(world.inbox(peer)[0]["cancel_requested"] == true)
    }

    @Test("failed and cancelled tasks can be tried again, no others (OC-REQ-11)")
    func retry() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let running = #"{"type":"retry_task","task_id":"a"}"#
        #expect(try await world.refusal(running, from: peer) == "INVALID_FIELD_VALUE")
        let attempt = try await world.begin("a")
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.timeout, "took too long"))))
        let status = try await world.ask(#"{"type":"get_task_status","task_id":"a"}"#, from: peer)
        #expect(status["task"]?["status"] == "failed")
        #expect(status["task"]?["error"] == "TASK_TIMEOUT_EXCEEDED: took too long")
        #expect(status["task"]?["runtime_status"] == "error")
        let answer = try await world.ask(running, from: peer)
        #expect(answer["type"] == "task_retried")
        #expect(answer["retry_count"] == 1)
        let second = try await world.begin("a")
        try await world.report(.attemptEnded(second, .completed(result: nil)))
        #expect(try await world.refusal(running, from: peer) == "INVALID_FIELD_VALUE")
        let done = try await world.ask(#"{"type":"get_task_status","task_id":"a"}"#, from: peer)
        #expect(done["task"]?["progress"] == 100)
        #expect(done["task"]?["completed_at"] != nil)
    }

    @Test("a scheduled task waits for its time, and says how it comes back (OC-REQ-28)")
    func schedule() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let members = """
            ,"scheduled_time":"2030-01-01T14:00:00Z","recurring":{"interval":"daily","end_time":"2030-02-01T14:00:00Z"}
            """
        let answer = try await world.ask(
            #"{"type":"schedule_task","task":\#(OpenCodeWorld.task("s", members))}"#, from: peer)
        #expect(answer["type"] == "task_scheduled")
        #expect(answer["task_id"] == "s")
        #expect(answer["scheduled_time"] == "2030-01-01T14:00:00.000Z")
        #expect(answer["next_run"] == "2030-01-01T14:00:00.000Z")
        #expect(answer["recurring"] == ["interval": "daily", "end_time": "2030-02-01T14:00:00Z"])
        let status = try await world.ask(#"{"type":"get_task_status","task_id":"s"}"#, from: peer)
        #expect(status["task"]?["status"] == "pending")
        #expect(status["task"]?["core_status"] == "scheduled")
        #expect(status["task"]?["recurring"]?["interval"] == "daily")
        let mars = #","scheduled_time":"2030-01-01T14:00:00Z","recurring":{"interval":"daily","timezone":"Mars/Base"}"#
        let refused = #"{"type":"schedule_task","task":\#(OpenCodeWorld.task("m", mars))}"#
        #expect(try await world.refusal(refused, from: peer) == "INVALID_RECURRING_CONFIG")
        let started = try await world.start("later", #","scheduled_time":"2030-01-01T01:00:00Z""#, from: peer)
        #expect(started["task"]?["scheduled_time"] == "2030-01-01T01:00:00.000Z")
    }

    @Test("tasks of other dialects appear with the nearest type and their own word beside it (X-01)")
    func foreign() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await world.orchestrator.submit(
            .createTask(TaskSpecification(kind: .code, description: "from elsewhere"), id: nil, idempotency: nil),
            as: .system)
        let list = try await world.ask(#"{"type":"list_tasks"}"#, from: peer)
        #expect(list["tasks"]?[0]?["type"] == "feature")
        #expect(list["tasks"]?[0]?["metadata"] == ["core_type": "code"])
        let filtered = try await world.ask(#"{"type":"list_tasks","filter":{"type":"feature"}}"#, from: peer)
        #expect(filtered["filtered_count"] == 1)
    }
}

@Suite("OpenCode task lists")
struct OpenCodeListTests {
    private func names(_ answer: JSONValue) -> [String] {
        answer["tasks"]?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
    }

    /// Six tasks, an hour apart; the second depends on the first.
    private func world() async throws -> (OpenCodeWorld, PeerID) {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        for (index, members) in [
            #","files_pattern":"**/*.md""#, #","dependencies":["t0"]"#, "", #","metadata":{"tags":["x"]}"#, "", "",
        ].enumerated() {
            let type = index.isMultiple(of: 2) ? "testing" : "documentation"
            let priority = ["low", "medium", "high", "critical", "low", "high"][index]
            let answer = try await world.ask(
                """
                {"type":"start_task","task":{"id":"t\(index)","type":"\(type)","priority":"\(priority)",
                "description":"Write TEST \(index)"\(members)}}
                """, from: peer)
            #expect(answer["type"] == "task_started")
            world.clock.advance(.seconds(3_600))
        }
        return (world, peer)
    }

    @Test("without anything the newest come first, with honest counts (OC-REQ-14, OC-REQ-25, OC-REQ-26)")
    func plain() async throws {
        let (world, peer) = try await world()
        let all = try await world.ask(#"{"type":"list_tasks"}"#, from: peer)
        #expect(names(all) == ["t5", "t4", "t3", "t2", "t1", "t0"])
        #expect(all["total_count"] == 6)
        #expect(all["filtered_count"] == 6)
        #expect(all["pagination"] == ["limit": 50, "offset": 0, "has_more": false, "next_offset": nil])
        let page = try await world.ask(#"{"type":"list_tasks","limit":2,"offset":2}"#, from: peer)
        #expect(names(page) == ["t3", "t2"])
        #expect(page["pagination"] == ["limit": 2, "offset": 2, "has_more": true, "next_offset": 4])
        let past = try await world.ask(#"{"type":"list_tasks","offset":100}"#, from: peer)
        #expect(names(past) == [])
        #expect(past["pagination"]?["has_more"] == false)
    }

    @Test(
        "each filter by itself, and all of them together (OC-REQ-15, OC-REQ-16, OC-REQ-17, OC-REQ-18, OC-REQ-19, OC-REQ-20, OC-REQ-21, OC-REQ-22, OC-REQ-23)",
        arguments: [
            (#"{"status":["pending"]}"#, ["t1"]), (#"{"status":"queued"}"#, ["t5", "t4", "t3", "t2", "t0"]),
            (#"{"status":[]}"#, ["t5", "t4", "t3", "t2", "t1", "t0"]),
            (#"{"type":["documentation"]}"#, ["t5", "t3", "t1"]),
            (#"{"type":["documentation","testing"],"priority":"high"}"#, ["t5", "t2"]),
            (#"{"priority":["low","critical"]}"#, ["t4", "t3", "t0"]),
            (#"{"created_after":"2030-01-01T03:00:00Z"}"#, ["t5", "t4"]),
            (#"{"created_before":"2030-01-01T01:00:00Z"}"#, ["t0"]),
            (#"{"has_dependencies":true}"#, ["t1"]),
            (#"{"has_dependencies":false,"type":"documentation"}"#, ["t5", "t3"]),
            (#"{"progress_range":{"min":1}}"#, []),
            (#"{"progress_range":{"min":0,"max":0}}"#, ["t5", "t4", "t3", "t2", "t1", "t0"]),
            (#"{"description_contains":"test 4"}"#, ["t4"]), (#"{"files_pattern":"**/*.md"}"#, ["t0"]),
            (#"{"files_pattern":"*.md"}"#, []),
        ])
    func filter(filter: String, expected: [String]) async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"list_tasks","filter":\#(filter)}"#, from: peer)
        #expect(names(answer) == expected)
        #expect(answer["filtered_count"] == JSONValue(expected.count))
        #expect(answer["total_count"] == 6)
    }

    @Test("any field sorts, both ways, and pages follow the order (OC-REQ-24)")
    func sort() async throws {
        let (world, peer) = try await world()
        func sorted(_ field: String, _ order: String, _ more: String = "") async throws -> [String] {
            names(
                try await world.ask(
                    #"{"type":"list_tasks","sort":{"field":"\#(field)","order":"\#(order)"}\#(more)}"#, from: peer))
        }
        #expect(try await sorted("created_at", "asc") == ["t0", "t1", "t2", "t3", "t4", "t5"])
        #expect(try await sorted("priority", "desc") == ["t3", "t5", "t2", "t1", "t4", "t0"])
        #expect(try await sorted("priority", "asc", #","limit":2,"offset":1"#) == ["t0", "t1"])
        #expect(try await sorted("id", "asc", #","limit":3"#) == ["t0", "t1", "t2"])
        #expect(try await sorted("status", "asc", #","limit":1"#) == ["t1"])
        #expect(try await sorted("type", "asc", #","limit":1"#) == ["t5"])
        #expect(try await sorted("started_at", "desc").count == 6)
        #expect(
            try await world.refusal(
                #"{"type":"list_tasks","offset":100001,"sort":{"field":"id"}}"#, from: peer) == "INVALID_FIELD_VALUE")
    }

    @Test("whoever is limited to projects sees their tasks only")
    func projects() async throws {
        let (world, peer) = try await world()
        _ = try await world.start("web", #","metadata":{"project":"web"}"#, from: peer)
        let caller = SocketCaller(principal: Principal(subject: "w", permissions: .all, projects: ["web"]))
        let other = try await world.join(as: caller)
        let list = try await world.ask(
            #"{"type":"list_tasks","filter":{"created_after":"2029-01-01T00:00:00Z"}}"#, from: other)
        #expect(names(list) == ["web"])
        #expect(list["total_count"] == 1)
        #expect(
            try await world.refusal(#"{"type":"get_task_status","task_id":"t0"}"#, from: other) == "TASK_NOT_FOUND")
    }
}
