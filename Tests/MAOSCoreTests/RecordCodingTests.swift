import Foundation
import MAOSCore
import MAOSTestSupport
import Testing

@Suite("The coding of records")
struct RecordCodingTests {
    private func bytes(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        write(&writer)
        return writer.take()
    }

    @Test("a task reads as it was written")
    func tasks() throws {
        var samples = RecordSamples(seed: 1)
        for number: UInt64 in 1...500 {
            let task: TaskRecord = samples.task("task-\(number)", number: number)
            #expect(try RecordCoding.task(bytes { RecordCoding.write(task, to: &$0) }[...]) == task)
            #expect(
                try RecordCoding.specification(bytes { RecordCoding.write(task.specification, to: &$0) }[...])
                    == task.specification)
            #expect(try RecordCoding.taskState(bytes { RecordCoding.write(task.state, to: &$0) }[...]) == task.state)
            let origin: [UInt8] = bytes { RecordCoding.writeOrigin(of: task, to: &$0) }
            #expect(
                try RecordCoding.task(task.id, number: number, origin: origin[...], state: task.state) == task)
        }
    }

    @Test("an agent reads as it was written")
    func agents() throws {
        var samples = RecordSamples(seed: 2)
        for number: UInt64 in 1...500 {
            let agent: AgentRecord = samples.agent("agent-\(number)", number: number)
            #expect(try RecordCoding.agent(bytes { RecordCoding.write(agent, to: &$0) }[...]) == agent)
        }
    }

    @Test("an event reads as it was written")
    func events() throws {
        var samples = RecordSamples(seed: 3)
        for sequence: UInt64 in 1...500 {
            let event: Event = samples.event(sequence)
            #expect(try RecordCoding.event(bytes { RecordCoding.write(event, to: &$0) }[...]) == event)
        }
    }

    @Test("extreme values survive")
    func extremes() throws {
        var state = TaskState(status: .failed, priority: .low, updatedAt: Instant(milliseconds: .min))
        state.attempt = .max
        state.failures = .min
        state.progress = -.infinity
        state.process = ProcessIdentity(pid: .min, startTicks: .max)
        state.finishedAt = Instant(milliseconds: .max)
        state.notBefore = .distantFuture
        #expect(try RecordCoding.taskState(bytes { RecordCoding.write(state, to: &$0) }[...]) == state)
    }

    @Test("a state of usual parts takes no more than it must")
    func size() {
        let now = Instant(milliseconds: 1_750_000_000_000)
        var state = TaskState(status: .queued, priority: .medium, updatedAt: now)
        state.queuedAt = now
        #expect(bytes { RecordCoding.write(state, to: &$0) }.count == 12)
    }

    @Test("every prefix of a record is an error")
    func prefixes() throws {
        var samples = RecordSamples(seed: 4)
        for number: UInt64 in 1...20 {
            let task: [UInt8] = bytes { RecordCoding.write(samples.task("t", number: number), to: &$0) }
            everyPrefix(of: task) { prefix in
                #expect(throws: RecordCodingError.self) { try RecordCoding.task(prefix[...]) }
            }
            let agent: [UInt8] = bytes { RecordCoding.write(samples.agent("a", number: number), to: &$0) }
            everyPrefix(of: agent) { prefix in
                #expect(throws: RecordCodingError.self) { try RecordCoding.agent(prefix[...]) }
            }
            let event: [UInt8] = bytes { RecordCoding.write(samples.event(number), to: &$0) }
            everyPrefix(of: event) { prefix in
                #expect(throws: RecordCodingError.self) { try RecordCoding.event(prefix[...]) }
            }
        }
    }

    @Test("damaged records are an error or another record, never a crash")
    func mutations() {
        var samples = RecordSamples(seed: 5)
        var refused = 0
        for number: UInt64 in 1...20 {
            let event: [UInt8] = bytes { RecordCoding.write(samples.event(number), to: &$0) }
            for variant: [UInt8] in Mutations(of: event, count: 500, seed: number) {
                guard let found: Event = try? RecordCoding.event(variant[...]) else {
                    refused += 1
                    continue
                }
                // What was read is a record in its own right.
                let again: Event? = try? RecordCoding.event(bytes { RecordCoding.write(found, to: &$0) }[...])
                #expect(again != nil)
            }
        }
        #expect(refused > 5_000)
    }

    @Test("an attempt that is held back is so after a restart, too")
    func suspension() throws {
        var state = TaskState(status: .paused, priority: .low, updatedAt: Instant(milliseconds: 5))
        #expect(try !RecordCoding.taskState(bytes { RecordCoding.write(state, to: &$0) }[...]).isSuspended)
        state.agent = AgentID(unchecked: "x")
        #expect(try RecordCoding.taskState(bytes { RecordCoding.write(state, to: &$0) }[...]).isSuspended)
    }

    @Test("a record of a later version is refused as such")
    func versions() {
        var samples = RecordSamples(seed: 6)
        var record: [UInt8] = bytes { RecordCoding.write(samples.task("t", number: 1), to: &$0) }
        record[0] = RecordCoding.version + 1
        #expect(throws: RecordCodingError.unsupportedVersion(RecordCoding.version + 1)) {
            try RecordCoding.task(record[...])
        }
    }

    @Test("bytes after a record are an error")
    func trailing() {
        var samples = RecordSamples(seed: 6)
        let record: [UInt8] = bytes { RecordCoding.write(samples.agent("a", number: 1), to: &$0) }
        #expect(throws: RecordCodingError.trailingBytes(offset: record.count)) {
            try RecordCoding.agent((record + [0])[...])
        }
    }

    @Test("version 1 stays readable, byte for byte")
    func golden() throws {
        var samples = RecordSamples(seed: 8, isFirstForm: true)
        let task: TaskRecord = samples.task("golden-task", number: 42)
        let agent: AgentRecord = samples.agent("golden-agent", number: 43)
        let events: [Event] = (1...12).map { samples.event($0) }
        var records: [[UInt8]] = [
            bytes { RecordCoding.write(task, to: &$0) }, bytes { RecordCoding.write(agent, to: &$0) },
        ]
        records += events.map { event in bytes { RecordCoding.write(event, to: &$0) } }
        let text: String = records.map { Hex.encode($0) }.joined(separator: "\n") + "\n"

        let fixture = "RecordCoding/version1.hex"
        if ProcessInfo.processInfo.environment["MAOS_RECORD"] == "1" {
            let folder: URL = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            try text.write(to: folder.appending(path: "Fixtures/\(fixture)"), atomically: true, encoding: .utf8)
            Issue.record("recorded \(fixture) anew")
        }
        let found = String(decoding: try Fixture.bytes(fixture), as: UTF8.self)
        #expect(found == text)
        let lines: [Substring] = found.split(separator: "\n")
        let stored: [[UInt8]] = lines.compactMap { Hex.decode(String($0)) }
        try #require(stored.count == 14)
        #expect(try RecordCoding.task(stored[0][...]) == task)
        #expect(try RecordCoding.agent(stored[1][...]) == agent)
        for (record, event) in zip(stored[2...], events) { #expect(try RecordCoding.event(record[...]) == event) }
    }
}

@Suite("Blocks of events")
struct EventBlockTests {
    private let time = Instant(milliseconds: 1_700_000_000_000)

    private func block(_ events: [Event], _ created: RecordCoding.CreatedTasks) -> [UInt8] {
        var writer = ByteWriter()
        var scratch = ByteWriter()
        RecordCoding.write(block: events, at: time, createdTasks: created, to: &writer, scratch: &scratch)
        return writer.take()
    }

    private func read(_ block: [UInt8], _ types: Set<String>) throws -> [StoredEvent] {
        var reader = try EventBlockReader(block[...], firstSequence: 11, time: time)
        let filter = EventTypeFilter(types: types)
        var events: [StoredEvent] = []
        while !reader.isAtEnd {
            if let event: StoredEvent = try reader.next(filter) { events.append(event) }
        }
        return events
    }

    @Test("a block reads as it was written")
    func whole() throws {
        var samples = RecordSamples(seed: 9)
        let events: [Event] = (11..<211).map { samples.event($0, at: time + 3) }
        #expect(try read(block(events, .inside), []).map(\.event) == events)
    }

    @Test("a created task that is kept apart leaves its number")
    func apart() throws {
        var samples = RecordSamples(seed: 10)
        let task: TaskRecord = samples.task("new", number: 77, at: time, status: .queued)
        let event = TaskEvent(
            kind: .created, id: task.id, taskKind: task.specification.kind, project: task.specification.project,
            state: task.state, created: task)
        let whole: [UInt8] = block([Event(sequence: 11, time: time, body: .task(event))], .inside)
        let short: [UInt8] = block([Event(sequence: 11, time: time, body: .task(event))], .apart)
        #expect(short.count < whole.count)
        let found: StoredEvent = try #require(try read(short, []).first)
        #expect(found.createdNumber == 77)
        var expected: TaskEvent = event
        expected.created = nil
        #expect(found.event.body == .task(expected))
        #expect(throws: RecordCodingError.self) {
            var writer = ByteWriter()
            RecordCoding.write(Event(sequence: 1, time: time, body: .task(event)), to: &writer)
            _ = try RecordCoding.event(short[...])
        }
    }

    @Test("a filter yields exactly the events of its types")
    func filters() throws {
        var samples = RecordSamples(seed: 11)
        let events: [Event] = (11..<511).map { samples.event($0, at: time) }
        let stored: [UInt8] = block(events, .inside)
        for types: Set<String> in [
            ["task_created"], ["agent_spawned", "task_failed"], ["server_started"], ["nothing_of_the_kind"],
        ] {
            #expect(try read(stored, types).map(\.event) == events.filter { types.contains($0.type) })
        }
    }

    @Test("events that are passed over keep the numbers right")
    func skipping() throws {
        var samples = RecordSamples(seed: 12)
        let events: [Event] = (11..<21).map { samples.event($0, at: time) }
        var reader = try EventBlockReader(block(events, .inside)[...], firstSequence: 11, time: time)
        for _ in 0..<4 { try reader.skip() }
        #expect(reader.nextSequence == 15)
        #expect(try reader.next(EventTypeFilter(types: []))?.event == events[4])
    }

    @Test("damaged blocks are an error or other events, never a crash")
    func mutations() {
        var samples = RecordSamples(seed: 13)
        let stored: [UInt8] = block((11..<21).map { samples.event($0, at: time) }, .inside)
        everyPrefix(of: stored) { prefix in _ = try? read(prefix, []) }
        for variant: [UInt8] in Mutations(of: stored, count: 5_000) { _ = try? read(variant, ["task_created"]) }
    }
}
