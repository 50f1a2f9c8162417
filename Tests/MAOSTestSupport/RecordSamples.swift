package import MAOSCore

/// Makes records with every part there or missing, the same for the same seed.
package struct RecordSamples {
    private var random: SeededRandom
    private let isFirstForm: Bool

    /// A maker that starts from a seed.
    ///
    /// - Parameters:
    ///   - seed: Where its choices come from.
    ///   - isFirstForm: Whether records have only what they could have when they were first stored.
    package init(seed: UInt64, isFirstForm: Bool = false) {
        random = SeededRandom(seed: seed)
        self.isFirstForm = isFirstForm
    }

    private var codes: [TaskFailure.Code] {
        TaskFailure.Code.allCases.filter { !isFirstForm || $0.rawValue <= TaskFailure.Code.invalidResult.rawValue }
    }

    private var taskEventKinds: [TaskEvent.Kind] {
        TaskEvent.Kind.allCases.filter { !isFirstForm || $0.rawValue <= TaskEvent.Kind.restarted.rawValue }
    }

    // MARK: - Tasks

    /// A task with this identifier and number.
    package mutating func task(
        _ id: String, number: UInt64, at now: Instant = Instant(milliseconds: 1_700_000_000_000),
        status: TaskStatus? = nil
    ) -> TaskRecord {
        let specification: TaskSpecification = specification()
        var state: TaskState = taskState(at: now, priority: specification.priority)
        if let status { state.status = status }
        state.finishedAt = state.status.isTerminal ? state.updatedAt : nil
        return TaskRecord(
            id: TaskID(unchecked: id), number: number, specification: specification, owner: text(), team: maybe(text()),
            createdAt: now, state: state)
    }

    /// What a client might ask for.
    package mutating func specification() -> TaskSpecification {
        var specification = TaskSpecification(kind: kind(), description: text(), priority: pick(Priority.allCases))
        if flip() {
            specification.capabilities = [
                CapabilityRequirement(name: "swift", minimumProficiency: fraction()),
                CapabilityRequirement(name: text()),
            ]
        }
        if flip() { specification.dependencies = [TaskID(unchecked: "first"), TaskID(unchecked: "second_2")] }
        if flip() { specification.deadline = instant() }
        if flip() { specification.timeout = Milliseconds(number(86_400_000)) }
        if flip() {
            specification.retryPolicy = RetryPolicy(
                maximumAttempts: Int(number(100)) + 1, backoff: Milliseconds(number(10_000)), factor: 1 + fraction(),
                onInterruption: flip() ? .retry : .fail)
        }
        if flip() { specification.project = pick(["apollo", "gemini", "Ωmega"]) }
        if flip() { specification.command = flip() ? .shell("echo \"hi\"") : .arguments(["/bin/echo", "", text()]) }
        if flip() { specification.environment = ["PATH": "/bin", "EMPTY": "", "NAME": text()] }
        if flip() { specification.workingDirectory = "/srv/\(text())" }
        if flip() { specification.requirements = json() }
        if flip() { specification.constraints = json() }
        if flip() { specification.context = json() }
        if flip() { specification.metadata = json() }
        if !isFirstForm, flip() {
            specification.budget = Budget(
                wallTime: maybe(Milliseconds(number(1_000) + 1)), processorTime: maybe(Milliseconds(number(1_000) + 1)),
                cost: maybe(Cost(micros: Int64(number(1_000)) + 1)))
        }
        if !isFirstForm, flip() { specification.schedule = taskSchedule() }
        if !isFirstForm, flip() { specification.agent = AgentID(unchecked: "agent-\(number(1_000))") }
        return specification
    }

    private mutating func taskSchedule() -> TaskSchedule {
        var schedule = TaskSchedule(at: instant())
        guard flip() else { return schedule }
        var recurrence = TaskRecurrence(
            pick(TaskRecurrence.Interval.allCases), timeZone: pick(["UTC", "Europe/Berlin"]), end: maybe(instant()),
            maximumRuns: maybe(Int(number(1_000)) + 1))
        recurrence.run = Int(number(1_000)) + 1
        if flip() { recurrence.first = TaskRecurrence.First(task: TaskID(unchecked: "first"), time: instant()) }
        schedule.recurrence = recurrence
        return schedule
    }

    private mutating func usage() -> Usage {
        Usage(
            wallTime: Milliseconds(number(10_000)), processorTime: Milliseconds(number(10_000)),
            cost: Cost(micros: Int64(number(1_000_000))), tokens: Int64(number(1_000)))
    }

    /// A state with some of its parts.
    package mutating func taskState(at now: Instant, priority: Priority = .medium) -> TaskState {
        var state = TaskState(status: pick(TaskStatus.allCases), priority: priority, updatedAt: now)
        if flip() { state.progress = fraction() }
        if flip() { state.step = text() }
        if flip() { state.attempt = Int(number(200)) }
        if flip() { state.failures = Int(number(100)) }
        if flip() { state.interruptions = Int(number(5)) }
        if flip() { state.agent = AgentID(unchecked: "agent-\(number(50))") }
        if flip() { state.process = process() }
        if flip() { state.result = json() }
        if flip() { state.error = TaskFailure(pick(codes), text()) }
        if flip() { state.cancellation = pick([.requested, .signalled, .killed]) }
        if flip() { state.queuedAt = now + Milliseconds(number(1_000) - 2_000) }
        if flip() { state.startedAt = now + Milliseconds(number(1_000) - 1_000) }
        if flip() { state.finishedAt = now }
        if flip() { state.notBefore = now + Milliseconds(number(600_000)) }
        if !isFirstForm { addLaterParts(to: &state, at: now) }
        return state
    }

    private mutating func addLaterParts(to state: inout TaskState, at now: Instant) {
        state.isDeadLetter = flip()
        if flip() {
            state.causes = (1...3).map { (attempt: Int) in
                AttemptFailure(
                    attempt: attempt, failure: TaskFailure(pick(codes), text()),
                    time: now + Milliseconds(number(1_000) - 2_000),
                    agent: flip() ? AgentID(unchecked: "agent-\(number(50))") : nil)
            }
        }
        if flip() { state.requeuedAs = TaskID(unchecked: "task-\(number(50))") }
        if flip() { state.spent = usage() }
        if flip() { state.attemptUsage = usage() }
        if flip() { state.resumedAt = now + Milliseconds(number(1_000) - 1_000) }
    }

    // MARK: - Agents

    /// An agent with this identifier and number.
    package mutating func agent(
        _ id: String, number: UInt64, at now: Instant = Instant(milliseconds: 1_700_000_000_000),
        status: AgentStatus? = nil
    ) -> AgentRecord {
        var specification = AgentSpecification(type: pick(AgentType.allCases))
        if flip() { specification.name = text() }
        if flip() { specification.capabilities = [Capability(name: text(), proficiency: fraction())] }
        if flip() { specification.model = "model-\(self.number(9))" }
        if flip() { specification.workspace = "/srv/work" }
        if flip() { specification.environment = ["A": "1", "B": text()] }
        if flip() { specification.maximumConcurrentTasks = Int(self.number(1_000)) + 1 }
        if flip() { specification.commandTimeout = Milliseconds(self.number(10_000)) }
        if flip() { specification.heartbeatInterval = Milliseconds(self.number(3_600_000)) }
        specification.resident = flip() ? .terminal : .none
        if flip() {
            specification.resources = ResourceRequirements(
                cpu: fraction(), memory: 512, gpu: maybe(1), storage: maybe(2_048), network: maybe(json()))
        }
        if flip() { specification.settings = json() }
        var state = AgentState(status: status ?? pick(AgentStatus.allCases), at: now)
        if flip() { state.currentTasks = [TaskID(unchecked: "first"), TaskID(unchecked: text(letters: 12))] }
        if flip() { state.lastHeartbeat = now + Milliseconds(-self.number(5_000)) }
        if flip() { state.statistics.tasksCompleted = Int(self.number(1_000)) }
        if flip() { state.statistics.tasksFailed = Int(self.number(1_000)) }
        if flip() { state.statistics.totalRuntime = Milliseconds(self.number(1_000_000)) }
        if flip() { state.restarts = Int(self.number(9)) }
        if flip() { state.error = text() }
        if flip() { state.process = process() }
        state.terminatedAt = state.status == .terminated ? now : nil
        var learning = AgentLearning()
        if !isFirstForm { addLaterParts(to: &specification, &state, &learning, at: now) }
        if !isFirstForm, flip() { specification.resident = .conversation }
        return AgentRecord(
            id: AgentID(unchecked: id), number: number, origin: flip() ? .spawned : .onDemand,
            holder: AgentHolder(owner: text()), createdAt: now, specification: specification, state: state,
            learning: learning)
    }

    private mutating func addLaterParts(
        to specification: inout AgentSpecification, _ state: inout AgentState, _ learning: inout AgentLearning,
        at now: Instant
    ) {
        for place: Int in specification.capabilities.indices where flip() {
            specification.capabilities[place].learningRate = fraction()
        }
        if flip() { state.statistics.capabilityImprovements = Int(number(100)) }
        guard flip() else { return }
        learning.cycles = Int(number(100)) + 1
        learning.progress = specification.capabilities.map {
            AgentLearning.Progress(
                capability: $0.name, estimate: fraction(), outcomes: Int(number(25)), cycle: Int(number(100)),
                startedAt: now + Milliseconds(-number(5_000)))
        }
    }

    // MARK: - Events

    /// An event of any kind.
    package mutating func event(_ sequence: UInt64, at now: Instant = Instant(milliseconds: 1_700_000_000_000)) -> Event
    {
        switch number(3) {
        case 0:
            return Event(sequence: sequence, time: now, body: .task(taskEvent(sequence, at: now)))
        case 1:
            let agent: AgentRecord = agent("agent-\(sequence)", number: sequence, at: now)
            let kind: AgentEvent.Kind = pick(AgentEvent.Kind.allCases)
            let carriesRecord: Bool = kind == .spawned || kind == .configured
            return Event(
                sequence: sequence, time: now,
                body: .agent(
                    AgentEvent(
                        kind: kind, id: agent.id, agentType: agent.specification.type, name: agent.name,
                        state: agent.state, record: carriesRecord ? agent : nil)))
        default:
            return Event(
                sequence: sequence, time: now,
                body: .system(SystemEvent(type: pick(["server_started", "config_changed"]), data: json())))
        }
    }

    private mutating func taskEvent(_ sequence: UInt64, at now: Instant) -> TaskEvent {
        let task: TaskRecord = task("task-\(sequence)", number: sequence, at: now)
        let kind: TaskEvent.Kind = pick(taskEventKinds)
        return TaskEvent(
            kind: kind, id: task.id, taskKind: task.specification.kind, project: task.specification.project,
            state: task.state, created: kind == .created ? task : nil, reason: maybe(text()),
            agent: maybe(flip() ? AgentID(unchecked: "another") : task.state.agent) ?? nil)
    }

    // MARK: - Values

    private mutating func number(_ bound: Int64) -> Int64 { Int64(random.below(UInt64(bound))) }

    private mutating func flip() -> Bool { random.below(2) == 0 }

    private mutating func fraction() -> Double { Double(random.below(1_000)) / 1_000 }

    private mutating func pick<Value>(_ values: [Value]) -> Value { values[Int(random.below(UInt64(values.count)))] }

    private mutating func maybe<Value>(_ value: Value) -> Value? { flip() ? value : nil }

    private mutating func instant() -> Instant { Instant(milliseconds: number(4_000_000_000_000) - 1_000) }

    private mutating func process() -> ProcessIdentity {
        ProcessIdentity(pid: Int32(number(4_000_000)), startTicks: random.next())
    }

    private mutating func kind() -> TaskKind { pick([.code, .testing, .review, .documentation, .analysis]) }

    private mutating func json() -> JSONText {
        JSONText(
            trusted: Array(pick([#"{"a":[1,2.5,null]}"#, #"{"text":"Größe"}"#, "[]", "[[],{}]", #""word""#]).utf8))
    }

    private mutating func text() -> String { pick(["", "x", "Größe \u{1F980}", text(letters: 40)]) }

    private mutating func text(letters: Int) -> String {
        String((0..<letters).map { _ in pick(Array("abcdefghijklmnopqrstuvwxyz0123456789_-")) })
    }
}
