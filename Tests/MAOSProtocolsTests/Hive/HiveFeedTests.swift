import MAOSCore
import MAOSProtocols
import Testing

@Suite("Hive: who is told what, and in which order")
struct HiveFeedTests {
    private func expectIncreasing(_ frames: [HiveFrame]) {
        let numbers: [Int] = frames.map(\.sequence)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "\(numbers)")
        #expect(numbers.allSatisfy { $0 > 0 })
    }

    @Test("sequences only grow on a connection, and are the same on every loop (HIVE-MSG-05, HIVE-CLI-17)")
    func sequences() async throws {
        let world = try await HiveWorld()
        let first: PeerID = try world.connect()
        let second: PeerID = try world.connect(on: 1)
        _ = try await world.spawn()
        for _ in 0..<3 {
            try await world.run()
            try world.tick(after: .seconds(31))
        }
        #expect(world.told(first).count > 10)
        #expect(world.told(first).map(\.text) == world.told(second, on: 1).map(\.text))
        expectIncreasing(world.frames(of: first))
        expectIncreasing(world.frames(of: second, on: 1))
        #expect(world.frames("hive_status_update", of: first).count == 4)
        let all: [Int] = (world.frames(of: first) + world.frames("hive_status_update", of: second, on: 1)).map(
            \.sequence)
        #expect(Set(all).count == all.count)
    }

    @Test("a loop that is behind gives numbers that fit its own clients (HIVE-MSG-05)")
    func behind() async throws {
        let world = try await HiveWorld()
        let ahead: PeerID = try world.connect()
        let late: PeerID = try world.connect(on: 1)
        _ = try await world.spawn()
        let events: [Event] = try await {
            try await world.gateway.report(.announce(SystemEvent(type: "custom_event")))
            return world.gateway.collector.take()
        }()
        try world.feed(events, to: 0)
        try world.tick(after: .seconds(31))
        let newcomer: PeerID = try world.connect(on: 1)
        try world.tick(after: .seconds(31))
        try world.feed(events, to: 1)
        try world.tick(after: .seconds(31))
        for (peer, loop) in [(ahead, 0), (late, 1), (newcomer, 1)] {
            expectIncreasing(world.frames(of: peer, on: loop))
        }
        #expect(world.frames("custom_event", of: late, on: 1).count == 1)
        #expect(world.frames("custom_event", of: newcomer, on: 1).isEmpty)
    }

    @Test("a client is told how the whole fares when it comes and every 30 s (HIVE-EVT-12)")
    func status() async throws {
        let world = try await HiveWorld()
        _ = try await world.spawn()
        _ = try await world.spawn()
        try await world.run()
        _ = try await world.create()
        _ = try await world.create()
        _ = try await world.create()
        try await world.announce(
            "resource_alert", ["resource": "memory", "usagePercent": 93, "thresholdPercent": 90, "message": "too full"])
        world.gateway.environment.set(.degraded)
        let peer: PeerID = try world.connect()
        #expect(world.types(of: peer) == ["hive_status_update"])
        let status: HiveFrame = try #require(world.frames(of: peer).first)
        #expect(status.string("status") == "degraded")
        #expect(status["metrics", "total_agents"].intValue == 2)
        #expect(status["metrics", "active_agents"].intValue == 2)
        #expect(status["metrics", "pending_tasks"].intValue == 1)
        #expect(status["metrics", "completed_tasks_today"].intValue == 1)
        #expect((0...1).contains(status["metrics", "system_load"].doubleValue ?? -1))
        let alerts: [JSONValue] = try #require(status.data["alerts"]?.arrayValue)
        #expect(alerts.map { $0["level"]?.stringValue } == ["warning", "warning"])
        #expect(alerts.map { $0["message"]?.stringValue } == ["too full", "storage is degraded: not well"])
        #expect(alerts.allSatisfy { $0["timestamp"]?.stringValue?.hasSuffix("Z") == true })
        for _ in 0..<4 { try world.tick(after: .seconds(15)) }
        #expect(world.frames("hive_status_update", of: peer).count == 3)
    }

    @Test("tasks of yesterday do not count today, and what was counted before is added (HIVE-EVT-12)")
    func today() async throws {
        let world = try await HiveWorld()
        _ = try await world.spawn()
        try await world.run()
        world.commons.ledger.noteCompleted(4, at: HiveLedger.dayStart(of: world.now))
        world.commons.ledger.noteCompleted(100, at: Instant(milliseconds: world.now.milliseconds - 86_400_000))
        var peer: PeerID = try world.connect()
        #expect(world.frames(of: peer).first?["metrics", "completed_tasks_today"].intValue == 5)
        world.gateway.clock.advance(.seconds(86_400))
        peer = try world.connect()
        #expect(world.frames(of: peer).first?["metrics", "completed_tasks_today"].intValue == 0)
    }

    @Test("a module that fares worse or better is told of once, on every loop (HIVE-EVT-15)")
    func modules() async throws {
        let world = try await HiveWorld()
        let first: PeerID = try world.connect()
        let second: PeerID = try world.connect(on: 1)
        try world.tick(after: .seconds(1))
        world.gateway.environment.set(.unhealthy)
        for _ in 0..<8 { try world.tick() }
        world.gateway.environment.set(.healthy)
        for _ in 0..<8 { try world.tick() }
        for (peer, loop) in [(first, 0), (second, 1)] {
            let changes: [HiveFrame] = world.frames("module_status_changed", of: peer, on: loop)
            #expect(changes.map { $0.string("old_status") } == ["healthy", "unhealthy"])
            #expect(changes.map { $0.string("new_status") } == ["unhealthy", "healthy"])
            #expect(changes.map { $0.string("reason") } == ["not well", "recovered"])
            #expect(changes.allSatisfy { $0.string("module") == "storage" })
            #expect(changes.first?.data["affected_functions"] == ["persistence", "history"])
            expectIncreasing(world.frames(of: peer, on: loop))
        }
        #expect(world.frames(of: try world.connect(on: 1), on: 1).map(\.type) == ["hive_status_update"])
    }

    @Test("a filter leaves the named types only, and names that no event has are accepted (HIVE-MSG-08)")
    func filter() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect("types=task_completed,agent_created&types=no_such_type")
        let other: PeerID = try world.connect()
        _ = try await world.spawn()
        try await world.run()
        try await world.announce("no_such_type")
        #expect(world.types(of: peer) == ["agent_created", "task_completed", "no_such_type"])
        #expect(world.types(of: other).count > 8)
        try world.disconnect(peer)
        try world.disconnect(other)
        let before: Int = world.loops[0].encoded
        try await world.run()
        #expect(world.loops[0].encoded == before)
    }

    @Test("a frame is made once, however many listen, and not at all if nobody wants it (HIVE-MSG-09)")
    func encodesOnce() async throws {
        let world = try await HiveWorld()
        let peers: [PeerID] = try (0..<50).map { _ in try world.connect() }
        let before: Int = world.loops[0].encoded
        try await world.announce("custom_event")
        #expect(world.loops[0].encoded == before + 1)
        #expect(peers.allSatisfy { world.frames("custom_event", of: $0).count == 1 })
        for peer: PeerID in peers.dropFirst(25) { try world.disconnect(peer) }
        try await world.announce("custom_event")
        #expect(peers.prefix(25).allSatisfy { world.frames("custom_event", of: $0).count == 2 })
        #expect(peers.dropFirst(25).allSatisfy { world.frames("custom_event", of: $0).count == 1 })
    }

    @Test("whoever may see some projects only is told of their tasks only (HIVE-CONN-02)")
    func projects() async throws {
        let world = try await HiveWorld()
        let limited = Principal(subject: "bob", permissions: .viewer, projects: ["red"])
        let peer: PeerID = try world.connect("types=task_created,custom_event", as: limited)
        for project: String in ["red", "blue"] {
            _ = try await world.create(
                #"{"type":"code","description":"\#(project)","requirements":[],"priority":"low","context":{"project":"\#(project)"}}"#
            )
        }
        _ = try await world.create()
        try await world.announce("custom_event")
        #expect(world.types(of: peer) == ["task_created", "custom_event"])
        #expect(world.frames(of: peer).first?["task", "description"].stringValue == "red")
        let agentsOnly = Principal(subject: "carl", permissions: .agentsSubscribe)
        let other: PeerID = try world.connect(as: agentsOnly)
        _ = try await world.spawn()
        _ = try await world.create()
        #expect(Set(world.types(of: other)) == ["agent_created", "agent_status_changed"])
    }

    @Test(
        "what cannot be served is refused with a reason",
        arguments: [
            ("since=x", 1_008), ("since=-1", 1_008), ("since=+1", 1_008), ("since=", 1_008), ("types=", 1_008),
            ("types=,,", 1_008), ("types=\(String(repeating: "x", count: 65))", 1_008),
            ("types=\((0...100).map { "t\($0)" }.joined(separator: ","))", 1_008),
        ] as [(String, UInt16)])
    func refusals(_ query: String, _ code: UInt16) async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect(query)
        #expect(world.loops[0].closes[peer]?.code == code)
        #expect(world.loops[0].closes[peer]?.reason.utf8.count ?? 200 <= 123)
        try await world.announce("custom_event")
        #expect(world.frames(of: peer).isEmpty)
        try world.disconnect(peer)
    }

    @Test("a token that permits nothing, or has expired, ends the connection")
    func tokens() async throws {
        let world = try await HiveWorld()
        let nobody: PeerID = try world.connect(as: Principal(subject: "x", permissions: .tasksCreate))
        #expect(world.loops[0].closes[nobody]?.code == 1_008)
        let unknown: PeerID = try world.connect(as: nil)
        #expect(world.loops[0].closes[unknown]?.code == 1_008)
        let mortal: PeerID = try world.connect(expires: world.now + .seconds(1))
        #expect(world.loops[0].closes[mortal] == nil)
        try world.tick(after: .seconds(1))
        #expect(world.loops[0].closes[mortal]?.reason == "the token has expired")
    }

    @Test("what clients say is passed over (HIVE-CONN-07, HIVE-CLI-20)")
    func inbound() async throws {
        let world = try await HiveWorld()
        let peer: PeerID = try world.connect()
        for text: String in ["", "hello", "{", #"{"type":"subscribe"}"#, String(repeating: "[", count: 10_000)] {
            #expect(world.loops[0].dialect.receive(Array(text.utf8), from: peer, at: world.now).isEmpty)
        }
        #expect(world.loops[0].dialect.receiveBinary([0, 255], from: peer, at: world.now).isEmpty)
        try await world.announce("custom_event")
        #expect(world.frames("custom_event", of: peer).count == 1)
    }

    @Test("thousands may connect while nothing happens: another event makes room for their numbers")
    func scarcity() async throws {
        let world = try await HiveWorld()
        try await world.announce("custom_event")
        var last: Int = 0
        for _ in 0..<4_500 {
            let peer: PeerID = try world.connect()
            let frame: HiveFrame = try #require(world.frames(of: peer).first)
            #expect(frame.type == "hive_status_update")
            #expect(frame.sequence >= last)
            last = frame.sequence
            try world.disconnect(peer)
        }
        #expect(world.loops[0].announced.map(\.type) == ["hive_idle"])
        #expect(last / 4_096 == Int(world.gateway.orchestrator.events.lastSequence))
        let event: SystemEvent = try #require(world.loops[0].announced.first)
        let peer: PeerID = try world.connect()
        try await world.announce(event.type)
        try world.tick(after: .seconds(31))
        #expect(world.frames(of: peer).map(\.type) == ["hive_status_update", "hive_status_update"])
        expectIncreasing(world.frames(of: peer))
    }
}
