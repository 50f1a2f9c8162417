package import MAOSCore

/// What log entries have to be like; without anything, all are.
package struct LogFilter: Sendable, Hashable {
    /// Any of these; all where empty.
    package var levels: Set<LogLevel> = []
    /// About any of these tasks and agents; about all where empty.
    package var agents: [String] = []
    /// Not earlier.
    package var start: Instant?
    /// Not later.
    package var end: Instant?
    /// Text of the message, in lower case.
    package var messageContains: String?
    /// Text of the details as JSON, in lower case.
    package var detailsContains: String?
    /// What the source names before the colon.
    package var sourceFile: String?

    /// All entries.
    package init() {}

    /// Whether it takes the text of an entry to decide.
    var looksAtText: Bool { messageContains != nil || detailsContains != nil || sourceFile != nil }

    /// Whether an entry is like that.
    package func matches(_ entry: LogEntry) -> Bool {
        guard matches(level: entry.level, time: entry.time), agents.isEmpty || agents.contains(entry.agent) else {
            return false
        }
        if let messageContains, !entry.message.lowercased().contains(text: messageContains) { return false }
        if let sourceFile, entry.sourceFile != sourceFile[...] { return false }
        guard let detailsContains else { return true }
        return JSONText(.object(entry.details)).description.lowercased().contains(text: detailsContains)
    }

    /// Whether what an item says can be like that, as far as its text is not looked at.
    func matches(_ item: LogIndex.Item) -> Bool {
        // Its name is made up only where one is asked for.
        matches(level: item.level, time: item.time) && (agents.isEmpty || agents.contains(item.agent))
    }

    /// Whether it lets entries of a level and a time through.
    func matches(level: LogLevel, time: Instant) -> Bool {
        (levels.isEmpty || levels.contains(level)) && (start.map { time >= $0 } ?? true)
            && (end.map { time <= $0 } ?? true)
    }
}

/// A place between log entries: those after it, in the order of the list, come next.
package struct LogCursor: Sendable, Hashable {
    /// The time of the entry before the place.
    package var time: Instant
    /// How many entries of that time the list has had already; `nil` to leave out all of that time.
    package var count: Int?

    init(time: Instant, count: Int?) {
        self.time = time
        self.count = count
    }

    /// Reads what ``text`` writes, or a time alone; `nil` for anything else.
    package init?(_ text: String) {
        let parts: [Substring] = text.split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count <= 2, let milliseconds: Int64 = ISO8601.parse(String(parts[0])) else { return nil }
        time = Instant(milliseconds: milliseconds)
        guard parts.count == 2 else { return }
        guard let number = Int(parts[1]), number > 0 else { return nil }
        count = number
    }

    /// The time, and the count where one is needed.
    package var text: String {
        let time: String = ISO8601.string(milliseconds: time.milliseconds)
        return count.map { "\(time)~\($0)" } ?? time
    }
}

/// Which log entries to list.
package struct LogQuery: Sendable, Hashable {
    /// What entries have to be like.
    package var filter = LogFilter()
    /// Whether the oldest come first.
    package var isAscending = false
    /// 1…1000.
    package var limit: Int = 100
    /// Where to go on.
    package var cursor: LogCursor?

    /// The newest entries.
    package init() {}
}

/// How many entries there are of which level, and from when to when.
package struct LogSummary: Sendable, Hashable {
    /// By level, in the order of the levels.
    package var counts: [Int] = Array(repeating: 0, count: LogLevel.allCases.count)
    /// The time of the oldest.
    package var oldest: Instant?
    /// The time of the newest.
    package var newest: Instant?

    /// How many there are of a level.
    package func count(of level: LogLevel) -> Int {
        LogLevel.allCases.firstIndex(of: level).map { counts[$0] } ?? 0
    }

    /// How many there are in all.
    package var total: Int { counts.reduce(0, +) }

    mutating func add(_ count: Int, of level: LogLevel) {
        guard let index: Int = LogLevel.allCases.firstIndex(of: level) else { return }
        counts[index] += count
    }
}

/// A page of log entries.
package struct LogPage: Sendable {
    /// In the order that was asked for.
    package var entries: [LogEntry] = []
    /// All entries that are known of, whatever the filter.
    package var summary = LogSummary()
    /// How many the filter lets through.
    package var filteredCount: Int = 0
    /// Whether that is all of them; false where so much had to be read that it was given up.
    package var isFilteredCountExact = true
    /// Where the next page begins; `nil` at the end.
    package var next: LogCursor?
}
