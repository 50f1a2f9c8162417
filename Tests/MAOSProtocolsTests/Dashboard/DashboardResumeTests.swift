import MAOSCore
import Testing

@testable import MAOSProtocols

/// Clients that come back: they get what they would have got.
@Suite("Coming back to sessions of the dashboard")
struct DashboardResumeTests {
    private func outputs(_ replies: [DashboardReply]) -> [DashboardReply] {
        replies.filter { $0.type == "agent:output" }
    }

    private func sequences(_ replies: [DashboardReply]) -> [Int] {
        outputs(replies).compactMap { $0.payload["sequence"]?.intValue }
    }

    private func alerts(_ replies: [DashboardReply]) -> [DashboardReply] {
        replies.filter { $0.type == "system:alert" }
    }

    private func id(_ reply: DashboardReply) -> String { reply.json["id"]?.stringValue ?? "" }

    @Test("DASH-SESS-06: what happens while a connection is being closed is missed by it", arguments: [true, false])
    func closing(byTransport: Bool) async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        try await world.print(Array("told\n".utf8), by: agent)
        if byTransport {
            world.dialects[0].ending(first.peer)
        } else {
            for _ in 0..<2 { try await world.pass(.seconds(31)) }
            #expect(world.closed == [first.peer: 1001])
        }
        #expect(sequences(world.take(first.peer)) == [1])
        try await world.print(Array("missed\n".utf8), by: agent)
        try await world.report(.agentCrashed(agent, reason: "killed by SIGKILL"))
        #expect(world.take(first.peer).isEmpty)
        try await world.close(first.peer)
        let messages: [DashboardReply] = world.take(try await world.join().peer)
        #expect(messages.first?.payload["status"] == "resumed")
        #expect(sequences(messages) == [2])
        #expect(messages.contains { $0.payload["status"] == "crashed" })
        #expect(alerts(messages).map { $0.payload["category"] } == ["agent"])
    }

    @Test("DASH-SESS-06, DASH-SESS-08: what waits for an answer when another connection takes the session comes there")
    func takenOverWhileHolding() async throws {
        let world = try await DashboardWorld(loops: 2)
        let first = try await world.join()
        let ada: AgentID = try await world.createAgent(from: first.peer)
        // The answer comes when its process runs; until then nothing is told of it.
        try await world.send(
            "agent:create", #"{"name":"Bob","model":"claude-3-opus","workspace":"w"}"#, id: "m1", from: first.peer)
        let bob: AgentID = try #require(world.orchestrator.view.agents().first { $0.id != ada }).id
        try await world.report(.agentCrashed(ada, reason: "killed by SIGKILL"))
        let told: [DashboardReply] = world.take(first.peer)
        #expect(told.contains { $0.payload["status"] == "crashed" })
        #expect(!told.contains { $0.payload["agentId"]?.stringValue == bob.rawValue })

        let second: PeerID = try await world.join(loop: 1).peer
        try await world.report(.agentStarted(bob, process: ProcessIdentity(pid: 43, startTicks: 8)))
        let messages: [DashboardReply] = world.take(second)
        let ofBob: [DashboardReply] = messages.filter { $0.payload["agentId"]?.stringValue == bob.rawValue }
        #expect(ofBob.compactMap { $0.payload["status"]?.stringValue } == ["starting", "running"])
        #expect(!messages.contains { $0.payload["agentId"]?.stringValue == ada.rawValue }, "it had been told")
    }

    // MARK: Characters

    /// Has two clients on loops of their own watch an agent's terminal; the second one stays.
    private func watchTerminal(in world: DashboardWorld) async throws -> (agent: AgentID, peer: PeerID, other: PeerID) {
        let agent = AgentID(unchecked: "t")
        let peer: PeerID = try await world.join("adam:admin:60").peer
        let other: PeerID = try await world.join("eve:admin:60", loop: 1).peer
        _ = try await world.orchestrator.submit(
            .spawnAgent(AgentSpecification(type: .coder, resident: .terminal), id: agent),
            as: Principal(subject: "adam", permissions: .all))
        try await world.report(.agentStarted(agent, process: ProcessIdentity(pid: 9, startTicks: 1)))
        for watcher: PeerID in [peer, other] {
            try await world.send("subscribe:agent", #"{"agentId":"\#(agent)"}"#, from: watcher)
            _ = world.take(watcher)
        }
        return (agent, peer, other)
    }

    @Test(
        "DASH-SESS-06: a character that a terminal has printed in parts stays whole wherever the connection was lost",
        arguments: 1...6, [0, 1, 2, 5])
    func characters(told: Int, missed: Int) async throws {
        let world = try await DashboardWorld(loops: 2)
        let (agent, peer, other): (AgentID, PeerID, PeerID) = try await watchTerminal(in: world)
        let text: [UInt8] = Array("a😀€ü😀€\n".utf8)
        for byte: UInt8 in text.prefix(told) { try await world.print([byte], .terminal, by: agent) }
        try await world.close(peer)
        for byte: UInt8 in text.dropFirst(told).prefix(missed) { try await world.print([byte], .terminal, by: agent) }
        let again: PeerID = try await world.join("adam:admin:60").peer
        for byte: UInt8 in text.dropFirst(told + missed) { try await world.print([byte], .terminal, by: agent) }
        let all: [DashboardReply] = outputs(world.take(peer) + world.take(again))
        let expected: [DashboardReply] = outputs(world.take(other))
        #expect(all.map { $0.payload["data"] } == expected.map { $0.payload["data"] })
        #expect(all.compactMap { $0.payload["data"]?.stringValue }.joined() == String(decoding: text, as: UTF8.self))
    }

    @Test("DASH-SESS-06: so it does where it goes on while what was missed is being read")
    func charactersMeanwhile() async throws {
        let world = try await DashboardWorld(loops: 2)
        let (agent, peer, other): (AgentID, PeerID, PeerID) = try await watchTerminal(in: world)
        let text: [UInt8] = Array("a😀€ü😀€\n".utf8)
        for byte: UInt8 in text.prefix(3) { try await world.print([byte], .terminal, by: agent) }
        try await world.close(peer)
        world.holdsReads = true
        let again: PeerID = try await world.join("adam:admin:60").peer
        for byte: UInt8 in text.dropFirst(3).prefix(4) { try await world.print([byte], .terminal, by: agent) }
        try await world.performReads()
        for byte: UInt8 in text.dropFirst(7) { try await world.print([byte], .terminal, by: agent) }
        let all: [DashboardReply] = outputs(world.take(peer) + world.take(again))
        #expect(all.map { $0.payload["data"] } == outputs(world.take(other)).map { $0.payload["data"] })
        #expect(sequences(all) == Array(1...text.count))
    }

    @Test("DASH-SESS-06: so it does where the oldest of what was missed is not sent again")
    func charactersOfTheNewest() async throws {
        let world = try await DashboardWorld(loops: 2)
        let (agent, peer, other): (AgentID, PeerID, PeerID) = try await watchTerminal(in: world)
        try await world.print([UInt8(ascii: "a")], .terminal, by: agent)
        try await world.close(peer)
        let text: [UInt8] = Array(String(repeating: "€", count: 409).utf8)
        for byte: UInt8 in text { try await world.print([byte], .terminal, by: agent) }
        let told: [DashboardReply] = world.take(try await world.join("adam:admin:60").peer)
        #expect(sequences(told) == Array((text.count - 998)...(text.count + 1)))
        #expect(alerts(told).first?.payload["details"]?["dropped"]?.intValue == text.count - 1_000)
        let expected: [DashboardReply] = outputs(world.take(other)).suffix(1_000)
        #expect(outputs(told).map { $0.payload["data"] } == expected.map { $0.payload["data"] })
    }

    // MARK: The last message that arrived

    @Test("DASH-SESS-06: whoever missed more than a thousand messages of a flood is told how many do not come again")
    func flood() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agent: AgentID = try await world.createAgent(from: first.peer)
        for number: Int in 1...2_500 { try await world.print(Array("\(number)\n".utf8), by: agent) }
        let told: [DashboardReply] = outputs(world.take(first.peer))
        #expect(told.count == 2_500)
        try await world.close(first.peer)
        let again = try await world.join(more: #","lastMessageId":"\#(id(told[499]))""#)
        let messages: [DashboardReply] = world.take(again.peer)
        #expect(sequences(messages) == Array(1_501...2_500))
        #expect(alerts(messages).map { $0.payload["details"]?["dropped"] } == [1_000])
        // A newer one of them.
        try await world.close(again.peer)
        let third = try await world.join(more: #","lastMessageId":"\#(id(told[2_000]))""#)
        let last: [DashboardReply] = world.take(third.peer)
        #expect(outputs(last).map(id) == told.dropFirst(2_001).map(id))
        #expect(alerts(last).isEmpty)
    }

    @Test(
        "DASH-SESS-06: of several agents by turns, what came after the last message of one is sent again",
        arguments: [20, 1_200])
    func turns(count: Int) async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        let agents: [AgentID] = [
            try await world.createAgent(from: first.peer), try await world.createAgent(from: first.peer),
        ]
        for number: Int in 1...count {
            world.clock.advance(1)
            for agent: AgentID in agents { try await world.print(Array("\(number)\n".utf8), by: agent) }
        }
        let told: [DashboardReply] = outputs(world.take(first.peer))
        #expect(told.count == 2 * count)
        try await world.close(first.peer)
        let again = try await world.join(more: #","lastMessageId":"\#(id(told[8]))""#)
        let messages: [DashboardReply] = world.take(again.peer)
        #expect(Set(outputs(messages).map(id)) == Set(told.dropFirst(9).suffix(1_000).map(id)))
        // What is known of one agent's output and is not sent again is counted.
        let dropped: Int = alerts(messages).first?.payload["details"]?["dropped"]?.intValue ?? 0
        #expect(count == 20 ? dropped == 0 : dropped >= count - 5 - 500)
    }

    @Test("DASH-SESS-06: whoever names a message that is not known is told so, and gets what it has not been sent")
    func unknown() async throws {
        let world = try await DashboardWorld()
        let first = try await world.join()
        try await world.send(
            "agent:create", #"{"name":"Ada","model":"claude-3-opus","workspace":"w"}"#, from: first.peer)
        let agent: AgentRecord = try #require(world.orchestrator.view.agents().last)
        try await world.report(.agentStarted(agent.id, process: ProcessIdentity(pid: 42, startTicks: 7)))
        let begun: [DashboardReply] = world.take(first.peer)
        let created: DashboardReply = try #require(begun.first { $0.type == "agent:created" })
        let statuses: [DashboardReply] = begun.filter { $0.type == "agent:status" }
        try await world.print(Array("told\n".utf8), by: agent.id)
        try await world.close(first.peer)
        try await world.print(Array("missed\n".utf8), by: agent.id)
        let zero = DashboardMessageID.text(of: DashboardPosition(source: .event, sequence: 0), part: 0)
        for (number, name) in ["m-1", zero, "00000000-0000-4000-8000-000000000000"].enumerated() {
            let again = try await world.join(more: #","lastMessageId":"\#(name)""#)
            let messages: [DashboardReply] = world.take(again.peer)
            #expect(
                messages.map(\.type) == ["connection:status", "system:alert"] + (number == 0 ? ["agent:output"] : []))
            let said: String? = alerts(messages).first?.payload["message"]?.stringValue
            #expect(said?.hasPrefix("lastMessageId names no message") == true)
            try await world.close(again.peer)
        }
        // The confirmation is known like any other message.
        let last = try await world.join(more: #","lastMessageId":"\#(id(created))""#)
        let messages: [DashboardReply] = world.take(last.peer)
        #expect(alerts(messages).isEmpty)
        #expect(sequences(messages) == [1, 2])
        #expect(messages.filter { $0.type == "agent:status" }.map(id) == statuses.map(id))
    }
}
