import MAOSCore
import Testing

@Suite("Ceilings of executions")
struct WorkflowBudgetTests {
    private static let sequence =
        #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":2,"backoffMs":0}}}"#

    /// Steps side by side, with members for each and for the configuration.
    private static func parallel(_ steps: [String], _ configuration: String) -> String {
        let tasks: [String] = steps.enumerated().map {
            #"{"id":"s\#($0.offset)","type":"task","configuration":{\#($0.element)}}"#
        }
        return #"{"steps":[\#(tasks.joined(separator: ","))],"dependencies":[],"configuration":{\#(configuration)}}"#
    }

    private static func cost(_ micros: Int64) -> Budget { Budget(cost: Cost(micros: micros)) }

    private func start(_ step: String, in id: ExecutionID, of world: inout FlowWorld) throws -> TaskID {
        let task: TaskID = try world.task(of: step, in: id)
        try world.engine.start(task)
        return task
    }

    private func use(_ usage: Usage, by task: TaskID, in world: inout FlowWorld) throws {
        try world.engine.report(.attemptUsed(world.engine.attempt(of: task), usage))
    }

    private func end(_ task: TaskID, _ usage: Usage, in world: inout FlowWorld) throws {
        try world.engine.report(
            .attemptEnded(world.engine.attempt(of: task), .completed(result: nil), used: usage))
    }

    private func execute(_ budget: Budget, in world: inout FlowWorld) throws -> ExecutionID {
        let command = WorkflowCommand.execute("w", parameters: .emptyObject, overrides: [], budget: budget)
        guard case .execution(let snapshot) = try world.engine.send(.workflow(command)) else {
            throw FlowWorld.Unexpected()
        }
        return snapshot.record.id
    }

    @Test("a task that somebody starts over takes up its execution's ceiling again while that goes on")
    func startedOver() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"a","type":"task","onFailure":"b"},{"id":"b","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}"#
        )
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let task: TaskID = try start("a", in: id, of: &world)
        try world.engine.fail(task)
        try world.engine.send(.requeueDeadLetter(task, as: nil))
        try world.engine.start(task)
        try use(Usage(cost: Cost(micros: 10)), by: task, in: &world)
        #expect(try world.execution(id).error?.contains("ceiling") == true, "what it uses counts")
        try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
    }

    @Test("what the tasks of an execution use is added up, with a ceiling and without")
    func spent() throws {
        for budget in [Budget(), Budget(cost: Cost(micros: 1_000))] {
            var world = try FlowWorld()
            try world.define(WorkflowBudgetTests.sequence)
            let id: ExecutionID = try execute(budget, in: &world)
            let first: TaskID = try start("a", in: id, of: &world)
            try world.engine.pass(30)
            try world.engine.report(
                .attemptEnded(
                    world.engine.attempt(of: first), .failed(TaskFailure(.execution, "no")),
                    used: Usage(processorTime: 4, cost: Cost(micros: 5), tokens: 6)))
            #expect(try world.execution(id).spent.cost.micros == 5, "a failed attempt has cost something, too")
            try world.engine.pass(10)
            _ = try start("a", in: id, of: &world)
            try end(first, Usage(cost: Cost(micros: 7)), in: &world)
            let second: TaskID = try start("b", in: id, of: &world)
            try end(second, Usage(processorTime: 1), in: &world)
            let execution: ExecutionRecord = try world.execution(id)
            #expect(execution.status == .completed)
            #expect(
                execution.spent == Usage(wallTime: 30, processorTime: 5, cost: Cost(micros: 12), tokens: 6))
        }
    }

    @Test("a ceiling that is reached stops the execution, which says which, how high, and what was used")
    func reached() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel(["", ""], ""))
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(1_000_000), in: &world)
        let tasks: [TaskID] = try ["s0", "s1"].map { try start($0, in: id, of: &world) }
        _ = world.engine.takeEffects()
        try use(Usage(cost: Cost(micros: 600_000)), by: tasks[0], in: &world)
        #expect(try world.execution(id).phase == .normal)
        try use(Usage(cost: Cost(micros: 500_000)), by: tasks[1], in: &world)
        #expect(try world.confirmStops() == 2, "both are stopped")
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .failed)
        #expect(execution.reachedCeiling == .cost)
        #expect(execution.error == "The execution's ceiling of a cost of 1 is reached: it has used a cost of 1.1")
        #expect(execution.spent.cost == Cost(micros: 1_100_000))
    }

    @Test("wall time is watched while tasks run, all of them together")
    func wallTime() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel(["", ""], #""budget":{"wallTimeMs":1000}"#))
        let id: ExecutionID = try world.execute()
        for step in ["s0", "s1"] { _ = try start(step, in: id, of: &world) }
        _ = world.engine.takeEffects()
        try world.engine.pass(499)
        #expect(try world.execution(id).phase == .normal)
        try world.engine.pass(1)
        #expect(try world.execution(id).reachedCeiling == .wallTime)
        try world.confirmStops()
        #expect(try world.execution(id).spent.wallTime == 1_000)
    }

    @Test("a task that has a ceiling of its own gets what is left of the execution's where that is less")
    func inherited() throws {
        var world = try FlowWorld()
        try world.define(
            WorkflowBudgetTests.parallel([#""budget":{"cost":0.000006}"#, #""budget":{"cost":0.000006}"#], ""))
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let tasks: [TaskID] = try ["s0", "s1"].map { try world.task(of: $0, in: id) }
        #expect(try tasks.map { try world.engine.task($0).specification.budget.cost?.micros } == [6, 4])
    }

    @Test("while all that is left is promised, steps wait; what was promised and not used goes to them")
    func promised() throws {
        var world = try FlowWorld()
        try world.define(
            WorkflowBudgetTests.parallel(
                [#""budget":{"cost":0.000006}"#, #""budget":{"cost":0.000006}"#, #""budget":{"cost":0.000006}"#], ""))
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        #expect(try world.course(of: id) == "s0:running s1:running s2:pending")
        let first: TaskID = try start("s0", in: id, of: &world)
        try end(first, Usage(cost: Cost(micros: 1)), in: &world)
        #expect(try world.course(of: id) == "s0:completed s1:running s2:running")
        let third: TaskID = try world.task(of: "s2", in: id)
        #expect(try world.engine.task(third).specification.budget.cost?.micros == 5)
        for step in ["s1", "s2"] {
            let task: TaskID = try start(step, in: id, of: &world)
            try end(task, Usage(cost: Cost(micros: 2)), in: &world)
        }
        #expect(try world.execution(id).status == .completed)
        #expect(try world.execution(id).spent.cost.micros == 5)
    }

    @Test("what is promised to a task cannot be used by others")
    func kept() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel([#""budget":{"cost":0.000006}"#, ""], ""))
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let other: TaskID = try start("s1", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 3)), by: other, in: &world)
        #expect(try world.execution(id).phase == .normal)
        try use(Usage(cost: Cost(micros: 4)), by: other, in: &world)
        #expect(try world.execution(id).reachedCeiling == .cost)
    }

    @Test("an execution that completes as it reaches its ceiling has completed")
    func lastStep() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.sequence)
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let first: TaskID = try start("a", in: id, of: &world)
        try end(first, Usage(cost: Cost(micros: 9)), in: &world)
        let second: TaskID = try start("b", in: id, of: &world)
        try end(second, Usage(cost: Cost(micros: 9)), in: &world)
        #expect(try world.execution(id).status == .completed)
        #expect(try world.execution(id).spent.cost.micros == 18)
    }

    @Test("nothing more starts once a step that has completed has used up a ceiling")
    func betweenSteps() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.sequence)
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let first: TaskID = try start("a", in: id, of: &world)
        try end(first, Usage(cost: Cost(micros: 10)), in: &world)
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .failed)
        #expect(execution.reachedCeiling == .cost)
        #expect(try world.course(of: id) == "a:completed b:cancelled")
    }

    @Test("a step that fails at the rest it has inherited makes the execution say that it is its ceiling")
    func inheritedCeiling() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"a","type":"task","configuration":{"budget":{"cost":1}}},{"id":"b","type":"task"}]}"#)
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let task: TaskID = try start("a", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 11)), by: task, in: &world)
        _ = try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).reachedCeiling == .cost)
        #expect(try world.execution(id).spent.cost.micros == 11)
    }

    @Test("the execution's own ceilings come before those of its workflow, part by part")
    func precedence() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel([""], #""budget":{"cost":3,"wallTimeMs":50}"#))
        let id: ExecutionID = try execute(Budget(processorTime: 7, cost: Cost(micros: 9)), in: &world)
        #expect(
            try world.execution(id).budget
                == Budget(wallTime: 50, processorTime: 7, cost: Cost(micros: 9)))
        let launch: AttemptLaunch? = world.engine.takeLaunches().first
        #expect(launch?.watchesProcessorTime == true)
    }

    @Test("a retry goes on with what is left, and is refused when nothing is, unless it raises the ceiling")
    func retry() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.sequence)
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(10), in: &world)
        let first: TaskID = try start("a", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 12)), by: first, in: &world)
        try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
        guard case .conflict(let reason, let message)? = world.refusal(.retry(id)) else {
            throw FlowWorld.Unexpected()
        }
        #expect(reason == "budget_exhausted")
        #expect(message.contains("a cost of 0.00001 is reached"))
        try world.send(.retry(id, budget: WorkflowBudgetTests.cost(20)))
        #expect(try world.execution(id).reachedCeiling == nil)
        #expect(try world.execution(id).spent.cost.micros == 12)
        let again: TaskID = try start("a", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 8)), by: again, in: &world)
        try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).spent.cost.micros == 20)
    }

    @Test("what was done is undone whatever it costs")
    func compensation() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task","configuration":{"compensation":{"description":"undo"}}},{"id":"b","type":"task"}],
            "configuration":{"onError":"compensate","budget":{"cost":0.00001}}}
            """#)
        let id: ExecutionID = try world.execute()
        let first: TaskID = try start("a", in: id, of: &world)
        try end(first, Usage(cost: Cost(micros: 10)), in: &world)
        #expect(try world.execution(id).phase == .compensating)
        let undo: TaskID = try start("a", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 50)), by: undo, in: &world)
        try end(undo, Usage(cost: Cost(micros: 50)), in: &world)
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).spent.cost.micros == 60)
    }

    @Test("the ledger adds up after a restart, with what ran until then counted as far as it was stored")
    func restart() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel(["", #""budget":{"cost":0.000004}"#], ""))
        let id: ExecutionID = try execute(WorkflowBudgetTests.cost(20), in: &world)
        let first: TaskID = try start("s0", in: id, of: &world)
        try use(Usage(cost: Cost(micros: 3)), by: first, in: &world)
        try world.engine.restart(recovering: false)
        try world.restart()
        #expect(try world.execution(id).spent.cost.micros == 3)
        let again: TaskID = try start("s0", in: id, of: &world)
        #expect(again == first)
        try use(Usage(cost: Cost(micros: 12)), by: again, in: &world)
        #expect(try world.execution(id).phase == .normal)
        try use(Usage(cost: Cost(micros: 13)), by: again, in: &world)
        #expect(try world.execution(id).reachedCeiling == .cost, "3 + 13 + 4 that are promised")
    }

    @Test("an execution that had reached its ceiling when its last batch was lost is stopped after all")
    func lostStop() throws {
        var world = try FlowWorld()
        try world.define(WorkflowBudgetTests.parallel([""], #""budget":{"wallTimeMs":100}"#))
        let id: ExecutionID = try world.execute()
        _ = try start("s0", in: id, of: &world)
        world.engine.now = world.engine.now + 150
        try world.engine.restart(recovering: false)
        _ = world.engine.takeEffects()
        try world.engine.pass(1)
        #expect(try world.execution(id).reachedCeiling == .wallTime)
        #expect(try world.confirmStops() == 1)
    }

    @Test("ceilings that mean nothing are refused by name, in workflows, steps, executions and retries")
    func refused() throws {
        var world = try FlowWorld()
        for (json, field) in [
            (#""budget":{"cost":0}"#, "configuration.budget.cost"),
            (#""budget":{"cost":"1"}"#, "configuration.budget.cost"),
            (#""budget":{"wallTimeMs":0.5}"#, "configuration.budget.wallTimeMs"),
            (#""budget":{"cpuTimeMs":-1}"#, "configuration.budget.cpuTimeMs"),
            (#""budget":{"tokens":1}"#, "configuration.budget.tokens"), (#""budget":{}"#, "configuration.budget"),
            (#""budget":5"#, "configuration.budget"),
        ] {
            let definition: WorkflowDefinition = try FlowWorld.definition(WorkflowBudgetTests.parallel([""], json))
            #expect(definition.issues().map(\.field) == [field])
            let step: WorkflowDefinition = try FlowWorld.definition(WorkflowBudgetTests.parallel([json], ""))
            #expect(step.issues().map(\.field) == ["steps.0.\(field)"])
        }
        try world.define(WorkflowBudgetTests.sequence)
        for (budget, field) in [
            (Budget(wallTime: 0), "budget.wallTimeMs"), (Budget(processorTime: -1), "budget.cpuTimeMs"),
            (Budget(cost: .zero), "budget.cost"), (Budget(cost: Cost(micros: .max)), "budget.cost"),
        ] {
            let execute = WorkflowCommand.execute("w", parameters: .emptyObject, overrides: [], budget: budget)
            for command in [execute, .retry(ExecutionID(unchecked: "x"), budget: budget)] {
                guard case .invalid(let issue)? = world.refusal(command) else { throw FlowWorld.Unexpected() }
                #expect(issue.field == field)
            }
        }
    }

    @Test("executions under ceilings keep their ledgers, whatever happens", arguments: 1...40 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var world = try FlowWorld(seed: seed)
        try world.define(
            WorkflowBudgetTests.parallel(
                [
                    #""budget":{"cost":0.00002,"wallTimeMs":400}"#, "", #""budget":{"cpuTimeMs":30}"#, "",
                    #""budget":{"cost":0.00001}"#,
                ], #""maxParallel":3,"onError":"continue","retryPolicy":{"maxAttempts":2,"backoffMs":5}"#))
        var ids: [ExecutionID] = []
        for _ in 0..<150 {
            let live: [TaskRecord] = world.engine.engine.liveTasks.filter(\.state.holdsAgent)
            switch random.below(10) {
            case 0:
                ids.append(
                    try execute(
                        Budget(
                            wallTime: random.below(2) == 0 ? nil : 900, processorTime: 100, cost: Cost(micros: 45)),
                        in: &world))
            case 1: try world.engine.pass(Milliseconds(Int64(random.below(200))))
            case 2: try world.restart()
            case 3: try world.engine.restart(recovering: false)
            case 4:
                guard let id: ExecutionID = ids.last else { continue }
                _ = world.refusal(.retry(id, budget: Budget(cost: Cost(micros: 45 + Int64(random.below(50))))))
            default:
                guard !live.isEmpty else { continue }
                let task: TaskRecord = live[Int(random.below(UInt64(live.count)))]
                let attempt = AttemptID(task: task.id, number: task.state.attempt)
                let used = Usage(
                    processorTime: Milliseconds(Int64(random.below(40))), cost: Cost(micros: Int64(random.below(15))))
                switch random.below(5) {
                case 0, 1: try world.engine.report(.attemptStarted(attempt, process: nil))
                case 2: try world.engine.report(.attemptUsed(attempt, used))
                case 3: try world.engine.report(.attemptEnded(attempt, .completed(result: nil), used: used))
                default:
                    let failure = TaskFailure(.execution, "no")
                    try world.engine.report(.attemptEnded(attempt, .failed(failure), used: used))
                }
            }
        }
        for id in ids {
            let execution: ExecutionRecord = try world.execution(id)
            let tasks: [TaskRecord] = world.engine.tasks.values.filter { $0.specification.workflow?.execution == id }
            let used: Usage = tasks.map(\.state.spent).reduce(Usage(), +)
            #expect(execution.spent == used, "what an execution has spent is what its tasks have")
        }
    }
}
