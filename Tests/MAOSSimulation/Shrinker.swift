import MAOSCore

/// Makes a failing run short: leaves steps out for as long as the same rule breaks.
package enum Shrinker {
    /// A run that is as short as was found, and fails as the long one did.
    package struct Result: Sendable {
        /// The steps that are left, with a trace.
        package var plan: Simulation.Plan
        /// What came of them.
        package var outcome: Simulation.Outcome
        /// Runs that were made to find it.
        package var runs: Int
    }

    /// Shortens a plan that fails (the delta-debugging algorithm of Zeller and Hildebrandt).
    ///
    /// - Parameters:
    ///   - plan: What to shorten.
    ///   - failure: How it fails.
    ///   - limit: So many runs at most.
    ///   - run: Makes a run.
    /// - Returns: The shortest run that was found.
    package static func shrink(
        _ plan: Simulation.Plan, failing failure: BrokenPromise, limit: Int = 3_000,
        run: (Simulation.Plan) -> Simulation.Outcome = { Simulation.run($0) }
    ) -> Result {
        var best: Simulation.Plan = plan
        var runs: Int = 0
        func fails(_ steps: [Int]) -> Bool {
            runs += 1
            var shorter: Simulation.Plan = plan
            shorter.steps = steps
            return run(shorter).failure?.isLike(failure) ?? false
        }
        var parts: Int = 2
        while best.steps.count > 1, runs < limit {
            let size: Int = max(1, (best.steps.count + parts - 1) / parts)
            var isShorter = false
            // From the end, where what comes too late to matter stands.
            var end: Int = best.steps.count
            while end > 0, runs < limit {
                let start: Int = max(0, end - size)
                var rest: [Int] = best.steps
                rest.removeSubrange(start..<end)
                if fails(rest) {
                    best.steps = rest
                    isShorter = true
                }
                end = start
            }
            if size == 1, !isShorter { break }
            if !isShorter { parts = min(parts * 2, best.steps.count) } else { parts = max(2, parts - 1) }
        }
        best.keepsTrace = true
        return Result(plan: best, outcome: run(best), runs: runs)
    }
}
