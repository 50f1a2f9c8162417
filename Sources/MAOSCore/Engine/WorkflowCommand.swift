/// What clients ask of workflows, their executions and the questions that they ask.
public enum WorkflowCommand: Sendable {
    /// Makes a workflow under a name of the engine's choice.
    case create(WorkflowDefinition)
    /// Makes a workflow, or gives one that exists a new version if it differs.
    case put(WorkflowID, WorkflowDefinition)
    /// Forgets a workflow; its executions go on.
    case delete(WorkflowID)
    /// Begins an execution; `budget` comes before the workflow's own, part by part.
    case execute(WorkflowID, parameters: JSONText, overrides: [WorkflowOverride], budget: Budget = Budget())
    case pause(ExecutionID)
    case resume(ExecutionID)
    case cancel(ExecutionID, reason: String?)
    /// Goes on from the steps that failed or were cancelled; `budget` comes before the execution's own, part by part.
    case retry(ExecutionID, budget: Budget = Budget())
    case answer(ApprovalID, isApproved: Bool, comment: String?)
}

extension WorkflowCommand {
    /// Bytes of a client's data that it holds, roughly.
    var weight: Int {
        switch self {
        case .create(let definition), .put(_, let definition): definition.document.utf8.count
        case .execute(_, let parameters, let overrides, _): WorkflowCommand.weight(parameters, overrides)
        case .delete, .pause, .resume, .cancel, .retry, .answer: 0
        }
    }

    /// Bytes of a client's data that an execution is begun with, roughly.
    static func weight(_ parameters: JSONText, _ overrides: [WorkflowOverride]) -> Int {
        parameters.utf8.count + overrides.reduce(0) { $0 + $1.step.utf8.count + $1.configuration.utf8.count + 64 }
    }
}
