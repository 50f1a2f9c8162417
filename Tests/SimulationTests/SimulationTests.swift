import Foundation
import MAOSCore
import MAOSSimulation
import MAOSTestSupport
import Testing

@Suite("The server in a simulated world")
struct SimulationTests {
    @Test("every promise is kept after every turn, and in the end everything has ended", arguments: Seeds.all)
    func promises(seed: UInt64) {
        var plan = Simulation.Plan(seed: seed, steps: 500)
        plan.isRepeated = seed < 3
        let outcome: Simulation.Outcome = Simulation.run(plan)
        #expect(outcome.failure == nil, "Scripts/simulate.sh --seed \(seed) --steps 500")
        #expect(outcome.commands > 300, "the simulation does something")
        #expect(outcome.events > 100, "the simulation does something")
    }

    @Test(
        "whichever commit is the last one of a server, the next server keeps every promise",
        arguments: Seeds.all.prefix(2))
    func everyCommit(seed: UInt64) {
        var plan = Simulation.Plan(seed: seed, steps: 100)
        plan.deadlyCommit = .max
        let commits: Int = Simulation.run(plan).commits
        #expect(commits > 50)
        for commit in 0..<commits {
            plan.deadlyCommit = commit
            let outcome: Simulation.Outcome = Simulation.run(plan)
            #expect(outcome.failure == nil, "seed \(seed), commit \(commit)")
        }
    }

    @Test("another process, whose tables have another order, stores the same bytes")
    func determinismAcrossProcesses() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            print("digest \(Simulation.run(Simulation.Plan(seed: 2, steps: 400)).digest)")
        }
        let expected: [UInt8] = Array("digest \(Simulation.run(Simulation.Plan(seed: 2, steps: 400)).digest)\n".utf8)
        let output: [UInt8] = result.standardOutputContent
        #expect(output.count >= expected.count)
        #expect(output.indices.contains { output[$0...].starts(with: expected) })
    }

    @Test("every promise is explained in the document about them")
    func document() throws {
        let root: URL = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text: String = try String(contentsOf: root.appending(path: "Docs/Invariants.md"), encoding: .utf8)
        for promise: Promise in Promise.allCases {
            #expect(text.contains("`\(promise.rawValue)`"), "\(promise)")
        }
    }
}

@Suite("Making failing runs short")
struct ShrinkerTests {
    private static let failure = BrokenPromise(promise: .once, rule: "a rule", detail: "")

    /// A run that fails when all of these steps are taken.
    private func outcome(_ plan: Simulation.Plan, needs steps: Set<Int>) -> Simulation.Outcome {
        let fails: Bool = steps.isSubset(of: plan.steps)
        return Simulation.Outcome(
            failure: fails ? ShrinkerTests.failure : nil, step: 0, commands: 0, commits: 0, events: 0, digests: [],
            trace: [])
    }

    @Test("only the steps that are needed are left", arguments: [[], [0], [1_999], [3, 57, 801], Array(900...930)])
    func shortest(steps: [Int]) {
        let plan = Simulation.Plan(seed: 1, steps: 2_000)
        let result: Shrinker.Result = Shrinker.shrink(plan, failing: ShrinkerTests.failure) { plan in
            outcome(plan, needs: Set(steps))
        }
        #expect(result.plan.steps.count <= max(1, steps.count))
        #expect(Set(result.plan.steps).isSuperset(of: steps))
        #expect(result.runs < 1_000)
    }

    @Test("a run that breaks another rule is not taken for the same failure")
    func otherFailure() {
        let other = BrokenPromise(promise: .once, rule: "another rule", detail: "")
        let plan = Simulation.Plan(seed: 1, steps: 50)
        let result: Shrinker.Result = Shrinker.shrink(plan, failing: ShrinkerTests.failure) { plan in
            var found: Simulation.Outcome = outcome(plan, needs: [10, 20])
            if found.failure == nil { found.failure = other }
            return found
        }
        #expect(result.plan.steps == [10, 20])
    }

    @Test("no more runs are made than allowed")
    func bound() {
        let plan = Simulation.Plan(seed: 1, steps: 2_000)
        let result: Shrinker.Result = Shrinker.shrink(plan, failing: ShrinkerTests.failure, limit: 20) { plan in
            outcome(plan, needs: Set(0..<1_000))
        }
        #expect(result.runs <= 20)
    }
}
