internal import MAOSCore

/// What is below `/workflows`, `/executions` and `/approvals`.
enum GatewayWorkflowEndpoint: Sendable, Hashable {
    /// What a request does to an execution.
    enum Control: String, Sendable, Hashable {
        case pause, resume, cancel, retry
    }

    case workflows, workflow, execute
    /// Of one workflow, whose identifier is the path's.
    case workflowExecutions
    /// With the workflow that it has to belong to, where the path names one.
    case execution(of: WorkflowID?)
    case control(Control, of: WorkflowID?)
    case executions
    case approvals, approval

    /// What a path leads to, and the identifier in it.
    static func at(_ path: [String]) -> (GatewayWorkflowEndpoint, id: String)? {
        switch (path[0], path.count) {
        case ("workflows", 1): return (.workflows, "")
        case ("workflows", 2): return (.workflow, path[1])
        case ("workflows", 3) where path[2] == "execute": return (.execute, path[1])
        case ("workflows", 3) where path[2] == "executions": return (.workflowExecutions, path[1])
        case ("workflows", 4) where path[2] == "executions":
            return (.execution(of: WorkflowID(unchecked: path[1])), path[3])
        case ("workflows", 5) where path[2] == "executions":
            return Control(rawValue: path[4]).map { (.control($0, of: WorkflowID(unchecked: path[1])), path[3]) }
        case ("executions", 1): return (.executions, "")
        case ("executions", 2): return (.execution(of: nil), path[1])
        case ("executions", 3): return Control(rawValue: path[2]).map { (.control($0, of: nil), path[1]) }
        case ("approvals", 1): return (.approvals, "")
        case ("approvals", 2): return (.approval, path[1])
        default: return nil
        }
    }

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (.workflows, .get), (.workflow, .get), (.workflowExecutions, .get), (.execution, .get),
            (.executions, .get), (.approvals, .get), (.approval, .get):
            .workflowsRead
        case (.workflows, .post), (.workflow, .put), (.workflow, .delete): .workflowsCreate
        case (.execute, .post), (.control(.pause, _), .post), (.control(.resume, _), .post),
            (.control(.retry, _), .post):
            .workflowsExecute
        case (.control(.cancel, _), .post), (.execution, .delete): .workflowsCancel
        case (.approval, .post): .approvalsAnswer
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .workflows: "GET, HEAD, POST"
        case .workflow: "GET, HEAD, PUT, DELETE"
        case .execution: "GET, HEAD, DELETE"
        case .approval: "GET, HEAD, POST"
        case .execute, .control: "POST"
        case .workflowExecutions, .executions, .approvals: "GET, HEAD"
        }
    }
}

/// What to do with the outcome of an action about workflows.
enum GatewayWorkflowPurpose: Sendable {
    /// Answers with the head of a workflow.
    case head(HTTPStatus)
    case deleteWorkflow
    /// Its newest version is read next.
    case showWorkflow
    case showDefinition(WorkflowRecord)
    case listWorkflows(page: Int, limit: Int)
    /// The list of a workflow that may not exist.
    case listIfExists(EntityQuery, page: Int, limit: Int)
    case listExecutions(page: Int, limit: Int)
    /// Its steps are read next.
    case showExecution(HTTPStatus, of: WorkflowID?)
    case showSteps(HTTPStatus, ExecutionRecord)
    case showWhole(HTTPStatus, ExecutionRecord, [StepRecord])
    /// The execution has to belong to the workflow before this is done.
    case check(WorkflowID, WorkflowCommand)
    case approval
    case listApprovals(page: Int, limit: Int)
    /// The request is broken, but a thing that does not exist comes first.
    case refuseUnlessMissing(GatewayFailure, EntityKind)
}

/// Everything below `/workflows`, `/executions` and `/approvals`.
extension GatewayREST {
    func handleWorkflows(
        _ endpoint: GatewayWorkflowEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard context.principal.task == nil else { return fail(.forbidden(.workflowsRead), context, now) }
        do throws(GatewayFailure) {
            switch (endpoint, method) {
            case (.workflows, .post):
                try checkContentType(request)
                return submit(.create(try GatewayMessages.decodeWorkflow(request.body)), .head(.created), "", context)
            case (.workflows, _): return try listWorkflows(request, context)
            case (.executions, _): return try listExecutions(of: nil, request, context)
            case (.approvals, _): return try listApprovals(request, context)
            default: break
            }
        } catch {
            return fail(error, context, now)
        }
        switch endpoint {
        case .workflows, .executions, .approvals, .workflow, .execute, .workflowExecutions:
            guard let id = WorkflowID(text) else {
                return fail(method == .put ? .badWorkflowID(text) : .notFound("workflow", id: text), context, now)
            }
            return handleWorkflow(id, endpoint, method, request, context, now)
        case .execution(let workflow):
            guard let id = ExecutionID(text) else { return fail(.notFound("execution", id: text), context, now) }
            guard method != .delete else {
                return control(.cancel, id, of: workflow, request, context, now)
            }
            return .read(
                .entity(.execution, id: text),
                pending(.workflow(.showExecution(.ok, of: workflow)), text, context))
        case .control(let control, let workflow):
            guard let id = ExecutionID(text) else { return fail(.notFound("execution", id: text), context, now) }
            return self.control(control, id, of: workflow, request, context, now)
        case .approval:
            guard let id = ApprovalID(text) else { return fail(.notFound("approval", id: text), context, now) }
            guard method == .post else {
                return .read(.entity(.approval, id: text), pending(.workflow(.approval), text, context))
            }
            return answer(id, request, context)
        }
    }

    private func submit(
        _ command: WorkflowCommand, _ purpose: GatewayWorkflowPurpose, _ id: String, _ context: GatewayContext
    ) -> GatewayAction {
        .submit(.workflow(command), pending(.workflow(purpose), id, context))
    }

    private func handleWorkflow(
        _ id: WorkflowID, _ endpoint: GatewayWorkflowEndpoint, _ method: HTTPMethod, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            switch (endpoint, method) {
            case (.workflow, .put):
                try checkContentType(request)
                return submit(
                    .put(id, try GatewayMessages.decodeWorkflow(request.body)), .head(.ok), id.rawValue, context)
            case (.workflow, .delete): return submit(.delete(id), .deleteWorkflow, id.rawValue, context)
            case (.execute, _):
                if !request.body.isEmpty { try checkContentType(request) }
                let (parameters, overrides, budget) = try GatewayMessages.decodeExecute(request.body)
                let command: Command = .workflow(
                    .execute(id, parameters: parameters, overrides: overrides, budget: budget))
                return .submit(
                    try once(command, request, doing: "execute \(id.rawValue)"),
                    pending(.workflow(.showExecution(.created, of: nil)), id.rawValue, context))
            case (.workflowExecutions, _): return try listExecutions(of: id, request, context)
            default:
                return .read(
                    .entity(.workflow, id: id.rawValue), pending(.workflow(.showWorkflow), id.rawValue, context))
            }
        } catch {
            guard endpoint == .execute || endpoint == .workflowExecutions else { return fail(error, context, now) }
            return .read(
                .entity(.workflow, id: id.rawValue),
                pending(.workflow(.refuseUnlessMissing(error, .workflow)), id.rawValue, context))
        }
    }

    private func control(
        _ control: GatewayWorkflowEndpoint.Control, _ id: ExecutionID, of workflow: WorkflowID?,
        _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let command: WorkflowCommand
        switch control {
        case .pause: command = .pause(id)
        case .resume: command = .resume(id)
        case .retry, .cancel:
            do throws(GatewayFailure) {
                let isRetry: Bool = control == .retry
                let schema: MessageSchema = isRetry ? GatewayMessages.retryExecution : GatewayMessages.cancelExecution
                let body: JSONObject = request.body.isEmpty ? [:] : try GatewayMessages.decode(request.body, schema)
                command =
                    isRetry
                    ? .retry(id, budget: GatewayMessages.budget(body["budget"]))
                    : .cancel(id, reason: body["reason"]?.stringValue)
            } catch {
                return .read(
                    .entity(.execution, id: id.rawValue),
                    pending(.workflow(.refuseUnlessMissing(error, .execution)), id.rawValue, context))
            }
        }
        guard let workflow else {
            return submit(command, .showExecution(.ok, of: nil), id.rawValue, context)
        }
        return .read(
            .entity(.execution, id: id.rawValue), pending(.workflow(.check(workflow, command)), id.rawValue, context))
    }

    private func answer(_ id: ApprovalID, _ request: GatewayRequest, _ context: GatewayContext) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let body: JSONObject = try GatewayMessages.decode(request.body, GatewayMessages.answerApproval)
            return submit(
                .answer(id, isApproved: body["approved"] == true, comment: body["comment"]?.stringValue), .approval,
                id.rawValue, context)
        } catch {
            return .read(
                .entity(.approval, id: id.rawValue),
                pending(.workflow(.refuseUnlessMissing(error, .approval)), id.rawValue, context))
        }
    }

    // MARK: Lists

    private func listWorkflows(_ request: GatewayRequest, _ context: GatewayContext) throws(GatewayFailure)
        -> GatewayAction
    {
        var query = GatewayQuery(request.head.target)
        var wanted = EntityQuery(.workflow)
        let page: Int = query.page(into: &wanted)
        let name: String? = query.choice("status", among: ["active", "archived"])
        wanted.projects = query.projects(of: context.principal)
        if let failure: GatewayFailure = query.failure { throw failure }
        wanted.statuses = name == "archived" ? 1 << 2 : 1 << 1
        return .read(
            .entities(wanted), pending(.workflow(.listWorkflows(page: page, limit: wanted.limit)), "", context))
    }

    private func listExecutions(
        of workflow: WorkflowID?, _ request: GatewayRequest, _ context: GatewayContext
    ) throws(GatewayFailure) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        var wanted = EntityQuery(.execution)
        let page: Int = query.page(into: &wanted)
        let names: [String] = ExecutionStatus.allCases.filter { $0 != .skipped }.map(\.name)
        if let status: ExecutionStatus = query.choice("status", among: names).flatMap(ExecutionStatus.init(name:)) {
            wanted.statuses = 1 << UInt64(status.rawValue)
        }
        wanted.projects = query.projects(of: context.principal)
        if let failure: GatewayFailure = query.failure { throw failure }
        wanted.parent = workflow?.rawValue
        guard let workflow else {
            return .read(
                .entities(wanted), pending(.workflow(.listExecutions(page: page, limit: wanted.limit)), "", context))
        }
        return .read(
            .entity(.workflow, id: workflow.rawValue),
            pending(.workflow(.listIfExists(wanted, page: page, limit: wanted.limit)), workflow.rawValue, context))
    }

    private func listApprovals(_ request: GatewayRequest, _ context: GatewayContext) throws(GatewayFailure)
        -> GatewayAction
    {
        var query = GatewayQuery(request.head.target)
        var wanted = EntityQuery(.approval)
        let page: Int = query.page(into: &wanted)
        let names: [String] = ApprovalRecord.Status.allCases.map(\.name)
        if let status = query.choice("status", among: names).flatMap(ApprovalRecord.Status.init(name:)) {
            wanted.statuses = 1 << UInt64(status.rawValue)
        }
        wanted.projects = query.projects(of: context.principal)
        if let failure: GatewayFailure = query.failure { throw failure }
        return .read(
            .entities(wanted), pending(.workflow(.listApprovals(page: page, limit: wanted.limit)), "", context))
    }
}

extension GatewayQuery {
    /// Reads the page that is wanted into a query of the store, and gives its number.
    fileprivate mutating func page(into wanted: inout EntityQuery) -> Int {
        let page: Int = integer("page", 1...1_000_000_000) ?? 1
        wanted.limit = integer("limit", 1...1_000) ?? 50
        wanted.offset = (page - 1) * wanted.limit
        return page
    }
}
