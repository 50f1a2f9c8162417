/// Whom a quota is for.
public enum QuotaScope: UInt8, Sendable, Hashable, CaseIterable, Comparable {
    /// A subject.
    case user = 1
    case team
    case project

    /// The name on the wire.
    public var name: String {
        switch self {
        case .user: "user"
        case .team: "team"
        case .project: "project"
        }
    }

    /// In the order of the names on the wire: user, team, project.
    public static func < (left: QuotaScope, right: QuotaScope) -> Bool { left.rawValue < right.rawValue }
}

/// One user, team or project.
public struct QuotaKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// What kind of thing it is.
    public var scope: QuotaScope
    /// Its name.
    public var id: String

    /// One user, team or project by its name.
    public init(_ scope: QuotaScope, _ id: String) {
        self.scope = scope
        self.id = id
    }

    /// Scope and name, for messages.
    public var description: String { "\(scope.name) \(id)" }

    /// By scope, then by name.
    public static func < (left: QuotaKey, right: QuotaKey) -> Bool {
        left.scope != right.scope ? left.scope < right.scope : left.id < right.id
    }

    /// Everything that a thing of an owner counts against.
    static func keys(owner: String, team: String?, project: String?) -> [QuotaKey] {
        var keys: [QuotaKey] = [QuotaKey(.user, owner)]
        if let team { keys.append(QuotaKey(.team, team)) }
        if let project { keys.append(QuotaKey(.project, project)) }
        return keys
    }
}

/// How much one user, team or project may have at the same time; `nil` for as much as there is.
public struct QuotaLimits: Hashable, Sendable {
    /// Thousandths by resource; those not named have no limit.
    package var amounts: [ResourceKind: Int64]
    /// Agents that are not terminated.
    public var agents: Int?
    /// Tasks that agents work on.
    public var tasks: Int?

    /// Limits by resource, each in its own unit, and of agents and tasks.
    public init(_ amounts: [ResourceKind: Double] = [:], agents: Int? = nil, tasks: Int? = nil) {
        self.amounts = amounts.mapValues { ResourceAmounts.thousandths($0) }
        self.agents = agents
        self.tasks = tasks
    }

    /// A limit in the resource's own unit; `nil` for none.
    public func amount(of kind: ResourceKind) -> Double? { amounts[kind].map { Double($0) / 1_000 } }
}

/// All quotas, as they were set together.
public struct QuotaTable: Hashable, Sendable {
    /// The limits of those that have any.
    public var limits: [QuotaKey: QuotaLimits]
    /// When they were first set.
    public var createdAt: Instant
    /// When they were last set.
    public var updatedAt: Instant

    /// Puts a table together.
    package init(limits: [QuotaKey: QuotaLimits], createdAt: Instant, updatedAt: Instant) {
        self.limits = limits
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// The name of the only ``QuotaTable``.
package struct QuotaTableID: EntityIdentifier {
    /// The identifier in storage.
    package let rawValue: String
    /// Takes text that is already known to have the grammar.
    package init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// The only one.
    package static let only = QuotaTableID(unchecked: "quotas")
}

extension QuotaTable: StoredEntity {
    /// A table of quotas.
    package static var kind: EntityKind { .quota }
    /// There is one only.
    package var id: QuotaTableID { .only }
    /// There is one only.
    package var number: UInt64 { 1 }
    /// It stands nowhere.
    package var statusNumber: UInt8 { 0 }
    /// It belongs to no project.
    package var project: String? { nil }
    /// It never ends.
    package var endedAt: Instant? { nil }

    /// Writes all of it, in order, so that equal tables have equal bytes.
    package func write(to writer: inout ByteWriter) {
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.list(limits.keys.sorted()) { (writer: inout ByteWriter, key: QuotaKey) in
            let limit: QuotaLimits = limits[key] ?? QuotaLimits()
            writer.uint8(key.scope.rawValue)
            writer.string(key.id)
            writer.optionalZigzag(limit.agents.map { Int64($0) })
            writer.optionalZigzag(limit.tasks.map { Int64($0) })
            for kind: ResourceKind in ResourceKind.allCases { writer.optionalZigzag(limit.amounts[kind]) }
        }
    }

    /// Reads what ``write(to:)`` wrote.
    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        let created = Instant(milliseconds: try reader.zigzag())
        let updated = Instant(milliseconds: try reader.zigzag())
        var limits: [QuotaKey: QuotaLimits] = [:]
        for _ in 0..<(try reader.count(minimumSize: 9)) {
            let scope: QuotaScope = try RecordCoding.raw(from: &reader)
            let key = QuotaKey(scope, try reader.string())
            var limit = QuotaLimits()
            limit.agents = try reader.optionalZigzag().map { Int($0) }
            limit.tasks = try reader.optionalZigzag().map { Int($0) }
            for kind: ResourceKind in ResourceKind.allCases { limit.amounts[kind] = try reader.optionalZigzag() }
            limits[key] = limit
        }
        self.init(limits: limits, createdAt: created, updatedAt: updated)
    }
}
