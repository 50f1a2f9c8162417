internal import MAOSCore

/// The hive's words for the core's values.
enum HiveVocabulary {
    static func name(of status: TaskStatus) -> String {
        switch status {
        case .pending, .scheduled, .queued, .retrying: "pending"
        case .assigned: "assigned"
        case .running, .awaitingApproval, .paused: "running"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    static func name(of status: AgentStatus) -> String {
        switch status {
        case .initializing: "initializing"
        case .ready, .idle: "idle"
        case .busy: "active"
        case .paused: "paused"
        case .stopping: "stopping"
        case .error: "error"
        case .terminated: "terminated"
        }
    }

    /// A component's health; what nobody has checked is not held against it.
    static func name(of health: HealthStatus) -> String {
        switch health {
        case .healthy, .unknown: "healthy"
        case .degraded: "degraded"
        case .unhealthy: "unhealthy"
        }
    }

    /// Why an agent has got where it is.
    static func reason(of event: AgentEvent) -> String {
        switch event.kind {
        case .spawned: return "created"
        case .ready: return "started"
        case .configured: return "configured"
        case .paused: return "paused"
        case .resumed: return "resumed"
        case .crashed: return "crashed"
        case .stopping: return "stopping"
        case .terminated: return "terminated"
        case .workChanged:
            switch event.state.status {
            case .busy: return "task_assigned"
            case .initializing: return "restarting"
            default: return "task_finished"
            }
        }
    }

    static func reason(of ending: AgentEvent.Ending?) -> String {
        switch ending {
        case .requested: "manual_removal"
        case .idle: "idle"
        case .scaled: "scaled_down"
        case .restarted: "server_restarted"
        case nil: "terminated"
        }
    }

    /// Why a task was cancelled.
    static func reason(of event: TaskEvent) -> String {
        if let reason: String = event.reason { return reason }
        return event.state.error?.code == .dependency ? "dependency_failed" : "manual_cancellation"
    }

    /// What a component of the server does, as far as it matters to its users.
    static func functions(of module: String) -> [String] {
        switch module {
        case "orchestration": ["task_management", "agent_management", "workflow_execution"]
        case "execution": ["task_execution", "output_capture"]
        case "communication": ["request_handling", "event_delivery"]
        case "storage": ["persistence", "history"]
        default: []
        }
    }

    /// What to do about a resource that runs short.
    static func recommendations(for resource: String) -> [String] {
        switch resource {
        case "cpu": ["Lower the number of tasks that run at once", "Add processors or another host"]
        case "memory": ["Set memory limits for agents", "Lower the number of agents", "Add memory"]
        case "disk": ["Shorten the retention of events, tasks and output", "Add disk space"]
        case "network": ["Have clients follow fewer events", "Add bandwidth"]
        default: []
        }
    }

    /// Whether facts of this type concern the server itself; those of any other unknown type were announced by programs.
    static func isInternal(_ type: String) -> Bool {
        for prefix: String in ["server_", "config_", "quota_", "pool_", "schedule_", "resources_", "hive_"]
        where type.hasPrefix(prefix) {
            return true
        }
        return false
    }
}
