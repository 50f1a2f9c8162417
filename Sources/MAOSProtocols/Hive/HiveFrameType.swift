internal import MAOSCore

/// The types of frames, as the document has them, and those that programs publish.
enum HiveFrameType: Hashable, Sendable {
    case agentCreated
    case agentStatusChanged
    case agentPerformanceUpdated
    case agentRemoved
    case taskCreated
    case taskAssigned
    case taskStarted
    case taskProgress
    case taskCompleted
    case taskFailed
    case taskCancelled
    case hiveStatusUpdate
    case systemAlert
    case resourceAlert
    case moduleStatusChanged
    case interModuleMessage
    case coordinationEvent
    case learningCycleStarted
    case learningCycleCompleted
    case errorOccurred
    /// A fact that a program has announced, under its own name.
    case custom(String)

    /// The name on the wire.
    var name: String {
        switch self {
        case .agentCreated: "agent_created"
        case .agentStatusChanged: "agent_status_changed"
        case .agentPerformanceUpdated: "agent_performance_updated"
        case .agentRemoved: "agent_removed"
        case .taskCreated: "task_created"
        case .taskAssigned: "task_assigned"
        case .taskStarted: "task_started"
        case .taskProgress: "task_progress"
        case .taskCompleted: "task_completed"
        case .taskFailed: "task_failed"
        case .taskCancelled: "task_cancelled"
        case .hiveStatusUpdate: "hive_status_update"
        case .systemAlert: "system_alert"
        case .resourceAlert: "resource_alert"
        case .moduleStatusChanged: "module_status_changed"
        case .interModuleMessage: "inter_module_message"
        case .coordinationEvent: "coordination_event"
        case .learningCycleStarted: "learning_cycle_started"
        case .learningCycleCompleted: "learning_cycle_completed"
        case .errorOccurred: "error_occurred"
        case .custom(let name): name
        }
    }

    /// Every documented type.
    static let documented: [HiveFrameType] = [
        .agentCreated, .agentStatusChanged, .agentPerformanceUpdated, .agentRemoved, .taskCreated, .taskAssigned,
        .taskStarted, .taskProgress, .taskCompleted, .taskFailed, .taskCancelled, .hiveStatusUpdate, .systemAlert,
        .resourceAlert, .moduleStatusChanged, .interModuleMessage, .coordinationEvent, .learningCycleStarted,
        .learningCycleCompleted, .errorOccurred,
    ]

    /// The names of those.
    static let documentedNames: Set<String> = Set(documented.map(\.name))

    /// Whether a reader who is behind does without it: another of its kind follows.
    var isExpendable: Bool {
        switch self {
        case .taskProgress, .agentPerformanceUpdated, .hiveStatusUpdate: true
        default: false
        }
    }
}

extension HiveFrameType {
    /// The types of events that frames with these names are made of; empty where any may be.
    static func sources(of names: Set<String>) -> Set<String> {
        var sources: Set<String> = []
        for name: String in names {
            guard let known: [String] = sourcesByName[name] else {
                sources.insert(name)
                continue
            }
            sources.formUnion(known)
        }
        return sources
    }

    private static let attemptEnds: [String] = ["task_failed", "task_retry_scheduled"]
    private static let agentChanges: [String] = AgentEvent.Kind.allCases.map(\.name)

    private static let sourcesByName: [String: [String]] = [
        "agent_created": [AgentEvent.Kind.spawned.name],
        "agent_status_changed": agentChanges,
        "agent_performance_updated": agentChanges,
        "agent_removed": [AgentEvent.Kind.terminated.name],
        "task_failed": attemptEnds + ["task_interrupted"],
        "system_alert": [
            AgentEvent.Kind.crashed.name, "resource_alert", "resource_alert_cleared", "security_alert",
            "server_draining",
        ],
        "inter_module_message": attemptEnds + ["task_completed", "learning_cycle_completed"],
        "error_occurred": attemptEnds + ["workflow_failed", "schedule_failed"],
        // These are never stored: nothing of the history is asked for.
        "hive_status_update": [],
        "module_status_changed": [],
    ]
}
