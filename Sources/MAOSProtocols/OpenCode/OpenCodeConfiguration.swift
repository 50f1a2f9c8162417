package import MAOSCore

/// What an operator may set about the dialect.
package struct OpenCodeConfiguration: Sendable, Hashable {
    /// Whether everything is told to everybody, rather than to those who have subscribed to it.
    package var pushesEverything = false
    /// Whether processes may be signalled that were not started here.
    package var killsForeign = false
    /// How often clients may do what; `nil` for as often as they like.
    package var limits: OpenCodeLimits? = OpenCodeLimits()
    /// Limits of single clients, by subject or address, in place of those; `nil` for none.
    package var clients: [String: OpenCodeLimits?] = [:]

    /// The usage of the processors above which limits shrink, in percent; 100 for never.
    package var shrinksAbove: Double = 100

    /// The version of the document that is followed.
    package static let apiVersion = "1.4.0"

    /// What holds where nothing is set.
    package init() {}

    /// The part of the limits that holds at a usage of the processors: all up to the threshold, from there on steadily less,
    /// half when there is nothing left.
    func share(at usage: Double) -> Double {
        guard usage > shrinksAbove, shrinksAbove < 100 else { return 1 }
        return 1 - 0.5 * min(1, (usage - shrinksAbove) / (100 - shrinksAbove))
    }
}

/// The limits of the document, by the names that settings and answers have for them.
package enum OpenCodeLimitName: String, Sendable, CaseIterable {
    /// Connections at the same time.
    case connections
    /// New connections of all clients.
    case connectionsPerSecond
    /// Connections from an address after one of its connections broke.
    case reconnectionsPerMinute
    /// Messages of all clients.
    case globalMessagesPerMinute
    /// Messages of a connection.
    case messagesPerMinute
    /// Messages of a connection at once.
    case messagesPerSecond
    /// Tasks that a connection starts or schedules.
    case tasksPerMinute
    /// How often a connection asks for tasks.
    case taskChecksPerMinute
    /// Processes that a connection signals.
    case killsPerMinute
    /// Tasks with a pattern of files, and reads of logs.
    case fileOperationsPerMinute
    /// Reads of logs.
    case logQueriesPerMinute

    /// The name in `rate_limit_info` and `api_metrics`.
    var wireName: String {
        switch self {
        case .connections: "connections"
        case .connectionsPerSecond: "connections_per_second"
        case .reconnectionsPerMinute: "reconnections_per_minute"
        case .globalMessagesPerMinute: "global_messages_per_minute"
        case .messagesPerMinute: "messages_per_minute"
        case .messagesPerSecond: "messages_per_second"
        case .tasksPerMinute: "tasks_per_minute"
        case .taskChecksPerMinute: "task_checks_per_minute"
        case .killsPerMinute: "kills_per_minute"
        case .fileOperationsPerMinute: "file_operations_per_minute"
        case .logQueriesPerMinute: "log_queries_per_minute"
        }
    }

    /// Limits that are counted for each connection.
    static let perConnection: [OpenCodeLimitName] = [
        .messagesPerMinute, .messagesPerSecond, .tasksPerMinute, .taskChecksPerMinute, .killsPerMinute,
        .fileOperationsPerMinute, .logQueriesPerMinute,
    ]
}

/// How often clients may do what; the document's numbers unless changed.
package struct OpenCodeLimits: Sendable, Hashable {
    private var counts: [OpenCodeLimitName: Int] = [
        .connections: 100, .connectionsPerSecond: 10, .reconnectionsPerMinute: 5, .globalMessagesPerMinute: 1_000,
        .messagesPerMinute: 100, .messagesPerSecond: 20, .tasksPerMinute: 10, .taskChecksPerMinute: 50,
        .killsPerMinute: 5, .fileOperationsPerMinute: 100, .logQueriesPerMinute: 20,
    ]

    /// The document's limits.
    package init() {}

    /// How often; at least 1.
    package subscript(_ name: OpenCodeLimitName) -> Int {
        get { max(1, counts[name] ?? 1) }
        set { counts[name] = newValue }
    }

    /// A part of the limits of what clients send, but at least once; as many may be connected as ever.
    func shrunk(to share: Double) -> OpenCodeLimits {
        guard share < 1 else { return self }
        var limits: OpenCodeLimits = self
        for (name, count) in counts where name != .connections {
            limits.counts[name] = max(1, Int((Double(count) * share).rounded()))
        }
        return limits
    }

    /// The limit as a window that slides.
    func window(_ name: OpenCodeLimitName) -> SlidingWindow.Limit {
        switch name {
        case .connectionsPerSecond, .messagesPerSecond: SlidingWindow.Limit(self[name], per: 1_000, cells: 20)
        default: SlidingWindow.Limit(self[name])
        }
    }
}

/// What the dialect needs of the server around it.
package struct OpenCodeSurroundings: Sendable {
    /// What is live.
    package let view: CommittedView
    /// The server.
    package let environment: any DialectEnvironment
    /// Where the newest log entries are.
    package let logs: LogIndex
    /// Checks keys and tokens.
    package let credentials: any CredentialChecker
    /// Notes decisions about who somebody is and what it may do, in the server's own log.
    package let audit: @Sendable (LogEntry) -> Void

    /// The machine; `nil` where nobody looks at it.
    var host: (any HostInformation)? { environment.host }

    /// Puts the surroundings together.
    package init(
        view: CommittedView, environment: any DialectEnvironment, logs: LogIndex,
        credentials: any CredentialChecker, audit: @escaping @Sendable (LogEntry) -> Void
    ) {
        self.view = view
        self.environment = environment
        self.logs = logs
        self.credentials = credentials
        self.audit = audit
    }
}
