internal import MAOSCore

/// What a client has been sent of logs that may be written faster than it reads, and how far it is behind with them.
///
/// Once it has been sent ``window`` bytes that it may not have taken, no more is kept for it: from there on it is told from the
/// logs, a page whenever it has taken what it was sent, until it is level again. So it gets everything in order, however slow
/// it is, and costs no more memory than a page. An entry may become many messages; it goes on within one.
struct ReaderPace<Source: Hashable & Comparable, Memo> {
    /// How far it has come with a log that it is behind with.
    struct Lag {
        /// The next entry that it is to be told of.
        var next: UInt64
        /// The first message of that entry that it is to be told of.
        var part: Int = 0
        /// The newest entry there is, as far as this loop has heard.
        var newest: UInt64
        /// What else is to be known to go on.
        var memo: Memo

        /// Whether it has been told of all that this loop has heard of.
        var isLevel: Bool { next > newest && part == 0 }

        /// Goes on behind what a page does not have any more.
        ///
        /// - Returns: How many entries that are.
        mutating func passOver(_ page: OutputPage) -> UInt64 {
            let first: UInt64 = page.entries.isEmpty ? newest + 1 : page.firstSequence
            guard first > next else { return 0 }
            defer { skip(to: first) }
            return first - next
        }

        /// Goes on with an entry, where it has not come so far.
        mutating func skip(to sequence: UInt64) {
            if sequence > next { (next, part) = (sequence, 0) }
        }

        /// What is to be read to go on.
        ///
        /// - Parameters:
        ///   - owner: Whose log.
        ///   - isToldByLine: Whether each line becomes a message, so that a page becomes several times its size.
        /// - Returns: The read.
        func page(of owner: OutputOwner, isToldByLine: Bool) -> StoreRead {
            let bytes: Int = ReaderPace.window / (isToldByLine ? 8 : 1)
            return .output(owner, from: next, limit: ReaderPace.pageEntries, byteLimit: bytes)
        }

        /// Goes on through a page, as far as the client takes it.
        ///
        /// - Parameters:
        ///   - page: What was read.
        ///   - tell: Tells of an entry, from one of its messages on; gives the first message that the client does not take now,
        ///     `nil` where there is none.
        mutating func follow(_ page: OutputPage, _ tell: (OutputEntry, _ part: Int, inout Memo) -> Int?) {
            for entry: OutputEntry in page.entries where entry.sequence >= next {
                let start: Int = entry.sequence == next ? part : 0
                if let rest: Int = tell(entry, start, &memo) {
                    (next, part) = (entry.sequence, rest)
                    return
                }
                (next, part) = (entry.sequence + 1, 0)
            }
        }
    }

    /// Bytes that a client is sent before it must have taken them.
    static var window: Int { 1 << 20 }
    private static var pageEntries: Int { 1_000 }

    private var lags: [Source: Lag] = [:]
    /// Bytes that it was sent since it had taken everything.
    private var sentBytes: Int = 0
    /// Whether it will be known when it has taken everything.
    private var isWaiting = false
    /// Whether a page is being read.
    private var isReading = false
    /// Which log it is of; `nil` where the page is not wanted any more.
    private var reading: Source?
    /// The log that it was told of last of those that it is behind with.
    private var latest: Source?

    // MARK: What it is sent

    /// Whether it must take something before it is sent more.
    var isFull: Bool { sentBytes >= ReaderPace.window }

    /// Notes that it is sent something.
    ///
    /// - Returns: Whether to ask for word of its having taken everything.
    mutating func send(_ bytes: Int) -> Bool {
        sentBytes += bytes
        return asks()
    }

    /// Whether to ask for word of its having taken everything; true once until that comes.
    mutating func asks() -> Bool {
        guard isFull, !isWaiting else { return false }
        isWaiting = true
        return true
    }

    /// Notes that it has taken everything.
    ///
    /// - Parameter isHolding: Whether what counts as sent is still kept back.
    mutating func drained(isHolding: Bool) {
        isWaiting = false
        if !isHolding { sentBytes = 0 }
    }

    // MARK: What it is behind with

    /// Whether it has been told of everything that this loop has heard of.
    var isLevel: Bool { lags.values.allSatisfy(\.isLevel) }

    /// Whether it is told of a log from the log.
    func isBehind(with source: Source) -> Bool { lags[source] != nil }

    /// Takes note of the newest entry of a log.
    ///
    /// - Returns: Whether it comes, or has come, from the log: it is not to be told of it now.
    mutating func isBehind(with source: Source, hearingOf sequence: UInt64) -> Bool {
        guard let lag: Lag = lags[source] else { return false }
        // A page may have had more than was heard of by then.
        if lag.isLevel, sequence >= lag.next {
            lags[source] = nil
            return false
        }
        lags[source]?.newest = max(lag.newest, sequence)
        return true
    }

    /// Begins to tell it of a log from the log.
    ///
    /// - Parameters:
    ///   - source: Whose log.
    ///   - sequence: The newest entry.
    ///   - part: The first message of that entry that it is to be told of.
    ///   - memo: What is to be known to begin with that entry.
    mutating func fallBehind(with source: Source, at sequence: UInt64, part: Int, _ memo: Memo) {
        lags[source] = Lag(next: sequence, part: part, newest: sequence, memo: memo)
    }

    /// It is to be told of entries from the log that do not come otherwise.
    ///
    /// - Parameters:
    ///   - entries: The entries; what it has been told of already it is not told of again.
    ///   - source: Whose log.
    ///   - memo: What is to be known where it begins to be told from the log.
    mutating func skip(_ entries: ClosedRange<UInt64>, of source: Source, _ memo: Memo) {
        var lag: Lag = lags[source] ?? Lag(next: entries.lowerBound, newest: entries.upperBound, memo: memo)
        lag.newest = max(lag.newest, entries.upperBound)
        lags[source] = lag
    }

    /// Takes note of what is to be known to go on with a log, where it is behind with that.
    mutating func remember(_ memo: Memo, of source: Source) { lags[source]?.memo = memo }

    /// Nothing of a log is to be told any more, or what comes is told as it comes.
    mutating func end(_ source: Source) {
        lags[source] = nil
        if reading == source { reading = nil }
    }

    /// Nothing is to be told any more.
    mutating func endAll() {
        lags = [:]
        reading = nil
    }

    /// The log of which a page is to be read now, and where it begins.
    ///
    /// One comes after the other, so that none keeps the others waiting; what `isOpen` refuses may not be told of at the moment.
    mutating func beginReading(where isOpen: (Source) -> Bool = { _ in true }) -> (source: Source, lag: Lag)? {
        guard !isReading, !isWaiting, !isFull, !lags.isEmpty else { return nil }
        let sources: [Source] = lags.keys.filter { lags[$0]?.isLevel == false && isOpen($0) }.sorted()
        let following: Source? = latest.flatMap { (latest: Source) in sources.first { $0 > latest } }
        guard let source: Source = following ?? sources.first, let lag: Lag = lags[source] else { return nil }
        isReading = true
        reading = source
        latest = source
        return (source, lag)
    }

    /// Takes note of a page's having been read; `nil` where it is not wanted any more.
    mutating func endReading() -> (source: Source, lag: Lag)? {
        defer { reading = nil }
        isReading = false
        guard let source: Source = reading, let lag: Lag = lags[source] else { return nil }
        return (source, lag)
    }

    /// Notes how far it has come.
    mutating func goOn(with source: Source, from lag: Lag) {
        guard lags[source] != nil else { return }
        lags[source] = lag
    }
}
