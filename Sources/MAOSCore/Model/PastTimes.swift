/// The times of a schedule that have come, so that none comes a second time after the clock has been set back.
///
/// Times at even intervals take one row together, however many they are. Of the others the oldest are forgotten.
package struct PastTimes: Hashable, Sendable {
    /// Times at even intervals.
    struct Row: Hashable, Sendable {
        var first: Instant
        /// More than 0 where there are several.
        var step: Milliseconds = 0
        /// 1 or more.
        var count: Int64 = 1

        /// The last of them.
        var last: Instant { first + Milliseconds(step.count * (count - 1)) }

        func contains(_ time: Instant) -> Bool {
            guard time >= first, time <= last else { return false }
            return count == 1 || (time - first).count % step.count == 0
        }

        /// Takes a time in that follows as the others do; false where it does not.
        mutating func append(_ time: Instant) -> Bool {
            let distance: Milliseconds = time - last
            guard distance > 0, count == 1 || distance == step else { return false }
            step = distance
            count += 1
            return true
        }
    }

    /// How many rows are kept, so that at least so many of the newest times are known.
    static let limit: Int = 32

    /// In the order in which they came, the newest last.
    private(set) var rows: [Row] = []

    /// No time has come yet.
    package init() {}

    /// Puts together what has been stored.
    init(rows: [Row]) { self.rows = rows }

    /// Notes that a time has come.
    package mutating func note(_ time: Instant) {
        if let newest: Int = rows.indices.last, rows[newest].append(time) { return }
        rows.append(Row(first: time))
        if rows.count > PastTimes.limit { rows.removeFirst() }
    }

    /// The last of the times at even intervals among which a time has come; `nil` for one that has not.
    func end(ofRowWith time: Instant) -> Instant? { rows.last { $0.contains(time) }?.last }

    /// Whether a time has come.
    package func contains(_ time: Instant) -> Bool { end(ofRowWith: time) != nil }
}
