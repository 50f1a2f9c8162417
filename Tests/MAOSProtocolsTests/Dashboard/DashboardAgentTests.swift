import MAOSCore
import MAOSProtocols
import Testing

@Suite("Agents of the dashboard")
struct DashboardAgentTests {
    private static let wish = #"{"name":"Ada","model":"claude-3-opus","workspace":"w"}"#

    @Test("DASH-CS-01: the answer comes when the process runs, before all that tells of it")
    func creation() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        _ = world.take(peer)
        try await world.send("agent:create", DashboardAgentTests.wish, id: "m1", from: peer)
        #expect(world.take(peer).isEmpty)
        let agent: AgentRecord = try #require(world.orchestrator.view.agents().last)
        #expect(agent.specification.resident == .conversation)
        #expect(agent.specification.workspace == "w")
        try await world.report(.agentStarted(agent.id, process: ProcessIdentity(pid: 42, startTicks: 7)))
        let told: [DashboardReply] = world.take(peer)
        #expect(told.map(\.type) == ["ack", "agent:created", "agent:status", "agent:status"])
        #expect(told[0].payload["messageId"] == "m1")
        #expect(told[0].payload["agentId"]?.stringValue == agent.id.rawValue)
        #expect(told[1].payload["pid"] == 42)
        #expect(told[1].json["metadata"]?["correlationId"] == "m1")
        #expect(told.suffix(2).map { $0.payload["status"] } == ["starting", "running"])
    }

    @Test("DASH-ERR-05: one that cannot start is told of once, ended, and no reason for an alert")
    func failedCreation() async throws {
        let world = try await DashboardWorld()
        let (peer, other) = (try await world.join().peer, try await world.join("vera:viewer:60", client: "v").peer)
        _ = (world.take(peer), world.take(other))
        try await world.send("agent:create", DashboardAgentTests.wish, from: peer)
        let agent: AgentRecord = try #require(world.orchestrator.view.agents().last)
        try await world.report(.agentCrashed(agent.id, reason: "could not start claude: No such file or directory"))
        try await world.report(.agentStopped(agent.id))
        let told: [DashboardReply] = world.take(peer)
        #expect(told.map(\.type) == ["ack", "agent:error"])
        #expect(told[0].code == 2002)
        #expect(told[1].payload["error"]?["number"] == 2002)
        #expect(world.take(other).isEmpty)
        #expect(world.orchestrator.view.agents().isEmpty)
    }

    @Test("DASH-SESS-05: an agent whose process starts when its client has gone is told of when it comes back")
    func creationMeanwhile() async throws {
        let world = try await DashboardWorld(loops: 2)
        let first = try await world.join()
        try await world.send("agent:create", DashboardAgentTests.wish, id: "m1", from: first.peer)
        let agent: AgentRecord = try #require(world.orchestrator.view.agents().last)
        try await world.close(first.peer)
        let second = try await world.join(loop: 1)
        #expect(world.take(second.peer).contains { $0.payload["status"] == "starting" })
        try await world.report(.agentStarted(agent.id, process: ProcessIdentity(pid: 42, startTicks: 7)))
        let told: [DashboardReply] = world.take(second.peer)
        #expect(told.map(\.type).sorted() == ["agent:created", "agent:status"])
        #expect(told.first { $0.type == "agent:created" }?.json["metadata"]?["correlationId"] == "m1")
    }

    @Test("DASH-CS-02, DASH-CS-04: a line is typed, text runs by itself as a task that only this agent may take")
    func commands() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        try await world.send(
            "agent:command", #"{"agentId":"\#(agent)","command":"a\u0000b\u0007\t\u001b[A\r\n","interactive":true}"#,
            from: peer)
        #expect(world.typed.map(\.1) == [Array("ab\t\u{1B}[A\n".utf8)])
        try await world.send(
            "agent:command", #"{"agentId":"\#(agent)","command":"make all","timeout":250}"#, id: "m2", from: peer)
        let launch: AttemptLaunch = try #require(world.runtime.launches.last)
        #expect(launch.task.specification.agent == agent)
        #expect(launch.task.specification.description == "make all")
        #expect(launch.task.specification.timeout == 250)
        let acks: [DashboardReply] = world.take(peer)
        #expect(acks.last?.payload["taskId"]?.stringValue == launch.id.task.rawValue)
        try await world.report(.attemptStarted(launch.id, process: nil))
        try await world.report(.attemptEnded(launch.id, .failed(TaskFailure(.timeout, "too slow"))))
        let error: DashboardReply = try #require(world.take(peer).last)
        #expect(error.type == "agent:error")
        #expect(error.payload["error"]?["code"] == "AGENT_COMMAND_TIMEOUT")
        #expect(error.json["metadata"]?["correlationId"] == "m2")
    }

    @Test("DASH-CS-05, DASH-CS-06, DASH-CS-07: the answer comes before the status, and only what is possible is done")
    func control() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        let payload = #"{"agentId":"\#(agent)"}"#
        func ask(_ type: String) async throws -> [String] {
            try await world.send(type, payload, from: peer)
            return world.take(peer).map { (reply: DashboardReply) -> String in
                reply.payload["status"]?.stringValue ?? reply.code.map(String.init) ?? "ack"
            }
        }
        #expect(try await ask("agent:resume") == ["4001"])
        #expect(try await ask("agent:pause") == ["ack", "paused"])
        #expect(try await ask("agent:pause") == ["4001"])
        #expect(try await ask("agent:resume") == ["ack", "running"])
        #expect(try await ask("agent:terminate") == ["ack", "stopping"])
        try await world.report(.agentStopped(agent))
        #expect(world.take(peer).map { $0.payload["status"] } == ["stopped"])
        #expect(try await ask("agent:terminate") == ["2001"])
    }

    @Test("DASH-SC-01: statuses of the registry have the dashboard's names; who restarts is starting again")
    func restart() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        try await world.report(.agentCrashed(agent, reason: "exited with code 1"))
        world.clock.advance(.seconds(5))
        try await world.report(.tick)
        try await world.report(.agentStarted(agent, process: ProcessIdentity(pid: 43, startTicks: 8)))
        let told: [DashboardReply] = world.take(peer).filter { $0.type == "agent:status" }
        #expect(told.map { $0.payload["status"] } == ["crashed", "starting", "running"])
        #expect(told.last?.payload["details"]?["pid"] == 43)
    }

    @Test("DASH-SC-02: a terminal's characters stay whole, however its output is cut")
    func characters() async throws {
        let world = try await DashboardWorld()
        let admin: PeerID = try await world.join("adam:admin:60").peer
        let id = AgentID(unchecked: "t")
        let specification = AgentSpecification(type: .coder, resident: .terminal)
        _ = try await world.orchestrator.submit(
            .spawnAgent(specification, id: id), as: Principal(subject: "adam", permissions: .all))
        try await world.report(.agentStarted(id, process: ProcessIdentity(pid: 9, startTicks: 1)))
        try await world.send("subscribe:agent", #"{"agentId":"t"}"#, from: admin)
        _ = world.take(admin)
        let text: [UInt8] = Array("ä€😀".utf8)
        for byte: UInt8 in text { try await world.print([byte], .terminal, by: id) }
        try await world.print([0xFF, 0x41], .terminal, by: id)
        let told: [DashboardReply] = world.take(admin)
        #expect(told.compactMap { $0.payload["data"]?.stringValue }.joined() == "ä€😀\u{FFFD}A")
        #expect(told.map { $0.payload["sequence"]?.intValue } == Array(1...told.count))
        #expect(told.allSatisfy { $0.payload["stream"] == "stdout" })
    }

    @Test("DASH-ERR-06: agents that are being made count among those there are")
    func limit() async throws {
        var limits = DashboardLimits.none
        limits.agents = 2
        let world = try await DashboardWorld(limits: limits)
        let peer: PeerID = try await world.join().peer
        _ = world.take(peer)
        for _ in 0..<3 { try await world.send("agent:create", DashboardAgentTests.wish, from: peer) }
        #expect(world.take(peer).map(\.code) == [2003])
        let agent: AgentRecord = try #require(world.orchestrator.view.agents().first)
        try await world.report(.agentCrashed(agent.id, reason: "no"))
        try await world.report(.agentStopped(agent.id))
        _ = world.take(peer)
        try await world.send("agent:create", DashboardAgentTests.wish, from: peer)
        #expect(world.take(peer).isEmpty)
    }

    @Test("alerts of the server reach everybody who has said who it is")
    func alerts() async throws {
        let world = try await DashboardWorld()
        let (known, unknown) = (try await world.join("vera:viewer:60").peer, try await world.open())
        _ = world.take(known)
        let data = try JSONText(#"{"level":"critical","message":"The disk is full"}"#)
        try await world.report(.announce(SystemEvent(type: "resource_alert", data: data)))
        let alert: DashboardReply = try #require(world.take(known).first)
        #expect(alert.type == "system:alert")
        #expect(alert.payload["level"] == "critical")
        #expect(alert.payload["category"] == "resource")
        #expect(alert.payload["message"] == "The disk is full")
        #expect(world.take(unknown).isEmpty)
    }

    @Test("DASH-PERF-02: too many events that come late are an alert, once a minute")
    func delays() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join("adam:admin:600").peer
        _ = world.take(peer)
        for _ in 0..<2 {
            for number in 0..<200 {
                _ = try await world.orchestrator.submit(
                    .announce(SystemEvent(type: "something", data: .emptyObject)), as: .system)
                if number < 10 {
                    world.clock.advance(60)
                    try await world.pump()
                }
            }
            try await world.pump()
            try await world.pass(.seconds(10))
        }
        let alerts: [DashboardReply] = world.take(peer).filter { $0.type == "system:alert" }
        #expect(alerts.count == 1)
        #expect(alerts.first?.payload["category"] == "performance")
    }
}
