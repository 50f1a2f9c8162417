internal import MAOSCore
internal import MAOSProtocols

/// `execution logs`.
enum ExecutionLogs {
    private static let id = Operand("ID", .one, .text, "the execution's id")
    private static let step = Flag("--step", "ID", .text, "only what this step wrote (may be repeated)", repeats: true)
    private static let failed = Flag("--failed", "only what steps wrote that failed")

    static let command = Command(
        "execution logs", "print what the steps of an execution wrote",
        details: [
            "One step after the other, in the order in which they began, each line after the name of its step; in loops with "
                + "the round. Lines that only report progress are left out."
        ],
        operands: [id], flags: [step, failed],
        examples: [
            Example("execution logs ID", "everything up to now"),
            Example("execution logs ID --failed", "why it failed"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let id: String = arguments.text(id) ?? ""
        let server: Server = try invocation.server()
        let data: JSONValue = try server.call("get the execution \(id)", .get, APIPath("executions", id).text).data
        let steps: [JSONValue] = data["steps"]?.arrayValue ?? []
        let wanted: [String] = arguments.texts(step)
        let known: [String] = steps.compactMap { $0["stepId"]?.stringValue }
        for name: String in wanted where !known.contains(name) {
            throw .usage("execution logs: the execution has no step \(name)\(Nearest.hint(for: name, in: known))")
        }
        var count: Int = 0
        for entry: JSONValue in steps {
            guard let name: String = entry["stepId"]?.stringValue, let task: String = entry["taskId"]?.stringValue,
                wanted.isEmpty || wanted.contains(name),
                !arguments.has(failed) || entry["status"]?.stringValue == "failed"
            else { continue }
            let round: String = entry["iteration"]?.intValue.map { "[\($0)]" } ?? ""
            count += try show(task, of: name, as: name + round, server, invocation)
        }
        if count == 0 { invocation.note("nothing was written") }
    }

    /// Prints what a task wrote; returns how much that was.
    private static func show(
        _ task: String, of step: String, as name: String, _ server: Server, _ invocation: Invocation
    ) throws(Failure) -> Int {
        var next: Int = 1
        var count: Int = 0
        var tails: [String: String] = [:]
        let prefix: String = invocation.output.styled(name, .dim) + "  "
        func write(_ line: some StringProtocol) {
            if !line.hasPrefix("::maos ") { invocation.output.line(prefix + line) }
        }
        while true {
            let path: APIPath = APIPath("tasks", task, "output").with("from", String(next)).with("limit", "1000")
            let page: JSONValue = try server.call("read the output of the step \(name)", .get, path.text).data
            for value: JSONValue in page["entries"]?.arrayValue ?? [] {
                count += 1
                guard !invocation.wantsJSON else {
                    if case .object(var members) = value {
                        members["stepId"] = .string(step)
                        members["taskId"] = .string(task)
                        invocation.printJSONLine(.object(members))
                    }
                    continue
                }
                let entry = OutputEntry(value)
                var lines: [Substring] = ((tails[entry.stream] ?? "") + entry.data)
                    .split(separator: "\n", omittingEmptySubsequences: false)
                tails[entry.stream] = lines.popLast().map(String.init)
                for line: Substring in lines { write(line) }
            }
            guard let following: Int = page["nextSequence"]?.intValue, following > next else { break }
            next = following
        }
        for (_, tail) in tails.sorted(by: { $0.key < $1.key }) where !tail.isEmpty { write(tail) }
        return count
    }
}
