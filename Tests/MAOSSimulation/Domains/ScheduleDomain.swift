import MAOSCore

/// Schedules: tasks and executions that start themselves.
struct ScheduleDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case create, createBadly, replace, pause, resume, run, delete
    }

    let weights: [Int]
    private let limits: EngineLimits
    /// Live schedules in order of creation.
    private var live: [ScheduleID] = []
    private var records: [ScheduleID: ScheduleRecord] = [:]
    /// How often each time of each schedule has been run, but for runs at that very time.
    private var fired: [String: [String: Int]] = [:]
    /// How often each time has been put among those that wait: who asks twice in one moment is served twice.
    private var queued: [String: [String: Int]] = [:]
    private var runs: [String: Int] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.schedules = 4
        configuration.limits.caughtUpRuns = 3
        configuration.limits.waitingRuns = 2
        limits = configuration.limits
        var weights: [Int] = ScheduleDomain.someWeights(Action.allCases.count, upTo: 3, &random)
        if random.chance(in: 2) { weights = weights.map { _ in 0 } }
        weights[Action.delete.rawValue] = min(1, weights[Action.create.rawValue])
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        let principal: Principal = world.anybody()
        let id: ScheduleID = live.isEmpty ? ScheduleID(unchecked: "none") : world.random.one(of: live)
        switch Action(rawValue: action) {
        case .create:
            let command: Command = .schedule(.create(anySpecification(in: &world)))
            world.send(world.withKey(command), as: principal, needs: .tasksCreate)
        case .createBadly:
            let (specification, flaw): (ScheduleSpecification, String) = badSpecification(in: &world)
            world.send(.schedule(.create(specification)), as: principal, needs: .tasksCreate, flaw: flaw)
        case .replace:
            world.send(.schedule(.replace(id, anySpecification(in: &world))), as: principal, needs: .tasksUpdate)
        case .pause: world.send(.schedule(.pause(id)), as: principal, needs: .tasksUpdate)
        case .resume: world.send(.schedule(.resume(id)), as: principal, needs: .tasksUpdate)
        case .run: world.send(.schedule(.run(id)), as: principal, needs: .tasksUpdate)
        case .delete, nil: world.send(.schedule(.delete(id)), as: principal, needs: .tasksCancel)
        }
    }

    private func anySpecification(in world: inout World) -> ScheduleSpecification {
        let task = TaskSpecification(
            kind: world.random.one(of: [.code, .testing, .analysis]), description: "do it again",
            retryPolicy: RetryPolicy(maximumAttempts: 2), project: world.anyProject())
        let target: ScheduleTarget =
            world.random.chance(in: 4)
            ? .execution(
                ScheduledExecution(
                    workflow: world.random.one(of: WorkflowDomain.fewWorkflows),
                    parameters: JSONText(.object(["n": .integer(5)])),
                    budget: ExecutionBudgetDomain.anyCeiling(in: &world))) : .task(task)
        let recurrence: Recurrence
        if world.random.chance(in: 3) {
            recurrence = .instant(world.latest + Milliseconds(1_000 + Int64(world.random.below(60_000))))
        } else {
            do throws(CronExpression.Failure) {
                recurrence = .cron(try CronExpression(world.random.one(of: ["* * * * *", "*/5 * * * *", "0 * * * *"])))
            } catch {
                preconditionFailure("these are good")
            }
        }
        return ScheduleSpecification(
            name: "again", recurrence: recurrence,
            end: world.random.chance(in: 6) ? world.latest + .seconds(600) : nil,
            maximumRuns: world.random.chance(in: 3) ? 1 + world.random.number(below: 3) : nil,
            jitter: world.random.chance(in: 3) ? world.random.time(upTo: 20_000) : 0,
            catchUp: world.random.one(of: CatchUpPolicy.allCases),
            overlap: world.random.one(of: OverlapPolicy.allCases),
            target: target)
    }

    /// A schedule that no client may ask for, and the field that makes it so.
    private func badSpecification(in world: inout World) -> (ScheduleSpecification, flaw: String) {
        var specification: ScheduleSpecification = anySpecification(in: &world)
        specification.end = nil
        specification.target = .task(TaskSpecification(kind: .code, description: "do it again"))
        switch world.random.below(3) {
        case 0:
            specification.timeZone = "Nowhere/At_All"
            return (specification, "timeZone")
        case 1:
            specification.maximumRuns = 0
            return (specification, "maxRuns")
        default:
            specification.jitter = .seconds(86_401)
            return (specification, "jitter")
        }
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for row: EntityRow in batch.entities where row.kind == .schedule {
            let record: ScheduleRecord
            do throws(RecordCodingError) {
                record = try ScheduleRecord(row)
            } catch {
                throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: row.id)
            }
            let earlier: ScheduleRecord? = records[record.id]
            try keep(.life, "nothing happens to an ended schedule", earlier?.endedAt == nil, "\(record.id)")
            queue(record, after: earlier?.waiting ?? [])
            records[record.id] = record
            live.removeAll { $0 == record.id }
            if record.endedAt == nil { live.append(record.id) }
            try check(record, world)
        }
        for event: Event in batch.events {
            guard case .system(let system) = event.body, system.type == "schedule_fired" else { continue }
            try checkRun(system, at: event.time, in: world)
        }
        for row: EntityRow in batch.entities where row.kind == .schedule {
            let count: Int? = records[ScheduleID(unchecked: row.id)]?.runs
            try keep(.told, "the runs of a schedule are counted", count == runs[row.id, default: 0], row.id)
        }
    }

    /// Each time of a schedule is run once, but for those that somebody asks for.
    private mutating func checkRun(
        _ event: SystemEvent, at time: Instant, in world: World
    ) throws(BrokenPromise) {
        let data: JSONValue = event.data.value()
        guard let id: String = data["scheduleId"]?.stringValue, let text: String = data["scheduledFor"]?.stringValue
        else { throw BrokenPromise(promise: .told, rule: "a run says what ran, and for when", detail: event.type) }
        runs[id, default: 0] += 1
        let due: String = ISO8601.string(milliseconds: time.milliseconds)
        // A server that begins anew may see an earlier time than the one before it.
        let latest: String = ISO8601.string(milliseconds: max(time, world.latestEver).milliseconds)
        try keep(.life, "no run begins before its time", text <= latest, "\(id) for \(text)")
        // What is run by hand is run for the very moment.
        guard text != due else { return }
        let count: Int = fired[id, default: [:]][text, default: 0] + 1
        fired[id, default: [:]][text] = count
        let asked: Int = max(1, queued[id]?[text] ?? 0)
        try keep(.once, "each time of a schedule is run once", count <= asked, "\(id) for \(text)")
    }

    /// Counts the times that wait and did not before.
    private mutating func queue(_ record: ScheduleRecord, after earlier: [Instant]) {
        var before: [Instant] = earlier
        for time: Instant in record.waiting {
            if let place: Int = before.firstIndex(of: time) {
                before.remove(at: place)
            } else {
                queued[record.id.rawValue, default: [:]][ISO8601.string(milliseconds: time.milliseconds), default: 0] +=
                    1
            }
        }
    }

    private func check(_ record: ScheduleRecord, _ world: World) throws(BrokenPromise) {
        if let maximum: Int = record.specification.maximumRuns, record.status == .active {
            try keep(
                .leases, "a schedule runs as often as it may", record.waiting.isEmpty || record.runs < maximum,
                "\(record.id) ran \(record.runs) times")
        }
        try keep(
            .leases, "runs that wait keep to their limit", record.waiting.count <= limits.waitingRuns, "\(record.id)")
        try keep(
            .leases, "runs that must not overlap do not", record.active.count <= 1,
            "\(record.id): \(record.active)")
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        for id: ScheduleID in live {
            guard let record: ScheduleRecord = records[id] else { continue }
            for run: ScheduleRun in record.active {
                let isLive: Bool
                switch run {
                case .task(let task): isLive = world.chronicle.tasks[task].map { !$0.status.isTerminal } ?? false
                case .execution(let execution):
                    isLive =
                        world.chronicle.entities[.execution]?[execution.rawValue].map { $0.endedAt == nil } ?? false
                }
                try keep(.leases, "a run is under way while what it started is", isLive, "\(id): \(run.id)")
            }
            guard world.clock == world.latest, !world.isDraining, record.status == .active else { continue }
            let isAhead: Bool = record.nextDue.map { $0 > world.latest } ?? true
            try keep(.stopping, "a schedule runs when its time has come", isAhead, "\(id)")
            let isOver: Bool = record.nextRun == nil && record.waiting.isEmpty && record.active.isEmpty
            try keep(.life, "a schedule with nothing left to do completes", !isOver, "\(id)")
        }
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        for id: ScheduleID in live { world.send(.schedule(.delete(id)), as: .system) }
    }

    func unfinished(in world: World) -> String? { live.first.map { "schedule \($0) is live" } }
}
