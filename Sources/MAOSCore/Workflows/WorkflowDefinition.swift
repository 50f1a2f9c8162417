/// What a workflow does, as its author wrote it: steps, what they wait for, settings and usual parameters.
public struct WorkflowDefinition: Hashable, Sendable {
    /// 1…200 characters.
    public var name: String
    /// For people.
    public var description: String?
    /// The project it belongs to; `nil` for none.
    public var project: String?
    /// The members `steps`, `dependencies`, `configuration` and `parameters`: a JSON object.
    public var document: JSONText

    private static let members: [String] = ["steps", "dependencies", "configuration", "parameters"]

    /// Takes a definition out of an object that may have other members too; its parts are looked at by ``issues()``.
    public init(_ object: JSONObject) {
        name = object["name"]?.stringValue ?? ""
        description = object["description"]?.stringValue
        project = object["project"]?.stringValue
        var kept = JSONObject()
        for member: String in WorkflowDefinition.members {
            if let value: JSONValue = object[member], !value.isNull { kept[member] = value }
        }
        document = JSONText(.object(kept))
    }

    /// Puts a definition together; for journals.
    init(name: String, description: String?, project: String?, document: JSONText) {
        self.name = name
        self.description = description
        self.project = project
        self.document = document
    }

    /// Everything that is wrong with it, each with the step and the member; empty for a good one.
    public func issues() -> [Rejection.Issue] { WorkflowCompiler.compile(self, isNew: true).issues }
}

/// What becomes of an execution when a step fails and nothing in the workflow deals with it.
public enum WorkflowFailurePolicy: UInt8, Sendable, CaseIterable {
    /// It fails at once; what is under way is stopped.
    case fail = 1
    /// It goes on as far as it can.
    case `continue`
    /// As ``fail``, and then what has been completed is undone, last first.
    case compensate

    /// The name on the wire.
    public var name: String {
        switch self {
        case .fail: "fail"
        case .continue: "continue"
        case .compensate: "compensate"
        }
    }
}

/// A workflow as the orchestrator keeps it; what it does is kept apart, a record a version.
public struct WorkflowRecord: Hashable, Sendable {
    /// Its name in commands.
    public var id: WorkflowID
    /// 1 for the first workflow ever made here.
    public var number: UInt64
    /// The newest version; 1 for the first.
    public var version: Int
    /// What people call it.
    public var name: String
    /// For people.
    public var description: String?
    /// The project it belongs to.
    public var project: String?
    /// The subject that made it.
    public var owner: String
    /// How many steps it has, inner ones included.
    public var stepCount: Int
    /// When it was made.
    public var createdAt: Instant
    /// When it got its newest version.
    public var updatedAt: Instant
    /// When it was deleted; executions under way go on.
    public var endedAt: Instant?
}

/// One version of a workflow; never changes.
package struct WorkflowVersionRecord: Hashable, Sendable {
    package var id: WorkflowPartID
    package var number: UInt64
    package var workflow: WorkflowID
    package var version: Int
    package var definition: WorkflowDefinition
    package var createdAt: Instant
    /// When it was the newest no more and its last execution ended.
    package var endedAt: Instant?
}

extension WorkflowRecord: StoredEntity {
    package static let kind = EntityKind.workflow
    package var statusNumber: UInt8 { endedAt == nil ? 1 : 2 }

    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.varint(UInt64(version))
        writer.string(name)
        writer.optionalString(description)
        writer.optionalString(project)
        writer.string(owner)
        writer.varint(UInt64(stepCount))
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
    }

    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        id = try RecordCoding.identifier(from: &reader)
        number = try reader.varint()
        version = try RecordCoding.smallCount(from: &reader)
        name = try reader.string()
        description = try reader.optionalString()
        project = try reader.optionalString()
        owner = try reader.string()
        stepCount = try RecordCoding.smallCount(from: &reader)
        createdAt = Instant(milliseconds: try reader.zigzag())
        updatedAt = Instant(milliseconds: try reader.zigzag())
        endedAt = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
    }
}

extension WorkflowVersionRecord: StoredEntity {
    package static let kind = EntityKind.workflowVersion
    package var statusNumber: UInt8 { endedAt == nil ? 1 : 2 }
    package var project: String? { definition.project }

    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(workflow.rawValue)
        writer.varint(UInt64(version))
        writer.string(definition.name)
        writer.optionalString(definition.description)
        writer.optionalString(definition.project)
        writer.data(definition.document.utf8)
        writer.zigzag(createdAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
    }

    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        id = WorkflowPartID(unchecked: try reader.string())
        number = try reader.varint()
        workflow = try RecordCoding.identifier(from: &reader)
        version = try RecordCoding.smallCount(from: &reader)
        definition = WorkflowDefinition(
            name: try reader.string(), description: try reader.optionalString(), project: try reader.optionalString(),
            document: try RecordCoding.json(from: &reader))
        createdAt = Instant(milliseconds: try reader.zigzag())
        endedAt = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
    }
}

extension RecordCoding {
    /// Reads an identifier, which must have the grammar of one.
    static func identifier<ID: EntityIdentifier>(from reader: inout ByteReader) throws(ByteReaderError) -> ID {
        let start: Int = reader.offset
        guard let id = ID(try reader.string()) else { throw .malformed(offset: start) }
        return id
    }

    /// Reads a number that counts things in memory.
    static func smallCount(from reader: inout ByteReader) throws(ByteReaderError) -> Int {
        let start: Int = reader.offset
        guard let count = Int32(exactly: try reader.varint()) else { throw .malformed(offset: start) }
        return Int(count)
    }
}
