/// The messages that go over the connection to an agent's terminal, in both directions, as declarations.
enum TerminalFrames {
    /// What clients send: a binary message is typed, a text message is an order.
    static let received: [DeclaredRequest] = [
        DeclaredRequest(DeclaredMessage("What is typed, as it is.", bytes: "Input")),
        DeclaredRequest(
            DeclaredMessage("Tells the programs how large the terminal is.", TerminalMessages.resize),
            answers: ["TerminalError"]),
    ]

    /// What they are sent: a binary message is output, a text message a notice.
    static let sent: [DeclaredMessage] = [
        DeclaredMessage("What the terminal shows, as it is; at first the newest of what it showed.", bytes: "Output"),
        notice(
            "TerminalExit", "The process has ended; all of its output came before.", "exit", .integer(0...255),
            "The code, as shells tell it: 128 and the signal's number for a signal."),
        notice(
            "TerminalGap", "The client has read too slowly, and has missed output.", "gap", .integer(1...Int.max),
            "How many bytes."),
        notice(
            "TerminalError", "A text message is refused.", "error", .members("TerminalFailure", GatewayFrames.failure),
            "What is wrong with it."),
    ]

    private static func notice(
        _ title: String, _ summary: String, _ name: String, _ constraint: Constraint, _ meaning: String
    ) -> DeclaredMessage {
        DeclaredMessage(summary, MessageSchema(title, [.required(name, constraint, meaning)]))
    }
}

extension DeclaredChannel {
    /// The terminal of an agent's resident process.
    package static let terminal = DeclaredChannel(
        "terminal", title: "Terminal of an agent",
        summary: """
            The terminal of an agent that was spawned with configuration.terminal: binary messages are raw bytes both ways, \
            text messages are JSON. The connection ends with code 1000 when the process or the agent does.
            """,
        parameters: [(name: "agentId", summary: "The agent.")],
        query: MessageSchema(
            "TerminalQuery",
            [
                .optional(
                    "restarts", .enumeration(["true", "false"]),
                    "Whether to stay when the process ends, for the one that takes its place; false by default."),
                .optional("token", .text, "A signed token, where browsers can put it."),
            ]),
        security: SecurityScheme.allCases, received: TerminalFrames.received, sent: TerminalFrames.sent)
}
