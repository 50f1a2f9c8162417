internal import MAOSCore
internal import MAOSProtocols
internal import MAOSStore
internal import MAOSSystem
internal import Synchronization

/// The version of the program.
enum Version {
    static let text: String = "0.1.0"
}

/// What the dialects may know of the server around them.
final class ServerEnvironment: DialectEnvironment {
    let startedAt: Instant
    let version: String = Version.text
    private let ready = Atomic(false)
    private let outputs: OutputLog
    private let orchestrator = Locked<Orchestrator?>(nil)
    private let shownBoard = Locked<MetricsBoard?>(nil)
    private let hostInformation = Locked<(any HostInformation)?>(nil)

    init(startedAt: Instant, outputs: OutputLog) {
        self.startedAt = startedAt
        self.outputs = outputs
    }

    /// Whether requests that change something are welcome.
    var isReady: Bool {
        get { ready.load(ordering: .relaxed) }
        set { ready.store(newValue, ordering: .relaxed) }
    }

    func attach(_ orchestrator: Orchestrator) { self.orchestrator.withLock { $0 = orchestrator } }

    func attach(_ board: MetricsBoard) { shownBoard.withLock { $0 = board } }

    func attach(_ host: any HostInformation) { hostInformation.withLock { $0 = host } }

    /// The machine and its processes; `nil` before the server has all of its parts.
    var host: (any HostInformation)? { hostInformation.withLock { $0 } }

    var board: MetricsBoard? { shownBoard.withLock { $0 } }

    func components(at now: Instant) -> [HealthComponent] {
        var storage = HealthComponent(name: "storage", status: .healthy, lastCheck: now)
        if let orchestrator = orchestrator.withLock({ $0 }), case .degraded(let reason) = orchestrator.currentCondition
        {
            storage.status = .unhealthy
            storage.message = reason
        }
        let execution: String? = ServerEnvironment.problem(of: outputs)
        let journal = HealthComponent.Dependency(name: "storage", status: storage.status)
        return [
            HealthComponent(name: "orchestration", status: storage.status, lastCheck: now, dependencies: [journal]),
            HealthComponent(
                name: "execution", status: execution == nil ? .healthy : .degraded, message: execution, lastCheck: now),
            HealthComponent(name: "communication", status: isReady ? .healthy : .degraded, lastCheck: now),
            storage,
        ]
    }

    /// How long it is told that output was lost, in milliseconds.
    private static let lossMemory: Int64 = 300_000

    /// What is wrong with the output of agents, for people.
    private static func problem(of outputs: OutputLog) -> String? {
        let losses: OutputLosses = outputs.losses
        if let last: Int64 = losses.last, SystemClock.monotonicMilliseconds() - last < lossMemory {
            return "output was lost, because the disk refused it: \(losses.entries) pieces since the start"
        }
        return outputs.pendingBytes > 64 << 20 ? "output waits for the disk" : nil
    }

    func usage(of agent: AgentID) -> AgentUsage? {
        host?.usage(of: agent).map { AgentUsage(cpuPercent: $0.cpuPercent, memoryBytes: $0.residentBytes) }
    }

    func metrics(at now: Instant) -> [MeasuredValue] {
        guard let board else { return [] }
        // What the gateway's view tells is told by the gateway itself.
        return zip(board.series, board.values()).compactMap { (series: MetricSeries, value: MetricValue) in
            guard series.name != "maos_tasks", series.name != "maos_agents" else { return nil }
            return MeasuredValue(series, value)
        }
    }
}
