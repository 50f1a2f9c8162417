/// How steps of an execution end, what follows from that, and how the execution ends itself.
///
/// Each function changes what one event changes and no more: an end is followed along the edges that lead away from the step,
/// and a step is looked at again only when something that it waits for has happened. Ends are followed one by one from a queue,
/// so that no workflow, however it is built, makes the engine recurse deeper than steps are nested.
extension Engine {
    /// How a step ends.
    struct StepEnding {
        var status: ExecutionStatus
        var result: JSONText?
        var error: String?

        static func completed(_ result: JSONText?) -> StepEnding { StepEnding(status: .completed, result: result) }
        static func failed(_ error: String) -> StepEnding { StepEnding(status: .failed, error: error) }
    }

    // MARK: Ending

    /// Ends a step; what follows from it is seen to when the queue of ends is worked off.
    mutating func end(_ ordinal: Int, _ ending: StepEnding, in live: inout LiveExecution) {
        var ending: StepEnding = ending
        guard !live.step(ordinal).status.isTerminal else { return }
        if let result: JSONText = ending.result {
            live.resultBytes += result.utf8.count
            if live.resultBytes > WorkflowLimits.results {
                live.resultBytes -= result.utf8.count
                ending = .failed("The results of the execution take more than \(WorkflowLimits.results) bytes")
            }
        }
        let now: Instant = state.now
        live.parsed[ordinal] = nil
        live.update(ordinal) { (record: inout StepRecord) in
            record.status = ending.status
            record.endedAt = now
            record.result = ending.result
            record.error = ending.error ?? (ending.status == .completed ? nil : record.error)
        }
        live.steps[ordinal - 1].inner = nil
        let plan: CompiledWorkflow.Step = live.plan(of: ordinal)
        if !live.step(ordinal).isCompensation {
            live.count(ordinal, 1)
            live.record.progress = live.progress
            if ending.status == .completed, case .task(let task) = plan.kind, task.compensation != nil {
                live.lastEndOrder += 1
                let order: Int = live.lastEndOrder
                live.undoable.append(ordinal)
                live.update(ordinal) { $0.endOrder = order }
            }
        }
        note(&live)
        let kind: WorkflowEvent.Kind
        switch ending.status {
        case .completed: kind = .stepCompleted
        case .cancelled: kind = .stepCancelled
        case .skipped: kind = .stepSkipped
        case .pending, .running, .paused, .failed: kind = .stepFailed
        }
        emitFlow(kind, live, step: live.step(ordinal), text: ending.error)
        live.ended.append(ordinal)
    }

    /// Follows the ends that have come together, until nothing follows from them any more.
    mutating func settle(_ live: inout LiveExecution) {
        while true {
            while let ordinal: Int = live.ended.popFirst() { follow(ordinal, in: &live) }
            startReady(&live)
            if live.ended.isEmpty { break }
        }
        if live.record.phase == .stopping, live.isQuiet { stopped(&live) }
        if !live.ended.isEmpty { settle(&live) }
    }

    private mutating func follow(_ ordinal: Int, in live: inout LiveExecution) {
        let record: StepRecord = live.step(ordinal)
        if record.isCompensation {
            if live.record.phase == .compensating { undoNext(&live) }
            return
        }
        let frame: Int = live.steps[ordinal - 1].frame
        guard live.frames[frame].isOpen else { return cut(ordinal, in: &live) }
        live.frames[frame].last = ordinal
        if record.status != .skipped { giveTurn(of: frame, in: &live) }
        guard live.record.phase == .normal else { return cut(ordinal, in: &live) }
        if let owner: Int = stoppingOwner(of: frame, in: live) {
            cut(ordinal, in: &live)
            live.steps[owner - 1].inner?.stopping?.remove(ordinal)
            return endIfStopped(owner, in: &live)
        }
        let scope: Int = live.frames[frame].owner
        guard scope == 0 || !live.step(scope).status.isTerminal else { return cut(ordinal, in: &live) }
        if record.isCut { live.update(ordinal) { $0.isCut = false } }
        if live.workflow.regions[live.frames[frame].region].isGraph {
            followGraph(ordinal, frame: frame, in: &live)
        } else {
            followSequence(ordinal, frame: frame, in: &live)
        }
    }

    /// Nothing follows from the end of a step, unless the execution is retried.
    private func cut(_ ordinal: Int, in live: inout LiveExecution) {
        live.update(ordinal) { $0.isCut = true }
    }

    /// A step of a frame has ended: the next that waits for its turn gets it.
    private mutating func giveTurn(of frame: Int, in live: inout LiveExecution) {
        live.frames[frame].active -= 1
        while live.frames[frame].active < live.frames[frame].atOnce, let next: Int = live.frames[frame].queue.popFirst()
        {
            guard live.step(next).status == .pending else { continue }
            live.frames[frame].active += 1
            takeTurn(next, in: &live)
        }
    }

    private mutating func followSequence(_ ordinal: Int, frame: Int, in live: inout LiveExecution) {
        let plan: CompiledWorkflow.Step = live.plan(of: ordinal)
        let record: StepRecord = live.step(ordinal)
        let target: Int?
        if live.isSuccess(record) {
            target = plan.onSuccess ?? plan.next
        } else if let handler: Int = plan.onFailure {
            target = handler
        } else if live.workflow.policy == .continue {
            target = plan.onSuccess ?? plan.next
        } else {
            return fail(frame, because: ordinal, in: &live)
        }
        if let target { enter(target, of: frame, in: &live) } else { complete(frame, in: &live) }
    }

    private mutating func followGraph(_ ordinal: Int, frame: Int, in live: inout LiveExecution) {
        let plan: CompiledWorkflow.Step = live.plan(of: ordinal)
        let record: StepRecord = live.step(ordinal)
        let isSuccess: Bool = live.isSuccess(record)
        let target: Int? = record.status == .skipped ? nil : (isSuccess ? plan.onSuccess : plan.onFailure)
        if !isSuccess, record.status != .skipped, target == nil, !plan.failureIsAwaited,
            live.workflow.policy != .continue
        {
            return fail(frame, because: ordinal, in: &live)
        }
        live.frames[frame].open -= 1
        let edges: [CompiledWorkflow.Edge] = live.workflow.regions[plan.region].successors[plan.place]
        for edge: CompiledWorkflow.Edge in edges {
            guard live.record.phase == .normal else { return }
            live.frames[frame].waits[edge.place] -= 1
            let waits: Int = live.frames[frame].waits[edge.place]
            if !edge.condition.isMet(by: record.status, isSuccess: isSuccess) {
                live.frames[frame].isBlocked[edge.place] = true
            }
            guard live.frames[frame].members[edge.place] == 0 else { continue }
            if edge.condition == .route {
                if edge.place == target {
                    enter(edge.place, of: frame, in: &live)
                } else if waits == 0 {
                    skip(edge.place, of: frame, in: &live)
                }
            } else if waits == 0 {
                if live.frames[frame].isBlocked[edge.place] {
                    skip(edge.place, of: frame, in: &live)
                } else {
                    enter(edge.place, of: frame, in: &live)
                }
            }
        }
        if live.frames[frame].open == 0 { complete(frame, in: &live) }
    }

    /// Passes a step by: what it waits for has ended in another way than it wants.
    private mutating func skip(_ place: Int, of frame: Int, in live: inout LiveExecution) {
        guard let ordinal: Int = putStep(at: place, of: frame, in: &live) else { return }
        end(ordinal, StepEnding(status: .skipped), in: &live)
    }

    // MARK: Frames

    /// A frame has ended well.
    private mutating func complete(_ frame: Int, in live: inout LiveExecution) {
        let owner: Int = live.frames[frame].owner
        let isRound: Bool = owner > 0 && live.step(owner).kind == .loop
        let result: JSONText? = isRound ? nil : result(of: live.frames[frame], in: live)
        guard owner > 0 else { return finish(&live, as: .completed, result: result) }
        live.steps[owner - 1].inner?.frames.removeAll { $0 == frame }
        if isRound { roundEnded(frame, in: &live) } else { end(owner, .completed(result), in: &live) }
        close(frame, in: &live)
    }

    /// Nothing in a frame is asked for any more, unless what it did may have to be undone.
    private func close(_ frame: Int, in live: inout LiveExecution) {
        if live.workflow.policy != .compensate { live.frames[frame].close() }
    }

    /// What steps side by side give: a graph what each has given, a sequence what the last one has.
    private func result(of frame: LiveExecution.Frame, in live: LiveExecution) -> JSONText? {
        guard live.workflow.regions[frame.region].isGraph else {
            return frame.last > 0 ? live.step(frame.last).result : nil
        }
        var writer = JSONWriter()
        writer.beginObject()
        var size: Int = 0
        for ordinal: Int in frame.members where ordinal > 0 {
            guard let result: JSONText = live.step(ordinal).result else { continue }
            size += result.utf8.count
            guard size <= WorkflowLimits.combinedResult else { return nil }
            writer.member(live.step(ordinal).step, result)
        }
        writer.endObject()
        return writer.takeText()
    }

    /// A step has failed that nothing deals with: what is around it fails too.
    private mutating func fail(_ frame: Int, because ordinal: Int, in live: inout LiveExecution) {
        live.update(ordinal) { $0.isCause = true }
        let step: StepRecord = live.step(ordinal)
        let error: String
        if step.kind == .decision, step.status == .completed {
            error = "Step \(step.step): the condition is false, and there is no onFailure"
        } else {
            error = "Step \(step.step): \(step.error ?? step.status.name)"
        }
        let owner: Int = live.frames[frame].owner
        guard owner > 0 else { return stop(&live, as: .failed, error: error) }
        live.update(owner) { $0.error = error }
        let active: [Int] = (live.steps[owner - 1].inner?.frames ?? []).flatMap { live.activeSteps(in: $0) }.sorted()
        let left: Set<Int> = stopSteps(active, in: &live)
        live.steps[owner - 1].inner?.stopping = left
        endIfStopped(owner, in: &live)
    }

    /// The nearest step around a frame that is being stopped.
    private func stoppingOwner(of frame: Int, in live: LiveExecution) -> Int? {
        var next: Int? = frame
        while let current: Int = next {
            let owner: Int = live.frames[current].owner
            guard owner > 0 else { return nil }
            if live.steps[owner - 1].inner?.stopping != nil { return owner }
            next = live.frame(around: current)
        }
        return nil
    }

    /// Ends a step that is being stopped when nothing in it is under way any more.
    private mutating func endIfStopped(_ owner: Int, in live: inout LiveExecution) {
        guard live.steps[owner - 1].inner?.stopping?.isEmpty == true else { return }
        for frame: Int in live.steps[owner - 1].inner?.frames ?? [] { close(frame, in: &live) }
        end(owner, .failed(live.step(owner).error ?? "stopped"), in: &live)
    }

    /// Stops steps that are under way; gives those that end later than now.
    private mutating func stopSteps(_ ordinals: [Int], in live: inout LiveExecution) -> Set<Int> {
        var left: Set<Int> = []
        for ordinal: Int in ordinals {
            let step: StepRecord = live.step(ordinal)
            guard !step.status.isTerminal else { continue }
            if step.status == .running, step.kind == .task, let approval: ApprovalID = step.approval,
                state.flows.approvals[approval]?.status == .pending
            {
                withdraw(approval, in: &live)
                cancelStep(ordinal, in: &live)
            } else if step.status == .running, step.kind == .task, let task: TaskID = step.task {
                left.insert(ordinal)
                do throws(Rejection) {
                    _ = try cancelTask(task, reason: "The workflow stopped", by: .system)
                } catch {
                    // It has ended already: its end is on its way.
                    continue
                }
            } else {
                cancelStep(ordinal, in: &live)
            }
        }
        return left
    }

    /// Ends a step that has nothing under way; nothing follows from it.
    private mutating func cancelStep(_ ordinal: Int, in live: inout LiveExecution) {
        let now: Instant = state.now
        live.update(ordinal) { (record: inout StepRecord) in
            record.status = .cancelled
            record.endedAt = now
            record.isCut = true
        }
        live.steps[ordinal - 1].inner = nil
        emitFlow(.stepCancelled, live, step: live.step(ordinal))
    }

    // MARK: The end

    /// Stops everything under way, and then ends the execution.
    mutating func stop(_ live: inout LiveExecution, as status: ExecutionStatus, error: String?) {
        live.record.phase = .stopping
        live.record.pendingStatus = status
        live.record.error = error
        note(&live)
        var active: [Int] = live.activeSteps(in: LiveExecution.rootFrame)
        active += live.steps.indices.suffix(1).map { $0 + 1 }.filter {
            live.step($0).isCompensation && !live.step($0).status.isTerminal
        }
        _ = stopSteps(active, in: &live)
    }

    /// Everything under way has stopped.
    private mutating func stopped(_ live: inout LiveExecution) {
        guard let status: ExecutionStatus = live.record.pendingStatus, !live.record.status.isTerminal else { return }
        if status == .failed, live.workflow.policy == .compensate, !live.undoable.isEmpty, !live.record.isCompensated {
            live.record.phase = .compensating
            live.record.isCompensated = true
            undoNext(&live)
        } else {
            finish(&live, as: status, result: nil)
        }
    }

    /// Undoes the step that completed last of those that have not been undone.
    private mutating func undoNext(_ live: inout LiveExecution) {
        guard let undone: Int = live.undoable.popLast() else {
            return finish(&live, as: live.record.pendingStatus ?? .failed, result: nil)
        }
        let step: LiveExecution.Step = live.steps[undone - 1]
        live.update(undone) { $0.endOrder = nil }
        let ordinal: Int = makeStep(step.index, frame: step.frame, in: &live)
        live.steps[ordinal - 1].record.isCompensation = true
        live.steps[ordinal - 1].share = 0
        takeTurn(ordinal, in: &live)
    }

    private mutating func finish(_ live: inout LiveExecution, as status: ExecutionStatus, result: JSONText?) {
        guard !live.record.status.isTerminal else { return }
        live.record.status = status
        live.record.phase = .normal
        live.record.pendingStatus = nil
        live.record.endedAt = state.now
        live.record.result = result
        if status == .completed { live.record.progress = 1 }
        note(&live)
        switch status {
        case .completed: emitFlow(.completed, live)
        case .cancelled: emitFlow(.cancelled, live, text: live.record.error)
        default: emitFlow(.failed, live, text: live.record.error)
        }
        if live.record.deadline != nil { abandonTimer() }
        if !state.scheduleRuns.isEmpty { scheduleRunEnded(.execution(live.record.id)) }
        closeAccount(of: live.record.id)
        let part = WorkflowPartID(live.record.workflow, version: live.record.version)
        let uses: Int = (state.flows.uses[part] ?? 1) - 1
        state.flows.uses[part] = uses > 0 ? uses : nil
        retireVersion(part)
    }

    // MARK: What comes from outside

    /// Notes the end of a task, for the step that waits for it.
    mutating func noteEnd(of task: TaskRecord) {
        guard let origin: WorkflowTaskOrigin = task.specification.workflow else { return }
        releaseHoldOfExecution(of: task.id, origin.execution)
        state.flows.taskEnds.append(
            FlowState.TaskEnd(
                origin: origin, task: task.id, status: task.status, error: task.state.error?.message,
                result: task.state.result))
    }

    /// Sees to the ends of tasks that steps wait for.
    mutating func followTaskEnds() {
        while let end: FlowState.TaskEnd = state.flows.taskEnds.popFirst() {
            #if EngineFaults
            if EngineFault.lostStepEnd.isOn { continue }
            #endif
            guard var live: LiveExecution = state.flows.executions.removeValue(forKey: end.origin.execution) else {
                continue
            }
            taskEnded(end, in: &live)
            // A step that failed for want of a budget is not what the execution fails for.
            if end.status == .failed { stopIfExhausted(&live) }
            settle(&live)
            put(live)
        }
    }

    private mutating func taskEnded(_ ended: FlowState.TaskEnd, in live: inout LiveExecution) {
        let ordinal: Int = ended.origin.ordinal
        guard (1...live.steps.count).contains(ordinal) else { return }
        let step: StepRecord = live.step(ordinal)
        guard step.status == .running, step.task == ended.task else { return }
        live.runningTasks -= 1
        switch ended.status {
        case .completed: end(ordinal, .completed(ended.result), in: &live)
        case .failed: end(ordinal, .failed(ended.error ?? "The task failed"), in: &live)
        default:
            end(
                ordinal, StepEnding(status: .cancelled, error: ended.error ?? "The task was cancelled"), in: &live)
        }
    }

    /// An execution has taken too long.
    mutating func executionTimeoutDue(_ id: ExecutionID) {
        guard let deadline: Instant = state.flows.executions[id]?.record.deadline, deadline <= state.now,
            state.flows.executions[id]?.record.phase == .normal,
            var live: LiveExecution = state.flows.executions.removeValue(forKey: id)
        else { return }
        if !live.record.status.isTerminal {
            let limit: String = live.workflow.timeout.map { "\($0.count) ms" } ?? "it may"
            stop(&live, as: .failed, error: "The execution took longer than \(limit)")
            settle(&live)
        }
        put(live)
    }
}

extension CompiledWorkflow.Edge.Condition {
    /// Whether an end is one that the waiting step wants.
    func isMet(by status: ExecutionStatus, isSuccess: Bool) -> Bool {
        switch self {
        case .success: isSuccess
        case .failure: !isSuccess && status != .skipped
        case .always, .route: true
        }
    }
}
