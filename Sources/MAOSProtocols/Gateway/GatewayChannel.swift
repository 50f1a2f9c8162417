package import MAOSCore

/// Something that a WebSocket connection can listen to.
package enum GatewayChannel: Hashable, Sendable {
    case task(TaskID)
    case tasks
    case agent(AgentID)
    case agents
    /// System events of one type.
    case system(String)
    case systems
    case metrics

    /// Reads a channel's name; `nil` for one that has none of the documented forms.
    package init?(name: String) {
        guard let colon: String.Index = name.firstIndex(of: ":") else { return nil }
        let subject = String(name[name.index(after: colon)...])
        switch (name[..<colon], subject) {
        case ("tasks", "all"): self = .tasks
        case ("agents", "all"): self = .agents
        case ("system", "all"): self = .systems
        case ("metrics", "all"): self = .metrics
        case ("task", _):
            guard let id = TaskID(subject) else { return nil }
            self = .task(id)
        case ("agent", _):
            guard let id = AgentID(subject) else { return nil }
            self = .agent(id)
        case ("system", _):
            let isWord: Bool = subject.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x5F }
            guard (1...64).contains(subject.utf8.count), isWord else { return nil }
            self = .system(subject)
        default:
            return nil
        }
    }

    /// The name on the wire.
    package var name: String {
        switch self {
        case .task(let id): "task:\(id.rawValue)"
        case .tasks: "tasks:all"
        case .agent(let id): "agent:\(id.rawValue)"
        case .agents: "agents:all"
        case .system(let type): "system:\(type)"
        case .systems: "system:all"
        case .metrics: "metrics:all"
        }
    }

    /// What listening takes.
    package var permission: Permissions {
        switch self {
        case .task, .tasks: .tasksSubscribe
        case .agent, .agents: .agentsSubscribe
        case .system, .systems: .systemSubscribe
        case .metrics: .metricsSubscribe
        }
    }
}

extension TextFormat {
    /// A channel's name.
    static let gatewayChannel = TextFormat(
        expected: "task:{id}, tasks:all, agent:{id}, agents:all, system:{type}, system:all or metrics:all",
        example: "tasks:all",
        pattern: "^((task|agent):[A-Za-z0-9_-]{1,100}|(tasks|agents|metrics):all|system:[a-z0-9_]{1,64})$"
    ) { GatewayChannel(name: $0) != nil }
}
