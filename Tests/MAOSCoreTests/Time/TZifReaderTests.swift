import MAOSCore
import MAOSTestSupport
import Testing

@Suite("TZif files")
struct TZifReaderTests {
    /// A zone that is an hour ahead, and two from second 1000 to second 2000.
    private var sample: TZifBuilder {
        var builder = TZifBuilder()
        builder.kinds = [
            TZifBuilder.Kind(seconds: 3_600, isSaving: 0, name: 0),
            TZifBuilder.Kind(seconds: 7_200, isSaving: 1, name: 4),
        ]
        builder.names = Array("ONE\0TWO\0".utf8)
        builder.transitions = [(1_000, 1), (2_000, 0)]
        builder.footer = "ONE-1"
        return builder
    }

    @Test("every version is read", arguments: [0, 0x32, 0x33, 0x34] as [UInt8])
    func versions(_ version: UInt8) throws {
        var builder: TZifBuilder = sample
        builder.version = version
        let rules: TimeZoneRules = try TZifReader.rules(builder.bytes)
        #expect(rules.offset(at: 999) == ZoneOffset(seconds: 3_600, isDaylightSaving: false, abbreviation: "ONE"))
        #expect(rules.offset(at: 1_000) == ZoneOffset(seconds: 7_200, isDaylightSaving: true, abbreviation: "TWO"))
        #expect(rules.offset(at: 1_999).seconds == 7_200)
        #expect(rules.offset(at: 2_000).seconds == 3_600)
        #expect(rules.nextTransition(after: 999) == 1_000)
        #expect(rules.nextTransition(after: 2_000) == nil)
    }

    @Test("a footer may be empty, the last offset stays then")
    func emptyFooter() throws {
        var builder: TZifBuilder = sample
        builder.footer = ""
        builder.transitions = [(1_000, 1)]
        #expect(try TZifReader.rules(builder.bytes).offset(at: 1 << 40).seconds == 7_200)
    }

    @Test("a rule holds for all times when there are no transitions")
    func footerAlone() throws {
        var builder = TZifBuilder()
        builder.footer = "EST5EDT,M3.2.0,M11.1.0"
        let rules: TimeZoneRules = try TZifReader.rules(builder.bytes)
        #expect(rules.offset(at: 1_767_225_600).abbreviation == "EST")
        #expect(rules.offset(at: 1_783_000_000).abbreviation == "EDT")
    }

    @Test("leap seconds do not count in our times")
    func leapSeconds() throws {
        var builder: TZifBuilder = sample
        builder.transitions = [(1_000, 1), (2_002, 0)]
        builder.leaps = [(500, 1), (1_500, 2)]
        let rules: TimeZoneRules = try TZifReader.rules(builder.bytes)
        #expect(rules.nextTransition(after: 0) == 999)
        #expect(rules.nextTransition(after: 999) == 2_000)
    }

    @Test(
        "rules of POSIX are read",
        arguments: [
            ("CET-1CEST,M3.5.0,M10.5.0/3", 3_600), ("<+03>-3", 10_800), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7_200),
            ("NZST-12NZDT,M9.5.0,M4.1.0/3", 43_200), ("IST-1GMT0,M10.5.0,M3.5.0/1", 3_600),
            ("AAA0:30:15BBB,J60/0,J300/25", -1_815), ("AAA3BBB,0/0,365/24:59:59", -10_800),
            ("EET-2EEST,M3.4.4/50,M10.4.4/50", 7_200), ("XXX3EDT4,0/0,J365/23", -10_800),
        ])
    func posix(_ text: String, _ standard: Int) throws {
        var builder = TZifBuilder()
        builder.footer = text
        let rules: TimeZoneRules = try TZifReader.rules(builder.bytes)
        // Somewhere in a year standard time holds.
        let offsets = Set((0..<400).map { rules.offset(at: 1_700_000_000 + $0 * 86_400).seconds })
        #expect(offsets.contains(standard) || text.hasPrefix("XXX") || text.hasPrefix("AAA3"))
    }

    @Test("a zone may have daylight saving time for all of the year")
    func alwaysSaving() throws {
        var builder = TZifBuilder()
        builder.footer = "EST5EDT,0/0,J365/25"
        let rules: TimeZoneRules = try TZifReader.rules(builder.bytes)
        for day in 0..<3_000 { #expect(rules.offset(at: 1_600_000_000 + Int64(day) * 43_200).seconds == -14_400) }
    }

    @Test(
        "rules that are none are refused",
        arguments: [
            "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J300", "CET-1CEST,J366,J300",
            "CET-1CEST,366,J300", "CET-1CEST,M3.5.0,M10.5.0/168", "CET-1CEST,M3.5.0,M10.5.0,", "<+03-3", "CET-1:60",
            "CET-", "CET-1CEST,M3.5,M10.5.0", " CET-1", "CET-1\0", "ABCDEFGHIJKLMNOPQ-1", "CET-1111",
        ])
    func badPosix(_ text: String) {
        var builder = TZifBuilder()
        builder.footer = text
        #expect(throws: TZifReader.Failure.malformed("rule in the footer")) { try TZifReader.rules(builder.bytes) }
    }

    @Test("what the standard does not allow is refused and named")
    func malformed() {
        func expect(_ part: String, _ change: (inout TZifBuilder) -> Void) {
            var builder: TZifBuilder = sample
            change(&builder)
            #expect(throws: TZifReader.Failure.malformed(part)) { try TZifReader.rules(builder.bytes) }
        }
        expect("order of transitions") { $0.transitions = [(2_000, 0), (1_000, 1)] }
        expect("order of transitions") { $0.transitions = [(2_000, 0), (2_000, 1)] }
        expect("local time type of a transition") { $0.transitions = [(2_000, 2)] }
        expect("number of local time types") { $0.kinds = [] }
        expect("number of designation characters") { $0.names = [] }
        expect("local time type") { $0.kinds[0].seconds = 100_000 }
        expect("local time type") { $0.kinds[0].seconds = .min }
        expect("local time type") { $0.kinds[0].isSaving = 2 }
        expect("designation") { $0.kinds[0].name = 8 }
        expect("designation") { $0.names = Array("ONE\0TWO".utf8) }
        expect("designation") { $0.names = Array("ONE\0T O\0".utf8) }
        expect("order of leap seconds") { $0.leaps = [(500, 1), (400, 2)] }
        expect("time of a transition") {
            $0.transitions = [(.min, 1)]; $0.version = 0x33
        }
    }

    @Test("bytes that are no such file are refused")
    func foreign() {
        #expect(throws: TZifReader.Failure.notTZif) { try TZifReader.rules([]) }
        #expect(throws: TZifReader.Failure.notTZif) { try TZifReader.rules([UInt8](repeating: 0x41, count: 100)) }
        var builder: TZifBuilder = sample
        builder.version = 0x35
        #expect(throws: TZifReader.Failure.unknownVersion(0x35)) { try TZifReader.rules(builder.bytes) }
    }

    @Test("a file that is cut off anywhere is refused")
    func truncated() {
        for version: UInt8 in [0, 0x33] {
            var builder: TZifBuilder = sample
            builder.version = version
            let whole: [UInt8] = builder.bytes
            for count in 0..<whole.count {
                #expect(throws: TZifReader.Failure.self) { try TZifReader.rules(Array(whole[..<count])) }
            }
        }
    }

    @Test("damaged files are refused or read, and never more")
    func damaged() {
        var builder: TZifBuilder = sample
        builder.footer = "CET-1CEST,M3.5.0,M10.5.0/3"
        for bytes in Mutations(of: builder.bytes, count: 20_000, spice: Array("0123456789,./-TZifJM".utf8)) {
            guard let rules = try? TZifReader.rules(bytes) else { continue }
            for instant: Int64 in [-4_000_000_000, 0, 1_500, 1_800_000_000] {
                let local: LocalTime = rules.local(at: instant)
                if case .once(let only) = rules.occurrence(of: local) { #expect(only == instant) }
                _ = rules.nextTransition(after: instant)
            }
        }
    }
}
