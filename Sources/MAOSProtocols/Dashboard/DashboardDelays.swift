internal import MAOSCore

/// Whether what happens is told in time: within 50 ms, at the 99th percentile (document 004).
struct DashboardDelays {
    static let target = Milliseconds(50)
    /// How long events are counted before they are judged.
    private static let period = Milliseconds.seconds(10)
    /// So few events say nothing.
    private static let least: Int = 100

    private var began: Instant?
    private var count: Int = 0
    private var late: Int = 0
    private var longest = Milliseconds(0)

    /// Notes how long an event was on its way.
    mutating func note(_ delay: Milliseconds, at now: Instant) {
        if began == nil { began = now }
        count += 1
        if delay > DashboardDelays.target { late += 1 }
        longest = max(longest, delay)
    }

    /// How many events came late, and by how much at most, where there were too many of them; begins anew then and when a
    /// period is over.
    mutating func judge(at now: Instant) -> (late: Int, count: Int, longest: Milliseconds)? {
        guard let began, now - began >= DashboardDelays.period else { return nil }
        defer { self = DashboardDelays() }
        guard count >= DashboardDelays.least, late * 100 > count else { return nil }
        return (late, count, longest)
    }
}
