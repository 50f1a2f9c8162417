/// What may be done about tasks whose attempts are used up.
extension Engine {
    /// Starts a dead letter over; or creates a task with what was changed of its specification, and takes the dead letter,
    /// which says what became of it, off the list.
    mutating func requeueDeadLetter(
        _ id: TaskID, as edited: TaskSpecification?, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        _ = try deadLetter(id, by: principal)
        guard let edited else { return try retryTask(id, by: principal) }
        var wanted: TaskSpecification = edited
        // Its time has passed, and what follows it has been made.
        if let time: Instant = wanted.schedule?.time, time <= state.now { wanted.schedule = nil }
        let reply: Reply = try createTask(wanted, id: nil, idempotency: nil, by: principal)
        guard case .task(let task) = reply else { preconditionFailure("a creation without a key makes a task") }
        let settled: TaskRecord? = changeEnded(id) { (state: inout TaskState) in
            state.isDeadLetter = false
            state.requeuedAs = task.id
        }
        if let settled { emitTask(.discarded, settled) }
        return .task(task)
    }

    mutating func discardDeadLetter(_ id: TaskID, by principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        let task: TaskRecord = try deadLetter(id, by: principal)
        let settled: TaskRecord? = changeEnded(id) { $0.isDeadLetter = false }
        if let settled { emitTask(.discarded, settled) }
        return .task(settled ?? task)
    }

    mutating func settleDeadLetters(
        _ ids: [TaskID], _ settlement: DeadLetterSettlement, by principal: Principal
    ) throws(Rejection) -> Reply {
        try principal.require(.tasksUpdate)
        try requireWholeReach(principal, for: .tasksUpdate)
        let limit: Int = configuration.limits.bulk
        guard ids.count <= limit else {
            throw .invalid(
                Rejection.Issue(field: "taskIds", value: "\(ids.count) entries", expected: "at most \(limit) task ids"))
        }
        var outcomes: [TaskOutcome] = []
        outcomes.reserveCapacity(ids.count)
        for id: TaskID in ids {
            do throws(Rejection) {
                let reply: Reply
                switch settlement {
                case .requeue: reply = try requeueDeadLetter(id, as: nil, by: principal)
                case .discard: reply = try discardDeadLetter(id, by: principal)
                }
                guard case .task(let task) = reply else { preconditionFailure("both answer with the task") }
                outcomes.append(TaskOutcome(id: id, result: .success(task)))
            } catch {
                outcomes.append(TaskOutcome(id: id, result: .failure(error)))
            }
        }
        return .outcomes(outcomes)
    }

    // MARK: Pieces

    private func deadLetter(_ id: TaskID, by principal: Principal) throws(Rejection) -> TaskRecord {
        let task: TaskRecord = try reachable(state.tasks[id]?.record ?? terminalTask(id), id: id, by: principal)
        guard task.state.isDeadLetter else {
            throw .conflict(
                reason: "not_dead_letter", message: "Task \(id) is \(task.status.name) and no dead letter")
        }
        return task
    }

    /// Changes a task that has ended and stays so; it is stored with the batch.
    private mutating func changeEnded(_ id: TaskID, _ body: (inout TaskState) -> Void) -> TaskRecord? {
        guard var task: TaskRecord = terminalTask(id) else { return nil }
        body(&task.state)
        task.state.updatedAt = state.now
        if let index: Int = ended[id] {
            batch.tasks[index] = task
        } else {
            ended[id] = batch.tasks.count
            batch.tasks.append(task)
        }
        return task
    }

    // MARK: What has to be known first

    /// The stored tasks that requeueing this one refers to.
    func missing(for id: TaskID, as edited: TaskSpecification?) -> [TaskID] {
        guard knows(id) else { return [id] + (edited?.dependencies.filter { !knows($0) } ?? []) }
        let dependencies: [TaskID]? = edited?.dependencies ?? terminalTask(id)?.specification.dependencies
        return dependencies?.filter { !knows($0) } ?? []
    }

    /// The stored tasks that settling these refers to.
    func missing(for ids: [TaskID], _ settlement: DeadLetterSettlement) -> [TaskID] {
        guard ids.count <= configuration.limits.bulk else { return [] }
        return ids.flatMap { (id: TaskID) -> [TaskID] in
            switch settlement {
            case .requeue: missing(for: id, as: nil)
            case .discard: knows(id) ? [] : [id]
            }
        }
    }
}
