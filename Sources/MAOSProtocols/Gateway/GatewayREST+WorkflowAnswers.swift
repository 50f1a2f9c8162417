internal import MAOSCore

/// What follows when an action about workflows has been carried out.
extension GatewayREST {
    // MARK: Commands

    func complete(_ pending: GatewayPending, with workflow: WorkflowRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        guard case .workflow(let purpose) = pending.purpose else { return fail(.internalError, context, now) }
        switch purpose {
        case .deleteWorkflow:
            return respond(.ok, context, now) { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("workflowId", workflow.id.rawValue)
                writer.member("deleted", true)
                writer.endObject()
            }
        case .head(let status):
            return respond(status, context, now) { (writer: inout JSONWriter) in
                writer.beginObject()
                GatewayProjection.writeMembers(of: workflow, to: &writer)
                writer.endObject()
            }
        default: return fail(.internalError, context, now)
        }
    }

    func complete(_ pending: GatewayPending, with execution: ExecutionSnapshot, _ now: Instant) -> GatewayAction {
        guard case .workflow(.showExecution(var status, _)) = pending.purpose else {
            return fail(.internalError, pending.context, now)
        }
        // A stop that has been asked for and is not over yet.
        if execution.record.pendingStatus == .cancelled, status == .ok { status = .accepted }
        return showSteps(of: execution.record, status, pending.context)
    }

    func complete(_ pending: GatewayPending, with approval: ApprovalRecord, _ now: Instant) -> GatewayAction {
        respond(.ok, pending.context, now) { GatewayProjection.write(approval, to: &$0) }
    }

    // MARK: Reads

    func completeWorkflow(
        _ pending: GatewayPending, _ purpose: GatewayWorkflowPurpose, with result: StoreReadResult, _ now: Instant
    ) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch (purpose, result) {
        case (.showWorkflow, .entity(let row)):
            guard let workflow: WorkflowRecord = reachable(row, context) else {
                return missing("workflow", pending, now)
            }
            let version = WorkflowPartID(workflow.id, version: workflow.version)
            return .read(
                .entity(.workflowVersion, id: version.rawValue),
                self.pending(.workflow(.showDefinition(workflow)), pending.id, context))
        case (.showDefinition(let workflow), .entity(let row)):
            guard let version: WorkflowVersionRecord = record(row) else { return missing("workflow", pending, now) }
            return respond(.ok, context, now, capacity: 1_024 + version.definition.document.utf8.count) {
                GatewayProjection.write(workflow, version.definition, to: &$0)
            }
        case (.listIfExists(let query, let page, let limit), .entity(let row)):
            guard let _: WorkflowRecord = reachable(row, context) else { return missing("workflow", pending, now) }
            return .read(
                .entities(query), self.pending(.workflow(.listExecutions(page: page, limit: limit)), "", context))
        case (.showExecution(let status, let workflow), .entity(let row)):
            guard let execution: ExecutionRecord = reachable(row, context),
                workflow == nil || workflow == execution.workflow
            else { return missing("execution", pending, now) }
            return showSteps(of: execution, status, context)
        case (.check(let workflow, let command), .entity(let row)):
            guard let execution: ExecutionRecord = reachable(row, context), workflow == execution.workflow else {
                return missing("execution", pending, now)
            }
            return .submit(
                .workflow(command),
                self.pending(.workflow(.showExecution(.ok, of: nil)), pending.id, context))
        case (.showSteps(let status, let execution), .entities(let found)):
            let steps: [StepRecord] = found.rows.compactMap { record($0) }
            let version = WorkflowPartID(execution.workflow, version: execution.version)
            return .read(
                .entity(.workflowVersion, id: version.rawValue),
                self.pending(.workflow(.showWhole(status, execution, steps)), pending.id, context))
        case (.showWhole(let status, let execution, let steps), .entity(let row)):
            let version: WorkflowVersionRecord? = record(row)
            let underWay: Usage = usageUnderWay(steps, at: now)
            return respond(status, context, now, capacity: 1_024 + steps.count * 256) {
                GatewayProjection.write(execution, steps, version?.definition, underWay: underWay, to: &$0)
            }
        case (.approval, .entity(let row)):
            guard let approval: ApprovalRecord = reachable(row, context) else {
                return missing("approval", pending, now)
            }
            return respond(.ok, context, now) { GatewayProjection.write(approval, to: &$0) }
        case (.refuseUnlessMissing(let failure, let kind), .entity(let row)):
            guard let row, context.principal.reaches(project: row.project) else {
                return missing("\(kind)", pending, now)
            }
            return fail(failure, context, now)
        case (_, .entities(let found)): return respondList(found, purpose, context, now)
        default: return fail(.internalError, context, now)
        }
    }

    /// What the attempts under way have used so far.
    private func usageUnderWay(_ steps: [StepRecord], at now: Instant) -> Usage {
        var used = Usage()
        for step: StepRecord in steps where step.status == .running {
            guard let task: TaskState = step.task.flatMap({ view.task($0) })?.state else { continue }
            used = used + task.usageUnderWay(at: now)
        }
        return used
    }

    private func missing(_ kind: String, _ pending: GatewayPending, _ now: Instant) -> GatewayAction {
        fail(.notFound(kind, id: pending.id), pending.context, now)
    }

    /// The record in a row, if it is in the principal's reach.
    private func reachable<Record: StoredEntity>(_ row: EntityRow?, _ context: GatewayContext) -> Record? {
        guard let row, context.principal.reaches(project: row.project) else { return nil }
        return record(row)
    }

    private func showSteps(
        of execution: ExecutionRecord, _ status: HTTPStatus, _ context: GatewayContext
    ) -> GatewayAction {
        var query = EntityQuery(.step)
        query.parent = execution.id.rawValue
        query.isOldestFirst = true
        query.limit = WorkflowLimits.enteredSteps + 1
        return .read(
            .entities(query), pending(.workflow(.showSteps(status, execution)), execution.id.rawValue, context))
    }

    private func respondList(
        _ found: EntityPage, _ purpose: GatewayWorkflowPurpose, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let name: String
        let bounds: (page: Int, limit: Int)
        switch purpose {
        case .listWorkflows(let page, let limit): (name, bounds) = ("workflows", (page, limit))
        case .listExecutions(let page, let limit): (name, bounds) = ("executions", (page, limit))
        case .listApprovals(let page, let limit): (name, bounds) = ("approvals", (page, limit))
        default: return fail(.internalError, context, now)
        }
        let pagination = GatewayEnvelope.Pagination(
            page: bounds.page, pageSize: bounds.limit, totalItems: found.total)
        return respond(.ok, context, now, capacity: 512 + found.rows.count * 384, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray(name)
            for row: EntityRow in found.rows { write(row, to: &writer) }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    private func write(_ row: EntityRow, to writer: inout JSONWriter) {
        switch row.kind {
        case .workflow:
            guard let workflow: WorkflowRecord = record(row) else { return }
            writer.beginObject()
            GatewayProjection.writeMembers(of: workflow, to: &writer)
            writer.endObject()
        case .execution:
            guard let execution: ExecutionRecord = record(row) else { return }
            writer.beginObject()
            GatewayProjection.writeMembers(of: execution, to: &writer)
            writer.endObject()
        default:
            guard let approval: ApprovalRecord = record(row) else { return }
            GatewayProjection.write(approval, to: &writer)
        }
    }
}
