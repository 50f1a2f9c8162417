package import MAOSCore

/// How a part of the system fares, from best to worst.
package enum GatewayHealthStatus: UInt8, Sendable, Comparable, CaseIterable {
    case healthy
    /// Not checked yet, or not checkable.
    case unknown
    case degraded
    case unhealthy

    /// The name on the wire.
    package var name: String {
        switch self {
        case .healthy: "healthy"
        case .unknown: "unknown"
        case .degraded: "degraded"
        case .unhealthy: "unhealthy"
        }
    }

    /// Whether the left one is better.
    package static func < (left: GatewayHealthStatus, right: GatewayHealthStatus) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One part of the server, as the health reply shows it.
package struct GatewayComponent: Sendable, Hashable {
    /// Something that a component needs.
    package struct Dependency: Sendable, Hashable {
        /// Its name.
        package var name: String
        /// How it fares.
        package var status: GatewayHealthStatus
        /// How long it took to answer.
        package var latency: Milliseconds?
        /// What is wrong with it, for people.
        package var message: String?

        /// Describes a dependency.
        ///
        /// - Parameters:
        ///   - name: Its name.
        ///   - status: How it fares.
        ///   - latency: How long it took to answer.
        ///   - message: What is wrong with it, for people.
        package init(name: String, status: GatewayHealthStatus, latency: Milliseconds? = nil, message: String? = nil) {
            self.name = name
            self.status = status
            self.latency = latency
            self.message = message
        }
    }

    /// Its name, such as `storage`.
    package var name: String
    /// How it fares.
    package var status: GatewayHealthStatus
    /// What is wrong with it, for people; no paths.
    package var message: String?
    /// When that was found.
    package var lastCheck: Instant
    /// What it needs.
    package var dependencies: [Dependency]

    /// Describes a component.
    ///
    /// - Parameters:
    ///   - name: Its name, such as `storage`.
    ///   - status: How it fares.
    ///   - message: What is wrong with it, for people; no paths.
    ///   - lastCheck: When that was found.
    ///   - dependencies: What it needs.
    package init(
        name: String, status: GatewayHealthStatus, message: String? = nil, lastCheck: Instant,
        dependencies: [Dependency] = []
    ) {
        self.name = name
        self.status = status
        self.message = message
        self.lastCheck = lastCheck
        self.dependencies = dependencies
    }
}

/// What an agent's processes use at the moment.
package struct GatewayUsage: Sendable, Hashable {
    /// 100 for one core.
    package var cpuPercent: Double
    /// Resident memory.
    package var memoryBytes: Int64

    /// Notes a usage.
    ///
    /// - Parameters:
    ///   - cpuPercent: 100 for one core.
    ///   - memoryBytes: Resident memory.
    package init(cpuPercent: Double, memoryBytes: Int64) {
        self.cpuPercent = cpuPercent
        self.memoryBytes = memoryBytes
    }
}

/// One measured value.
package struct GatewayMetric: Sendable, Hashable {
    /// How the value behaves over time.
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// Begins with `maos_`.
    package var name: String
    /// How it behaves over time.
    package var kind: Kind
    /// The value.
    package var value: Double
    /// What it was measured on.
    package var labels: [String: String]

    /// Notes a value.
    ///
    /// - Parameters:
    ///   - name: Begins with `maos_`.
    ///   - kind: How it behaves over time.
    ///   - value: The value.
    ///   - labels: What it was measured on.
    package init(_ name: String, _ kind: Kind, _ value: Double, labels: [String: String] = [:]) {
        self.name = name
        self.kind = kind
        self.value = value
        self.labels = labels
    }

    /// A series' value, of a histogram the mean in seconds; nothing where it is not known.
    package init?(_ series: MetricSeries, _ value: MetricValue) {
        let number: Double
        switch value {
        case .unknown: return nil
        case .number(let known): number = known
        case .distribution(let distribution):
            guard distribution.count > 0 else { return nil }
            number = distribution.seconds / Double(distribution.count)
        }
        guard number.isFinite else { return nil }
        let kind: Kind =
            switch series.kind {
            case .counter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        var labels: [String: String] = ["component": series.component.rawValue]
        for label: MetricLabel in series.labels { labels[label.name] = label.value }
        self.init(series.name, kind, number, labels: labels)
    }
}

/// What the gateway has to know of the server around it; called on its loops, must not block.
package protocol GatewayEnvironment: AnyObject, Sendable {
    /// Whether requests that change something are welcome: the server has started and is not about to stop.
    var isReady: Bool { get }

    /// When the server started.
    var startedAt: Instant { get }

    /// The server's version.
    var version: String { get }

    /// Every part of the server, with how it fares.
    func components(at now: Instant) -> [GatewayComponent]

    /// What an agent's processes use; `nil` where nobody measures.
    func usage(of agent: AgentID) -> GatewayUsage?

    /// Measured values beside those that the gateway knows by itself.
    func metrics(at now: Instant) -> [GatewayMetric]

    /// Every series of the server, with what it was worth before; `nil` before there is one.
    var board: MetricsBoard? { get }
}

/// What an operator may set about the gateway.
package struct GatewayConfiguration: Sendable {
    /// The pool that makes agents on demand, as the engine has it.
    package var onDemand = EngineConfiguration.OnDemandPool()
    /// Where the rules of time zones come from, as the engine has it.
    package var timeZones: any TimeZoneSource = UniversalTimeOnly()
    /// The folder inside which clients may choose a workspace; `nil` for anywhere.
    package var workspaceRoot: String?
    /// What an agent's `endpoint` begins with, such as `http://localhost:7400`.
    package var publicURL: String = ""
    /// How long the cancellation of a running task is waited for.
    package var cancellationWait: Milliseconds = .seconds(5)
    /// Silence after which a stream sends a comment.
    package var heartbeat: Milliseconds = .seconds(15)
    /// How often `metrics:all` is told.
    package var metricsInterval: Milliseconds = .seconds(10)
    /// Channels that one WebSocket connection may subscribe to.
    package var subscriptions: Int = 1_000
    /// Bytes that a stream has under way before it waits for the reader.
    package var streamBudget: Int = 1 << 20
    /// Bytes of output in one page.
    package var outputPageBytes: Int = 1 << 20

    /// The defaults of the contract.
    package init() {}
}
