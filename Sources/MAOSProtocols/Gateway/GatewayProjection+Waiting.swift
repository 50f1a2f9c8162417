internal import MAOSCore

extension GatewayProjection {
    /// Writes `{reasons: [{kind, detail, …}]}`: what a task still waits for, by what is committed.
    func writeWaiting(_ task: TaskRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("taskId", task.id.rawValue)
        writer.member("status", GatewayVocabulary.name(of: task.status))
        writer.member("coreStatus", task.status.name)
        writer.beginArray("reasons")
        switch task.status {
        case .pending, .scheduled:
            writeDependencies(of: task, to: &writer)
        case .queued:
            writeAgents(for: task, to: &writer)
        case .assigned:
            writeReason("starting", "Its agent has it; the process has not been confirmed yet", to: &writer) {
                $0.memberIfPresent("agentId", task.state.agent?.rawValue)
            }
        case .retrying:
            writeReason("backoff", "An attempt failed; the next one waits for its time", to: &writer) {
                $0.member("failures", task.state.failures)
                $0.memberIfPresent("until", timestamp: task.state.notBefore?.milliseconds)
            }
        case .paused:
            writeReason("paused", "It is paused; resume it", to: &writer)
        case .awaitingApproval:
            writeReason("approval", "It waits for a person's answer", to: &writer)
        case .running, .completed, .failed, .cancelled:
            break
        }
        writer.endArray()
        writer.endObject()
    }

    private func writeDependencies(of task: TaskRecord, to writer: inout JSONWriter) {
        let open: [TaskID] = task.specification.dependencies.filter { view.isLive($0) }
        if !open.isEmpty {
            let detail =
                open.count == 1 ? "1 task has to be completed first" : "\(open.count) tasks have to be completed first"
            writeReason("dependencies", detail, to: &writer) { $0.member("taskIds", ids: open) }
        }
        if let time: Instant = task.state.notBefore {
            writeReason("schedule", "Its time has not come", to: &writer) {
                $0.member("until", timestamp: time.milliseconds)
            }
        }
    }

    private func writeAgents(for task: TaskRecord, to writer: inout JSONWriter) {
        let type: AgentType? = configuration.routing[task.specification.kind]
        let needed: [CapabilityRequirement] = task.specification.capabilities
        let capable: [AgentRecord] = view.agents(AgentQuery()).filter { (agent: AgentRecord) in
            (type == nil || agent.specification.type == type)
                && needed.allSatisfy { (requirement: CapabilityRequirement) in
                    agent.specification.capabilities.contains {
                        $0.name == requirement.name && $0.proficiency >= requirement.minimumProficiency
                    }
                }
        }
        let working: [AgentRecord] = capable.filter { $0.status != .error && $0.status != .stopping }
        let starting: Int = working.count { $0.status == .initializing }
        let paused: Int = working.count { $0.status == .paused }
        if starting > 0 {
            writeReason("agent_starting", "An agent for it is starting", to: &writer) { $0.member("agents", starting) }
        } else if working.isEmpty {
            writeReason("no_capable_agent", "No agent can take it", to: &writer) {
                $0.memberIfPresent("agentType", type?.name)
                $0.member("capabilities", needed.map(\.name))
                $0.member("onDemand", needed.isEmpty && configuration.onDemandAgents > 0)
            }
        } else if paused == working.count {
            writeReason("agents_paused", "Every agent that could take it is paused", to: &writer) {
                $0.member("agents", paused)
            }
        } else {
            writeReason("agents_busy", "Every agent that could take it has other work", to: &writer) {
                $0.member("agents", working.count)
                $0.memberIfPresent("queuedAt", timestamp: task.state.queuedAt?.milliseconds)
            }
        }
    }

    private func writeReason(
        _ kind: String, _ detail: String, to writer: inout JSONWriter, more: (inout JSONWriter) -> Void = { _ in }
    ) {
        writer.beginObject()
        writer.member("kind", kind)
        writer.member("detail", detail)
        more(&writer)
        writer.endObject()
    }
}
