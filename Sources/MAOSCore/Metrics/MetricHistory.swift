/// The values of all series at one moment.
package struct MetricSample: Sendable, Hashable {
    /// When they were read.
    package var time: Instant
    /// A column a series, two for a histogram: seconds in all, and how many; not a number where it was not known.
    package var columns: [Double]

    /// Puts a sample together.
    package init(time: Instant, columns: [Double]) {
        self.time = time
        self.columns = columns
    }
}

/// What was measured lately: each second of the last ten minutes, and each minute of the last day.
package struct MetricHistory: Sendable {
    /// Samples of seconds that are kept.
    package static let secondLimit: Int = 600
    /// Samples of minutes that are kept.
    package static let minuteLimit: Int = 1_440

    private var seconds = Deque<MetricSample>()
    private var minutes = Deque<MetricSample>()
    private var newest: MetricSample?

    /// Nothing measured yet.
    package init() {}

    /// Adds a sample; one for each second or so.
    ///
    /// When the clock has been set back, what was measured later than now is forgotten.
    package mutating func append(_ sample: MetricSample) {
        if let newest, newest.time >= sample.time { forget(from: sample.time) }
        newest = sample
        seconds.append(sample)
        if seconds.count > MetricHistory.secondLimit { _ = seconds.popFirst() }
        let last: Instant? = minutes.count > 0 ? minutes[minutes.count - 1]?.time : nil
        // A turn that came a little late must not move all that follow.
        guard last.map({ (sample.time - $0).count >= 59_500 }) ?? true else { return }
        minutes.append(sample)
        if minutes.count > MetricHistory.minuteLimit { _ = minutes.popFirst() }
    }

    private mutating func forget(from time: Instant) {
        for ring: WritableKeyPath<MetricHistory, Deque<MetricSample>> in [\.seconds, \.minutes] {
            var kept = Deque<MetricSample>()
            while let sample: MetricSample = self[keyPath: ring].popFirst(), sample.time < time { kept.append(sample) }
            self[keyPath: ring] = kept
        }
    }

    /// The samples since a time, oldest first: seconds if there are all of them, else minutes and the newest second.
    package func samples(since start: Instant, at now: Instant) -> [MetricSample] {
        guard (now - start).count > Int64(MetricHistory.secondLimit) * 1_000 else {
            return MetricHistory.samples(of: seconds, since: start)
        }
        var found: [MetricSample] = MetricHistory.samples(of: minutes, since: start)
        if let newest, newest.time >= start, found.last?.time != newest.time { found.append(newest) }
        return found
    }

    private static func samples(of ring: Deque<MetricSample>, since start: Instant) -> [MetricSample] {
        var found: [MetricSample] = []
        found.reserveCapacity(ring.count)
        for offset in 0..<ring.count {
            if let sample: MetricSample = ring[offset], sample.time >= start { found.append(sample) }
        }
        return found
    }
}
