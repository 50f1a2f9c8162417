/// A question to a person, on whose answer a step waits.
public struct ApprovalRecord: Hashable, Sendable {
    /// Where a question stands.
    public enum Status: UInt8, Sendable, CaseIterable {
        case pending = 1
        case approved
        case rejected
        /// Nobody waits for the answer any more.
        case cancelled

        /// The name on the wire.
        public var name: String {
            switch self {
            case .pending: "pending"
            case .approved: "approved"
            case .rejected: "rejected"
            case .cancelled: "cancelled"
            }
        }

        /// Reads the name on the wire; `nil` for any other text.
        public init?(name: String) {
            guard let match = Status.allCases.first(where: { $0.name == name }) else { return nil }
            self = match
        }
    }

    /// Its name in commands.
    public var id: ApprovalID
    /// 1 for the first question ever.
    public var number: UInt64
    /// The workflow that asks.
    public var workflow: WorkflowID
    /// The execution that asks.
    public var execution: ExecutionID
    /// The step that waits, as the workflow names it.
    public var step: String
    /// The step's place in the order of entering.
    public var ordinal: Int
    /// The project it belongs to.
    public var project: String?
    /// What is asked, for people.
    public var reason: String
    /// The subject whose execution asks.
    public var requester: String
    /// How often the same has been asked before.
    public var retryCount: Int
    /// Who may answer; empty for everybody with the permission.
    public var approvers: [String]
    /// When the default counts if nobody has answered; `nil` for never.
    public var timeoutAt: Instant?
    /// What counts then.
    public var approvesByDefault: Bool
    /// Where it stands.
    public var status: Status
    /// Who answered; `system` where the default counted.
    public var resolvedBy: String?
    /// What the answer said.
    public var comment: String?
    /// When it was asked.
    public var createdAt: Instant
    /// When it was answered.
    public var endedAt: Instant?
}

extension ApprovalRecord: StoredEntity {
    package static let kind = EntityKind.approval
    package var statusNumber: UInt8 { status.rawValue }

    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(workflow.rawValue)
        writer.string(execution.rawValue)
        writer.string(step)
        writer.varint(UInt64(ordinal))
        writer.optionalString(project)
        writer.string(reason)
        writer.string(requester)
        writer.varint(UInt64(retryCount))
        writer.list(approvers) { $0.string($1) }
        writer.optionalZigzag(timeoutAt?.milliseconds)
        writer.boolean(approvesByDefault)
        writer.uint8(status.rawValue)
        writer.optionalString(resolvedBy)
        writer.optionalString(comment)
        writer.zigzag(createdAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
    }

    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        id = try RecordCoding.identifier(from: &reader)
        number = try reader.varint()
        workflow = try RecordCoding.identifier(from: &reader)
        execution = try RecordCoding.identifier(from: &reader)
        step = try reader.string()
        ordinal = try RecordCoding.smallCount(from: &reader)
        project = try reader.optionalString()
        reason = try reader.string()
        requester = try reader.string()
        retryCount = try RecordCoding.smallCount(from: &reader)
        approvers = try reader.list(minimumSize: 1) {
            (reader: inout ByteReader) throws(ByteReaderError) in try reader.string()
        }
        timeoutAt = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
        approvesByDefault = try reader.boolean()
        status = try RecordCoding.raw(from: &reader)
        resolvedBy = try reader.optionalString()
        comment = try reader.optionalString()
        createdAt = Instant(milliseconds: try reader.zigzag())
        endedAt = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
    }
}
