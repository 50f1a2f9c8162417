import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Following events")
struct EventBusTests {
    private func orchestrator(_ journal: FaultyJournal) throws -> Orchestrator {
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = 0
        return try Orchestrator(
            configuration: configuration, journal: journal, runtime: NotingRuntime(), time: ManualTimeSource())
    }

    /// Makes events, some to a commit.
    private func make(_ count: Int, _ orchestrator: Orchestrator, name: String = "t") async throws {
        for index in 0..<count {
            let create = Command.createTask(
                TaskSpecification(kind: .code, description: "x"), id: TaskID(unchecked: "\(name)\(index)"),
                idempotency: nil)
            _ = try await orchestrator.submit(create, as: .system)
        }
    }

    private func take(_ count: Int, _ subscription: EventSubscription) async throws -> [UInt64] {
        var taken: [UInt64] = []
        for try await event: Event in subscription {
            taken.append(event.sequence)
            if taken.count == count { break }
        }
        return taken
    }

    @Test("a subscription without a number begins with the next event, and waits for it")
    func live() async throws {
        let orchestrator: Orchestrator = try orchestrator(FaultyJournal())
        try await make(3, orchestrator)
        let subscription: EventSubscription = orchestrator.events.subscribe()
        async let taken: [UInt64] = take(4, subscription)
        try await make(4, orchestrator, name: "u")
        #expect(try await taken == [4, 5, 6, 7])
    }

    @Test("a subscription from a number begins there, whatever has happened since", arguments: [0, 1, 5, 10, 11])
    func resumed(from sequence: UInt64) async throws {
        let orchestrator: Orchestrator = try orchestrator(FaultyJournal())
        try await make(10, orchestrator)
        async let taken: [UInt64] = take(12, orchestrator.events.subscribe(from: sequence))
        try await make(15, orchestrator, name: "u")
        let first: UInt64 = max(1, sequence)
        #expect(try await taken == Array(first..<first + 12))
    }

    @Test("a subscription from a number that is still to come waits for it")
    func future() async throws {
        let orchestrator: Orchestrator = try orchestrator(FaultyJournal())
        async let taken: [UInt64] = take(2, orchestrator.events.subscribe(from: 4))
        try await make(5, orchestrator)
        #expect(try await taken == [4, 5])
    }

    @Test("older events than those at hand are read from the history, and go over into the live ones without a gap")
    func history() async throws {
        let journal = FaultyJournal()
        let orchestrator: Orchestrator = try orchestrator(journal)
        let submissions: [Submission] = (0..<6_000).map {
            Submission(
                request: Request(.announce(SystemEvent(type: "config_changed\($0)")), from: .system), target: .none)
        }
        orchestrator.submit(submissions)
        try await make(1, orchestrator)
        #expect(orchestrator.events.recent(from: 1) == nil)
        #expect(orchestrator.events.recent(from: 6_001)?.count == 1)
        async let taken: [UInt64] = take(6_010, orchestrator.events.subscribe(from: 1))
        try await make(9, orchestrator, name: "u")
        #expect(try await taken == Array(1...6_010))
        #expect(journal.pages >= 2)
        #expect(journal.pages <= 7, "only what is not at hand is read")
    }

    @Test("of large events few are at hand, the newest always")
    func largeEvents() throws {
        let world = try SteppedOrchestrator()
        let data = JSONText(.object(["text": .string(String(repeating: "x", count: 4 << 20))]))
        for _ in 0..<20 { world.send(.announce(SystemEvent(type: "config_changed", data: data)), as: .system) }
        let bus: EventBus = world.orchestrator.events
        #expect(bus.recent(from: 1) == nil)
        #expect(bus.recent(from: bus.lastSequence)?.count == 1)
        #expect(bus.recent(from: bus.lastSequence - 3)?.count == 4)
        #expect(bus.recent(from: bus.lastSequence - 9) == nil)
    }

    @Test("after a restart all events come from the history, until there are new ones")
    func afterRestart() async throws {
        let journal = FaultyJournal()
        try await make(5, try orchestrator(journal))
        let second: Orchestrator = try orchestrator(journal)
        #expect(second.events.lastSequence == 5)
        async let taken: [UInt64] = take(7, second.events.subscribe(from: 1))
        try await make(2, second, name: "u")
        #expect(try await taken == Array(1...7))
    }

    @Test("events that are no longer kept are an error, not a gap and not an endless wait")
    func retention() async throws {
        let journal = FaultyJournal(eventLimit: 3)
        try await make(10, try orchestrator(journal))
        let second: Orchestrator = try orchestrator(journal)
        await #expect(throws: JournalError.unavailable("The events from 5 on are no longer kept")) {
            try await take(1, second.events.subscribe(from: 5))
        }
        #expect(try await take(3, second.events.subscribe(from: 8)) == [8, 9, 10])
    }

    @Test("a subscriber whose task is cancelled stops waiting", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let orchestrator: Orchestrator = try orchestrator(FaultyJournal())
        let task = Task { try await take(1, orchestrator.events.subscribe()) }
        task.cancel()
        #expect(try await task.value == [])
        let other = Task {
            var iterator: EventSubscription.Iterator = orchestrator.events.subscribe().makeAsyncIterator()
            _ = try await iterator.next()
            return try await iterator.next() == nil
        }
        while orchestrator.events.lastSequence == 0 { try await make(1, orchestrator) }
        other.cancel()
        _ = try await other.value
    }

    @Test("every subscriber gets every event once, in order, at its own pace")
    func manySubscribers() async throws {
        let orchestrator: Orchestrator = try orchestrator(FaultyJournal())
        let results: [[UInt64]] = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for pace in 0..<8 {
                let subscription: EventSubscription = orchestrator.events.subscribe()
                group.addTask {
                    var taken: [UInt64] = []
                    for try await event: Event in subscription {
                        taken.append(event.sequence)
                        if taken.count == 200 { break }
                        if taken.count % 10 == pace { await Task.yield() }
                    }
                    return taken
                }
            }
            try await make(200, orchestrator)
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 8)
        #expect(results.allSatisfy { $0 == Array(1...200) })
    }

    @Test("a sink hears of all that comes after it was attached, and of nothing after it was detached")
    func sinks() throws {
        let world = try SteppedOrchestrator()
        world.send(world.create("a"))
        let notes = SteppedOrchestrator.Notes()
        let sink = NotingEvents(notes)
        #expect(world.orchestrator.events.attach(sink) == 1)
        world.send(world.create("b"))
        world.orchestrator.events.detach(sink)
        world.send(world.create("c"))
        #expect(notes.take() == [.told(events: 1)])
    }
}
