package import MAOSCore

/// What agents print, on its way to those who listen: at the pace of each, by ``ReaderPace``.
extension DashboardDialect {
    private static let pageEntries: Int = 1_000
    private static let pageBytes: Int = 1 << 20

    func tell(of printed: OutputEntry, of agent: AgentID, at now: Instant) {
        let rest: DashboardRest? = rests[agent]
        var texts = DashboardOutputTexts(DashboardProjection.whole(printed, &rests[agent]), of: agent)
        guard known[agent] != nil || listeners[agent] != nil else { return }
        forListeners(of: agent) { (connection: DashboardConnection) in
            let sequence: UInt64 = printed.sequence
            guard sequence > connection.outputFrom[agent] ?? 0 else { return }
            if connection.pace.isBehind(with: agent, hearingOf: sequence) { return }
            if connection.pace.isFull, texts.isWanted(by: connection) {
                connection.pace.fallBehind(
                    with: agent, ReaderPace.Lag(next: sequence, newest: sequence, memo: rest))
            } else {
                offer(&texts, to: connection)
            }
        }
    }

    /// Whoever listens is told from the log of what does not come otherwise.
    func skip(_ entries: ClosedRange<UInt64>, of agent: AgentID) {
        let rest: DashboardRest? = rests.removeValue(forKey: agent)
        guard known[agent] != nil || listeners[agent] != nil else { return }
        forListeners(of: agent) { (connection: DashboardConnection) in
            let first: UInt64 = max(entries.lowerBound, (connection.outputFrom[agent] ?? 0) + 1)
            guard first <= entries.upperBound else { return }
            connection.pace.skip(first...entries.upperBound, of: agent, rest)
            catchUp(connection)
        }
    }

    /// Sends what a connection wants of an entry.
    private func offer(_ texts: inout DashboardOutputTexts, to connection: DashboardConnection) {
        for message: DashboardConnection.Message in texts.messages(for: connection) {
            pass(message, about: texts.agent, entry: texts.entry.sequence, to: connection)
        }
    }

    package func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: DashboardConnection = connections[peer] else { return [] }
        // What comes while a client is told of what it missed is kept, so there is an end to that.
        connection.pace.drained(isHolding: connection.replay != nil)
        catchUp(connection)
        return take()
    }

    /// Goes on with what a client is behind with, where it can take more.
    func catchUp(_ connection: DashboardConnection) {
        guard !connection.isClosing, connection.session != nil, connection.replay == nil else { return }
        let next = connection.pace.beginReading { connection.pending[$0] == nil }
        guard let (agent, lag) = next else { return }
        let read = StoreRead.output(
            .agent(agent), from: max(lag.next, (connection.outputFrom[agent] ?? 0) + 1),
            limit: DashboardDialect.pageEntries, byteLimit: DashboardDialect.pageBytes)
        perform(.read(read), .output, for: connection.peer)
    }

    /// Tells a client of a page of what it is behind with, as far as it takes that.
    func pageRead(
        _ result: Result<StoreReadResult, JournalError>, _ connection: DashboardConnection, at now: Instant
    ) {
        guard let (agent, behind) = connection.pace.endReading() else { return catchUp(connection) }
        guard case .success(.output(let page)) = result else {
            return close(connection, code: 1013, reason: "output cannot be read at the moment")
        }
        var lag: ReaderPace<AgentID, DashboardRest?>.Lag = behind
        lag.next = max(lag.next, (connection.outputFrom[agent] ?? 0) + 1)
        let lost: UInt64 = lag.passOver(page)
        if lost > 0 { tellOfLoss(lost, of: agent, connection, at: now) }
        for printed: OutputEntry in page.entries where printed.sequence >= lag.next && !connection.pace.isFull {
            var texts = DashboardOutputTexts(DashboardProjection.whole(printed, &lag.memo), of: agent)
            offer(&texts, to: connection)
            lag.next = printed.sequence + 1
        }
        connection.outputFrom[agent] = lag.next - 1
        if lag.isLevel {
            // Where it was told of what did not come otherwise, nobody else knows what was left over.
            if lag.next == lag.newest + 1 { rests[agent] = lag.memo }
            connection.pace.end(agent)
            if known[agent] == nil { forget(agent) }
        } else {
            connection.pace.goOn(with: agent, from: lag)
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
