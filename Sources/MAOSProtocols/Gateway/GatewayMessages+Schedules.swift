package import MAOSCore

extension GatewayMessages {
    /// The task that each run of a schedule makes; what is left out has its default.
    package static let taskTemplate = MessageSchema(
        "TaskTemplate", createTask.fields.map { .optional($0.name, $0.constraint, $0.summary) })

    /// The execution that each run of a schedule begins.
    package static let scheduledExecution = MessageSchema(
        "ScheduledExecution",
        [.required("workflowId", .string(1...100, .identifier), "The workflow; its newest version at that time.")]
            + executeWorkflow.fields)

    /// What comes back every so many days, weeks or months.
    package static let recurrence = MessageSchema(
        "Recurrence",
        [
            .required("interval", .enumeration(["daily", "weekly", "monthly"]), "What is counted."),
            .optional("every", .integer(Recurrence.intervals), "Every so many of them; 1 by default."),
            .required("time", .string(5...8, .timeOfDay), "The time of day, on the clocks of the zone."),
            .optional(
                "days", .array(of: .enumeration(Weekday.allCases.map(\.name)), count: 1...7),
                "On which weekdays; for weekly."),
            .optional(
                "dayOfMonth", .either([.integer(1...31), .enumeration(["last"])]),
                "On which day, or the last; a month that is too short has it on its last day; for monthly."),
        ])

    /// The members that say when something runs.
    private static let timing: [Field] = [
        .optional(
            "at", .string(16...64, .instantOrLocal), "Once: a time in UTC, or without Z a local time of the zone."),
        .optional("cron", .string(1...200), "Five fields: minute, hour, day of month, month, day of week."),
        .optional("recurrence", .object(recurrence), "Every so many days, weeks or months."),
        .optional("timeZone", .string(1...100), "The zone whose clocks are meant, by its IANA name; UTC by default."),
        .optional("startTime", .string(20...64, .timestamp), "Nothing runs before; intervals are counted from it."),
        .optional("endTime", .string(20...64, .timestamp), "Nothing runs after."),
        .optional("maxRuns", .integer(1...1_000_000), "It has completed after so many runs."),
        .optional(
            "gap", .enumeration(["run", "skip"]), "For local times that clocks jump over: at the jump, or never."),
        .optional(
            "repeated", .enumeration(["first", "last", "both"]), "For local times that clocks show twice: which."),
    ]

    /// The body of `POST /api/v1/schedules` and `PUT /api/v1/schedules/{id}`.
    package static let schedule = MessageSchema(
        "ScheduleRequest",
        [
            .optional("name", .string(0...200), "For people."),
            .optional("task", .object(taskTemplate), "The task that each run makes."),
            .optional(
                "execution", .object(scheduledExecution), "The execution that each run begins, in place of a task."),
        ] + timing + [
            .optional(
                "jitter", .integer(0...86_400_000), "Each run is late by a random time up to this, in milliseconds."),
            .optional(
                "catchUp", .enumeration(CatchUpPolicy.allCases.map(\.name)),
                "What becomes of runs that were missed while no server was there; skip by default."),
            .optional(
                "overlap", .enumeration(OverlapPolicy.allCases.map(\.name)),
                "What becomes of a run while an earlier one has not ended; allow by default."),
        ])

    /// The body of `POST /api/v1/schedules/preview`.
    package static let schedulePreview = MessageSchema(
        "SchedulePreviewRequest",
        timing + [
            .optional("count", .integer(1...1_000), "How many runs, where the query does not say; 10 by default."),
            .optional(
                "after", .string(20...64, .timestamp),
                "Runs after this time, where the query does not say; now by default."),
        ])

    /// Reads the body of a creation or replacement.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeSchedule(_ body: [UInt8]) throws(GatewayFailure) -> ScheduleSpecification {
        let object: JSONObject = try decode(body, schedule)
        let name: String = object["name"]?.stringValue ?? ""
        var specification: ScheduleSpecification = try timing(object, target: try target(object, name: name))
        specification.name = name
        if let jitter: Int = object["jitter"]?.intValue { specification.jitter = Milliseconds(Int64(jitter)) }
        if let policy = CatchUpPolicy.allCases.first(where: { $0.name == object["catchUp"]?.stringValue }) {
            specification.catchUp = policy
        }
        if let policy = OverlapPolicy.allCases.first(where: { $0.name == object["overlap"]?.stringValue }) {
            specification.overlap = policy
        }
        return specification
    }

    /// The one member of two that says what is started.
    private static func target(_ object: JSONObject, name: String) throws(GatewayFailure) -> ScheduleTarget {
        switch (object["task"], object["execution"]) {
        case (.object(let template)?, nil):
            var task: TaskSpecification = try taskSpecification(JSONDocument(.object(template)))
            if task.description.isEmpty { task.description = name.isEmpty ? "A scheduled run" : name }
            return .task(task)
        case (nil, .object(let execution)?):
            let id: String = execution["workflowId"]?.stringValue ?? ""
            guard let workflow = WorkflowID(id) else { throw .internalError }
            let (parameters, overrides) = executionInput(execution)
            return .execution(
                ScheduledExecution(
                    workflow: workflow, parameters: parameters, overrides: overrides,
                    budget: budget(execution["budget"])))
        default:
            throw .invalid([
                ValidationIssue(
                    path: [], code: .required, message: "must have exactly one of task, execution",
                    expected: "exactly one of task, execution")
            ])
        }
    }

    /// Reads the body of a preview: a specification that starts nothing.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeSchedulePreview(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> (specification: ScheduleSpecification, count: Int?, after: Instant?) {
        let object: JSONObject = try decode(body, schedulePreview)
        let specification: ScheduleSpecification = try timing(
            object, target: .task(TaskSpecification(kind: .code, description: "preview")))
        return (specification, object["count"]?.intValue, instant(object["after"]))
    }

    private static func timing(
        _ object: JSONObject, target: ScheduleTarget
    ) throws(GatewayFailure) -> ScheduleSpecification {
        var specification = ScheduleSpecification(recurrence: try recurrence(object), target: target)
        if let zone: String = object["timeZone"]?.stringValue { specification.timeZone = zone }
        specification.start = instant(object["startTime"])
        specification.end = instant(object["endTime"])
        specification.maximumRuns = object["maxRuns"]?.intValue
        switch object["gap"]?.stringValue {
        case "run"?: specification.gap = .run
        case "skip"?: specification.gap = .skip
        default: break
        }
        switch object["repeated"]?.stringValue {
        case "first"?: specification.repeated = .first
        case "last"?: specification.repeated = .last
        case "both"?: specification.repeated = .both
        default: break
        }
        return specification
    }

    private static func instant(_ value: JSONValue?) -> Instant? {
        value?.stringValue.flatMap { ISO8601.parse($0) }.map { Instant(milliseconds: $0) }
    }

    /// The one member of three that says when.
    private static func recurrence(_ object: JSONObject) throws(GatewayFailure) -> Recurrence {
        let kinds: [String] = ["at", "cron", "recurrence"]
        guard kinds.count(where: { object[$0] != nil }) == 1 else {
            throw .invalid([
                ValidationIssue(
                    path: [], code: .required, message: "must have exactly one of \(kinds.joined(separator: ", "))",
                    expected: "exactly one of \(kinds.joined(separator: ", "))")
            ])
        }
        if let text: String = object["at"]?.stringValue {
            if let local = LocalTime(text) { return .local(local) }
            guard let instant: Instant = instant(object["at"]) else { throw .internalError }
            return .instant(instant)
        }
        if let text: String = object["cron"]?.stringValue {
            do throws(CronExpression.Failure) {
                return .cron(try CronExpression(text))
            } catch {
                throw .invalid([
                    ValidationIssue(
                        path: [.key("cron")], code: .format,
                        message: error.field == "expression"
                            ? "must be \(error.expected)" : "must have for its \(error.field) \(error.expected)",
                        expected: error.field == "expression" ? error.expected : "\(error.field): \(error.expected)",
                        value: .string(error.value))
                ])
            }
        }
        return try interval(object["recurrence"] ?? .null)
    }

    private static func interval(_ value: JSONValue) throws(GatewayFailure) -> Recurrence {
        guard let time: TimeOfDay = value["time"]?.stringValue.flatMap({ TimeOfDay($0) }) else { throw .internalError }
        let every: Int = value["every"]?.intValue ?? 1
        let interval: String = value["interval"]?.stringValue ?? ""
        for (member, owner) in [("days", "weekly"), ("dayOfMonth", "monthly")] {
            guard (value[member] != nil) != (interval == owner) else { continue }
            let isMissing: Bool = interval == owner
            throw .invalid([
                ValidationIssue(
                    path: [.key("recurrence"), .key(member)], code: isMissing ? .required : .unacceptable,
                    message: isMissing ? "is required for \(owner)" : "is for \(owner) only",
                    expected: isMissing ? (member == "days" ? "array" : "integer or string") : "nothing for \(interval)"
                )
            ])
        }
        switch interval {
        case "weekly":
            let names: [String] = value["days"]?.arrayValue?.compactMap(\.stringValue) ?? []
            return .weekly(every: every, on: Set(names.compactMap { Weekday(name: $0) }), at: time)
        case "monthly":
            return .monthly(every: every, on: value["dayOfMonth"]?.intValue.map { .day($0) } ?? .last, at: time)
        default:
            return .daily(every: every, at: time)
        }
    }
}

extension TextFormat {
    /// `09:30` or `09:30:15`.
    static let timeOfDay = TextFormat(
        expected: "a time of day such as 09:30 or 09:30:15", example: "09:30",
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
    ) { TimeOfDay($0) != nil }

    /// A time in UTC, or a local time.
    static let instantOrLocal = TextFormat(
        expected: "a time in UTC such as 2030-01-31T08:00:00Z, or a local time such as 2030-01-31T09:00",
        example: "2030-01-31T08:00:00Z"
    ) { LocalTime($0) != nil || ISO8601.parse($0) != nil }
}
