internal import MAOSCore

/// A message of a client that is being seen to.
struct DashboardRequest {
    var peer: PeerID
    var session: DashboardSession
    var id: String
    /// The client's own id, by which its repetition is known.
    var clientID: String?
    var correlation: String
    var isUrgent: Bool
    var kind: DashboardMessages.Kind
}

/// Acknowledgements.
extension DashboardDialect {
    /// Refuses a message, or a connection where there is none.
    func refuse(
        _ connection: DashboardConnection, _ message: DashboardMessage?, _ failure: DashboardFailure, at now: Instant
    ) {
        let id: String = message?.id ?? makeID()
        refuse(
            connection, id: id, correlation: message?.correlation ?? id, isUrgent: message?.isUrgent ?? false, failure,
            at: now)
        if let clientID: String = message?.clientID { connection.session?.forget(clientID) }
    }

    func refuse(
        _ connection: DashboardConnection, id: String, correlation: String, isUrgent: Bool = false,
        _ failure: DashboardFailure, at now: Instant
    ) {
        hub.count(failure.code)
        send(
            acknowledgement(of: id, correlation, isUrgent: isUrgent, failure, at: now), to: connection,
            isUrgent: isUrgent)
    }

    /// The text of an acknowledgement; a success where there is no failure.
    func acknowledgement(
        of id: String, _ correlation: String, isUrgent: Bool = false, _ failure: DashboardFailure?, at now: Instant,
        members: (inout JSONWriter) -> Void = { _ in }
    ) -> [UInt8] {
        DashboardText("ack", id: makeID(), at: now, correlation: correlation, isUrgent: isUrgent) {
            (writer: inout JSONWriter) in
            writer.member("messageId", id)
            writer.member("success", failure == nil)
            if let failure {
                writer.member("error", failure.text)
                writer.member("code", failure.code.rawValue)
            }
            members(&writer)
        }.bytes
    }

    func request(_ message: DashboardMessage, _ connection: DashboardConnection) -> DashboardRequest? {
        guard let session: DashboardSession = connection.session else { return nil }
        return DashboardRequest(
            peer: connection.peer, session: session, id: message.id, clientID: message.clientID,
            correlation: message.correlation, isUrgent: message.isUrgent, kind: message.kind)
    }

    /// Answers a message, as often as it has come; remembers the answer for when it comes again.
    func answer(
        _ request: DashboardRequest, _ failure: DashboardFailure?, at now: Instant,
        members: (inout JSONWriter) -> Void = { _ in }
    ) {
        if let failure { hub.count(failure.code) }
        let text: [UInt8] = acknowledgement(
            of: request.id, request.correlation, isUrgent: request.isUrgent, failure, at: now, members: members)
        if let clientID: String = request.clientID { request.session.remember(text, for: clientID) }
        guard let connection: DashboardConnection = connections[request.peer], connection.session === request.session
        else { return }
        send(text, to: connection, isUrgent: request.isUrgent)
        guard let clientID: String = request.clientID else { return }
        for _ in 0..<(connection.repeated.removeValue(forKey: clientID) ?? 0) {
            send(text, to: connection, isUrgent: request.isUrgent)
        }
    }

    // MARK: Holding back

    /// Has messages about an agent wait for the answer to a message of the client.
    func hold(_ agent: AgentID, _ connection: DashboardConnection) {
        connection.pending[agent, default: 0] += 1
    }

    /// Has a message wait with others about its agent.
    func keep(_ message: DashboardConnection.Message, about agent: AgentID, _ connection: DashboardConnection) {
        connection.held[agent, default: []].append(message)
        guard let event: UInt64 = message.event else { return }
        noteHeld(connection) { min($0 ?? event, event) }
    }

    /// Notes which event the messages that wait begin with.
    private func noteHeld(_ connection: DashboardConnection, _ change: @Sendable (UInt64?) -> UInt64?) {
        let own: DashboardSession.Holder = holder(of: connection)
        connection.session?.withState { (state: inout DashboardSession.State) in
            if state.holder == own { state.heldEvent = change(state.heldEvent) }
        }
    }

    /// Lets messages about an agent go that have waited; with `discarding`, there never was such an agent.
    func release(_ agent: AgentID, _ connection: DashboardConnection, discarding: Bool = false) {
        guard let count: Int = connection.pending[agent] else { return }
        guard count == 1 else {
            connection.pending[agent] = count - 1
            return
        }
        connection.pending[agent] = nil
        let held: [DashboardConnection.Message] = connection.held.removeValue(forKey: agent) ?? []
        guard !held.isEmpty else { return }
        if !discarding { for message: DashboardConnection.Message in held { deliver(message, to: connection) } }
        let oldest: UInt64? = connection.heldEvent
        noteHeld(connection) { _ in oldest }
    }

    /// Sends a message, and notes how far the client has been told; does neither where the connection is being closed.
    func deliver(_ message: DashboardConnection.Message, to connection: DashboardConnection) {
        guard !connection.isClosing else { return }
        guard note(message, connection) else { return replaced(connection) }
        send(message.bytes, to: connection)
    }

    /// Notes that a message is sent; false where another connection has the session.
    private func note(_ message: DashboardConnection.Message, _ connection: DashboardConnection) -> Bool {
        guard let session: DashboardSession = connection.session else { return false }
        let own: DashboardSession.Holder = holder(of: connection)
        return session.withState { (state: inout DashboardSession.State) in
            guard state.holder == own else { return false }
            if let sent: DashboardSession.Sent = message.sent { state.note(sent, isFollowed: message.isFollowed) }
            return true
        }
    }
}

extension DashboardSession {
    /// Remembers the answer to a message.
    func remember(_ answer: [UInt8], for id: String) {
        withState { (state: inout State) in
            if state.answers[id] != nil { state.answers[id] = .given(answer) }
        }
    }

    /// A message that was refused unseen may come again.
    func forget(_ id: String) {
        withState { (state: inout State) in
            if case .open? = state.answers[id] { state.answers[id] = nil }
        }
    }
}
