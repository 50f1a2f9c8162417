/// Counts durations in buckets that are at most 1.6 % wide.
struct LatencyHistogram {
    private static let subBits: Int = 6
    private static let subCount: Int = 1 << subBits

    private var counts = [UInt32](repeating: 0, count: (64 - subBits) * subCount)
    /// Durations counted so far.
    private(set) var count: Int = 0
    /// The longest one, in nanoseconds.
    private(set) var maximum: Int64 = 0

    /// Counts a duration in nanoseconds.
    mutating func add(_ nanoseconds: Int64) {
        counts[LatencyHistogram.bucket(of: UInt64(max(0, nanoseconds)))] += 1
        count += 1
        maximum = max(maximum, nanoseconds)
    }

    /// Forgets everything.
    mutating func removeAll() {
        for index in counts.indices { counts[index] = 0 }
        count = 0
        maximum = 0
    }

    /// The duration in nanoseconds that the given share, 0…1, of all durations does not exceed; 0 when there are none.
    func quantile(_ share: Double) -> Int64 {
        let wanted: Int = max(1, Int((Double(count) * share).rounded(.up)))
        var seen: Int = 0
        for (index, number) in counts.enumerated() {
            seen += Int(number)
            if seen >= wanted { return min(maximum, LatencyHistogram.upperEnd(of: index)) }
        }
        return maximum
    }

    private static func bucket(of value: UInt64) -> Int {
        guard value >= UInt64(subCount) else { return Int(value) }
        let shift: Int = 63 - value.leadingZeroBitCount - subBits
        return (shift + 1) << subBits + Int(value >> UInt64(shift)) - subCount
    }

    private static func upperEnd(of bucket: Int) -> Int64 {
        guard bucket >= subCount else { return Int64(bucket) }
        let shift: Int = bucket >> subBits - 1
        return Int64(bucket & (subCount - 1) + subCount + 1) << Int64(shift) - 1
    }
}
