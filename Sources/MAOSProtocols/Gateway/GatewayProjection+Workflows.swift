internal import MAOSCore

/// What clients see of workflows, their executions and their questions.
extension GatewayProjection {
    static func writeMembers(of workflow: WorkflowRecord, to writer: inout JSONWriter) {
        writer.member("id", workflow.id.rawValue)
        writer.member("workflowId", workflow.id.rawValue)
        writer.member("name", workflow.name)
        writer.memberIfPresent("description", workflow.description)
        writer.member("status", workflow.endedAt == nil ? "active" : "archived")
        writer.member("version", workflow.version)
        writer.member("stepCount", workflow.stepCount)
        writer.memberIfPresent("project", workflow.project)
        writer.member("owner", workflow.owner)
        writer.member("createdAt", timestamp: workflow.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: workflow.updatedAt.milliseconds)
    }

    /// Writes a workflow with what it does.
    static func write(_ workflow: WorkflowRecord, _ definition: WorkflowDefinition, to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(of: workflow, to: &writer)
        if case .object(let document) = definition.document.value() {
            for member: JSONObject.Member in document.members { writer.member(member.key, member.value) }
        }
        writer.endObject()
    }

    /// - Parameters:
    ///   - execution: The execution.
    ///   - underWay: What attempts under way have used, where that is known.
    ///   - writer: Where to write.
    static func writeMembers(
        of execution: ExecutionRecord, underWay: Usage = Usage(), to writer: inout JSONWriter
    ) {
        writer.member("id", execution.id.rawValue)
        writer.member("executionId", execution.id.rawValue)
        writer.member("workflowId", execution.workflow.rawValue)
        writer.member("name", execution.name)
        writer.member("version", execution.version)
        writer.member("status", execution.status.name)
        writer.member("currentStep", execution.currentStep)
        writer.member("progress", shown(execution.progress))
        writer.member("attempt", execution.attempt)
        writer.memberIfPresent("project", execution.project)
        writer.member("owner", execution.principal.subject)
        if execution.phase == .compensating { writer.member("compensating", true) }
        if execution.pendingStatus == .cancelled { writer.member("cancelRequested", true) }
        writer.member("startTime", timestamp: execution.createdAt.milliseconds)
        writer.memberIfPresent("endTime", timestamp: execution.endedAt?.milliseconds)
        writer.memberIfPresent("result", execution.result)
        writer.memberIfPresent("error", execution.error)
        if execution.reachedCeiling != nil { writer.member("errorCode", "EXECUTION_BUDGET_EXCEEDED") }
        writeBudget(of: execution, spent: execution.spent + underWay, to: &writer)
    }

    /// The progress of an execution in steps of a millionth; versions of the server that summed it up in binary stored more.
    static func shown(_ progress: Double) -> Double { (progress * 1_000_000).rounded() / 1_000_000 }

    /// Writes what an execution's tasks have used, and where there are ceilings those and what is left.
    private static func writeBudget(of execution: ExecutionRecord, spent: Usage, to writer: inout JSONWriter) {
        if spent != Usage() || !execution.budget.isEmpty {
            writer.key("spent")
            write(spent, to: &writer)
        }
        guard !execution.budget.isEmpty else { return }
        writer.key("budget")
        write(execution.budget, to: &writer)
        writer.beginObject("remaining")
        for part: BudgetPart in BudgetPart.allCases {
            guard let ceiling: Int64 = execution.budget[part] else { continue }
            write(part, spent[part] >= ceiling ? 0 : ceiling - spent[part], to: &writer)
        }
        writer.endObject()
    }

    /// Writes an execution with all its steps, those of the workflow's own that it has not entered too.
    static func write(
        _ execution: ExecutionRecord, _ steps: [StepRecord], _ definition: WorkflowDefinition?, underWay: Usage,
        to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writeMembers(of: execution, underWay: underWay, to: &writer)
        if let input: JSONValue = steps.first(where: { $0.kind == .root })?.input?.value() {
            writer.member("parameters", input["parameters"] ?? .object([:]))
            if case .object(let schedule)? = input["schedule"] {
                for member: JSONObject.Member in schedule.members { writer.member(member.key, member.value) }
            }
        }
        writer.beginArray("steps")
        var known: [Int: StepRecord] = [:]
        var entered: Set<String> = []
        for step: StepRecord in steps where step.kind != .root {
            known[step.ordinal] = step
            if step.scope == 0 { entered.insert(step.step) }
            write(step, in: known[step.scope], to: &writer)
        }
        for element: JSONValue in definition?.document.value()["steps"]?.arrayValue ?? [] {
            guard let id: String = element["id"]?.stringValue, !entered.contains(id) else { continue }
            writer.beginObject()
            writer.member("stepId", id)
            writer.member("type", element["type"]?.stringValue ?? "task")
            writer.member("status", execution.status.isTerminal ? "skipped" : "pending")
            writer.member("attempt", 0)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ step: StepRecord, in parent: StepRecord?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("stepId", step.step)
        writer.member("type", step.kind.name)
        writer.member("status", step.status.name)
        writer.member("attempt", step.attempt)
        writer.member("ordinal", step.ordinal)
        if step.scope > 0 {
            writer.member("scope", step.scope)
            writer.memberIfPresent("parentStepId", parent?.step)
            if let parent, parent.kind == .loop { writer.member("iteration", parent.index(ofRound: step.round)) }
            // A retry had what is around it begin anew.
            if let parent, step.round < parent.firstRound { writer.member("superseded", true) }
        }
        if step.isCompensation { writer.member("compensation", true) }
        writer.memberIfPresent("taskId", step.task?.rawValue)
        writer.memberIfPresent("approvalId", step.approval?.rawValue)
        writer.memberIfPresent("startTime", timestamp: step.startedAt?.milliseconds)
        writer.memberIfPresent("endTime", timestamp: step.endedAt?.milliseconds)
        writer.memberIfPresent("input", step.input)
        writer.memberIfPresent("result", step.result)
        writer.memberIfPresent("error", step.error)
        writer.endObject()
    }

    /// Writes a question.
    static func write(_ approval: ApprovalRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", approval.id.rawValue)
        writer.member("approvalId", approval.id.rawValue)
        writer.member("status", approval.status.name)
        writer.member("reason", approval.reason)
        writer.member("requester", approval.requester)
        writer.member("workflowId", approval.workflow.rawValue)
        writer.member("executionId", approval.execution.rawValue)
        writer.member("stepId", approval.step)
        writer.memberIfPresent("project", approval.project)
        writer.member("retryCount", approval.retryCount)
        writer.member("default", approval.approvesByDefault ? "approve" : "reject")
        writer.member("approvers", approval.approvers)
        writer.member("createdAt", timestamp: approval.createdAt.milliseconds)
        writer.memberIfPresent("timeoutAt", timestamp: approval.timeoutAt?.milliseconds)
        if approval.status == .approved || approval.status == .rejected {
            writer.member("approved", approval.status == .approved)
        }
        writer.memberIfPresent("resolvedBy", approval.resolvedBy)
        writer.memberIfPresent("resolvedAt", timestamp: approval.endedAt?.milliseconds)
        writer.memberIfPresent("comment", approval.comment)
        writer.endObject()
    }
}
