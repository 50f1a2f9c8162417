internal import MAOSCore

/// The messages that go over the dashboard's connections, in both directions, as declarations.
enum DashboardFrames {
    /// Where answers say what they belong to.
    private static let correlation = "/metadata/correlationId"

    // MARK: What clients send

    /// Every message of clients, with what comes back.
    static let received: [DeclaredRequest] = DashboardMessages.Kind.allCases.map { (kind: DashboardMessages.Kind) in
        let title: String =
            kind == .ping || kind == .pong
            ? "Client" + DeclaredMessage.title(of: kind.rawValue)
            : DeclaredMessage.title(of: kind.rawValue)
        let message = DeclaredMessage(
            kind.summary, MessageSchema(title, fields(of: kind)), correlation: "/id")
        return DeclaredRequest(message, answers: kind.answers)
    }

    private static func fields(of kind: DashboardMessages.Kind) -> [Field] {
        let payload: Constraint = .object(kind.schema)
        let needsPayload: Bool = kind.schema.fields.contains(where: \.isRequired)
        let summary = "What is asked for."
        let envelope: [Field] = [
            .optional("id", .string(1...200), "The client's own name for it; a message that comes again is done once."),
            .required("type", .constant(kind.rawValue), "What it is."),
            .optional("timestamp", .anyNumber, "When it was sent, in milliseconds since 1970."),
            needsPayload ? .required("payload", payload, summary) : .optional("payload", payload, summary),
            .optional("metadata", .object(requestMetadata), "What is said about the message."),
        ]
        // The first form of `auth`, and pings of some clients, have their members at the top.
        switch kind {
        case .auth: return envelope + kind.schema.fields
        default: return envelope
        }
    }

    private static let requestMetadata = MessageSchema(
        "DashboardRequestMetadata",
        [
            .optional("correlationId", .text, "What answers carry instead of the id."),
            .optional(
                "priority", .enumeration(DashboardMessages.priorities),
                "Of a message that is high, the answer leaves before what waits for the client."),
        ])

    // MARK: What they are sent

    /// Every message to clients.
    static let sent: [DeclaredMessage] = [
        message("ack", "What came of a message of the client.", acknowledgement, isAnswer: true),
        message("connection:status", "How the connection stands.", connectionStatus),
        message("agent:created", "The agent that the client asked for has its process.", agentCreated),
        message("agent:status", "An agent does something else.", agentStatus),
        message("agent:output", "What an agent's process has printed.", agentOutput),
        message("agent:error", "An agent, or a command of its, has failed.", agentError),
        message("metrics:update", "Readings of the host and of agents.", metrics),
        message("log:entry", "A line of an agent's output, to those who follow logs.", logEntry),
        message("system:alert", "Something that people should know of.", alert),
        message(
            "ping", "Asks for a sign of life.",
            [.required("timestamp", .milliseconds, "The server's time.")]),
        message(
            "pong", "Answers a ping.",
            [.required("timestamp", .any, "What the ping said; the server's time where it said nothing.")],
            isAnswer: true),
    ]

    private static func message(
        _ type: String, _ summary: String, _ payload: [Field], isAnswer: Bool = false
    ) -> DeclaredMessage {
        let title: String = DeclaredMessage.title(of: type)
        let schema = MessageSchema(
            title,
            [
                .required("id", .string(36...36, .uuid), "Unique, and the same whenever it is sent again."),
                .required("type", .constant(type), "What it is."),
                .required("timestamp", .milliseconds, "When it happened, in milliseconds since 1970."),
                .required("payload", .members(title + "Payload", payload), "What it tells."),
                .required("metadata", .object(metadata), "What it belongs to."),
            ])
        return DeclaredMessage(summary, schema, correlation: correlation, isAnswer: isAnswer)
    }

    private static let metadata = MessageSchema(
        "DashboardMetadata",
        [
            .optional("agentId", .text, "The agent that it is about."),
            .optional("correlationId", .text, "The message of the client that it answers."),
            .optional("subscriptionId", .text, "The subscription that it comes by."),
            .optional("priority", .constant(DashboardMessages.urgent), "In the answer to a message that said so."),
        ])

    private static let agentID: Field = .required("agentId", .text, "The agent.")
    private static let summary: Field = .required("message", .text, "For people.")

    private static let acknowledgement: [Field] = [
        .required("messageId", .text, "The message's id, or one that was made for it."),
        .required("success", .boolean, "Whether what it asked for was done."),
        .optional("error", .text, "Why not: number, name and words."),
        .optional("code", .integer(1_000...4_999), "The error's number."),
        .optional("sessionId", .text, "To auth: the session."),
        .optional("userId", .text, "To auth: who the client is."),
        .optional("resumed", .boolean, "To auth: whether the session goes on from earlier."),
        .optional("expiresAt", .milliseconds, "To auth: when the token ends."),
        .optional("agentId", .text, "To messages about agents: the agent."),
        .optional("taskId", .text, "To a command that runs by itself: the task that it has become."),
        .optional("subscriptionId", .text, "To subscriptions: the subscription."),
    ]

    private static let connectionStatus: [Field] = [
        .required("status", .enumeration(["authenticated", "resumed", "closing"]), "What has become of it."),
        .required("sessionId", .text, "The session."),
        .required("userId", .text, "Who the client is."),
        .required("resumed", .boolean, "Whether the session goes on from earlier."),
        .optional("expiresAt", .milliseconds, "When the token ends."),
        .required("queued", .count, "Messages that follow because they were missed."),
    ]

    private static let agentCreated: [Field] = [
        agentID,
        .required("name", .text, "What people call it."),
        .required("pid", .integer(1...Int.max), "Its process."),
        .required("startTime", .milliseconds, "When the process was started."),
    ]

    private static let agentStatus: [Field] = [
        agentID,
        .required(
            "status", .enumeration(AgentStatus.allCases.map { DashboardAgent.status($0) }.distinct), "What it does."),
        .required(
            "details",
            .members(
                "DashboardAgentDetails",
                [
                    .optional("pid", .integer(1...Int.max), "Its process."),
                    .optional("uptime", .count, "How long the process runs, in milliseconds."),
                    .required("lastActivity", .milliseconds, "When it changed last."),
                ]), "What is known of its process."),
    ]

    private static let agentOutput: [Field] = [
        agentID,
        .required("stream", .enumeration(["stdout", "stderr"]), "Where it was printed."),
        .required("data", .text, "What was printed; bytes that are no UTF-8 are replaced."),
        .required("timestamp", .milliseconds, "When."),
        .required("sequence", .integer(1...Int.max), "Its place in the agent's output; without gaps."),
    ]

    private static let agentError: [Field] = [
        agentID,
        .required(
            "error",
            .members(
                "DashboardError",
                [
                    .required("code", .enumeration(DashboardErrorCode.allCases.map(\.name)), "The error's name."),
                    .required("number", .integer(1_000...4_999), "Its number."),
                    summary,
                ]), "What went wrong."),
        .optional("taskId", .text, "The task that a command has become."),
    ]

    private static let logEntry: [Field] = [
        agentID,
        .required("level", .enumeration(["info", "warn"]), "info for the standard output, warn for errors."),
        .required("message", .text, "The line."),
        .required("source", .enumeration(["stdout", "stderr"]), "Where it was printed."),
        .required("timestamp", .milliseconds, "When."),
        .optional("subscriptionId", .text, "The subscription that it comes by."),
    ]

    private static let alert: [Field] = [
        .required("level", .enumeration(["info", "warning", "error", "critical"]), "How bad it is."),
        .required(
            "category", .enumeration(["resource", "security", "performance", "agent"]), "What it is about."),
        summary,
        .optional("details", .freeObject, "What else is known."),
    ]

    private static let metrics: [Field] = [
        .required(
            "system",
            .members(
                "DashboardSystemMetrics",
                [
                    .required("cpu", .object(cpu), "Its processors."),
                    .required("memory", .object(memory), "Its memory."),
                    .required("disk", .object(disk), "The disk that the server's data are on."),
                    .required("network", .object(network), "Its network, since the host was started."),
                ]), "The host."),
        .required("agents", .list(.object(agentUse)), "What agents' processes use."),
    ]

    private static let cpu = MessageSchema(
        "DashboardCPU",
        [
            .required("usage", .percent, "The part of all processors that is used."),
            .required("cores", .count, "How many there are."),
            .optional("temperature", .anyNumber, "Degrees Celsius."),
        ])

    private static let memory = MessageSchema(
        "DashboardMemory",
        [
            .required("total", .count, "Bytes."),
            .required("used", .count, "Bytes."),
            .required("available", .count, "Bytes."),
            .required("percent", .percent, "The part that is used."),
        ])

    private static let disk = MessageSchema(
        "DashboardDisk",
        [
            .required("total", .count, "Bytes."),
            .required("used", .count, "Bytes."),
            .required("percent", .percent, "The part that is used."),
        ])

    private static let network = MessageSchema(
        "DashboardNetwork",
        [
            .required("bytesIn", .count, "Bytes received."),
            .required("bytesOut", .count, "Bytes sent."),
            .required("packetsIn", .count, "Packets received."),
            .required("packetsOut", .count, "Packets sent."),
        ])

    private static let agentUse = MessageSchema(
        "DashboardAgentUse",
        [
            agentID,
            .required("cpu", .amount, "Percent of one processor."),
            .required("memory", .count, "Bytes of resident memory."),
            .required("threads", .count, "Threads of all its processes."),
        ])
}

extension DashboardMessages.Kind {
    /// What the client asks for, in one line.
    var summary: String {
        switch self {
        case .auth: "Says who the client is; the first message, within five seconds."
        case .createAgent: "Makes an agent with a process of its own."
        case .commandAgent: "Types to an agent's process, or runs a command by itself."
        case .terminateAgent: "Ends an agent and its processes."
        case .pauseAgent: "Stops an agent's processes where they are."
        case .resumeAgent: "Lets them go on."
        case .subscribeToAgent: "Asks to be told of an agent, or of all."
        case .subscribeToMetrics: "Asks for readings of the host and of agents."
        case .subscribeToLogs: "Asks for agents' output line by line."
        case .unsubscribe: "Ends a subscription."
        case .ping: "Asks for a sign of life."
        case .pong: "Answers a ping of the server."
        }
    }

    /// What comes back, by the titles of ``DashboardFrames``.
    var answers: [String] {
        switch self {
        case .ping: ["Pong"]
        case .pong: []
        case .auth, .createAgent, .commandAgent, .terminateAgent, .pauseAgent, .resumeAgent, .subscribeToAgent,
            .subscribeToMetrics, .subscribeToLogs, .unsubscribe:
            ["Ack"]
        }
    }
}

extension DeclaredChannel {
    /// The team dashboard: clients make agents, work with them, and watch.
    package static let dashboard = DeclaredChannel(
        "dashboard", title: "Team dashboard",
        summary: """
            Agents with processes of their own: made, commanded and watched. The first message is auth, unless callers are \
            trusted by their address; what answers a message carries its id as metadata.correlationId.
            """,
        query: MessageSchema(
            "DashboardQuery",
            [
                .optional("token", .text, "A signed token; then auth may come without one."),
                .optional("sessionId", .text, "The session to go on with."),
            ]),
        received: DashboardFrames.received, sent: DashboardFrames.sent)
}
