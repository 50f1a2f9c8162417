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
}
