internal import MAOSCore

/// The messages that go over the gateway's WebSocket, in both directions, as declarations.
enum GatewayFrames {
    private static let correlation = "/id"

    // MARK: What clients send

    /// Every message of clients; what has members may have them at the top or under `payload`.
    static let received: [DeclaredRequest] = [
        request("subscribe", "Asks to be told of what happens.", GatewayWebSocketSession.subscribeSchema.fields),
        wrapped("subscribe", "The same with its members under payload.", GatewayWebSocketSession.subscribeSchema),
        request("unsubscribe", "Ends a subscription.", GatewayWebSocketSession.unsubscribeSchema.fields),
        wrapped("unsubscribe", "The same with its members under payload.", GatewayWebSocketSession.unsubscribeSchema),
        request("ping", "Asks for a sign of life.", []),
        DeclaredRequest(
            DeclaredMessage(
                "Passed over; taken as a sign of life.",
                MessageSchema("ClientPong", [.required("type", .constant("pong"), "What it is.")]))),
    ]

    private static func request(_ type: String, _ summary: String, _ fields: [Field]) -> DeclaredRequest {
        let title: String = DeclaredMessage.title(of: type)
        let message = DeclaredMessage(
            summary, MessageSchema(title, envelope(type) + fields), correlation: correlation)
        return DeclaredRequest(message, answers: [answer(to: type), "Error"])
    }

    private static func wrapped(_ type: String, _ summary: String, _ schema: MessageSchema) -> DeclaredRequest {
        let payload: Field = .required("payload", .object(schema), "What is asked for.")
        let message = DeclaredMessage(
            summary, MessageSchema(DeclaredMessage.title(of: type) + "Payload", envelope(type) + [payload]),
            correlation: correlation)
        return DeclaredRequest(message, answers: [answer(to: type), "Error"])
    }

    private static func envelope(_ type: String) -> [Field] {
        [
            .required("type", .constant(type), "What is asked for."),
            .optional("id", .string(0...200), "The client's own name for it; the answer has it too."),
        ]
    }

    private static func answer(to type: String) -> String {
        type == "ping" ? "Pong" : DeclaredMessage.title(of: type) + "d"
    }

    // MARK: What they are sent

    /// Every message to clients; what comes by a subscription with the wrapper, and without it.
    static let sent: [DeclaredMessage] = answers + deliveries.map(\.bare) + deliveries.map(\.wrapped)

    private static let answers: [DeclaredMessage] = [
        declare(
            "connected", "The connection is open; the first message.",
            [
                .required("connectionId", .text, "The connection."),
                .required("userId", .text, "Who the client is."),
            ]),
        declare(
            "subscribed", "The client is told of that from now on.",
            [
                channel,
                .required("delivery", .enumeration(["broadcast", "direct"]), "With the wrapper or without."),
                .optional("filter", .freeObject, "Members that a message must have, with their values."),
            ], correlation: correlation, isAnswer: true),
        declare(
            "unsubscribed", "The client is not told of that any more.", [channel], correlation: correlation,
            isAnswer: true),
        declare("pong", "Answers a ping.", [], correlation: correlation, isAnswer: true),
        declare(
            "error", "A message is refused, or the connection is about to end.", failure, correlation: correlation),
    ]

    private static let channel: Field = .required(
        "channel", .text, "task:{id}, tasks:all, agent:{id}, agents:all, system:{type}, system:all or metrics:all.")

    /// A message that comes by a subscription.
    private static let deliveries: [(bare: DeclaredMessage, wrapped: DeclaredMessage)] = [
        delivery("task_update", "Something has happened to a task.", taskUpdate),
        delivery("agent_update", "Something has happened to an agent.", agentUpdate),
        delivery(
            "system_event", "Something has happened to the whole, or in a workflow.",
            [sequence, .required("event", .object(systemEvent), "What has happened.")]),
        delivery(
            "metrics", "What is measured; regularly.",
            [.required("metrics", .list(.object(metric)), "The values.")]),
    ]

    private static func delivery(
        _ type: String, _ summary: String, _ fields: [Field]
    ) -> (bare: DeclaredMessage, wrapped: DeclaredMessage) {
        let bare: DeclaredMessage = declare(type, summary, fields)
        let schema: MessageSchema = bare.schema ?? MessageSchema(bare.title, [])
        let wrapper = MessageSchema(
            "Broadcast" + bare.title,
            [
                .required("type", .constant("broadcast"), "That it comes by a subscription."),
                channel,
                .required("timestamp", .instant, "When it happened."),
                .required("message", .object(schema), "What is told."),
            ])
        return (bare, DeclaredMessage(summary, wrapper))
    }

    /// A message with its members at the top, and again under `payload`.
    private static func declare(
        _ type: String, _ summary: String, _ fields: [Field], correlation: String? = nil, isAnswer: Bool = false
    ) -> DeclaredMessage {
        let title: String = DeclaredMessage.title(of: type)
        let envelope: [Field] = [
            .required("id", .text, "The message; the client's name for the request in what answers one."),
            .required("type", .constant(type), "What it is."),
            .required("timestamp", .instant, "When it happened."),
            .required("payload", .members("Gateway" + title, fields), "The other members once more."),
        ]
        return DeclaredMessage(
            summary, MessageSchema(title, envelope + fields), correlation: correlation, isAnswer: isAnswer)
    }

    // MARK: Parts

    private static let sequence: Field = .required("sequence", .integer(1...Int.max), "The event's number.")

    /// `{code, message, details?}`, as every refusal of the gateway has it.
    static let failure: [Field] = [
        .required("code", .enumeration(GatewayErrorCode.allCases.map(\.rawValue)), "What kind of refusal."),
        .required("message", .text, "For people."),
        .optional(
            "details", .either([.list(.object(issue)), .freeObject]),
            "Every mistake of a message, or what else is known."
        ),
    ]

    private static let issue = MessageSchema(
        "GatewayIssue",
        [
            .required("field", .text, "The member, with dots between steps."),
            .required("path", .list(.either([.text, .integer(0...Int.max)])), "The same, step by step."),
            .required("message", .text, "What is wrong with it."),
            .required(
                "code",
                .enumeration(ValidationIssue.Code.allCases.map(\.rawValue)), "What kind of mistake."),
            .optional("value", .any, "What it was."),
            .optional("expected", .text, "What would have been right."),
        ])

    private static let taskUpdate: [Field] = [
        .required("taskId", .text, "The task."),
        .required("event", .enumeration(TaskEvent.Kind.allCases.map(\.name)), "What has happened."),
        sequence,
        .required("taskType", .text, "The kind of work."),
        .optional("project", .text, "The project that it belongs to."),
        .required("status", .enumeration(GatewayVocabulary.taskStatuses), "How far it is."),
        .required(
            "coreStatus", .enumeration(TaskStatus.allCases.map(\.name)), "The same, as precisely as the server has it."),
        .required("priority", .enumeration(GatewayVocabulary.priorities), "How urgent it is."),
        .required("progress", .share, "How far it is, from 0 to 1."),
        .required("progressPercent", .wholePercent, "The same in hundredths."),
        .required("attempt", .count, "Which attempt, from 1 on; 0 before the first."),
        .optional("currentStep", .text, "What it does."),
        .optional("assignedAgentId", .text, "The agent that has it."),
        .optional("result", .any, "What it produced."),
        .optional("error", .text, "What went wrong."),
        .optional("errorCode", .text, "What kind of error."),
        .optional("usage", .object(usage), "What its attempts have used."),
        .optional("deadLetter", .boolean, "Whether it is kept because nobody could complete it."),
        .optional("requeuedAs", .text, "The task that was made of it."),
        .optional("cancelRequested", .boolean, "Whether it is about to be cancelled."),
        .optional("retryAt", .instant, "When it is tried again."),
        .optional("reason", .text, "Why, in a word or in the words of whoever did it."),
    ]

    private static let usage = MessageSchema(
        "GatewayUsage",
        BudgetPart.allCases.map { .required($0.name, .amount, "So much of it.") } + [
            .required("tokens", .count, "Tokens that were reported.")
        ])

    private static let agentUpdate: [Field] = [
        .required("agentId", .text, "The agent."),
        .required("event", .enumeration(AgentEvent.Kind.allCases.map(\.name)), "What has happened."),
        sequence,
        .required("agentType", .enumeration(AgentType.allCases.map(\.name)), "What it is made for."),
        .required("name", .text, "What people call it."),
        .required("status", .enumeration(GatewayVocabulary.agentStatuses), "What it does."),
        .required(
            "coreStatus", .enumeration(AgentStatus.allCases.map(\.name)), "The same, as precisely as the server has it."
        ),
        .required("health", .object(agentHealth), "How it fares."),
        .required("currentTasks", .list(.text), "Tasks that it works on, as far as the client may see them."),
        .optional("error", .text, "What went wrong."),
    ]

    private static let agentHealth = MessageSchema(
        "GatewayAgentHealth",
        [
            .required("status", .enumeration(["unknown", "healthy", "degraded", "unhealthy"]), "In a word."),
            .required("cpuPercent", .amount, "Percent of one processor."),
            .required("memoryBytes", .count, "Bytes of resident memory."),
            .required("uptimeSeconds", .count, "How long it has been there."),
            .required("errorRate", .share, "The part of its attempts that failed."),
            .required("averageResponseTimeMs", .amount, "How long an attempt takes."),
            .required("lastCheck", .instant, "Its last sign of life."),
        ])

    private static let systemEvent = MessageSchema(
        "GatewaySystemFact",
        [
            .required("id", .text, "The event's number."),
            .required("type", .text, "What has happened."),
            .required("severity", .enumeration(["info", "warning", "error"]), "How bad it is."),
            .required("source", .text, "The part of the server."),
            .required("message", .text, "For people."),
            .required("data", .freeObject, "What else is known, by the type."),
            .required("timestamp", .instant, "When it happened."),
        ])

    private static let metric = MessageSchema(
        "GatewayMetric",
        [
            .required("name", .text, "What is measured."),
            .required("type", .enumeration(["counter", "gauge", "histogram"]), "What kind of value."),
            .required("value", .anyNumber, "The value."),
            .required("timestamp", .instant, "When it was read."),
            .required("labels", .map(values: .text, limit: .max), "Of what."),
        ])
}

extension DeclaredChannel {
    /// The gateway's WebSocket: clients subscribe to tasks, agents, the system and metrics.
    package static let gateway = DeclaredChannel(
        "gateway", title: "Gateway",
        summary: """
            What happens to tasks, agents and the whole, by subscription. Every message has its members at the top and under \
            payload.
            """,
        query: MessageSchema("GatewayQuery", [.optional("token", .text, "A signed token, where browsers can put it.")]),
        security: SecurityScheme.allCases, received: GatewayFrames.received, sent: GatewayFrames.sent)
}
