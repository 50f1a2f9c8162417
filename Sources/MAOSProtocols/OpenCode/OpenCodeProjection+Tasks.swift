internal import MAOSCore

extension OpenCodeProjection {
    /// Bytes of tasks that one message holds; further tasks are left for the next page.
    static let listBytes: Int = 4 << 20

    /// The pattern of files that a task was given here.
    static func filesPattern(of task: TaskRecord) -> String? {
        let context: JSONText = task.specification.context
        guard context != .emptyObject else { return nil }
        return context.value()["files_pattern"]?.stringValue
    }

    /// Writes a task with everything that there is to say about it.
    static func write(_ task: TaskRecord, to writer: inout JSONWriter) {
        let state: TaskState = task.state
        writer.beginObject()
        writeHead(task, status: OpenCodeVocabulary.name(of: state.status), to: &writer)
        writer.member("core_status", state.status.name)
        writer.member("progress", OpenCodeVocabulary.percent(state))
        writer.member("created_at", timestamp: task.createdAt.milliseconds)
        writer.memberIfPresent("started_at", timestamp: state.startedAt?.milliseconds)
        writer.memberIfPresent("completed_at", timestamp: state.finishedAt?.milliseconds)
        writer.member("runtime_status", OpenCodeVocabulary.runtimeStatus(of: state.status))
        if let error: TaskFailure = state.error {
            writer.member("error", OpenCodeFailure.cut("\(error.code.name): \(error.message)"))
        }
        writer.memberIfPresent("current_step", state.step)
        writer.memberIfPresent("agent_id", state.agent?.rawValue)
        writeExtras(task, to: &writer)
        writer.memberIfPresent("result", state.result)
        writer.endObject()
    }

    /// Writes a task as it is right after it was made.
    static func writeCreated(_ task: TaskRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writeHead(task, status: "pending", to: &writer)
        writer.member("progress", 0)
        writer.member("created_at", timestamp: task.createdAt.milliseconds)
        writeExtras(task, to: &writer)
        writer.endObject()
    }

    private static func writeHead(_ task: TaskRecord, status: String, to writer: inout JSONWriter) {
        writer.member("id", task.id.rawValue)
        writer.member("type", OpenCodeVocabulary.name(of: task.specification.kind))
        writer.member("priority", task.state.priority.name)
        writer.member("description", task.specification.description)
        writer.member("status", status)
    }

    private static func writeExtras(_ task: TaskRecord, to writer: inout JSONWriter) {
        let specification: TaskSpecification = task.specification
        writer.memberIfPresent("files_pattern", filesPattern(of: task))
        writer.member("dependencies", specification.dependencies.map(\.rawValue))
        writer.memberIfPresent("timeout", specification.timeout?.count)
        if let schedule: TaskSchedule = specification.schedule {
            writer.member("scheduled_time", timestamp: schedule.time.milliseconds)
            if let recurrence: TaskRecurrence = schedule.recurrence {
                writer.beginObject("recurring")
                writer.member("interval", recurrence.interval.name)
                writer.memberIfPresent("end_time", timestamp: recurrence.end?.milliseconds)
                writer.memberIfPresent("max_runs", recurrence.maximumRuns)
                writer.member("timezone", recurrence.timeZone)
                writer.endObject()
            }
        }
        writeMetadata(of: specification, to: &writer)
    }

    /// The client's metadata unchanged, and the core's word for a kind that the dialect has no word for.
    private static func writeMetadata(of specification: TaskSpecification, to writer: inout JSONWriter) {
        let kind: String = specification.kind.rawValue
        guard !OpenCodeVocabulary.taskTypes.contains(kind) else {
            return writer.member("metadata", specification.metadata)
        }
        writer.beginObject("metadata")
        if case .object(let given) = specification.metadata.value() {
            for member: JSONObject.Member in given where member.key != "core_type" {
                writer.member(member.key, member.value)
            }
        }
        writer.member("core_type", kind)
        writer.endObject()
    }

    // MARK: Answers

    static func taskStarted(_ task: TaskRecord, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("task_started", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.member("task_id", task.id.rawValue)
            writer.key("task")
            writeCreated(task, to: &writer)
        }
    }

    static func taskScheduled(
        _ task: TaskRecord, recurring: JSONValue?, requestID: JSONValue?, at now: Instant
    ) -> [UInt8] {
        message("task_scheduled", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            let time: Int64 = task.specification.schedule?.time.milliseconds ?? now.milliseconds
            writer.member("task_id", task.id.rawValue)
            writer.member("scheduled_time", timestamp: time)
            writer.member("next_run", timestamp: time)
            if let recurring { writer.member("recurring", recurring) }
        }
    }

    static func taskCancelled(_ task: TaskRecord, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("task_cancelled", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.member("task_id", task.id.rawValue)
            writer.member("status", OpenCodeVocabulary.name(of: task.status))
            if !task.status.isTerminal { writer.member("cancel_requested", true) }
        }
    }

    static func taskRetried(_ task: TaskRecord, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("task_retried", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.member("task_id", task.id.rawValue)
            // The attempt that the retry leads to may have begun already.
            let tried: Int = task.state.holdsAgent ? task.state.attempt - 1 : task.state.attempt
            writer.member("retry_count", max(1, tried))
        }
    }

    static func taskStatus(_ task: TaskRecord, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("task_status", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.key("task")
            write(task, to: &writer)
        }
    }

    static func taskList(
        _ page: OpenCodeTaskSearch.Page, _ list: OpenCodeTaskList, requestID: JSONValue?, at now: Instant
    ) -> [UInt8] {
        message("task_list", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            let written: Int = write(page.tasks, to: &writer)
            writer.member("total_count", page.totalCount)
            writer.member("filtered_count", page.filteredCount)
            let next: Int = list.offset + written
            writer.beginObject("pagination")
            writer.member("limit", list.limit)
            writer.member("offset", list.offset)
            writer.member("has_more", next < page.filteredCount && written > 0)
            if next < page.filteredCount, written > 0 {
                writer.member("next_offset", next)
            } else {
                writer.key("next_offset")
                writer.null()
            }
            writer.endObject()
        }
    }

    /// Writes tasks as the member `tasks`, as far as there is room for them.
    ///
    /// - Returns: How many were written; at least one if there is any.
    @discardableResult
    static func write(_ tasks: [TaskRecord], to writer: inout JSONWriter) -> Int {
        var written: Int = 0
        writer.beginArray("tasks")
        for task: TaskRecord in tasks where writer.count < listBytes {
            write(task, to: &writer)
            written += 1
        }
        writer.endArray()
        return written
    }

    // MARK: Pushes

    static func taskStatusUpdate(
        _ id: TaskID, from old: String, to state: TaskState, at now: Instant
    ) -> [UInt8] {
        message("task_status_update", at: now) { (writer: inout JSONWriter) in
            writer.member("task_id", id.rawValue)
            writer.member("old_status", old)
            writer.member("new_status", OpenCodeVocabulary.name(of: state.status))
            writer.member("progress", OpenCodeVocabulary.percent(state))
            writer.member("core_status", state.status.name)
            if let error: TaskFailure = state.error, state.status != .completed {
                writer.member("error", OpenCodeFailure.cut("\(error.code.name): \(error.message)"))
            }
        }
    }

    /// Steps are hundredths: the core knows how far a task is, not of how many steps it consists.
    static func taskProgressUpdate(
        _ id: TaskID, from old: Int, to state: TaskState, typical: Milliseconds?, at now: Instant
    ) -> [UInt8] {
        message("task_progress_update", at: now) { (writer: inout JSONWriter) in
            let percent: Int = OpenCodeVocabulary.percent(state)
            writer.member("task_id", id.rawValue)
            writer.member("old_progress", old)
            writer.member("new_progress", percent)
            writer.beginObject("progress_details")
            writer.member("current_step", state.step ?? "")
            writer.member("total_steps", 100)
            writer.member("completed_steps", percent)
            if let remaining: Int64 = remainingTime(of: state, typical: typical, at: now) {
                writer.member("estimated_time_remaining", remaining)
            } else {
                writer.key("estimated_time_remaining")
                writer.null()
            }
            writer.endObject()
        }
    }

    /// Milliseconds: by how far it is where it is far enough, else by what tasks of its kind have taken.
    private static func remainingTime(of state: TaskState, typical: Milliseconds?, at now: Instant) -> Int64? {
        guard let started: Instant = state.startedAt else { return typical?.count }
        let elapsed: Int64 = max(0, (now - started).count)
        if state.progress >= 0.01, state.progress <= 1 {
            return Int64(Double(elapsed) * (1 - state.progress) / state.progress)
        }
        return typical.map { max(0, $0.count - elapsed) }
    }

    /// How many tasks stand where.
    struct TaskCounts: Sendable {
        var live: [TaskStatus: Int] = [:]
        var completed: Int = 0
        var failed: Int = 0
        var cancelled: Int = 0
    }

    static func taskManagerStatus(
        _ counts: TaskCounts, workers: Int, averageCompletionTime: Int64, at now: Instant
    ) -> [UInt8] {
        func live(_ statuses: TaskStatus...) -> Int { statuses.reduce(0) { $0 + (counts.live[$1] ?? 0) } }
        return message("task_manager_status", at: now) { (writer: inout JSONWriter) in
            let queued: Int = live(.queued, .assigned, .retrying)
            let pending: Int = live(.pending, .scheduled) + queued
            let running: Int = live(.running)
            let paused: Int = live(.paused, .awaitingApproval)
            let ended: Int = counts.completed + counts.failed + counts.cancelled
            writer.beginObject("summary")
            writer.member("total", pending + running + paused + ended)
            writer.member("pending", pending)
            writer.member("running", running)
            writer.member("completed", counts.completed)
            writer.member("failed", counts.failed)
            writer.member("cancelled", counts.cancelled)
            writer.member("paused", paused)
            writer.member("queued", queued)
            writer.member("active_workers", workers)
            writer.member("queue_depth", live(.pending, .scheduled, .queued, .retrying))
            writer.member("average_completion_time", averageCompletionTime)
            let judged: Int = counts.completed + counts.failed
            let rate: Double = judged == 0 ? 100 : Double(counts.completed) * 100 / Double(judged)
            writer.member("success_rate_percent", (rate * 10).rounded() / 10)
            writer.endObject()
        }
    }
}
