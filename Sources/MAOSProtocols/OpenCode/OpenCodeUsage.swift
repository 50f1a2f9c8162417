internal import MAOSCore

/// How much the dialect was used lately, in cells of equal length.
struct OpenCodeUsage: Sendable {
    /// What happened in one cell, or in several together.
    struct Counts: Sendable {
        var requests: Int = 0
        var errors: Int = 0
        var refusals: Int = 0
        /// Milliseconds from requests to their answers, all together.
        var duration: Int64 = 0
        var byType: [String: Int] = [:]

        mutating func add(_ other: Counts) {
            requests += other.requests
            errors += other.errors
            refusals += other.refusals
            duration += other.duration
            byType.merge(other.byType) { $0 + $1 }
        }
    }

    private let length: Int64
    private var cells: [(number: Int64, counts: Counts)]

    /// Makes empty cells.
    ///
    /// - Parameters:
    ///   - length: Milliseconds of one cell.
    ///   - count: How many there are; older ones are forgotten.
    init(length: Int64, count: Int) {
        self.length = length
        cells = Array(repeating: (number: -1, counts: Counts()), count: count)
    }

    /// How far back it remembers.
    var reach: Milliseconds { Milliseconds(length * Int64(cells.count)) }

    mutating func change(at now: Instant, _ body: (inout Counts) -> Void) {
        let number: Int64 = now.milliseconds / length
        let place = Int(number % Int64(cells.count))
        if cells[place].number != number { cells[place] = (number, Counts()) }
        body(&cells[place].counts)
    }

    /// What happened within a time that ends now; whole cells.
    func counts(within range: Milliseconds, at now: Instant) -> Counts {
        let last: Int64 = now.milliseconds / length
        let first: Int64 = (now.milliseconds - range.count) / length
        var sum = Counts()
        for cell: (number: Int64, counts: Counts) in cells where cell.number > first && cell.number <= last {
            sum.add(cell.counts)
        }
        return sum
    }
}

/// Connections of a day.
struct OpenCodeConnections: Sendable {
    private(set) var current: Int = 0
    private(set) var peakToday: Int = 0
    private(set) var totalToday: Int = 0
    private var day: Int64 = 0

    mutating func open(at now: Instant) {
        begin(now)
        current += 1
        totalToday += 1
        peakToday = max(peakToday, current)
    }

    mutating func close() { current -= 1 }

    /// A new day begins at midnight in UTC.
    mutating func begin(_ now: Instant) {
        let today: Int64 = now.milliseconds / 86_400_000
        guard today != day else { return }
        (day, peakToday, totalToday) = (today, current, 0)
    }
}
