/// The date of HTTP fields: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// The text of a time in seconds since 1970, zero or more.
    static func text(_ seconds: Int64) -> [UInt8] {
        let day = seconds / 86_400
        let second = Int(seconds % 86_400)
        // Days since 0000-03-01, in eras of 400 years, so that the leap day is a year's last.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = Int(dayOfYear - (153 * marchMonth + 2) / 5) + 1
        let month = Int(marchMonth < 10 ? marchMonth + 2 : marchMonth - 10)
        let year = Int(yearOfEra + era * 400) + (month < 2 ? 1 : 0)
        var text: [UInt8] = []
        text.reserveCapacity(29)
        text.append(contentsOf: days[Int(day % 7)].utf8)
        text.append(contentsOf: ", ".utf8)
        append(dayOfMonth, width: 2, to: &text)
        text.append(0x20)
        text.append(contentsOf: months[month].utf8)
        text.append(0x20)
        append(year, width: 4, to: &text)
        text.append(0x20)
        append(second / 3_600, width: 2, to: &text)
        text.append(0x3A)
        append(second / 60 % 60, width: 2, to: &text)
        text.append(0x3A)
        append(second % 60, width: 2, to: &text)
        text.append(contentsOf: " GMT".utf8)
        return text
    }

    private static func append(_ number: Int, width: Int, to text: inout [UInt8]) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            text.append(0x30 + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }
}
