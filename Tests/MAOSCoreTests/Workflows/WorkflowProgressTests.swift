import MAOSCore
import Testing

/// How far executions have come: one figure, stored and told of alike.
@Suite("Progress of executions")
struct WorkflowProgressTests {
    private static let nested = #"""
        {"dependencies":[],"steps":[
          {"id":"a","type":"task","configuration":{"weight":2}},
          {"id":"p","type":"parallel","configuration":{"weight":5,"steps":[
            {"id":"c","type":"task","configuration":{"weight":3}},
            {"id":"l","type":"loop","configuration":{"items":"parameters.n","maxParallel":2,"steps":[{"id":"d","type":"task"}]}},
            {"id":"w","type":"loop","configuration":{"condition":"index < 2","maxIterations":2,"steps":[{"id":"e","type":"task"}]}}]}},
          {"id":"gate","type":"task","configuration":{"weight":3,"approval":true}}]}
        """#

    /// That it is stored and told of as this, and that this is what a new start makes of what is stored.
    private func expect(
        _ expected: Double, of id: ExecutionID, in world: FlowWorld, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let stored: Double = try world.execution(id).progress
        #expect(abs(stored - expected) < 0.000_001, sourceLocation: sourceLocation)
        #expect(world.toldProgress(of: id).last == stored, "as it was told of last", sourceLocation: sourceLocation)
        var again: FlowWorld = world
        try again.engine.restart(recovering: false)
        try again.engine.report(.agentsAlive([]))
        #expect(try again.execution(id).progress == stored, sourceLocation: sourceLocation)
    }

    @Test("a running task counts by how far it has come, and by its share of all that is around it")
    func shares() throws {
        var world = try FlowWorld()
        try world.define(WorkflowProgressTests.nested)
        let id: ExecutionID = try world.execute("w", #"{"n":[1,2,3,4]}"#)
        try expect(0, of: id, in: world)
        try world.reach(0.5, "a", in: id)
        try expect(0.1, of: id, in: world)
        try world.reach(0.5, "c", in: id)
        try expect(0.25, of: id, in: world)
        try world.reach(1, "d", round: 1, in: id)
        try expect(0.275, of: id, in: world)
        try world.reach(0.9, "e", in: id)
        try expect(0.275, of: id, in: world)
        try world.complete("d", round: 1, in: id)
        try world.reach(0.8, "d", round: 2, in: id)
        try expect(0.295, of: id, in: world)
        try world.complete("a", in: id)
        try expect(0.395, of: id, in: world)
        for _ in 0..<2 { try world.complete("e", in: id) }
        try expect(0.495, of: id, in: world)
        try world.complete("c", in: id)
        for round: Int in [0, 2, 3] { try world.complete("d", round: round, in: id) }
        try expect(0.7, of: id, in: world)
        try world.send(.answer(try #require(try world.approvals().first).id, isApproved: true, comment: nil))
        try expect(1, of: id, in: world)
    }

    @Test("however many reports there are, each whole percentage is stored and told of once")
    func noStorm() throws {
        var world = try FlowWorld()
        try world.define(#"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}]}"#)
        let id: ExecutionID = try world.execute()
        for thousandth in 1...1_000 { try world.reach(Double(thousandth) / 1_000, "a", in: id) }
        let told: [Double] = world.toldProgress(of: id).further
        #expect(told == (1...50).map { Double($0) / 100 })
        try world.reach(1, "a", in: id)
        #expect(world.toldProgress(of: id).further.count == 50, "what is known is not told again")
        #expect(try world.execution(id).updatedAt == world.engine.now)
    }

    @Test("the next attempt of a task begins from nothing, and what is reported of the last changes nothing")
    func newAttempt() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"a","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":3,"backoffMs":1000}}}"#)
        let id: ExecutionID = try world.execute()
        let task: TaskID = try world.task(of: "a", in: id)
        let first: AttemptID = world.engine.attempt(of: task)
        try world.reach(0.7, "a", in: id)
        try world.fail("a", in: id)
        try expect(0.7, of: id, in: world)
        try world.engine.pass(.seconds(5))
        #expect(world.engine.attempt(of: task).number == 2)
        try expect(0, of: id, in: world)
        #expect(throws: Rejection.self) {
            try world.engine.report(.attemptProgressed(first, progress: 0.9, step: nil))
        }
        try world.reach(0.3, "a", in: id)
        try expect(0.3, of: id, in: world)
        #expect(world.toldProgress(of: id).further == [0.7, 0, 0.3])
    }

    @Test(
        "a server that is killed goes on with the same figure, and takes back what attempts had reached that it ended")
    func killed() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"dependencies":[],"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}]}"#
        )
        let id: ExecutionID = try world.execute()
        for (step, reached) in [("a", 0.1), ("b", 0.3), ("c", 0.6)] { try world.reach(reached, step, in: id) }
        try world.complete("a", in: id)
        let before: Double = try world.execution(id).progress
        #expect(before == 0.633333)
        try world.engine.restart(recovering: false)
        try world.reach(0.31, "b", in: id)
        #expect(try world.execution(id).progress == before, "less than a hundredth more")
        try world.restart()
        #expect(try world.execution(id).progress == 0.333333)
        #expect(world.toldProgress(of: id).last == 0.333333)
    }

    @Test("what an earlier version stored is put right by the first start of this one, and told of")
    func earlierVersion() throws {
        var world = try FlowWorld()
        try world.define(#"{"dependencies":[],"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}]}"#)
        let id: ExecutionID = try world.execute()
        try world.reach(0.5, "a", in: id)
        try world.complete("b", in: id)
        // It counted what had ended, and summed up in binary.
        var record: ExecutionRecord = try world.execution(id)
        record.progress = 0.1 + 0.2
        world.engine.overwrite(record.row)
        // Tasks that wait for an agent keep what they had reached.
        try world.engine.restart()
        #expect(try world.execution(id).progress == 0.75)
        #expect(world.toldProgress(of: id).last == 0.75)
        try world.engine.startAgents()
        try expect(0.5, of: id, in: world)
    }

    @Test("a step that is given up before it had anything to do counts nothing, before a restart and after it")
    func givenUp() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"p","type":"parallel","configuration":{"maxParallel":1,"steps":[
              {"id":"x","type":"task"},{"id":"y","type":"task"},{"id":"z","type":"task"}]}},{"id":"e","type":"task"}]}
            """#)
        let id: ExecutionID = try world.execute()
        try world.complete("x", in: id)
        try world.reach(0.5, "y", in: id)
        try expect(0.25, of: id, in: world)
        try world.send(.cancel(id, reason: nil))
        #expect(try world.course(of: id).contains("z:cancelled"))
        try expect(0.25, of: id, in: world)
        try world.confirmStops()
        #expect(try world.execution(id).status == .cancelled)
        #expect(try abs(world.execution(id).progress - 1.0 / 3) < 0.000_001)
        try world.send(.retry(id))
        try expect(1.0 / 6, of: id, in: world)
    }

    @Test("what undoes a step, and a task that somebody starts over, move nothing")
    func besides() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task","configuration":{"compensation":{}}},{"id":"b","type":"task"},{"id":"c","type":"task"}],
            "configuration":{"retryPolicy":{"maxAttempts":1},"onError":"compensate"}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.complete("a", in: id)
        let failed: TaskID = try world.task(of: "b", in: id)
        try world.fail("b", in: id)
        let reached: Double = try world.execution(id).progress
        #expect(try world.running(in: id) == ["a"], "it is being undone")
        try world.reach(0.8, "a", in: id)
        try world.engine.send(.retryTask(failed))
        let again: AttemptID = world.engine.attempt(of: failed)
        try world.engine.report(.attemptProgressed(again, progress: 0.4, step: nil))
        try expect(reached, of: id, in: world)
        #expect(world.toldProgress(of: id).further.isEmpty)
    }

    @Test("a share of 1 has whole hundredths: what is begun counts nothing, and only all of it is 100")
    func wholePercent() {
        for percent in 0...100 { #expect((Double(percent) / 100).wholePercent == percent) }
        for (share, percent) in [
            (0.999_999_999, 99), (0.009_9, 0), (1, 100), (0.339, 33), (-1, 0), (7, 100), (-Double.infinity, 0),
            (1 / 3, 33),
        ] {
            #expect(share.wholePercent == percent, "\(share)")
        }
    }
}
