import MAOSProtocols
import Testing

@Suite("The sliding window")
struct SlidingWindowTests {
    private let limit = SlidingWindow.Limit(5)

    @Test("as much as the limit may be taken, and after the time it names there is room again (OC-RL-12)")
    func honest() {
        var window = SlidingWindow(limit, at: 1_234)
        for _ in 0..<5 { #expect(window.take(1, of: limit, at: 1_234) == .allowed) }
        guard case .limited(let seconds) = window.take(1, of: limit, at: 1_300) else {
            Issue.record("a sixth was let through")
            return
        }
        #expect(seconds >= 60 && seconds <= 61)
        #expect(window.check(1, of: limit, at: 1_300 + Int64(seconds) * 1_000) == .allowed)
        #expect(window.take(5, of: limit, at: 1_300 + Int64(seconds) * 1_000) == .allowed)
    }

    @Test("no minute holds more than the limit, wherever it begins (OC-RL-14)")
    func boundary() {
        var window = SlidingWindow(limit, at: 0)
        var taken: [Int64] = []
        for time in stride(from: Int64(0), to: 400_000, by: 137)
        where window.take(1, of: limit, at: time) == .allowed {
            taken.append(time)
        }
        #expect(taken.count >= 30)
        for start in taken {
            #expect(taken.count { $0 >= start && $0 < start + 60_000 } <= 5)
        }
    }

    @Test("being refused costs nothing (OC-RL-12)")
    func refusal() {
        var window = SlidingWindow(limit, at: 0)
        for _ in 0..<5 { #expect(window.take(1, of: limit, at: 0) == .allowed) }
        for time in stride(from: Int64(0), to: 60_000, by: 500) {
            #expect(window.take(1, of: limit, at: time) != .allowed)
        }
        #expect(window.count(of: limit, at: 30_000) == 5)
        #expect(window.take(5, of: limit, at: 61_000) == .allowed)
    }

    @Test("who asks for more than is free is told when that much is free")
    func costs() {
        var window = SlidingWindow(limit, at: 0)
        #expect(window.take(2, of: limit, at: 0) == .allowed)
        #expect(window.take(2, of: limit, at: 30_000) == .allowed)
        #expect(window.take(2, of: limit, at: 40_000) == .limited(retryAfter: 21))
        #expect(window.take(5, of: limit, at: 40_000) == .limited(retryAfter: 51))
        #expect(window.take(6, of: limit, at: 200_000) != .allowed)
        #expect(window.take(5, of: limit, at: 200_000) == .allowed)
    }

    @Test("a short window with fine cells counts within one second (OC-RL-06)")
    func burst() {
        let limit = SlidingWindow.Limit(20, per: 1_000, cells: 20)
        var window = SlidingWindow(limit, at: 500)
        for step in 0..<20 { #expect(window.take(1, of: limit, at: 500 + Int64(step)) == .allowed) }
        #expect(window.take(1, of: limit, at: 1_499) == .limited(retryAfter: 1))
        #expect(window.take(1, of: limit, at: 1_550) == .allowed)
    }

    @Test("a clock that is set back gives nothing away and does not lock anybody out")
    func clock() {
        var window = SlidingWindow(limit, at: 10_000_000)
        #expect(window.take(5, of: limit, at: 10_000_000) == .allowed)
        #expect(window.take(1, of: limit, at: 5_000_000) != .allowed)
        #expect(window.take(1, of: limit, at: 5_030_000) != .allowed)
        #expect(window.take(1, of: limit, at: 5_062_000) == .allowed)
    }

    @Test("it says how much counts, and when all of it is forgotten")
    func end() {
        var window = SlidingWindow(limit, at: 0)
        #expect(window.end(of: limit, at: 7_000) == 7_000)
        #expect(window.take(3, of: limit, at: 500) == .allowed)
        #expect(window.take(1, of: limit, at: 2_500) == .allowed)
        #expect(window.count(of: limit, at: 2_500) == 4)
        #expect(window.share(of: limit, at: 2_500) == 0.8)
        #expect(window.end(of: limit, at: 3_000) == 63_000)
        #expect(window.count(of: limit, at: 61_000) == 1)
        #expect(window.count(of: limit, at: 63_000) == 0)
        #expect(window.end(of: limit, at: 64_000) == 64_000)
    }

    @Test("a limit that changes counts what was taken before")
    func change() {
        var window = SlidingWindow(limit, at: 0)
        #expect(window.take(5, of: limit, at: 0) == .allowed)
        #expect(window.take(1, of: SlidingWindow.Limit(6), at: 100) == .allowed)
        #expect(window.take(1, of: SlidingWindow.Limit(6), at: 100) != .allowed)
        let coarse = SlidingWindow.Limit(7, per: 60_000, cells: 6)
        #expect(window.take(1, of: coarse, at: 200) == .allowed)
        #expect(window.take(1, of: coarse, at: 200) != .allowed)
        #expect(window.take(7, of: coarse, at: 80_000) == .allowed)
    }

    @Test("a table of windows counts each key by itself and stays bounded")
    func table() {
        var limiter = RateLimiter<Int, SlidingWindow>(limit, tableLimit: 100)
        for _ in 0..<5 { #expect(limiter.take(-1, at: 0) == .allowed) }
        for key in 0..<1_000 {
            #expect(limiter.check(key, at: 0) == .allowed)
            #expect(limiter.take(key, at: 0) == .allowed)
            #expect(limiter.count <= 100)
        }
        #expect(limiter.share(-1, at: 0) == 1)
        #expect(limiter.check(-1, at: 0) != .allowed)
    }
}
