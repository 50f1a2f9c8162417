internal import Synchronization

/// The one writer: takes commands from everywhere, lets the engine decide, makes the decisions durable, and tells the world.
///
/// It drains its mailbox, applies what it found, commits once, shows the result in ``view``, publishes the events on
/// ``events``, answers, and only then has the effects carried out. Batching comes by itself under load; an idle
/// orchestrator commits each command at once.
public actor Orchestrator {
    /// What queries read.
    public nonisolated let view: CommittedView
    /// What subscribers follow.
    public nonisolated let events: EventBus
    private nonisolated let mailbox: Mailbox
    private nonisolated let executor: any OrchestratorExecutor
    /// Why nothing can be stored; `nil` while it can.
    private nonisolated let failure = Mutex<JournalError?>(nil)
    /// What it has done, counted on its executor.
    package nonisolated let measures = OrchestratorMeasures()
    private let journal: any Journal
    private let runtime: any AgentRuntime
    private let time: any TimeSource
    private let ids: any IDSource
    private let configuration: EngineConfiguration
    private var engine: Engine
    /// Reports that could not be stored yet.
    private var postponed = PostponedReports()
    private var retryDelay: Milliseconds = 250
    /// When the time source has been asked to wake it, the next time last: an earlier one is asked for, a later one never.
    private var pendingWakes: [Instant] = []

    /// How the orchestrator fares.
    public enum Condition: Sendable, Hashable {
        case ready
        /// Nothing can be stored; writes are refused, reads go on. The text says why.
        case degraded(String)
    }

    /// At most so many commands share a commit, so that the first of them does not wait for ever.
    private static let batchLimit: Int = 1_024
    /// Bytes of data that share a commit, so that no row and no transaction becomes too large.
    private static let batchWeightLimit: Int = 16 << 20

    /// Loads what the journal holds, and takes over.
    ///
    /// - Parameters:
    ///   - configuration: What an operator may set.
    ///   - journal: Where decisions are kept.
    ///   - runtime: What carries out effects.
    ///   - time: The clock.
    ///   - ids: Where identifiers get their randomness from.
    ///   - history: What subscribers read older events from; the journal itself when it is one.
    ///   - executor: Where the orchestrator runs; its own place in the shared pool when `nil`.
    ///   - recovered: What the journal holds, where it has been loaded already.
    /// - Throws: ``JournalError`` when what is stored cannot be read.
    public init(
        configuration: EngineConfiguration = EngineConfiguration(), journal: any Journal, runtime: any AgentRuntime,
        time: any TimeSource, ids: any IDSource = SystemIDSource(), history: (any History)? = nil,
        executor: (any OrchestratorExecutor)? = nil, recovered: RecoveredState? = nil
    ) throws(JournalError) {
        let loaded: RecoveredState
        if let recovered { loaded = recovered } else { loaded = try journal.load() }
        var engine = Engine(configuration: configuration, seed: ids.random())
        try engine.loadAll(loaded, at: time.now())
        self.configuration = configuration
        self.journal = journal
        self.runtime = runtime
        self.time = time
        self.ids = ids
        self.engine = engine
        self.executor = executor ?? PooledExecutor()
        mailbox = Mailbox(limit: configuration.limits.waitingCommands)
        view = CommittedView(loaded)
        events = EventBus(lastSequence: loaded.lastSequence, history: history ?? journal as? any History)
    }

    /// The executor that it was made with.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Ends what an earlier run left under way, and begins to work.
    ///
    /// - Throws: ``Rejection/unavailable(_:)`` when the journal cannot be written.
    public func start() async throws(Rejection) {
        runtime.connect(self)
        _ = try await submit(.recover, as: .system)
    }

    /// Carries out a command; returns when its outcome is durable and visible.
    ///
    /// - Throws: ``Rejection`` when it is refused.
    public nonisolated func submit(_ command: Command, as principal: Principal) async throws(Rejection) -> Reply {
        let result: Result<Reply, Rejection> = await withCheckedContinuation { continuation in
            submit([Submission(request: Request(command, from: principal), target: .continuation(continuation))])
        }
        return try result.get()
    }

    /// Hands over commands that came together, and never waits.
    ///
    /// Their answers go to the targets, on the orchestrator's executor.
    package nonisolated func submit(_ submissions: [Submission]) {
        let acceptance: Mailbox.Acceptance = mailbox.append(submissions)
        if !acceptance.refused.isEmpty {
            executor.execute { [self] in
                assumeIsolated {
                    let limit: Int = $0.configuration.limits.waitingCommands
                    $0.refuse(acceptance.refused, because: .limitReached("waiting commands", limit: limit))
                }
            }
        }
        if acceptance.needsDrain { executor.execute { [self] in assumeIsolated { $0.drain() } } }
    }

    /// How the orchestrator fares; from any thread.
    public nonisolated var currentCondition: Condition {
        failure.withLock { $0 }.map { .degraded($0.summary) } ?? .ready
    }

    /// Commands that wait for it, from any thread.
    package nonisolated var waitingCommands: Int { mailbox.count }

    /// Deletes what is past its retention, a bounded amount a turn so that commands get their turn in between.
    package nonisolated func discardExpired() {
        executor.execute { [self] in
            let hasMore: Bool = assumeIsolated { orchestrator in
                do throws(JournalError) {
                    return try orchestrator.journal.discardExpired(at: orchestrator.time.now())
                } catch {
                    // The next commit finds out what is wrong with the journal.
                    return false
                }
            }
            if hasMore { discardExpired() }
        }
    }

    /// Looks at the engine, for tests; on the orchestrator's executor.
    package func inspect<Value>(_ body: (Engine) -> Value) -> Value { body(engine) }

    // MARK: Turns

    private func drain() {
        while let submissions: [Submission] = mailbox.take(
            atMost: Orchestrator.batchLimit, weighing: Orchestrator.batchWeightLimit)
        { turn(submissions) }
    }

    private func turn(_ submissions: [Submission]) {
        if let failure: JournalError = failure.withLock({ $0 }) {
            for submission: Submission in submissions where submission.isReport { postponed.append(submission) }
            refuse(submissions.filter { !$0.isReport }, because: failure.rejection)
            return
        }
        do throws(JournalError) {
            try commit(submissions)
        } catch {
            fail(submissions, error)
        }
    }

    private func commit(_ submissions: [Submission]) throws(JournalError) {
        let now: Instant = time.now()
        var replies = ReplyBatch()
        var heartbeats: [AgentID] = []
        let span: Span<Submission> = submissions.span
        for index in span.indices {
            try recall(for: span[index].request.command)
            if case .agentsAlive(let agents) = span[index].request.command { heartbeats += agents }
            do throws(Rejection) {
                replies.add(.success(try engine.apply(span[index].request, at: now)), for: span[index].target)
            } catch {
                replies.add(.failure(error), for: span[index].target)
            }
        }
        if let due: Instant = engine.nextDue, due <= now {
            for id: TaskID in look({ $0.missing(atTick: now) }) {
                if let task: TaskRecord = try storedTask(id), task.status.isTerminal { engine.recall(task) }
            }
            do throws(Rejection) {
                _ = try engine.apply(Request(.tick, from: .system), at: now)
            } catch {
                preconditionFailure("a tick cannot be refused")
            }
        }
        let batch: Batch = engine.takeBatch()
        let effects: [Effect] = try completed(batch)
        if !batch.isEmpty {
            try journal.append(batch)
            view.apply(batch)
            events.publish(batch.events)
        }
        if !heartbeats.isEmpty { view.heard(from: heartbeats, at: now) }
        measures.note(replies)
        replies.deliver()
        if !effects.isEmpty { runtime.perform(effects) }
        armTimer()
    }

    /// Makes stored tasks known to the engine that a command names: the task itself, then what it depends on.
    private func recall(for command: Command) throws(JournalError) {
        for _ in 0..<2 {
            let missing: [TaskID] = look { $0.missing(for: command) }
            guard !missing.isEmpty else { break }
            for id: TaskID in missing {
                if let task: TaskRecord = try storedTask(id), task.status.isTerminal { engine.recall(task) }
            }
        }
        // What is missing may depend on what has been found.
        for _ in 0..<2 {
            let missing: [Engine.StoredReference] = look { $0.missingEntities(for: command) }
            guard !missing.isEmpty else { break }
            for reference: Engine.StoredReference in missing {
                for row: EntityRow in try storedEntities(reference) {
                    do throws(RecordCodingError) {
                        try engine.recall(row)
                    } catch {
                        throw .corrupt("\(row.kind) \(row.number) is damaged")
                    }
                }
            }
        }
    }

    /// Looks something up in the engine where it is: to read the property would be to copy all of it.
    private func look<Value>(_ body: (inout Engine) -> Value) -> Value { body(&engine) }

    private func storedEntities(_ reference: Engine.StoredReference) throws(JournalError) -> [EntityRow] {
        switch reference {
        case .entity(let kind, let id):
            return try journal.entity(kind, id: id).map { [$0] } ?? []
        case .children(let kind, let parent):
            var query = EntityQuery(kind)
            query.parent = parent
            query.isOldestFirst = true
            query.limit = .max
            return try journal.entities(query).rows
        }
    }

    private func storedTask(_ id: TaskID) throws(JournalError) -> TaskRecord? {
        if let task: TaskRecord = view.task(id) { return task }
        return try journal.task(id)
    }

    /// The batch's effects; launches with what the tasks they depend on have produced.
    private func completed(_ batch: Batch) throws(JournalError) -> [Effect] {
        var completed: [Effect] = batch.effects
        /// What the batch itself holds; only worked out when a launch needs it.
        var fresh: [TaskID: TaskRecord]?
        for (index, effect) in batch.effects.enumerated() {
            guard case .startAttempt(var launch) = effect, !launch.task.specification.dependencies.isEmpty else {
                continue
            }
            if fresh == nil { fresh = Dictionary(batch.tasks.map { ($0.id, $0) }) { $1 } }
            for dependency: TaskID in launch.task.specification.dependencies {
                var task: TaskRecord? = fresh?[dependency]
                if task == nil { task = try storedTask(dependency) }
                launch.inputs.append(AttemptInput(task: dependency, result: task?.state.result))
            }
            completed[index] = .startAttempt(launch)
        }
        return completed
    }

    private func armTimer() {
        guard let due: Instant = engine.nextDue else { return }
        if let next: Instant = pendingWakes.last, next <= due { return }
        pendingWakes.append(due)
        time.wake(at: due) { [weak self] in self?.wake(for: due) }
    }

    private nonisolated func wake(for due: Instant) {
        executor.execute { [self] in
            assumeIsolated { orchestrator in
                orchestrator.pendingWakes.removeAll { $0 == due }
                orchestrator.turn([])
            }
        }
    }

    // MARK: When nothing can be stored

    /// The engine is ahead of its journal: goes back to what is stored, and refuses writes until storing works again.
    private func fail(_ submissions: [Submission], _ error: JournalError) {
        failure.withLock { $0 = error }
        for submission: Submission in submissions where submission.isReport { postponed.append(submission) }
        refuse(submissions.filter { !$0.isReport }, because: error.rejection)
        let delay: Milliseconds = retryDelay
        retryDelay = Milliseconds(min(retryDelay.count * 2, 2_000))
        time.wake(at: time.now() + delay) { [weak self] in self?.tryAgain() }
    }

    private nonisolated func tryAgain() {
        executor.execute { [self] in assumeIsolated { $0.resume() } }
    }

    private func resume() {
        var waiting: ArraySlice<Submission> = postponed.take()[...]
        do throws(JournalError) {
            var fresh = Engine(configuration: configuration, seed: ids.random())
            // The clock may have been set back meanwhile.
            try fresh.loadAll(try journal.load(), at: max(time.now(), engine.state.now))
            fresh.adopt(runOf: engine)
            engine = fresh
            let recovery = SystemEvent(
                type: "resource_alert", data: JSONText(trusted: Array(#"{"storage":"writable"}"#.utf8)))
            let note = Submission(request: Request(.announce(recovery), from: .system), target: .none)
            try commit([note])
            while !waiting.isEmpty {
                var weight: Int = 0
                let count: Int = waiting.prefix(Orchestrator.batchLimit).prefix { (submission: Submission) in
                    weight += submission.request.command.weight
                    return weight <= Orchestrator.batchWeightLimit
                }.count
                let share: ArraySlice<Submission> = waiting.prefix(max(1, count))
                try commit(Array(share))
                waiting.removeFirst(share.count)
            }
            failure.withLock { $0 = nil }
            retryDelay = 250
        } catch {
            fail(Array(waiting), error)
        }
    }

    private func refuse(_ submissions: [Submission], because rejection: Rejection) {
        var replies = ReplyBatch()
        for submission: Submission in submissions { replies.add(.failure(rejection), for: submission.target) }
        measures.note(replies)
        replies.deliver()
    }
}

extension Orchestrator: ReportSink {
    /// Takes reports from the runtime, from any thread; they are kept until they can be stored.
    public nonisolated func report(_ commands: [Command]) {
        submit(commands.map { Submission(request: Request($0, from: .system), target: .none) })
    }
}

extension Engine {
    /// Takes over everything that a journal holds.
    fileprivate mutating func loadAll(_ recovered: RecoveredState, at now: Instant) throws(JournalError) {
        load(recovered, at: now)
        do throws(RecordCodingError) {
            try loadEntities(recovered)
        } catch {
            throw .corrupt("a stored entity is damaged")
        }
    }
}

extension JournalError {
    /// For clients: what is wrong, without paths.
    public var summary: String {
        switch self {
        case .unavailable: "Storage is not available at the moment"
        case .full: "The disk is full"
        case .corrupt: "Stored data is damaged"
        case .newerVersion: "Stored data was made by a newer version"
        case .locked: "Storage is in use by another process"
        }
    }

    /// What whoever wanted something stored is told.
    var rejection: Rejection {
        if case .full = self { .diskFull(summary) } else { .unavailable(summary) }
    }
}
