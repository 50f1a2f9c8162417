internal import MAOSCore

/// How much each step of a workflow is of the whole, so that what runs counts by how far it has come.
struct ExecutionShares {
    private struct Share {
        /// Of the steps beside it, itself included.
        var part: Double
        /// Rounds of a loop whose elements are written in the workflow; 0 where nobody knows.
        var rounds: Int
    }

    private var shares: [String: Share] = [:]

    /// Reads the weights of a workflow's steps.
    init(_ definition: WorkflowDefinition) {
        read(definition.document.value()["steps"])
    }

    private mutating func read(_ steps: JSONValue?) {
        let elements: [JSONValue] = steps?.arrayValue ?? []
        func weight(of step: JSONValue) -> Double { step["configuration"]?["weight"]?.doubleValue ?? 1 }
        let sum: Double = elements.reduce(0) { $0 + weight(of: $1) }
        for element: JSONValue in elements {
            guard let id: String = element["id"]?.stringValue, sum > 0 else { continue }
            let configuration: JSONValue? = element["configuration"]
            shares[id] = Share(
                part: weight(of: element) / sum, rounds: configuration?["items"]?.arrayValue?.count ?? 0)
            read(configuration?["steps"])
        }
    }

    /// How much of the execution a step is that has come so far.
    ///
    /// - Parameters:
    ///   - progress: How far it has come, 0…1.
    ///   - step: The step.
    ///   - known: The execution's steps by their ordinals.
    /// - Returns: Its share, 0…1; 0 where that is not known.
    func progress(_ progress: Double, of step: StepRecord, among known: [Int: StepRecord]) -> Double {
        guard !step.isCompensation else { return 0 }
        var part: Double = progress
        var step: StepRecord = step
        while let share: Share = shares[step.step] {
            part *= share.part
            guard step.scope > 0 else { return part }
            guard let parent: StepRecord = known[step.scope], step.round >= parent.firstRound else { return 0 }
            if parent.kind == .loop {
                // How many rounds there will be is known where the elements are written in the workflow.
                guard let rounds: Int = shares[parent.step]?.rounds, rounds > 0 else { return 0 }
                part /= Double(rounds)
            }
            step = parent
        }
        return 0
    }
}
