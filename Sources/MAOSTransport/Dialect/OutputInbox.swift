package import MAOSCore
package import MAOSProtocols
internal import MAOSSystem

/// Stored output on its way from the store's thread to a loop.
///
/// While the loop is busy no more waits than ``byteLimit``: what comes then is let go of, and of each log it is only noted which
/// entries that were. They are read from the log, at the pace of whoever wants them.
package final class OutputInbox: Sendable {
    /// What a loop is handed: first the batches, then what came after them.
    package struct Delivery: Sendable {
        /// As the store told of them.
        package var batches: [[OutputEntry]] = []
        /// What was let go of, by log.
        package var gaps: [OutputGap] = []
    }

    private struct State {
        var delivery = Delivery()
        var bytes: Int = 0
        /// Where ``Delivery/gaps`` has each log.
        var places: [OutputOwner: Int] = [:]
        /// Whether the loop knows that there is something.
        var isAnnounced = false
    }

    /// Bytes that wait at most, when there is more than one batch.
    package static let byteLimit: Int = 4 << 20

    private let state = Locked(State())

    /// Makes an empty one.
    package init() {}

    /// Adds a batch, or notes that there was one.
    ///
    /// - Returns: Whether the loop has to be told to come for it.
    package func add(_ entries: [OutputEntry]) -> Bool {
        let bytes: Int = OutputInbox.bytes(of: entries)
        return state.withLock { (state: inout State) in
            // What comes after a gap is part of it, so that the order is kept.
            if state.delivery.gaps.isEmpty, state.bytes == 0 || state.bytes + bytes <= OutputInbox.byteLimit {
                state.delivery.batches.append(entries)
                state.bytes += bytes
            } else {
                for entry: OutputEntry in entries { note(entry, in: &state) }
            }
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
    }

    /// What there is, for the loop.
    package func take() -> Delivery {
        state.withLock { (state: inout State) in
            defer { state = State() }
            return state.delivery
        }
    }

    private func note(_ entry: OutputEntry, in state: inout State) {
        if let place: Int = state.places[entry.owner] {
            state.delivery.gaps[place].add(entry)
        } else {
            state.places[entry.owner] = state.delivery.gaps.count
            state.delivery.gaps.append(OutputGap(entry))
        }
    }

    /// How much memory a batch holds: the entries of a task stand in its agent's log once more, with the same bytes.
    private static func bytes(of entries: [OutputEntry]) -> Int {
        var (tasks, agents): (Int, Int) = (0, 0)
        for entry: OutputEntry in entries {
            switch entry.owner {
            case .task: tasks += entry.data.count
            case .agent: agents += entry.data.count
            }
        }
        return max(tasks, agents)
    }
}
