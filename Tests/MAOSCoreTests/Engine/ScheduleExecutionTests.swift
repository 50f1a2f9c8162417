import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Schedules that begin executions")
struct ScheduleExecutionTests {
    private static let hour: Milliseconds = .seconds(3_600)
    private static let steps: String =
        #"{"steps":[{"id":"a","type":"task","configuration":{"description":"${execution.scheduledFor} ${parameters.x}"}}]}"#

    private struct Unexpected: Error {}

    private func create(
        _ execution: ScheduledExecution = ScheduledExecution(workflow: "w"), in world: inout FlowWorld,
        as principal: Principal? = nil, _ adjust: (inout ScheduleSpecification) -> Void = { _ in }
    ) throws -> ScheduleID {
        var specification = ScheduleSpecification(
            recurrence: .cron(try CronExpression("0 * * * *")), target: .execution(execution))
        adjust(&specification)
        let reply: Reply = try world.engine.send(.schedule(.create(specification)), as: principal)
        guard case .schedule(let record) = reply else { throw Unexpected() }
        return record.id
    }

    private func record(_ id: ScheduleID, in world: FlowWorld) throws -> ScheduleRecord {
        try ScheduleRecord(try #require(world.engine.entities[.schedule]?[id.rawValue]))
    }

    private func executions(in world: FlowWorld) throws -> [ExecutionRecord] {
        try world.engine.stored(EntityQuery(.execution)).map { try ExecutionRecord($0) }.sorted {
            $0.number < $1.number
        }
    }

    /// Lets the time of the next run come; gives it.
    @discardableResult
    private func passToRun(of id: ScheduleID, in world: inout FlowWorld) throws -> Instant {
        let next: Instant = try #require(try record(id, in: world).nextRun)
        try world.engine.pass(next - world.engine.now)
        return next
    }

    @Test("executions of a schedule have its ceilings, also after a restart")
    func ceilings() throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let budget = Budget(wallTime: 500, cost: Cost(micros: 7))
        let id: ScheduleID = try create(ScheduledExecution(workflow: "w", budget: budget), in: &world)
        try world.restart()
        try passToRun(of: id, in: &world)
        #expect(try executions(in: world).map(\.budget) == [budget])
        let wrong = ScheduledExecution(workflow: "w", budget: Budget(wallTime: 0))
        #expect(throws: Rejection.self) { try create(wrong, in: &world) }
    }

    @Test("each run begins an execution in its owner's name that knows its time, and gets what was given")
    func runs() throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let ann = Principal(subject: "ann", permissions: .all, team: "one")
        let id: ScheduleID = try create(
            ScheduledExecution(workflow: "w", parameters: try JSONText(#"{"x":"given"}"#)), in: &world, as: ann)
        let time: Instant = try passToRun(of: id, in: &world)
        let execution: ExecutionRecord = try #require(try executions(in: world).first)
        #expect(execution.principal.subject == "ann" && execution.principal.team == "one")
        let task: TaskID = try world.task(of: "a", in: execution.id)
        let description: String = try world.engine.task(task).specification.description
        #expect(description == "\(ISO8601.string(milliseconds: time.milliseconds)) given")
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.runs == 1 && after.newest == .execution(execution.id) && after.active.isEmpty)
        try world.restart()
        try passToRun(of: id, in: &world)
        #expect(try executions(in: world).count == 2)
    }

    @Test("what it executes is the version that is the newest when it runs")
    func versions() throws {
        var world = try FlowWorld()
        try world.define(#"{"steps":[{"id":"old","type":"task","configuration":{}}]}"#)
        let id: ScheduleID = try create(in: &world)
        try world.define(#"{"steps":[{"id":"new","type":"task","configuration":{}}]}"#)
        try passToRun(of: id, in: &world)
        #expect(try world.course(of: try #require(try executions(in: world).first).id) == "new:running")
    }

    @Test(
        "a run beside an earlier one is made, left out, waits, or ends the earlier one",
        arguments: OverlapPolicy.allCases)
    func overlap(_ policy: OverlapPolicy) throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let id: ScheduleID = try create(in: &world) { $0.overlap = policy }
        try passToRun(of: id, in: &world)
        let earlier: ExecutionID = try #require(try executions(in: world).first).id
        try passToRun(of: id, in: &world)
        // A restart would confirm what is being stopped.
        if policy != .cancel { try world.restart() }
        let during: ScheduleRecord = try record(id, in: world)
        let count: Int = try executions(in: world).count
        switch policy {
        case .allow: #expect(count == 2 && during.active.isEmpty)
        case .skip: #expect(count == 1 && during.skipped == 1 && during.active == [.execution(earlier)])
        case .queue, .cancel: #expect(count == 1 && during.waiting.count == 1)
        }
        if policy == .cancel {
            #expect(try world.execution(earlier).pendingStatus == .cancelled)
            try world.confirmStops()
        } else {
            try world.complete("a", in: earlier)
        }
        #expect(try world.execution(earlier).status.isTerminal)
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.waiting.isEmpty)
        #expect(try executions(in: world).count == (policy == .skip ? 1 : 2))
        #expect(after.active.count == (policy == .queue || policy == .cancel ? 1 : 0))
    }

    @Test("runs that end as they begin let those that wait begin, all of them")
    func immediateEnds() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"d","type":"decision","configuration":{"condition":"parameters.go == true"},"onFailure":"a"},{"id":"a","type":"task","configuration":{}}]}"#
        )
        let id: ScheduleID = try create(in: &world) { $0.overlap = .queue }
        try passToRun(of: id, in: &world)
        let earlier: ExecutionID = try #require(try executions(in: world).first).id
        for _ in 0..<3 { try passToRun(of: id, in: &world) }
        #expect(try record(id, in: world).waiting.count == 3)
        try world.define(
            #"{"steps":[{"id":"d","type":"decision","configuration":{"condition":"true"},"onSuccess":"e"},{"id":"e","type":"decision","configuration":{"condition":"true"}}]}"#
        )
        try world.complete("a", in: earlier)
        #expect(try executions(in: world).map(\.status) == Array(repeating: .completed, count: 4))
        #expect(try record(id, in: world).waiting.isEmpty)
    }

    @Test("what was missed is left out, made up for by one run, or by all", arguments: CatchUpPolicy.allCases)
    func catchUp(_ policy: CatchUpPolicy) throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let id: ScheduleID = try create(in: &world) { $0.catchUp = policy }
        let next: Instant = try #require(try record(id, in: world).nextRun)
        world.engine.now = next + .seconds(3 * 3_600 + 120)
        try world.restart()
        try world.engine.pass(0)
        let expected: Int =
            switch policy {
            case .skip: 0
            case .once: 1
            case .all: 4
            }
        #expect(try executions(in: world).count == expected)
        #expect(try record(id, in: world).missed == 4 - expected)
    }

    @Test("a workflow that is gone is said, and does not end the schedule")
    func gone() throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let id: ScheduleID = try create(in: &world)
        try world.send(.delete("w"))
        try passToRun(of: id, in: &world)
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.runs == 0 && after.error == "no workflow has the id w" && after.nextRun != nil)
        try world.define(ScheduleExecutionTests.steps)
        try passToRun(of: id, in: &world)
        #expect(try record(id, in: world).error == nil)
    }

    @Test("what cannot be executed is refused, and named")
    func refused() throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        func refusal(_ execution: ScheduledExecution, as principal: Principal? = nil) throws -> Rejection? {
            let specification = ScheduleSpecification(
                recurrence: .cron(try CronExpression("0 * * * *")), target: .execution(execution))
            return world.engine.refusal(of: .schedule(.create(specification)), as: principal)
        }
        guard case .invalid(let issue)? = try refusal(ScheduledExecution(workflow: "v")) else { throw Unexpected() }
        #expect(issue.field == "execution.workflowId" && issue.value == "v")
        let override = WorkflowOverride(step: "zz", configuration: .emptyObject)
        guard case .invalid(let second)? = try refusal(ScheduledExecution(workflow: "w", overrides: [override])) else {
            throw Unexpected()
        }
        #expect(second.field == "execution.overrides.0.stepId")
        let reader = Principal(subject: "bob", permissions: .tasksCreate)
        #expect(try refusal(ScheduledExecution(workflow: "w"), as: reader) == .forbidden(.workflowsExecute))
        let stranger = Principal(subject: "bob", permissions: .all, projects: ["blue"])
        try world.engine.send(
            .workflow(.put("red", try redefined(project: "red"))), as: .system)
        guard case .invalid? = try refusal(ScheduledExecution(workflow: "red"), as: stranger) else {
            throw Unexpected()
        }
    }

    private func redefined(project: String) throws -> WorkflowDefinition {
        var definition: WorkflowDefinition = try FlowWorld.definition(ScheduleExecutionTests.steps)
        definition.project = project
        return definition
    }

    @Test("a schedule may start something of another kind from then on")
    func replaced() throws {
        var world = try FlowWorld()
        try world.define(ScheduleExecutionTests.steps)
        let id: ScheduleID = try create(in: &world) { $0.overlap = .skip }
        try passToRun(of: id, in: &world)
        #expect(try record(id, in: world).active.count == 1)
        var specification = ScheduleSpecification(
            recurrence: .cron(try CronExpression("0 * * * *")), overlap: .skip,
            target: .task(TaskSpecification(kind: .code, description: "run")))
        try world.engine.send(.schedule(.replace(id, specification)))
        let after: ScheduleRecord = try record(id, in: world)
        #expect(after.active.isEmpty && after.newest == nil && after.runs == 1)
        try world.restart()
        try passToRun(of: id, in: &world)
        guard case .task? = try record(id, in: world).newest else { throw Unexpected() }
        specification.target = .execution(ScheduledExecution(workflow: "w"))
        try world.engine.send(.schedule(.replace(id, specification)))
        #expect(try record(id, in: world).active.isEmpty)
    }

    @Test("a record is read back as it was written, and damaged ones are refused", arguments: Seeds.all)
    func coding(seed: UInt64) throws {
        let execution = ScheduledExecution(
            workflow: "w", project: "red", parameters: try JSONText(#"{"a":[1]}"#),
            overrides: [WorkflowOverride(step: "s", configuration: try JSONText(#"{"b":2}"#))])
        var record = ScheduleRecord(
            id: ScheduleID(unchecked: "s"), number: 9,
            specification: ScheduleSpecification(
                recurrence: .cron(try CronExpression("0 * * * *")), target: .execution(execution)), owner: "ann",
            team: nil, createdAt: Instant(milliseconds: 1))
        record.active = [.execution(ExecutionID(unchecked: "e1"))]
        record.newest = .execution(ExecutionID(unchecked: "e1"))
        let row: EntityRow = record.row
        #expect(try ScheduleRecord(row) == record)
        try expectRefusalOfDamage(to: row, olderForms: 1, seed: seed) { _ = try ScheduleRecord($0) }
    }
}
