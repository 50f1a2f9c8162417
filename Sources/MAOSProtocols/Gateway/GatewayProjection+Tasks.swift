internal import MAOSCore

extension GatewayProjection {
    /// Writes a `TaskStatusResponse`.
    func write(_ task: TaskRecord, at now: Instant, to builder: inout GatewayTextBuilder) {
        let state: TaskState = task.state
        builder.piece(#"{"id":""#)
        builder.piece(task.id)
        builder.piece(#"","type":""#)
        builder.word(GatewayVocabulary.name(of: task.specification.kind))
        builder.piece(#"","description":"#)
        builder.string(task.specification.description)
        builder.word(GatewayProjection.statusMembers[Int(state.status.rawValue) - 1])
        builder.word(state.priority.name)
        if state.progress == 0 {
            builder.piece(#"","progress":0,"progressPercent":0,"attempt":"#)
        } else {
            builder.piece(#"","progress":"#)
            builder.number(state.progress)
            builder.piece(#","progressPercent":"#)
            builder.integer(state.progress.wholePercent)
            builder.piece(#","attempt":"#)
        }
        builder.integer(state.attempt)
        builder.piece(#","createdAt":""#)
        builder.timestamp(task.createdAt)
        builder.piece(#"","updatedAt":""#)
        builder.timestamp(state.updatedAt)
        builder.piece(#"""#)
        writeOptional(task, at: now, to: &builder)
        builder.piece("}")
    }

    /// For each status the members that tell of it, up to the value of `priority`.
    private static let statusMembers: [String] = TaskStatus.allCases.map { (status: TaskStatus) in
        #","status":"\#(GatewayVocabulary.name(of: status))","coreStatus":"\#(status.name)","priority":""#
    }

    /// Writes what not every task has.
    private func writeOptional(_ task: TaskRecord, at now: Instant, to builder: inout GatewayTextBuilder) {
        let state: TaskState = task.state
        if let step = state.step {
            builder.piece(#","currentStep":"#)
            builder.string(step)
        }
        if let agent = state.agent {
            builder.piece(#","assignedAgentId":""#)
            builder.piece(agent)
            builder.piece(#"""#)
        }
        if let result = state.result {
            builder.piece(#","result":"#)
            builder.raw(result)
        }
        if let error = state.error {
            builder.piece(#","error":"#)
            builder.string(error.message)
            builder.piece(#","errorCode":""#)
            builder.word(error.code.name)
            builder.piece(#"""#)
        }
        if state.isDeadLetter { builder.piece(#","deadLetter":true"#) }
        if let task: TaskID = state.requeuedAs {
            builder.piece(#","requeuedAs":""#)
            builder.piece(task)
            builder.piece(#"""#)
        }
        if state.cancellation != nil, !state.status.isTerminal { builder.piece(#","cancelRequested":true"#) }
        if state.status == .retrying { writeTime(#","retryAt":""#, state.notBefore, to: &builder) }
        writeTime(#","startedAt":""#, state.startedAt, to: &builder)
        writeTime(#","finishedAt":""#, state.finishedAt, to: &builder)
        if state.status == .running {
            writeTime(#","estimatedCompletion":""#, estimatedCompletion(of: task, at: now), to: &builder)
        }
        writeTime(#","deadline":""#, task.specification.deadline, to: &builder)
        if let schedule: TaskSchedule = task.specification.schedule {
            builder.member("schedule") { GatewayProjection.write(schedule, of: task.id, to: &$0) }
        }
        let usage: Usage = state.usage(at: now)
        if usage != Usage() { builder.member("usage") { GatewayProjection.write(usage, to: &$0) } }
        if !task.specification.budget.isEmpty {
            builder.member("budget") { GatewayProjection.write(task.specification.budget, to: &$0) }
        }
        if let project = task.specification.project {
            builder.piece(#","project":"#)
            builder.string(project)
        }
        writeOrigin(of: task.specification, to: &builder)
        guard let first: TaskID = task.specification.dependencies.first else { return }
        builder.piece(#","dependencies":[""#)
        builder.piece(first)
        for id: TaskID in task.specification.dependencies.dropFirst() {
            builder.piece(#"",""#)
            builder.piece(id)
        }
        builder.piece(#""]"#)
    }

    /// Writes what has made it: the step of an execution, or the run of a schedule.
    private func writeOrigin(of specification: TaskSpecification, to builder: inout GatewayTextBuilder) {
        if let origin: WorkflowTaskOrigin = specification.workflow {
            builder.member("workflow") { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("workflowId", origin.workflow.rawValue)
                writer.member("executionId", origin.execution.rawValue)
                writer.member("stepId", origin.step)
                writer.endObject()
            }
        }
        guard specification.metadata != .emptyObject, let metadata = specification.metadata.value().objectValue,
            let schedule: String = metadata["scheduleId"]?.stringValue
        else { return }
        builder.piece(#","scheduleId":"#)
        builder.string(schedule)
        guard let time: String = metadata["scheduledFor"]?.stringValue else { return }
        builder.piece(#","scheduledFor":"#)
        builder.string(time)
    }

    private static func write(_ schedule: TaskSchedule, of id: TaskID, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("at", timestamp: schedule.time.milliseconds)
        if let recurrence: TaskRecurrence = schedule.recurrence {
            writer.member("interval", recurrence.interval.name)
            writer.member("timeZone", recurrence.timeZone)
            writer.memberIfPresent("endTime", timestamp: recurrence.end?.milliseconds)
            writer.memberIfPresent("maxRuns", recurrence.maximumRuns)
            writer.member("run", recurrence.run)
            writer.member("firstTaskId", (recurrence.first?.task ?? id).rawValue)
        }
        writer.endObject()
    }

    /// Writes a time if there is one; `member` is everything before it.
    private func writeTime(_ member: StaticString, _ instant: Instant?, to builder: inout GatewayTextBuilder) {
        guard let instant else { return }
        builder.piece(member)
        builder.timestamp(instant)
        builder.piece(#"""#)
    }

    /// Writes a `TaskSummary`.
    static func writeSummary(_ task: TaskRecord, to writer: inout JSONWriter) {
        let state: TaskState = task.state
        writer.beginObject()
        writer.member("id", task.id.rawValue)
        writer.member("type", GatewayVocabulary.name(of: task.specification.kind))
        writer.member("description", task.specification.description)
        writer.member("status", GatewayVocabulary.name(of: state.status))
        writer.member("coreStatus", state.status.name)
        writer.member("priority", state.priority.name)
        writer.member("progress", state.progress)
        writer.member("attempt", state.attempt)
        writer.memberIfPresent("currentStep", state.step)
        writer.memberIfPresent("assignedAgentId", state.agent?.rawValue)
        if let error = state.error {
            writer.member("error", error.message)
            writer.member("errorCode", error.code.name)
        }
        writer.memberIfPresent("scheduledFor", timestamp: task.specification.schedule?.time.milliseconds)
        writer.memberIfPresent("project", task.specification.project)
        writer.member("createdAt", timestamp: task.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: state.updatedAt.milliseconds)
        writer.memberIfPresent("startedAt", timestamp: state.startedAt?.milliseconds)
        writer.memberIfPresent("finishedAt", timestamp: state.finishedAt?.milliseconds)
        writer.endObject()
    }

    /// Writes the members that tell where a task stands, into an open object.
    static func writeState(_ state: TaskState, to writer: inout JSONWriter) {
        writer.member("status", GatewayVocabulary.name(of: state.status))
        writer.member("coreStatus", state.status.name)
        writer.member("priority", state.priority.name)
        writer.member("progress", state.progress)
        writer.member("progressPercent", state.progress.wholePercent)
        writer.member("attempt", state.attempt)
        writer.memberIfPresent("currentStep", state.step)
        writer.memberIfPresent("assignedAgentId", state.agent?.rawValue)
        writer.memberIfPresent("result", state.result)
        if let error = state.error {
            writer.member("error", error.message)
            writer.member("errorCode", error.code.name)
        }
        if state.usage != Usage() {
            writer.key("usage")
            write(state.usage, to: &writer)
        }
        if state.isDeadLetter { writer.member("deadLetter", true) }
        writer.memberIfPresent("requeuedAs", state.requeuedAs?.rawValue)
        if state.cancellation != nil, !state.status.isTerminal { writer.member("cancelRequested", true) }
        writer.memberIfPresent("retryAt", timestamp: state.status == .retrying ? state.notBefore?.milliseconds : nil)
    }

    /// Writes a `CreateTaskResponse` with this status: the task's own where the creation is answered for the first time.
    func writeCreated(
        _ task: TaskRecord, status: TaskStatus, hasEstimate: Bool, to builder: inout GatewayTextBuilder
    ) {
        builder.piece(#"{"taskId":""#)
        builder.piece(task.id)
        builder.piece(#"","status":""#)
        builder.word(GatewayVocabulary.name(of: status))
        builder.piece(#"""#)
        if hasEstimate, let duration: Milliseconds = view.typicalDuration(of: task.specification.kind) {
            builder.piece(#","estimatedDuration":"#)
            builder.integer(Int(duration.count))
        }
        builder.piece("}")
    }

    /// When a running task will probably end: by its progress where there is enough of it, else by its kind's history.
    private func estimatedCompletion(of task: TaskRecord, at now: Instant) -> Instant? {
        guard task.state.status == .running, let started: Instant = task.state.startedAt else { return nil }
        if task.state.progress >= 0.05, task.state.progress <= 1 {
            let elapsed = Double(max(0, (task.state.updatedAt - started).count))
            return started + Milliseconds(Int64(elapsed / task.state.progress))
        }
        guard let typical: Milliseconds = view.typicalDuration(of: task.specification.kind) else { return nil }
        return max(now, started + typical)
    }
}
