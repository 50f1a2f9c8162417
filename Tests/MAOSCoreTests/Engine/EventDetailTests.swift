import MAOSCore
import MAOSTestSupport
import Testing

@Suite("What events say beside the state")
struct EventDetailTests {
    private func agentEvents(_ world: EngineWorld, _ id: AgentID) -> [AgentEvent] {
        world.events.compactMap { (event: Event) in
            guard case .agent(let agent) = event.body, agent.id == id else { return nil }
            return agent
        }
    }

    private func cancellation(_ world: EngineWorld, of id: TaskID) throws -> TaskEvent {
        try #require(
            world.events.lazy.compactMap { (event: Event) -> TaskEvent? in
                guard case .task(let task) = event.body, task.id == id, task.kind == .cancelled else { return nil }
                return task
            }.first)
    }

    @Test("an agent's events tell where it stood before, without a gap")
    func previous() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id: TaskID in ["a", "b"] {
            try world.create(id)
            try world.start(id)
        }
        try world.end("a")
        try world.fail("b")
        try world.send(.pauseAgent("x"))
        try world.send(.resumeAgent("x"))
        try world.report(.agentCrashed("x", reason: "gone"))
        try world.pass(.seconds(10))
        try world.startAgents()
        try world.send(.terminateAgent("x", graceful: true))
        try world.report(.agentStopped("x"))
        let events: [AgentEvent] = agentEvents(world, "x")
        #expect(events.first?.kind == .spawned)
        #expect(events.first?.previousStatus == nil)
        #expect(events.last?.kind == .terminated)
        for (before, after) in zip(events, events.dropFirst()) {
            #expect(after.previousStatus == before.state.status, "\(before.kind) \(after.kind)")
        }
        #expect(events.map(\.endedAttempts).reduce(0, +) == 2)
        #expect(events.last?.ending == .requested)
        #expect(events.dropLast().allSatisfy { $0.ending == nil && $0.reassignedTasks == 0 })
    }

    @Test("an agent that was ended by force counts the tasks that others get")
    func reassigned() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.create("a")
        try world.create("b") { $0.retryPolicy.onInterruption = .fail }
        for id: TaskID in ["a", "b"] { try world.start(id) }
        try world.send(.terminateAgent("x", graceful: false))
        for id: TaskID in ["a", "b"] { try world.end(id, .stopped) }
        try world.report(.agentStopped("x"))
        #expect(agentEvents(world, "x").last?.reassignedTasks == 1)
    }

    @Test("an agent made on demand says why it went")
    func endings() throws {
        var world = EngineWorld()
        world.reconfigure {
            $0.onDemand.maximum = 1
            $0.onDemand.idleTime = .seconds(60)
        }
        try world.restart()
        try world.create("a")
        try world.startAgents()
        let agent: AgentID = try #require(world.livingAgents.first?.id)
        try world.start("a")
        try world.end("a")
        try world.pass(.seconds(61))
        try world.report(.agentStopped(agent))
        #expect(agentEvents(world, agent).last?.ending == .idle)
        try world.create("b")
        let second: AgentID = try #require(world.livingAgents.first?.id)
        try world.restart()
        #expect(agentEvents(world, second).last?.kind == .terminated)
        #expect(agentEvents(world, second).last?.ending == .restarted)
    }

    @Test("what events say beside the state is stored with them")
    func stored() throws {
        var samples = RecordSamples(seed: 21)
        var events: [Event] = (1..<200).map { samples.event($0) }
        for place: Int in events.indices {
            switch events[place].body {
            case .agent(var agent):
                agent.previousStatus = place % 3 == 0 ? nil : .idle
                agent.endedAttempts = place % 4
                agent.reassignedTasks = place % 5
                agent.ending = place % 2 == 0 ? nil : .scaled
                events[place].body = .agent(agent)
            case .task(var task):
                task.subject = place % 2 == 0 ? nil : "bob"
                events[place].body = .task(task)
            case .system, .workflow: break
            }
        }
        for event: Event in events {
            var writer = ByteWriter()
            RecordCoding.write(event, to: &writer)
            let bytes: [UInt8] = writer.bytes
            #expect(try RecordCoding.event(bytes[...]) == event)
            #expect(throws: RecordCodingError.self) { _ = try RecordCoding.event(bytes.dropLast()) }
        }
    }

    @Test(
        "a cancellation says who wanted it and why, also when the attempt ends later, and not for what ended otherwise")
    func cancelled() throws {
        var world = EngineWorld()
        let bob = Principal(subject: "bob", permissions: .all)
        try world.spawn(.coder, "x", slots: 2)
        for id: TaskID in ["a", "b"] {
            try world.create(id)
            try world.start(id)
        }
        try world.create("c")
        try world.create("d", dependencies: ["c"])
        try world.send(.cancelTask("c", reason: "late"), as: bob)
        try world.send(.cancelTask("a", reason: "enough"), as: bob)
        try world.send(.cancelTask("b", reason: nil), as: bob)
        try world.end("a", .stopped)
        try world.end("b")
        let a: TaskEvent = try cancellation(world, of: "a")
        #expect((a.subject, a.reason) == ("bob", "enough"))
        let c: TaskEvent = try cancellation(world, of: "c")
        #expect((c.subject, c.reason) == ("bob", "late"))
        let d: TaskEvent = try cancellation(world, of: "d")
        #expect((d.subject, d.reason) == (nil, nil))
        #expect(world.status("b" as TaskID) == .completed)
        let others: [TaskEvent] = world.events.compactMap { (event: Event) in
            guard case .task(let task) = event.body, task.kind != .cancelled else { return nil }
            return task
        }
        #expect(others.allSatisfy { $0.subject == nil })
        try world.send(.retryTask("a"))
        try world.send(.cancelTask("a", reason: nil))
        try world.end("a", .stopped)
        let again: [String?] = world.events.compactMap { (event: Event) -> String?? in
            guard case .task(let task) = event.body, task.id == "a", task.kind == .cancelled else { return nil }
            return task.reason
        }
        #expect(again == ["enough", nil])
    }
}
