import MAOSCore
import MAOSProtocols
import Testing

@Suite("Hive: what happens becomes frames")
struct HiveEventTests {
    private static let task = """
        {"type":"code","description":"Process customer data","priority":"medium",
         "requirements":[{"type":"capability","name":"data_processing","minProficiency":0.7}]}
        """
    private static let agent = """
        {"type":"coder","name":"DataProcessor-1","configuration":{"heartbeatInterval":3600000},
         "capabilities":[{"name":"data_processing","proficiency":0.85,"learningRate":0.1}]}
        """

    @Test(
        "every frame has type, data, timestamp, message id and sequence (HIVE-MSG-01, HIVE-MSG-02, HIVE-MSG-03, HIVE-MSG-04, HIVE-CLI-08, HIVE-CLI-15, HIVE-CLI-16)"
    )
    func envelope() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        _ = try await world.spawn(Self.agent)
        try await world.run(Self.task)
        try await world.run(Self.task, .failed(TaskFailure(.timeout, "took too long")))
        var identifiers: Set<String> = []
        for frame: HiveFrame in world.frames(of: peer) {
            #expect(
                frame.json.objectValue?.members.map(\.key) == ["type", "data", "timestamp", "message_id", "sequence"])
            #expect(frame.data.objectValue != nil)
            #expect(frame.timestamp.hasSuffix("Z"))
            if let inner: String = frame.string("timestamp") {
                #expect(inner == frame.timestamp)
            } else {
                Issue.record("\(frame.type) has no time of its own")
            }
            let id: String = try #require(frame.json["message_id"]?.stringValue)
            #expect(identifiers.insert(id).inserted)
            let groups: [Int] = id.split(separator: "-").map(\.count)
            #expect(groups == [8, 4, 4, 4, 12])
            #expect(Array(id)[14] == "4")
            #expect("89ab".contains(Array(id)[19]))
        }
    }

    @Test(
        "agents are created, change, are measured and removed (HIVE-EVT-01, HIVE-EVT-02, HIVE-EVT-03, HIVE-EVT-04, HIVE-CLI-02, HIVE-CLI-03)"
    )
    func agents() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        let agent: AgentID = try await world.spawn(Self.agent)
        try await world.run(Self.task)
        try await world.run(Self.task, .failed(TaskFailure(.execution, "exited with code 1")))
        _ = try await world.gateway.send(.delete, "/api/v1/agents/\(agent)")
        try await world.report(.agentStopped(agent))

        let created: HiveFrame = try #require(world.frames("agent_created", of: peer).first)
        #expect(created["agent", "id"].stringValue == agent.rawValue)
        #expect(created["agent", "name"].stringValue == "DataProcessor-1")
        #expect(created["agent", "type"].stringValue == "coder")
        #expect(created["agent", "created_at"].stringValue == created.timestamp)
        let capability: JSONValue = try #require(created["agent", "capabilities"][0])
        #expect(capability == ["name": "data_processing", "proficiency": 0.85, "learning_rate": 0.1])

        let changes: [HiveFrame] = world.frames("agent_status_changed", of: peer)
        #expect(
            changes.map {
                "\($0.string("old_status") ?? "") \($0.string("new_status") ?? "") \($0.string("reason") ?? "")"
            }
                == [
                    "initializing idle started", "idle active task_assigned", "active idle task_finished",
                    "idle active task_assigned", "active idle task_finished", "idle stopping stopping",
                ])
        #expect(changes.allSatisfy { $0.string("agent_id") == agent.rawValue })

        let measured: [HiveFrame] = world.frames("agent_performance_updated", of: peer)
        #expect(measured.count == 2)
        #expect(measured.last?["metrics", "tasks_completed"].intValue == 1)
        #expect(measured.last?["metrics", "success_rate"].doubleValue == 0.5)
        #expect(measured.last?["metrics", "average_response_time_ms"].doubleValue == 2_000)
        #expect(measured.last?["metrics", "capability_improvements"].intValue == 0)

        let removed: HiveFrame = try #require(world.frames("agent_removed", of: peer).first)
        #expect(removed.string("agent_id") == agent.rawValue)
        #expect(removed.string("reason") == "manual_removal")
        #expect(removed["cleanup_summary"] == ["tasks_reassigned": 0, "data_removed": false])
    }

    @Test("an agent that is removed by force says how many of its tasks others get (HIVE-EVT-04)")
    func reassigned() async throws {
        let world = try await HiveWorld()
        let agent: AgentID = try await world.spawn()
        let task: TaskID = try await world.create()
        let attempt: AttemptID = try await world.start(task)
        let peer: PeerID = try world.connect("types=agent_removed,task_failed")
        _ = try await world.gateway.send(.delete, "/api/v1/agents/\(agent)?graceful=false")
        try await world.report(.attemptEnded(attempt, .stopped))
        try await world.report(.agentStopped(agent))
        #expect(world.types(of: peer) == ["task_failed", "agent_removed"])
        let failed: HiveFrame = try #require(world.frames(of: peer).first)
        #expect(failed["error", "code"].stringValue == "TASK_INTERRUPTED")
        #expect(failed.data["retry_scheduled"]?.boolValue == true)
        #expect(world.frames(of: peer).last?["cleanup_summary", "tasks_reassigned"].intValue == 1)
    }

    @Test(
        "a task is created, assigned, started, progresses and completes, in that order (HIVE-MSG-07, HIVE-EVT-05, HIVE-EVT-06, HIVE-EVT-07, HIVE-EVT-08, HIVE-EVT-09, HIVE-CLI-04, HIVE-CLI-05)"
    )
    func completed() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        let agent: AgentID = try await world.spawn(Self.agent)
        _ = try await world.spawn()
        let task: TaskID = try await world.create(Self.task)
        let attempt: AttemptID = try await world.start(task)
        world.gateway.clock.advance(.seconds(6))
        try await world.report(.attemptProgressed(attempt, progress: 0.75, step: "Processing data batch 3/4"))
        try await world.report(.attemptProgressed(attempt, progress: 0.5, step: nil))
        world.gateway.clock.advance(.seconds(2))
        let result = JSONText(trusted: Array(#"{"records_processed":10000}"#.utf8))
        try await world.report(.attemptEnded(attempt, .completed(result: result)))

        let told: [HiveFrame] = world.frames(of: peer).filter { $0.type.hasPrefix("task_") }
        #expect(
            told.map(\.type) == [
                "task_created", "task_assigned", "task_started", "task_progress", "task_progress", "task_completed",
            ])
        let created: HiveFrame = told[0]
        #expect(created["task", "id"].stringValue == task.rawValue)
        #expect(created["task", "description"].stringValue == "Process customer data")
        #expect(created["task", "type"].stringValue == "code")
        #expect(created["task", "priority"].intValue == 2)
        #expect(created["task", "status"].stringValue == "pending")
        #expect(created["task", "core_status"].stringValue == "queued")
        #expect(created["task", "required_capabilities"] == [["name": "data_processing", "min_proficiency": 0.7]])
        #expect(created["task", "created_at"].stringValue == created.timestamp)
        #expect(created.data["matching_agents"]?.intValue == 1)
        #expect(told[1].string("agent_id") == agent.rawValue)
        #expect(told[1].string("assignment_reason") == "capability_match")
        #expect(told[1].string("estimated_completion") == "2030-01-01T00:01:00.000Z")
        #expect(told[2].data["attempt_number"]?.intValue == 1)
        #expect(told[3].data["progress"]?.doubleValue == 0.75)
        #expect(told[3].string("current_step") == "Processing data batch 3/4")
        #expect(told[3].string("estimated_completion") == "2030-01-01T00:00:08.000Z")
        #expect(told[4].data["progress"]?.doubleValue == 0.75)
        #expect(told[5].string("task_id") == task.rawValue)
        #expect(told[5].string("agent_id") == agent.rawValue)
        #expect(told[5].data["execution_time_ms"]?.intValue == 8_000)
        #expect(told[5]["result"] == ["records_processed": 10_000])
    }

    @Test(
        "a result that is no object is put into one, and none is an empty one",
        arguments: [
            ("[1,2]", #"{"value":[1,2]}"#), ("null", #"{"value":null}"#), (nil, "{}"), (#"{"a":1}"#, #"{"a":1}"#),
        ] as [(String?, String)])
    func results(_ result: String?, _ shown: String) async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        _ = try await world.spawn()
        try await world.run(
            GatewayWorld.plainTask, .completed(result: result.map { JSONText(trusted: Array($0.utf8)) }))
        let completed: HiveFrame = try #require(world.frames("task_completed", of: peer).first)
        #expect(completed["result"] == (try JSONReader.parse(Array(shown.utf8), depthLimit: 8)))
    }

    @Test("a failed attempt says whether and when it is tried again (HIVE-EVT-10, HIVE-CLI-06)")
    func failed() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        let agent: AgentID = try await world.spawn()
        let body = """
            {"type":"code","description":"x","requirements":[],"priority":"high",
             "retryPolicy":{"maxAttempts":2,"backoffMs":1000}}
            """
        let task: TaskID = try await world.create(body)
        var attempt: AttemptID = try await world.start(task)
        let failure = TaskFailure(.execution, "exited with code 3")
        try await world.report(.attemptEnded(attempt, .failed(failure)))
        world.gateway.clock.advance(.seconds(5))
        try await world.report(.tick)
        attempt = try await world.start(task)
        try await world.report(.attemptEnded(attempt, .failed(failure)))

        let failed: [HiveFrame] = world.frames("task_failed", of: peer)
        #expect(failed.map { $0.data["retry_scheduled"]?.boolValue } == [true, false])
        #expect(failed.map { $0.data["attempt_number"]?.intValue } == [1, 2])
        for frame: HiveFrame in failed {
            #expect(frame.string("task_id") == task.rawValue)
            #expect(frame.string("agent_id") == agent.rawValue)
            #expect(frame["error", "code"].stringValue == "TASK_EXECUTION_FAILED")
            #expect(frame["error", "message"].stringValue == "exited with code 3")
            #expect(frame["error", "details"].objectValue != nil)
        }
        let next: String = try #require(failed.first?.string("next_retry_at"))
        #expect(next > "2030-01-01T00:00:00.500Z" && next < "2030-01-01T00:00:02.000Z")
        #expect(failed.last?.data["next_retry_at"] == .some(.null))
        #expect(world.frames("error_occurred", of: peer).isEmpty)
    }

    @Test("a task that never had an agent fails with every field that the document names (HIVE-CLI-14)")
    func failedWaiting() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        let body = """
            {"type":"code","description":"x","requirements":[],"priority":"high","deadline":"2030-01-01T00:00:05.000Z"}
            """
        _ = try await world.create(body)
        world.gateway.clock.advance(.seconds(6))
        try await world.report(.tick)
        let failed: HiveFrame = try #require(world.frames("task_failed", of: peer).first)
        #expect(failed.string("agent_id")?.isEmpty == true)
        #expect(failed.data["attempt_number"]?.intValue == 0)
        #expect(failed["error", "code"].stringValue == "TASK_DEADLINE_EXCEEDED")
        #expect(world.types(of: peer).suffix(3) == ["task_failed", "inter_module_message", "error_occurred"])
    }

    @Test("a cancelled task names why and who, waiting or running (HIVE-EVT-11)")
    func cancelled() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect("types=task_cancelled")
        _ = try await world.spawn()
        let running: TaskID = try await world.create()
        let waiting: TaskID = try await world.create()
        let attempt: AttemptID = try await world.start(running)
        _ = try await world.gateway.orchestrator.submit(.cancelTask(waiting, reason: nil), as: GatewayWorld.admin)
        _ = try await world.gateway.orchestrator.submit(
            .cancelTask(running, reason: "not needed"), as: GatewayWorld.admin)
        try await world.report(.attemptEnded(attempt, .stopped))
        let dependency: TaskID = try await world.create()
        let dependent =
            #"{"type":"code","description":"x","requirements":[],"priority":"low","dependencies":["\#(dependency)"]}"#
        _ = try await world.create(dependent)
        _ = try await world.gateway.orchestrator.submit(.cancelTask(dependency, reason: nil), as: GatewayWorld.admin)
        let last: AttemptID = try await world.start(dependency)
        try await world.report(.attemptEnded(last, .stopped))
        #expect(
            world.frames(of: peer).map { $0.string("reason") } == [
                "manual_cancellation", "not needed", "manual_cancellation", "dependency_failed",
            ])
        #expect(world.frames(of: peer).map { $0.string("cancelled_by") } == ["alice", "alice", "alice", "system"])
    }

    @Test("modules tell each other of ended attempts (HIVE-EVT-16)")
    func messages() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect("types=inter_module_message")
        _ = try await world.spawn()
        let task: TaskID = try await world.run()
        let frame: HiveFrame = try #require(world.frames(of: peer).first)
        #expect(frame.string("from_module") == "task_management")
        #expect(frame.string("to_module") == "metrics_collection")
        #expect(frame.string("message_type") == "TaskCompleted")
        #expect(frame["payload", "task_id"].stringValue == task.rawValue)
        #expect(frame["payload", "execution_time_ms"].intValue == 2_000)
    }

    @Test("time-outs and errors of what runs programs are errors of the system (HIVE-EVT-20)")
    func errors() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect("types=error_occurred")
        _ = try await world.spawn()
        let body = #"{"type":"code","description":"x","requirements":[],"priority":"low","timeout":2000}"#
        let task: TaskID = try await world.run(body, .failed(TaskFailure(.timeout, "took longer than 2 s")))
        try await world.announce("schedule_failed", ["scheduleId": "s-1", "error": "no room"])
        let error: HiveFrame = try #require(world.frames(of: peer).first)
        #expect(error.string("error_id")?.hasPrefix("err-") == true)
        #expect(error.string("component") == "task_executor")
        #expect(error.string("severity") == "error")
        #expect(error["error", "code"].stringValue == "TASK_TIMEOUT_EXCEEDED")
        #expect(error["error", "message"].stringValue == "took longer than 2 s")
        #expect(error["error", "details", "task_id"].stringValue == task.rawValue)
        #expect(error["error", "details", "timeout_seconds"].doubleValue == 2)
        #expect(error["error", "details", "execution_time_seconds"].doubleValue == 2)
        let schedule: HiveFrame = try #require(world.frames(of: peer).last)
        #expect(schedule.string("component") == "scheduler")
        #expect(schedule["error", "message"].stringValue == "no room")
        #expect(schedule["error", "details", "schedule_id"].stringValue == "s-1")
    }

    @Test("learning cycles begin and end under one name (HIVE-EVT-18, HIVE-EVT-19)")
    func learning() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect(
            "types=learning_cycle_started,learning_cycle_completed,inter_module_message")
        let agent: AgentID = try await world.spawn(Self.agent)
        for _ in 0..<25 { try await world.run(Self.task) }
        let started: HiveFrame = try #require(world.frames("learning_cycle_started", of: peer).first)
        let completed: HiveFrame = try #require(world.frames("learning_cycle_completed", of: peer).first)
        #expect(started.string("cycle_id") == "learn-\(agent)-1")
        #expect(started.string("agent_id") == agent.rawValue)
        #expect(started.string("learning_type") == "capability_improvement")
        #expect(started.string("target_capability") == "data_processing")
        #expect(started.data["estimated_duration_minutes"]?.doubleValue != nil)
        #expect(completed.string("cycle_id") == started.string("cycle_id"))
        #expect(completed.string("agent_id") == agent.rawValue)
        let improvement: JSONValue = completed["improvements", "data_processing_proficiency"]
        #expect(improvement["old_value"]?.doubleValue == 0.85)
        #expect(improvement["new_value"]?.doubleValue == 1)
        #expect(improvement["improvement"]?.doubleValue == 0.15)
        #expect(completed.data["duration_ms"]?.intValue == 48_000)
        let message: HiveFrame = try #require(
            world.frames(of: peer).first { $0.string("message_type") == "LearningCycleCompleted" })
        #expect(message["payload", "cycle_id"].stringValue == started.string("cycle_id"))
    }

    @Test("coordination has the document's names (HIVE-EVT-17)")
    func coordination() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect("types=coordination_event")
        try await world.announce(
            "coordination_event",
            [
                "eventType": "SwarmOptimization", "module": "coordinator",
                "details": [
                    "optimizationType": "load_balancing", "agentsRebalanced": 3, "efficiencyImprovement": 0.15,
                ],
            ])
        let frame: HiveFrame = try #require(world.frames(of: peer).first)
        #expect(frame.string("event_type") == "SwarmOptimization")
        #expect(frame.string("module") == "coordinator")
        #expect(
            frame["details"] == [
                "optimization_type": "load_balancing", "agents_rebalanced": 3, "efficiency_improvement": 0.15,
            ])
    }

    @Test("alerts come from resources, crashes and security (HIVE-EVT-13, HIVE-EVT-14, HIVE-CLI-07)")
    func alerts() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        let agent: AgentID = try await world.spawn(Self.agent)
        try await world.announce(
            "resource_alert",
            [
                "resource": "cpu", "level": "critical", "usagePercent": 95.2, "thresholdPercent": 80.0,
                "trend": "increasing", "message": "Processor usage is 95.2 %",
            ])
        try await world.announce("resource_alert_cleared", ["resource": "cpu"])
        try await world.announce("resource_alert", ["storage": "writable"])
        try await world.announce("security_alert", ["message": "many bad tokens", "address": "10.0.0.9"])
        try await world.announce("server_draining")
        try await world.report(.agentCrashed(agent, reason: "exited with code 1"))

        let resource: HiveFrame = try #require(world.frames("resource_alert", of: peer).first)
        #expect(world.frames("resource_alert", of: peer).count == 1)
        #expect(resource.string("resource") == "cpu")
        #expect(resource.data["usage_percent"]?.doubleValue == 95.2)
        #expect(resource.data["threshold_percent"]?.doubleValue == 80)
        #expect(resource.string("trend") == "increasing")
        #expect(resource.data["recommendations"]?.arrayValue?.isEmpty == false)
        let alerts: [HiveFrame] = world.frames("system_alert", of: peer)
        #expect(alerts.map { $0.string("level") } == ["critical", "info", "info", "warning", "info", "error"])
        #expect(
            alerts.map { $0.string("title") } == [
                "High CPU usage", "CPU usage is normal again", "Storage is available again", "Security alert",
                "Server is stopping", "Agent crashed",
            ])
        for alert: HiveFrame in alerts {
            #expect(alert.string("message")?.isEmpty == false)
            #expect(alert["details", "affected_components"].arrayValue?.isEmpty == false)
        }
        #expect(alerts[3]["details", "address"].stringValue == "10.0.0.9")
        #expect(alerts[5]["details", "error"].stringValue == "exited with code 1")
        let crash: HiveFrame = try #require(world.frames("agent_status_changed", of: peer).last)
        #expect(crash.string("new_status") == "error")
        #expect(crash.string("reason") == "crashed")
    }

    @Test(
        "what programs announce is passed on under its name, what concerns the server alone is not (HIVE-MSG-06, HIVE-CLI-11)"
    )
    func custom() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        try await world.announce("custom_event", ["fooBar": 1])
        for type: String in ["server_started", "config_changed", "hive_idle", "quota_changed", "task_completed"] {
            try await world.announce(type, ["message": "no"])
        }
        #expect(world.told(peer).map(\.type) == ["custom_event"])
        #expect(world.told(peer).first?.data == ["fooBar": 1])
    }
}
