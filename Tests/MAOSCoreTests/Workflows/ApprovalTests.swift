import MAOSCore
import Testing

@Suite("Approvals")
struct ApprovalTests {
    private func world(_ approval: String, context: String = "") throws -> (FlowWorld, ExecutionID) {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"gate","type":"task","configuration":{"approval":\#(approval)\#(context)},"onFailure":"no"},
            {"id":"yes","type":"task","configuration":{"description":"by ${steps.gate.result.by}"}},{"id":"no","type":"task"}]}
            """#)
        let id: ExecutionID = try world.execute("w", #"{"who":"ann"}"#)
        return (world, id)
    }

    @Test("a step waits for an answer, through restarts, and goes on with it")
    func approve() throws {
        var (world, id) = try world(#"{"reason":"Deploy for ${parameters.who}?","timeout":60000}"#)
        var approval: ApprovalRecord = try #require(try world.approvals().first)
        #expect(approval.reason == "Deploy for ann?")
        #expect(approval.requester == "ann")
        #expect(approval.status == .pending)
        #expect(approval.retryCount == 0)
        try world.restart()
        try world.send(.answer(approval.id, isApproved: true, comment: "fine"))
        approval = try #require(try world.approvals().first)
        #expect(approval.status == .approved)
        #expect(approval.resolvedBy == "ann")
        #expect(try world.engine.task(try world.task(of: "yes", in: id)).specification.description == "by ann")
        #expect(world.history(of: id) == [.started, .approvalRequested, .approvalResolved])
        // The same answer again changes nothing, another one is refused.
        try world.restart()
        try world.send(.answer(approval.id, isApproved: true, comment: nil))
        #expect(world.refusal(.answer(approval.id, isApproved: false, comment: nil)) != nil)
    }

    @Test("a task that has been approved starts when it is its turn: not while the execution pauses or has too many")
    func approvedLater() throws {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task","configuration":{"approval":true,"context":{"n":1}}}],
            "dependencies":[],"configuration":{"maxParallel":1}}
            """#)
        let id: ExecutionID = try world.execute()
        try world.complete("a", in: id)
        let first: ApprovalRecord = try #require(try world.approvals().first)
        try world.send(.pause(id))
        try world.send(.answer(first.id, isApproved: true, comment: nil))
        #expect(try world.course(of: id) == "a:completed b:pending")
        try world.restart()
        try world.send(.resume(id))
        #expect(try world.running(in: id) == ["b"])
        #expect(try world.steps(of: id)[1].attempt == 1)
        try world.complete("b", in: id)

        try world.define(
            #"""
            {"steps":[{"id":"b","type":"task","configuration":{"approval":true,"context":{"n":1}}},{"id":"a","type":"task"}],
            "dependencies":[],"configuration":{"maxParallel":1}}
            """#)
        let other: ExecutionID = try world.execute()
        let second: ApprovalRecord = try #require(try world.approvals().first { $0.status == .pending })
        try world.send(.answer(second.id, isApproved: true, comment: nil))
        #expect(try world.running(in: other) == ["a"])
        try world.complete("a", in: other)
        #expect(try world.running(in: other) == ["b"])
    }

    @Test("a rejection is a failure of the step")
    func reject() throws {
        var (world, id) = try world(#"{"reason":"?"}"#)
        let approval: ApprovalRecord = try #require(try world.approvals().first)
        try world.send(.answer(approval.id, isApproved: false, comment: "not today"))
        #expect(try world.running(in: id) == ["no"])
        #expect(try world.steps(of: id)[0].error == "rejected by ann: not today")
    }

    @Test("where nobody answers in time, the default counts", arguments: [("approve", "yes"), ("reject", "no")])
    func expire(decision: String, next: String) throws {
        var (world, id) = try world(#"{"timeout":1000,"default":"\#(decision)"}"#)
        try world.restart()
        try world.engine.pass(999)
        #expect(try world.running(in: id) == ["gate"])
        try world.engine.pass(1)
        #expect(try world.running(in: id) == [next])
        #expect(try world.approvals().first?.resolvedBy == "system")
    }

    @Test("only those named answer, and administrators; others need the permission at least")
    func approvers() throws {
        var (world, _) = try world(#"{"approvers":["boss"]}"#)
        let approval: ApprovalID = try #require(try world.approvals().first).id
        let answer = WorkflowCommand.answer(approval, isApproved: true, comment: nil)
        let other = Principal(subject: "bob", permissions: [.approvalsAnswer])
        #expect(world.refusal(answer, as: other) == .denied("Approval \(approval) is for boss to answer"))
        let mute = Principal(subject: "boss", permissions: [])
        #expect(world.refusal(answer, as: mute) == .forbidden(.approvalsAnswer))
        try world.send(answer, as: Principal(subject: "boss", permissions: [.approvalsAnswer]))
        #expect(try world.approvals().first?.resolvedBy == "boss")
        let unknown = ApprovalID(unchecked: "x")
        #expect(
            world.refusal(.answer(unknown, isApproved: true, comment: nil)) == .notFound(.approval, id: "x"))
    }

    @Test("a step with a task runs it after the answer")
    func taskBehind() throws {
        var (world, id) = try world("true", context: #","context":{"command":["x"]}"#)
        #expect(try world.running(in: id) == ["gate"])
        #expect(world.engine.tasks.isEmpty)
        try world.send(.answer(try #require(try world.approvals().first).id, isApproved: true, comment: nil))
        try world.complete("gate", in: id)
        #expect(try world.running(in: id) == ["yes"])
    }

    @Test("cancelling the execution withdraws the question")
    func withdrawn() throws {
        var (world, id) = try world(#"{"timeout":1000}"#)
        try world.send(.cancel(id, reason: nil))
        #expect(try world.execution(id).status == .cancelled)
        #expect(try world.approvals().first?.status == .cancelled)
        let approval: ApprovalID = try #require(try world.approvals().first).id
        #expect(world.refusal(.answer(approval, isApproved: true, comment: nil)) != nil)
        try world.send(.retry(id))
        #expect(try world.approvals().first?.retryCount == 1)
    }
}
