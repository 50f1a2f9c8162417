internal import MAOSCore

/// One connection of the dialect, confined to its loop: who it is, what it waits for, what it has used of its limits.
///
/// Requests are answered one after the other, in their order; what comes meanwhile waits.
final class OpenCodeSession {
    /// Where it stands.
    enum Stage {
        /// Held back since then, because too many came at once.
        case waiting(since: Instant)
        case open
        /// Told why, and about to be closed.
        case refused
    }

    /// Something that is to be answered.
    enum Item {
        case message([UInt8], arrived: Instant)
        /// Over a limit.
        case refused(OpenCodeFailure, requestID: JSONValue?)
        /// The first look at everything, which nobody asked for.
        case greeting
    }

    /// The request that is being answered.
    struct Current {
        var type: String
        var requestID: JSONValue?
        var arrived: Instant
        var step: Step
    }

    /// What the answer waits for.
    enum Step {
        case create(OpenCodeTask, isScheduled: Bool)
        /// Tasks that a client may have meant, to be named in a refusal.
        case suggestion(OpenCodeFailure)
        case cancel(TaskID)
        /// The end of a task that is being cancelled, at most until then.
        case end(TaskRecord, until: Instant)
        case retry(TaskID)
        case task(TaskID)
        case search(OpenCodeTaskSearch)
        case status(live: [TaskRecord]?)
        case logs(OpenCodeLogRequest)
        case kill(Int32, ProcessSignal)
        case processes(OpenCodeProjection.ProcessPage, OpenCodeHost)
        /// Where the processes of strangers work, for a list that asks for it.
        case folders(OpenCodeProcessList, OpenCodeHost)
    }

    /// A line that is kept until it may leave.
    struct Held {
        var entry: LogEntry
        var text: [UInt8]
    }

    /// Names a page of a log that is being read; there is one at a time.
    static let pageToken: UInt64 = .max

    let peer: PeerID
    let arrival: SocketArrival
    var caller: SocketCaller?
    /// When what it has said of itself ends.
    var expires: Instant?
    var stage: Stage
    var current: Current?
    /// Names what is waited for; what an earlier one brings comes too late.
    private(set) var token: UInt64 = 0
    private var items: [Item] = []
    private var firstItem: Int = 0
    var subscriptions: [String: OpenCodeSubscription] = [:]
    /// Names of ``subscriptions`` in their order.
    var subscriptionOrder: [String] = []
    /// What log entries are sent as they come, because a request asked for it.
    var follow: LogFilter?
    /// Lines that came while the request that asked for them was answered.
    var heldBack: [Held]?
    /// What the answer to that request has had, for what comes late.
    var shown: Set<LogEntry> = []
    /// How it keeps up with what tasks print, with their projects.
    var pace = ReaderPace<TaskID, String?>()
    /// Where it goes on with what is said otherwise, as a place in the index; `nil` while it is told as that is said.
    var saidFrom: UInt64?
    var lastPing: Instant
    var lastSign: Instant
    /// How the transport says that it was closed.
    var closeCode: UInt16?
    /// Whether it was over a limit, and that was noted.
    var isFlooding = false
    /// When a notice of limits was last sent.
    private var lastNotice: Instant?
    private var windows: [OpenCodeLimitName: SlidingWindow] = [:]

    /// Requests that may wait.
    static let itemLimit: Int = 1_000
    /// The part of a limit from which on its client is told.
    private static let noticeShare: Double = 0.8

    init(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) {
        self.peer = peer
        self.arrival = arrival
        caller = arrival.caller
        expires = arrival.caller?.expires
        stage = .waiting(since: now)
        lastPing = now
        lastSign = now
    }

    // MARK: What waits

    var itemCount: Int { items.count - firstItem }

    func append(_ item: Item) { items.append(item) }

    /// Puts the greeting before what was asked while the connection was held back.
    func greet() { items.insert(.greeting, at: firstItem) }

    func nextItem() -> Item? {
        guard firstItem < items.count else { return nil }
        let item: Item = items[firstItem]
        firstItem += 1
        if firstItem == items.count || firstItem > 64 {
            items.removeFirst(firstItem)
            firstItem = 0
        }
        return item
    }

    /// Nothing of the log is to be told any more.
    func stopListening() {
        pace.endAll()
        saidFrom = nil
        shown = []
    }

    /// A name for what is waited for now.
    func nextToken() -> SocketToken {
        token += 1
        return SocketToken(peer: peer, number: token)
    }

    // MARK: Limits

    /// Whether there is room under a limit of the connection's own.
    func check(_ name: OpenCodeLimitName, _ limits: OpenCodeLimits, at now: Instant) -> OpenCodeFailure? {
        let limit: SlidingWindow.Limit = limits.window(name)
        let decision: LimitDecision =
            windows[name, default: SlidingWindow(limit, at: now.milliseconds)].check(1, of: limit, at: now.milliseconds)
        guard case .limited(let seconds) = decision else { return nil }
        return .rateLimited(name, allowed: limit.count, window: limit.window, retryAfter: seconds)
    }

    /// Counts something under a limit.
    func take(_ name: OpenCodeLimitName, _ limits: OpenCodeLimits, at now: Instant) {
        let limit: SlidingWindow.Limit = limits.window(name)
        _ = windows[name, default: SlidingWindow(limit, at: now.milliseconds)].take(1, of: limit, at: now.milliseconds)
    }

    /// How much is used of each limit that was ever looked at, in a fixed order.
    func usage(_ limits: OpenCodeLimits, at now: Instant) -> [(name: OpenCodeLimitName, current: Int, limit: Int)] {
        OpenCodeLimitName.perConnection.compactMap { (name: OpenCodeLimitName) in
            let limit: SlidingWindow.Limit = limits.window(name)
            guard let window: SlidingWindow = windows[name] else { return (name, 0, limit.count) }
            return (name, window.count(of: limit, at: now.milliseconds), limit.count)
        }
    }

    /// A notice of how much is used, once one limit is nearly reached; at most one a minute.
    func notice(_ limits: OpenCodeLimits, at now: Instant) -> [UInt8]? {
        if let lastNotice, now - lastNotice < .seconds(60), now >= lastNotice { return nil }
        let minutely: [OpenCodeLimitName] = OpenCodeLimitName.perConnection.filter { $0 != .messagesPerSecond }
        let isClose: Bool = minutely.contains { (name: OpenCodeLimitName) in
            (windows[name]?.share(of: limits.window(name), at: now.milliseconds) ?? 0) >= OpenCodeSession.noticeShare
        }
        guard isClose else { return nil }
        lastNotice = now
        return OpenCodeProjection.message("rate_limit_info", at: now) { (writer: inout JSONWriter) in
            writer.beginObject("limits")
            for name: OpenCodeLimitName in minutely {
                let limit: SlidingWindow.Limit = limits.window(name)
                guard
                    let window: SlidingWindow = windows[name]
                        ?? (name == .tasksPerMinute ? SlidingWindow(limit, at: now.milliseconds) : nil)
                else { continue }
                writer.beginObject(name.wireName)
                writer.member("current", window.count(of: limit, at: now.milliseconds))
                writer.member("limit", limit.count)
                writer.member("reset_time", timestamp: window.end(of: limit, at: now.milliseconds))
                writer.endObject()
            }
            writer.endObject()
        }
    }

    // MARK: Rights

    /// What somebody may do, in the document's three words.
    static func permissions(of principal: Principal) -> [String] {
        var names: [String] = []
        if principal.permissions.contains(.tasksRead) { names.append("read") }
        if principal.permissions.contains(.tasksCreate) { names.append("write") }
        if principal.permissions.contains(.processesKill) { names.append("admin") }
        return names
    }
}
