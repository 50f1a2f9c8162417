internal import MAOSCore

/// Who clients are, and what they want to be told of.
extension OpenCodeDialect {
    // MARK: Authentication

    func authenticate(_ session: OpenCodeSession, _ credential: OpenCodeCredential, at now: Instant) {
        let address: String = session.arrival.address
        if let until: Instant = shared.block(of: address, at: now) {
            let seconds = Int((until - now).count / 1_000) + 1
            return refuse(
                session,
                OpenCodeFailure(
                    .rateLimitExceeded, "Too many failed authentications. Please wait before retrying.",
                    [
                        "retry_after_seconds": JSONValue(seconds), "current_limit": 10, "time_window_seconds": 300,
                    ]), at: now)
        }
        guard let (caller, begun): (SocketCaller, Begun) = begin(with: credential, at: now) else {
            announce("authentication_failure", session, [("reason", "invalid_credentials")], at: now)
            if let alert: JSONText = shared.noteFailure(from: address, at: now).alert {
                put(.submit(.announce(SystemEvent(type: "security_alert", data: alert)), .system, updates.ignored()))
            }
            return refuse(session, .invalidCredentials, at: now)
        }
        session.caller = caller
        session.expires = begun.expires
        announce("authentication_success", session, [("subject", caller.principal.subject)], at: now)
        let message: [UInt8] = OpenCodeProjection.message(
            "authentication_success", requestID: requestID(of: session), at: now
        ) { (writer: inout JSONWriter) in
            writer.member("session_token", begun.token)
            writer.member("expires_at", timestamp: begun.expires.milliseconds)
            writer.member("permissions", OpenCodeSession.permissions(of: caller.principal))
            writer.member("subject", caller.principal.subject)
        }
        answer(session, message, at: now)
        if shared.configuration.pushesEverything, session.subscriptions.isEmpty, caller.principal.task == nil {
            subscribeToEverything(session)
        }
    }

    private typealias Begun = (token: String, expires: Instant)

    /// Who bears a credential, and its session: a new one, or the one that it names, which lives no longer for that.
    private func begin(with credential: OpenCodeCredential, at now: Instant) -> (SocketCaller, Begun)? {
        switch credential {
        case .session(let token):
            guard let session = shared.session(token, at: now), surroundings.credentials.stillHolds(session.caller)
            else { return nil }
            return (session.caller, (token, session.expires))
        case .keyOrToken(let text):
            do throws(CredentialProblem) {
                let caller: SocketCaller = try surroundings.credentials.check(token: text, at: now)
                return (caller, shared.beginSession(caller, at: now))
            } catch {
                return nil
            }
        }
    }

    /// Notices that what a client has said of itself has ended, or has been revoked.
    func seeToCredentials(of session: OpenCodeSession, at now: Instant) {
        if let expires: Instant = session.expires, expires <= now { forget(session) }
        if let caller: SocketCaller = session.caller, caller.credential != nil,
            !surroundings.credentials.stillHolds(caller)
        {
            forget(session)
        }
    }

    /// The client has to say anew who it is, as far as it has to at all.
    func forget(_ session: OpenCodeSession) {
        let first: SocketCaller? = session.arrival.caller
        session.expires = nil
        guard first == nil || first?.isAuthenticated == true else {
            session.caller = first
            return
        }
        session.caller = nil
        session.subscriptions = [:]
        session.subscriptionOrder = []
        session.follow = nil
        listen(session)
    }

    /// One log entry for each decision about who somebody is, and what it may do.
    private func announce(
        _ event: String, _ session: OpenCodeSession, _ members: [(String, String)], at now: Instant
    ) {
        var details: [(String, JSONValue)] = [
            ("event", .string(event)), ("client_ip", .string(session.arrival.address)),
        ]
        for (name, value) in members { details.append((name, .string(OpenCodeFailure.cut(value, to: 200)))) }
        let isFailure: Bool = event != "authentication_success" && event != "connection_lost"
        surroundings.audit(
            LogEntry(
                time: now, level: isFailure ? .warn : .info, message: "OpenCode: \(event)", agent: "maos-server",
                source: "maos-server:1", details: JSONObject(details)))
    }

    /// One log entry for the first refusal of a connection that is over a limit.
    func noteFlood(_ session: OpenCodeSession, _ failure: OpenCodeFailure, at now: Instant) {
        guard !session.isFlooding else { return }
        session.isFlooding = true
        announce(
            "rate_limit_exceeded", session,
            [
                ("subject", session.caller?.principal.subject ?? ""),
                ("limit", failure.details["limit"]?.stringValue ?? ""),
            ], at: now)
    }

    /// One log entry for a connection that ended without a word.
    func noteLoss(_ session: OpenCodeSession, at now: Instant) {
        announce(
            "connection_lost", session,
            [
                ("subject", session.caller?.principal.subject ?? ""), ("code", "CONNECTION_LOST"),
                ("close_code", "\(session.closeCode ?? 1_006)"),
            ], at: now)
    }

    func noteDenial(_ session: OpenCodeSession, _ failure: OpenCodeFailure, at now: Instant) {
        announce(
            "authorization_denied", session,
            [
                ("subject", session.caller?.principal.subject ?? ""),
                ("permission", failure.details["required_permission"]?.stringValue ?? ""),
            ], at: now)
    }

    // MARK: Subscriptions

    /// What each channel takes.
    func mayListen(_ session: OpenCodeSession, to channel: OpenCodeChannel) -> Bool {
        guard let principal: Principal = session.caller?.principal else { return false }
        return principal.permissions.isSuperset(of: OpenCodeDialect.needed(by: channel))
    }

    private static func needed(by channel: OpenCodeChannel) -> Permissions {
        switch channel {
        case .systemResources, .connection: .systemSubscribe
        case .taskStatus, .taskProgress, .taskManager: .tasksSubscribe
        case .logEntries: .logsRead
        case .agents: .agentsSubscribe
        case .processes, .claudeProcesses: .processesRead
        case .security: .systemAdmin
        }
    }

    private static let subscriptionLimit: Int = 100

    func subscribe(_ session: OpenCodeSession, _ subscription: OpenCodeSubscription, at now: Instant) {
        for channel: OpenCodeChannel in OpenCodeChannel.allCases where subscription.interests[channel] != nil {
            guard mayListen(session, to: channel) else {
                return refuse(session, .permissionDenied(OpenCodeDialect.needed(by: channel).name), at: now)
            }
        }
        guard session.subscriptions.count < OpenCodeDialect.subscriptionLimit else {
            return refuse(
                session,
                OpenCodeFailure(
                    .subscriptionError, "No more than \(OpenCodeDialect.subscriptionLimit) subscriptions at a time",
                    ["current_limit": JSONValue(OpenCodeDialect.subscriptionLimit)]), at: now)
        }
        let id: String = shared.subscriptionID()
        session.subscriptions[id] = subscription
        session.subscriptionOrder.append(id)
        listen(session)
        confirm("subscription_confirmed", session, subscription.names, id: id, at: now)
    }

    func unsubscribe(_ session: OpenCodeSession, _ names: [String], id: String, at now: Instant) {
        guard var subscription: OpenCodeSubscription = session.subscriptions[id] else {
            let shown: String = OpenCodeFailure.cut(id, to: 100)
            return refuse(
                session,
                OpenCodeFailure(
                    .subscriptionError, "Unknown subscription: '\(shown)'",
                    ["field": "subscription_id", "value": .string(shown)]), at: now)
        }
        for name: String in names {
            let channel: OpenCodeChannel
            do throws(OpenCodeFailure) {
                channel = try OpenCodeMessages.channel(name)
            } catch {
                return refuse(session, error, at: now)
            }
            subscription.interests[channel] = nil
            if channel == .logEntries { session.follow = nil }
        }
        session.subscriptions[id] = subscription.interests.isEmpty ? nil : subscription
        if subscription.interests.isEmpty { session.subscriptionOrder.removeAll { $0 == id } }
        listen(session)
        confirm("unsubscription_confirmed", session, names, id: id, at: now)
    }

    private func confirm(
        _ type: String, _ session: OpenCodeSession, _ names: [String], id: String, at now: Instant
    ) {
        let message: [UInt8] = OpenCodeProjection.message(type, requestID: requestID(of: session), at: now) {
            (writer: inout JSONWriter) in
            writer.member("channels", names)
            writer.member("subscription_id", id)
        }
        answer(session, message, at: now)
    }
}
