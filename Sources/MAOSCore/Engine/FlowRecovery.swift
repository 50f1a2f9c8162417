/// How an execution is put together again from its stored records.
///
/// Everything that is not stored follows from what is: which steps wait for what, whose turn it is, what loops go over. Elements
/// of a loop are worked out anew, which gives the same, because what they are made of has ended before the loop began.
enum FlowRecovery {
    /// Makes the steps runnable again whose end made an execution fail, and those that failed or were cancelled as it stopped.
    ///
    /// What completed as it stopped stays so, and the execution goes on from its end. A loop or a parallel step that failed although
    /// all in it ended well, such as one whose condition cannot be worked out, begins anew with rounds of its own.
    ///
    /// - Parameter steps: In order of entering, the execution itself first.
    /// - Returns: All steps; `nil` when there is nothing to go on from.
    static func resetForRetry(_ steps: [StepRecord]) -> [StepRecord]? {
        var isReset: [Bool] = Array(repeating: false, count: steps.count)
        var goesOn: [Bool] = Array(repeating: false, count: steps.count)
        var rounds: [Int] = Array(repeating: 0, count: steps.count)
        for (ordinal, step) in steps.enumerated().dropFirst() {
            guard step.scope < ordinal else { return nil }
            rounds[step.scope] = max(rounds[step.scope], step.round + 1)
            guard step.isCut || step.isCause, step.scope == 0 || isReset[step.scope],
                step.round >= steps[step.scope].firstRound
            else { continue }
            goesOn[step.scope] = true
            isReset[ordinal] = step.isCause || (step.status != .completed && step.status != .skipped)
        }
        var reset: [StepRecord] = steps
        for ordinal: Int in steps.indices where isReset[ordinal] {
            reset[ordinal].status = goesOn[ordinal] ? .running : .pending
            reset[ordinal].endedAt = nil
            reset[ordinal].result = nil
            reset[ordinal].error = nil
            reset[ordinal].isCause = false
            reset[ordinal].isCut = false
            guard !goesOn[ordinal] else { continue }
            if rounds[ordinal] > reset[ordinal].firstRound { reset[ordinal].restarts.append(rounds[ordinal]) }
            reset[ordinal].startedAt = nil
            reset[ordinal].task = nil
            reset[ordinal].approval = nil
            reset[ordinal].input = nil
        }
        return goesOn.first == true ? reset : nil
    }
}

extension Engine {
    private struct FrameKey: Hashable {
        var owner: Int
        var round: Int
    }

    /// Puts an execution together; `steps` begin with the execution itself.
    mutating func rebuild(
        _ record: ExecutionRecord, _ steps: [StepRecord], of part: WorkflowPartID
    ) throws(Rejection) -> LiveExecution {
        let damaged = Rejection.conflict(
            reason: "damaged", message: "The stored steps of execution \(record.id) do not fit together")
        guard let root: StepRecord = steps.first, root.kind == .root, let input: JSONValue = root.input?.value() else {
            throw damaged
        }
        var overrides: [WorkflowOverride] = []
        for element: JSONValue in input["overrides"]?.arrayValue ?? [] {
            overrides.append(
                WorkflowOverride(
                    step: element["stepId"]?.stringValue ?? "",
                    configuration: JSONText(element["configuration"] ?? .object([:]))))
        }
        let compiled: CompiledWorkflow = try compiledWorkflow(part, overrides: overrides)
        let given: JSONObject = input["parameters"]?.objectValue ?? [:]
        var live = LiveExecution(
            record: record, workflow: compiled,
            parameters: .object(WorkflowCompiler.merge(given, over: compiled.parameters)), root: root,
            run: ScheduledRun(input))
        live.isRootChanged = false
        var frames: [FrameKey: Int] = [
            FrameKey(owner: 0, round: 0): live.makeFrame(region: 0, owner: 0, round: 0, atOnce: .max)
        ]
        for (place, step) in steps.enumerated().dropFirst() {
            guard step.ordinal == place, step.scope < place, let index: Int = compiled.places[step.step] else {
                throw damaged
            }
            let key = FrameKey(owner: step.scope, round: step.round)
            if frames[key] == nil {
                guard let frame: Int = reopen(key, in: &live) else { throw damaged }
                frames[key] = frame
            }
            guard let frame: Int = frames[key], live.frames[frame].region == compiled.steps[index].region else {
                throw damaged
            }
            let share: Double = step.isCompensation ? 0 : live.share(of: index, in: frame)
            live.steps.append(
                LiveExecution.Step(record: step, index: index, frame: frame, share: share, isChanged: false))
            if !step.isCompensation { live.frames[frame].members[compiled.steps[index].place] = step.ordinal }
            live.resultBytes += step.result?.utf8.count ?? 0
            if !step.status.isTerminal, step.kind == .parallel || step.kind == .loop, step.status == .running {
                guard openInner(of: step.ordinal, in: &live) else { throw damaged }
            }
        }
        for frame: Int in live.frames.indices { count(frame, in: &live) }
        for step: LiveExecution.Step in live.steps { resume(step.record, in: &live) }
        live.undoable = live.steps.map(\.record).filter { $0.endOrder != nil }
            .sorted { ($0.endOrder ?? 0) < ($1.endOrder ?? 0) }.map(\.ordinal)
        live.lastEndOrder = live.undoable.last.flatMap { live.step($0).endOrder } ?? 0
        live.recount { state.tasks[$0]?.record.state.progress }
        for ordinal: Int in stride(from: 1, through: live.steps.count, by: 1) { recountStop(of: ordinal, in: &live) }
        return live
    }

    /// Makes what a parallel step or a loop is about anew.
    private func openInner(of ordinal: Int, in live: inout LiveExecution) -> Bool {
        guard live.steps[ordinal - 1].inner == nil else { return true }
        var inner = LiveExecution.Inner()
        if case .loop(let plan) = live.plan(of: ordinal).kind, plan.items != nil {
            guard case .success(let items) = items(of: plan, ordinal, in: &live) else { return false }
            inner.items = items
        }
        live.steps[ordinal - 1].inner = inner
        return true
    }

    /// Makes the frame anew that a step was entered in; closed again later if nothing in it is under way.
    private func reopen(_ key: FrameKey, in live: inout LiveExecution) -> Int? {
        guard key.owner > 0, key.owner <= live.steps.count, openInner(of: key.owner, in: &live) else { return nil }
        let owner: StepRecord = live.step(key.owner)
        let index: Int = owner.index(ofRound: key.round)
        switch live.plan(of: key.owner).kind {
        case .parallel(let region, let atOnce):
            guard index == 0 else { return nil }
            return live.makeFrame(region: region, owner: key.owner, round: key.round, atOnce: atOnce)
        case .loop(let plan):
            guard index < WorkflowLimits.rounds else { return nil }
            let items: [JSONValue] = live.steps[key.owner - 1].inner?.items ?? []
            let item: JSONValue = index < items.count ? items[index] : .null
            let rounds: Int = live.steps[key.owner - 1].inner?.lastOfRound.count ?? 0
            if rounds <= index, key.round >= owner.firstRound {
                live.steps[key.owner - 1].inner?.lastOfRound += Array(repeating: 0, count: index + 1 - rounds)
                live.steps[key.owner - 1].inner?.nextRound = index + 1
            }
            return live.makeFrame(region: plan.region, owner: key.owner, round: key.round, item: item, atOnce: .max)
        case .task, .decision: return nil
        }
    }

    /// Counts anew what the steps of a frame wait for.
    private func count(_ frame: Int, in live: inout LiveExecution) {
        let region: CompiledWorkflow.Region = live.workflow.regions[live.frames[frame].region]
        let owner: Int = live.frames[frame].owner
        let isOwnerLive: Bool = owner == 0 || !live.step(owner).status.isTerminal
        var isUnderWay = false
        for (place, ordinal) in live.frames[frame].members.enumerated() where ordinal > 0 {
            let step: StepRecord = live.step(ordinal)
            // A retry goes on from the end of what was cut.
            let isLeft: Bool = step.isCut && isOwnerLive
            guard step.status.isTerminal, !isLeft else {
                isUnderWay = true
                if step.status == .running || (isLeft && step.status != .skipped) { live.frames[frame].active += 1 }
                continue
            }
            live.frames[frame].last = max(live.frames[frame].last, ordinal)
            guard region.isGraph else { continue }
            live.frames[frame].open -= 1
            for edge: CompiledWorkflow.Edge in region.successors[place] {
                live.frames[frame].waits[edge.place] -= 1
                if !edge.condition.isMet(by: step.status, isSuccess: live.isSuccess(step)) {
                    live.frames[frame].isBlocked[edge.place] = true
                }
            }
        }
        guard owner > 0, !isUnderWay else { return }
        live.steps[owner - 1].inner?.frames.removeAll { $0 == frame }
        let index: Int = live.frames[frame].round - live.step(owner).firstRound
        if live.step(owner).kind == .loop, index >= 0 {
            live.steps[owner - 1].inner?.lastOfRound[index] = live.frames[frame].last
        }
        if live.workflow.policy != .compensate { live.frames[frame].close() }
    }

    /// Takes up what a step was doing.
    private mutating func resume(_ step: StepRecord, in live: inout LiveExecution) {
        let frame: Int = live.steps[step.ordinal - 1].frame
        if step.status.isTerminal {
            if step.kind == .parallel || step.kind == .loop { live.steps[step.ordinal - 1].inner = nil }
        } else if step.status == .pending {
            if step.isCompensation {
                live.ready.append(step.ordinal)
            } else if live.frames[frame].active < live.frames[frame].atOnce {
                live.frames[frame].active += 1
                live.ready.append(step.ordinal)
            } else {
                live.frames[frame].queue.append(step.ordinal)
            }
        } else if step.kind == .task {
            if let approval: ApprovalID = step.approval, state.flows.approvals[approval]?.status == .pending {
                live.openApprovals += 1
                return
            }
            live.runningTasks += 1
            guard let task: TaskID = step.task, state.tasks[task] == nil else { return }
            let origin = WorkflowTaskOrigin(
                workflow: live.record.workflow, execution: step.execution, step: step.step, ordinal: step.ordinal)
            state.flows.taskEnds.append(
                FlowState.TaskEnd(origin: origin, task: task, status: .failed, error: "The task is kept no more"))
        }
    }

    /// Counts what a step still stops that was being stopped.
    private func recountStop(of ordinal: Int, in live: inout LiveExecution) {
        let step: StepRecord = live.step(ordinal)
        guard live.steps[ordinal - 1].inner != nil, step.error != nil, live.record.phase == .normal else { return }
        let active: [Int] = (live.steps[ordinal - 1].inner?.frames ?? []).flatMap { live.activeSteps(in: $0) }
        let left = Set(active.filter { live.step($0).kind == .task })
        live.steps[ordinal - 1].inner?.stopping = left
    }
}
