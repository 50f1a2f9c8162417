internal import MAOSCore

/// The messages that go over OpenCode's connections, in both directions, as declarations; what they hold is in the other
/// files of this name.
enum OpenCodeFrames {
    /// Where requests and answers say which request it is.
    private static let correlation = "/request_id"

    // MARK: What clients send

    /// Every request, with what it is answered with; each may be answered with `error` instead.
    static let received: [DeclaredRequest] = OpenCodeMessages.schemas.map { (type: String, schema: MessageSchema) in
        let envelope: [Field] = [
            .required("type", .constant(type), "What is asked for."),
            .optional(
                "request_id", .either([.string(0...200), .integer(Int.min...Int.max)]),
                "The client's own name for the request; the answer has it too."),
        ]
        let message = DeclaredMessage(
            summaries[type] ?? "", MessageSchema(schema.name, envelope + schema.fields), correlation: correlation)
        return DeclaredRequest(message, answers: [DeclaredMessage.title(of: answers[type] ?? "error")] + ["Error"])
    }

    private static let summaries: [String: String] = [
        "ping": "Asks for a sign of life.",
        "request_status": "Asks for everything at once.",
        "start_task": "Makes a task that starts as soon as it can.",
        "cancel_task": "Cancels a task, and waits for its end.",
        "retry_task": "Tries a task again that failed or was cancelled.",
        "get_task_status": "Asks for a task.",
        "list_tasks": "Asks for tasks: filtered, sorted, page by page.",
        "schedule_task": "Makes a task that starts at a time, once or again and again.",
        "request_system_resources": "Asks what of the host is used.",
        "request_process_list": "Asks for processes: filtered, sorted, page by page.",
        "request_log_entries": "Asks for the logs: filtered, page by page, and for what follows.",
        "request_system_health": "Asks how the server fares.",
        "request_metrics": "Asks how much the interface is used.",
        "kill_process": "Signals a process that was started here.",
        "request_claude_processes": "Asks for processes that are OpenCode or Claude, or were started here.",
        "subscribe_to_updates": "Asks to be told of what happens.",
        "unsubscribe_from_updates": "Ends a subscription, or a part of it.",
        "authenticate": "Says who the client is.",
    ]

    private static let answers: [String: String] = [
        "ping": "pong", "request_status": "full_status", "start_task": "task_started", "cancel_task": "task_cancelled",
        "retry_task": "task_retried", "get_task_status": "task_status", "list_tasks": "task_list",
        "schedule_task": "task_scheduled", "request_system_resources": "system_resources",
        "request_process_list": "process_list", "request_log_entries": "log_entries",
        "request_system_health": "system_health", "request_metrics": "api_metrics", "kill_process": "process_killed",
        "request_claude_processes": "claude_processes", "subscribe_to_updates": "subscription_confirmed",
        "unsubscribe_from_updates": "unsubscription_confirmed", "authenticate": "authentication_success",
    ]

    // MARK: What they are sent

    /// Every message to clients.
    static let sent: [DeclaredMessage] = connection + tasks + host + server

    private static let connection: [DeclaredMessage] = [
        push(
            "connection_established", "The connection is open; the first message.",
            [
                .required("server_version", .text, "The server's version."),
                .required("api_version", .text, "The version of these messages."),
                .required("authentication_required", .boolean, "Whether the client has to say who it is first."),
            ]),
        answer(
            "full_status", "Everything at once; also sent unasked when the client may see it.",
            [.required("data", .object(fullStatus), "What there is.")], isAnswer: false),
        answer(
            "pong", "Answers a ping.",
            [
                .optional("timestamp", .anyNumber, "What the ping said."),
                .required("server_time", .instant, "The server's time."),
            ], hasTime: false),
        answer(
            "error", "A request is refused, or the connection is about to end.",
            [
                .required("code", .enumeration(OpenCodeErrorCode.allCases.map(\.rawValue)), "What kind of refusal."),
                .required("message", .text, "For people."),
                .optional("details", .freeObject, "What belongs to it, by its kind."),
            ], isAnswer: false),
        answer(
            "authentication_success", "The client is who it says it is.",
            [
                .required("session_token", .text, "To authenticate with again."),
                .required("expires_at", .instant, "When that ends."),
                .required(
                    "permissions", .list(.enumeration(["read", "write", "admin"])), "What the client may do."),
                .required("subject", .text, "Who it is."),
            ]),
        answer("subscription_confirmed", "The client is told of that from now on.", subscription),
        answer("unsubscription_confirmed", "The client is not told of that any more.", subscription),
        push(
            "connection_status", "How the connection stands; every 30 seconds.",
            [
                .required("status", .enumeration(["healthy", "degraded"]), "Whether the server takes requests."),
                .required("client_count", .count, "Connections that there are."),
                .required("uptime_seconds", .count, "How long the server runs."),
                .required("last_ping", .instant, "The client's last sign of life."),
                .required("message_queue_size", .count, "Requests of the client that wait."),
            ]),
        push(
            "rate_limit_info", "The client has nearly reached a limit; at most once a minute.",
            [.required("limits", .map(values: .object(limit), limit: .max), "By the limit's name.")]),
    ]

    private static let subscription: [Field] = [
        .required("channels", .list(.text), "The channels, as the client named them."),
        .required("subscription_id", .text, "The subscription."),
    ]

    private static let limit = MessageSchema(
        "OpenCodeLimit",
        [
            .required("current", .count, "How much is used."),
            .required("limit", .count, "How much there is."),
            .required("reset_time", .instant, "When nothing is used any more."),
        ])

    private static let fullStatus = MessageSchema(
        "OpenCodeFullStatus",
        [
            .required("agents", .list(.object(agent)), "All agents."),
            .required("tasks", .list(.object(task)), "Tasks that have not ended, and those made last that have."),
            .required("system_resources", .object(resources), "What of the host is used."),
            .required("claude_processes", .list(.object(process)), "Processes of interest, for those who may see any."),
        ])

    private static let server: [DeclaredMessage] = [
        answer(
            "log_entries", "Entries of the logs.",
            [.required("data", .object(logPage), "The page.")], hasTime: false),
        push("log_entry", "Something was logged.", [.required("log", .object(logEntry), "The entry.")]),
        answer(
            "system_health", "How the server fares.",
            [.required("data", .object(health), "All that is known of it.")], hasTime: false),
        answer(
            "api_metrics", "How much the interface is used.",
            [.required("data", .object(metrics), "All that is counted.")], hasTime: false),
        push(
            "security_alert", "Something looks like an attack; for administrators.",
            [
                .required("alert_type", .text, "What it looks like."),
                .required("severity", .text, "How bad it is."),
                .required(
                    "details",
                    .members(
                        "OpenCodeSecurityDetails",
                        [
                            .optional("client_ip", .any, "Where it comes from."),
                            .optional("attempts", .any, "How often it was tried."),
                            .optional("time_window", .any, "In how many seconds."),
                            .optional("blocked_until", .any, "Until when nothing is taken from there."),
                            .optional("message", .any, "For people."),
                        ]), "What is known of it."),
            ]),
    ]

    // MARK: The outer form

    /// A message that answers a request.
    static func answer(
        _ type: String, _ summary: String, _ fields: [Field], hasTime: Bool = true, isAnswer: Bool = true
    ) -> DeclaredMessage {
        let id: Field = .optional(
            "request_id", .either([.string(0...200), .integer(Int.min...Int.max)]), "As the request said.")
        return DeclaredMessage(
            summary, schema(type, fields + [id], hasTime: hasTime), correlation: correlation, isAnswer: isAnswer)
    }

    /// A message that nobody has asked for just now.
    static func push(_ type: String, _ summary: String, _ fields: [Field]) -> DeclaredMessage {
        DeclaredMessage(summary, schema(type, fields, hasTime: true))
    }

    private static func schema(_ type: String, _ fields: [Field], hasTime: Bool) -> MessageSchema {
        let time: [Field] = hasTime ? [timestamp] : []
        return MessageSchema(
            DeclaredMessage.title(of: type), [.required("type", .constant(type), "What it is.")] + fields + time)
    }

    static let timestamp: Field = .required("timestamp", .instant, "The server's time.")
}

extension DeclaredChannel {
    /// OpenCode: clients make tasks, look at the host, and ask to be told.
    package static let openCode = DeclaredChannel(
        "opencode", title: "OpenCode",
        summary: """
            Tasks, processes, logs and the host: requests, each answered with one message that has its request_id, and what \
            was subscribed to. The first messages are connection_established and full_status. Where callers are not trusted \
            by their address, authenticate comes first, with an API key or a signed token.
            """,
        query: MessageSchema("OpenCodeQuery", [.optional("token", .text, "A signed token or an API key.")]),
        received: OpenCodeFrames.received, sent: OpenCodeFrames.sent)
}
