internal import MAOSCore

/// What happens, on its way to those who listen.
extension DashboardDialect {
    func tell(of event: Event, at now: Instant) {
        // One that has not run before has not crashed: whoever asked for it is told why it could not start.
        var isAlarming = true
        if case .agent(let change) = event.body, let agent: DashboardAgent = known[change.id] {
            isAlarming = agent.pid != nil
        }
        switch event.body {
        case .agent(let change): tell(of: change, event, at: now)
        case .task(let change): tell(of: change, event)
        case .system, .workflow: break
        }
        guard isAlarming, !members.isEmpty, let alert: DashboardText = DashboardProjection.alert(of: event) else {
            return
        }
        let sent = DashboardSession.Sent(
            position: DashboardPosition(source: .event, sequence: event.sequence), part: 3)
        for connection: DashboardConnection in members where event.sequence > connection.liveFrom {
            pass(DashboardConnection.Message(bytes: alert.bytes, sent: sent), about: nil, entry: 0, to: connection)
        }
    }

    // MARK: Agents

    private func tell(of change: AgentEvent, _ event: Event, at now: Instant) {
        if let record: AgentRecord = change.record {
            // A name may be changed, but not whether there is a process.
            if let agent = DashboardAgent(record), known[change.id] == nil { known[change.id] = agent }
        } else if known[change.id] == nil, let record: AgentRecord = view.agent(change.id),
            let agent = DashboardAgent(record)
        {
            known[change.id] = agent
        }
        guard known[change.id] != nil else { return }
        known[change.id]?.follow(change, at: event.time)
        for message: DashboardProjection.Derived in DashboardProjection.messages(of: event, change, known[change.id]) {
            deliver(message, of: event)
        }
        switch change.kind {
        case .ready:
            guard let pid: Int32 = change.state.process?.pid else { return }
            confirmLate(change.id, pid: pid, of: event)
            creationDone(change.id, pid: pid, of: event, at: now)
        case .crashed:
            let failure = DashboardFailure(.agentSpawnFailed, change.state.error ?? "The process could not be started")
            creationFailed(change.id, failure, isRefused: false, at: now)
        case .terminated:
            known[change.id] = nil
            rests[change.id] = nil
            forget(change.id)
        default: break
        }
    }

    /// Tells clients of agents that they asked for on a connection which is gone.
    private func confirmLate(_ id: AgentID, pid: Int32, of event: Event) {
        guard let agent: DashboardAgent = known[id] else { return }
        for connection: DashboardConnection in listeners[id] ?? []
        where connection.replay == nil && creations[id]?.request.peer != connection.peer {
            let correlation: String? = connection.session?.withState { $0.creations.removeValue(forKey: id) }
            guard let correlation else { continue }
            let text: DashboardText = DashboardProjection.created(agent, pid: pid, of: event, correlation: correlation)
            deliver(DashboardProjection.creation(text, of: event), to: connection)
        }
    }

    /// Nothing more will be heard of an agent.
    func forget(_ id: AgentID) {
        for connection: DashboardConnection in listeners[id] ?? [] where connection.agents[id] != nil {
            guard connection.replay == nil, connection.pending[id] == nil, !connection.pace.isBehind(with: id) else {
                continue
            }
            connection.agents[id] = nil
            connection.outputFrom[id] = nil
            connection.session?.withState { (state: inout DashboardSession.State) in
                state.agents[id] = nil
                state.known[id] = nil
                state.outputCursors[id] = nil
            }
            if !connection.listens(to: id) { forgetListener(connection, of: id) }
        }
    }

    private func tell(of change: TaskEvent, _ event: Event) {
        guard change.taskKind == DashboardProjection.commandKind, change.state.status.isTerminal else { return }
        let audience: [DashboardConnection] = change.agent.map { listeners[$0] ?? [] } ?? []
        var correlation: String?
        for connection: DashboardConnection in audience {
            let known: String? = connection.session?.withState { $0.commands.removeValue(forKey: change.id) }
            if let known { correlation = known }
        }
        guard let message = DashboardProjection.message(of: event, change, correlation: correlation) else { return }
        deliver(message, of: event)
    }

    /// Sends a message to all who want it; those who get it unchanged share it.
    private func deliver(_ message: DashboardProjection.Derived, of event: Event) {
        let sent = DashboardSession.Sent(
            position: DashboardPosition(source: .event, sequence: event.sequence), part: message.part)
        let item = DashboardConnection.Item.event(type: message.type, sequence: event.sequence)
        forListeners(of: message.agent) { (connection: DashboardConnection) in
            guard event.sequence > connection.liveFrom else { return }
            let match: DashboardConnection.Match = connection.match(item, about: message.agent)
            guard let bytes: [UInt8] = message.text.bytes(for: match) else { return }
            pass(DashboardConnection.Message(bytes: bytes, sent: sent), about: message.agent, entry: 0, to: connection)
        }
    }

    /// Calls a body with each connection that listens to an agent, once.
    func forListeners(of agent: AgentID, _ body: (DashboardConnection) -> Void) {
        let named: [DashboardConnection] = listeners[agent] ?? []
        for connection: DashboardConnection in named { body(connection) }
        for connection: DashboardConnection in generalListeners where !connection.listens(to: agent) {
            body(connection)
        }
    }

    /// Sends a message, or keeps it until what comes before it is sent.
    func pass(
        _ message: DashboardConnection.Message, about agent: AgentID?, entry: UInt64, to connection: DashboardConnection
    ) {
        if entry > 0, connection.pace.send(message.bytes.count) { pace(connection) }
        if connection.replay != nil {
            connection.replay?.live.append((agent, entry, message))
            connection.replay?.liveBytes += message.bytes.count
            let (count, bytes): (Int, Int) = (connection.replay?.live.count ?? 0, connection.replay?.liveBytes ?? 0)
            guard count > DashboardReplay.liveLimit || bytes > DashboardReplay.liveByteLimit else { return }
            close(connection, code: 1013, reason: "too much to catch up with")
        } else if let agent, connection.pending[agent] != nil {
            keep(message, about: agent, connection)
        } else {
            deliver(message, to: connection)
        }
    }
}
