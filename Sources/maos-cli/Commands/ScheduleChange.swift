internal import MAOSCore
internal import MAOSProtocols

/// `schedule change`.
enum ScheduleChange {
    private static let id = Operand("ID", .one, .text, "the schedule's id")
    private static let name = Flag("--name", "NAME", .text, "what people call it")
    private static let body = Flag(
        "--body", "FILE", .file, "send this JSON in place of all that the schedule is; - reads standard input")
    private static let kinds: [String] = ["at", "cron", "recurrence"]
    /// What a request has, of what the server shows.
    private static let members: [String] =
        kinds + [
            "name", "task", "execution", "timeZone", "startTime", "endTime", "maxRuns", "gap", "repeated", "jitter",
            "catchUp", "overlap",
        ]

    static let command = Command(
        "schedule change", "change when a schedule runs, and how",
        details: [
            "What no flag says stays as it is, and so do the id and the counts; the next run is found anew. To change what is run, "
                + "send the whole schedule, as schedule get --json shows it, with --body."
        ],
        operands: [id],
        flags: ScheduleTiming.flags + [
            ScheduleCreate.jitter, ScheduleCreate.catchUp, ScheduleCreate.overlap, name, body,
        ],
        examples: [
            Example("schedule change ID --cron '0 4 * * *'", "at another time"),
            Example("schedule change ID --max-runs 10 --overlap skip", "at the same times"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let text: String = arguments.text(id) ?? ""
        let server: Server = try invocation.server()
        let path: String = APIPath("schedules", text).text
        let bytes: [UInt8]
        if let file: String = arguments.text(body) {
            bytes = try InputFile.read(file)
        } else {
            let changes: JSONObject = try changes(arguments)
            let shown: JSONValue = try server.call("get the schedule \(text)", .get, path).data
            bytes = JSONText(.object(try request(shown, changes, id: text))).utf8
        }
        let reply: Reply = try server.call("change the schedule \(text)", .put, path, body: bytes)
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line("\(text)  changed")
        let next: String? = reply.data["nextRunLocal"]?.stringValue ?? reply.data["nextRun"]?.stringValue
        if let next { invocation.note("next run: \(next)") }
    }

    /// The members that the flags say anew.
    private static func changes(_ arguments: Arguments) throws(Failure) -> JSONObject {
        var changes: JSONObject = try ScheduleTiming.members(arguments, of: "schedule change", isChange: true)
        if let name: String = arguments.text(name) { changes["name"] = .string(name) }
        if let time: Int64 = arguments.milliseconds(ScheduleCreate.jitter) { changes["jitter"] = .integer(time) }
        if let word: String = arguments.text(ScheduleCreate.catchUp) { changes["catchUp"] = .string(word) }
        if let word: String = arguments.text(ScheduleCreate.overlap) { changes["overlap"] = .string(word) }
        guard !changes.isEmpty else {
            throw .usage("schedule change: nothing is changed", hints: ["schedule change --help lists what can be"])
        }
        return changes
    }

    /// What is shown of a schedule as a request, with the changes.
    private static func request(
        _ shown: JSONValue, _ changes: JSONObject, id: String
    ) throws(Failure) -> JSONObject {
        guard shown["task"]?["environmentNames"] == nil else {
            throw .refused(
                "cannot change the schedule \(id): its task has environment variables, whose values are not shown",
                hints: ["send it as a whole, with their values: schedule change \(id) --body FILE"])
        }
        var request = JSONObject()
        for member: String in members { if let value: JSONValue = shown[member] { request[member] = value } }
        if kinds.contains(where: { changes[$0] != nil }) { for kind: String in kinds { request[kind] = nil } }
        for member: JSONObject.Member in changes.members { request[member.key] = member.value }
        return request
    }
}
