/// The parts of the server that measured values are about.
package enum MetricComponent: String, Sendable, CaseIterable {
    case orchestration
    case execution
    case communication
    case storage
    case agents
    case transport
    case journal
}

/// A name and a value that tell a series from others of its name.
package struct MetricLabel: Sendable, Hashable {
    /// A word of lower-case letters and `_`.
    package var name: String
    /// Any text.
    package var value: String

    /// A label.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// One value that is measured again and again.
package struct MetricSeries: Sendable, Hashable {
    /// How it behaves over time.
    package enum Kind: String, Sendable {
        /// Only grows.
        case counter
        case gauge
        /// How long things took.
        case histogram
    }

    /// Begins with `maos_`.
    package var name: String
    /// How it behaves over time.
    package var kind: Kind
    /// What it is about, beside its component; in order of their names.
    package var labels: [MetricLabel]
    /// The part of the server that it is about.
    package var component: MetricComponent
    /// What it means, in a sentence without a full stop.
    package var summary: String

    /// Describes a series.
    package init(
        _ name: String, _ kind: Kind, of component: MetricComponent, labels: [MetricLabel] = [], _ summary: String
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.component = component
        self.summary = summary
    }

    /// The name with the labels, as `maos_tasks{status="queued"}`.
    package var key: String {
        guard !labels.isEmpty else { return name }
        return name + "{" + labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",") + "}"
    }
}

/// What a series is worth at the moment.
package enum MetricValue: Sendable, Hashable {
    case number(Double)
    case distribution(MetricDistribution)
    /// Cannot be known now.
    case unknown
}

/// Where a component's performance is read from; by the place of a series on the board.
package struct ComponentPerformance: Sendable, Hashable {
    /// Counters of what it did, failures included.
    package var operations: [Int] = []
    /// Counters of what it failed to do.
    package var failures: [Int] = []
    /// A histogram of how long it took.
    package var durations: Int?
    /// A gauge from 0, not to be had, to 1.
    package var availability: Int?

    /// Nothing is known.
    package init() {}
}
