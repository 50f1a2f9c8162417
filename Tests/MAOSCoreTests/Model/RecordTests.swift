import MAOSCore
import Testing

@Suite("Records")
struct RecordTests {
    private let now = Instant(milliseconds: 1_000)

    private func task(_ adjust: (inout TaskSpecification) -> Void = { _ in }, owner: String = "ann") -> TaskRecord {
        var specification = TaskSpecification(kind: .code, description: "x")
        adjust(&specification)
        return TaskRecord(
            id: "a", number: 1, specification: specification, owner: owner, team: nil, createdAt: now,
            state: TaskState(status: .queued, priority: .low, updatedAt: now))
    }

    private func agent(_ adjust: (inout AgentSpecification) -> Void = { _ in }, number: UInt64 = 1) -> AgentRecord {
        var specification = AgentSpecification(type: .coder)
        adjust(&specification)
        return AgentRecord(
            id: "x", number: number, origin: .spawned, owner: "ann", createdAt: now, specification: specification,
            state: AgentState(status: .ready, at: now))
    }

    @Test("records are equal when they say the same, wherever they come from")
    func equality() {
        #expect(task() == task())
        #expect(task().hashValue == task().hashValue)
        #expect(task() != task { $0.description = "y" })
        #expect(task() != task(owner: "bob"))
        var changed: TaskRecord = task()
        changed.state.progress = 0.5
        #expect(changed != task())
        #expect(agent() == agent())
        #expect(agent() != agent { $0.model = "m" })
        #expect(agent() != agent(number: 2))
    }

    @Test("what few tasks ask for is kept, and leaves nothing behind when it is taken back")
    func rareParts() {
        let plain = TaskSpecification(kind: .code, description: "x")
        var full: TaskSpecification = plain
        full.deadline = now
        full.retryPolicy = RetryPolicy(maximumAttempts: 3)
        full.concurrencyKey = "key"
        full.budget = Budget(wallTime: 1_000)
        full.schedule = TaskSchedule(at: now)
        full.environment = ["A": "1"]
        full.workingDirectory = "w"
        full.workflow = WorkflowTaskOrigin(
            workflow: WorkflowID(unchecked: "w"), execution: ExecutionID(unchecked: "e"), step: "s", ordinal: 1)
        full.agent = "agent"
        #expect(full != plain && plain.deadline == nil && plain.retryPolicy == RetryPolicy())
        #expect(full.deadline == now && full.retryPolicy.maximumAttempts == 3 && full.concurrencyKey == "key")
        #expect(full.budget == Budget(wallTime: 1_000) && full.schedule == TaskSchedule(at: now))
        #expect(full.environment == ["A": "1"] && full.workingDirectory == "w")
        #expect(full.workflow?.step == "s" && full.agent == "agent")
        let early = TaskSpecification(
            kind: .code, description: "x", deadline: now, retryPolicy: RetryPolicy(maximumAttempts: 3),
            concurrencyKey: "key", environment: ["A": "1"], workingDirectory: "w")
        full.budget = Budget()
        full.schedule = nil
        full.workflow = nil
        full.agent = nil
        #expect(full == early && full.hashValue == early.hashValue)
        full.deadline = nil
        full.retryPolicy = RetryPolicy()
        full.concurrencyKey = nil
        full.environment = [:]
        full.workingDirectory = nil
        #expect(full == plain && full.hashValue == plain.hashValue)
    }

    @Test("a copy that changes leaves the other as it was")
    func copies() {
        let first: TaskRecord = task()
        var second: TaskRecord = first
        second.state.status = .running
        #expect(first.status == .queued)
        #expect(second.specification == first.specification)
    }

    @Test("an agent without a name is called by its type and number")
    func names() {
        #expect(agent(number: 7).name == "coder-7")
        #expect(agent { $0.name = "Ada" }.name == "Ada")
    }

    @Test("an event of a creation gives the task in the state of the event")
    func createdTask() {
        var event = TaskEvent(
            kind: .created, id: "a", taskKind: .code, state: task().state, created: task())
        #expect(event.created == task())
        event.state.progress = 1
        #expect(event.created?.state.progress == 1)
        event.created = nil
        #expect(event.created == nil)
    }
}
