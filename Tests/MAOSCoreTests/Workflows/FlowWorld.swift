import MAOSCore
import Testing

/// An engine with an agent that takes every task at once, and what tests of workflows do with it.
struct FlowWorld {
    var engine: EngineWorld

    init(seed: UInt64 = 1, _ adjust: (inout EngineConfiguration) -> Void = { _ in }) throws {
        engine = EngineWorld(seed: seed) { (configuration: inout EngineConfiguration) in
            configuration.routing = [:]
            adjust(&configuration)
        }
        try engine.spawn(.coder, "worker", slots: 1_000)
    }

    // MARK: Commands

    /// Makes a workflow of the JSON of its steps and, behind a bar, other members.
    @discardableResult
    mutating func define(_ json: String, id: WorkflowID = "w") throws -> WorkflowRecord {
        let reply: Reply = try engine.send(.workflow(.put(id, try FlowWorld.definition(json))))
        guard case .workflow(let record) = reply else { throw Unexpected() }
        return record
    }

    static func definition(_ json: String) throws -> WorkflowDefinition {
        var object: JSONObject = try #require(try JSONText(json).value().objectValue)
        if object["name"] == nil { object["name"] = "flow" }
        return WorkflowDefinition(object)
    }

    @discardableResult
    mutating func execute(
        _ id: WorkflowID = "w", _ parameters: String = "{}", overrides: [WorkflowOverride] = [],
        as principal: Principal? = nil
    ) throws -> ExecutionID {
        let command = WorkflowCommand.execute(id, parameters: try JSONText(parameters), overrides: overrides)
        guard case .execution(let snapshot) = try engine.send(.workflow(command), as: principal) else {
            throw Unexpected()
        }
        return snapshot.record.id
    }

    mutating func send(_ command: WorkflowCommand, as principal: Principal? = nil) throws(Rejection) {
        try engine.send(.workflow(command), as: principal)
    }

    mutating func refusal(_ command: WorkflowCommand, as principal: Principal? = nil) -> Rejection? {
        engine.refusal(of: .workflow(command), as: principal)
    }

    struct Unexpected: Error {}

    /// Another run of the server, whose agent has started.
    mutating func restart() throws {
        try engine.restart()
        try engine.startAgents()
    }

    // MARK: Tasks

    /// The running task of a step, in a round where it is in a loop.
    func task(of step: String, round: Int? = nil, in id: ExecutionID) throws -> TaskID {
        let found: StepRecord? = try steps(of: id).last { (record: StepRecord) in
            record.step == step && record.status == .running && (round == nil || record.round == round)
        }
        let record: StepRecord = try #require(found, "\(step) runs")
        return try #require(record.task)
    }

    mutating func complete(_ step: String, round: Int? = nil, _ result: String? = nil, in id: ExecutionID) throws {
        let task: TaskID = try task(of: step, round: round, in: id)
        try engine.end(task, .completed(result: try result.map { try JSONText($0) }))
    }

    mutating func fail(_ step: String, round: Int? = nil, in id: ExecutionID) throws {
        let task: TaskID = try task(of: step, round: round, in: id)
        try engine.fail(task)
    }

    /// Reports how far the task of a step has come.
    mutating func reach(_ progress: Double, _ step: String, round: Int? = nil, in id: ExecutionID) throws {
        let task: TaskID = try task(of: step, round: round, in: id)
        try engine.report(.attemptProgressed(engine.attempt(of: task), progress: progress, step: nil))
    }

    /// Confirms the stop of every attempt that is to be stopped; gives how many there were.
    @discardableResult
    mutating func confirmStops() throws -> Int {
        let stops: [Effect.Stop] = engine.takeEffects().compactMap(\.stop)
        for stop: Effect.Stop in stops { try engine.report(.attemptEnded(stop.attempt, .stopped)) }
        return stops.count
    }

    // MARK: Looking

    func execution(_ id: ExecutionID) throws -> ExecutionRecord {
        try ExecutionRecord(try #require(engine.entities[.execution]?[id.rawValue]))
    }

    /// The steps that have been entered, in order.
    func steps(of id: ExecutionID) throws -> [StepRecord] {
        var query = EntityQuery(.step)
        query.parent = id.rawValue
        return try engine.stored(query).map { try StepRecord($0) }.filter { $0.kind != .root }
            .sorted { $0.ordinal < $1.ordinal }
    }

    /// Steps and where they stand, in order of entering: `a:completed b:running`.
    func course(of id: ExecutionID) throws -> String {
        try steps(of: id).map { "\($0.step):\($0.status.name)" }.joined(separator: " ")
    }

    /// What was told of as an execution came further, and what its last event of any kind said.
    func toldProgress(of id: ExecutionID) -> (further: [Double], last: Double?) {
        let events: [WorkflowEvent] = engine.events.compactMap { (event: Event) in
            if case .workflow(let workflow) = event.body, workflow.execution == id { workflow } else { nil }
        }
        return (events.filter { $0.kind == .progressed }.map(\.progress), events.last?.progress)
    }

    func running(in id: ExecutionID) throws -> [String] {
        try steps(of: id).filter { $0.status == .running && $0.kind == .task }.map(\.step)
    }

    func approvals() throws -> [ApprovalRecord] {
        try engine.stored(EntityQuery(.approval)).map { try ApprovalRecord($0) }
    }

    /// What has happened to an execution, its steps left out.
    func history(of id: ExecutionID) -> [WorkflowEvent.Kind] {
        engine.events.compactMap { (event: Event) in
            guard case .workflow(let workflow) = event.body, workflow.execution == id, !workflow.kind.isDetail else {
                return nil
            }
            return workflow.kind
        }
    }
}

extension WorkflowID: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self.init(unchecked: value) }
}
