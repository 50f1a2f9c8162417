internal import MAOSCore
internal import MAOSProtocols

/// `task create`.
enum TaskCreate {
    private static let type = Operand(
        "TYPE", .optional, .suggestions(["code", "test", "review", "deploy"]),
        "what kind of work it is: code, test, review or deploy; decides which agent fits")
    private static let description = Operand(
        "DESCRIPTION", .optional, .text, "what is to be done, in up to 1000 characters")
    private static let argv = Operand(
        "ARGV", .rest, .text, "the program to run and its arguments, started without a shell")
    private static let shell = Flag("--shell", "LINE", .text, "run a line of shell instead")
    private static let priority = Flag(
        "--priority", "WORD", .words(Priority.allCases.map(\.name)), "low, medium, high or critical (default medium)")
    private static let timeout = Flag(
        "--timeout", "TIME", .duration(1_000...86_400_000), "end an attempt that takes longer: 30s, 5m, 2h")
    private static let deadline = Flag(
        "--deadline", "TIME", .time, "fail unless done by then: 2030-01-31T12:00:00Z, or from now: +10m")
    private static let at = Flag(
        "--at", "TIME", .time, "not before: 2030-01-31T12:00:00Z, or from now: +10m")
    private static let every = Flag(
        "--repeat", "WORD", .words(TaskRecurrence.Interval.allCases.map(\.name)),
        "make it again at that time of day: daily, weekly or monthly; with --at")
    private static let dependsOn = Flag(
        "--depends-on", "ID", .text, "start only when that task has completed (may be repeated)", repeats: true)
    private static let capability = Flag(
        "--capability", "NAME", .text, "only for agents that can do this (may be repeated)", repeats: true)
    private static let retry = Flag(
        "--retry", "N", .number(0...99), "try again up to N times when an attempt fails (default 0)")
    private static let backoff = Flag(
        "--backoff", "TIME", .duration(0...86_400_000),
        "wait this long before the first retry, then twice that … (default 1s)")
    private static let environment = Flag(
        "--env", "NAME=VALUE", .pair, "a variable for what is run (may be repeated)", repeats: true)
    private static let directory = Flag("--cwd", "DIR", .folder, "the folder it is run in")
    private static let project = Flag("--project", "NAME", .text, "the project it belongs to")
    private static let key = Flag(
        "--idempotency-key", "KEY", .text, "sent twice with the same key, the task is created once")
    private static let wait = Flag(
        "--wait", "wait for the end, show progress and output; exit code 1 unless it completes")
    private static let body = Flag(
        "--body", "FILE", .file, "send this JSON as the request; - reads standard input")

    static let command = Command(
        "task create", "create a task and print its id",
        details: [
            "With a command after -- the agent runs that; with --shell it runs a line of shell. With neither, the runner "
                + "that the server has configured for the type of agent does the work.",
            "The output of a task that is waited for goes to standard output and standard error as it came from the "
                + "task; progress is shown on standard error, and lines that only report it are left out.",
        ],
        operands: [type, description, argv],
        flags: [
            shell, priority, timeout, BudgetCommands.wallTime, BudgetCommands.processorTime, BudgetCommands.cost,
            deadline, at, every, ScheduleTiming.zone, ScheduleTiming.until, ScheduleTiming.maximum, dependsOn,
            capability, retry, backoff, environment, directory, project,
            key, wait, body,
        ],
        examples: [
            Example("task create code \"Say hello\" -- echo hello", "run a program"),
            Example("task create test \"Run the tests\" --shell 'make test' --wait", "run a line of shell and wait"),
            Example(
                "task create review \"Look again\" --depends-on ID --retry 2 --timeout 5m -- ./review.sh",
                "run after another task, at most three times"),
            Example(
                "task create code \"Tidy up\" --at +1h --repeat daily -- ./tidy.sh", "in an hour, and every day then"),
            Example("task create --body task.json", "send a request from a file"),
        ]
    ) { (invocation) throws(Failure) in try run(invocation) }

    private static func run(_ invocation: Invocation) throws(Failure) {
        let arguments: Arguments = invocation.arguments
        let body: [UInt8]
        if let path: String = arguments.text(self.body) {
            body = try raw(path, arguments)
        } else {
            body = JSONText(.object(try request(arguments))).utf8
        }
        let server: Server = try invocation.server()
        let waits: Bool = arguments.has(wait)
        let watch: TaskWatch? = waits ? try TaskWatch(server) : nil
        try watch?.open()
        var fields = HTTPFields()
        if let key: String = arguments.text(self.key) { fields.append("idempotency-key", key) }
        let reply: Reply = try server.call(
            "create the task", .post, APIPath("tasks").text, body: body, fields: fields)
        guard let id: String = reply.data["taskId"]?.stringValue else {
            throw .refused("the server named no task", hints: ["is \(server.endpoint.url) a MAOS server?"])
        }
        if let watch { return try TaskWaiter(invocation, server, watch, id).run() }
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line(id)
        if invocation.output.isTerminal { invocation.note("follow it with: \(Program.name) task watch \(id)") }
    }

    private static func raw(_ path: String, _ arguments: Arguments) throws(Failure) -> [UInt8] {
        let own: [Flag] = command.flags.filter { ![wait.name, key.name, body.name].contains($0.name) }
        if let other: Flag = own.first(where: { arguments.has($0) }) {
            throw .usage("--body holds the whole request; \(other.name) cannot be added to it")
        }
        guard arguments.text(type) == nil, arguments.rest == nil else {
            throw .usage("--body holds the whole request; TYPE, DESCRIPTION and ARGV cannot be added to it")
        }
        return try InputFile.read(path)
    }

    private static func schedule(_ arguments: Arguments) throws(Failure) -> JSONObject? {
        guard let time: String = arguments.text(at) else {
            let others: [Flag] = [every, ScheduleTiming.zone, ScheduleTiming.until, ScheduleTiming.maximum]
            if let flag: Flag = others.first(where: { arguments.has($0) }) {
                throw .usage("task create: \(flag.name) goes with --at")
            }
            return nil
        }
        var schedule: JSONObject = ["at": .string(TimeText.iso(time) ?? time)]
        if let word: String = arguments.text(every) { schedule["interval"] = .string(word) }
        if let name: String = arguments.text(ScheduleTiming.zone) { schedule["timeZone"] = .string(name) }
        if let end: String = arguments.text(ScheduleTiming.until) {
            schedule["endTime"] = .string(TimeText.iso(end) ?? end)
        }
        if let number: Int = arguments.number(ScheduleTiming.maximum) { schedule["maxRuns"] = .integer(Int64(number)) }
        return schedule
    }

    private static func request(_ arguments: Arguments) throws(Failure) -> JSONObject {
        let hint: String = "usage: \(command.usage)"
        guard let type: String = arguments.text(type) else {
            throw .usage("task create: TYPE is missing", hints: [hint])
        }
        guard let description: String = arguments.text(description) else {
            throw .usage("task create: DESCRIPTION is missing", hints: [hint])
        }
        var context = JSONObject()
        switch (arguments.text(shell), arguments.rest) {
        case (_?, _?): throw .usage("task create: either --shell or a command after --, not both")
        case (let line?, nil): context["command"] = .string(line)
        case (nil, let argv?):
            guard !argv.isEmpty else { throw .usage("task create: nothing stands after --") }
            context["command"] = .array(argv.map { .string($0) })
        case (nil, nil): break
        }
        if arguments.has(environment) { context["environment"] = .object(arguments.pairs(environment)) }
        if let folder: String = arguments.text(directory) {
            context["workingDirectory"] = .string(InputFile.absolute(folder))
        }
        if let name: String = arguments.text(project) { context["project"] = .string(name) }

        var request: JSONObject = [
            "type": .string(type), "description": .string(description),
            "priority": .string(arguments.text(priority) ?? Priority.medium.name),
            "requirements": .array(
                arguments.texts(capability).map { .object(["type": "capability", "name": .string($0)]) }),
        ]
        if let budget: JSONObject = try BudgetCommands.ceilings(arguments, for: "task create") {
            request["budget"] = .object(budget)
        }
        if let timeout: Int64 = arguments.milliseconds(timeout) { request["timeout"] = .integer(timeout) }
        if let deadline: String = arguments.text(deadline).flatMap({ TimeText.iso($0) }) {
            request["deadline"] = .string(deadline)
        }
        if let schedule: JSONObject = try schedule(arguments) { request["schedule"] = .object(schedule) }
        if arguments.has(dependsOn) {
            request["dependencies"] = .array(arguments.texts(dependsOn).map { .string($0) })
        }
        if arguments.has(retry) || arguments.has(backoff) {
            var policy: JSONObject = ["maxAttempts": .integer(Int64((arguments.number(retry) ?? 0) + 1))]
            if let wait: Int64 = arguments.milliseconds(backoff) { policy["backoffMs"] = .integer(wait) }
            request["retryPolicy"] = .object(policy)
        }
        if !context.isEmpty { request["context"] = .object(context) }
        return request
    }
}
