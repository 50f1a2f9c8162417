internal import MAOSCore

/// Everything below `/agents`.
extension GatewayREST {
    func handleAgents(
        _ endpoint: GatewayEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard endpoint != .agents else {
            return method == .post ? spawnAgent(request, context, now) : listAgents(request, context, now)
        }
        guard let id = AgentID(text) else { return fail(.notFound("agent", id: text), context, now) }
        switch (endpoint, method) {
        case (.agent, .delete):
            return terminateAgent(id, request, context, now)
        case (.agent, _):
            guard let agent: AgentRecord = view.agent(id) else {
                return .read(.agent(id), pending(.showAgent, text, context))
            }
            return respondAgent(agent, context, now)
        case (.agentPause, _):
            return .submit(.pauseAgent(id), pending(.changeAgent, text, context))
        case (.agentResume, _):
            return .submit(.resumeAgent(id), pending(.changeAgent, text, context))
        case (.agentConfiguration, _):
            return configureAgent(id, request, context, now)
        case (.agentTerminal, _):
            return attach(id, request, context, now)
        default:
            return showAgentOutput(id, request, context, now)
        }
    }

    // MARK: Writing

    private func spawnAgent(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let specification: AgentSpecification = try GatewayMessages.decodeSpawnAgent(
                request.body, workspaceRoot: configuration.workspaceRoot)
            return .submit(
                .spawnAgent(specification, id: nil), pending(.spawnAgent, "", context))
        } catch {
            return fail(error, context, now)
        }
    }

    private func configureAgent(
        _ id: AgentID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let change: AgentChange = try GatewayMessages.decodeUpdateAgentConfig(
                request.body, workspaceRoot: configuration.workspaceRoot)
            return .submit(
                .configureAgent(id, change), pending(.changeAgent, id.rawValue, context))
        } catch {
            return refuse(error, agent: id, context, now)
        }
    }

    private func terminateAgent(
        _ id: AgentID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let isGraceful: Bool = query.boolean("graceful") ?? true
        if let failure: GatewayFailure = query.failure { return refuse(failure, agent: id, context, now) }
        return .submit(
            .terminateAgent(id, graceful: isGraceful), pending(.terminateAgent, id.rawValue, context))
    }

    /// Refuses a broken request, unless the agent that it names does not exist: that comes first.
    func refuse(
        _ failure: GatewayFailure, agent id: AgentID, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard view.agent(id) != nil else {
            return .read(.agent(id), pending(.refuseAgentUnlessMissing(failure), id.rawValue, context))
        }
        return fail(failure, context, now)
    }

    // MARK: Reading

    func respondAgent(_ agent: AgentRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.ok, context, now, capacity: 1_536) {
            projection.write(agent, for: context.principal, at: now, to: &$0)
        }
    }

    private func listAgents(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let type: AgentType? = query.choice("type", among: AgentType.allCases.map(\.name)).flatMap {
            AgentType(name: $0)
        }
        let status: String? = query.choice("status", among: GatewayVocabulary.agentStatuses + ["active"])
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        let limit: Int = query.integer("limit", 1...1_000) ?? 1_000
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        if status == "terminated" {
            // One more than the page has, to tell whether there is another.
            var wanted = AgentQuery()
            wanted.type = type
            wanted.offset = (page - 1) * limit
            wanted.limit = limit + 1
            return .read(
                .terminatedAgents(wanted), pending(.listTerminatedAgents(page: page, limit: limit), "", context))
        }
        var wanted = AgentQuery()
        wanted.type = type
        wanted.limit = .max
        var agents: [AgentRecord] = view.agents(wanted)
        if let status {
            agents.removeAll { (agent: AgentRecord) in
                let name: String = GatewayVocabulary.name(of: agent.state)
                return status == "active" ? !GatewayVocabulary.isActive(name) : name != status
            }
        }
        return respond(agents, page: page, limit: limit, context, now)
    }

    /// Answers with one page of the agents, and the sums over all of them.
    func respond(
        _ agents: [AgentRecord], page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let (start, overflow) = (page - 1).multipliedReportingOverflow(by: limit)
        let shown: ArraySlice<AgentRecord> = overflow ? [] : agents.dropFirst(start).prefix(limit)
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: agents.count)
        return respond(.ok, context, now, capacity: 512 + shown.count * 384, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("agents")
            for agent: AgentRecord in shown { projection.writeSummary(agent, for: context.principal, to: &writer) }
            writer.endArray()
            writeSummary(of: agents, to: &writer)
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    private func writeSummary(of agents: [AgentRecord], to writer: inout JSONWriter) {
        var active: Int = 0
        var idle: Int = 0
        var busy: Int = 0
        var error: Int = 0
        for agent: AgentRecord in agents {
            let name: String = GatewayVocabulary.name(of: agent.state)
            if GatewayVocabulary.isActive(name) { active += 1 }
            switch name {
            case "idle", "ready": idle += 1
            case "busy": busy += 1
            case "error": error += 1
            default: break
            }
        }
        writer.beginObject("summary")
        writer.member("total", agents.count)
        writer.member("active", active)
        writer.member("idle", idle)
        writer.member("busy", busy)
        writer.member("error", error)
        writer.endObject()
    }
}
