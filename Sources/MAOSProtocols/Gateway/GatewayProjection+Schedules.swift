internal import MAOSCore

extension GatewayProjection {
    /// Writes a whole schedule.
    func write(_ schedule: ScheduleRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", schedule.id.rawValue)
        writer.member("name", schedule.specification.name)
        writer.member("status", schedule.status.name)
        GatewayProjection.writeTiming(schedule.specification, to: &writer)
        writer.member("jitter", schedule.specification.jitter.count)
        writer.member("catchUp", schedule.specification.catchUp.name)
        writer.member("overlap", schedule.specification.overlap.name)
        switch schedule.specification.target {
        case .task(let task):
            writer.key("task")
            GatewayProjection.writeTemplate(task, to: &writer)
        case .execution(let execution):
            writer.beginObject("execution")
            writer.member("workflowId", execution.workflow.rawValue)
            writer.member("parameters", execution.parameters)
            writer.beginArray("overrides")
            for override: WorkflowOverride in execution.overrides {
                writer.beginObject()
                writer.member("stepId", override.step)
                writer.member("configuration", override.configuration)
                writer.endObject()
            }
            writer.endArray()
            if !execution.budget.isEmpty {
                writer.key("budget")
                GatewayProjection.write(execution.budget, to: &writer)
            }
            writer.endObject()
        }
        writer.memberIfPresent("project", schedule.project)
        writer.member("owner", schedule.owner)
        writer.member("runs", schedule.runs)
        writer.member("skippedRuns", schedule.skipped)
        writer.member("missedRuns", schedule.missed)
        writer.member("waitingRuns", schedule.waiting.count)
        writer.memberIfPresent("nextRun", timestamp: schedule.nextRun?.milliseconds)
        if schedule.nextDue != schedule.nextRun {
            writer.memberIfPresent("nextStart", timestamp: schedule.nextDue?.milliseconds)
        }
        if let next: Instant = schedule.nextRun, let rules = rules(of: schedule.specification.timeZone) {
            writer.member("nextRunLocal", GatewayProjection.local(next, rules))
        }
        writer.memberIfPresent("lastRun", timestamp: schedule.lastRun?.milliseconds)
        let isTask: Bool = if case .task = schedule.specification.target { true } else { false }
        writer.memberIfPresent(isTask ? "lastTaskId" : "lastExecutionId", schedule.newest?.id)
        if !schedule.active.isEmpty {
            writer.member(isTask ? "activeTaskIds" : "activeExecutionIds", schedule.active.map(\.id))
        }
        writer.memberIfPresent("error", schedule.error)
        writer.member("createdAt", timestamp: schedule.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: schedule.updatedAt.milliseconds)
        writer.memberIfPresent("endedAt", timestamp: schedule.endedAt?.milliseconds)
        writer.endObject()
    }

    /// Writes when something runs, in the members that a request has.
    private static func writeTiming(_ specification: ScheduleSpecification, to writer: inout JSONWriter) {
        switch specification.recurrence {
        case .instant(let instant): writer.member("at", timestamp: instant.milliseconds)
        case .local(let local): writer.member("at", local.description)
        case .cron(let expression): writer.member("cron", expression.description)
        case .daily(let every, let time):
            writer.beginObject("recurrence")
            writer.member("interval", "daily")
            writer.member("every", every)
            writer.member("time", time.description)
            writer.endObject()
        case .weekly(let every, let days, let time):
            writer.beginObject("recurrence")
            writer.member("interval", "weekly")
            writer.member("every", every)
            writer.member("days", Weekday.allCases.filter { days.contains($0) }.map(\.name))
            writer.member("time", time.description)
            writer.endObject()
        case .monthly(let every, let day, let time):
            writer.beginObject("recurrence")
            writer.member("interval", "monthly")
            writer.member("every", every)
            switch day {
            case .day(let number): writer.member("dayOfMonth", number)
            case .last: writer.member("dayOfMonth", "last")
            }
            writer.member("time", time.description)
            writer.endObject()
        }
        writer.member("timeZone", specification.timeZone)
        writer.memberIfPresent("startTime", timestamp: specification.start?.milliseconds)
        writer.memberIfPresent("endTime", timestamp: specification.end?.milliseconds)
        writer.memberIfPresent("maxRuns", specification.maximumRuns)
        writer.memberIfPresent("gap", specification.gap?.name)
        writer.memberIfPresent("repeated", specification.repeated?.name)
    }

    /// Writes what each run makes, but for values of environment variables, which may be secret.
    private static func writeTemplate(_ task: TaskSpecification, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", GatewayVocabulary.name(of: task.kind))
        writer.member("description", task.description)
        writer.member("priority", task.priority.name)
        writer.member("requirements", task.requirements)
        writer.member("constraints", task.constraints)
        writer.memberIfPresent("timeout", task.timeout?.count)
        writer.beginObject("retryPolicy")
        writer.member("maxAttempts", task.retryPolicy.maximumAttempts)
        writer.member("backoffMs", task.retryPolicy.backoff.count)
        writer.member("factor", task.retryPolicy.factor)
        writer.endObject()
        writeRun(of: task, to: &writer)
        writer.beginObject("context")
        if let own: JSONObject = task.context.value().objectValue {
            for member: JSONObject.Member in own.members { writer.member(member.key, member.value) }
        }
        writer.memberIfPresent("concurrencyKey", task.concurrencyKey)
        writer.memberIfPresent("project", task.project)
        writeRun(of: task, to: &writer)
        writer.endObject()
        if !task.budget.isEmpty {
            writer.key("budget")
            write(task.budget, to: &writer)
        }
        writer.endObject()
    }

    private static func writeRun(of task: TaskSpecification, to writer: inout JSONWriter) {
        switch task.command {
        case .shell(let line): writer.member("command", line)
        case .arguments(let words): writer.member("command", words)
        case nil: break
        }
        writer.memberIfPresent("workingDirectory", task.workingDirectory)
        if !task.environment.isEmpty { writer.member("environmentNames", task.environment.keys.sorted()) }
    }

    /// Writes the next runs in local time and UTC.
    ///
    /// - Parameters:
    ///   - times: The runs.
    ///   - specification: Whose runs they are.
    ///   - rules: The rules of its zone.
    ///   - writer: Where to write.
    func writePreview(
        _ times: [Instant], of specification: ScheduleSpecification, _ rules: TimeZoneRules, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.member("timeZone", specification.timeZone)
        writer.beginArray("runs")
        for time: Instant in times {
            let offset: ZoneOffset = rules.offset(at: GatewayProjection.seconds(time))
            writer.beginObject()
            writer.member("utc", timestamp: time.milliseconds)
            writer.member("local", GatewayProjection.local(time, rules))
            writer.member("abbreviation", offset.abbreviation)
            writer.member("isDaylightSaving", offset.isDaylightSaving)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    /// The rules of a zone; `nil` where they are not known.
    private func rules(of zone: String) -> TimeZoneRules? {
        do throws(TimeZoneError) { return try configuration.timeZones.rules(named: zone) } catch { return nil }
    }

    private static func seconds(_ instant: Instant) -> Int64 {
        instant.milliseconds / 1_000 - (instant.milliseconds % 1_000 < 0 ? 1 : 0)
    }

    /// `2026-03-29T03:00:00+02:00`.
    private static func local(_ instant: Instant, _ rules: TimeZoneRules) -> String {
        let offset: ZoneOffset = rules.offset(at: seconds(instant))
        return rules.local(at: seconds(instant)).description + offset.description
    }
}
