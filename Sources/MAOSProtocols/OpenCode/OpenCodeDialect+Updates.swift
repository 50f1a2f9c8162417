internal import MAOSCore

/// What the pushes of one loop have to remember.
struct OpenCodeUpdates {
    /// The last that was told of a task.
    struct Known {
        var status: String
        var progress: Int
    }

    /// Stands for no connection: what is waited for is for all who listen.
    static let peer = PeerID(rawValue: .max)
    /// Milliseconds between two messages of a kind.
    static let resourceInterval: Milliseconds = .seconds(5)
    static let scanInterval: Milliseconds = .seconds(30)
    static let connectionInterval: Milliseconds = .seconds(30)
    static let managerInterval: Milliseconds = .seconds(10)
    /// Places of the log index that are told of together.
    static let saidAtOnce: UInt64 = 1_024
    /// Tasks whose last state is remembered.
    private static let knownLimit: Int = 50_000

    var nextResources = Instant(milliseconds: 0)
    var nextScan = Instant(milliseconds: 0)
    var nextConnection = Instant(milliseconds: 0)
    var nextManager = Instant(milliseconds: 0)
    /// Processes that were last told of.
    var claudeProcesses: [ProcessIdentity]?
    var lastScan = Instant(milliseconds: -1)
    /// What has been said in the log up to there is told.
    var logPosition: UInt64
    /// How many tasks have ended, as far as it is known by now.
    var counts: OpenCodeProjection.TaskCounts?
    var countStep: Int = 0
    private var known: [TaskID: Known] = [:]
    private var lastToken: UInt64 = 0

    init(logPosition: UInt64) { self.logPosition = logPosition }

    /// A token for what no single client waits for.
    mutating func ignored() -> SocketToken {
        lastToken += 1
        return SocketToken(peer: OpenCodeUpdates.peer, number: lastToken)
    }

    /// What a task was before an event; remembers what it is after it.
    mutating func advance(_ task: TaskEvent) -> Known {
        let status: String = OpenCodeVocabulary.name(of: task.state.status)
        let now = Known(status: status, progress: OpenCodeVocabulary.percent(task.state))
        let before: Known = known[task.id] ?? Known(status: OpenCodeUpdates.statusBefore(task), progress: 0)
        if task.state.status.isTerminal {
            known[task.id] = nil
        } else {
            if known.count >= OpenCodeUpdates.knownLimit { known = [:] }
            known[task.id] = now
        }
        return before
    }

    /// What a task was before an event that is the first one seen of it.
    private static func statusBefore(_ task: TaskEvent) -> String {
        let wasStarted: Bool = task.state.startedAt != nil
        switch task.kind {
        case .created, .queued: return "pending"
        case .assigned, .started: return "queued"
        case .progressed, .retryScheduled, .interrupted, .cancelRequested, .cancelStage: return "running"
        case .paused: return task.state.isSuspended ? "running" : "queued"
        case .resumed: return "paused"
        case .completed, .failed, .cancelled: return wasStarted ? "running" : "pending"
        case .restarted: return "failed"
        case .priorityChanged, .discarded: return OpenCodeVocabulary.name(of: task.state.status)
        }
    }
}

/// What is sent without having been asked for just now.
extension OpenCodeDialect {
    // MARK: Events

    func tell(_ event: Event, at now: Instant) {
        switch event.body {
        case .task(let task): tell(task, at: event.time)
        case .agent(let agent): tell(agent, at: event.time)
        case .system(let system) where system.type == "security_alert": tell(system, at: event.time)
        case .system, .workflow: break
        }
    }

    private func tell(_ task: TaskEvent, at now: Instant) {
        if subscriptions.hasListeners(.taskStatus, .taskProgress) {
            let before: OpenCodeUpdates.Known = updates.advance(task)
            let status: String = OpenCodeVocabulary.name(of: task.state.status)
            if before.status != status {
                let peers: [PeerID] = reachable(subscriptions.listeners([.taskStatus], task: task.id), task)
                if !peers.isEmpty {
                    deliver(
                        OpenCodeProjection.taskStatusUpdate(task.id, from: before.status, to: task.state, at: now),
                        to: peers)
                }
            }
            if task.kind == .progressed { tellProgress(of: task, from: before.progress, at: now) }
        }
        if task.state.status.isTerminal { ended(task.id, at: now) }
    }

    private func tellProgress(of task: TaskEvent, from old: Int, at now: Instant) {
        let peers: [PeerID] = reachable(subscriptions.listeners([.taskStatus, .taskProgress], task: task.id), task)
        guard !peers.isEmpty else { return }
        let message: [UInt8] = OpenCodeProjection.taskProgressUpdate(
            task.id, from: old, to: task.state, typical: view.typicalDuration(of: task.taskKind), at: now)
        deliver(message, to: peers, superseding: SupersedingKey(topic: "task_progress", entity: task.id.rawValue))
    }

    /// Those who may hear of a task.
    private func reachable(_ peers: [PeerID], _ task: TaskEvent) -> [PeerID] {
        peers.filter { session($0)?.caller?.principal.reaches(task: task.id, project: task.project) ?? false }
    }

    private func tell(_ agent: AgentEvent, at now: Instant) {
        let peers: [PeerID] = subscriptions.listeners(.agents)
        guard !peers.isEmpty else { return }
        let task: TaskRecord? = agent.state.currentTasks.first.flatMap { view.task($0) }
        let message: [UInt8] = OpenCodeProjection.agentUpdate(
            agent, task: task, usage: surroundings.host?.usage(of: agent.id), in: host, at: now)
        deliver(message, to: peers)
    }

    private func tell(_ system: SystemEvent, at now: Instant) {
        let peers: [PeerID] = subscriptions.listeners(.security)
        guard !peers.isEmpty else { return }
        let data: JSONValue = system.data.value()
        let message: [UInt8] = OpenCodeProjection.message("security_alert", at: now) { (writer: inout JSONWriter) in
            writer.member("alert_type", data["alertType"]?.stringValue ?? "suspicious_activity")
            writer.member("severity", data["severity"]?.stringValue ?? "high")
            writer.beginObject("details")
            let names: [(String, String)] = [
                ("clientIp", "client_ip"), ("attempts", "attempts"), ("timeWindowSeconds", "time_window"),
                ("blockedUntil", "blocked_until"), ("message", "message"),
            ]
            for (name, shown) in names {
                if let value: JSONValue = data[name] { writer.member(shown, value) }
            }
            writer.endObject()
        }
        deliver(message, to: peers)
    }

    // MARK: Time

    func tellRegularly(at now: Instant) {
        tellOfSaid(at: now)
        if now >= updates.nextResources {
            updates.nextResources = now + OpenCodeUpdates.resourceInterval
            tellOfHost(.systemResources, OpenCodeProjection.resourceUpdate, at: now)
        }
        tellOfProcesses(at: now)
        if now >= updates.nextConnection {
            updates.nextConnection = now + OpenCodeUpdates.connectionInterval
            tellOfConnections(at: now)
        }
        if now >= updates.nextManager {
            updates.nextManager = now + OpenCodeUpdates.managerInterval
            if subscriptions.hasListeners(.taskManager), updates.counts == nil { countTasks(step: 0) }
        }
    }

    /// Tells what is known of the machine, in place of what has not gone out yet.
    private func tellOfHost(
        _ channel: OpenCodeChannel, _ message: (OpenCodeHost, Instant) -> [UInt8], at now: Instant
    ) {
        let peers: [PeerID] = subscriptions.listeners(channel)
        guard !peers.isEmpty else { return }
        deliver(message(host, now), to: peers, superseding: SupersedingKey(topic: channel.rawValue))
    }

    private func tellOfProcesses(at now: Instant) {
        if now >= updates.nextScan {
            updates.nextScan = now + OpenCodeUpdates.scanInterval
            tellOfHost(.processes, OpenCodeProjection.processScan, at: now)
        }
        let peers: [PeerID] = subscriptions.listeners(.claudeProcesses)
        guard !peers.isEmpty else {
            updates.claudeProcesses = nil
            return
        }
        let host: OpenCodeHost = host
        guard host.scan.time != updates.lastScan || updates.claudeProcesses == nil else { return }
        updates.lastScan = host.scan.time
        let processes: [ProcessIdentity] = host.ofInterest.map(\.identity)
        guard processes != updates.claudeProcesses else { return }
        updates.claudeProcesses = processes
        deliver(OpenCodeProjection.claudeProcessesUpdate(host, at: now), to: peers)
    }

    private func tellOfConnections(at now: Instant) {
        let clients: Int = shared.connections(at: now).current
        for peer: PeerID in subscriptions.listeners(.connection) {
            guard let session: OpenCodeSession = session(peer) else { continue }
            let message: [UInt8] = OpenCodeProjection.connectionStatus(
                clients: clients, startedAt: surroundings.environment.startedAt, lastPing: session.lastPing,
                queue: session.itemCount, isReady: surroundings.environment.isReady, at: now)
            put(.send(message, to: peer))
        }
    }

    // MARK: The task manager

    /// How many tasks have ended how is read, one after the other; the rest is known.
    private func countTasks(step: Int) {
        if step == 0 { updates.counts = OpenCodeProjection.TaskCounts() }
        updates.countStep = step
        var query = TaskQuery()
        query.statuses = [[TaskStatus.completed, .failed, .cancelled][step]]
        query.limit = 1
        query.isBrief = true
        put(.perform(.read(.tasks(query)), updates.ignored()))
    }

    func completeUpdate(_ outcome: SocketOutcome, at now: Instant) {
        guard case .read(let result) = outcome, updates.counts != nil else { return }
        guard case .success(.tasks(let page)) = result else {
            updates.counts = nil
            return
        }
        switch updates.countStep {
        case 0: updates.counts?.completed = page.total
        case 1: updates.counts?.failed = page.total
        default: updates.counts?.cancelled = page.total
        }
        guard updates.countStep == 2, var counts: OpenCodeProjection.TaskCounts = updates.counts else {
            return countTasks(step: updates.countStep + 1)
        }
        updates.counts = nil
        counts.live = view.liveTaskCounts()
        let workers: Int = view.agentCounts()[.busy] ?? 0
        let message: [UInt8] = OpenCodeProjection.taskManagerStatus(
            counts, workers: workers, averageCompletionTime: shared.averageCompletionTime, at: now)
        deliver(message, to: subscriptions.listeners(.taskManager), superseding: SupersedingKey(topic: "task_manager"))
    }
}
