/// How far local time is from UTC.
public struct ZoneOffset: Hashable, Sendable, CustomStringConvertible {
    /// Seconds that local time is ahead of UTC; negative west of Greenwich, less than 26 h either way.
    public var seconds: Int
    /// Whether the zone calls it daylight saving time.
    public var isDaylightSaving: Bool
    /// What the zone calls it, such as `CET`.
    public var abbreviation: String

    /// Puts an offset together.
    public init(seconds: Int, isDaylightSaving: Bool, abbreviation: String) {
        self.seconds = seconds
        self.isDaylightSaving = isDaylightSaving
        self.abbreviation = abbreviation
    }

    /// `+02:00`, with seconds where it has some.
    public var description: String {
        let magnitude: Int = abs(seconds)
        var parts: [Int] = [magnitude / 3_600, magnitude / 60 % 60]
        if magnitude % 60 != 0 { parts.append(magnitude % 60) }
        return (seconds < 0 ? "-" : "+") + parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    /// The longest offset, either way.
    static let limit: Int = 26 * 3_600 - 1
}

/// When a local time happens.
public enum LocalOccurrence: Hashable, Sendable {
    /// At one instant, in seconds since 1970.
    case once(Int64)
    /// Twice or more, because clocks were set back: the first and the last instant.
    case repeated(first: Int64, last: Int64)
    /// Never, because clocks were set forward: at this instant they jumped over it.
    case skipped(at: Int64)
}

/// What local time is in one zone at any instant, past and future: transitions that are known, and a rule for those after them.
public struct TimeZoneRules: Hashable, Sendable {
    /// The instants at which the offset changes, in seconds since 1970, in order.
    private let transitions: [Int64]
    /// What holds from each transition on, as an index of ``offsets``.
    private let indices: [UInt8]
    /// Every offset of the zone; the first holds before the first transition.
    private let offsets: [ZoneOffset]
    /// What holds from the last transition on; without it, the last offset stays.
    private let rule: PosixTimeZone?

    /// Takes what a file of the zone holds; the reader has checked it.
    init(transitions: [Int64], indices: [UInt8], offsets: [ZoneOffset], rule: PosixTimeZone?) {
        self.transitions = transitions
        self.indices = indices
        self.offsets = offsets
        self.rule = rule
    }

    /// Coordinated universal time.
    public static let utc = TimeZoneRules(
        transitions: [], indices: [],
        offsets: [ZoneOffset(seconds: 0, isDaylightSaving: false, abbreviation: "UTC")], rule: nil)

    /// What holds at an instant, in seconds since 1970; O(log n) in the zone's transitions.
    public func offset(at instant: Int64) -> ZoneOffset {
        if let rule, transitions.last.map({ instant >= $0 }) ?? true { return rule.offset(at: instant) }
        let index: Int = countOfTransitions(upTo: instant)
        return offsets[index == 0 ? 0 : Int(indices[index - 1])]
    }

    /// What clocks show at an instant, in seconds since 1970.
    public func local(at instant: Int64) -> LocalTime {
        LocalTime(seconds: instant + Int64(offset(at: instant).seconds))
    }

    /// The next instant after the given one at which a new offset may begin, in seconds since 1970; `nil` when none comes any more.
    public func nextTransition(after instant: Int64) -> Int64? {
        let index: Int = countOfTransitions(upTo: instant)
        if index < transitions.count { return transitions[index] }
        return rule?.nextTransition(after: instant)
    }

    /// The instants at which clocks show a local time.
    public func occurrence(of local: LocalTime) -> LocalOccurrence {
        // Every instant at which clocks can show it lies within the longest offset.
        let end: Int64 = local.seconds + Int64(ZoneOffset.limit) + 1
        var start: Int64 = local.seconds - Int64(ZoneOffset.limit) - 1
        var first: Int64?
        var last: Int64?
        var jump: Int64?
        while start <= end {
            let offset: Int64 = Int64(self.offset(at: start).seconds)
            let next: Int64? = nextTransition(after: start)
            let instant: Int64 = local.seconds - offset
            if instant >= start, next.map({ instant < $0 }) ?? true {
                first = first ?? instant
                last = instant
            }
            guard let next else { break }
            if jump == nil, next + offset <= local.seconds, self.local(at: next) > local { jump = next }
            start = next
        }
        if let first, let last { return first == last ? .once(first) : .repeated(first: first, last: last) }
        return .skipped(at: jump ?? local.seconds)
    }

    /// How many transitions have happened at an instant.
    private func countOfTransitions(upTo instant: Int64) -> Int {
        var low: Int = 0
        var high: Int = transitions.count
        while low < high {
            let middle: Int = (low + high) / 2
            if transitions[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Where the rules of time zones come from, as a port: the core reads no files.
public protocol TimeZoneSource: Sendable {
    /// The rules of a zone by its IANA name, such as `Europe/Berlin`; the same ones for as long as the program runs.
    ///
    /// - Throws: ``TimeZoneError``, which names the zone.
    func rules(named name: String) throws(TimeZoneError) -> TimeZoneRules
}

/// Why there are no rules for a zone.
public enum TimeZoneError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No zone has that name.
    case unknown(String)
    /// There is a file for the zone, but it cannot be used; the reason is for people.
    case unusable(String, reason: String)

    /// A line for people.
    public var description: String {
        switch self {
        case .unknown(let name): "there is no time zone \(name)"
        case .unusable(let name, let reason): "the rules of time zone \(name) cannot be read: \(reason)"
        }
    }
}

/// Knows no zone but UTC; for programs that bring no rules along.
public struct UniversalTimeOnly: TimeZoneSource {
    /// The only source of its kind.
    public init() {}

    /// The rules of `UTC` and `Etc/UTC`; every other zone is unknown.
    public func rules(named name: String) throws(TimeZoneError) -> TimeZoneRules {
        guard name == "UTC" || name == "Etc/UTC" else { throw .unknown(name) }
        return .utc
    }
}
