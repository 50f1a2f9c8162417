/// How schedules run by themselves.
extension Engine {
    /// Runs that are later than this were missed.
    private static let tolerance: Milliseconds = .seconds(60)
    /// So many missed runs are counted one by one.
    private static let countedRuns: Int = 1_000

    // MARK: Planning

    /// Sets the next run to the first time after an instant, late by a part of the jitter.
    mutating func plan(_ id: ScheduleID, after instant: Instant) {
        guard let record: ScheduleRecord = state.schedules[id] else { return }
        var next: Instant?
        if record.specification.maximumRuns.map({ record.runs + record.waiting.count < $0 }) ?? true {
            next = nextTime(of: record, after: instant)
        }
        var due: Instant? = next
        if let next, record.specification.jitter.count > 0 {
            due = next + Milliseconds(Int64(random.below(UInt64(record.specification.jitter.count) + 1)))
        }
        dropRunTimer(of: id)
        let now: Instant = state.now
        state.schedules.update(id) { (record: inout ScheduleRecord) in
            record.nextRun = next
            record.nextDue = due
            record.updatedAt = now
        }
        if let due, record.status == .active { setRunTimer(of: id, at: due) }
    }

    /// The first time after an instant that has not come before.
    ///
    /// After a thousand that have, at a clock that was set far back, what stands between those that follow is left out.
    private func nextTime(of record: ScheduleRecord, after instant: Instant) -> Instant? {
        guard let timetable: Timetable = state.timetables[record.id] else { return nil }
        var looks: Int = 0
        var next: Instant? = timetable.next(after: instant)
        while let time: Instant = next, let end: Instant = record.pastTimes.end(ofRowWith: time) {
            looks += 1
            next = timetable.next(after: looks < Engine.countedRuns ? time : end)
        }
        return next
    }

    /// Sees to a time that has come, and that does not come again.
    private mutating func timeHasCome(_ time: Instant, of id: ScheduleID) {
        state.schedules.update(id) { $0.pastTimes.note(time) }
        runDue(id, at: time)
    }

    private mutating func setRunTimer(of id: ScheduleID, at due: Instant) {
        state.lastRunTimer += 1
        state.runTimers[id] = state.lastRunTimer
        state.timers.set(.scheduleRun(id, state.lastRunTimer), at: due)
    }

    /// Notes that the timer of the next run has lost its reason, where there is one.
    mutating func dropRunTimer(of id: ScheduleID) {
        guard state.runTimers.removeValue(forKey: id) != nil else { return }
        abandonTimer()
    }

    /// Sees to a schedule whose next run is due.
    mutating func scheduleDue(_ id: ScheduleID, _ timer: UInt64) {
        guard state.runTimers[id] == timer else { return }
        state.runTimers[id] = nil
        guard let record: ScheduleRecord = state.schedules[id], record.status == .active,
            let due: Instant = record.nextDue, due <= state.now, let time: Instant = record.nextRun
        else { return }
        guard !state.isDraining else { return }
        guard state.timetables[id] != nil else {
            timeHasCome(time, of: id)
            let zone: String = record.specification.timeZone
            pauseForError(id, "the rules of time zone \(zone) are not available")
            return
        }
        if state.now - due > Engine.tolerance {
            catchUp(id, from: time, policy: record.specification.catchUp)
        } else {
            #if EngineFaults
            if EngineFault.secondRun.isOn { runDue(id, at: time) }
            #endif
            timeHasCome(time, of: id)
            plan(id, after: time)
        }
        completeIfDone(id)
    }

    /// Sees to runs whose times have passed while nobody was there, and goes on from now.
    private mutating func catchUp(_ id: ScheduleID, from first: Instant, policy: CatchUpPolicy) {
        guard let record: ScheduleRecord = state.schedules[id] else { return }
        var times: [Instant] = [first]
        while times.count < Engine.countedRuns, let time: Instant = nextTime(of: record, after: times[times.count - 1]),
            time <= state.now
        { times.append(time) }
        let chosen: Int =
            switch policy {
            case .skip: 0
            case .once: 1
            case .all: min(times.count, configuration.limits.caughtUpRuns)
            }
        for time: Instant in times.prefix(chosen) { timeHasCome(time, of: id) }
        let missed: Int = times.count - chosen
        state.schedules.update(id) { $0.missed += missed }
        plan(id, after: state.now)
        if missed > 0 { emitSchedule("schedule_missed", id) }
    }

    // MARK: Running

    /// Starts a run, lets it wait, or leaves it out, as earlier ones allow.
    mutating func runDue(_ id: ScheduleID, at time: Instant) {
        guard let record: ScheduleRecord = state.schedules[id] else { return }
        if let maximum: Int = record.specification.maximumRuns, record.runs + record.waiting.count >= maximum { return }
        #if EngineFaults
        if EngineFault.ignoredOverlap.isOn { return startRun(id, at: time) }
        #endif
        guard !record.active.isEmpty else { return startRun(id, at: time) }
        switch record.specification.overlap {
        case .allow:
            startRun(id, at: time)
        case .skip:
            leaveOut(id)
        case .queue, .cancel:
            guard record.waiting.count < configuration.limits.waitingRuns else { return leaveOut(id) }
            state.schedules.update(id) { $0.waiting.append(time) }
            guard record.specification.overlap == .cancel else { return }
            for run: ScheduleRun in record.active { cancelRun(run) }
        }
    }

    private mutating func leaveOut(_ id: ScheduleID) {
        state.schedules.update(id) { $0.skipped += 1 }
        emitSchedule("schedule_skipped", id)
    }

    private mutating func cancelRun(_ run: ScheduleRun) {
        let reason: String = "The next run of its schedule is due"
        do throws(Rejection) {
            switch run {
            case .task(let id): _ = try cancelTask(id, reason: reason, by: .system)
            case .execution(let id): _ = try cancelExecution(id, reason: reason, by: .system)
            }
        } catch {
            // It has ended by itself; the run that waits for it hears of that.
        }
    }

    /// Makes what a run starts, in the name of the schedule's owner.
    private mutating func startRun(_ id: ScheduleID, at time: Instant) {
        guard let record: ScheduleRecord = state.schedules[id] else { return }
        do throws(Rejection) {
            let (run, isLive): (ScheduleRun, Bool) = try start(record, at: time)
            let now: Instant = state.now
            let isTracked: Bool = record.specification.overlap != .allow && isLive
            state.schedules.update(id) { $0.noteRun(run, of: time, isTracked: isTracked, at: now) }
            if isTracked { state.scheduleRuns[run] = id }
            emitSchedule("schedule_fired", id, run: run, time: time)
        } catch {
            let reason: String = error.summary
            let now: Instant = state.now
            state.schedules.update(id) { (record: inout ScheduleRecord) in
                record.error = reason
                record.updatedAt = now
            }
            emitSchedule("schedule_failed", id, time: time)
        }
    }

    /// Starts it; says whether it goes on.
    ///
    /// It can end at once, where nothing lets it run or there is nothing to wait for.
    private mutating func start(
        _ record: ScheduleRecord, at time: Instant
    ) throws(Rejection) -> (run: ScheduleRun, isLive: Bool) {
        let owner: Principal = principal(ofRunsOf: record)
        switch record.specification.target {
        case .task(let template):
            let specification: TaskSpecification = task(from: template, of: record, at: time)
            guard case .task(let task) = try createTask(specification, id: nil, idempotency: nil, by: owner) else {
                preconditionFailure("a created task is answered with the task")
            }
            return (.task(task.id), state.tasks[task.id] != nil)
        case .execution(let wanted):
            let execution: ExecutionSnapshot = try execute(
                wanted.workflow, parameters: wanted.parameters, overrides: wanted.overrides, budget: wanted.budget,
                for: ScheduledRun(schedule: record.id, time: time), by: owner)
            return (.execution(execution.record.id), !execution.record.status.isTerminal)
        }
    }

    /// Refuses where nothing could be started now.
    mutating func requireStart(of record: ScheduleRecord) throws(Rejection) {
        switch record.specification.target {
        case .task(let template): try requireRoom(forTaskOf: task(from: template, of: record, at: state.now).weight)
        case .execution(let wanted):
            let limit: Int = configuration.limits.executions
            guard state.flows.executions.count < limit else { throw .limitReached("executions", limit: limit) }
            _ = try checkExecution(of: wanted, by: principal(ofRunsOf: record))
        }
    }

    /// In whose name runs start something, and with which permissions.
    private func principal(ofRunsOf record: ScheduleRecord) -> Principal {
        var permissions: Permissions = .tasksCreate
        if case .execution = record.specification.target { permissions.formUnion(.workflowsExecute) }
        return Principal(
            subject: record.owner, permissions: permissions, projects: record.project.map { [$0] } ?? [],
            team: record.team)
    }

    /// What a run of a schedule is to do.
    private func task(
        from template: TaskSpecification, of record: ScheduleRecord, at time: Instant
    ) -> TaskSpecification {
        var task: TaskSpecification = template
        task.metadata = metadata(of: template, record.id, time)
        return task
    }

    /// What the task of a run is told about it, beside what its template says.
    private func metadata(of template: TaskSpecification, _ id: ScheduleID, _ time: Instant) -> JSONText {
        var writer = JSONWriter(reservingCapacity: 128)
        writer.beginObject()
        if let given: JSONObject = template.metadata.value().objectValue {
            for member: JSONObject.Member in given.members { writer.member(member.key, member.value) }
        }
        writer.member("scheduleId", id.rawValue)
        writer.member("scheduledFor", timestamp: time.milliseconds)
        writer.endObject()
        return writer.takeText()
    }

    /// Hears that something has ended that may belong to a run: the next one that waits may begin.
    mutating func scheduleRunEnded(_ run: ScheduleRun) {
        guard let id: ScheduleID = state.scheduleRuns.removeValue(forKey: run) else { return }
        state.schedules.update(id) { $0.active.removeAll { $0 == run } }
        endedRuns.append(id)
    }

    /// Starts what waited for runs that ended in this command; comes at its end, when their agents are free.
    mutating func startWaitingRuns() {
        while let id: ScheduleID = endedRuns.popLast() {
            // A run may end as it starts, or not start at all: then it is the turn of the next.
            while let record: ScheduleRecord = state.schedules[id], record.status == .active, record.active.isEmpty,
                let time: Instant = record.waiting.first, !state.isDraining
            {
                state.schedules.update(id) { _ = $0.waiting.removeFirst() }
                startRun(id, at: time)
            }
            completeIfDone(id)
        }
    }

    // MARK: Ends

    /// Ends a schedule that has nothing left to do.
    mutating func completeIfDone(_ id: ScheduleID) {
        guard let record: ScheduleRecord = state.schedules[id], record.status == .active, record.nextRun == nil,
            record.waiting.isEmpty, record.active.isEmpty
        else { return }
        endSchedule(id, as: .completed)
        emitSchedule("schedule_completed", id)
    }

    mutating func endSchedule(_ id: ScheduleID, as status: ScheduleStatus) {
        dropRunTimer(of: id)
        forgetActiveRuns(of: id)
        state.timetables[id] = nil
        let now: Instant = state.now
        state.schedules.update(id) { $0.end(as: status, at: now) }
    }

    /// Runs of it may overlap from now on, or do not matter any more.
    mutating func forgetActiveRuns(of id: ScheduleID) {
        for run: ScheduleRun in state.schedules[id]?.active ?? [] { state.scheduleRuns[run] = nil }
        state.schedules.update(id) { $0.active = [] }
    }

    private mutating func pauseForError(_ id: ScheduleID, _ reason: String) {
        let now: Instant = state.now
        state.schedules.update(id) { (record: inout ScheduleRecord) in
            record.pause(at: now)
            record.error = reason
        }
        emitSchedule("schedule_paused", id)
    }

    // MARK: Recovery

    /// Takes over the stored schedules.
    mutating func loadSchedules(_ records: [ScheduleRecord], lastNumber: UInt64) {
        state.schedules.load(records, lastNumber: lastNumber)
        for record: ScheduleRecord in records {
            for run: ScheduleRun in record.active { state.scheduleRuns[run] = record.id }
            do throws(Rejection) {
                state.timetables[record.id] = try timetable(of: record)
            } catch {
                // Found out again, and said, when its next run is due.
            }
            if record.status == .active, let due: Instant = record.nextDue {
                setRunTimer(of: record.id, at: due)
            }
        }
    }

    /// Has runs begin that waited for one that ended as the server did, and times come that a wrong clock had left out.
    mutating func recoverSchedules() {
        for record: ScheduleRecord in state.schedules.live {
            if record.active.isEmpty, !record.waiting.isEmpty { endedRuns.append(record.id) }
            // Only where the clock has been set back is there a time before the planned one.
            guard record.status == .active, let planned: Instant = record.nextRun, planned > state.now,
                let next: Instant = nextTime(of: record, after: state.now), next < planned
            else { continue }
            plan(record.id, after: state.now)
            emitSchedule("schedule_updated", record.id)
        }
    }

    // MARK: Events

    func scheduleData(_ record: ScheduleRecord, run: ScheduleRun?, time: Instant?) -> JSONText {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.member("scheduleId", record.id.rawValue)
        writer.member("name", record.specification.name)
        writer.member("status", record.status.name)
        switch run {
        case .task(let task)?: writer.member("taskId", task.rawValue)
        case .execution(let execution)?: writer.member("executionId", execution.rawValue)
        case nil: break
        }
        if let time { writer.member("scheduledFor", timestamp: time.milliseconds) }
        if let next: Instant = record.nextRun { writer.member("nextRun", timestamp: next.milliseconds) }
        writer.member("runs", record.runs)
        if let error: String = record.error { writer.member("error", error) }
        writer.endObject()
        return writer.takeText()
    }

    mutating func emitSchedule(_ type: String, _ id: ScheduleID, run: ScheduleRun? = nil, time: Instant? = nil) {
        guard let record: ScheduleRecord = state.schedules[id] else { return }
        emit(.system(SystemEvent(type: type, data: scheduleData(record, run: run, time: time))))
    }
}

extension ScheduleRecord {
    mutating func pause(at now: Instant) {
        status = .paused
        nextRun = nil
        nextDue = nil
        waiting = []
        updatedAt = now
    }

    mutating func end(as status: ScheduleStatus, at now: Instant) {
        self.status = status
        nextRun = nil
        nextDue = nil
        waiting = []
        updatedAt = now
        endedAt = now
    }

    mutating func noteRun(_ run: ScheduleRun, of time: Instant, isTracked: Bool, at now: Instant) {
        runs += 1
        lastRun = time
        newest = run
        error = nil
        if isTracked { active.append(run) }
        updatedAt = now
    }
}

extension Rejection {
    /// The refusal in a line, for records, events and logs.
    package var summary: String {
        switch self {
        case .invalid(let issue): "\(issue.field) \(issue.value): must be \(issue.expected)"
        case .forbidden(let permission): "missing permission \(permission.name)"
        case .denied(let reason): reason
        case .notFound(let entity, let id): "no \(entity.rawValue) has the id \(id)"
        case .conflict(_, let message): message
        case .exhausted(let shortage): shortage.message
        case .limitReached(let name, let limit): "the limit of \(limit) \(name) is reached"
        case .unavailable(let reason), .diskFull(let reason): reason
        }
    }
}
