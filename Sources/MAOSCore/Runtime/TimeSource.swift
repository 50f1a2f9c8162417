/// The clock, as a port: the engine itself never reads one.
public protocol TimeSource: AnyObject, Sendable {
    /// UTC now.
    func now() -> Instant

    /// Calls `body` once, at or soon after `instant`, on any thread.
    func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void)
}
