import MAOSCore
@testable import MAOSProtocols
import Testing

@Suite("Messages of the dashboard")
struct DashboardMessageTests {
    @Test(
        "DASH-ERR-11, DASH-MSG-07: what is broken is refused by name, and harms nothing",
        arguments: [
            ("{", "The message is no JSON"), ("[]", "must be an object"), (#"{"id":7,"type":"ping"}"#, "id must be"),
            (#"{"type":7}"#, "type must be"), (#"{"type":"unsubscribe","payload":[]}"#, "payload must be"),
            (#"{"type":"unsubscribe","metadata":1}"#, "metadata must be"),
            (#"{"type":"unsubscribe","timestamp":"now"}"#, "timestamp must be"),
            (#"{"type":"unsubscribe"}"#, "subscriptionId is required"),
            (#"{"type":"agent:create","payload":{"name":"a","model":"m","workspace":"w"}}"#, "model must be one of"),
            (
                #"{"type":"agent:create","payload":{"name":"a","model":"claude-3-opus","workspace":"w","environment":{"LD_PRELOAD":"x"}}}"#,
                "environment.LD_PRELOAD"
            ),
            (#"{"type":"agent:command","payload":{"agentId":"a","command":"c","timeout":0}}"#, "timeout must be"),
            (#"{"type":"subscribe:agent","payload":{"filters":["colour"]}}"#, "filters.0 must be one of"),
        ])
    func broken(_ text: String, _ reason: String) async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        _ = world.take(peer)
        try await world.sendText(text, from: peer)
        let reply: DashboardReply = try #require(world.take(peer).first)
        #expect(reply.code == 4001)
        #expect(reply.payload["error"]?.stringValue?.hasPrefix("4001 INVALID_MESSAGE: ") == true)
        #expect(reply.payload["error"]?.stringValue?.contains(reason) == true)
        #expect(world.closed.isEmpty)
        try await world.send("subscribe:agent", from: peer)
        #expect(world.take(peer).first?.payload["success"] == true)
    }

    @Test("DASH-ERR-12, DASH-MSG-06: types that there are not are refused, those of the server too")
    func unknownTypes() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        _ = world.take(peer)
        for type: String in ["agent:dance", "ack", "agent:output", ""] { try await world.send(type, from: peer) }
        #expect(world.take(peer).map(\.code) == [4002, 4002, 4002, 4002])
    }

    @Test("DASH-SC-08, DASH-MSG-02, DASH-MSG-03, C-11, C-15: an answer names its message, and what it belongs to")
    func answers() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        _ = world.take(peer)
        try await world.sendText(
            #"{"id":"m","type":"unsubscribe","payload":{"subscriptionId":"x"},"metadata":{"correlationId":"c","priority":"urgent"}}"#,
            from: peer)
        var ack: DashboardReply = try #require(world.take(peer).first)
        #expect(ack.payload["messageId"] == "m")
        #expect(ack.json["metadata"]?["correlationId"] == "c")
        #expect(ack.payload["error"] == "4001 INVALID_MESSAGE: There is no subscription x")
        try await world.send("unsubscribe", #"{"subscriptionId":"x"}"#, from: peer)
        ack = try #require(world.take(peer).first)
        let id: String = try #require(ack.payload["messageId"]?.stringValue)
        #expect(id.utf8.count == 36)
        #expect(ack.json["metadata"]?["correlationId"]?.stringValue == id)
    }

    @Test(
        "DASH-MSG-05: the answer to a message of high priority leaves before what waits; other values change nothing",
        arguments: [
            (#""high""#, true), (#""normal""#, false), (#""low""#, false), (#""urgent""#, false), ("7", false),
            ("null", false),
        ])
    func priority(_ value: String, _ isUrgent: Bool) async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        let metadata = #""metadata":{"priority":\#(value)}"#
        for type: String in ["ping", "unsubscribe", "agent:pause"] {
            try await world.sendText(
                #"{"id":"\#(type)","type":"\#(type)","payload":{"agentId":"\#(agent)"},\#(metadata)}"#, from: peer)
        }
        // One that comes again is answered as urgently as it asks for this time.
        try await world.send("agent:pause", #"{"agentId":"\#(agent)"}"#, id: "agent:pause", from: peer)
        try await world.print(Array("line\n".utf8), by: agent)
        let replies: [DashboardReply] = world.take(peer)
        let answers: [DashboardReply] = replies.filter { $0.type == "ack" || $0.type == "pong" }
        #expect(answers.map(\.type) == ["pong", "ack", "ack", "ack"])
        let urgent: [JSONValue] = (world.urgent[peer] ?? []).map(\.json)
        #expect(urgent == (isUrgent ? answers.prefix(3).map(\.json) : []))
        for answer: DashboardReply in answers.prefix(3) {
            #expect(answer.json["metadata"]?["priority"] == (isUrgent ? "high" : nil))
        }
        // What is told of the agent keeps its order, whatever the client asks for.
        #expect(replies.contains { $0.type == "agent:output" })
    }

    @Test("DASH-ERR-14: numbers stay in their class")
    func classes() {
        for code: DashboardErrorCode in DashboardErrorCode.allCases {
            let isKnown: Bool =
                (1_001...1_999).contains(code.rawValue) || (2_001...2_999).contains(code.rawValue)
                || (3_001...3_999).contains(code.rawValue) || (4_001...4_999).contains(code.rawValue)
            #expect(isKnown)
            let isAboutAgents: Bool = code.name.hasPrefix("AGENT_")
            #expect(isAboutAgents == (code.rawValue / 1_000 == 2))
        }
    }

    @Test("DASH-RL-01, DASH-RL-02, DASH-RL-03, DASH-ERR-13: limits of an agent, of a connection, and none beyond them")
    func limits() async throws {
        let world = try await DashboardWorld(limits: DashboardLimits())
        let peer: PeerID = try await world.join().peer
        let (agent, other) = (try await world.createAgent(from: peer), try await world.createAgent(from: peer))
        for _ in 0..<11 {
            try await world.send(
                "agent:command", #"{"agentId":"\#(agent)","command":"x","interactive":true}"#, from: peer)
        }
        #expect(world.take(peer).compactMap(\.code) == [4003])
        try await world.send(
            "agent:command", #"{"agentId":"\#(other)","command":"x","interactive":true}"#, from: peer)
        #expect(world.take(peer).compactMap(\.code).isEmpty)
        world.clock.advance(1_100)
        for number in 0..<101 {
            if number % 50 == 0 { world.clock.advance(1_100) }
            try await world.send("subscribe:agent", from: peer)
        }
        #expect(world.take(peer).compactMap(\.code) == [4003])
        world.clock.advance(1_100)
        for _ in 0..<101 { try await world.send("ping", #"{"timestamp":1}"#, from: peer) }
        let answers: [DashboardReply] = world.take(peer)
        #expect(answers.prefix(100).allSatisfy { $0.type == "pong" })
        #expect(answers.last?.code == 4003)
        world.clock.advance(1_100)
        try await world.send("ping", #"{"timestamp":1}"#, from: peer)
        #expect(world.take(peer).map(\.type) == ["pong"])
    }

    @Test("DASH-RL-05: a user's messages count over all connections")
    func users() async throws {
        var limits = DashboardLimits.none
        limits.messagesPerUser = 5
        let world = try await DashboardWorld(limits: limits)
        let (one, two) = (try await world.join(client: "a").peer, try await world.join(client: "b").peer)
        let other: PeerID = try await world.join("otto:operator:60", client: "a").peer
        _ = (world.take(one), world.take(two), world.take(other))
        for peer: PeerID in [one, two, one, two, one, two, other] {
            try await world.send("ping", #"{"timestamp":1}"#, from: peer)
        }
        #expect(
            (world.take(one) + world.take(two)).map(\.type).sorted() == ["ack"] + Array(repeating: "pong", count: 5))
        #expect(world.take(other).map(\.type) == ["pong"])
    }

    @Test("DASH-SEC-02: what a role may not do is refused, as are agents of others")
    func roles() async throws {
        let world = try await DashboardWorld()
        let olga: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: olga)
        let payload = #"{"agentId":"\#(agent)","command":"x"}"#
        for (token, code) in [("vera:viewer:60", 1003), ("otto:operator:60", 1003), ("adam:admin:60", nil)] {
            let peer: PeerID = try await world.join(token, client: token.replacing(":", with: "-")).peer
            _ = world.take(peer)
            try await world.send("agent:pause", payload, from: peer)
            #expect(world.take(peer).first?.code == code)
            try await world.send("agent:pause", #"{"agentId":"nobody"}"#, from: peer)
            #expect(world.take(peer).last?.code == (code == 1003 && token.hasPrefix("vera") ? 1003 : 2001))
        }
    }

    @Test("DASH-ERR-10: what nobody has reckoned with is an internal error, which names nothing of the inside")
    func internalErrors() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        world.inputFailure = "The system refuses it"
        try await world.send("agent:command", #"{"agentId":"\#(agent)","command":"x","interactive":true}"#, from: peer)
        let ack: DashboardReply = try #require(world.take(peer).first)
        #expect(ack.code == 3003)
        #expect(ack.payload["error"] == "3003 INTERNAL_ERROR: The system refuses it")
        for rejection: Rejection in [.notFound(.execution, id: "inner"), .notFound(.pool, id: "inner")] {
            let failure = DashboardFailure(rejection)
            #expect(failure.code == .internalError)
            #expect(!failure.text.contains("inner"))
        }
        // The agent goes on.
        world.inputFailure = nil
        try await world.send("agent:command", #"{"agentId":"\#(agent)","command":"x","interactive":true}"#, from: peer)
        #expect(world.take(peer).first?.payload["success"] == true)
    }

    @Test("DASH-CONN-06: trusted callers of this host need not say who they are")
    func trusted() async throws {
        let world = try await DashboardWorld(trusted: Principal(subject: "local", permissions: .all))
        let peer: PeerID = try await world.open()
        try await world.send("subscribe:agent", from: peer)
        #expect(world.take(peer).map(\.type) == ["connection:status", "ack"])
        let named: PeerID = try await world.open()
        try await world.sendText(#"{"type":"auth","token":"nonsense"}"#, from: named)
        #expect(world.take(named).first?.code == 1001)
        #expect(world.closed[named] == 1008)
    }

    @Test("DASH-ERR-09: what cannot be done at the moment is said to be so")
    func unavailable() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        world.takesInput = false
        try await world.send(
            "agent:command", #"{"agentId":"\#(agent)","command":"x","interactive":true}"#, from: peer)
        #expect(world.take(peer).map(\.code) == [3002])
        world.takesInput = true
        try await world.send(
            "agent:command", #"{"agentId":"\#(agent)","command":"x","interactive":true}"#, from: peer)
        #expect(world.take(peer).first?.payload["success"] == true)
    }

    @Test("DASH-CONN-02: on its own host name there is no doubt about the dialect")
    func hostName() {
        #expect(SharedPort.hint(dialect: nil, subprotocols: [], host: "dashboard.team.dev") == .dashboard)
        #expect(SharedPort.hint(dialect: nil, subprotocols: ["maos.dashboard"], host: "localhost:3001") == .dashboard)
        #expect(SharedPort.hint(dialect: nil, subprotocols: [], host: "localhost:3001") == nil)
        #expect(SharedPort.isDashboardMessage(Array(#"{"type":"auth"}"#.utf8)))
        #expect(!SharedPort.isDashboardMessage(Array(#"{"type":"hello"}"#.utf8)))
    }
}
