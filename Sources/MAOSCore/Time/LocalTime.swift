/// What a clock on a wall shows: a date and a time of day in the proleptic Gregorian calendar, to the second, in no zone.
public struct LocalTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Seconds from 1970-01-01T00:00:00 on the same wall; negative before it.
    public var seconds: Int64

    /// The time so many seconds after 1970-01-01T00:00:00.
    public init(seconds: Int64) { self.seconds = seconds }

    /// The time so many seconds into a day.
    ///
    /// - Parameters:
    ///   - day: Days from 1970-01-01.
    ///   - secondOfDay: 0 … 86 399; others reach into other days.
    public init(day: Int64, secondOfDay: Int) { seconds = day * LocalTime.secondsInDay + Int64(secondOfDay) }

    /// Reads `2026-03-29T02:30:00`, the seconds optional, years 0000 … 9999; `nil` for any other text.
    public init?(_ text: String) {
        let hasSeconds: Bool = text.utf8.count > 16
        guard let milliseconds: Int64 = ISO8601.parse(text + (hasSeconds ? "Z" : ":00Z")),
            milliseconds.isMultiple(of: 1_000), !text.utf8.contains(UInt8(ascii: "."))
        else { return nil }
        seconds = milliseconds / 1_000
    }

    static let secondsInDay: Int64 = 86_400

    /// Days from 1970-01-01.
    public var day: Int64 { LocalTime.day(of: seconds) }

    /// Seconds since midnight, 0 … 86 399.
    public var secondOfDay: Int { Int(seconds - day * LocalTime.secondsInDay) }

    /// The date.
    package var date: ISO8601.Date { ISO8601.civil(fromDays: Int(day)) }

    /// The day of the week.
    public var weekday: Weekday { Weekday(day: day) }

    /// `2026-03-29T02:30:00`.
    public var description: String { String(ISO8601.string(milliseconds: seconds * 1_000).prefix(19)) }

    /// Earlier comes first.
    public static func < (left: LocalTime, right: LocalTime) -> Bool { left.seconds < right.seconds }

    /// The day that a second is in, both counted from the same midnight.
    static func day(of seconds: Int64) -> Int64 {
        let quotient: Int64 = seconds / secondsInDay
        return seconds % secondsInDay < 0 ? quotient - 1 : quotient
    }
}

/// The days of the week; the order and numbers are those of ISO 8601.
public enum Weekday: UInt8, Sendable, Hashable, CaseIterable {
    case monday = 1
    case tuesday
    case wednesday
    case thursday
    case friday
    case saturday
    case sunday

    /// The weekday of a day counted from 1970-01-01, which was a Thursday.
    init(day: Int64) {
        let remainder: Int64 = (day + 3) % 7
        self = Weekday.allCases[Int(remainder < 0 ? remainder + 7 : remainder)]
    }

    /// The English name in lower case.
    public var name: String {
        switch self {
        case .monday: "monday"
        case .tuesday: "tuesday"
        case .wednesday: "wednesday"
        case .thursday: "thursday"
        case .friday: "friday"
        case .saturday: "saturday"
        case .sunday: "sunday"
        }
    }

    /// Reads an English name or its first three letters in any case; `nil` for any other text.
    public init?(name: String) {
        let wanted: String = name.lowercased()
        let found: Weekday? = Weekday.allCases.first { $0.name == wanted || $0.name.prefix(3) == wanted }
        guard let found else { return nil }
        self = found
    }
}

/// A time of day to the second, as a recurrence has it.
public struct TimeOfDay: Hashable, Sendable, CustomStringConvertible {
    /// Seconds since midnight, 0 … 86 399.
    public let seconds: Int

    /// So many seconds after midnight; `nil` outside of a day.
    public init?(seconds: Int) {
        guard (0..<86_400).contains(seconds) else { return nil }
        self.seconds = seconds
    }

    /// Reads `09:30` or `09:30:15`; `nil` for any other text.
    public init?(_ text: String) {
        let bytes: [UInt8] = Array(text.utf8)
        guard bytes.count == 5 || bytes.count == 8 else { return nil }
        var parts: [Int] = []
        for (index, byte) in bytes.enumerated() {
            switch index % 3 {
            case 2:
                guard byte == UInt8(ascii: ":") else { return nil }
            default:
                guard (0x30...0x39).contains(byte) else { return nil }
                let digit: Int = Int(byte - 0x30)
                if index % 3 == 0 { parts.append(digit * 10) } else { parts[parts.count - 1] += digit }
            }
        }
        guard parts[0] < 24, parts[1] < 60, parts.count < 3 || parts[2] < 60 else { return nil }
        seconds = parts[0] * 3_600 + parts[1] * 60 + (parts.count > 2 ? parts[2] : 0)
    }

    init(of local: LocalTime) { seconds = local.secondOfDay }

    /// `09:30`, or `09:30:15` where it has seconds.
    public var description: String {
        let text: String = LocalTime(seconds: Int64(seconds)).description
        return String(text.dropFirst(11).prefix(seconds.isMultiple(of: 60) ? 5 : 8))
    }
}
