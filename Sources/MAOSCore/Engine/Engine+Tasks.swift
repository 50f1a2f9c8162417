/// What clients may ask of tasks.
extension Engine {
    mutating func createTask(
        _ wanted: TaskSpecification, id wantedID: TaskID?, idempotency: IdempotencyKey?, by principal: Principal
    ) throws(Rejection) -> Reply {
        // To address a task to an agent is to command it.
        let permission: Permissions = wanted.agent == nil ? .tasksCreate : .agentsCommand
        try principal.require(permission)
        try requireWholeReach(principal, for: permission)
        try validate(wanted)
        if let idempotency {
            try validate(idempotency)
            switch try earlierCreation(of: principal, idempotency) {
            case .task(let earlier)?: return .repeated(earlier)
            case let other?: return .repeatedCreation(other)
            case nil: break
            }
        }
        if let wantedID {
            guard state.tasks[wantedID] == nil, terminalTask(wantedID) == nil else {
                throw .conflict(reason: "duplicate_id", message: "A task with the id \(wantedID) exists already")
            }
        }
        let weight: Int = wanted.weight
        try requireRoom(forTaskOf: weight)
        try checkAddressee(of: wanted)
        try checkDependencies(of: wanted, id: wantedID, by: principal)
        try checkSchedule(of: wanted, id: wantedID)

        let id: TaskID = wantedID ?? TaskID(IdentifierMaker.make(at: state.now, random: &random))
        var specification: TaskSpecification = wanted
        let project: String? = projectOfNewTask(wanted.project, by: principal)
        // The caller has the specification too: what is not changed is not copied.
        if project != wanted.project { specification.project = project }
        state.lastTaskNumber += 1
        var record = TaskRecord(
            id: id, number: state.lastTaskNumber, specification: specification, owner: principal.subject,
            team: principal.team, createdAt: state.now,
            state: TaskState(status: .pending, priority: specification.priority, updatedAt: state.now), weight: weight)
        var open: Int = 0
        var failed: TaskRecord?
        for dependency: TaskID in specification.dependencies {
            if state.tasks[dependency] != nil {
                open += 1
            } else if let ended: TaskRecord = terminalTask(dependency), ended.status != .completed {
                failed = failed ?? ended
            }
        }
        let isTooLate: Bool = specification.deadline.map { $0 <= state.now } ?? false
        let mayRun: Bool = open == 0 && failed == nil && !isTooLate
        let start: Instant? = specification.scheduledTime
        let runsAtOnce: Bool = mayRun && start == nil
        if runsAtOnce {
            record.state.status = .queued
            record.state.queuedAt = state.now
        } else if let start {
            record.state.notBefore = start
            if mayRun { record.state.status = .scheduled }
        }
        begin(record, openDependencies: open)
        if mayRun, let start { state.timers.set(.taskRetry(id), at: start) }
        emitTask(.created, record)
        if let idempotency { remember(idempotency, of: principal, .task(id)) }
        if let failed {
            endTask(id, as: .cancelled, failure: dependencyFailure(failed))
        } else if isTooLate {
            endTask(id, as: .failed, failure: Engine.deadlineFailure)
        } else if runsAtOnce {
            enqueue(record)
        }
        return .task(currentTask(id) ?? record)
    }

    /// Makes a task live, with what it waits for and its deadline.
    mutating func begin(_ record: TaskRecord, openDependencies: Int) {
        let id: TaskID = record.id
        // One that ended and is retried in the same batch may have been noted already.
        let isNoted: Bool = forgetEnding(of: id) && changedTasks.contains(id)
        state.lastLife += 1
        var task = EngineState.LiveTask(record: record, life: state.lastLife, openDependencies: openDependencies)
        task.batch = batchNumber
        _ = state.tasks.updateValue(task, forKey: id)
        state.liveWeight += record.origin.weight
        noteAddressee(of: record)
        if !isNoted { changedTasks.append(id) }
        if openDependencies > 0 {
            for dependency: TaskID in record.specification.dependencies where state.tasks[dependency] != nil {
                state.dependents[dependency, default: Dependents()].append(id, life: task.life)
                state.tasks[dependency]?.isAwaited = true
            }
        }
        if let deadline: Instant = record.specification.deadline { state.timers.set(.taskDeadline(id), at: deadline) }
    }

    /// Refuses another live task where there are too many.
    func requireRoom(forTaskOf weight: Int) throws(Rejection) {
        let limit: Int = configuration.limits.liveTasks
        guard state.tasks.count < limit else { throw .limitReached("live tasks", limit: limit) }
        let bytes: Int = configuration.limits.liveTaskBytes
        guard state.liveWeight + weight <= bytes else { throw .limitReached("bytes of live tasks", limit: bytes) }
    }

    /// The token of an attempt acts on its own task and on nothing else.
    func requireWholeReach(_ principal: Principal, for permission: Permissions) throws(Rejection) {
        guard principal.task == nil else { throw .forbidden(permission) }
    }

    /// A task that is live or ended in this batch.
    private func currentTask(_ id: TaskID) -> TaskRecord? { state.tasks[id]?.record ?? terminalTask(id) }

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
        var issues: [Rejection.Issue] = []
        for (index, dependency) in dependencies.enumerated() {
            let expected: String
            if dependency == id {
                expected = "another task: a task cannot wait for itself"
            } else if !seen.insert(dependency).inserted {
                expected = "each task id only once"
            } else if let known: TaskRecord = state.tasks[dependency]?.record ?? terminalTask(dependency),
                principal.reaches(task: known.id, project: known.specification.project)
            {
                continue
            } else {
                expected = "the id of an existing task"
            }
            issues.append(
                Rejection.Issue(field: "dependencies.\(index)", value: dependency.rawValue, expected: expected))
        }
        if let rejection = Rejection(issues: issues) { throw rejection }
    }

    func projectOfNewTask(_ wanted: String?, by principal: Principal) -> String? {
        if let wanted, principal.reaches(project: wanted) { return wanted }
        return principal.projects.count == 1 ? principal.projects.first : nil
    }

    mutating func cancelTask(_ id: TaskID, reason: String?, by principal: Principal) throws(Rejection) -> Reply {
        #if EngineFaults
        if !EngineFault.uncheckedPermission.isOn { try principal.require(.tasksCancel) }
        #else
        try principal.require(.tasksCancel)
        #endif
        guard let task: TaskRecord = state.tasks[id]?.record else {
            let ended: TaskRecord = try reachable(terminalTask(id), id: id, by: principal)
            guard ended.status == .cancelled else { throw alreadyEnded(ended) }
            return .task(ended)
        }
        _ = try reachable(task, id: id, by: principal)
        cancel(task, reason: reason, by: principal.subject)
        if let live: TaskRecord = state.tasks[id]?.record { return .task(live) }
        return .task(try reachable(terminalTask(id), id: id, by: principal))
    }

    /// Ends a live task, at once or as soon as its attempt has stopped.
    mutating func cancel(_ task: TaskRecord, reason: String?, by subject: String? = nil) {
        let id: TaskID = task.id
        guard task.state.holdsAgent else {
            return endTask(id, as: .cancelled, failure: nil, reason: reason, by: subject)
        }
        guard task.state.cancellation == nil else { return }
        state.tasks[id]?.record.state.cancellation = .requested
        state.cancelRequests[id] = EngineState.CancelRequest(subject: subject, reason: reason)
        state.tasks[id]?.record.state.step = "cancelling"
        if task.state.isSuspended { continueAttempt(id) }
        touch(id)
        emitTaskNow(.cancelRequested, id, reason: reason)
        #if EngineFaults
        if EngineFault.deafCancel.isOn { return }
        #endif
        batch.effects.append(.stopAttempt(AttemptID(task: id, number: task.state.attempt), .cancelled))
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
        try requireRoom(forTaskOf: task.origin.weight)
        try checkAddressee(of: task.specification)
        if let deadline: Instant = task.specification.deadline, deadline <= state.now {
            throw .conflict(reason: "deadline_passed", message: "The deadline of task \(id) has passed")
        }
        if let failure: TaskFailure = reachedCeiling(of: task) {
            throw .conflict(
                reason: "budget_exhausted", message: "Task \(id) cannot be tried again: \(failure.message)")
        }
        let open: [TaskID] = task.specification.dependencies.filter { state.tasks[$0] != nil }
        var fresh = TaskState(
            status: open.isEmpty ? .queued : .pending, priority: task.state.priority, updatedAt: state.now)
        fresh.attempt = task.state.attempt
        fresh.causes = task.state.causes
        fresh.spent = task.state.spent
        // Whether its time had come stays known: those that follow it are made once.
        fresh.queuedAt = task.state.queuedAt
        task.state = fresh
        let start: Instant? = scheduledStart(of: task)
        task.state.notBefore = start
        if open.isEmpty {
            if start != nil { task.state.status = .scheduled } else { task.state.queuedAt = state.now }
        }
        begin(task, openDependencies: open.count)
        // An execution that still goes on has to do with it again.
        noteHoldOfExecution(of: task, isUnderWay: false)
        if open.isEmpty, let start { state.timers.set(.taskRetry(id), at: start) }
        emitTask(.restarted, task)
        if open.isEmpty, start == nil { enqueue(id) }
        return .task(currentTask(id) ?? task)
    }

    /// A task that ended in this very batch is live again: the batch must not store its ended form.
    ///
    /// - Returns: Whether it ended in this batch.
    private mutating func forgetEnding(of id: TaskID) -> Bool {
        guard !ended.isEmpty, let index: Int = ended.removeValue(forKey: id) else { return false }
        batch.tasks.remove(at: index)
        for (other, position) in ended where position > index { ended[other] = position - 1 }
        return true
    }

    mutating func changePriority(
        of id: TaskID, to priority: Priority, reason: String?, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.state.priority != priority else { return .task(task) }
        state.tasks[id]?.record.state.priority = priority
        touch(id)
        #if EngineFaults
        if EngineFault.silentChange.isOn { return .task(task) }
        #endif
        emitTaskNow(.priorityChanged, id, reason: reason)
        if task.status == .queued {
            withdraw(id)
            enqueue(id)
        }
        return .task(state.tasks[id]?.record ?? task)
    }

    mutating func pauseTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.status != .paused else { return .task(task) }
        try requireNoStop(of: task)
        pause(task)
        return .task(state.tasks[id]?.record ?? task)
    }

    /// Pauses a task that is not paused, and whose attempt is not being stopped.
    mutating func pause(_ task: TaskRecord) {
        let id: TaskID = task.id
        if task.state.holdsAgent {
            state.tasks[id]?.suspend(at: state.now)
            runningChanged(of: id)
            batch.effects.append(.suspendAttempt(AttemptID(task: id, number: task.state.attempt), true))
        }
        withdraw(id)
        state.tasks[id]?.record.state.status = .paused
        touch(id)
        emitTaskNow(.paused, id)
    }

    mutating func resumeTask(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try liveTask(id, by: principal)
        guard task.status == .paused else {
            throw .conflict(reason: "not_paused", message: "Task \(id) is \(task.status.name), not paused")
        }
        try requireNoStop(of: task)
        if task.state.isSuspended {
            continueSuspended(task)
        } else {
            waitAgain(task)
        }
        return .task(state.tasks[id]?.record ?? task)
    }

    /// Lets a paused task without an attempt go on waiting.
    mutating func waitAgain(_ task: TaskRecord) {
        let id: TaskID = task.id
        let isBackingOff: Bool = task.state.notBefore.map { $0 > state.now } ?? false
        let waits: Bool = (state.tasks[id]?.openDependencies ?? 0) > 0
        let start: Instant? = scheduledStart(of: task)
        state.tasks[id]?.record.state.status =
            waits ? .pending : start != nil ? .scheduled : isBackingOff ? .retrying : .pending
        if !waits, let start { state.tasks[id]?.record.state.notBefore = start }
        touch(id)
        emitTaskNow(.resumed, id)
        makeRunnable(id)
    }

    /// Lets the suspended attempt of a task that is not being stopped go on.
    mutating func continueSuspended(_ task: TaskRecord) {
        continueAttempt(task.id)
        touch(task.id)
        emitTaskNow(.resumed, task.id)
        batch.effects.append(.suspendAttempt(AttemptID(task: task.id, number: task.state.attempt), false))
    }

    /// Refuses when the task's attempt is being stopped.
    private func requireNoStop(of task: TaskRecord) throws(Rejection) {
        guard task.state.cancellation == nil else {
            throw .conflict(reason: "cancelling", message: "Task \(task.id) is being cancelled")
        }
        if let failure: TaskFailure = state.tasks[task.id]?.pendingFailure {
            throw .conflict(reason: "stopping", message: "Task \(task.id) is being stopped: \(failure.message)")
        }
    }

    /// Lets a suspended attempt go on, and its time too.
    private mutating func continueAttempt(_ id: TaskID) {
        guard let attempt: Int = state.tasks[id]?.record.state.attempt else { return }
        if let due: Instant = state.tasks[id]?.resume(at: state.now) {
            state.timers.set(.attemptTimeout(AttemptID(task: id, number: attempt)), at: due)
        }
        runningChanged(of: id)
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
    func reachable(_ task: TaskRecord?, id: TaskID, by principal: Principal) throws(Rejection) -> TaskRecord {
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
        if state.tasks[id]?.touch(at: state.now, in: batchNumber) == true { changedTasks.append(id) }
    }

    mutating func emitTaskNow(_ kind: TaskEvent.Kind, _ id: TaskID, reason: String? = nil) {
        guard let task: TaskRecord = state.tasks[id]?.record else { return }
        emitTask(kind, task, reason: reason)
    }
}
