import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode updates")
struct OpenCodeUpdateTests {
    private func subscribe(
        _ channels: String, filters: String = "{}", _ world: OpenCodeWorld, _ peer: PeerID
    ) async throws -> String {
        let answer = try await world.ask(
            #"{"type":"subscribe_to_updates","channels":[\#(channels)],"filters":\#(filters)}"#, from: peer)
        #expect(answer["type"] == "subscription_confirmed", "\(answer)")
        let id = try #require(answer["subscription_id"]?.stringValue)
        #expect(id.hasPrefix("sub_"))
        world.clear(peer)
        return id
    }

    @Test("nothing is pushed to whoever has not subscribed (OC-CONN-04)")
    func silence() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        world.clear(peer)
        _ = try await world.begin("a")
        try await world.pump()
        for _ in 0..<4 { try await world.pass(.seconds(15)) }
        #expect(world.inbox(peer).isEmpty)
    }

    @Test(
        "a task's changes are told from one status to the other, with progress between (OC-PUSH-03, OC-PUSH-04, OC-REQ-52)"
    )
    func taskStatus() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        _ = try await subscribe(#""task_status""#, world, peer)
        try await world.start("a", from: peer)
        let attempt = try await world.begin("a")
        try await world.report(.attemptProgressed(attempt, progress: 0.456, step: "Running tests"))
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        try await world.pump()
        let changes = world.inbox(peer, "task_status_update").map { [$0["old_status"], $0["new_status"]] }
        #expect(changes == [["pending", "queued"], ["queued", "running"], ["running", "completed"]])
        #expect(world.inbox(peer, "task_status_update").last?["progress"] == 100)
        let progress = try #require(world.inbox(peer, "task_progress_update").first)
        #expect(progress["old_progress"] == 0)
        #expect(progress["new_progress"] == 45)
        #expect(progress["progress_details"]?["current_step"] == "Running tests")
        #expect(progress["progress_details"]?["completed_steps"] == 45)
        #expect(progress["progress_details"]?["total_steps"] == 100)
    }

    @Test("a filter by task leaves the others out, and two subscriptions say nothing twice (OC-REQ-56)")
    func filters() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await subscribe(#""task_status""#, filters: #"{"task_status":{"task_ids":["a"]}}"#, world, peer)
        let second = try await subscribe(
            #""task_status","agents""#, filters: #"{"task_status":{"task_ids":["b"]}}"#, world, peer)
        for id in ["a", "b", "c"] { try await world.start(id, from: peer) }
        try await world.pump()
        #expect(world.inbox(peer, "task_status_update").map { $0["task_id"] } == ["a", "b"])
        let answer = try await world.ask(
            #"{"type":"unsubscribe_from_updates","channels":["task_status"],"subscription_id":"\#(second)"}"#,
            from: peer)
        #expect(answer["type"] == "unsubscription_confirmed")
        #expect(answer["subscription_id"] == .string(second))
        world.clear(peer)
        for id in ["a", "b"] { _ = try await world.ask(#"{"type":"cancel_task","task_id":"\#(id)"}"#, from: peer) }
        try await world.pump()
        #expect(world.inbox(peer, "task_status_update").map { $0["task_id"] } == ["a"])
        _ = try await world.spawnAgent()
        try await world.pump()
        #expect(!world.inbox(peer, "agent_update").isEmpty)
    }

    @Test("agents are told of with what they do (OC-PUSH-05, X-02)")
    func agents() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await subscribe(#""agents""#, world, peer)
        let agent = try await world.spawnAgent()
        try await world.start("a", from: peer)
        try await world.pump()
        let update = try #require(world.inbox(peer, "agent_update").last?["agent"])
        #expect(update["id"] == .string(agent.rawValue))
        #expect(update["status"] == "running")
        #expect(update["task"] == "Run a")
        #expect(update["task_id"] == "a")
        for member in ["type", "progress", "memory_usage", "cpu_percent", "timestamp"] {
            #expect(update[member] != nil, "\(member)")
        }
    }

    @Test("an unknown subscription cannot be ended (OC-REQ-55)")
    func unknown() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let text = #"{"type":"unsubscribe_from_updates","channels":["agents"],"subscription_id":"sub_none"}"#
        #expect(try await world.refusal(text, from: peer) == "SUBSCRIPTION_ERROR")
    }

    @Test("log levels are filtered, and following beside a subscription does not double (OC-REQ-53)")
    func logs() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        _ = try await subscribe(#""log_entries""#, filters: #"{"log_entries":{"levels":["warn"]}}"#, world, peer)
        _ = try await world.ask(#"{"type":"request_log_entries","filter":{"level":"warn","follow":true}}"#, from: peer)
        world.clear(peer)
        try await world.print("info\n", task: TaskID(unchecked: "a"))
        try await world.print("warn\n", .stderr, task: TaskID(unchecked: "a"))
        #expect(world.inbox(peer, "log_entry").map { $0["log"]?["message"] } == ["warn"])
    }

    @Test(
        "resources come every five seconds, the rest at its own pace (OC-REQ-51, OC-PUSH-01, OC-PUSH-07, OC-PUSH-08, OC-PUSH-10)"
    )
    func regularly() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await subscribe(
            #""system_resources","processes","connection","task_manager""#, world, peer)
        try await world.start("a", from: peer)
        try await world.pass(250)
        world.clear(peer)
        for _ in 0..<120 { try await world.pass(250) }
        #expect(world.inbox(peer, "resource_update").count == 6)
        #expect(world.inbox(peer, "detailed_process_scan").count == 1)
        #expect(world.inbox(peer, "connection_status").count == 1)
        let status = try #require(world.inbox(peer, "connection_status").first)
        #expect(status["status"] == "healthy")
        #expect(status["client_count"] == 1)
        let summary = try #require(world.inbox(peer, "task_manager_status").first?["summary"])
        #expect(summary["total"] == 1)
        #expect(summary["pending"] == 1)
        #expect(summary["queued"] == 1)
        #expect(summary["queue_depth"] == 1)
        #expect(summary["success_rate_percent"] == 100)
    }

    @Test("the set of processes is told when it changes (OC-PUSH-09)")
    func claudeProcesses() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await subscribe(#""claude_processes""#, world, peer)
        try await world.pass(250)
        #expect(world.inbox(peer).last?["process_count"] == 0)
        world.clear(peer)
        var process = ProcessReading(ProcessIdentity(pid: 7, startTicks: 1))
        process.program = .opencode
        for _ in 0..<3 {
            world.clock.advance(.seconds(1))
            world.environment.machine.set([process], at: world.now)
            try await world.pass(250)
        }
        #expect(world.inbox(peer).count == 1)
        #expect(world.inbox(peer)[0]["process_count"] == 1)
        #expect(world.inbox(peer)[0]["opencode_processes"] == 1)
    }

    @Test("with pushDefault all, everybody is told everything")
    func pushDefault() async throws {
        let world = try await OpenCodeWorld { $0.pushesEverything = true }
        let peer = try await world.join()
        try await world.start("a", from: peer)
        try await world.pump()
        try await world.pass(250)
        #expect(!world.inbox(peer, "task_status_update").isEmpty)
        #expect(!world.inbox(peer, "resource_update").isEmpty)
        #expect(!world.inbox(peer, "connection_status").isEmpty)
    }

    @Test("subscriptions end with their connection (OC-REQ-57)")
    func closing() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await subscribe(#""task_status","log_entries","agents""#, world, peer)
        try await world.disconnect(peer)
        let other = try await world.join()
        try await world.start("a", from: other)
        try await world.pump()
        #expect(world.inbox(peer).isEmpty)
    }
}
