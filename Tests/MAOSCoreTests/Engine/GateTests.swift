import MAOSCore
import Testing

@Suite("Concurrency keys and rates")
struct GateTests {
    private func running(_ world: EngineWorld) -> [TaskID] {
        world.engine.liveTasks.filter(\.state.holdsAgent).map(\.id)
    }

    private func reasons(_ id: TaskID, _ world: inout EngineWorld) throws -> [WaitingReason] {
        guard case .waiting(_, let reasons) = try world.send(.explainWaiting(id)) else {
            throw TestFailure()
        }
        return reasons
    }

    private struct TestFailure: Error {}

    @Test("of tasks with a key that is not configured one runs at a time, in the order of the queue")
    func bareKey() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 8)
        for id in ["1", "2", "3"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "db" } }
        try world.create("urgent") {
            $0.concurrencyKey = "db"; $0.priority = .critical
        }
        try world.create("free")
        #expect(running(world) == ["1", "free"])
        try world.end("1")
        #expect(running(world) == ["urgent", "free"])
        try world.end("urgent")
        #expect(running(world) == ["2", "free"])
        #expect(
            try reasons("3", &world) == [.concurrency(key: "db", limit: 1, running: ["2"])])
    }

    @Test("what stands before a closed gate holds nobody up, in its project or in others")
    func aside() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id in ["1", "2", "3"] as [TaskID] {
            try world.create(id) {
                $0.concurrencyKey = "db"; $0.project = "a"; $0.priority = .critical
            }
        }
        try world.create("same") {
            $0.project = "a"; $0.priority = .low
        }
        #expect(running(world) == ["1", "same"])
        try world.end("same")
        try world.create("other") { $0.project = "b" }
        #expect(running(world) == ["1", "other"])
    }

    @Test("what keys and projects keep to can be asked for, within reach")
    func report() throws {
        var world = EngineWorld {
            $0.concurrency = [
                "two": ConcurrencyLimit(limit: 2),
                "api": ConcurrencyLimit(rate: ConcurrencyLimit.Rate(count: 1, period: .seconds(10))),
            ]
            $0.fairness.weights = ["gold": 3]
        }
        func report(as principal: Principal? = nil) throws -> LimitReport {
            guard case .limits(let report) = try world.send(.resource(.showLimits), as: principal) else {
                throw TestFailure()
            }
            return report
        }
        try world.spawn(.coder, "x", slots: 20)
        #expect(try report().keys.map(\.name) == ["api", "two"])
        #expect(try report().projects.map(\.name) == ["gold"] && report().others.limit == 1)
        for number in 1...3 {
            try world.create(TaskID(unchecked: "two\(number)")) {
                $0.concurrencyKey = "two"; $0.project = "red"
            }
            try world.create(TaskID(unchecked: "bare\(number)")) { $0.concurrencyKey = "bare" }
        }
        try world.pass(.seconds(10))
        for number in 1...2 { try world.create(TaskID(unchecked: "api\(number)")) { $0.concurrencyKey = "api" } }
        let full: LimitReport = try report()
        #expect(full.keys.map(\.name) == ["api", "bare", "two"])
        #expect(full.keys.map(\.underWay) == [nil, 1, 2] && full.keys.map(\.waiting) == [1, 2, 1])
        #expect(full.keys.map(\.isConfigured) == [true, false, true])
        #expect(full.keys[0].opensAt == world.now + .seconds(10) && full.keys[1].limit.limit == 1)
        #expect(full.projects.map(\.name) == [nil, "gold", "red"] && full.projects.map(\.waiting) == [3, 0, 1])
        #expect(full.projects.map(\.weight) == [1, 3, 1])
        let bob = Principal(subject: "bob", permissions: .resourcesRead, projects: ["red"])
        #expect(try report(as: bob).keys.map(\.name) == ["api", "two"])
        #expect(try report(as: bob).projects.map(\.name) == ["red"])
        let stranger = Principal(subject: "bob", permissions: .tasksRead)
        #expect(world.refusal(of: .resource(.showLimits), as: stranger) == .forbidden(.resourcesRead))
    }

    @Test("limits are configured by key, and for all others by *")
    func limits() throws {
        var world = EngineWorld {
            $0.concurrency = ["two": ConcurrencyLimit(limit: 2), "*": ConcurrencyLimit(limit: 3)]
        }
        try world.spawn(.coder, "x", slots: 20)
        for number in 0..<5 {
            try world.create(TaskID(unchecked: "two-\(number)")) { $0.concurrencyKey = "two" }
            try world.create(TaskID(unchecked: "any-\(number)")) { $0.concurrencyKey = "any" }
        }
        #expect(running(world).count { $0.rawValue.hasPrefix("two") } == 2)
        #expect(running(world).count { $0.rawValue.hasPrefix("any") } == 3)
    }

    enum Ending: CaseIterable, Sendable {
        case completion, failure, retry, cancellation, timeout, deadline, interruption, crash, restart, failedCommit
    }

    @Test("however a task ends, it gives its place to the next", arguments: Ending.allCases)
    func noLeak(_ ending: Ending) throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 4)
        let soon: Instant = world.now + .seconds(1)
        try world.create("first") {
            $0.concurrencyKey = "db"
            if ending == .timeout { $0.timeout = .seconds(1) }
            if ending == .deadline { $0.deadline = soon }
            if ending == .retry { $0.retryPolicy = RetryPolicy(maximumAttempts: 2, backoff: 60_000) }
            if ending == .interruption || ending == .crash || ending == .restart {
                $0.retryPolicy.onInterruption = .fail
            }
        }
        try world.create("second") { $0.concurrencyKey = "db" }
        try world.start("first")
        switch ending {
        case .completion: try world.end("first")
        case .failure, .retry: try world.fail("first")
        case .cancellation:
            try world.send(.cancelTask("first", reason: nil))
            #expect(world.status("second" as TaskID) == .queued)
            try world.end("first", .stopped)
        case .timeout, .deadline:
            try world.pass(.seconds(2))
            #expect(world.status("second" as TaskID) == .queued)
            try world.end("first", .stopped)
        case .interruption: try world.end("first", .stopped)
        case .crash:
            try world.send(.terminateAgent("x", graceful: false))
            try world.end("first", .stopped)
            try world.report(.agentStopped("x"))
            try world.spawn(.coder, "y")
        case .restart:
            try world.restart()
            try world.report(.agentStarted("x", process: nil))
        case .failedCommit:
            try world.restart(recovering: false)
            #expect(running(world) == ["first"])
            try world.end("first")
        }
        #expect(running(world) == ["second"])
        try world.end("second")
        try world.create("third") { $0.concurrencyKey = "db" }
        #expect(running(world) == ["third"])
    }

    @Test("a paused task that holds its agent holds its place; one that waits does not")
    func paused() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 4)
        for id in ["1", "2", "3"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "db" } }
        try world.start("1")
        try world.send(.pauseTask("1"))
        #expect(world.status("2" as TaskID) == .queued)
        try world.send(.pauseTask("2"))
        try world.send(.resumeTask("1"))
        try world.end("1")
        #expect(running(world) == ["3"])
    }

    @Test("one that was let through and then withdrawn gives way to the next")
    func withdrawn() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        for id in ["1", "2", "3"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "db" } }
        try world.create("other")
        try world.send(.pauseAgent("x"))
        try world.end("1")
        // "2" has its place back, but nobody takes it.
        try world.send(.cancelTask("2", reason: nil))
        try world.send(.resumeAgent("x"))
        #expect(running(world) == ["3", "other"])
    }

    @Test("one that a gate lets through and that waits for its agent does not hold up those for other agents")
    func lanesApart() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 2)
        try world.spawn(.tester, "y")
        try world.create("1") { $0.concurrencyKey = "db" }
        try world.create("test") { $0.kind = .testing }
        // Both stand before the gate; the tester, for which the first of them waits, is busy.
        try world.create("2") {
            $0.concurrencyKey = "db"; $0.kind = .testing
        }
        try world.create("3") { $0.concurrencyKey = "db" }
        try world.create("4") { $0.concurrencyKey = "db" }
        try world.end("1")
        #expect(running(world) == ["test", "3"])
        try world.end("test")
        #expect(running(world) == ["3"])
        // Both could run now, and the older one does.
        try world.end("3")
        #expect(running(world) == ["2"])
        try world.end("2")
        #expect(running(world) == ["4"])
    }

    @Test("nobody who comes later passes those that have stood before the gate")
    func newcomers() throws {
        var world = EngineWorld { $0.concurrency = ["two": ConcurrencyLimit(limit: 2)] }
        try world.spawn(.coder, "x", slots: 2)
        for id in ["1", "2", "3", "4"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "two" } }
        try world.send(.pauseAgent("x"))
        try world.end("1")
        try world.end("2")
        try world.create("5") { $0.concurrencyKey = "two" }
        try world.send(.resumeAgent("x"))
        #expect(running(world) == ["3", "4"])
        try world.end("3")
        #expect(running(world) == ["4", "5"])
    }

    @Test("projects take turns before a gate that they share")
    func sharedKey() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 4)
        for id in ["a1", "a2", "a3", "a4"] as [TaskID] {
            try world.create(id) {
                $0.concurrencyKey = "db"; $0.project = "a"
            }
        }
        for id in ["b1", "b2"] as [TaskID] {
            try world.create(id) {
                $0.concurrencyKey = "db"; $0.project = "b"
            }
        }
        var order: [TaskID] = []
        while let next: TaskID = running(world).first {
            order.append(next)
            try world.end(next)
        }
        #expect(order.count == 6)
        #expect(Set(order[1...4]) == ["b1", "b2", "a2", "a3"], "\(order)")
    }

    @Test("priority counts before a gate, too")
    func priorityChange() throws {
        var world = EngineWorld()
        try world.spawn(.coder, "x", slots: 4)
        for id in ["1", "2", "3"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "db" } }
        try world.send(.changePriority("3", .critical, reason: nil))
        try world.end("1")
        #expect(running(world) == ["3"])
    }

    @Test("no more tasks are started in any stretch of time than the rate says")
    func rate() throws {
        var world = EngineWorld {
            $0.concurrency = ["api": ConcurrencyLimit(rate: .init(count: 3, period: .seconds(10)))]
        }
        try world.spawn(.coder, "x", slots: 50)
        for number in 0..<20 {
            try world.create(TaskID(unchecked: "\(number)")) { $0.concurrencyKey = "api" }
            try world.pass(Milliseconds(number % 4 == 0 ? 1_700 : 137))
        }
        #expect(try reasons("19", &world).contains { if case .rate("api", 3, _, .some) = $0 { true } else { false } })
        try world.pass(.seconds(80))
        let starts: [Instant] = world.tasks.values.compactMap(\.state.startedAt)
        #expect(starts.count == 20)
        for start in starts { #expect(starts.count { $0 >= start && $0 < start + .seconds(10) } <= 3) }
        let (first, last): (Instant?, Instant?) = (starts.min(), starts.max())
        // Seven groups of three: not later than they may.
        if let first, let last { #expect(last - first <= .seconds(6 * 10 + 2)) }
    }

    @Test("after a restart the rate is kept though it is not known what was started before")
    func rateAfterRestart() throws {
        var world = EngineWorld {
            $0.concurrency = ["api": ConcurrencyLimit(limit: 9, rate: .init(count: 2, period: .seconds(10)))]
        }
        try world.spawn(.coder, "x", slots: 50)
        for number in 0..<4 { try world.create(TaskID(unchecked: "\(number)")) { $0.concurrencyKey = "api" } }
        try world.end("0")
        try world.end("1")
        try world.restart()
        try world.report(.agentStarted("x", process: nil))
        #expect(running(world) == [])
        try world.pass(.seconds(11))
        #expect(running(world) == ["2", "3"])
    }

    @Test("a commit that fails neither closes a rate's gate nor opens it")
    func rateAfterFailedCommit() throws {
        var world = EngineWorld {
            $0.concurrency = ["api": ConcurrencyLimit(rate: .init(count: 2, period: .seconds(10)))]
        }
        try world.create("1") { $0.concurrencyKey = "api" }
        try world.restart(recovering: false)
        try world.spawn(.coder, "x", slots: 50)
        #expect(running(world) == ["1"])
        for id in ["2", "3"] as [TaskID] { try world.create(id) { $0.concurrencyKey = "api" } }
        #expect(running(world) == ["1", "2"])
        try world.restart(recovering: false)
        try world.pass(.seconds(9))
        #expect(running(world) == ["1", "2"])
        try world.pass(.seconds(1))
        #expect(running(world) == ["1", "2", "3"])
    }

    @Test("a task that is not first hears who comes first; one with dependencies, for which it waits")
    func explanations() throws {
        var world = EngineWorld()
        try world.create("1") { $0.project = "a" }
        try world.create("2") { $0.project = "a" }
        try world.create("3") { $0.project = "b" }
        try world.create("4", dependencies: ["1", "2"])
        try world.create("5") { $0.capabilities = [CapabilityRequirement(name: "cobol")] }
        #expect(try reasons("4", &world) == [.dependencies(["1", "2"])])
        #expect(
            try reasons("5", &world) == [
                .noCapableAgent(type: .coder, missing: [CapabilityRequirement(name: "cobol")], onDemand: false)
            ])
        try world.spawn(.coder, "x")
        #expect(
            try reasons("2", &world) == [
                .noFreeSlot(agents: 1, since: world.now), .turn(tasks: 0, projects: 1),
            ])
        #expect(try reasons("3", &world) == [.noFreeSlot(agents: 1, since: world.now)])
        #expect(try reasons("1", &world) == [.starting("x")])
        try world.start("1")
        #expect(try reasons("1", &world) == [])
        try world.send(.pauseTask("2"))
        #expect(try reasons("2", &world) == [.paused])
        try world.report(.drain)
        #expect(try reasons("3", &world).last == .draining)
        #expect(throws: Rejection.self) { try world.send(.explainWaiting("nobody")) }
    }

    @Test("a key is 1 to 255 characters")
    func validation() throws {
        var world = EngineWorld()
        for key in ["", String(repeating: "k", count: 256)] {
            let specification = TaskSpecification(kind: .code, description: "x", concurrencyKey: key)
            #expect(
                world.refusal(of: .createTask(specification, id: nil, idempotency: nil))?.field == "concurrencyKey")
        }
        try world.create("a") { $0.concurrencyKey = String(repeating: "k", count: 255) }
    }
}
