import MAOSCore
import Testing

@Suite("Executions of workflows")
struct WorkflowExecutionTests {
    private static let three =
        #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}]}"#

    @Test("GW-REST-09: a sequence goes from step to step, and its last result is the execution's")
    func sequence() throws {
        var world = try FlowWorld()
        try world.define(WorkflowExecutionTests.three)
        let id: ExecutionID = try world.execute()
        #expect(try world.course(of: id) == "a:running")
        try world.complete("a", in: id)
        #expect(try world.course(of: id) == "a:completed b:running")
        #expect(try world.execution(id).currentStep == "b")
        try world.complete("b", in: id)
        #expect(abs(try world.execution(id).progress - 2.0 / 3) < 0.001)
        try world.complete("c", #"{"n":1}"#, in: id)
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .completed)
        #expect(execution.result?.description == #"{"n":1}"#)
        #expect(execution.progress == 1)
        #expect(execution.endedAt != nil)
        #expect(world.history(of: id) == [.started, .completed])
    }

    @Test("GW-REST-09: a failure without onFailure fails the execution, and what follows never starts")
    func failure() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}"#
        )
        let id: ExecutionID = try world.execute()
        try world.fail("a", in: id)
        #expect(try world.course(of: id) == "a:failed")
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .failed)
        #expect(execution.error == "Step a: exited with code 1")
        #expect(world.history(of: id) == [.started, .failed])
    }

    @Test("GW-REST-09: onFailure deals with a failure, and is never entered by falling through")
    func handler() throws {
        let json = #"""
            {"steps":[{"id":"a","type":"task","onFailure":"h"},{"id":"h","type":"task"},{"id":"b","type":"task"}],
            "configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#
        var world = try FlowWorld()
        try world.define(json)
        let failing: ExecutionID = try world.execute()
        try world.fail("a", in: failing)
        try world.complete("h", in: failing)
        try world.complete("b", in: failing)
        #expect(try world.execution(failing).status == .completed)
        let passing: ExecutionID = try world.execute()
        try world.complete("a", in: passing)
        #expect(try world.course(of: passing) == "a:completed b:running")
    }

    @Test("tasks of workflows are tried three times unless something else is said")
    func attempts() throws {
        var world = try FlowWorld()
        try world.define(WorkflowExecutionTests.three)
        let id: ExecutionID = try world.execute()
        let task: TaskID = try world.task(of: "a", in: id)
        #expect(try world.engine.task(task).specification.retryPolicy.maximumAttempts == 3)
        try world.define(
            #"{"steps":[{"id":"a","type":"task","configuration":{"retryPolicy":{"maxAttempts":5}}}],"configuration":{"retryPolicy":{"maxAttempts":2,"factor":3}}}"#,
            id: "v")
        let other: ExecutionID = try world.execute("v")
        let policy: RetryPolicy = try world.engine.task(try world.task(of: "a", in: other)).specification.retryPolicy
        #expect(policy.maximumAttempts == 5)
        #expect(policy.factor == 3)
    }

    @Test("a task carries its execution and step, and what parameters and results make of it")
    func templates() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task","configuration":{"type":"test","priority":"${parameters.p}",
            "description":"${steps.a.result.name} in ${execution.id}","timeout":"${parameters.t * 1000}",
            "context":{"command":["echo","${steps.a.result.name}","${length(steps.a.result.list)}"],"environment":{"X":"${steps.a.status}"},"note":"${steps.a.result.list}"}}}],
            "parameters":{"p":"high","t":5}}
            """#)
        let id: ExecutionID = try world.execute("w", #"{"t":7}"#)
        try world.complete("a", #"{"name":"web","list":[1,2]}"#, in: id)
        let task: TaskSpecification = try world.engine.task(try world.task(of: "b", in: id)).specification
        #expect(task.kind == .testing)
        #expect(task.priority == .high)
        #expect(task.description == "web in \(id)")
        #expect(task.timeout == 7_000)
        #expect(task.command == .arguments(["echo", "web", "2"]))
        #expect(task.environment == ["X": "completed"])
        #expect(task.context.description == #"{"note":[1,2]}"#)
        #expect(task.workflow == WorkflowTaskOrigin(workflow: "w", execution: id, step: "b", ordinal: 2))
        #expect(try world.steps(of: id)[1].input?.description.contains("web") == true)
    }

    @Test("an expression that cannot be worked out fails its step with its place")
    func badTemplate() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"a","type":"task","configuration":{"description":"${1 / parameters.zero}"}}]}"#)
        let id: ExecutionID = try world.execute("w", #"{"zero":0}"#)
        #expect(try world.execution(id).status == .failed)
        #expect(try world.steps(of: id)[0].error?.contains("a division by zero") == true)
        try world.define(
            #"{"steps":[{"id":"a","type":"task","configuration":{"priority":"${parameters.p}"}}]}"#, id: "p")
        let other: ExecutionID = try world.execute("p", #"{"p":"urgent"}"#)
        #expect(try world.steps(of: other)[0].error?.contains("configuration.priority: found urgent") == true)
    }

    @Test("a decision picks its way by its condition")
    func decision() throws {
        let json = #"""
            {"steps":[{"id":"d","type":"decision","configuration":{"condition":"parameters.n > 3"},"onSuccess":"big","onFailure":"small"},
            {"id":"big","type":"task","onSuccess":"end"},{"id":"small","type":"task"},{"id":"end","type":"task"}]}
            """#
        var world = try FlowWorld()
        try world.define(json)
        let big: ExecutionID = try world.execute("w", #"{"n":5}"#)
        #expect(try world.course(of: big) == "d:completed big:running")
        try world.complete("big", in: big)
        #expect(try world.running(in: big) == ["end"])
        let small: ExecutionID = try world.execute("w", #"{"n":1}"#)
        #expect(try world.running(in: small) == ["small"])
        let broken: ExecutionID = try world.execute("w", #"{"n":"x"}"#)
        #expect(try world.course(of: broken) == "d:failed small:running")
        #expect(try world.steps(of: broken)[0].error?.contains("a string and a number") == true)
    }

    @Test("a false decision without onFailure fails the execution")
    func undecided() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"d","type":"decision","configuration":{"condition":"false"}},{"id":"a","type":"task"}]}"#)
        let id: ExecutionID = try world.execute()
        #expect(try world.execution(id).status == .failed)
        #expect(try world.execution(id).error?.contains("no onFailure") == true)
    }

    @Test("a graph starts what waits for nothing, and each step when all it waits for has ended as it wants")
    func graph() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"d","type":"task"},{"id":"b","type":"task"},{"id":"a","type":"task"},{"id":"f","type":"task"},{"id":"z","type":"task"}],
            "dependencies":[{"stepId":"d","dependsOn":["a","b"]},{"stepId":"f","dependsOn":["b"],"condition":"failure"},
            {"stepId":"z","dependsOn":["d","f"],"condition":"always"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        #expect(try world.running(in: id) == ["b", "a"])
        try world.complete("a", in: id)
        #expect(try world.running(in: id) == ["b"])
        try world.fail("b", in: id)
        // Its failure is awaited, so the execution goes on.
        #expect(try world.running(in: id) == ["f"])
        #expect(try world.course(of: id).contains("d:skipped"))
        try world.complete("f", #""done""#, in: id)
        try world.complete("z", in: id)
        #expect(try world.execution(id).status == .completed)
        #expect(try world.execution(id).result?.description == #"{"f":"done"}"#)
    }

    @Test("steps named by onSuccess and onFailure in a graph start when they are taken, and are skipped when not")
    func routedGraph() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task","onSuccess":"s","onFailure":"f"},{"id":"s","type":"task"},{"id":"f","type":"task"},{"id":"z","type":"task"}],
            "dependencies":[{"stepId":"z","dependsOn":["f","s"],"condition":"always"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        #expect(try world.running(in: id) == ["a"])
        try world.fail("a", in: id)
        #expect(try world.running(in: id) == ["f"])
        try world.complete("f", in: id)
        try world.complete("z", in: id)
        #expect(try world.course(of: id).contains("s:skipped"))
        #expect(try world.execution(id).status == .completed)
    }

    @Test("an unhandled failure stops what is under way, and the execution ends when it has stopped")
    func failFast() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}],
            "dependencies":[{"stepId":"c","dependsOn":["a"]}],"configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        _ = world.engine.takeEffects()
        try world.fail("a", in: id)
        #expect(try world.execution(id).status == .running)
        #expect(try world.confirmStops() == 1)
        #expect(try world.execution(id).status == .failed)
        #expect(try world.course(of: id) == "a:failed b:cancelled")
    }

    @Test("with the policy continue, an execution goes on as far as it can")
    func goesOn() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}],
            "dependencies":[{"stepId":"c","dependsOn":["a"]}],"configuration":{"onError":"continue","retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.fail("a", in: id)
        try world.complete("b", in: id)
        #expect(try world.course(of: id) == "a:failed b:completed c:skipped")
        #expect(try world.execution(id).status == .completed)
        try world.define(
            #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"configuration":{"onError":"continue","retryPolicy":{"maxAttempts":1}}}"#,
            id: "s")
        let other: ExecutionID = try world.execute("s")
        try world.fail("a", in: other)
        #expect(try world.running(in: other) == ["b"])
    }

    @Test("with the policy compensate, what was completed is undone, last first, even where undoing fails")
    func compensation() throws {
        var world = try FlowWorld()
        let undo = #""compensation":{"description":"undo ${steps.a.result}"}"#
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task","configuration":{\#(undo)}},
            {"id":"l","type":"loop","configuration":{"items":["x","y"],"steps":[{"id":"b","type":"task","configuration":{"compensation":{"description":"undo ${item}"}}}]}},
            {"id":"c","type":"task"}],"configuration":{"onError":"compensate","retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.complete("a", #""1""#, in: id)
        try world.complete("b", in: id)
        try world.complete("b", in: id)
        try world.fail("c", in: id)
        var undone: [String] = []
        for round in 0..<3 {
            try world.restart()
            let step: StepRecord = try #require(try world.steps(of: id).last)
            #expect(step.isCompensation)
            let task: TaskID = try #require(step.task)
            undone.append(try world.engine.task(task).specification.description)
            if round == 1 { try world.engine.fail(task) } else { try world.engine.end(task) }
        }
        #expect(undone == ["undo y", "undo x", "undo 1"])
        let execution: ExecutionRecord = try world.execution(id)
        #expect(execution.status == .failed)
        #expect(execution.error == "Step c: exited with code 1")
        #expect(world.refusal(.retry(id)) != nil)
    }

    @Test("a parallel step ends when all in it have ended, and gives what they gave")
    func parallel() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"p","type":"parallel","configuration":{"maxParallel":2,"steps":[{"id":"x","type":"task"},{"id":"y","type":"task"},{"id":"z","type":"task"}]}},
            {"id":"e","type":"task","configuration":{"description":"${steps.p.result.y}"}}]}
            """#)
        let id: ExecutionID = try world.execute()
        #expect(try world.running(in: id) == ["x", "y"])
        try world.complete("y", #""why""#, in: id)
        #expect(try world.running(in: id) == ["x", "z"])
        #expect(abs(try world.execution(id).progress - 1.0 / 6) < 0.001)
        try world.complete("z", in: id)
        try world.complete("x", in: id)
        #expect(try world.engine.task(try world.task(of: "e", in: id)).specification.description == "why")
    }

    @Test("a failure inside a parallel step or a loop stops it, and its onFailure deals with that")
    func innerFailure() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"p","type":"parallel","onFailure":"h","configuration":{"steps":[{"id":"x","type":"task"},
            {"id":"l","type":"loop","configuration":{"items":[1,2],"maxParallel":2,"steps":[{"id":"y","type":"task"}]}}]}},
            {"id":"h","type":"task","configuration":{"description":"${steps.p.error}"}}],"configuration":{"retryPolicy":{"maxAttempts":1}}}
            """#)
        let id: ExecutionID = try world.execute()
        #expect(try world.running(in: id) == ["x", "y", "y"])
        _ = world.engine.takeEffects()
        try world.fail("y", round: 1, in: id)
        #expect(try world.confirmStops() == 1)
        #expect(try world.steps(of: id).first { $0.step == "l" }?.status == .failed)
        #expect(try world.confirmStops() == 1)
        #expect(
            try world.engine.task(try world.task(of: "h", in: id)).specification.description
                == "Step l: Step y: exited with code 1")
        try world.complete("h", in: id)
        #expect(try world.execution(id).status == .completed)
    }

    @Test("a loop over items runs a round for each, as many at once as allowed, and gives what they gave")
    func items() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"l","type":"loop","configuration":{"items":"parameters.list","maxParallel":2,"steps":[
            {"id":"x","type":"task","configuration":{"description":"${item}-${index}"}},{"id":"y","type":"task","configuration":{"description":"${steps.x.result}"}}]}}]}
            """#)
        let id: ExecutionID = try world.execute("w", #"{"list":["a","b","c"]}"#)
        #expect(try world.steps(of: id).map(\.round) == [0, 0, 1])
        try world.complete("x", round: 1, #""one""#, in: id)
        let inner: TaskSpecification = try world.engine.task(try world.task(of: "y", round: 1, in: id)).specification
        #expect(inner.description == "one")
        try world.complete("y", round: 1, "11", in: id)
        try world.complete("x", round: 2, in: id)
        try world.complete("y", round: 2, in: id)
        #expect(try world.engine.task(try world.task(of: "x", round: 0, in: id)).specification.description == "a-0")
        try world.complete("x", round: 0, in: id)
        try world.complete("y", round: 0, "10", in: id)
        #expect(try world.execution(id).result?.description == "[10,11,null]")
        let empty: ExecutionID = try world.execute("w", #"{"list":[]}"#)
        #expect(try world.execution(empty).result?.description == "[]")
        let none: ExecutionID = try world.execute("w")
        #expect(try world.execution(none).error?.contains("found null, expected an array") == true)
    }

    @Test("a loop while a condition holds looks at it before every round, and ends at its maximum")
    func whileLoop() throws {
        let json = #"""
            {"steps":[{"id":"l","type":"loop","configuration":{"condition":"index == 0 || steps.x.result.more","maxIterations":3,"steps":[
            {"id":"x","type":"task"}]}}]}
            """#
        var world = try FlowWorld()
        try world.define(json)
        let id: ExecutionID = try world.execute()
        try world.complete("x", #"{"more":true}"#, in: id)
        try world.complete("x", round: 1, #"{"more":false}"#, in: id)
        #expect(try world.execution(id).status == .completed)
        #expect(try world.execution(id).result?.description == #"[{"more":true},{"more":false}]"#)
        let endless: ExecutionID = try world.execute()
        for round in 0..<3 { try world.complete("x", round: round, #"{"more":true}"#, in: endless) }
        #expect(try world.execution(endless).error?.contains("still holds after 3 rounds") == true)
    }

    @Test("what would run for ever without a task is cut off")
    func endless() throws {
        var world = try FlowWorld()
        let inner = #"{"id":"d","type":"decision","configuration":{"condition":"true"}}"#
        let middle =
            #"{"id":"m","type":"loop","configuration":{"condition":"true","maxIterations":10000,"steps":[\#(inner)]}}"#
        try world.define(#"{"steps":[\#(middle)]}"#)
        let id: ExecutionID = try world.execute()
        #expect(try world.execution(id).error?.contains("still holds after 10000 rounds") == true)
    }

    @Test("the workflow's maximum of parallel tasks holds across its loops and parallel steps")
    func maximum() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"p","type":"parallel","configuration":{"steps":[
            {"id":"l","type":"loop","configuration":{"items":[1,2,3],"maxParallel":3,"steps":[{"id":"x","type":"task"}]}},{"id":"y","type":"task"}]}}],
            "configuration":{"maxParallel":2}}
            """#)
        let id: ExecutionID = try world.execute()
        #expect(try world.running(in: id) == ["x", "x"])
        try world.complete("x", round: 0, in: id)
        #expect(try world.running(in: id) == ["x", "x"])
        try world.complete("x", round: 1, in: id)
        try world.complete("x", round: 2, in: id)
        #expect(try world.running(in: id) == ["y"])
        try world.complete("y", in: id)
        #expect(try world.execution(id).status == .completed)
    }
}
