import MAOSProtocols
import Testing

@Suite("The rate limiter")
struct RateLimiterTests {
    private let limit = TokenBucket.Limit(capacity: 3, refillPerSecond: 2)

    @Test("a bucket gives what it holds, then says in whole seconds when there is more (GW-SEC-07)")
    func bucket() {
        var limiter = RateLimiter<String, TokenBucket>(limit)
        for _ in 0..<3 { #expect(limiter.take("a", at: 1_000) == .allowed) }
        #expect(limiter.take("a", at: 1_000) == .limited(retryAfter: 1))
        #expect(limiter.take("b", at: 1_000) == .allowed)
        #expect(limiter.take("a", at: 1_499) == .limited(retryAfter: 1))
        #expect(limiter.take("a", at: 1_500) == .allowed)
        #expect(limiter.take("a", at: 1_500) == .limited(retryAfter: 1))
    }

    @Test("being refused costs nothing, and a bucket never holds more than it can")
    func refill() {
        var limiter = RateLimiter<String, TokenBucket>(limit)
        #expect(limiter.take("a", cost: 3, at: 0) == .allowed)
        for time in stride(from: Int64(0), to: 500, by: 10) {
            #expect(limiter.take("a", at: time) == .limited(retryAfter: 1))
        }
        #expect(limiter.share("a", at: 3_600_000) == 0)
        #expect(limiter.take("a", cost: 3, at: 3_600_000) == .allowed)
        #expect(limiter.take("a", at: 3_600_000) == .limited(retryAfter: 1))
    }

    @Test("the time to come back grows with what is asked for")
    func retryAfter() {
        var limiter = RateLimiter<String, TokenBucket>(.init(capacity: 100, refillPerSecond: 1))
        #expect(limiter.take("a", cost: 100, at: 0) == .allowed)
        #expect(limiter.take("a", cost: 10, at: 0) == .limited(retryAfter: 10))
        #expect(limiter.take("a", cost: 1_000, at: 0) == .limited(retryAfter: 100))
    }

    @Test("a clock that stands still or runs back gives nothing away")
    func clock() {
        var limiter = RateLimiter<String, TokenBucket>(limit)
        #expect(limiter.take("a", cost: 3, at: 10_000) == .allowed)
        #expect(limiter.take("a", at: 5_000) == .limited(retryAfter: 1))
        #expect(limiter.take("a", at: 10_000) == .limited(retryAfter: 1))
    }

    @Test("the table stays bounded; those who have taken most are remembered longest")
    func bounded() {
        var limiter = RateLimiter<Int, TokenBucket>(.init(capacity: 10, refillPerSecond: 0.001), tableLimit: 100)
        for _ in 0..<10 { #expect(limiter.take(-1, at: 0) == .allowed) }
        for key in 0..<10_000 {
            #expect(limiter.take(key, at: 0) == .allowed)
            #expect(limiter.count <= 100)
        }
        #expect(limiter.take(-1, at: 0) != .allowed)
    }

    @Test("full buckets are forgotten first")
    func forgetting() {
        var limiter = RateLimiter<Int, TokenBucket>(.init(capacity: 10, refillPerSecond: 10), tableLimit: 100)
        for key in 0..<100 { #expect(limiter.take(key, at: 0) == .allowed) }
        #expect(limiter.take(100, at: 10_000) == .allowed)
        #expect(limiter.count == 1)
    }
}
