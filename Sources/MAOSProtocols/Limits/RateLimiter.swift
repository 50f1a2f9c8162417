/// Meters, one per key: who takes faster than the limit allows is told when to come back.
///
/// The table is bounded. A meter that nothing was taken from is as good as none, so those go first; if there are too few
/// of them, those go that are least in use.
package struct RateLimiter<Key: Hashable & Sendable, Meter: LimitMeter>: Sendable {
    /// What the limiter allows; a change counts from the next question on.
    package var limit: Meter.Limit

    private let tableLimit: Int
    private var meters: [Key: Meter] = [:]

    /// Makes a limiter.
    ///
    /// - Parameters:
    ///   - limit: What each key may take.
    ///   - tableLimit: Keys that are remembered at most.
    package init(_ limit: Meter.Limit, tableLimit: Int = 10_000) {
        precondition(tableLimit > 0, "a table has room")
        self.limit = limit
        self.tableLimit = tableLimit
    }

    /// How many keys are remembered.
    package var count: Int { meters.count }

    /// Takes from a key's meter.
    ///
    /// - Parameters:
    ///   - key: Who takes.
    ///   - cost: How much.
    ///   - now: Milliseconds of some clock, the same for all questions.
    /// - Returns: Whether there was enough; if not, nothing is taken.
    package mutating func take(_ key: Key, cost: Int = 1, at now: Int64) -> LimitDecision {
        if let place = meters.index(forKey: key) {
            return meters.values[place].take(cost, of: limit, at: now)
        }
        if meters.count >= tableLimit { makeRoom(at: now) }
        var meter = Meter(limit, at: now)
        let decision: LimitDecision = meter.take(cost, of: limit, at: now)
        meters[key] = meter
        return decision
    }

    /// Says whether there is enough for a key, without taking.
    package mutating func check(_ key: Key, cost: Int = 1, at now: Int64) -> LimitDecision {
        if let place = meters.index(forKey: key) {
            return meters.values[place].check(cost, of: limit, at: now)
        }
        var meter = Meter(limit, at: now)
        return meter.check(cost, of: limit, at: now)
    }

    /// The part of the limit that a key has in use, 0…1.
    package func share(_ key: Key, at now: Int64) -> Double {
        meters[key]?.share(of: limit, at: now) ?? 0
    }

    private mutating func makeRoom(at now: Int64) {
        meters = meters.filter { $0.value.share(of: limit, at: now) > 0 }
        let goal: Int = tableLimit - max(1, tableLimit / 4)
        guard meters.count > goal else { return }
        let byUse: [(key: Key, share: Double)] = meters.map { ($0.key, $0.value.share(of: limit, at: now)) }
            .sorted { $0.share < $1.share }
        for least: (key: Key, share: Double) in byUse.prefix(meters.count - goal) { meters[least.key] = nil }
    }
}
