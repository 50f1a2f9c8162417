/// Counts what was taken within a stretch of time that ends now.
///
/// The stretch is divided into cells; what was taken counts until the whole of its cell lies behind the stretch, so that no
/// stretch of that length, wherever it begins, ever holds more than the limit. A clock that is set back stops the ageing
/// until it goes on, and gives nothing away.
package struct SlidingWindow: LimitMeter {
    /// How much may be taken in how long.
    package struct Limit: Hashable, Sendable {
        /// What may be taken within the stretch.
        package var count: Int
        /// The length of the stretch in milliseconds.
        package var window: Int64
        /// Parts of the stretch, 1…3600: the more, the sooner something taken is forgotten, up to a part too late.
        package var cells: Int

        /// Makes a limit.
        ///
        /// - Parameters:
        ///   - count: What may be taken within the stretch; at least 1.
        ///   - window: The length of the stretch in milliseconds; at least one for each cell.
        ///   - cells: Parts of the stretch, 1…3600.
        package init(_ count: Int, per window: Int64 = 60_000, cells: Int = 60) {
            precondition(count >= 1, "a limit allows something")
            precondition(1...3_600 ~= cells && window >= Int64(cells), "a cell is at least a millisecond long")
            self.count = count
            self.window = window
            self.cells = cells
        }

        /// Milliseconds of one cell.
        var cellLength: Int64 { window / Int64(cells) }
    }

    /// One more place than the stretch has cells, since it ends within one; empty until something is taken.
    private var counts: [UInt32] = []
    /// The place of the newest cell.
    private var head: Int = 0
    /// The number of the newest cell, counted from the beginning of time.
    private var newest: Int64
    private var total: Int = 0

    /// Nothing was taken yet.
    package init(_ limit: Limit, at now: Int64) {
        newest = now / limit.cellLength
    }

    /// What was taken within the stretch.
    package func count(of limit: Limit, at now: Int64) -> Int {
        var copy: SlidingWindow = self
        copy.advance(limit, to: now)
        return copy.total
    }

    /// When nothing of what counts now will count any more.
    package func end(of limit: Limit, at now: Int64) -> Int64 {
        var copy: SlidingWindow = self
        copy.advance(limit, to: now)
        guard copy.total > 0 else { return now }
        let age: Int = copy.counts.indices.first { copy.counts[copy.place(age: $0)] > 0 } ?? 0
        return copy.forgotten(age: age, limit)
    }

    package mutating func check(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision {
        advance(limit, to: now)
        var missing: Int = total + min(cost, limit.count) - limit.count
        if missing <= 0, cost <= limit.count { return .allowed }
        // The oldest go first.
        var last: Int64 = now
        for age: Int in counts.indices.reversed() where missing > 0 {
            let taken = Int(counts[place(age: age)])
            guard taken > 0 else { continue }
            missing -= taken
            last = forgotten(age: age, limit)
        }
        return .limited(retryAfter: max(1, Int((last - now + 999) / 1_000)))
    }

    package mutating func take(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision {
        let decision: LimitDecision = check(cost, of: limit, at: now)
        guard decision == .allowed else { return decision }
        if counts.isEmpty { counts = [UInt32](repeating: 0, count: limit.cells + 1) }
        counts[head] += UInt32(cost)
        total += cost
        return .allowed
    }

    package func share(of limit: Limit, at now: Int64) -> Double {
        min(1, Double(count(of: limit, at: now)) / Double(limit.count))
    }

    private func place(age: Int) -> Int {
        let place: Int = head - age
        return place >= 0 ? place : place + counts.count
    }

    /// When what was taken so many cells ago counts no more.
    private func forgotten(age: Int, _ limit: Limit) -> Int64 {
        (newest - Int64(age) + Int64(limit.cells) + 1) * limit.cellLength
    }

    private mutating func advance(_ limit: Limit, to now: Int64) {
        let cell: Int64 = now / limit.cellLength
        defer { newest = cell }
        guard !counts.isEmpty else { return }
        guard counts.count == limit.cells + 1 else { return divideAnew(limit) }
        guard cell > newest else { return }
        let steps = Int(min(cell - newest, Int64(counts.count)))
        for _ in 0..<steps {
            head = head + 1 < counts.count ? head + 1 : 0
            total -= Int(counts[head])
            counts[head] = 0
        }
    }

    /// Goes on with another number of cells: all that counted counts as if it were taken now.
    private mutating func divideAnew(_ limit: Limit) {
        counts = [UInt32](repeating: 0, count: limit.cells + 1)
        head = 0
        counts[head] = UInt32(clamping: total)
    }
}
