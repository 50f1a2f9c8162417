import MAOSCore
import Testing

@Suite("Local times")
struct LocalTimeTests {
    @Test(
        "a local time is read and written back",
        arguments: ["1970-01-01T00:00:00", "2026-03-29T02:30:59", "0000-01-01T00:00:00", "9999-12-31T23:59:59"])
    func roundTrip(_ text: String) throws {
        #expect(try #require(LocalTime(text)).description == text)
    }

    @Test("seconds may be left out")
    func withoutSeconds() { #expect(LocalTime("2026-03-29T02:30")?.description == "2026-03-29T02:30:00") }

    @Test(
        "other text is no local time",
        arguments: [
            "", "2026-03-29", "2026-03-29T02", "2026-03-29T02:30Z", "2026-03-29T02:30:00Z", "2026-03-29T02:30:00.5",
            "2026-02-30T00:00", "2026-03-29 02:30", "2026-03-29T24:00", "2026-03-29T02:30:00+01:00",
        ])
    func refused(_ text: String) { #expect(LocalTime(text) == nil) }

    @Test("weekdays go on before 1970")
    func weekdays() {
        #expect(LocalTime(seconds: 0).weekday == .thursday)
        #expect(LocalTime(seconds: -1).weekday == .wednesday)
        #expect(LocalTime("2026-03-29T02:30")?.weekday == .sunday)
        #expect(LocalTime("1900-01-01T00:00")?.weekday == .monday)
    }

    @Test("a weekday has its name or its first three letters")
    func weekdayNames() {
        for day: Weekday in Weekday.allCases {
            #expect(Weekday(name: day.name) == day)
            #expect(Weekday(name: day.name.prefix(3).uppercased()) == day)
        }
        for text in ["", "m", "mo", "mond", "1", "someday"] { #expect(Weekday(name: text) == nil) }
    }

    @Test("a time of day has minutes, and seconds where it needs them")
    func timesOfDay() {
        #expect(TimeOfDay("09:30")?.description == "09:30")
        #expect(TimeOfDay("09:30:15")?.description == "09:30:15")
        #expect(TimeOfDay("09:30:00")?.description == "09:30")
        #expect(TimeOfDay("23:59:59")?.seconds == 86_399)
        for text in ["", "9:30", "09-30", "24:00", "09:60", "09:30:60", "09:3a", "09:30:", "0930", "09:30:1:"] {
            #expect(TimeOfDay(text) == nil, "\(text)")
        }
        #expect(TimeOfDay(seconds: 86_400) == nil && TimeOfDay(seconds: -1) == nil)
    }
}
