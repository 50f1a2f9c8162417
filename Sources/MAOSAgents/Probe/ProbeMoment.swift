package import MAOSCore
internal import MAOSSystem

/// When a look is taken, by both clocks.
package struct ProbeMoment: Sendable, Hashable {
    /// For people.
    package let time: Instant
    /// For differences: nanoseconds that never run back.
    package let nanoseconds: Int64

    /// A moment of both clocks.
    package init(time: Instant, nanoseconds: Int64) {
        self.time = time
        self.nanoseconds = nanoseconds
    }

    /// This moment.
    package static func now(_ time: Instant) -> ProbeMoment {
        ProbeMoment(time: time, nanoseconds: SystemClock.monotonicNanoseconds())
    }

    /// Seconds since an earlier moment; nil when it is not earlier.
    func seconds(since earlier: ProbeMoment?) -> Double? {
        guard let earlier, nanoseconds > earlier.nanoseconds else { return nil }
        return Double(nanoseconds - earlier.nanoseconds) / 1e9
    }
}
