/// The kinds of things that are stored as rows of one shape, beside tasks and agents which have tables of their own.
///
/// The numbers are stored: one that has been used is never given to another kind.
public enum EntityKind: UInt8, Sendable, CaseIterable {
    case workflow = 1
    case execution
    /// A step of an execution, which is its parent.
    case step
    case approval
    case schedule
    case pool
    case allocation
    case quota
    case budget
    /// One version of a workflow: what it does.
    case workflowVersion = 11
}

/// One entity as a journal keeps it: what it is found by, and everything else as bytes.
public struct EntityRow: Sendable, Hashable {
    /// What kind of thing it is.
    public var kind: EntityKind
    /// 1 for the first of its kind; the order of creation.
    public var number: UInt64
    /// Unique within its kind.
    public var id: String
    /// The identifier of the entity that it belongs to.
    public var parent: String?
    /// Where it stands, as a number of its kind; 0…63.
    public var status: UInt8
    /// The project it belongs to; `nil` for none.
    public var project: String?
    /// When it was made.
    public var createdAt: Instant
    /// When nothing happened to it any more; `nil` while it is live.
    public var endedAt: Instant?
    /// The whole record, version first.
    public var body: [UInt8]

    /// Puts a row together; for journals.
    public init(
        kind: EntityKind, number: UInt64, id: String, parent: String? = nil, status: UInt8 = 0, project: String? = nil,
        createdAt: Instant, endedAt: Instant? = nil, body: [UInt8]
    ) {
        self.kind = kind
        self.number = number
        self.id = id
        self.parent = parent
        self.status = status
        self.project = project
        self.createdAt = createdAt
        self.endedAt = endedAt
        self.body = body
    }
}

/// Which entities to list: newest first.
public struct EntityQuery: Sendable, Hashable {
    /// What kind of things.
    public var kind: EntityKind
    /// Only those that belong to this entity.
    public var parent: String?
    /// A bit for each status that is wanted; 0 for all.
    public var statuses: UInt64 = 0
    /// Only of these projects; empty for all, those of no project included.
    public var projects: [String] = []
    /// Only those that have not ended.
    public var isLiveOnly: Bool = false
    /// Oldest first.
    public var isOldestFirst: Bool = false
    /// So many of the first are left out.
    public var offset: Int = 0
    /// At least 1.
    public var limit: Int = 50

    /// The newest of a kind.
    public init(_ kind: EntityKind) { self.kind = kind }

    /// Whether a row is wanted.
    package func takes(_ row: EntityRow) -> Bool {
        guard row.kind == kind, parent == nil || parent == row.parent else { return false }
        guard statuses == 0 || statuses >> UInt64(row.status) & 1 == 1 else { return false }
        guard !isLiveOnly || row.endedAt == nil else { return false }
        guard !projects.isEmpty else { return true }
        return row.project.map { projects.contains($0) } ?? false
    }
}

/// One page of a list of entities.
public struct EntityPage: Sendable {
    /// In the order of the query.
    public var rows: [EntityRow]
    /// How many the query finds on all pages.
    public var total: Int

    /// Puts a page together; for histories.
    public init(rows: [EntityRow], total: Int) {
        self.rows = rows
        self.total = total
    }
}

/// A record that is stored as an ``EntityRow``.
///
/// It writes all of itself, identifier included, so that its bytes alone give it back.
package protocol StoredEntity: Sendable {
    associatedtype ID: EntityIdentifier

    /// What kind of thing it is.
    static var kind: EntityKind { get }

    /// Its name in commands; unique within its kind.
    var id: ID { get }
    /// 1 for the first of its kind.
    var number: UInt64 { get }
    /// The identifier of the entity that it belongs to.
    var parent: String? { get }
    /// Where it stands, as a number that lists are filtered by; 0…63.
    var statusNumber: UInt8 { get }
    /// The project it belongs to; `nil` for none.
    var project: String? { get }
    /// When it was made.
    var createdAt: Instant { get }
    /// When nothing happened to it any more; `nil` while it is live.
    var endedAt: Instant? { get }

    /// Writes everything about it.
    func write(to writer: inout ByteWriter)

    /// Reads what ``write(to:)`` wrote.
    ///
    /// - Throws: ``ByteReaderError`` for bytes that are cut off or damaged, whatever they hold.
    init(from reader: inout ByteReader) throws(ByteReaderError)
}

extension StoredEntity {
    /// Belongs to nothing unless it says so.
    package var parent: String? { nil }

    /// The record as a journal keeps it.
    package var row: EntityRow {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.uint8(RecordCoding.version)
        write(to: &writer)
        return EntityRow(
            kind: Self.kind, number: number, id: id.rawValue, parent: parent, status: statusNumber, project: project,
            createdAt: createdAt, endedAt: endedAt, body: writer.take())
    }

    /// Reads a record out of its row.
    ///
    /// - Throws: ``RecordCodingError`` when the bytes are not what was written, or by a later version.
    package init(_ row: EntityRow) throws(RecordCodingError) {
        self = try RecordCoding.record(row.body[...]) { (reader: inout ByteReader) throws(ByteReaderError) in
            try Self(from: &reader)
        }
    }
}
