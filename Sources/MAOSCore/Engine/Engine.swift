/// The only writer of ``EngineState``: commands in; events, effects and changed records out; nothing else.
///
/// A value without clock, I/O, locks or randomness of its own: the same commands at the same times with the same seed give
/// the same bytes. A command is checked first, against the principal and the state, and may be refused; from then on it
/// cannot fail. What the commands of a batch bring about is collected until ``takeBatch()``.
package struct Engine: Sendable {
    package internal(set) var state: EngineState
    package let configuration: EngineConfiguration
    var random: SeededRandom
    var batch = Batch(time: Instant(milliseconds: 0))
    /// Live tasks noted in this batch, in order of their first change.
    var changedTasks: [TaskID] = []
    /// Agents noted in this batch, in order of their first change.
    var changedAgents: [AgentID] = []
    /// Agents whose tasks the current command changed.
    var agentsWithNewWork: [AgentID] = []
    /// Whether the current command may have left tasks waiting for agents that could be made.
    var hasNewDemand = false
    /// Pools that lost agents in the current command.
    var poolsToServe: [PoolID] = []
    /// Schedules of which a run ended in the current command.
    var endedRuns: [ScheduleID] = []
    /// Tasks that ended in this batch: where in the batch they stand.
    var ended: [TaskID: Int] = [:]
    var batchNumber: UInt64 = 1
    /// For an engine that follows this one when a batch cannot be stored.
    var coordinationMarks = CoordinationMarks()
    /// Terminal tasks that commands of this batch name; read from the journal beforehand.
    var recalled: [TaskID: TaskRecord] = [:]

    /// An engine that knows nothing yet; the seed decides its identifiers and waits.
    package init(configuration: EngineConfiguration, seed: UInt64) {
        self.configuration = configuration
        state = EngineState(configuration: configuration)
        random = SeededRandom(seed: seed)
    }

    /// When the engine next wants a ``Command/tick``.
    package var nextDue: Instant? { state.timers.nextDue }

    /// The tasks that are not terminal, in order of creation; O(n log n).
    package var liveTasks: [TaskRecord] { state.tasks.values.map(\.record).sorted { $0.number < $1.number } }

    /// The agents that are not terminated, in order of creation; O(n log n).
    package var liveAgents: [AgentRecord] { state.agents.values.map(\.record).sorted { $0.number < $1.number } }

    /// How many timers are set, those included whose reason has gone.
    package var timerCount: Int { state.timers.count }

    /// Carries out a request, or refuses it and changes nothing.
    ///
    /// - Parameters:
    ///   - request: What to do, and for whom.
    ///   - now: The time; one that is earlier than in an earlier call counts as the last one.
    /// - Returns: What came of it.
    /// - Throws: ``Rejection``, when the principal may not, or the state does not allow it.
    package mutating func apply(_ request: Request, at now: Instant) throws(Rejection) -> Reply {
        state.now = max(now, state.now)
        let principal: Principal = request.principal
        let reply: Reply
        switch request.command {
        case .createTask(let specification, let id, let idempotency):
            reply = try createTask(specification, id: id, idempotency: idempotency, by: principal)
        case .cancelTask(let id, let reason):
            reply = try cancelTask(id, reason: reason, by: principal)
        case .retryTask(let id):
            reply = try retryTask(id, by: principal)
        case .changePriority(let id, let priority, let reason):
            reply = try changePriority(of: id, to: priority, reason: reason, by: principal)
        case .pauseTask(let id):
            reply = try pauseTask(id, by: principal)
        case .resumeTask(let id):
            reply = try resumeTask(id, by: principal)
        case .explainWaiting(let id):
            reply = try explainWaiting(of: id, for: principal)
        case .requeueDeadLetter(let id, let edited):
            reply = try requeueDeadLetter(id, as: edited, by: principal)
        case .discardDeadLetter(let id):
            reply = try discardDeadLetter(id, by: principal)
        case .settleDeadLetters(let ids, let settlement):
            reply = try settleDeadLetters(ids, settlement, by: principal)
        case .spawnAgent(let specification, let id):
            reply = try spawnAgent(specification, id: id, by: principal)
        case .configureAgent(let id, let change):
            reply = try configureAgent(id, change, by: principal)
        case .pauseAgent(let id):
            reply = try pauseAgent(id, by: principal)
        case .resumeAgent(let id):
            reply = try resumeAgent(id, by: principal)
        case .terminateAgent(let id, let graceful):
            reply = try terminateAgent(id, graceful: graceful, by: principal)
        case .budget(let command):
            reply = try budget(command, by: principal)
        case .schedule(let command):
            reply = try apply(command, by: principal)
        case .workflow(let command):
            reply = try apply(command, by: principal)
        case .resource(let command):
            reply = try apply(command, by: principal)
        case .pool(let command):
            reply = try apply(command, by: principal)
        case .once(let key, let command):
            reply = try applyOnce(key, command, by: principal)
        case .agentStarted, .agentCrashed, .agentStopped, .agentsAlive, .attemptStarted, .attemptProgressed,
            .attemptUsed, .attemptStopping, .attemptEnded, .tick, .recover, .drain, .announce:
            try principal.require(.all)
            try applyReport(request.command)
            reply = .none
        }
        seeToConsequences()
        while !state.flows.exhausted.isEmpty {
            stopExhausted()
            seeToConsequences()
        }
        if !state.flows.progressed.isEmpty { followProgress() }
        setGateTimers()
        noteChangedWork()
        return reply
    }

    /// Sees to what follows from what has been done: steps that may go on, runs that may start, agents and tasks that waited.
    private mutating func seeToConsequences() {
        followTaskEnds()
        while !endedRuns.isEmpty {
            startWaitingRuns()
            followTaskEnds()
        }
        serveReopenedLanes()
        if !poolsToServe.isEmpty { servePools() }
        serveDemand()
        serveReopenedLanes()
    }

    private mutating func applyReport(_ command: Command) throws(Rejection) {
        switch command {
        case .agentStarted(let id, let process): try agentStarted(id, process: process)
        case .agentCrashed(let id, let reason): try agentCrashed(id, reason: reason)
        case .agentStopped(let id): try agentStopped(id)
        case .agentsAlive(let ids): agentsAlive(ids)
        case .attemptStarted(let id, let process): try attemptStarted(id, process: process)
        case .attemptProgressed(let id, let progress, let step):
            try attemptProgressed(id, progress: progress, step: step)
        case .attemptUsed(let id, let usage): try attemptUsed(id, usage)
        case .attemptStopping(let id, let stage): try attemptStopping(id, stage: stage)
        case .attemptEnded(let id, let outcome, let used): try attemptEnded(id, outcome: outcome, used: used)
        case .tick: fireTimers()
        case .recover:
            recover()
            recoverFlows()
        case .drain: drain()
        case .announce(let event): emit(.system(event))
        case .createTask, .cancelTask, .retryTask, .changePriority, .pauseTask, .resumeTask, .explainWaiting,
            .requeueDeadLetter,
            .discardDeadLetter, .settleDeadLetters, .spawnAgent, .configureAgent, .pauseAgent, .resumeAgent,
            .terminateAgent, .schedule, .workflow, .resource, .pool, .budget, .once:
            preconditionFailure("a client's command is not a report")
        }
    }

    // MARK: Batches

    /// Gives what has come together since the last call, and begins anew.
    package mutating func takeBatch() -> Batch {
        for id: TaskID in changedTasks {
            state.tasks.look(at: id) { if let record: TaskRecord = $0?.record { batch.tasks.append(record) } }
        }
        for id: AgentID in changedAgents {
            if let agent: AgentRecord = state.agents[id]?.record { batch.agents.append(agent) }
        }
        batch.entities = takeEntityRows()
        changedTasks.removeAll(keepingCapacity: true)
        changedAgents.removeAll(keepingCapacity: true)
        ended.removeAll(keepingCapacity: true)
        recalled.removeAll(keepingCapacity: true)
        batchNumber += 1
        coordinationMarks.note(state.coordination, at: state.lastSequence)
        batch.time = state.now
        let finished: Batch = batch
        batch = Batch(following: finished)
        return finished
    }

    /// The stored tasks that a command refers to and the engine does not hold.
    package func missing(for command: Command) -> [TaskID] {
        switch command {
        case .createTask(let specification, let id, _):
            var missing: [TaskID] = specification.dependencies.filter { !knows($0) }
            if let id, !knows(id) { missing.append(id) }
            return missing
        case .cancelTask(let id, _), .changePriority(let id, _, _), .pauseTask(let id), .resumeTask(let id),
            .explainWaiting(let id):
            return knows(id) ? [] : [id]
        case .retryTask(let id):
            guard knows(id) else { return [id] }
            return terminalTask(id)?.specification.dependencies.filter { !knows($0) } ?? []
        case .requeueDeadLetter(let id, let edited):
            return missing(for: id, as: edited)
        case .discardDeadLetter(let id):
            return knows(id) ? [] : [id]
        case .settleDeadLetters(let ids, let settlement):
            return missing(for: ids, settlement)
        default:
            return []
        }
    }

    /// Makes a stored terminal task known for the rest of the batch.
    package mutating func recall(_ task: TaskRecord) {
        precondition(task.status.isTerminal, "live tasks are never recalled")
        recalled[task.id] = task
    }

    func knows(_ id: TaskID) -> Bool {
        state.tasks[id] != nil || ended[id] != nil || recalled[id] != nil
    }

    /// A terminal task, as far as this batch knows it.
    func terminalTask(_ id: TaskID) -> TaskRecord? {
        if let index: Int = ended[id] { return batch.tasks[index] }
        return recalled[id]
    }

    // MARK: Notes

    /// Adds an event, with the next sequence number.
    mutating func emit(_ body: consuming EventBody) {
        state.lastSequence += 1
        batch.events.append(Event(sequence: state.lastSequence, time: state.now, body: body))
    }

    /// Notes that an agent changed; its record is stored with the batch.
    mutating func noteChange(of id: AgentID) {
        if state.agents[id]?.note(in: batchNumber) == true { changedAgents.append(id) }
    }

    /// One event for each agent whose tasks the command changed, however often they did.
    private mutating func noteChangedWork() {
        guard !agentsWithNewWork.isEmpty else { return }
        let agents: [AgentID] = agentsWithNewWork
        agentsWithNewWork.removeAll(keepingCapacity: true)
        guard agents.count > 1 else { return emitAgent(.workChanged, agents[0]) }
        var told: Set<AgentID> = []
        for id: AgentID in agents where told.insert(id).inserted { emitAgent(.workChanged, id) }
    }

    mutating func emitTask(
        _ kind: TaskEvent.Kind, _ task: TaskRecord, reason: String? = nil, agent: AgentID? = nil,
        subject: String? = nil
    ) {
        emit(
            .task(
                TaskEvent(
                    kind: kind, id: task.id, taskKind: task.specification.kind, project: task.specification.project,
                    state: task.state, created: kind == .created ? task : nil, reason: reason,
                    agent: agent ?? task.state.agent, subject: subject)))
    }

    mutating func emitAgent(_ kind: AgentEvent.Kind, _ id: AgentID) {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return }
        state.agents[id]?.tell()
        emitAgent(kind, agent)
    }

    mutating func emitAgent(_ kind: AgentEvent.Kind, _ agent: EngineState.LiveAgent) {
        let record: AgentRecord = agent.record
        let whole: Bool = kind == .spawned || kind == .configured
        var event = AgentEvent(
            kind: kind, id: record.id, agentType: record.specification.type, name: record.name, state: record.state,
            record: whole ? record : nil)
        event.endedAttempts = record.state.statistics.endedAttempts - agent.toldAttempts
        if kind != .spawned { event.previousStatus = agent.toldStatus }
        if kind == .terminated {
            event.reassignedTasks = Int(agent.reassignedTasks)
            event.ending = agent.ending
        }
        emit(.agent(event))
    }
}
