internal import MAOSCore
internal import Synchronization

/// What there is once for all loops: limits that count all clients, sessions, and how much everything was used.
package final class OpenCodeShared: Sendable {
    /// What becomes of a connection.
    enum Admission {
        case admitted
        /// It has to wait a little.
        case later
        case refused(OpenCodeFailure)
    }

    /// What a failed authentication leads to.
    struct AuthenticationFailure {
        /// Failures of that address lately, when it has just been blocked.
        var alert: JSONText?
    }

    private struct State {
        var configuration: OpenCodeConfiguration
        var connections = OpenCodeConnections()
        var connectionWindow = SlidingWindow(SlidingWindow.Limit(10, per: 1_000, cells: 20), at: 0)
        var messageWindow = SlidingWindow(SlidingWindow.Limit(1_000), at: 0)
        /// When connections of an address last broke, in milliseconds.
        var broken: [String: Int64] = [:]
        var reconnections: RateLimiter<String, SlidingWindow>
        var failures: RateLimiter<String, SlidingWindow>
        /// Until when an address may not authenticate.
        var blocked: [String: Instant] = [:]
        var sessions: [String: (caller: SocketCaller, expires: Instant)] = [:]
        var minutes = OpenCodeUsage(length: 60_000, count: 1_440)
        var hours = OpenCodeUsage(length: 3_600_000, count: 720)
        /// Errors that clients were sent since the start.
        var errors: [OpenCodeErrorCode: Int] = [:]
        /// When a process of interest was first seen.
        var discovered: [ProcessIdentity: Instant] = [:]
        var lastScan = Instant(milliseconds: -1)
        var lastEvent: UInt64 = 0
        /// Milliseconds that completed tasks took, as a sliding mean.
        var completionTime: Double?
        var lastSubscription: UInt64 = 0
    }

    private let state: Mutex<State>

    /// How long a new connection may be held back, in milliseconds.
    static let patience: Int64 = 2_000
    /// How long a session that was authenticated for lives.
    static let sessionLife: Milliseconds = .seconds(3_600)
    /// Failed authentications of an address within five minutes.
    private static let failureLimit = SlidingWindow.Limit(10, per: 300_000, cells: 60)
    private static let blockTime: Milliseconds = .seconds(900)
    private static let tableLimit: Int = 10_000

    /// Nobody has connected yet.
    package init(_ configuration: OpenCodeConfiguration) {
        let limits = OpenCodeLimits()
        state = Mutex(
            State(
                configuration: configuration,
                reconnections: RateLimiter(
                    limits.window(.reconnectionsPerMinute), tableLimit: OpenCodeShared.tableLimit),
                failures: RateLimiter(OpenCodeShared.failureLimit, tableLimit: OpenCodeShared.tableLimit)))
    }

    /// What the operator has set; a change counts at once.
    package var configuration: OpenCodeConfiguration {
        get { state.withLock { $0.configuration } }
        set { state.withLock { $0.configuration = newValue } }
    }

    // MARK: Connections

    /// Counts a connection, if there is room for it.
    ///
    /// - Parameters:
    ///   - address: Where it comes from.
    ///   - since: When it came; it is refused when it has been held back for too long.
    ///   - isFirstTry: Whether it has just come.
    ///   - now: The time.
    /// - Returns: What becomes of it.
    func admit(_ address: String, since: Instant, isFirstTry: Bool, at now: Instant) -> Admission {
        state.withLock { (state: inout State) in
            guard let limits: OpenCodeLimits = state.configuration.limits else {
                state.connections.open(at: now)
                return .admitted
            }
            let limit: Int = limits[.connections]
            guard state.connections.current < limit else {
                return .refused(OpenCodeShared.tooMany("\(limit) connections at a time", limit))
            }
            if isFirstTry, let broken: Int64 = state.broken[address], now.milliseconds - broken < 60_000 {
                state.reconnections.limit = limits.window(.reconnectionsPerMinute)
                if case .limited(let seconds) = state.reconnections.take(address, at: now.milliseconds) {
                    return .refused(
                        .rateLimited(
                            .reconnectionsPerMinute, allowed: limits[.reconnectionsPerMinute], window: 60_000,
                            retryAfter: seconds))
                }
            }
            let window: SlidingWindow.Limit = limits.window(.connectionsPerSecond)
            guard case .limited = state.connectionWindow.take(1, of: window, at: now.milliseconds) else {
                state.connections.open(at: now)
                return .admitted
            }
            guard now.milliseconds - since.milliseconds < OpenCodeShared.patience else {
                return .refused(OpenCodeShared.tooMany("\(window.count) new connections a second", window.count))
            }
            return .later
        }
    }

    private static func tooMany(_ what: String, _ limit: Int) -> OpenCodeFailure {
        OpenCodeFailure(
            .connectionLimitExceeded, "Too many concurrent connections: no more than \(what)",
            ["current_limit": JSONValue(limit), "retry_after_seconds": 1])
    }

    /// Gives the room of an admitted connection back.
    func close(_ address: String, isBroken: Bool, at now: Instant) {
        state.withLock { (state: inout State) in
            state.connections.close()
            guard isBroken else { return }
            if state.broken.count >= OpenCodeShared.tableLimit {
                state.broken = state.broken.filter { now.milliseconds - $0.value < 60_000 }
            }
            if state.broken.count < OpenCodeShared.tableLimit { state.broken[address] = now.milliseconds }
        }
    }

    /// Connections now, the most and all of this day.
    func connections(at now: Instant) -> OpenCodeConnections {
        state.withLock { (state: inout State) in
            state.connections.begin(now)
            return state.connections
        }
    }

    // MARK: Messages

    /// Counts a message, if there is room for it.
    func takeMessage(_ limits: OpenCodeLimits, at now: Instant) -> LimitDecision {
        state.withLock {
            $0.messageWindow.take(1, of: limits.window(.globalMessagesPerMinute), at: now.milliseconds)
        }
    }

    /// Messages of all clients within a minute.
    func messageCount(_ limits: OpenCodeLimits, at now: Instant) -> Int {
        state.withLock {
            $0.messageWindow.count(of: limits.window(.globalMessagesPerMinute), at: now.milliseconds)
        }
    }

    /// Notes an answer.
    func note(_ type: String, code: OpenCodeErrorCode?, duration: Milliseconds, at now: Instant) {
        state.withLock { (state: inout State) in
            func note(_ counts: inout OpenCodeUsage.Counts) {
                counts.requests += 1
                counts.duration += max(0, duration.count)
                if code != nil { counts.errors += 1 }
                if code == .rateLimitExceeded { counts.refusals += 1 }
                if !type.isEmpty { counts.byType[type, default: 0] += 1 }
            }
            if let code { state.errors[code, default: 0] += 1 }
            state.minutes.change(at: now, note)
            state.hours.change(at: now, note)
        }
    }

    /// Errors with this code that clients were sent since the start.
    package func errors(_ code: OpenCodeErrorCode) -> Int { state.withLock { $0.errors[code] ?? 0 } }

    /// What happened within a time that ends now.
    func usage(within range: Milliseconds, at now: Instant) -> OpenCodeUsage.Counts {
        state.withLock {
            (range <= $0.minutes.reach ? $0.minutes : $0.hours).counts(within: range, at: now)
        }
    }

    // MARK: Sessions

    /// Makes a session of somebody whose credentials were good; it ends with them.
    func beginSession(_ caller: SocketCaller, at now: Instant) -> (token: String, expires: Instant) {
        let expires: Instant = min(now + OpenCodeShared.sessionLife, caller.expires ?? .distantFuture)
        var random = SystemRandomNumberGenerator()
        let token: String = "sess_\(OpenCodeShared.hex(random.next()))\(OpenCodeShared.hex(random.next()))"
        state.withLock { (state: inout State) in
            if state.sessions.count >= OpenCodeShared.tableLimit {
                state.sessions = state.sessions.filter { $0.value.expires > now }
            }
            guard state.sessions.count < OpenCodeShared.tableLimit else { return }
            state.sessions[token] = (caller, expires)
        }
        return (token, expires)
    }

    /// Whose session it is; `nil` for one that has ended.
    func session(_ token: String, at now: Instant) -> (caller: SocketCaller, expires: Instant)? {
        state.withLock { (state: inout State) in
            guard let session = state.sessions[token] else { return nil }
            guard session.expires > now else {
                state.sessions[token] = nil
                return nil
            }
            return session
        }
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The name of a subscription, not used before.
    func subscriptionID() -> String {
        let number: UInt64 = state.withLock {
            $0.lastSubscription += 1
            return $0.lastSubscription
        }
        return "sub_\(String(100_000 + number, radix: 10))"
    }

    /// Until when an address may not authenticate.
    func block(of address: String, at now: Instant) -> Instant? {
        state.withLock { (state: inout State) in
            guard let until: Instant = state.blocked[address] else { return nil }
            if until > now { return until }
            state.blocked[address] = nil
            return nil
        }
    }

    /// Notes that somebody could not say who it is; after too many times the address has to wait.
    func noteFailure(from address: String, at now: Instant) -> AuthenticationFailure {
        state.withLock { (state: inout State) in
            _ = state.failures.take(address, at: now.milliseconds)
            guard case .limited = state.failures.check(address, at: now.milliseconds), state.blocked[address] == nil
            else { return AuthenticationFailure() }
            if state.blocked.count >= OpenCodeShared.tableLimit {
                state.blocked = state.blocked.filter { $0.value > now }
            }
            let until: Instant = now + OpenCodeShared.blockTime
            if state.blocked.count < OpenCodeShared.tableLimit { state.blocked[address] = until }
            return AuthenticationFailure(
                alert: JSONText([
                    "alertType": "brute_force_attempt", "severity": "high", "clientIp": .string(address),
                    "attempts": JSONValue(OpenCodeShared.failureLimit.count),
                    "timeWindowSeconds": JSONValue(Double(OpenCodeShared.failureLimit.window) / 1_000),
                    "blockedUntil": .string(ISO8601.string(milliseconds: until.milliseconds)),
                ]))
        }
    }

    // MARK: What is remembered of events and processes

    /// Takes note of events; those that another loop has told of already are passed.
    func note(_ events: [Event]) {
        state.withLock { (state: inout State) in
            for event: Event in events where event.sequence > state.lastEvent {
                state.lastEvent = event.sequence
                guard case .task(let task) = event.body, task.kind == .completed,
                    let started: Instant = task.state.startedAt
                else { continue }
                let duration = Double((event.time - started).count)
                state.completionTime = state.completionTime.map { $0 + (duration - $0) / 16 } ?? duration
            }
        }
    }

    /// What completed tasks took lately, in milliseconds; 0 before the first.
    var averageCompletionTime: Int64 { state.withLock { Int64($0.completionTime ?? 0) } }

    /// When the processes of a scan were first seen.
    func discover(_ processes: [ProcessReading], scannedAt time: Instant) -> [ProcessIdentity: Instant] {
        state.withLock { (state: inout State) in
            guard time != state.lastScan else { return state.discovered }
            state.lastScan = time
            var discovered: [ProcessIdentity: Instant] = [:]
            for process: ProcessReading in processes {
                discovered[process.identity] = state.discovered[process.identity] ?? time
            }
            state.discovered = discovered
            return discovered
        }
    }
}
