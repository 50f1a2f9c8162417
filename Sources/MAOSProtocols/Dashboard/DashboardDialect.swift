package import MAOSCore

/// The team dashboard's dialect (document 004) on one loop: all of its connections, without the sockets.
package final class DashboardDialect: SocketDialect {
    /// What a message of a client waits for.
    enum Wait {
        /// The agent, or why there will be none; its process is waited for afterwards.
        case creation(AgentID)
        /// The outcome of something that concerns an agent.
        case answer(DashboardRequest, AgentID)
        /// What a session missed.
        case events
        case log(AgentID, DashboardLogReading)
        /// A page of output that a client is behind with.
        case output
        /// Nothing is told of the outcome.
        case nothing
    }

    /// An agent that is being made.
    struct Creation {
        var request: DashboardRequest
        var since: Instant
        var agent: DashboardAgent?
    }

    /// How long an agent's process may take to start.
    private static let creationPatience: Milliseconds = .seconds(60)

    let hub: DashboardHub
    let view: CommittedView
    let bus: EventBus
    let credentials: any CredentialChecker
    let host: (any HostInformation)?
    let number: Int
    private var identifiers: UUIDMaker
    var limits: DashboardLimits
    var connections: [PeerID: DashboardConnection] = [:]
    /// Those whose clients have said who they are, in the order in which they did.
    var members: [DashboardConnection] = []
    /// Those that listen to an agent by its name.
    var listeners: [AgentID: [DashboardConnection]] = [:]
    /// Those that listen to agents that they have not named.
    var generalListeners: [DashboardConnection] = []
    /// What is known of the agents that dashboards show.
    var known: [AgentID: DashboardAgent] = [:]
    var creations: [AgentID: Creation] = [:]
    /// What terminals have printed of characters whose rest is still to come.
    var rests: [AgentID: DashboardRest] = [:]
    var waits: [UInt64: Wait] = [:]
    private var lastWait: UInt64 = 0
    /// The newest event that has come here.
    var heard: UInt64 = 0
    /// How late events have been told lately.
    var delays = DashboardDelays()
    /// How often a client has come back to its session here.
    package internal(set) var resumptions: Int = 0
    private var outputs: [SocketOutput] = []

    /// Makes the dialect of a loop.
    ///
    /// - Parameters:
    ///   - hub: What it shares with those of other loops.
    ///   - view: What is committed.
    ///   - bus: The events that are at hand.
    ///   - credentials: Checks tokens.
    ///   - host: Readings of the host, where somebody takes them.
    package init(
        hub: DashboardHub, view: CommittedView, bus: EventBus, credentials: any CredentialChecker,
        host: (any HostInformation)?
    ) {
        self.hub = hub
        self.view = view
        self.bus = bus
        self.credentials = credentials
        self.host = host
        limits = hub.limits
        (number, identifiers) = hub.register()
    }

    var configuration: DashboardConfiguration { hub.configuration }

    func take() -> [SocketOutput] {
        let taken: [SocketOutput] = outputs
        outputs.removeAll(keepingCapacity: taken.count < 1_024)
        return taken
    }

    // MARK: Coming and going

    package func open(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) -> [SocketOutput] {
        limits = hub.limits
        let connection = DashboardConnection(peer, arrival, limit: limits.messagesPerSecond, at: now)
        connections[peer] = connection
        connection.isCounted = hub.open(from: arrival.address)
        if !connection.isCounted {
            refuse(
                connection, nil,
                DashboardFailure(.rateLimitExceeded, "There are too many connections from this address"), at: now)
            close(connection, code: 1013, reason: "too many connections")
        }
        return take()
    }

    package func close(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: DashboardConnection = connections.removeValue(forKey: peer) else { return [] }
        if connection.isCounted { hub.close(from: connection.arrival.address) }
        if !connection.isClosing { endTelling(connection) }
        if let session: DashboardSession = connection.session {
            connection.session = nil
            hub.detach(session, from: holder(of: connection), at: now)
        }
        return take()
    }

    package func ending(_ peer: PeerID) {
        guard let connection: DashboardConnection = connections[peer], !connection.isClosing else { return }
        endTelling(connection)
    }

    /// Tells a connection nothing more: whatever comes from now on, its session misses, until somebody comes back to it.
    private func endTelling(_ connection: DashboardConnection) {
        connection.isClosing = true
        guard let session: DashboardSession = connection.session else { return }
        let cursor: UInt64? = cursor(of: connection)
        connection.replay = nil
        connection.pace.endAll()
        members.removeAll { $0 === connection }
        generalListeners.removeAll { $0 === connection }
        for agent: AgentID in Set(connection.agents.keys).union(connection.subscriptions.compactMap(\.agent)) {
            forgetListener(connection, of: agent)
        }
        // What it hears of may be gone when it comes back.
        let listensToAll: Bool = connection.listensToAll
        let seen: [AgentID: DashboardAgent] = known.filter { listensToAll || connection.listens(to: $0.key) }
        session.withState { (state: inout DashboardSession.State) in
            guard state.holder == holder(of: connection) else { return }
            state.known.merge(seen) { $1 }
            if let cursor { state.eventCursor = cursor }
            state.rewindToHeld()
        }
        if members.isEmpty {
            known = [:]
            listeners = [:]
            rests = [:]
        }
    }

    /// The newest event that a connection need not be told of again; `nil` where that is as the session has it.
    private func cursor(of connection: DashboardConnection) -> UInt64? {
        // What was to be read of what it missed is missed again.
        guard connection.replay == nil else { return nil }
        return max(heard, connection.liveFrom)
    }

    func forgetListener(_ connection: DashboardConnection, of agent: AgentID) {
        listeners[agent]?.removeAll { $0 === connection }
        if listeners[agent]?.isEmpty == true { listeners[agent] = nil }
    }

    func holder(of connection: DashboardConnection) -> DashboardSession.Holder {
        DashboardSession.Holder(dialect: number, peer: connection.peer)
    }

    package func sign(ofLifeFrom peer: PeerID, at now: Instant) {
        connections[peer]?.lastHeard = now
    }

    // MARK: What clients send

    package func receiveBinary(_ bytes: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: DashboardConnection = connections[peer], !connection.isClosing else { return [] }
        connection.lastHeard = now
        refuse(connection, nil, DashboardFailure(.invalidMessage, "Messages must be text"), at: now)
        return take()
    }

    package func receive(_ text: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: DashboardConnection = connections[peer], !connection.isClosing else { return [] }
        connection.lastHeard = now
        do throws(DashboardMessage.Refusal) {
            let message: DashboardMessage = try DashboardMessage(text) { makeID() }
            if message.kind != .auth, message.kind != .pong, !mayTake(from: connection, at: now) {
                let failure = DashboardFailure(.rateLimitExceeded, "There are too many messages")
                refuse(connection, message, failure, at: now)
            } else {
                receive(message, from: connection, at: now)
            }
        } catch {
            let id: String = error.id ?? makeID()
            let failure: DashboardFailure =
                mayTake(from: connection, at: now)
                ? error.failure : DashboardFailure(.rateLimitExceeded, "There are too many messages")
            refuse(connection, id: id, correlation: id, isUrgent: error.isUrgent, failure, at: now)
        }
        return take()
    }

    private func mayTake(from connection: DashboardConnection, at now: Instant) -> Bool {
        let limit: SlidingWindow.Limit = DashboardConnection.window(limits.messagesPerSecond)
        guard connection.meter.take(1, of: limit, at: now.milliseconds) == .allowed else { return false }
        let user: String? = connection.principal?.subject
        return hub.takeMessage(of: user, from: connection.arrival.address, at: now)
    }

    private func receive(_ message: DashboardMessage, from connection: DashboardConnection, at now: Instant) {
        switch message.kind {
        case .auth: return authenticate(connection, message, at: now)
        case .pong: return
        case .ping where connection.session != nil:
            return send(pong(to: message, at: now), to: connection, isUrgent: message.isUrgent)
        default: break
        }
        if connection.session == nil {
            guard let trusted: Principal = configuration.trusted, connection.arrival.isLoopback else {
                let failure = DashboardFailure(.authFailed, "Say who you are first: auth with a token")
                return refuse(connection, message, failure, at: now)
            }
            begin(connection, SocketCaller(principal: trusted, isAuthenticated: false), nil, message.payload, at: now)
        }
        guard connection.expires > now else {
            return refuse(connection, message, DashboardFailure(.tokenExpired, "The token has expired"), at: now)
        }
        if let id: String = message.clientID, !isNew(id, message, connection) { return }
        handle(message, from: connection, at: now)
    }

    /// Whether a message has not come before; one that has gets its answer again, and nothing else.
    private func isNew(_ id: String, _ message: DashboardMessage, _ connection: DashboardConnection) -> Bool {
        let known: DashboardSession.Answer? = connection.session?.withState { (state: inout DashboardSession.State) in
            if let known: DashboardSession.Answer = state.answers[id] { return known }
            state.begin(id)
            return nil
        }
        switch known {
        case .given(let answer)?: send(answer, to: connection, isUrgent: message.isUrgent)
        case .open?: connection.repeated[id, default: 0] += 1
        case nil: return true
        }
        return false
    }

    private func pong(to message: DashboardMessage, at now: Instant) -> [UInt8] {
        let timestamp: JSONValue? = message.payload["timestamp"]
        return DashboardText(
            "pong", id: makeID(), at: now, correlation: message.correlation, isUrgent: message.isUrgent
        ) { (writer: inout JSONWriter) in
            writer.member("timestamp", timestamp ?? .integer(now.milliseconds))
        }.bytes
    }

    // MARK: What comes of it

    package func complete(_ token: SocketToken, with outcome: SocketOutcome, at now: Instant) -> [SocketOutput] {
        guard let wait: Wait = waits.removeValue(forKey: token.number) else { return [] }
        let connection: DashboardConnection? = connections[token.peer]
        switch (wait, outcome) {
        case (.creation(let agent), .reply(.success(let reply))):
            if case .agent(let record) = reply { creations[agent]?.agent = DashboardAgent(record) }
        case (.creation(let agent), .reply(.failure(let rejection))):
            creationFailed(agent, DashboardFailure(rejection), isRefused: true, at: now)
        case (.answer(let request, let agent), .reply(let result)):
            answered(request, agent, result, at: now)
        case (.answer(let request, let agent), .host(let answer)):
            answered(request, agent, answer, at: now)
        case (.events, .read(let result)):
            if let connection { missedEventsRead(result, connection, at: now) }
        case (.log(let agent, let reading), .read(let result)):
            if let connection { logRead(result, agent, reading, connection, at: now) }
        case (.output, .read(let result)):
            if let connection { pageRead(result, connection, at: now) }
        default: break
        }
        return take()
    }

    /// Waits for something; the token brings its outcome back.
    func wait(_ wait: Wait, for peer: PeerID) -> SocketToken {
        lastWait += 1
        waits[lastWait] = wait
        return SocketToken(peer: peer, number: lastWait)
    }

    func submit(_ command: Command, _ principal: Principal, _ wait: Wait, for peer: PeerID) {
        outputs.append(.submit(command, principal, self.wait(wait, for: peer)))
    }

    func perform(_ work: SocketWork, _ wait: Wait, for peer: PeerID) {
        outputs.append(.perform(work, self.wait(wait, for: peer)))
    }

    // MARK: What is sent

    func makeID() -> String { identifiers.next() }

    /// Sends a message; one that is urgent goes before those that the client has not taken yet.
    ///
    /// What a session tells by its history is never urgent: a client that comes back goes on after its last message.
    func send(_ bytes: [UInt8], to connection: DashboardConnection, isUrgent: Bool = false) {
        guard !connection.isClosing else { return }
        outputs.append(isUrgent ? .sendAhead(bytes, to: connection.peer) : .send(bytes, to: connection.peer))
    }

    /// Asks to be told when a client has taken everything.
    func pace(_ connection: DashboardConnection) { outputs.append(.pace(connection.peer)) }

    func close(_ connection: DashboardConnection, code: UInt16, reason: String) {
        guard !connection.isClosing else { return }
        endTelling(connection)
        outputs.append(.close(connection.peer, code: code, reason: reason))
    }

    // MARK: Time

    package func tick(at now: Instant) -> [SocketOutput] {
        limits = hub.limits
        hub.sweep(at: now)
        for connection: DashboardConnection in Array(connections.values) where !connection.isClosing {
            if connection.session == nil {
                lookAtNewcomer(connection, at: now)
            } else {
                lookAtMember(connection, at: now)
            }
        }
        sendMetrics(at: now)
        warnOfDelays(at: now)
        for (agent, creation) in creations where now - creation.since > DashboardDialect.creationPatience {
            creationFailed(
                agent, DashboardFailure(.serviceUnavailable, "The agent's process has not started in time"),
                isRefused: false, at: now)
        }
        return take()
    }

    private func lookAtNewcomer(_ connection: DashboardConnection, at now: Instant) {
        guard now - connection.openedAt >= configuration.authenticationDeadline else { return }
        let failure = DashboardFailure(
            .authFailed, "Nobody has said who this is within \(configuration.authenticationDeadline.count / 1_000) s")
        refuse(connection, nil, failure, at: now)
        close(connection, code: 1008, reason: "authentication time-out")
    }

    private func lookAtMember(_ connection: DashboardConnection, at now: Instant) {
        let own: DashboardSession.Holder = holder(of: connection)
        if connection.session?.withState({ $0.holder }) != own { return replaced(connection) }
        guard now - connection.lastHeard <= configuration.silence else {
            return close(connection, code: 1001, reason: "no sign of life")
        }
        if now >= connection.nextPing {
            connection.nextPing = now + configuration.heartbeat
            let ping = DashboardText("ping", id: makeID(), at: now) { $0.member("timestamp", now.milliseconds) }
            send(ping.bytes, to: connection)
        }
        // What an answer or the end of a replay has let go on.
        catchUp(connection)
        if let end: Instant = connection.graceEnds {
            guard now >= end else { return }
            refuse(connection, nil, DashboardFailure(.tokenExpired, "The token has expired"), at: now)
            close(connection, code: 1008, reason: "token expired")
        } else if connection.expires <= now {
            connection.graceEnds = now + configuration.expiryGrace
            warnOfExpiry(connection, at: now)
        }
    }

    /// Another connection has the session now.
    func replaced(_ connection: DashboardConnection) {
        close(connection, code: 4000, reason: "session replaced")
    }

    private func warnOfExpiry(_ connection: DashboardConnection, at now: Instant) {
        hub.count(.tokenExpired)
        let details: JSONValue = [
            "code": JSONValue(DashboardErrorCode.tokenExpired.rawValue),
            "name": .string(DashboardErrorCode.tokenExpired.name), "graceMs": .integer(configuration.expiryGrace.count),
        ]
        let alert: DashboardText = DashboardProjection.alert(
            level: "warning", category: "security", "The token has expired; send auth with another one", id: makeID(),
            at: now, details: JSONText(details))
        send(alert.bytes, to: connection)
    }

    package func drain(at now: Instant) -> [SocketOutput] {
        for connection: DashboardConnection in members where !connection.isClosing {
            guard let session: DashboardSession = connection.session else { continue }
            send(status("closing", session, connection, queued: 0, at: now), to: connection)
        }
        return take()
    }

    // MARK: What happens

    package func receive(_ events: [Event], at now: Instant) -> [SocketOutput] {
        for event: Event in events {
            heard = max(heard, event.sequence)
            guard !members.isEmpty || !creations.isEmpty else { continue }
            delays.note(now - event.time, at: now)
            tell(of: event, at: now)
        }
        return take()
    }

    package func receive(_ entries: [OutputEntry], at now: Instant) -> [SocketOutput] {
        guard !members.isEmpty else { return [] }
        for entry: OutputEntry in entries {
            guard case .agent(let agent) = entry.owner else { continue }
            guard listeners[agent] != nil || !generalListeners.isEmpty else { continue }
            tell(of: entry, of: agent, at: now)
        }
        return take()
    }

    package func skipped(_ gaps: [OutputGap], at now: Instant) -> [SocketOutput] {
        guard !members.isEmpty else { return [] }
        for gap: OutputGap in gaps {
            guard case .agent(let agent) = gap.owner else { continue }
            guard listeners[agent] != nil || !generalListeners.isEmpty else { continue }
            skip(gap.sequences, of: agent)
        }
        return take()
    }
}
