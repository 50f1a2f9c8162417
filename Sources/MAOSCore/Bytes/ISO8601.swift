/// Times as ISO 8601 text in UTC, as every document of the product has them, and the calendar arithmetic behind it.
///
/// Times are milliseconds since 1970-01-01T00:00:00Z without leap seconds, in the proleptic Gregorian calendar.
package enum ISO8601 {
    /// The years that four digits can name.
    private static let milliseconds: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    /// Appends `2030-01-01T00:00:00.000Z`; times outside of the years 0000 to 9999 are moved to the nearest end.
    package static func append(milliseconds: Int64, to bytes: inout [UInt8]) {
        let time = min(max(milliseconds, ISO8601.milliseconds.lowerBound), ISO8601.milliseconds.upperBound)
        let days = floorDivide(time, 86_400_000)
        let inDay = UInt32(truncatingIfNeeded: time - days * 86_400_000)
        let date = civil(fromDays: Int(days))
        let year = UInt32(truncatingIfNeeded: date.year)
        let (month, day) = (UInt32(truncatingIfNeeded: date.month), UInt32(truncatingIfNeeded: date.day))
        let second: UInt32 = inDay / 1_000
        // Eight characters in each word, the first one in the lowest byte; what stands between the digits comes first.
        var words: [3 of UInt64] = [0x2D00_002D_0000_0000, 0x0000_3A00_0054_0000, 0x5A00_0000_2E00_003A]
        words[0] |= digits(year / 100) | digits(year % 100) << 16 | digits(month) << 40
        words[1] |= digits(day) | digits(second / 3_600) << 24 | digits(second / 60 % 60) << 48
        words[2] |= digits(second % 60) << 8 | UInt64(0x30 &+ inDay / 100 % 10) << 32 | digits(inDay % 100) << 40
        for index in words.indices { words[index] = words[index].littleEndian }
        bytes.append(copying: words.span)
    }

    /// The text that ``append(milliseconds:to:)`` writes.
    package static func string(milliseconds: Int64) -> String {
        var bytes: [UInt8] = []
        append(milliseconds: milliseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The milliseconds of a date and time in UTC with `Z` at its end, `nil` for any other text.
    ///
    /// Seconds may have a fraction of any length; what is below a millisecond is dropped. Numeric offsets, a date without a time,
    /// lower-case letters, 24:00 and leap seconds are refused.
    package static func parse(_ text: String) -> Int64? {
        parse(text.utf8.span)
    }

    /// The milliseconds of a date and time in bytes, as ``parse(_:)-(String)``.
    package static func parse(_ bytes: Span<UInt8>) -> Int64? {
        guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
            bytes[16] == 0x3A, bytes[bytes.count - 1] == 0x5A,
            let century = pair(bytes, 0), let yearInCentury = pair(bytes, 2), let month = pair(bytes, 5),
            let day = pair(bytes, 8), let hour = pair(bytes, 11), let minute = pair(bytes, 14),
            let second = pair(bytes, 17), hour < 24, minute < 60, second < 60, (1...12).contains(month),
            let fraction = fraction(bytes)
        else { return nil }
        let year = century * 100 + yearInCentury
        guard day >= 1, day <= daysIn(month: month, year: year) else { return nil }
        let seconds =
            Int64(days(year: year, month: month, day: day)) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        return seconds * 1000 + fraction
    }

    // MARK: Calendar

    /// A day of the Gregorian calendar.
    package struct Date: Sendable, Hashable {
        /// The year, 0 for 1 BC.
        package var year: Int
        /// The month, 1 … 12.
        package var month: Int
        /// The day of the month, 1 … 31.
        package var day: Int

        /// A day by its parts.
        package init(year: Int, month: Int, day: Int) {
            self.year = year
            self.month = month
            self.day = day
        }
    }

    /// The calendar day that is so many days after 1970-01-01.
    package static func civil(fromDays days: Int) -> Date {
        // Years are counted from March, so that the leap day is the last one; an era has 400 years.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return Date(year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: day)
    }

    /// Days from 1970-01-01 to a calendar day.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The length of a month.
    package static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Appends `Sun, 06 Nov 1994 08:49:37 GMT`, the date of HTTP (RFC 9110 §5.6.7).
    ///
    /// - Parameters:
    ///   - seconds: Seconds since 1970.
    ///   - bytes: Where to append.
    package static func appendHTTPDate(seconds: Int64, to bytes: inout [UInt8]) {
        let days = floorDivide(seconds, 86_400)
        let inDay = Int(seconds - days * 86_400)
        let date = civil(fromDays: Int(days))
        let weekdays = ["Thu, ", "Fri, ", "Sat, ", "Sun, ", "Mon, ", "Tue, ", "Wed, "]
        let months = [
            " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
        ]
        bytes.append(utf8: weekdays[Int(days - floorDivide(days, 7) * 7)])
        Decimal.append(date.day, width: 2, to: &bytes)
        bytes.append(utf8: months[date.month - 1])
        Decimal.append(date.year, width: 4, to: &bytes)
        bytes.append(0x20)
        Decimal.append(inDay / 3600, width: 2, to: &bytes)
        bytes.append(0x3A)
        Decimal.append(inDay / 60 % 60, width: 2, to: &bytes)
        bytes.append(0x3A)
        Decimal.append(inDay % 60, width: 2, to: &bytes)
        bytes.append(utf8: " GMT")
    }

    private static func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
        let quotient = dividend / divisor
        return dividend % divisor < 0 ? quotient - 1 : quotient
    }

    /// The two digits of a number below 100, the first one in the lowest byte.
    @inline(__always)
    private static func digits(_ value: UInt32) -> UInt64 {
        let tens: UInt32 = value / 10
        return UInt64(truncatingIfNeeded: 0x3030 &+ tens &+ (value &- tens &* 10) << 8)
    }

    private static func pair(_ bytes: Span<UInt8>, _ index: Int) -> Int? {
        let high = bytes[index] &- 0x30
        let low = bytes[index + 1] &- 0x30
        return high < 10 && low < 10 ? Int(high) * 10 + Int(low) : nil
    }

    /// The milliseconds after the seconds, 0 without a fraction.
    private static func fraction(_ bytes: Span<UInt8>) -> Int64? {
        guard bytes.count > 20 else { return 0 }
        guard bytes[19] == 0x2E, bytes.count > 21 else { return nil }
        var value: Int64 = 0
        var scale: Int64 = 100
        for index in 20..<(bytes.count - 1) {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            value += Int64(digit) * scale
            scale /= 10
        }
        return value
    }
}
