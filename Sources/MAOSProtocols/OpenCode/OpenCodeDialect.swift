package import MAOSCore

/// The OpenCode dialect on one loop (document 003).
///
/// Requests are answered by the rooms beside this file: what they ask for in `+Tasks`, `+Monitoring`, `+Logs` and `+Account`, what
/// is pushed in `+Updates` and `+Logs`.
package final class OpenCodeDialect: SocketDialect {
    let shared: OpenCodeShared
    let surroundings: OpenCodeSurroundings
    private(set) var sessions: [PeerID: OpenCodeSession] = [:]
    /// Connections in the order in which they came.
    private(set) var order: [PeerID] = []
    var subscriptions = OpenCodeSubscriptions()
    /// Who waits for the end of a task that is being cancelled.
    var endings: [TaskID: [PeerID]] = [:]
    var updates: OpenCodeUpdates
    private var outputs: [SocketOutput] = []

    /// Silence after which a connection is given up, in milliseconds; the transport asks every 30 seconds.
    private static let patience: Milliseconds = .seconds(62)

    /// Makes the dialect of a loop.
    ///
    /// - Parameters:
    ///   - shared: What all loops have together.
    ///   - surroundings: The server.
    package init(_ shared: OpenCodeShared, _ surroundings: OpenCodeSurroundings) {
        self.shared = shared
        self.surroundings = surroundings
        updates = OpenCodeUpdates(logPosition: surroundings.logs.position)
    }

    var view: CommittedView { surroundings.view }

    /// The limits of a client as they are now: lower while the machine is busier than it should be.
    func limits(of session: OpenCodeSession) -> OpenCodeLimits? {
        let configuration: OpenCodeConfiguration = shared.configuration
        guard let limits: OpenCodeLimits = OpenCodeDialect.limits(of: session, configuration) else { return nil }
        guard configuration.shrinksAbove < 100, let usage: Double = surroundings.host?.reading.processor.percent else {
            return limits
        }
        return limits.shrunk(to: configuration.share(at: usage))
    }

    /// The limits of a client: its own, or those of all.
    private static func limits(
        of session: OpenCodeSession, _ configuration: OpenCodeConfiguration
    ) -> OpenCodeLimits? {
        guard !configuration.clients.isEmpty else { return configuration.limits }
        if let subject: String = session.caller?.principal.subject, let own = configuration.clients[subject] {
            return own
        }
        if let own = configuration.clients[session.arrival.address] { return own }
        return configuration.limits
    }

    func session(_ peer: PeerID) -> OpenCodeSession? { sessions[peer] }

    /// One look at the machine.
    var host: OpenCodeHost {
        let scan: ProcessScan = surroundings.host?.scan ?? ProcessScan()
        let seen: [ProcessIdentity: Instant] = shared.discover(
            scan.processes.filter(\.isOfInterest), scannedAt: scan.time)
        return OpenCodeHost(
            reading: surroundings.host?.reading ?? HostReading(), scan: scan, discovered: seen)
    }

    // MARK: What the transport has to do

    func put(_ output: SocketOutput) { outputs.append(output) }

    func taken() -> [SocketOutput] {
        defer { outputs = [] }
        return outputs
    }

    /// Sends one message to many, of whom those get it who may.
    func deliver(
        _ payload: [UInt8], to peers: [PeerID], superseding: SupersedingKey? = nil
    ) {
        guard !peers.isEmpty else { return }
        put(.deliver(SocketDelivery(payload: payload, peers: peers, superseding: superseding)))
    }

    // MARK: Coming and going

    package func open(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) -> [SocketOutput] {
        let session = OpenCodeSession(peer, arrival, at: now)
        sessions[peer] = session
        order.append(peer)
        admit(session, isFirstTry: true, at: now)
        return taken()
    }

    private func admit(_ session: OpenCodeSession, isFirstTry: Bool, at now: Instant) {
        guard case .waiting(let since) = session.stage else { return }
        switch shared.admit(session.arrival.address, since: since, isFirstTry: isFirstTry, at: now) {
        case .later:
            break
        case .refused(let failure):
            session.stage = .refused
            put(.send(failure.encoded(at: now), to: session.peer))
            put(.close(session.peer, code: 1013, reason: failure.code.rawValue))
        case .admitted:
            session.stage = .open
            let hello: [UInt8] = OpenCodeProjection.connectionEstablished(
                version: surroundings.environment.version, isAuthenticated: session.caller != nil, at: now)
            put(.send(hello, to: session.peer))
            if maySeeEverything(session) {
                session.greet()
                if shared.configuration.pushesEverything { subscribeToEverything(session) }
            }
            advance(session, at: now)
        }
    }

    /// Whether a client gets the first look at everything; whoever bears an attempt's own token does not.
    private func maySeeEverything(_ session: OpenCodeSession) -> Bool {
        guard let principal: Principal = session.caller?.principal, principal.task == nil else { return false }
        return principal.permissions.isSuperset(of: [.tasksList, .agentsList])
    }

    func subscribeToEverything(_ session: OpenCodeSession) {
        var subscription = OpenCodeSubscription()
        for channel: OpenCodeChannel in OpenCodeChannel.allCases where mayListen(session, to: channel) {
            subscription.names.append(channel.rawValue)
            subscription.interests[channel] = OpenCodeInterest()
        }
        let id: String = shared.subscriptionID()
        session.subscriptions[id] = subscription
        session.subscriptionOrder.append(id)
        listen(session)
    }

    package func closing(_ peer: PeerID, code: UInt16, at now: Instant) { sessions[peer]?.closeCode = code }

    package func close(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let session: OpenCodeSession = sessions.removeValue(forKey: peer) else { return [] }
        order.removeAll { $0 == peer }
        subscriptions.remove(peer)
        for (task, peers) in endings where peers.contains(peer) {
            let others: [PeerID] = peers.filter { $0 != peer }
            endings[task] = others.isEmpty ? nil : others
        }
        if case .open = session.stage {
            let isOrderly: Bool = [1_000, 1_001, 1_005].contains(session.closeCode ?? 1_005)
            if !isOrderly { noteLoss(session, at: now) }
            shared.close(session.arrival.address, isBroken: !isOrderly, at: now)
        }
        return taken()
    }

    package func sign(ofLifeFrom peer: PeerID, at now: Instant) {
        sessions[peer]?.lastSign = now
        sessions[peer]?.lastPing = now
    }

    package func drain(at now: Instant) -> [SocketOutput] { taken() }

    // MARK: What comes

    package func receive(_ text: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let session: OpenCodeSession = sessions[peer] else { return [] }
        session.lastSign = now
        guard accepts(session) else { return taken() }
        if let failure: OpenCodeFailure = refusal(session, at: now) {
            // Only what is short is looked at once more, for the name that the client has for it.
            let id: JSONValue? = text.count <= 4_096 ? OpenCodeMessages.decode(text, at: now).requestID : nil
            session.append(.refused(failure, requestID: id))
        } else {
            session.append(.message(text, arrived: now))
        }
        if case .open = session.stage { advance(session, at: now) }
        return taken()
    }

    package func receiveBinary(_ bytes: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let session: OpenCodeSession = sessions[peer] else { return [] }
        session.lastSign = now
        guard accepts(session) else { return taken() }
        let failure: OpenCodeFailure = refusal(session, at: now) ?? .invalidJSON("messages are text, not binary")
        session.append(.refused(failure, requestID: nil))
        if case .open = session.stage { advance(session, at: now) }
        return taken()
    }

    /// Whether anything is taken from a connection at all: one that sends on and on while it waits is closed.
    private func accepts(_ session: OpenCodeSession) -> Bool {
        if case .refused = session.stage { return false }
        guard session.itemCount >= 2 * OpenCodeSession.itemLimit else { return true }
        put(.close(session.peer, code: 1008, reason: "too many requests wait"))
        return false
    }

    /// Counts a message, or says which limit it is over; what is refused costs nothing.
    private func refusal(_ session: OpenCodeSession, at now: Instant) -> OpenCodeFailure? {
        guard session.itemCount < OpenCodeSession.itemLimit else {
            return OpenCodeFailure(
                .serverOverload, "Too many requests wait for their answers",
                ["limit": JSONValue(OpenCodeSession.itemLimit)])
        }
        guard let limits: OpenCodeLimits = limits(of: session) else { return nil }
        for name: OpenCodeLimitName in [.messagesPerSecond, .messagesPerMinute] {
            if let failure: OpenCodeFailure = session.check(name, limits, at: now) { return failure }
        }
        if case .limited(let seconds) = shared.takeMessage(limits, at: now) {
            return .rateLimited(
                .globalMessagesPerMinute, allowed: limits[.globalMessagesPerMinute], window: 60_000,
                retryAfter: seconds)
        }
        session.take(.messagesPerSecond, limits, at: now)
        session.take(.messagesPerMinute, limits, at: now)
        return nil
    }

    // MARK: One request after the other

    /// Begins with what waits, until something has to be waited for.
    func advance(_ session: OpenCodeSession, at now: Instant) {
        while session.current == nil, let item: OpenCodeSession.Item = session.nextItem() {
            switch item {
            case .refused(let failure, let requestID):
                session.current = OpenCodeSession.Current(
                    type: "", requestID: requestID, arrived: now, step: .status(live: nil))
                refuse(session, failure, at: now)
            case .greeting:
                session.current = OpenCodeSession.Current(
                    type: "", requestID: nil, arrived: now, step: .status(live: nil))
                beginStatus(session)
            case .message(let text, let arrived):
                let inbound: OpenCodeInbound = OpenCodeMessages.decode(text, at: now)
                session.current = OpenCodeSession.Current(
                    type: inbound.type, requestID: inbound.requestID, arrived: arrived, step: .status(live: nil))
                switch inbound.request {
                case .failure(let failure): refuse(session, failure, at: now)
                case .success(let request): begin(request, of: session, at: now)
                }
            }
        }
    }

    /// Answers the request; the next one has its turn.
    func answer(_ session: OpenCodeSession, _ message: [UInt8], code: OpenCodeErrorCode? = nil, at now: Instant) {
        guard let current: OpenCodeSession.Current = session.current else { return }
        session.current = nil
        put(.send(message, to: session.peer))
        shared.note(current.type, code: code, duration: now - current.arrived, at: now)
        if let limits: OpenCodeLimits = limits(of: session), let notice: [UInt8] = session.notice(limits, at: now) {
            put(.send(notice, to: session.peer))
        }
    }

    /// Refuses the request; the next one has its turn.
    func refuse(_ session: OpenCodeSession, _ failure: OpenCodeFailure, at now: Instant) {
        let wasHeldBack: Bool = session.heldBack != nil
        session.heldBack = nil
        answer(session, failure.encoded(requestID: session.current?.requestID, at: now), code: failure.code, at: now)
        if wasHeldBack { goOn(session, at: now) }
        switch failure.code {
        case .permissionDenied: noteDenial(session, failure, at: now)
        case .rateLimitExceeded: noteFlood(session, failure, at: now)
        default: break
        }
    }

    /// Has something done before the request can be answered.
    func wait(_ session: OpenCodeSession, for step: OpenCodeSession.Step) -> SocketToken {
        session.current?.step = step
        return session.nextToken()
    }

    private func begin(_ request: OpenCodeRequest, of session: OpenCodeSession, at now: Instant) {
        seeToCredentials(of: session, at: now)
        if case .authenticate(let credential) = request { return authenticate(session, credential, at: now) }
        if case .ping(let timestamp) = request { return answerPing(session, timestamp, at: now) }
        guard let principal: Principal = session.caller?.principal else {
            return refuse(session, .authenticationRequired, at: now)
        }
        if let missing: Permissions = OpenCodeDialect.needed(by: request).first(where: {
            !principal.permissions.isSuperset(of: $0)
        }) {
            return refuse(session, .permissionDenied(missing.name), at: now)
        }
        guard principal.task == nil else { return refuse(session, .permissionDenied("tasks:list"), at: now) }
        if let failure: OpenCodeFailure = overLimit(request, session, at: now) {
            return refuse(session, failure, at: now)
        }
        perform(request, of: session, as: principal, at: now)
    }

    private func answerPing(_ session: OpenCodeSession, _ timestamp: JSONValue?, at now: Instant) {
        session.lastPing = now
        answer(
            session, OpenCodeProjection.pong(timestamp, requestID: session.current?.requestID, at: now), at: now)
    }

    private func perform(
        _ request: OpenCodeRequest, of session: OpenCodeSession, as principal: Principal, at now: Instant
    ) {
        switch request {
        case .status: beginStatus(session)
        case .startTask(let task): create(task, isScheduled: false, session, principal, at: now)
        case .scheduleTask(let task): create(task, isScheduled: true, session, principal, at: now)
        case .cancelTask(let id): change(.cancelTask(id, reason: nil), .cancel(id), session, principal, at: now)
        case .retryTask(let id): change(.retryTask(id), .retry(id), session, principal, at: now)
        case .taskStatus(let id): showTask(id, session, principal, at: now)
        case .listTasks(let list): search(list, session, principal, at: now)
        case .systemResources: showResources(session, at: now)
        case .processList(let list): showProcesses(list, session, at: now)
        case .logEntries(let request): searchLogs(request, session, at: now)
        case .systemHealth: showHealth(session, at: now)
        case .metrics(let text, let range): showMetrics(text, range, session, at: now)
        case .killProcess(let pid, let signal): kill(pid, signal, session, at: now)
        case .claudeProcesses: showClaudeProcesses(session, at: now)
        case .subscribe(let subscription): subscribe(session, subscription, at: now)
        case .unsubscribe(let names, let id): unsubscribe(session, names, id: id, at: now)
        case .ping, .authenticate: break
        }
    }

    /// What a request takes; what changes something the engine checks once more.
    private static func needed(by request: OpenCodeRequest) -> [Permissions] {
        switch request {
        case .ping, .authenticate, .subscribe, .unsubscribe: []
        case .status: [.tasksList, .agentsList]
        case .startTask, .scheduleTask: [.tasksCreate]
        case .cancelTask: [.tasksCancel]
        case .retryTask: [.tasksUpdate]
        case .taskStatus: [.tasksRead]
        case .listTasks: [.tasksList]
        case .systemResources, .systemHealth: [.systemRead]
        case .metrics: [.metricsRead]
        case .processList, .claudeProcesses: [.processesRead]
        case .logEntries: [.logsRead]
        case .killProcess: [.processesKill]
        }
    }

    /// Counts a request under the limits of its kind, or says which it is over.
    private func overLimit(
        _ request: OpenCodeRequest, _ session: OpenCodeSession, at now: Instant
    ) -> OpenCodeFailure? {
        guard let limits: OpenCodeLimits = limits(of: session) else { return nil }
        let names: [OpenCodeLimitName] =
            switch request {
            case .startTask(let task), .scheduleTask(let task):
                task.hasFilesPattern ? [.tasksPerMinute, .fileOperationsPerMinute] : [.tasksPerMinute]
            case .taskStatus, .listTasks: [.taskChecksPerMinute]
            case .killProcess: [.killsPerMinute]
            case .logEntries: [.logQueriesPerMinute, .fileOperationsPerMinute]
            default: []
            }
        for name: OpenCodeLimitName in names {
            if let failure: OpenCodeFailure = session.check(name, limits, at: now) { return failure }
        }
        for name: OpenCodeLimitName in names { session.take(name, limits, at: now) }
        return nil
    }

    // MARK: What was waited for

    package func complete(
        _ token: SocketToken, with outcome: SocketOutcome, at now: Instant
    ) -> [SocketOutput] {
        if token.peer == OpenCodeUpdates.peer {
            completeUpdate(outcome, at: now)
            return taken()
        }
        if token.number == OpenCodeSession.pageToken {
            if let session: OpenCodeSession = sessions[token.peer] { pageRead(outcome, session, at: now) }
            return taken()
        }
        guard let session: OpenCodeSession = sessions[token.peer], session.token == token.number,
            let current: OpenCodeSession.Current = session.current
        else { return taken() }
        resume(session, current, with: outcome, at: now)
        advance(session, at: now)
        return taken()
    }

    private func resume(
        _ session: OpenCodeSession, _ current: OpenCodeSession.Current, with outcome: SocketOutcome, at now: Instant
    ) {
        switch (current.step, outcome) {
        case (_, .read(.failure(let error))):
            if case .logs = current.step {
                return refuse(session, OpenCodeFailure(.logFileError, "The logs cannot be read: \(error)"), at: now)
            }
            refuse(session, .database(error), at: now)
        case (.create(let task, let isScheduled), .reply(let result)):
            created(task, isScheduled: isScheduled, result, session, at: now)
        case (.suggestion(let failure), .read(.success(.tasks(let page)))):
            suggest(page, for: failure, session, at: now)
        case (.cancel(let id), .reply(let result)):
            cancelled(id, result, session, at: now)
        case (.retry(let id), .reply(let result)):
            retried(id, result, session, at: now)
        case (.task(let id), .read(.success(.task(let task)))):
            show(task, id: id, session, at: now)
        case (.search(var search), .read(.success(.tasks(let page)))):
            search.take(page)
            go(on: search, session, at: now)
        case (.status(let live), .read(.success(.tasks(let page)))):
            goOnStatus(live: live, page, session, at: now)
        case (.logs(let request), .read(.success(.logs(let page)))):
            show(page, of: request, session, at: now)
        case (.kill(let pid, let signal), .host(let answer)):
            killed(pid, signal, answer, session, at: now)
        case (.folders(let list, let host), .host(let answer)):
            showProcesses(list, in: host, answer, session, at: now)
        case (.processes(let page, let host), .host(let answer)):
            show(page, in: host, answer, session, at: now)
        default:
            refuse(session, OpenCodeFailure(.serviceUnavailable, "The server cannot do that now"), at: now)
        }
    }

    // MARK: Events and time

    package func receive(_ events: [Event], at now: Instant) -> [SocketOutput] {
        shared.note(events)
        for event: Event in events { tell(event, at: now) }
        return taken()
    }

    package func receive(_ entries: [OutputEntry], at now: Instant) -> [SocketOutput] {
        guard subscriptions.hasListeners(.logEntries) else { return [] }
        for entry: OutputEntry in entries { tell(entry, at: now) }
        return taken()
    }

    package func tick(at now: Instant) -> [SocketOutput] {
        for peer: PeerID in order {
            guard let session: OpenCodeSession = sessions[peer] else { continue }
            switch session.stage {
            case .waiting: admit(session, isFirstTry: false, at: now)
            case .refused: break
            case .open: see(to: session, at: now)
            }
        }
        tellRegularly(at: now)
        return taken()
    }

    private func see(to session: OpenCodeSession, at now: Instant) {
        seeToCredentials(of: session, at: now)
        if case .end(let task, let until)? = session.current?.step, until <= now {
            finish(task, session, at: now)
            advance(session, at: now)
        }
        guard now - session.lastSign >= OpenCodeDialect.patience else { return }
        let failure = OpenCodeFailure(
            .heartbeatTimeout, "Heartbeat response timeout: nothing was heard for 60 seconds",
            ["timeout_seconds": 60])
        session.stage = .refused
        shared.close(session.arrival.address, isBroken: true, at: now)
        put(.send(failure.encoded(at: now), to: session.peer))
        put(.close(session.peer, code: 1011, reason: failure.code.rawValue))
    }
}
