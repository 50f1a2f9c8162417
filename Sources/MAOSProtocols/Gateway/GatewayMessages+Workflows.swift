package import MAOSCore

extension GatewayMessages {
    /// One step of a workflow; what its configuration has to hold depends on its type.
    package static let workflowStep = MessageSchema(
        "WorkflowStep",
        [
            .required("id", .string(1...100, .identifier), "Its name inside the workflow."),
            .required("type", .enumeration(["task", "decision", "parallel", "loop"]), "What kind of step it is."),
            .required("configuration", freeObject, "What it does."),
            .optional("onSuccess", .string(1...100, .identifier), "The step that follows its success."),
            .optional("onFailure", .string(1...100, .identifier), "The step that follows its failure."),
        ])

    /// What a step of a workflow waits for.
    package static let workflowDependency = MessageSchema(
        "WorkflowDependency",
        [
            .required("stepId", .string(1...100, .identifier), "The step that waits."),
            .required(
                "dependsOn", .array(of: .string(1...100, .identifier), count: 1...10_000), "What it waits for."),
            .optional("condition", .enumeration(["success", "failure", "always"]), "How that has to end."),
        ])

    /// The settings of a workflow.
    package static let workflowConfiguration = MessageSchema(
        "WorkflowConfig",
        [
            .optional("timeout", .integer(1...31_536_000_000), "How long an execution may take, in milliseconds."),
            .optional("maxParallel", .integer(1...100_000), "How many of its tasks may run at once."),
            .optional("retryPolicy", .object(retryPolicy), "When and how often its tasks are tried again."),
            .optional(
                "onError", .enumeration(WorkflowFailurePolicy.allCases.map(\.name)),
                "What becomes of an execution when a step fails and nothing deals with it."),
            .optional("budget", .object(budget), "What the tasks of an execution may use together."),
            .optional("defaults", freeObject, "Members that its tasks have where their step does not say otherwise."),
        ])

    /// The body of `POST /api/v1/workflows` and `PUT /api/v1/workflows/{id}`.
    package static let createWorkflow = MessageSchema(
        "CreateWorkflowRequest",
        [
            .required("name", .string(1...200), "What people call it."),
            .optional("description", .string(0...10_000), "For people."),
            .required("steps", .array(of: .object(workflowStep), count: 1...10_000), "What it does."),
            .optional(
                "dependencies", .array(of: .object(workflowDependency), count: 0...200_000),
                "Makes the workflow a graph: which step waits for which."),
            .optional("configuration", .object(workflowConfiguration), "Its settings."),
            .optional("parameters", freeObject, "Parameters of executions that do not say otherwise."),
            .optional("project", .string(1...100), "The project that it belongs to."),
        ])

    /// One change of an execution to a step's configuration.
    package static let workflowOverride = MessageSchema(
        "WorkflowOverride",
        [
            .required("stepId", .string(1...100, .identifier), "The step."),
            .required("configuration", freeObject, "Members to put over the step's own."),
        ])

    /// The optional body of `POST /api/v1/workflows/{id}/execute`.
    package static let executeWorkflow = MessageSchema(
        "ExecuteWorkflowRequest",
        [
            .optional("parameters", freeObject, "What expressions find under parameters."),
            .optional(
                "overrides", .array(of: .object(workflowOverride), count: 0...1_000),
                "What this execution does differently."),
            .optional("budget", .object(budget), "What its tasks may use together; comes before the workflow's."),
        ])

    /// The optional body of `POST …/executions/{id}/retry`.
    package static let retryExecution = MessageSchema(
        "RetryExecutionRequest",
        [.optional("budget", .object(budget), "What its tasks may use together; comes before what was said before.")])

    /// The body of `POST /api/v1/approvals/{id}`.
    package static let answerApproval = MessageSchema(
        "AnswerApprovalRequest",
        [
            .required("approved", .boolean, "Whether the step may go on."),
            .optional("comment", .string(0...10_000), "Why, for people."),
        ])

    /// The optional body of `POST …/executions/{id}/cancel`.
    package static let cancelExecution = MessageSchema(
        "CancelExecutionRequest", [.optional("reason", .string(freeText), "Why, for people.")])

    /// Reads the body of a creation.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake, those of steps and expressions too.
    package static func decodeWorkflow(_ body: [UInt8]) throws(GatewayFailure) -> WorkflowDefinition {
        let object: JSONObject = try decode(body, createWorkflow)
        let definition = WorkflowDefinition(object)
        let issues: [Rejection.Issue] = definition.issues()
        guard issues.isEmpty else {
            throw .invalid(issues.map { ValidationIssue($0).found(in: .object(object)) })
        }
        return definition
    }

    /// Reads what an execution begins with; an absent body is an empty object.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decodeExecute(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> (parameters: JSONText, overrides: [WorkflowOverride], budget: Budget) {
        guard !body.isEmpty else { return (.emptyObject, [], Budget()) }
        let object: JSONObject = try decode(body, executeWorkflow)
        let (parameters, overrides) = executionInput(object)
        return (parameters, overrides, budget(object["budget"]))
    }

    /// What an execution begins with.
    static func executionInput(_ object: JSONObject) -> (parameters: JSONText, overrides: [WorkflowOverride]) {
        let overrides: [WorkflowOverride] = (object["overrides"]?.arrayValue ?? []).map { (element: JSONValue) in
            WorkflowOverride(
                step: element["stepId"]?.stringValue ?? "",
                configuration: JSONText(element["configuration"] ?? .object([:])))
        }
        return (object["parameters"].map { JSONText($0) } ?? .emptyObject, overrides)
    }
}

extension ValidationIssue {
    /// A mistake that the core found.
    init(_ issue: Rejection.Issue) {
        let path: [PathElement] = issue.field.split(separator: ".").map { (step: Substring) in
            if let index = Int(step) { .index(index) } else { .key(String(step)) }
        }
        self.init(
            path: path, code: .unacceptable, message: "must be \(issue.expected)", expected: issue.expected,
            value: .string(issue.value))
    }

    /// Whether the value is no more than the beginning of a container, or of nothing.
    private var isExcerpt: Bool {
        guard let text: String = value?.stringValue else { return true }
        return text == "null" || ["{", "[", "an array of ", "an object of "].contains { text.hasPrefix($0) }
    }

    /// The mistake with the value that the message has at its place, with its type; what is not there is required.
    func found(in message: JSONValue) -> ValidationIssue {
        var place: JSONValue? = message
        for step: PathElement in path {
            switch (step, place) {
            case (.key(let name), .object(let object)?): place = object[name]
            case (.index(let index), .array(let elements)?):
                place = elements.indices.contains(index) ? elements[index] : nil
            default: place = nil
            }
        }
        var issue: ValidationIssue = self
        switch place {
        case .string?: break
        case .null?, .boolean?, .integer?, .number?: issue.value = place
        // What is said of a container may be more than its beginning: the steps of a circle, for example.
        case .array?, .object?: if isExcerpt { issue.value = nil }
        case nil:
            guard value == .string("null") else { break }
            issue.value = nil
            issue.code = .required
            issue.message = "is required: \(expected ?? "a value")"
        }
        return issue
    }
}
