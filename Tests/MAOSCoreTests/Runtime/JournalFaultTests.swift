import MAOSCore
import MAOSTestSupport
import Testing

@Suite("When nothing can be stored")
struct JournalFaultTests {
    private static let unavailable = Rejection.unavailable("Storage is not available at the moment")

    @Test("a write is refused, nobody sees anything of it, and reads go on")
    func refusal() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        world.send(world.create("a"))
        _ = world.runtime.take()
        _ = world.notes.take()
        let last: UInt64 = world.orchestrator.events.lastSequence
        world.journal.breakDown()
        #expect(world.send(world.create("b"))?.rejection == JournalFaultTests.unavailable)
        #expect(world.orchestrator.currentCondition == .degraded("Storage is not available at the moment"))
        #expect(world.orchestrator.view.task("b") == nil)
        #expect(world.orchestrator.view.task("a")?.status == .assigned)
        #expect(world.orchestrator.events.lastSequence == last)
        #expect(world.runtime.take().isEmpty)
        #expect(world.notes.take() == [.answered(1)])
    }

    @Test("while it lasts the journal is left alone but for a try now and then, less and less often")
    func backoff() throws {
        let world = try SteppedOrchestrator()
        world.journal.breakDown()
        world.send(world.create("a"))
        let appends: Int = world.journal.appends
        for index in 0..<10 {
            #expect(
                world.send(world.create(TaskID(unchecked: "t\(index)")))?.rejection == JournalFaultTests.unavailable)
        }
        #expect(world.journal.appends == appends)
        for (wait, tries) in [(249, 0), (1, 1), (500, 2), (1_000, 3), (2_000, 4), (2_000, 5), (2_000, 6)]
            as [(Int64, Int)]
        {
            world.advance(by: Milliseconds(wait))
            #expect(world.journal.appends == appends + tries)
        }
    }

    @Test("when it works again writes are taken, and the recovery is told without a gap in the sequence")
    func recovery() throws {
        let world = try SteppedOrchestrator()
        world.send(world.create("a"))
        world.journal.breakDown()
        world.send(world.create("b"))
        world.journal.mend()
        world.advance(by: .seconds(1))
        #expect(world.orchestrator.currentCondition == .ready)
        #expect(world.send(world.create("b"))?.rejection == nil, "the refused task does not exist")
        let events: [Event] = world.journal.batches.flatMap(\.events)
        #expect(events.map(\.sequence) == Array(1...UInt64(events.count)))
        #expect(events.map(\.type) == ["task_created", "resource_alert", "task_created"])
        world.journal.breakDown()
        world.send(world.create("c"))
        let appends: Int = world.journal.appends
        world.advance(by: 250)
        #expect(world.journal.appends == appends + 1, "the wait begins anew")
    }

    @Test("reports are kept and carried out later, in order; only the newest progress of an attempt is")
    func reports() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x", slots: 2)
        world.post([world.create("a"), world.create("b"), world.create("c")])
        world.run()
        _ = world.runtime.take()
        let (a, b): (AttemptID, AttemptID) = (AttemptID(task: "a", number: 1), AttemptID(task: "b", number: 1))
        world.journal.breakDown()
        world.report(.attemptStarted(a, process: nil))
        world.report(.attemptStarted(b, process: nil))
        for index in 0..<1_000 {
            world.report(
                .attemptProgressed(b, progress: Double(index) / 1_000, step: index == 0 ? "Building" : nil),
                .agentsAlive(["x"]))
        }
        world.report(.attemptEnded(a, .completed(result: .emptyArray)))
        #expect(world.orchestrator.view.task("a")?.status == .assigned)
        world.journal.mend()
        world.advance(by: .seconds(3))
        #expect(world.orchestrator.view.task("a")?.status == .completed)
        let state: TaskState? = world.orchestrator.view.task("b")?.state
        #expect(state?.status == .running)
        #expect(state?.progress == 0.999)
        #expect(state?.step == "Building")
        #expect(world.orchestrator.view.task("c")?.status == .assigned)
        #expect(world.runtime.take().compactMap(\.launch).map(\.task.id) == ["c"])
        #expect(world.journal.batches.flatMap(\.events).count { $0.type == "task_progress" } == 1)
    }

    @Test("timers that became due meanwhile are seen to afterwards")
    func timers() throws {
        let world = try SteppedOrchestrator()
        let deadline: Instant = world.time.now() + .seconds(5)
        world.send(world.create("a") { $0.deadline = deadline })
        world.journal.breakDown()
        world.send(world.create("b"))
        world.advance(by: .seconds(60))
        #expect(world.orchestrator.view.task("a")?.status == .queued)
        world.journal.mend()
        world.advance(by: .seconds(2))
        #expect(world.orchestrator.view.task("a")?.status == .failed)
    }

    @Test("time does not run back when the clock was set back meanwhile")
    func clock() throws {
        let world = try SteppedOrchestrator()
        world.advance(by: .seconds(60))
        world.send(world.create("a"))
        world.journal.breakDown()
        world.send(world.create("b"))
        world.journal.mend()
        world.time.advance(by: 250)
        world.time.set(world.time.now() + Milliseconds(-30_000))
        world.run()
        world.send(world.create("c"))
        let times: [Instant] = world.journal.batches.flatMap(\.events).map(\.time)
        #expect(times.count == 3)
        #expect(times == times.sorted())
    }

    @Test("a crash that could not be stored does not make a paused agent one that was never started")
    func pausedAgent() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        world.send(.pauseAgent("x"))
        _ = world.runtime.take()
        world.journal.breakDown()
        // Its silence is noticed, and cannot be stored.
        world.advance(by: .seconds(31))
        world.journal.mend()
        world.advance(by: .seconds(2))
        world.report(.agentsAlive(["x"]))
        world.send(.resumeAgent("x"))
        #expect(world.runtime.take().compactMap(\.startedAgent) == [])
        #expect(world.orchestrator.view.agent("x")?.status == .idle)
    }

    @Test("a server that is draining goes on draining")
    func draining() throws {
        let world = try SteppedOrchestrator()
        world.spawn("x")
        world.send(.drain, as: .system)
        world.journal.breakDown()
        world.send(world.create("a"))
        world.journal.mend()
        world.advance(by: .seconds(1))
        world.send(world.create("b"))
        #expect(world.orchestrator.view.task("b")?.status == .queued)
        #expect(world.runtime.take().compactMap(\.launch).isEmpty)
    }

    @Test("a start that cannot be stored is refused")
    func start() async throws {
        let journal = FaultyJournal()
        let orchestrator = try Orchestrator(journal: journal, runtime: NotingRuntime(), time: ManualTimeSource())
        // Something to recover, so that there is something to store.
        _ = try await orchestrator.submit(.spawnAgent(AgentSpecification(type: .coder), id: "x"), as: .system)
        journal.breakDown()
        await #expect(throws: JournalFaultTests.unavailable) { try await orchestrator.start() }
    }

    @Test(
        "whichever append fails, in the end every task has completed, each attempt was asked for once, and no event is missing"
    )
    func everyAppend() throws {
        for failing in 1...24 {
            let journal = FaultyJournal()
            let world = try SteppedOrchestrator(journal: journal)
            journal.failAppends([failing, failing + 2, failing + 3])
            try completeThreeTasks(world, failing)
            let events: [Event] = journal.batches.flatMap(\.events)
            #expect(events.map(\.sequence) == Array(1...UInt64(events.count)), "append \(failing)")
            for id in ["a", "b", "c"] as [TaskID] {
                #expect(world.orchestrator.view.task(id)?.status == .completed, "append \(failing), task \(id)")
            }
        }
    }

    /// A client that tries again what is refused, and a runtime that does what it is asked to.
    private func completeThreeTasks(_ world: SteppedOrchestrator, _ failing: Int) throws {
        var wishes: [Command] = [
            .spawnAgent(AgentSpecification(type: .coder), id: "x"), world.create("a"), world.create("b"),
            world.create("c") { $0.dependencies = ["a", "b"] },
        ]
        var asked: Set<AttemptID> = []
        for _ in 0..<100 {
            if let wish: Command = wishes.first {
                let rejection: Rejection? = world.send(wish)?.rejection
                #expect(rejection == nil || rejection == JournalFaultTests.unavailable, "append \(failing)")
                if rejection == nil { wishes.removeFirst() }
            }
            for effect: Effect in world.runtime.take() {
                if let agent: AgentID = effect.startedAgent { world.report(.agentStarted(agent, process: nil)) }
                guard let launch: AttemptLaunch = effect.launch else { continue }
                #expect(asked.insert(launch.id).inserted, "append \(failing): \(launch.id) is asked for twice")
                world.report(.attemptStarted(launch.id, process: nil))
                world.report(.attemptEnded(launch.id, .completed(result: nil)))
            }
            world.advance(by: 300)
            world.report(.agentsAlive(["x"]))
        }
        #expect(wishes.isEmpty, "append \(failing)")
    }
}
