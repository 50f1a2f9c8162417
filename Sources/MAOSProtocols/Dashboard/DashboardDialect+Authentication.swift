internal import MAOSCore

/// Who clients are, and which session they get.
extension DashboardDialect {
    func authenticate(_ connection: DashboardConnection, _ message: DashboardMessage, at now: Instant) {
        do throws(DashboardFailure) {
            let caller: SocketCaller = try caller(message, connection, at: now)
            if connection.session != nil {
                try renew(connection, caller, message, at: now)
            } else {
                begin(connection, caller, message, message.payload, at: now)
            }
        } catch {
            refuse(connection, message, error, at: now)
            close(connection, code: 1008, reason: error.code.name)
        }
    }

    /// Who a message says it comes from.
    private func caller(
        _ message: DashboardMessage, _ connection: DashboardConnection, at now: Instant
    ) throws(DashboardFailure) -> SocketCaller {
        let caller: SocketCaller
        if let token: String = message.payload["token"]?.stringValue {
            do throws(CredentialProblem) {
                caller = try credentials.check(token: token, at: now)
            } catch {
                throw error == .expired
                    ? DashboardFailure(.tokenExpired, "The token has expired")
                    : DashboardFailure(.authFailed, "The token is not valid")
            }
        } else if let known: SocketCaller = connection.arrival.caller, known.isAuthenticated {
            caller = known
        } else if let trusted: Principal = configuration.trusted, connection.arrival.isLoopback {
            return SocketCaller(principal: trusted, isAuthenticated: false)
        } else {
            throw DashboardFailure(.authFailed, "A token is needed")
        }
        let life: Milliseconds = configuration.tokenLifetime
        guard let expires: Instant = caller.expires, expires - (caller.issued ?? now) <= life else {
            throw DashboardFailure(
                .tokenExpired, "Tokens must end \(life.count / 1_000) s after they were made at the latest")
        }
        guard expires > now else { throw DashboardFailure(.tokenExpired, "The token has expired") }
        return caller
    }

    /// Goes on with another token.
    private func renew(
        _ connection: DashboardConnection, _ caller: SocketCaller, _ message: DashboardMessage, at now: Instant
    ) throws(DashboardFailure) {
        guard let session: DashboardSession = connection.session else { return }
        guard caller.principal.subject == session.userID else {
            throw DashboardFailure(.authFailed, "The session is somebody else's")
        }
        let expires: Instant = caller.expires ?? .distantFuture
        connection.principal = caller.principal
        connection.expires = expires
        connection.graceEnds = nil
        session.withState { (state: inout DashboardSession.State) in
            state.principal = caller.principal
            state.expires = expires
        }
        send(welcome(message.id, message.correlation, session, connection, isResumed: false, at: now), to: connection)
    }

    /// Gives a connection its session; `message` is missing where nobody had to say who it is.
    func begin(
        _ connection: DashboardConnection, _ caller: SocketCaller, _ message: DashboardMessage?, _ payload: JSONValue,
        at now: Instant
    ) {
        let boundary: UInt64 = bus.lastSequence
        let expires: Instant = caller.expires ?? .distantFuture
        let attachment: DashboardHub.Attachment = hub.attach(
            holder(of: connection), caller, clientID: payload["clientId"]?.stringValue ?? makeID(),
            sessionID: payload["sessionId"]?.stringValue ?? connection.arrival.queryValue("sessionId"),
            lastMessageID: payload["lastMessageId"]?.stringValue, cursor: boundary, expires: expires, at: now)
        let session: DashboardSession = attachment.session
        connection.session = session
        connection.principal = caller.principal
        connection.expires = expires
        connection.nextPing = now + configuration.heartbeat
        connection.liveFrom = boundary
        if members.isEmpty { learnAgents() }
        members.append(connection)
        if let message {
            let text: [UInt8] = welcome(
                message.id, message.correlation, session, connection, isResumed: attachment.isResumed, at: now)
            send(text, to: connection)
        }
        guard attachment.isResumed else {
            return send(status("authenticated", session, connection, queued: 0, at: now), to: connection)
        }
        resumptions += 1
        resume(connection, session, boundary: boundary, isLost: attachment.isLost, at: now)
    }

    /// What agents there are; others are learned of as they come.
    private func learnAgents() {
        known = [:]
        for record: AgentRecord in view.agents(AgentQuery.all) {
            if let agent = DashboardAgent(record) { known[agent.id] = agent }
        }
    }

    private func welcome(
        _ id: String, _ correlation: String, _ session: DashboardSession, _ connection: DashboardConnection,
        isResumed: Bool, at now: Instant
    ) -> [UInt8] {
        acknowledgement(of: id, correlation, nil, at: now) { (writer: inout JSONWriter) in
            writer.member("sessionId", session.id)
            writer.member("userId", session.userID)
            writer.member("resumed", isResumed)
            if connection.expires != .distantFuture { writer.member("expiresAt", connection.expires.milliseconds) }
        }
    }

    /// The state of the connection, as the document's lifecycle wants it to be told.
    func status(
        _ status: String, _ session: DashboardSession, _ connection: DashboardConnection, queued: Int, at now: Instant
    ) -> [UInt8] {
        DashboardText("connection:status", id: makeID(), at: now) { (writer: inout JSONWriter) in
            writer.member("status", status)
            writer.member("sessionId", session.id)
            writer.member("userId", session.userID)
            writer.member("resumed", status == "resumed")
            if connection.expires != .distantFuture { writer.member("expiresAt", connection.expires.milliseconds) }
            writer.member("queued", queued)
        }.bytes
    }
}

extension AgentQuery {
    /// All agents that live, however many.
    static var all: AgentQuery {
        var query = AgentQuery()
        query.limit = .max
        return query
    }
}
