/// Agents and their parts.
extension RecordCoding {
    private static let agentSpecificationParts: UInt64 = 9
    private static let agentStateParts: UInt64 = 9

    static func put(_ agent: AgentRecord, to writer: inout ByteWriter) {
        writer.identifier(agent.id)
        writer.varint(agent.number)
        // The upper bits say what of the holder follows, and whether it has learned anything.
        let parts: [String?] = [agent.team, agent.project, agent.pool]
        let mask: UInt8 = parts.enumerated().reduce(0) { $1.element == nil ? $0 : $0 | 0x10 << UInt8($1.offset) }
        let hasLearned: Bool = agent.learning != AgentLearning()
        writer.uint8(agent.origin.rawValue | mask | (hasLearned ? 0x80 : 0))
        writer.string(agent.owner)
        for case let part? in parts { writer.string(part) }
        writer.zigzag(agent.createdAt.milliseconds)
        put(agent.specification, to: &writer)
        put(agent.state, to: &writer)
        if hasLearned { put(agent.learning, to: &writer) }
    }

    static func agent(from reader: inout ByteReader) throws(ByteReaderError) -> AgentRecord {
        let id: AgentID = try agentID(from: &reader)
        let number: UInt64 = try reader.varint()
        let start: Int = reader.offset
        let tag: UInt8 = try reader.uint8()
        guard let origin = AgentRecord.Origin(rawValue: tag & 0x0F) else { throw .malformed(offset: start) }
        var holder = AgentHolder(owner: try reader.string())
        if tag & 0x10 != 0 { holder.team = try reader.string() }
        if tag & 0x20 != 0 { holder.project = try reader.string() }
        if tag & 0x40 != 0 { holder.pool = try reader.string() }
        return AgentRecord(
            id: id, number: number, origin: origin, holder: holder,
            createdAt: Instant(milliseconds: try reader.zigzag()), specification: try agentSpecification(from: &reader),
            state: try agentState(from: &reader),
            learning: tag & 0x80 == 0 ? AgentLearning() : try learning(from: &reader))
    }

    // MARK: - Specification

    static func put(_ specification: AgentSpecification, to writer: inout ByteWriter) {
        writer.uint8(specification.type.rawValue)
        writer.uint8(specification.resident.rawValue)
        writer.zigzag(Int64(specification.maximumConcurrentTasks))
        writer.zigzag(specification.heartbeatInterval.count)

        var mask = PresenceMask()
        mask.append(specification.name != nil)
        mask.append(!specification.capabilities.isEmpty)
        mask.append(specification.model != nil)
        mask.append(specification.workspace != nil)
        mask.append(!specification.environment.isEmpty)
        mask.append(specification.commandTimeout != nil)
        mask.append(specification.resources != nil)
        mask.append(specification.settings != .emptyObject)
        let hasOwnRates: Bool = specification.capabilities.contains { $0.learningRate != Capability.usualLearningRate }
        mask.append(hasOwnRates)
        writer.varint(mask.bits)

        if let name: String = specification.name { writer.string(name) }
        if !specification.capabilities.isEmpty {
            writer.count(specification.capabilities.count)
            for capability: Capability in specification.capabilities {
                writer.string(capability.name)
                writer.double(capability.proficiency)
            }
        }
        if let model: String = specification.model { writer.string(model) }
        if let workspace: String = specification.workspace { writer.string(workspace) }
        if !specification.environment.isEmpty { put(specification.environment, to: &writer) }
        if let timeout: Milliseconds = specification.commandTimeout { writer.zigzag(timeout.count) }
        if let resources: ResourceRequirements = specification.resources { put(resources, to: &writer) }
        if specification.settings != .emptyObject { writer.data(specification.settings.utf8) }
        if hasOwnRates {
            for capability: Capability in specification.capabilities { writer.double(capability.learningRate) }
        }
    }

    static func agentSpecification(
        from reader: inout ByteReader
    ) throws(ByteReaderError) -> AgentSpecification {
        var specification = AgentSpecification(type: try raw(from: &reader))
        specification.resident = try raw(from: &reader)
        specification.maximumConcurrentTasks = Int(try reader.zigzag())
        specification.heartbeatInterval = Milliseconds(try reader.zigzag())
        var mask = try PresenceMask(from: &reader, parts: agentSpecificationParts)
        if mask.take() { specification.name = try reader.string() }
        if mask.take() {
            specification.capabilities = try reader.list(minimumSize: 9) {
                (reader: inout ByteReader) throws(ByteReaderError) in
                Capability(name: try reader.string(), proficiency: try reader.double())
            }
        }
        if mask.take() { specification.model = try reader.string() }
        if mask.take() { specification.workspace = try reader.string() }
        if mask.take() { specification.environment = try environment(from: &reader) }
        if mask.take() { specification.commandTimeout = Milliseconds(try reader.zigzag()) }
        if mask.take() { specification.resources = try resources(from: &reader) }
        if mask.take() { specification.settings = try json(from: &reader) }
        if mask.take() {
            for place: Int in specification.capabilities.indices {
                specification.capabilities[place].learningRate = try reader.double()
            }
        }
        return specification
    }

    private static func put(_ resources: ResourceRequirements, to writer: inout ByteWriter) {
        writer.double(resources.cpu)
        writer.double(resources.memory)
        writer.optional(resources.gpu) { $0.double($1) }
        writer.optional(resources.storage) { $0.double($1) }
        writer.optional(resources.network) { $0.data($1.utf8) }
    }

    private static func resources(from reader: inout ByteReader) throws(ByteReaderError) -> ResourceRequirements {
        var resources = ResourceRequirements(cpu: try reader.double(), memory: try reader.double())
        if try reader.boolean() { resources.gpu = try reader.double() }
        if try reader.boolean() { resources.storage = try reader.double() }
        if try reader.boolean() { resources.network = try json(from: &reader) }
        return resources
    }

    // MARK: - State

    static func put(_ state: AgentState, to writer: inout ByteWriter) {
        writer.uint8(state.status.rawValue)
        writer.zigzag(state.updatedAt.milliseconds)
        put(state.lastHeartbeat, relativeTo: state.updatedAt, to: &writer)

        var mask = PresenceMask()
        mask.append(!state.currentTasks.isEmpty)
        mask.append(state.statistics.tasksCompleted != 0)
        mask.append(state.statistics.tasksFailed != 0)
        mask.append(state.statistics.totalRuntime != 0)
        mask.append(state.restarts != 0)
        mask.append(state.error != nil)
        mask.append(state.process != nil)
        mask.append(state.terminatedAt != nil)
        mask.append(state.statistics.capabilityImprovements != 0)
        writer.varint(mask.bits)

        if !state.currentTasks.isEmpty {
            writer.count(state.currentTasks.count)
            for task: TaskID in state.currentTasks { writer.identifier(task) }
        }
        if state.statistics.tasksCompleted != 0 { writer.zigzag(Int64(state.statistics.tasksCompleted)) }
        if state.statistics.tasksFailed != 0 { writer.zigzag(Int64(state.statistics.tasksFailed)) }
        if state.statistics.totalRuntime != 0 { writer.zigzag(state.statistics.totalRuntime.count) }
        if state.restarts != 0 { writer.zigzag(Int64(state.restarts)) }
        if let error: String = state.error { writer.string(error) }
        if let process: ProcessIdentity = state.process { put(process, to: &writer) }
        if let time: Instant = state.terminatedAt { put(time, relativeTo: state.updatedAt, to: &writer) }
        let improvements: Int = state.statistics.capabilityImprovements
        if improvements != 0 { writer.zigzag(Int64(improvements)) }
    }

    static func agentState(from reader: inout ByteReader) throws(ByteReaderError) -> AgentState {
        let status: AgentStatus = try raw(from: &reader)
        let updatedAt = Instant(milliseconds: try reader.zigzag())
        var state = AgentState(status: status, at: updatedAt)
        state.lastHeartbeat = try instant(relativeTo: updatedAt, from: &reader)
        var mask = try PresenceMask(from: &reader, parts: agentStateParts)
        if mask.take() {
            state.currentTasks = try reader.list(minimumSize: 2) {
                (reader: inout ByteReader) throws(ByteReaderError) in try taskID(from: &reader)
            }
        }
        if mask.take() { state.statistics.tasksCompleted = Int(try reader.zigzag()) }
        if mask.take() { state.statistics.tasksFailed = Int(try reader.zigzag()) }
        if mask.take() { state.statistics.totalRuntime = Milliseconds(try reader.zigzag()) }
        if mask.take() { state.restarts = Int(try reader.zigzag()) }
        if mask.take() { state.error = try reader.string() }
        if mask.take() { state.process = try process(from: &reader) }
        if mask.take() { state.terminatedAt = try instant(relativeTo: updatedAt, from: &reader) }
        if mask.take() { state.statistics.capabilityImprovements = Int(try reader.zigzag()) }
        return state
    }
}
