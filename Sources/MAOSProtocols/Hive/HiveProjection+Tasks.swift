internal import MAOSCore

extension HiveProjection {
    /// What an attempt takes where nothing at all is known of its kind and its agent.
    private static let usualDuration: Milliseconds = .seconds(60)
    /// Requirements whose number of agents is remembered.
    private static let fittingLimit: Int = 256

    func write(_ task: TaskEvent, _ type: HiveFrameType, at event: Event, to writer: inout JSONWriter) {
        switch type {
        case .taskCreated: writeCreated(task, to: &writer)
        case .taskAssigned:
            writer.member("task_id", task.id.rawValue)
            writer.member("agent_id", task.agent?.rawValue ?? "")
            writer.member("assignment_reason", task.reason ?? "capability_match")
            writer.member("estimated_completion", timestamp: estimatedEnd(of: task, at: event.time).milliseconds)
        case .taskStarted:
            writer.member("task_id", task.id.rawValue)
            writer.member("agent_id", task.agent?.rawValue ?? "")
            writer.member("attempt_number", task.state.attempt)
        case .taskProgress:
            writer.member("task_id", task.id.rawValue)
            writer.member("agent_id", task.agent?.rawValue ?? "")
            writer.member("progress", task.state.progress)
            writer.member("current_step", task.state.step ?? HiveVocabulary.name(of: task.state.status))
            writer.member("estimated_completion", timestamp: estimatedEnd(of: task, at: event.time).milliseconds)
        case .taskCompleted:
            writer.member("task_id", task.id.rawValue)
            writer.member("agent_id", task.agent?.rawValue ?? "")
            writer.member("execution_time_ms", HiveProjection.executionTime(of: task, at: event.time).count)
            HiveProjection.writeResult(task.state.result, to: &writer)
        case .taskFailed: writeFailed(task, at: event.time, to: &writer)
        case .taskCancelled:
            writer.member("task_id", task.id.rawValue)
            writer.member("reason", HiveVocabulary.reason(of: task))
            writer.member("cancelled_by", task.subject ?? Principal.system.subject)
        case .interModuleMessage: HiveProjection.writeMessage(task, at: event.time, to: &writer)
        case .errorOccurred: writeError(task, at: event, to: &writer)
        default: break
        }
    }

    private func writeCreated(_ task: TaskEvent, to writer: inout JSONWriter) {
        let specification: TaskSpecification? = task.created?.specification
        writer.beginObject("task")
        writer.member("id", task.id.rawValue)
        writer.member("description", specification?.description ?? "")
        writer.member("type", task.taskKind.rawValue)
        writer.member("priority", Int(task.state.priority.rawValue))
        writer.member("status", HiveVocabulary.name(of: task.state.status))
        writer.member("core_status", task.state.status.name)
        writer.beginArray("required_capabilities")
        for required: CapabilityRequirement in specification?.capabilities ?? [] {
            writer.beginObject()
            writer.member("name", required.name)
            writer.member("min_proficiency", required.minimumProficiency)
            writer.endObject()
        }
        writer.endArray()
        writer.memberIfPresent("project", task.project)
        writer.member("created_at", timestamp: (task.created?.createdAt ?? task.state.updatedAt).milliseconds)
        writer.endObject()
        writer.member(
            "matching_agents", agents(fitting: task.taskKind, specification?.capabilities ?? []))
    }

    /// How many agents could be given such a task, busy or not.
    private func agents(fitting kind: TaskKind, _ capabilities: [CapabilityRequirement]) -> Int {
        let key = FittingKey(type: configuration.routing[kind], capabilities: capabilities)
        if let known: Int = fitting[key] { return known }
        var query = AgentQuery()
        query.type = key.type
        query.limit = .max
        let agents: [AgentRecord] = view.agents(query).filter { (agent: AgentRecord) in
            guard agent.status != .stopping else { return false }
            return capabilities.allSatisfy { (required: CapabilityRequirement) in
                agent.specification.capabilities.contains {
                    $0.name == required.name && $0.proficiency >= required.minimumProficiency
                }
            }
        }
        if fitting.count < HiveProjection.fittingLimit { fitting[key] = agents.count }
        return agents.count
    }

    /// When the attempt will probably be over: by its progress, else by what such tasks took, else by what its agent takes.
    private func estimatedEnd(of task: TaskEvent, at now: Instant) -> Instant {
        let started: Instant = task.state.startedAt ?? now
        let elapsed: Int64 = (now - started).count
        let progress: Double = task.state.progress
        if progress >= 0.01, elapsed > 0 {
            return started + Milliseconds(Int64(Double(elapsed) / min(progress, 1)))
        }
        let duration: Milliseconds
        if let typical: Milliseconds = view.typicalDuration(of: task.taskKind) {
            duration = typical
        } else if let mean: Double = task.agent.flatMap({ view.agent($0) })?.state.statistics.averageRuntime, mean > 0 {
            duration = Milliseconds(Int64(mean))
        } else {
            duration = HiveProjection.usualDuration
        }
        return max(started + duration, now)
    }

    private static func executionTime(of task: TaskEvent, at now: Instant) -> Milliseconds {
        guard let started: Instant = task.state.startedAt else { return 0 }
        return max((task.state.finishedAt ?? now) - started, 0)
    }

    /// Writes what a task produced, which clients expect to be an object.
    private static func writeResult(_ result: JSONText?, to writer: inout JSONWriter) {
        guard let result else { return writer.member("result", JSONText.emptyObject) }
        guard result.utf8.first != UInt8(ascii: "{") else { return writer.member("result", result) }
        writer.beginObject("result")
        writer.member("value", result)
        writer.endObject()
    }

    private func writeFailed(_ task: TaskEvent, at now: Instant, to writer: inout JSONWriter) {
        let isOver: Bool = task.kind == .failed
        writer.member("task_id", task.id.rawValue)
        writer.member("agent_id", task.agent?.rawValue ?? "")
        writer.member("attempt_number", task.state.attempt)
        let interruption = TaskFailure(.interrupted, "The attempt was interrupted")
        let failure: TaskFailure =
            task.kind == .interrupted ? interruption : task.state.error ?? TaskFailure(.execution, "The task failed")
        writeError(failure, of: task, at: now, to: &writer)
        writer.member("retry_scheduled", !isOver)
        writer.key("next_retry_at")
        if isOver { writer.null() } else { writer.timestamp((task.state.notBefore ?? now).milliseconds) }
    }

    private func writeError(_ failure: TaskFailure, of task: TaskEvent, at now: Instant, to writer: inout JSONWriter) {
        writer.beginObject("error")
        writer.member("code", failure.code.name)
        writer.member("message", failure.message)
        writer.beginObject("details")
        writer.member("task_id", task.id.rawValue)
        writer.member("failures", task.state.failures)
        if failure.code == .timeout, let timeout: Milliseconds = timeout(of: task) {
            writer.member("timeout_seconds", Double(timeout.count) / 1_000)
        }
        if task.agent != nil, task.state.startedAt != nil {
            let taken: Milliseconds = HiveProjection.executionTime(of: task, at: now)
            writer.member("execution_time_seconds", Double(taken.count) / 1_000)
        }
        writer.endObject()
        writer.endObject()
    }

    /// How long the attempt was allowed to take, as far as that is still at hand.
    private func timeout(of task: TaskEvent) -> Milliseconds? {
        view.task(task.id)?.specification.timeout
            ?? task.agent.flatMap { view.agent($0) }?.specification.commandTimeout
    }

    private func writeError(_ task: TaskEvent, at event: Event, to writer: inout JSONWriter) {
        writer.member("error_id", "err-\(event.sequence)")
        writer.member("component", "task_executor")
        writeError(
            task.state.error ?? TaskFailure(.execution, "The task failed"), of: task, at: event.time, to: &writer)
        writer.member("severity", task.kind == .failed ? "error" : "warning")
    }

    /// Writes what those who keep count are told of an attempt's end.
    private static func writeMessage(_ task: TaskEvent, at now: Instant, to writer: inout JSONWriter) {
        writer.member("from_module", "task_management")
        writer.member("to_module", "metrics_collection")
        writer.member("message_type", task.kind == .completed ? "TaskCompleted" : "TaskFailed")
        writer.beginObject("payload")
        writer.member("task_id", task.id.rawValue)
        writer.memberIfPresent("agent_id", task.agent?.rawValue)
        writer.member("attempt_number", task.state.attempt)
        writer.member("execution_time_ms", executionTime(of: task, at: now).count)
        writer.endObject()
    }
}
