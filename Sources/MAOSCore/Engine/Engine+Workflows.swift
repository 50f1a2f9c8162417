/// What clients may ask of workflows and their executions.
extension Engine {
    mutating func apply(_ command: WorkflowCommand, by principal: Principal) throws(Rejection) -> Reply {
        switch command {
        case .create(let definition):
            return .workflow(try createWorkflow(definition, id: nil, by: principal))
        case .put(let id, let definition): return .workflow(try putWorkflow(id, definition, by: principal))
        case .delete(let id): return .workflow(try deleteWorkflow(id, by: principal))
        case .execute(let id, let parameters, let overrides, let budget):
            return .execution(
                try execute(id, parameters: parameters, overrides: overrides, budget: budget, by: principal))
        case .pause(let id): return .execution(try pauseExecution(id, by: principal))
        case .resume(let id): return .execution(try resumeExecution(id, by: principal))
        case .cancel(let id, let reason): return .execution(try cancelExecution(id, reason: reason, by: principal))
        case .retry(let id, let budget): return .execution(try retryExecution(id, budget: budget, by: principal))
        case .answer(let id, let isApproved, let comment):
            return .approval(try answerApproval(id, isApproved: isApproved, comment: comment, by: principal))
        }
    }

    // MARK: Definitions

    private mutating func createWorkflow(
        _ wanted: WorkflowDefinition, id: WorkflowID?, by principal: Principal
    ) throws(Rejection) -> WorkflowRecord {
        try principal.require(.workflowsCreate)
        try requireWholeReach(principal, for: .workflowsCreate)
        let (definition, compiled) = try checked(wanted, by: principal)
        let limit: Int = configuration.limits.workflows
        guard state.flows.workflows.liveCount < limit else { throw .limitReached("workflows", limit: limit) }
        let id: WorkflowID = id ?? WorkflowID(unchecked: makeIdentifier())
        let record = WorkflowRecord(
            id: id, number: state.flows.workflows.makeNumber(), version: 1, name: definition.name,
            description: definition.description, project: definition.project, owner: principal.subject,
            stepCount: compiled.steps.count, createdAt: state.now, updatedAt: state.now)
        state.flows.workflows.insert(record)
        keep(definition, compiled, of: id, version: 1)
        return record
    }

    private mutating func putWorkflow(
        _ id: WorkflowID, _ wanted: WorkflowDefinition, by principal: Principal
    ) throws(Rejection) -> WorkflowRecord {
        try principal.require(.workflowsCreate)
        try requireWholeReach(principal, for: .workflowsCreate)
        guard let known: WorkflowRecord = state.flows.workflows[id] else {
            return try createWorkflow(wanted, id: id, by: principal)
        }
        guard principal.reaches(project: known.project) else { throw .notFound(.workflow, id: id.rawValue) }
        let (definition, compiled) = try checked(wanted, by: principal)
        let limit: Int = configuration.limits.workflows
        guard known.endedAt == nil || state.flows.workflows.liveCount < limit else {
            throw .limitReached("workflows", limit: limit)
        }
        let current = WorkflowPartID(id, version: known.version)
        if known.endedAt == nil, state.flows.versions[current]?.definition == definition { return known }
        let version: Int = known.version + 1
        state.flows.workflows.update(id) { (record: inout WorkflowRecord) in
            record.version = version
            record.name = definition.name
            record.description = definition.description
            record.stepCount = compiled.steps.count
            record.updatedAt = state.now
            record.endedAt = nil
        }
        keep(definition, compiled, of: id, version: version)
        retireVersion(current)
        return state.flows.workflows[id] ?? known
    }

    private mutating func deleteWorkflow(_ id: WorkflowID, by principal: Principal) throws(Rejection) -> WorkflowRecord
    {
        try principal.require(.workflowsCreate)
        try requireWholeReach(principal, for: .workflowsCreate)
        var record: WorkflowRecord = try workflow(id, by: principal)
        record.endedAt = state.now
        let now: Instant = state.now
        state.flows.workflows.update(id) { $0.endedAt = now }
        retireVersion(WorkflowPartID(id, version: record.version))
        return record
    }

    /// A definition that can be carried out, in a project that the principal may use.
    private func checked(
        _ wanted: WorkflowDefinition, by principal: Principal
    ) throws(Rejection) -> (WorkflowDefinition, CompiledWorkflow) {
        let (compiled, issues) = WorkflowCompiler.compile(wanted, isNew: true)
        guard let compiled else {
            throw Rejection(issues: issues) ?? refusal("steps", "", expected: "a workflow")
        }
        var definition: WorkflowDefinition = wanted
        if definition.project == nil, principal.projects.count == 1 { definition.project = principal.projects[0] }
        guard principal.reaches(project: definition.project) else {
            throw .invalid(
                Rejection.Issue(
                    field: "project", value: definition.project ?? "", expected: "a project that you may use"))
        }
        return (definition, compiled)
    }

    private mutating func keep(
        _ definition: WorkflowDefinition, _ compiled: CompiledWorkflow, of id: WorkflowID, version: Int
    ) {
        remember(compiled, of: WorkflowPartID(id, version: version))
        state.flows.versions.insert(
            WorkflowVersionRecord(
                id: WorkflowPartID(id, version: version), number: state.flows.versions.makeNumber(), workflow: id,
                version: version, definition: definition, createdAt: state.now))
    }

    /// Lets go of a version that is the newest no more, once no execution uses it.
    mutating func retireVersion(_ id: WorkflowPartID) {
        guard state.flows.uses[id] == nil, let version: WorkflowVersionRecord = state.flows.versions[id] else {
            return
        }
        let head: WorkflowRecord? = state.flows.workflows[version.workflow]
        guard head == nil || head?.endedAt != nil || head?.version != version.version else { return }
        let now: Instant = state.now
        state.flows.versions.update(id) { $0.endedAt = now }
        state.flows.compiled[id] = nil
    }

    /// A workflow in the principal's reach that has not been deleted.
    private func workflow(_ id: WorkflowID, by principal: Principal) throws(Rejection) -> WorkflowRecord {
        guard let record: WorkflowRecord = state.flows.workflows[id], record.endedAt == nil,
            principal.reaches(project: record.project)
        else { throw .notFound(.workflow, id: id.rawValue) }
        return record
    }

    /// A new identifier.
    mutating func makeIdentifier() -> String { IdentifierMaker.make(at: state.now, random: &random).text }

    // MARK: Executions

    mutating func execute(
        _ id: WorkflowID, parameters: JSONText, overrides: [WorkflowOverride], budget: Budget = Budget(),
        for run: ScheduledRun? = nil,
        by principal: Principal
    ) throws(Rejection) -> ExecutionSnapshot {
        try principal.require(.workflowsExecute)
        try requireWholeReach(principal, for: .workflowsExecute)
        try validate(budget)
        let head: WorkflowRecord = try workflow(id, by: principal)
        let limit: Int = configuration.limits.executions
        guard state.flows.executions.count < limit else { throw .limitReached("executions", limit: limit) }
        guard case .object(let given) = parameters.value() else {
            throw .invalid(
                Rejection.Issue(
                    field: "parameters", value: String(parameters.description.prefix(100)), expected: "an object"))
        }
        let part = WorkflowPartID(id, version: head.version)
        let compiled: CompiledWorkflow = try compiledWorkflow(part, overrides: overrides)
        state.flows.lastExecutionNumber += 1
        var record = ExecutionRecord(
            id: ExecutionID(unchecked: makeIdentifier()), number: state.flows.lastExecutionNumber, workflow: id,
            version: head.version, name: head.name, project: head.project, principal: principal, status: .running,
            createdAt: state.now, updatedAt: state.now, deadline: compiled.timeout.map { state.now + $0 })
        record.budget = budget.over(compiled.budget)
        var live = LiveExecution(
            record: record, workflow: compiled,
            parameters: .object(WorkflowCompiler.merge(given, over: compiled.parameters)),
            root: rootStep(of: record, parameters: parameters, overrides: overrides, for: run), run: run)
        state.flows.uses[part, default: 0] += 1
        if let deadline: Instant = record.deadline { state.timers.set(.executionTimeout(record.id), at: deadline) }
        openAccount(of: record)
        emitFlow(.started, live, subject: principal.subject)
        let frame: Int = live.makeFrame(region: 0, owner: 0, round: 0, atOnce: .max)
        enterEntries(of: frame, in: &live)
        settle(&live)
        put(live)
        return state.flows.executions[record.id]?.snapshot ?? live.snapshot
    }

    /// Checks that an execution could be begun; gives the project it would belong to.
    mutating func checkExecution(
        of wanted: ScheduledExecution, by principal: Principal
    ) throws(Rejection) -> String? {
        let head: WorkflowRecord
        do throws(Rejection) {
            head = try workflow(wanted.workflow, by: principal)
        } catch {
            throw refusal("execution.workflowId", wanted.workflow.rawValue, expected: "the id of a workflow")
        }
        do throws(Rejection) {
            _ = try compiledWorkflow(WorkflowPartID(head.id, version: head.version), overrides: wanted.overrides)
        } catch .invalid(let issue) {
            throw .invalid(issue.within("execution"))
        }
        return head.project
    }

    private mutating func rootStep(
        of record: ExecutionRecord, parameters: JSONText, overrides: [WorkflowOverride], for run: ScheduledRun?
    ) -> StepRecord {
        var input = JSONWriter()
        input.beginObject()
        input.member("parameters", parameters)
        input.beginArray("overrides")
        for override: WorkflowOverride in overrides {
            input.beginObject()
            input.member("stepId", override.step)
            input.member("configuration", override.configuration)
            input.endObject()
        }
        input.endArray()
        if let run {
            input.beginObject("schedule")
            input.member("scheduleId", run.schedule.rawValue)
            input.member("scheduledFor", timestamp: run.time.milliseconds)
            input.endObject()
        }
        input.endObject()
        state.flows.lastStepNumber += 1
        var step = StepRecord(
            execution: record.id, number: state.flows.lastStepNumber, ordinal: 0, step: "", kind: .root, scope: 0,
            round: 0, status: .running, createdAt: state.now)
        step.input = input.takeText()
        return step
    }

    /// A version in the form in which it is carried out, with what one execution changes.
    func compiledVersion(
        _ version: WorkflowVersionRecord, overrides: [WorkflowOverride]
    ) throws(Rejection) -> CompiledWorkflow {
        let definition: WorkflowDefinition = try version.definition.applying(overrides)
        let (compiled, issues) = WorkflowCompiler.compile(definition)
        guard let compiled else {
            throw Rejection(issues: issues.map { definition.issue($0, in: overrides) })
                ?? refusal("overrides", "", expected: "a workflow")
        }
        return compiled
    }

    mutating func compiledWorkflow(
        _ part: WorkflowPartID, overrides: [WorkflowOverride]
    ) throws(Rejection) -> CompiledWorkflow {
        if overrides.isEmpty, let known: CompiledWorkflow = state.flows.compiled[part] { return known }
        guard let version: WorkflowVersionRecord = state.flows.versions[part] else {
            throw .conflict(
                reason: "version_gone", message: "The version of the workflow that the execution used is kept no more")
        }
        let compiled: CompiledWorkflow = try compiledVersion(version, overrides: overrides)
        if overrides.isEmpty { remember(compiled, of: part) }
        return compiled
    }

    /// Keeps a version at hand in the form in which it is carried out; those that nothing uses make room.
    private mutating func remember(_ compiled: CompiledWorkflow, of part: WorkflowPartID) {
        if state.flows.compiled.count >= 256 {
            let uses: [WorkflowPartID: Int] = state.flows.uses
            state.flows.compiled = state.flows.compiled.filter { uses[$0.key] != nil }
        }
        state.flows.compiled[part] = compiled
    }

    // MARK: Control

    /// An execution that has not ended, taken out so that it can be changed; it is to be put back.
    private mutating func takeExecution(
        _ id: ExecutionID, for permission: Permissions, by principal: Principal
    ) throws(Rejection) -> LiveExecution {
        try principal.require(permission)
        try requireWholeReach(principal, for: permission)
        guard let live: LiveExecution = state.flows.executions[id],
            principal.reaches(project: live.record.project)
        else {
            guard let ended: ExecutionRecord = state.flows.recalled[id], principal.reaches(project: ended.project)
            else { throw .notFound(.execution, id: id.rawValue) }
            throw alreadyEnded(ended)
        }
        guard !live.record.status.isTerminal else { throw alreadyEnded(live.record) }
        state.flows.executions[id] = nil
        return live
    }

    private func alreadyEnded(_ execution: ExecutionRecord) -> Rejection {
        .conflict(
            reason: execution.status.name,
            message: "Execution \(execution.id) has already ended: \(execution.status.name)")
    }

    private mutating func pauseExecution(
        _ id: ExecutionID, by principal: Principal
    ) throws(Rejection) -> ExecutionSnapshot {
        var live: LiveExecution = try takeExecution(id, for: .workflowsExecute, by: principal)
        defer { put(live) }
        if live.record.status == .paused { return live.snapshot }
        guard live.record.phase == .normal else {
            throw .conflict(reason: "stopping", message: "Execution \(id) is being stopped")
        }
        live.record.status = .paused
        note(&live)
        emitFlow(.paused, live, subject: principal.subject)
        return live.snapshot
    }

    private mutating func resumeExecution(
        _ id: ExecutionID, by principal: Principal
    ) throws(Rejection) -> ExecutionSnapshot {
        var live: LiveExecution = try takeExecution(id, for: .workflowsExecute, by: principal)
        guard live.record.status == .paused else {
            put(live)
            throw .conflict(
                reason: "not_paused", message: "Execution \(id) is \(live.record.status.name), not paused")
        }
        live.record.status = .running
        note(&live)
        emitFlow(.resumed, live, subject: principal.subject)
        startReady(&live)
        settle(&live)
        put(live)
        return live.snapshot
    }

    mutating func cancelExecution(
        _ id: ExecutionID, reason: String?, by principal: Principal
    ) throws(Rejection) -> ExecutionSnapshot {
        if let ended: ExecutionRecord = state.flows.recalled[id], ended.status == .cancelled,
            state.flows.executions[id] == nil
        {
            try principal.require(.workflowsCancel)
            try requireWholeReach(principal, for: .workflowsCancel)
            guard principal.reaches(project: ended.project) else { throw .notFound(.execution, id: id.rawValue) }
            return ExecutionSnapshot(record: ended, steps: [])
        }
        var live: LiveExecution = try takeExecution(id, for: .workflowsCancel, by: principal)
        defer { put(live) }
        if live.record.phase == .stopping, live.record.pendingStatus == .cancelled { return live.snapshot }
        stop(&live, as: .cancelled, error: reason)
        settle(&live)
        return live.snapshot
    }

    private mutating func retryExecution(
        _ id: ExecutionID, budget: Budget, by principal: Principal
    ) throws(Rejection) -> ExecutionSnapshot {
        try principal.require(.workflowsExecute)
        try requireWholeReach(principal, for: .workflowsExecute)
        try validate(budget)
        let known: ExecutionSnapshot
        if let live: LiveExecution = state.flows.executions[id] {
            guard principal.reaches(project: live.record.project) else {
                throw .notFound(.execution, id: id.rawValue)
            }
            guard live.record.status.isTerminal else {
                throw .conflict(
                    reason: "not_ended",
                    message: "Execution \(id) is \(live.record.status.name); only a failed or cancelled one is retried")
            }
            known = ExecutionSnapshot(record: live.record, steps: [live.root] + live.steps.map(\.record))
        } else {
            guard let record: ExecutionRecord = state.flows.recalled[id], principal.reaches(project: record.project)
            else { throw .notFound(.execution, id: id.rawValue) }
            known = ExecutionSnapshot(record: record, steps: state.flows.recalledSteps[id] ?? [])
        }
        guard known.record.status != .completed else {
            throw .conflict(reason: "completed", message: "Execution \(id) has completed")
        }
        guard !known.record.isCompensated else {
            throw .conflict(
                reason: "compensated", message: "What execution \(id) did has been undone; execute the workflow again")
        }
        let limit: Int = configuration.limits.executions
        guard state.flows.executions[id] != nil || state.flows.executions.count < limit else {
            throw .limitReached("executions", limit: limit)
        }
        let part = WorkflowPartID(known.record.workflow, version: known.record.version)
        guard let reset: [StepRecord] = FlowRecovery.resetForRetry(known.steps) else {
            throw .conflict(reason: "nothing_to_retry", message: "No step of execution \(id) failed or was cancelled")
        }
        var record: ExecutionRecord = known.record
        record.status = .running
        record.phase = .normal
        record.pendingStatus = nil
        record.error = nil
        record.reachedCeiling = nil
        record.endedAt = nil
        record.attempt += 1
        record.budget = budget.over(record.budget)
        if let text: String = usedUpCeiling(of: record) {
            throw .conflict(
                reason: "budget_exhausted", message: "Execution \(id) cannot be tried again: \(text)")
        }
        var live: LiveExecution = try rebuild(record, reset, of: part)
        live.record.progress = live.progress
        live.record.deadline = live.workflow.timeout.map { state.now + $0 }
        if let ended: LiveExecution = state.flows.executions[id] {
            // It ended in this very batch, which stores what it has done.
            live.isNoted = ended.isNoted
            live.isRootChanged = ended.isRootChanged
            for ordinal: Int in ended.changedSteps { live.noteChange(of: ordinal) }
        }
        for (index, step) in live.steps.enumerated() {
            if step.record != known.steps[index + 1] { live.noteChange(of: index + 1) }
            let isLeft: Bool = step.record.isCut && step.record.status.isTerminal
            let scope: Int = step.record.scope
            if isLeft, scope == 0 || !live.step(scope).status.isTerminal { live.ended.append(index + 1) }
        }
        note(&live)
        let now: Instant = state.now
        if state.flows.versions[part]?.endedAt != nil { state.flows.versions.update(part) { $0.endedAt = nil } }
        state.flows.uses[part, default: 0] += 1
        if let deadline: Instant = live.record.deadline, deadline > now {
            state.timers.set(.executionTimeout(id), at: deadline)
        }
        state.flows.recalled[id] = nil
        openAccount(of: live.record)
        emitFlow(.retried, live, subject: principal.subject)
        startReady(&live)
        settle(&live)
        put(live)
        return state.flows.executions[id]?.snapshot ?? live.snapshot
    }

    // MARK: Keeping

    /// Puts an execution back that was taken out.
    mutating func put(_ live: LiveExecution) {
        var live: LiveExecution = live
        if !live.changedSteps.isEmpty { note(&live) }
        state.flows.executions[live.record.id] = live
    }

    /// Notes that an execution changed; it is stored with the batch.
    mutating func note(_ live: inout LiveExecution) {
        live.record.updatedAt = state.now
        guard !live.isNoted else { return }
        live.isNoted = true
        state.flows.changed.append(live.record.id)
    }

    mutating func emitFlow(
        _ kind: WorkflowEvent.Kind, _ live: LiveExecution, step: StepRecord? = nil, text: String? = nil,
        subject: String? = nil, isApproved: Bool? = nil
    ) {
        let record: ExecutionRecord = live.record
        emit(
            .workflow(
                WorkflowEvent(
                    kind: kind, workflow: record.workflow, execution: record.id, name: record.name,
                    project: record.project, status: record.status, progress: record.progress,
                    step: step.map {
                        WorkflowEvent.Step(
                            id: $0.step, ordinal: $0.ordinal, scope: $0.scope, round: $0.round, attempt: $0.attempt,
                            task: $0.task, approval: $0.approval)
                    }, text: text, subject: subject, isApproved: isApproved)))
    }
}
