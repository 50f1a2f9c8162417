package import MAOSCore

/// How far a client is behind with the output of an agent.
struct DashboardLag {
    /// The next entry that it is to be told of.
    var next: UInt64
    /// The newest entry there is, as far as this loop has heard.
    var newest: UInt64
    /// What the entry before ``next`` has left over.
    var rest: DashboardRest?
}

/// What agents print, on its way to those who listen.
///
/// An agent may print faster than a client reads. Once a client has been sent ``window`` bytes that it may not have taken, no more
/// is kept for it: from there on it is told from the agent's log, a page whenever it has taken the one before, until it
/// is level again. So it gets everything in order, however slow it is, and costs no more memory than a page.
extension DashboardDialect {
    /// Bytes of output that are sent to a client before it must have taken them.
    static let window: Int = 1 << 20
    private static let pageEntries: Int = 1_000
    private static let pageBytes: Int = 1 << 20

    func tell(of printed: OutputEntry, of agent: AgentID, at now: Instant) {
        let rest: DashboardRest? = rests[agent]
        var texts = OutputTexts(DashboardProjection.whole(printed, &rests[agent]), of: agent)
        guard known[agent] != nil || listeners[agent] != nil else { return }
        forListeners(of: agent) { (connection: DashboardConnection) in
            let sequence: UInt64 = printed.sequence
            guard sequence > connection.outputFrom[agent] ?? 0 else { return }
            if connection.lags[agent] != nil {
                connection.lags[agent]?.newest = sequence
            } else if connection.outputBytes >= DashboardDialect.window, texts.isWanted(by: connection) {
                connection.lags[agent] = DashboardLag(next: sequence, newest: sequence, rest: rest)
            } else {
                offer(&texts, to: connection)
            }
        }
    }

    /// Sends what a connection wants of an entry.
    private func offer(_ texts: inout OutputTexts, to connection: DashboardConnection) {
        let (agent, sequence): (AgentID, UInt64) = (texts.agent, texts.entry.sequence)
        let position = DashboardPosition(source: .output(agent), sequence: sequence)
        if texts.isOutputWanted(by: connection) {
            offer(
                texts.output(), texts.outputItem, DashboardSession.Sent(position: position, part: 0), about: agent,
                entry: sequence, to: connection)
        }
        guard connection.subscriptions.contains(where: { $0.topic == .logs }) else { return }
        for line in texts.lines() {
            offer(
                line.text, texts.lineItem, DashboardSession.Sent(position: position, part: line.part), about: agent,
                entry: sequence, to: connection)
        }
    }

    /// Counts output that is sent, and asks to be told when the client has taken it.
    func noteOutput(_ bytes: Int, to connection: DashboardConnection) {
        connection.outputBytes += bytes
        guard connection.outputBytes >= DashboardDialect.window, !connection.isPaced else { return }
        connection.isPaced = true
        pace(connection)
    }

    package func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: DashboardConnection = connections[peer] else { return [] }
        connection.isPaced = false
        // What comes while a client is told of what it missed is kept, so there is an end to that.
        guard connection.replay == nil else { return [] }
        connection.outputBytes = 0
        catchUp(connection)
        return take()
    }

    /// Goes on with what a client is behind with, where it can take more.
    func catchUp(_ connection: DashboardConnection) {
        guard !connection.lags.isEmpty, !connection.isPaced, !connection.isCatchingUp, !connection.isClosing,
            connection.session != nil, connection.replay == nil
        else { return }
        let agents: [AgentID] = connection.lags.keys.filter { connection.pending[$0] == nil }.sorted()
        // One after the other, so that no agent keeps the others waiting.
        let following: AgentID? = connection.caughtUpLast.flatMap { (last: AgentID) in agents.first { $0 > last } }
        guard let agent: AgentID = following ?? agents.first, let lag: DashboardLag = connection.lags[agent] else {
            return
        }
        connection.isCatchingUp = true
        connection.caughtUpLast = agent
        let read = StoreRead.output(
            .agent(agent), from: max(lag.next, (connection.outputFrom[agent] ?? 0) + 1),
            limit: DashboardDialect.pageEntries, byteLimit: DashboardDialect.pageBytes)
        perform(.read(read), .output(agent), for: connection.peer)
    }

    /// Tells a client of a page of what it is behind with.
    func pageRead(
        _ result: Result<StoreReadResult, JournalError>, _ agent: AgentID, _ connection: DashboardConnection,
        at now: Instant
    ) {
        connection.isCatchingUp = false
        guard var lag: DashboardLag = connection.lags[agent] else { return catchUp(connection) }
        guard case .success(.output(let page)) = result else {
            return close(connection, code: 1013, reason: "output cannot be read at the moment")
        }
        let expected: UInt64 = max(lag.next, (connection.outputFrom[agent] ?? 0) + 1)
        if page.firstSequence > expected { tellOfLoss(page.firstSequence - expected, of: agent, connection, at: now) }
        for printed: OutputEntry in page.entries {
            var texts = OutputTexts(DashboardProjection.whole(printed, &lag.rest), of: agent)
            offer(&texts, to: connection)
        }
        lag.next = max(expected, page.nextSequence)
        connection.outputFrom[agent] = lag.next - 1
        if page.entries.isEmpty || lag.next > lag.newest {
            connection.lags[agent] = nil
            if known[agent] == nil { forget(agent) }
        } else {
            connection.lags[agent] = lag
        }
        catchUp(connection)
    }

    /// Says that entries are not kept any more that a client has not been told of.
    private func tellOfLoss(
        _ count: UInt64, of agent: AgentID, _ connection: DashboardConnection, at now: Instant
    ) {
        let details: JSONValue = ["dropped": .integer(Int64(clamping: count)), "agentId": .string(agent.rawValue)]
        let alert: DashboardText = DashboardProjection.alert(
            level: "warning", category: "performance",
            "\(count) messages of output are not sent: they were deleted before this client had read so far",
            id: makeID(), at: now, details: JSONText(details))
        send(alert.bytes, to: connection)
    }
}

/// An entry of an agent's log as messages; each is made once, and only where somebody wants it.
private struct OutputTexts {
    let entry: OutputEntry
    let agent: AgentID
    let outputItem: DashboardConnection.Item
    let lineItem: DashboardConnection.Item
    private var madeOutput: DashboardText?
    private var madeLines: [(part: UInt32, text: DashboardText)]?

    init(_ entry: OutputEntry, of agent: AgentID) {
        self.entry = entry
        self.agent = agent
        let stream: String = DashboardProjection.name(of: entry.stream)
        outputItem = .output(stream: stream)
        lineItem = .log(level: DashboardProjection.level(of: entry.stream), stream: stream)
    }

    func isOutputWanted(by connection: DashboardConnection) -> Bool {
        if case .none = connection.match(outputItem, about: agent) { false } else { true }
    }

    /// Whether a connection wants the output or its lines.
    func isWanted(by connection: DashboardConnection) -> Bool {
        if isOutputWanted(by: connection) { return true }
        if case .none = connection.match(lineItem, about: agent) { return false }
        return true
    }

    mutating func output() -> DashboardText {
        let text: DashboardText = madeOutput ?? DashboardProjection.output(entry, of: agent)
        madeOutput = text
        return text
    }

    mutating func lines() -> [(part: UInt32, text: DashboardText)] {
        let texts: [(part: UInt32, text: DashboardText)] =
            madeLines ?? DashboardProjection.logEntries(entry, of: agent)
        madeLines = texts
        return texts
    }
}
