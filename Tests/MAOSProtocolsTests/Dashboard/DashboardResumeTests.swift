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
}
