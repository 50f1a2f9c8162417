package import MAOSCore
internal import Synchronization

/// Knows where the newest log entries are, without holding what was printed.
///
/// Of the output of tasks it remembers which stored piece has how many lines; what it is asked for is read from the store.
/// What the orchestrator and the server say is kept as it is. Both are bounded: the oldest are forgotten, of which the logs
/// of single tasks still tell.
package final class LogIndex: Sendable {
    /// What it remembers.
    enum Item: Sendable {
        /// A stored piece of a task's output.
        case output(TaskID, sequence: UInt64, stream: OutputStream, time: Instant, lines: (count: Int, isExact: Bool))
        /// What happened to a task; made an entry when it is looked at.
        case happening(TaskHappening)
        case entry(LogEntry)

        var time: Instant {
            switch self {
            case .output(_, _, _, let time, _): time
            case .happening(let happening): happening.time
            case .entry(let entry): entry.time
            }
        }

        var level: LogLevel {
            switch self {
            case .output(_, _, let stream, _, _): LogEntry.level(of: stream)
            case .happening(let happening): happening.level
            case .entry(let entry): entry.level
            }
        }

        var agent: String {
            switch self {
            case .output(let task, _, _, _, _): task.rawValue
            case .happening(let happening): happening.task.rawValue
            case .entry(let entry): entry.agent
            }
        }

        var lines: Int {
            switch self {
            case .output(_, _, _, _, let lines): lines.count
            case .entry, .happening: 1
            }
        }
    }

    private struct Slot: Sendable {
        var item: Item
        /// Which one it was, of all that were added; from 1.
        var number: UInt64
    }

    private struct State {
        /// A ring in the order of time, as far as items do not come too late for that.
        var slots: [Slot] = []
        /// The place of the oldest item, once there are as many as there may be.
        var head: Int = 0
        /// Items that were ever added.
        var added: UInt64 = 0
        var summary = LogSummary()
        /// The newest event that an entry was made of.
        var lastEvent: UInt64 = 0
    }

    private let state = Mutex(State())
    private let limit: Int

    /// Pieces and entries that are remembered at most.
    package var capacity: Int { limit }

    /// Makes an empty index.
    ///
    /// - Parameter limit: Pieces and entries that are remembered.
    package init(limit: Int = 32_768) {
        precondition(limit > 0, "an index has room")
        self.limit = limit
    }

    /// Adds what the server says.
    package func add(_ entries: [LogEntry]) {
        state.withLock { (state: inout State) in
            for entry: LogEntry in entries { add(.entry(entry), to: &state) }
        }
    }

    /// How many pieces and entries were ever added; where ``entries(after:)`` goes on.
    package var position: UInt64 { state.withLock { $0.added } }

    /// What the orchestrator and the server have said since a position, without what was printed, and where to go on.
    ///
    /// - Parameters:
    ///   - position: What was said up to there is left out.
    ///   - end: What was said later than that, too.
    /// - Returns: The entries, and the position that they reach up to.
    package func entries(
        after position: UInt64, upTo end: UInt64 = .max
    ) -> (entries: [LogEntry], position: UInt64) {
        state.withLock { (state: inout State) in
            let count: Int = state.slots.count
            let end: UInt64 = min(end, state.added)
            let wanted = Int(min(state.added - min(position, state.added), UInt64(count)))
            guard wanted > 0, position < end else { return ([], end) }
            var entries: [LogEntry] = []
            // What came late stands among what was there before it.
            for offset in max(0, count - wanted - LogIndex.reach)..<count {
                let slot: Slot = state.slots[(state.head + offset) % count]
                guard slot.number > position, slot.number <= end else { continue }
                switch slot.item {
                case .entry(let entry): entries.append(entry)
                case .happening(let happening): entries.append(LogEntry(happening))
                case .output: break
                }
            }
            return (entries, end)
        }
    }

    private func add(_ item: Item, to state: inout State) {
        state.added += 1
        state.summary.add(item.lines, of: item.level)
        state.summary.newest = max(item.time, state.summary.newest ?? item.time)
        let slot = Slot(item: item, number: state.added)
        var place: Int
        if state.slots.count < limit {
            place = state.slots.count
            state.slots.append(slot)
        } else {
            place = state.head
            let oldest: Item = state.slots[place].item
            state.summary.add(-oldest.lines, of: oldest.level)
            state.slots[place] = slot
            state.head = (state.head + 1) % limit
        }
        moveToItsTime(from: &place, in: &state)
        state.summary.oldest = state.slots[state.head].item.time
    }

    /// Places that an item may come too late by.
    private static let reach: Int = 1_024
    /// Time that it may come too late by; more than that is a clock that was set back, which begins anew.
    private static let delay: Milliseconds = .seconds(2)

    /// Puts the newest item where its time is: output and events come on ways of their own, so each may overtake the other.
    private func moveToItsTime(from place: inout Int, in state: inout State) {
        let time: Instant = state.slots[place].item.time
        for _ in 0..<LogIndex.reach where place != state.head {
            let earlier: Int = place == 0 ? state.slots.count - 1 : place - 1
            let other: Instant = state.slots[earlier].item.time
            guard other > time, other - time <= LogIndex.delay else { return }
            state.slots.swapAt(earlier, place)
            place = earlier
        }
    }

    /// Bytes of a piece whose lines are counted.
    private static let countedBytes: Int = 4_096

    /// How many lines output has; one that has not ended counts.
    ///
    /// Of a long piece it is the beginning that tells of the rest, so that whoever prints fast is not held up.
    static func lines(in data: [UInt8]) -> (count: Int, isExact: Bool) {
        var count: Int = 0
        let counted: Int = min(data.count, countedBytes)
        let span: Span<UInt8> = data.span
        for index in 0..<counted where span[index] == 0x0A { count &+= 1 }
        guard counted == data.count else { return (max(1, count * data.count / counted), false) }
        return (data.last == 0x0A ? count : count + 1, true)
    }

    /// What a search has to look at, in the order of the query.
    struct Selection {
        var items: [Item] = []
        /// Lines of everything that could match.
        var lines: Int = 0
        /// Whether they were counted to the last.
        var isExact = true
        var summary = LogSummary()
    }

    /// Goes through what is remembered, once, and without reading anything.
    ///
    /// - Parameters:
    ///   - filter: What entries have to be like, as far as that can be seen from here.
    ///   - isAscending: Whether the oldest come first.
    ///   - cursor: Where to go on.
    ///   - limit: Items that are taken at most; the others are only counted.
    /// - Returns: What was found.
    func select(_ filter: LogFilter, isAscending: Bool, from cursor: LogCursor?, limit: Int) -> Selection {
        state.withLock { (state: inout State) in
            var selection = Selection(summary: state.summary)
            let count: Int = state.slots.count
            for step in 0..<count {
                let place: Int = (state.head + (isAscending ? step : count - 1 - step)) % count
                let item: Item = state.slots[place].item
                guard filter.matches(item) else { continue }
                // What tasks have printed is read from their own logs where their names are known.
                if !filter.agents.isEmpty, case .output = item { continue }
                selection.lines += item.lines
                if case .output(_, _, _, _, let lines) = item, !lines.isExact { selection.isExact = false }
                guard selection.items.count < limit, item.time.isAtOrPast(cursor, isAscending: isAscending) else {
                    continue
                }
                selection.items.append(item)
            }
            return selection
        }
    }
}

extension Instant {
    /// Whether an entry of this time can come after a place in a list.
    func isAtOrPast(_ cursor: LogCursor?, isAscending: Bool) -> Bool {
        guard let cursor else { return true }
        if self == cursor.time { return cursor.count != nil }
        return isAscending ? self > cursor.time : self < cursor.time
    }
}

extension LogIndex: OutputObserver {
    package func stored(_ entries: [OutputEntry]) {
        state.withLock { (state: inout State) in
            for entry: OutputEntry in entries {
                // What an agent's log shows of its tasks is in theirs.
                guard case .task(let task) = entry.owner else { continue }
                add(
                    .output(
                        task, sequence: entry.sequence, stream: entry.stream, time: entry.time,
                        lines: LogIndex.lines(in: entry.data)), to: &state)
            }
        }
    }
}

extension LogIndex: EventSink {
    package func receive(_ events: [Event]) {
        state.withLock { (state: inout State) in
            for event: Event in events where event.sequence > state.lastEvent {
                state.lastEvent = event.sequence
                if let happening = TaskHappening(event) { add(.happening(happening), to: &state) }
            }
        }
    }
}
