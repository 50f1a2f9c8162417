/// Questions to people: asked by steps, answered once, or by their default when nobody answers in time.
extension Engine {
    /// Asks what a step has to be told before it goes on.
    mutating func ask(_ template: Template, _ ordinal: Int, in live: inout LiveExecution) {
        let step: StepRecord = live.step(ordinal)
        let frame: Int = live.steps[ordinal - 1].frame
        live.prepare(template.references.map(\.reference), from: frame)
        let value: JSONValue
        do throws(Template.Failure) {
            value = try template.value(in: FlowScope(execution: live, frame: frame))
        } catch {
            return end(ordinal, .failed("configuration.approval.\(error.path): \(error.error)"), in: &live)
        }
        let reader = ApprovalReader(value, step: step.step, path: "configuration.approval")
        if let issue: Rejection.Issue = reader.issues.first {
            return end(ordinal, .failed("\(issue.field): found \(issue.value), expected \(issue.expected)"), in: &live)
        }
        let id = ApprovalID(unchecked: makeIdentifier())
        let approval = ApprovalRecord(
            id: id, number: state.flows.approvals.makeNumber(), workflow: live.record.workflow,
            execution: live.record.id, step: step.step, ordinal: ordinal, project: live.record.project,
            reason: reader.reason, requester: live.record.principal.subject, retryCount: step.attempt - 1,
            approvers: reader.approvers, timeoutAt: reader.timeout.map { state.now + $0 },
            approvesByDefault: reader.approvesByDefault, status: .pending, createdAt: state.now)
        state.flows.approvals.insert(approval)
        if let due: Instant = approval.timeoutAt { state.timers.set(.approvalTimeout(id), at: due) }
        live.openApprovals += 1
        live.update(ordinal) { $0.approval = id }
        emitFlow(.stepStarted, live, step: live.step(ordinal))
        emitFlow(.approvalRequested, live, step: live.step(ordinal), text: approval.reason, subject: approval.requester)
    }

    mutating func answerApproval(
        _ id: ApprovalID, isApproved: Bool, comment: String?, by principal: Principal
    ) throws(Rejection) -> ApprovalRecord {
        try principal.require(.approvalsAnswer)
        try requireWholeReach(principal, for: .approvalsAnswer)
        guard let approval: ApprovalRecord = state.flows.approvals[id],
            principal.reaches(project: approval.project)
        else { throw .notFound(.approval, id: id.rawValue) }
        let isNamed: Bool = approval.approvers.isEmpty || approval.approvers.contains(principal.subject)
        guard isNamed || principal.permissions.contains(.systemAdmin) else {
            throw .denied("Approval \(id) is for \(approval.approvers.joined(separator: ", ")) to answer")
        }
        if let comment, comment.count > 10_000 {
            throw .invalid(
                Rejection.Issue(
                    field: "comment", value: "\(comment.count) characters", expected: "at most 10000 characters"))
        }
        #if EngineFaults
        if EngineFault.secondAnswer.isOn, approval.status == .approved || approval.status == .rejected {
            resolve(approval, isApproved: isApproved, comment: comment, by: principal.subject)
            return state.flows.approvals[id] ?? approval
        }
        #endif
        guard approval.status == .pending else {
            // The same answer again changes nothing.
            if approval.status == (isApproved ? .approved : .rejected) { return approval }
            throw .conflict(
                reason: "already_resolved",
                message: "Approval \(id) is \(approval.status.name) already"
                    + (approval.resolvedBy.map { ", by \($0)" } ?? ""))
        }
        resolve(approval, isApproved: isApproved, comment: comment, by: principal.subject)
        return state.flows.approvals[id] ?? approval
    }

    /// Nobody has answered in time: the default counts.
    mutating func approvalTimeoutDue(_ id: ApprovalID) {
        #if EngineFaults
        if EngineFault.forgottenQuestion.isOn { return }
        #endif
        guard let approval: ApprovalRecord = state.flows.approvals[id], approval.status == .pending,
            let due: Instant = approval.timeoutAt, due <= state.now
        else { return }
        resolve(
            approval, isApproved: approval.approvesByDefault, comment: "Nobody answered in time",
            by: Principal.system.subject)
    }

    private mutating func resolve(_ approval: ApprovalRecord, isApproved: Bool, comment: String?, by subject: String) {
        let now: Instant = state.now
        state.flows.approvals.update(approval.id) { (record: inout ApprovalRecord) in
            record.status = isApproved ? .approved : .rejected
            record.resolvedBy = subject
            record.comment = comment
            record.endedAt = now
        }
        if approval.timeoutAt != nil { abandonTimer() }
        guard var live: LiveExecution = state.flows.executions.removeValue(forKey: approval.execution) else { return }
        live.openApprovals -= 1
        let ordinal: Int = approval.ordinal
        emitFlow(
            .approvalResolved, live, step: live.step(ordinal), text: comment, subject: subject, isApproved: isApproved)
        if !isApproved {
            end(ordinal, .failed("rejected by \(subject)" + (comment.map { ": \($0)" } ?? "")), in: &live)
        } else if case .task(let plan) = live.plan(of: ordinal).kind, plan.hasTask {
            live.update(ordinal) { $0.status = .pending }
            takeTurn(ordinal, in: &live)
        } else {
            var answer = JSONObject()
            answer["approved"] = true
            answer["by"] = .string(subject)
            if let comment { answer["comment"] = .string(comment) }
            end(ordinal, .completed(JSONText(.object(answer))), in: &live)
        }
        settle(&live)
        put(live)
    }

    /// Nobody waits for an answer any more.
    mutating func withdraw(_ id: ApprovalID, in live: inout LiveExecution) {
        let now: Instant = state.now
        let hadTimer: Bool? = state.flows.approvals.update(id) { (record: inout ApprovalRecord) in
            record.status = .cancelled
            record.endedAt = now
            return record.timeoutAt != nil
        }
        live.openApprovals -= 1
        if hadTimer == true { abandonTimer() }
        guard let approval: ApprovalRecord = state.flows.approvals[id] else { return }
        emitFlow(
            .approvalResolved, live, step: live.step(approval.ordinal), text: "Nobody waits for it any more",
            subject: Principal.system.subject, isApproved: false)
    }
}
