package import MAOSCore

/// A task as a client wants it.
package struct OpenCodeTask: Sendable {
    /// The client's name for it.
    package var id: TaskID
    /// What the core is asked for.
    package var specification: TaskSpecification
    /// The client's `recurring`, to be sent back.
    package var recurring: JSONValue?
    /// Whether it says which files it is about.
    package var hasFilesPattern: Bool
}

/// Which tasks a client wants to see.
package struct OpenCodeTaskList: Sendable {
    /// What tasks have to be like; without anything, all tasks are.
    package var filter = OpenCodeTaskFilter()
    /// What they are sorted by.
    package var order = OpenCodeTaskOrder()
    /// How many, 1…1000.
    package var limit: Int = 50
    /// How many of the first are left out.
    package var offset: Int = 0

    /// The newest tasks.
    package init() {}
}

/// What a list of tasks is sorted by.
package struct OpenCodeTaskOrder: Sendable, Hashable {
    /// The members that lists can be sorted by.
    package enum Field: String, Sendable, CaseIterable {
        case createdAt = "created_at"
        case startedAt = "started_at"
        case completedAt = "completed_at"
        case priority
        case progress
        case status
        case type
        case id
    }

    /// The member.
    package var field = Field.createdAt
    /// Whether the least come first.
    package var isAscending = false

    /// The newest first.
    package init() {}
}

extension OpenCodeMessages {
    static let taskMetadata = MessageSchema(
        "TaskMetadata",
        [
            .optional(
                "estimated_duration", .number(0...Double.greatestFiniteMagnitude),
                "How long the client thinks it takes, in milliseconds."),
            .optional("complexity", .enumeration(["low", "medium", "high"]), "How hard the client thinks it is."),
            .optional("tags", .array(of: .string(1...50), count: 0...10), "Words, each once."),
            .optional("owner", .string(0...100), "Whose it is."),
            .optional("project", .string(0...100), "The project that it belongs to and counts against."),
            .optional("environment", .string(0...1_000), "Where it matters: dev, staging, prod."),
            .optional("command", .command, "What to run: program and arguments, or a line for /bin/sh."),
        ])

    static let recurringConfig = MessageSchema(
        "RecurringConfig",
        [
            .required("interval", .enumeration(["daily", "weekly", "monthly"]), "How often."),
            .optional("end_time", timestamp, "No run is later."),
            .optional("max_runs", .integer(1...1_000), "So many runs, with the first."),
            .optional("timezone", .string(1...100), "The zone whose clocks are meant, UTC by default."),
        ])

    static let task = MessageSchema(
        "Task",
        [
            .required("id", .string(0...Int.max, .openCodeTaskID), "Its name; unique."),
            .required("type", .enumeration(OpenCodeVocabulary.taskTypes), "The kind of work."),
            .required("priority", .enumeration(OpenCodeVocabulary.priorities), "How urgent it is."),
            .required("description", .string(1...1_000), "What is to be done."),
            .optional("files_pattern", .string(1...500, .filesPattern), "Which files it is about: a glob pattern."),
            .optional(
                "dependencies", .array(of: .string(0...Int.max, .openCodeTaskID), count: 0...20),
                "Tasks that have to be completed first, each once."),
            .optional(
                "timeout", .integer(1_000...86_400_000), "How long it may run, in milliseconds; 3600000 by default."),
            .optional("scheduled_time", timestamp, scheduledTime),
            .optional("recurring", .object(recurringConfig), "How it comes back."),
            .optional("metadata", .object(taskMetadata), "Whatever the client wants to keep with it."),
        ])

    private static let scheduledTime = "When it starts: a minute to a year from now."

    private static let scheduledTask = MessageSchema(
        "ScheduledTask",
        task.fields.map { (field: Field) in
            field.name == "scheduled_time" ? .required(field.name, timestamp, scheduledTime) : field
        })

    static let startTask = MessageSchema(
        "StartTask", [.required("task", .object(task), "The task; what only the server sets is ignored.")])

    static let scheduleTask = MessageSchema(
        "ScheduleTask", [.required("task", .object(scheduledTask), "The task, with scheduled_time.")])

    static let cancelTask = MessageSchema("CancelTask", [taskIDField])
    static let retryTask = MessageSchema("RetryTask", [taskIDField])
    static let getTaskStatus = MessageSchema("GetTaskStatus", [taskIDField])

    private static let taskIDField: Field = .required("task_id", .string(0...Int.max), "The task.")

    static let progressRange = MessageSchema(
        "ProgressRange", isClosed: true,
        [.optional("min", percentage, "At least."), .optional("max", percentage, "At most.")])

    static let taskFilter = MessageSchema(
        "TaskFilter", isClosed: true,
        [
            .optional("status", choice(OpenCodeVocabulary.taskStatuses), "Any of these."),
            .optional("type", choice(OpenCodeVocabulary.taskTypes), "Any of these."),
            .optional("priority", choice(OpenCodeVocabulary.priorities), "Any of these."),
            .optional("created_after", timestamp, "Created later than this."),
            .optional("created_before", timestamp, "Created earlier than this."),
            .optional("has_dependencies", .boolean, "Whether it depends on another task."),
            .optional("progress_range", .object(progressRange), "Its progress, both ends included."),
            .optional("description_contains", needle, "Text that its description holds, in any case."),
            .optional("files_pattern", needle, "Its own pattern is exactly this."),
        ])

    private static let taskSort = MessageSchema(
        "TaskSort", isClosed: true,
        [
            .optional(
                "field", .enumeration(OpenCodeTaskOrder.Field.allCases.map(\.rawValue)), "created_at by default."),
            .optional("order", order, "desc by default."),
        ])

    static let listTasks = MessageSchema(
        "ListTasks",
        [
            .optional("filter", .object(taskFilter), "What tasks have to be like; all of it."),
            .optional("sort", .object(taskSort), "What comes first."),
            .optional("limit", .integer(1...1_000), "How many; 50 by default."),
            .optional("offset", .integer(0...Int.max), "How many are left out at first."),
        ])

    // MARK: Tasks that are to be made

    static func decodeTask(
        _ message: JSONObject, _ schema: MessageSchema, at now: Instant
    ) throws(OpenCodeFailure) -> OpenCodeTask {
        try requireEssentials(message["task"])
        for issue: ValidationIssue in schema.issues(in: .object(message)) {
            guard issue.field == "task.scheduled_time", issue.code != .required else {
                throw failure(of: issue, in: schema.name)
            }
            throw schedule(
                "Scheduled time must be an ISO 8601 timestamp", issue.value ?? .null, at: now)
        }
        guard case .object(let object)? = message["task"], let text: String = object["id"]?.stringValue,
            let id = TaskID(text), let kind: TaskKind = object["type"]?.stringValue.flatMap({ TaskKind($0) })
        else { throw .invalid(.invalidTaskData, "task", "cannot be read", nil, expected: "a task") }
        for prefix: String in ["system_", "internal_"] where text.hasPrefix(prefix) {
            throw .invalid(
                .invalidFieldValue, "task.id", "must not begin with \(prefix)", .string(text),
                expected: "a name that does not begin with system_ or internal_")
        }
        var specification = TaskSpecification(kind: kind, description: object["description"]?.stringValue ?? "")
        specification.priority = object["priority"]?.stringValue.flatMap { Priority(name: $0) } ?? .medium
        specification.timeout = Milliseconds(Int64(object["timeout"]?.intValue ?? 3_600_000))
        let pattern: String? = object["files_pattern"]?.stringValue
        if let pattern {
            try requireSafe(pattern)
            specification.context = JSONText(["files_pattern": .string(pattern)])
        }
        specification.dependencies = try dependencies(object["dependencies"], of: id)
        if let metadata: JSONValue = object["metadata"] { try take(metadata, into: &specification) }
        specification.schedule = try schedule(of: object, at: now)
        return OpenCodeTask(
            id: id, specification: specification, recurring: object["recurring"], hasFilesPattern: pattern != nil)
    }

    /// Names everything that is absent of what makes a task a task, as the document's sample does.
    private static func requireEssentials(_ value: JSONValue?) throws(OpenCodeFailure) {
        let missing: [String] = ["id", "type", "description"].filter { value?[$0] == nil }
        guard !missing.isEmpty else { return }
        throw OpenCodeFailure(
            .invalidTaskData, "Task data is missing required fields: \(missing.joined(separator: ", "))",
            ["missing": .array(missing.map { .string($0) })])
    }

    private static func requireSafe(_ pattern: String) throws(OpenCodeFailure) {
        let problem: String
        if pattern.hasPrefix("/") {
            problem = "must not begin with /"
        } else if pattern.contains(text: "..") {
            problem = "must not contain .."
        } else {
            return
        }
        throw .invalid(
            .invalidFieldValue, "task.files_pattern", problem, .string(pattern),
            expected: "a pattern inside the workspace, without .. and without / at its beginning")
    }

    private static func dependencies(_ value: JSONValue?, of id: TaskID) throws(OpenCodeFailure) -> [TaskID] {
        let names: [String] = value?.arrayValue?.compactMap(\.stringValue) ?? []
        try requireDistinct(names, "task.dependencies")
        let ids: [TaskID] = names.compactMap { TaskID($0) }
        guard !ids.contains(id) else {
            throw OpenCodeFailure(
                .taskDependencyError, "Task '\(id)' cannot depend on itself",
                ["task_id": .string(id.rawValue), "dependency_id": .string(id.rawValue)])
        }
        return ids
    }

    private static func requireDistinct(_ words: [String], _ field: String) throws(OpenCodeFailure) {
        var seen: Set<String> = []
        for (index, word) in words.enumerated() where !seen.insert(word).inserted {
            throw .invalid(
                .invalidFieldValue, "\(field).\(index)", "is there twice", .string(word), expected: "each value once")
        }
    }

    private static func take(
        _ metadata: JSONValue, into specification: inout TaskSpecification
    ) throws(OpenCodeFailure) {
        try requireDistinct(metadata["tags"]?.arrayValue?.compactMap(\.stringValue) ?? [], "task.metadata.tags")
        specification.metadata = JSONText(metadata)
        if let project: String = metadata["project"]?.stringValue, !project.isEmpty { specification.project = project }
        switch metadata["command"] {
        case .string(let line)?: specification.command = .shell(line)
        case .array(let words)?: specification.command = .arguments(words.compactMap(\.stringValue))
        default: break
        }
    }

    // MARK: Times

    private static let shortestDelay: Milliseconds = .seconds(60)
    private static let longestDelay: Milliseconds = .seconds(365 * 86_400)

    private static func schedule(of object: JSONObject, at now: Instant) throws(OpenCodeFailure) -> TaskSchedule? {
        guard let given: JSONValue = object["scheduled_time"], let start: Instant = time(given) else {
            guard object["recurring"] == nil else { throw .missing("task.scheduled_time", expected: "string") }
            return nil
        }
        guard start > now else { throw schedule("Scheduled time must be in the future", given, at: now) }
        guard start >= now + shortestDelay else {
            throw schedule("Scheduled time must be at least 60 seconds in the future", given, at: now)
        }
        guard start <= now + longestDelay else {
            throw schedule("Scheduled time cannot be more than 1 year in the future", given, at: now)
        }
        return TaskSchedule(at: start, recurrence: try recurrence(object["recurring"], from: start))
    }

    private static func recurrence(_ value: JSONValue?, from start: Instant) throws(OpenCodeFailure) -> TaskRecurrence?
    {
        guard let name: String = value?["interval"]?.stringValue,
            let interval = TaskRecurrence.Interval.allCases.first(where: { $0.name == name })
        else { return nil }
        let end: Instant? = time(value?["end_time"])
        if let end, end < start {
            throw .invalid(
                .invalidRecurringConfig, "task.recurring.end_time", "must not be before scheduled_time",
                value?["end_time"], expected: "a time after scheduled_time")
        }
        return TaskRecurrence(
            interval, timeZone: value?["timezone"]?.stringValue ?? "UTC", end: end,
            maximumRuns: value?["max_runs"]?.intValue)
    }

    private static func schedule(_ message: String, _ value: JSONValue, at now: Instant) -> OpenCodeFailure {
        OpenCodeFailure(
            .invalidScheduleTime, message,
            [
                "field": "scheduled_time", "value": value,
                "current_time": .string(ISO8601.string(milliseconds: now.milliseconds)),
                "minimum_delay_seconds": 60,
            ])
    }

    // MARK: Lists

    static func decodeTaskList(_ message: JSONObject) throws(OpenCodeFailure) -> OpenCodeTaskList {
        try requireKnown(message["filter"], taskFilter, at: "filter")
        try requireKnown(message["filter"]?["progress_range"], progressRange, at: "filter.progress_range")
        try requireKnown(message["sort"], taskSort, at: "sort")
        var list = OpenCodeTaskList()
        list.limit = message["limit"]?.intValue ?? list.limit
        list.offset = message["offset"]?.intValue ?? 0
        if let name: String = message["sort"]?["field"]?.stringValue {
            list.order.field = OpenCodeTaskOrder.Field(rawValue: name) ?? .createdAt
        }
        list.order.isAscending = message["sort"]?["order"]?.stringValue == "asc"
        guard let filter: JSONValue = message["filter"] else { return list }
        list.filter.statuses = words(filter["status"])
        list.filter.types = words(filter["type"])
        list.filter.priorities = words(filter["priority"]).compactMap { Priority(name: $0) }
        list.filter.createdAfter = time(filter["created_after"])
        list.filter.createdBefore = time(filter["created_before"])
        list.filter.hasDependencies = filter["has_dependencies"]?.boolValue
        list.filter.descriptionContains = filter["description_contains"]?.stringValue?.lowercased()
        list.filter.filesPattern = filter["files_pattern"]?.stringValue
        list.filter.leastProgress = filter["progress_range"]?["min"]?.doubleValue
        list.filter.mostProgress = filter["progress_range"]?["max"]?.doubleValue
        if let least: Double = list.filter.leastProgress, let most: Double = list.filter.mostProgress, least > most {
            throw .invalid(
                .filterValidationError, "filter.progress_range", "min must not be above max", nil,
                expected: "min at most max")
        }
        return list
    }
}
