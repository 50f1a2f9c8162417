/// What is true of schedules between any two commands.
extension EngineState {
    func checkSchedules(
        _ timers: [TimerReason: [Instant]], _ configuration: EngineConfiguration
    ) throws(BrokenInvariant) {
        let limits: EngineLimits = configuration.limits
        let records: [ScheduleRecord] = schedules.live
        try hold(records.count == schedules.liveCount, "live schedules are counted", "\(schedules.liveCount)")
        try hold(records.count <= limits.schedules, "schedules keep to their limit", "\(records.count)")
        var runs: Int = 0
        for record: ScheduleRecord in records {
            try check(record, timers, limits)
            runs += record.active.count
        }
        try hold(scheduleRuns.count == runs, "what runs have started is known by its schedule", "\(scheduleRuns.count)")
        try hold(
            timetables.count <= records.count, "only live schedules have a timetable", "\(timetables.count)")
    }

    private func check(
        _ record: ScheduleRecord, _ timers: [TimerReason: [Instant]], _ limits: EngineLimits
    ) throws(BrokenInvariant) {
        let id: ScheduleID = record.id
        try hold((record.nextRun == nil) == (record.nextDue == nil), "a next run has a time and begins", "\(id)")
        if let next: Instant = record.nextRun, let due: Instant = record.nextDue {
            try hold(record.status == .active, "only an active schedule has a next run", "\(id)")
            try hold(
                due >= next && (due - next) <= record.specification.jitter, "a run is late by no more than the jitter",
                "\(id)")
            if !isDraining {
                let set: [Instant] = runTimers[id].flatMap { timers[.scheduleRun(id, $0)] } ?? []
                try hold(set == [due], "one timer waits for each next run", "\(id): \(set.count)")
            }
        }
        if let maximum: Int = record.specification.maximumRuns {
            try hold(record.runs + record.waiting.count <= maximum, "runs keep to their maximum", "\(id)")
        }
        try hold(record.waiting.count <= limits.waitingRuns, "waiting runs keep to their limit", "\(id)")
        try hold(record.waiting.isEmpty || record.status == .active, "a paused schedule starts nothing", "\(id)")
        if !isDraining {
            try hold(record.waiting.isEmpty || !record.active.isEmpty, "a run waits for another", "\(id)")
        }
        let overlaps: Bool = record.specification.overlap == .allow
        try hold(!overlaps || record.active.isEmpty, "runs that may overlap are not followed", "\(id)")
        for run: ScheduleRun in record.active {
            let isLive: Bool =
                switch run {
                case .task(let task): tasks[task] != nil
                case .execution(let execution): flows.executions[execution]?.record.status.isTerminal == false
                }
            try hold(isLive, "what runs under way have started is live", "\(id): \(run.id)")
            try hold(scheduleRuns[run] == id, "what was started belongs to its run", "\(id): \(run.id)")
        }
    }
}
