internal import MAOSCore

/// What clients do with agents.
extension DashboardDialect {
    /// Sees to a message of a client who has said who it is.
    func handle(_ message: DashboardMessage, from connection: DashboardConnection, at now: Instant) {
        guard let request: DashboardRequest = request(message, connection),
            let principal: Principal = connection.principal
        else { return }
        do throws(DashboardFailure) {
            switch message.kind {
            case .createAgent: try createAgent(request, message.payload, connection, principal, at: now)
            case .commandAgent: try command(request, message.payload, connection, principal, at: now)
            case .terminateAgent, .pauseAgent, .resumeAgent:
                try control(request, message.payload, connection, principal, at: now)
            case .subscribeToAgent, .subscribeToMetrics, .subscribeToLogs:
                try subscribe(request, message.payload, connection, principal, at: now)
            case .unsubscribe: try unsubscribe(request, message.payload, connection, at: now)
            case .auth, .ping, .pong: break
            }
        } catch {
            answer(request, error, at: now)
        }
    }

    func require(_ permission: Permissions, of principal: Principal) throws(DashboardFailure) {
        guard principal.permissions.isSuperset(of: permission) else {
            throw DashboardFailure(.insufficientPermissions, "The permission \(permission.name) is needed")
        }
    }

    /// An agent that a message is about: one with a process of its own.
    func agent(_ payload: JSONValue) throws(DashboardFailure) -> AgentRecord {
        let name: String = payload["agentId"]?.stringValue ?? ""
        guard let id = AgentID(name), let record: AgentRecord = view.agent(id),
            let agent = DashboardAgent(record)
        else { throw .noSuchAgent(name) }
        if known[id] == nil { known[id] = agent }
        return record
    }

    /// The same, if the client may act on it.
    private func ownAgent(_ payload: JSONValue, _ principal: Principal) throws(DashboardFailure) -> AgentRecord {
        let record: AgentRecord = try agent(payload)
        guard record.owner == principal.subject || DashboardRole(principal.permissions) == .admin else {
            throw DashboardFailure(.insufficientPermissions, "Agent \(record.id) is somebody else's")
        }
        return record
    }

    /// Has a session hear of an agent without asking for it.
    private func associate(_ id: AgentID, _ connection: DashboardConnection) {
        guard let session: DashboardSession = connection.session, connection.agents[id] == nil else { return }
        let since: UInt64 = bus.lastSequence
        if !connection.listens(to: id) { listeners[id, default: []].append(connection) }
        connection.agents[id] = since
        let agent: DashboardAgent? = known[id]
        session.withState { (state: inout DashboardSession.State) in
            state.agents[id] = since
            if let agent { state.known[id] = agent }
        }
    }

    private func dissociate(_ id: AgentID, _ connection: DashboardConnection) {
        connection.agents[id] = nil
        if !connection.listens(to: id) { forgetListener(connection, of: id) }
        connection.session?.withState { (state: inout DashboardSession.State) in
            state.agents[id] = nil
            state.known[id] = nil
            state.creations[id] = nil
        }
    }

    // MARK: Making

    private func createAgent(
        _ request: DashboardRequest, _ payload: JSONValue, _ connection: DashboardConnection, _ principal: Principal,
        at now: Instant
    ) throws(DashboardFailure) {
        try require(.agentsCreate, of: principal)
        let specification: AgentSpecification = try specification(payload)
        let id = AgentID(unchecked: makeID())
        let existing: [AgentID] = view.agents(AgentQuery.all).filter { $0.specification.resident == .conversation }.map(
            \.id)
        guard hub.beginCreation(of: id, besides: existing) else {
            throw DashboardFailure(
                .agentLimitExceeded, "There are \(limits.agents ?? 0) agents, which is the limit")
        }
        creations[id] = Creation(request: request, since: now)
        associate(id, connection)
        hold(id, connection)
        let correlation: String = request.correlation
        request.session.withState { $0.creations[id] = correlation }
        submit(.spawnAgent(specification, id: id), principal, .creation(id), for: connection.peer)
    }

    private func specification(_ payload: JSONValue) throws(DashboardFailure) -> AgentSpecification {
        var specification = AgentSpecification(
            type: .specialist, maximumConcurrentTasks: configuration.concurrentCommands, resident: .conversation,
            settings: JSONText(["runtime": "claude"]))
        specification.name = payload["name"]?.stringValue
        specification.model = payload["model"]?.stringValue
        specification.workspace = payload["workspace"]?.stringValue
        for member: JSONObject.Member in payload["environment"]?.objectValue ?? JSONObject() {
            specification.environment[member.key] = member.value.stringValue
        }
        if let wanted: JSONValue = payload["resourceLimits"] {
            let resources = ResourceRequirements(
                cpu: wanted["cpu"]?.doubleValue ?? 0, memory: wanted["memory"]?.doubleValue ?? 0)
            try requireRoom(for: resources)
            specification.resources = resources
        }
        return specification
    }

    /// Refuses what the host does not have.
    private func requireRoom(for resources: ResourceRequirements) throws(DashboardFailure) {
        guard let reading: HostReading = host?.reading else { return }
        if resources.cpu > Double(reading.processor.count) {
            throw DashboardFailure(.resourceExhausted, "The host has \(reading.processor.count) cores")
        }
        if let memory: HostMemory = reading.memory, resources.memory * 1_048_576 > Double(memory.total) {
            throw DashboardFailure(.resourceExhausted, "The host has \(memory.total / 1_048_576) MB of memory")
        }
    }

    /// An agent that was asked for has its process.
    func creationDone(_ id: AgentID, pid: Int32, of event: Event, at now: Instant) {
        guard let creation: Creation = creations.removeValue(forKey: id) else { return }
        hub.endCreation(of: id)
        let request: DashboardRequest = creation.request
        answer(request, nil, at: now) { $0.member("agentId", id.rawValue) }
        guard let connection: DashboardConnection = connections[request.peer], connection.session === request.session
        else { return }
        request.session.withState { $0.creations[id] = nil }
        if let agent: DashboardAgent = known[id] ?? creation.agent {
            let text: DashboardText = DashboardProjection.created(
                agent, pid: pid, of: event, correlation: request.correlation)
            deliver(DashboardProjection.creation(text, of: event), to: connection)
        }
        release(id, connection)
    }

    /// There will be no such agent; `isRefused` where there never was one.
    func creationFailed(_ id: AgentID, _ failure: DashboardFailure, isRefused: Bool, at now: Instant) {
        guard let creation: Creation = creations.removeValue(forKey: id) else { return }
        hub.endCreation(of: id)
        let request: DashboardRequest = creation.request
        answer(request, failure, at: now)
        if let connection: DashboardConnection = connections[request.peer], connection.session === request.session {
            release(id, connection, discarding: true)
            dissociate(id, connection)
            if !isRefused {
                let text: DashboardText = DashboardProjection.error(
                    id, failure, id: makeID(), at: now, correlation: request.correlation)
                send(text.bytes, to: connection)
            }
        }
        if !isRefused { submit(.terminateAgent(id, graceful: false), .system, .nothing, for: request.peer) }
    }

    // MARK: Commanding

    private func command(
        _ request: DashboardRequest, _ payload: JSONValue, _ connection: DashboardConnection, _ principal: Principal,
        at now: Instant
    ) throws(DashboardFailure) {
        try require(.agentsCommand, of: principal)
        let agent: AgentRecord = try ownAgent(payload, principal)
        let given: String = payload["command"]?.stringValue ?? ""
        guard given.utf8.count <= DashboardMessages.commandLimit else {
            throw DashboardFailure(.invalidMessage, "command must have at most \(DashboardMessages.commandLimit) bytes")
        }
        let text: String = DashboardCommandText.cleaned(given)
        let isInteractive: Bool = payload["interactive"]?.boolValue ?? false
        guard isInteractive || text.contains(where: { !$0.isWhitespace }) else {
            throw DashboardFailure(.invalidMessage, "command must not be empty")
        }
        guard agent.status != .stopping else {
            throw DashboardFailure(.invalidMessage, "Agent \(agent.id) is about to end")
        }
        guard hub.takeCommand(for: agent.id, at: now) else {
            throw DashboardFailure(.rateLimitExceeded, "There are too many commands for agent \(agent.id)")
        }
        associate(agent.id, connection)
        hold(agent.id, connection)
        if isInteractive {
            var bytes: [UInt8] = Array(text.utf8)
            if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
            perform(.host(.type(agent.id, bytes)), .answer(request, agent.id), for: connection.peer)
        } else {
            var task = TaskSpecification(kind: DashboardProjection.commandKind ?? .code, description: text)
            task.timeout = payload["timeout"]?.intValue.map { Milliseconds(Int64($0)) }
            task.retryPolicy.onInterruption = .fail
            task.agent = agent.id
            submit(
                .createTask(task, id: nil, idempotency: nil), principal, .answer(request, agent.id),
                for: connection.peer)
        }
    }

    private func control(
        _ request: DashboardRequest, _ payload: JSONValue, _ connection: DashboardConnection, _ principal: Principal,
        at now: Instant
    ) throws(DashboardFailure) {
        let isEnding: Bool = request.kind == .terminateAgent
        try require(isEnding ? .agentsTerminate : .agentsUpdate, of: principal)
        let agent: AgentRecord = try ownAgent(payload, principal)
        let command: Command
        switch request.kind {
        case .pauseAgent:
            guard DashboardAgent.status(agent.status) == "running" else {
                throw DashboardFailure(
                    .invalidMessage, "Agent \(agent.id) is \(DashboardAgent.status(agent.status)), not running")
            }
            command = .pauseAgent(agent.id)
        case .resumeAgent:
            guard agent.status == .paused else {
                throw DashboardFailure(
                    .invalidMessage, "Agent \(agent.id) is \(DashboardAgent.status(agent.status)), not paused")
            }
            command = .resumeAgent(agent.id)
        default:
            command = .terminateAgent(agent.id, graceful: payload["force"]?.boolValue != true)
        }
        associate(agent.id, connection)
        hold(agent.id, connection)
        submit(command, principal, .answer(request, agent.id), for: connection.peer)
    }

    // MARK: What came of it

    func answered(_ request: DashboardRequest, _ agent: AgentID, _ result: Result<Reply, Rejection>, at now: Instant) {
        switch result {
        case .success(.task(let task)):
            let correlation: String = request.correlation
            request.session.withState { (state: inout DashboardSession.State) in
                if state.commands.count < DashboardSession.commandLimit { state.commands[task.id] = correlation }
            }
            answer(request, nil, at: now) { (writer: inout JSONWriter) in
                writer.member("agentId", agent.rawValue)
                writer.member("taskId", task.id.rawValue)
            }
        case .success:
            answer(request, nil, at: now) { $0.member("agentId", agent.rawValue) }
        case .failure(let rejection):
            answer(request, DashboardFailure(rejection), at: now)
        }
        if let connection: DashboardConnection = connections[request.peer] { release(agent, connection) }
    }

    func answered(_ request: DashboardRequest, _ agent: AgentID, _ host: HostAnswer, at now: Instant) {
        switch host {
        case .done, .signalled, .inspected: answer(request, nil, at: now) { $0.member("agentId", agent.rawValue) }
        case .noSuchProcess, .busy:
            let failure = DashboardFailure(.serviceUnavailable, "Agent \(agent) takes no input at the moment")
            answer(request, failure, at: now)
        case .failed(let reason): answer(request, DashboardFailure(.internalError, reason), at: now)
        }
        if let connection: DashboardConnection = connections[request.peer] { release(agent, connection) }
    }
}
