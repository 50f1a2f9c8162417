import MAOSCore
import MAOSTestSupport
import Testing

@Suite("The engine under random commands")
struct EngineSimulationTests {
    @Test("every rule holds after every command, and in the end every task has ended", arguments: Seeds.all)
    func rules(seed: UInt64) throws {
        var simulation = try EngineSimulation(seed: seed)
        try simulation.run(steps: 2_000)
        try simulation.finish()
        #expect(simulation.engine.liveTasks.map(\.id) == [], "seed \(seed)")
        let ends: Int = simulation.events.count {
            ["task_completed", "task_failed", "task_cancelled"].contains($0.type)
        }
        #expect(ends > 20, "seed \(seed): the simulation does something")
        try everyAttemptStartsAtMostOnce(simulation.events, seed)
        try everyTaskEndsOncePerLife(simulation.events, seed)
    }

    private func everyAttemptStartsAtMostOnce(_ events: [Event], _ seed: UInt64) throws {
        var started: Set<AttemptID> = []
        for event: Event in events {
            guard case .task(let task) = event.body, task.kind == .started else { continue }
            let attempt = AttemptID(task: task.id, number: task.state.attempt)
            // A loaded engine does not know whether a suspended attempt has been told of.
            if !task.state.isSuspended {
                #expect(started.insert(attempt).inserted, "seed \(seed): \(attempt) started twice")
            }
        }
    }

    private func everyTaskEndsOncePerLife(_ events: [Event], _ seed: UInt64) throws {
        var live: Set<TaskID> = []
        for event: Event in events {
            guard case .task(let task) = event.body else { continue }
            switch task.kind {
            case .created, .restarted:
                #expect(live.insert(task.id).inserted, "seed \(seed): \(task.id) begins twice")
            case .completed, .failed, .cancelled:
                #expect(live.remove(task.id) != nil, "seed \(seed): \(task.id) ends twice")
            case .discarded:
                #expect(!live.contains(task.id), "seed \(seed): \(task.id) is discarded while it is live")
            default:
                #expect(live.contains(task.id), "seed \(seed): \(task.id) does something while it is not live")
            }
        }
    }

    @Test("the same seed gives the same events", arguments: Seeds.all.prefix(2))
    func determinism(seed: UInt64) throws {
        var first = try EngineSimulation(seed: seed)
        try first.run(steps: 500)
        var second = try EngineSimulation(seed: seed)
        try second.run(steps: 500)
        #expect(first.events == second.events)
        #expect(first.engine.liveTasks == second.engine.liveTasks)
        #expect(first.engine.liveAgents == second.engine.liveAgents)
    }

    @Test("another process, whose tables have another order, gives the same events")
    func determinismAcrossProcesses() async throws {
        let result = try await #require(
            processExitsWith: .success, observing: [\.standardOutputContent]
        ) {
            print("digest \(try digest())")
        }
        let expected: [UInt8] = Array("digest \(try digest())".utf8)
        let output: [UInt8] = result.standardOutputContent
        #expect(output.count >= expected.count)
        #expect(output.indices.contains { output[$0...].starts(with: expected) })
    }
}

/// A digest of all that happens with the first seed.
private func digest() throws -> String {
    var simulation = try EngineSimulation(seed: 1)
    try simulation.run(steps: 400)
    let text: String = simulation.events.map { "\($0)" }.joined(separator: "\n")
    return "\(SHA1.digest(Array(text.utf8)))"
}
