import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

@Suite("The system's time zones")
struct ZoneInfoFolderTests {
    private let folder = ZoneInfoFolder()

    private func utc(_ text: String) throws -> Int64 { try #require(LocalTime(text)).seconds }

    /// The UTC times of a local time.
    private func occurrence(_ local: String, in zone: String) throws -> [String] {
        let found: LocalOccurrence = try folder.rules(named: zone).occurrence(of: try #require(LocalTime(local)))
        switch found {
        case .once(let only): return [LocalTime(seconds: only).description]
        case .repeated(let first, let last):
            return [LocalTime(seconds: first).description, LocalTime(seconds: last).description]
        case .skipped(let jump): return ["skipped", LocalTime(seconds: jump).description]
        }
    }

    @Test(
        "offsets are those of the zone",
        arguments: [
            ("Europe/Berlin", "2026-01-15T12:00", 3_600, "CET"), ("Europe/Berlin", "2026-07-15T12:00", 7_200, "CEST"),
            ("Europe/Berlin", "2099-07-15T12:00", 7_200, "CEST"), ("Europe/Berlin", "1880-01-01T00:00", 3_208, "LMT"),
            ("America/New_York", "2026-03-08T06:59", -18_000, "EST"),
            ("America/New_York", "2026-03-08T07:00", -14_400, "EDT"),
            ("Asia/Kathmandu", "2026-01-01T00:00", 20_700, "+0545"),
            ("Australia/Lord_Howe", "2026-01-01T00:00", 39_600, "+11"),
            ("Australia/Lord_Howe", "2026-07-01T00:00", 37_800, "+1030"),
            ("Pacific/Apia", "2011-12-30T09:59", -36_000, "-10"), ("Pacific/Apia", "2011-12-30T10:00", 50_400, "+14"),
            ("Africa/Casablanca", "2026-03-01T00:00", 0, "+00"),
            ("Africa/Casablanca", "2026-06-01T00:00", 3_600, "+01"),
            ("Etc/GMT+12", "2026-06-01T00:00", -43_200, "-12"), ("UTC", "2026-06-01T00:00", 0, "UTC"),
        ])
    func offsets(_ zone: String, _ instant: String, _ seconds: Int, _ name: String) throws {
        let offset: ZoneOffset = try folder.rules(named: zone).offset(at: try utc(instant))
        #expect(offset.seconds == seconds)
        #expect(offset.abbreviation == name)
    }

    @Test(
        "a local time happens once, twice or never",
        arguments: [
            ("Europe/Berlin", "2026-03-29T02:30", ["skipped", "2026-03-29T01:00:00"]),
            ("Europe/Berlin", "2026-03-29T02:00", ["skipped", "2026-03-29T01:00:00"]),
            ("Europe/Berlin", "2026-03-29T03:00", ["2026-03-29T01:00:00"]),
            ("Europe/Berlin", "2026-10-25T02:00", ["2026-10-25T00:00:00", "2026-10-25T01:00:00"]),
            ("Europe/Berlin", "2026-10-25T02:59:59", ["2026-10-25T00:59:59", "2026-10-25T01:59:59"]),
            ("Europe/Berlin", "2026-10-25T03:00", ["2026-10-25T02:00:00"]),
            ("Europe/Berlin", "2090-03-26T02:30", ["skipped", "2090-03-26T01:00:00"]),
            ("Australia/Lord_Howe", "2026-10-04T02:15", ["skipped", "2026-10-03T15:30:00"]),
            ("Australia/Lord_Howe", "2026-10-04T02:30", ["2026-10-03T15:30:00"]),
            ("Australia/Lord_Howe", "2026-04-05T01:45", ["2026-04-04T14:45:00", "2026-04-04T15:15:00"]),
            ("Pacific/Apia", "2011-12-30T12:00", ["skipped", "2011-12-30T10:00:00"]),
            ("Pacific/Apia", "2011-12-31T00:00", ["2011-12-30T10:00:00"]),
            ("Africa/Casablanca", "2026-02-15T02:30", ["2026-02-15T01:30:00", "2026-02-15T02:30:00"]),
            ("Africa/Casablanca", "2026-03-22T02:30", ["skipped", "2026-03-22T02:00:00"]),
        ])
    func occurrences(_ zone: String, _ local: String, _ expected: [String]) throws {
        #expect(try occurrence(local, in: zone) == expected)
    }

    @Test(
        "a name that is no zone is unknown, wherever it would lead",
        arguments: [
            "", "Mars/Olympus", "Europe", "Europe/", "/Europe/Berlin", "../zoneinfo/Europe/Berlin", "Europe/../UTC",
            "Europe//Berlin", "europe/berlin\0", "zone.tab", "zone1970", "tzdata", "Europe/Berlin ",
            "posix/Europe/Berlin",
            "right/Europe/Berlin", "Europe/Berlin/x", ".", "..", "Ünïcode", String(repeating: "A", count: 101),
        ])
    func unknown(_ name: String) {
        #expect(throws: TimeZoneError.unknown(name)) { try folder.rules(named: name) }
    }

    @Test("a damaged file is named as such, other files in the folder are no zones")
    func damaged() throws {
        let temporary = try TemporaryFolder()
        try Data("TZif2".utf8).write(to: URL(fileURLWithPath: temporary.path + "/Broken"))
        try Data("# a table".utf8).write(to: URL(fileURLWithPath: temporary.path + "/Table"))
        let folder = ZoneInfoFolder(path: temporary.path)
        #expect(throws: TimeZoneError.unusable("Broken", reason: "the file is cut off")) {
            try folder.rules(named: "Broken")
        }
        #expect(throws: TimeZoneError.unknown("Table")) { try folder.rules(named: "Table") }
        #expect(try folder.rules(named: "UTC").offset(at: 0).seconds == 0, "UTC needs no file")
        #expect(throws: TimeZoneError.unknown("Etc/UTC")) { try folder.rules(named: "Etc/UTC") }
    }

    @Test("every zone agrees with Python's zoneinfo, in the past and the future", .enabled(if: Python.isThere))
    func agreesWithPython() throws {
        // Instants one by one, around every change that Python's steps of a day show, and local times with both folds.
        let script = """
            import zoneinfo, random, sys
            from datetime import datetime, timedelta, timezone
            random.seed(7)
            utc = timezone.utc
            epoch = datetime(1970, 1, 1)
            zones = sorted(z for z in zoneinfo.available_timezones() if z not in ("Factory", "localtime"))
            out = []
            for name in zones:
                zone = zoneinfo.ZoneInfo(name)
                seconds = [random.randrange(-2_500_000_000, 4_000_000_000) for _ in range(60)]
                day = random.randrange(0, 86400)
                last = None
                for step in range(7300, 29000, 9):
                    offset = datetime.fromtimestamp(step * 86400 + day, utc).astimezone(zone).utcoffset()
                    if last is not None and offset != last:
                        low, high = (step - 9) * 86400 + day, step * 86400 + day
                        while high - low > 1:
                            middle = (low + high) // 2
                            if datetime.fromtimestamp(middle, utc).astimezone(zone).utcoffset() == last: low = middle
                            else: high = middle
                        seconds += [low, high]
                    last = offset
                for second in seconds[:90]:
                    at = (epoch.replace(tzinfo=utc) + timedelta(seconds=second)).astimezone(zone)
                    out.append(f"i {name} {second} {int(at.utcoffset().total_seconds())} {int(bool(at.dst()))} {at.tzname()}")
                    for shift in (0, random.randrange(-5400, 5400)):
                        local = epoch + timedelta(seconds=second + int(at.utcoffset().total_seconds()) + shift)
                        both = [local.replace(tzinfo=zone, fold=f) for f in (0, 1)]
                        ends = [int((local - epoch).total_seconds() - b.utcoffset().total_seconds()) for b in both]
                        out.append(f"l {name} {int((local - epoch).total_seconds())} {ends[0]} {ends[1]}")
            sys.stdout.write("\\n".join(out))
            """
        let lines: [Substring] = try Python.run(script).split(separator: "\n")
        #expect(lines.count > 100_000)
        var zones: [Substring: TimeZoneRules] = [:]
        var wrong: [String] = []
        for line: Substring in lines {
            let parts: [Substring] = line.split(separator: " ")
            let name: Substring = parts[1]
            let rules: TimeZoneRules = try zones[name] ?? folder.rules(named: String(name))
            zones[name] = rules
            let seconds: Int64 = try #require(Int64(parts[2]))
            if parts[0] == "i" {
                let offset: ZoneOffset = rules.offset(at: seconds)
                // Python tells daylight saving time by other means than the file's flag, which is not compared.
                if "\(offset.seconds) \(offset.abbreviation)" != "\(parts[3]) \(parts[5])" {
                    wrong.append("\(line): \(offset)")
                }
            } else {
                let first: Int64 = try #require(Int64(parts[3]))
                let second: Int64 = try #require(Int64(parts[4]))
                let agrees: Bool =
                    switch rules.occurrence(of: LocalTime(seconds: seconds)) {
                    case .once(let only): first == only && second == only
                    case .repeated(let early, let late): first == early && second == late
                    // In a gap Python's folds are the offsets on both sides of it, the earlier one first.
                    case .skipped(let jump): first > second && second < jump && jump <= first
                    }
                if !agrees { wrong.append("\(line): \(rules.occurrence(of: LocalTime(seconds: seconds)))") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(lines.count): \(wrong.prefix(5))")
    }
}

/// The Python on this machine.
enum Python {
    static let isThere: Bool = (try? run("import zoneinfo")) != nil

    struct Failure: Error {}

    /// What a script prints.
    static func run(_ script: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
        try input.fileHandleForWriting.close()
        let data: Data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure() }
        return String(decoding: data, as: UTF8.self)
    }
}
