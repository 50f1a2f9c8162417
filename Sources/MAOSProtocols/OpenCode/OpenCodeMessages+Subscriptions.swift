package import MAOSCore

/// What clients can subscribe to.
package enum OpenCodeChannel: String, Sendable, CaseIterable {
    case systemResources = "system_resources"
    /// Progress included.
    case taskStatus = "task_status"
    case taskProgress = "task_progress"
    case logEntries = "log_entries"
    case agents
    case taskManager = "task_manager"
    case processes
    case claudeProcesses = "claude_processes"
    case connection
    /// For administrators.
    case security

    /// A channel by its name, or by the type of what comes over it.
    init?(named name: String) {
        switch name {
        case "resource_update": self = .systemResources
        case "task_status_update": self = .taskStatus
        case "task_progress_update": self = .taskProgress
        case "log_entry": self = .logEntries
        case "agent_update": self = .agents
        case "task_manager_status": self = .taskManager
        case "detailed_process_scan": self = .processes
        case "claude_processes_update": self = .claudeProcesses
        case "connection_status": self = .connection
        case "security_alert": self = .security
        default:
            guard let channel = OpenCodeChannel(rawValue: name) else { return nil }
            self = channel
        }
    }
}

/// What a client wants to be told of.
package struct OpenCodeSubscription: Sendable {
    /// The channels, as the client names them.
    package var names: [String] = []
    /// Each channel once, with what is wanted of it.
    package var interests: [OpenCodeChannel: OpenCodeInterest] = [:]
}

/// What is wanted of a channel; everything where nothing is said.
package struct OpenCodeInterest: Sendable, Hashable {
    /// Of these tasks only; of all where `nil`.
    package var tasks: Set<TaskID>?
    /// Of these levels only; of all where empty.
    package var levels: Set<LogLevel> = []

    /// Everything.
    package init() {}
}

extension OpenCodeMessages {
    static let subscribe = MessageSchema(
        "SubscribeToUpdates",
        [
            .required(
                "channels", .array(of: .string(1...100), count: 1...64),
                "What to be told of: \(OpenCodeChannel.allCases.map(\.rawValue).joined(separator: ", "))."),
            .optional("filters", .map(values: .map(values: .any, limit: 16), limit: 64), "By channel: what of it."),
        ])

    static let unsubscribe = MessageSchema(
        "UnsubscribeFromUpdates",
        [
            .required("channels", .array(of: .string(1...100), count: 1...64), "What not to be told of any more."),
            .required("subscription_id", .string(1...100), "As the confirmation named it."),
        ])

    private static let taskStatusFilter = MessageSchema(
        "TaskStatusFilter", isClosed: true,
        [
            .optional(
                "task_ids", .array(of: .string(1...100, .openCodeTaskID), count: 0...1_000), "Of these tasks only.")
        ])

    private static let logEntriesFilter = MessageSchema(
        "LogEntriesFilter", isClosed: true,
        [.optional("levels", choice(OpenCodeVocabulary.logLevels), "Of these levels only.")])

    private static let noFilter = MessageSchema("NoFilter", isClosed: true, [])

    static func decodeSubscription(_ message: JSONObject) throws(OpenCodeFailure) -> OpenCodeSubscription {
        var subscription = OpenCodeSubscription()
        subscription.names = words(message["channels"])
        var seen: Set<String> = []
        for (index, name) in subscription.names.enumerated() {
            subscription.interests[try channel(name)] = OpenCodeInterest()
            guard seen.insert(name).inserted else {
                throw .invalid(
                    .invalidFieldValue, "channels.\(index)", "is there twice", .string(name),
                    expected: "each value once")
            }
        }
        guard case .object(let filters)? = message["filters"] else { return subscription }
        for member: JSONObject.Member in filters {
            let channel: OpenCodeChannel = try channel(member.key)
            guard subscription.interests[channel] != nil else {
                throw OpenCodeFailure(
                    .filterValidationError, "Filter for a channel that is not subscribed to: '\(member.key)'",
                    [
                        "field": .string("filters.\(member.key)"),
                        "expected": .array(subscription.names.map { .string($0) }),
                    ])
            }
            subscription.interests[channel] = try interest(member.value, in: channel, "filters.\(member.key)")
        }
        return subscription
    }

    static func channel(_ name: String) throws(OpenCodeFailure) -> OpenCodeChannel {
        if let channel = OpenCodeChannel(named: name) { return channel }
        let shown: String = OpenCodeFailure.cut(name, to: 100)
        throw OpenCodeFailure(
            .subscriptionError, "Unknown channel: '\(shown)'",
            [
                "field": "channels", "value": .string(shown),
                "expected": .array(OpenCodeChannel.allCases.map { .string($0.rawValue) }),
            ])
    }

    private static func interest(
        _ filter: JSONValue, in channel: OpenCodeChannel, _ path: String
    ) throws(OpenCodeFailure) -> OpenCodeInterest {
        let schema: MessageSchema =
            switch channel {
            case .taskStatus, .taskProgress: taskStatusFilter
            case .logEntries: logEntriesFilter
            default: noFilter
            }
        try requireKnown(filter, schema, at: path)
        if var issue: ValidationIssue = schema.issues(in: filter).first {
            let steps: [Substring] = path.split(separator: ".")
            issue.path = steps.map { .key(String($0)) } + issue.path
            throw failure(of: issue, in: "subscribe_to_updates")
        }
        var interest = OpenCodeInterest()
        if let ids: [JSONValue] = filter["task_ids"]?.arrayValue, !ids.isEmpty {
            interest.tasks = Set(ids.compactMap { $0.stringValue.flatMap { TaskID($0) } })
        }
        interest.levels = Set(words(filter["levels"]).compactMap { LogLevel(rawValue: $0) })
        return interest
    }
}
