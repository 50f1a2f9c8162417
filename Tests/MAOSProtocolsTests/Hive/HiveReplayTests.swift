import MAOSCore
import MAOSProtocols
import Testing

@Suite("Hive: clients that come back")
struct HiveReplayTests {
    @Test("a client that comes back gets exactly what it has missed, from any frame on (HIVE-MSG-05, HIVE-CLI-10)")
    func resumes() async throws {
        let world = try await HiveWorld()
        let witness: PeerID = try world.connect()
        _ = try await world.spawn()
        try await world.run()
        try await world.run(GatewayWorld.plainTask, .failed(TaskFailure(.timeout, "too long")))
        let all: [HiveFrame] = world.told(witness)
        #expect(all.count > 15)
        for frame: HiveFrame in all {
            let peer: PeerID = try world.connect("since=\(frame.sequence)", on: 1)
            try world.settle(1)
            let expected: [String] = all.filter { $0.sequence > frame.sequence }.map(\.certain)
            #expect(world.told(peer, on: 1).map(\.certain) == expected)
            #expect(world.types(of: peer, on: 1).last == "hive_status_update")
            let numbers: [Int] = world.frames(of: peer, on: 1).map(\.sequence)
            #expect(numbers == numbers.sorted())
            try world.disconnect(peer, from: 1)
        }
    }

    @Test("a client goes over to what happens now without gap or repetition")
    func goesLive() async throws {
        let world = try await HiveWorld()
        let witness: PeerID = try world.connect()
        for number: Int64 in 0..<20 { try await world.announce("custom_event", ["number": .integer(number)]) }
        let since: Int = try #require(world.told(witness).first?.sequence)
        let peer: PeerID = try world.connect("since=\(since)&types=custom_event", on: 1)
        for number: Int64 in 20..<30 { try await world.announce("custom_event", ["number": .integer(number)]) }
        try world.settle(1)
        for number: Int64 in 30..<40 { try await world.announce("custom_event", ["number": .integer(number)]) }
        #expect(world.frames(of: peer, on: 1).map { $0.data["number"]?.intValue } == Array(1..<40))
    }

    @Test("a large backlog comes in pieces, at the client's pace")
    func pieces() async throws {
        let world = try await HiveWorld { $0.chunk = 2_000 }
        let witness: PeerID = try world.connect()
        for number: Int64 in 0..<200 { try await world.announce("custom_event", ["number": .integer(number)]) }
        let peer: PeerID = try world.connect("since=0&types=custom_event", on: 1)
        #expect(world.frames(of: peer, on: 1).count < 20)
        #expect(world.loops[1].paced == [peer])
        for _ in 0..<3 { try world.tick() }
        #expect(world.frames(of: peer, on: 1).count < 20)
        try world.settle(1)
        #expect(world.frames(of: peer, on: 1).map(\.text) == world.told(witness).map(\.text))
    }

    @Test("what is no longer at hand is read from the history, of the wanted types only")
    func history() async throws {
        let world = try await HiveWorld { $0.pageLimit = 100 }
        let witness: PeerID = try world.connect("types=custom_event")
        for number: Int64 in 0..<5_000 { try await world.announce("custom_event", ["number": .integer(number)]) }
        let peer: PeerID = try world.connect("since=0&types=custom_event", on: 1)
        guard case .events(let from, let limit, let types)? = world.loops[1].reads.first?.0 else {
            Issue.record("nothing was read")
            return
        }
        #expect((from, limit) == (1, 100))
        #expect(types == ["custom_event"])
        try world.settle(1)
        #expect(world.frames(of: peer, on: 1).map(\.text) == world.frames(of: witness).map(\.text))
        try await world.announce("custom_event", ["number": "last"])
        #expect(world.frames(of: peer, on: 1).count == 5_001)
    }

    @Test("a client is told that what it missed is no longer kept")
    func gap() async throws {
        let world = try await HiveWorld()
        try await world.announce("custom_event")
        let peer: PeerID = try world.connect("since=0", on: 1)
        let replay: PeerID = try world.connect("since=4096000", on: 1)
        #expect(world.types(of: replay, on: 1) == ["hive_status_update"])
        try world.settle(1)
        #expect(world.types(of: peer, on: 1).contains("custom_event"))

        for _ in 0..<5_000 { try await world.announce("custom_event") }
        let late: PeerID = try world.connect("since=0", on: 0)
        let (read, token) = try #require(world.loops[0].reads.first)
        world.loops[0].reads = []
        guard
            case .read(.success(.events(var page))) = SocketOutcome.read(
                read.perform(history: world.gateway.journal, output: world.gateway.outputs))
        else {
            Issue.record("no page")
            return
        }
        page.events.removeAll { $0.sequence < 50 }
        page.oldestSequence = 50
        try world.carryOut(
            world.loops[0].dialect.complete(token, with: .read(.success(.events(page))), at: world.now), on: 0)
        try world.settle()
        let first: HiveFrame = try #require(world.frames(of: late).first)
        #expect(first.type == "system_alert")
        #expect(first.string("title") == "Events are missing")
        #expect(first["details", "to_event"].intValue == 49)
        let numbers: [Int] = world.frames(of: late).map(\.sequence)
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        #expect(first.sequence == 50 * 4_096 - 1)
    }

    @Test("whoever wants what is never stored begins with what happens next")
    func unstored() async throws {
        let world = try await HiveWorld()
        for _ in 0..<5_000 { try await world.announce("custom_event") }
        let peer: PeerID = try world.connect("since=0&types=hive_status_update")
        #expect(world.loops[0].reads.isEmpty)
        #expect(world.types(of: peer) == ["hive_status_update"])
    }

    @Test("a history that cannot be read ends the connection")
    func unreadable() async throws {
        let world = try await HiveWorld()
        for _ in 0..<5_000 { try await world.announce("custom_event") }
        let peer: PeerID = try world.connect("since=0")
        let token: SocketToken = try #require(world.loops[0].reads.first?.1)
        try world.carryOut(
            world.loops[0].dialect.complete(token, with: .read(.failure(.unavailable("disk"))), at: world.now), on: 0)
        #expect(world.loops[0].closes[peer]?.code == 1_011)
        try world.disconnect(peer)
        #expect(world.loops[0].dialect.complete(token, with: .read(.failure(.unavailable("x"))), at: world.now).isEmpty)
    }

    @Test("a client of some projects is told of their past only")
    func limited() async throws {
        let world = try await HiveWorld()
        for project: String in ["red", "blue", "red"] {
            _ = try await world.create(
                #"{"type":"code","description":"\#(project)","requirements":[],"priority":"low","context":{"project":"\#(project)"}}"#
            )
        }
        let limited = Principal(subject: "bob", permissions: .viewer, projects: ["red"])
        let peer: PeerID = try world.connect("since=0&types=task_created", as: limited)
        try world.settle()
        #expect(world.frames(of: peer).map { $0["task", "description"].stringValue } == ["red", "red"])
    }
}
