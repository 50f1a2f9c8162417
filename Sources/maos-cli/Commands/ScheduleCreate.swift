internal import MAOSCore
internal import MAOSProtocols

/// `schedule create`.
enum ScheduleCreate {
    private static let name = Operand("NAME", .optional, .text, "what people call it")
    private static let argv = Operand(
        "ARGV", .rest, .text, "the program that each run runs and its arguments, started without a shell")
    private static let shell = Flag("--shell", "LINE", .text, "what each run runs, as a line for /bin/sh")
    private static let workflow = Flag(
        "--workflow", "ID", .text, "each run executes this workflow, in place of running a program")
    private static let type = Flag(
        "--type", "TYPE", .suggestions(["code", "test", "review", "deploy"]), "what kind of work it is (default code)")
    private static let description = Flag("--description", "TEXT", .text, "what is to be done (default NAME)")
    private static let priority = Flag(
        "--priority", "WORD", .words(Priority.allCases.map(\.name)), "low, medium, high or critical (default medium)")
    private static let timeout = Flag(
        "--timeout", "TIME", .duration(1_000...86_400_000), "end an attempt that takes longer: 30s, 5m, 2h")
    private static let project = Flag("--project", "NAME", .text, "the project it belongs to")
    private static let directory = Flag("--cwd", "DIR", .folder, "the folder it is run in")
    static let catchUp = Flag(
        "--catch-up", "WORD", .words(CatchUpPolicy.allCases.map(\.name)),
        "runs missed while no server was there: skip, once or all (default skip)")
    static let overlap = Flag(
        "--overlap", "WORD", .words(OverlapPolicy.allCases.map(\.name)),
        "a run while an earlier one goes on: allow, skip, queue or cancel the earlier one (default allow)")
    static let jitter = Flag(
        "--jitter", "TIME", .duration(0...86_400_000), "each run is late by a random time up to this")
    private static let body = Flag(
        "--body", "FILE", .file, "send this JSON as the request; - reads standard input")

    static let command = Command(
        "schedule create", "run something at given times, and print the schedule's id",
        details: [
            "Times are those of the clocks in --zone, also when these are changed. --cron has five fields: minute, hour, "
                + "day of month, month and day of week."
        ],
        operands: [name, argv],
        flags: ScheduleTiming.flags + [
            jitter, catchUp, overlap, shell, workflow, WorkflowExecute.parameter, WorkflowExecute.parameters, type,
            description, priority, timeout, project, directory, BudgetCommands.wallTime, BudgetCommands.processorTime,
            BudgetCommands.cost, body,
        ],
        examples: [
            Example(
                "schedule create nightly --cron '30 2 * * *' --zone Europe/Berlin -- ./backup.sh", "every night"),
            Example("schedule create --daily --time 09:00 --shell 'make report'", "every day at nine, UTC"),
            Example("schedule create --weekly monday,friday --time 18:00 -- ./tidy.sh", "twice a week"),
            Example("schedule create --monthly last --time 23:00 -- ./bill.sh", "on the last day of each month"),
            Example(
                "schedule create --cron '0 6 * * mon' --workflow report --param tree=/srv", "a workflow, every Monday"),
            Example("schedule create --daily --max-cost 2 --workflow report", "each run may cost 2 at most"),
            Example("schedule create once --at +2h -- ./later.sh", "once, in two hours"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let bytes: [UInt8]
        if let path: String = arguments.text(body) {
            bytes = try InputFile.read(path)
        } else {
            bytes = JSONText(.object(try request(arguments))).utf8
        }
        let reply: Reply = try invocation.server().call(
            "create the schedule", .post, APIPath("schedules").text, body: bytes)
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line(reply.data["id"]?.stringValue ?? "")
        let next: String? = reply.data["nextRunLocal"]?.stringValue ?? reply.data["nextRun"]?.stringValue
        if let next { invocation.note("next run: \(next)") }
    }

    private static func request(_ arguments: Arguments) throws(Failure) -> JSONObject {
        var request: JSONObject = try ScheduleTiming.members(arguments, of: "schedule create")
        if let id: String = arguments.text(workflow) {
            let own: [Flag] = [shell, type, description, priority, timeout, project, directory]
            if let other: Flag = own.first(where: { arguments.has($0) }) {
                throw .usage("schedule create: \(other.name) goes with a task, not with --workflow")
            }
            guard arguments.rest == nil else {
                throw .usage("schedule create: either --workflow or a command after --, not both")
            }
            var execution: JSONObject = [
                "workflowId": .string(id), "parameters": .object(try WorkflowExecute.given(arguments)),
            ]
            if let budget: JSONObject = try BudgetCommands.ceilings(arguments, for: "schedule create") {
                execution["budget"] = .object(budget)
            }
            request["execution"] = .object(execution)
        } else {
            request["task"] = .object(try task(arguments))
        }
        if let name: String = arguments.text(name) { request["name"] = .string(name) }
        if let time: Int64 = arguments.milliseconds(jitter) { request["jitter"] = .integer(time) }
        if let word: String = arguments.text(catchUp) { request["catchUp"] = .string(word) }
        if let word: String = arguments.text(overlap) { request["overlap"] = .string(word) }
        return request
    }

    private static func task(_ arguments: Arguments) throws(Failure) -> JSONObject {
        if let flag: Flag = [WorkflowExecute.parameter, WorkflowExecute.parameters].first(where: { arguments.has($0) })
        {
            throw .usage("schedule create: \(flag.name) goes with --workflow")
        }
        var task = JSONObject()
        var context = JSONObject()
        switch (arguments.text(shell), arguments.rest) {
        case (_?, _?): throw .usage("schedule create: either --shell or a command after --, not both")
        case (let line?, nil): context["command"] = .string(line)
        case (nil, let argv?):
            guard !argv.isEmpty else { throw .usage("schedule create: nothing stands after --") }
            context["command"] = .array(argv.map { .string($0) })
        case (nil, nil): break
        }
        if let folder: String = arguments.text(directory) {
            context["workingDirectory"] = .string(InputFile.absolute(folder))
        }
        if let name: String = arguments.text(project) { context["project"] = .string(name) }
        if !context.isEmpty { task["context"] = .object(context) }
        for (flag, member) in [(type, "type"), (description, "description"), (priority, "priority")] {
            if let text: String = arguments.text(flag) { task[member] = .string(text) }
        }
        if let time: Int64 = arguments.milliseconds(timeout) { task["timeout"] = .integer(time) }
        if let budget: JSONObject = try BudgetCommands.ceilings(arguments, for: "schedule create") {
            task["budget"] = .object(budget)
        }
        return task
    }
}

/// The flags that say when something runs.
enum ScheduleTiming {
    private static let at = Flag(
        "--at", "TIME", .text, "once: 2030-01-31T12:00:00Z, 2030-01-31T12:00 on the clocks of --zone, or from now: +10m"
    )
    private static let cron = Flag("--cron", "FIELDS", .text, "five fields, such as '0 9 * * mon-fri'")
    private static let daily = Flag("--daily", "every day, at --time")
    private static let weekly = Flag("--weekly", "DAYS", .text, "on these days, such as monday,friday, at --time")
    private static let monthly = Flag("--monthly", "DAY", .text, "on this day of the month, 1 to 31 or last, at --time")
    private static let time = Flag("--time", "HH:MM", .text, "the time of day (default 00:00)")
    private static let every = Flag(
        "--every", "N", .number(Recurrence.intervals), "only every so many days, weeks or months")
    static let zone = Flag("--zone", "NAME", .text, "an IANA time zone such as Europe/Berlin (default UTC)")
    private static let from = Flag("--from", "TIME", .time, "nothing runs before; intervals are counted from it")
    static let until = Flag("--until", "TIME", .time, "nothing runs after")
    static let maximum = Flag("--max-runs", "N", .number(1...1_000_000), "end after so many runs")
    private static let gap = Flag(
        "--gap", "WORD", .words(["run", "skip"]), "for times that clocks jump over: run at the jump, or skip")
    private static let repeated = Flag(
        "--repeated", "WORD", .words(["first", "last", "both"]), "for times that clocks show twice: which of them")

    static let flags: [Flag] = [
        at, cron, daily, weekly, monthly, time, every, zone, from, until, maximum, gap, repeated,
    ]

    /// The members of the request that say when; of a change perhaps only some.
    static func members(
        _ arguments: Arguments, of command: String, isChange: Bool = false
    ) throws(Failure) -> JSONObject {
        let kinds: [Flag] = [at, cron, daily, weekly, monthly]
        let count: Int = kinds.count { arguments.has($0) }
        guard count == 1 || count == 0 && isChange else {
            throw .usage(
                "\(command): exactly one of \(kinds.map(\.name).joined(separator: ", ")) says when",
                hints: ["for example: --cron '0 9 * * *' or --daily --time 09:00"])
        }
        var request = JSONObject()
        if let text: String = arguments.text(at) {
            request["at"] = .string(LocalTime(text) == nil ? TimeText.iso(text) ?? text : text)
        } else if let fields: String = arguments.text(cron) {
            request["cron"] = .string(fields)
        } else if count == 1 {
            request["recurrence"] = .object(recurrence(arguments))
        }
        if arguments.has(at) || arguments.has(cron) || count == 0,
            let flag: Flag = [time, every].first(where: { arguments.has($0) })
        {
            throw .usage("\(command): \(flag.name) goes with --daily, --weekly and --monthly only")
        }
        for (flag, member) in [(zone, "timeZone"), (gap, "gap"), (repeated, "repeated")] {
            if let text: String = arguments.text(flag) { request[member] = .string(text) }
        }
        for (flag, member) in [(from, "startTime"), (until, "endTime")] {
            if let text: String = arguments.text(flag) { request[member] = .string(TimeText.iso(text) ?? text) }
        }
        if let number: Int = arguments.number(maximum) { request["maxRuns"] = .integer(Int64(number)) }
        return request
    }

    private static func recurrence(_ arguments: Arguments) -> JSONObject {
        var recurrence: JSONObject = ["time": .string(arguments.text(time) ?? "00:00")]
        if let number: Int = arguments.number(every) { recurrence["every"] = .integer(Int64(number)) }
        if let days: String = arguments.text(weekly) {
            recurrence["interval"] = "weekly"
            recurrence["days"] = .array(
                days.split(separator: ",").map { (word: Substring) in
                    .string(Weekday(name: String(word))?.name ?? String(word))
                })
        } else if let day: String = arguments.text(monthly) {
            recurrence["interval"] = "monthly"
            recurrence["dayOfMonth"] = Int64(day).map { .integer($0) } ?? .string(day)
        } else {
            recurrence["interval"] = "daily"
        }
        return recurrence
    }
}
