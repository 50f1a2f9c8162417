import MAOSCore

/// How far executions have come: by their steps' weights and what running tasks say of themselves, stored and told of alike.
///
/// It reads definitions by itself, and adds everything up anew each time.
struct ExecutionProgressDomain: SimulatedDomain {
    /// What a step is of those beside it.
    private struct Part {
        var share: Double
        /// Rounds of a loop; 0 where a condition decides.
        var rounds: Int
    }

    let weights: [Int] = []
    private var plans: [WorkflowPartID: [String: Part]] = [:]
    private var records: [ExecutionID: ExecutionRecord] = [:]
    /// In order of entering; the first is the execution itself.
    private var steps: [ExecutionID: [StepRecord]] = [:]
    /// How far each task of a step has come.
    private var reached: [TaskID: Double] = [:]
    /// What each execution was last told of with.
    private var told: [ExecutionID: Double] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {}

    mutating func act(_ action: Int, in world: inout World) {}

    // MARK: Definitions

    private mutating func learn(_ version: WorkflowVersionRecord) {
        guard plans[version.id] == nil else { return }
        var plan: [String: Part] = [:]
        ExecutionProgressDomain.learn(version.definition.document.value()["steps"], &plan)
        plans[version.id] = plan
    }

    private static func learn(_ steps: JSONValue?, _ plan: inout [String: Part]) {
        let steps: [JSONValue] = steps?.arrayValue ?? []
        let weights: [Double] = steps.map { $0["configuration"]?["weight"]?.doubleValue ?? 1 }
        let sum: Double = weights.reduce(0, +)
        for (step, weight) in zip(steps, weights) {
            let items: JSONValue? = step["configuration"]?["items"]
            // In what is made up here, an expression stands for two elements.
            let rounds: Int = items?.stringValue == nil ? items?.arrayValue?.count ?? 0 : 2
            plan[step["id"]?.stringValue ?? ""] = Part(share: weight / sum, rounds: rounds)
            learn(step["configuration"]?["steps"], &plan)
        }
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        var touched: [ExecutionID] = []
        var stored: [ExecutionRecord] = []
        do throws(RecordCodingError) {
            for row: EntityRow in batch.entities {
                switch row.kind {
                case .workflowVersion: learn(try WorkflowVersionRecord(row))
                case .execution: stored.append(try ExecutionRecord(row))
                case .step: note(try StepRecord(row))
                default: break
                }
            }
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: "\(error)")
        }
        for task: TaskRecord in batch.tasks {
            guard let origin: WorkflowTaskOrigin = task.specification.workflow else { continue }
            reached[task.id] = task.state.progress
            touched.append(origin.execution)
        }
        for event: Event in batch.events {
            guard case .workflow(let workflow) = event.body else { continue }
            let last: Double? = told.updateValue(workflow.progress, forKey: workflow.execution)
            try keep(
                .told, "an execution that has come further is told of once for each whole percentage",
                workflow.kind != .progressed || last?.wholePercent != workflow.progress.wholePercent,
                "\(workflow.execution): \(workflow.progress)")
        }
        for record: ExecutionRecord in stored {
            try keep(
                .told, "the progress of an execution is stored as it was told of last",
                told[record.id] == record.progress,
                "\(record.id): \(record.progress), told of as \(told[record.id] ?? -1)")
            records[record.id] = record
            touched.append(record.id)
        }
        for id: ExecutionID in touched {
            guard let record: ExecutionRecord = records[id], record.endedAt == nil else { continue }
            try check(record)
        }
    }

    private mutating func note(_ step: StepRecord) {
        if let known: Int = steps[step.execution]?.count, step.ordinal < known {
            steps[step.execution]?[step.ordinal] = step
        } else {
            steps[step.execution, default: []].append(step)
        }
    }

    private func check(_ record: ExecutionRecord) throws(BrokenPromise) {
        let expected: Double = progress(of: record)
        // Where a percentage begins, the last places of a sum decide.
        let percentages: ClosedRange<Int> = (expected - 0.000_001).wholePercent...(expected + 0.000_001).wholePercent
        try keep(
            .life, "an execution has come as far as its steps have, by their weights",
            percentages.contains(record.progress.wholePercent),
            "\(record.id): \(record.progress) instead of \(expected)")
    }

    /// What has ended counts whole, what runs by how far it has come, both by their share of what is around them.
    private func progress(of record: ExecutionRecord) -> Double {
        let steps: [StepRecord] = steps[record.id] ?? []
        let plan: [String: Part] = plans[WorkflowPartID(record.workflow, version: record.version)] ?? [:]
        var sums: [Double] = Array(repeating: 0, count: steps.count)
        for step: StepRecord in steps.dropFirst().reversed() where !step.isCompensation {
            let isGivenUp: Bool = step.status == .cancelled && step.task == nil
            var done: Double = min(1, sums[step.ordinal])
            if step.status.isTerminal, !isGivenUp { done = 1 }
            if step.status == .running, let task: TaskID = step.task { done = reached[task] ?? 0 }
            let around: StepRecord = steps[step.scope]
            guard step.round >= around.firstRound, let part: Part = plan[step.step] else { continue }
            var share: Double = part.share
            if around.kind == .loop {
                guard let rounds: Int = plan[around.step]?.rounds, rounds > 0 else { continue }
                share /= Double(rounds)
            }
            sums[step.scope] += done * share
        }
        return min(1, sums.first ?? 0)
    }
}
