/// Names one account, for as long as its record is kept.
public struct BudgetID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// What the tasks of a project may use together, and what those attempts have used that have ended.
public struct BudgetAccount: Hashable, Sendable {
    /// Its name.
    public let id: BudgetID
    /// 1 for the first one ever.
    public let number: UInt64
    /// The project, 1…100 characters.
    public let account: String
    /// When it was opened.
    public let createdAt: Instant
    /// What may be used.
    public var ceiling: Budget
    /// What was used since ``since``, by attempts that have ended.
    public var settled = Usage()
    /// How many attempts that were.
    public var attempts: UInt64 = 0
    /// Since when it counts.
    public var since: Instant
    /// When the ceiling was last set.
    public var updatedAt: Instant
    /// Who set it, or closed the account.
    public var setBy: String
    /// When the account was closed; `nil` while it counts.
    public var endedAt: Instant?

    /// An account that nothing has been used of.
    public init(
        id: BudgetID, number: UInt64, project: String, ceiling: Budget, createdAt: Instant, setBy: String
    ) {
        self.id = id
        self.number = number
        account = project
        self.ceiling = ceiling
        self.createdAt = createdAt
        since = createdAt
        updatedAt = createdAt
        self.setBy = setBy
    }
}

extension BudgetAccount: StoredEntity {
    package static var kind: EntityKind { .budget }
    /// There is one kind of account.
    package var statusNumber: UInt8 { 0 }
    /// The project that it counts for.
    package var project: String? { account }
    /// Writes all of it.
    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(account)
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(since.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.string(setBy)
        writer.varint(attempts)
        RecordCoding.put(ceiling, to: &writer)
        RecordCoding.put(settled, to: &writer)
        writer.optionalZigzag(endedAt?.milliseconds)
    }

    /// Reads what ``write(to:)`` wrote.
    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        let start: Int = reader.offset
        guard let id = BudgetID(try reader.string()) else { throw .malformed(offset: start) }
        self.id = id
        number = try reader.varint()
        account = try reader.string()
        createdAt = Instant(milliseconds: try reader.zigzag())
        since = Instant(milliseconds: try reader.zigzag())
        updatedAt = Instant(milliseconds: try reader.zigzag())
        setBy = try reader.string()
        attempts = try reader.varint()
        ceiling = try RecordCoding.budget(from: &reader)
        settled = try RecordCoding.usage(from: &reader)
        // Records from before accounts could be closed end here.
        guard !reader.isAtEnd else { return }
        endedAt = try RecordCoding.optionalInstant(from: &reader)
    }
}

/// Ceilings and usage.
extension RecordCoding {
    static func put(_ budget: Budget, to writer: inout ByteWriter) {
        for part: BudgetPart in BudgetPart.allCases { writer.optionalZigzag(budget[part]) }
    }

    static func budget(from reader: inout ByteReader) throws(ByteReaderError) -> Budget {
        let wall: Int64? = try reader.optional(amount)
        let processor: Int64? = try reader.optional(amount)
        let cost: Int64? = try reader.optional(amount)
        return Budget(
            wallTime: wall.map { Milliseconds($0) }, processorTime: processor.map { Milliseconds($0) },
            cost: cost.map { Cost(micros: $0) })
    }

    static func put(_ usage: Usage, to writer: inout ByteWriter) {
        for part: BudgetPart in BudgetPart.allCases { writer.zigzag(usage[part]) }
        writer.zigzag(usage.tokens)
    }

    static func usage(from reader: inout ByteReader) throws(ByteReaderError) -> Usage {
        Usage(
            wallTime: Milliseconds(try amount(from: &reader)), processorTime: Milliseconds(try amount(from: &reader)),
            cost: Cost(micros: try amount(from: &reader)), tokens: try amount(from: &reader))
    }

    private static func amount(from reader: inout ByteReader) throws(ByteReaderError) -> Int64 {
        try reader.zigzag()
    }
}
