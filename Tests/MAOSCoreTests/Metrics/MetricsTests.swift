import MAOSCore
import Synchronization
import Testing

/// What is measured, and what is kept of it.
@Suite struct MetricsTests {
    private let start = Instant(milliseconds: 1_900_000_000_000)

    private func history(seconds: Int) -> MetricHistory {
        var history = MetricHistory()
        for second in 0..<seconds {
            history.append(MetricSample(time: start + .seconds(Int64(second)), columns: [Double(second)]))
        }
        return history
    }

    @Test("a short look back gives each second, a long one each minute and the newest second")
    func resolutions() {
        let history: MetricHistory = history(seconds: 700)
        let now: Instant = start + .seconds(699)
        let minute: [MetricSample] = history.samples(since: start + .seconds(640), at: now)
        #expect(minute.map { $0.columns[0] } == (640...699).map(Double.init))
        let all: [MetricSample] = history.samples(since: start, at: now)
        #expect(all.map { $0.columns[0] } == [0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 660, 699])
        #expect(history.samples(since: now + 1, at: now).isEmpty)
    }

    @Test("ten minutes of seconds and a day of minutes are kept, and no more")
    func bounds() {
        let history: MetricHistory = history(seconds: 90_000)
        let now: Instant = start + .seconds(89_999)
        #expect(history.samples(since: start + .seconds(89_400), at: now).count == MetricHistory.secondLimit)
        #expect(history.samples(since: start, at: now).count == MetricHistory.minuteLimit + 1)
    }

    @Test("samples that come a little late or early do not thin out the minutes")
    func jitter() {
        var history = MetricHistory()
        for second in 0..<600 {
            let late = Milliseconds(second.isMultiple(of: 2) ? 40 : 0)
            history.append(MetricSample(time: start + .seconds(Int64(second)) + late, columns: [0]))
        }
        let now: Instant = start + .seconds(1_300)
        #expect(history.samples(since: start, at: now).count == 11)
    }

    @Test("when the clock is set back, what was measured later than now is forgotten")
    func clock() {
        var history: MetricHistory = history(seconds: 120)
        history.append(MetricSample(time: start + .seconds(30), columns: [-1]))
        let seconds: [MetricSample] = history.samples(since: start, at: start + .seconds(30))
        #expect(seconds.map { $0.columns[0] } == (0..<30).map(Double.init) + [-1])
    }

    @Test("a histogram puts each time into the bucket whose end it does not pass")
    func histogram() {
        let histogram = MetricHistogram()
        for nanoseconds: Int64 in [0, 10_000, 10_001, -5, 1_000_000, .max] { histogram.add(nanoseconds: nanoseconds) }
        let value: MetricDistribution = histogram.value
        #expect(value.buckets[0] == 3 && value.buckets[1] == 1 && value.buckets[4] == 1)
        #expect(value.buckets.last == 1 && value.count == 6)
    }

    private final class Source: Sendable {
        let done = MetricCounter()
        let failed = MetricCounter()
        let times = MetricHistogram()
        let isKnown = Atomic(true)
    }

    private func board(_ source: Source) -> MetricsBoard {
        var builder = MetricsBoard.Builder()
        builder.add(MetricSeries("maos_times", .histogram, of: .journal, "Times")) {
            .distribution(source.times.value)
        }
        builder.add(MetricSeries("maos_done", .counter, of: .journal, "Done")) { .number(Double(source.done.value)) }
        builder.add(MetricSeries("maos_failed", .counter, of: .journal, "Failed")) {
            .number(Double(source.failed.value))
        }
        builder.add(MetricSeries("maos_maybe", .gauge, of: .journal, "Maybe")) {
            source.isKnown.load(ordering: .relaxed) ? .number(1) : .unknown
        }
        return MetricsBoard(builder)
    }

    @Test("rates, shares and durations are those between two samples, and nothing where nothing is known")
    func performance() {
        let source = Source()
        let board: MetricsBoard = board(source)
        board.sample(at: start)
        source.done.add(10)
        source.failed.add(5)
        source.times.add(nanoseconds: 2_000_000_000)
        source.times.add(nanoseconds: 4_000_000_000)
        board.sample(at: start + .seconds(2))
        source.isKnown.store(false, ordering: .relaxed)
        board.sample(at: start + .seconds(3))
        let samples: [MetricSample] = board.samples(since: start, at: start + .seconds(3))
        #expect(samples.count == 3)
        #expect(board.rates(of: [1], in: samples).map(\.value) == [5, 0])
        #expect(board.shares(of: [2], among: [1], in: samples).map(\.value) == [0.5, 0])
        #expect(board.durations(of: 0, in: samples).map(\.value) == [3])
        #expect(board.points(of: 0, in: samples).map(\.value) == [3, 3], "there is no mean of nothing")
        #expect(board.points(of: 3, in: samples).map(\.value) == [1, 1])
    }

    @Test("a key names the labels, too")
    func keys() {
        let labels: [MetricLabel] = [MetricLabel("a", "x"), MetricLabel("b", "y")]
        #expect(MetricSeries("maos_m", .gauge, of: .agents, labels: labels, "").key == #"maos_m{a="x",b="y"}"#)
        #expect(MetricSeries("maos_m", .gauge, of: .agents, "").key == "maos_m")
    }
}
