import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Schedules")
struct ScheduleTests {
    private static let minute: Milliseconds = .seconds(60)
    private static let hour: Milliseconds = .seconds(3_600)

    private func specification(
        _ cron: String = "0 * * * *", _ adjust: (inout ScheduleSpecification) -> Void = { _ in }
    ) throws -> ScheduleSpecification {
        var specification = ScheduleSpecification(
            name: "hourly", recurrence: .cron(try CronExpression(cron)),
            target: .task(TaskSpecification(kind: .code, description: "run")))
        adjust(&specification)
        return specification
    }

    private func create(
        _ specification: ScheduleSpecification, in world: inout EngineWorld, as principal: Principal? = nil
    ) throws -> ScheduleID {
        let reply: Reply = try world.send(.schedule(.create(specification)), as: principal)
        guard case .schedule(let record) = reply else { throw Unexpected() }
        return record.id
    }

    private struct Unexpected: Error {}

    private func record(_ id: ScheduleID, in world: EngineWorld) throws -> ScheduleRecord {
        try ScheduleRecord(try #require(world.entities[.schedule]?[id.rawValue]))
    }

    private func tasks(in world: EngineWorld) -> [TaskRecord] { world.tasks.values.sorted { $0.number < $1.number } }

    private func types(in world: EngineWorld) -> [String] {
        world.events.compactMap { if case .system(let event) = $0.body { event.type } else { nil } }
    }

    @Test("each run makes a task in its owner's name that knows its time")
    func runs() throws {
        var world = EngineWorld()
        let ann = Principal(subject: "ann", permissions: .all, projects: ["red"], team: "one")
        let id: ScheduleID = try create(try specification(), in: &world, as: ann)
        let first: Instant = try #require(try record(id, in: world).nextRun)
        #expect(first > world.now && first - world.now <= ScheduleTests.hour)
        try world.pass(first - world.now)
        try world.pass(ScheduleTests.hour)
        let made: [TaskRecord] = tasks(in: world)
        #expect(made.count == 2)
        #expect(made.allSatisfy { $0.owner == "ann" && $0.team == "one" && $0.specification.project == "red" })
        let metadata: JSONValue = made[0].specification.metadata.value()
        #expect(metadata["scheduleId"]?.stringValue == id.rawValue)
        #expect(metadata["scheduledFor"]?.stringValue == ISO8601.string(milliseconds: first.milliseconds))
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.runs == 2 && after.newest == .task(made[1].id) && after.nextRun == first + .seconds(7_200))
        #expect(types(in: world) == ["schedule_created", "schedule_fired", "schedule_fired"])
    }

    @Test("it has completed after its last run")
    func completes() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification { $0.maximumRuns = 2 }, in: &world)
        try world.pass(.seconds(5 * 3_600))
        #expect(tasks(in: world).count == 2)
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.status == .completed && after.endedAt != nil && after.nextRun == nil)
        #expect(world.refusal(of: .schedule(.run(id)))?.conflict == "completed")
        let at: Instant = world.now + .seconds(10)
        let once: ScheduleID = try create(try specification { $0.recurrence = .instant(at) }, in: &world)
        try world.pass(.seconds(11))
        #expect(try record(once, in: world).status == .completed)
        #expect(tasks(in: world).count == 3)
    }

    @Test("a run that is asked for counts; with the last one it has completed, and waits for no time any more")
    func completesByHand() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification { $0.maximumRuns = 2 }, in: &world)
        try world.send(.schedule(.run(id)))
        #expect(try record(id, in: world).nextRun != nil)
        try world.send(.schedule(.run(id)))
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.status == .completed && after.nextRun == nil && after.runs == 2)
        #expect(types(in: world).last == "schedule_completed")
        let queued: ScheduleID = try create(
            try specification {
                $0.maximumRuns = 2
                $0.overlap = .queue
            }, in: &world)
        try world.send(.schedule(.run(queued)))
        try world.send(.schedule(.run(queued)))
        let waiting: ScheduleRecord = try record(queued, in: world)
        #expect(waiting.status == .active && waiting.nextRun == nil && waiting.waiting.count == 1)
        try world.pass(.seconds(5 * 3_600))
        #expect(try record(queued, in: world).runs == 1, "it waits for the first run, not for a time")
    }

    @Test("nothing runs before the start or after the end")
    func bounds() throws {
        var world = EngineWorld()
        let start: Instant = world.now + .seconds(10 * 3_600)
        let id: ScheduleID = try create(
            try specification {
                $0.start = start
                $0.end = start + .seconds(2 * 3_600)
            }, in: &world)
        try world.pass(.seconds(24 * 3_600))
        #expect(tasks(in: world).count == 2)
        #expect(tasks(in: world).allSatisfy { $0.createdAt >= start })
        #expect(try record(id, in: world).status == .completed)
    }

    @Test("a paused one rests, and goes on with the next time")
    func pause() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification { $0.catchUp = .all }, in: &world)
        try world.send(.schedule(.pause(id)))
        try world.send(.schedule(.pause(id)))
        try world.pass(.seconds(5 * 3_600))
        #expect(tasks(in: world).isEmpty)
        try world.send(.schedule(.resume(id)))
        #expect(world.refusal(of: .schedule(.resume(id)))?.conflict == "not_paused")
        try world.pass(ScheduleTests.hour)
        #expect(tasks(in: world).count == 1, "a pause is no downtime")
    }

    @Test("a paused one that is replaced stays paused, and one that is past its end completes when it is resumed")
    func pausedChanges() throws {
        var world = EngineWorld()
        let end: Instant = world.now + .seconds(2 * 3_600)
        let id: ScheduleID = try create(try specification(), in: &world)
        try world.send(.schedule(.pause(id)))
        try world.send(.schedule(.replace(id, try specification { $0.end = end })))
        let replaced: ScheduleRecord = try record(id, in: world)
        #expect(replaced.status == .paused && replaced.nextRun == nil && replaced.nextDue == nil)
        try world.pass(.seconds(3 * 3_600))
        try world.send(.schedule(.resume(id)))
        #expect(try record(id, in: world).status == .completed)
        #expect(types(in: world).suffix(2) == ["schedule_resumed", "schedule_completed"])
        #expect(tasks(in: world).isEmpty)
    }

    @Test("one that is replaced by nothing but the present moment completes")
    func replacedByNow() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification(), in: &world)
        let now: Instant = world.now
        try world.send(.schedule(.replace(id, try specification { $0.recurrence = .instant(now) })))
        #expect(try record(id, in: world).status == .completed)
    }

    @Test("a run by hand that cannot begin is refused, and leaves no trace")
    func refusedRun() throws {
        var world = EngineWorld { $0.limits.liveTasks = 1 }
        let id: ScheduleID = try create(try specification { $0.overlap = .queue }, in: &world)
        try world.create("other")
        let told: Int = world.events.count
        #expect(world.refusal(of: .schedule(.run(id))) == .limitReached("live tasks", limit: 1))
        #expect(world.events.count == told)
        #expect(try record(id, in: world).error == nil)
        try world.send(.cancelTask("other", reason: nil))
        try world.send(.schedule(.run(id)))
        try world.send(.schedule(.pause(id)))
        #expect(world.refusal(of: .schedule(.run(id)))?.conflict == "paused", "nothing would ever start it")
        #expect(try record(id, in: world).waiting.isEmpty)
    }

    @Test("it can be run by hand, replaced and deleted")
    func changes() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification(), in: &world)
        let next: Instant? = try record(id, in: world).nextRun
        try world.send(.schedule(.run(id)))
        #expect(tasks(in: world).count == 1)
        #expect(try record(id, in: world).nextRun == next)
        try world.send(.schedule(.replace(id, try specification("0 0 1 1 *") { $0.name = "yearly" })))
        let replaced: ScheduleRecord = try record(id, in: world)
        #expect(replaced.specification.name == "yearly" && replaced.runs == 1)
        #expect(replaced.nextRun == Instant(milliseconds: 1_704_067_200_000))
        try world.send(.schedule(.delete(id)))
        #expect(try record(id, in: world).status == .deleted)
        #expect(world.refusal(of: .schedule(.delete(id)))?.conflict == "deleted")
        #expect(world.refusal(of: .schedule(.delete(ScheduleID(unchecked: "no")))) == .notFound(.schedule, id: "no"))
        try world.pass(.seconds(400 * 86_400))
        #expect(tasks(in: world).count == 1)
    }

    @Test("what was missed is left out, made up for by one run, or by all", arguments: CatchUpPolicy.allCases)
    func catchUp(_ policy: CatchUpPolicy) throws {
        var world = EngineWorld { $0.limits.caughtUpRuns = 4 }
        let id: ScheduleID = try create(try specification { $0.catchUp = policy }, in: &world)
        let first: Instant = try #require(try record(id, in: world).nextRun)
        world.now = first + .seconds(6 * 3_600 + 600)
        try world.restart()
        try world.report(.tick)
        let expected: [CatchUpPolicy: Int] = [.skip: 0, .once: 1, .all: 4]
        #expect(tasks(in: world).count == expected[policy])
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.missed == 7 - (expected[policy] ?? 0))
        #expect(after.nextRun == first + .seconds(7 * 3_600))
    }

    /// A schedule that has run at some hour, with a server that began anew at a clock so much before that.
    private func setBack(
        by time: Milliseconds, _ adjust: (inout ScheduleSpecification) -> Void = { _ in }
    ) throws -> (world: EngineWorld, id: ScheduleID, hour: Instant) {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification("0 * * * *", adjust), in: &world)
        let hour: Instant = try #require(try record(id, in: world).nextRun)
        try world.pass(hour - world.now)
        #expect(try record(id, in: world).runs == 1)
        world.now = Instant(milliseconds: hour.milliseconds - time.count)
        try world.restart()
        return (world, id, hour)
    }

    @Test("a time that has come does not come again when the clock is set back, unless it is another one")
    func repeatedTime() throws {
        var (world, id, hour): (EngineWorld, ScheduleID, Instant) = try setBack(by: .seconds(90))
        let next: Instant = hour + ScheduleTests.hour
        try world.send(.schedule(.replace(id, try specification { $0.name = "other" })))
        #expect(try record(id, in: world).nextRun == next)
        try world.send(.schedule(.pause(id)))
        try world.send(.schedule(.resume(id)))
        #expect(try record(id, in: world).nextRun == next)

        try world.send(.schedule(.replace(id, try specification("* * * * *"))))
        var times: [Instant?] = []
        for _ in 0..<3 {
            let time: Instant = try #require(try record(id, in: world).nextRun)
            times.append(time)
            try world.pass(time - world.now)
        }
        #expect(times == [-60, 60, 120].map { hour + .seconds($0) }, "before and after the hour that has been")
        #expect(try record(id, in: world).runs == 4)

        try world.send(.schedule(.replace(id, try specification { $0.recurrence = .instant(hour + .seconds(240)) })))
        try world.pass(.seconds(120))
        #expect(try record(id, in: world).status == .completed)
    }

    @Test("one that is to run only at a time that has come completes")
    func onlyRepeatedTime() throws {
        var (world, id, hour): (EngineWorld, ScheduleID, Instant) = try setBack(by: .seconds(90))
        try world.send(.schedule(.replace(id, try specification { $0.recurrence = .instant(hour) })))
        #expect(try record(id, in: world).status == .completed)
        #expect(tasks(in: world).count == 1)
    }

    @Test("what is made up for is what has not come before", arguments: CatchUpPolicy.allCases)
    func repeatedCatchUp(_ policy: CatchUpPolicy) throws {
        var (world, id, hour): (EngineWorld, ScheduleID, Instant) = try setBack(by: .seconds(90))
        try world.send(.schedule(.replace(id, try specification("* * * * *") { $0.catchUp = policy })))
        world.now = hour + .seconds(130)
        try world.report(.tick)
        let after: ScheduleRecord = try record(id, in: world)
        let expected: [CatchUpPolicy: Int] = [.skip: 1, .once: 2, .all: 4]
        #expect(after.runs == expected[policy])
        #expect(after.missed == 4 - (expected[policy] ?? 0), "one minute before, two after")
        let told: [String] = tasks(in: world).compactMap {
            $0.specification.metadata.value()["scheduledFor"]?.stringValue
        }
        #expect(Set(told).count == told.count)
    }

    @Test("a clock that was far ahead keeps nobody from going on with the right one")
    func clockFarAhead() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification(), in: &world)
        let first: Instant = try #require(try record(id, in: world).nextRun)
        let right: Instant = world.now
        world.now = right + .seconds(4 * 365 * 86_400)
        try world.report(.tick)
        try world.pass(.seconds(5 * 3_600))
        let ahead: ScheduleRecord = try record(id, in: world)
        #expect(ahead.runs == 5 && ahead.missed == 1_000)
        world.now = right
        try world.restart()
        try world.send(.schedule(.replace(id, try specification())))
        #expect(try record(id, in: world).nextRun == first)
        try world.pass(ScheduleTests.hour)
        #expect(try record(id, in: world).runs == 6)
    }

    @Test("a schedule goes on by itself after a clock that was far ahead has been set right")
    func clockSetRight() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification { $0.jitter = .seconds(60) }, in: &world)
        let first: Instant = try #require(try record(id, in: world).nextRun)
        let right: Instant = world.now
        world.now = right + .seconds(4 * 365 * 86_400)
        try world.report(.tick)
        world.now = right
        try world.restart()
        #expect(try record(id, in: world).nextRun == first)
        #expect(types(in: world).last == "schedule_updated")
        try world.pass(.seconds(3 * 3_600))
        #expect(try record(id, in: world).runs == 3)

        let (steady, same, hour): (EngineWorld, ScheduleID, Instant) = try setBack(by: .seconds(90))
        #expect(try record(same, in: steady).nextRun == hour + ScheduleTests.hour, "that has come")
        #expect(types(in: steady).last == "schedule_fired", "nothing is new")
    }

    @Test("a clock that is set back over ever so many runs costs no more than a thousand looks")
    func setBackFar() throws {
        var world = EngineWorld()
        world.checkedBatches = 1_000
        let begin: Instant = world.now
        let id: ScheduleID = try create(try specification("* * * * *"), in: &world)
        try world.pass(.seconds(60 * 3_000))
        let before: ScheduleRecord = try record(id, in: world)
        world.now = begin
        try world.restart()
        try world.send(.schedule(.replace(id, try specification("* * * * *"))))
        #expect(try record(id, in: world).nextRun == before.nextRun)
        #expect(before.row.body.count < 300)
    }

    @Test("a record of an older version knows of one time that has come")
    func olderRecord() throws {
        var (world, id, hour): (EngineWorld, ScheduleID, Instant) = try setBack(by: .seconds(90))
        var row: EntityRow = try #require(world.entities[.schedule]?[id.rawValue])
        var record: ScheduleRecord = try ScheduleRecord(row)
        record.pastTimes = PastTimes()
        // Nothing but their count, which is 0.
        row.body = Array(record.row.body.dropLast())
        world.overwrite(row)
        try world.restart()
        try world.send(.schedule(.replace(id, try specification())))
        #expect(try self.record(id, in: world).nextRun == hour + ScheduleTests.hour)
    }

    @Test("a run that is only a little late is not missed")
    func late() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification(), in: &world)
        world.now = try #require(try record(id, in: world).nextRun) + .seconds(59)
        try world.restart()
        try world.report(.tick)
        #expect(tasks(in: world).count == 1)
    }

    @Test("a year of missed minutes costs no more than a thousand looks")
    func longDowntime() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification("* * * * *") { $0.catchUp = .all }, in: &world)
        world.now = world.now + .seconds(366 * 86_400)
        try world.report(.tick)
        #expect(tasks(in: world).count == world.configuration.limits.caughtUpRuns)
        #expect(try record(id, in: world).missed == 1_000 - world.configuration.limits.caughtUpRuns)
    }

    @Test(
        "a run beside an earlier one is made, left out, waits, or ends the earlier one",
        arguments: OverlapPolicy.allCases)
    func overlap(_ policy: OverlapPolicy) throws {
        var world = EngineWorld()
        try world.spawn(.coder, "a", slots: 9)
        let id: ScheduleID = try create(try specification { $0.overlap = policy }, in: &world)
        let first: Instant = try #require(try record(id, in: world).nextRun)
        try world.pass(first - world.now)
        let earlier: TaskID = try #require(tasks(in: world).first?.id)
        try world.start(earlier)
        try world.pass(.seconds(2 * 3_600))
        let during: ScheduleRecord = try record(id, in: world)
        switch policy {
        case .allow: #expect(tasks(in: world).count == 3 && during.active.isEmpty)
        case .skip: #expect(tasks(in: world).count == 1 && during.skipped == 2 && during.active == [.task(earlier)])
        case .queue: #expect(tasks(in: world).count == 1 && during.waiting.count == 2)
        case .cancel:
            #expect(tasks(in: world).count == 1 && during.waiting.count == 2)
            #expect(try world.task(earlier).state.cancellation == .requested)
            try world.report(.attemptEnded(world.attempt(of: earlier), .stopped))
            #expect(world.status(earlier) == .cancelled)
        }
        if policy != .cancel { try world.end(earlier) }
        let after: ScheduleRecord = try record(id, in: world)
        switch policy {
        case .allow: #expect(tasks(in: world).count == 3)
        case .skip: #expect(tasks(in: world).count == 1 && after.active.isEmpty)
        case .queue, .cancel:
            #expect(tasks(in: world).count == 2 && after.waiting.count == 1)
            #expect(
                tasks(in: world)[1].specification.metadata.value()["scheduledFor"]?.stringValue
                    == ISO8601.string(milliseconds: (first + ScheduleTests.hour).milliseconds))
        }
        try world.restart()
        #expect(try record(id, in: world).waiting.count == after.waiting.count)
    }

    @Test("a run that waited and cannot be started keeps no other from its turn")
    func failureAfterWaiting() throws {
        var world = EngineWorld()
        let id: ScheduleID = try create(try specification { $0.overlap = .queue }, in: &world)
        for _ in 0..<3 { try world.send(.schedule(.run(id))) }
        let run: TaskID = try #require(tasks(in: world).first?.id)
        world.reconfigure { $0.limits.liveTaskBytes = 1 }
        try world.restart()
        try world.send(.cancelTask(run, reason: nil))
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.waiting.isEmpty && after.active.isEmpty && after.error != nil)
    }

    @Test("runs that wait keep to their limit, also by hand")
    func waitingLimit() throws {
        var world = EngineWorld { $0.limits.waitingRuns = 2 }
        let id: ScheduleID = try create(try specification { $0.overlap = .queue }, in: &world)
        for _ in 0..<3 { try world.send(.schedule(.run(id))) }
        #expect(world.refusal(of: .schedule(.run(id))) == .limitReached("waiting runs", limit: 2))
        try world.pass(ScheduleTests.hour)
        #expect(try record(id, in: world).skipped == 1)
        let other: ScheduleID = try create(try specification { $0.overlap = .skip }, in: &world)
        try world.send(.schedule(.run(other)))
        #expect(world.refusal(of: .schedule(.run(other)))?.conflict == "overlap")
    }

    @Test("the jitter of a run is the seed's, and never longer than allowed")
    func jitter() throws {
        func delays(seed: UInt64) throws -> [Int64] {
            var world = EngineWorld(seed: seed)
            let id: ScheduleID = try create(try specification { $0.jitter = .seconds(600) }, in: &world)
            var delays: [Int64] = []
            for _ in 0..<20 {
                let record: ScheduleRecord = try record(id, in: world)
                let due: Instant = try #require(record.nextDue)
                delays.append((due - (try #require(record.nextRun))).count)
                try world.pass(due - world.now)
                #expect(tasks(in: world).last?.createdAt == due)
            }
            return delays
        }
        let some: [Int64] = try delays(seed: 1)
        #expect(some.allSatisfy { (0...600_000).contains($0) } && Set(some).count > 10)
        #expect(try delays(seed: 1) == some)
        #expect(try delays(seed: 2) != some)
    }

    @Test("a run that cannot be started is said, and the next one is tried")
    func failure() throws {
        var world = EngineWorld { $0.limits.liveTasks = 1 }
        try world.create("other")
        let id: ScheduleID = try create(try specification(), in: &world)
        try world.pass(ScheduleTests.hour)
        let failed: ScheduleRecord = try record(id, in: world)
        #expect(failed.runs == 0 && failed.error?.contains("live tasks") == true)
        #expect(types(in: world).last == "schedule_failed")
        try world.send(.cancelTask("other", reason: nil))
        try world.pass(ScheduleTests.hour)
        let mended: ScheduleRecord = try record(id, in: world)
        #expect(mended.runs == 1 && mended.error == nil)
    }

    @Test("a zone that is no longer known pauses it after the run that was due")
    func lostZone() throws {
        var world = EngineWorld { $0.timeZones = OneZone(name: "Here/There") }
        let id: ScheduleID = try create(try specification { $0.timeZone = "Here/There" }, in: &world)
        world.reconfigure { $0.timeZones = UniversalTimeOnly() }
        try world.restart()
        try world.pass(ScheduleTests.hour)
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.runs == 1 && after.status == .paused && after.error?.contains("Here/There") == true)
        #expect(world.refusal(of: .schedule(.resume(id)))?.field == "timeZone")
    }

    private struct OneZone: TimeZoneSource {
        let name: String
        func rules(named name: String) throws(TimeZoneError) -> TimeZoneRules {
            guard name == self.name else { throw .unknown(name) }
            return .utc
        }
    }

    @Test("what is wrong with a schedule is named")
    func refused() throws {
        var world = EngineWorld()
        let past: Instant = Instant(milliseconds: world.now.milliseconds - 1)
        let noon: TimeOfDay = try #require(TimeOfDay("12:00"))
        let cases: [(String, (inout ScheduleSpecification) -> Void)] = [
            ("name", { $0.name = String(repeating: "x", count: 201) }),
            ("timeZone", { $0.timeZone = "Mars/Olympus" }), ("at", { $0.recurrence = .instant(past) }),
            ("at", { $0.recurrence = .local(LocalTime(seconds: 0)) }), ("endTime", { $0.end = past }),
            ("jitter", { $0.jitter = .seconds(86_401) }), ("jitter", { $0.jitter = -1 }),
            ("maxRuns", { $0.maximumRuns = 0 }),
            ("recurrence.every", { $0.recurrence = .daily(every: 0, at: noon) }),
            ("recurrence.every", { $0.recurrence = .weekly(every: 1_001, on: [.monday], at: noon) }),
            ("recurrence.days", { $0.recurrence = .weekly(every: 1, on: [], at: noon) }),
            ("recurrence.dayOfMonth", { $0.recurrence = .monthly(every: 1, on: .day(32), at: noon) }),
            ("task.description", { $0.target = .task(TaskSpecification(kind: .code, description: "")) }),
            ("task.timeout", { $0.target = .task(TaskSpecification(kind: .code, description: "x", timeout: 1)) }),
            (
                "task.dependencies",
                { $0.target = .task(TaskSpecification(kind: .code, description: "x", dependencies: ["a"])) }
            ),
            (
                "task.deadline",
                { $0.target = .task(TaskSpecification(kind: .code, description: "x", deadline: .distantFuture)) }
            ),
        ]
        for (field, change) in cases {
            let command = Command.schedule(.create(try specification("0 * * * *", change)))
            #expect(world.refusal(of: command)?.field == field)
        }
        let soon: Instant = world.now + .seconds(60)
        let empty = Command.schedule(.create(try specification("0 0 1 1 *") { $0.end = soon }))
        #expect(world.refusal(of: empty)?.field == "endTime")
        let backwards = Command.schedule(
            .create(try specification { ($0.start, $0.end) = (soon + .seconds(60), soon) }))
        #expect(world.refusal(of: backwards)?.field == "endTime")
    }

    @Test("nobody sees or changes schedules of other projects, or without permission")
    func permissions() throws {
        var world = EngineWorld()
        let ann = Principal(subject: "ann", permissions: .all, projects: ["red"])
        let bob = Principal(subject: "bob", permissions: .all, projects: ["blue"])
        let id: ScheduleID = try create(try specification(), in: &world, as: ann)
        for command: ScheduleCommand in [
            .pause(id), .resume(id), .run(id), .delete(id), .replace(id, try specification()),
        ] {
            #expect(world.refusal(of: .schedule(command), as: bob) == .notFound(.schedule, id: id.rawValue))
        }
        let nobody = Principal(subject: "eve", permissions: [])
        #expect(world.refusal(of: .schedule(.create(try specification())), as: nobody) == .forbidden(.tasksCreate))
        #expect(world.refusal(of: .schedule(.delete(id)), as: nobody) == .forbidden(.tasksCancel))
        #expect(world.refusal(of: .schedule(.run(id)), as: nobody) == .forbidden(.tasksUpdate))
        let attempt = Principal(subject: "ann", permissions: .all, task: "t")
        #expect(world.refusal(of: .schedule(.create(try specification())), as: attempt) == .forbidden(.tasksCreate))
        #expect(world.refusal(of: .schedule(.pause(id)), as: attempt) == .notFound(.schedule, id: id.rawValue))
    }

    @Test("schedules keep to their limit, and timers of those that change do not pile up")
    func limits() throws {
        var world = EngineWorld { $0.limits.schedules = 2 }
        world.checkedBatches = 501
        let id: ScheduleID = try create(try specification("0 0 1 1 *"), in: &world)
        _ = try create(try specification(), in: &world)
        #expect(world.refusal(of: .schedule(.create(try specification()))) == .limitReached("schedules", limit: 2))
        for _ in 0..<1_500 {
            try world.send(.schedule(.pause(id)))
            try world.send(.schedule(.resume(id)))
        }
        #expect(world.engine.timerCount < 1_200)
    }

    @Test("a record is read back as it was written, and damaged ones are refused", arguments: Seeds.all)
    func coding(seed: UInt64) throws {
        let noon: TimeOfDay = try #require(TimeOfDay("12:00:30"))
        let recurrences: [Recurrence] = [
            .instant(Instant(milliseconds: -5)), .local(LocalTime(seconds: 77)), .daily(every: 3, at: noon),
            .weekly(every: 1_000, on: [.monday, .sunday], at: noon), .monthly(every: 2, on: .day(31), at: noon),
            .monthly(every: 2, on: .last, at: noon), .cron(try CronExpression("*/5 1-3 * jan mon")),
        ]
        for recurrence: Recurrence in recurrences {
            var record = ScheduleRecord(
                id: ScheduleID(unchecked: "s"), number: 9,
                specification: try specification {
                    $0.recurrence = recurrence
                    $0.end = Instant(milliseconds: 1 << 40)
                    $0.maximumRuns = 7
                    $0.gap = .skip
                    $0.repeated = .both
                    $0.overlap = .queue
                    $0.catchUp = .all
                    $0.jitter = 5
                }, owner: "ann", team: "one", createdAt: Instant(milliseconds: 1))
            record.active = [.task("a"), .task("b")]
            record.waiting = [Instant(milliseconds: 3)]
            record.error = "no"
            record.runs = 3
            record.newest = .task("b")
            record.lastRun = Instant(milliseconds: 60_000)
            for time: Int64 in [-9, 60_000, 120_000, 7] { record.pastTimes.note(Instant(milliseconds: time)) }
            let row: EntityRow = record.row
            #expect(try ScheduleRecord(row) == record)
            try expectRefusalOfDamage(to: row, olderForms: 1, seed: seed) { _ = try ScheduleRecord($0) }
        }
    }
}
