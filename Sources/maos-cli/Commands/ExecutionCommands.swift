internal import MAOSCore
internal import MAOSProtocols

/// The commands about executions of workflows.
enum ExecutionCommands {
    static let all: [Command] = [
        list, get, watch, ExecutionLogs.command,
        control("pause", "paused", "start nothing new in executions; what runs goes on"),
        control("resume", "resumed", "let paused executions go on"),
        control("cancel", "cancelled", "stop executions and all that runs for them"),
        control("retry", "started over", "go on from the steps that failed or were cancelled"),
    ]

    static let ids = Operand("ID", .many, .text, "the executions' ids")
    private static let id = Operand("ID", .one, .text, "the execution's id")
    private static let only = Flag("--result", "only what it gave")
    private static let workflow = Flag("--workflow", "ID", .text, "only of this workflow")
    private static let status = Flag(
        "--status", "WORD", .words(["pending", "running", "paused", "completed", "failed", "cancelled"]),
        "only those that stand there")

    private static let list = Command(
        "execution list", "list executions, the newest first",
        flags: [workflow, status, ListFilters.project, WorkflowCommands.limit, WorkflowCommands.page],
        examples: [
            Example("execution list --status running", "what is under way"),
            Example("execution list --workflow build --limit 5", "the last five of a workflow"),
        ]
    ) { (invocation) throws(Failure) in
        let base: APIPath =
            invocation.arguments.text(workflow).map { APIPath("workflows", $0, "executions") } ?? APIPath("executions")
        let columns: [Table.Column] = [
            .init("ID"), .init("WORKFLOW"), .init("STATUS"), .init("DONE", isNumeric: true), .init("STARTED"),
            .init("STEP", isFlexible: true),
        ]
        let path: APIPath = base.with("status", invocation.arguments.text(status))
        try WorkflowCommands.list("executions", path, columns, invocation) { (item) in
            let status: String = item["status"]?.stringValue ?? "?"
            return [
                .init(item["id"]?.stringValue ?? "?"), .init(item["workflowId"]?.stringValue ?? "?"),
                .init(status, WorkflowCommands.style(of: status)),
                .init(TaskCommands.percent(item["progress"]?.doubleValue ?? 0)),
                .init(WorkflowCommands.time(item["startTime"], for: invocation.output), .dim),
                .init(item["error"]?.stringValue ?? item["currentStep"]?.stringValue ?? ""),
            ]
        }
    }

    private static let get = Command(
        "execution get", "show an execution and its steps",
        operands: [id], flags: [only],
        examples: [
            Example("execution get ID", "its steps, and what it gave"),
            Example("execution get ID --result", "what it gave"),
        ]
    ) { (invocation) throws(Failure) in
        let text: String = invocation.arguments.text(id) ?? ""
        let server: Server = try invocation.server()
        let data: JSONValue = try server.call(
            "get the execution \(text)", .get, APIPath("executions", text).text
        ).data
        let result: JSONValue = data["result"] ?? .null
        if invocation.wantsJSON { return invocation.printJSON(invocation.arguments.has(only) ? result : data) }
        if invocation.arguments.has(only) { return showResult(result, invocation) }
        let tree = ExecutionTree(data, StepTasks(server), invocation.output)
        for line: String in tree.lines() { invocation.output.line(line) }
        var sheet = Sheet()
        for (step, task) in ExecutionWatch.failures(in: data) {
            sheet.add("logs of \(step)", "maos-cli task logs \(task)")
        }
        BudgetCommands.add(data["spent"], of: data["budget"], to: &sheet)
        let used: String = sheet.text(for: invocation.output)
        if !used.isEmpty { invocation.output.write("\n" + used) }
        guard !result.isNull else { return }
        invocation.output.line("")
        showResult(result, invocation)
    }

    /// What the execution gave: what was printed as it is, anything else as JSON.
    private static func showResult(_ result: JSONValue, _ invocation: Invocation) {
        guard let text: String = result.stringValue ?? result["stdout"]?.stringValue else {
            return invocation.printJSON(result)
        }
        invocation.output.line(DisplayText.lines(text).joined(separator: "\n"))
    }

    private static let watch = Command(
        "execution watch", "show the steps of executions as they go on, until all have ended",
        details: [
            "A terminal shows the steps as a tree that changes in place; elsewhere every change is a line. The exit code "
                + "is 1 unless all executions complete. A server that stops and comes back is asked again."
        ],
        operands: [ids],
        examples: [Example("execution watch ID", "watch one")]
    ) { (invocation) throws(Failure) in
        try ExecutionWatch(try invocation.server(), invocation).run(invocation.arguments.texts(ids))
    }

    private static func control(_ verb: String, _ done: String, _ summary: String) -> Command {
        let isRetry: Bool = verb == "retry"
        var examples: [Example] = [Example("execution \(verb) ID", "by its id")]
        if isRetry { examples.append(Example("execution retry ID --max-cost 5", "with a higher ceiling")) }
        return Command(
            "execution \(verb)", summary, operands: [ids],
            flags: isRetry
                ? [BudgetCommands.wallTime, BudgetCommands.processorTime, BudgetCommands.cost] : [],
            examples: examples
        ) { (invocation) throws(Failure) in
            let ceilings: JSONObject? =
                isRetry ? try BudgetCommands.ceilings(invocation.arguments, for: "execution retry") : nil
            let body: [UInt8]? = ceilings.map { JSONText(["budget": .object($0)]).utf8 }
            let server: Server = try invocation.server()
            try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
                let reply: Reply = try server.call(
                    "\(verb) the execution \(id)", .post, APIPath("executions", id, verb).text, body: body)
                if invocation.wantsJSON { return invocation.printJSON(reply.data) }
                let isOver: Bool = verb != "cancel" || reply.data["status"]?.stringValue == "cancelled"
                invocation.output.line("\(id)  \(isOver ? done : "is being stopped")")
            }
        }
    }
}

/// `approval list`, `get`, `approve` and `reject`.
enum ApprovalCommands {
    static let all: [Command] = [
        list, get, answer("approve", true, "let steps go on that wait for an answer"),
        answer("reject", false, "fail steps that wait for an answer"),
    ]

    private static let id = Operand("ID", .one, .text, "the question's id")
    private static let ids = Operand("ID", .many, .text, "the questions' ids")
    private static let comment = Flag("--comment", "TEXT", .text, "why, for people")
    private static let status = Flag(
        "--status", "WORD", .words(["pending", "approved", "rejected", "cancelled", "all"]),
        "those that stand there (default pending)")

    private static let list = Command(
        "approval list", "list questions that wait for an answer, the newest first",
        flags: [status, ListFilters.project, WorkflowCommands.limit, WorkflowCommands.page],
        examples: [Example("approval list", "what waits"), Example("approval list --status all", "all of them")]
    ) { (invocation) throws(Failure) in
        let wanted: String = invocation.arguments.text(status) ?? "pending"
        let columns: [Table.Column] = [
            .init("ID"), .init("STATUS"), .init("STEP"), .init("ASKED"), .init("BY"),
            .init("REASON", isFlexible: true),
        ]
        let path: APIPath = APIPath("approvals").with("status", wanted == "all" ? nil : wanted)
        try WorkflowCommands.list("approvals", path, columns, invocation) { (item) in
            let status: String = item["status"]?.stringValue ?? "?"
            return [
                .init(item["id"]?.stringValue ?? "?"), .init(status, WorkflowCommands.style(of: status)),
                .init(item["stepId"]?.stringValue ?? ""),
                .init(WorkflowCommands.time(item["createdAt"], for: invocation.output), .dim),
                .init(item["requester"]?.stringValue ?? ""), .init(item["reason"]?.stringValue ?? ""),
            ]
        }
    }

    private static let get = Command(
        "approval get", "show a question", operands: [id], examples: [Example("approval get ID", "all about it")]
    ) { (invocation) throws(Failure) in
        let text: String = invocation.arguments.text(id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the approval \(text)", .get, APIPath("approvals", text).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var sheet = Sheet()
        let status: String = data["status"]?.stringValue ?? ""
        sheet.add("id", data["id"]?.stringValue)
        sheet.add("status", status, WorkflowCommands.style(of: status))
        for (name, key) in [
            ("reason", "reason"), ("step", "stepId"), ("execution", "executionId"), ("workflow", "workflowId"),
            ("asked by", "requester"), ("asked", "createdAt"), ("until", "timeoutAt"), ("then", "default"),
            ("answered by", "resolvedBy"), ("answered", "resolvedAt"), ("comment", "comment"),
        ] where key != "default" || data["timeoutAt"] != nil {
            sheet.add(name, data[key]?.stringValue)
        }
        invocation.output.write(sheet.text(for: invocation.output))
    }

    private static func answer(_ verb: String, _ isApproved: Bool, _ summary: String) -> Command {
        Command(
            "approval \(verb)", summary, operands: [ids], flags: [comment],
            examples: [Example("approval \(verb) ID --comment 'looks right'", "with a reason")]
        ) { (invocation) throws(Failure) in
            let server: Server = try invocation.server()
            var body: JSONObject = ["approved": .boolean(isApproved)]
            if let text: String = invocation.arguments.text(comment) { body["comment"] = .string(text) }
            try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
                let reply: Reply = try server.call(
                    "\(verb) \(id)", .post, APIPath("approvals", id).text, body)
                if invocation.wantsJSON { return invocation.printJSON(reply.data) }
                invocation.output.line("\(id)  \(reply.data["status"]?.stringValue ?? "?")")
            }
        }
    }
}
