package import MAOSCore

/// The log: what of it clients ask for, and what comes later on its way to those who listen, at the pace of each.
extension OpenCodeDialect {
    // MARK: What is asked for

    func searchLogs(_ request: OpenCodeLogRequest, _ session: OpenCodeSession, at now: Instant) {
        if request.follow == true {
            // What comes from now on is kept until the answer has left.
            session.follow = request.query.filter
            session.heldBack = []
            listen(session)
        } else if request.follow == false, session.follow != nil {
            session.follow = nil
            listen(session)
        }
        let search = LogSearch(request.query, of: surroundings.logs)
        put(.perform(.read(.logs(search)), wait(session, for: .logs(request))))
    }

    func show(_ page: LogPage, of request: OpenCodeLogRequest, _ session: OpenCodeSession, at now: Instant) {
        var page: LogPage = page
        page.entries.removeAll { !mayRead($0, session) }
        let held: [OpenCodeSession.Held] = session.heldBack ?? []
        session.heldBack = nil
        let id: JSONValue? = requestID(of: session)
        answer(session, OpenCodeProjection.logEntries(page, requestID: id, at: now), at: now)
        guard request.follow == true else { return }
        session.shown = Set(page.entries)
        for line: OpenCodeSession.Held in held where !session.shown.contains(line.entry) {
            put(.send(line.text, to: session.peer))
        }
        goOn(session, at: now)
    }

    /// What comes for a client is kept back no longer.
    func goOn(_ session: OpenCodeSession, at now: Instant) {
        if session.pace.asks() { put(.pace(session.peer)) }
        catchUp(session, at: now)
    }

    /// Goes by what a client wants to hear of now.
    func listen(_ session: OpenCodeSession) {
        subscriptions.update(session)
        if subscriptions.logInterest(of: session.peer) == nil { session.stopListening() }
    }

    // MARK: What tasks print

    /// Tells of the lines of something that was printed.
    func tell(_ printed: OutputEntry, at now: Instant) {
        guard case .task(let task) = printed.owner else { return }
        var listeners: [OpenCodeSubscriptions.LogInterest] = []
        let project: String? = view.task(task)?.specification.project
        for interest: OpenCodeSubscriptions.LogInterest in subscriptions.log {
            guard let session: OpenCodeSession = session(interest.peer),
                !session.pace.isBehind(with: task, hearingOf: printed.sequence), mayRead(task, of: project, session)
            else { continue }
            listeners.append(interest)
        }
        guard !listeners.isEmpty else { return }
        var audience: [PeerID] = []
        for (part, line) in LogEntry.lines(of: printed).enumerated() {
            listeners.removeAll { (interest: OpenCodeSubscriptions.LogInterest) in
                guard let session: OpenCodeSession = session(interest.peer), session.pace.isFull,
                    interest.wants(line)
                else { return false }
                session.pace.fallBehind(with: task, at: printed.sequence, part: part, project)
                return true
            }
            tell(line, to: listeners, &audience, at: now)
        }
    }

    package func skipped(_ gaps: [OutputGap], at now: Instant) -> [SocketOutput] {
        for gap: OutputGap in gaps {
            guard case .task(let task) = gap.owner else { continue }
            let project: String? = view.task(task)?.specification.project
            for interest: OpenCodeSubscriptions.LogInterest in subscriptions.log where interest.mayWant(task) {
                guard let session: OpenCodeSession = session(interest.peer), mayRead(task, of: project, session) else {
                    continue
                }
                session.pace.skip(gap.sequences, of: task, project)
                catchUp(session, at: now)
            }
        }
        return taken()
    }

    /// Tells those of an entry who want it, each by the same text.
    ///
    /// Those who were told of the one before are the `audience`; where they are the same, they are told of both at once.
    private func tell(
        _ entry: LogEntry, to listeners: [OpenCodeSubscriptions.LogInterest], _ audience: inout [PeerID],
        at now: Instant
    ) {
        var text: [UInt8]?
        var peers: [PeerID] = []
        var full: [PeerID] = []
        for interest: OpenCodeSubscriptions.LogInterest in listeners where interest.wants(entry) {
            guard let session: OpenCodeSession = session(interest.peer), !session.shown.contains(entry) else {
                continue
            }
            let line: [UInt8] = text ?? OpenCodeProjection.logEntry(entry, at: now)
            text = line
            if session.heldBack != nil {
                session.heldBack?.append(OpenCodeSession.Held(entry: entry, text: line))
            } else {
                peers.append(session.peer)
            }
            if session.pace.send(line.count) { full.append(session.peer) }
        }
        if peers != audience { audience = peers }
        if let text { deliver(text, to: audience) }
        for peer: PeerID in full { put(.pace(peer)) }
    }

    // MARK: What is said about tasks, and by the server

    /// Tells of what has been said since the last time.
    func tellOfSaid(at now: Instant) {
        let newest: UInt64 = surroundings.logs.position
        while updates.logPosition < newest {
            let start: UInt64 = updates.logPosition
            let end: UInt64 = min(start + OpenCodeUpdates.saidAtOnce, newest)
            updates.logPosition = end
            guard subscriptions.hasListeners(.logEntries) else { continue }
            var listeners: [OpenCodeSubscriptions.LogInterest] = []
            for interest: OpenCodeSubscriptions.LogInterest in subscriptions.log {
                guard let session: OpenCodeSession = session(interest.peer), session.saidFrom == nil else { continue }
                if session.pace.isFull || !session.pace.isLevel {
                    session.saidFrom = start
                } else {
                    listeners.append(interest)
                }
            }
            tellOfSaid(after: start, upTo: end, to: listeners, at: now)
        }
        for interest: OpenCodeSubscriptions.LogInterest in subscriptions.log {
            guard let session: OpenCodeSession = session(interest.peer) else { continue }
            if session.saidFrom == nil {
                if session.pace.isLevel, session.heldBack == nil { session.shown = [] }
            } else {
                // What is about to be forgotten comes, whatever else there is.
                let kept = UInt64(surroundings.logs.capacity / 2)
                tellOfSaid(to: session, upTo: newest - min(kept, newest), whileFull: true, at: now)
            }
        }
    }

    private func tellOfSaid(
        after start: UInt64, upTo end: UInt64, to listeners: [OpenCodeSubscriptions.LogInterest], at now: Instant
    ) {
        guard !listeners.isEmpty else { return }
        var audience: [PeerID] = []
        for entry: LogEntry in surroundings.logs.entries(after: start, upTo: end).entries {
            let own: [OpenCodeSubscriptions.LogInterest] = listeners.filter { (interest) in
                session(interest.peer).map { mayRead(entry, $0) } ?? false
            }
            tell(entry, to: own, &audience, at: now)
        }
    }

    /// Tells a client that has been behind of what has been said meanwhile.
    private func tellOfSaid(to session: OpenCodeSession, upTo end: UInt64, whileFull: Bool, at now: Instant) {
        guard let interest = subscriptions.logInterest(of: session.peer) else { return }
        while let start: UInt64 = session.saidFrom, start < end, whileFull || !session.pace.isFull {
            let next: UInt64 = min(start + OpenCodeUpdates.saidAtOnce, end)
            session.saidFrom = next
            tellOfSaid(after: start, upTo: next, to: [interest], at: now)
        }
        if session.saidFrom == updates.logPosition { session.saidFrom = nil }
    }

    // MARK: Those who are behind

    package func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let session: OpenCodeSession = session(peer) else { return [] }
        session.pace.drained(isHolding: session.heldBack != nil)
        catchUp(session, at: now)
        return taken()
    }

    /// Goes on with what a client is behind with, where it can take more: first what tasks have printed, then what has been
    /// said about them.
    private func catchUp(_ session: OpenCodeSession, at now: Instant) {
        guard case .open = session.stage, session.heldBack == nil else { return }
        guard let (task, lag) = session.pace.beginReading() else {
            guard session.pace.isLevel else { return }
            return tellOfSaid(to: session, upTo: updates.logPosition, whileFull: false, at: now)
        }
        let token = SocketToken(peer: session.peer, number: OpenCodeSession.pageToken)
        put(.perform(.read(lag.page(of: .task(task), isToldByLine: true)), token))
    }

    /// Tells a client of a page of what it is behind with, as far as it takes that.
    func pageRead(_ outcome: SocketOutcome, _ session: OpenCodeSession, at now: Instant) {
        guard let (task, behind) = session.pace.endReading(), session.heldBack == nil else {
            return catchUp(session, at: now)
        }
        guard case .read(.success(.output(let page))) = outcome else {
            return put(.close(session.peer, code: 1013, reason: "the logs cannot be read at the moment"))
        }
        var lag: ReaderPace<TaskID, String?>.Lag = behind
        let lost: UInt64 = lag.passOver(page)
        if lost > 0 { tellOfLoss(lost, of: task, session, at: now) }
        lag.follow(page) { (printed: OutputEntry, part: Int, project: inout String?) in
            tell(printed, from: part, of: project, to: session, at: now)
        }
        session.pace.goOn(with: task, from: lag)
        catchUp(session, at: now)
    }

    /// Tells a client of the lines of something that was printed, from one of them on, as far as it takes them.
    ///
    /// - Returns: The first line that it does not take now.
    private func tell(
        _ printed: OutputEntry, from part: Int, of project: String?, to session: OpenCodeSession, at now: Instant
    ) -> Int? {
        guard let interest = subscriptions.logInterest(of: session.peer), case .task(let task) = printed.owner,
            mayRead(task, of: project, session)
        else { return nil }
        var audience: [PeerID] = []
        for (number, line) in LogEntry.lines(of: printed).enumerated().dropFirst(part) {
            if session.pace.isFull { return number }
            tell(line, to: [interest], &audience, at: now)
        }
        return nil
    }

    /// Says that something is not kept any more that a client has not been told of.
    private func tellOfLoss(_ count: UInt64, of task: TaskID, _ session: OpenCodeSession, at now: Instant) {
        let entry = LogEntry(
            time: now, level: .warn,
            message: "\(count) pieces of output are not sent: they were deleted before this client had read so far",
            agent: task.rawValue, source: "maos-server:1",
            details: ["event": "output_deleted", "dropped": .integer(Int64(clamping: count))], task: task)
        put(.send(OpenCodeProjection.logEntry(entry, at: now), to: session.peer))
    }

    // MARK: Rights

    /// Whether somebody may hear of an entry.
    private func mayRead(_ entry: LogEntry, _ session: OpenCodeSession) -> Bool {
        mayRead(entry.task, of: entry.task.flatMap { view.task($0)?.specification.project }, session)
    }

    /// Whoever is limited to projects hears of their tasks only; where that matters, the task's project is looked for.
    private func mayRead(
        _ task: TaskID?, of project: @autoclosure () -> String?, _ session: OpenCodeSession
    ) -> Bool {
        guard let principal: Principal = session.caller?.principal else { return false }
        guard !principal.projects.isEmpty else { return true }
        guard let task else { return false }
        return principal.reaches(task: task, project: project())
    }
}
