/// Names one allocation, for as long as its record is kept.
public struct AllocationID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// A part of the host's resources that somebody asks for.
public struct AllocationRequest: Hashable, Sendable {
    /// 1…255 characters; the same one from the same subject is answered with the first allocation.
    public var requestID: String
    /// How much of each resource.
    public var amounts: ResourceAmounts
    /// The network requirements as the client wrote them: a JSON object.
    public var network: JSONText?
    /// How urgent it is; kept and shown, nothing is taken from others for it.
    public var priority: Priority
    /// After so long it ends by itself; 1 s … 365 days, `nil` for never.
    public var duration: Milliseconds?
    /// Whether nobody else may have an allocation at the same time.
    public var isExclusive: Bool
    /// The constraints as the client wrote them: a JSON array.
    public var constraints: JSONText
    /// The project it counts against; `nil` for none.
    public var project: String?

    /// A request of medium priority without an end, unless said.
    public init(
        requestID: String, amounts: ResourceAmounts, network: JSONText? = nil, priority: Priority = .medium,
        duration: Milliseconds? = nil, isExclusive: Bool = false, constraints: JSONText = .emptyArray,
        project: String? = nil
    ) {
        self.requestID = requestID
        self.amounts = amounts
        self.network = network
        self.priority = priority
        self.duration = duration
        self.isExclusive = isExclusive
        self.constraints = constraints
        self.project = project
    }
}

/// Where an allocation stands.
public enum AllocationStatus: UInt8, Sendable, Hashable, CaseIterable {
    case active = 1
    case released
    case expired

    /// The name on the wire.
    public var name: String {
        switch self {
        case .active: "active"
        case .released: "released"
        case .expired: "expired"
        }
    }
}

/// A part of the host's resources that somebody has, until it is given back or its time is over.
public struct AllocationRecord: Hashable, Sendable {
    /// Its name in commands.
    public let id: AllocationID
    /// 1 for the first allocation ever made here.
    public let number: UInt64
    /// What was asked for.
    public let request: AllocationRequest
    /// The subject that has it.
    public let owner: String
    /// The team of that subject.
    public let team: String?
    /// When it was made.
    public let createdAt: Instant
    /// When it ends by itself.
    public let expiresAt: Instant?
    /// When it ended.
    public var endedAt: Instant?
    /// Where it stands.
    public var status: AllocationStatus

    /// Puts a new allocation together; the engine does.
    package init(
        id: AllocationID, number: UInt64, request: AllocationRequest, owner: String, team: String?, createdAt: Instant
    ) {
        self.id = id
        self.number = number
        self.request = request
        self.owner = owner
        self.team = team
        self.createdAt = createdAt
        expiresAt = request.duration.map { createdAt + $0 }
        status = .active
    }

    /// The project it counts against; `nil` for none.
    public var project: String? { request.project }
}

extension AllocationRecord: StoredEntity {
    /// An allocation.
    package static var kind: EntityKind { .allocation }
    /// Its status.
    package var statusNumber: UInt8 { status.rawValue }

    /// Writes all of it.
    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(owner)
        writer.optionalString(team)
        writer.zigzag(createdAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
        writer.uint8(status.rawValue)
        writer.string(request.requestID)
        RecordCoding.put(request.amounts, to: &writer)
        writer.optional(request.network) { $0.data($1.utf8) }
        writer.uint8(request.priority.rawValue)
        writer.optionalZigzag(request.duration?.count)
        writer.boolean(request.isExclusive)
        writer.data(request.constraints.utf8)
        writer.optionalString(request.project)
    }

    /// Reads what ``write(to:)`` wrote.
    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        let start: Int = reader.offset
        guard let id = AllocationID(try reader.string()) else { throw .malformed(offset: start) }
        let number: UInt64 = try reader.varint()
        let owner: String = try reader.string()
        let team: String? = try reader.optionalString()
        let created = Instant(milliseconds: try reader.zigzag())
        let ended: Instant? = try RecordCoding.optionalInstant(from: &reader)
        let status: AllocationStatus = try RecordCoding.raw(from: &reader)
        let requestID: String = try reader.string()
        let amounts: ResourceAmounts = try RecordCoding.amounts(from: &reader)
        let network: JSONText? = try reader.optional(RecordCoding.json)
        let priority: Priority = try RecordCoding.raw(from: &reader)
        let duration: Milliseconds? = try reader.optionalZigzag().map { Milliseconds($0) }
        let request = AllocationRequest(
            requestID: requestID, amounts: amounts, network: network, priority: priority, duration: duration,
            isExclusive: try reader.boolean(), constraints: try RecordCoding.json(from: &reader),
            project: try reader.optionalString())
        self.init(id: id, number: number, request: request, owner: owner, team: team, createdAt: created)
        endedAt = ended
        self.status = status
    }
}

extension RecordCoding {
    static func put(_ amounts: ResourceAmounts, to writer: inout ByteWriter) {
        for kind: ResourceKind in ResourceKind.allCases { writer.varint(UInt64(max(0, amounts[kind]))) }
    }

    static func amounts(from reader: inout ByteReader) throws(ByteReaderError) -> ResourceAmounts {
        var amounts = ResourceAmounts.zero
        for kind: ResourceKind in ResourceKind.allCases {
            let start: Int = reader.offset
            let value: UInt64 = try reader.varint()
            guard value <= UInt64(ResourceAmounts.limit) * 1_000 else { throw .malformed(offset: start) }
            amounts[kind] = Int64(value)
        }
        return amounts
    }
}
