/// Something of the machine that may run short.
package enum HostResource: String, Sendable, CaseIterable {
    /// The processors.
    case cpu
    /// Memory.
    case memory
    /// The disk that the data directory is on.
    case disk

    /// Begins sentences for people.
    var title: String {
        switch self {
        case .cpu: "Processor usage"
        case .memory: "Memory usage"
        case .disk: "Disk usage"
        }
    }
}

/// From which usage on people are told, 1…100 percent; 100 for never.
package struct ResourceThresholds: Sendable, Hashable {
    /// Of the processors.
    package var cpu: Double = 90
    /// Of memory.
    package var memory: Double = 90
    /// Of the disk.
    package var disk: Double = 90

    /// 90 % of each.
    package init() {}

    /// That of a resource.
    package subscript(resource: HostResource) -> Double {
        switch resource {
        case .cpu: cpu
        case .memory: memory
        case .disk: disk
        }
    }
}

/// A resource that runs short, or does so no longer.
package struct ResourceAlert: Sendable, Hashable {
    /// How bad it is.
    package enum Level: String, Sendable, Comparable {
        /// It is over.
        case info
        /// Above the threshold.
        case warning
        /// More than half of the way from the threshold to everything.
        case critical

        /// Whether the left one is less bad.
        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .info: 0
            case .warning: 1
            case .critical: 2
            }
        }
    }

    /// Where the usage is going.
    package enum Trend: String, Sendable {
        case increasing
        case stable
        case decreasing
    }

    /// The resource.
    package var resource: HostResource
    /// How bad it is.
    package var level: Level
    /// The usage, 0…100.
    package var usage: Double
    /// The threshold, 1…100.
    package var threshold: Double
    /// Where the usage is going.
    package var trend: Trend
    /// When that was found.
    package var time: Instant

    /// A sentence for people.
    package var message: String {
        let (usage, threshold): (String, String) = (ResourceAlert.text(usage), ResourceAlert.text(threshold))
        return level == .info
            ? "\(resource.title) is \(usage) %, below the threshold of \(threshold) % again"
            : "\(resource.title) is \(usage) %, above the threshold of \(threshold) %"
    }

    /// The fact as everybody is told: `resource_alert`, and `resource_alert_cleared` when it is over.
    package var event: SystemEvent {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("resource", resource.rawValue)
        writer.member("level", level.rawValue)
        writer.member("usagePercent", ResourceAlert.rounded(usage))
        writer.member("thresholdPercent", threshold)
        writer.member("trend", trend.rawValue)
        writer.member("message", message)
        writer.endObject()
        return SystemEvent(
            type: level == .info ? "resource_alert_cleared" : "resource_alert", data: writer.takeText())
    }

    private static func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }

    /// A number with one decimal at most.
    private static func text(_ number: Double) -> String {
        let tenths = Int64((number * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}

/// Watches for resources that run short: tells once when one does, once more when it becomes critical, and once when it is over.
///
/// A single look above or below does not count, and what is over must be clearly so; so a usage around the threshold causes no
/// flood.
package struct ResourceWatch: Sendable {
    /// Looks in a row that count.
    package static let looks: Int = 3
    /// Points below the threshold at which it is over.
    package static let margin: Double = 5
    /// Looks that tell the trend, and the points by which they differ at least.
    private static let trendLooks: Int = 10
    private static let trendMargin: Double = 1

    private struct Gauge {
        /// The alert that holds; nil when all is well.
        var alert: ResourceAlert?
        /// The newest usages, oldest first.
        var recent: [Double] = []
        /// Looks in a row at which a worse level was reached, and the least bad of these levels.
        var worse: Int = 0
        var worseLevel: ResourceAlert.Level = .critical
        /// Looks in a row at which it was clearly over.
        var better: Int = 0
    }

    /// From which usage on people are told.
    package var thresholds: ResourceThresholds
    private var gauges: [HostResource: Gauge] = [:]

    /// Begins to watch.
    package init(_ thresholds: ResourceThresholds = ResourceThresholds()) {
        self.thresholds = thresholds
    }

    /// Takes a look at the machine.
    ///
    /// - Returns: What there is to tell.
    package mutating func look(at reading: HostReading) -> [ResourceAlert] {
        HostResource.allCases.compactMap { (resource: HostResource) -> ResourceAlert? in
            let usage: Double? =
                switch resource {
                case .cpu: reading.processor.percent
                case .memory: reading.memory?.percent
                case .disk: reading.disk?.percent
                }
            guard let usage else { return nil }
            return look(at: resource, usage, reading.time)
        }
    }

    private mutating func look(at resource: HostResource, _ usage: Double, _ now: Instant) -> ResourceAlert? {
        let threshold: Double = thresholds[resource]
        var gauge: Gauge = gauges[resource] ?? Gauge()
        defer { gauges[resource] = gauge }
        gauge.recent.append(usage)
        if gauge.recent.count > ResourceWatch.trendLooks { gauge.recent.removeFirst() }

        let level: ResourceAlert.Level =
            usage <= threshold ? .info : usage - threshold > (100 - threshold) / 2 ? .critical : .warning
        let isWorse: Bool = level > (gauge.alert?.level ?? .info)
        gauge.worseLevel = isWorse ? (gauge.worse == 0 ? level : min(gauge.worseLevel, level)) : .critical
        gauge.worse = isWorse ? gauge.worse + 1 : 0
        gauge.better = gauge.alert != nil && usage < threshold - ResourceWatch.margin ? gauge.better + 1 : 0

        var alert = ResourceAlert(
            resource: resource, level: gauge.worseLevel, usage: usage, threshold: threshold,
            trend: ResourceWatch.trend(gauge.recent), time: now)
        if gauge.worse >= ResourceWatch.looks {
            gauge.worse = 0
            gauge.alert = alert
            return alert
        }
        if gauge.better >= ResourceWatch.looks {
            gauge.better = 0
            gauge.alert = nil
            alert.level = .info
            return alert
        }
        return nil
    }

    /// The newer half of the usages against the older one.
    private static func trend(_ recent: [Double]) -> ResourceAlert.Trend {
        let half: Int = recent.count / 2
        guard half > 0 else { return .stable }
        let difference: Double =
            recent.suffix(half).reduce(0, +) / Double(half) - recent.prefix(half).reduce(0, +) / Double(half)
        return difference > trendMargin ? .increasing : difference < -trendMargin ? .decreasing : .stable
    }
}
