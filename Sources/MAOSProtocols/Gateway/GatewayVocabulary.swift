internal import MAOSCore

/// The gateway's words for the core's values, both ways.
enum GatewayVocabulary {
    // MARK: Tasks

    /// The five statuses that clients see.
    static let taskStatuses: [String] = ["pending", "running", "completed", "failed", "cancelled"]

    static func name(of status: TaskStatus) -> String {
        switch status {
        case .pending, .scheduled, .queued, .assigned: "pending"
        case .running, .awaitingApproval, .paused, .retrying: "running"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    /// Every core status that clients see under this name; `nil` for a name that does not exist.
    static func taskStatuses(named name: String) -> [TaskStatus]? {
        guard taskStatuses.contains(name) else { return nil }
        return TaskStatus.allCases.filter { GatewayVocabulary.name(of: $0) == name }
    }

    /// The types of task that clients may create.
    static let taskTypes: [String] = ["code", "test", "review", "deploy"]

    /// The types of task that clients may ask for: those they may create, and those that other dialects do.
    static let knownTaskTypes: [String] =
        taskTypes + [
            "documentation", "analysis", "maintenance", "security", "refactoring", "feature", "bugfix", "research",
            "data_processing", "custom",
        ]

    static func name(of kind: TaskKind) -> String {
        switch kind {
        case .testing: "test"
        case .deployment: "deploy"
        default: kind.rawValue
        }
    }

    /// The kind that a type stands for; `nil` for text that cannot be one.
    static func taskKind(named name: String) -> TaskKind? {
        switch name {
        case "code": .code
        case "test": .testing
        case "review": .review
        case "deploy": .deployment
        default: TaskKind(name)
        }
    }

    static let priorities: [String] = Priority.allCases.map(\.name)

    // MARK: Agents

    /// The types of agent that clients may spawn.
    static let agentTypes: [String] = ["coder", "tester", "reviewer", "documenter"]

    /// The six statuses that clients see.
    static let agentStatuses: [String] = ["initializing", "ready", "busy", "idle", "error", "terminated"]

    /// What clients see of an agent's status; a paused agent is busy or idle, depending on its tasks.
    static func name(of state: AgentState) -> String {
        switch state.status {
        case .initializing: "initializing"
        case .ready: "ready"
        case .idle: "idle"
        case .busy, .stopping: "busy"
        case .paused: state.currentTasks.isEmpty ? "idle" : "busy"
        case .error: "error"
        case .terminated: "terminated"
        }
    }

    /// Whether an agent counts as active: it works, or could.
    static func isActive(_ name: String) -> Bool {
        name == "initializing" || name == "ready" || name == "idle" || name == "busy"
    }
}
