import MAOSCore
@testable import MAOSProtocols
import Testing

@Suite("OpenCode under load")
struct OpenCodeLoadTests {
    private let ping = #"{"type":"ping"}"#

    @Test(
        "limits shrink while the processors are busier than is set, and say so (OC-RL-20)",
        arguments: [(100.0, 99.0, 20), (80, 50, 20), (80, 80, 20), (80, 90, 15), (80, 100, 10), (1, 100, 10)])
    func load(threshold: Double, usage: Double, expected: Int) async throws {
        let world = try await OpenCodeWorld {
            $0.limits = OpenCodeLimits()
            $0.shrinksAbove = threshold
        }
        var reading = HostReading()
        reading.processor.percent = usage
        world.environment.machine.set(reading)
        let peer = try await world.join()
        for _ in 0..<expected { #expect(try await world.ask(ping, from: peer)["type"] == "pong") }
        let refused = try await world.ask(ping, from: peer)
        #expect(refused["code"] == "RATE_LIMIT_EXCEEDED")
        #expect(refused["details"]?["current_limit"] == JSONValue(expected))
        // What is over is welcome again.
        reading.processor.percent = 1
        world.environment.machine.set(reading)
        #expect(try await world.ask(ping, from: peer)["type"] == (expected < 20 ? "pong" : "error"))
    }

    @Test("a limit never shrinks to nothing, and as many may be connected as ever (OC-RL-20)")
    func floor() {
        var limits = OpenCodeLimits()
        limits[.killsPerMinute] = 1
        let least: OpenCodeLimits = limits.shrunk(to: 0.01)
        #expect(least[.killsPerMinute] == 1)
        #expect(least[.connections] == limits[.connections])
        #expect(limits.shrunk(to: 1) == limits)
    }

    @Test("a bucket gives the burst at once and the sustained rate from then on, never more (OC-RL-13)")
    func bucket() {
        let limit = TokenBucket.Limit(capacity: 20, refillPerSecond: 2)
        var bucket = TokenBucket(limit, at: 0)
        var taken: [Int64] = []
        // Whoever tries every few milliseconds gets what the bucket gives.
        for time: Int64 in stride(from: 0, through: 60_000, by: 7) {
            if bucket.take(1, of: limit, at: time) == .allowed { taken.append(time) }
        }
        #expect(taken.count { $0 < 500 } == 20)
        #expect((139...140).contains(taken.count))
        for (first, time) in taken.enumerated() {
            let within: Int = taken[first...].count { $0 <= time + 10_000 }
            #expect(within <= 20 + 20 + 1)
        }
        guard case .limited(let seconds) = bucket.check(20, of: limit, at: 60_000) else {
            Issue.record("the bucket is full again")
            return
        }
        #expect(bucket.check(20, of: limit, at: 60_000 + Int64(seconds) * 1_000) == .allowed)
    }

    @Test("however many send at once, on all loops together, no more is taken than the limit (OC-RL-13)")
    func concurrentSenders() async {
        var configuration = OpenCodeConfiguration()
        var limits = OpenCodeLimits()
        limits[.globalMessagesPerMinute] = 1_000
        configuration.limits = limits
        let shared = OpenCodeShared(configuration)
        let now = Instant(milliseconds: 1_893_456_000_000)
        let allowed: Int = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { [limits] in
                    var allowed: Int = 0
                    for _ in 0..<500 where shared.takeMessage(limits, at: now) == .allowed { allowed += 1 }
                    return allowed
                }
            }
            return await group.reduce(0, +)
        }
        #expect(allowed == 1_000)
    }

    @Test("what a limit has refused has left nothing behind, and may be sent again (OC-CLI-05)")
    func retry() async throws {
        let world = try await OpenCodeWorld {
            var limits = OpenCodeLimits()
            limits[.tasksPerMinute] = 1
            $0.limits = limits
        }
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let start = #"{"type":"start_task","task":\#(OpenCodeWorld.task("b"))}"#
        let refused = try await world.ask(start, from: peer)
        #expect(refused["code"] == "RATE_LIMIT_EXCEEDED")
        #expect(world.orchestrator.view.task(TaskID(unchecked: "b")) == nil)
        let seconds = try #require(refused["details"]?["retry_after_seconds"]?.intValue)
        world.clock.advance(.seconds(Int64(seconds)))
        #expect(try await world.ask(start, from: peer)["type"] == "task_started")
    }

    @Test("the five levels of logs may be asked for, and no other (OC-TYPE-06)")
    func levels() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        world.logs.add(
            LogLevel.allCases.map {
                LogEntry(time: world.now, level: $0, message: "one", agent: "maos-server", source: "maos-server:1")
            })
        for level: String in ["debug", "info", "warn", "error", "fatal"] {
            let page = try await world.ask(
                #"{"type":"request_log_entries","filter":{"level":"\#(level)"}}"#, from: peer)
            #expect(page["type"] == "log_entries")
            let found: [JSONValue] = try #require((page["data"]?["entries"] ?? page["entries"])?.arrayValue)
            #expect(found.map { $0["level"]?.stringValue } == [level])
            let subscription = try await world.ask(
                #"{"type":"subscribe_to_updates","channels":["log_entries"],"filters":{"log_entries":{"levels":["\#(level)"]}}}"#,
                from: peer)
            #expect(subscription["type"] == "subscription_confirmed")
        }
        for level: String in ["trace", "warning", "FATAL", ""] {
            let query = #"{"type":"request_log_entries","filter":{"level":"\#(level)"}}"#
            #expect(try await world.refusal(query, from: peer) == "FILTER_VALIDATION_ERROR")
            let subscription =
                #"{"type":"subscribe_to_updates","channels":["log_entries"],"filters":{"log_entries":{"levels":["\#(level)"]}}}"#
            #expect(try await world.refusal(subscription, from: peer) == "FILTER_VALIDATION_ERROR")
        }
    }

    @Test("what clients write comes back as they wrote it, escaped as JSON has it (OC-SEC-12)")
    func escaping() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let text = #"quote \" backslash \\ control \u0001\n tag </script> separator \u2028 face \ud83d\ude00"#
        let answer = try await world.ask(
            #"{"type":"start_task","task":{"id":"a","type":"testing","priority":"low","description":"\#(text)"}}"#,
            from: peer)
        #expect(
            answer["task"]?["description"]
                == "quote \" backslash \\ control \u{1}\n tag </script> separator \u{2028} face \u{1F600}")
    }
}
