import MAOSCore
import Testing

@Suite("Embedding the orchestrator in a program")
struct EmbeddingTests {
    /// Milliseconds since an arbitrary moment, as good as a clock for a test.
    private static func time() -> FunctionTimeSource {
        let start = ContinuousClock.now
        return FunctionTimeSource {
            let passed: Duration = ContinuousClock.now - start
            return 1_700_000_000 + Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        }
    }

    @Test("ten lines run a task on a function", .timeLimit(.minutes(1)))
    func tenLines() async throws {
        let time: FunctionTimeSource = EmbeddingTests.time()
        let runtime = FunctionAgentRuntime(time: time) { attempt in
            attempt.report(progress: 0.5, step: "Counting")
            return .completed(result: JSONText(.string(attempt.launch.task.specification.description)))
        }
        let orchestrator = try Orchestrator(journal: MemoryJournal(), runtime: runtime, time: time)
        try await orchestrator.start()
        let events: EventSubscription = orchestrator.events.subscribe()
        let task = TaskSpecification(kind: .code, description: "hello")
        let reply: Reply = try await orchestrator.submit(.createTask(task, id: nil, idempotency: nil), as: .system)
        for try await event: Event in events where event.type == "task_completed" { break }
        let id: TaskID = try #require(reply.task).id
        #expect(orchestrator.view.task(id)?.state.result?.description == #""hello""#)
    }

    @Test("a graph of tasks runs in its order, in parallel where it may, and hands results on", .timeLimit(.minutes(1)))
    func graph() async throws {
        let time: FunctionTimeSource = EmbeddingTests.time()
        let runtime = FunctionAgentRuntime(time: time) { attempt in
            let parts: [String] = attempt.launch.inputs.map { $0.result?.description ?? "-" }
            return .completed(result: JSONText(.string(attempt.launch.task.id.rawValue + parts.joined())))
        }
        let orchestrator = try Orchestrator(journal: MemoryJournal(), runtime: runtime, time: time)
        try await orchestrator.start()
        let events: EventSubscription = orchestrator.events.subscribe()
        let graph: [(TaskID, [TaskID])] = [
            ("a", []), ("b", []), ("c", ["a", "b"]), ("d", ["c"]), ("e", ["a"]), ("f", ["d", "e"]),
        ]
        for (id, dependencies) in graph {
            let task = TaskSpecification(kind: .code, description: "x", dependencies: dependencies)
            _ = try await orchestrator.submit(.createTask(task, id: id, idempotency: nil), as: .system)
        }
        var order: [TaskID] = []
        for try await event: Event in events {
            guard case .task(let task) = event.body, task.kind == .completed else { continue }
            order.append(task.id)
            if order.count == graph.count { break }
        }
        for (id, dependencies) in graph {
            let own: Int = try #require(order.firstIndex(of: id))
            for dependency: TaskID in dependencies { #expect(try #require(order.firstIndex(of: dependency)) < own) }
        }
        #expect(orchestrator.view.task("e")?.state.result?.description == #""e\"a\"""#)
    }

    @Test("many callers at once get each its own answer", .timeLimit(.minutes(1)))
    func manyCallers() async throws {
        let time: FunctionTimeSource = EmbeddingTests.time()
        let runtime = FunctionAgentRuntime(time: time) { _ in .completed(result: nil) }
        let orchestrator = try Orchestrator(journal: MemoryJournal(), runtime: runtime, time: time)
        try await orchestrator.start()
        let events: EventSubscription = orchestrator.events.subscribe()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<16 {
                group.addTask {
                    for index in 0..<50 {
                        let id = TaskID(unchecked: "t\(caller)-\(index)")
                        let task = TaskSpecification(kind: .code, description: "x")
                        let reply: Reply = try await orchestrator.submit(
                            .createTask(task, id: id, idempotency: nil), as: .system)
                        #expect(reply.task?.id == id)
                        #expect(orchestrator.view.task(id) != nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        var completed: Int = 0
        for try await event: Event in events where event.type == "task_completed" {
            completed += 1
            if completed == 800 { break }
        }
        #expect(orchestrator.view.liveTaskCounts().values.allSatisfy { $0 == 0 })
    }

    @Test("an attempt that is cancelled stops its function", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        let time: FunctionTimeSource = EmbeddingTests.time()
        let runtime = FunctionAgentRuntime(time: time) { _ in
            while !Task.isCancelled { await Task.yield() }
            return .completed(result: nil)
        }
        let orchestrator = try Orchestrator(journal: MemoryJournal(), runtime: runtime, time: time)
        try await orchestrator.start()
        let events: EventSubscription = orchestrator.events.subscribe()
        let task = TaskSpecification(kind: .code, description: "x")
        _ = try await orchestrator.submit(.createTask(task, id: "a", idempotency: nil), as: .system)
        for try await event: Event in events where event.type == "task_started" { break }
        _ = try await orchestrator.submit(.cancelTask("a", reason: nil), as: .system)
        for try await event: Event in events where event.type == "task_cancelled" { break }
        #expect(orchestrator.view.task("a")?.status == .cancelled)
    }
}
