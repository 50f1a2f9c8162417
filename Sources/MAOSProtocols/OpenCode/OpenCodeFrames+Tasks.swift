internal import MAOSCore

/// Messages about tasks and agents.
extension OpenCodeFrames {
    static let tasks: [DeclaredMessage] = [
        answer(
            "task_started", "The task was made.",
            [taskID, .required("task", .object(newTask), "The task as it was made.")]),
        answer(
            "task_scheduled", "The task was made, and waits for its time.",
            [
                taskID,
                .required("scheduled_time", .instant, "When it starts."),
                .required("next_run", .instant, "When it starts next."),
                .optional("recurring", .any, "How it comes back, as the request said."),
            ]),
        answer(
            "task_cancelled", "The task was cancelled.",
            [
                taskID, .required("status", status, "How far it is."),
                .optional("cancel_requested", .boolean, "Whether it has not ended yet, and will."),
            ]),
        answer(
            "task_retried", "The task is tried again.",
            [taskID, .required("retry_count", .integer(1...Int.max), "How often it was tried before.")]),
        answer("task_status", "A task.", [.required("task", .object(task), "The task.")]),
        answer(
            "task_list", "Tasks.",
            [
                .required("tasks", .list(.object(task)), "The page."),
                .required("total_count", .count, "Tasks that there are."),
                .required("filtered_count", .count, "Tasks that the filter takes."),
                .required("pagination", .object(pagination), "Where the page is."),
            ]),
        push(
            "task_status_update", "A task is somewhere else.",
            [
                taskID,
                .required("old_status", status, "Where it was."),
                .required("new_status", status, "Where it is."),
                .required("progress", .wholePercent, "How far it is."),
                coreTaskStatus, error,
            ]),
        push(
            "task_progress_update", "A task has come further.",
            [
                taskID,
                .required("old_progress", .wholePercent, "How far it was."),
                .required("new_progress", .wholePercent, "How far it is."),
                .required("progress_details", .object(progress), "What it does."),
            ]),
        push(
            "task_manager_status", "How many tasks stand where; every 10 seconds.",
            [.required("summary", .object(summary), "The counts.")]),
        push(
            "agent_update", "An agent does something else.",
            [.required("agent", .object(agentUpdate), "The agent.")]),
    ]

    private static let taskID: Field = .required("task_id", .text, "The task.")
    private static let status: Constraint = .enumeration(OpenCodeVocabulary.taskStatuses)
    private static let error: Field = .optional("error", .text, "What went wrong: a code and words.")
    private static let coreTaskStatus: Field = .required(
        "core_status", .enumeration(TaskStatus.allCases.map(\.name)), "The same, as precisely as the server has it.")

    // MARK: Tasks

    private static let head: [Field] = [
        .required("id", .text, "Its name."),
        .required("type", .enumeration(OpenCodeVocabulary.taskTypes), "The kind of work."),
        .required("priority", .enumeration(OpenCodeVocabulary.priorities), "How urgent it is."),
        .required("description", .text, "What is to be done."),
        .required("status", status, "How far it is."),
        .required("progress", .wholePercent, "How far it is, in hundredths."),
        .required("created_at", .instant, "When it was made."),
    ]

    private static let extras: [Field] = [
        .optional("files_pattern", .text, "Which files it is about."),
        .required("dependencies", .list(.text), "Tasks that have to be completed first."),
        .optional("timeout", .count, "How long it may run, in milliseconds."),
        .optional("scheduled_time", .instant, "When it starts."),
        .optional("recurring", .object(recurrence), "How it comes back."),
        .required("metadata", .freeObject, "What the client keeps with it; core_type is the server's."),
    ]

    private static let recurrence = MessageSchema(
        "OpenCodeRecurrence",
        [
            .required("interval", .enumeration(["daily", "weekly", "monthly"]), "How often."),
            .optional("end_time", .instant, "No run is later."),
            .optional("max_runs", .integer(1...Int.max), "So many runs, with the first."),
            .required("timezone", .text, "The zone whose clocks are meant."),
        ])

    private static let newTask = MessageSchema("OpenCodeNewTask", head + extras)

    static let task = MessageSchema(
        "OpenCodeTask",
        head + extras + [
            coreTaskStatus,
            .optional("started_at", .instant, "When its last attempt began."),
            .optional("completed_at", .instant, "When it ended."),
            .required(
                "runtime_status", .enumeration(["pending", "running", "stopped", "completed", "error"]),
                "How the process behind it fares."),
            error,
            .optional("current_step", .text, "What it does."),
            .optional("agent_id", .text, "The agent that has it."),
            .optional("result", .any, "What it produced."),
        ])

    private static let pagination = MessageSchema(
        "OpenCodePagination",
        [
            .required("limit", .count, "How many were asked for."),
            .required("offset", .count, "How many were left out at first."),
            .required("has_more", .boolean, "Whether more follow."),
            .required("next_offset", .nullable(.count), "Where they begin."),
        ])

    private static let progress = MessageSchema(
        "OpenCodeProgress",
        [
            .required("current_step", .text, "What it does; empty where it has not said."),
            .required("total_steps", .count, "100: steps are hundredths."),
            .required("completed_steps", .wholePercent, "How many are done."),
            .required("estimated_time_remaining", .nullable(.count), "Milliseconds, where they can be guessed."),
        ])

    private static let summary = MessageSchema(
        "OpenCodeTaskSummary",
        [
            .required("total", .count, "All tasks."),
            .required("pending", .count, "Those that have not begun."),
            .required("running", .count, "Those that run."),
            .required("completed", .count, "Those that were completed."),
            .required("failed", .count, "Those that failed."),
            .required("cancelled", .count, "Those that were cancelled."),
            .required("paused", .count, "Those that are paused."),
            .required("queued", .count, "Those that wait for an agent or have one."),
            .required("active_workers", .count, "Agents that work."),
            .required("queue_depth", .count, "Tasks that no agent has."),
            .required("average_completion_time", .count, "Milliseconds that a task takes."),
            .required("success_rate_percent", .percent, "Of those that were completed or failed."),
        ])

    // MARK: Agents

    private static let agentStatuses: [String] = AgentStatus.allCases.map { OpenCodeVocabulary.name(of: $0) }.distinct

    /// What every message says of an agent.
    private static let agentHead: [Field] = [
        .required("id", .text, "The agent's id."),
        .required("name", .text, "What people call it."),
        .required("status", .enumeration(agentStatuses), "What it does."),
        .required(
            "core_status", .enumeration(AgentStatus.allCases.map(\.name)),
            "The same, as precisely as the server has it."),
        .required("type", .enumeration(OpenCodeVocabulary.processTypes), "The program that it runs."),
        .required("task", .text, "What it works on; empty where it does not."),
        .optional("task_id", .text, "The task that it works on."),
        .required("progress", .wholePercent, "How far that is."),
        .required("memory_usage", .count, "Bytes that its processes use."),
        .required("cpu_percent", .percent, "Of all processors."),
    ]

    static let agent = MessageSchema(
        "OpenCodeAgent",
        agentHead + [
            .required("role", .enumeration(AgentType.allCases.map(\.name)), "What it is made for."),
            .required("start_time", .instant, "When it was made."),
            .required("working_dir", .text, "Its folder; empty for the server's."),
            .required("is_claude_desktop", .boolean, "Whether it is Claude with a window of its own."),
            .required("process_type", .enumeration(OpenCodeVocabulary.processTypes), "The program that it runs."),
        ])

    private static let agentUpdate = MessageSchema("OpenCodeAgentUpdate", agentHead + [timestamp])
}
