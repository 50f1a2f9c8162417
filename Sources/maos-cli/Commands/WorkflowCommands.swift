internal import MAOSCore
internal import MAOSProtocols

/// The commands about workflows, and what they share with those about executions.
enum WorkflowCommands {
    static let all: [Command] = [
        WorkflowApply.command, WorkflowList.command, WorkflowGet.command, WorkflowExecute.command,
        WorkflowDelete.command,
    ]

    static let id = Operand("ID", .one, .text, "the workflow's id")
    static let limit = Flag("--limit", "N", .number(1...1_000), "how many (default 50)")
    static let page = Flag("--page", "N", .number(1...1_000_000_000), "which page of that many (default 1)")

    /// A page of a list as a table, with a note when there is more.
    static func list(
        _ name: String, _ path: APIPath, _ columns: [Table.Column], _ invocation: Invocation,
        row: (JSONValue) -> [Table.Cell]
    ) throws(Failure) {
        let number: Int = invocation.arguments.number(page) ?? 1
        let text: String = path.with("project", invocation.arguments.text(ListFilters.project)).with(
            "page", String(number)
        )
        .with("limit", String(invocation.arguments.number(limit) ?? 50)).text
        let data: JSONValue = try invocation.server().call("list the \(name)", .get, text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let items: [JSONValue] = data[name]?.arrayValue ?? []
        var table = Table(columns)
        for item: JSONValue in items { table.add(row(item)) }
        guard !table.isEmpty else { return invocation.note("no \(name)") }
        invocation.output.write(table.text(for: invocation.output))
        guard data["pagination"]?["hasNext"]?.boolValue == true else { return }
        let total: Int = data["pagination"]?["totalItems"]?.intValue ?? 0
        invocation.note("\(items.count) of \(total); --page \(number + 1) has more")
    }

    static func time(_ value: JSONValue?, for channel: Channel) -> String {
        TaskCommands.time(value?.stringValue.flatMap { ISO8601.parse($0) }, for: channel)
    }

    /// How a status is shown.
    static func style(of status: String) -> Style? {
        switch status {
        case "completed", "approved": .green
        case "failed", "rejected": .red
        case "running", "paused": .yellow
        case "cancelled", "skipped", "pending": .dim
        default: nil
        }
    }
}

/// `workflow apply`.
enum WorkflowApply {
    private static let file = Operand("FILE", .one, .file, "the workflow as JSON; - reads standard input")
    private static let name = Flag("--id", "ID", .text, "its id; without it the file's id, or one made from its name")
    private static let check = Flag("--check", "only say what is wrong with it; needs no server")

    static let command = Command(
        "workflow apply", "make a workflow from a file, or give it a new version",
        details: [
            "The same file again changes nothing. Executions that are under way keep the version that they began with.",
            "Members that mean nothing, such as misspelt ones, are noted on standard error.",
        ],
        operands: [file], flags: [name, check],
        examples: [
            Example("workflow apply build.json", "make it, or change it"),
            Example("workflow apply build.json --check", "look for mistakes in it"),
            Example("workflow execute $(maos-cli workflow apply build.json)", "and execute it"),
        ]
    ) { (invocation) throws(Failure) in
        let path: String = invocation.arguments.text(file) ?? "-"
        let (object, bytes) = try InputFile.object(path)
        let given: String? = invocation.arguments.text(name) ?? object["id"]?.stringValue
        guard let id: String = given ?? object["name"]?.stringValue.map(slug), !id.isEmpty else {
            throw .usage(
                "\(InputFile.name(of: path)) has no name", hints: ["a workflow is an object with a name and steps"])
        }
        if invocation.arguments.has(check) { return try look(at: object, bytes, id: id, path, invocation) }
        let reply: Reply = try invocation.server().call(
            "apply the workflow \(id)", .put, APIPath("workflows", id).text, body: bytes)
        for note: String in WorkflowLint(object).notes {
            invocation.errors.line("\(Program.name): note: \(DisplayText.line(note))")
        }
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line(reply.data["workflowId"]?.stringValue ?? id)
        invocation.note("version \(reply.data["version"]?.intValue ?? 1)")
    }

    /// Says what the server would refuse, and what would mean nothing to it.
    private static func look(
        at object: JSONObject, _ bytes: [UInt8], id: String, _ path: String, _ invocation: Invocation
    ) throws(Failure) {
        let notes: [String] = WorkflowLint(object).notes
        for note: String in notes { invocation.errors.line("\(Program.name): note: \(DisplayText.line(note))") }
        do throws(GatewayFailure) {
            let definition: WorkflowDefinition = try GatewayMessages.decodeWorkflow(bytes)
            if invocation.wantsJSON {
                return invocation.printJSON([
                    "workflowId": .string(id), "name": .string(definition.name),
                    "notes": .array(notes.map { .string($0) }),
                ])
            }
            invocation.output.line("\(id)  nothing is wrong")
        } catch {
            var issues: [String] = []
            if case .issues(let found) = error.details {
                for issue: ValidationIssue in found {
                    var writer = JSONWriter()
                    issue.write(to: &writer)
                    issues.append(Refusal.issue(writer.takeText().value()))
                }
            }
            throw .refused("\(InputFile.name(of: path)) cannot be applied: \(error.message)", details: issues)
        }
    }

    /// A name in the form of an identifier.
    private static func slug(_ name: String) -> String {
        var slug: String = ""
        for scalar: Unicode.Scalar in name.lowercased().unicodeScalars {
            let isPlain: Bool = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "_"
            if isPlain { slug.unicodeScalars.append(scalar) } else if !slug.hasSuffix("-") { slug += "-" }
        }
        let words: [Substring] = String(slug.prefix(100)).split(separator: "-")
        return words.joined(separator: "-")
    }
}

/// `workflow list`.
enum WorkflowList {
    static let command = Command(
        "workflow list", "list the workflows, the newest first",
        flags: [ListFilters.project, WorkflowCommands.limit, WorkflowCommands.page],
        examples: [Example("workflow list", "the newest 50")]
    ) { (invocation) throws(Failure) in
        let columns: [Table.Column] = [
            .init("ID"), .init("VERSION", isNumeric: true), .init("STEPS", isNumeric: true), .init("UPDATED"),
            .init("NAME", isFlexible: true),
        ]
        try WorkflowCommands.list("workflows", APIPath("workflows"), columns, invocation) { (item) in
            [
                .init(item["id"]?.stringValue ?? "?"), .init(String(item["version"]?.intValue ?? 0)),
                .init(String(item["stepCount"]?.intValue ?? 0)),
                .init(WorkflowCommands.time(item["updatedAt"], for: invocation.output), .dim),
                .init(item["name"]?.stringValue ?? ""),
            ]
        }
    }
}

/// `workflow get`.
enum WorkflowGet {
    static let command = Command(
        "workflow get", "show a workflow as it was applied last",
        details: ["With --json it is printed as it can be applied again."],
        operands: [WorkflowCommands.id],
        examples: [
            Example("workflow get build", "its steps and settings"),
            Example("workflow get build --json > build.json", "to change it, and apply it again"),
        ]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(WorkflowCommands.id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the workflow \(id)", .get, APIPath("workflows", id).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var sheet = Sheet()
        for (name, key) in [
            ("id", "id"), ("name", "name"), ("description", "description"), ("status", "status"),
            ("project", "project"), ("owner", "owner"), ("updated", "updatedAt"),
        ] {
            sheet.add(name, data[key]?.stringValue)
        }
        sheet.add("version", String(data["version"]?.intValue ?? 1))
        for name: String in ["parameters", "configuration"] {
            for member: JSONObject.Member in data[name]?.objectValue ?? [:] {
                sheet.add("\(name).\(member.key)", JSONText(member.value).description)
            }
        }
        invocation.output.write(sheet.text(for: invocation.output))
        for line: String in WorkflowOutline(data).lines { invocation.output.line(DisplayText.line(line)) }
    }
}

/// `workflow execute`.
enum WorkflowExecute {
    static let parameter = Flag(
        "--param", "NAME=VALUE", .pair, "a parameter; read as JSON where it is JSON, else a text (may be repeated)",
        repeats: true)
    static let parameters = Flag(
        "--params", "FILE", .file, "parameters as a JSON object; - reads standard input")
    private static let wait = Flag("--wait", "watch it to its end; exit code 1 unless it completes")

    static let command = Command(
        "workflow execute", "start an execution of a workflow, and print its id",
        details: [
            "Ceilings are for the execution's tasks together, and come before those of the workflow. When one is reached, the "
                + "execution stops and fails, and says which."
        ],
        operands: [WorkflowCommands.id],
        flags: [
            parameter, parameters, BudgetCommands.wallTime, BudgetCommands.processorTime, BudgetCommands.cost, wait,
        ],
        examples: [
            Example("workflow execute build --param branch=main", "with a parameter"),
            Example("workflow execute build --max-cost 2.50", "with a ceiling for what its tasks cost together"),
            Example("workflow execute build --wait", "and watch it"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let id: String = arguments.text(WorkflowCommands.id) ?? ""
        var body: JSONObject = ["parameters": .object(try given(arguments))]
        if let budget: JSONObject = try BudgetCommands.ceilings(arguments, for: "workflow execute") {
            body["budget"] = .object(budget)
        }
        let server: Server = try invocation.server()
        let reply: Reply = try server.call(
            "execute the workflow \(id)", .post, APIPath("workflows", id, "execute").text, body)
        let execution: String = reply.data["id"]?.stringValue ?? "?"
        guard arguments.has(wait) else {
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            return invocation.output.line(execution)
        }
        try ExecutionWatch(server, invocation).run([execution])
    }

    /// The parameters that the flags give.
    static func given(_ arguments: Arguments) throws(Failure) -> JSONObject {
        var given = JSONObject()
        if let path: String = arguments.text(parameters) {
            given = try InputFile.object(path).object
        }
        for pair: String in arguments.texts(parameter) {
            let cut: String.Index = pair.firstIndex(of: "=") ?? pair.endIndex
            let text = String(pair[cut...].dropFirst())
            given[String(pair[..<cut])] = (try? JSONReader.parse(text, depthLimit: 128)) ?? .string(text)
        }
        return given
    }
}

/// `workflow delete`.
enum WorkflowDelete {
    private static let ids = Operand("ID", .many, .text, "the workflows' ids")

    static let command = Command(
        "workflow delete", "forget workflows; executions that are under way go on",
        operands: [ids],
        examples: [Example("workflow delete build", "it can be applied again later")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("delete the workflow \(id)", .delete, APIPath("workflows", id).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  deleted")
        }
    }
}
