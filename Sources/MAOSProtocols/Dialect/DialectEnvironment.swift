package import MAOSCore

/// How a part of the system fares, from best to worst.
package enum HealthStatus: UInt8, Sendable, Comparable, CaseIterable {
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
    package static func < (left: HealthStatus, right: HealthStatus) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One part of the server, as the health reply shows it.
package struct HealthComponent: Sendable, Hashable {
    /// Something that a component needs.
    package struct Dependency: Sendable, Hashable {
        /// Its name.
        package var name: String
        /// How it fares.
        package var status: HealthStatus
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
        package init(name: String, status: HealthStatus, latency: Milliseconds? = nil, message: String? = nil) {
            self.name = name
            self.status = status
            self.latency = latency
            self.message = message
        }
    }

    /// Its name, such as `storage`.
    package var name: String
    /// How it fares.
    package var status: HealthStatus
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
        name: String, status: HealthStatus, message: String? = nil, lastCheck: Instant,
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
package struct AgentUsage: Sendable, Hashable {
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
package struct MeasuredValue: Sendable, Hashable {
    /// Begins with `maos_`.
    package var name: String
    /// How it behaves over time.
    package var kind: MetricSeries.Kind
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
    package init(_ name: String, _ kind: MetricSeries.Kind, _ value: Double, labels: [String: String] = [:]) {
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
        var labels: [String: String] = ["component": series.component.rawValue]
        for label: MetricLabel in series.labels { labels[label.name] = label.value }
        self.init(series.name, series.kind, number, labels: labels)
    }
}

/// What dialects have to know of the server around them; called on event loops, must not block.
package protocol DialectEnvironment: AnyObject, Sendable {
    /// Whether requests that change something are welcome: the server has started and is not about to stop.
    var isReady: Bool { get }

    /// When the server started.
    var startedAt: Instant { get }

    /// The server's version.
    var version: String { get }

    /// Every part of the server, with how it fares.
    func components(at now: Instant) -> [HealthComponent]

    /// What an agent's processes use; `nil` where nobody measures.
    func usage(of agent: AgentID) -> AgentUsage?

    /// Measured values beside those that the dialects know by themselves.
    func metrics(at now: Instant) -> [MeasuredValue]

    /// Every series of the server, with what it was worth before; `nil` before there is one.
    var board: MetricsBoard? { get }

    /// What is known of the machine; `nil` where nobody looks.
    var host: (any HostInformation)? { get }
}

extension DialectEnvironment {
    /// Nobody looks.
    package var host: (any HostInformation)? { nil }
}
