internal import MAOSCore
internal import Synchronization

/// Notices when a part of the server fares better or worse; one for all loops, so that each change is found once.
package final class HiveModules: Sendable {
    /// A change.
    struct Change: Sendable, Hashable {
        /// 0 for the first.
        var number: UInt64
        var module: String
        var old: HealthStatus
        var new: HealthStatus
        var reason: String
        var time: Instant
    }

    private struct State {
        var known: [String: HealthStatus] = [:]
        /// The newest changes, oldest first.
        var changes: [Change] = []
        var next: UInt64 = 0
    }

    /// Changes that are kept for loops that have not heard of them.
    private static let limit: Int = 64

    private let state = Mutex(State())

    package init() {}

    /// The number of the change that comes next.
    var next: UInt64 { state.withLock { $0.next } }

    /// Takes a look.
    ///
    /// - Parameters:
    ///   - components: How every part fares.
    ///   - cursor: The first change that the caller has not heard of; moved on.
    ///   - now: The time.
    /// - Returns: What the caller has not heard of, oldest first.
    func look(at components: [HealthComponent], from cursor: inout UInt64, at now: Instant) -> [Change] {
        state.withLock { (state: inout State) in
            for component: HealthComponent in components {
                guard let old: HealthStatus = state.known.updateValue(component.status, forKey: component.name),
                    HiveVocabulary.name(of: old) != HiveVocabulary.name(of: component.status)
                else { continue }
                let isBetter: Bool = component.status < old
                state.changes.append(
                    Change(
                        number: state.next, module: component.name, old: old, new: component.status,
                        reason: component.message ?? (isBetter ? "recovered" : "health check failed"), time: now))
                state.next += 1
            }
            if state.changes.count > HiveModules.limit {
                state.changes.removeFirst(state.changes.count - HiveModules.limit)
            }
            defer { cursor = state.next }
            let start: UInt64 = cursor
            return start == state.next ? [] : state.changes.filter { $0.number >= start }
        }
    }
}
