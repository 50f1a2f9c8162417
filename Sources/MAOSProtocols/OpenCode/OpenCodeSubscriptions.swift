internal import MAOSCore

/// Who is to be told of what, so that an event touches those only who asked for it.
struct OpenCodeSubscriptions {
    /// What one connection wants of the log.
    struct LogInterest {
        var peer: PeerID
        /// By subscription: any of these levels; all where `nil`.
        var levels: Set<LogLevel>?
        /// Whether it has subscribed.
        var isSubscribed: Bool
        /// What a request asked to follow.
        var follow: LogFilter?

        func wants(_ entry: LogEntry) -> Bool {
            if isSubscribed, levels?.contains(entry.level) ?? true { return true }
            return follow?.matches(entry) ?? false
        }

        /// Whether it may want something of what a task prints.
        func mayWant(_ task: TaskID) -> Bool {
            guard !isSubscribed, let follow else { return isSubscribed }
            return follow.agents.isEmpty || follow.agents.contains(task.rawValue)
        }
    }

    private var everything: [OpenCodeChannel: [PeerID]] = [:]
    /// Who wants to hear of single tasks.
    private var byTask: [OpenCodeChannel: [TaskID: [PeerID]]] = [:]
    /// Who wants log entries.
    private(set) var log: [LogInterest] = []

    /// Whether anybody listens to any of these.
    func hasListeners(_ channels: OpenCodeChannel...) -> Bool {
        channels.contains { (channel: OpenCodeChannel) in
            channel == .logEntries
                ? !log.isEmpty : !(everything[channel] ?? []).isEmpty || !(byTask[channel] ?? [:]).isEmpty
        }
    }

    /// Who listens to a channel as a whole.
    func listeners(_ channel: OpenCodeChannel) -> [PeerID] { everything[channel] ?? [] }

    /// Who listens to one of these channels about a task, each once.
    func listeners(_ channels: [OpenCodeChannel], task: TaskID) -> [PeerID] {
        var peers: [PeerID] = []
        for channel: OpenCodeChannel in channels {
            for peer: PeerID in everything[channel] ?? [] where !peers.contains(peer) { peers.append(peer) }
            for peer: PeerID in byTask[channel]?[task] ?? [] where !peers.contains(peer) { peers.append(peer) }
        }
        return peers
    }

    /// What a connection wants of the log.
    func logInterest(of peer: PeerID) -> LogInterest? { log.first { $0.peer == peer } }

    /// Goes by what a connection wants now.
    mutating func update(_ session: OpenCodeSession) {
        remove(session.peer)
        var interests: [OpenCodeChannel: OpenCodeInterest] = [:]
        for id: String in session.subscriptionOrder {
            for (channel, interest) in session.subscriptions[id]?.interests ?? [:] {
                interests[channel] = interests[channel].map { $0.joined(with: interest) } ?? interest
            }
        }
        for (channel, interest) in interests where channel != .logEntries {
            if let tasks: Set<TaskID> = interest.tasks {
                for task: TaskID in tasks { byTask[channel, default: [:]][task, default: []].append(session.peer) }
            } else {
                everything[channel, default: []].append(session.peer)
            }
        }
        let subscribed: OpenCodeInterest? = interests[.logEntries]
        guard subscribed != nil || session.follow != nil else { return }
        log.append(
            LogInterest(
                peer: session.peer, levels: subscribed.flatMap { $0.levels.isEmpty ? nil : $0.levels },
                isSubscribed: subscribed != nil, follow: session.follow))
    }

    /// Forgets a connection.
    mutating func remove(_ peer: PeerID) {
        for channel: OpenCodeChannel in OpenCodeChannel.allCases {
            everything[channel]?.removeAll { $0 == peer }
            guard let tasks: [TaskID: [PeerID]] = byTask[channel] else { continue }
            for (task, peers) in tasks where peers.contains(peer) {
                let others: [PeerID] = peers.filter { $0 != peer }
                byTask[channel]?[task] = others.isEmpty ? nil : others
            }
        }
        log.removeAll { $0.peer == peer }
    }
}

extension OpenCodeInterest {
    /// What either wants.
    fileprivate func joined(with other: OpenCodeInterest) -> OpenCodeInterest {
        var both = OpenCodeInterest()
        if let tasks, let others: Set<TaskID> = other.tasks { both.tasks = tasks.union(others) }
        if !levels.isEmpty, !other.levels.isEmpty { both.levels = levels.union(other.levels) }
        return both
    }
}
