internal import MAOSCore

/// The frames that the hive sends, as declarations.
enum HiveFrames {
    /// Every type of frame; the last stands for all those that programs publish.
    static let all: [DeclaredMessage] =
        HiveFrameType.documented.map { (type: HiveFrameType) in
            declared(type.summary, DeclaredMessage.title(of: type.name), type: .constant(type.name), data: data(type))
        } + [
            declared(
                "Something that a program has announced, under a name of its own.", "CustomEvent",
                type: .string(1...64, custom), data: .freeObject)
        ]

    private static func declared(
        _ summary: String, _ title: String, type: Constraint, data: Constraint
    ) -> DeclaredMessage {
        DeclaredMessage(
            summary,
            MessageSchema(
                title,
                [
                    .required("type", type, "What happened."),
                    .required("data", data, "What is known of it."),
                    .required("timestamp", .instant, "When it happened."),
                    .required("message_id", .string(36...36, .uuid), "Unique, and the same whenever it is sent again."),
                    .required(
                        "sequence", .integer(1...Int.max), "Its place among all frames of the server; only grows."),
                ]))
    }

    private static func data(_ type: HiveFrameType) -> Constraint {
        .members(
            DeclaredMessage.title(of: type.name) + "Data",
            type.members + [.required("timestamp", .instant, "When it happened.")])
    }

    /// A name that the document has not taken.
    private static let custom = TextFormat(
        expected: "a name of the program's own",
        pattern: "^(?!(" + HiveFrameType.documented.map(\.name).joined(separator: "|") + ")$)"
    ) { !HiveFrameType.documentedNames.contains($0) }

    // MARK: Parts

    static let taskID: Field = .required("task_id", .text, "The task.")
    static let agentID: Field = .required("agent_id", .text, "The agent.")
    /// The agent of an attempt; empty where there was none.
    static let attemptAgent: Field = .required("agent_id", .text, "The agent; empty where there was none.")
    static let attemptNumber: Field = .required("attempt_number", .integer(0...Int.max), "Which attempt, from 1 on.")
    static let estimatedCompletion: Field = .required(
        "estimated_completion", .instant, "When it will probably be completed.")
    static let message: Field = .required("message", .text, "For people.")
    static let level: Field = .required(
        "level", .enumeration(["info", "warning", "error", "critical"]), "How bad it is.")
    static let details: Field = .required("details", .freeObject, "What else is known.")

    static let agentStatuses: [String] = AgentStatus.allCases.map { HiveVocabulary.name(of: $0) }.distinct
    static let taskStatuses: [String] = TaskStatus.allCases.map { HiveVocabulary.name(of: $0) }.distinct
    static let healthStatuses: [String] = ["healthy", "degraded", "unhealthy"]
    static let coreTaskStatus: Field = .required(
        "core_status", .enumeration(TaskStatus.allCases.map(\.name)), "The same, as precisely as the server has it.")
    static let coreAgentStatus: Field = .required(
        "core_status", .enumeration(AgentStatus.allCases.map(\.name)), "The same, as precisely as the server has it.")

    static let agent = MessageSchema(
        "HiveAgent",
        [
            .required("id", .text, "The agent's id."),
            .required("name", .text, "What people call it."),
            .required("type", .enumeration(AgentType.allCases.map(\.name)), "What it is made for."),
            .required("status", .enumeration(agentStatuses), "What it does."),
            coreAgentStatus,
            .required("capabilities", .list(.object(capability)), "What it can do, and how well."),
            .required("created_at", .instant, "When it was made."),
        ])

    private static let capability = MessageSchema(
        "HiveCapability",
        [
            .required("name", .text, "The capability."),
            .required("proficiency", .share, "How well, from 0 to 1."),
            .required("learning_rate", .amount, "How quickly it changes."),
        ])

    static let task = MessageSchema(
        "HiveTask",
        [
            .required("id", .text, "The task's id."),
            .required("description", .text, "What is to be done."),
            .required("type", .text, "The kind of work."),
            .required("priority", .integer(1...4), "1 low, 2 medium, 3 high, 4 critical."),
            .required("status", .enumeration(taskStatuses), "How far it is."),
            coreTaskStatus,
            .required("required_capabilities", .list(.object(requirement)), "What its agent has to be able to do."),
            .optional("project", .text, "The project that it belongs to."),
            .required("created_at", .instant, "When it was made."),
        ])

    private static let requirement = MessageSchema(
        "HiveRequirement",
        [
            .required("name", .text, "The capability."),
            .required("min_proficiency", .share, "How well at least."),
        ])

    static let error = MessageSchema(
        "HiveError",
        [
            .required("code", .text, "What kind of error."),
            message,
            details,
        ])

    static let performance = MessageSchema(
        "HivePerformance",
        [
            .required("tasks_completed", .count, "Attempts that it has completed."),
            .required("tasks_failed", .count, "Attempts that failed."),
            .required("success_rate", .share, "The part that was completed."),
            .required("average_response_time_ms", .amount, "How long an attempt takes."),
            .required("capability_improvements", .count, "Cycles of learning that made it better."),
        ])

    static let cleanup = MessageSchema(
        "HiveCleanup",
        [
            .required("tasks_reassigned", .count, "Attempts that were taken from it."),
            .required("data_removed", .boolean, "Whether its record and output are gone with it."),
        ])

    static let metrics = MessageSchema(
        "HiveMetrics",
        [
            .required("total_agents", .count, "Agents that there are."),
            .required("active_agents", .count, "Agents that work."),
            .required("pending_tasks", .count, "Tasks that wait."),
            .required("running_tasks", .count, "Tasks that an agent has."),
            .required("completed_tasks_today", .count, "Tasks that were completed since midnight UTC."),
            .required("system_load", .share, "The part of the processors that is asked for."),
        ])

    static let notice = MessageSchema(
        "HiveNotice",
        [
            level,
            message,
            .required("timestamp", .instant, "When it was raised."),
        ])

    static let improvement = MessageSchema(
        "HiveImprovement",
        [
            .required("old_value", .share, "How well before."),
            .required("new_value", .share, "How well now."),
            .required("improvement", .number(-1...1), "The difference."),
        ])

    /// What both frames about a cycle of learning begin with.
    static let cycle: [Field] = [
        .required("cycle_id", .text, "The cycle; the same at its start and at its end."),
        agentID,
        .required("agent_name", .text, "What people call the agent."),
        .required("learning_type", .text, "What kind of learning."),
        .required("target_capability", .text, "The capability that it is about."),
        .required("outcomes", .count, "Attempts that it looks at."),
    ]
}

extension HiveFrameType {
    /// What the type tells, in one line.
    var summary: String {
        switch self {
        case .agentCreated: "An agent was made."
        case .agentStatusChanged: "An agent does something else."
        case .agentPerformanceUpdated: "An attempt of an agent has ended, which counts."
        case .agentRemoved: "An agent is gone."
        case .taskCreated: "A task was made."
        case .taskAssigned: "An agent was chosen for a task."
        case .taskStarted: "An attempt at a task runs."
        case .taskProgress: "A task has come further."
        case .taskCompleted: "A task is completed."
        case .taskFailed: "An attempt at a task has failed."
        case .taskCancelled: "A task was cancelled."
        case .hiveStatusUpdate: "How the whole fares; at the beginning, and regularly."
        case .systemAlert: "Something that people should know of."
        case .resourceAlert: "A resource of the host runs short."
        case .moduleStatusChanged: "A part of the server fares better or worse."
        case .interModuleMessage: "A part of the server has told another something."
        case .coordinationEvent: "Work was shared out anew."
        case .learningCycleStarted: "An agent is about to learn from what it did."
        case .learningCycleCompleted: "An agent has learned."
        case .errorOccurred: "Something went wrong that is more than a program that says it failed."
        case .custom(let name): "A program has announced \(name)."
        }
    }

    /// What `data` holds, beside its `timestamp`.
    var members: [Field] {
        typealias Frames = HiveFrames
        switch self {
        case .agentCreated:
            return [.required("agent", .object(Frames.agent), "The agent.")]
        case .agentStatusChanged:
            return [
                Frames.agentID,
                .required("old_status", .enumeration(Frames.agentStatuses), "What it did."),
                .required("new_status", .enumeration(Frames.agentStatuses), "What it does."),
                Frames.coreAgentStatus,
                .required("reason", .text, "Why, in a word."),
            ]
        case .agentPerformanceUpdated:
            return [Frames.agentID, .required("metrics", .object(Frames.performance), "What it has done so far.")]
        case .agentRemoved:
            return [
                Frames.agentID, .required("reason", .text, "Why, in a word."),
                .required("cleanup_summary", .object(Frames.cleanup), "What became of what it had."),
            ]
        case .taskCreated:
            return [
                .required("task", .object(Frames.task), "The task."),
                .required("matching_agents", .count, "Agents that could be given it, busy or not."),
            ]
        case .taskAssigned:
            return [
                Frames.taskID, Frames.attemptAgent,
                .required("assignment_reason", .text, "Why this agent, in a word."),
                Frames.estimatedCompletion,
            ]
        case .taskStarted:
            return [Frames.taskID, Frames.attemptAgent, Frames.attemptNumber]
        case .taskProgress:
            return [
                Frames.taskID, Frames.attemptAgent,
                .required("progress", .share, "How far it is, from 0 to 1."),
                .required("current_step", .text, "What it does."),
                Frames.estimatedCompletion,
            ]
        case .taskCompleted:
            return [
                Frames.taskID, Frames.attemptAgent,
                .required("execution_time_ms", .count, "How long the attempt took."),
                .required("result", .freeObject, "What it produced; what is no object stands under `value`."),
            ]
        case .taskFailed:
            return [
                Frames.taskID, Frames.attemptAgent, Frames.attemptNumber,
                .required("error", .object(Frames.error), "What went wrong."),
                .required("retry_scheduled", .boolean, "Whether it is tried again."),
                .required("next_retry_at", .nullable(.instant), "When, if it is."),
            ]
        case .taskCancelled:
            return [
                Frames.taskID,
                .required("reason", .text, "Why, in a word or in the words of whoever did it."),
                .required("cancelled_by", .text, "Who did it."),
            ]
        case .hiveStatusUpdate:
            return [
                .required("status", .enumeration(Frames.healthStatuses), "The worst of all parts."),
                .required("metrics", .object(Frames.metrics), "How much of what there is."),
                .required("alerts", .list(.object(Frames.notice)), "What is wrong at the moment."),
            ]
        case .systemAlert:
            return [
                Frames.level, .required("title", .text, "What it is, in a few words."), Frames.message, Frames.details,
            ]
        case .resourceAlert:
            return [
                .required("resource", .text, "The resource: cpu, memory, disk or network."),
                .required("usage_percent", .amount, "How much of it is used."),
                .required("threshold_percent", .percent, "How much may be used before somebody is told."),
                .required("trend", .enumeration(["increasing", "stable", "decreasing"]), "Where it is going."),
                .required("recommendations", .list(.text), "What could be done about it."),
                .optional("level", .enumeration(["info", "warning", "error", "critical"]), "How bad it is."),
                .optional("message", .text, "For people."),
            ]
        case .moduleStatusChanged:
            return [
                .required("module", .text, "The part of the server."),
                .required("old_status", .enumeration(Frames.healthStatuses), "How it fared."),
                .required("new_status", .enumeration(Frames.healthStatuses), "How it fares."),
                .required("reason", .text, "Why."),
                .required("affected_functions", .list(.text), "What it does for users."),
            ]
        case .interModuleMessage:
            return [
                .required("from_module", .text, "Who tells."),
                .required("to_module", .text, "Who is told."),
                .required("message_type", .text, "What is told."),
                .required("payload", .freeObject, "Its content, by its type."),
            ]
        case .coordinationEvent:
            return [
                .required("event_type", .text, "What was done."),
                .required("module", .text, "Who did it."),
                Frames.details,
            ]
        case .learningCycleStarted:
            return Frames.cycle + [
                .required("proficiency", .share, "How well the agent does it now."),
                .required("estimated_duration_minutes", .amount, "How long the cycle will probably take."),
            ]
        case .learningCycleCompleted:
            return Frames.cycle + [
                .required(
                    "improvements", .map(values: .object(Frames.improvement), limit: .max), "What has become better."),
                .required("duration_ms", .amount, "How long the cycle took."),
            ]
        case .errorOccurred:
            return [
                .required("error_id", .text, "The error's own id."),
                .required("component", .text, "Where it happened."),
                .required("error", .object(Frames.error), "What went wrong."),
                .required("severity", .enumeration(["warning", "error", "critical"]), "How bad it is."),
            ]
        case .custom:
            return []
        }
    }
}

extension DeclaredChannel {
    /// The hive: clients listen, and are told of everything that happens.
    package static let hive = DeclaredChannel(
        "hive", title: "Hive",
        summary: "Everything that happens, as it happens. Clients only listen: what they send is passed over.",
        query: MessageSchema(
            "HiveQuery",
            [
                .optional(
                    "types", .string(1...Int.max),
                    "Only frames of these types, separated by commas: 1 to \(HiveWishes.typeLimit)."),
                .optional(
                    "since", .string(1...20, .wholeNumber),
                    "The sequence of the newest frame that the client has; what followed it is sent first."),
                .optional("token", .text, "A signed token, where callers are not trusted by their address."),
            ]),
        received: [], sent: HiveFrames.all)
}

extension TextFormat {
    /// A whole number from zero on, in a query.
    static let wholeNumber = TextFormat(expected: "a whole number", example: "1", pattern: "^[0-9]+$") {
        !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 0x30 < 10 }
    }
}

extension [String] {
    /// Each once, where it comes first.
    var distinct: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
