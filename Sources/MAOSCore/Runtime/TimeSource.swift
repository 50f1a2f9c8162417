/// The clock, as a port: the engine itself never reads one.
public protocol TimeSource: AnyObject, Sendable {
    /// UTC now.
    func now() -> Instant

    /// Calls `body` once, at or soon after `instant`, on any thread.
    func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void)
}

/// A clock for embedding programs: reads the time through a function, and wakes with Swift's own timers.
public final class FunctionTimeSource: TimeSource {
    private let read: @Sendable () -> Double

    /// Takes what reads UTC in seconds since 1970, for example `{ Date().timeIntervalSince1970 }`.
    public init(secondsSince1970 read: @escaping @Sendable () -> Double) { self.read = read }

    /// UTC now, to the millisecond.
    public func now() -> Instant { Instant(milliseconds: Int64(read() * 1_000)) }

    /// Calls `body` once, at or soon after `instant`, on a thread of Swift's pool.
    public func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {
        let wait: Int64 = max(0, (instant - now()).count)
        Task.detached {
            try? await Task.sleep(for: .milliseconds(wait))
            body()
        }
    }
}
