/// What happened to an execution, one of its steps, or one of its questions.
public struct WorkflowEvent: Sendable, Hashable {
    /// The kinds of things that happen to executions.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case started = 1
        case completed
        case failed
        case cancelled
        case paused
        case resumed
        case retried
        case stepStarted
        case stepCompleted
        case stepFailed
        case stepCancelled
        case stepSkipped
        case approvalRequested
        case approvalResolved
        case progressed

        /// Whether it happened to a step, and not to the execution or a question.
        public var isAboutStep: Bool {
            switch self {
            case .stepStarted, .stepCompleted, .stepFailed, .stepCancelled, .stepSkipped: true
            default: false
            }
        }

        /// Whether it is what happens inside an execution, which is for those who ask for it by name.
        public var isDetail: Bool { isAboutStep || self == .progressed }

        /// The name as filters and the wire have it.
        public var name: String {
            switch self {
            case .started: "workflow_started"
            case .completed: "workflow_completed"
            case .failed: "workflow_failed"
            case .cancelled: "workflow_cancelled"
            case .paused: "workflow_paused"
            case .resumed: "workflow_resumed"
            case .retried: "workflow_retried"
            case .stepStarted: "workflow_step_started"
            case .stepCompleted: "workflow_step_completed"
            case .stepFailed: "workflow_step_failed"
            case .stepCancelled: "workflow_step_cancelled"
            case .stepSkipped: "workflow_step_skipped"
            case .approvalRequested: "approval_requested"
            case .approvalResolved: "approval_resolved"
            case .progressed: "workflow_progress"
            }
        }
    }

    /// What kind of thing it was.
    public var kind: Kind
    /// The workflow.
    public var workflow: WorkflowID
    /// The execution.
    public var execution: ExecutionID
    /// What people call the workflow.
    public var name: String
    /// The project, for whoever may see only some.
    public var project: String?
    /// The execution's status right after the event.
    public var status: ExecutionStatus
    /// 0…1: how far the execution has come.
    public var progress: Double
    /// The step that the event is about; `nil` for the execution itself.
    public var step: Step?
    /// Why, or what is asked, for people.
    public var text: String?
    /// Who did it: began, answered, paused.
    public var subject: String?
    /// The answer, where the event is one.
    public var isApproved: Bool?

    /// What an event says about a step.
    public struct Step: Sendable, Hashable {
        /// The step, as the workflow names it.
        public var id: String
        /// Its place in the order of entering.
        public var ordinal: Int
        /// The step around it; 0 for the execution itself.
        public var scope: Int
        /// The round of the loop around it.
        public var round: Int
        /// How often it has started.
        public var attempt: Int
        /// The task that was made for it.
        public var task: TaskID?
        /// The question that was asked for it.
        public var approval: ApprovalID?
    }

    /// Bytes of memory that it keeps from being freed, roughly.
    var weight: Int { 384 + (text?.utf8.count ?? 0) }
}

extension RecordCoding {
    static func put(_ origin: WorkflowTaskOrigin, to writer: inout ByteWriter) {
        writer.string(origin.workflow.rawValue)
        writer.string(origin.execution.rawValue)
        writer.string(origin.step)
        writer.varint(UInt64(origin.ordinal))
    }

    static func workflowTaskOrigin(from reader: inout ByteReader) throws(ByteReaderError) -> WorkflowTaskOrigin {
        WorkflowTaskOrigin(
            workflow: try identifier(from: &reader), execution: try identifier(from: &reader),
            step: try reader.string(), ordinal: try smallCount(from: &reader))
    }

    static let workflowTagBase: UInt8 = 144
    private static let workflowEventParts: UInt64 = 8

    static func put(_ event: WorkflowEvent, to writer: inout ByteWriter) {
        writer.string(event.workflow.rawValue)
        writer.string(event.execution.rawValue)
        writer.string(event.name)
        writer.uint8(event.status.rawValue)
        writer.double(event.progress)
        var mask = PresenceMask()
        mask.append(event.project != nil)
        mask.append(event.step != nil)
        mask.append(event.step?.task != nil)
        mask.append(event.step?.approval != nil)
        mask.append(event.text != nil)
        mask.append(event.subject != nil)
        mask.append(event.isApproved != nil)
        mask.append(event.isApproved == true)
        writer.varint(mask.bits)
        if let project: String = event.project { writer.string(project) }
        if let step: WorkflowEvent.Step = event.step {
            writer.string(step.id)
            writer.varint(UInt64(step.ordinal))
            writer.varint(UInt64(step.scope))
            writer.varint(UInt64(step.round))
            writer.varint(UInt64(step.attempt))
            if let task: TaskID = step.task { writer.string(task.rawValue) }
            if let approval: ApprovalID = step.approval { writer.string(approval.rawValue) }
        }
        if let text: String = event.text { writer.string(text) }
        if let subject: String = event.subject { writer.string(subject) }
    }

    static func workflowEvent(
        _ kind: WorkflowEvent.Kind, from reader: inout ByteReader
    ) throws(ByteReaderError) -> WorkflowEvent {
        let workflow: WorkflowID = try identifier(from: &reader)
        let execution: ExecutionID = try identifier(from: &reader)
        let name: String = try reader.string()
        let status: ExecutionStatus = try raw(from: &reader)
        var event = WorkflowEvent(
            kind: kind, workflow: workflow, execution: execution, name: name, status: status,
            progress: try reader.double())
        var mask = try PresenceMask(from: &reader, parts: workflowEventParts)
        if mask.take() { event.project = try reader.string() }
        let hasStep: Bool = mask.take()
        let hasTask: Bool = mask.take()
        let hasApproval: Bool = mask.take()
        if hasStep {
            var step = WorkflowEvent.Step(
                id: try reader.string(), ordinal: try smallCount(from: &reader), scope: try smallCount(from: &reader),
                round: try smallCount(from: &reader), attempt: try smallCount(from: &reader))
            if hasTask { step.task = try taskID(from: &reader) }
            if hasApproval { step.approval = try identifier(from: &reader) }
            event.step = step
        }
        if mask.take() { event.text = try reader.string() }
        if mask.take() { event.subject = try reader.string() }
        if mask.take() { event.isApproved = false }
        if mask.take() { event.isApproved = true }
        return event
    }
}
