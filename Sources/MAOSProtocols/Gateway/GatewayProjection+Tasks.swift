internal import MAOSCore

extension GatewayProjection {
    /// Writes a `TaskStatusResponse`.
    func write(_ task: TaskRecord, at now: Instant, to writer: inout JSONWriter) {
        let state: TaskState = task.state
        writer.beginObject()
        writer.member("id", task.id.rawValue)
        writer.member("type", GatewayVocabulary.name(of: task.specification.kind))
        writer.member("description", task.specification.description)
        GatewayProjection.writeState(state, to: &writer)
        writer.member("createdAt", timestamp: task.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: state.updatedAt.milliseconds)
        writer.memberIfPresent("startedAt", timestamp: state.startedAt?.milliseconds)
        writer.memberIfPresent("finishedAt", timestamp: state.finishedAt?.milliseconds)
        if let completion: Instant = estimatedCompletion(of: task, at: now) {
            writer.member("estimatedCompletion", timestamp: completion.milliseconds)
        }
        writer.memberIfPresent("deadline", timestamp: task.specification.deadline?.milliseconds)
        writer.memberIfPresent("project", task.specification.project)
        if !task.specification.dependencies.isEmpty {
            writer.member("dependencies", ids: task.specification.dependencies)
        }
        writer.endObject()
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
        writer.member("progressPercent", percent(state.progress))
        writer.member("attempt", state.attempt)
        writer.memberIfPresent("currentStep", state.step)
        writer.memberIfPresent("assignedAgentId", state.agent?.rawValue)
        writer.memberIfPresent("result", state.result)
        if let error = state.error {
            writer.member("error", error.message)
            writer.member("errorCode", error.code.name)
        }
        if state.cancellation != nil, !state.status.isTerminal { writer.member("cancelRequested", true) }
        writer.memberIfPresent("retryAt", timestamp: state.status == .retrying ? state.notBefore?.milliseconds : nil)
    }

    /// Writes a `CreateTaskResponse` with this status: the task's own where the creation is answered for the first time.
    func writeCreated(_ task: TaskRecord, status: TaskStatus, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("taskId", task.id.rawValue)
        writer.member("status", GatewayVocabulary.name(of: status))
        if let duration: Milliseconds = view.typicalDuration(of: task.specification.kind) {
            writer.member("estimatedDuration", duration.count)
        }
        writer.endObject()
    }

    /// 0…100, and 100 only for all of it.
    static func percent(_ progress: Double) -> Int {
        let percent = Int(max(0, min(1, progress)) * 100)
        return percent == 100 && progress < 1 ? 99 : percent
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
