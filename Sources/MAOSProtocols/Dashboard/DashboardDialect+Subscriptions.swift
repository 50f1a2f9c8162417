internal import MAOSCore

/// What clients listen to, and readings.
extension DashboardDialect {
    func subscribe(
        _ request: DashboardRequest, _ payload: JSONValue, _ connection: DashboardConnection, _ principal: Principal,
        at now: Instant
    ) throws(DashboardFailure) {
        let topic: DashboardSubscription.Topic
        switch request.kind {
        case .subscribeToMetrics:
            try require(.metricsSubscribe, of: principal)
            topic = .metrics
        case .subscribeToLogs:
            try require(.logsRead, of: principal)
            topic = .logs
        default:
            try require(.agentsSubscribe, of: principal)
            topic = .agents
        }
        let about: AgentID? = payload["agentId"] == nil ? nil : try agent(payload).id
        if let limit: Int = limits.subscriptions, connection.subscriptions.count >= limit {
            throw DashboardFailure(.rateLimitExceeded, "There are \(limit) subscriptions, which is the limit")
        }
        let filters: [String] = payload["filters"]?.arrayValue?.compactMap(\.stringValue) ?? []
        let subscription = DashboardSubscription(
            id: makeID(), alias: request.clientID, topic: topic, agent: about, filter: DashboardFilter(filters),
            since: bus.lastSequence, sinceTime: now)
        add(subscription, to: connection)
        let all: [DashboardSubscription] = connection.subscriptions
        let agent: DashboardAgent? = about.flatMap { known[$0] }
        request.session.withState { (state: inout DashboardSession.State) in
            state.subscriptions = all
            if let agent { state.known[agent.id] = agent }
        }
        answer(request, nil, at: now) { $0.member("subscriptionId", subscription.id) }
        if topic == .metrics { sendMetrics(subscription, connection, at: now) }
    }

    /// Has a connection listen.
    func add(_ subscription: DashboardSubscription, to connection: DashboardConnection) {
        if subscription.topic != .metrics {
            if let agent: AgentID = subscription.agent {
                if !connection.listens(to: agent) { listeners[agent, default: []].append(connection) }
            } else if !connection.listensToAll {
                generalListeners.append(connection)
            }
        }
        connection.subscriptions.append(subscription)
    }

    func unsubscribe(
        _ request: DashboardRequest, _ payload: JSONValue, _ connection: DashboardConnection, at now: Instant
    ) throws(DashboardFailure) {
        let id: String = payload["subscriptionId"]?.stringValue ?? ""
        guard let place: Int = connection.subscriptions.firstIndex(where: { $0.id == id || $0.alias == id }) else {
            throw DashboardFailure(.invalidMessage, "There is no subscription \(id)")
        }
        let subscription: DashboardSubscription = connection.subscriptions.remove(at: place)
        connection.nextMetrics[subscription.id] = nil
        if let agent: AgentID = subscription.agent {
            if !connection.listens(to: agent) { forgetListener(connection, of: agent) }
        } else if !connection.listensToAll {
            generalListeners.removeAll { $0 === connection }
        }
        let all: [DashboardSubscription] = connection.subscriptions
        request.session.withState { $0.subscriptions = all }
        answer(request, nil, at: now) { $0.member("subscriptionId", subscription.id) }
    }

    // MARK: Delays

    /// Makes it an event that events come late, once a minute at most on all loops.
    func warnOfDelays(at now: Instant) {
        guard let found = delays.judge(at: now), hub.mayWarn(at: now), let connection = members.first else { return }
        let data: JSONValue = [
            "level": "warning", "targetMs": .integer(DashboardDelays.target.count), "late": JSONValue(found.late),
            "events": JSONValue(found.count), "longestMs": .integer(found.longest.count),
            "message": .string(
                "\(found.late) of \(found.count) events were told later than \(DashboardDelays.target.count) ms after they happened"
            ),
        ]
        let alert = SystemEvent(type: "performance_alert", data: JSONText(data))
        submit(.announce(alert), .system, .nothing, for: connection.peer)
    }

    // MARK: Readings

    /// Sends readings that are due.
    func sendMetrics(at now: Instant) {
        for connection: DashboardConnection in members where !connection.nextMetrics.isEmpty {
            for subscription: DashboardSubscription in connection.subscriptions {
                guard let due: Instant = connection.nextMetrics[subscription.id], due <= now else { continue }
                sendMetrics(subscription, connection, at: now)
            }
        }
    }

    func sendMetrics(_ subscription: DashboardSubscription, _ connection: DashboardConnection, at now: Instant) {
        connection.nextMetrics[subscription.id] = now + configuration.metricsInterval
        guard subscription.filter.takes(type: "metrics:update"), let host else { return }
        let agents: [AgentID] = subscription.agent.map { [$0] } ?? known.keys.sorted()
        let used: [(id: AgentID, usage: ProcessUsage)] = agents.compactMap { (id: AgentID) in
            host.usage(of: id).map { (id, $0) }
        }
        let text: DashboardText = DashboardProjection.metrics(
            host.reading, used, id: makeID(), at: now, about: subscription.agent)
        send(text.bytes(for: subscription.id), to: connection)
    }
}
