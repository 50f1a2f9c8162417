import MAOSCore
import MAOSProtocols
import MAOSTestSupport
import Testing

/// Tasks that print faster than clients read.
@Suite("OpenCode logs for slow clients")
struct OpenCodeFollowTests {
    private static let window: Int = 1 << 20
    /// What one more message, or one page of what was said, takes at most.
    private static let slack: Int = 16_384
    private static let follow = #"{"type":"request_log_entries","limit":1,"filter":{"follow":true}}"#

    private let a = TaskID(unchecked: "a")
    private let b = TaskID(unchecked: "b")

    private func world(_ requests: [String]) async throws -> (OpenCodeWorld, [PeerID]) {
        let world = try await OpenCodeWorld()
        var peers: [PeerID] = []
        for request: String in requests {
            peers.append(try await world.join())
            if peers.count == 1 {
                try await world.start("a", from: peers[0])
                try await world.start("b", from: peers[0])
            }
            #expect(try await world.ask(request, from: peers[peers.count - 1])["type"] == "log_entries")
        }
        for peer: PeerID in peers { world.clear(peer) }
        return (world, peers)
    }

    private func messages(_ world: OpenCodeWorld, _ peer: PeerID, agent: String? = nil) -> [String] {
        world.inbox(peer, "log_entry").compactMap { (entry: JSONValue) in
            guard agent == nil || entry["log"]?["agent"]?.stringValue == agent else { return nil }
            return entry["log"]?["message"]?.stringValue
        }
    }

    /// Lets a client take everything, over and over; gives the most that it was sent at once.
    private func drainAll(_ world: OpenCodeWorld, _ peer: PeerID) async throws -> Int {
        var most: Int = 0
        var before: Int = world.sentBytes[peer] ?? 0
        while try await world.drain(peer) {
            let after: Int = world.sentBytes[peer] ?? 0
            most = max(most, after - before)
            before = after
        }
        return most
    }

    /// Numbered lines of 1,000 bytes each.
    private static func lines(_ numbers: ClosedRange<Int>) -> [String] {
        numbers.map { "\($0):" + String(repeating: "x", count: 990) }
    }

    @Test(
        "whoever reads slowly gets every line once and in order, no more than it takes at a time (OC-REQ-40, OC-PUSH-06)"
    )
    func slow() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow, OpenCodeFollowTests.follow])
        let (slow, quick): (PeerID, PeerID) = (peers[0], peers[1])
        var (expectedA, expectedB): ([String], [String]) = ([], [])
        for piece in 0..<100 {
            let lines: [String] = OpenCodeFollowTests.lines(piece * 40 + 1...piece * 40 + 40)
            let isOfA: Bool = piece % 3 != 0
            try await world.print(
                lines.joined(separator: "\n") + "\n", piece % 2 == 0 ? .stdout : .stderr, task: isOfA ? a : b)
            if isOfA { expectedA += lines } else { expectedB += lines }
            try await world.drain(quick)
        }
        _ = try await drainAll(world, quick)
        for (agent, expected) in [("a", expectedA), ("b", expectedB)] {
            #expect(messages(world, quick, agent: agent) == expected)
        }
        #expect(world.sentBytes[slow] ?? 0 < OpenCodeFollowTests.window + OpenCodeFollowTests.slack)
        let most: Int = try await drainAll(world, slow)
        #expect(most < OpenCodeFollowTests.window + OpenCodeFollowTests.slack)
        for (agent, expected) in [("a", expectedA), ("b", expectedB)] {
            #expect(messages(world, slow, agent: agent) == expected)
        }
        // Level again, it is told at once.
        world.clear(slow)
        try await world.print("now\n", task: a)
        #expect(messages(world, slow) == ["now"])
        #expect(world.closed.isEmpty)
    }

    @Test("a piece whose lines take more than a client does is told in parts")
    func shortLines() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        let lines: [String] = (1...9_000).map { "\($0)" }
        try await world.print(lines.joined(separator: "\n"), task: a)
        try await world.print("after\n", task: a)
        #expect(world.sentBytes[peers[0]] ?? 0 < OpenCodeFollowTests.window + OpenCodeFollowTests.slack)
        #expect(try await drainAll(world, peers[0]) < OpenCodeFollowTests.window + OpenCodeFollowTests.slack)
        #expect(messages(world, peers[0]) == lines + ["after"])
    }

    @Test("filters hold for what comes late, too (OC-REQ-38, OC-REQ-40)")
    func filters() async throws {
        let (world, peers) = try await world([
            #"{"type":"request_log_entries","filter":{"level":"warn","message_contains":"7:","follow":true}}"#
        ])
        var expected: [String] = []
        for piece in 0..<400 {
            let lines: [String] = OpenCodeFollowTests.lines(piece * 40 + 1...piece * 40 + 40)
            let stream: OutputStream = piece % 2 == 0 ? .stdout : .stderr
            try await world.print(lines.joined(separator: "\n"), stream, task: a)
            if stream == .stderr { expected += lines.filter { $0.contains("7:") } }
        }
        #expect(world.sentBytes[peers[0]] ?? 0 < OpenCodeFollowTests.window + OpenCodeFollowTests.slack)
        _ = try await drainAll(world, peers[0])
        #expect(expected.count == 800)
        #expect(messages(world, peers[0]) == expected)
    }

    @Test("what is said about a task comes after what it printed before, and all of it")
    func said() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        let lines: [String] = OpenCodeFollowTests.lines(1...3_000)
        for start in stride(from: 0, to: 3_000, by: 40) {
            try await world.print(lines[start..<min(start + 40, 3_000)].joined(separator: "\n"), task: a)
        }
        let notes: [String] = (1...300).map { "note \($0)" }
        world.logs.add(
            notes.map { LogEntry(time: world.now, level: .info, message: $0, agent: "maos-server", source: "s:1") })
        try await world.pass(250)
        #expect(messages(world, peers[0], agent: "maos-server").isEmpty)
        _ = try await drainAll(world, peers[0])
        #expect(messages(world, peers[0]) == lines + notes)
        world.clear(peers[0])
        try await world.pass(250)
        #expect(messages(world, peers[0]).isEmpty)
    }

    @Test("so much may be said about tasks and by the server that it comes at the pace of the client")
    func saidMuch() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        var expected: [String] = []
        for turn in 0..<4 {
            let notes: [String] = OpenCodeFollowTests.lines(turn * 500 + 1...turn * 500 + 500)
            world.logs.add(
                notes.map { LogEntry(time: world.now, level: .info, message: $0, agent: "maos-server", source: "s:1") })
            expected += notes
            try await world.pass(250)
        }
        // The index remembers a thousand, so what is half as old has come.
        #expect(messages(world, peers[0]).count >= 1_500)
        #expect(messages(world, peers[0]).count < 2_000)
        _ = try await drainAll(world, peers[0])
        #expect(messages(world, peers[0]) == expected)
    }

    @Test("a burst while the answer is made comes after it, without what it has shown")
    func burst() async throws {
        let (world, peers) = try await world([#"{"type":"request_log_entries","limit":1}"#])
        let peer: PeerID = peers[0]
        world.holdsReads = true
        try await world.post(
            #"{"type":"request_log_entries","limit":5,"filter":{"follow":true}}"#, from: peer)
        let lines: [String] = OpenCodeFollowTests.lines(1...4_000)
        for start in stride(from: 0, to: 4_000, by: 40) {
            try await world.print(lines[start..<start + 40].joined(separator: "\n"), task: a)
        }
        #expect(world.inbox(peer).isEmpty)
        try await world.letReadsThrough()
        let answer: JSONValue = try #require(world.inbox(peer).first)
        let shown: [String] = try #require(
            answer["data"]?["entries"]?.arrayValue?.compactMap { $0["message"]?.stringValue })
        #expect(shown == lines.suffix(5).reversed())
        #expect(messages(world, peer).count < 1_100)
        _ = try await drainAll(world, peer)
        #expect(messages(world, peer) == lines.dropLast(5))
    }

    @Test("what was deleted before a client had read so far is told of")
    func deleted() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        for number in 1...100 {
            let lines: [String] = OpenCodeFollowTests.lines(number...number)
            try await world.print(String(repeating: lines[0] + "\n", count: 40), task: a)
        }
        world.outputs.forget(80, of: .task(a))
        _ = try await drainAll(world, peers[0])
        let losses: [JSONValue] = world.inbox(peers[0], "log_entry").filter { $0["log"]?["level"] == "warn" }
        #expect(losses.count == 1)
        let lost: Int = try #require(losses.first?["log"]?["details"]?["dropped"]?.intValue)
        let numbers: [Substring] = messages(world, peers[0]).compactMap { $0.split(separator: ":").first }
        #expect(numbers.last == "100")
        #expect(numbers.filter { $0 == "81" }.count == 40)
        #expect(lost > 40 && lost < 80)
    }

    @Test("whoever listens no more is not told of what it was behind with (OC-REQ-40)")
    func ended() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        for _ in 0..<100 {
            try await world.print(OpenCodeFollowTests.lines(1...40).joined(separator: "\n"), task: a)
        }
        _ = try await world.ask(
            #"{"type":"request_log_entries","limit":1,"filter":{"follow":false}}"#, from: peers[0])
        world.clear(peers[0])
        try await world.drain(peers[0])
        #expect(messages(world, peers[0]).isEmpty)
        _ = try await world.ask(OpenCodeFollowTests.follow, from: peers[0])
        world.clear(peers[0])
        try await world.print("new\n", task: a)
        #expect(messages(world, peers[0]) == ["new"])
    }

    @Test("rights hold for what comes late, too: those of a project hear of its tasks only")
    func rights() async throws {
        let (world, peers) = try await world([#"{"type":"request_log_entries","limit":1}"#])
        let principal = Principal(subject: "p", permissions: .all, projects: ["red"])
        let peer: PeerID = try await world.join(as: SocketCaller(principal: principal))
        try await world.start("red-1", #","metadata":{"project":"red"}"#, from: peers[0])
        _ = try await world.ask(OpenCodeFollowTests.follow, from: peer)
        world.clear(peer)
        let red = TaskID(unchecked: "red-1")
        let lines: [String] = OpenCodeFollowTests.lines(1...2_000)
        for start in stride(from: 0, to: 2_000, by: 40) {
            for task: TaskID in [red, a] {
                try await world.print(lines[start..<start + 40].joined(separator: "\n"), task: task)
            }
        }
        _ = try await drainAll(world, peer)
        #expect(messages(world, peer, agent: "red-1") == lines)
        #expect(messages(world, peer).count == lines.count)
    }

    @Test("what a loop is too busy for is told from the logs, by the same filters, and then as it comes again")
    func busy() async throws {
        let (world, peers) = try await world([
            OpenCodeFollowTests.follow,
            #"{"type":"request_log_entries","filter":{"level":"warn","follow":true}}"#,
            #"{"type":"request_log_entries","filter":{"agent":"b","follow":true}}"#,
        ])
        for number in 1...30 {
            let isHanded: Bool = !(4...20).contains(number) && number != 25
            try await world.print("line \(number)\n", number % 2 == 0 ? .stdout : .stderr, task: a, told: isHanded)
            if number == 20 { try await world.skip(4...20, of: a) }
            if number == 25 { try await world.skip(25...25, of: a) }
        }
        #expect(messages(world, peers[0]) == (1...30).map { "line \($0)" })
        #expect(messages(world, peers[1]) == stride(from: 1, to: 30, by: 2).map { "line \($0)" })
        #expect(messages(world, peers[2]).isEmpty)
        for peer: PeerID in peers { #expect(world.paced.contains(peer) == false) }
    }

    @Test("a page that had more than was heard of by then is not told of twice")
    func ahead() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        for number in 1...5 { try await world.print("line \(number)\n", task: a, told: false) }
        // The log has five entries; three of them are known to be there.
        try await world.skip(1...3, of: a)
        #expect(messages(world, peers[0]) == (1...5).map { "line \($0)" })
        try await world.tell(4...5, of: a)
        try await world.print("line 6\n", task: a)
        #expect(messages(world, peers[0]) == (1...6).map { "line \($0)" })
    }

    @Test("where the logs cannot be read the connection ends, rather than something is left out")
    func unreadable() async throws {
        let (world, peers) = try await world([OpenCodeFollowTests.follow])
        world.readOutputs = OpenCodeFailureTests.BrokenOutputs()
        for _ in 0..<100 {
            try await world.print(OpenCodeFollowTests.lines(1...40).joined(separator: "\n"), task: a)
        }
        try await world.drain(peers[0])
        #expect(world.closed[peers[0]] == 1_013)
    }
}
