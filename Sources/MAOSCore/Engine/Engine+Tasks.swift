/// What clients may ask of tasks.
extension Engine {
    mutating func createTask(
        _ wanted: TaskSpecification, id wantedID: TaskID?, idempotency: IdempotencyKey?, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksCreate)
        if let idempotency, let earlier: TaskID = try earlierTask(of: principal, idempotency) {
            return .repeated(earlier)
        }
        if let wantedID {
            guard state.tasks[wantedID] == nil, terminalTask(wantedID) == nil else {
                throw .conflict(reason: "duplicate_id", message: "A task with the id \(wantedID) exists already")
            }
        }
        let limits: EngineLimits = configuration.limits
        guard state.tasks.count < limits.liveTasks else {
            throw .limitReached("live tasks", limit: limits.liveTasks)
        }
        try checkDependencies(of: wanted, id: wantedID, by: principal)

        let id: TaskID = wantedID ?? TaskID(unchecked: IdentifierMaker.make(at: state.now, random: &random))
        var specification: TaskSpecification = wanted
        specification.project = projectOfNewTask(wanted.project, by: principal)
        state.lastTaskNumber += 1
        var record = TaskRecord(
            id: id, number: state.lastTaskNumber, specification: specification, owner: principal.subject,
            team: principal.team, createdAt: state.now,
            state: TaskState(status: .pending, priority: specification.priority, updatedAt: state.now))
        var open: Int = 0
        var failed: TaskRecord?
        for dependency: TaskID in specification.dependencies {
            if state.tasks[dependency] != nil {
                open += 1
            } else if let ended: TaskRecord = terminalTask(dependency), ended.status != .completed {
                failed = failed ?? ended
            }
        }
        let runsAtOnce: Bool = open == 0 && failed == nil
        if runsAtOnce {
            record.state.status = .queued
            record.state.queuedAt = state.now
        }
        state.tasks[id] = EngineState.LiveTask(record: record, openDependencies: open)
        noteChange(of: id)
        emitTask(.created, record)
        if let idempotency { remember(idempotency, of: principal, task: id) }
        if let failed {
            endTask(id, as: .cancelled, failure: dependencyFailure(failed))
            guard let cancelled: TaskRecord = terminalTask(id) else { preconditionFailure("the task has just ended") }
            return .task(cancelled)
        }
        if open > 0 {
            for dependency: TaskID in specification.dependencies where state.tasks[dependency] != nil {
                state.dependents[dependency, default: []].append(id)
            }
        }
        if let deadline: Instant = specification.deadline { state.timers.set(.taskDeadline(id), at: deadline) }
        if runsAtOnce { enqueue(id) }
        return .task(record)
    }

    private func checkDependencies(
        of specification: TaskSpecification, id: TaskID?, by principal: Principal
    ) throws(Rejection) {
        let dependencies: [TaskID] = specification.dependencies
        guard dependencies.count <= configuration.limits.dependencies else {
            throw .invalid(
                Rejection.Issue(
                    field: "dependencies", value: "\(dependencies.count) entries",
                    expected: "at most \(configuration.limits.dependencies) task ids"))
        }
        var seen: Set<TaskID> = []
        for (index, dependency) in dependencies.enumerated() {
            let field: String = "dependencies.\(index)"
            guard dependency != id else {
                throw .invalid(
                    Rejection.Issue(
                        field: field, value: dependency.rawValue,
                        expected: "another task: a task cannot wait for itself"))
            }
            guard seen.insert(dependency).inserted else {
                throw .invalid(
                    Rejection.Issue(field: field, value: dependency.rawValue, expected: "each task id only once"))
            }
            guard let known: TaskRecord = state.tasks[dependency]?.record ?? terminalTask(dependency),
                principal.reaches(task: known.id, project: known.specification.project)
            else {
                throw .invalid(
                    Rejection.Issue(field: field, value: dependency.rawValue, expected: "the id of an existing task"))
            }
        }
    }

    private func projectOfNewTask(_ wanted: String?, by principal: Principal) -> String? {
        if let wanted, principal.reaches(project: wanted) { return wanted }
        return principal.projects.count == 1 ? principal.projects.first : nil
    }

    mutating func cancelTask(_ id: TaskID, reason: String?, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksCancel)
        guard let task: TaskRecord = state.tasks[id]?.record else {
            let ended: TaskRecord = try reachable(terminalTask(id), id: id, by: principal)
            guard ended.status == .cancelled else { throw alreadyEnded(ended) }
            return .task(ended)
        }
        _ = try reachable(task, id: id, by: principal)
        guard task.state.holdsAgent else {
            endTask(id, as: .cancelled, failure: nil, reason: reason)
            return .task(try reachable(terminalTask(id), id: id, by: principal))
        }
        if task.state.cancellation == nil {
            state.tasks[id]?.record.state.cancellation = .requested
            state.tasks[id]?.record.state.step = "cancelling"
            touch(id)
            emitTaskNow(.cancelRequested, id, reason: reason)
            batch.effects.append(.stopAttempt(AttemptID(task: id, number: task.state.attempt), .cancelled))
        }
        return .task(state.tasks[id]?.record ?? task)
    }

    mutating func retryTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        if let live: TaskRecord = state.tasks[id]?.record {
            _ = try reachable(live, id: id, by: principal)
            throw .conflict(
                reason: "not_ended",
                message: "Task \(id) is \(live.status.name); only a failed or cancelled task can be retried")
        }
        var task: TaskRecord = try reachable(terminalTask(id), id: id, by: principal)
        guard task.status != .completed else {
            throw .conflict(
                reason: "completed", message: "Task \(id) has completed; only a failed or cancelled task can be retried"
            )
        }
        for dependency: TaskID in task.specification.dependencies where state.tasks[dependency] == nil {
            guard terminalTask(dependency)?.status == .completed else {
                throw .conflict(
                    reason: "dependency_not_completed",
                    message: "Task \(id) depends on \(dependency), which has not completed; retry that one first")
            }
        }
        if let deadline: Instant = task.specification.deadline, deadline <= state.now {
            throw .conflict(reason: "deadline_passed", message: "The deadline of task \(id) has passed")
        }
        let open: [TaskID] = task.specification.dependencies.filter { state.tasks[$0] != nil }
        var fresh = TaskState(
            status: open.isEmpty ? .queued : .pending, priority: task.state.priority, updatedAt: state.now)
        fresh.attempt = task.state.attempt
        fresh.queuedAt = open.isEmpty ? state.now : nil
        task.state = fresh
        forgetEnding(of: id)
        state.tasks[id] = EngineState.LiveTask(record: task, openDependencies: open.count)
        for dependency: TaskID in open { state.dependents[dependency, default: []].append(id) }
        noteChange(of: id)
        emitTask(.restarted, task)
        if let deadline: Instant = task.specification.deadline { state.timers.set(.taskDeadline(id), at: deadline) }
        if open.isEmpty { enqueue(id) }
        return .task(task)
    }

    /// A task that ended in this very batch is live again: the batch must not store its ended form.
    private mutating func forgetEnding(of id: TaskID) {
        guard let index: Int = ended.removeValue(forKey: id) else { return }
        batch.tasks.remove(at: index)
        for (other, position) in ended where position > index { ended[other] = position - 1 }
    }

    mutating func changePriority(
        of id: TaskID, to priority: Priority, reason: String?, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.state.priority != priority else { return .task(task) }
        state.tasks[id]?.record.state.priority = priority
        touch(id)
        emitTaskNow(.priorityChanged, id, reason: reason)
        if task.status == .queued {
            state.ready.withdraw(id)
            enqueue(id)
        }
        return .task(state.tasks[id]?.record ?? task)
    }

    mutating func pauseTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.status != .paused else { return .task(task) }
        guard task.state.cancellation == nil else {
            throw .conflict(reason: "cancelling", message: "Task \(id) is being cancelled")
        }
        if task.state.holdsAgent {
            state.tasks[id]?.record.state.isSuspended = true
            batch.effects.append(.suspendAttempt(AttemptID(task: id, number: task.state.attempt), true))
        }
        state.ready.withdraw(id)
        state.tasks[id]?.record.state.status = .paused
        touch(id)
        emitTaskNow(.paused, id)
        return .task(state.tasks[id]?.record ?? task)
    }

    mutating func resumeTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.status == .paused else {
            throw .conflict(reason: "not_paused", message: "Task \(id) is \(task.status.name), not paused")
        }
        if task.state.isSuspended {
            state.tasks[id]?.record.state.isSuspended = false
            state.tasks[id]?.record.state.status = .running
            touch(id)
            emitTaskNow(.resumed, id)
            batch.effects.append(.suspendAttempt(AttemptID(task: id, number: task.state.attempt), false))
        } else {
            state.tasks[id]?.record.state.status = .pending
            emitTaskNow(.resumed, id)
            makeRunnable(id)
        }
        return .task(state.tasks[id]?.record ?? task)
    }

    // MARK: Shared

    /// A task that is not terminal and in the principal's reach.
    private func liveTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> TaskRecord {
        guard let task: TaskRecord = state.tasks[id]?.record else {
            throw alreadyEnded(try reachable(terminalTask(id), id: id, by: principal))
        }
        return try reachable(task, id: id, by: principal)
    }

    /// What lies outside a principal's reach does not exist for it.
    private func reachable(_ task: TaskRecord?, id: TaskID, by principal: Principal) throws(Rejection) -> TaskRecord {
        guard let task, principal.reaches(task: id, project: task.specification.project) else {
            throw .notFound(.task, id: id.rawValue)
        }
        return task
    }

    private func alreadyEnded(_ task: TaskRecord) -> Rejection {
        .conflict(reason: task.status.name, message: "Task \(task.id) has already ended: \(task.status.name)")
    }

    /// Stamps the change, and notes it for the batch.
    mutating func touch(_ id: TaskID) {
        state.tasks[id]?.record.state.updatedAt = state.now
        noteChange(of: id)
    }

    mutating func emitTaskNow(_ kind: TaskEvent.Kind, _ id: TaskID, reason: String? = nil) {
        guard let task: TaskRecord = state.tasks[id]?.record else { return }
        emitTask(kind, task, reason: reason)
    }

    // MARK: Repeated requests

    private func earlierTask(of principal: Principal, _ key: IdempotencyKey) throws(Rejection) -> TaskID? {
        let index = EngineState.IdempotencyIndex(subject: principal.subject, key: key.key)
        guard let entry: IdempotencyEntry = state.idempotency[index], entry.expires > state.now else { return nil }
        guard entry.key.fingerprint == key.fingerprint else {
            throw .conflict(
                reason: "idempotency_key_reused",
                message: "The idempotency key \(key.key) has been used with another request")
        }
        return entry.task
    }

    private mutating func remember(_ key: IdempotencyKey, of principal: Principal, task: TaskID) {
        let entry = IdempotencyEntry(
            subject: principal.subject, key: key, task: task,
            expires: state.now + configuration.limits.idempotencyRetention)
        batch.idempotency.append(entry)
        remember(entry)
    }

    /// Keeps an entry, and forgets those that have expired or are too many.
    mutating func remember(_ entry: IdempotencyEntry) {
        let index = EngineState.IdempotencyIndex(subject: entry.subject, key: entry.key.key)
        state.idempotency[index] = entry
        state.idempotencyOrder.append(index)
        while let oldest: EngineState.IdempotencyIndex = state.idempotencyOrder.first {
            let expires: Instant? = state.idempotency[oldest]?.expires
            let isSurplus: Bool = state.idempotencyOrder.count > configuration.limits.idempotencyKeys
            guard isSurplus || (expires ?? state.now) <= state.now else { break }
            _ = state.idempotencyOrder.popFirst()
            // A key that expired and was used again has a later place in the order as well.
            if isSurplus || (expires ?? state.now) <= state.now { state.idempotency[oldest] = nil }
        }
    }
}
