/// Where an execution or a step of it stands.
public enum ExecutionStatus: UInt8, Sendable, CaseIterable {
    /// Waits for its turn.
    case pending = 1
    case running
    /// Held back by request; what is under way goes on, nothing new starts.
    case paused
    case completed
    case failed
    case cancelled
    /// A step that the course of the execution passed by; never an execution.
    case skipped

    /// Whether nothing can change any more, except by an explicit retry.
    public var isTerminal: Bool { rawValue >= ExecutionStatus.completed.rawValue }

    /// The name on the wire.
    public var name: String {
        switch self {
        case .pending: "pending"
        case .running: "running"
        case .paused: "paused"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .skipped: "skipped"
        }
    }

    /// Reads the name on the wire; `nil` for any other text.
    public init?(name: String) {
        guard let match = ExecutionStatus.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }
}

/// One run of a workflow, without its steps.
public struct ExecutionRecord: Hashable, Sendable {
    /// What an execution does beside going from step to step.
    public enum Phase: UInt8, Sendable {
        case normal = 1
        /// Waits for what it has stopped.
        case stopping
        /// Undoes what was completed.
        case compensating
    }

    /// Its name in commands.
    public var id: ExecutionID
    /// 1 for the first execution ever.
    public var number: UInt64
    /// What it is a run of.
    public var workflow: WorkflowID
    /// The version that it began with, and keeps.
    public var version: Int
    /// What people call the workflow.
    public var name: String
    /// The project it belongs to.
    public var project: String?
    /// Whoever began it: its tasks are that subject's.
    public var principal: Principal
    /// Where it stands.
    public var status: ExecutionStatus
    /// What it does there.
    public var phase: Phase = .normal
    /// What it ends as once it has stopped.
    public var pendingStatus: ExecutionStatus?
    /// The step that started last; empty before the first.
    public var currentStep: String = ""
    /// 0…1.
    public var progress: Double = 0
    /// 1, and one more for each retry.
    public var attempt: Int = 1
    /// Whether anything has been undone.
    public var isCompensated = false
    /// When it began.
    public var createdAt: Instant
    /// When it last changed.
    public var updatedAt: Instant
    /// When it fails if it has not ended by then.
    public var deadline: Instant?
    /// When it ended.
    public var endedAt: Instant?
    /// What it gave.
    public var result: JSONText?
    /// Why it failed or is about to.
    public var error: String?
    /// What its tasks may use together.
    public var budget = Budget()
    /// What those attempts of its tasks have used that have ended.
    public var spent = Usage()
    /// The ceiling for which it failed or is about to.
    public var reachedCeiling: BudgetPart?
}

/// One step of an execution, or one of its rounds inside a loop.
public struct StepRecord: Hashable, Sendable {
    /// The kinds of steps.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// The execution itself, with what it was begun with.
        case root = 1
        case task
        case decision
        case parallel
        case loop

        /// The name on the wire.
        public var name: String {
            switch self {
            case .root: "root"
            case .task: "task"
            case .decision: "decision"
            case .parallel: "parallel"
            case .loop: "loop"
            }
        }
    }

    /// The execution it belongs to.
    public var execution: ExecutionID
    /// 1 for the first step of any execution ever entered here.
    public var number: UInt64
    /// 1 for the first step that the execution entered; 0 for the execution itself.
    public var ordinal: Int
    /// The step, as the workflow names it.
    public var step: String
    /// What kind of step it is.
    public var kind: Kind
    /// The step around it; 0 for the execution itself.
    public var scope: Int
    /// The round of the loop around it, from 0.
    public var round: Int
    /// Where it stands.
    public var status: ExecutionStatus
    /// How often it has started.
    public var attempt: Int = 0
    /// The newest task that was made for it.
    public var task: TaskID?
    /// The newest question that was asked for it.
    public var approval: ApprovalID?
    /// When it was entered.
    public var createdAt: Instant
    /// When it last started.
    public var startedAt: Instant?
    /// When it ended.
    public var endedAt: Instant?
    /// What it worked with, where that depends on the execution.
    public var input: JSONText?
    /// What it gave.
    public var result: JSONText?
    /// Why it failed or is about to.
    public var error: String?
    /// Whether its end made what is around it fail.
    public var isCause = false
    /// Its place among the completed steps that can be undone; `nil` for others.
    public var endOrder: Int?
    /// Whether it undoes a step, whose name it has.
    public var isCompensation = false
    /// Whether it ended as what is around it was being stopped, so that nothing has followed from its end.
    public var isCut = false
    /// The rounds with which a retry had it begin anew, in order: rounds are numbered on, and those before the last are over.
    public var restarts: [Int] = []

    /// The first round since it last began anew.
    public var firstRound: Int { restarts.last ?? 0 }

    /// Which round one of its rounds was, counted from 0 since it had begun anew.
    public func index(ofRound round: Int) -> Int { round - (restarts.last { $0 <= round } ?? 0) }
}

/// An execution with all the steps that it has entered.
public struct ExecutionSnapshot: Hashable, Sendable {
    /// The execution.
    public var record: ExecutionRecord
    /// In the order in which they were entered.
    public var steps: [StepRecord]

    /// Puts a snapshot together.
    public init(record: ExecutionRecord, steps: [StepRecord]) {
        self.record = record
        self.steps = steps
    }
}

extension ExecutionRecord: StoredEntity {
    package static let kind = EntityKind.execution
    package var parent: String? { workflow.rawValue }
    package var statusNumber: UInt8 { status.rawValue }

    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(workflow.rawValue)
        writer.varint(UInt64(version))
        writer.string(name)
        writer.optionalString(project)
        writer.string(principal.subject)
        writer.optionalString(principal.team)
        writer.list(principal.projects) { $0.string($1) }
        // Names, because the bits may differ between versions.
        writer.list(principal.permissions == .all ? ["admin:*"] : principal.permissions.names) { $0.string($1) }
        writer.uint8(status.rawValue)
        writer.uint8(phase.rawValue)
        writer.uint8(pendingStatus?.rawValue ?? 0)
        writer.string(currentStep)
        writer.double(progress)
        writer.varint(UInt64(attempt))
        let hasAccount: Bool = !budget.isEmpty || spent != Usage() || reachedCeiling != nil
        writer.uint8((isCompensated ? 1 : 0) | (hasAccount ? 2 : 0))
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.optionalZigzag(deadline?.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
        writer.optional(result) { $0.data($1.utf8) }
        writer.optionalString(error)
        guard hasAccount else { return }
        RecordCoding.put(budget, to: &writer)
        RecordCoding.put(spent, to: &writer)
        writer.uint8(reachedCeiling.map { $0.rawValue + 1 } ?? 0)
    }

    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        id = try RecordCoding.identifier(from: &reader)
        number = try reader.varint()
        workflow = try RecordCoding.identifier(from: &reader)
        version = try RecordCoding.smallCount(from: &reader)
        name = try reader.string()
        project = try reader.optionalString()
        let subject: String = try reader.string()
        let team: String? = try reader.optionalString()
        let projects: [String] = try reader.list(minimumSize: 1) {
            (reader: inout ByteReader) throws(ByteReaderError) in try reader.string()
        }
        let names: [String] = try reader.list(minimumSize: 1) {
            (reader: inout ByteReader) throws(ByteReaderError) in try reader.string()
        }
        var permissions: Permissions = []
        for name: String in names { permissions.formUnion(Permissions(name: name)) }
        principal = Principal(subject: subject, permissions: permissions, projects: projects, team: team)
        status = try RecordCoding.raw(from: &reader)
        phase = try RecordCoding.raw(from: &reader)
        let start: Int = reader.offset
        let pending: UInt8 = try reader.uint8()
        pendingStatus = ExecutionStatus(rawValue: pending)
        guard pending == 0 || pendingStatus != nil else { throw .malformed(offset: start) }
        currentStep = try reader.string()
        progress = try reader.double()
        attempt = try RecordCoding.smallCount(from: &reader)
        let flagsStart: Int = reader.offset
        let flags: UInt8 = try reader.uint8()
        guard flags < 4 else { throw .malformed(offset: flagsStart) }
        isCompensated = flags & 1 != 0
        createdAt = Instant(milliseconds: try reader.zigzag())
        updatedAt = Instant(milliseconds: try reader.zigzag())
        deadline = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
        endedAt = try reader.optionalZigzag().map { Instant(milliseconds: $0) }
        result = try reader.optional {
            (reader: inout ByteReader) throws(ByteReaderError) in try RecordCoding.json(from: &reader)
        }
        error = try reader.optionalString()
        guard flags & 2 != 0 else { return }
        budget = try RecordCoding.budget(from: &reader)
        spent = try RecordCoding.usage(from: &reader)
        let partStart: Int = reader.offset
        let part: UInt8 = try reader.uint8()
        if part > 0 { reachedCeiling = BudgetPart(rawValue: part - 1) }
        guard part == 0 || reachedCeiling != nil else { throw .malformed(offset: partStart) }
    }
}

extension StepRecord: StoredEntity {
    package static let kind = EntityKind.step
    private static let parts: UInt64 = 12

    package var id: WorkflowPartID { WorkflowPartID(execution, ordinal: ordinal) }
    package var parent: String? { execution.rawValue }
    package var statusNumber: UInt8 { status.rawValue }
    package var project: String? { nil }

    package func write(to writer: inout ByteWriter) {
        writer.string(execution.rawValue)
        writer.varint(number)
        writer.varint(UInt64(ordinal))
        writer.string(step)
        writer.uint8(kind.rawValue)
        writer.varint(UInt64(scope))
        writer.varint(UInt64(round))
        writer.uint8(status.rawValue)
        writer.varint(UInt64(attempt))
        writer.zigzag(createdAt.milliseconds)
        var mask = PresenceMask()
        mask.append(task != nil)
        mask.append(approval != nil)
        mask.append(startedAt != nil)
        mask.append(endedAt != nil)
        mask.append(input != nil)
        mask.append(result != nil)
        mask.append(error != nil)
        mask.append(isCause)
        mask.append(endOrder != nil)
        mask.append(isCompensation)
        mask.append(isCut)
        mask.append(!restarts.isEmpty)
        writer.varint(mask.bits)
        if let task { writer.string(task.rawValue) }
        if let approval { writer.string(approval.rawValue) }
        if let startedAt { writer.zigzag(startedAt.milliseconds &- createdAt.milliseconds) }
        if let endedAt { writer.zigzag(endedAt.milliseconds &- createdAt.milliseconds) }
        if let input { writer.data(input.utf8) }
        if let result { writer.data(result.utf8) }
        if let error { writer.string(error) }
        if let endOrder { writer.varint(UInt64(endOrder)) }
        if !restarts.isEmpty { writer.list(restarts) { $0.varint(UInt64($1)) } }
    }

    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        execution = try RecordCoding.identifier(from: &reader)
        number = try reader.varint()
        ordinal = try RecordCoding.smallCount(from: &reader)
        step = try reader.string()
        kind = try RecordCoding.raw(from: &reader)
        scope = try RecordCoding.smallCount(from: &reader)
        round = try RecordCoding.smallCount(from: &reader)
        status = try RecordCoding.raw(from: &reader)
        attempt = try RecordCoding.smallCount(from: &reader)
        createdAt = Instant(milliseconds: try reader.zigzag())
        var mask = try PresenceMask(from: &reader, parts: StepRecord.parts)
        if mask.take() { task = try RecordCoding.taskID(from: &reader) }
        if mask.take() { approval = try RecordCoding.identifier(from: &reader) }
        if mask.take() { startedAt = Instant(milliseconds: createdAt.milliseconds &+ (try reader.zigzag())) }
        if mask.take() { endedAt = Instant(milliseconds: createdAt.milliseconds &+ (try reader.zigzag())) }
        if mask.take() { input = try RecordCoding.json(from: &reader) }
        if mask.take() { result = try RecordCoding.json(from: &reader) }
        if mask.take() { error = try reader.string() }
        isCause = mask.take()
        if mask.take() { endOrder = try RecordCoding.smallCount(from: &reader) }
        isCompensation = mask.take()
        isCut = mask.take()
        guard mask.take() else { return }
        restarts = try reader.list(minimumSize: 1) { (reader: inout ByteReader) throws(ByteReaderError) in
            try RecordCoding.smallCount(from: &reader)
        }
    }
}
