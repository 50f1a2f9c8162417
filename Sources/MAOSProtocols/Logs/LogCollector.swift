internal import MAOSCore

/// Takes a page out of entries that come by from several sources, of each in the order of the list; holds no more than a page of them.
struct LogCollector {
    private let query: LogQuery
    /// Entries of the sources so far: those of the page and one more.
    private var entries: [LogEntry] = []
    /// The same of the present source.
    private var fresh: [LogEntry] = []
    /// Entries of the cursor's time that the list has had, as far as they have not come by again.
    private var skips: Int
    /// Entries that came by.
    private(set) var count: Int = 0
    /// A time that some source was not read past although more of it may belong on the page; the nearest one.
    private(set) var horizon: Instant?
    /// Whether all sources were read to their ends.
    private(set) var isComplete = true

    init(_ query: LogQuery) {
        self.query = query
        skips = query.cursor?.count ?? 0
    }

    /// Whether more entries of the present source may belong on the page.
    var wantsMore: Bool { fresh.count <= query.limit }

    /// Whether the page is known without what was not read.
    var hasPage: Bool {
        guard let horizon else { return true }
        return entries.count { comes($0.time, before: horizon) } > query.limit
    }

    /// Whether something was read that may come after the cursor.
    var reachesCursor: Bool {
        guard let horizon, let cursor: LogCursor = query.cursor else { return true }
        return comes(cursor.count == nil ? after(cursor.time) : cursor.time, before: horizon)
    }

    /// Takes an entry that is as the filter wants it.
    mutating func take(_ entry: LogEntry) {
        count += 1
        guard wantsMore, entry.time.isAtOrPast(query.cursor, isAscending: query.isAscending) else { return }
        if skips > 0, entry.time == query.cursor?.time {
            skips -= 1
        } else {
            fresh.append(entry)
        }
    }

    /// Counts entries that are as the filter wants them, and do not belong on the page.
    mutating func pass(_ number: Int) { count += number }

    /// The present source has ended, or was not read from a time on.
    mutating func endSource(unreadFrom time: Instant? = nil) {
        if time != nil { isComplete = false }
        if wantsMore, let time { horizon = horizon.map { comes(time, before: $0) ? time : $0 } ?? time }
        entries = merged(entries, fresh)
        fresh = []
    }

    /// Fills a page, and says where the next one begins.
    func fill(_ page: inout LogPage) {
        let cursor: LogCursor? = query.cursor
        // Of the time up to which something was not read there may be more, which may come before what is here.
        let isStuck: Bool = horizon != nil && horizon == cursor?.time
        let known: [LogEntry] = entries.filter { (entry: LogEntry) in
            horizon.map { comes(entry.time, before: $0) || (isStuck && entry.time == $0) } ?? true
        }
        page.entries = Array(known.prefix(query.limit))
        if let last: LogEntry = page.entries.last, known.count > query.limit {
            let isWhole: Bool = known[query.limit].time != last.time
            page.next = LogCursor(time: last.time, count: isWhole ? nil : given(at: last.time, in: page))
        } else if let horizon {
            let next = LogCursor(time: before(horizon), count: nil)
            page.next = isPastCursor(next) ? next : LogCursor(time: horizon, count: nil)
        }
    }

    /// Entries of a time that this page and those before it have had.
    private func given(at time: Instant, in page: LogPage) -> Int {
        let here: Int = page.entries.reversed().prefix { $0.time == time }.count
        return query.cursor?.time == time ? here + (query.cursor?.count ?? 0) : here
    }

    private func isPastCursor(_ next: LogCursor) -> Bool {
        guard let cursor: LogCursor = query.cursor else { return true }
        return comes(cursor.time, before: next.time) || (cursor.time == next.time && cursor.count != nil)
    }

    private func after(_ time: Instant) -> Instant {
        Instant(milliseconds: time.milliseconds + (query.isAscending ? 1 : -1))
    }

    private func before(_ time: Instant) -> Instant {
        Instant(milliseconds: time.milliseconds - (query.isAscending ? 1 : -1))
    }

    private func comes(_ left: Instant, before right: Instant) -> Bool {
        query.isAscending ? left < right : left > right
    }

    /// Both in one order; of equal times, what came first.
    private func merged(_ left: [LogEntry], _ right: [LogEntry]) -> [LogEntry] {
        guard !left.isEmpty else { return right }
        guard !right.isEmpty else { return left }
        var merged: [LogEntry] = []
        var (first, second): (Int, Int) = (0, 0)
        while merged.count <= query.limit, first < left.count || second < right.count {
            if second == right.count || (first < left.count && !comes(right[second].time, before: left[first].time)) {
                merged.append(left[first])
                first += 1
            } else {
                merged.append(right[second])
                second += 1
            }
        }
        return merged
    }
}
