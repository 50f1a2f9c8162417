internal import MAOSCore

/// What dashboard clients send, as declarations.
package enum DashboardMessages {
    /// The types of messages that clients send.
    package enum Kind: String, Sendable, CaseIterable {
        case auth
        case createAgent = "agent:create"
        case commandAgent = "agent:command"
        case terminateAgent = "agent:terminate"
        case pauseAgent = "agent:pause"
        case resumeAgent = "agent:resume"
        case subscribeToAgent = "subscribe:agent"
        case subscribeToMetrics = "subscribe:metrics"
        case subscribeToLogs = "subscribe:logs"
        case unsubscribe
        case ping
        case pong

        /// What its payload has to be like.
        package var schema: MessageSchema {
            switch self {
            case .auth: DashboardMessages.auth
            case .createAgent: DashboardMessages.createAgent
            case .commandAgent: DashboardMessages.commandAgent
            case .terminateAgent: DashboardMessages.terminateAgent
            case .pauseAgent, .resumeAgent: DashboardMessages.agent
            case .subscribeToAgent, .subscribeToMetrics, .subscribeToLogs: DashboardMessages.subscribe
            case .unsubscribe: DashboardMessages.unsubscribe
            case .ping, .pong: DashboardMessages.heartbeat
            }
        }
    }

    /// The priority of messages whose answers leave first.
    static let urgent: String = "high"
    /// What a message may say of its priority.
    static let priorities: [String] = ["low", "normal", urgent]
    /// Bytes of a command at most.
    package static let commandLimit: Int = 65_536
    /// The models that agents are created for.
    package static let models: [String] = ["claude-3-opus", "claude-3-sonnet"]

    private static let agentField = Field.required("agentId", .string(1...100), "The agent's id.")

    private static let auth = MessageSchema(
        "AuthMessage",
        [
            .optional("token", .string(1...16_384), "A signed token that lives at most an hour."),
            .optional("clientId", .string(1...200), "Names the client; the same after it comes back."),
            .optional("sessionId", .string(1...200), "The session to go on with."),
            .optional(
                "lastMessageId", .string(1...200), "The last message that arrived; what came after it is sent again."),
        ])

    private static let createAgent = MessageSchema(
        "CreateAgentMessage",
        [
            .required("name", .string(1...200, .processText), "The name people see."),
            .required("model", .enumeration(models), "The model; decides which runner is started."),
            .required(
                "workspace", .string(1...4_096, .processText),
                "The folder its processes start in, inside workspaceRoot."),
            .optional(
                "environment",
                .map(keys: DashboardEnvironment.name, values: .string(0...65_536, .processText), limit: 200),
                "Variables of its processes."),
            .optional("resourceLimits", .object(resourceLimits), "What its processes may use together."),
        ])

    private static let resourceLimits = MessageSchema(
        "ResourceLimits",
        [
            .required("memory", .number(1...1_000_000_000), "Megabytes of memory."),
            .required("cpu", .number(0.01...1_000_000), "Cores."),
        ])

    private static let commandAgent = MessageSchema(
        "AgentCommandMessage",
        [
            agentField,
            .required("command", .string(0...commandLimit), "What to type, or what to run."),
            .optional(
                "interactive", .boolean, "Whether it is typed to the agent's process; otherwise it runs by itself."),
            .optional("timeout", .integer(1...86_400_000), "Milliseconds that a command that runs by itself may take."),
        ])

    private static let terminateAgent = MessageSchema(
        "TerminateAgentMessage",
        [agentField, .optional("force", .boolean, "Whether its processes are killed without a grace.")])

    private static let agent = MessageSchema("AgentControlMessage", [agentField])

    private static let subscribe = MessageSchema(
        "SubscribeMessage",
        [
            .optional("agentId", .string(1...100), "Only about this agent; about all of them without it."),
            .optional(
                "filters", .array(of: .enumeration(DashboardFilter.names), count: 0...100),
                "Message types, streams or log levels; everything without any."),
        ])

    private static let unsubscribe = MessageSchema(
        "UnsubscribeMessage",
        [.required("subscriptionId", .string(1...200), "The subscription's id, or that of the message that made it.")])

    private static let heartbeat = MessageSchema(
        "HeartbeatMessage", [.optional("timestamp", .any, "Milliseconds since 1970; comes back with the pong.")])
}

/// A message of a client, as far as its envelope goes.
struct DashboardMessage {
    /// The client's own id, where it sent one.
    var clientID: String?
    /// The client's id, or one that was made for it.
    var id: String
    var kind: DashboardMessages.Kind
    var payload: JSONValue
    /// What answers carry to tell what they belong to.
    var correlation: String
    /// Whether its answers leave before what waits for the client.
    var isUrgent: Bool

    /// Why a message cannot be told apart; with what is known of its id.
    struct Refusal: Error {
        var id: String?
        var isUrgent = false
        var failure: DashboardFailure
    }

    private static let depthLimit: Int = 64
    private static let idLimit: Int = 200

    /// Reads an envelope; `makeID` is asked where the client sent no id.
    init(_ text: [UInt8], makeID: () -> String) throws(Refusal) {
        let message: JSONValue
        do throws(JSONError) {
            message = try JSONReader.parse(text, depthLimit: DashboardMessage.depthLimit)
        } catch {
            throw Refusal(failure: DashboardFailure(.invalidMessage, "The message is no JSON: \(error.description)"))
        }
        guard case .object(let members) = message else {
            throw Refusal(failure: DashboardFailure(.invalidMessage, "The message must be an object"))
        }
        let given: String?
        switch members["id"] {
        case nil, .null?: given = nil
        case .string(let id)? where !id.isEmpty && id.utf8.count <= DashboardMessage.idLimit: given = id
        default:
            throw Refusal(
                failure: DashboardFailure(
                    .invalidMessage, "id must be a string of 1 to \(DashboardMessage.idLimit) bytes"))
        }
        var isUrgent = false
        func refusal(_ code: DashboardErrorCode, _ message: String) -> Refusal {
            Refusal(id: given, isUrgent: isUrgent, failure: DashboardFailure(code, message))
        }
        guard let type: String = members["type"]?.stringValue else {
            throw refusal(.invalidMessage, "type must be a string")
        }
        guard let kind = DashboardMessages.Kind(rawValue: type) else {
            throw refusal(.unsupportedType, "There is no message type \(String(type.prefix(100)))")
        }
        self.kind = kind
        switch members["timestamp"] {
        case nil, .null?, .integer?, .number?: break
        default: throw refusal(.invalidMessage, "timestamp must be a number")
        }
        var correlation: String?
        switch members["metadata"] {
        case nil, .null?: break
        case .object(let metadata)?:
            correlation = metadata["correlationId"]?.stringValue.flatMap {
                $0.utf8.count <= DashboardMessage.idLimit ? $0 : nil
            }
            isUrgent = metadata["priority"]?.stringValue == DashboardMessages.urgent
        default: throw refusal(.invalidMessage, "metadata must be an object")
        }
        switch members["payload"] {
        case .object?: payload = members["payload"] ?? .null
        case nil, .null?:
            // The first form of `auth`, and pings of some clients, have their members at the top.
            payload = kind == .auth || kind == .ping || kind == .pong ? message : .object([:])
        default: throw refusal(.invalidMessage, "payload must be an object")
        }
        if kind == .auth, case .object(let inner) = payload, inner["token"] == nil || inner["clientId"] == nil {
            payload = DashboardMessage.merged(inner, over: members)
        }
        clientID = given
        id = given ?? makeID()
        self.correlation = correlation ?? id
        self.isUrgent = isUrgent
        if let issue: ValidationIssue = kind.schema.issues(in: payload).first {
            throw refusal(.invalidMessage, DashboardFailure(issue).message)
        }
    }

    /// What `auth` says inside and outside of its payload; the payload wins.
    private static func merged(_ inner: JSONObject, over outer: JSONObject) -> JSONValue {
        var members: JSONObject = inner
        for name: String in ["token", "clientId", "sessionId", "lastMessageId"] where members[name] == nil {
            if let value: JSONValue = outer[name] { members[name] = value }
        }
        return .object(members)
    }
}
