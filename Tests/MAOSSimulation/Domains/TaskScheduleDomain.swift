import MAOSCore

/// Tasks with a time of their own, and those that come back; ``TaskDomain`` makes them.
struct TaskScheduleDomain: SimulatedDomain {
    let weights: [Int] = []
    private var schedules: [TaskID: TaskSchedule] = [:]
    /// Tasks that have been let go, in their present life.
    private var released: Set<TaskID> = []
    /// Tasks that another follows.
    private var followed: Set<TaskID> = []

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {}

    mutating func act(_ action: Int, in world: inout World) {}

    /// A time for a new task, and whether it comes back.
    static func anySchedule(in world: inout World) -> TaskSchedule {
        let time: Instant = world.latest + Milliseconds(1 + Int64(world.random.below(60_000)))
        guard world.random.chance(in: 2) else { return TaskSchedule(at: time) }
        return TaskSchedule(
            at: time,
            recurrence: TaskRecurrence(
                world.random.one(of: TaskRecurrence.Interval.allCases),
                end: world.random.chance(in: 4) ? time + .seconds(4 * 86_400) : nil,
                maximumRuns: world.random.chance(in: 3) ? 1 + world.random.number(below: 3) : nil))
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        var failed: Set<String> = []
        for event: Event in batch.events {
            guard case .system(let system) = event.body, system.type == "schedule_failed" else { continue }
            if let id: String = system.data.value()["taskId"]?.stringValue { failed.insert(id) }
        }
        for event: Event in batch.events {
            guard case .task(let task) = event.body else { continue }
            if let record: TaskRecord = task.created { try begin(record) }
            guard let schedule: TaskSchedule = schedules[task.id] else { continue }
            if task.kind == .restarted {
                // One that has been let go is not let go again, and not followed again.
                if task.state.queuedAt == nil {
                    released.remove(task.id)
                    followed.remove(task.id)
                } else {
                    released.insert(task.id)
                }
            }
            guard task.kind == .queued, task.state.status == .queued, released.insert(task.id).inserted else {
                continue
            }
            // A server that begins anew may see an earlier time than the one before it.
            let latest: Instant = max(event.time, world.latestEver)
            try keep(.life, "no task begins before its time", schedule.time <= latest, "\(task.id)")
            try checkFollower(of: task.id, schedule, hasFailed: failed.contains(task.id.rawValue))
        }
    }

    private mutating func begin(_ record: TaskRecord) throws(BrokenPromise) {
        let id: TaskID = record.id
        schedules[id] = record.specification.schedule
        released.remove(id)
        followed.remove(id)
        guard let recurrence: TaskRecurrence = record.specification.schedule?.recurrence,
            let first: TaskRecurrence.First = recurrence.first
        else { return }
        let run: Int = recurrence.run
        try keep(.life, "runs of a task are named in order", id.rawValue == "\(first.task)_run_\(run)", "\(id)")
        let before = run == 2 ? first.task : TaskID(unchecked: "\(first.task)_run_\(run - 1)")
        try keep(.once, "a task that comes back is followed by one", followed.insert(before).inserted, "\(id)")
        let isFurther: Bool =
            schedules[before].map { schedule in
                record.specification.schedule.map { $0.time > schedule.time } ?? false
            } ?? false
        try keep(.life, "what follows a task has a later time", isFurther, "\(id)")
        if let maximum: Int = recurrence.maximumRuns {
            try keep(.leases, "a task comes back as often as it may", run <= maximum, "\(id)")
        }
    }

    /// One that comes back is followed as soon as it is let go.
    private func checkFollower(
        of id: TaskID, _ schedule: TaskSchedule, hasFailed: Bool
    ) throws(BrokenPromise) {
        guard let recurrence: TaskRecurrence = schedule.recurrence, recurrence.end == nil, !hasFailed,
            recurrence.maximumRuns.map({ recurrence.run < $0 }) ?? true
        else { return }
        try keep(.life, "a task that comes back is followed as soon as it is let go", followed.contains(id), "\(id)")
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        guard world.clock == world.latest, !world.isDraining else { return }
        for task: TaskRecord in world.chronicle.liveTasks where task.status == .scheduled {
            let isAhead: Bool = task.state.notBefore.map { $0 > world.latest } ?? false
            try keep(.stopping, "a task is let go when its time has come", isAhead, "\(task.id)")
        }
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        for task: TaskRecord in world.chronicle.liveTasks
        where task.specification.schedule?.recurrence != nil && !task.state.holdsAgent {
            world.send(.cancelTask(task.id, reason: "no more of it"), as: .system)
        }
    }
}
