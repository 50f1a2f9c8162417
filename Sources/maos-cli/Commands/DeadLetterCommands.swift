internal import MAOSCore
internal import MAOSProtocols

/// The commands about tasks whose attempts are used up, and what they share.
enum DeadLetterCommands {
    static let all: [Command] = [
        DeadLetterList.command, DeadLetterGet.command, DeadLetterRequeue.command, DeadLetterDiscard.command,
    ]

    static let everything = Flag("--all", "all of them, or those that the filters leave")
    static let ids = Operand("ID", .any, .text, "the tasks' ids")
    /// What can be filtered by, with the members of the request.
    private static let filters: [(name: String, flag: Flag)] = [
        ("type", ListFilters.type), ("priority", ListFilters.priority), ("project", ListFilters.project),
    ]

    /// The filter of a request about several; fails when the flags do not go together.
    static func filter(_ invocation: Invocation) throws(Failure) -> JSONObject? {
        let arguments: Arguments = invocation.arguments
        let hasFilter: Bool = filters.contains { arguments.has($0.flag) }
        switch (arguments.texts(ids).isEmpty, arguments.has(everything)) {
        case (true, true):
            var filter = JSONObject()
            for (name, flag) in filters {
                if let word: String = arguments.text(flag) { filter[name] = .string(word) }
            }
            return filter
        case (false, false):
            guard !hasFilter else {
                throw .usage("\(invocation.command.name): --type, --priority and --project go with --all, not with ids")
            }
            return nil
        case (true, false):
            throw .usage(
                "\(invocation.command.name): ID is missing",
                hints: ["--all takes all of them, or those that filters leave"])
        case (false, true):
            throw .usage("\(invocation.command.name): either ids or --all, not both")
        }
    }

    /// Asks the server to do the same to several, again and again until a filter finds nothing more.
    static func settle(_ verb: String, _ done: String, _ invocation: Invocation) throws(Failure) {
        let server: Server = try invocation.server()
        let filter: JSONObject? = try filter(invocation)
        var ids: ArraySlice<String> = invocation.arguments.texts(self.ids)[...]
        var total: Int = 0
        var failed: Int = 0
        while filter != nil || !ids.isEmpty {
            let body: JSONObject
            if let filter {
                body = ["filter": .object(filter), "limit": 1_000]
            } else {
                body = ["taskIds": .array(ids.prefix(1_000).map { .string($0) })]
                ids = ids.dropFirst(1_000)
            }
            let reply: Reply = try server.call(
                "\(verb) the dead letters", .post, APIPath("dead-letters", verb).text, body)
            if invocation.wantsJSON { invocation.printJSONLine(reply.data) }
            for outcome: JSONValue in reply.data["outcomes"]?.arrayValue ?? [] {
                show(outcome, verb, done, invocation)
            }
            let changed: Int = reply.data[done]?.intValue ?? 0
            total += changed
            failed += reply.data["failed"]?.intValue ?? 0
            if filter != nil, changed == 0 || reply.data["remaining"]?.intValue == 0 { break }
        }
        if filter != nil, total + failed == 0 { invocation.note("no dead letters") }
        if failed > 0 { throw .shown(.refused) }
    }

    private static func show(_ outcome: JSONValue, _ verb: String, _ done: String, _ invocation: Invocation) {
        let id: String = outcome["taskId"]?.stringValue ?? "?"
        if let message: String = outcome["error"]?["message"]?.stringValue {
            invocation.errors.line("\(Program.name): error: cannot \(verb) \(id): \(DisplayText.line(message))")
        } else if !invocation.wantsJSON {
            invocation.output.line("\(id)  \(done)")
        }
    }
}

/// `dead-letter list`.
enum DeadLetterList {
    private static let limit = Flag("--limit", "N", .number(1...1_000), "how many (default 50)")
    private static let page = Flag("--page", "N", .number(1...1_000_000_000), "which page of that many (default 1)")

    static let command = Command(
        "dead-letter list", "list tasks that used up their attempts, the newest first",
        flags: [ListFilters.type, ListFilters.priority, ListFilters.project, limit, page],
        examples: [
            Example("dead-letter list", "the newest 50"),
            Example("dead-letter list --type deploy --json | jq -r '.deadLetters[].taskId'", "ids of one kind of work"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let number: Int = arguments.number(page) ?? 1
        let path: APIPath = APIPath("dead-letters").with("type", arguments.text(ListFilters.type))
            .with("priority", arguments.text(ListFilters.priority))
            .with("project", arguments.text(ListFilters.project)).with("page", String(number))
            .with("limit", String(arguments.number(limit) ?? 50))
        let data: JSONValue = try invocation.server().call("list the dead letters", .get, path.text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let letters: [JSONValue] = data["deadLetters"]?.arrayValue ?? []
        show(letters, invocation)
        guard data["pagination"]?["hasNext"]?.boolValue == true else { return }
        let total: Int = data["pagination"]?["totalItems"]?.intValue ?? 0
        invocation.note("\(letters.count) of \(total); --page \(number + 1) has more")
    }

    private static func show(_ letters: [JSONValue], _ invocation: Invocation) {
        var table = Table([
            .init("ID"), .init("ATTEMPTS", isNumeric: true), .init("PRIORITY"), .init("TYPE"),
            .init(invocation.output.isTerminal ? "SINCE" : "FAILED"), .init("ERROR", isFlexible: true),
        ])
        for letter: JSONValue in letters {
            let failedAt: Int64? = letter["failedAt"]?.stringValue.flatMap { ISO8601.parse($0) }
            table.add([
                .init(letter["taskId"]?.stringValue ?? "?"), .init(String(letter["attempts"]?.intValue ?? 0)),
                .init(letter["priority"]?.stringValue ?? ""), .init(letter["type"]?.stringValue ?? ""),
                .init(TaskCommands.time(failedAt, for: invocation.output), .dim),
                .init(letter["error"]?.stringValue ?? ""),
            ])
        }
        guard !table.isEmpty else { return invocation.note("no dead letters") }
        invocation.output.write(table.text(for: invocation.output))
    }
}

/// `dead-letter get`.
enum DeadLetterGet {
    static let command = Command(
        "dead-letter get", "show a dead letter, and why each of its attempts failed",
        operands: [TaskCommands.id],
        examples: [Example("dead-letter get ID", "its causes, oldest first")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(TaskCommands.id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the dead letter \(id)", .get, APIPath("dead-letters", id).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var sheet = Sheet()
        for (name, key) in [
            ("id", "taskId"), ("type", "type"), ("description", "description"), ("priority", "priority"),
            ("project", "project"), ("owner", "owner"), ("created", "createdAt"), ("failed", "failedAt"),
        ] {
            sheet.add(name, data[key]?.stringValue)
        }
        sheet.add("error", data["error"]?.stringValue, .red)
        invocation.output.write(sheet.text(for: invocation.output))
        var table = Table([
            .init("ATTEMPT", isNumeric: true), .init(invocation.output.isTerminal ? "SINCE" : "FAILED"),
            .init("AGENT"), .init("ERROR", isFlexible: true),
        ])
        for cause: JSONValue in data["causes"]?.arrayValue ?? [] {
            let time: Int64? = cause["timestamp"]?.stringValue.flatMap { ISO8601.parse($0) }
            table.add([
                .init(String(cause["attempt"]?.intValue ?? 0)),
                .init(TaskCommands.time(time, for: invocation.output), .dim),
                .init(cause["agentId"]?.stringValue ?? ""), .init(cause["error"]?.stringValue ?? ""),
            ])
        }
        if !table.isEmpty { invocation.output.write(table.text(for: invocation.output)) }
    }
}

/// `dead-letter requeue`.
enum DeadLetterRequeue {
    private static let body = Flag(
        "--body", "FILE", .file, "make another task with these members of the request replaced; - reads standard input")

    static let command = Command(
        "dead-letter requeue", "start dead letters over, as they are or edited",
        details: [
            "As it is, a task keeps its id, and its failures are counted anew. What a task is asked to do never changes, so "
                + "with --body a new task is made from the old one and the JSON object in FILE, and its id is printed."
        ],
        operands: [DeadLetterCommands.ids],
        flags: [
            DeadLetterCommands.everything, ListFilters.type, ListFilters.priority,
            ListFilters.project, body,
        ],
        examples: [
            Example("dead-letter requeue ID", "try it again"),
            Example("dead-letter requeue ID --body more-time.json", "as another task, with {\"timeout\": 600000}"),
            Example("dead-letter requeue --all --type test", "try every test again"),
        ]
    ) { (invocation) throws(Failure) in
        guard let path: String = invocation.arguments.text(body) else {
            return try DeadLetterCommands.settle("requeue", "requeued", invocation)
        }
        let ids: [String] = invocation.arguments.texts(DeadLetterCommands.ids)
        guard try DeadLetterCommands.filter(invocation) == nil, ids.count == 1 else {
            throw .usage("dead-letter requeue: --body is for one task at a time")
        }
        let reply: Reply = try invocation.server().call(
            "requeue the task \(ids[0])", .post, APIPath("dead-letters", ids[0], "requeue").text,
            body: try InputFile.read(path))
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line(reply.data["taskId"]?.stringValue ?? "?")
    }
}

/// `dead-letter discard`.
enum DeadLetterDiscard {
    static let command = Command(
        "dead-letter discard", "take dead letters off the list; the tasks stay failed",
        operands: [DeadLetterCommands.ids],
        flags: [
            DeadLetterCommands.everything, ListFilters.type, ListFilters.priority,
            ListFilters.project,
        ],
        examples: [
            Example("dead-letter discard ID", "let it rest"),
            Example("dead-letter discard --all --project apollo", "let all of a project rest"),
        ]
    ) { (invocation) throws(Failure) in try DeadLetterCommands.settle("discard", "discarded", invocation) }
}
