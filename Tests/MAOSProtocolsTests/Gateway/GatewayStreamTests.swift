import MAOSCore
import MAOSProtocols
import Testing

/// A connection that follows a stream: plays the transport, and takes the body apart.
private final class Follower {
    let world: GatewayWorld
    let peer: PeerID
    private(set) var text: [UInt8] = []
    private(set) var isFinished = false
    private(set) var reads: Int = 0
    /// While true, nothing that is sent is written.
    var isStuck = false
    private var parser = ServerSentEventParser(limit: 1 << 24)
    private(set) var events: [ServerSentEvent] = []

    init(_ world: GatewayWorld, _ peer: UInt64) {
        self.world = world
        self.peer = PeerID(rawValue: peer)
    }

    func open(_ path: String, headers: [(String, String)] = [], as principal: Principal = GatewayWorld.admin)
        async throws
    {
        let action = await world.perform(.get, path, headers: headers, as: .principal(principal))
        guard case .stream(let stream, let head) = action else {
            Issue.record("\(path) gave no stream: \(action)")
            return
        }
        #expect(head.status == .ok)
        #expect(head.fields[.cacheControl] == "no-store")
        try take(world.hub.open(stream, for: peer, at: world.now))
    }

    func take(_ outputs: [GatewayOutput]) throws {
        for output in outputs {
            switch output {
            case .send(let bytes, peer):
                text += bytes
                parser.receive(bytes[...])
                while let event: ServerSentEvent = try parser.next() { events.append(event) }
                if !isStuck { try take(world.hub.drained(peer, at: world.now)) }
            case .read(let read, peer):
                reads += 1
                let result = read.perform(history: world.journal, output: world.outputs)
                try take(world.hub.complete(peer, with: result, at: world.now))
            case .finish(peer):
                isFinished = true
            default:
                break
            }
        }
    }

    func unstick() throws {
        isStuck = false
        try take(world.hub.drained(peer, at: world.now))
    }

    /// Hears what has happened since the last call.
    func pump() throws { try take(world.pump()) }

    var sequences: [Int] { events.compactMap { Int($0.id) } }
    var data: String {
        get throws {
            try events.filter { $0.event == "message" }.compactMap {
                try JSONReader.parse($0.data, depthLimit: 16)["data"]?.stringValue
            }.joined()
        }
    }
}

/// Server-sent events: history and output that are followed.
@Suite struct GatewayStreamTests {
    @Test("a follower gets the history and then what happens, once each and in order")
    func followEvents() async throws {
        let world = try await GatewayWorld()
        for _ in 0..<3 { _ = try await world.createTask() }
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/events?follow=true&since=1")
        let before: Int = follower.events.count
        #expect(before > 0)
        // Events that were published before it was live come in again, and are known.
        try follower.pump()
        #expect(follower.events.count == before)
        for _ in 0..<3 { _ = try await world.createTask() }
        try follower.pump()
        #expect(follower.sequences == Array(1...Int(world.orchestrator.events.lastSequence)))
        let first: JSONValue = try JSONReader.parse(follower.events[0].data, depthLimit: 16)
        #expect(first["sequence"] == 1)
        #expect(first["type"] == "task_created")
        #expect(follower.events.allSatisfy { $0.event == "message" })
    }

    @Test("a follower that comes back goes on after the last event it has")
    func resume() async throws {
        let world = try await GatewayWorld()
        for _ in 0..<3 { _ = try await world.createTask() }
        let last = Int(world.orchestrator.events.lastSequence)
        let follower = Follower(world, 1)
        try await follower.open(
            "/api/v1/events?since=1", headers: [("Accept", "text/event-stream"), ("Last-Event-ID", "2")])
        #expect(follower.sequences == Array(3...last))
        let ahead = Follower(world, 2)
        try await ahead.open("/api/v1/events?follow=true&since=\(last + 2)")
        for _ in 0..<2 { _ = try await world.createTask() }
        let events: [GatewayOutput] = world.pump()
        try follower.take(events)
        try ahead.take(events)
        #expect(ahead.sequences.first == last + 2)
        #expect(follower.sequences == Array(3...Int(world.orchestrator.events.lastSequence)))
    }

    @Test("a slow follower keeps nothing waiting, and catches up from what is stored")
    func slowFollower() async throws {
        let world = try await GatewayWorld { $0.streamBudget = 1 }
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/events?follow=true")
        follower.isStuck = true
        for _ in 0..<20 {
            _ = try await world.createTask()
            try follower.pump()
        }
        #expect(follower.events.count <= 2)
        try follower.unstick()
        #expect(follower.sequences == Array(1...Int(world.orchestrator.events.lastSequence)))
        _ = try await world.createTask()
        try follower.pump()
        #expect(follower.sequences == Array(1...Int(world.orchestrator.events.lastSequence)))
    }

    @Test("what the bus no longer holds is read from the history, page by page")
    func longHistory() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        for index in 0..<2_600 {
            let priority: Priority = index.isMultiple(of: 2) ? .high : .low
            _ = try await world.orchestrator.submit(
                .changePriority(id, priority, reason: nil), as: GatewayWorld.admin)
            _ = try await world.orchestrator.submit(
                index.isMultiple(of: 2) ? .pauseTask(id) : .resumeTask(id), as: GatewayWorld.admin)
        }
        #expect(world.orchestrator.events.recent(from: 1) == nil)
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/events?follow=true&since=1")
        #expect(follower.reads > 0)
        #expect(follower.sequences == Array(1...Int(world.orchestrator.events.lastSequence)))
        let chosen = Follower(world, 2)
        try await chosen.open("/api/v1/events?follow=true&types=task_created")
        #expect(chosen.sequences == [1])
        _ = try await world.createTask()
        try chosen.take(world.pump())
        #expect(chosen.sequences.count == 2)
    }

    @Test("a follower hears only of what is in its reach")
    func limitedFollower() async throws {
        let world = try await GatewayWorld()
        let blue = #"{"type":"code","description":"d","requirements":[],"priority":"low","context":{"project":"blue"}}"#
        let follower = Follower(world, 1)
        try await follower.open(
            "/api/v1/events?follow=true", as: Principal(subject: "bob", permissions: .viewer, projects: ["blue"]))
        _ = try await world.createTask()
        let mine: TaskID = try await world.createTask(blue)
        _ = try await world.spawnAgent()
        try follower.pump()
        let tasks: [String] = try follower.events.compactMap {
            try JSONReader.parse($0.data, depthLimit: 16)["taskId"]?.stringValue
        }
        #expect(Set(tasks) == [mine.rawValue])
        #expect(follower.sequences.count > tasks.count)
    }

    @Test("silence is broken by a comment, and by nothing else")
    func heartbeat() async throws {
        let world = try await GatewayWorld()
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/events?follow=true&since=1000")
        let before: Int = follower.text.count
        world.clock.advance(.seconds(14))
        try follower.take(world.hub.tick(at: world.now))
        #expect(follower.text.count == before)
        world.clock.advance(.seconds(1))
        try follower.take(world.hub.tick(at: world.now))
        #expect(String(decoding: follower.text[before...], as: UTF8.self).hasPrefix(":"))
        #expect(follower.events.isEmpty)
    }

    @Test("a connection that is gone is sent nothing more")
    func close() async throws {
        let world = try await GatewayWorld()
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/events?follow=true")
        world.hub.close(follower.peer)
        _ = try await world.createTask()
        #expect(world.pump().isEmpty)
        #expect(world.hub.drained(follower.peer, at: world.now).isEmpty)
        let result = Result<StoreReadResult, JournalError>.success(
            .events(EventPage(events: [], nextSequence: 1, oldestSequence: 0)))
        #expect(world.hub.complete(follower.peer, with: result, at: world.now).isEmpty)
    }

    // MARK: Output

    private func chunk(_ text: String, _ task: TaskID?, _ agent: AgentID, _ world: GatewayWorld) -> OutputChunk {
        OutputChunk(task: task, agent: agent, attempt: 1, stream: .stdout, time: world.now, data: Array(text.utf8))
    }

    @Test("output is followed to the end of the task, which ends the stream")
    func followOutput() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        _ = world.outputs.store([chunk("a\n", id, agent, world), chunk("b\n", id, agent, world)])
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/tasks/\(id)/output?follow=true")
        try follower.pump()
        #expect(follower.sequences == [1, 2])
        let more = world.outputs.store([chunk("c\n", id, agent, world)])
        try follower.take(world.hub.receive(more, at: world.now))
        try follower.take(world.hub.receive(more, at: world.now))
        #expect(follower.sequences == [1, 2, 3])
        #expect(!follower.isFinished)
        // The last piece is stored, but its message has not come when the task ends.
        _ = world.outputs.store([chunk("d\n", id, agent, world)])
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        try follower.pump()
        #expect(try follower.data == "a\nb\nc\nd\n")
        #expect(follower.events.last?.event == "end")
        #expect(follower.isFinished)
        #expect(world.hub.receive(more, at: world.now).isEmpty)
    }

    @Test("what a loop is too busy for is read from the log, and what comes then follows it")
    func busyOutput() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        _ = try await world.start(id)
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/tasks/\(id)/output?follow=true")
        try follower.pump()
        for number: UInt64 in 1...9 {
            let entries = world.outputs.store([chunk("\(number)\n", id, agent, world)])
            if number == 5 {
                let gap: OutputGap = try world.outputs.gap(3...5, of: .task(id))
                try follower.take(world.hub.skipped([gap], at: world.now))
            } else if !(3...4).contains(number) {
                try follower.take(world.hub.receive(entries, at: world.now))
            }
        }
        #expect(follower.sequences == Array(1...9))
        #expect(!follower.isFinished)
    }

    @Test("the output of a task that has ended is sent and ends at once")
    func endedOutput() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        _ = world.outputs.store((0..<5).map { chunk("line \($0)\n", id, agent, world) })
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        let follower = Follower(world, 1)
        try await follower.open(
            "/api/v1/tasks/\(id)/output", headers: [("Accept", "text/event-stream"), ("Last-Event-ID", "3")])
        #expect(follower.sequences.prefix(2) == [4, 5])
        #expect(follower.events.last?.event == "end")
        #expect(follower.isFinished)
    }

    @Test("an empty log of an ended task gives just the end")
    func emptyOutput() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        _ = try await world.send(.delete, "/api/v1/tasks/\(id)")
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/tasks/\(id)/output?follow=true")
        #expect(follower.events.map(\.event) == ["end"])
        #expect(follower.isFinished)
    }

    @Test("plain text is all of the output there is, as it was printed")
    func plainText() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let lines: [String] = (0..<3_000).map { "line \($0)\n" }
        _ = world.outputs.store(lines.map { chunk($0, id, agent, world) })
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/tasks/\(id)/output", headers: [("Accept", "text/plain")])
        #expect(String(decoding: follower.text, as: UTF8.self) == lines.joined())
        #expect(follower.isFinished)
        #expect(follower.reads > 1)
    }

    @Test("a slow reader of output is not waited for, and misses nothing")
    func slowReader() async throws {
        let world = try await GatewayWorld { $0.streamBudget = 1 }
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let attempt: AttemptID = try await world.start(id)
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/tasks/\(id)/output?follow=true")
        follower.isStuck = true
        for index in 0..<50 {
            let entries = world.outputs.store([chunk("\(index)\n", id, agent, world)])
            try follower.take(world.hub.receive(entries, at: world.now))
        }
        #expect(follower.sequences.count <= 2)
        try await world.report(.attemptEnded(attempt, .completed(result: nil)))
        try follower.pump()
        #expect(!follower.isFinished)
        try follower.unstick()
        #expect(try follower.data == (0..<50).map { "\($0)\n" }.joined())
        #expect(follower.isFinished)
    }

    @Test("output that is stored while a page is read is not lost")
    func raceWithReading() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let id: TaskID = try await world.createTask()
        let peer = PeerID(rawValue: 1)
        guard case .stream(let stream, _) = await world.perform(.get, "/api/v1/tasks/\(id)/output?follow=true") else {
            throw GatewayWorld.Unanswered()
        }
        let opened: [GatewayOutput] = world.hub.open(stream, for: peer, at: world.now)
        guard case .read(let read, peer)? = opened.last else { throw GatewayWorld.Unanswered() }
        let result = read.perform(history: world.journal, output: world.outputs)
        // Between the read and its arrival, something is stored and told.
        #expect(world.hub.receive(world.outputs.store([chunk("x", id, agent, world)]), at: world.now).isEmpty)
        _ = world.hub.drained(peer, at: world.now)
        let next: [GatewayOutput] = world.hub.complete(peer, with: result, at: world.now)
        guard case .read(let again, peer)? = next.last else { throw GatewayWorld.Unanswered() }
        let outputs: [GatewayOutput] = world.hub.complete(
            peer, with: again.perform(history: world.journal, output: world.outputs), at: world.now)
        guard case .send(let bytes, peer)? = outputs.first else { throw GatewayWorld.Unanswered() }
        #expect(String(decoding: bytes, as: UTF8.self).contains(#""data":"x""#))
    }

    @Test("what retention has removed is marked as a gap")
    func gap() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        _ = world.outputs.store((0..<6).map { chunk("\($0)", nil, agent, world) })
        world.outputs.forget(4, of: .agent(agent))
        let follower = Follower(world, 1)
        try await follower.open("/api/v1/agents/\(agent)/output?follow=true&from=2")
        #expect(follower.events.first?.event == "gap")
        let gap: JSONValue = try JSONReader.parse(try #require(follower.events.first?.data), depthLimit: 4)
        #expect(gap == ["from": 2, "to": 4])
        #expect(try follower.data == "45")
        #expect(!follower.isFinished)
        _ = try await world.send(.delete, "/api/v1/agents/\(agent)?graceful=false")
        try await world.report(.agentStopped(agent))
        try follower.pump()
        #expect(follower.isFinished)
    }

    @Test("a stream whose log cannot be read ends, so that the client comes back")
    func unreadable() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let peer = PeerID(rawValue: 1)
        guard case .stream(let stream, _) = await world.perform(.get, "/api/v1/tasks/\(id)/output?follow=true") else {
            throw GatewayWorld.Unanswered()
        }
        _ = world.hub.open(stream, for: peer, at: world.now)
        let outputs = world.hub.complete(peer, with: .failure(.corrupt("x")), at: world.now)
        #expect(outputs.contains { if case .finish(peer) = $0 { true } else { false } })
        #expect(world.hub.tick(at: world.now).isEmpty)
    }
}
