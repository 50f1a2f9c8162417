/// Names one workflow, through all its versions.
public struct WorkflowID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one execution of a workflow.
public struct ExecutionID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one question to a person.
public struct ApprovalID: EntityIdentifier {
    /// The identifier as clients see it.
    public let rawValue: String
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names a stored part of a workflow or an execution; never chosen by clients.
package struct WorkflowPartID: EntityIdentifier {
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }

    /// A version of a workflow; the point keeps it apart from every identifier of a client.
    package init(_ workflow: WorkflowID, version: Int) { rawValue = "\(workflow.rawValue).\(version)" }

    /// A step of an execution, by its place in the order of entering.
    package init(_ execution: ExecutionID, ordinal: Int) { rawValue = "\(execution.rawValue).\(ordinal)" }
}

/// Says for which step of which execution a task was made.
public struct WorkflowTaskOrigin: Hashable, Sendable {
    /// The workflow.
    public var workflow: WorkflowID
    /// The execution.
    public var execution: ExecutionID
    /// The step, as the workflow names it.
    public var step: String
    /// The step's place in the order in which the execution's steps were entered.
    public var ordinal: Int

    /// Puts an origin together; for the engine and journals.
    public init(workflow: WorkflowID, execution: ExecutionID, step: String, ordinal: Int) {
        self.workflow = workflow
        self.execution = execution
        self.step = step
        self.ordinal = ordinal
    }
}
