/// Tasks and their parts.
extension RecordCoding {
    private static let usualRetryPolicy = RetryPolicy()
    private static let specificationParts: UInt64 = 18
    private static let stateParts: UInt64 = 20

    // MARK: - Task

    static func put(_ task: TaskRecord, to writer: inout ByteWriter) {
        writer.identifier(task.id)
        writer.varint(task.number)
        putOrigin(of: task, to: &writer)
        put(task.state, to: &writer)
    }

    static func task(from reader: inout ByteReader) throws(ByteReaderError) -> TaskRecord {
        let id: TaskID = try taskID(from: &reader)
        let number: UInt64 = try reader.varint()
        let origin: Origin = try origin(from: &reader)
        return origin.task(id, number: number, state: try taskState(from: &reader))
    }

    static func putOrigin(of task: TaskRecord, to writer: inout ByteWriter) {
        writer.string(task.owner)
        writer.optionalString(task.team)
        writer.zigzag(task.createdAt.milliseconds)
        put(task.specification, to: &writer)
    }

    static func task(
        _ id: TaskID, number: UInt64, from reader: inout ByteReader, state: TaskState
    ) throws(ByteReaderError) -> TaskRecord {
        try origin(from: &reader).task(id, number: number, state: state)
    }

    private struct Origin {
        let owner: String
        let team: String?
        let createdAt: Instant
        let specification: TaskSpecification

        func task(_ id: TaskID, number: UInt64, state: TaskState) -> TaskRecord {
            TaskRecord(
                id: id, number: number, specification: specification, owner: owner, team: team, createdAt: createdAt,
                state: state)
        }
    }

    private static func origin(from reader: inout ByteReader) throws(ByteReaderError) -> Origin {
        Origin(
            owner: try reader.string(), team: try reader.optionalString(),
            createdAt: Instant(milliseconds: try reader.zigzag()), specification: try specification(from: &reader))
    }

    // MARK: - Specification

    static func put(_ specification: TaskSpecification, to writer: inout ByteWriter) {
        writer.string(specification.kind.rawValue)
        writer.uint8(specification.priority.rawValue)
        writer.string(specification.description)

        var mask = PresenceMask()
        mask.append(!specification.capabilities.isEmpty)
        mask.append(!specification.dependencies.isEmpty)
        mask.append(specification.deadline != nil)
        mask.append(specification.timeout != nil)
        mask.append(specification.retryPolicy != usualRetryPolicy)
        mask.append(specification.project != nil)
        mask.append(specification.command != nil)
        mask.append(!specification.environment.isEmpty)
        mask.append(specification.workingDirectory != nil)
        mask.append(specification.requirements != .emptyArray)
        mask.append(specification.constraints != .emptyArray)
        mask.append(specification.context != .emptyObject)
        mask.append(specification.metadata != .emptyObject)
        mask.append(specification.workflow != nil)
        mask.append(specification.concurrencyKey != nil)
        mask.append(!specification.budget.isEmpty)
        mask.append(specification.schedule != nil)
        mask.append(specification.agent != nil)
        writer.varint(mask.bits)

        if !specification.capabilities.isEmpty {
            writer.count(specification.capabilities.count)
            for capability: CapabilityRequirement in specification.capabilities {
                writer.string(capability.name)
                writer.double(capability.minimumProficiency)
            }
        }
        if !specification.dependencies.isEmpty {
            writer.count(specification.dependencies.count)
            for dependency: TaskID in specification.dependencies { writer.identifier(dependency) }
        }
        if let deadline: Instant = specification.deadline { writer.zigzag(deadline.milliseconds) }
        if let timeout: Milliseconds = specification.timeout { writer.zigzag(timeout.count) }
        if specification.retryPolicy != usualRetryPolicy { put(specification.retryPolicy, to: &writer) }
        if let project: String = specification.project { writer.string(project) }
        if let command: RunnerCommand = specification.command { put(command, to: &writer) }
        if !specification.environment.isEmpty { put(specification.environment, to: &writer) }
        if let directory: String = specification.workingDirectory { writer.string(directory) }
        if specification.requirements != .emptyArray { writer.data(specification.requirements.utf8) }
        if specification.constraints != .emptyArray { writer.data(specification.constraints.utf8) }
        if specification.context != .emptyObject { writer.data(specification.context.utf8) }
        if specification.metadata != .emptyObject { writer.data(specification.metadata.utf8) }
        if let origin: WorkflowTaskOrigin = specification.workflow { put(origin, to: &writer) }
        if let key: String = specification.concurrencyKey { writer.string(key) }
        if !specification.budget.isEmpty { put(specification.budget, to: &writer) }
        if let schedule: TaskSchedule = specification.schedule { put(schedule, to: &writer) }
        if let agent: AgentID = specification.agent { writer.identifier(agent) }
    }

    static func specification(from reader: inout ByteReader) throws(ByteReaderError) -> TaskSpecification {
        let kindStart: Int = reader.offset
        guard let kind = TaskKind(try reader.string()) else { throw .malformed(offset: kindStart) }
        let priority: Priority = try raw(from: &reader)
        let description: String = try reader.string()
        var specification = TaskSpecification(kind: kind, description: description, priority: priority)

        var mask = try PresenceMask(from: &reader, parts: specificationParts)
        if mask.take() {
            specification.capabilities = try reader.list(minimumSize: 9) {
                (reader: inout ByteReader) throws(ByteReaderError) in
                CapabilityRequirement(name: try reader.string(), minimumProficiency: try reader.double())
            }
        }
        if mask.take() {
            specification.dependencies = try reader.list(minimumSize: 2) {
                (reader: inout ByteReader) throws(ByteReaderError) in try taskID(from: &reader)
            }
        }
        if mask.take() { specification.deadline = Instant(milliseconds: try reader.zigzag()) }
        if mask.take() { specification.timeout = Milliseconds(try reader.zigzag()) }
        if mask.take() { specification.retryPolicy = try retryPolicy(from: &reader) }
        if mask.take() { specification.project = try reader.string() }
        if mask.take() { specification.command = try command(from: &reader) }
        if mask.take() { specification.environment = try environment(from: &reader) }
        if mask.take() { specification.workingDirectory = try reader.string() }
        if mask.take() { specification.requirements = try json(from: &reader) }
        if mask.take() { specification.constraints = try json(from: &reader) }
        if mask.take() { specification.context = try json(from: &reader) }
        if mask.take() { specification.metadata = try json(from: &reader) }
        if mask.take() { specification.workflow = try workflowTaskOrigin(from: &reader) }
        if mask.take() { specification.concurrencyKey = try reader.string() }
        if mask.take() { specification.budget = try budget(from: &reader) }
        if mask.take() { specification.schedule = try taskSchedule(from: &reader) }
        if mask.take() { specification.agent = try agentID(from: &reader) }
        return specification
    }

    private static func put(_ policy: RetryPolicy, to writer: inout ByteWriter) {
        writer.zigzag(Int64(policy.maximumAttempts))
        writer.zigzag(policy.backoff.count)
        writer.double(policy.factor)
        writer.uint8(policy.onInterruption.rawValue)
    }

    private static func retryPolicy(from reader: inout ByteReader) throws(ByteReaderError) -> RetryPolicy {
        RetryPolicy(
            maximumAttempts: Int(try reader.zigzag()), backoff: Milliseconds(try reader.zigzag()),
            factor: try reader.double(), onInterruption: try raw(from: &reader))
    }

    private static func put(_ command: RunnerCommand, to writer: inout ByteWriter) {
        switch command {
        case .arguments(let arguments):
            writer.uint8(0)
            writer.count(arguments.count)
            for argument: String in arguments { writer.string(argument) }
        case .shell(let line):
            writer.uint8(1)
            writer.string(line)
        }
    }

    private static func command(from reader: inout ByteReader) throws(ByteReaderError) -> RunnerCommand {
        if try reader.boolean() { return .shell(try reader.string()) }
        return .arguments(
            try reader.list(minimumSize: 1) { (reader: inout ByteReader) throws(ByteReaderError) in
                try reader.string()
            })
    }

    // MARK: - State

    static func put(_ state: TaskState, to writer: inout ByteWriter) {
        writer.uint8(state.status.rawValue)
        writer.uint8(state.priority.rawValue)

        var mask = PresenceMask()
        mask.append(state.progress != 0)
        mask.append(state.step != nil)
        mask.append(state.attempt != 0)
        mask.append(state.failures != 0)
        mask.append(state.interruptions != 0)
        mask.append(state.agent != nil)
        mask.append(state.process != nil)
        mask.append(state.result != nil)
        mask.append(state.error != nil)
        mask.append(state.cancellation != nil)
        mask.append(state.queuedAt != nil)
        mask.append(state.startedAt != nil)
        mask.append(state.finishedAt != nil)
        mask.append(state.notBefore != nil)
        mask.append(state.isDeadLetter)
        mask.append(!state.causes.isEmpty)
        mask.append(state.requeuedAs != nil)
        mask.append(state.spent != Usage())
        mask.append(state.attemptUsage != Usage())
        mask.append(state.resumedAt != nil)
        writer.varint(mask.bits)

        writer.zigzag(state.updatedAt.milliseconds)
        if state.progress != 0 { writer.double(state.progress) }
        if let step: String = state.step { writer.string(step) }
        if state.attempt != 0 { writer.zigzag(Int64(state.attempt)) }
        if state.failures != 0 { writer.zigzag(Int64(state.failures)) }
        if state.interruptions != 0 { writer.zigzag(Int64(state.interruptions)) }
        if let agent: AgentID = state.agent { writer.identifier(agent) }
        if let process: ProcessIdentity = state.process { put(process, to: &writer) }
        if let result: JSONText = state.result { writer.data(result.utf8) }
        if let error: TaskFailure = state.error {
            writer.uint8(error.code.rawValue)
            writer.string(error.message)
        }
        if let cancellation: CancellationStage = state.cancellation { writer.uint8(cancellation.rawValue) }
        if let time: Instant = state.queuedAt { put(time, relativeTo: state.updatedAt, to: &writer) }
        if let time: Instant = state.startedAt { put(time, relativeTo: state.updatedAt, to: &writer) }
        if let time: Instant = state.finishedAt { put(time, relativeTo: state.updatedAt, to: &writer) }
        if let time: Instant = state.notBefore { put(time, relativeTo: state.updatedAt, to: &writer) }
        putHistory(of: state, to: &writer)
    }

    private static func putHistory(of state: TaskState, to writer: inout ByteWriter) {
        if !state.causes.isEmpty {
            writer.count(state.causes.count)
            for cause: AttemptFailure in state.causes {
                writer.zigzag(Int64(cause.attempt))
                writer.uint8(cause.failure.code.rawValue)
                writer.string(cause.failure.message)
                put(cause.time, relativeTo: state.updatedAt, to: &writer)
                writer.optionalString(cause.agent?.rawValue)
            }
        }
        if let task: TaskID = state.requeuedAs { writer.identifier(task) }
        if state.spent != Usage() { put(state.spent, to: &writer) }
        if state.attemptUsage != Usage() { put(state.attemptUsage, to: &writer) }
        if let time: Instant = state.resumedAt { put(time, relativeTo: state.updatedAt, to: &writer) }
    }

    static func taskState(from reader: inout ByteReader) throws(ByteReaderError) -> TaskState {
        let status: TaskStatus = try raw(from: &reader)
        let priority: Priority = try raw(from: &reader)
        var mask = try PresenceMask(from: &reader, parts: stateParts)
        let updatedAt = Instant(milliseconds: try reader.zigzag())
        var state = TaskState(status: status, priority: priority, updatedAt: updatedAt)
        if mask.take() { state.progress = try reader.double() }
        if mask.take() { state.step = try reader.string() }
        if mask.take() { state.attempt = Int(try reader.zigzag()) }
        if mask.take() { state.failures = Int(try reader.zigzag()) }
        if mask.take() { state.interruptions = Int(try reader.zigzag()) }
        if mask.take() { state.agent = try agentID(from: &reader) }
        if mask.take() { state.process = try process(from: &reader) }
        if mask.take() { state.result = try json(from: &reader) }
        if mask.take() { state.error = TaskFailure(try raw(from: &reader), try reader.string()) }
        if mask.take() { state.cancellation = try raw(from: &reader) }
        if mask.take() { state.queuedAt = try instant(relativeTo: updatedAt, from: &reader) }
        if mask.take() { state.startedAt = try instant(relativeTo: updatedAt, from: &reader) }
        if mask.take() { state.finishedAt = try instant(relativeTo: updatedAt, from: &reader) }
        if mask.take() { state.notBefore = try instant(relativeTo: updatedAt, from: &reader) }
        state.isDeadLetter = mask.take()
        if mask.take() { state.causes = try causes(relativeTo: updatedAt, from: &reader) }
        if mask.take() { state.requeuedAs = try taskID(from: &reader) }
        if mask.take() { state.spent = try usage(from: &reader) }
        if mask.take() { state.attemptUsage = try usage(from: &reader) }
        if mask.take() { state.resumedAt = try instant(relativeTo: updatedAt, from: &reader) }
        return state
    }

    private static func causes(
        relativeTo updatedAt: Instant, from reader: inout ByteReader
    ) throws(ByteReaderError) -> [AttemptFailure] {
        try reader.list(minimumSize: 5) { (reader: inout ByteReader) throws(ByteReaderError) in
            let attempt = Int(try reader.zigzag())
            let failure = TaskFailure(try raw(from: &reader), try reader.string())
            let time: Instant = try instant(relativeTo: updatedAt, from: &reader)
            var cause = AttemptFailure(attempt: attempt, failure: failure, time: time)
            let start: Int = reader.offset
            guard let agent: String = try reader.optionalString() else { return cause }
            guard let id = AgentID(agent) else { throw .malformed(offset: start) }
            cause.agent = id
            return cause
        }
    }
}
