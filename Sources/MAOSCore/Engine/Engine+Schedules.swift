/// What clients may ask of schedules.
extension Engine {
    mutating func apply(_ command: ScheduleCommand, by principal: Principal) throws(Rejection) -> Reply {
        switch command {
        case .create(let specification): try createSchedule(specification, by: principal)
        case .replace(let id, let specification): try replaceSchedule(id, specification, by: principal)
        case .pause(let id): try pauseSchedule(id, by: principal)
        case .resume(let id): try resumeSchedule(id, by: principal)
        case .run(let id): try runSchedule(id, by: principal)
        case .delete(let id): try deleteSchedule(id, by: principal)
        }
    }

    private mutating func createSchedule(
        _ wanted: ScheduleSpecification, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksCreate)
        try requireWholeReach(principal, for: .tasksCreate)
        let limit: Int = configuration.limits.schedules
        guard state.schedules.liveCount < limit else { throw .limitReached("schedules", limit: limit) }
        let specification: ScheduleSpecification = try inProject(wanted, by: principal)
        let timetable: Timetable = try checked(specification, createdAt: state.now)
        let id = ScheduleID(unchecked: IdentifierMaker.make(at: state.now, random: &random).text)
        state.schedules.insert(
            ScheduleRecord(
                id: id, number: state.schedules.makeNumber(), specification: specification, owner: principal.subject,
                team: principal.team, createdAt: state.now))
        state.timetables[id] = timetable
        plan(id, after: Instant(milliseconds: state.now.milliseconds - 1))
        emitSchedule("schedule_created", id)
        return try reply(with: id)
    }

    private mutating func replaceSchedule(
        _ id: ScheduleID, _ wanted: ScheduleSpecification, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let record: ScheduleRecord = try liveSchedule(id, by: principal)
        let specification: ScheduleSpecification = try inProject(wanted, by: principal)
        let timetable: Timetable = try checked(specification, createdAt: record.createdAt)
        if let maximum: Int = specification.maximumRuns, maximum <= record.runs {
            throw refusal("maxRuns", "\(maximum)", expected: "more than the \(record.runs) runs that it has had")
        }
        state.timetables[id] = timetable
        let isOfOneKind: Bool = specification.target.isOfOneKind(with: record.specification.target)
        if specification.overlap == .allow || !isOfOneKind { forgetActiveRuns(of: id) }
        state.schedules.update(id) { (record: inout ScheduleRecord) in
            record.specification = specification
            record.waiting = []
            record.error = nil
            if !isOfOneKind { record.newest = nil }
        }
        if record.status == .active { plan(id, after: state.now) }
        emitSchedule("schedule_updated", id)
        completeIfDone(id)
        return try reply(with: id)
    }

    private mutating func pauseSchedule(_ id: ScheduleID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let record: ScheduleRecord = try liveSchedule(id, by: principal)
        guard record.status != .paused else { return .schedule(record) }
        dropRunTimer(of: id)
        let now: Instant = state.now
        state.schedules.update(id) { $0.pause(at: now) }
        emitSchedule("schedule_paused", id)
        return try reply(with: id)
    }

    private mutating func resumeSchedule(_ id: ScheduleID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let record: ScheduleRecord = try liveSchedule(id, by: principal)
        guard record.status == .paused else {
            throw .conflict(reason: "not_paused", message: "Schedule \(id) is \(record.status.name), not paused")
        }
        // What it failed for may have been mended in the meantime.
        state.timetables[id] = try timetable(of: record)
        state.schedules.update(id) { (record: inout ScheduleRecord) in
            record.status = .active
            record.error = nil
        }
        plan(id, after: state.now)
        emitSchedule("schedule_resumed", id)
        completeIfDone(id)
        return try reply(with: id)
    }

    private mutating func runSchedule(_ id: ScheduleID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let record: ScheduleRecord = try liveSchedule(id, by: principal)
        if record.specification.overlap == .skip, !record.active.isEmpty {
            throw .conflict(reason: "overlap", message: "The last run of schedule \(id) has not ended")
        }
        let waits: Bool = record.specification.overlap != .allow && !record.active.isEmpty
        if waits, record.status == .paused {
            throw .conflict(reason: "paused", message: "Schedule \(id) is paused, and its last run has not ended")
        }
        if !waits { try requireStart(of: record) }
        if let maximum: Int = record.specification.maximumRuns, record.runs + record.waiting.count >= maximum {
            throw .conflict(reason: "max_runs", message: "Schedule \(id) has had all of its \(maximum) runs")
        }
        if record.waiting.count >= configuration.limits.waitingRuns {
            throw .limitReached("waiting runs", limit: configuration.limits.waitingRuns)
        }
        let before: Int = record.runs
        runDue(id, at: state.now)
        let after: ScheduleRecord? = state.schedules[id]
        if let after, after.runs == before, after.waiting.count == record.waiting.count {
            throw .unavailable(after.error ?? "The run could not be started")
        }
        // The last run that it may have leaves no time to wait for.
        if let after, after.nextRun != nil, after.specification.maximumRuns == after.runs + after.waiting.count {
            plan(id, after: state.now)
        }
        completeIfDone(id)
        return try reply(with: id)
    }

    private mutating func deleteSchedule(_ id: ScheduleID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksCancel)
        _ = try liveSchedule(id, by: principal)
        endSchedule(id, as: .deleted)
        emitSchedule("schedule_deleted", id)
        return try reply(with: id)
    }

    // MARK: Shared

    private func reply(with id: ScheduleID) throws(Rejection) -> Reply {
        guard let record: ScheduleRecord = state.schedules[id] else { throw .notFound(.schedule, id: id.rawValue) }
        return .schedule(record)
    }

    /// A schedule that has not ended, in the principal's reach.
    private func liveSchedule(_ id: ScheduleID, by principal: Principal) throws(Rejection) -> ScheduleRecord {
        guard let record: ScheduleRecord = state.schedules[id], principal.task == nil,
            principal.reaches(project: record.project)
        else { throw .notFound(.schedule, id: id.rawValue) }
        guard record.endedAt == nil else {
            throw .conflict(
                reason: record.status.name, message: "Schedule \(id) has already ended: \(record.status.name)")
        }
        return record
    }

    /// What it starts belongs to the project that the principal may use.
    private mutating func inProject(
        _ wanted: ScheduleSpecification, by principal: Principal
    ) throws(Rejection) -> ScheduleSpecification {
        var specification: ScheduleSpecification = wanted
        switch wanted.target {
        case .task(var task):
            task.project = projectOfNewTask(task.project, by: principal)
            specification.target = .task(task)
        case .execution(var execution):
            try principal.require(.workflowsExecute)
            try validate(execution.budget)
            execution.project = try checkExecution(of: execution, by: principal)
            specification.target = .execution(execution)
        }
        return specification
    }

    /// The timetable of a specification, once everything about it has been found right.
    private func checked(
        _ specification: ScheduleSpecification, createdAt: Instant
    ) throws(Rejection) -> Timetable {
        try validate(specification)
        let start: Instant = specification.start ?? createdAt
        let timetable = Timetable(
            specification.recurrence, zone: try zone(specification.timeZone), start: start, end: specification.end,
            gap: specification.gap, repeated: specification.repeated)
        guard timetable.next(after: Instant(milliseconds: state.now.milliseconds - 1)) == nil else { return timetable }
        switch specification.recurrence {
        case .instant(let instant):
            throw refusal(
                "at", ISO8601.string(milliseconds: instant.milliseconds), expected: futureTimes(specification))
        case .local(let local):
            throw refusal("at", local.description, expected: futureTimes(specification))
        case .daily, .weekly, .monthly, .cron:
            let end: String = specification.end.map { ISO8601.string(milliseconds: $0.milliseconds) } ?? "none"
            throw refusal("endTime", end, expected: "a time after the first run")
        }
    }

    private func futureTimes(_ specification: ScheduleSpecification) -> String {
        let now: String = ISO8601.string(milliseconds: state.now.milliseconds)
        let bounds: String =
            specification.start == nil && specification.end == nil ? "" : " between startTime and endTime"
        return "a time in the future\(bounds) that exists in \(specification.timeZone); it is \(now)"
    }

    /// The rules of a zone.
    func zone(_ name: String) throws(Rejection) -> TimeZoneRules {
        do throws(TimeZoneError) {
            return try configuration.timeZones.rules(named: name)
        } catch .unknown {
            throw refusal("timeZone", name, expected: "the name of an IANA time zone such as Europe/Berlin")
        } catch {
            throw .unavailable(error.description)
        }
    }

    func timetable(of record: ScheduleRecord) throws(Rejection) -> Timetable {
        Timetable(
            record.specification.recurrence, zone: try zone(record.specification.timeZone), start: record.start,
            end: record.specification.end, gap: record.specification.gap, repeated: record.specification.repeated)
    }

    private func validate(_ specification: ScheduleSpecification) throws(Rejection) {
        try check("name", length: specification.name, in: 0...200)
        try check("jitter", specification.jitter, in: 0...(.seconds(86_400)))
        if let maximum: Int = specification.maximumRuns { try check("maxRuns", maximum, in: 1...1_000_000) }
        switch specification.recurrence {
        case .instant, .local, .cron: break
        case .daily(let every, _):
            try check("recurrence.every", every, in: Recurrence.intervals)
        case .weekly(let every, let days, _):
            try check("recurrence.every", every, in: Recurrence.intervals)
            guard !days.isEmpty else { throw refusal("recurrence.days", "[]", expected: "at least one weekday") }
        case .monthly(let every, let day, _):
            try check("recurrence.every", every, in: Recurrence.intervals)
            if case .day(let number) = day { try check("recurrence.dayOfMonth", number, in: 1...31) }
        }
        if let end: Instant = specification.end {
            let text: String = ISO8601.string(milliseconds: end.milliseconds)
            if let start: Instant = specification.start, end < start {
                throw refusal("endTime", text, expected: "a time after startTime")
            }
            guard end > state.now else { throw refusal("endTime", text, expected: "a time in the future") }
        }
        switch specification.target {
        case .task(let task): try validate(template: task)
        case .execution: break
        }
    }

    /// A template is used again and again, so nothing in it may be of one time only.
    private func validate(template task: TaskSpecification) throws(Rejection) {
        do throws(Rejection) {
            try validate(task)
        } catch .invalid(let issue) {
            throw .invalid(issue.within("task"))
        }
        var issues: [Rejection.Issue] = []
        func refuse(_ field: String, _ value: String, expected: String) {
            issues.append(Rejection.Issue(field: field, value: value, expected: expected))
        }
        if let agent: AgentID = task.agent {
            refuse("task.agent", agent.rawValue, expected: "none: an agent may end before the next run")
        }
        if task.schedule != nil { refuse("task.schedule", "", expected: "none: the schedule itself says when") }
        if !task.dependencies.isEmpty {
            refuse(
                "task.dependencies", "\(task.dependencies.count) entries",
                expected: "none: a task that is made again and again cannot wait for one that ends once")
        }
        if let deadline: Instant = task.deadline {
            refuse(
                "task.deadline", ISO8601.string(milliseconds: deadline.milliseconds),
                expected: "none: a timeout limits each run")
        }
        if let rejection = Rejection(issues: issues) { throw rejection }
    }
}
