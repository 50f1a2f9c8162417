import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Stored records of workflows")
struct WorkflowRecordTests {
    /// Rows of all kinds, with every part somewhere.
    private func rows() throws -> [EntityRow] {
        var world = try FlowWorld()
        try world.define(
            #"""
            {"description":"d","steps":[{"id":"a","type":"task","configuration":{"description":"${parameters.x}","compensation":{}}},
            {"id":"g","type":"task","configuration":{"approval":{"timeout":1000,"approvers":["x"]}}},
            {"id":"b","type":"task"}],"configuration":{"timeout":9000,"retryPolicy":{"maxAttempts":1},"onError":"compensate"}}
            """#)
        let id: ExecutionID = try world.execute("w", #"{"x":"y"}"#)
        try world.complete("a", #"{"z":1}"#, in: id)
        let approval: ApprovalID = try #require(try world.approvals().first).id
        try world.send(.answer(approval, isApproved: true, comment: "c"))
        try world.fail("b", in: id)
        return world.engine.entities.values.flatMap(\.values)
    }

    private func read(_ row: EntityRow) throws(RecordCodingError) -> EntityRow {
        switch row.kind {
        case .workflow: try WorkflowRecord(row).row
        case .workflowVersion: try WorkflowVersionRecord(row).row
        case .execution: try ExecutionRecord(row).row
        case .step: try StepRecord(row).row
        case .approval: try ApprovalRecord(row).row
        default: row
        }
    }

    @Test("what is read equals what was written")
    func roundTrip() throws {
        let rows: [EntityRow] = try rows()
        #expect(Set(rows.map(\.kind)) == [.workflow, .workflowVersion, .execution, .step, .approval])
        for row: EntityRow in rows { #expect(try read(row) == row) }
    }

    @Test("cut off and damaged records are errors, never crashes")
    func damage() throws {
        for row: EntityRow in try rows() {
            try expectRefusalOfDamage(to: row) { _ = try read($0) }
        }
    }

    @Test("events of executions are read back as they were")
    func events() throws {
        var world = try FlowWorld()
        try world.define(
            #"{"steps":[{"id":"g","type":"task","configuration":{"approval":{}},"onFailure":"b"},{"id":"b","type":"task"}],"configuration":{"retryPolicy":{"maxAttempts":1}}}"#
        )
        let id: ExecutionID = try world.execute()
        try world.send(.pause(id))
        try world.send(.answer(try #require(try world.approvals().first).id, isApproved: false, comment: "no"))
        try world.send(.resume(id))
        try world.reach(0.5, "b", in: id)
        #expect(world.toldProgress(of: id).further == [0.75])
        try world.fail("b", in: id)
        let events: [Event] = world.engine.events.filter { if case .workflow = $0.body { true } else { false } }
        #expect(events.count > 7)
        for event: Event in events {
            var writer = ByteWriter()
            RecordCoding.write(event, to: &writer)
            let bytes: [UInt8] = writer.take()
            #expect(try RecordCoding.event(bytes[...]) == event)
            for length in bytes.indices {
                #expect(throws: RecordCodingError.self) { try RecordCoding.event(bytes[..<length]) }
            }
        }
    }

    @Test("the origin of a task is kept with it")
    func origin() throws {
        var world = try FlowWorld()
        try world.define(#"{"steps":[{"id":"a","type":"task"}]}"#)
        let id: ExecutionID = try world.execute()
        let task: TaskRecord = try world.engine.task(try world.task(of: "a", in: id))
        var writer = ByteWriter()
        RecordCoding.write(task, to: &writer)
        #expect(try RecordCoding.task(writer.take()[...]) == task)
    }
}
