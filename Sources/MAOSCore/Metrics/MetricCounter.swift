internal import Synchronization

/// A count that one thread adds to, and that any thread reads.
///
/// There is one for each loop or other thread that counts, so that counting costs no more than an addition; whoever reads
/// adds them up.
package final class MetricCounter: Sendable {
    private let count = Atomic<UInt64>(0)

    /// A count of nothing.
    package init() {}

    /// Adds to the count; from one thread only.
    package func add(_ difference: UInt64 = 1) {
        count.store(count.load(ordering: .relaxed) &+ difference, ordering: .relaxed)
    }

    /// What has been counted.
    package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A value that one thread sets, and that any thread reads.
package final class MetricGauge: Sendable {
    private let current = Atomic<Int>(0)

    /// A gauge at zero.
    package init() {}

    /// What it is set to.
    package var value: Int {
        get { current.load(ordering: .relaxed) }
        set { current.store(newValue, ordering: .relaxed) }
    }
}

/// How long things took, in buckets; one thread adds, any thread reads.
package final class MetricHistogram: Sendable {
    /// The upper ends of the buckets, in nanoseconds; the last bucket, which follows these, has none.
    package static let bounds: [Int64] = [
        10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000,
        1_000_000_000, 3_000_000_000, 10_000_000_000, 30_000_000_000, 100_000_000_000, 300_000_000_000,
        1_000_000_000_000, 3_600_000_000_000, 10_000_000_000_000,
    ]

    private let buckets: [20 of Atomic<UInt64>]
    private let total = Atomic<UInt64>(0)

    /// A histogram of nothing.
    package init() { buckets = InlineArray { _ in Atomic<UInt64>(0) } }

    /// Notes that something took so long; from one thread only.
    package func add(nanoseconds: Int64) {
        let duration: Int64 = max(0, nanoseconds)
        var index: Int = 0
        while index < MetricHistogram.bounds.count, duration > MetricHistogram.bounds[index] { index += 1 }
        buckets[index].store(buckets[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        total.store(total.load(ordering: .relaxed) &+ UInt64(duration), ordering: .relaxed)
    }

    /// What has been noted.
    package var value: MetricDistribution {
        var distribution = MetricDistribution()
        for index in buckets.indices { distribution.buckets[index] = buckets[index].load(ordering: .relaxed) }
        distribution.seconds = Double(total.load(ordering: .relaxed)) / 1_000_000_000
        return distribution
    }
}

/// What a histogram, or several together, have noted.
package struct MetricDistribution: Sendable, Hashable {
    /// How many were in each bucket, and in no earlier one; one more than there are bounds.
    package var buckets = [UInt64](repeating: 0, count: MetricHistogram.bounds.count + 1)
    /// How long all together took.
    package var seconds: Double = 0

    /// Nothing noted.
    package init() {}

    /// How many have been noted.
    package var count: UInt64 { buckets.reduce(0, &+) }

    /// Adds what another has noted.
    package mutating func add(_ other: MetricDistribution) {
        for index in buckets.indices { buckets[index] &+= other.buckets[index] }
        seconds += other.seconds
    }
}
