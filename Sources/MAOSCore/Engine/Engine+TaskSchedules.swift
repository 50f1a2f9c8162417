/// Tasks that wait for their time, and those that come back.
extension Engine {
    /// The schedule of a new task, once it has been found right; names the first of those that come back.
    func checkSchedule(of wanted: TaskSpecification, id: TaskID?) throws(Rejection) {
        guard wanted.scheduledTime != nil, let schedule: TaskSchedule = wanted.schedule else { return }
        let text: String = ISO8601.string(milliseconds: schedule.time.milliseconds)
        guard schedule.time > state.now, schedule.time <= .distantFuture else {
            let now: String = ISO8601.string(milliseconds: state.now.milliseconds)
            throw refusal("schedule.at", text, expected: "a time in the future; it is \(now)")
        }
        if let deadline: Instant = wanted.deadline, schedule.recurrence != nil || deadline <= schedule.time {
            throw refusal(
                "deadline", ISO8601.string(milliseconds: deadline.milliseconds),
                expected: schedule.recurrence == nil
                    ? "a time after schedule.at, \(text)" : "none: a timeout limits each task of a recurrence")
        }
        guard let recurrence: TaskRecurrence = schedule.recurrence else { return }
        if let maximum: Int = recurrence.maximumRuns { try check("schedule.maxRuns", maximum, in: 1...1_000_000) }
        if let id, id.rawValue.utf8.count > TaskRecurrence.identifierLength {
            throw refusal(
                "id", id.rawValue,
                expected:
                    "at most \(TaskRecurrence.identifierLength) characters where tasks follow that are named after it"
            )
        }
        if let end: Instant = recurrence.end, end < schedule.time {
            throw refusal(
                "schedule.endTime", ISO8601.string(milliseconds: end.milliseconds),
                expected: "a time after schedule.at, \(text)")
        }
        do throws(Rejection) {
            _ = try zone(recurrence.timeZone)
        } catch .invalid(var issue) {
            issue.field = "schedule.timeZone"
            throw .invalid(issue)
        }
    }

    /// Until when a task's own schedule holds it back; `nil` for one that has been let go, or has none.
    ///
    /// One that others follow is let go by the clock alone: what else lets it go only sets the clock.
    func scheduledStart(of task: TaskRecord) -> Instant? {
        guard let schedule: TaskSchedule = task.specification.schedule, task.state.queuedAt == nil else { return nil }
        if schedule.time > state.now { return schedule.time }
        return schedule.recurrence == nil ? nil : state.now
    }

    /// Has a task wait for its time; tells of it where that is news.
    mutating func waitForStart(_ id: TaskID, at time: Instant) {
        state.timers.set(.taskRetry(id), at: time)
        guard let task: TaskState = state.tasks[id]?.record.state,
            task.status != .scheduled || task.notBefore != time
        else { return }
        state.tasks[id]?.record.state.status = .scheduled
        state.tasks[id]?.record.state.notBefore = time
        touch(id)
        emitTaskNow(.queued, id)
    }

    /// The tasks that are made when timers that are due fire; stored ones of that name are to be recalled first.
    package func missing(atTick now: Instant) -> [TaskID] {
        var missing: [TaskID] = []
        for reason: TimerReason in state.timers.due(at: now) {
            guard case .taskRetry(let id) = reason, let task: TaskRecord = state.tasks[id]?.record,
                let recurrence: TaskRecurrence = task.specification.schedule?.recurrence, task.state.queuedAt == nil
            else { continue }
            let next: TaskID = Engine.nextRun(of: recurrence, after: id)
            if !knows(next) { missing.append(next) }
        }
        return missing
    }

    private static func nextRun(of recurrence: TaskRecurrence, after id: TaskID) -> TaskID {
        TaskID(unchecked: "\((recurrence.first?.task ?? id).rawValue)_run_\(recurrence.run + 1)")
    }

    /// Makes the task that follows one whose time has come.
    ///
    /// Times that have passed meanwhile are left out; what the first one waited for has completed, and is not waited for again.
    mutating func makeNextRun(after task: TaskRecord) {
        #if EngineFaults
        if EngineFault.lostFollower.isOn { return }
        #endif
        guard let schedule: TaskSchedule = task.specification.schedule,
            var recurrence: TaskRecurrence = schedule.recurrence,
            recurrence.maximumRuns.map({ recurrence.run < $0 }) ?? true
        else { return }
        let first: TaskRecurrence.First =
            recurrence.first ?? TaskRecurrence.First(task: task.id, time: schedule.time)
        let id: TaskID = Engine.nextRun(of: recurrence, after: task.id)
        do throws(Rejection) {
            let timetable: Timetable = recurrence.timetable(from: first.time, try zone(recurrence.timeZone))
            guard let time: Instant = timetable.next(after: max(schedule.time, state.now)) else { return }
            guard !knows(id) else {
                throw .conflict(reason: "duplicate_id", message: "A task with the id \(id) exists already")
            }
            try requireRoom(forTaskOf: task.origin.weight)
            recurrence.run += 1
            recurrence.first = first
            var specification: TaskSpecification = task.specification
            specification.schedule = TaskSchedule(at: time, recurrence: recurrence)
            specification.dependencies = []
            state.lastTaskNumber += 1
            var next = TaskRecord(
                id: id, number: state.lastTaskNumber, specification: specification, owner: task.owner, team: task.team,
                createdAt: state.now,
                state: TaskState(status: .scheduled, priority: specification.priority, updatedAt: state.now))
            next.state.notBefore = time
            begin(next, openDependencies: 0)
            state.timers.set(.taskRetry(id), at: time)
            emitTask(.created, next)
        } catch {
            var writer = JSONWriter(reservingCapacity: 128)
            writer.beginObject()
            writer.member("taskId", task.id.rawValue)
            writer.member("nextTaskId", id.rawValue)
            writer.member("error", error.summary)
            writer.endObject()
            emit(.system(SystemEvent(type: "schedule_failed", data: writer.takeText())))
        }
    }
}
