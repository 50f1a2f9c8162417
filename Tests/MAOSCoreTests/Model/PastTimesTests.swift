import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Times that have come")
struct PastTimesTests {
    private func instant(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1_000) }

    @Test("those that came are known, and no others, as long as there are not too many rows", arguments: Seeds.all)
    func membership(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var times = PastTimes()
        var expected: Set<Int64> = []
        var last: Int64 = 0
        for _ in 0..<25 {
            // A few at even intervals, or one somewhere before or after.
            let step = Int64(1 + random.below(5))
            last += Int64(random.below(40)) - 15
            for _ in 0...random.below(6) {
                last += step
                times.note(instant(last))
                expected.insert(last)
            }
        }
        for second: Int64 in -500...1_500 {
            #expect(times.contains(instant(second)) == expected.contains(second), "\(second)")
        }
    }

    @Test("the newest are known, however they came")
    func newest() {
        var times = PastTimes()
        for number: Int64 in 0..<2_000 { times.note(instant(number * number)) }
        for number: Int64 in 1_968..<2_000 { #expect(times.contains(instant(number * number))) }
        #expect(!times.contains(instant(0)), "the oldest are forgotten")
        #expect(!times.contains(instant(1_999 * 1_999 - 1)))
    }

    @Test("of those at even intervals, all are known")
    func even() {
        var times = PastTimes()
        for minute: Int64 in 0..<100_000 { times.note(instant(minute * 60)) }
        #expect(times.contains(instant(0)) && times.contains(instant(99_999 * 60)))
        #expect(!times.contains(instant(30)) && !times.contains(instant(100_000 * 60)))
    }
}
