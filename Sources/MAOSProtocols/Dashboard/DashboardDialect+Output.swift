package import MAOSCore

/// What agents print, on its way to those who listen: at the pace of each, by ``ReaderPace``.
extension DashboardDialect {
    func tell(of printed: OutputEntry, of agent: AgentID, at now: Instant) {
        let rest: DashboardRest? = rests[agent]
        var texts = DashboardOutputTexts(DashboardProjection.whole(printed, &rests[agent]), of: agent)
        guard known[agent] != nil || listeners[agent] != nil else { return }
        var audience: [(connection: DashboardConnection, wish: DashboardOutputTexts.Wish, parts: Range<Int>)] = []
        forListeners(of: agent) { (connection: DashboardConnection) in
            guard printed.sequence > connection.outputFrom[agent] ?? 0,
                !connection.pace.isBehind(with: agent, hearingOf: printed.sequence),
                let wish = texts.wish(of: connection)
            else { return }
            // What the entry before it has left over is found by reading what the client missed.
            if connection.replay != nil, printed.stream == .terminal {
                return connection.pace.fallBehind(with: agent, at: printed.sequence, part: 0, rest)
            }
            audience.append((connection, wish, texts.parts(wish)))
        }
        var part: Int = 0
        while !audience.isEmpty {
            audience.removeAll { (connection, wish, parts) in
                guard parts.contains(part) else { return part >= parts.upperBound }
                guard !connection.pace.isFull else {
                    connection.pace.fallBehind(with: agent, at: printed.sequence, part: part, rest)
                    return true
                }
                offer(part, of: &texts, wish, to: connection)
                return false
            }
            part += 1
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

    /// Sends a message of an entry as a connection wants it.
    private func offer(
        _ part: Int, of texts: inout DashboardOutputTexts, _ wish: DashboardOutputTexts.Wish,
        to connection: DashboardConnection
    ) {
        guard let message: DashboardConnection.Message = texts.message(part, wish) else { return }
        pass(message, about: texts.agent, entry: texts.entry.sequence, to: connection)
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
        guard case (let agent, var lag)? = next else { return }
        lag.skip(to: (connection.outputFrom[agent] ?? 0) + 1)
        let read: StoreRead = lag.page(of: .agent(agent), isToldByLine: connection.listensToLogs)
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
        lag.skip(to: (connection.outputFrom[agent] ?? 0) + 1)
        let lost: UInt64 = lag.passOver(page)
        if lost > 0 { tellOfLoss(lost, of: agent, connection, at: now) }
        lag.follow(page) { (printed: OutputEntry, part: Int, rest: inout DashboardRest?) in
            tell(printed, of: agent, from: part, &rest, to: connection)
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

    /// Tells a client of something that was printed, from one of its messages on, as far as it takes them.
    ///
    /// - Returns: The first message that it does not take now; `rest` is then as it was.
    private func tell(
        _ printed: OutputEntry, of agent: AgentID, from part: Int, _ rest: inout DashboardRest?,
        to connection: DashboardConnection
    ) -> Int? {
        var following: DashboardRest? = rest
        var texts = DashboardOutputTexts(DashboardProjection.whole(printed, &following), of: agent)
        if let wish = texts.wish(of: connection) {
            for part: Int in texts.parts(wish).clamped(to: part..<Int.max) {
                if connection.pace.isFull { return part }
                offer(part, of: &texts, wish, to: connection)
            }
        }
        rest = following
        return nil
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
