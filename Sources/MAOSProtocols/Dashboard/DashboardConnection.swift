internal import MAOSCore

/// One connection of a dashboard client, on its loop.
final class DashboardConnection {
    /// A message on its way to the client.
    struct Message {
        var bytes: [UInt8]
        /// What it was derived from, where it can be derived again.
        var sent: DashboardSession.Sent?
        /// Whether that has more messages for the client, which come next.
        var isFollowed = false

        /// The event that it was derived from, if it was one.
        var event: UInt64? {
            guard let position: DashboardPosition = sent?.position, position.source == .event else { return nil }
            return position.sequence
        }
    }

    let peer: PeerID
    let arrival: SocketArrival
    let openedAt: Instant
    /// Whether it counts among those of its address.
    var isCounted = false
    /// What it has once the client has said who it is.
    var session: DashboardSession?
    var principal: Principal?
    var expires: Instant = .distantFuture
    /// When a client whose token has ended is sent away.
    var graceEnds: Instant?
    var lastHeard: Instant
    var nextPing: Instant
    var meter: SlidingWindow
    /// What it listens to, as the session has it.
    var subscriptions: [DashboardSubscription] = []
    /// The agents that it made or commanded, with the newest event before that.
    var agents: [AgentID: UInt64] = [:]
    /// When the next readings are due, by subscription.
    var nextMetrics: [String: Instant] = [:]
    /// Events up to this one are told, or are not for it.
    var liveFrom: UInt64 = 0
    /// The same for the entries of agents' logs.
    var outputFrom: [AgentID: UInt64] = [:]
    /// What it missed is being read.
    var replay: DashboardReplay?
    /// How it keeps up with what agents print, with what the entry before the next one has left over.
    var pace = ReaderPace<AgentID, DashboardRest?>()
    /// Messages of the client about each agent that have not been answered.
    var pending: [AgentID: Int] = [:]
    /// What there is to tell of those agents meanwhile: answers come first.
    var held: [AgentID: [Message]] = [:]
    /// Messages of the client that came again before they were answered.
    var repeated: [String: Int] = [:]
    var isClosing = false

    init(_ peer: PeerID, _ arrival: SocketArrival, limit: Int?, at now: Instant) {
        self.peer = peer
        self.arrival = arrival
        openedAt = now
        lastHeard = now
        nextPing = now
        meter = SlidingWindow(DashboardConnection.window(limit), at: now.milliseconds)
    }

    static func window(_ limit: Int?) -> SlidingWindow.Limit {
        SlidingWindow.Limit(limit ?? Int(UInt32.max), per: 1_000, cells: 20)
    }

    /// The oldest event of the messages that wait; `nil` where there are none.
    var heldEvent: UInt64? { held.values.joined().compactMap(\.event).min() }

    /// Whether it listens to agents that it has not named.
    var listensToAll: Bool { subscriptions.contains { $0.topic != .metrics && $0.agent == nil } }

    /// Whether it listens to lines of what agents print.
    var listensToLogs: Bool { subscriptions.contains { $0.topic == .logs } }

    /// Whether it listens to an agent by its name.
    func listens(to agent: AgentID) -> Bool {
        agents[agent] != nil || subscriptions.contains { $0.topic != .metrics && $0.agent == agent }
    }

    /// What a message is about, for finding out whether it is wanted.
    enum Item {
        case event(type: String, sequence: UInt64)
        case output(stream: String)
        case log(level: String, stream: String)
    }

    /// How a message is wanted.
    enum Match {
        case none
        /// Without having been subscribed to.
        case plain
        case subscription(String)

        var isWanted: Bool {
            if case .none = self { false } else { true }
        }
    }

    /// Whether a message about an agent is wanted, and by which subscription.
    func match(_ item: Item, about agent: AgentID) -> Match {
        for subscription: DashboardSubscription in subscriptions
        where subscription.agent == nil || subscription.agent == agent {
            let isWanted: Bool
            switch (item, subscription.topic) {
            case (.event(let type, let sequence), .agents):
                isWanted = sequence > subscription.since && subscription.filter.takes(type: type)
            case (.output(let stream), .agents): isWanted = subscription.filter.takes(stream: stream)
            case (.log(let level, let stream), .logs):
                isWanted = subscription.filter.takes(level: level, stream: stream)
            default: isWanted = false
            }
            if isWanted { return .subscription(subscription.id) }
        }
        guard let since: UInt64 = agents[agent] else { return .none }
        switch item {
        case .event(_, let sequence): return sequence > since ? .plain : .none
        case .output: return .plain
        case .log: return .none
        }
    }
}

/// What a client missed, while it is being read.
struct DashboardReplay {
    /// A message that was missed.
    struct Missed {
        var time: Instant
        var message: DashboardConnection.Message
    }

    /// Messages that may come meanwhile.
    static let liveLimit: Int = 20_000
    static let liveByteLimit: Int = 16 << 20

    /// Events up to this one are read; those after it come by themselves.
    var boundary: UInt64
    /// Reads that have not come back.
    var reads: Int = 0
    /// Lists of messages, each in its order.
    var lists: [[Missed]] = []
    /// Messages that are not sent because there are too many.
    var dropped: Int = 0
    /// Messages that have come meanwhile, in order.
    var live: [(agent: AgentID?, entry: UInt64, message: DashboardConnection.Message)] = []
    var liveBytes: Int = 0
    /// The newest entry read of each agent's log.
    var read: [AgentID: UInt64] = [:]
    /// Whether the client named a last message that is not known.
    var isLost: Bool
    /// Messages of events that have been sent before the client went back in time.
    var known: Set<DashboardSession.Sent> = []
    /// What the messages so far say of agents.
    var agents: [AgentID: DashboardAgent] = [:]
    /// Agents that were asked for.
    var creations: [AgentID: String] = [:]
    /// Agents that have been made and have not run.
    var unstarted: Set<AgentID> = []

    /// Whether an event may be an alert: one that has not run before has not crashed.
    mutating func isAlarming(_ event: Event) -> Bool {
        guard case .agent(let change) = event.body else { return true }
        switch change.kind {
        case .spawned: unstarted.insert(change.id)
        case .ready: unstarted.remove(change.id)
        default: break
        }
        return !unstarted.contains(change.id)
    }

    /// The newest messages of all lists, in the order of their times, and at least one; those before them count as dropped.
    mutating func take(atMost limit: Int, bytes byteLimit: Int) -> [DashboardConnection.Message] {
        var all: [(time: Int64, number: Int, message: DashboardConnection.Message)] = []
        for list: [Missed] in lists {
            // A clock that was set back does not change the order of a list.
            var latest = Int64.min
            for missed: Missed in list {
                latest = max(latest, missed.time.milliseconds)
                all.append((latest, all.count, missed.message))
            }
        }
        all.sort { $0.time != $1.time ? $0.time < $1.time : $0.number < $1.number }
        var (count, bytes): (Int, Int) = (0, 0)
        for missed in all.reversed() {
            bytes += missed.message.bytes.count
            guard count < limit, count == 0 || bytes <= byteLimit else { break }
            count += 1
        }
        dropped += all.count - count
        all.removeFirst(all.count - count)
        lists = []
        return all.map(\.message)
    }
}
