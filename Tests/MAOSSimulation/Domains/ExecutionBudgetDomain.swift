import MAOSCore

/// Ceilings of executions: what their tasks' attempts used is theirs, each once, and what reaches a ceiling stops.
struct ExecutionBudgetDomain: SimulatedDomain {
    let weights: [Int] = []
    private var executions: [TaskID: ExecutionID] = [:]
    /// What each task's ended attempts had used when it was last told of.
    private var spent: [TaskID: Usage] = [:]
    /// What each execution must have been charged.
    private var charged: [ExecutionID: Usage] = [:]
    private var records: [ExecutionID: ExecutionRecord] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {}

    mutating func act(_ action: Int, in world: inout World) {}

    /// Ceilings for an execution, tight enough to be reached.
    static func anyCeiling(in world: inout World) -> Budget {
        guard world.random.chance(in: 3) else { return Budget() }
        return Budget(
            wallTime: world.random.chance(in: 3) ? .seconds(5 + Int64(world.random.number(below: 100))) : nil,
            processorTime: world.random.chance(in: 3)
                ? Milliseconds(200 + Int64(world.random.number(below: 4_000))) : nil,
            cost: world.random.chance(in: 2) ? Cost(micros: 5 + Int64(world.random.number(below: 60))) : nil)
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        // What ends is charged for up to the end of its batch, what is tried again from somewhere in the middle on.
        var retried: Set<ExecutionID> = []
        for event: Event in batch.events {
            switch event.body {
            case .task(let task): charge(task)
            case .workflow(let event) where event.kind == .retried: retried.insert(event.execution)
            default: break
            }
        }
        for row: EntityRow in batch.entities where row.kind == .execution {
            let record: ExecutionRecord
            do throws(RecordCodingError) {
                record = try ExecutionRecord(row)
            } catch {
                throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: row.id)
            }
            let expected: Usage = charged[record.id] ?? Usage()
            try keep(
                .leases, "an execution is charged what its tasks' ended attempts used, each once",
                record.spent == expected || retried.contains(record.id),
                "\(record.id): \(record.spent) instead of \(expected)")
            charged[record.id] = record.spent
            records[record.id] = record
            try check(record)
        }
    }

    private mutating func charge(_ event: TaskEvent) {
        if let origin: WorkflowTaskOrigin = event.created?.specification.workflow {
            executions[event.id] = origin.execution
        }
        let before: Usage = spent[event.id] ?? Usage()
        let after: Usage = event.state.spent
        spent[event.id] = after
        guard after != before, let id: ExecutionID = executions[event.id], records[id]?.endedAt == nil else { return }
        let more = Usage(
            wallTime: Milliseconds(after.wallTime.count - before.wallTime.count),
            processorTime: Milliseconds(after.processorTime.count - before.processorTime.count),
            cost: Cost(micros: after.cost.micros - before.cost.micros), tokens: after.tokens - before.tokens)
        charged[id] = (charged[id] ?? Usage()) + more
    }

    private func check(_ record: ExecutionRecord) throws(BrokenPromise) {
        guard record.endedAt == nil, record.phase == .normal else { return }
        for part: BudgetPart in BudgetPart.allCases {
            guard let ceiling: Int64 = record.budget[part] else { continue }
            try keep(
                .stopping, "an execution that has used up a ceiling stops", record.spent[part] < ceiling,
                "\(record.id), \(part.name): \(record.spent[part]) of \(ceiling)")
        }
    }
}
