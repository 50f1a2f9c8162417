/// The compact binary form in which a journal keeps tasks, agents and events.
///
/// Every record begins with the version of its form, so that a later version can read what an earlier one wrote. Parts
/// that have their usual value take no room: a mask says which ones follow. What is read back equals what was written;
/// bytes that are cut off or damaged are an error, never a crash, whatever they hold.
package enum RecordCoding {
    /// The form that is written; all from 1 on are read.
    package static let version: UInt8 = 1

    // MARK: - Writing

    /// Writes what was asked for.
    package static func write(_ specification: TaskSpecification, to writer: inout ByteWriter) {
        writer.uint8(version)
        put(specification, to: &writer)
    }

    /// Writes the part of a task that changes.
    package static func write(_ state: TaskState, to writer: inout ByteWriter) {
        writer.uint8(version)
        put(state, to: &writer)
    }

    /// Writes a whole task.
    package static func write(_ task: TaskRecord, to writer: inout ByteWriter) {
        writer.uint8(version)
        put(task, to: &writer)
    }

    /// Writes the part of a task that never changes, without its identifier and number.
    package static func writeOrigin(of task: TaskRecord, to writer: inout ByteWriter) {
        writer.uint8(version)
        putOrigin(of: task, to: &writer)
    }

    /// Writes a whole agent.
    package static func write(_ agent: AgentRecord, to writer: inout ByteWriter) {
        writer.uint8(version)
        put(agent, to: &writer)
    }

    /// Writes one event, with everything it carries.
    package static func write(_ event: Event, to writer: inout ByteWriter) {
        writer.uint8(version)
        writer.varint(event.sequence)
        writer.zigzag(event.time.milliseconds)
        put(event.body, createdTasks: .inside, to: &writer)
    }

    // MARK: - Reading

    /// Reads what ``write(_:to:)-(TaskSpecification,_)`` wrote.
    package static func specification(
        _ bytes: ArraySlice<UInt8>
    ) throws(RecordCodingError) -> TaskSpecification {
        try record(bytes) { (reader: inout ByteReader) throws(ByteReaderError) in try specification(from: &reader) }
    }

    /// Reads what ``write(_:to:)-(TaskState,_)`` wrote.
    package static func taskState(_ bytes: ArraySlice<UInt8>) throws(RecordCodingError) -> TaskState {
        try record(bytes) { (reader: inout ByteReader) throws(ByteReaderError) in try taskState(from: &reader) }
    }

    /// Reads what ``write(_:to:)-(TaskRecord,_)`` wrote.
    package static func task(_ bytes: ArraySlice<UInt8>) throws(RecordCodingError) -> TaskRecord {
        try record(bytes) { (reader: inout ByteReader) throws(ByteReaderError) in try task(from: &reader) }
    }

    /// Puts a task together from its parts, the origin as ``writeOrigin(of:to:)`` wrote it.
    package static func task(
        _ id: TaskID, number: UInt64, origin: ArraySlice<UInt8>, state: TaskState
    ) throws(RecordCodingError) -> TaskRecord {
        try record(origin) { (reader: inout ByteReader) throws(ByteReaderError) in
            try task(id, number: number, from: &reader, state: state)
        }
    }

    /// Reads what ``write(_:to:)-(AgentRecord,_)`` wrote.
    package static func agent(_ bytes: ArraySlice<UInt8>) throws(RecordCodingError) -> AgentRecord {
        try record(bytes) { (reader: inout ByteReader) throws(ByteReaderError) in try agent(from: &reader) }
    }

    /// Reads what ``write(_:to:)-(Event,_)`` wrote.
    package static func event(_ bytes: ArraySlice<UInt8>) throws(RecordCodingError) -> Event {
        try record(bytes) { (reader: inout ByteReader) throws(ByteReaderError) in
            let sequence: UInt64 = try reader.varint()
            let time = Instant(milliseconds: try reader.zigzag())
            let tag: UInt8 = try reader.uint8()
            let start: Int = reader.offset
            let body: StoredEventBody = try eventBody(tag: tag, from: &reader)
            guard body.createdNumber == nil else { throw .malformed(offset: start) }
            return Event(sequence: sequence, time: time, body: body.body)
        }
    }

    /// Checks the version before a record, and that nothing is left after it.
    static func record<Value>(
        _ bytes: ArraySlice<UInt8>, _ read: (inout ByteReader) throws(ByteReaderError) -> Value
    ) throws(RecordCodingError) -> Value {
        var reader = ByteReader(bytes)
        try checkVersion(&reader)
        let value: Value
        do throws(ByteReaderError) { value = try read(&reader) } catch { throw .damaged(error) }
        guard reader.isAtEnd else { throw .trailingBytes(offset: reader.offset) }
        return value
    }

    /// Reads the version before a record.
    static func checkVersion(_ reader: inout ByteReader) throws(RecordCodingError) {
        let found: UInt8
        do throws(ByteReaderError) { found = try reader.uint8() } catch { throw .damaged(error) }
        guard found == version else { throw .unsupportedVersion(found) }
    }
}

/// Why a record cannot be read.
package enum RecordCodingError: Error, Hashable, Sendable {
    /// Written by a later version of this program, or no record at all.
    case unsupportedVersion(UInt8)
    /// Cut off, or not what the writer writes.
    case damaged(ByteReaderError)
    /// The record ends at `offset`, and more follows.
    case trailingBytes(offset: Int)
}

/// The parts of a record that are there, a bit each in the order they are asked for.
///
/// Writing and reading ask for the same parts in the same order, which is also the order of the parts themselves.
struct PresenceMask {
    private(set) var bits: UInt64 = 0
    private var next: UInt64 = 1

    init() {}

    /// Reads a mask of so many parts.
    init(from reader: inout ByteReader, parts: UInt64) throws(ByteReaderError) {
        let start: Int = reader.offset
        bits = try reader.varint()
        guard bits < 1 << parts else { throw .malformed(offset: start) }
    }

    /// Notes whether the next part is there.
    mutating func append(_ isPresent: Bool) {
        if isPresent { bits |= next }
        next <<= 1
    }

    /// Whether the next part is there.
    mutating func take() -> Bool {
        defer { next <<= 1 }
        return bits & next != 0
    }
}
