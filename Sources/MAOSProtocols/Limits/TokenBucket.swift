/// A bucket that fills steadily, and from which may be taken at once what it holds.
package struct TokenBucket: LimitMeter {
    /// What a bucket holds, and how fast it fills.
    package struct Limit: Hashable, Sendable {
        /// How much a full bucket holds.
        package var capacity: Double
        /// How much comes back each second.
        package var refillPerSecond: Double

        /// Makes a limit.
        ///
        /// - Parameters:
        ///   - capacity: What may be taken at once; at least 1.
        ///   - refillPerSecond: What may be taken in the long run; above 0.
        package init(capacity: Double, refillPerSecond: Double) {
            precondition(capacity >= 1 && refillPerSecond > 0, "a bucket holds something and fills")
            self.capacity = capacity
            self.refillPerSecond = refillPerSecond
        }
    }

    private var level: Double
    private var updated: Int64

    /// A full bucket.
    package init(_ limit: Limit, at now: Int64) {
        level = limit.capacity
        updated = now
    }

    /// What may still be taken.
    package func remaining(of limit: Limit, at now: Int64) -> Double {
        let elapsed: Double = Double(max(0, now - updated)) / 1_000
        return min(limit.capacity, level + elapsed * limit.refillPerSecond)
    }

    package mutating func check(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision {
        level = remaining(of: limit, at: now)
        updated = max(now, updated)
        let cost = Double(cost)
        if level >= cost { return .allowed }
        let seconds: Double = (min(cost, limit.capacity) - level) / limit.refillPerSecond
        return .limited(retryAfter: max(1, Int(min(seconds.rounded(.up), 1e9))))
    }

    package mutating func take(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision {
        let decision: LimitDecision = check(cost, of: limit, at: now)
        if decision == .allowed { level -= Double(cost) }
        return decision
    }

    package func share(of limit: Limit, at now: Int64) -> Double {
        1 - remaining(of: limit, at: now) / limit.capacity
    }
}
