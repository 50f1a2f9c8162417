internal import MAOSCore

/// A question about log entries that may have to read output: bounded, whatever there is.
package struct LogSearch: Sendable, Hashable {
    private let index: LogIndex
    private let query: LogQuery

    /// Pieces of output that one search reads.
    private static let pieceLimit: Int = 2_000
    /// Bytes of output that one search reads, of all logs together.
    private static let byteLimit: Int = 16 << 20
    /// Bytes of each log that it reads at least.
    private static let leastBytes: Int = 256 << 10
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
        let selection: LogIndex.Selection = index.select(
            query.filter, isAscending: query.isAscending, from: query.cursor, limit: LogSearch.pieceLimit)
        var page = LogPage()
        page.summary = selection.summary
        var reader = PieceReader(output: output)
        if query.filter.agents.isEmpty {
            try search(selection, &reader).fill(&page, of: selection, countsLines: !query.filter.looksAtText)
        } else {
            try searchLogs(selection, &reader, &page)
        }
        return page
    }

    // MARK: What the index has

    /// Goes through what was selected; lines are read as far as the page needs them, or the text decides.
    private func search(
        _ selection: LogIndex.Selection, _ reader: inout PieceReader
    ) throws(JournalError) -> LogCollector {
        let filter: LogFilter = query.filter
        var collector = LogCollector(query)
        var budget: Int = LogSearch.byteLimit
        var unread: Instant?
        for item: LogIndex.Item in selection.items where unread == nil {
            switch item {
            case .entry, .happening:
                take(item, &collector)
            case .output(let task, let sequence, _, let time, _):
                // Enough is there, and the rest can be counted without reading.
                if !filter.looksAtText, !collector.wantsMore { continue }
                guard budget > 0 else {
                    unread = time
                    continue
                }
                let isAscending: Bool = query.isAscending
                for line: LogEntry in try reader.lines(task, sequence, isAscending: isAscending, budget: &budget)
                where filter.matches(line) {
                    collector.take(line)
                }
            }
        }
        if unread == nil, selection.items.count == LogSearch.pieceLimit { unread = selection.items.last?.time }
        collector.endSource(unreadFrom: unread)
        return collector
    }

    private func take(_ item: LogIndex.Item, _ collector: inout LogCollector) {
        let entry: LogEntry
        switch item {
        case .entry(let said): entry = said
        case .happening(let happening): entry = LogEntry(happening)
        case .output: return
        }
        if query.filter.matches(entry) { collector.take(entry) }
    }

    // MARK: The logs of tasks

    /// Goes through the logs of single tasks, which also know what the index has forgotten.
    private func searchLogs(
        _ selection: LogIndex.Selection, _ reader: inout PieceReader, _ page: inout LogPage
    ) throws(JournalError) {
        var collector: LogCollector = try gather(selection, &reader, isSeeking: false)
        page.filteredCount = collector.count
        page.isFilteredCountExact = collector.isComplete
        if !collector.hasPage, !collector.reachesCursor {
            // So much stands before the cursor that all that was read is known to the client.
            collector = try gather(selection, &reader, isSeeking: true)
        }
        collector.fill(&page)
    }

    /// Reads each log, and what was said about its task; seeking begins at the cursor instead of counting what is before it.
    private func gather(
        _ selection: LogIndex.Selection, _ reader: inout PieceReader, isSeeking: Bool
    ) throws(JournalError) -> LogCollector {
        var collector = LogCollector(query)
        let tasks: [TaskID] = query.filter.agents.compactMap { TaskID($0) }
        let budget: Int = max(LogSearch.leastBytes, LogSearch.byteLimit / max(1, tasks.count))
        for task: TaskID in tasks {
            let unread: Instant? = try read(task, &reader, budget, isSeeking: isSeeking, &collector)
            collector.endSource(unreadFrom: unread)
        }
        for item: LogIndex.Item in selection.items { take(item, &collector) }
        let isCut: Bool = selection.items.count == LogSearch.pieceLimit
        collector.endSource(unreadFrom: isCut ? selection.items.last?.time : nil)
        return collector
    }

    /// Reads a task's log from the end that comes first.
    ///
    /// - Returns: The time of what was read last, where there is more than may be read.
    private func read(
        _ task: TaskID, _ reader: inout PieceReader, _ budget: Int, isSeeking: Bool, _ collector: inout LogCollector
    ) throws(JournalError) -> Instant? {
        guard let whole: ClosedRange<UInt64> = try reader.range(of: task) else { return nil }
        var (low, end): (UInt64, UInt64) = try bounds(of: task, whole, &reader, isSeeking: isSeeking)
        var budget: Int = budget
        var reached: Instant?
        while low < end {
            guard budget > 0 else { return reached }
            if isSeeking, !collector.wantsMore { return nil }
            let isAscending: Bool = query.isAscending
            let length: UInt64 = min(LogSearch.blockLength, end - low)
            let start: UInt64 = isAscending ? low : end - length
            let block: [OutputEntry] = try reader.block(task, start...(start + length - 1))
            if isAscending { low += length } else { end -= length }
            for entry: OutputEntry in isAscending ? block : block.reversed() {
                budget -= max(1, entry.data.count)
                reached = entry.time
                take(entry, &collector)
            }
        }
        return nil
    }

    private func take(_ piece: OutputEntry, _ collector: inout LogCollector) {
        let filter: LogFilter = query.filter
        guard filter.matches(level: LogEntry.level(of: piece.stream), time: piece.time) else { return }
        let isWanted: Bool =
            collector.wantsMore && piece.time.isAtOrPast(query.cursor, isAscending: query.isAscending)
        guard isWanted || filter.looksAtText else { return collector.pass(LogEntry.lineCount(of: piece.data)) }
        for line: LogEntry in PieceReader.lines(of: piece, query.isAscending) where filter.matches(line) {
            collector.take(line)
        }
    }

    /// The pieces that are to be read: from the first to before the second.
    private func bounds(
        of task: TaskID, _ whole: ClosedRange<UInt64>, _ reader: inout PieceReader, isSeeking: Bool
    ) throws(JournalError) -> (UInt64, UInt64) {
        var first: Instant? = query.filter.start
        var last: Instant? = query.filter.end
        if isSeeking, let cursor: Instant = query.cursor?.time {
            if query.isAscending {
                first = max(cursor, first ?? cursor)
            } else {
                last = min(cursor, last ?? cursor)
            }
        }
        var (low, end): (UInt64, UInt64) = (whole.lowerBound, whole.upperBound + 1)
        if let first { low = try reader.first(of: task, low..<end) { $0 >= first } }
        if let last { end = try reader.first(of: task, low..<end) { $0 > last } }
        return (low, end)
    }
}

extension LogCollector {
    /// Fills a page from the index, which can count lines that were not read.
    fileprivate func fill(_ page: inout LogPage, of selection: LogIndex.Selection, countsLines: Bool) {
        page.filteredCount = countsLines ? selection.lines : count
        page.isFilteredCountExact = countsLines ? selection.isExact : isComplete
        fill(&page)
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

    /// The first piece of a range whose time is such, as all after it are; the end of the range if there is none.
    func first(
        of task: TaskID, _ range: Range<UInt64>, where isSuch: (Instant) -> Bool
    ) throws(JournalError) -> UInt64 {
        var (low, high): (UInt64, UInt64) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle: UInt64 = low + (high - low) / 2
            let piece: OutputEntry? = try output.read(.task(task), from: middle, limit: 1, byteLimit: 1).entries.first
            if piece.map({ isSuch($0.time) }) ?? true { high = middle } else { low = middle + 1 }
        }
        return low
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

    static func lines(of entry: OutputEntry, _ isAscending: Bool) -> [LogEntry] {
        let lines: [LogEntry] = LogEntry.lines(of: entry)
        return isAscending ? lines : lines.reversed()
    }
}
