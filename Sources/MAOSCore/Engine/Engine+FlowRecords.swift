/// How the records of workflows come in and go out.
extension Engine {
    /// The stored records that a command refers to and the engine does not hold.
    func missingRecords(for command: WorkflowCommand) -> [StoredReference] {
        switch command {
        case .create: return []
        case .put(let id, _), .delete(let id):
            return state.flows.workflows[id] == nil ? [.entity(.workflow, id: id.rawValue)] : []
        case .execute: return []
        case .pause(let id), .resume(let id), .cancel(let id, _):
            guard state.flows.executions[id] == nil, state.flows.recalled[id] == nil else { return [] }
            return [.entity(.execution, id: id.rawValue)]
        case .retry(let id, _):
            let record: ExecutionRecord
            if let live: LiveExecution = state.flows.executions[id] {
                record = live.record
            } else if let recalled: ExecutionRecord = state.flows.recalled[id] {
                record = recalled
            } else {
                return [.entity(.execution, id: id.rawValue)]
            }
            var missing: [StoredReference] = []
            if state.flows.executions[id] == nil, state.flows.recalledSteps[id] == nil {
                missing.append(.children(.step, of: id.rawValue))
            }
            let part = WorkflowPartID(record.workflow, version: record.version)
            if state.flows.versions[part] == nil { missing.append(.entity(.workflowVersion, id: part.rawValue)) }
            return missing
        case .answer(let id, _, _):
            return state.flows.approvals[id] == nil ? [.entity(.approval, id: id.rawValue)] : []
        }
    }

    /// Makes a stored record known for the rest of the batch; false when it is of no kind of workflows.
    mutating func recallFlow(_ row: EntityRow) throws(RecordCodingError) -> Bool {
        switch row.kind {
        case .workflow: state.flows.workflows.recall(try WorkflowRecord(row))
        case .workflowVersion: state.flows.versions.recall(try WorkflowVersionRecord(row))
        case .approval: state.flows.approvals.recall(try ApprovalRecord(row))
        case .execution:
            let record = try ExecutionRecord(row)
            if state.flows.executions[record.id] == nil { state.flows.recalled[record.id] = record }
        case .step:
            let step = try StepRecord(row)
            state.flows.recalledSteps[step.execution, default: []].append(step)
        default: return false
        }
        return true
    }

    /// Takes over what is stored about workflows; after the tasks.
    mutating func loadFlows(_ recovered: RecoveredState) throws(RecordCodingError) {
        var workflows: [WorkflowRecord] = []
        var versions: [WorkflowVersionRecord] = []
        var approvals: [ApprovalRecord] = []
        var executions: [ExecutionRecord] = []
        var steps: [ExecutionID: [StepRecord]] = [:]
        for row: EntityRow in recovered.entities {
            switch row.kind {
            case .workflow: workflows.append(try WorkflowRecord(row))
            case .workflowVersion: versions.append(try WorkflowVersionRecord(row))
            case .approval where row.endedAt == nil: approvals.append(try ApprovalRecord(row))
            case .execution where row.endedAt == nil: executions.append(try ExecutionRecord(row))
            case .step:
                let step = try StepRecord(row)
                steps[step.execution, default: []].append(step)
            default: break
            }
        }
        let numbers: [EntityKind: UInt64] = recovered.lastEntityNumbers
        state.flows.workflows.load(workflows.filter { $0.endedAt == nil }, lastNumber: numbers[.workflow] ?? 0)
        state.flows.versions.load(versions.filter { $0.endedAt == nil }, lastNumber: numbers[.workflowVersion] ?? 0)
        state.flows.approvals.load(approvals, lastNumber: numbers[.approval] ?? 0)
        state.flows.lastExecutionNumber = numbers[.execution] ?? 0
        state.flows.lastStepNumber = numbers[.step] ?? 0
        for approval: ApprovalRecord in approvals {
            if let due: Instant = approval.timeoutAt { state.timers.set(.approvalTimeout(approval.id), at: due) }
        }
        for record: ExecutionRecord in executions {
            let own: [StepRecord] = (steps[record.id] ?? []).sorted { $0.ordinal < $1.ordinal }
            let part = WorkflowPartID(record.workflow, version: record.version)
            do throws(Rejection) {
                state.flows.executions[record.id] = try rebuild(record, own, of: part)
            } catch {
                throw .damaged(.malformed(offset: 0))
            }
            state.flows.uses[part, default: 0] += 1
            if let deadline: Instant = record.deadline { state.timers.set(.executionTimeout(record.id), at: deadline) }
        }
        loadExecutionAccounts(executions)
    }

    /// Lets executions go on that a restart may have found ready to.
    mutating func recoverFlows() {
        let ids: [ExecutionID] = state.flows.executions.values.map(\.record).sorted { $0.number < $1.number }.map(\.id)
        for id: ExecutionID in ids {
            guard var live: LiveExecution = state.flows.executions.removeValue(forKey: id) else { continue }
            settle(&live)
            // What an earlier version stored may have left out tasks that run.
            if live.progress.wholePercent != live.record.progress.wholePercent, !live.record.status.isTerminal {
                tellProgress(of: &live)
            }
            put(live)
        }
    }

    /// What the batch did to the records of workflows, once each; lets go of what has ended.
    mutating func takeFlowRows(into rows: inout [EntityRow]) {
        state.flows.workflows.takeRows(into: &rows)
        state.flows.versions.takeRows(into: &rows)
        for id: ExecutionID in state.flows.changed {
            guard var live: LiveExecution = state.flows.executions.removeValue(forKey: id) else { continue }
            rows.append(live.record.row)
            if live.isRootChanged {
                rows.append(live.root.row)
                live.isRootChanged = false
            }
            for ordinal: Int in live.changedSteps {
                rows.append(live.step(ordinal).row)
                live.steps[ordinal - 1].isChanged = false
            }
            live.changedSteps.removeAll(keepingCapacity: true)
            live.isNoted = false
            if !live.record.status.isTerminal { state.flows.executions[id] = live }
        }
        state.flows.changed.removeAll(keepingCapacity: true)
        state.flows.approvals.takeRows(into: &rows)
        state.flows.recalled.removeAll(keepingCapacity: true)
        state.flows.recalledSteps.removeAll(keepingCapacity: true)
    }
}
