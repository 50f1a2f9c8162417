internal import MAOSCore

/// A task as the server describes it, whichever reply or event the description is from.
struct TaskView: Sendable {
    let id: String
    var kind: String = ""
    var description: String = ""
    var status: String = ""
    var priority: String = ""
    var progress: Double = 0
    var step: String = ""
    var agent: String = ""
    var attempt: Int = 0
    var error: String = ""
    var createdAt: Int64?
    var startedAt: Int64?
    var finishedAt: Int64?

    init(id: String) {
        self.id = id
    }

    /// Reads a task of a reply.
    init(_ value: JSONValue) {
        self.init(id: value["id"]?.stringValue ?? value["taskId"]?.stringValue ?? "?")
        take(value)
    }

    var isTerminal: Bool { TaskView.isTerminal(status) }

    static func isTerminal(_ status: String) -> Bool {
        status == "completed" || status == "failed" || status == "cancelled"
    }

    /// Takes over what a description has, and keeps the rest.
    mutating func take(_ value: JSONValue) {
        func text(_ names: String...) -> String? {
            for name: String in names {
                if let text: String = value[name]?.stringValue { return text }
            }
            return nil
        }
        func time(_ name: String) -> Int64? { value[name]?.stringValue.flatMap { ISO8601.parse($0) } }
        status = text("coreStatus", "status") ?? status
        kind = text("kind", "taskType") ?? text("type").flatMap { $0.hasPrefix("task_") ? nil : $0 } ?? kind
        description = text("description") ?? description
        priority = text("priority") ?? priority
        step = text("currentStep", "step") ?? step
        agent = text("assignedAgentId", "agentId", "agent") ?? agent
        error = text("error") ?? value["error"]?["message"]?.stringValue ?? error
        if let number: Double = value["progress"]?.doubleValue { progress = number }
        if let number: Int = value["attempt"]?.intValue { attempt = number }
        createdAt = time("createdAt") ?? createdAt
        startedAt = time("startedAt") ?? startedAt
        finishedAt = time("finishedAt") ?? time("completedAt") ?? finishedAt
    }

    /// How the status looks.
    static func style(of status: String) -> Style? {
        switch status {
        case "completed", "healthy": .green
        case "failed", "error", "unhealthy": .red
        case "cancelled", "terminated": .dim
        case "running", "busy": .cyan
        case "retrying", "paused", "awaiting_approval", "degraded", "stopping": .yellow
        default: nil
        }
    }
}
