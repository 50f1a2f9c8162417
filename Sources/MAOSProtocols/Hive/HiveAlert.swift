internal import MAOSCore

/// A fact about the server that people should know of, as both kinds of alert frames and the status report have it.
struct HiveAlert: Sendable {
    /// `info`, `warning`, `error` or `critical`.
    var level: String
    var title: String
    var message: String
    /// What it is about: an agent, a resource, or the type of the fact.
    var subject: String
    /// The parts of the server that it touches.
    var components: [String] = []
    /// What else is known; an object.
    var data: JSONValue

    static let levels: Set<String> = ["info", "warning", "error", "critical"]

    /// Reads a fact; `nil` for one that is no alert.
    init?(_ system: SystemEvent) {
        let data: JSONValue = system.data.value()
        self.data = data
        let said: String? = data["message"]?.stringValue
        let stated: String? = data["level"]?.stringValue ?? data["severity"]?.stringValue
        let level: String? = stated.flatMap { HiveAlert.levels.contains($0) ? $0 : nil }
        switch system.type {
        case "resource_alert" where data["resource"] == nil:
            // The journal's own word that it can be written to again.
            guard data["storage"] != nil else { return nil }
            (self.level, title, subject) = (level ?? "info", "Storage is available again", "storage")
            message = said ?? "What could not be stored is stored now"
            components = ["storage"]
        case "resource_alert", "resource_alert_cleared":
            let isOver: Bool = system.type != "resource_alert"
            let resource: String = data["resource"]?.stringValue ?? "resource"
            subject = resource
            self.level = level ?? (isOver ? "info" : "warning")
            let name: String = HiveAlert.title(of: resource)
            title = isOver ? "\(name) usage is normal again" : "High \(name) usage"
            message = said ?? title
            components = ["execution"]
        case "security_alert":
            (self.level, title, subject) = (level ?? "warning", "Security alert", "security")
            message = said ?? "Something was refused that looks like an attack"
            components = ["communication"]
        case "server_draining":
            (self.level, title, subject) = (level ?? "info", "Server is stopping", "server")
            message = said ?? "The server finishes what is under way and stops"
            components = ["orchestration", "communication"]
        default:
            return nil
        }
    }

    /// An agent that has crashed.
    init(crashOf agent: AgentEvent) {
        let error: String = agent.state.error ?? "unknown"
        level = "error"
        title = "Agent crashed"
        message = "Agent \(agent.name) crashed: \(error)"
        subject = agent.id.rawValue
        components = ["agent_management"]
        data = [
            "agent_id": JSONValue(agent.id.rawValue), "error": JSONValue(error),
            "restarts": JSONValue(agent.state.restarts),
        ]
    }

    private static func title(of resource: String) -> String {
        switch resource {
        case "cpu": "CPU"
        default: resource
        }
    }
}
