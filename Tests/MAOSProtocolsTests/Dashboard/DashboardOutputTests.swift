import MAOSCore
import MAOSTestSupport
import Testing

@testable import MAOSProtocols

/// Agents that print faster than clients read.
@Suite("Dashboard output for slow clients")
struct DashboardOutputTests {
    private static let piece: Int = 65_536

    /// A piece that can be told from others.
    private static func piece(_ number: Int) -> [UInt8] {
        let mark: [UInt8] = Array("\(number):".utf8)
        return mark + [UInt8](repeating: UInt8(ascii: "x"), count: piece - mark.count - 1) + [UInt8(ascii: "\n")]
    }

    private func sequences(_ replies: [DashboardReply]) -> [Int] {
        replies.filter { $0.type == "agent:output" }.compactMap { $0.payload["sequence"]?.intValue }
    }

    /// The lines of a client's log entries.
    private func lines(_ replies: [DashboardReply]) -> [String] {
        replies.filter { $0.type == "log:entry" }.compactMap { $0.payload["message"]?.stringValue }
    }

    /// Makes an agent, and a client that wants its lines.
    private func watchLines(in world: DashboardWorld) async throws -> (peer: PeerID, session: String, agent: AgentID) {
        let agent: AgentID = try await world.createAgent(from: try await world.join(client: "owner").peer)
        let (peer, session): (PeerID, String) = try await world.join()
        try await world.send("subscribe:logs", #"{"agentId":"\#(agent)"}"#, from: peer)
        _ = world.take(peer)
        return (peer, session, agent)
    }

    /// Makes an agent with a terminal, and a client that wants its output.
    private func watchTerminal(of id: AgentID, in world: DashboardWorld) async throws -> PeerID {
        let peer: PeerID = try await world.join("adam:admin:60").peer
        _ = try await world.orchestrator.submit(
            .spawnAgent(AgentSpecification(type: .coder, resident: .terminal), id: id),
            as: Principal(subject: "adam", permissions: .all))
        try await world.report(.agentStarted(id, process: ProcessIdentity(pid: 9, startTicks: 1)))
        try await world.send("subscribe:agent", #"{"agentId":"\#(id)"}"#, from: peer)
        _ = world.take(peer)
        return peer
    }

    @Test("DASH-SC-02: whoever reads slowly gets everything once and in order, a page at a time")
    func slow() async throws {
        let world = try await DashboardWorld()
        let (slow, quick): (PeerID, PeerID) = (
            try await world.join(client: "slow").peer, try await world.join(client: "quick").peer
        )
        let agent: AgentID = try await world.createAgent(from: slow)
        try await world.send("subscribe:agent", #"{"agentId":"\#(agent)"}"#, from: quick)
        (_, _) = (world.take(slow), world.take(quick))
        var quickly: [Int] = []
        for number in 1...200 {
            try await world.print(DashboardOutputTests.piece(number), number % 3 == 0 ? .stderr : .stdout, by: agent)
            try await world.drain(quick)
            quickly += sequences(world.take(quick))
        }
        #expect(quickly == Array(1...200))
        var slowly: [DashboardReply] = world.take(slow)
        #expect(slowly.count <= 17)
        while try await world.drain(slow) {
            let page: [DashboardReply] = world.take(slow)
            #expect(page.count <= 33)
            slowly += page
        }
        #expect(sequences(slowly) == Array(1...200))
        for reply: DashboardReply in slowly {
            let number: Int = try #require(reply.payload["sequence"]?.intValue)
            #expect(reply.payload["data"]?.stringValue?.hasPrefix("\(number):") == true)
            #expect(reply.payload["stream"] == (number % 3 == 0 ? "stderr" : "stdout"))
        }
        // Level again, it is told at once.
        try await world.print([0x41], by: agent)
        #expect(sequences(world.take(slow)) == [201])
        #expect(world.closed.isEmpty)
    }

    @Test("DASH-SC-02: a piece whose lines take more than a client does is told in parts, to each at its own pace")
    func shortLines() async throws {
        let world = try await DashboardWorld()
        let (slow, _, agent): (PeerID, String, AgentID) = try await watchLines(in: world)
        let (quick, plain): (PeerID, PeerID) = (
            try await world.join(client: "quick").peer, try await world.join(client: "plain").peer
        )
        try await world.send("subscribe:logs", #"{"agentId":"\#(agent)"}"#, from: quick)
        for peer: PeerID in [quick, plain] { try await world.send("subscribe:agent", "{}", from: peer) }
        for peer: PeerID in [quick, plain] { _ = world.take(peer) }
        let printed: [String] = (1...9_000).map { "\($0)" }
        try await world.print(Array(printed.joined(separator: "\n").utf8), by: agent)
        try await world.print(Array("after\n".utf8), by: agent)
        #expect(sequences(world.take(plain)) == [1, 2])
        var quickly: [DashboardReply] = world.take(quick)
        while try await world.drain(quick) { quickly += world.take(quick) }
        // The output comes before its lines, and they before what was printed next.
        #expect(
            quickly.map(\.type) == ["agent:output"] + printed.map { _ in "log:entry" } + ["agent:output", "log:entry"])
        #expect(lines(quickly) == printed + ["after"])
        var slowly: [DashboardReply] = world.take(slow)
        #expect(slowly.count < 4_000)
        while try await world.drain(slow) {
            let page: [DashboardReply] = world.take(slow)
            #expect(page.count < 4_000)
            slowly += page
        }
        #expect(lines(slowly) == printed + ["after"])
        #expect(Set(slowly.compactMap { $0.json["id"]?.stringValue }).count == slowly.count)
        // Level again, it is told at once.
        try await world.print(Array("now\n".utf8), by: agent)
        #expect(lines(world.take(slow)) == ["now"])
        #expect(world.closed.isEmpty)
    }

    @Test("whoever comes back within a piece goes on after the last line that it has", arguments: [nil, 300])
    func resumedWithin(after last: Int?) async throws {
        let world = try await DashboardWorld()
        let (peer, session, agent): (PeerID, String, AgentID) = try await watchLines(in: world)
        let printed: [String] = (1...1_200).map { "\($0):" + String(repeating: "x", count: 1_000) }
        try await world.print(Array(printed.joined(separator: "\n").utf8), by: agent)
        let told: [DashboardReply] = world.take(peer)
        #expect(told.count > 500 && told.count < 1_000)
        try await world.close(peer)
        let kept: Int = last ?? told.count
        let id: String = try #require(told[kept - 1].json["id"]?.stringValue)
        let more: String = #","sessionId":"\#(session)""# + (last == nil ? "" : #","lastMessageId":"\#(id)""#)
        let again: PeerID = try await world.join(more: more).peer
        var after: [DashboardReply] = world.take(again)
        try await world.print(Array("next\n".utf8), by: agent)
        after += world.take(again)
        while try await world.drain(again) { after += world.take(again) }
        #expect(lines(after) == printed.dropFirst(kept) + ["next"])
        let ids: [String] = (told.prefix(kept) + after.filter { $0.type == "log:entry" }).compactMap {
            $0.json["id"]?.stringValue
        }
        #expect(Set(ids).count == printed.count + 1)
    }

    @Test("DASH-SESS-06: whoever comes back to more lines of a piece than are sent again gets the newest")
    func resumedToMany() async throws {
        let world = try await DashboardWorld()
        let (peer, session, agent): (PeerID, String, AgentID) = try await watchLines(in: world)
        let printed: [String] = (1...9_000).map { "\($0)" }
        try await world.print(Array(printed.joined(separator: "\n").utf8), by: agent)
        let told: Int = lines(world.take(peer)).count
        try await world.close(peer)
        let again: PeerID = try await world.join(more: #","sessionId":"\#(session)""#).peer
        let after: [DashboardReply] = world.take(again)
        #expect(lines(after) == printed.suffix(1_000))
        let alert: DashboardReply = try #require(after.first { $0.type == "system:alert" })
        #expect(alert.payload["details"]?["dropped"]?.intValue == 9_000 - told - 1_000)
    }

    @Test("characters of a terminal stay whole where a client falls behind")
    func characters() async throws {
        let world = try await DashboardWorld()
        let id = AgentID(unchecked: "t")
        let peer: PeerID = try await watchTerminal(of: id, in: world)
        // Entries end within characters, of which the next ones have the rest.
        let text: [UInt8] = Array(String(repeating: "€", count: 600_000).utf8)
        for start in stride(from: 0, to: text.count, by: 40_001) {
            try await world.print(Array(text[start..<min(start + 40_001, text.count)]), .terminal, by: id)
        }
        var told: [DashboardReply] = world.take(peer)
        #expect(told.count < 40)
        while try await world.drain(peer) { told += world.take(peer) }
        #expect(told.compactMap { $0.payload["data"]?.stringValue }.joined() == String(decoding: text, as: UTF8.self))
    }

    @Test("what an agent printed still comes after its end")
    func ended() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        for number in 1...40 { try await world.print(DashboardOutputTests.piece(number), by: agent) }
        try await world.send("agent:terminate", #"{"agentId":"\#(agent)","force":true}"#, from: peer)
        try await world.report(.agentStopped(agent))
        var told: [DashboardReply] = world.take(peer)
        while try await world.drain(peer) { told += world.take(peer) }
        #expect(sequences(told) == Array(1...40))
        #expect(world.closed.isEmpty)
    }

    @Test("what was deleted before a client had read so far is told of")
    func deleted() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agent: AgentID = try await world.createAgent(from: peer)
        for number in 1...40 { try await world.print(DashboardOutputTests.piece(number), by: agent) }
        var told: [DashboardReply] = world.take(peer)
        let behind: Int = try #require(sequences(told).last)
        world.outputs.forget(30, of: .agent(agent))
        while try await world.drain(peer) { told += world.take(peer) }
        #expect(sequences(told) == Array(1...behind) + Array(31...40))
        let alert: DashboardReply = try #require(told.first { $0.type == "system:alert" })
        #expect(alert.payload["details"]?["dropped"]?.intValue == 30 - behind)
    }

    @Test("whoever comes back after falling behind goes on after its last message")
    func resumed() async throws {
        let world = try await DashboardWorld()
        let (peer, session): (PeerID, String) = try await world.join()
        let agent: AgentID = try await world.createAgent(from: peer)
        for number in 1...60 { try await world.print(DashboardOutputTests.piece(number), by: agent) }
        try await world.drain(peer)
        let before: [Int] = sequences(world.take(peer))
        #expect(before.count > 16 && before.count < 60)
        try await world.close(peer)
        let again: PeerID = try await world.join(more: #","sessionId":"\#(session)""#).peer
        var after: [DashboardReply] = world.take(again)
        for number in 61...80 { try await world.print(DashboardOutputTests.piece(number), by: agent) }
        after += world.take(again)
        while try await world.drain(again) { after += world.take(again) }
        #expect(before + sequences(after) == Array(1...80))
    }

    @Test("what a loop is too busy for is told from the log, once and in order, and then as it comes again")
    func busy() async throws {
        let world = try await DashboardWorld()
        let peers: [PeerID] = [try await world.join(client: "a").peer, try await world.join(client: "b").peer]
        let agent: AgentID = try await world.createAgent(from: peers[0])
        try await world.send("subscribe:agent", #"{"agentId":"\#(agent)"}"#, from: peers[1])
        try await world.send("subscribe:logs", #"{"agentId":"\#(agent)"}"#, from: peers[1])
        for peer: PeerID in peers { _ = world.take(peer) }
        for number in 1...30 {
            let isHanded: Bool = !(4...20).contains(number) && number != 25
            try await world.print(Array("line \(number)\n".utf8), by: agent, told: isHanded)
            if number == 20 { try await world.skip(4...20, of: agent) }
            if number == 25 { try await world.skip(25...25, of: agent) }
        }
        for peer: PeerID in peers {
            let told: [DashboardReply] = world.take(peer)
            #expect(sequences(told) == Array(1...30))
            let lines: [String] = told.filter { $0.type == "log:entry" }.compactMap {
                $0.payload["message"]?.stringValue
            }
            #expect(lines == (peer == peers[0] ? [] : (1...30).map { "line \($0)" }))
        }
        // Also where a client is behind by itself.
        for number in 31...100 {
            try await world.print(DashboardOutputTests.piece(number), by: agent, told: !(61...70).contains(number))
            if number == 70 { try await world.skip(61...70, of: agent) }
        }
        for peer: PeerID in peers {
            var told: [DashboardReply] = world.take(peer)
            while try await world.drain(peer) { told += world.take(peer) }
            #expect(sequences(told) == Array(31...100))
        }
        #expect(world.closed.isEmpty)
    }

    @Test("characters of a terminal stay whole where a loop was too busy for a part of them")
    func busyCharacters() async throws {
        let world = try await DashboardWorld()
        let id = AgentID(unchecked: "t")
        let peer: PeerID = try await watchTerminal(of: id, in: world)
        let text: [UInt8] = Array(String(repeating: "€", count: 100).utf8)
        for (place, start) in stride(from: 0, to: text.count, by: 10).enumerated() {
            let isHanded: Bool = !(5...9).contains(place + 1)
            try await world.print(
                Array(text[start..<min(start + 10, text.count)]), .terminal, by: id, told: isHanded)
            if place + 1 == 9 { try await world.skip(5...9, of: id) }
        }
        let told: [DashboardReply] = world.take(peer)
        #expect(told.compactMap { $0.payload["data"]?.stringValue }.joined() == String(decoding: text, as: UTF8.self))
    }

    @Test("several agents are caught up with in turn")
    func turns() async throws {
        let world = try await DashboardWorld()
        let peer: PeerID = try await world.join().peer
        let agents: [AgentID] = [try await world.createAgent(from: peer), try await world.createAgent(from: peer)]
        for number in 1...60 {
            for agent: AgentID in agents { try await world.print(DashboardOutputTests.piece(number), by: agent) }
        }
        var told: [DashboardReply] = world.take(peer)
        var pages: [Set<String>] = []
        while try await world.drain(peer) {
            let page: [DashboardReply] = world.take(peer)
            pages.append(Set(page.compactMap { $0.payload["agentId"]?.stringValue }))
            told += page
        }
        for agent: AgentID in agents {
            let own: [DashboardReply] = told.filter { $0.payload["agentId"]?.stringValue == agent.rawValue }
            #expect(sequences(own) == Array(1...60))
        }
        // No agent has two pages while the other waits for one.
        #expect(pages.prefix(4).map(\.count).allSatisfy { $0 == 1 } && pages[0] != pages[1] && pages[1] != pages[2])
    }
}
