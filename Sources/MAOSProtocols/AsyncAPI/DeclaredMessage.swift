/// A message of a WebSocket dialect: declared once, for the description of the interface and for the tests that hold the
/// server to it.
package struct DeclaredMessage: Sendable {
    /// What a message consists of.
    package enum Content: Sendable {
        /// JSON text.
        case json(MessageSchema)
        /// Bytes that nobody here looks into.
        case bytes
    }

    /// Its name in the description; unique in its channel.
    package let title: String
    /// What it is, in one line.
    package let summary: String
    /// What it consists of.
    package let content: Content
    /// Where it says which request it belongs to, as a JSON pointer into it (RFC 6901).
    package let correlation: String?
    /// Whether it comes as an answer only.
    package let isAnswer: Bool

    /// Declares a message of JSON text, which is named like its schema.
    package init(_ summary: String, _ schema: MessageSchema, correlation: String? = nil, isAnswer: Bool = false) {
        title = schema.name
        self.summary = summary
        content = .json(schema)
        self.correlation = correlation
        self.isAnswer = isAnswer
    }

    /// Declares a message of bytes.
    package init(_ summary: String, bytes title: String) {
        self.title = title
        self.summary = summary
        content = .bytes
        correlation = nil
        isAnswer = false
    }

    /// What its text has to be like; `nil` where it has none.
    package var schema: MessageSchema? {
        switch content {
        case .json(let schema): schema
        case .bytes: nil
        }
    }

    /// A type such as `agent_created` or `agent:create` as titles have it: `AgentCreated`, `AgentCreate`.
    static func title(of type: String) -> String {
        type.split { $0 == "_" || $0 == ":" }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}

/// What clients may send, with what comes back.
package struct DeclaredRequest: Sendable {
    /// The message.
    package let message: DeclaredMessage
    /// Titles of the messages that it is answered with; empty where nothing comes back.
    package let answers: [String]

    /// Declares a request.
    package init(_ message: DeclaredMessage, answers: [String] = []) {
        self.message = message
        self.answers = answers
    }
}

/// An endpoint that speaks WebSocket, with every message that goes over it.
package struct DeclaredChannel: Sendable {
    /// Its name in the description: letters only.
    package let name: String
    /// What people call it.
    package let title: String
    /// What it is for, and what a client has to know to begin.
    package let summary: String
    /// What stands in braces in its address, with what it means.
    package let parameters: [(name: String, summary: String)]
    /// What the handshake's query may hold.
    package let query: MessageSchema
    /// How clients may say who they are in the handshake, by the names of ``SecurityScheme``; any one does.
    package let security: [SecurityScheme]
    /// What clients send.
    package let received: [DeclaredRequest]
    /// What they are sent.
    package let sent: [DeclaredMessage]

    /// Declares an endpoint.
    package init(
        _ name: String, title: String, summary: String, parameters: [(name: String, summary: String)] = [],
        query: MessageSchema, security: [SecurityScheme] = [], received: [DeclaredRequest], sent: [DeclaredMessage]
    ) {
        self.name = name
        self.title = title
        self.summary = summary
        self.parameters = parameters
        self.query = query
        self.security = security
        self.received = received
        self.sent = sent
    }
}

/// A way to say who one is.
package enum SecurityScheme: String, Sendable, CaseIterable {
    /// A signed token in the field `Authorization`.
    case bearer
    /// A signed token in the query, where browsers can put it.
    case queryToken
}
