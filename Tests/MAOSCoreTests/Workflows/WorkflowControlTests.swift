import MAOSCore
import Testing

@Suite("Control of executions")
struct WorkflowControlTests {
    private static let two =
        #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}"#

    @Test("a paused execution starts nothing, and goes on where it was")
    func pause() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let id: ExecutionID = try world.execute()
        try world.send(.pause(id))
        try world.send(.pause(id))
        try world.complete("a", in: id)
        #expect(try world.course(of: id) == "a:completed b:pending")
        try world.restart()
        #expect(try world.execution(id).status == .paused)
        try world.send(.resume(id))
        #expect(try world.running(in: id) == ["b"])
        #expect(world.refusal(.resume(id)) != nil)
        #expect(world.history(of: id) == [.started, .paused, .resumed])
    }

    @Test("a cancelled execution stops its tasks, and ends when they are gone")
    func cancel() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.send(.cancel(id, reason: "enough"))
        #expect(try world.execution(id).status == .running)
        #expect(try world.confirmStops() == 1)
        #expect(try world.execution(id).status == .cancelled)
        #expect(try world.execution(id).error == "enough")
        try world.send(.cancel(id, reason: nil))
        #expect(world.refusal(.pause(id)) != nil)
        #expect(world.history(of: id) == [.started, .cancelled])
    }

    @Test("a failed execution goes on from the step that failed, with the version that it began with")
    func retry() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let id: ExecutionID = try world.execute()
        try world.complete("a", #"{"kept":1}"#, in: id)
        try world.fail("b", in: id)
        #expect(try world.execution(id).status == .failed)
        try world.define(#"{"steps":[{"id":"other","type":"task"}]}"#)
        try world.restart()
        try world.send(.retry(id))
        #expect(try world.course(of: id) == "a:completed b:running")
        #expect(try world.steps(of: id)[1].attempt == 2)
        try world.complete("b", in: id)
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .completed)
        #expect(execution.version == 1)
        #expect(execution.attempt == 2)
        #expect(execution.error == nil)
        #expect(world.refusal(.retry(id)) != nil)
    }

    @Test("a retry runs only what failed or was cancelled, inside loops and parallel steps too")
    func retryInside() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"l","type":"loop","configuration":{"items":[1,2,3],"maxParallel":3,"steps":[{"id":"x","type":"task"},{"id":"y","type":"task"}]}},{"id":"e","type":"task"}],
            "configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.complete("x", round: 0, in: id)
        try world.complete("x", round: 1, in: id)
        try world.complete("y", round: 1, "7", in: id)
        try world.fail("x", round: 2, in: id)
        _ = try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
        try world.restart()
        try world.send(.retry(id))
        #expect(try world.running(in: id) == ["x", "y"])
        try world.complete("y", round: 0, in: id)
        try world.complete("x", round: 2, in: id)
        try world.complete("y", round: 2, in: id)
        #expect(try world.steps(of: id).first?.result?.description == "[null,7,null]")
        try world.complete("e", in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a loop whose condition cannot be worked out begins anew with a retry, also over a restart of the server")
    func retryLoop() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"l","type":"loop","configuration":{"condition":"index == 0 || steps.x.result.left > 0","maxIterations":5,
            "steps":[{"id":"x","type":"task","configuration":{"description":"round ${index}"}}]}},{"id":"e","type":"task"}],
            "configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.complete("a", in: id)
        try world.complete("x", #"{"left":1}"#, in: id)
        try world.complete("x", #"{"left":"some"}"#, in: id)
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).error?.contains("condition") == true)
        for number in 1...2 {
            try world.restart()
            try world.send(.retry(id))
            let loop: StepRecord = try #require(try world.steps(of: id).first { $0.step == "l" })
            #expect(loop.status == .running && loop.attempt == number + 1 && loop.restarts.last == number * 2)
            #expect(try world.running(in: id) == ["x"])
            let task: TaskID = try world.task(of: "x", in: id)
            #expect(world.engine.tasks[task]?.specification.description == "round 0", "rounds are counted anew")
            try world.complete("x", #"{"left":1}"#, in: id)
            try world.restart()
            let next: TaskID = try world.task(of: "x", in: id)
            #expect(world.engine.tasks[next]?.specification.description == "round 1")
            #expect(try world.execution(id).progress < 0.5)
            try world.complete("x", number == 1 ? #"{"left":"some"}"# : #"{"left":0}"#, in: id)
        }
        let loop: StepRecord = try #require(try world.steps(of: id).first { $0.step == "l" })
        #expect(loop.status == .completed && loop.result?.description == #"[{"left":1},{"left":0}]"#)
        #expect(try world.steps(of: id).filter { $0.step == "x" }.map(\.round) == [0, 1, 2, 3, 4, 5])
        try world.complete("e", in: id)
        #expect(try world.execution(id).status == .completed && world.execution(id).progress == 1)
    }

    @Test("a loop that reached its maximum begins anew with a retry, and what it did before is undone too")
    func retryMaximum() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"p","type":"parallel","configuration":{"steps":[{"id":"l","type":"loop","configuration":{"condition":"true","maxIterations":1,
            "steps":[{"id":"x","type":"task","configuration":{"compensation":{"description":"undo ${index}"}}}]}},{"id":"y","type":"task"}]}}],
            "configuration":{"onError":"compensate","retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.complete("x", in: id)
        // Before it is undone somebody has it cancelled.
        try world.send(.cancel(id, reason: nil))
        try world.confirmStops()
        #expect(try world.execution(id).status == .cancelled)
        try world.send(.retry(id))
        #expect(try Set(world.running(in: id)) == ["x", "y"])
        try world.complete("x", in: id)
        try world.confirmStops()
        #expect(try world.steps(of: id).filter(\.isCompensation).count == 1)
        try world.complete("x", in: id)
        try world.complete("x", in: id)
        #expect(try world.execution(id).status == .failed && world.execution(id).isCompensated)
        #expect(try world.steps(of: id).filter(\.isCompensation).map(\.status) == [.completed, .completed])
    }

    @Test("a retry leaves what the execution has passed")
    func retryChain() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task","onFailure":"b"},{"id":"b","type":"task"}],
            "configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.engine.send(.cancelTask(try world.task(of: "a", in: id), reason: nil))
        _ = try world.confirmStops()
        #expect(try world.course(of: id) == "a:cancelled b:running")
        try world.fail("b", in: id)
        #expect(try world.execution(id).status == .failed)
        try world.send(.retry(id))
        #expect(try world.course(of: id) == "a:cancelled b:running")
        try world.complete("b", in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a retry goes on from steps that ended as the execution stopped, whichever way", arguments: [true, false])
    func retryAfterRace(completes: Bool) throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}],
            "dependencies":[{"stepId":"c","dependsOn":["b"]}],"configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        let (first, other) = (try world.task(of: "a", in: id), try world.task(of: "b", in: id))
        try world.engine.fail(first)
        // It is asked to stop, and comes to its own end before it can.
        if completes { try world.engine.end(other) } else { try world.engine.fail(other) }
        #expect(try world.execution(id).status == .failed)
        try world.restart()
        try world.send(.retry(id))
        #expect(try world.running(in: id) == (completes ? ["a", "c"] : ["a", "b"]))
        try world.restart()
        for step: String in try world.running(in: id) { try world.complete(step, in: id) }
        if !completes { try world.complete("c", in: id) }
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a retry of a sequence goes on behind what completed as it was being cancelled")
    func retryBehind() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"l","type":"loop","configuration":{"items":[1],"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}]}}]}"#
        )
        let id: ExecutionID = try world.execute()
        let task: TaskID = try world.task(of: "a", in: id)
        try world.send(.cancel(id, reason: nil))
        try world.engine.end(task)
        #expect(try world.execution(id).status == .cancelled)
        try world.send(.retry(id))
        #expect(try world.running(in: id) == ["b"])
        try world.complete("b", in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a retry leaves the rounds of a loop that have been passed")
    func retryRounds() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"l","type":"loop","configuration":{"items":[1,2],"steps":[{"id":"x","type":"task"}]}}],
            "configuration":{"onError":"continue","retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.engine.send(.cancelTask(try world.task(of: "x", in: id), reason: nil))
        try world.confirmStops()
        try world.send(.cancel(id, reason: nil))
        try world.confirmStops()
        try world.send(.retry(id))
        #expect(try world.running(in: id) == ["x"])
        try world.complete("x", round: 1, in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("what an execution did in the batch in which it ended and is retried is stored")
    func retryAtOnce() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"dependencies":[],
            "configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        let (first, second) = (try world.task(of: "a", in: id), try world.task(of: "b", in: id))
        world.engine.sendTogether([
            .attemptEnded(world.engine.attempt(of: first), .completed(result: try JSONText("7"))),
            .attemptEnded(world.engine.attempt(of: second), .failed(TaskFailure(.execution, "no"))),
            .workflow(.retry(id)),
        ])
        #expect(try world.course(of: id) == "a:completed b:running")
        try world.restart()
        #expect(try world.steps(of: id).first?.result?.description == "7")
        try world.complete("b", in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a cancelled execution can be retried too")
    func retryCancelled() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.send(.cancel(id, reason: nil))
        _ = try world.confirmStops()
        try world.send(.retry(id))
        try world.complete("a", in: id)
        #expect(try world.running(in: id) == ["b"])
    }

    @Test("what is deleted or has ended comes back only where limits leave room for it")
    func limits() throws {
        var world = try FlowWorld { (configuration: inout EngineConfiguration) in
            configuration.limits.workflows = 1
            configuration.limits.executions = 1
        }
        try world.define(WorkflowControlTests.two)
        let first: ExecutionID = try world.execute()
        try world.fail("a", in: first)
        let second: ExecutionID = try world.execute()
        #expect(world.refusal(.retry(first)) == .limitReached("executions", limit: 1))
        try world.fail("a", in: second)
        try world.send(.retry(first))
        #expect(try world.running(in: first) == ["a"])
        try world.send(.delete("w"))
        try world.define(#"{"steps":[{"id":"n","type":"task"}]}"#, id: "other")
        let again: WorkflowDefinition = try FlowWorld.definition(WorkflowControlTests.two)
        #expect(world.refusal(.put("w", again)) == .limitReached("workflows", limit: 1))
        try world.send(.delete("other"))
        #expect(try world.define(WorkflowControlTests.two).version == 2)
    }

    @Test("an execution that takes too long fails, and stops its tasks")
    func timeout() throws {
        var world = try FlowWorld()
        try world.define(#"{"steps":[{"id":"a","type":"task"}],"configuration":{"timeout":5000}}"#)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.engine.pass(4_999)
        #expect(try world.execution(id).phase == .normal)
        try world.restart()
        try world.engine.pass(1)
        _ = try world.confirmStops()
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).error == "The execution took longer than 5000 ms")
    }

    @Test("a workflow has versions; what is the same is no new one, and deleting it ends no execution")
    func versions() throws {
        var world = try FlowWorld()
        #expect(try world.define(WorkflowControlTests.two).version == 1)
        #expect(try world.define(WorkflowControlTests.two).version == 1)
        let id: ExecutionID = try world.execute()
        #expect(try world.define(#"{"steps":[{"id":"n","type":"task"}]}"#).version == 2)
        try world.send(.delete("w"))
        #expect(world.refusal(.delete("w")) == .notFound(.workflow, id: "w"))
        #expect(world.refusal(.execute("w", parameters: .emptyObject, overrides: [])) == .notFound(.workflow, id: "w"))
        try world.restart()
        try world.complete("a", in: id)
        try world.complete("b", in: id)
        #expect(try world.execution(id).status == .completed)
        // Nothing of it is needed any more.
        #expect(world.engine.entities[.workflowVersion]?.values.allSatisfy { $0.endedAt != nil } == true)
        #expect(try world.define(WorkflowControlTests.two).version == 3)
        try world.execute()
    }

    @Test("an execution may change the settings of steps, and of no others")
    func overrides() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"p","type":"parallel","configuration":{"steps":[{"id":"a","type":"task","configuration":{"description":"x","context":{"k":1,"m":2}}}]}}]}"#
        )
        let change = WorkflowOverride(
            step: "a", configuration: try JSONText(#"{"priority":"low","context":{"k":9}}"#))
        let id: ExecutionID = try world.execute("w", overrides: [change])
        try world.restart()
        let task: TaskSpecification = try world.engine.task(try world.task(of: "a", in: id)).specification
        #expect(task.priority == .low)
        #expect(task.description == "x")
        #expect(task.context.description == #"{"k":9,"m":2}"#)
        for (override, field) in [
            (WorkflowOverride(step: "z", configuration: .emptyObject), "overrides.0.stepId"),
            (
                WorkflowOverride(step: "a", configuration: try JSONText(#"{"steps":[]}"#)),
                "overrides.0.configuration.steps"
            ),
            (
                WorkflowOverride(step: "a", configuration: try JSONText(#"{"priority":"x"}"#)),
                "overrides.0.configuration.priority"
            ),
        ] {
            guard
                case .invalid(let issue)? = world.refusal(
                    .execute("w", parameters: .emptyObject, overrides: [override]))
            else {
                Issue.record("\(field) is accepted")
                continue
            }
            #expect(issue.field == field)
        }
    }

    @Test("GW-SEC-05: everything about workflows takes its permission, and what is out of reach does not exist")
    func permissions() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let id: ExecutionID = try world.execute()
        let nobody = Principal(subject: "bob", permissions: [.workflowsRead])
        let definition: WorkflowDefinition = try FlowWorld.definition(WorkflowControlTests.two)
        #expect(world.refusal(.create(definition), as: nobody) == .forbidden(.workflowsCreate))
        #expect(world.refusal(.delete("w"), as: nobody) == .forbidden(.workflowsCreate))
        let execute = WorkflowCommand.execute("w", parameters: .emptyObject, overrides: [])
        #expect(world.refusal(execute, as: nobody) == .forbidden(.workflowsExecute))
        #expect(world.refusal(.pause(id), as: nobody) == .forbidden(.workflowsExecute))
        #expect(world.refusal(.cancel(id, reason: nil), as: nobody) == .forbidden(.workflowsCancel))
        let stranger = Principal(subject: "eve", permissions: .all, projects: ["other"])
        #expect(world.refusal(execute, as: stranger) == .notFound(.workflow, id: "w"))
        #expect(world.refusal(.cancel(id, reason: nil), as: stranger) == .notFound(.execution, id: id.rawValue))
        let attempt = Principal(subject: "ann", permissions: .all, task: "t")
        #expect(world.refusal(.delete("w"), as: attempt) == .forbidden(.workflowsCreate))
        _ = world.engine.takeEffects()
        try world.send(.cancel(id, reason: nil))
        try world.confirmStops()
        #expect(world.refusal(.cancel(id, reason: nil), as: attempt) == .forbidden(.workflowsCancel))
    }

    @Test("a step's task is made for whoever executes, and fails where that subject may make none")
    func principal() throws {
        var world = try FlowWorld()
        try world.define(WorkflowControlTests.two)
        let limited = Principal(subject: "bob", permissions: [.workflowsExecute], team: "red")
        let id: ExecutionID = try world.execute(as: limited)
        #expect(try world.execution(id).error?.contains("missing permission tasks:create") == true)
        let able = Principal(subject: "bob", permissions: [.workflowsExecute, .tasksCreate], team: "red")
        let other: ExecutionID = try world.execute(as: able)
        try world.complete("a", in: other)
        try world.restart()
        let task: TaskRecord = try world.engine.task(try world.task(of: "b", in: other))
        #expect(task.owner == "bob")
        #expect(task.team == "red")
    }
}
