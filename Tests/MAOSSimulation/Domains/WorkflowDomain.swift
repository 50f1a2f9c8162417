import MAOSCore

/// Workflows: definitions, executions step by step, and the questions that they ask.
struct WorkflowDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case define, defineBadly, delete, execute, pause, resume, cancel, retry, answer
    }

    let weights: [Int]
    /// Executions in order of their beginning, ended ones too.
    private var executions: [ExecutionID] = []
    private var live: [ExecutionID] = []
    private var records: [ExecutionID: ExecutionRecord] = [:]
    /// Steps by ordinal; a retry goes on with those of an ended execution.
    private var steps: [ExecutionID: [Int: StepRecord]] = [:]
    /// Tasks that somebody has started over.
    private var restarted: Set<TaskID> = []
    private var approvals: [ApprovalID: ApprovalRecord] = [:]
    /// Questions that have not been answered.
    private var questions: [ApprovalID] = []
    /// The newest questions, whether they have been answered or not.
    private var asked: [ApprovalID] = []
    private var watch = WorkflowWatch()

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.workflows = random.one(of: [1, 5])
        configuration.limits.executions = 3
        var weights: [Int] = WorkflowDomain.someWeights(Action.allCases.count, upTo: 4, &random)
        if random.chance(in: 2) { weights = weights.map { _ in 0 } }
        weights[Action.execute.rawValue] *= 2
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        let principal: Principal = world.anybody()
        let workflow: WorkflowID = world.random.one(of: WorkflowDomain.fewWorkflows)
        switch Action(rawValue: action) {
        case .define:
            var maker = WorkflowMaker(random: world.random)
            let definition: WorkflowDefinition = maker.definition(project: world.anyProject())
            world.random = maker.random
            world.send(.workflow(.put(workflow, definition)), as: principal, needs: .workflowsCreate)
        case .defineBadly:
            var maker = WorkflowMaker(random: world.random)
            let definition: WorkflowDefinition = maker.badDefinition()
            world.random = maker.random
            world.send(.workflow(.put(workflow, definition)), as: principal, needs: .workflowsCreate, flaw: "steps")
        case .delete: world.send(.workflow(.delete(workflow)), as: principal, needs: .workflowsCreate)
        case .execute:
            let parameters = JSONText(.object(["n": .integer(Int64(world.random.below(9)))]))
            let command: Command = .workflow(
                .execute(
                    workflow, parameters: parameters, overrides: [],
                    budget: ExecutionBudgetDomain.anyCeiling(in: &world)))
            world.send(world.withKey(command), as: principal, needs: .workflowsExecute)
        case .pause: world.send(.workflow(.pause(anyExecution(in: &world))), as: principal, needs: .workflowsExecute)
        case .resume: world.send(.workflow(.resume(anyExecution(in: &world))), as: principal, needs: .workflowsExecute)
        case .cancel:
            let id: ExecutionID = anyExecution(in: &world)
            world.send(.workflow(.cancel(id, reason: nil)), as: principal, needs: .workflowsCancel)
        case .retry:
            let id: ExecutionID = anyExecution(in: &world)
            let ceiling: Budget = ExecutionBudgetDomain.anyCeiling(in: &world)
            world.send(.workflow(.retry(id, budget: ceiling)), as: principal, needs: .workflowsExecute)
        case .answer, nil:
            // Also one that has been answered.
            let choice: [ApprovalID] = questions.isEmpty || world.random.chance(in: 3) ? asked : questions
            let id: ApprovalID = choice.isEmpty ? ApprovalID(unchecked: "none") : world.random.one(of: choice)
            let isApproved: Bool = world.random.chance(in: 2)
            world.send(
                .workflow(.answer(id, isApproved: isApproved, comment: nil)), as: principal, needs: .approvalsAnswer)
        }
    }

    /// Names that clients give to workflows.
    static let fewWorkflows: [WorkflowID] = ["v", "w"].map { WorkflowID(unchecked: $0) }

    private func anyExecution(in world: inout World) -> ExecutionID {
        executions.isEmpty
            ? ExecutionID(unchecked: "none") : world.random.one(of: Array(executions.suffix(4)))
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        var ended: [ExecutionRecord] = []
        var undoing: Set<WorkflowWatch.StepKey> = []
        do throws(RecordCodingError) {
            for row: EntityRow in batch.entities {
                switch row.kind {
                case .workflowVersion: watch.learn(try WorkflowVersionRecord(row))
                case .execution:
                    let record = try ExecutionRecord(row)
                    if records[record.id] == nil { executions.append(record.id) }
                    records[record.id] = record
                    live.removeAll { $0 == record.id }
                    if record.endedAt == nil { live.append(record.id) } else { ended.append(record) }
                case .step:
                    let step = try StepRecord(row)
                    steps[step.execution, default: [:]][step.ordinal] = step
                    if step.isCompensation {
                        undoing.insert(WorkflowWatch.StepKey(execution: step.execution, ordinal: step.ordinal))
                    }
                default: break
                }
            }
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: "\(error)")
        }
        for row: EntityRow in batch.entities where row.kind == .approval { try note(row) }
        for event: Event in batch.events {
            switch event.body {
            case .task(let task):
                if task.kind == .restarted { restarted.insert(task.id) }
                try follow(task)
            case .workflow(let event):
                let key: WorkflowWatch.StepKey? = event.step.map {
                    WorkflowWatch.StepKey(execution: event.execution, ordinal: $0.ordinal)
                }
                try watch.follow(
                    event, of: records[event.execution]?.version ?? 0,
                    isUndoing: key.map { undoing.contains($0) } ?? false)
            default: break
            }
        }
        for record: ExecutionRecord in ended { try check(ended: record) }
    }

    private mutating func note(_ row: EntityRow) throws(BrokenPromise) {
        let approval: ApprovalRecord
        do throws(RecordCodingError) {
            approval = try ApprovalRecord(row)
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: row.id)
        }
        let earlier: ApprovalRecord? = approvals[approval.id]
        try keep(
            .once, "a question is answered once", earlier == nil || earlier?.status == .pending || earlier == approval,
            "\(approval.id) was \(earlier?.status.name ?? "")")
        approvals[approval.id] = approval
        if earlier == nil { asked = asked.suffix(3) + [approval.id] }
        questions.removeAll { $0 == approval.id }
        if approval.status == .pending { questions.append(approval.id) }
    }

    private mutating func follow(_ event: TaskEvent) throws(BrokenPromise) {
        if let origin: WorkflowTaskOrigin = event.created?.specification.workflow {
            let step: StepRecord? = steps[origin.execution]?[origin.ordinal]
            // The record is that of the end of the batch, and may have a later question.
            if let approval: ApprovalID = step?.approval, step?.task == event.id {
                try keep(
                    .life, "a step that asks begins when the answer is yes", approvals[approval]?.status == .approved,
                    "\(origin.execution) \(origin.step)")
            }
            try watch.began(event.id, origin)
        }
        if event.state.status.isTerminal { watch.ended(event.id) }
    }

    private func check(ended record: ExecutionRecord) throws(BrokenPromise) {
        try keep(.life, "an execution has ended when its status says so", record.status.isTerminal, "\(record.id)")
        for step: StepRecord in (steps[record.id] ?? [:]).values where step.kind != .root {
            try keep(
                .life, "the steps of an ended execution have ended", step.status.isTerminal,
                "\(record.id) \(step.step)#\(step.ordinal)")
        }
        try keep(
            .life, "an execution that has completed is done with all of it",
            record.status != .completed || record.progress == 1, "\(record.id): \(record.progress)")
        try watch.checkUndone(record)
    }

    // MARK: At any time

    func check(_ world: World) throws(BrokenPromise) {
        for id: ExecutionID in live {
            guard let record: ExecutionRecord = records[id] else { continue }
            try keep(.life, "an execution has ended when its status says so", !record.status.isTerminal, "\(id)")
            for step: StepRecord in (steps[id] ?? [:]).values where step.kind == .task {
                try check(step, of: record, world)
            }
            if world.clock == world.latest, let deadline: Instant = record.deadline, record.phase == .normal {
                try keep(.stopping, "an execution ends in time", deadline > world.latest, "\(id)")
            }
        }
        guard world.clock == world.latest else { return }
        for id: ApprovalID in questions {
            let isOpen: Bool = approvals[id]?.timeoutAt.map { $0 > world.latest } ?? true
            try keep(.stopping, "a question that nobody answers in time has its default", isOpen, "\(id)")
        }
    }

    private func check(_ step: StepRecord, of record: ExecutionRecord, _ world: World) throws(BrokenPromise) {
        let isRunning: Bool = step.status == .running
        guard let task: TaskID = step.task else {
            let isAsking: Bool = step.approval.map { approvals[$0]?.status == .pending } ?? false
            return try keep(
                .leases, "a step that runs has a task or a question", !isRunning || isAsking,
                "\(record.id) \(step.step)#\(step.ordinal)")
        }
        // A task that somebody starts over goes on by itself.
        guard !restarted.contains(task) else { return }
        let isLive: Bool = world.chronicle.tasks[task].map { !$0.status.isTerminal } ?? false
        try keep(
            .leases, "a step runs while its task does", isLive == isRunning,
            "\(record.id) \(step.step)#\(step.ordinal) is \(step.status.name), its task \(task)")
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        for id: ApprovalID in questions {
            world.send(.workflow(.answer(id, isApproved: true, comment: nil)), as: .system)
        }
        for id: ExecutionID in live where records[id]?.status == .paused {
            world.send(.workflow(.resume(id)), as: .system)
        }
    }

    func unfinished(in world: World) -> String? {
        live.first.map { "execution \($0) is \(records[$0]?.status.name ?? "")" }
    }
}
