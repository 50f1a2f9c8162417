/// The instants of a recurrence in a time zone.
///
/// Local times decide, so that `09:00` stays at nine all the year. A local time that clocks jump over, or show twice, is
/// treated by the two rules; without them times of day happen once on each change of the clocks (at the jump, or the first
/// time), and what happens every hour goes by the time that passes: what was jumped over is left out, what is shown twice happens twice.
public struct Timetable: Hashable, Sendable {
    /// At which local times something happens.
    public let recurrence: Recurrence
    /// The zone whose clocks are meant.
    public let zone: TimeZoneRules
    /// Nothing happens before this; days, weeks and months are counted from its date.
    public let start: Instant
    /// Nothing happens after this.
    public let end: Instant?
    /// What becomes of times that clocks jump over.
    public let gap: GapRule
    /// What becomes of times that clocks show twice.
    public let repeated: RepeatRule

    private let anchor: Int64

    /// How far ahead a time is looked for, in seconds.
    private static let reach: Int64 = 36_525 * LocalTime.secondsInDay

    /// Puts a timetable together; a rule that is `nil` follows from the recurrence.
    public init(
        _ recurrence: Recurrence, zone: TimeZoneRules, start: Instant, end: Instant? = nil, gap: GapRule? = nil,
        repeated: RepeatRule? = nil
    ) {
        self.recurrence = recurrence
        self.zone = zone
        self.start = start
        self.end = end
        self.gap = gap ?? (recurrence.isByElapsedTime ? .skip : .run)
        self.repeated = repeated ?? (recurrence.isByElapsedTime ? .both : .first)
        anchor = zone.local(at: Timetable.seconds(before: start)).day
    }

    /// The first time after an instant; `nil` when none comes any more.
    ///
    /// Looks ahead a hundred years and no further; the rarest date of an expression comes back within 40.
    public func next(after instant: Instant) -> Instant? {
        switch recurrence {
        case .instant(let only):
            return only > instant && isInside(only) ? only : nil
        case .local(let local):
            return instants(of: local).first { $0 > instant && isInside($0) }
        case .daily, .weekly, .monthly, .cron:
            break
        }
        let floor: Instant = max(instant, Instant(milliseconds: start.milliseconds - 1))
        guard floor < Instant.distantFuture else { return nil }
        // The first whole second that is later.
        let first: Int64 = Timetable.seconds(before: floor) + 1
        guard let seconds: Int64 = nextSecond(from: first) else { return nil }
        let found = Instant(milliseconds: seconds * 1_000)
        return isInside(found) ? found : nil
    }

    /// The next times after an instant, at most `count`, in order.
    public func next(_ count: Int, after instant: Instant) -> [Instant] {
        var times: [Instant] = []
        var last: Instant = instant
        while times.count < count, let time: Instant = next(after: last) {
            times.append(time)
            last = time
        }
        return times
    }

    private func isInside(_ instant: Instant) -> Bool {
        instant >= start && (end.map { instant <= $0 } ?? true) && instant <= Instant.distantFuture
    }

    /// Goes from one change of the clocks to the next; between them local time and instants run alike.
    private func nextSecond(from first: Int64) -> Int64? {
        var cursor: Int64 = first
        let horizon: Int64 = min(first + Timetable.reach, end.map { Timetable.seconds(before: $0) } ?? .max)
        while cursor <= horizon {
            let offset: Int64 = Int64(zone.offset(at: cursor).seconds)
            let change: Int64 = zone.nextTransition(after: cursor) ?? horizon + 1
            let local = LocalTime(seconds: cursor + offset)
            if let found = recurrence.next(from: local, before: LocalTime(seconds: change + offset), anchor: anchor) {
                let instant: Int64 = found.seconds - offset
                if happens(at: instant, found) { return instant }
                cursor = instant + 1
                continue
            }
            if change <= horizon, jumpsOverRun(at: change, from: change + offset) { return change }
            cursor = change
        }
        return nil
    }

    /// The instants at which a single local time counts.
    private func instants(of local: LocalTime) -> [Instant] {
        let seconds: [Int64] =
            switch (zone.occurrence(of: local), repeated) {
            case (.once(let only), _): [only]
            case (.repeated(let first, _), .first): [first]
            case (.repeated(_, let last), .last): [last]
            case (.repeated(let first, let last), .both): [first, last]
            case (.skipped(let jump), _): gap == .run ? [jump] : []
            }
        return seconds.map { Instant(milliseconds: $0 * 1_000) }
    }

    private func happens(at instant: Int64, _ local: LocalTime) -> Bool {
        guard repeated != .both, case .repeated(let first, let last) = zone.occurrence(of: local) else { return true }
        return instant == (repeated == .first ? first : last)
    }

    /// Whether clocks that are set forward at an instant jump over a time at which something would happen.
    private func jumpsOverRun(at change: Int64, from local: Int64) -> Bool {
        guard gap == .run else { return false }
        let after: LocalTime = zone.local(at: change)
        guard after.seconds > local else { return false }
        return recurrence.next(from: LocalTime(seconds: local), before: after, anchor: anchor) != nil
    }

    private static func seconds(before instant: Instant) -> Int64 {
        let quotient: Int64 = instant.milliseconds / 1_000
        return instant.milliseconds % 1_000 < 0 ? quotient - 1 : quotient
    }
}
