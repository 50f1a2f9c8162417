internal import MAOSCore
internal import MAOSProtocols

/// The commands about schedules, and what they share.
enum ScheduleCommands {
    static let all: [Command] = [
        ScheduleCreate.command, list, get, preview, ScheduleChange.command,
        change("pause", "paused", "let schedules rest", "nothing of it runs until it is resumed"),
        change("resume", "resumed", "let paused schedules run again, from the next time on", "go on"), runNow, delete,
    ]

    private static let id = Operand("ID", .one, .text, "the schedule's id")
    private static let optionalID = Operand(
        "ID", .optional, .text, "the schedule's id; without one, the flags say when")
    private static let ids = Operand("ID", .many, .text, "the schedules' ids")
    private static let status = Flag(
        "--status", "WORD", .words(ScheduleStatus.allCases.map(\.name)),
        "only those that are active, paused, completed or deleted")
    private static let count = Flag("--count", "N", .number(1...1_000), "how many runs (default 10)")
    private static let after = Flag("--after", "TIME", .time, "those after this time (default now)")

    // MARK: Reading

    private static let list = Command(
        "schedule list", "list schedules, the newest first", flags: [status, ListFilters.project],
        examples: [Example("schedule list", "all but those that were deleted")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        var schedules: [JSONValue] = []
        var page: Int = 1
        while true {
            let path: APIPath = APIPath("schedules").with("status", invocation.arguments.text(status))
                .with("project", invocation.arguments.text(ListFilters.project))
                .with("page", String(page)).with("limit", "200")
            let data: JSONValue = try server.call("list the schedules", .get, path.text).data
            schedules += data["schedules"]?.arrayValue ?? []
            guard data["pagination"]?["hasNext"]?.boolValue == true else { break }
            page += 1
        }
        if invocation.wantsJSON { return invocation.printJSON(.object(["schedules": .array(schedules)])) }
        guard !schedules.isEmpty else { return invocation.note("no schedules") }
        var table = Table([
            .init("ID"), .init("STATUS"), .init("RUNS", isNumeric: true), .init("NEXT"), .init("WHEN"),
            .init("NAME", isFlexible: true),
        ])
        for schedule: JSONValue in schedules {
            let status: String = schedule["status"]?.stringValue ?? ""
            table.add([
                .init(schedule["id"]?.stringValue ?? ""), .init(status, TaskView.style(of: status)),
                .init(String(schedule["runs"]?.intValue ?? 0)),
                .init(schedule["nextRunLocal"]?.stringValue ?? schedule["nextRun"]?.stringValue ?? "-"),
                .init(when(schedule)), .init(schedule["name"]?.stringValue ?? ""),
            ])
        }
        invocation.output.write(table.text(for: invocation.output))
    }

    private static let get = Command(
        "schedule get", "show a schedule", operands: [id],
        examples: [Example("schedule get ID", "what it does, when, and how far it has come")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the schedule \(id)", .get, APIPath("schedules", id).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var sheet = Sheet()
        sheet.add("id", data["id"]?.stringValue)
        sheet.add("name", data["name"]?.stringValue)
        let status: String = data["status"]?.stringValue ?? ""
        sheet.add("status", status, TaskView.style(of: status))
        sheet.add("when", when(data))
        sheet.add("time zone", data["timeZone"]?.stringValue)
        sheet.add("from", data["startTime"]?.stringValue)
        sheet.add("until", data["endTime"]?.stringValue)
        sheet.add("next run", data["nextRunLocal"]?.stringValue ?? data["nextRun"]?.stringValue)
        sheet.add("last run", data["lastRun"]?.stringValue)
        sheet.add("last task", data["lastTaskId"]?.stringValue)
        sheet.add("last execution", data["lastExecutionId"]?.stringValue)
        let limit: String = data["maxRuns"]?.intValue.map { " of \($0)" } ?? ""
        sheet.add("runs", "\(data["runs"]?.intValue ?? 0)\(limit)")
        for (title, member) in [("waiting", "waitingRuns"), ("left out", "skippedRuns"), ("missed", "missedRuns")] {
            if let number: Int = data[member]?.intValue, number > 0 { sheet.add(title, String(number)) }
        }
        sheet.add("overlap", data["overlap"]?.stringValue)
        sheet.add("catch up", data["catchUp"]?.stringValue)
        if let jitter: Int = data["jitter"]?.intValue, jitter > 0 {
            sheet.add("jitter", DurationText.exact(Int64(jitter)))
        }
        sheet.add("workflow", data["execution"]?["workflowId"]?.stringValue)
        if let parameters: JSONValue = data["execution"]?["parameters"], parameters != .object([:]) {
            sheet.add("parameters", JSONText(parameters).description)
        }
        sheet.add("task", data["task"]?["description"]?.stringValue)
        sheet.add("command", command(data["task"]?["command"]))
        sheet.add("project", data["project"]?.stringValue)
        sheet.add("owner", data["owner"]?.stringValue)
        sheet.add("created", data["createdAt"]?.stringValue)
        sheet.add("error", data["error"]?.stringValue, .red)
        invocation.output.write(sheet.text(for: invocation.output))
    }

    private static let preview = Command(
        "schedule preview", "show the next runs in local time and UTC", operands: [optionalID],
        flags: [count, after] + ScheduleTiming.flags,
        examples: [
            Example("schedule preview ID", "the next ten"),
            Example("schedule preview --cron '30 2 * * *' --zone Europe/Berlin --count 5", "before there is one"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let after: String? = arguments.text(after).flatMap { TimeText.iso($0) }
        let id: String? = arguments.text(optionalID)
        let path: APIPath =
            (id.map { APIPath("schedules", $0, "preview") } ?? APIPath("schedules", "preview"))
            .with("count", arguments.text(count)).with("after", after)
        let data: JSONValue
        if let id {
            if let flag: Flag = ScheduleTiming.flags.first(where: { arguments.has($0) }) {
                throw .usage("schedule preview: either ID or \(flag.name), not both")
            }
            data = try invocation.server().call("preview the schedule \(id)", .get, path.text).data
        } else {
            let request: JSONObject = try ScheduleTiming.members(arguments, of: "schedule preview")
            data = try invocation.server().call("preview the schedule", .post, path.text, request).data
        }
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let runs: [JSONValue] = data["runs"]?.arrayValue ?? []
        guard !runs.isEmpty else { return invocation.note("no runs come any more") }
        var table = Table([.init("LOCAL"), .init("ZONE"), .init("UTC")])
        for run: JSONValue in runs {
            table.add([
                .init(run["local"]?.stringValue ?? ""), .init(run["abbreviation"]?.stringValue ?? ""),
                .init(run["utc"]?.stringValue ?? ""),
            ])
        }
        invocation.output.write(table.text(for: invocation.output))
    }

    // MARK: Changing

    private static func change(_ verb: String, _ done: String, _ summary: String, _ meaning: String) -> Command {
        Command(
            "schedule \(verb)", summary, operands: [ids],
            examples: [Example("schedule \(verb) ID", meaning)]
        ) { (invocation) throws(Failure) in
            let server: Server = try invocation.server()
            try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
                let reply: Reply = try server.call(
                    "\(verb) the schedule \(id)", .post, APIPath("schedules", id, verb).text)
                if invocation.wantsJSON { return invocation.printJSON(reply.data) }
                invocation.output.line("\(id)  \(done)")
            }
        }
    }

    private static let runNow = Command(
        "schedule run", "run a schedule once, now, and print the task's or execution's id", operands: [id],
        examples: [Example("schedule run ID", "its times stay as they are")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "run the schedule \(id)", .post, APIPath("schedules", id, "run").text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        if let waiting: Int = data["waitingRuns"]?.intValue, waiting > 0 {
            return invocation.output.line("the run waits until an earlier one has ended")
        }
        invocation.output.line(data["lastTaskId"]?.stringValue ?? data["lastExecutionId"]?.stringValue ?? "")
    }

    private static let delete = Command(
        "schedule delete", "end schedules; what they have started goes on", operands: [ids],
        examples: [Example("schedule delete ID", "nothing of it runs any more")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("delete the schedule \(id)", .delete, APIPath("schedules", id).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  deleted")
        }
    }

    // MARK: Words

    /// When a schedule runs, in a few words.
    private static func when(_ schedule: JSONValue) -> String {
        if let at: String = schedule["at"]?.stringValue { return "once, \(at)" }
        if let fields: String = schedule["cron"]?.stringValue { return fields }
        guard let recurrence: JSONValue = schedule["recurrence"] else { return "" }
        let every: Int = recurrence["every"]?.intValue ?? 1
        let unit: String =
            switch recurrence["interval"]?.stringValue {
            case "weekly": "week"
            case "monthly": "month"
            default: "day"
            }
        var text: String = every == 1 ? "every \(unit)" : "every \(every) \(unit)s"
        if let days: [JSONValue] = recurrence["days"]?.arrayValue {
            text += " on " + days.compactMap { $0.stringValue.map { String($0.prefix(3)) } }.joined(separator: ",")
        }
        if let day: JSONValue = recurrence["dayOfMonth"] {
            text += " on the " + (day.intValue.map { "\($0)." } ?? "last day")
        }
        return text + " at " + (recurrence["time"]?.stringValue ?? "")
    }

    private static func command(_ value: JSONValue?) -> String? {
        value?.stringValue ?? value?.arrayValue?.compactMap(\.stringValue).joined(separator: " ")
    }
}
