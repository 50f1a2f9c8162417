internal import MAOSCore

extension GatewayProjection {
    /// Writes an `AgentInfoResponse`.
    func write(_ agent: AgentRecord, for principal: Principal, at now: Instant, to writer: inout JSONWriter) {
        let specification: AgentSpecification = agent.specification
        writer.beginObject()
        writer.member("id", agent.id.rawValue)
        writer.member("type", specification.type.name)
        writer.member("name", agent.name)
        writer.member("status", GatewayVocabulary.name(of: agent.state))
        writer.member("coreStatus", agent.status.name)
        writer.member("capabilities", specification.capabilities.map(\.name))
        writer.key("capabilityDetails")
        GatewayProjection.writeCapabilities(of: agent, to: &writer)
        writer.member("currentTasks", ids: reachable(agent.state.currentTasks, by: principal))
        writer.key("health")
        writeHealth(of: agent.id, agent.state, since: agent.createdAt, at: now, to: &writer)
        writer.key("resources")
        GatewayProjection.write(specification.resources, to: &writer)
        writer.key("statistics")
        GatewayProjection.write(agent.state.statistics, to: &writer)
        writer.key("configuration")
        GatewayProjection.writeConfiguration(specification, to: &writer)
        writer.member("endpoint", endpoint(of: agent.id))
        writer.member("origin", agent.origin == .spawned ? "spawned" : "on_demand")
        writer.member("owner", agent.owner)
        writer.member("restarts", agent.state.restarts)
        writer.memberIfPresent("error", agent.state.error)
        writer.member("createdAt", timestamp: agent.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: agent.state.updatedAt.milliseconds)
        writer.member("lastHeartbeat", timestamp: agent.state.lastHeartbeat.milliseconds)
        writer.memberIfPresent("terminatedAt", timestamp: agent.state.terminatedAt?.milliseconds)
        writer.endObject()
    }

    /// Writes an `AgentSummary`.
    func writeSummary(_ agent: AgentRecord, for principal: Principal, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", agent.id.rawValue)
        writer.member("type", agent.specification.type.name)
        writer.member("name", agent.name)
        writer.member("status", GatewayVocabulary.name(of: agent.state))
        writer.member("coreStatus", agent.status.name)
        writer.member("capabilities", agent.specification.capabilities.map(\.name))
        writer.member("currentTasks", ids: reachable(agent.state.currentTasks, by: principal))
        writer.memberIfPresent("error", agent.state.error)
        writer.member("createdAt", timestamp: agent.createdAt.milliseconds)
        writer.member("lastHeartbeat", timestamp: agent.state.lastHeartbeat.milliseconds)
        writer.endObject()
    }

    /// Writes how good an agent is at what it can do, and how far the learning cycles under way have come.
    private static func writeCapabilities(of agent: AgentRecord, to writer: inout JSONWriter) {
        writer.beginArray()
        for capability: Capability in agent.specification.capabilities {
            writer.beginObject()
            writer.member("name", capability.name)
            writer.member("proficiency", capability.proficiency)
            writer.member("learningRate", capability.learningRate)
            writer.member("outcomes", agent.learning[capability.name]?.outcomes ?? 0)
            writer.endObject()
        }
        writer.endArray()
    }

    /// Writes a `SpawnAgentResponse`.
    func writeSpawned(_ agent: AgentRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("agentId", agent.id.rawValue)
        writer.member("name", agent.name)
        writer.member("status", GatewayVocabulary.name(of: agent.state))
        writer.member("capabilities", agent.specification.capabilities.map(\.name))
        writer.member("endpoint", endpoint(of: agent.id))
        writer.member("createdAt", timestamp: agent.createdAt.milliseconds)
        writer.endObject()
    }

    /// Writes `HealthMetrics`.
    ///
    /// - Parameters:
    ///   - id: The agent.
    ///   - state: Where it stands.
    ///   - created: Since when it has been there; `nil` where that is not known.
    ///   - now: The time of the answer.
    ///   - writer: Where to write.
    func writeHealth(
        of id: AgentID, _ state: AgentState, since created: Instant?, at now: Instant, to writer: inout JSONWriter
    ) {
        let usage: AgentUsage? = environment.usage(of: id)
        let ended: Int = state.statistics.tasksCompleted + state.statistics.tasksFailed
        writer.beginObject()
        writer.member("status", GatewayProjection.health(of: state).name)
        writer.member("cpuPercent", usage?.cpuPercent ?? 0)
        writer.member("memoryBytes", usage?.memoryBytes ?? 0)
        writer.member("uptimeSeconds", created.map { max(0, (now - $0).count) / 1_000 } ?? 0)
        writer.member("errorRate", ended == 0 ? 0 : 1 - state.statistics.successRate)
        writer.member("averageResponseTimeMs", state.statistics.averageRuntime)
        writer.member("lastCheck", timestamp: state.lastHeartbeat.milliseconds)
        writer.endObject()
    }

    static func health(of state: AgentState) -> HealthStatus {
        switch state.status {
        case .initializing, .terminated: .unknown
        case .error: .unhealthy
        case .ready, .idle, .busy, .paused, .stopping: state.restarts > 0 ? .degraded : .healthy
        }
    }

    func endpoint(of id: AgentID) -> String { "\(configuration.publicURL)/api/v1/agents/\(id.rawValue)" }

    private static func write(_ resources: ResourceRequirements?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("cpu", resources?.cpu ?? 0)
        writer.member("memory", resources?.memory ?? 0)
        writer.member("gpu", resources?.gpu ?? 0)
        writer.member("storage", resources?.storage ?? 0)
        writer.memberIfPresent("network", resources?.network)
        writer.endObject()
    }

    private static func write(_ statistics: AgentStatistics, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("tasksCompleted", statistics.tasksCompleted)
        writer.member("tasksFailed", statistics.tasksFailed)
        writer.member("successRate", statistics.successRate)
        writer.member("averageResponseTimeMs", statistics.averageRuntime)
        writer.member("capabilityImprovements", statistics.capabilityImprovements)
        writer.member("totalRuntimeMs", statistics.totalRuntime.count)
        writer.endObject()
    }

    /// Writes the configuration but for values of environment variables, which may be secret.
    private static func writeConfiguration(_ specification: AgentSpecification, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.memberIfPresent("model", specification.model)
        writer.memberIfPresent("workspace", specification.workspace)
        writer.member("environmentNames", specification.environment.keys.sorted())
        writer.member("maxConcurrentTasks", specification.maximumConcurrentTasks)
        writer.memberIfPresent("commandTimeout", specification.commandTimeout?.count)
        writer.member("heartbeatInterval", specification.heartbeatInterval.count)
        writer.member("terminal", specification.resident == .terminal)
        writer.member("settings", specification.settings)
        writer.endObject()
    }
}
