internal import MAOSCore

extension GatewayProjection {
    /// Whether an event may be shown to a principal: what is out of its reach does not exist for it.
    static func shows(_ event: Event, to principal: Principal) -> Bool {
        guard case .task(let task) = event.body else { return true }
        return principal.reaches(task: task.id, project: task.project)
    }

    /// Writes an event as history and streams have it: `{sequence, type, timestamp, …}`.
    ///
    /// - Parameters:
    ///   - event: The event.
    ///   - principal: Whose reach limits what is shown; `nil` for everything.
    ///   - writer: Where to write.
    func write(_ event: Event, for principal: Principal?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("sequence", event.sequence)
        writer.member("type", event.type)
        writer.member("timestamp", timestamp: event.time.milliseconds)
        switch event.body {
        case .task(let task):
            writer.member("taskId", task.id.rawValue)
            writer.member("taskType", GatewayVocabulary.name(of: task.taskKind))
            writer.memberIfPresent("project", task.project)
            GatewayProjection.writeState(task.state, to: &writer)
            writer.memberIfPresent("agentId", task.agent?.rawValue)
            writer.memberIfPresent("reason", task.reason)
            if let created = task.created {
                writer.member("description", created.specification.description)
                writer.member("owner", created.owner)
                if !created.specification.dependencies.isEmpty {
                    writer.member("dependencies", ids: created.specification.dependencies)
                }
            }
        case .agent(let agent):
            writer.member("agentId", agent.id.rawValue)
            writer.member("agentType", agent.agentType.name)
            writer.member("name", agent.name)
            writer.member("status", GatewayVocabulary.name(of: agent.state))
            writer.member("coreStatus", agent.state.status.name)
            writer.member("currentTasks", ids: visibleTasks(of: agent, for: principal))
            writer.memberIfPresent("error", agent.state.error)
        case .system(let system):
            GatewayProjection.writeSystem(system, to: &writer)
        }
        writer.endObject()
    }

    /// Writes the flat members of a `task_update`, as an object.
    func writeTaskUpdate(_ event: Event, _ task: TaskEvent, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("taskId", task.id.rawValue)
        writer.member("event", task.kind.name)
        writer.member("sequence", event.sequence)
        writer.member("taskType", GatewayVocabulary.name(of: task.taskKind))
        writer.memberIfPresent("project", task.project)
        GatewayProjection.writeState(task.state, to: &writer)
        writer.memberIfPresent("reason", task.reason)
        writer.endObject()
    }

    /// Writes the flat members of an `agent_update`, as an object.
    func writeAgentUpdate(
        _ event: Event, _ agent: AgentEvent, for principal: Principal?, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.member("agentId", agent.id.rawValue)
        writer.member("event", agent.kind.name)
        writer.member("sequence", event.sequence)
        writer.member("agentType", agent.agentType.name)
        writer.member("name", agent.name)
        writer.member("status", GatewayVocabulary.name(of: agent.state))
        writer.member("coreStatus", agent.state.status.name)
        writer.key("health")
        writeHealth(
            of: agent.id, agent.state, since: view.agent(agent.id)?.createdAt, at: event.time, to: &writer)
        writer.member("currentTasks", ids: visibleTasks(of: agent, for: principal))
        writer.memberIfPresent("error", agent.state.error)
        writer.endObject()
    }

    /// The type under which clients hear of an event as a system event; `nil` for one that is none.
    static func systemType(of event: Event) -> String? {
        switch event.body {
        case .task: return nil
        case .system(let system): return system.type
        case .agent(let agent):
            switch agent.kind {
            case .spawned, .terminated, .crashed: return agent.kind.name
            case .ready, .workChanged, .configured, .paused, .resumed, .stopping: return nil
            }
        }
    }

    /// Writes `{event: SystemEvent}`.
    static func writeSystemUpdate(_ event: Event, type: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("sequence", event.sequence)
        writer.beginObject("event")
        writer.member("id", String(event.sequence))
        writer.member("type", type)
        switch event.body {
        case .system(let system):
            writeSystem(system, to: &writer)
        case .agent(let agent):
            writer.member("severity", severity(of: type))
            writer.member("source", "agents")
            writer.member("message", message(of: agent))
            writer.beginObject("data")
            writer.member("agentId", agent.id.rawValue)
            writer.member("agentType", agent.agentType.name)
            writer.member("name", agent.name)
            writer.memberIfPresent("error", agent.state.error)
            writer.endObject()
        case .task:
            break
        }
        writer.member("timestamp", timestamp: event.time.milliseconds)
        writer.endObject()
        writer.endObject()
    }

    private static func writeSystem(_ system: SystemEvent, to writer: inout JSONWriter) {
        writer.member("severity", severity(of: system.type))
        writer.member("source", source(of: system.type))
        writer.member("message", String(system.type.map { $0 == "_" ? " " : $0 }))
        writer.member("data", system.data)
    }

    private static func severity(of type: String) -> String {
        switch type {
        case "agent_crashed", "workflow_failed": "error"
        case "security_alert", "resource_alert", "server_draining": "warning"
        default: "info"
        }
    }

    private static func source(of type: String) -> String {
        switch type.split(separator: "_").first {
        case "agent": "agents"
        case "pool", "quota", "schedule", "workflow", "approval": "orchestration"
        case "resource": "storage"
        case "security": "communication"
        default: "server"
        }
    }

    private static func message(of agent: AgentEvent) -> String {
        let what: String =
            switch agent.kind {
            case .spawned: "was spawned"
            case .terminated: "has ended"
            case .crashed: "crashed"
            case .ready, .workChanged, .configured, .paused, .resumed, .stopping: "changed"
            }
        guard agent.kind == .crashed, let error: String = agent.state.error else {
            return "Agent \(agent.name) \(what)"
        }
        return "Agent \(agent.name) \(what): \(error)"
    }

    private func visibleTasks(of agent: AgentEvent, for principal: Principal?) -> [TaskID] {
        guard let principal else { return agent.state.currentTasks }
        return reachable(agent.state.currentTasks, by: principal)
    }
}
