/// Five fields that say at which minutes something happens: minute, hour, day of month, month, day of week.
///
/// A field is `*` or a list of values and ranges, each range or `*` with an optional step; months and weekdays also have
/// names. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for the expressions that are usual for them. Sunday is 0 and 7. Where both day fields are restricted, that is, neither begins with `*`, a day needs to match only
/// one of them; otherwise it must match both.
public struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with a text.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The name of the field, or `expression`.
        public var field: String
        /// What the text has there.
        public var value: String
        /// What would have been right.
        public var expected: String

        /// All three in a line.
        public var description: String { "\(field) \"\(value)\" must be \(expected)" }
    }

    /// The text, with single blanks between its fields.
    public let description: String
    private let minutes: UInt64
    private let hours: UInt64
    private let days: UInt64
    private let months: UInt64
    /// Bit 0 is Sunday.
    private let weekdays: UInt64
    private let matchesEitherDay: Bool
    /// Whether every hour matches, so that the minutes are counted by time gone by and not by the time of day.
    let isHourly: Bool

    /// Names that stand for expressions.
    private static let names: [String: String] = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]
    /// Longer texts are refused before they are read.
    static let lengthLimit: Int = 200

    /// Reads an expression.
    ///
    /// - Throws: ``Failure`` with the first field that is wrong; also when no date ever matches, such as 30 February.
    public init(_ text: String) throws(Failure) {
        guard text.utf8.count <= CronExpression.lengthLimit else {
            throw Failure(
                field: "expression", value: "\(text.utf8.count) bytes",
                expected: "at most \(CronExpression.lengthLimit) bytes")
        }
        var fields: [Substring] = text.split { $0 == " " || $0 == "\t" }
        if fields.count == 1, let meant: String = CronExpression.names[fields[0].lowercased()] {
            fields = meant.split(separator: " ")
        }
        guard fields.count == 5 else {
            throw Failure(
                field: "expression", value: text,
                expected: "five fields: minute, hour, day of month, month and day of week, or a name such as @daily")
        }
        minutes = try CronField(name: "minute", range: 0...59).mask(fields[0])
        hours = try CronField(name: "hour", range: 0...23).mask(fields[1])
        days = try CronField(name: "day of month", range: 1...31).mask(fields[2])
        months = try CronField(name: "month", range: 1...12, names: CronField.months, firstName: 1).mask(fields[3])
        let week: UInt64 = try CronField(name: "day of week", range: 0...7, names: CronField.weekdays, firstName: 0)
            .mask(fields[4])
        weekdays = (week | week >> 7) & 0x7F
        matchesEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
        isHourly = hours == (1 << 24) - 1
        description = fields.joined(separator: " ")
        guard matchesEitherDay || hasPossibleDate else {
            throw Failure(
                field: "day of month", value: "\(fields[2]) in month \(fields[3])", expected: "a date that exists")
        }
    }

    /// Whether one of the months has one of the days, if only in leap years.
    private var hasPossibleDate: Bool {
        (1...12).contains { month in
            let length: UInt64 = UInt64(ISO8601.daysIn(month: month, year: 2_000))
            return months >> UInt64(month) & 1 == 1 && days & ((2 << length) - 1) != 0
        }
    }

    /// The first local time from `start` on, and before `end`, that matches; looks at no more than 41 years.
    ///
    /// The rarest date, 29 February on a given weekday, comes back within 40 years.
    func next(from start: LocalTime, before end: LocalTime) -> LocalTime? {
        var day: Int64 = start.day
        let last: Int64 = min(
            (end.seconds - 1) < start.seconds ? day - 1 : LocalTime.day(of: end.seconds - 1), day + 15_000)
        var earliest: Int = (start.secondOfDay + 59) / 60
        while day <= last {
            let date: ISO8601.Date = ISO8601.civil(fromDays: Int(day))
            guard months >> UInt64(date.month) & 1 == 1 else {
                day += Int64(ISO8601.daysIn(month: date.month, year: date.year) - date.day + 1)
                earliest = 0
                continue
            }
            if matches(date, Weekday(day: day)), let minute: Int = nextMinute(from: earliest) {
                let found = LocalTime(day: day, secondOfDay: minute * 60)
                return found < end ? found : nil
            }
            day += 1
            earliest = 0
        }
        return nil
    }

    private func matches(_ date: ISO8601.Date, _ weekday: Weekday) -> Bool {
        let isDay: Bool = days >> UInt64(date.day) & 1 == 1
        let isWeekday: Bool = weekdays >> UInt64(weekday.rawValue % 7) & 1 == 1
        return matchesEitherDay ? isDay || isWeekday : isDay && isWeekday
    }

    /// The first minute of the day that matches, from the given one on.
    private func nextMinute(from start: Int) -> Int? {
        guard start < 24 * 60 else { return nil }
        var hour: Int = start / 60
        var minute: Int = start % 60
        while hour < 24 {
            if hours >> UInt64(hour) & 1 == 1 {
                let left: UInt64 = (minutes >> UInt64(minute)) << UInt64(minute)
                if left != 0 { return hour * 60 + left.trailingZeroBitCount }
            }
            hour += 1
            minute = 0
        }
        return nil
    }
}

/// One field of an expression, and how its text is read.
private struct CronField {
    static let months: [String] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    static let weekdays: [String] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    var name: String
    var range: ClosedRange<Int>
    var names: [String] = []
    var firstName: Int = 0

    /// The matching values, a bit each.
    func mask(_ text: Substring) throws(CronExpression.Failure) -> UInt64 {
        var mask: UInt64 = 0
        for item: Substring in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts: [Substring] = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let values: ClosedRange<Int> = try self.values(parts[0], of: text)
            var step: Int = 1
            if parts.count == 2 {
                guard parts[0] == "*" || parts[0].contains("-") else {
                    throw failure(
                        text, "a step after * or after a range, such as \(range.lowerBound)-\(range.upperBound)/5")
                }
                guard let wanted: Int = number(parts[1]), (1...range.upperBound).contains(wanted) else {
                    throw failure(text, "a step of 1 to \(range.upperBound) after the /")
                }
                step = wanted
            }
            for value in stride(from: values.lowerBound, through: values.upperBound, by: step) {
                mask |= 1 << UInt64(value)
            }
        }
        return mask
    }

    private func values(_ item: Substring, of text: Substring) throws(CronExpression.Failure) -> ClosedRange<Int> {
        // For * the 7 would only say Sunday again, and shift the steps.
        if item == "*" { return range.lowerBound...(range.upperBound == 7 ? 6 : range.upperBound) }
        let ends: [Substring] = item.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first: Int = value(ends[0]) else { throw failure(text, expectation) }
        guard ends.count == 2 else { return first...first }
        guard var last: Int = value(ends[1]) else { throw failure(text, expectation) }
        // A range of weekdays may end on Sunday, whichever way that is written.
        if range.upperBound == 7, last == 0, first > 0 { last = 7 }
        guard first <= last else { throw failure(text, "ranges that begin before they end") }
        return first...last
    }

    private func value(_ text: Substring) -> Int? {
        if let index: Int = names.firstIndex(of: text.lowercased()) { return index + firstName }
        guard let value: Int = number(text), range.contains(value) else { return nil }
        return value
    }

    private func number(_ text: Substring) -> Int? {
        guard (1...2).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    private var expectation: String {
        let named: String = names.isEmpty ? "" : " or names such as \(names[1])"
        return "*, or values and ranges of \(range.lowerBound) to \(range.upperBound)\(named)"
    }

    private func failure(_ text: Substring, _ expected: String) -> CronExpression.Failure {
        CronExpression.Failure(field: name, value: String(text), expected: expected)
    }
}
