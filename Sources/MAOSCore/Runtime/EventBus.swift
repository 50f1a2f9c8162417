internal import Synchronization

/// The one ordered history, live: tells everybody who listens of each event once, in order, after it is durable.
public final class EventBus: Sendable {
    private struct State {
        /// The newest events as they were published together, oldest first.
        var recent = Deque<Published>()
        /// How many they are.
        var recentCount: Int = 0
        /// Bytes of memory that they take, roughly.
        var recentWeight: Int = 0
        var lastSequence: UInt64
        var sinks: [any EventSink] = []
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter: UInt64 = 0
    }

    private struct Published {
        var events: [Event]
        var weight: Int
    }

    /// Events kept at hand for subscribers that are a little behind.
    private static let recentLimit: Int = 4_096
    /// Bytes that they may take; those that were published last are kept however large they are.
    private static let recentWeightLimit: Int = 32 << 20

    private let state: Mutex<State>
    private let history: (any History)?

    init(lastSequence: UInt64, history: (any History)?) {
        state = Mutex(State(lastSequence: lastSequence))
        self.history = history
    }

    /// Sequence number of the newest event; 0 before the first.
    public var lastSequence: UInt64 { state.withLock { $0.lastSequence } }

    /// Calls a sink with every event from now on.
    ///
    /// - Returns: Sequence number of the newest event that it is not told of.
    @discardableResult
    package func attach(_ sink: any EventSink) -> UInt64 {
        state.withLock { (state: inout State) in
            state.sinks.append(sink)
            return state.lastSequence
        }
    }

    /// Stops calling a sink; events that are on their way may still reach it.
    package func detach(_ sink: any EventSink) {
        state.withLock { (state: inout State) in state.sinks.removeAll { $0 === sink } }
    }

    /// The events from a sequence number on, as far as they are at hand; `nil` when older ones have to be read from the history.
    package func recent(from sequence: UInt64) -> [Event]? {
        state.withLock { (state: inout State) in
            guard sequence <= state.lastSequence else { return [] }
            guard let first: Event = state.recent.first?.events.first, first.sequence <= sequence else { return nil }
            // Whoever follows asks for the newest ones, so the search begins with these.
            var index: Int = state.recent.count - 1
            while index > 0, let start: Event = state.recent[index]?.events.first, start.sequence > sequence {
                index -= 1
            }
            guard let oldest: [Event] = state.recent[index]?.events, let start: Event = oldest.first else { return [] }
            let offset = Int(sequence - start.sequence)
            if index == state.recent.count - 1, offset == 0 { return oldest }
            var events: [Event] = Array(oldest[offset...])
            for later in (index + 1)..<state.recent.count { events += state.recent[later]?.events ?? [] }
            return events
        }
    }

    /// Follows the history from a sequence number on; from the next event when there is none given.
    public func subscribe(from sequence: UInt64? = nil) -> EventSubscription {
        EventSubscription(bus: self, next: max(1, sequence ?? lastSequence + 1))
    }

    func publish(_ events: [Event]) {
        guard let last: Event = events.last else { return }
        let weight: Int = EventBus.weight(of: events)
        let (sinks, waiters) = state.withLock { (state: inout State) in
            state.recent.append(Published(events: events, weight: weight))
            state.recentCount += events.count
            state.recentWeight += weight
            while state.recentCount > EventBus.recentLimit || state.recentWeight > EventBus.recentWeightLimit,
                state.recent.count > 1, let oldest: Published = state.recent.popFirst()
            {
                state.recentCount -= oldest.events.count
                state.recentWeight -= oldest.weight
            }
            state.lastSequence = last.sequence
            defer { state.waiters.removeAll(keepingCapacity: true) }
            return (state.sinks, state.waiters)
        }
        for sink: any EventSink in sinks { sink.receive(events) }
        for waiter in waiters.values { waiter.resume() }
    }

    private static func weight(of events: [Event]) -> Int {
        let span: Span<Event> = events.span
        var weight: Int = 0
        for index in span.indices { weight += span[index].weight }
        return weight
    }

    /// A stretch of events from a sequence number on; waits until there is one, or until the caller's task is cancelled.
    func events(from sequence: UInt64) async throws(JournalError) -> [Event] {
        while !Task.isCancelled {
            guard let events: [Event] = recent(from: sequence) else { return try stored(from: sequence) }
            if !events.isEmpty { return events }
            await waitForEvent(sequence)
        }
        return []
    }

    /// A stretch of older events, from the history.
    private func stored(from sequence: UInt64) throws(JournalError) -> [Event] {
        guard let history else {
            throw .unavailable("The events from \(sequence) on are no longer at hand")
        }
        let page: EventPage = try history.events(from: sequence, limit: 1_000, types: [])
        guard page.events.first?.sequence == sequence else {
            throw .unavailable("The events from \(sequence) on are no longer kept")
        }
        // What is stored may be ahead of what has been published.
        let last: UInt64 = lastSequence
        return page.events.last.map { $0.sequence <= last } == true
            ? page.events : page.events.filter { $0.sequence <= last }
    }

    private func waitForEvent(_ sequence: UInt64) async {
        let number: UInt64 = state.withLock { (state: inout State) in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let isOver: Bool = state.withLock { (state: inout State) in
                    guard state.lastSequence < sequence, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}

/// Hears of events in batches; called on the orchestrator's executor, must return at once.
package protocol EventSink: AnyObject, Sendable {
    func receive(_ events: [Event])
}

/// Events in order, without gaps, at the pace of whoever iterates: what it has not asked for is not kept for it.
public struct EventSubscription: AsyncSequence, Sendable {
    let bus: EventBus
    let next: UInt64

    /// Begins to read; each iterator by itself, from the same event on.
    public func makeAsyncIterator() -> Iterator { Iterator(bus: bus, next: next) }

    /// Reads on from where it is.
    public struct Iterator: AsyncIteratorProtocol {
        let bus: EventBus
        var next: UInt64
        private var page: ArraySlice<Event> = []

        init(bus: EventBus, next: UInt64) {
            self.bus = bus
            self.next = next
        }

        /// The next event; waits for it.
        ///
        /// - Returns: `nil` when the caller's task is cancelled.
        /// - Throws: ``JournalError`` when older events cannot be read.
        public mutating func next() async throws(JournalError) -> Event? {
            if page.isEmpty { page = try await bus.events(from: next)[...] }
            guard let event: Event = page.popFirst() else { return nil }
            next = event.sequence + 1
            return event
        }
    }
}
