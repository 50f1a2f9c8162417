import MAOSCore
import MAOSProtocols
import Testing

@Suite("Sessions of the dashboard")
struct DashboardSessionTests {
    @Test("DASH-CONN-05: nobody who says nothing stays for more than five seconds, who has said it does")
    func deadline() async throws {
        let world = try await DashboardWorld()
        let silent: PeerID = try await world.open()
        let known: PeerID = try await world.join().peer
        try await world.pass(4_900)
        #expect(world.closed.isEmpty)
        try await world.pass(200)
        #expect(world.take(silent).map(\.code) == [1001])
        #expect(world.closed == [silent: 1008])
        #expect(world.closed[known] == nil)
    }

    @Test(
        "DASH-CONN-08, DASH-CONN-09, DASH-SC-10, DASH-CLI-05, C-06, C-07: a ping every 30 s with both times; 60 s without any sign of life are the end"
    )
    func heartbeat() async throws {
        let world = try await DashboardWorld()
        let (deaf, lively) = (try await world.join(client: "a").peer, try await world.join(client: "b").peer)
        _ = (world.take(deaf), world.take(lively))
        try await world.pass(.seconds(30))
        let ping: DashboardReply = try #require(world.take(deaf).first)
        #expect(ping.type == "ping")
        #expect(ping.json["timestamp"]?.intValue == Int(world.now.milliseconds))
        #expect(ping.payload["timestamp"] == ping.json["timestamp"])
        world.dialects[0].sign(ofLifeFrom: lively, at: world.now)
        try await world.pass(.seconds(31))
        #expect(world.closed == [deaf: 1001])
        try await world.sendText(#"{"type":"pong"}"#, from: lively)
        try await world.pass(.seconds(59))
        #expect(world.closed[lively] == nil)
    }

    @Test("DASH-ERR-02: a token that ends meanwhile leaves 30 s for another, in which nothing is done")
    func expiry() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join("olga:operator:40").peer
        let other: PeerID = try await world.join("olga:operator:40", client: "d").peer
        _ = (world.take(peer), world.take(other))
        try await world.pass(.seconds(41))
        #expect(world.take(peer).contains { $0.type == "system:alert" && $0.payload["category"] == "security" })
        try await world.send("subscribe:agent", from: peer)
        #expect(world.take(peer).last?.code == 1002)
        try await world.sendText(
            #"{"type":"auth","token":"olga:operator:3600","clientId":"c"}"#, from: peer)
        #expect(world.take(peer).last?.payload["success"] == true)
        world.dialects[0].sign(ofLifeFrom: other, at: world.now)
        try await world.pass(.seconds(29))
        #expect(world.closed.isEmpty)
        try await world.pass(.seconds(2))
        #expect(world.closed == [other: 1008])
        try await world.send("subscribe:agent", from: peer)
        #expect(world.take(peer).last?.payload["success"] == true)
    }

    @Test("DASH-SESS-07: a session waits five minutes for its client, and not longer than its token is good")
    func lifetime() async throws {
        let world = try await DashboardWorld()
        let long = try await world.join("olga:operator:3600", client: "a")
        let short = try await world.join("otto:operator:120", client: "b")
        try await world.close(long.peer)
        try await world.close(short.peer)
        try await world.pass(.seconds(121))
        #expect(world.hub.detachedSessions == 1)
        let same = try await world.join("olga:operator:3600", client: "x", more: #","sessionId":"\#(long.session)""#)
        #expect(same.session == long.session)
        try await world.close(same.peer)
        try await world.pass(.seconds(301))
        #expect(world.hub.detachedSessions == 0)
        let fresh = try await world.join("olga:operator:3600", client: "a")
        #expect(fresh.session != long.session)
    }

    @Test("DASH-SESS-03, DASH-SESS-08: on another loop, too, a client gets its session, and the older connection goes")
    func otherLoop() async throws {
        let world = try await DashboardWorld(loops: 2)
        let first = try await world.join(loop: 0)
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.print(Array("one\n".utf8), by: agent)
        #expect(world.take(first.peer).map { $0.payload["data"]?.stringValue } == ["one\n"])
        let second = try await world.join(loop: 1)
        #expect(second.session == first.session)
        let status: DashboardReply? = world.take(second.peer).last
        #expect(status?.payload["status"] == "resumed")
        #expect(status?.payload["queued"] == 0)
        try await world.print(Array("two\n".utf8), by: agent)
        #expect(world.take(second.peer).map { $0.payload["data"]?.stringValue } == ["two\n"])
        #expect(world.closed[first.peer] == 4000)
    }

    @Test("DASH-SESS-04, DASH-SESS-06: what was missed comes in order and once, with the ids it would have had")
    func missed() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.send("subscribe:agent", #"{"agentId":"\#(agent)","filters":["stdout"]}"#, from: first.peer)
        let subscription: JSONValue? = world.take(first.peer).last?.payload["subscriptionId"]
        try await world.print(Array("told\n".utf8), by: agent)
        try await world.close(first.peer)
        _ = world.take(first.peer)
        for text: String in ["a\n", "b\n"] {
            world.clock.advance(10)
            try await world.print(Array(text.utf8), by: agent)
        }
        world.clock.advance(10)
        try await world.report(.agentCrashed(agent, reason: "killed by SIGKILL"))
        world.clock.advance(10)
        try await world.print(Array("late\n".utf8), .stderr, by: agent)

        let again = try await world.join(more: #","sessionId":"\#(first.session)""#)
        let messages: [DashboardReply] = world.take(again.peer)
        #expect(messages.first?.payload["queued"] == 6)
        let told: [String] = messages.dropFirst().map {
            $0.payload["data"]?.stringValue ?? $0.payload["status"]?.stringValue ?? $0.type
        }
        // The agent is its own, so that errors come, too, without having been subscribed to.
        #expect(told == ["a\n", "b\n", "crashed", "agent:error", "system:alert", "late\n"])
        let data: [DashboardReply] = messages.filter { $0.payload["data"]?.stringValue == "a\n" }
        #expect(data.first?.json["metadata"]?["subscriptionId"] == subscription)
        #expect(messages.compactMap { $0.payload["sequence"]?.intValue } == [2, 3, 4])

        // What it had from the second of them on, once more.
        try await world.close(again.peer)
        let last: String = try #require(messages[2].json["id"]?.stringValue)
        let third = try await world.join(
            more: #","sessionId":"\#(first.session)","lastMessageId":"\#(last)""#)
        let repeated: [DashboardReply] = world.take(third.peer)
        #expect(repeated.dropFirst().map { $0.json["id"] } == messages.dropFirst(3).map { $0.json["id"] })
    }

    @Test("DASH-SESS-06: of more than a thousand missed messages the newest come, after the number of the others")
    func overflow() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.print(Array("0\n".utf8), by: agent)
        try await world.close(first.peer)
        for number: Int in 1...1_300 { try await world.print(Array("\(number)\n".utf8), by: agent) }
        let again = try await world.join(more: #","sessionId":"\#(first.session)""#)
        let messages: [DashboardReply] = world.take(again.peer)
        #expect(messages[0].payload["queued"] == 1_000)
        #expect(messages[1].type == "system:alert")
        #expect(messages[1].payload["details"]?["dropped"] == 300)
        #expect(messages.dropFirst(2).compactMap { $0.payload["sequence"]?.intValue } == Array(302...1_301))
        try await world.print(Array("live\n".utf8), by: agent)
        #expect(world.take(again.peer).map { $0.payload["sequence"]?.intValue } == [1_302])
    }

    @Test("DASH-SESS-06, DASH-PERF-05: of much output the newest comes, as far as a client may leave it unread")
    func muchOutput() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.print(Array("0\n".utf8), by: agent)
        try await world.close(first.peer)
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 60_000)
        for _ in 1...300 { try await world.print(text, by: agent) }
        let again = try await world.join(more: #","sessionId":"\#(first.session)""#)
        let messages: [DashboardReply] = world.take(again.peer)
        let sequences: [Int] = messages.compactMap { $0.payload["sequence"]?.intValue }
        let oldest: Int = try #require(sequences.first)
        #expect(sequences == Array(oldest...301))
        #expect((60..<70).contains(sequences.count), "4 MB of them: \(sequences.count)")
        #expect(messages[0].payload["queued"]?.intValue == sequences.count)
        #expect(messages[1].payload["details"]?["dropped"]?.intValue == oldest - 2)
        try await world.print(Array("live\n".utf8), by: agent)
        #expect(world.take(again.peer).map { $0.payload["sequence"]?.intValue } == [302])
    }

    @Test("DASH-SESS-06, DASH-MSG-01: of many lines the newest thousand come, each under an id of its own")
    func manyLines() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.send("subscribe:logs", "{}", from: first.peer)
        _ = world.take(first.peer)
        let lines: [UInt8] = Array((0..<2_000).map { "\($0)\n" }.joined().utf8)
        try await world.print(lines, by: agent)
        let live: [DashboardReply] = world.take(first.peer).filter { $0.type == "log:entry" }
        #expect(Set(live.map { $0.json["id"]?.stringValue }).count == 2_000)
        try await world.close(first.peer)
        for _ in 0..<1_500 { try await world.print(lines, by: agent) }
        let begin = ContinuousClock.now
        let again = try await world.join(more: #","sessionId":"\#(first.session)""#)
        #expect(ContinuousClock.now - begin < .seconds(10), "lines that are not sent are not encoded")
        let messages: [DashboardReply] = world.take(again.peer).filter { $0.type == "log:entry" }
        #expect(messages.map { $0.payload["message"]?.stringValue } == (1_000..<2_000).map { "\($0)" })
        #expect(Set(messages.map { $0.json["id"]?.stringValue }).count == 1_000)
    }

    @Test("DASH-MSG-08: a message that comes again is answered again, and not carried out, also on the next connection")
    func repetition() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        let command = #"{"agentId":"\#(agent)","command":"date","interactive":true}"#
        for _ in 0..<2 { try await world.send("agent:command", command, id: "m1", from: first.peer) }
        let acks: [DashboardReply] = world.take(first.peer)
        #expect(acks.map { $0.payload["messageId"] } == ["m1", "m1"])
        #expect(acks.allSatisfy { $0.payload["success"] == true })
        try await world.close(first.peer)
        let again = try await world.join()
        _ = world.take(again.peer)
        try await world.send("agent:command", command, id: "m1", from: again.peer)
        #expect(world.take(again.peer).map { $0.payload["messageId"] } == ["m1"])
        #expect(world.typed.count == 1)
        #expect(world.typed.first?.1 == Array("date\n".utf8))
    }

    @Test("DASH-RL-06: connections of an address are counted while they are open")
    func addresses() async throws {
        var limits = DashboardLimits.none
        limits.connectionsPerAddress = 2
        let world = try await DashboardWorld(limits: limits)
        let first: PeerID = try await world.open(address: "10.0.0.1")
        _ = try await world.open(address: "10.0.0.1")
        let third: PeerID = try await world.open(address: "10.0.0.1")
        #expect(world.take(third).map(\.code) == [4003])
        #expect(world.closed == [third: 1013])
        _ = try await world.open(address: "10.0.0.2")
        try await world.close(third)
        try await world.close(first)
        let fourth: PeerID = try await world.open(address: "10.0.0.1")
        #expect(world.take(fourth).isEmpty)
    }
}
