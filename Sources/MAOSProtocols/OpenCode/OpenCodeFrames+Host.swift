internal import MAOSCore

/// Messages about the host, its processes, the logs and the server itself.
extension OpenCodeFrames {
    static let host: [DeclaredMessage] = [
        answer(
            "system_resources", "What of the host is used.", [.required("data", .object(resources), "The readings.")]),
        push(
            "resource_update", "What of the host is used; every 5 seconds.",
            [.required("resources", .object(resources), "The readings.")]),
        answer(
            "process_list", "Processes.", [.required("data", .object(processPage), "The page.")], hasTime: false),
        answer("claude_processes", "Processes that are OpenCode or Claude, or were started here.", [processes]),
        push(
            "claude_processes_update", "A process of those came or went.",
            [
                processes,
                .required("process_count", .count, "How many there are."),
                .required("opencode_processes", .count, "How many are OpenCode."),
                .required("claude_desktop_processes", .count, "How many are Claude with a window of its own."),
            ]),
        push(
            "detailed_process_scan", "All processes of those; every 30 seconds.",
            [
                processes, load,
                .required("scan_duration_ms", .amount, "How long the look took."),
            ]),
        answer(
            "process_killed", "The process has ended.",
            [
                .required(
                    "data",
                    .members(
                        "OpenCodeKill",
                        [
                            .required("pid", .integer(1...Int.max), "The process."),
                            .required("signal", .enumeration(OpenCodeVocabulary.signals), "What it was sent."),
                            .required("success", .boolean, "Whether it has ended."),
                            .required("termination_time", .instant, "When that was known."),
                        ]), "What was done.")
            ]),
    ]

    private static let processes: Field = .required("processes", .list(.object(process)), "The processes.")
    private static let load: Field = .required(
        "system_load",
        .members(
            "OpenCodeLoad",
            [
                .required("load1", .amount, "Of the last minute."),
                .required("load5", .amount, "Of the last five."),
                .required("load15", .amount, "Of the last fifteen."),
            ]), "How many threads ran or wanted to.")

    static let process = MessageSchema(
        "OpenCodeProcess",
        [
            .required("pid", .integer(1...Int.max), "Its number."),
            .required("name", .text, "Its name."),
            .required("cmdline", .text, "Its command line, without what looks like a secret."),
            .required("status", .enumeration(OpenCodeVocabulary.processStatuses), "What it does."),
            .required("cpu_percent", .percent, "Of all processors."),
            .required("memory_percent", .percent, "Of the host's memory."),
            .required("memory_rss", .count, "Bytes of resident memory."),
            .required("memory_usage", .count, "The same."),
            .required("create_time", .amount, "When it was started, in seconds since 1970."),
            .required("type", .enumeration(OpenCodeVocabulary.processTypes), "The program that it is."),
            .optional("task_id", .text, "The task that it works on."),
            .optional("agent_id", .text, "The agent that it belongs to."),
            .optional("working_dir", .text, "Its folder."),
            .required("activity", .enumeration(["unknown", "interactive", "executing_task"]), "What it does here."),
            .required("is_opencode", .boolean, "Whether it is OpenCode."),
            .required("is_claude_desktop", .boolean, "Whether it is Claude with a window of its own."),
            .required("start_time", .instant, "When it was started."),
            .required("runtime_seconds", .count, "How long it runs."),
            .required("threads", .count, "Its threads."),
            .optional("open_files", .count, "Files that it has open."),
            .optional("connections", .count, "Connections that it has."),
            .required("discovered_at", .instant, "When it was first seen."),
        ])

    private static let processPage = MessageSchema(
        "OpenCodeProcessPage",
        [
            processes,
            .required("total_count", .count, "Processes that there are."),
            .required("filtered_count", .count, "Processes that the filter takes."),
            load,
            .required(
                "resource_summary",
                .members(
                    "OpenCodeProcessUse",
                    [
                        .required("total_cpu_percent", .percent, "All processes."),
                        .required("total_memory_percent", .percent, "All processes."),
                        .required("claude_cpu_percent", .percent, "OpenCode, Claude, and what was started here."),
                        .required("claude_memory_percent", .percent, "OpenCode, Claude, and what was started here."),
                    ]), "What they use."),
            timestamp,
        ])

    static let resources = MessageSchema(
        "OpenCodeResources",
        [
            .required("cpu_usage", .percent, "Of all processors."),
            .required("cpu_cores", .count, "How many there are."),
            .optional("cpu_frequency", .amount, "Megahertz."),
            .required("memory_usage", .percent, "The part of the memory that is used."),
            .required("memory_used", .count, "Bytes."),
            .required("memory_total", .count, "Bytes."),
            .required("memory_available", .count, "Bytes."),
            .required("disk_usage", .percent, "The part of the disk that is used."),
            .required("disk_used", .count, "Bytes."),
            .required("disk_total", .count, "Bytes."),
            .required("disk_free", .count, "Bytes."),
            .required("network_stats", .object(network), "Since the host was started."),
            .required("active_processes", .count, "Processes that there are."),
            .required("claude_processes", .count, "OpenCode, Claude, and what was started here."),
            .optional("load_average", .array(of: .amount, count: 3...3), "Of the last minute, five and fifteen."),
            .optional("uptime_seconds", .count, "How long the host runs."),
            .required("timestamp", .instant, "When it was read."),
        ])

    private static let network = MessageSchema(
        "OpenCodeNetwork",
        [
            .required("bytes_sent", .count, "Bytes sent."),
            .required("bytes_recv", .count, "Bytes received."),
            .required("packets_sent", .count, "Packets sent."),
            .required("packets_recv", .count, "Packets received."),
            .required("errors_sent", .count, "Packets that could not be sent."),
            .required("errors_recv", .count, "Packets that came broken."),
            .required("drop_sent", .count, "Packets let go of that were to be sent."),
            .required("drop_recv", .count, "Packets let go of that came."),
        ])

    // MARK: Logs

    static let logEntry = MessageSchema(
        "OpenCodeLogEntry",
        [
            .required("time", .instant, "When it was said."),
            .required("level", .enumeration(OpenCodeVocabulary.logLevels), "How much it matters."),
            .required("message", .text, "What was said."),
            .required("agent", .text, "What it is about; maos-server for the server itself."),
            .required("source", .text, "Where it comes from."),
            .required("details", .freeObject, "What else belongs to it."),
            .optional(
                "context",
                .members("OpenCodeLogContext", [.required("task_id", .text, "The task.")]), "The task that it is about."
            ),
        ])

    static let logPage = MessageSchema(
        "OpenCodeLogPage",
        [
            .required("entries", .list(.object(logEntry)), "The entries."),
            .required("total_count", .count, "Entries that there are."),
            .required("filtered_count", .count, "Entries that the filter takes, as far as was looked."),
            .required("filtered_count_is_exact", .boolean, "Whether all were looked at."),
            .required(
                "pagination",
                .members(
                    "OpenCodeLogPagination",
                    [
                        .required("has_more", .boolean, "Whether more follow."),
                        .required("next_cursor", .nullable(.text), "To ask for them with."),
                    ]), "Where the page is."),
            .required(
                "summary",
                .members(
                    "OpenCodeLogSummary",
                    [
                        .required("error_count", .count, "Errors."),
                        .required("warn_count", .count, "Warnings."),
                        .required("info_count", .count, "Notices."),
                        .required("debug_count", .count, "Details."),
                        .required("fatal_count", .count, "Ends."),
                        .optional("oldest_entry", .instant, "The first entry's time."),
                        .optional("newest_entry", .instant, "The last entry's time."),
                    ]), "What there is."),
            timestamp,
        ])

    // MARK: The server

    private static let healthStatus: Constraint = .enumeration(["healthy", "degraded", "unhealthy"])

    static let health = MessageSchema(
        "OpenCodeHealth",
        [
            .required("overall_status", healthStatus, "The worst of all parts."),
            .required(
                "components",
                .members(
                    "OpenCodeComponents",
                    [
                        .required("websocket_server", healthStatus, "What takes requests."),
                        .required("task_manager", healthStatus, "What runs tasks."),
                        .required("file_monitoring", healthStatus, "What captures output."),
                        .required("database", healthStatus, "What stores."),
                    ]), "The parts."),
            .required("uptime_seconds", .count, "How long the server runs."),
            .required("last_health_check", .instant, "When that was found out."),
            .required(
                "issues",
                .list(
                    .members(
                        "OpenCodeIssue",
                        [
                            .required("component", .text, "The part."),
                            .required("severity", .enumeration(["warning", "critical"]), "How bad it is."),
                            .required("message", .text, "For people."),
                            .required("since", .instant, "When it was found out."),
                        ])), "What is wrong."),
            timestamp,
        ])

    static let metrics = MessageSchema(
        "OpenCodeMetrics",
        [
            .required("requests_total", .count, "Requests."),
            .required("requests_per_second", .amount, "On average."),
            .required("average_response_time_ms", .amount, "From a request to its answer."),
            .required("error_rate_percent", .percent, "Requests that were refused."),
            .required("endpoint_usage", .map(values: .count, limit: .max), "Requests by their type."),
            .required(
                "client_connections",
                .members(
                    "OpenCodeConnectionCounts",
                    [
                        .required("current", .count, "Now."),
                        .required("peak_today", .count, "At most since midnight UTC."),
                        .required("total_today", .count, "Opened since midnight UTC."),
                    ]), "Connections."),
            .required(
                "rate_limits",
                .members(
                    "OpenCodeLimitCounts",
                    [
                        .required("violations", .count, "Requests refused for a limit."),
                        .required(
                            "usage",
                            .map(
                                values: .members(
                                    "OpenCodeLimitUse",
                                    [
                                        .required("current", .count, "How much is used."),
                                        .required("limit", .count, "How much there is."),
                                    ]), limit: .max), "By the limit's name."),
                    ]), "Limits."),
            .required("time_range", .text, "What was counted, as the request said."),
            timestamp,
        ])
}
