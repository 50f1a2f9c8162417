import MAOSCore
import MAOSTestSupport
import Testing

@Suite("What queries read")
struct CommittedViewTests {
    @Test("live tasks and agents are counted by status, and ended ones are at hand for a while")
    func counts() throws {
        let world = try SteppedOrchestrator()
        let view: CommittedView = world.orchestrator.view
        world.spawn("x")
        world.post([world.create("a"), world.create("b"), world.create("c") { $0.dependencies = ["b"] }])
        world.run()
        #expect(view.liveTaskCounts().filter { $0.value > 0 } == [.assigned: 1, .queued: 1, .pending: 1])
        #expect(view.agentCounts() == [.busy: 1])
        #expect(view.agentCounts(type: .tester) == [:])
        world.report(.attemptEnded(AttemptID(task: "a", number: 1), .completed(result: nil)))
        #expect(view.liveTaskCounts().filter { $0.value > 0 } == [.assigned: 1, .pending: 1])
        #expect(view.task("a")?.status == .completed)
        #expect(!view.isLive("a"))
        #expect(view.isLive("b"))
        world.send(.cancelTask("c", reason: nil))
        world.send(.retryTask("c"))
        #expect(view.isLive("c"))
        #expect(view.liveTaskCounts().filter { $0.value > 0 } == [.assigned: 1, .pending: 1])
    }

    @Test("ended tasks do not gather")
    func recent() throws {
        let world = try SteppedOrchestrator()
        for start in stride(from: 0, to: 20_000, by: 1_000) {
            let ids: [TaskID] = (start..<start + 1_000).map { TaskID(unchecked: "t\($0)") }
            world.post(ids.map { world.create($0) } + ids.map { .cancelTask($0, reason: nil) })
            world.run()
        }
        let kept: Int = (0..<20_000).count { world.orchestrator.view.task(TaskID(unchecked: "t\($0)")) != nil }
        #expect(kept <= 16 * 512)
        #expect(kept > 4_000)
        #expect(world.orchestrator.view.liveTaskCounts().values.allSatisfy { $0 == 0 })
    }

    @Test("large ended tasks gather even less, and what was asked for last is at hand")
    func recentBytes() throws {
        let world = try SteppedOrchestrator()
        let large = JSONText(.string(String(repeating: "x", count: 1 << 20)))
        for index in 0..<200 {
            let id = TaskID(unchecked: "t\(index)")
            world.post([world.create(id) { $0.context = large }, .cancelTask(id, reason: nil)])
            world.run()
            #expect(world.orchestrator.view.task(id) != nil)
        }
        let kept: Int = (0..<200).count { world.orchestrator.view.task(TaskID(unchecked: "t\($0)")) != nil }
        #expect((1...32).contains(kept), "\(kept) MB")
    }

    @Test("agents are listed in order of creation, by type and status, page by page")
    func agents() throws {
        let world = try SteppedOrchestrator()
        for index in 0..<10 {
            let type: AgentType = index % 2 == 0 ? .coder : .tester
            world.send(.spawnAgent(AgentSpecification(type: type), id: AgentID(unchecked: "x\(index)")))
        }
        world.report(.agentStarted("x3", process: nil))
        let view: CommittedView = world.orchestrator.view
        func ids(_ adjust: (inout AgentQuery) -> Void) -> [String] {
            var query = AgentQuery()
            adjust(&query)
            return view.agents(query).map(\.id.rawValue)
        }
        #expect(ids { _ in }.count == 10)
        #expect(ids { $0.type = .tester } == ["x1", "x3", "x5", "x7", "x9"])
        #expect(ids { $0.statuses = [.ready] } == ["x3"])
        #expect(ids { $0.offset = 8 } == ["x8", "x9"])
        #expect(ids { ($0.type, $0.offset, $0.limit) = (.coder, 1, 2) } == ["x2", "x4"])
        world.send(.terminateAgent("x0", graceful: true))
        world.report(.agentStopped("x0"))
        #expect(ids { $0.limit = 1 } == ["x1"])
        #expect(view.agent("x0") == nil)
    }

    @Test("what a kind of task usually takes is a sliding mean of what it took")
    func durations() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        let view: CommittedView = world.orchestrator.view
        #expect(view.typicalDuration(of: .code) == nil)
        for (index, duration) in [1_600, 3_200].enumerated() as EnumeratedSequence<[Int64]> {
            let id = TaskID(unchecked: "t\(index)")
            world.send(world.create(id))
            world.advance(by: Milliseconds(duration))
            world.report(.attemptEnded(AttemptID(task: id, number: 1), .completed(result: nil)))
        }
        #expect(view.typicalDuration(of: .code) == 1_700)
        #expect(view.typicalDuration(of: .review) == nil)
    }

    @Test("after a restart the view shows what is live")
    func restart() throws {
        let journal = FaultyJournal()
        let first = try SteppedOrchestrator(journal: journal)
        first.spawn("x")
        first.post([first.create("a"), first.create("b")])
        first.run()
        let second = try SteppedOrchestrator(journal: journal)
        #expect(second.orchestrator.view.task("b") == first.orchestrator.view.task("b"))
        #expect(second.orchestrator.view.task("a")?.status == .queued)
        #expect(second.orchestrator.view.liveTaskCounts().filter { $0.value > 0 } == [.queued: 2])
        #expect(second.orchestrator.view.agent("x")?.status == .initializing)
    }
}
