/// How far executions have come: one figure for each, which is stored with it and told of by its events.
///
/// A step that has ended counts whole, and one whose task runs by how far the task says it has come; both by their share of the
/// execution. A step that was given up before it had anything to do counts nothing, nor does one that undoes another. While a
/// condition decides how many rounds a loop has, nobody knows what a round is of it: such a loop counts when it has ended.
///
/// Shares are counted in whole parts, so that it makes no difference in which order they come, nor whether they were added up
/// over time or all at once after a restart. A report costs what there is around its step, and no more.
extension LiveExecution {
    /// Parts that make a whole execution.
    static let whole: Double = 1_000_000_000_000
    /// Parts to a millionth; the figure has no finer steps.
    private static let millionth: Int64 = 1_000_000
    /// Parts that the rounding of so many shares may leave short of a millionth.
    private static let tolerance: Int64 = Int64(WorkflowLimits.enteredSteps)

    /// The parts that a share of the execution is.
    static func parts(_ share: Double) -> Int64 { Int64((share * whole).rounded()) }

    /// How much of the execution a step of a frame is, 0…1; 0 where nobody knows.
    func share(of index: Int, in frame: Int) -> Double {
        let part: Double = workflow.steps[index].weight / workflow.regions[frames[frame].region].weight
        guard frames[frame].owner > 0 else { return part }
        let owner: Int = frames[frame].owner - 1
        let around: Double = part * steps[owner].share
        // A retry has had what is around it begin anew: what was before that counts no more.
        guard around > 0, frames[frame].round >= steps[owner].record.firstRound else { return 0 }
        guard case .loop(let plan) = workflow.steps[steps[owner].index].kind else { return around }
        guard plan.items != nil, let rounds: Int = steps[owner].inner?.items?.count, rounds > 0 else { return 0 }
        #if EngineFaults
        if EngineFault.wholeRounds.isOn { return around }
        #endif
        return around / Double(rounds)
    }

    /// Sets how much of a step counts, 0…1; O(steps around it).
    mutating func count(_ ordinal: Int, _ fraction: Double) {
        let more: Int64 = LiveExecution.parts(steps[ordinal - 1].share * fraction) - steps[ordinal - 1].counted
        guard more != 0 else { return }
        counted += more
        var next: Int = ordinal
        while next > 0 {
            steps[next - 1].counted += more
            next = steps[next - 1].record.scope
        }
    }

    /// Counts a running step by how far its task has come.
    ///
    /// - Returns: Whether that is another whole percentage than the one that has been told of.
    mutating func count(_ ordinal: Int, _ fraction: Double, of task: TaskID) -> Bool {
        guard !record.status.isTerminal, ordinal <= steps.count, step(ordinal).status == .running,
            step(ordinal).task == task
        else { return false }
        count(ordinal, fraction)
        return progress.wholePercent != record.progress.wholePercent
    }

    /// What has been counted, 0…1, in steps of a millionth.
    var progress: Double {
        let millionths: Int64 = (counted + LiveExecution.tolerance) / LiveExecution.millionth
        return Double(min(max(millionths, 0), 1_000_000)) / 1_000_000
    }

    /// Counts everything anew from the records; `reached` says how far a live task has come.
    mutating func recount(reached: (TaskID) -> Double?) {
        // What is inside a step stands behind it, and counts first.
        for ordinal: Int in stride(from: steps.count, to: 0, by: -1) {
            let record: StepRecord = step(ordinal)
            if record.countsWhole {
                count(ordinal, 1)
            } else if record.status == .running, let task: TaskID = record.task, let reached = reached(task) {
                count(ordinal, reached)
            }
        }
    }
}

extension StepRecord {
    /// Whether it has ended, and not been given up before there was anything for it to do.
    var countsWhole: Bool { status.isTerminal && (status != .cancelled || task != nil) }
}

extension Engine {
    /// A task has come further, or begins anew: its execution, if it has one, is counted when the command has been carried out.
    mutating func noteProgress(of task: TaskID) {
        // A pattern, because a comparison with nil copies.
        guard case .some(.some) = state.tasks[task]?.record.specification.workflow else { return }
        #if EngineFaults
        let isBeginning: Bool = state.tasks[task]?.record.state.progress == 0
        if (isBeginning ? EngineFault.keptProgress : .standingProgress).isOn { return }
        #endif
        state.flows.progressed.append(task)
    }

    /// Counts what tasks of executions have said; an execution is told of when another whole percentage is reached.
    mutating func followProgress() {
        let tasks: [TaskID] = state.flows.progressed
        state.flows.progressed.removeAll(keepingCapacity: true)
        for id: TaskID in tasks {
            guard let origin: WorkflowTaskOrigin = state.tasks[id]?.record.specification.workflow,
                let reached: Double = state.tasks[id]?.record.state.progress,
                state.flows.executions[origin.execution]?.count(origin.ordinal, reached, of: id) == true,
                var live: LiveExecution = state.flows.executions.removeValue(forKey: origin.execution)
            else { continue }
            tellProgress(of: &live)
            put(live)
        }
    }

    /// Stores how far an execution has come, and tells of it.
    mutating func tellProgress(of live: inout LiveExecution) {
        live.record.progress = live.progress
        note(&live)
        #if EngineFaults
        if EngineFault.silentProgress.isOn { return }
        #endif
        emitFlow(.progressed, live)
    }
}

/// What is true of the progress of executions between any two batches.
extension EngineState {
    func checkProgress(of live: LiveExecution) throws(BrokenInvariant) {
        let record: ExecutionRecord = live.record
        try hold((0...1).contains(record.progress), "progress is a share of 1", "\(record.id): \(record.progress)")
        var inside: [Int64] = Array(repeating: 0, count: live.steps.count + 1)
        for step: LiveExecution.Step in live.steps.reversed() {
            let ordinal: Int = step.record.ordinal
            var expected: Int64 = inside[ordinal]
            if step.record.countsWhole {
                expected = LiveExecution.parts(step.share)
            } else if step.record.status == .running, let task: TaskID = step.record.task, let live = tasks[task] {
                expected = LiveExecution.parts(step.share * live.record.state.progress)
            }
            try hold(
                step.counted == expected, "a step counts by how far it has come",
                "\(record.id)#\(ordinal): \(step.counted) instead of \(expected)")
            inside[step.record.scope] += expected
        }
        try hold(
            live.counted == inside[0], "an execution counts what its steps do",
            "\(record.id): \(live.counted) instead of \(inside[0])")
        try hold(
            record.progress.wholePercent == live.progress.wholePercent,
            "the whole percentage of an execution is stored as it is counted",
            "\(record.id): \(record.progress) instead of \(live.progress)")
    }
}
