internal import MAOSCore
internal import Synchronization

/// What the dashboard's dialects of all loops share: the sessions, and the limits that count over all connections.
package final class DashboardHub: Sendable {
    /// Who a session is found by when its id is not told.
    private struct Client: Hashable {
        var userID: String
        var clientID: String
    }

    private struct State {
        var limits: DashboardLimits
        var random: SeededRandom
        var lastDialect: Int = 0
        var sessions: [String: DashboardSession] = [:]
        var clients: [Client: String] = [:]
        var sweptAt = Instant(milliseconds: 0)
        var commands: RateLimiter<AgentID, SlidingWindow>
        var users: RateLimiter<String, SlidingWindow>
        var addresses: RateLimiter<String, SlidingWindow>
        /// Open connections by address.
        var connections: [String: Int] = [:]
        /// Agents that are being made.
        var creations: Set<AgentID> = []
        var errors: [DashboardErrorCode: UInt64] = [:]
        var warnedAt: Instant?
    }

    /// What a client is attached to.
    struct Attachment {
        var session: DashboardSession
        var isResumed: Bool
        /// Whether the client names a last message that nothing can be gone back to for.
        var isLost = false
    }

    /// A limit that is never reached.
    private static let unlimited: Int = Int(UInt32.max)

    let configuration: DashboardConfiguration
    private let state: Mutex<State>

    /// Makes a table without sessions.
    ///
    /// - Parameters:
    ///   - configuration: How the dialect behaves.
    ///   - limits: How much clients may do.
    ///   - seed: Where identifiers come from; not to be foreseen.
    package init(configuration: DashboardConfiguration, limits: DashboardLimits, seed: UInt64) {
        self.configuration = configuration
        state = Mutex(
            State(
                limits: limits, random: SeededRandom(seed: seed),
                commands: RateLimiter(DashboardHub.window(limits.commandsPerSecond)),
                users: RateLimiter(DashboardHub.window(limits.messagesPerUser)),
                addresses: RateLimiter(DashboardHub.window(limits.messagesPerAddress))))
    }

    private static func window(_ count: Int?) -> SlidingWindow.Limit {
        SlidingWindow.Limit(count ?? unlimited, per: 1_000, cells: 20)
    }

    /// Goes by other limits from now on.
    package func use(_ limits: DashboardLimits) {
        state.withLock { (state: inout State) in
            state.limits = limits
            state.commands.limit = DashboardHub.window(limits.commandsPerSecond)
            state.users.limit = DashboardHub.window(limits.messagesPerUser)
            state.addresses.limit = DashboardHub.window(limits.messagesPerAddress)
        }
    }

    /// How much clients may do.
    package var limits: DashboardLimits { state.withLock { $0.limits } }

    // MARK: What is measured

    /// How often each error was told, by its name; in the order of the codes.
    package var errors: [(name: String, count: UInt64)] {
        let counts: [DashboardErrorCode: UInt64] = state.withLock { $0.errors }
        return DashboardErrorCode.allCases.map { ($0.name, counts[$0] ?? 0) }
    }

    /// How many sessions have no connection at the moment.
    package var detachedSessions: Int {
        let sessions: [DashboardSession] = state.withLock { Array($0.sessions.values) }
        return sessions.count { $0.withState { $0.holder == nil } }
    }

    func count(_ code: DashboardErrorCode) { state.withLock { $0.errors[code, default: 0] += 1 } }

    // MARK: Names

    /// A number for the dialect of a loop, and where its own identifiers come from.
    func register() -> (number: Int, identifiers: UUIDMaker) {
        state.withLock { (state: inout State) in
            state.lastDialect += 1
            return (state.lastDialect, UUIDMaker(seed: state.random.next()))
        }
    }

    // MARK: Limits

    /// Counts a connection; false where an address has too many.
    func open(from address: String) -> Bool {
        state.withLock { (state: inout State) in
            let count: Int = state.connections[address] ?? 0
            if let limit: Int = state.limits.connectionsPerAddress, count >= limit { return false }
            state.connections[address] = count + 1
            return true
        }
    }

    /// Counts a connection no more that was counted.
    func close(from address: String) {
        state.withLock { (state: inout State) in
            guard let count: Int = state.connections[address] else { return }
            state.connections[address] = count > 1 ? count - 1 : nil
        }
    }

    /// Whether another message may be taken from a user and an address.
    func takeMessage(of userID: String?, from address: String, at now: Instant) -> Bool {
        state.withLock { (state: inout State) in
            guard state.addresses.take(address, at: now.milliseconds) == .allowed else { return false }
            guard let userID else { return true }
            return state.users.take(userID, at: now.milliseconds) == .allowed
        }
    }

    /// Whether an agent may be given another command.
    func takeCommand(for agent: AgentID, at now: Instant) -> Bool {
        state.withLock { $0.commands.take(agent, at: now.milliseconds) == .allowed }
    }

    /// Takes the place of an agent that is to be made; false where there are too many.
    func beginCreation(of agent: AgentID, besides existing: [AgentID]) -> Bool {
        state.withLock { (state: inout State) in
            if let limit: Int = state.limits.agents {
                guard state.creations.union(existing).count < limit else { return false }
            }
            state.creations.insert(agent)
            return true
        }
    }

    /// The agent is there, or will not be.
    func endCreation(of agent: AgentID) {
        state.withLock { _ = $0.creations.remove(agent) }
    }

    /// Whether it is time to say again that events come late.
    func mayWarn(at now: Instant) -> Bool {
        state.withLock { (state: inout State) in
            if let last: Instant = state.warnedAt, now - last < .seconds(60) { return false }
            state.warnedAt = now
            return true
        }
    }

    // MARK: Sessions

    /// Gives a connection its session: the one that it names, else the one of its user and client, else a new one.
    func attach(
        _ holder: DashboardSession.Holder, _ caller: SocketCaller, clientID: String, sessionID: String?,
        lastMessageID: String?, cursor: UInt64, expires: Instant, at now: Instant
    ) -> Attachment {
        sweep(at: now)
        return state.withLock { (state: inout State) in
            let client = Client(userID: caller.principal.subject, clientID: clientID)
            let named: DashboardSession? = sessionID.flatMap { state.sessions[$0] }
            let usual: DashboardSession? = state.clients[client].flatMap { state.sessions[$0] }
            let known: DashboardSession? = named?.userID == client.userID ? named : sessionID == nil ? usual : nil
            if let known {
                let isLost: Bool = known.withState { (session: inout DashboardSession.State) in
                    session.holder = holder
                    session.rewindToHeld()
                    session.detachedAt = nil
                    session.principal = caller.principal
                    session.expires = expires
                    return lastMessageID.map { !session.rewind(after: $0) } ?? false
                }
                return Attachment(session: known, isResumed: true, isLost: isLost)
            }
            let id: String = UUIDMaker.text(high: state.random.next(), low: state.random.next())
            let session = DashboardSession(
                id: id, userID: client.userID, at: now,
                DashboardSession.State(
                    clientID: clientID, principal: caller.principal, expires: expires, holder: holder,
                    eventCursor: cursor))
            state.sessions[id] = session
            state.clients[client] = id
            return Attachment(session: session, isResumed: false)
        }
    }

    /// A connection has gone; its session waits for another, if it has none yet.
    func detach(_ session: DashboardSession, from holder: DashboardSession.Holder, at now: Instant) {
        session.withState { (state: inout DashboardSession.State) in
            guard state.holder == holder else { return }
            state.holder = nil
            state.detachedAt = now
        }
    }

    /// Forgets sessions that nobody came back to; looks once a second at most.
    func sweep(at now: Instant) {
        state.withLock { (state: inout State) in
            guard now - state.sweptAt >= .seconds(1) else { return }
            state.sweptAt = now
            var detached: [(id: String, since: Instant)] = []
            for (id, session) in state.sessions {
                let (since, expires, clientID): (Instant?, Instant, String) = session.withState {
                    ($0.detachedAt, $0.expires, $0.clientID)
                }
                guard let since else { continue }
                if now - since >= configuration.detachedLifetime || expires <= now {
                    forget(id, Client(userID: session.userID, clientID: clientID), in: &state)
                } else {
                    detached.append((id, since))
                }
            }
            let surplus: Int = state.sessions.count - configuration.sessions
            guard surplus > 0 else { return }
            for oldest in detached.sorted(by: { $0.since < $1.since }).prefix(surplus) {
                guard let session: DashboardSession = state.sessions[oldest.id] else { continue }
                let clientID: String = session.withState { $0.clientID }
                forget(oldest.id, Client(userID: session.userID, clientID: clientID), in: &state)
            }
        }
    }

    private func forget(_ id: String, _ client: Client, in state: inout State) {
        state.sessions[id] = nil
        if state.clients[client] == id { state.clients[client] = nil }
    }
}
