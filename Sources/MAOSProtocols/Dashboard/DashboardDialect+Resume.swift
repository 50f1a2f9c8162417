internal import MAOSCore

/// How far the reading of an agent's log has come.
struct DashboardLogReading {
    /// How far the client has been told; `nil` where it was told of nothing.
    var cursor: DashboardSession.OutputCursor?
    /// Entries before this time are not for the client, where ``cursor`` does not say.
    var since: Instant
    /// How many entries may have had the beginning of a character whose rest is in the next one.
    var leadLength: UInt64
    /// The last entry to be read; `nil` before that is known.
    var last: UInt64?
    /// The oldest entry that the log still has.
    var oldest: UInt64 = 0
    /// The oldest entry that the client has missed.
    var first: UInt64 = 0
    /// The oldest entry that the client is told of.
    var start: UInt64 = 0
    /// The entries that are being read.
    var block: ClosedRange<UInt64> = 0...0
    /// Those of them that have been.
    var read: [OutputEntry] = []
    /// Entries behind them, oldest first.
    var pieces: [OutputEntry] = []
    var missed: [DashboardReplay.Missed] = []
    /// Entries that are passed over because there are too many.
    var dropped: Int = 0
    /// What the entry before the next one has left over.
    var rest: DashboardRest?

    /// The oldest entry that is read: for the beginning of a character that ``start`` goes on with.
    var lead: UInt64 { max(oldest, start - min(start, leadLength)) }
}

/// What a client missed while it was away, derived again from what is stored.
extension DashboardDialect {
    private static let pageLimit: Int = 1_000
    private static let pageBytes: Int = 8 << 20
    /// Entries of a log that are read at a time, the newest first.
    private static let blockLength: UInt64 = 64
    /// Types of events that become messages.
    private static let types: Set<String> = [
        "agent_spawned", "agent_ready", "agent_work_changed", "agent_paused", "agent_resumed", "agent_crashed",
        "agent_stopping", "agent_terminated", "task_failed", "resource_alert", "security_alert", "performance_alert",
    ]

    /// Restores what a session listens to, and begins to read what it missed.
    ///
    /// - Parameters:
    ///   - connection: The new connection.
    ///   - session: Its session.
    ///   - boundary: Events up to this one are read; those after it come by themselves.
    ///   - isLost: Whether the client named a last message that is not known.
    ///   - now: The time.
    func resume(
        _ connection: DashboardConnection, _ session: DashboardSession, boundary: UInt64, isLost: Bool, at now: Instant
    ) {
        let state: DashboardSession.State = session.withState { $0 }
        var replay = DashboardReplay(boundary: boundary, isLost: isLost)
        replay.known = Set(state.runs.filter { $0.source == .event }.map(\.first))
        // As they were when the client left.
        replay.agents = state.known.merging(known) { (then: DashboardAgent, _) in then }
        replay.creations = state.creations
        for subscription: DashboardSubscription in state.subscriptions {
            add(subscription, to: connection)
            if subscription.topic == .metrics { connection.nextMetrics[subscription.id] = now }
        }
        for (agent, since) in state.agents {
            if !connection.listens(to: agent) { listeners[agent, default: []].append(connection) }
            connection.agents[agent] = since
        }
        for (agent, cursor) in state.outputCursors { connection.outputFrom[agent] = cursor.sequence }
        connection.replay = replay

        var agents: Set<AgentID> = Set(state.agents.keys)
        for subscription: DashboardSubscription in state.subscriptions where subscription.topic != .metrics {
            if let agent: AgentID = subscription.agent {
                agents.insert(agent)
            } else {
                agents.formUnion(replay.agents.keys)
            }
        }
        let since: Instant = state.subscriptions.map(\.sinceTime).min() ?? session.connectedAt
        for agent: AgentID in agents.sorted() {
            connection.replay?.reads += 1
            // Where nobody is told of lines, an entry is one message.
            let cursor: DashboardSession.OutputCursor? = state.outputCursors[agent].map {
                $0.part > 0 && !connection.listensToLogs ? DashboardSession.OutputCursor(sequence: $0.sequence + 1) : $0
            }
            // Only what terminals print is cut within characters, and there are at most four bytes in one.
            let isCut: Bool = view.agent(agent)?.specification.resident != .conversation
            let reading = DashboardLogReading(
                cursor: cursor, since: state.agents[agent] == nil ? since : session.connectedAt,
                leadLength: isCut ? 3 : 0)
            // The end of the log first.
            perform(
                .read(.output(.agent(agent), from: .max, limit: 1, byteLimit: 1)), .log(agent, reading),
                for: connection.peer)
        }
        if state.eventCursor < boundary {
            connection.replay?.reads += 1
            connection.replay?.lists.append([])
            readEvents(from: state.eventCursor + 1, connection, at: now)
        }
        if connection.replay?.reads == 0 { finish(connection, at: now) }
    }

    // MARK: Events

    private func readEvents(from sequence: UInt64, _ connection: DashboardConnection, at now: Instant) {
        if let recent: [Event] = bus.recent(from: sequence) {
            take(recent, connection)
            return readDone(connection, at: now)
        }
        let read = StoreRead.events(from: sequence, limit: DashboardDialect.pageLimit, types: DashboardDialect.types)
        perform(.read(read), .events, for: connection.peer)
    }

    func missedEventsRead(
        _ result: Result<StoreReadResult, JournalError>, _ connection: DashboardConnection, at now: Instant
    ) {
        guard let boundary: UInt64 = connection.replay?.boundary else { return }
        guard case .success(.events(let page)) = result else { return readDone(connection, at: now) }
        take(page.events, connection)
        guard page.nextSequence <= boundary, !page.events.isEmpty else { return readDone(connection, at: now) }
        readEvents(from: page.nextSequence, connection, at: now)
    }

    /// Adds what events say to what the client missed.
    private func take(_ events: [Event], _ connection: DashboardConnection) {
        guard var replay: DashboardReplay = connection.replay, !replay.lists.isEmpty else { return }
        connection.replay = nil
        for event: Event in events where event.sequence <= replay.boundary { take(event, connection, &replay) }
        let limit: Int = configuration.missedMessages
        if replay.lists[0].count > 2 * limit {
            replay.dropped += replay.lists[0].count - limit
            replay.lists[0].removeFirst(replay.lists[0].count - limit)
        }
        connection.replay = replay
    }

    private func take(_ event: Event, _ connection: DashboardConnection, _ replay: inout DashboardReplay) {
        func add(_ bytes: [UInt8], part: UInt32) {
            let sent = DashboardSession.Sent(
                position: DashboardPosition(source: .event, sequence: event.sequence), part: part)
            guard !replay.known.contains(sent) else { return }
            replay.lists[0].append(
                DashboardReplay.Missed(
                    time: event.time, message: DashboardConnection.Message(bytes: bytes, sent: sent)))
        }
        func add(_ message: DashboardProjection.Derived) {
            let item = DashboardConnection.Item.event(type: message.type, sequence: event.sequence)
            let match: DashboardConnection.Match = connection.match(item, about: message.agent)
            if let bytes: [UInt8] = message.text.bytes(for: match) { add(bytes, part: message.part) }
        }
        let isAlarming: Bool = replay.isAlarming(event)
        switch event.body {
        case .agent(let change):
            if let record: AgentRecord = change.record, let agent = DashboardAgent(record) {
                replay.agents[change.id] = agent
            }
            replay.agents[change.id]?.follow(change, at: event.time)
            if change.kind == .ready, let pid: Int32 = change.state.process?.pid,
                let agent: DashboardAgent = replay.agents[change.id],
                let correlation: String = replay.creations.removeValue(forKey: change.id)
            {
                connection.session?.withState { $0.creations[change.id] = nil }
                add(DashboardProjection.created(agent, pid: pid, of: event, correlation: correlation).bytes, part: 2)
            }
            if let agent: DashboardAgent = replay.agents[change.id] {
                for message in DashboardProjection.messages(of: event, change, agent) { add(message) }
            }
        case .task(let change):
            let correlation: String? = connection.session?.withState { $0.commands[change.id] }
            if let message = DashboardProjection.message(of: event, change, correlation: correlation) { add(message) }
        case .system, .workflow: break
        }
        if isAlarming, let alert: DashboardText = DashboardProjection.alert(of: event) { add(alert.bytes, part: 3) }
    }

    // MARK: Output

    func logRead(
        _ result: Result<StoreReadResult, JournalError>, _ agent: AgentID, _ reading: DashboardLogReading,
        _ connection: DashboardConnection, at now: Instant
    ) {
        guard connection.replay != nil else { return }
        var reading: DashboardLogReading = reading
        guard case .success(.output(let page)) = result else {
            return logDone(agent, reading, connection, at: now)
        }
        guard let last: UInt64 = reading.last else {
            reading.last = page.lastSequence
            reading.oldest = page.firstSequence
            reading.first = max((reading.cursor?.sequence ?? 0) + 1, page.firstSequence)
            reading.start = reading.first
            guard page.lastSequence > 0, reading.lead <= page.lastSequence else {
                return logDone(agent, reading, connection, at: now)
            }
            return readBlock(endingAt: page.lastSequence, agent, reading, connection)
        }
        reading.read += page.entries.filter { reading.block.contains($0.sequence) && $0.sequence <= last }
        if page.nextSequence <= reading.block.upperBound, !page.entries.isEmpty {
            return readLog(from: page.nextSequence, agent, reading, connection)
        }
        reading.pieces = reading.read + reading.pieces
        reading.read = []
        keepNewest(of: &reading, connection)
        if reading.block.lowerBound > reading.lead {
            return readBlock(endingAt: reading.block.lowerBound - 1, agent, reading, connection)
        }
        let told: OutputEntry? = reading.pieces.first { $0.sequence >= reading.start }
        if reading.cursor != nil, let told { reading.dropped += Int(told.sequence - reading.first) }
        for entry: OutputEntry in reading.pieces { take(entry, of: agent, &reading, connection) }
        reading.pieces = []
        logDone(agent, reading, connection, at: now)
    }

    private func readBlock(
        endingAt end: UInt64, _ agent: AgentID, _ reading: DashboardLogReading, _ connection: DashboardConnection
    ) {
        var reading: DashboardLogReading = reading
        let length: UInt64 = min(DashboardDialect.blockLength, end - reading.lead + 1)
        reading.block = (end - length + 1)...end
        readLog(from: reading.block.lowerBound, agent, reading, connection)
    }

    private func readLog(
        from sequence: UInt64, _ agent: AgentID, _ reading: DashboardLogReading, _ connection: DashboardConnection
    ) {
        perform(
            .read(
                .output(
                    .agent(agent), from: sequence, limit: Int(reading.block.upperBound - sequence) + 1,
                    byteLimit: DashboardDialect.pageBytes)),
            .log(agent, reading), for: connection.peer)
    }

    /// Leaves out what is before the newest entries that may be sent again.
    private func keepNewest(of reading: inout DashboardLogReading, _ connection: DashboardConnection) {
        let tellsLines: Bool = connection.listensToLogs
        var (messages, bytes): (Int, Int) = (0, 0)
        for piece: OutputEntry in reading.pieces.reversed() where piece.sequence >= reading.start {
            messages += 1 + (tellsLines ? LogEntry.lineCount(of: piece.data) : 0)
            bytes += piece.data.count
            guard messages >= configuration.missedMessages || bytes >= configuration.missedBytes else { continue }
            reading.start = piece.sequence
            let lead: UInt64 = reading.lead
            return reading.pieces.removeAll { $0.sequence < lead }
        }
    }

    private func take(
        _ printed: OutputEntry, of agent: AgentID, _ reading: inout DashboardLogReading,
        _ connection: DashboardConnection
    ) {
        let entry: OutputEntry = DashboardProjection.whole(printed, &reading.rest)
        guard entry.sequence >= reading.start, reading.cursor != nil || entry.time >= reading.since else { return }
        var texts = DashboardOutputTexts(entry, of: agent)
        guard let wish = texts.wish(of: connection) else { return }
        var parts: Range<Int> = texts.parts(wish)
        if let cursor = reading.cursor, entry.sequence == cursor.sequence + 1 {
            parts = parts.clamped(to: Int(cursor.part)..<Int.max)
        }
        // Of more than may be sent only the newest are made.
        let surplus: Int = max(0, parts.count - configuration.missedMessages)
        reading.dropped += surplus
        for part: Int in parts.dropFirst(surplus) {
            guard let message: DashboardConnection.Message = texts.message(part, wish) else { continue }
            reading.missed.append(DashboardReplay.Missed(time: entry.time, message: message))
        }
    }

    private func logDone(
        _ agent: AgentID, _ reading: DashboardLogReading, _ connection: DashboardConnection, at now: Instant
    ) {
        connection.replay?.lists.append(reading.missed)
        connection.replay?.dropped += reading.dropped
        connection.replay?.read[agent] = reading.last
        if let last: UInt64 = reading.last {
            connection.outputFrom[agent] = max(connection.outputFrom[agent] ?? 0, last)
        }
        if let rest: DashboardRest = reading.rest {
            // What comes next goes on with it, on this loop as on any other.
            connection.pace.remember(rest, of: agent)
            if rest.sequence > rests[agent]?.sequence ?? 0 { rests[agent] = rest }
        }
        readDone(connection, at: now)
    }

    // MARK: The end

    private func readDone(_ connection: DashboardConnection, at now: Instant) {
        connection.replay?.reads -= 1
        if connection.replay?.reads == 0 { finish(connection, at: now) }
    }

    /// Sends what was missed, and then what has come meanwhile.
    private func finish(_ connection: DashboardConnection, at now: Instant) {
        guard var replay: DashboardReplay = connection.replay, let session: DashboardSession = connection.session else {
            return
        }
        connection.replay = nil
        let missed: [DashboardConnection.Message] = replay.take(
            atMost: configuration.missedMessages, bytes: configuration.missedBytes)
        send(status("resumed", session, connection, queued: missed.count, at: now), to: connection)
        if replay.dropped > 0 {
            let details: JSONValue = ["dropped": JSONValue(replay.dropped)]
            let alert: DashboardText = DashboardProjection.alert(
                level: "warning", category: "performance",
                "\(replay.dropped) messages are not sent again: they are older than the newest \(missed.count)",
                id: makeID(), at: now, details: JSONText(details))
            send(alert.bytes, to: connection)
        }
        if replay.isLost {
            let alert: DashboardText = DashboardProjection.alert(
                level: "warning", category: "performance",
                "lastMessageId names no message that is remembered: some that came after it may be missing",
                id: makeID(),
                at: now)
            send(alert.bytes, to: connection)
        }
        for message: DashboardConnection.Message in missed { deliver(message, to: connection) }
        let own: DashboardSession.Holder = holder(of: connection)
        session.withState { (state: inout DashboardSession.State) in
            if state.holder == own { state.eventCursor = max(state.eventCursor, replay.boundary) }
        }
        for live in replay.live {
            if let agent: AgentID = live.agent, live.entry > 0, live.entry <= replay.read[agent] ?? 0 { continue }
            if let agent: AgentID = live.agent, connection.pending[agent] != nil {
                keep(live.message, about: agent, connection)
            } else {
                deliver(live.message, to: connection)
            }
        }
        if connection.pace.asks() { pace(connection) }
        catchUp(connection)
    }
}
