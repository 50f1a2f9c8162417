import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode monitoring")
struct OpenCodeMonitoringTests {
    private func process(
        _ pid: Int32, _ name: String, _ program: ProcessProgram = .other, cpu: Double = 0, memory: Int64 = 1 << 20,
        task: String? = nil, command: String? = nil
    ) -> ProcessReading {
        var process = ProcessReading(ProcessIdentity(pid: pid, startTicks: UInt64(pid)))
        process.name = name
        process.program = program
        process.cpuPercent = cpu
        process.residentBytes = memory
        process.commandLine = command ?? "\(name) run"
        process.startedAt = Instant(milliseconds: 1_893_455_000_000 + Int64(pid))
        if let task {
            process.owner = ProcessOwner(
                agent: AgentID(unchecked: "a1"), attempt: AttemptID(task: TaskID(unchecked: task), number: 1))
        }
        return process
    }

    private func world() async throws -> (OpenCodeWorld, PeerID) {
        let world = try await OpenCodeWorld()
        var reading = HostReading()
        reading.time = world.now
        reading.processor.count = 4
        reading.processor.percent = 45.2
        reading.memory = HostMemory(total: 16 << 30, available: 4 << 30)
        reading.disk = HostDisk(total: 1_000, used: 250, free: 750)
        reading.load = HostLoad(1.25, 1.45, 1.32)
        reading.uptime = .seconds(86_400)
        var network = HostNetwork()
        network.sent.bytes = 1_024
        network.received.errors = 2
        reading.network = network
        reading.processes = 5
        world.environment.machine.set(reading)
        world.environment.machine.set(
            [
                process(100, "python", .opencode, cpu: 50, memory: 1 << 30, task: "task_456"),
                process(101, "claude", .claude, cpu: 200), process(102, "sh", task: "other"),
                process(103, "bash"), process(104, "init", command: "/sbin/init --api-key=abc sk-123 --token xyz ok"),
            ], at: world.now)
        return (world, try await world.join())
    }

    @Test("resources are the machine's own numbers (OC-REQ-31, OC-TYPE-13, OC-TYPE-14, OC-PUSH-02)")
    func resources() async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_system_resources"}"#, from: peer)
        let data = try #require(answer["data"])
        #expect(data["cpu_usage"] == 45.2)
        #expect(data["memory_usage"] == 75)
        #expect(data["memory_used"] == .integer(12 << 30))
        #expect(data["disk_usage"] == 25)
        #expect(data["network_stats"]?["bytes_sent"] == 1_024)
        #expect(data["network_stats"]?["errors_recv"] == 2)
        #expect(data["active_processes"] == 5)
        #expect(data["claude_processes"] == 3)
        #expect(data["load_average"] == [1.25, 1.45, 1.32])
        #expect(data["uptime_seconds"] == 86_400)
        #expect(data["timestamp"]?.stringValue?.hasSuffix("Z") == true)
    }

    @Test(
        "only processes of interest are listed unless all are asked for (OC-REQ-32, OC-REQ-35, OC-REQ-36, OC-TYPE-11)")
    func processes() async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_process_list"}"#, from: peer)
        let data = try #require(answer["data"])
        #expect(data["processes"]?.arrayValue?.count == 3)
        #expect(data["total_count"] == 3)
        let first = try #require(data["processes"]?[0])
        #expect(first["pid"] == 100)
        #expect(first["cpu_percent"] == 12.5)
        #expect(first["memory_percent"] == 6.25)
        #expect(first["memory_rss"] == .integer(1 << 30))
        #expect(first["task_id"] == "task_456")
        #expect(first["is_opencode"] == true)
        #expect(first["activity"] == "executing_task")
        #expect(first["create_time"] == .init(1_893_455_000.1))
        #expect(first["open_files"] == 12)
        #expect(first["discovered_at"] != nil)
        #expect(data["system_load"] == ["load1": 1.25, "load5": 1.45, "load15": 1.32])
        #expect(data["resource_summary"]?["total_cpu_percent"] == 45.2)
        let all = try await world.ask(#"{"type":"request_process_list","include_system_processes":true}"#, from: peer)
        #expect(all["data"]?["total_count"] == 5)
        #expect(all["data"]?["processes"]?[4]?["cmdline"] == "/sbin/init --api-key=*** *** --token *** ok")
    }

    @Test(
        "processes are filtered and sorted (OC-REQ-33, OC-REQ-34, OC-VAL-15, OC-VAL-16)",
        arguments: [
            (#""filter":{"type":["opencode","claude"]}"#, [100, 101]),
            (#""filter":{"cpu_percent_min":12.5}"#, [100, 101]),
            (#""filter":{"cpu_percent_max":1}"#, [102]), (#""filter":{"memory_percent_min":5}"#, [100]),
            (#""filter":{"memory_percent_max":5}"#, [101, 102]), (#""filter":{"name_contains":"PY"}"#, [100]),
            (#""filter":{"cmdline_contains":"claude run"}"#, [101]), (#""filter":{"working_dir":"/nowhere"}"#, []),
            (#""filter":{"status":["zombie"]}"#, []), (#""filter":{"status":"sleeping"},"limit":1"#, [100]),
            (#""sort":{"field":"cpu_percent","order":"desc"}"#, [101, 100, 102]),
            (#""sort":{"field":"name","order":"asc"}"#, [101, 100, 102]),
            (#""sort":{"field":"pid","order":"desc"},"limit":1,"offset":1"#, [101]),
            (#""filter":{"created_after":"2029-12-31T23:43:20.101Z"}"#, [102]),
        ])
    func filtered(members: String, expected: [Int64]) async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_process_list",\#(members)}"#, from: peer)
        let pids = answer["data"]?["processes"]?.arrayValue?.compactMap { $0["pid"] } ?? []
        #expect(pids == expected.map { .integer($0) })
    }

    @Test("folders of strangers are looked for as they are shown (OC-REQ-33, OC-REQ-35)")
    func foldersOfStrangers() async throws {
        let (world, peer) = try await world()
        func data(_ members: String) async throws -> JSONValue? {
            let text = #"{"type":"request_process_list","include_system_processes":true,\#(members)}"#
            return try await world.ask(text, from: peer)["data"]
        }
        let all = try #require(try await data(#""limit":10"#)?["processes"]?.arrayValue)
        for process: JSONValue in all {
            let folder = try #require(process["working_dir"]?.stringValue)
            let found = try await data(#""filter":{"working_dir":"\#(folder)"}"#)
            #expect(found?["processes"] == .array([process]))
            #expect(found?["filtered_count"] == 1)
            #expect(found?["total_count"] == 5)
        }
        let none = try await data(#""filter":{"working_dir":"/home/103","name_contains":"init"}"#)
        #expect(none?["processes"] == [])
    }

    @Test("the shorter list has the same processes at the top (OC-REQ-49, OC-TYPE-12)")
    func claudeProcesses() async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_claude_processes"}"#, from: peer)
        #expect(answer["type"] == "claude_processes")
        #expect(answer["processes"]?.arrayValue?.count == 3)
        for member in ["memory_usage", "memory_percent", "working_dir", "discovered_at", "start_time", "activity"]
        where member != "working_dir" {
            #expect(answer["processes"]?[0]?[member] != nil, "\(member)")
        }
    }

    @Test(
        "long texts of processes are cut, and the first look has them too (OC-VAL-13, OC-REQ-06, OC-TYPE-04, OC-TYPE-05)"
    )
    func longTexts() async throws {
        let (world, _) = try await world()
        var long = process(200, String(repeating: "n", count: 300), .cursorClaude)
        long.commandLine = String(repeating: "c", count: 5_000)
        long.state = .zombie
        world.environment.machine.set([long], at: world.now + .seconds(1))
        let peer = try await world.connect()
        let shown = try #require(world.inbox(peer).last?["data"]?["claude_processes"]?[0])
        #expect(shown["cmdline"]?.stringValue?.unicodeScalars.count == 4_096)
        #expect(shown["name"]?.stringValue?.unicodeScalars.count == 256)
        #expect(shown["type"] == "cursor_claude")
        #expect(shown["status"] == "zombie")
    }

    @Test("a process is killed, or it is said why not (OC-REQ-47, OC-REQ-48, OC-ERR-09, OC-ERR-16, OC-ERR-17)")
    func kill() async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"kill_process","pid":100}"#, from: peer)
        #expect(answer["type"] == "process_killed")
        #expect(answer["data"]?["pid"] == 100)
        #expect(answer["data"]?["signal"] == "SIGTERM")
        #expect(answer["data"]?["success"] == true)
        #expect(world.environment.machine.signals == [.terminate])
        _ = try await world.ask(#"{"type":"kill_process","pid":100,"signal":"SIGKILL"}"#, from: peer)
        #expect(world.environment.machine.signals == [.terminate, .kill])
        #expect(try await world.refusal(#"{"type":"kill_process","pid":9999}"#, from: peer) == "PROCESS_NOT_FOUND")
        #expect(try await world.refusal(#"{"type":"kill_process","pid":1}"#, from: peer) == "PROCESS_PERMISSION_DENIED")
        let text = #"{"type":"kill_process","pid":103}"#
        for (outcome, code) in [
            (ProcessSignalOutcome.forbidden, "PROCESS_PERMISSION_DENIED"), (.notFound, "PROCESS_NOT_FOUND"),
            (.stillRunning, "PROCESS_KILL_FAILED"), (.refused("Permission denied"), "PROCESS_KILL_FAILED"),
        ] {
            world.environment.machine.set(outcome)
            #expect(try await world.refusal(text, from: peer) == code)
        }
        #expect(world.inbox(peer).last?["message"] == "Failed to kill process 103: Permission denied")
    }

    @Test("health is that of the worst part, with what is wrong (OC-REQ-44, OC-REQ-45)")
    func health() async throws {
        let (world, peer) = try await world()
        let well = try await world.ask(#"{"type":"request_system_health"}"#, from: peer)
        #expect(well["data"]?["overall_status"] == "healthy")
        #expect(
            well["data"]?["components"]
                == [
                    "websocket_server": "healthy", "task_manager": "healthy", "file_monitoring": "healthy",
                    "database": "healthy",
                ])
        #expect(well["data"]?["issues"] == [])
        #expect(well["data"]?["uptime_seconds"] == 10)
        world.environment.set(.unhealthy)
        let ill = try await world.ask(#"{"type":"request_system_health"}"#, from: peer)
        #expect(ill["data"]?["overall_status"] == "unhealthy")
        #expect(ill["data"]?["components"]?["database"] == "unhealthy")
        #expect(ill["data"]?["issues"]?[0]?["message"] == "not well")
    }

    @Test("metrics count requests by type, refusals and connections (OC-REQ-46, OC-RL-16)")
    func metrics() async throws {
        let (world, peer) = try await world()
        for _ in 0..<3 { _ = try await world.ask(#"{"type":"ping"}"#, from: peer) }
        _ = try await world.refusal(#"{"type":"nope"}"#, from: peer)
        let second = try await world.join()
        try await world.disconnect(second)
        let answer = try await world.ask(#"{"type":"request_metrics","time_range":"5m"}"#, from: peer)
        let data = try #require(answer["data"])
        #expect(data["endpoint_usage"]?["ping"] == 3)
        #expect(data["time_range"] == "5m")
        #expect(data["requests_total"]?.intValue ?? 0 >= 4)
        #expect(data["error_rate_percent"]?.doubleValue ?? 0 > 0)
        #expect(data["client_connections"]?["current"] == 1)
        #expect(data["client_connections"]?["peak_today"] == 2)
        #expect(data["client_connections"]?["total_today"] == 2)
        world.clock.advance(.seconds(3_600))
        let later = try await world.ask(#"{"type":"request_metrics","time_range":"5m"}"#, from: peer)
        #expect(later["data"]?["requests_total"] == 0)
        let day = try await world.ask(#"{"type":"request_metrics","time_range":"2d"}"#, from: peer)
        #expect(day["data"]?["endpoint_usage"]?["ping"] == 3)
    }
}

@Suite("OpenCode logs")
struct OpenCodeLogTests {
    private func messages(_ answer: JSONValue) -> [String] {
        answer["data"]?["entries"]?.arrayValue?.compactMap { $0["message"]?.stringValue } ?? []
    }

    /// Two tasks that have printed.
    private func world() async throws -> (OpenCodeWorld, PeerID) {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        try await world.start("b", from: peer)
        let (a, b) = (TaskID(unchecked: "a"), TaskID(unchecked: "b"))
        try await world.print("one\ntwo\n", task: a)
        world.clock.advance(.seconds(1))
        try await world.print("Failed to parse\n", .stderr, task: b)
        world.clock.advance(.seconds(1))
        try await world.print("three\n\nfour", task: a)
        world.clear(peer)
        return (world, peer)
    }

    @Test("each line of output is an entry, the newest first, with a summary of all (OC-REQ-37, OC-REQ-41, OC-REQ-42)")
    func entries() async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_log_entries","limit":50}"#, from: peer)
        #expect(messages(answer) == ["four", "three", "Failed to parse", "two", "one"])
        let entry = try #require(answer["data"]?["entries"]?[2])
        #expect(entry["level"] == "warn")
        #expect(entry["agent"] == "b")
        #expect(entry["source"] == "stderr:1")
        #expect(entry["context"]?["task_id"] == "b")
        #expect(entry["time"] == "2030-01-01T00:00:01.000Z")
        let data = try #require(answer["data"])
        #expect(data["summary"]?["warn_count"] == 1)
        #expect(data["summary"]?["oldest_entry"] == "2030-01-01T00:00:00.000Z")
        #expect(data["summary"]?["newest_entry"] == "2030-01-01T00:00:02.000Z")
        #expect(data["pagination"] == ["has_more": false, "next_cursor": nil])
    }

    @Test(
        "entries are filtered by everything there is (OC-REQ-38, OC-REQ-39)",
        arguments: [
            (#"{"level":["warn"]}"#, ["Failed to parse"]), (#"{"level":"error"}"#, []),
            (#"{"agent":["a"]}"#, ["four", "three", "two", "one"]), (#"{"agent":"b"}"#, ["Failed to parse"]),
            (#"{"agent":["a","b"]}"#, ["four", "three", "Failed to parse", "two", "one"]),
            (#"{"message_contains":"failed"}"#, ["Failed to parse"]),
            (#"{"details_contains":"stderr"}"#, ["Failed to parse"]),
            (#"{"source_file":"stdout"}"#, ["four", "three", "two", "one"]),
            (#"{"since":"2030-01-01T00:00:02Z"}"#, ["four", "three"]),
            (
                #"{"time_range":{"start":"2030-01-01T00:00:00Z","end":"2030-01-01T00:00:01Z"}}"#,
                ["Failed to parse", "two", "one"]
            ),
            (#"{"agent":["nobody"]}"#, []),
        ])
    func filters(filter: String, expected: [String]) async throws {
        let (world, peer) = try await world()
        let answer = try await world.ask(#"{"type":"request_log_entries","filter":\#(filter)}"#, from: peer)
        #expect(messages(answer) == expected)
        let ascending = try await world.ask(
            #"{"type":"request_log_entries","filter":\#(filter),"sort":{"field":"time","order":"asc"}}"#, from: peer)
        #expect(messages(ascending).sorted() == expected.sorted())
    }

    @Test("a cursor goes on where a page ended, also between entries of one time (OC-REQ-43)")
    func cursors() async throws {
        let (world, peer) = try await world()
        for (order, expected) in [
            ("desc", ["four", "three", "Failed to parse", "two", "one"]),
            ("asc", ["one", "two", "Failed to parse", "three", "four"]),
        ] {
            var found: [String] = []
            var cursor: String = ""
            for _ in 0..<10 {
                let answer = try await world.ask(
                    #"{"type":"request_log_entries","limit":2,"sort":{"order":"\#(order)"}\#(cursor)}"#, from: peer)
                found += messages(answer)
                guard answer["data"]?["pagination"]?["has_more"] == true else { break }
                let next = try #require(answer["data"]?["pagination"]?["next_cursor"]?.stringValue)
                cursor = #","cursor":"\#(next)""#
            }
            #expect(found == expected)
        }
    }

    @Test("the log of a task that the index has forgotten is read from its own file")
    func forgotten() async throws {
        let (world, peer) = try await world()
        for index in 0..<1_200 { try await world.print("line \(index)\n", task: TaskID(unchecked: "b")) }
        let recent = try await world.ask(#"{"type":"request_log_entries","limit":1000}"#, from: peer)
        #expect(!messages(recent).contains("one"))
        let own = try await world.ask(#"{"type":"request_log_entries","filter":{"agent":["a"]}}"#, from: peer)
        #expect(messages(own) == ["four", "three", "two", "one"])
        let all = try await world.ask(
            #"{"type":"request_log_entries","limit":1000,"filter":{"agent":["b"],"message_contains":"line"}}"#,
            from: peer)
        #expect(all["data"]?["filtered_count"] == 1_200)
        #expect(messages(all).first == "line 1199")
        #expect(messages(all).count == 1_000)
    }

    @Test("following sends what comes later, once, until it is ended (OC-REQ-40, OC-PUSH-06)")
    func follow() async throws {
        let (world, peer) = try await world()
        let follow = #"{"type":"request_log_entries","limit":10,"filter":{"level":["warn"],"follow":true}}"#
        #expect(messages(try await world.ask(follow, from: peer)) == ["Failed to parse"])
        world.clear(peer)
        let a = TaskID(unchecked: "a")
        try await world.print("quiet\n", task: a)
        try await world.print("loud\n", .stderr, task: a)
        #expect(world.inbox(peer).map { $0["log"]?["message"] } == ["loud"])
        #expect(world.inbox(peer)[0]["type"] == "log_entry")
        world.clear(peer)
        _ = try await world.ask(#"{"type":"request_log_entries","filter":{"follow":false}}"#, from: peer)
        world.clear(peer)
        try await world.print("loud again\n", .stderr, task: a)
        #expect(world.inbox(peer).isEmpty)
    }

    @Test("a failed task is an error in the log, and a completed one is told of")
    func events() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let attempt = try await world.begin("a")
        try await world.report(.attemptEnded(attempt, .failed(TaskFailure(.execution, "exited with code 1"))))
        let errors = try await world.ask(#"{"type":"request_log_entries","filter":{"level":"error"}}"#, from: peer)
        #expect(messages(errors) == ["exited with code 1"])
        #expect(errors["data"]?["entries"]?[0]?["details"]?["error_code"] == "TASK_EXECUTION_FAILED")
    }
}
