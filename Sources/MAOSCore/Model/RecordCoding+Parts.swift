/// What tasks, agents and events share.
extension RecordCoding {
    static func taskID(from reader: inout ByteReader) throws(ByteReaderError) -> TaskID {
        let start: Int = reader.offset
        let text: ArraySlice<UInt8> = try reader.data()
        guard let id = TaskID(utf8: text.span) else { throw .malformed(offset: start) }
        return id
    }

    static func agentID(from reader: inout ByteReader) throws(ByteReaderError) -> AgentID {
        let start: Int = reader.offset
        let text: ArraySlice<UInt8> = try reader.data()
        guard let id = AgentID(utf8: text.span) else { throw .malformed(offset: start) }
        return id
    }

    /// Reads one byte that must be a case's number.
    static func raw<Value: RawRepresentable<UInt8>>(from reader: inout ByteReader) throws(ByteReaderError) -> Value {
        let start: Int = reader.offset
        guard let value = Value(rawValue: try reader.uint8()) else { throw .malformed(offset: start) }
        return value
    }

    /// Reads a JSON text; checked, because whoever holds one relies on it.
    static func json(from reader: inout ByteReader) throws(ByteReaderError) -> JSONText {
        let start: Int = reader.offset
        let text: ArraySlice<UInt8> = try reader.data()
        do throws(JSONError) {
            return JSONText(trusted: try JSONReader.compact(text.span, depthLimit: .max))
        } catch {
            throw .malformed(offset: start)
        }
    }

    static func put(_ process: ProcessIdentity, to writer: inout ByteWriter) {
        writer.zigzag(Int64(process.pid))
        writer.varint(process.startTicks)
    }

    static func process(from reader: inout ByteReader) throws(ByteReaderError) -> ProcessIdentity {
        let start: Int = reader.offset
        guard let pid = Int32(exactly: try reader.zigzag()) else { throw .malformed(offset: start) }
        return ProcessIdentity(pid: pid, startTicks: try reader.varint())
    }

    static func put(_ time: Instant, relativeTo base: Instant, to writer: inout ByteWriter) {
        writer.zigzag(time.milliseconds &- base.milliseconds)
    }

    static func instant(
        relativeTo base: Instant, from reader: inout ByteReader
    ) throws(ByteReaderError) -> Instant {
        Instant(milliseconds: base.milliseconds &+ (try reader.zigzag()))
    }

    /// Writes variables by name, so that equal environments have equal bytes.
    static func put(_ environment: [String: String], to writer: inout ByteWriter) {
        writer.count(environment.count)
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            writer.string(name)
            writer.string(value)
        }
    }

    static func environment(from reader: inout ByteReader) throws(ByteReaderError) -> [String: String] {
        let start: Int = reader.offset
        let count: Int = try reader.count(minimumSize: 2)
        var environment: [String: String] = [:]
        for _ in 0..<count {
            let name: String = try reader.string()
            environment[name] = try reader.string()
        }
        guard environment.count == count else { throw .malformed(offset: start) }
        return environment
    }
}
