internal import MAOSCore
internal import MAOSProtocols

/// The commands about what projects may use, and the flags that tasks share with them.
enum BudgetCommands {
    static let all: [Command] = [BudgetSet.command, BudgetList.command, BudgetGet.command, BudgetDelete.command]

    private static let times: ClosedRange<Int64> = 1...(10 * 365 * 86_400_000)
    static let wallTime = Flag("--max-wall-time", "TIME", .duration(times), "how long attempts may take together")
    static let processorTime = Flag(
        "--max-cpu-time", "TIME", .duration(times), "how much processor time they may use together")
    static let cost = Flag("--max-cost", "AMOUNT", .text, "what they may report to have cost together, such as 2.50")
    static let project = Operand("PROJECT", .one, .text, "the project's name")

    /// The ceilings that flags set; nil for none.
    static func ceilings(_ arguments: Arguments, for command: String) throws(Failure) -> JSONObject? {
        var budget = JSONObject()
        if let time: Int64 = arguments.milliseconds(wallTime) { budget["wallTimeMs"] = .integer(time) }
        if let time: Int64 = arguments.milliseconds(processorTime) { budget["cpuTimeMs"] = .integer(time) }
        if let text: String = arguments.text(cost) {
            guard let amount = Cost(text), amount > .zero,
                let number: JSONValue = try? JSONReader.parse(
                    Array(amount.description.utf8), depthLimit: 1)
            else {
                throw .usage("\(command): \(cost.name) is \"\(text)\", expected an amount such as 0.05 or 12")
            }
            budget["cost"] = number
        }
        return budget.isEmpty ? nil : budget
    }

    /// Adds a line for each part that was used or has a ceiling.
    static func add(_ used: JSONValue?, of budget: JSONValue?, to sheet: inout Sheet) {
        guard used != nil || budget != nil else { return }
        for (name, key, isTime) in [
            ("wall time", "wallTimeMs", true), ("cpu time", "cpuTimeMs", true), ("cost", "cost", false),
        ] {
            let ceiling: JSONValue? = budget?[key]
            let amount: JSONValue = used?[key] ?? 0
            guard ceiling != nil || amount != 0 else { continue }
            sheet.add(name, share(amount, of: ceiling, isTime: isTime))
        }
        if let tokens: Int = used?["tokens"]?.intValue, tokens > 0 { sheet.add("tokens", String(tokens)) }
    }

    /// `1.5s of 10s`, or what was used where there is no ceiling.
    static func share(_ used: JSONValue?, of ceiling: JSONValue?, isTime: Bool) -> String {
        func text(_ value: JSONValue) -> String {
            isTime ? DurationText.short(Int64(value.doubleValue ?? 0)) : JSONText(value).description
        }
        let spent: String = used.map(text) ?? "-"
        return ceiling.map { "\(spent) of \(text($0))" } ?? spent
    }
}

/// `budget set`.
enum BudgetSet {
    private static let anew = Flag("--anew", "forget what the project has used so far")

    static let command = Command(
        "budget set", "set what a project's tasks may use together",
        details: [
            "What is not said is not limited any more. A task that reserves part of a ceiling waits until there is room; when "
                + "a ceiling is reached, what runs on it is stopped. Cost is what tasks report: a line "
                + "`::maos cost=0.0123 tokens=456` on standard output adds to it."
        ],
        operands: [BudgetCommands.project],
        flags: [BudgetCommands.wallTime, BudgetCommands.processorTime, BudgetCommands.cost, anew],
        examples: [
            Example("budget set apollo --max-cost 25", "no more than 25 of whatever tasks reckon in"),
            Example("budget set apollo --max-cost 25 --anew", "25 more, counted from now"),
        ]
    ) { (invocation) throws(Failure) in
        let name: String = invocation.arguments.text(BudgetCommands.project) ?? ""
        var body: JSONObject = try BudgetCommands.ceilings(invocation.arguments, for: "budget set") ?? JSONObject()
        if invocation.arguments.has(anew) { body["countsAnew"] = true }
        let data: JSONValue = try invocation.server().call(
            "set the budget of \(name)", .put, APIPath("budgets", "projects", name).text, body
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        BudgetGet.show(data, invocation.output)
    }
}

/// `budget list`.
enum BudgetList {
    static let command = Command(
        "budget list", "list projects that have a budget, and what is used of it",
        examples: [Example("budget list", "all of them")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        var budgets: [JSONValue] = []
        var page: Int = 1
        while true {
            let path: APIPath = APIPath("budgets", "projects").with("page", String(page)).with("limit", "1000")
            let data: JSONValue = try server.call("list the budgets", .get, path.text).data
            budgets += data["budgets"]?.arrayValue ?? []
            guard data["pagination"]?["hasNext"]?.boolValue == true else { break }
            page += 1
        }
        if invocation.wantsJSON { return invocation.printJSON(.object(["budgets": .array(budgets)])) }
        var table = Table([
            .init("PROJECT", isFlexible: true), .init("WALL TIME"), .init("CPU TIME"), .init("COST"),
            .init("TOKENS", isNumeric: true), .init("RUNNING", isNumeric: true),
        ])
        for budget: JSONValue in budgets {
            let (ceiling, used) = (budget["ceiling"], budget["settled"])
            table.add([
                .init(budget["project"]?.stringValue ?? "?"),
                .init(BudgetCommands.share(used?["wallTimeMs"], of: ceiling?["wallTimeMs"], isTime: true)),
                .init(BudgetCommands.share(used?["cpuTimeMs"], of: ceiling?["cpuTimeMs"], isTime: true)),
                .init(BudgetCommands.share(used?["cost"], of: ceiling?["cost"], isTime: false)),
                .init(String(used?["tokens"]?.intValue ?? 0)), .init(String(budget["attemptsUnderWay"]?.intValue ?? 0)),
            ])
        }
        guard !table.isEmpty else { return invocation.note("no budgets") }
        invocation.output.write(table.text(for: invocation.output))
    }
}

/// `budget get`.
enum BudgetGet {
    static let command = Command(
        "budget get", "show a project's budget, and what is used of it",
        operands: [BudgetCommands.project],
        examples: [Example("budget get apollo", "ceilings, what was used, and what is left")]
    ) { (invocation) throws(Failure) in
        let name: String = invocation.arguments.text(BudgetCommands.project) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the budget of \(name)", .get, APIPath("budgets", "projects", name).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        show(data, invocation.output)
    }

    static func show(_ data: JSONValue, _ output: Channel) {
        var sheet = Sheet()
        sheet.add("project", data["project"]?.stringValue)
        for (name, key, isTime) in [
            ("wall time", "wallTimeMs", true), ("cpu time", "cpuTimeMs", true), ("cost", "cost", false),
        ] {
            let share: String = BudgetCommands.share(
                data["settled"]?[key], of: data["ceiling"]?[key], isTime: isTime)
            let underWay: String = BudgetCommands.share(data["underWay"]?[key], of: nil, isTime: isTime)
            sheet.add(name, "\(share), \(underWay) under way")
        }
        sheet.add("tokens", data["settled"]?["tokens"].map { JSONText($0).description })
        sheet.add("attempts", data["attempts"].map { JSONText($0).description })
        sheet.add("since", data["since"]?.stringValue)
        sheet.add("set by", data["setBy"]?.stringValue)
        output.write(sheet.text(for: output))
    }
}

/// `budget delete`.
enum BudgetDelete {
    private static let projects = Operand("PROJECT", .many, .text, "the projects' names")

    static let command = Command(
        "budget delete", "close the accounts of projects, which lifts their ceilings",
        details: [
            "What waits for room goes on. What is under way is counted for its task only. A budget that is set later counts anew; "
                + "to lift ceilings and go on counting, set a budget without any."
        ],
        operands: [projects],
        examples: [Example("budget delete apollo", "nothing limits the project any more")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(projects)) { (name) throws(Failure) in
            let reply: Reply = try server.call(
                "close the budget of \(name)", .delete, APIPath("budgets", "projects", name).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(name)  closed")
        }
    }
}
