/// A point in UTC time: whole milliseconds since 1970-01-01T00:00:00Z.
public struct Instant: Hashable, Sendable, Comparable {
    /// Milliseconds since the epoch; negative before it.
    public var milliseconds: Int64

    /// The point in time so many milliseconds after the epoch.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Later than any time the engine is ever given.
    public static let distantFuture = Instant(milliseconds: 253_402_300_799_000)

    /// Earlier comes first.
    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    /// A later point in time; wraps around at the ends of the range.
    public static func + (left: Instant, right: Milliseconds) -> Instant {
        Instant(milliseconds: left.milliseconds &+ right.count)
    }

    /// The time from the right one to the left one; negative when that one is earlier.
    public static func - (left: Instant, right: Instant) -> Milliseconds {
        Milliseconds(left.milliseconds &- right.milliseconds)
    }
}

/// A length of time in whole milliseconds: the resolution of every timer, so that stored and live values are equal.
public struct Milliseconds: Hashable, Sendable, Comparable, ExpressibleByIntegerLiteral {
    /// How many; negative for a time that lies back.
    public var count: Int64

    /// So many milliseconds.
    public init(_ count: Int64) { self.count = count }
    /// So many milliseconds.
    public init(integerLiteral value: Int64) { count = value }

    /// So many seconds; traps beyond 292 million years.
    public static func seconds(_ count: Int64) -> Milliseconds { Milliseconds(count * 1_000) }

    /// Shorter comes first.
    public static func < (left: Milliseconds, right: Milliseconds) -> Bool { left.count < right.count }
}
