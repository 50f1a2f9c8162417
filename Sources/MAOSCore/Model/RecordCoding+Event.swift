/// Events.
///
/// The byte before an event's body is its tag: a task's kind of event as it is, an agent's from 64 on, 128 for a fact about
/// the server, an execution's from 144 on. So a reader that wants some types only passes over the others without reading them.
extension RecordCoding {
    static let agentTagBase: UInt8 = 64
    static let systemTag: UInt8 = 128

    /// Where the whole record of a task that was created is kept.
    package enum CreatedTasks {
        /// In the event.
        case inside
        /// Elsewhere, under the task's number: the event holds that number only.
        case apart
    }

    private static let taskEventParts: UInt64 = 7
    private static let agentEventParts: UInt64 = 5

    private static func put(
        _ event: Event, relativeTo time: Instant, createdTasks: CreatedTasks, to writer: inout ByteWriter
    ) {
        put(event.time, relativeTo: time, to: &writer)
        put(event.body, createdTasks: createdTasks, to: &writer)
    }

    static func put(_ body: EventBody, createdTasks: CreatedTasks, to writer: inout ByteWriter) {
        switch body {
        case .task(let event):
            writer.uint8(event.kind.rawValue)
            put(event, createdTasks: createdTasks, to: &writer)
        case .agent(let event):
            writer.uint8(agentTagBase + event.kind.rawValue)
            writer.identifier(event.id)
            writer.uint8(event.agentType.rawValue)
            writer.string(event.name)
            put(event.state, to: &writer)
            putParts(of: event, to: &writer)
        case .system(let event):
            writer.uint8(systemTag)
            writer.string(event.type)
            writer.data(event.data.utf8)
        case .workflow(let event):
            writer.uint8(workflowTagBase + event.kind.rawValue)
            put(event, to: &writer)
        }
    }

    private static func put(
        _ event: TaskEvent, createdTasks: CreatedTasks, to writer: inout ByteWriter
    ) {
        // A pattern, because a comparison with nil copies the record.
        let hasRecord: Bool = if case .some = event.created { true } else { false }
        let isAgentTheStates: Bool = event.agent != nil && event.agent == event.state.agent
        var mask = PresenceMask()
        mask.append(event.project != nil)
        mask.append(event.reason != nil)
        mask.append(isAgentTheStates)
        mask.append(event.agent != nil && !isAgentTheStates)
        mask.append(hasRecord && createdTasks == .inside)
        mask.append(hasRecord && createdTasks == .apart)
        mask.append(event.subject != nil)

        writer.identifier(event.id)
        writer.string(event.taskKind.rawValue)
        writer.varint(mask.bits)
        put(event.state, to: &writer)
        if let project: String = event.project { writer.string(project) }
        if let reason: String = event.reason { writer.string(reason) }
        if let agent: AgentID = event.agent, !isAgentTheStates { writer.identifier(agent) }
        if hasRecord {
            switch createdTasks {
            case .inside: if let created: TaskRecord = event.created { put(created, to: &writer) }
            case .apart: if let number: UInt64 = event.created?.number { writer.varint(number) }
            }
        }
        if let subject: String = event.subject { writer.string(subject) }
    }

    private static func putParts(of event: AgentEvent, to writer: inout ByteWriter) {
        var mask = PresenceMask()
        mask.append(event.record != nil)
        mask.append(event.previousStatus != nil)
        mask.append(event.endedAttempts > 0)
        mask.append(event.reassignedTasks > 0)
        mask.append(event.ending != nil)
        writer.varint(mask.bits)
        if let record: AgentRecord = event.record { put(record, to: &writer) }
        if let status: AgentStatus = event.previousStatus { writer.uint8(status.rawValue) }
        if event.endedAttempts > 0 { writer.varint(UInt64(event.endedAttempts)) }
        if event.reassignedTasks > 0 { writer.varint(UInt64(event.reassignedTasks)) }
        if let ending: AgentEvent.Ending = event.ending { writer.uint8(ending.rawValue) }
    }

    private static func takeParts(
        of event: inout AgentEvent, from reader: inout ByteReader
    ) throws(ByteReaderError) {
        var mask = try PresenceMask(from: &reader, parts: agentEventParts)
        if mask.take() { event.record = try agent(from: &reader) }
        if mask.take() { event.previousStatus = try raw(from: &reader) }
        if mask.take() { event.endedAttempts = try smallCount(from: &reader) }
        if mask.take() { event.reassignedTasks = try smallCount(from: &reader) }
        if mask.take() { event.ending = try raw(from: &reader) }
    }

    /// An event's content as it is stored.
    struct StoredEventBody {
        var body: EventBody
        /// The number of the task that was created, where its record is kept apart.
        var createdNumber: UInt64?
    }

    static func eventBody(
        tag: UInt8, from reader: inout ByteReader
    ) throws(ByteReaderError) -> StoredEventBody {
        if tag == systemTag {
            let type: String = try reader.string()
            return StoredEventBody(body: .system(SystemEvent(type: type, data: try json(from: &reader))))
        }
        if tag > workflowTagBase {
            guard let kind = WorkflowEvent.Kind(rawValue: tag - workflowTagBase) else {
                throw .malformed(offset: reader.offset)
            }
            return StoredEventBody(body: .workflow(try workflowEvent(kind, from: &reader)))
        }
        if tag > agentTagBase {
            guard let kind = AgentEvent.Kind(rawValue: tag - agentTagBase) else {
                throw .malformed(offset: reader.offset)
            }
            var event = AgentEvent(
                kind: kind, id: try agentID(from: &reader), agentType: try raw(from: &reader),
                name: try reader.string(), state: try agentState(from: &reader))
            try takeParts(of: &event, from: &reader)
            return StoredEventBody(body: .agent(event))
        }
        guard let kind = TaskEvent.Kind(rawValue: tag) else { throw .malformed(offset: reader.offset) }
        return try taskEvent(kind, from: &reader)
    }

    private static func taskEvent(
        _ kind: TaskEvent.Kind, from reader: inout ByteReader
    ) throws(ByteReaderError) -> StoredEventBody {
        let id: TaskID = try taskID(from: &reader)
        let kindStart: Int = reader.offset
        guard let taskKind = TaskKind(try reader.string()) else { throw .malformed(offset: kindStart) }
        var mask = try PresenceMask(from: &reader, parts: taskEventParts)
        var event = TaskEvent(kind: kind, id: id, taskKind: taskKind, state: try taskState(from: &reader))
        if mask.take() { event.project = try reader.string() }
        if mask.take() { event.reason = try reader.string() }
        if mask.take() { event.agent = event.state.agent }
        if mask.take() { event.agent = try agentID(from: &reader) }
        if mask.take() { event.created = try task(from: &reader) }
        let number: UInt64? = mask.take() ? try reader.varint() : nil
        if mask.take() { event.subject = try reader.string() }
        return StoredEventBody(body: .task(event), createdNumber: number)
    }
}

// MARK: - Blocks

/// Events one after the other: what one batch brought about.
///
/// A block does not hold the sequence number of its first event nor the batch's time; its keeper stores them beside it.
extension RecordCoding {
    /// Writes the events of a batch; their sequence numbers must follow each other without a gap.
    package static func write(
        block events: [Event], at time: Instant, createdTasks: CreatedTasks, to writer: inout ByteWriter,
        scratch: inout ByteWriter
    ) {
        writer.uint8(version)
        let span: Span<Event> = events.span
        for index in span.indices {
            scratch.removeAll()
            put(span[index], relativeTo: time, createdTasks: createdTasks, to: &scratch)
            writer.data(scratch.bytes)
        }
    }
}

/// Which types of events somebody wants.
package struct EventTypeFilter: Sendable {
    private var tags: Set<UInt8> = []
    private var systemTypes: Set<String> = []
    private let takesAll: Bool

    /// Takes the named types; all of them where no name is given.
    package init(types: Set<String>) {
        takesAll = types.isEmpty
        systemTypes = types
        for kind: TaskEvent.Kind in TaskEvent.Kind.allCases where types.contains(kind.name) {
            tags.insert(kind.rawValue)
        }
        for kind: AgentEvent.Kind in AgentEvent.Kind.allCases where types.contains(kind.name) {
            tags.insert(RecordCoding.agentTagBase + kind.rawValue)
        }
        for kind: WorkflowEvent.Kind in WorkflowEvent.Kind.allCases where types.contains(kind.name) {
            tags.insert(RecordCoding.workflowTagBase + kind.rawValue)
        }
    }

    /// Whether events of this tag may be wanted.
    func mayTake(tag: UInt8) -> Bool {
        takesAll || tag == RecordCoding.systemTag || tags.contains(tag)
    }

    /// Whether exactly this event is wanted, whose tag may be.
    func takes(_ body: EventBody) -> Bool {
        guard !takesAll, case .system(let event) = body else { return true }
        return systemTypes.contains(event.type)
    }
}

/// An event out of a block.
package struct StoredEvent: Sendable {
    package var event: Event
    /// The number of the task that was created, where its record is kept apart.
    package var createdNumber: UInt64?
}

/// Reads a block event by event.
package struct EventBlockReader: Sendable {
    private var reader: ByteReader
    private let time: Instant

    /// The sequence number of the event that is read next.
    package private(set) var nextSequence: UInt64

    /// A reader at the start of a block, with what its keeper stored beside it.
    package init(_ block: ArraySlice<UInt8>, firstSequence: UInt64, time: Instant) throws(RecordCodingError) {
        reader = ByteReader(block)
        nextSequence = firstSequence
        self.time = time
        try RecordCoding.checkVersion(&reader)
    }

    /// Whether everything has been read.
    package var isAtEnd: Bool { reader.isAtEnd }

    /// Passes over the next event.
    package mutating func skip() throws(RecordCodingError) {
        do throws(ByteReaderError) { _ = try reader.data() } catch { throw .damaged(error) }
        nextSequence += 1
    }

    /// Reads the next event; `nil` where the filter does not want it.
    package mutating func next(_ filter: EventTypeFilter) throws(RecordCodingError) -> StoredEvent? {
        let sequence: UInt64 = nextSequence
        let stored: RecordCoding.StoredEventBody
        let eventTime: Instant
        do throws(ByteReaderError) {
            var content = ByteReader(try reader.data())
            nextSequence += 1
            eventTime = try RecordCoding.instant(relativeTo: time, from: &content)
            let tag: UInt8 = try content.uint8()
            guard filter.mayTake(tag: tag) else { return nil }
            stored = try RecordCoding.eventBody(tag: tag, from: &content)
            guard content.isAtEnd else { throw .malformed(offset: content.offset) }
        } catch {
            throw .damaged(error)
        }
        guard filter.takes(stored.body) else { return nil }
        return StoredEvent(
            event: Event(sequence: sequence, time: eventTime, body: stored.body), createdNumber: stored.createdNumber)
    }
}
