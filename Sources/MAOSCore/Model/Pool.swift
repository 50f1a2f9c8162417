/// Names one pool, for as long as its record is kept.
public struct PoolID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// The pool that makes agents on demand.
    public static let onDemand = PoolID(unchecked: "default")
}

/// How a pool changes its size by itself.
public struct Autoscaling: Hashable, Sendable {
    /// 0…1; the share of slots with a task that a change aims at.
    public var targetUtilization: Double
    /// 0…1; above it the pool grows.
    public var scaleUpThreshold: Double
    /// 0…1; below it the pool shrinks; less than the other threshold.
    public var scaleDownThreshold: Double
    /// The shortest time between two changes; 0…24 h.
    public var cooldown: Milliseconds
    /// 1 s…24 h; after so long agents that have nothing to do go, in place of what ``scaleDownThreshold`` says.
    ///
    /// As many stay as the minimum and ``targetUtilization`` ask for. `nil` leaves it to the threshold.
    public var idleTime: Milliseconds?

    /// Grows above 80 %, shrinks below 30 %, aims at 70 %, once a minute at most, unless said.
    public init(
        targetUtilization: Double = 0.7, scaleUpThreshold: Double = 0.8, scaleDownThreshold: Double = 0.3,
        cooldown: Milliseconds = .seconds(60), idleTime: Milliseconds? = nil
    ) {
        self.targetUtilization = targetUtilization
        self.scaleUpThreshold = scaleUpThreshold
        self.scaleDownThreshold = scaleDownThreshold
        self.cooldown = cooldown
        self.idleTime = idleTime
    }
}

/// What decides the size of a pool.
public enum PoolMode: UInt8, Sendable, Hashable {
    /// Its target, until that is changed.
    case fixed = 1
    /// How busy its agents are.
    case autoscaling
    /// The tasks that wait; of the pool ``PoolID/onDemand`` only. What it makes beyond the minimum goes when it is idle.
    case onDemand
}

/// What a pool is to be like.
public struct PoolSpecification: Hashable, Sendable {
    /// 1…200 characters; for people.
    public var name: String
    /// Agents it has at least; 0…``EngineLimits/poolSize``.
    public var minimum: Int
    /// Agents it has at most.
    public var maximum: Int
    /// Agents it has at first; the minimum where `nil`.
    public var target: Int?
    /// What its agents are like.
    public var template: AgentSpecification
    /// How it changes its size by itself; `nil` for a fixed size.
    public var autoscaling: Autoscaling?

    /// A pool of a fixed size, unless said.
    public init(
        name: String, minimum: Int, maximum: Int, target: Int? = nil, template: AgentSpecification,
        autoscaling: Autoscaling? = nil
    ) {
        self.name = name
        self.minimum = minimum
        self.maximum = maximum
        self.target = target
        self.template = template
        self.autoscaling = autoscaling
    }
}

/// A number of agents alike, and what decides how many.
public struct PoolRecord: Hashable, Sendable {
    /// Its name in commands.
    public let id: PoolID
    /// 1 for the first pool ever made here.
    public let number: UInt64
    /// For people.
    public var name: String
    /// What its agents are like.
    public var template: AgentSpecification
    /// Whom its agents belong to.
    public let holder: AgentHolder
    /// When it was made.
    public let createdAt: Instant
    /// When it last changed.
    public var updatedAt: Instant
    /// When it was deleted.
    public var endedAt: Instant?
    /// What decides its size.
    public var mode: PoolMode
    /// Agents it has at least.
    public var minimum: Int
    /// Agents it has at most.
    public var maximum: Int
    /// Agents it is to have; on demand, those that it keeps.
    public var target: Int
    /// How it changes its size by itself, where it does.
    public var autoscaling: Autoscaling
    /// When its target last changed.
    public var lastScaledAt: Instant?
    /// Why it has fewer agents than it is to have.
    public var error: String?
    /// What the server's configuration says of it; `nil` for a pool that is not in there.
    public var configured: PoolSpecification?

    /// Puts a new pool together; the engine does.
    package init(
        id: PoolID, number: UInt64, name: String, template: AgentSpecification, holder: AgentHolder,
        createdAt: Instant, mode: PoolMode, minimum: Int, maximum: Int, target: Int,
        autoscaling: Autoscaling = Autoscaling()
    ) {
        self.id = id
        self.number = number
        self.name = name
        self.template = template
        self.holder = holder
        self.createdAt = createdAt
        updatedAt = createdAt
        self.mode = mode
        self.minimum = minimum
        self.maximum = maximum
        self.target = target
        self.autoscaling = autoscaling
    }

    /// The project that its agents count against; `nil` for none.
    public var project: String? { holder.project }
}

extension PoolRecord: StoredEntity {
    /// A pool.
    package static var kind: EntityKind { .pool }
    /// What decides its size.
    package var statusNumber: UInt8 { mode.rawValue }

    /// Writes all of it.
    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(name)
        RecordCoding.put(template, to: &writer)
        writer.string(holder.owner)
        writer.optionalString(holder.team)
        writer.optionalString(holder.project)
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
        writer.uint8(mode.rawValue)
        writer.varint(UInt64(minimum))
        writer.varint(UInt64(maximum))
        writer.varint(UInt64(target))
        autoscaling.write(to: &writer)
        writer.optionalZigzag(lastScaledAt?.milliseconds)
        writer.optionalString(error)
        writer.optionalZigzag(autoscaling.idleTime?.count)
        writer.boolean(configured != nil)
        configured?.write(to: &writer)
    }

    /// Reads what ``write(to:)`` wrote.
    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        let start: Int = reader.offset
        guard let id = PoolID(try reader.string()) else { throw .malformed(offset: start) }
        let number: UInt64 = try reader.varint()
        let name: String = try reader.string()
        let template: AgentSpecification = try RecordCoding.agentSpecification(from: &reader)
        var holder = AgentHolder(owner: try reader.string())
        holder.team = try reader.optionalString()
        holder.project = try reader.optionalString()
        holder.pool = id.rawValue
        let created = Instant(milliseconds: try reader.zigzag())
        let updated = Instant(milliseconds: try reader.zigzag())
        let ended: Instant? = try RecordCoding.optionalInstant(from: &reader)
        self.init(
            id: id, number: number, name: name, template: template, holder: holder, createdAt: created,
            mode: try RecordCoding.raw(from: &reader), minimum: try RecordCoding.natural(from: &reader),
            maximum: try RecordCoding.natural(from: &reader), target: try RecordCoding.natural(from: &reader))
        updatedAt = updated
        endedAt = ended
        autoscaling = try Autoscaling(from: &reader)
        lastScaledAt = try RecordCoding.optionalInstant(from: &reader)
        error = try reader.optionalString()
        // Records from before there was anything more end here.
        guard !reader.isAtEnd else { return }
        autoscaling.idleTime = try reader.optionalZigzag().map { Milliseconds($0) }
        configured = try reader.boolean() ? PoolSpecification(from: &reader) : nil
    }
}

extension Autoscaling {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.double(targetUtilization)
        writer.double(scaleUpThreshold)
        writer.double(scaleDownThreshold)
        writer.zigzag(cooldown.count)
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
        self.init(
            targetUtilization: try reader.double(), scaleUpThreshold: try reader.double(),
            scaleDownThreshold: try reader.double(), cooldown: Milliseconds(try reader.zigzag()))
    }
}

extension PoolSpecification {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.string(name)
        writer.varint(UInt64(minimum))
        writer.varint(UInt64(maximum))
        writer.optionalZigzag(target.map { Int64($0) })
        RecordCoding.put(template, to: &writer)
        writer.boolean(autoscaling != nil)
        guard let autoscaling else { return }
        autoscaling.write(to: &writer)
        writer.optionalZigzag(autoscaling.idleTime?.count)
    }

    fileprivate init(from reader: inout ByteReader) throws(ByteReaderError) {
        let name: String = try reader.string()
        let minimum: Int = try RecordCoding.natural(from: &reader)
        let maximum: Int = try RecordCoding.natural(from: &reader)
        let target: Int? = try reader.optionalZigzag().map { Int(truncatingIfNeeded: $0) }
        self.init(
            name: name, minimum: minimum, maximum: maximum, target: target,
            template: try RecordCoding.agentSpecification(from: &reader))
        guard try reader.boolean() else { return }
        autoscaling = try Autoscaling(from: &reader)
        autoscaling?.idleTime = try reader.optionalZigzag().map { Milliseconds($0) }
    }
}
