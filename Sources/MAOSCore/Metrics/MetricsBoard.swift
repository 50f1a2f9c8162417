internal import Synchronization

/// Every series of the server, what each is worth now, and what it was worth before.
///
/// It is set up once, before it is shared. Reading asks the sources, which are counters and other things that any thread may
/// look at without waiting.
package final class MetricsBoard: Sendable {
    /// Sets a board up.
    package struct Builder {
        fileprivate var series: [MetricSeries] = []
        fileprivate var sources: [@Sendable () -> MetricValue] = []
        fileprivate var performance: [MetricComponent: ComponentPerformance] = [:]

        /// An empty board.
        package init() {}

        /// Adds a series; gives its place.
        @discardableResult
        package mutating func add(_ series: MetricSeries, _ source: @escaping @Sendable () -> MetricValue) -> Int {
            self.series.append(series)
            sources.append(source)
            return sources.count - 1
        }

        /// Says where a component's performance is read from.
        package mutating func describe(_ component: MetricComponent, _ performance: ComponentPerformance) {
            self.performance[component] = performance
        }
    }

    /// The series, in their places.
    package let series: [MetricSeries]
    /// Where each component's performance is read from.
    package let performance: [MetricComponent: ComponentPerformance]
    private let sources: [@Sendable () -> MetricValue]
    /// The first column of each series in samples.
    private let columns: [Int]
    private let history = Mutex(MetricHistory())

    /// A board that is set up.
    package init(_ builder: Builder) {
        series = builder.series
        sources = builder.sources
        performance = builder.performance
        var columns: [Int] = []
        var next: Int = 0
        for one: MetricSeries in builder.series {
            columns.append(next)
            next += one.kind == .histogram ? 2 : 1
        }
        self.columns = columns
    }

    /// What every series is worth now, in the order of ``series``.
    package func values() -> [MetricValue] { sources.map { $0() } }

    /// Reads all series into the history; to be called once a second.
    package func sample(at now: Instant) {
        var row: [Double] = []
        for (one, value) in zip(series, values()) {
            switch value {
            case .number(let number): row.append(number)
            case .distribution(let distribution): row += [distribution.seconds, Double(distribution.count)]
            case .unknown: row += one.kind == .histogram ? [.nan, .nan] : [.nan]
            }
        }
        history.withLock { $0.append(MetricSample(time: now, columns: row)) }
    }

    /// What was measured since a time, oldest first.
    package func samples(since start: Instant, at now: Instant) -> [MetricSample] {
        history.withLock { $0.samples(since: start, at: now) }
    }

    // MARK: Reading samples

    /// One moment of a series, or of what is worked out of several.
    package struct Point: Sendable, Hashable {
        /// When.
        package var time: Instant
        /// How much.
        package var value: Double

        /// A value at a time.
        package init(time: Instant, value: Double) {
            self.time = time
            self.value = value
        }
    }

    /// A counter's or a gauge's known values; of a histogram, how long things had taken in the mean up to then.
    package func points(of place: Int, in samples: [MetricSample]) -> [Point] {
        let column: Int = columns[place]
        let isHistogram: Bool = series[place].kind == .histogram
        return samples.compactMap { (sample: MetricSample) in
            var value: Double = sample.columns[column]
            if isHistogram { value /= sample.columns[column + 1] }
            return value.isFinite ? Point(time: sample.time, value: value) : nil
        }
    }

    /// What counters added each second in the mean, between each sample and the one before.
    package func rates(of places: [Int], in samples: [MetricSample]) -> [Point] {
        differences(in: samples) { before, after in
            let added: Double = growth(of: places, before, after)
            let seconds = Double((after.time - before.time).count) / 1_000
            return added / seconds
        }
    }

    /// Which part of what some counters added others added, between each sample and the one before; 0 while nothing was.
    package func shares(of failures: [Int], among operations: [Int], in samples: [MetricSample]) -> [Point] {
        differences(in: samples) { before, after in
            let all: Double = growth(of: operations, before, after)
            return all > 0 ? min(1, growth(of: failures, before, after) / all) : (all == 0 ? 0 : .nan)
        }
    }

    /// How many seconds things took in the mean that a histogram noted between a sample and the one before; nothing where it
    /// noted none.
    package func durations(of place: Int, in samples: [MetricSample]) -> [Point] {
        let column: Int = columns[place]
        return differences(in: samples) { before, after in
            let count: Double = after.columns[column + 1] - before.columns[column + 1]
            return count > 0 ? (after.columns[column] - before.columns[column]) / count : .nan
        }
    }

    private func growth(of places: [Int], _ before: MetricSample, _ after: MetricSample) -> Double {
        places.reduce(0) { $0 + after.columns[columns[$1]] - before.columns[columns[$1]] }
    }

    private func differences(
        in samples: [MetricSample], _ body: (MetricSample, MetricSample) -> Double
    ) -> [Point] {
        zip(samples, samples.dropFirst()).compactMap { (before: MetricSample, after: MetricSample) in
            guard after.time > before.time else { return nil }
            let value: Double = body(before, after)
            return value.isFinite ? Point(time: after.time, value: value) : nil
        }
    }
}
