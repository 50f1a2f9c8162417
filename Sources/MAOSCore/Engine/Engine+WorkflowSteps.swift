/// How steps of an execution begin; how they end is in `Engine+WorkflowEnds.swift`.
extension Engine {
    // MARK: Entering

    /// Enters the steps of a frame that wait for nothing.
    mutating func enterEntries(of frame: Int, in live: inout LiveExecution) {
        for place: Int in live.workflow.regions[live.frames[frame].region].entries {
            enter(place, of: frame, in: &live)
        }
    }

    /// Enters a step: it starts at once, or as soon as limits allow.
    mutating func enter(_ place: Int, of frame: Int, in live: inout LiveExecution) {
        guard live.frames[frame].isOpen, live.record.phase == .normal else { return }
        guard let ordinal: Int = putStep(at: place, of: frame, in: &live) else { return }
        if live.frames[frame].active < live.frames[frame].atOnce {
            live.frames[frame].active += 1
            takeTurn(ordinal, in: &live)
        } else {
            live.frames[frame].queue.append(ordinal)
        }
    }

    /// Puts a step into its frame; an execution that has entered too many fails instead.
    mutating func putStep(at place: Int, of frame: Int, in live: inout LiveExecution) -> Int? {
        guard live.steps.count < WorkflowLimits.enteredSteps else {
            stop(&live, as: .failed, error: "The execution entered more than \(WorkflowLimits.enteredSteps) steps")
            return nil
        }
        let index: Int = live.workflow.regions[live.frames[frame].region].steps[place]
        let ordinal: Int = makeStep(index, frame: frame, in: &live)
        live.frames[frame].members[place] = ordinal
        return ordinal
    }

    mutating func makeStep(_ index: Int, frame: Int, in live: inout LiveExecution) -> Int {
        let plan: CompiledWorkflow.Step = live.workflow.steps[index]
        let kind: StepRecord.Kind
        switch plan.kind {
        case .task: kind = .task
        case .decision: kind = .decision
        case .parallel: kind = .parallel
        case .loop: kind = .loop
        }
        state.flows.lastStepNumber += 1
        let ordinal: Int = live.steps.count + 1
        let record = StepRecord(
            execution: live.record.id, number: state.flows.lastStepNumber, ordinal: ordinal, step: plan.id, kind: kind,
            scope: live.frames[frame].owner, round: live.frames[frame].round, status: .pending,
            createdAt: state.now)
        let share: Double = live.share(of: index, in: frame)
        live.steps.append(LiveExecution.Step(record: record, index: index, frame: frame, share: share))
        live.changedSteps.append(ordinal)
        note(&live)
        return ordinal
    }

    /// A step has got its turn in its frame: it starts unless the execution as a whole holds it back.
    func mayStart(_ ordinal: Int, in live: LiveExecution) -> Bool {
        guard live.record.status == .running, live.record.phase != .stopping else { return false }
        guard live.step(ordinal).kind == .task else { return true }
        // What is undone is undone whatever it costs.
        guard live.record.phase == .compensating || hasRoom(in: live.record.id) else { return false }
        return live.runningTasks < live.workflow.atOnce
    }

    mutating func takeTurn(_ ordinal: Int, in live: inout LiveExecution) {
        if mayStart(ordinal, in: live) { start(ordinal, in: &live) } else { live.ready.append(ordinal) }
    }

    /// Starts what has been held back, as far as it may start now.
    mutating func startReady(_ live: inout LiveExecution) {
        while let next: Int = live.ready.first, mayStart(next, in: live) {
            _ = live.ready.popFirst()
            if live.step(next).status == .pending { start(next, in: &live) }
        }
    }

    // MARK: Starting

    private mutating func start(_ ordinal: Int, in live: inout LiveExecution) {
        let now: Instant = state.now
        // A step that has asked waits for its turn once more, for its task.
        let hasAsked: Bool = live.step(ordinal).approval != nil
        live.update(ordinal) { (record: inout StepRecord) in
            record.status = .running
            guard !hasAsked else { return }
            record.startedAt = now
            record.attempt += 1
        }
        let plan: CompiledWorkflow.Step = live.plan(of: ordinal)
        live.record.currentStep = plan.id
        note(&live)
        if case .task(let task) = plan.kind {
            if hasAsked { makeTask(task, ordinal, in: &live) } else { startTask(task, ordinal, in: &live) }
            return
        }
        emitFlow(.stepStarted, live, step: live.step(ordinal))
        switch plan.kind {
        case .task: break
        case .decision(let condition): decide(condition, ordinal, in: &live)
        case .parallel(let region, let atOnce):
            live.steps[ordinal - 1].inner = LiveExecution.Inner()
            let round: Int = live.step(ordinal).firstRound
            let frame: Int = live.makeFrame(region: region, owner: ordinal, round: round, atOnce: atOnce)
            enterEntries(of: frame, in: &live)
        case .loop(let loop): startLoop(loop, ordinal, in: &live)
        }
    }

    private mutating func decide(_ condition: Expression, _ ordinal: Int, in live: inout LiveExecution) {
        let frame: Int = live.steps[ordinal - 1].frame
        live.prepare(condition.references, from: frame)
        do throws(ExpressionError) {
            let holds: Bool = try condition.holds(in: FlowScope(execution: live, frame: frame))
            end(ordinal, .completed(JSONText(.boolean(holds))), in: &live)
        } catch {
            end(ordinal, .failed("condition: \(error)"), in: &live)
        }
    }

    private mutating func startTask(_ plan: CompiledWorkflow.TaskPlan, _ ordinal: Int, in live: inout LiveExecution) {
        if let approval: Template = plan.approval, !live.step(ordinal).isCompensation {
            return ask(approval, ordinal, in: &live)
        }
        makeTask(plan, ordinal, in: &live)
    }

    /// Makes the task of a step, by the same checks and for the same subject as if the execution's owner asked for it.
    mutating func makeTask(_ plan: CompiledWorkflow.TaskPlan, _ ordinal: Int, in live: inout LiveExecution) {
        let step: StepRecord = live.step(ordinal)
        let template: Template = step.isCompensation ? plan.compensation ?? plan.template : plan.template
        var specification: TaskSpecification
        if let known: TaskSpecification = plan.specification, !step.isCompensation {
            specification = known
        } else {
            guard let filled = fill(template, of: ordinal, in: &live) else { return }
            specification = filled
        }
        specification.workflow = WorkflowTaskOrigin(
            workflow: live.record.workflow, execution: live.record.id, step: step.step, ordinal: ordinal)
        if specification.project == nil { specification.project = live.record.project }
        if !step.isCompensation { specification.budget = inherit(specification.budget, from: live.record.id) }
        let reply: Reply
        do throws(Rejection) {
            reply = try createTask(specification, id: nil, idempotency: nil, by: live.record.principal)
            #if EngineFaults
            if EngineFault.doubleStep.isOn {
                _ = try createTask(specification, id: nil, idempotency: nil, by: live.record.principal)
            }
            #endif
        } catch {
            return end(ordinal, .failed("The task was refused: \(error.summary)"), in: &live)
        }
        guard case .task(let task) = reply else { return }
        if let made: TaskRecord = state.tasks[task.id]?.record {
            noteHoldOfExecution(of: made, isUnderWay: made.state.holdsAgent)
        }
        live.runningTasks += 1
        live.update(ordinal) { $0.task = task.id }
        emitFlow(.stepStarted, live, step: live.step(ordinal))
    }

    /// Works the configuration of a step out; ends the step where that is not possible.
    private mutating func fill(
        _ template: Template, of ordinal: Int, in live: inout LiveExecution
    ) -> TaskSpecification? {
        let frame: Int = live.steps[ordinal - 1].frame
        live.prepare(template.references.map(\.reference), from: frame)
        let value: JSONValue
        do throws(Template.Failure) {
            value = try template.value(in: FlowScope(execution: live, frame: frame))
        } catch {
            end(ordinal, .failed("configuration.\(error.path): \(error.error)"), in: &live)
            return nil
        }
        guard case .object(let object) = value else { return nil }
        let reader = WorkflowTaskReader(
            object, step: live.step(ordinal).step, retryPolicy: live.workflow.retryPolicy, path: "configuration")
        if let issue: Rejection.Issue = reader.issues.first {
            end(ordinal, .failed("\(issue.field): found \(issue.value), expected \(issue.expected)"), in: &live)
            return nil
        }
        if !template.isPlain {
            let input = JSONText(value)
            if input.utf8.count <= 16_384 { live.update(ordinal) { $0.input = input } }
        }
        return reader.specification
    }
}
