import Dispatch
package import MAOSCore
import MAOSSystem

/// The host's clock.
package final class HostClock: TimeSource {
    /// Makes one.
    package init() {}

    /// UTC now.
    package func now() -> Instant { Instant(milliseconds: SystemClock.wallMilliseconds()) }

    /// Calls a body once at, or soon after, an instant.
    package func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {
        let wait: Int = max(0, Int((instant - now()).count))
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(wait), execute: body)
    }
}
