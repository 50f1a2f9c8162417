import MAOSCore
import MAOSTestSupport
import Testing

@Suite("ISO 8601") struct ISO8601Tests {
    @Test(
        "known instants both ways",
        arguments: [
            ("1970-01-01T00:00:00.000Z", 0), ("2030-01-01T00:00:00.000Z", 1_893_456_000_000),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T12:34:56.789Z", 951_827_696_789), ("0000-01-01T00:00:00.000Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("2024-12-31T23:59:59.001Z", 1_735_689_599_001),
        ] as [(String, Int64)])
    func known(text: String, milliseconds: Int64) {
        #expect(ISO8601.string(milliseconds: milliseconds) == text)
        #expect(ISO8601.parse(text) == milliseconds)
    }

    @Test(
        "GW-VAL-06: Z with or without a fraction is accepted",
        arguments: [
            ("2030-01-01T00:00:00Z", 1_893_456_000_000), ("2030-01-01T00:00:00.5Z", 1_893_456_000_500),
            ("2030-01-01T00:00:00.1239999Z", 1_893_456_000_123),
        ] as [(String, Int64)])
    func accepted(text: String, milliseconds: Int64) {
        #expect(ISO8601.parse(text) == milliseconds)
    }

    @Test(
        "GW-VAL-06: offsets, dates alone and anything else are refused",
        arguments: [
            "", "Z", "2030-01-01", "2030-01-01T00:00:00", "2030-01-01T00:00:00+02:00", "2030-01-01T00:00:00+00:00",
            "2030-01-01T00:00Z", "2030-01-01 00:00:00Z",
            "2030-01-01t00:00:00z", "2030-13-01T00:00:00Z", "2030-00-01T00:00:00Z", "2030-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z", "2030-04-31T00:00:00Z",
            "2030-01-00T00:00:00Z", "2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z", "2030-01-01T00:00:60Z",
            "2030-01-01T00:00:00.Z", "2030-01-01T00:00:00,5Z",
            "2030-01-01T00:00:00.5", "2030-01-01T00:00:00.5xZ", "+2030-01-01T00:00:00Z", "2030-1-01T00:00:00Z",
            "20300101T000000Z", " 2030-01-01T00:00:00Z",
            "2030-01-01T00:00:00Z ", "2030-01-01T00:00:0éZ",
        ])
    func refused(text: String) {
        #expect(ISO8601.parse(text) == nil)
    }

    @Test("every day of eight centuries is the day after the one before")
    func calendar() {
        var expected = ISO8601.Date(year: 1599, month: 12, day: 31)
        let first = ISO8601.days(year: 1599, month: 12, day: 31)
        for day in first..<(first + 800 * 365) {
            #expect(ISO8601.civil(fromDays: day) == expected)
            #expect(ISO8601.days(year: expected.year, month: expected.month, day: expected.day) == day)
            expected.day += 1
            if expected.day > ISO8601.daysIn(month: expected.month, year: expected.year) {
                expected.day = 1
                expected.month += 1
            }
            if expected.month > 12 {
                expected.month = 1
                expected.year += 1
            }
        }
    }

    @Test("times beyond four-digit years are moved to the nearest end")
    func clamped() {
        #expect(ISO8601.string(milliseconds: .max) == "9999-12-31T23:59:59.999Z")
        #expect(ISO8601.string(milliseconds: .min) == "0000-01-01T00:00:00.000Z")
    }

    @Test("prefixes and mutations never crash, and what is accepted is written back the same")
    func damaged() {
        let bytes = Array("2028-02-29T23:59:59.999Z".utf8)
        everyPrefix(of: bytes) { #expect(ISO8601.parse($0.span) == nil) }
        for variant in Mutations(of: bytes, count: 5000, spice: Array("0123456789-:TZ.+".utf8)) {
            guard let time = ISO8601.parse(variant.span) else { continue }
            #expect(ISO8601.parse(ISO8601.string(milliseconds: time)) == time)
        }
    }

    @Test(
        "the date of HTTP",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 GMT"),
        ] as [(Int64, String)])
    func httpDate(seconds: Int64, text: String) {
        var bytes: [UInt8] = []
        ISO8601.appendHTTPDate(seconds: seconds, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }
}
