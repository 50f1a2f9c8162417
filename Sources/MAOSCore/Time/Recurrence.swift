/// At which local times something happens.
public enum Recurrence: Hashable, Sendable {
    /// At one instant.
    case instant(Instant)
    /// At one local time.
    case local(LocalTime)
    /// Every so many days, counted from the day of the start.
    case daily(every: Int, at: TimeOfDay)
    /// On days of the week, every so many weeks from Monday to Sunday, counted from the week of the start.
    case weekly(every: Int, on: Set<Weekday>, at: TimeOfDay)
    /// On a day of every so many months, counted from the month of the start; a month that is too short has it on its last day.
    case monthly(every: Int, on: MonthDay, at: TimeOfDay)
    /// As an expression of five fields says.
    case cron(CronExpression)

    /// A day of a month.
    public enum MonthDay: Hashable, Sendable {
        /// 1 … 31.
        case day(Int)
        case last

        /// The day that it is in a month of so many days.
        func day(ofMonthWith length: Int) -> Int {
            switch self {
            case .day(let day): min(day, length)
            case .last: length
            }
        }
    }

    /// The most that ``daily(every:at:)``, ``weekly(every:on:at:)`` and ``monthly(every:on:at:)`` leave out.
    public static let intervals: ClosedRange<Int> = 1...1_000

    /// Whether its times are a distance apart rather than at times of the day, so that clock changes move them.
    var isByElapsedTime: Bool {
        switch self {
        case .cron(let expression): expression.isHourly
        case .instant, .local, .daily, .weekly, .monthly: false
        }
    }

    /// The first local time from `start` on, and before `end`, that matches; `anchor` is the day that intervals are counted from.
    func next(from start: LocalTime, before end: LocalTime, anchor: Int64) -> LocalTime? {
        let found: LocalTime
        switch self {
        case .instant:
            return nil
        case .local(let local):
            return local >= start && local < end ? local : nil
        case .daily(let every, let time):
            found = nextDay(from: start, time) { day in
                anchor + roundUp(day - anchor, to: Int64(every))
            }
        case .weekly(let every, let weekdays, let time):
            found = nextDay(from: start, time) { day in
                nextWeekday(from: day, every: Int64(every), weekdays, anchor: anchor)
            }
        case .monthly(let every, let monthDay, let time):
            found = nextDay(from: start, time) { day in
                nextMonthDay(from: day, every: every, monthDay, anchor: anchor)
            }
        case .cron(let expression):
            return expression.next(from: start, before: end)
        }
        return found < end ? found : nil
    }

    /// The time of day on the first day that `next` finds, or on the one after when it has passed on that day.
    private func nextDay(from start: LocalTime, _ time: TimeOfDay, _ next: (Int64) -> Int64) -> LocalTime {
        let first: Int64 = start.secondOfDay <= time.seconds ? start.day : start.day + 1
        return LocalTime(day: next(first), secondOfDay: time.seconds)
    }

    private func nextWeekday(
        from day: Int64, every: Int64, _ weekdays: Set<Weekday>, anchor: Int64
    ) -> Int64 {
        let anchorMonday: Int64 = anchor - Int64(Weekday(day: anchor).rawValue) + 1
        let monday: Int64 = day - Int64(Weekday(day: day).rawValue) + 1
        let week: Int64 = anchorMonday + roundUp(monday - anchorMonday, to: every * 7)
        for candidate in max(day, week)..<(week + 7) where weekdays.contains(Weekday(day: candidate)) {
            return candidate
        }
        // None is left in this week; the next one that counts has all of them.
        let next: Int64 = week + every * 7
        return (next..<(next + 7)).first { weekdays.contains(Weekday(day: $0)) } ?? next
    }

    private func nextMonthDay(from day: Int64, every: Int, _ monthDay: MonthDay, anchor: Int64) -> Int64 {
        let anchorDate: ISO8601.Date = ISO8601.civil(fromDays: Int(anchor))
        let date: ISO8601.Date = ISO8601.civil(fromDays: Int(day))
        let first: Int = anchorDate.year * 12 + anchorDate.month - 1
        var month: Int = first + Int(roundUp(Int64(date.year * 12 + date.month - 1 - first), to: Int64(every)))
        while true {
            let (year, index): (Int, Int) = (month / 12, month % 12 + 1)
            let length: Int = ISO8601.daysIn(month: index, year: year)
            let found = Int64(ISO8601.days(year: year, month: index, day: monthDay.day(ofMonthWith: length)))
            if found >= day { return found }
            month += every
        }
    }

    /// The smallest multiple of `step` that is not below `value`, and not below 0.
    private func roundUp(_ value: Int64, to step: Int64) -> Int64 {
        value <= 0 ? 0 : (value + step - 1) / step * step
    }
}

/// What becomes of a run whose local time does not exist, because clocks were set forward over it.
public enum GapRule: UInt8, Sendable, Hashable {
    /// It happens at the instant at which clocks are set forward.
    case run = 1
    case skip

    /// The name on the wire.
    public var name: String {
        switch self {
        case .run: "run"
        case .skip: "skip"
        }
    }
}

/// What becomes of a run whose local time exists twice, because clocks were set back.
public enum RepeatRule: UInt8, Sendable, Hashable {
    /// It happens the first time.
    case first = 1
    case last
    case both

    /// The name on the wire.
    public var name: String {
        switch self {
        case .first: "first"
        case .last: "last"
        case .both: "both"
        }
    }
}
