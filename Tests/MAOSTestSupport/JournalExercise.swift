package import MAOSCore

/// What every journal must do, whatever it keeps its records in.
///
/// A failure is an ``ExerciseFailure`` that says what was expected.
package struct JournalExercise {
    private let open: () throws -> any Journal
    private var samples: RecordSamples
    private var journal: any Journal
    private var sequence: UInt64 = 0
    private var now = Instant(milliseconds: 1_750_000_000_000)

    /// Runs all checks on a journal that is empty at first.
    ///
    /// - Parameter open: Opens the journal; called again for every restart, when it must find what was stored.
    /// - Throws: The first ``ExerciseFailure``, or the journal's own error.
    package static func run(opening open: @escaping () throws -> any Journal) throws {
        var exercise = JournalExercise(open: open, samples: RecordSamples(seed: 7), journal: try open())
        try exercise.emptyJournal()
        try exercise.creation()
        try exercise.changes()
        try exercise.idempotency()
        try exercise.agents()
        try exercise.restarts()
        try exercise.retention()
    }

    private init(open: @escaping () throws -> any Journal, samples: RecordSamples, journal: any Journal) {
        self.open = open
        self.samples = samples
        self.journal = journal
    }

    // MARK: - Checks

    private func emptyJournal() throws {
        let state: RecoveredState = try journal.load()
        try expect(
            state.tasks.isEmpty && state.agents.isEmpty && state.idempotency.isEmpty, "an empty journal is empty")
        try expect(
            state.lastSequence == 0 && state.lastTaskNumber == 0 && state.lastAgentNumber == 0,
            "an empty journal begins before 1")
        try expect(state.taskCounts.values.allSatisfy { $0 == 0 }, "an empty journal counts nothing")
        try expect(try journal.task(TaskID(unchecked: "nobody")) == nil, "an unknown task is none")
        try journal.append(Batch(time: now))
    }

    private mutating func creation() throws {
        let tasks: [TaskRecord] = (1...20).map { (number: UInt64) in
            samples.task("task-\(number)", number: number, at: now, status: number <= 15 ? .queued : .completed)
        }
        try append(tasks: tasks)
        let state: RecoveredState = try journal.load()
        try expect(
            state.tasks == Array(tasks.prefix(15)), "tasks that are not terminal are loaded in order of creation")
        try expect(state.lastTaskNumber == 20, "terminal tasks count for the last number")
        try expect(state.lastSequence == 20, "the last sequence number is the newest event's")
        try expect(state.taskCounts[.queued] == 15 && state.taskCounts[.completed] == 5, "counts are by status")
        for task: TaskRecord in tasks {
            try expect(try journal.task(task.id) == task, "\(task.id) reads as it was written")
        }
    }

    private mutating func changes() throws {
        var changed: [TaskRecord] = []
        for (number, status) in [(1, TaskStatus.running), (2, .failed), (3, .queued), (17, .queued)] {
            guard var task: TaskRecord = try journal.task(TaskID(unchecked: "task-\(number)")) else {
                throw ExerciseFailure(expected: "task-\(number) is there")
            }
            task.state.status = status
            task.state.priority = .critical
            task.state.progress = 0.25
            task.state.finishedAt = status.isTerminal ? now : nil
            changed.append(task)
        }
        try append(tasks: changed)
        let state: RecoveredState = try journal.load()
        try expect(state.taskCounts[.running] == 1, "a changed task counts under its new status")
        try expect(state.taskCounts[.queued] == 14, "a changed task does not count under its old status")
        try expect(state.taskCounts[.failed] == 1 && state.taskCounts[.completed] == 4, "terminal ones neither")
        try expect(state.tasks.map(\.number) == [1] + (3...15) + [17], "a task that starts over is loaded again")
        for task: TaskRecord in changed {
            try expect(try journal.task(task.id) == task, "a change of \(task.id) reads as it was written")
        }
    }

    private mutating func idempotency() throws {
        let made: [Creation] = [
            .task(TaskID(unchecked: "task-1")), .execution(ExecutionID(unchecked: "e")),
            .schedule(ScheduleID(unchecked: "s")), .pool(PoolID(unchecked: "p")),
        ]
        let entries: [IdempotencyEntry] = made.enumerated().map { (number, made) in
            IdempotencyEntry(
                subject: "somebody",
                key: IdempotencyKey(key: "key-\(number)", fingerprint: UInt64.max - UInt64(number)),
                made: made, expires: now + .seconds(3_600))
        }
        var batch = Batch(time: now)
        batch.idempotency = entries
        try journal.append(batch)
        try expect(try journal.load().idempotency == entries, "requests are remembered in order")
    }

    private mutating func agents() throws {
        let first: AgentRecord = samples.agent("agent-1", number: 1, at: now, status: .idle)
        let second: AgentRecord = samples.agent("agent-2", number: 2, at: now, status: .busy)
        try append(agents: [first, second])
        try expect(try journal.load().agents == [first, second], "agents read as they were written")
        var ended: AgentRecord = second
        ended.state.status = .terminated
        ended.state.terminatedAt = now
        try append(agents: [ended])
        let state: RecoveredState = try journal.load()
        try expect(state.agents == [first], "a terminated agent is not loaded")
        try expect(state.lastAgentNumber == 2, "it counts for the last number")
        let again: AgentRecord = samples.agent("agent-2", number: 3, at: now, status: .ready)
        try append(agents: [again])
        try expect(try journal.load().agents == [first, again], "its identifier may be used again")
    }

    private mutating func restarts() throws {
        let before: RecoveredState = try journal.load()
        journal = try open()
        let after: RecoveredState = try journal.load()
        try expect(after.tasks == before.tasks && after.agents == before.agents, "a restart changes no record")
        try expect(after.taskCounts == before.taskCounts, "a restart changes no count")
        try expect(after.idempotency == before.idempotency, "a restart forgets no request")
        try expect(
            after.lastSequence == before.lastSequence && after.lastTaskNumber == before.lastTaskNumber
                && after.lastAgentNumber == before.lastAgentNumber, "a restart changes no counter")
        let task: TaskRecord = samples.task("after", number: after.lastTaskNumber + 1, at: now, status: .queued)
        try append(tasks: [task])
        try expect(try journal.load().tasks.last == task, "after a restart it goes on")
    }

    private mutating func retention() throws {
        let before: RecoveredState = try journal.load()
        let later: Instant = now + .seconds(1_000 * 86_400)
        var calls = 0
        while try journal.discardExpired(at: later) {
            calls += 1
            try expect(calls < 1_000, "deleting ends")
        }
        let after: RecoveredState = try journal.load()
        try expect(after.tasks == before.tasks && after.agents == before.agents, "what is live has no end of retention")
        try expect(after.idempotency.isEmpty, "requests are forgotten in time")
        try expect(
            after.lastSequence == before.lastSequence && after.lastTaskNumber == before.lastTaskNumber
                && after.lastAgentNumber == before.lastAgentNumber, "numbers are never given twice")
        let task: TaskRecord = samples.task("late", number: after.lastTaskNumber + 1, at: later, status: .queued)
        try append(tasks: [task])
    }

    // MARK: - Steps

    private mutating func append(tasks: [TaskRecord] = [], agents: [AgentRecord] = []) throws {
        now = now + 5
        var batch = Batch(time: now)
        batch.tasks = tasks
        batch.agents = agents
        for task: TaskRecord in tasks {
            sequence += 1
            let event = TaskEvent(
                kind: .queued, id: task.id, taskKind: task.specification.kind, project: task.specification.project,
                state: task.state)
            batch.events.append(Event(sequence: sequence, time: now, body: .task(event)))
        }
        for agent: AgentRecord in agents {
            sequence += 1
            let event = AgentEvent(
                kind: .ready, id: agent.id, agentType: agent.specification.type, name: agent.name, state: agent.state)
            batch.events.append(Event(sequence: sequence, time: now, body: .agent(event)))
        }
        try journal.append(batch)
    }

    private func expect(_ condition: @autoclosure () throws -> Bool, _ expectation: String) throws {
        guard try condition() else { throw ExerciseFailure(expected: expectation) }
    }
}

/// What a journal did not do.
package struct ExerciseFailure: Error, CustomStringConvertible {
    /// The check that failed, as a claim.
    package var expected: String

    /// The claim that does not hold.
    package var description: String { "does not hold: \(expected)" }
}
