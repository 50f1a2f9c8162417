package import MAOSCore
import Synchronization

/// A clock that stands still until it is told to go on.
package final class ManualTimeSource: TimeSource {
    private struct State {
        var now: Instant
        var wakes: [(due: Instant, body: @Sendable () -> Void)] = []
        var requested: Int = 0
    }

    private let state: Mutex<State>

    /// A clock that shows this time.
    package init(_ now: Instant = Instant(milliseconds: 1_700_000_000_000)) { state = Mutex(State(now: now)) }

    package func now() -> Instant { state.withLock { $0.now } }

    package func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {
        state.withLock { (state: inout State) in
            state.requested += 1
            state.wakes.append((instant, body))
        }
    }

    /// Wakes that have been asked for and have not come.
    package var pendingWakes: [Instant] { state.withLock { $0.wakes.map(\.due).sorted() } }

    /// All wakes that were ever asked for.
    package var requestedWakes: Int { state.withLock { $0.requested } }

    /// Shows another time, be it earlier, and wakes nobody.
    package func set(_ now: Instant) { state.withLock { $0.now = now } }

    /// Goes on, and wakes whoever is due; on the caller's thread, in order of time.
    package func advance(by time: Milliseconds) {
        let end: Instant = now() + time
        while let body: @Sendable () -> Void = next(until: end) { body() }
        state.withLock { $0.now = max($0.now, end) }
    }

    private func next(until end: Instant) -> (@Sendable () -> Void)? {
        state.withLock { (state: inout State) in
            let due: [Int] = state.wakes.indices.filter { state.wakes[$0].due <= end }
            guard let first: Int = due.min(by: { state.wakes[$0].due < state.wakes[$1].due }) else { return nil }
            let wake: (due: Instant, body: @Sendable () -> Void) = state.wakes.remove(at: first)
            state.now = max(state.now, wake.due)
            return wake.body
        }
    }
}
