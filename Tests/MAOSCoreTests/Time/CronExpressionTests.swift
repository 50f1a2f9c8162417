import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Cron expressions")
struct CronExpressionTests {
    /// The first times after a local time, in UTC.
    private func times(_ expression: String, after start: String, count: Int) throws -> [String] {
        let start: LocalTime = try #require(LocalTime(start))
        let timetable = Timetable(
            .cron(try CronExpression(expression)), zone: .utc, start: Instant(milliseconds: start.seconds * 1_000 + 1))
        return timetable.next(count, after: timetable.start).map {
            LocalTime(seconds: $0.milliseconds / 1_000).description
        }
    }

    @Test(
        "an expression matches the minutes it names",
        arguments: [
            ("0 9 * * 1-5", ["2026-01-01T09:00:00", "2026-01-02T09:00:00", "2026-01-05T09:00:00"]),
            ("*/20 * * * *", ["2026-01-01T00:20:00", "2026-01-01T00:40:00", "2026-01-01T01:00:00"]),
            ("5,50 22-23 * * *", ["2026-01-01T22:05:00", "2026-01-01T22:50:00", "2026-01-01T23:05:00"]),
            ("0 0 1 feb,APR *", ["2026-02-01T00:00:00", "2026-04-01T00:00:00", "2027-02-01T00:00:00"]),
            ("30 4 * * sun", ["2026-01-04T04:30:00", "2026-01-11T04:30:00"]),
            ("30 4 * * 0", ["2026-01-04T04:30:00"]), ("30 4 * * 7", ["2026-01-04T04:30:00"]),
            ("0 12 * * fri-sun", ["2026-01-02T12:00:00", "2026-01-03T12:00:00", "2026-01-04T12:00:00"]),
            ("0 12 * * 5-7", ["2026-01-02T12:00:00", "2026-01-03T12:00:00", "2026-01-04T12:00:00"]),
            ("10-30/10 3 * * *", ["2026-01-01T03:10:00", "2026-01-01T03:20:00", "2026-01-01T03:30:00"]),
            ("0 0 31 * *", ["2026-01-31T00:00:00", "2026-03-31T00:00:00", "2026-05-31T00:00:00"]),
            ("59 23 31 12 *", ["2026-12-31T23:59:00", "2027-12-31T23:59:00"]),
            ("@hourly", ["2026-01-01T01:00:00", "2026-01-01T02:00:00"]),
            (" @Daily ", ["2026-01-02T00:00:00"]), ("@weekly", ["2026-01-04T00:00:00"]),
            ("@monthly", ["2026-02-01T00:00:00"]), ("@yearly", ["2027-01-01T00:00:00"]),
        ])
    func minutes(_ expression: String, _ expected: [String]) throws {
        #expect(try times(expression, after: "2026-01-01T00:00:00", count: expected.count) == expected)
    }

    @Test("two restricted day fields match either day, a star with one must match too")
    func eitherDay() throws {
        let either: [String] = try times("0 0 13 * fri", after: "2026-02-01T00:00:00", count: 4)
        #expect(either.map { $0.prefix(10) } == ["2026-02-06", "2026-02-13", "2026-02-20", "2026-02-27"])
        let both: [String] = try times("0 0 */2 * fri", after: "2026-02-01T00:00:00", count: 3)
        #expect(both.map { $0.prefix(10) } == ["2026-02-13", "2026-02-27", "2026-03-13"])
    }

    @Test("29 February is found across years that have none, also on a given weekday")
    func leapDay() throws {
        #expect(
            try times("0 0 29 2 *", after: "2096-03-01T00:00:00", count: 2)
                == ["2104-02-29T00:00:00", "2108-02-29T00:00:00"])
        // Every weekday is a step of one over the week, so that the field begins with a star and both must match.
        #expect(try times("0 0 29 2 */6", after: "2026-01-01T00:00:00", count: 2).first == "2032-02-29T00:00:00")
        #expect(
            try times("0 0 29 2 */7", after: "2088-03-01T00:00:00", count: 1) == ["2128-02-29T00:00:00"],
            "the longest wait for a leap day on a Sunday is 40 years")
    }

    @Test(
        "a bad expression is refused with the field that is wrong",
        arguments: [
            ("", "expression"), ("* * * *", "expression"), ("* * * * * *", "expression"), ("@often", "expression"),
            ("@daily 5", "expression"),
            ("60 * * * *", "minute"), ("-1 * * * *", "minute"), ("a * * * *", "minute"), ("1,,2 * * * *", "minute"),
            ("5/10 * * * *", "minute"), ("*/0 * * * *", "minute"), ("*/60 * * * *", "minute"), ("*/ * * * *", "minute"),
            ("30-10 * * * *", "minute"), ("1- * * * *", "minute"), ("** * * * *", "minute"),
            ("1-2-3 * * * *", "minute"),
            ("1.5 * * * *", "minute"), ("+1 * * * *", "minute"), ("001 * * * *", "minute"), ("١ * * * *", "minute"),
            ("* 24 * * *", "hour"), ("* * 0 * *", "day of month"), ("* * 32 * *", "day of month"),
            ("* * L * *", "day of month"), ("* * ? * *", "day of month"), ("* * * 0 *", "month"),
            ("* * * 13 *", "month"), ("* * * foo *", "month"), ("* * * * 8", "day of week"),
            ("* * * * fri-wed", "day of week"), ("* * * * 1#2", "day of week"), ("* * * * monday", "day of week"),
            ("0 0 30 2 *", "day of month"), ("0 0 31 4,6,9,11 *", "day of month"), ("0 0 30-31 feb *", "day of month"),
            (String(repeating: "1,", count: 200) + "1 * * * *", "expression"),
        ])
    func refused(_ expression: String, _ field: String) throws {
        let failure: CronExpression.Failure = try #require(throws: CronExpression.Failure.self) {
            try CronExpression(expression)
        }
        #expect(failure.field == field)
        #expect(!failure.expected.isEmpty)
    }

    @Test("an impossible date with a weekday beside it is possible on that weekday")
    func impossibleDateWithWeekday() throws {
        #expect(try times("0 0 30 2 mon", after: "2026-01-01T00:00:00", count: 1) == ["2026-02-02T00:00:00"])
    }

    @Test("damaged expressions are refused or read, and never more")
    func damaged() {
        for text in ["0 9 * * 1-5", "*/5 0-23/2 1,15 jan-dec sun"] {
            for bytes in Mutations(of: Array(text.utf8), count: 5_000, spice: Array("*/,-0179".utf8)) {
                guard let expression = try? CronExpression(String(decoding: bytes, as: UTF8.self)) else { continue }
                let timetable = Timetable(.cron(expression), zone: .utc, start: Instant(milliseconds: 0))
                #expect(timetable.next(after: timetable.start) != nil, "\(expression)")
            }
        }
    }
}
