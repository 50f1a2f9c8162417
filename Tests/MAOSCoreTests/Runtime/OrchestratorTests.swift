import MAOSCore
import MAOSTestSupport
import Testing

@Suite("The orchestrator")
struct OrchestratorTests {
    @Test("commands that wait together share a commit; an idle orchestrator commits each at once")
    func groupCommit() throws {
        let world = try SteppedOrchestrator()
        let before: Int = world.journal.appends
        for index in 0..<100 { world.post([world.create(TaskID(unchecked: "t\(index)"))]) }
        world.run()
        #expect(world.journal.appends == before + 1)
        #expect(world.journal.batches.last?.tasks.count == 100)
        world.send(world.create("one"))
        world.send(world.create("two"))
        #expect(world.journal.appends == before + 3)
    }

    @Test("so many commands at most share a commit, so that the first does not wait for ever")
    func boundedCommit() throws {
        let world = try SteppedOrchestrator()
        let before: Int = world.journal.appends
        world.post((0..<2_500).map { world.create(TaskID(unchecked: "t\($0)")) })
        world.run()
        #expect(world.journal.appends == before + 3)
        #expect(world.orchestrator.view.liveTaskCounts() == [.queued: 2_500])
    }

    @Test("what is stored comes first, then the view, the events, the answers, and the effects last")
    func order() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        _ = world.notes.take()
        let view: CommittedView = world.orchestrator.view
        let journal: FaultyJournal = world.journal
        journal.whenAppended { [notes = world.notes] in
            #expect(view.task("a") == nil, "nobody sees what is not stored")
            notes.add(.stored(events: $0.events.count))
        }
        world.replies.check { _ in
            #expect(view.task("a") != nil, "the view has it before the answer")
        }
        world.send(world.create("a"))
        #expect(world.notes.take() == [.stored(events: 3), .told(events: 3), .answered(1), .asked(effects: 1)])
    }

    @Test("large commands share a commit only as long as it stays small")
    func largeCommands() throws {
        let world = try SteppedOrchestrator()
        let large = JSONText(.string(String(repeating: "x", count: 5 << 20)))
        world.post((0..<8).map { index in world.create(TaskID(unchecked: "t\(index)")) { $0.context = large } })
        world.run()
        #expect(world.journal.batches.suffix(3).map(\.tasks.count) == [3, 3, 2])
        world.post([world.create("huge") { $0.context = JSONText(.string(String(repeating: "x", count: 20 << 20))) }])
        world.run()
        #expect(world.journal.batches.last?.tasks.map(\.id) == ["huge"])
    }

    @Test("a refused command stores nothing, and its neighbours in the batch are carried out")
    func refusalAmongOthers() throws {
        let world = try SteppedOrchestrator()
        world.post([world.create("a"), world.create("a"), .cancelTask("nobody", reason: nil), world.create("b")])
        world.run()
        #expect(world.replies.all.dropFirst().map { $0.rejection != nil } == [false, true, true, false])
        let before: Int = world.journal.appends
        #expect(world.send(.cancelTask("nobody", reason: nil))?.rejection == .notFound(.task, id: "nobody"))
        #expect(world.journal.appends == before)
    }

    @Test("answers come in the order of the commands, each once, to the sink that asked")
    func answers() throws {
        let world = try SteppedOrchestrator()
        world.post((0..<50).map { world.create(TaskID(unchecked: "t\($0)")) })
        world.run()
        let ids: [String?] = world.replies.all.dropFirst().map { try? $0.get().task?.id.rawValue }
        #expect(ids == (0..<50).map { "t\($0)" })
    }

    @Test("a task that is only stored can be named: cancelled, retried, depended on, its identifier not used again")
    func storedTasks() throws {
        let journal = FaultyJournal()
        var world = try SteppedOrchestrator(journal: journal)
        world.spawn("x", slots: 9)
        for id in ["done", "failed"] as [TaskID] { world.send(world.create(id)) }
        world.report(
            .attemptEnded(AttemptID(task: "done", number: 1), .completed(result: .emptyArray)),
            .attemptEnded(AttemptID(task: "failed", number: 1), .failed(TaskFailure(.execution, "x"))))
        world = try SteppedOrchestrator(journal: journal)
        world.report(.agentStarted("x", process: nil))
        _ = world.runtime.take()
        #expect(world.orchestrator.view.task("done") == nil, "it is stored only")
        #expect(world.send(world.create("done"))?.rejection?.conflict == "duplicate_id")
        #expect(world.send(.cancelTask("done", reason: nil))?.rejection?.conflict == "completed")
        #expect(world.send(.retryTask("done"))?.rejection?.conflict == "completed")
        world.send(world.create("next") { $0.dependencies = ["done"] })
        #expect(world.orchestrator.view.task("next")?.status == .assigned)
        #expect(
            world.runtime.take().compactMap(\.launch).first?.inputs == [AttemptInput(task: "done", result: .emptyArray)]
        )
        #expect(try world.send(.retryTask("failed"))?.get().task?.state.attempt == 2)
        world.send(world.create("other") { $0.dependencies = ["failed", "done"] })
        #expect(world.orchestrator.view.task("other")?.status == .pending)
    }

    @Test("an attempt is given the results of the tasks before it, also of one that ended in the same batch")
    func inputs() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x", slots: 3)
        world.post([
            world.create("a"), world.create("b"), world.create("c") { $0.dependencies = ["b", "a"] },
        ])
        world.run()
        world.report(.attemptEnded(AttemptID(task: "a", number: 1), .completed(result: nil)))
        _ = world.runtime.take()
        world.report(.attemptEnded(AttemptID(task: "b", number: 1), .completed(result: .emptyObject)))
        #expect(
            world.runtime.take().compactMap(\.launch).map(\.inputs) == [
                [AttemptInput(task: "b", result: .emptyObject), AttemptInput(task: "a", result: nil)]
            ])
    }

    @Test("commands beyond the limit are refused; reports are taken all the same")
    func fullMailbox() throws {
        let world = try SteppedOrchestrator { $0.limits.waitingCommands = 10 }
        world.spawn("x")
        world.send(world.create("a"))
        let before: Int = world.replies.count
        world.post((0..<15).map { world.create(TaskID(unchecked: "t\($0)")) })
        world.orchestrator.report([.attemptEnded(AttemptID(task: "a", number: 1), .completed(result: nil))])
        world.run()
        let answers: [Rejection?] = world.replies.all.dropFirst(before).map(\.rejection)
        #expect(answers.count { $0 == nil } == 10)
        #expect(answers.count { $0 == .limitReached("waiting commands", limit: 10) } == 5)
        #expect(world.orchestrator.view.task("a")?.status == .completed)
        world.send(world.create("later"))
        #expect(world.orchestrator.view.task("later") != nil)
    }

    // MARK: Timers

    @Test("what is due happens by itself at its time, and with the commands of that moment")
    func timers() throws {
        let world = try SteppedOrchestrator()
        let deadline: Instant = world.time.now() + .seconds(10)
        world.send(world.create("a") { $0.deadline = deadline })
        world.advance(by: 9_999)
        #expect(world.orchestrator.view.task("a")?.status == .queued)
        world.advance(by: 1)
        #expect(world.orchestrator.view.task("a")?.status == .failed)
        #expect(world.time.pendingWakes.isEmpty)
    }

    @Test("however many timers come and go, a wake is asked for once, and they do not multiply")
    func fewWakes() throws {
        let world = try SteppedOrchestrator()
        let start: Instant = world.time.now()
        world.send(world.create("far") { $0.deadline = start + .seconds(86_400) })
        for index in 1...200 {
            let now: Instant = world.time.now()
            world.send(world.create(TaskID(unchecked: "t\(index)")) { $0.deadline = now + .seconds(2) })
            world.advance(by: .seconds(1))
        }
        #expect(world.time.pendingWakes.count <= 2)
        #expect(world.time.requestedWakes <= 250)
        world.advance(by: .seconds(86_400))
        #expect(world.orchestrator.view.liveTaskCounts().values.allSatisfy { $0 == 0 })
    }

    @Test("a wake that comes too early changes nothing and is asked for again")
    func earlyWake() throws {
        let world = try SteppedOrchestrator()
        let deadline: Instant = world.time.now() + .seconds(10)
        world.send(world.create("a") { $0.deadline = deadline })
        // The clock is set back by an hour: the wake then comes before its time.
        world.time.set(Instant(milliseconds: deadline.milliseconds - 3_600_000))
        world.advance(by: .seconds(3_600))
        #expect(world.orchestrator.view.task("a")?.status == .failed)
    }

    // MARK: Signs of life

    @Test("signs of life are shown and keep agents alive, and are not stored")
    func heartbeats() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        let appends: Int = world.journal.appends
        for _ in 0..<10 {
            world.advance(by: .seconds(20))
            world.report(.agentsAlive(["x"]))
        }
        #expect(world.journal.appends == appends)
        #expect(world.orchestrator.view.agent("x")?.state.lastHeartbeat == world.time.now())
        world.advance(by: .seconds(30))
        #expect(world.orchestrator.view.agent("x")?.status == .error)
    }
}
