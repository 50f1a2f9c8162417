import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

/// Timetables in zones with changes of their clocks that are known.
@Suite("Timetables")
struct TimetableTests {
    private static let folder = ZoneInfoFolder()

    private func instant(_ text: String) throws -> Instant {
        Instant(milliseconds: try #require(LocalTime(text)).seconds * 1_000)
    }

    private func timetable(
        _ recurrence: Recurrence, _ zone: String, from start: String, to end: String? = nil, gap: GapRule? = nil,
        repeated: RepeatRule? = nil
    ) throws -> Timetable {
        Timetable(
            recurrence, zone: try TimetableTests.folder.rules(named: zone), start: try instant(start),
            end: try end.map { try instant($0) }, gap: gap, repeated: repeated)
    }

    /// The first times in UTC, the start included.
    private func times(_ timetable: Timetable, _ count: Int) -> [String] {
        timetable.next(count, after: Instant(milliseconds: timetable.start.milliseconds - 1)).map {
            String(LocalTime(seconds: $0.milliseconds / 1_000).description.dropFirst(5).dropLast(3))
        }
    }

    private func time(_ text: String) throws -> TimeOfDay { try #require(TimeOfDay(text)) }

    @Test("a time of day stays what it is when clocks change")
    func keepsLocalTime() throws {
        let daily = try timetable(.daily(every: 1, at: try time("09:00")), "Europe/Berlin", from: "2026-03-27T00:00")
        #expect(times(daily, 4) == ["03-27T08:00", "03-28T08:00", "03-29T07:00", "03-30T07:00"])
    }

    @Test("a daily time that clocks jump over happens at the jump, once, or not at all")
    func gap() throws {
        let daily = Recurrence.daily(every: 1, at: try time("02:30"))
        let run = try timetable(daily, "Europe/Berlin", from: "2026-03-28T00:00")
        #expect(times(run, 3) == ["03-28T01:30", "03-29T01:00", "03-30T00:30"])
        let skip = try timetable(daily, "Europe/Berlin", from: "2026-03-28T00:00", gap: .skip)
        #expect(times(skip, 2) == ["03-28T01:30", "03-30T00:30"])
        let halfHour = Recurrence.daily(every: 1, at: try time("02:15"))
        let lordHowe = try timetable(halfHour, "Australia/Lord_Howe", from: "2026-10-02T12:00")
        #expect(times(lordHowe, 3) == ["10-02T15:45", "10-03T15:30", "10-04T15:15"])
    }

    @Test("a daily time that clocks show twice happens the first time, the last, or both")
    func repeated() throws {
        let daily = Recurrence.daily(every: 1, at: try time("02:30"))
        func table(_ rule: RepeatRule?) throws -> Timetable {
            try timetable(daily, "Europe/Berlin", from: "2026-10-24T12:00", repeated: rule)
        }
        #expect(times(try table(nil), 2) == ["10-25T00:30", "10-26T01:30"])
        #expect(times(try table(.last), 2) == ["10-25T01:30", "10-26T01:30"])
        #expect(times(try table(.both), 3) == ["10-25T00:30", "10-25T01:30", "10-26T01:30"])
    }

    @Test("a day that a zone skipped happens at midnight of the next")
    func skippedDay() throws {
        let daily = try timetable(.daily(every: 1, at: try time("09:00")), "Pacific/Apia", from: "2011-12-29T00:00")
        // 29 December, then the 30th at the jump, then the 31st.
        #expect(times(daily, 3) == ["12-29T19:00", "12-30T10:00", "12-30T19:00"])
    }

    @Test("what happens every hour goes by the time that passes")
    func hourly() throws {
        let halfPast = Recurrence.cron(try CronExpression("30 * * * *"))
        let spring = try timetable(halfPast, "Europe/Berlin", from: "2026-03-29T00:00")
        #expect(times(spring, 3) == ["03-29T00:30", "03-29T01:30", "03-29T02:30"])
        let autumn = try timetable(halfPast, "Europe/Berlin", from: "2026-10-25T00:00")
        #expect(times(autumn, 3) == ["10-25T00:30", "10-25T01:30", "10-25T02:30"])
        let quarters = Recurrence.cron(try CronExpression("*/15 * * * *"))
        let lordHowe = try timetable(quarters, "Australia/Lord_Howe", from: "2026-04-04T14:30")
        #expect(
            times(lordHowe, 5) == ["04-04T14:30", "04-04T14:45", "04-04T15:00", "04-04T15:15", "04-04T15:30"])
    }

    @Test("an expression with a time of day happens once on each change of the clocks")
    func cronAtNight() throws {
        let expression = Recurrence.cron(try CronExpression("15,45 2 * * *"))
        let spring = try timetable(expression, "America/New_York", from: "2026-03-08T00:00")
        #expect(times(spring, 3) == ["03-08T07:00", "03-09T06:15", "03-09T06:45"])
        let autumn = try timetable(
            .cron(try CronExpression("30 1 * * *")), "America/New_York", from: "2026-11-01T00:00")
        #expect(times(autumn, 2) == ["11-01T05:30", "11-02T06:30"])
    }

    @Test("days are counted from the start")
    func everyThirdDay() throws {
        let daily = try timetable(.daily(every: 3, at: try time("06:00")), "UTC", from: "2026-02-26T07:00")
        #expect(times(daily, 3) == ["03-01T06:00", "03-04T06:00", "03-07T06:00"])
    }

    @Test("weeks are counted from the week of the start, from Monday to Sunday")
    func everySecondWeek() throws {
        let days: Set<Weekday> = [.monday, .sunday]
        // 2026-01-07 is a Wednesday.
        let weekly = try timetable(.weekly(every: 2, on: days, at: try time("12:00")), "UTC", from: "2026-01-07T00:00")
        #expect(times(weekly, 4) == ["01-11T12:00", "01-19T12:00", "01-25T12:00", "02-02T12:00"])
        let late = try timetable(
            .weekly(every: 2, on: [.tuesday], at: try time("12:00")), "UTC", from: "2026-01-07T00:00")
        #expect(times(late, 2) == ["01-20T12:00", "02-03T12:00"])
    }

    @Test("a day of the month that is missing is the month's last, OC-REQ-29")
    func monthly() throws {
        let ends = try timetable(
            .monthly(every: 1, on: .day(31), at: try time("12:00")), "UTC", from: "2026-01-31T00:00")
        #expect(times(ends, 5) == ["01-31T12:00", "02-28T12:00", "03-31T12:00", "04-30T12:00", "05-31T12:00"])
        let leap = try timetable(.monthly(every: 1, on: .last, at: try time("12:00")), "UTC", from: "2028-02-01T00:00")
        #expect(times(leap, 2) == ["02-29T12:00", "03-31T12:00"])
        let quarters = try timetable(
            .monthly(every: 3, on: .day(1), at: try time("00:00")), "UTC", from: "2026-01-15T00:00")
        #expect(times(quarters, 2) == ["04-01T00:00", "07-01T00:00"])
        let rare = try timetable(
            .monthly(every: 1_000, on: .day(1), at: try time("00:00")), "UTC", from: "2026-01-15T00:00")
        #expect(rare.next(after: rare.start) == (try instant("2109-05-01T00:00")))
    }

    @Test("a single time happens once, and not at all when it has passed")
    func oneOff() throws {
        let at: Instant = try instant("2026-05-01T10:00")
        let single = try timetable(.instant(at), "Europe/Berlin", from: "2026-01-01T00:00")
        #expect(single.next(3, after: single.start) == [at])
        #expect(single.next(after: at) == nil)
        let local: LocalTime = try #require(LocalTime("2026-10-25T02:30"))
        let start: String = "2026-01-01T00:00"
        #expect(times(try timetable(.local(local), "Europe/Berlin", from: start), 3) == ["10-25T00:30"])
        #expect(
            times(try timetable(.local(local), "Europe/Berlin", from: start, repeated: .both), 3)
                == ["10-25T00:30", "10-25T01:30"])
        let missing: LocalTime = try #require(LocalTime("2026-03-29T02:30"))
        #expect(times(try timetable(.local(missing), "Europe/Berlin", from: start), 3) == ["03-29T01:00"])
        #expect(times(try timetable(.local(missing), "Europe/Berlin", from: start, gap: .skip), 3) == [])
        #expect(times(try timetable(.local(missing), "Europe/Berlin", from: "2026-04-01T00:00"), 3) == [])
    }

    @Test("nothing happens before the start or after the end, both included")
    func bounds() throws {
        let daily = Recurrence.daily(every: 1, at: try time("12:00"))
        let table = try timetable(daily, "UTC", from: "2026-01-01T12:00", to: "2026-01-03T12:00")
        #expect(times(table, 9) == ["01-01T12:00", "01-02T12:00", "01-03T12:00"])
        let empty = try timetable(daily, "UTC", from: "2026-01-01T13:00", to: "2026-01-02T11:59")
        #expect(times(empty, 9) == [])
    }

    @Test("a search for what never happens ends")
    func neverHappens() throws {
        // Always inside the gap: the clocks of this zone change on the same day of each year.
        var builder: [UInt8] = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
        for count: UInt8 in [0, 0, 0, 0, 1, 4] { builder += [0, 0, 0, count] }
        builder += [0, 0, 0, 0, 0, 0] + Array("AAA\0".utf8)
        let bytes: [UInt8] = builder + builder + Array("\nAAA0BBB,J60,J300\n".utf8)
        let zone: TimeZoneRules = try TZifReader.rules(bytes)
        let never = Timetable(
            .cron(try CronExpression("30 2 1 3 *")), zone: zone, start: try instant("2026-01-01T00:00"), gap: .skip)
        #expect(never.next(after: never.start) == nil)
        let last = Timetable(.daily(every: 1, at: try time("12:00")), zone: .utc, start: Instant.distantFuture)
        #expect(last.next(after: last.start) == nil)
    }

    @Test("times come in order, each later than the last, wherever the search begins", arguments: Seeds.all)
    func ordered(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let zones: [String] = [
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
            "Asia/Kathmandu", "Europe/Dublin", "America/Sao_Paulo", "Antarctica/Troll", "Asia/Gaza",
        ]
        for _ in 0..<60 {
            let clock: TimeOfDay = try #require(TimeOfDay(seconds: Int(random.below(4 * 60)) * 60))
            let recurrence: Recurrence =
                switch random.below(4) {
                case 0: .daily(every: Int(random.below(3)) + 1, at: clock)
                case 1: .weekly(every: Int(random.below(3)) + 1, on: [.sunday, .saturday], at: clock)
                case 2: .monthly(every: 1, on: .last, at: clock)
                default:
                    .cron(try CronExpression("*/\(random.below(29) + 1) \(random.below(2) == 0 ? "*" : "0-4") * * *"))
                }
            let rules: TimeZoneRules = try TimetableTests.folder.rules(named: zones[Int(random.below(10))])
            let start = Instant(milliseconds: Int64(random.below(4_000_000_000)) * 1_000 - 500_000_000_000)
            let table = Timetable(
                recurrence, zone: rules, start: start, gap: random.below(2) == 0 ? .skip : .run,
                repeated: [.first, .last, .both][Int(random.below(3))])
            let series: [Instant] = table.next(40, after: start)
            #expect(series.count == 40)
            #expect(zip(series, series.dropFirst()).allSatisfy { $0 < $1 })
            for (index, time) in series.enumerated().dropFirst() {
                // From any instant in between the same one comes next.
                let distance: UInt64 = UInt64((time - series[index - 1]).count)
                let between = Instant(milliseconds: time.milliseconds - 1 - Int64(random.below(distance)))
                #expect(table.next(after: between) == time, "\(recurrence) after \(between)")
            }
        }
    }
}
