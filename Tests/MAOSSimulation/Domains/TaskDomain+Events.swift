import MAOSCore

/// What events promise of tasks, and what is remembered of them.
extension TaskDomain {
    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for event: Event in batch.events {
            guard case .task(let task) = event.body else { continue }
            if let record: TaskRecord = task.created { try begin(record) }
            try follow(task, at: event.time, in: world)
            if (told[task.id]?.status == .queued) != (task.state.status == .queued) {
                if task.state.status == .queued { queued.append(task.id) } else { queued.removeAll { $0 == task.id } }
            }
            told[task.id] = task.state
        }
        remembered += batch.idempotency
    }

    private mutating func begin(_ record: TaskRecord) throws(BrokenPromise) {
        try keep(
            .life, "tasks are numbered in order of creation", record.number == lastNumber + 1,
            "\(record.id) is \(record.number) after \(lastNumber)")
        lastNumber = record.number
        records[record.id] = record
    }

    /// One event in the life of a task, after those before it.
    private mutating func follow(
        _ event: TaskEvent, at time: Instant, in world: World
    ) throws(BrokenPromise) {
        let id: TaskID = event.id
        let next: TaskState = event.state
        let place: String = "\(id)#\(next.attempt) \(event.kind.name)"
        guard let before: TaskState = told[id] else {
            try keep(.life, "a task's first event is its creation", event.kind == .created, place)
            lives[id] = Life()
            return
        }
        if event.kind == .restarted {
            let mayBegin: Bool = before.status == .failed || before.status == .cancelled
            try keep(.life, "only a failed or cancelled task begins anew", mayBegin, "\(place) \(before.status.name)")
            try keep(.fenced, "attempts are counted on", next.attempt == before.attempt, place)
            lives[id] = Life()
            return
        }
        try keep(.life, "a task is created once", event.kind != .created, place)
        if event.kind == .discarded {
            return try keep(.life, "only a failed task is discarded", before.status == .failed, place)
        }
        try keep(.life, "nothing happens to an ended task", !before.status.isTerminal, "\(place) \(before.status.name)")
        try keep(
            .life, "a task has an agent while an attempt is under way",
            !next.holdsAgent || next.status.isTerminal || next.agent != nil, "\(place) \(next.status.name)")
        switch event.kind {
        case .assigned: try assigned(event, before, in: world)
        case .started, .progressed, .cancelRequested, .cancelStage:
            let isSame: Bool = before.holdsAgent && next.attempt == before.attempt
            try keep(.life, "only an attempt under way is told of", isSame, place)
        case .paused:
            // One that waits for its start may be given back by its agent while it is paused.
            let isGivenBack: Bool = before.holdsAgent && next.agent == nil
            try keep(.life, "only what is not paused is paused", before.status != .paused || isGivenBack, place)
            if next.isSuspended { suspend(id, next.attempt, at: time) }
        case .resumed:
            try keep(.life, "only what is paused is resumed", before.status == .paused, place)
            resume(id, at: time)
        case .retryScheduled: try failedOnce(event, before, at: time)
        case .interrupted:
            try keep(.life, "only an attempt under way is interrupted", before.holdsAgent, place)
            lives[id]?.interruptions += 1
            let count: Int = lives[id]?.interruptions ?? 0
            try keep(.retries, "an attempt is interrupted only so often", count <= limits.interruptions, place)
        case .completed: try completed(event, before, in: world)
        case .failed: try failed(event, at: time)
        case .cancelled: try cancelled(event, before)
        default: break
        }
    }

    private func assigned(_ event: TaskEvent, _ before: TaskState, in world: World) throws(BrokenPromise) {
        let id: TaskID = event.id
        try keep(
            .life, "only a task that waits is given to an agent", before.status == .queued, "\(id) \(before.status)")
        try keep(.fenced, "each attempt has the next number", event.state.attempt == before.attempt + 1, "\(id)")
        guard let record: TaskRecord = records[id] else { return }
        for dependency: TaskID in record.specification.dependencies {
            let status: TaskStatus? = told[dependency]?.status
            try keep(
                .dependencies, "a task runs when those it depends on have completed", status == .completed,
                "\(id): \(dependency) is \(status?.name ?? "unknown")")
        }
        for other: TaskID in queued where other != id {
            guard let rival: TaskRecord = records[other], let state: TaskState = told[other] else { continue }
            guard isRival(rival, of: record) else { continue }
            let (mine, theirs): (Int64, Int64) = (order(of: before), order(of: state))
            try keep(
                .fair, "of tasks that ask for the same the one whose turn it is goes first",
                (mine, record.number) < (theirs, rival.number), "\(id) before \(other)")
        }
    }

    /// Whether two tasks wait for the same agents in the same line, before the same gates.
    private func isRival(_ one: TaskRecord, of other: TaskRecord) -> Bool {
        let (left, right): (TaskSpecification, TaskSpecification) = (one.specification, other.specification)
        return routing[left.kind] == routing[right.kind] && left.capabilities == right.capabilities
            && left.project == right.project && left.concurrencyKey == right.concurrencyKey
            && left.agent == right.agent && one.owner == other.owner && one.team == other.team
    }

    /// Where a waiting task stands: when it was queued, minus what its priority is worth, in milliseconds.
    private func order(of state: TaskState) -> Int64 {
        let credit: Int64 =
            switch state.priority {
            case .low: 0
            case .medium: 5 * 60_000
            case .high: 30 * 60_000
            case .critical: 4 * 60 * 60_000
            }
        return (state.queuedAt?.milliseconds ?? 0) - credit
    }

    private mutating func failedOnce(_ event: TaskEvent, _ before: TaskState, at time: Instant) throws(BrokenPromise) {
        let id: TaskID = event.id
        try keep(.life, "only an attempt under way fails", before.holdsAgent, "\(id)")
        lives[id]?.failures += 1
        guard let policy: RetryPolicy = records[id]?.specification.retryPolicy, let life: Life = lives[id] else {
            return
        }
        try keep(
            .retries, "a task is tried as often as its policy has it", life.failures < policy.maximumAttempts,
            "\(id) failed \(life.failures) times, and is tried again")
        let wait: Milliseconds? = event.state.notBefore.map { $0 - time }
        let isBounded: Bool = wait.map { (0...limits.backoff.count).contains($0.count) } ?? false
        try keep(.retries, "the wait for the next attempt is bounded", isBounded, "\(id)")
    }

    private func completed(_ event: TaskEvent, _ before: TaskState, in world: World) throws(BrokenPromise) {
        let attempt = AttemptID(task: event.id, number: before.attempt)
        try keep(.life, "only an attempt under way completes", before.holdsAgent, "\(attempt)")
        try keep(
            .fenced, "a task has the result of its newest attempt",
            world.machine.outcomes[attempt] == .completed(result: event.state.result)
                && event.state.attempt == before.attempt, "\(attempt)")
    }

    private func failed(_ event: TaskEvent, at time: Instant) throws(BrokenPromise) {
        let id: TaskID = event.id
        let failure: TaskFailure? = event.state.error
        try keep(.life, "a failed task says why", failure != nil, "\(id)")
        guard let failure, let record: TaskRecord = records[id], let life: Life = lives[id] else { return }
        let policy: RetryPolicy = record.specification.retryPolicy
        switch failure.code {
        case .execution, .startFailed, .timeout, .agentLost:
            try keep(
                .retries, "a task fails when its policy has no attempts left",
                life.failures + 1 == policy.maximumAttempts, "\(id) failed \(life.failures + 1) times")
        case .deadline:
            let isOver: Bool = record.specification.deadline.map { $0 <= time } ?? false
            try keep(.stopping, "a task fails for its deadline when that has passed", isOver, "\(id)")
        case .interrupted:
            let isAllowed: Bool =
                policy.onInterruption == .fail || life.interruptions + 1 > limits.interruptions
            try keep(.retries, "an interrupted task fails when its policy has it so", isAllowed, "\(id)")
        default: break
        }
    }

    private func cancelled(_ event: TaskEvent, _ before: TaskState) throws(BrokenPromise) {
        let id: TaskID = event.id
        guard event.state.error?.code == .dependency else {
            try keep(
                .life, "an attempt under way is asked to stop before its task is cancelled",
                !before.holdsAgent || before.cancellation != nil, "\(id)")
            return
        }
        let hasFailed: Bool =
            records[id]?.specification.dependencies.contains { (dependency: TaskID) in
                told[dependency]?.status == .failed || told[dependency]?.status == .cancelled
            } ?? false
        try keep(.dependencies, "a task ends with one that it depends on", hasFailed, "\(id)")
    }

    private mutating func suspend(_ id: TaskID, _ attempt: Int, at time: Instant) {
        var entry = suspensions[id] ?? (attempt, nil, 0)
        if entry.attempt != attempt { entry = (attempt, nil, 0) }
        entry.since = time
        suspensions[id] = entry
    }

    private mutating func resume(_ id: TaskID, at time: Instant) {
        guard let entry = suspensions[id], let since: Instant = entry.since else { return }
        suspensions[id] = (entry.attempt, nil, Milliseconds(entry.total.count + (time - since).count))
    }
}
