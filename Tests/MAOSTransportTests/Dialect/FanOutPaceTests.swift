import Testing

@testable import MAOSTransport

@Suite("The pace of telling many")
struct FanOutPaceTests {
    private static let millisecond: Int64 = 1_000_000

    @Test("nothing waits before anybody was told")
    func isOpenAtFirst() {
        #expect(FanOutPace().pause(at: 0) == nil)
    }

    @Test(
        "what took long is followed by a pause half as long, of 4 ms at most",
        arguments: [(2, 1), (6, 3), (8, 4), (500, 4)])
    func pausesHalfAsLong(cost: Int64, pause: Int64) {
        var pace = FanOutPace()
        pace.told(from: 10, to: 10 + cost * FanOutPaceTests.millisecond)
        let end: Int64 = 10 + cost * FanOutPaceTests.millisecond
        #expect(pace.pause(at: end) == pause)
        #expect(pace.pause(at: end + (pause - 1) * FanOutPaceTests.millisecond) == 1)
        #expect(pace.pause(at: end + pause * FanOutPaceTests.millisecond) == nil)
    }

    @Test("what took less than a millisecond is followed by none")
    func ignoresTheQuick() {
        var pace = FanOutPace()
        pace.told(from: 0, to: 8 * FanOutPaceTests.millisecond)
        pace.told(from: 9 * FanOutPaceTests.millisecond, to: 10 * FanOutPaceTests.millisecond - 1)
        #expect(pace.pause(at: 10 * FanOutPaceTests.millisecond) == nil)
    }

    @Test("a pause that is nearly over is over: timers are no finer than a millisecond")
    func roundsToMilliseconds() {
        var pace = FanOutPace()
        pace.told(from: 0, to: 4 * FanOutPaceTests.millisecond)
        #expect(pace.pause(at: 6 * FanOutPaceTests.millisecond - 400_000) == nil)
        #expect(pace.pause(at: 6 * FanOutPaceTests.millisecond - 600_000) == 1)
    }
}
