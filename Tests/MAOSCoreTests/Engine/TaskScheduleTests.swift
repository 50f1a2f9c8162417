import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Tasks with a time of their own")
struct TaskScheduleTests {
    private static let day: Milliseconds = .seconds(86_400)

    private func specification(
        in time: Milliseconds = .seconds(3_600), _ recurrence: TaskRecurrence? = nil, world: EngineWorld,
        _ adjust: (inout TaskSpecification) -> Void = { _ in }
    ) -> TaskSpecification {
        var specification = TaskSpecification(kind: .code, description: "later")
        specification.schedule = TaskSchedule(at: world.now + time, recurrence: recurrence)
        adjust(&specification)
        return specification
    }

    @discardableResult
    private func create(
        _ id: TaskID, _ specification: TaskSpecification, in world: inout EngineWorld
    ) throws -> TaskID {
        try world.send(.createTask(specification, id: id, idempotency: nil))
        return id
    }

    private func start(of id: TaskID, in world: EngineWorld) throws -> Instant {
        try #require(try world.task(id).specification.schedule).time
    }

    @Test("OC-REQ-29: it waits for its time, says so, and starts then")
    func once() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a")
        let id: TaskID = try create("t", specification(world: world), in: &world)
        #expect(world.status(id) == .scheduled)
        let time: Instant = try start(of: id, in: world)
        guard case .waiting(_, let reasons) = try world.send(.explainWaiting(id)) else { return }
        #expect(reasons == [.schedule(until: time)])
        try world.restart()
        try world.startAgents()
        try world.pass(.seconds(3_599))
        #expect(world.status(id) == .scheduled)
        try world.pass(.seconds(1))
        #expect(world.status(id) == .assigned)
        #expect(world.tasks.count == 1)
    }

    @Test("what becomes of a task that waits for its time is told as it is stored, whatever it waited for before")
    func told() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a")
        func last(_ id: TaskID) -> TaskState? { world.events.compactMap(\.task).last { $0.id == id }?.state }
        try world.create("before")
        try create("t", specification(world: world) { $0.dependencies = ["before"] }, in: &world)
        #expect(world.status("t") == .pending)
        try world.end("before")
        #expect(world.status("t") == .scheduled)
        #expect(try last("t") == world.task("t").state)
        try world.send(.pauseTask("t"))
        try world.send(.resumeTask("t"))
        #expect(world.status("t") == .scheduled)
        #expect(try last("t") == world.task("t").state)
        // A daily task whose time comes while it is paused is let go by the clock when it goes on.
        let daily = specification(in: .seconds(10), TaskRecurrence(.daily), world: world)
        try create("d", daily, in: &world)
        try world.send(.pauseTask("d"))
        try world.pass(.seconds(20))
        try world.send(.resumeTask("d"))
        #expect(try last("d") == world.task("d").state)
        try world.pass(1)
        #expect(world.status("d") == .assigned && world.status("d_run_2") == .scheduled)
        // One whose time comes before what it waits for has completed goes on waiting.
        try world.create("slow")
        try create("u", specification(in: .seconds(5), world: world) { $0.dependencies = ["slow"] }, in: &world)
        try world.pass(.seconds(10))
        #expect(world.status("u") == .pending)
        #expect(try last("u") == world.task("u").state)
    }

    @Test("OC-REQ-28: each time is a task of its own, which is there as soon as the one before has begun")
    func runs() throws {
        var world = EngineWorld()
        let recurrence = TaskRecurrence(.daily, maximumRuns: 3)
        try create("t", specification(recurrence, world: world), in: &world)
        let first: Instant = try start(of: "t", in: world)
        #expect(world.tasks.count == 1)
        try world.pass(first - world.now)
        #expect(world.status("t") == .queued)
        #expect(world.status("t_run_2") == .scheduled)
        // A daily task is at its time of day to the second.
        #expect(try start(of: "t_run_2", in: world) == first + TaskScheduleTests.day)
        let second: TaskRecord = try world.task("t_run_2")
        #expect(second.owner == "ann" && second.specification.description == "later")
        try world.restart()
        try world.pass(TaskScheduleTests.day)
        #expect(world.status("t_run_2") == .queued && world.status("t_run_3") == .scheduled)
        try world.pass(TaskScheduleTests.day)
        #expect(world.status("t_run_3") == .queued)
        try world.pass(TaskScheduleTests.day)
        #expect(world.tasks.count == 3)
    }

    @Test("weeks keep the weekday, months the day or their last one, and the end is kept to")
    func intervals() throws {
        func times(_ interval: TaskRecurrence.Interval, _ first: String, until end: String) throws -> [String] {
            var world = EngineWorld()
            func instant(_ text: String) throws -> Instant {
                Instant(milliseconds: try #require(ISO8601.parse(text)))
            }
            let recurrence = TaskRecurrence(interval, end: try instant(end))
            let wanted: TaskSpecification = specification(in: try instant(first) - world.now, recurrence, world: world)
            try create("t", wanted, in: &world)
            for _ in 0..<20 where world.now < (try instant(end)) { try world.pass(.seconds(8 * 86_400)) }
            return world.tasks.values.sorted { $0.number < $1.number }.compactMap {
                $0.specification.schedule.map { ISO8601.string(milliseconds: $0.time.milliseconds) }
            }.map { String($0.prefix(16)) }
        }
        #expect(
            try times(.monthly, "2024-01-31T08:00:00Z", until: "2024-04-30T08:00:00Z")
                == ["2024-01-31T08:00", "2024-02-29T08:00", "2024-03-31T08:00", "2024-04-30T08:00"])
        #expect(
            try times(.weekly, "2023-12-28T23:30:00Z", until: "2024-01-18T00:00:00Z")
                == ["2023-12-28T23:30", "2024-01-04T23:30", "2024-01-11T23:30"])
    }

    @Test("cancelling the one that waits ends the recurrence, and retrying it takes it up again")
    func cancel() throws {
        var world = EngineWorld()
        try create("t", specification(TaskRecurrence(.daily), world: world), in: &world)
        try world.pass(.seconds(3_600))
        try world.send(.cancelTask("t_run_2", reason: nil))
        try world.pass(TaskScheduleTests.day)
        #expect(world.tasks.count == 2)
        #expect(world.status("t") == .queued)
        try world.send(.retryTask("t_run_2"))
        try world.pass(0)
        #expect(world.status("t_run_2") == .queued && world.status("t_run_3") == .scheduled)
        try world.send(.cancelTask("t_run_2", reason: nil))
        try world.send(.retryTask("t_run_2"))
        #expect(world.tasks.count == 3, "what follows is made once")
        try world.send(.cancelTask("t_run_3", reason: nil))
        try world.send(.retryTask("t_run_3"))
        #expect(world.status("t_run_3") == .scheduled, "before its time it waits again")
    }

    @Test("what was missed runs once, late, and the next time is one to come")
    func missed() throws {
        var world = EngineWorld()
        try create("t", specification(TaskRecurrence(.daily), world: world), in: &world)
        let first: Instant = try start(of: "t", in: world)
        world.now = first + .seconds(3 * 86_400 + 60)
        try world.restart()
        try world.pass(0)
        #expect(world.status("t") == .queued)
        #expect(try start(of: "t_run_2", in: world) == first + .seconds(4 * 86_400))
        #expect(world.tasks.count == 2)
    }

    @Test("what it depends on holds it back beyond its time, but not what follows it")
    func dependencies() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 9)
        try create("before", TaskSpecification(kind: .code, description: "before"), in: &world)
        let wanted: TaskSpecification = specification(TaskRecurrence(.daily), world: world) {
            $0.dependencies = ["before"]
        }
        try create("t", wanted, in: &world)
        #expect(world.status("t") == .pending)
        try world.pass(.seconds(3 * 3_600))
        #expect(world.status("t") == .pending)
        try world.start("before")
        try world.end("before")
        try world.pass(0)
        #expect(world.status("t") == .assigned && world.status("t_run_2") == .scheduled)
        #expect(try world.task("t_run_2").specification.dependencies.isEmpty)
    }

    @Test("what it depends on may be done long before its time")
    func earlyDependencies() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 9)
        try create("before", TaskSpecification(kind: .code, description: "before"), in: &world)
        try create("t", specification(world: world) { $0.dependencies = ["before"] }, in: &world)
        try world.start("before")
        try world.end("before")
        #expect(world.status("t") == .scheduled)
        try world.pass(.seconds(3_600))
        #expect(world.status("t") == .assigned)
    }

    @Test("paused at its time it starts when it is resumed", arguments: [nil, TaskRecurrence(.weekly)])
    func pause(recurrence: TaskRecurrence?) throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 9)
        try create("t", specification(recurrence, world: world), in: &world)
        try world.send(.pauseTask("t"))
        try world.send(.resumeTask("t"))
        #expect(world.status("t") == .scheduled)
        try world.send(.pauseTask("t"))
        try world.pass(.seconds(7_200))
        #expect(world.status("t" as TaskID) == .paused && world.tasks.count == 1)
        try world.send(.resumeTask("t"))
        try world.pass(0)
        #expect(world.status("t") == .assigned)
        #expect(world.tasks.count == (recurrence == nil ? 1 : 2))
    }

    @Test("where the next task cannot be made, that is said, and the one whose time has come runs")
    func taken() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 9)
        try create("t_run_2", TaskSpecification(kind: .code, description: "mine"), in: &world)
        try world.start("t_run_2")
        try world.end("t_run_2")
        try create("t", specification(TaskRecurrence(.daily), world: world), in: &world)
        try world.pass(.seconds(3_600))
        #expect(world.status("t") == .assigned && world.tasks.count == 2)
        let told: [SystemEvent] = world.events.compactMap {
            if case .system(let event) = $0.body { event } else { nil }
        }
        #expect(told.map(\.type) == ["schedule_failed"])
        #expect(told[0].data.value()["nextTaskId"] == "t_run_2")
    }

    @Test("OC-ERR-14, OC-ERR-15: what is wrong with a schedule is named")
    func refused() throws {
        var world = EngineWorld()
        let hour: Milliseconds = .seconds(3_600)
        let cases: [(Milliseconds, TaskRecurrence?, String, (inout TaskSpecification) -> Void)] = [
            (0, nil, "schedule.at", { _ in }), (-5, nil, "schedule.at", { _ in }),
            (Milliseconds(1 << 50), nil, "schedule.at", { _ in }),
            (hour, TaskRecurrence(.daily, timeZone: "Mars/Olympus"), "schedule.timeZone", { _ in }),
            (hour, TaskRecurrence(.daily, end: world.now + .seconds(60)), "schedule.endTime", { _ in }),
            (hour, TaskRecurrence(.daily, maximumRuns: 0), "schedule.maxRuns", { _ in }),
            (hour, TaskRecurrence(.daily, maximumRuns: 1_000_001), "schedule.maxRuns", { _ in }),
            (hour, nil, "deadline", { $0.deadline = $0.schedule?.time }),
            (hour, TaskRecurrence(.daily), "deadline", { $0.deadline = .distantFuture }),
        ]
        for (time, recurrence, field, adjust) in cases {
            let wanted: TaskSpecification = specification(in: time, recurrence, world: world, adjust)
            #expect(world.refusal(of: .createTask(wanted, id: nil, idempotency: nil))?.field == field)
        }
        let long = TaskID(unchecked: String(repeating: "x", count: 90))
        let wanted: TaskSpecification = specification(TaskRecurrence(.daily), world: world)
        #expect(world.refusal(of: .createTask(wanted, id: long, idempotency: nil))?.field == "id")
        let template = ScheduleSpecification(
            recurrence: .cron(try CronExpression("0 * * * *")), target: .task(specification(world: world)))
        #expect(world.refusal(of: .schedule(.create(template)))?.field == "task.schedule")
    }
}
