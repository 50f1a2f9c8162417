/// A rule for local time in every year, as POSIX writes it in `TZ` and RFC 9636 §3.3 at the end of a file: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixTimeZone: Hashable, Sendable {
    /// A day of the year and the time on it.
    struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// `Jn`: 1 … 365; 29 February is never counted.
            case withoutLeapDay(Int)
            /// `n`: 0 … 365; 29 February is counted.
            case withLeapDay(Int)
            /// `Mm.w.d`: the n-th weekday of a month, 5 for the last; 0 is Sunday.
            case weekday(month: Int, week: Int, weekday: Int)
        }

        var day: Day
        /// Seconds after midnight, −167 h … 167 h.
        var time: Int
    }

    private struct Saving: Hashable, Sendable {
        var offset: ZoneOffset
        var start: Change
        var end: Change
    }

    private var standard: ZoneOffset
    private var saving: Saving?

    /// Reads a rule; `nil` when it is none, or names no days for its daylight saving time.
    init?(_ text: ArraySlice<UInt8>) {
        var reader = PosixTimeZoneReader(text)
        guard let name: String = reader.name(), let west: Int = reader.time(hours: 24) else { return nil }
        standard = ZoneOffset(seconds: -west, isDaylightSaving: false, abbreviation: name)
        guard !reader.isAtEnd else { return }
        guard let savingName: String = reader.name() else { return nil }
        var ahead: Int = standard.seconds + 3_600
        if !reader.isNext(UInt8(ascii: ",")) {
            guard let west: Int = reader.time(hours: 24) else { return nil }
            ahead = -west
        }
        guard let start: Change = reader.change(), let end: Change = reader.change(), reader.isAtEnd else { return nil }
        saving = Saving(
            offset: ZoneOffset(seconds: ahead, isDaylightSaving: true, abbreviation: savingName), start: start, end: end
        )
    }

    /// What holds at an instant, in seconds since 1970.
    func offset(at instant: Int64) -> ZoneOffset {
        guard let saving else { return standard }
        // The newest change decides; of two at once the start of daylight saving does, for zones that always have it.
        let year: Int = LocalTime(seconds: instant + Int64(standard.seconds)).date.year
        var newest: (instant: Int64, offset: ZoneOffset)?
        for year in (year - 1)...(year + 1) {
            let end: Int64 = saving.end.instant(in: year, offset: saving.offset.seconds)
            let start: Int64 = saving.start.instant(in: year, offset: standard.seconds)
            if end <= instant, newest.map({ $0.instant <= end }) ?? true { newest = (end, standard) }
            if start <= instant, newest.map({ $0.instant <= start }) ?? true { newest = (start, saving.offset) }
        }
        return newest?.offset ?? standard
    }

    /// The next instant after the given one at which the rule may change the offset; `nil` when it never does.
    func nextTransition(after instant: Int64) -> Int64? {
        guard let saving else { return nil }
        let year: Int = LocalTime(seconds: instant + Int64(standard.seconds)).date.year
        var next: Int64?
        // A change may reach a week into the year before.
        for year in (year - 1)...(year + 2) {
            let changes: [Int64] = [
                saving.start.instant(in: year, offset: standard.seconds),
                saving.end.instant(in: year, offset: saving.offset.seconds),
            ]
            for change: Int64 in changes where change > instant && next.map({ change < $0 }) ?? true { next = change }
        }
        return next
    }
}

extension PosixTimeZone.Change {
    /// When it happens in a year, in seconds since 1970, with clocks that show the given offset until then.
    func instant(in year: Int, offset: Int) -> Int64 {
        Int64(date(in: year)) * LocalTime.secondsInDay + Int64(time - offset)
    }

    /// The day in a year, counted from 1970-01-01.
    private func date(in year: Int) -> Int {
        let newYear: Int = ISO8601.days(year: year, month: 1, day: 1)
        switch day {
        case .withoutLeapDay(let number):
            let hasLeapDay: Bool = ISO8601.daysIn(month: 2, year: year) == 29
            return newYear + number - 1 + (hasLeapDay && number > 59 ? 1 : 0)
        case .withLeapDay(let number):
            return newYear + number
        case .weekday(let month, let week, let weekday):
            let first: Int = ISO8601.days(year: year, month: month, day: 1)
            let firstWeekday: Int = Int(Weekday(day: Int64(first)).rawValue) % 7
            let ahead: Int = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
            return first + (ahead < ISO8601.daysIn(month: month, year: year) ? ahead : ahead - 7)
        }
    }
}

/// Reads the parts of a POSIX rule; each part that is not there is `nil`.
private struct PosixTimeZoneReader {
    private var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) { rest = text }

    var isAtEnd: Bool { rest.isEmpty }

    func isNext(_ byte: UInt8) -> Bool { rest.first == byte }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    /// `CET`, or `<+03>`; 3 … 16 characters.
    mutating func name() -> String? {
        let isQuoted: Bool = skip(UInt8(ascii: "<"))
        let name: ArraySlice<UInt8> = rest.prefix { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"): isQuoted
            default: false
            }
        }
        guard (3...16).contains(name.count) else { return nil }
        rest = rest[name.endIndex...]
        guard !isQuoted || skip(UInt8(ascii: ">")) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    /// `[+-]h[hh][:mm[:ss]]` in seconds.
    mutating func time(hours limit: Int) -> Int? {
        let isNegative: Bool = skip(UInt8(ascii: "-"))
        if !isNegative { _ = skip(UInt8(ascii: "+")) }
        guard let hours: Int = number(0...limit) else { return nil }
        var seconds: Int = hours * 3_600
        for unit in [60, 1] {
            guard skip(UInt8(ascii: ":")) else { break }
            guard let part: Int = number(0...59) else { return nil }
            seconds += part * unit
        }
        return isNegative ? -seconds : seconds
    }

    /// `,M3.5.0/3`.
    mutating func change() -> PosixTimeZone.Change? {
        guard skip(UInt8(ascii: ",")), let day: PosixTimeZone.Change.Day = day() else { return nil }
        guard skip(UInt8(ascii: "/")) else { return PosixTimeZone.Change(day: day, time: 7_200) }
        // RFC 9636 §3.3.1 lets the time reach into other days.
        return time(hours: 167).map { PosixTimeZone.Change(day: day, time: $0) }
    }

    private mutating func day() -> PosixTimeZone.Change.Day? {
        if skip(UInt8(ascii: "J")) { return number(1...365).map { .withoutLeapDay($0) } }
        guard skip(UInt8(ascii: "M")) else { return number(0...365).map { .withLeapDay($0) } }
        guard let month: Int = number(1...12), skip(UInt8(ascii: ".")), let week: Int = number(1...5),
            skip(UInt8(ascii: ".")), let weekday: Int = number(0...6)
        else { return nil }
        return .weekday(month: month, week: week, weekday: weekday)
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int? {
        let digits: ArraySlice<UInt8> = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count) else { return nil }
        rest = rest[digits.endIndex...]
        let value: Int = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return range.contains(value) ? value : nil
    }
}
