internal import MAOSCore

extension GatewayProjection {
    /// Whether an event may be shown to a principal: what is out of its reach does not exist for it.
    static func shows(_ event: Event, to principal: Principal) -> Bool {
        switch event.body {
        case .task(let task): principal.reaches(task: task.id, project: task.project)
        case .workflow(let workflow): principal.task == nil && principal.reaches(project: workflow.project)
        case .agent, .system: true
        }
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
        case .workflow(let workflow):
            GatewayProjection.writeMembers(of: workflow, to: &writer)
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
        case .workflow(let workflow): return workflow.kind.name
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
        case .workflow(let workflow):
            writer.member("severity", severity(of: type))
            writer.member("source", "workflows")
            writer.member("message", message(of: workflow))
            writer.beginObject("data")
            writeMembers(of: workflow, to: &writer)
            writer.endObject()
        case .task:
            break
        }
        writer.member("timestamp", timestamp: event.time.milliseconds)
        writer.endObject()
        writer.endObject()
    }

    /// Writes what an event says about an execution, its step and its question, as members.
    static func writeMembers(of event: WorkflowEvent, to writer: inout JSONWriter) {
        writer.member("executionId", event.execution.rawValue)
        writer.member("workflowId", event.workflow.rawValue)
        writer.member("name", event.name)
        writer.memberIfPresent("project", event.project)
        writer.member("status", event.status.name)
        writer.member("progress", shown(event.progress))
        if let step: WorkflowEvent.Step = event.step {
            writer.member("stepId", step.id)
            writer.member("ordinal", step.ordinal)
            if step.scope > 0 { writer.member("scope", step.scope) }
            writer.member("round", step.round)
            writer.member("attempt", step.attempt)
            writer.memberIfPresent("taskId", step.task?.rawValue)
            writer.memberIfPresent("approvalId", step.approval?.rawValue)
        }
        switch event.kind {
        case .approvalRequested:
            writer.memberIfPresent("reason", event.text)
            writer.memberIfPresent("requester", event.subject)
        case .approvalResolved:
            writer.memberIfPresent("approved", event.isApproved)
            writer.memberIfPresent("resolvedBy", event.subject)
            writer.memberIfPresent("comment", event.text)
        default:
            writer.memberIfPresent("error", event.text)
            writer.memberIfPresent("subject", event.subject)
        }
    }

    private static func message(of event: WorkflowEvent) -> String {
        let words = String(event.kind.name.map { $0 == "_" ? " " : $0 })
        let step: String = event.step.map { " (step \($0.id))" } ?? ""
        return "\(words): \(event.name)\(step)" + (event.text.map { ": \($0)" } ?? "")
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
        case "agent", "learning": "agents"
        case "pool", "coordination", "quota", "schedule", "workflow", "approval": "orchestration"
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
