/// Token buckets, one per key: who takes faster than its bucket fills is told when to come back.
///
/// The table is bounded. A full bucket is as good as none, so full ones go first; if there are too few of them, the
/// fullest go.
package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    /// What a limit allows.
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

    /// The answer to somebody who wants to take.
    package enum Decision: Hashable, Sendable {
        /// There was enough.
        case allowed
        /// There is too little; whole seconds, at least one, until there is enough.
        case limited(retryAfter: Int)
    }

    private struct Bucket {
        var level: Double
        var updated: Int64
    }

    /// What the limiter allows; a change counts from the next question on.
    package var limit: Limit

    private let tableLimit: Int
    private var buckets: [Key: Bucket] = [:]

    /// Makes a limiter.
    ///
    /// - Parameters:
    ///   - limit: What each key may take.
    ///   - tableLimit: Keys that are remembered at most.
    package init(_ limit: Limit, tableLimit: Int = 10_000) {
        precondition(tableLimit > 0, "a table has room")
        self.limit = limit
        self.tableLimit = tableLimit
    }

    /// How many keys are remembered.
    package var count: Int { buckets.count }

    /// Takes from a key's bucket.
    ///
    /// - Parameters:
    ///   - key: Who takes.
    ///   - cost: How much.
    ///   - now: Milliseconds of a clock that does not run back.
    /// - Returns: Whether there was enough; if not, nothing is taken.
    package mutating func take(_ key: Key, cost: Double = 1, at now: Int64) -> Decision {
        guard let place = buckets.index(forKey: key) else {
            if buckets.count >= tableLimit { makeRoom(at: now) }
            var bucket = Bucket(level: limit.capacity, updated: now)
            defer { buckets[key] = bucket }
            return take(cost, from: &bucket)
        }
        var bucket = buckets.values[place]
        bucket.level = level(of: bucket, at: now)
        bucket.updated = max(now, bucket.updated)
        defer { buckets.values[place] = bucket }
        return take(cost, from: &bucket)
    }

    private func take(_ cost: Double, from bucket: inout Bucket) -> Decision {
        guard bucket.level < cost else {
            bucket.level -= cost
            return .allowed
        }
        let seconds = (min(cost, limit.capacity) - bucket.level) / limit.refillPerSecond
        return .limited(retryAfter: max(1, Int(min(seconds.rounded(.up), 1e9))))
    }

    /// What a key may still take.
    package func remaining(_ key: Key, at now: Int64) -> Double {
        buckets[key].map { level(of: $0, at: now) } ?? limit.capacity
    }

    private func level(of bucket: Bucket, at now: Int64) -> Double {
        let elapsed = Double(max(0, now - bucket.updated)) / 1_000
        return min(limit.capacity, bucket.level + elapsed * limit.refillPerSecond)
    }

    private mutating func makeRoom(at now: Int64) {
        buckets = buckets.filter { level(of: $0.value, at: now) < limit.capacity }
        let goal = tableLimit - max(1, tableLimit / 4)
        guard buckets.count > goal else { return }
        let byLevel = buckets.map { (key: $0.key, level: level(of: $0.value, at: now)) }.sorted { $0.level > $1.level }
        for fullest in byLevel.prefix(buckets.count - goal) { buckets[fullest.key] = nil }
    }
}
