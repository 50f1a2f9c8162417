internal import MAOSCore

/// A question about log entries that may have to read output: bounded, whatever there is.
package struct LogSearch: Sendable, Hashable {
    private let index: LogIndex
    private let query: LogQuery

    /// Pieces of output that one search reads.
    private static let pieceLimit: Int = 2_000
    /// Bytes of output that one search reads.
    private static let byteLimit: Int = 16 << 20
    /// Pieces that are read together from a task's own log.
    private static let blockLength: UInt64 = 64

    /// Asks an index.
    package init(_ query: LogQuery, of index: LogIndex) {
        self.query = query
        self.index = index
    }

    /// Two searches of the same index for the same are equal.
    package static func == (left: LogSearch, right: LogSearch) -> Bool {
        left.index === right.index && left.query == right.query
    }

    /// By what is searched for.
    package func hash(into hasher: inout Hasher) { hasher.combine(query) }

    /// Finds a page; may block on the disk.
    func perform(output: any OutputStore) throws(JournalError) -> LogPage {
        let filter: LogFilter = query.filter
        let selection: LogIndex.Selection = index.select(
            filter, isAscending: query.isAscending, from: query.cursor, limit: LogSearch.pieceLimit)
        var page = LogPage()
        page.summary = selection.summary
        var budget: Int = LogSearch.byteLimit
        var reader = PieceReader(output: output)
        var found: [LogEntry] = []
        // With names, each task's own log tells, which also knows what the index has forgotten.
        for name: String in filter.agents {
            guard let task = TaskID(name) else { continue }
            found += try lines(of: task, &reader, budget: &budget)
        }
        var isComplete: Bool = budget > 0
        for item: LogIndex.Item in selection.items {
            switch item {
            case .entry(let entry):
                if filter.matches(entry) { found.append(entry) }
            case .happening(let happening):
                let entry = LogEntry(happening)
                if filter.matches(entry) { found.append(entry) }
            case .output(let task, let sequence, _, _, _):
                if !filter.agents.isEmpty { continue }
                // Enough is there, and the rest can be counted without reading.
                if !filter.looksAtText, found.count > query.limit + (query.cursor?.count ?? 0) { continue }
                guard budget > 0 else {
                    isComplete = false
                    continue
                }
                found += try reader.lines(task, sequence, isAscending: query.isAscending, budget: &budget)
                    .filter { filter.matches($0) }
            }
        }
        if selection.items.count == LogSearch.pieceLimit, filter.looksAtText { isComplete = false }
        if !filter.agents.isEmpty {
            let isAscending: Bool = query.isAscending
            found.sortStably { isAscending ? $0.time < $1.time : $0.time > $1.time }
        }
        let countsLines: Bool = !filter.looksAtText && filter.agents.isEmpty
        page.filteredCount = countsLines ? selection.lines : found.count
        page.isFilteredCountExact = countsLines ? selection.isExact : isComplete
        cut(found, into: &page, isComplete: isComplete)
        return page
    }

    /// Takes the page out of what was found, which begins at or before the cursor.
    private func cut(_ found: [LogEntry], into page: inout LogPage, isComplete: Bool) {
        var start: Int = 0
        if let cursor: LogCursor = query.cursor {
            var skipped: Int = 0
            start =
                found.firstIndex { (entry: LogEntry) in
                    guard entry.time.isAtOrPast(cursor, isAscending: query.isAscending) else { return false }
                    guard entry.time == cursor.time, let count: Int = cursor.count, skipped < count else { return true }
                    skipped += 1
                    return false
                } ?? found.count
        }
        page.entries = Array(found.dropFirst(start).prefix(query.limit))
        guard let last: LogEntry = page.entries.last, start + page.entries.count < found.count || !isComplete else {
            return
        }
        // Those of the same time that this page and those before it have had.
        var count: Int = page.entries.reversed().prefix { $0.time == last.time }.count
        if count == page.entries.count, query.cursor?.time == last.time { count += query.cursor?.count ?? 0 }
        let isWhole: Bool =
            start + page.entries.count >= found.count || found[start + page.entries.count].time != last.time
        page.next = LogCursor(time: last.time, count: isWhole ? nil : count)
    }

    /// The lines of a task's log that match, as far as the budget reaches, from the end that comes first.
    private func lines(
        of task: TaskID, _ reader: inout PieceReader, budget: inout Int
    ) throws(JournalError) -> [LogEntry] {
        guard let range: ClosedRange<UInt64> = try reader.range(of: task) else { return [] }
        var found: [LogEntry] = []
        var low: UInt64 = range.lowerBound
        var high: UInt64 = range.upperBound
        while low <= high, budget > 0 {
            let start: UInt64
            if query.isAscending {
                start = low
                low += LogSearch.blockLength
            } else {
                start = max(low, high >= LogSearch.blockLength ? high - LogSearch.blockLength + 1 : low)
            }
            let end: UInt64 = query.isAscending ? min(high, low - 1) : high
            var block: [LogEntry] = []
            for entry: OutputEntry in try reader.block(task, start...end) {
                budget -= entry.data.count
                block += LogEntry.lines(of: entry).filter { query.filter.matches($0) }
            }
            found += query.isAscending ? block : block.reversed()
            if !query.isAscending {
                guard start > low else { break }
                high = start - 1
            }
        }
        return found
    }
}

/// Reads pieces of output, several together where they stand together.
private struct PieceReader {
    let output: any OutputStore
    /// Pieces that were read with another one.
    private var ahead: [OutputEntry] = []

    init(output: any OutputStore) { self.output = output }

    /// The pieces that a task's log has; `nil` for none.
    func range(of task: TaskID) throws(JournalError) -> ClosedRange<UInt64>? {
        let page: OutputPage = try output.read(.task(task), from: 1, limit: 1, byteLimit: 1)
        guard page.firstSequence > 0, page.firstSequence <= page.lastSequence else { return nil }
        return page.firstSequence...page.lastSequence
    }

    /// Pieces of a task's log.
    func block(_ task: TaskID, _ range: ClosedRange<UInt64>) throws(JournalError) -> [OutputEntry] {
        var entries: [OutputEntry] = []
        var next: UInt64 = range.lowerBound
        while next <= range.upperBound {
            let page: OutputPage = try output.read(
                .task(task), from: next, limit: Int(range.upperBound - next) + 1, byteLimit: 4 << 20)
            entries += page.entries.filter { range.contains($0.sequence) }
            guard page.nextSequence > next else { break }
            next = page.nextSequence
        }
        return entries
    }

    /// The lines of one piece, in the order of the list; none if it is no longer kept.
    mutating func lines(
        _ task: TaskID, _ sequence: UInt64, isAscending: Bool, budget: inout Int
    ) throws(JournalError) -> [LogEntry] {
        if let known: Int = ahead.firstIndex(where: { $0.owner == .task(task) && $0.sequence == sequence }) {
            return PieceReader.lines(of: ahead[known], isAscending)
        }
        // Neighbours are asked for next.
        let start: UInt64 = isAscending ? sequence : (sequence > 15 ? sequence - 15 : 1)
        let page: OutputPage = try output.read(
            .task(task), from: start, limit: isAscending ? 16 : Int(sequence - start) + 1, byteLimit: 1 << 20)
        ahead = page.entries
        if !ahead.contains(where: { $0.sequence == sequence }) {
            // So much stands before it that it was not reached.
            ahead = try output.read(.task(task), from: sequence, limit: 1, byteLimit: 1).entries
        }
        budget -= ahead.reduce(0) { $0 + $1.data.count }
        guard let entry: OutputEntry = ahead.first(where: { $0.sequence == sequence }) else { return [] }
        return PieceReader.lines(of: entry, isAscending)
    }

    private static func lines(of entry: OutputEntry, _ isAscending: Bool) -> [LogEntry] {
        let lines: [LogEntry] = LogEntry.lines(of: entry)
        return isAscending ? lines : lines.reversed()
    }
}

extension Array {
    /// Sorts, and leaves what is equal in its order.
    fileprivate mutating func sortStably(_ isBefore: (Element, Element) -> Bool) {
        let sorted = enumerated().sorted { (left, right) in
            if isBefore(left.element, right.element) { return true }
            if isBefore(right.element, left.element) { return false }
            return left.offset < right.offset
        }
        self = sorted.map(\.element)
    }
}
