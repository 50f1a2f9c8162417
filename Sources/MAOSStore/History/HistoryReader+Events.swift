internal import MAOSCore

/// Stretches of the history.
extension HistoryReader {
    /// Events that one call looks at, wanted or not.
    private static let eventsPerCall = 20_000
    /// Bytes of events in one page, roughly; it has one event at least.
    private static let bytesPerPage = 4 << 20

    func events(from sequence: UInt64, limit: Int, types: Set<String>) throws -> EventPage {
        let filter = EventTypeFilter(types: types)
        let oldest: UInt64 = try oldestSequence()
        // Sequence numbers that SQLite cannot hold are past the end of every history.
        var page = EventPage(events: [], nextSequence: max(1, sequence), oldestSequence: oldest)
        guard let start = Int64(exactly: sequence) else { return page }
        try eventBatches.bind(start, at: 1)
        defer { eventBatches.reset() }
        var seen = 0
        var bytes = 0
        while page.events.count < limit, seen < HistoryReader.eventsPerCall, bytes < HistoryReader.bytesPerPage,
            try eventBatches.step()
        {
            var block = try EventBlockReader(
                eventBatches.blob(2)[...], firstSequence: UInt64(eventBatches.int64(0)),
                time: Instant(milliseconds: eventBatches.int64(1)))
            while !block.isAtEnd, block.nextSequence < sequence { try block.skip() }
            while !block.isAtEnd, page.events.count < limit, bytes < HistoryReader.bytesPerPage {
                seen += 1
                if let stored: StoredEvent = try block.next(filter) {
                    let event: Event = try complete(stored)
                    bytes += event.weight
                    page.events.append(event)
                }
                page.nextSequence = block.nextSequence
            }
        }
        return page
    }

    private func oldestSequence() throws -> UInt64 {
        defer { oldestEvent.reset() }
        return try oldestEvent.step() ? UInt64(oldestEvent.int64(0)) : 0
    }

    /// Gives the event of a task's creation its record back, which is kept with the task.
    private func complete(_ stored: StoredEvent) throws -> Event {
        guard let number: UInt64 = stored.createdNumber, case .task(var event) = stored.event.body else {
            return stored.event
        }
        guard var task: TaskRecord = try queries.task(number: Int64(number)) else { return stored.event }
        task.state = event.state
        event.created = task
        return Event(sequence: stored.event.sequence, time: stored.event.time, body: .task(event))
    }
}
