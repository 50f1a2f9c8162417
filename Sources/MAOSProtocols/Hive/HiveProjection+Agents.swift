internal import MAOSCore

extension HiveProjection {
    static func write(_ agent: AgentEvent, _ type: HiveFrameType, to writer: inout JSONWriter) {
        switch type {
        case .agentCreated: writeCreated(agent, to: &writer)
        case .agentStatusChanged:
            writer.member("agent_id", agent.id.rawValue)
            writer.member("old_status", HiveVocabulary.name(of: agent.previousStatus ?? agent.state.status))
            writer.member("new_status", HiveVocabulary.name(of: agent.state.status))
            writer.member("core_status", agent.state.status.name)
            writer.member("reason", HiveVocabulary.reason(of: agent))
        case .agentPerformanceUpdated:
            let statistics: AgentStatistics = agent.state.statistics
            writer.member("agent_id", agent.id.rawValue)
            writer.beginObject("metrics")
            writer.member("tasks_completed", statistics.tasksCompleted)
            writer.member("tasks_failed", statistics.tasksFailed)
            writer.member("success_rate", statistics.successRate)
            writer.member("average_response_time_ms", statistics.averageRuntime)
            writer.member("capability_improvements", statistics.capabilityImprovements)
            writer.endObject()
        case .agentRemoved:
            writer.member("agent_id", agent.id.rawValue)
            writer.member("reason", HiveVocabulary.reason(of: agent.ending))
            writer.beginObject("cleanup_summary")
            writer.member("tasks_reassigned", agent.reassignedTasks)
            // Its record and its output stay readable until retention takes them.
            writer.member("data_removed", false)
            writer.endObject()
        case .systemAlert: write(HiveAlert(crashOf: agent), to: &writer)
        default: break
        }
    }

    private static func writeCreated(_ agent: AgentEvent, to writer: inout JSONWriter) {
        writer.beginObject("agent")
        writer.member("id", agent.id.rawValue)
        writer.member("name", agent.name)
        writer.member("type", agent.agentType.name)
        writer.member("status", HiveVocabulary.name(of: agent.state.status))
        writer.member("core_status", agent.state.status.name)
        writer.beginArray("capabilities")
        for capability: Capability in agent.record?.specification.capabilities ?? [] {
            writer.beginObject()
            writer.member("name", capability.name)
            writer.member("proficiency", capability.proficiency)
            writer.member("learning_rate", capability.learningRate)
            writer.endObject()
        }
        writer.endArray()
        writer.member("created_at", timestamp: (agent.record?.createdAt ?? agent.state.updatedAt).milliseconds)
        writer.endObject()
    }
}
