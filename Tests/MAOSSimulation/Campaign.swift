import MAOSCore
import Synchronization

/// Many runs, on all cores.
package struct Campaign: Sendable {
    /// The seeds, from the first to the last.
    package var seeds: ClosedRange<UInt64>
    /// Steps of each run.
    package var steps: Int
    /// Runs at the same time.
    package var workers: Int
    /// Every so many seeds one is run twice, and must give the same bytes; 0 for none.
    package var repeated: UInt64 = 8
    /// Whether the other seeds are run after one has failed.
    package var goesOn = false

    /// Runs of so many steps.
    package init(seeds: ClosedRange<UInt64>, steps: Int, workers: Int) {
        self.seeds = seeds
        self.steps = steps
        self.workers = workers
    }

    /// What came of many runs.
    package struct Report: Sendable {
        /// Runs that were made.
        package var runs: Int = 0
        /// Commands that the servers were given.
        package var commands: Int = 0
        /// Batches that were handed to journals.
        package var commits: Int = 0
        /// Events that were stored.
        package var events: Int = 0
        /// The failing runs among those that were made, the lowest seed first.
        package var failures: [(plan: Simulation.Plan, outcome: Simulation.Outcome)] = []
        /// The failing run of the lowest seed.
        package var failure: (plan: Simulation.Plan, outcome: Simulation.Outcome)? { failures.first }
    }

    /// Makes the runs, until one fails unless the campaign goes on.
    ///
    /// - Parameter progress: Told after each run how the matter stands; from any thread.
    /// - Returns: What came of them.
    package func run(progress: @escaping @Sendable (Report) -> Void = { _ in }) async -> Report {
        let progressed = Progress(next: seeds.lowerBound, goesOn: goesOn)
        await withTaskGroup(of: Void.self) { (group: inout TaskGroup<Void>) in
            for _ in 0..<workers {
                group.addTask {
                    while let seed: UInt64 = progressed.takeSeed(upTo: seeds.upperBound) {
                        var plan = Simulation.Plan(seed: seed, steps: steps)
                        plan.isRepeated = repeated > 0 && seed.isMultiple(of: repeated)
                        progress(progressed.add(plan, Simulation.run(plan)))
                    }
                }
            }
        }
        return progressed.report
    }
}

/// How far the workers have come.
private final class Progress: Sendable {
    private struct State {
        var next: UInt64
        var report = Campaign.Report()
    }

    private let state: Mutex<State>
    private let goesOn: Bool

    init(next: UInt64, goesOn: Bool) {
        state = Mutex(State(next: next))
        self.goesOn = goesOn
    }

    var report: Campaign.Report { state.withLock { $0.report } }

    /// The next seed; `nil` when there is none, or one has failed.
    func takeSeed(upTo last: UInt64) -> UInt64? {
        state.withLock { (state: inout State) in
            guard goesOn || state.report.failures.isEmpty, state.next <= last else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    func add(_ plan: Simulation.Plan, _ outcome: Simulation.Outcome) -> Campaign.Report {
        state.withLock { (state: inout State) in
            state.report.runs += 1
            state.report.commands += outcome.commands
            state.report.commits += outcome.commits
            state.report.events += outcome.events
            if outcome.failure != nil {
                let place: Int =
                    state.report.failures.firstIndex { $0.plan.seed > plan.seed }
                    ?? state.report.failures.count
                state.report.failures.insert((plan, outcome), at: place)
            }
            return state.report
        }
    }
}
