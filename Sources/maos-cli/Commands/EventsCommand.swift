internal import MAOSCore

/// `events`.
enum EventsCommand {
    private static let follow = Flag("--follow", "go on as more happens", letter: "f")
    private static let since = Flag(
        "--since", "SEQ", .number(0...Int.max), "begin with this sequence number; 1 is the first of all")
    private static let types = Flag("--types", "TYPE,TYPE", .text, "only events of these types, such as task_failed")
    private static let limit = Flag("--limit", "N", .number(1...1_000_000), "print so many at most (default 100)")

    static let command = Command(
        "events", "print what happened, the oldest first",
        details: [
            "Every change is an event with a sequence number, without gaps. Without --since the newest events are printed, "
                + "or, with --follow, those from now on. A followed connection that breaks is taken up again where it "
                + "broke. With --json each event is a line."
        ],
        flags: [follow, since, types, limit],
        examples: [
            Example("events", "the newest 100"),
            Example("events --since 100 --limit 20", "20 from number 100 on"),
            Example("events --follow --types task_completed,task_failed", "every task's end, as it happens"),
        ]
    ) { (invocation) throws(Failure) in
        let endpoint = try Endpoint(invocation.arguments)
        let printer = Printer(invocation)
        if invocation.arguments.has(follow) {
            try followEvents(invocation, endpoint, printer)
        } else {
            let reader = EventReader(server: Server(endpoint), types: invocation.arguments.text(types))
            let count: Int = invocation.arguments.number(limit) ?? 100
            if let first: Int = invocation.arguments.number(since) {
                try reader.read(from: first, limit: count, printer.show)
            } else {
                let events: [JSONValue] = try reader.newest(count)
                for event: JSONValue in events { printer.show(event) }
                if events.isEmpty { invocation.note("no events") }
            }
        }
    }

    private static func followEvents(
        _ invocation: Invocation, _ endpoint: Endpoint, _ printer: Printer
    ) throws(Failure) {
        let types: String? = invocation.arguments.text(types)
        let first: Int =
            if let given: Int = invocation.arguments.number(since) { given } else {
                try EventReader(server: Server(endpoint), types: nil).lastSequence() + 1
            }
        let inbox = try Inbox<FeedMessage>()
        let path: APIPath = APIPath("events").with("follow", "true").with("since", String(first)).with("types", types)
        try Feed(endpoint: endpoint, action: "follow the events", path: path) { inbox.post($0) }.start()
        var left: Int = invocation.arguments.number(limit) ?? .max
        while true {
            for message: FeedMessage in inbox.take(timeout: -1) {
                switch message {
                case .open: break
                case .item(let item):
                    guard let event: JSONValue = try? JSONReader.parse(item.data, depthLimit: 128) else { break }
                    printer.show(event)
                    left -= 1
                    if left == 0 { return }
                case .gap(let from, let to): invocation.noteGap(from, to)
                case .end: return
                case .lost(let reason): invocation.errors.line("\(Program.name): \(reason), trying again")
                case .failed(let failure): throw failure
                }
            }
        }
    }

    /// Prints an event a line.
    private struct Printer {
        private let invocation: Invocation

        init(_ invocation: Invocation) {
            self.invocation = invocation
        }

        func show(_ event: JSONValue) {
            guard !invocation.wantsJSON else { return invocation.printJSONLine(event) }
            let output: Channel = invocation.output
            let sequence: String = event["sequence"].map { "\($0)" } ?? ""
            let type: String = DisplayText.line(event["type"]?.stringValue ?? "")
            let subject: String =
                event["taskId"]?.stringValue ?? event["agentId"]?.stringValue ?? event["executionId"]?.stringValue ?? ""
            var line: String = output.styled(String(repeating: " ", count: max(0, 6 - sequence.count)) + sequence, .dim)
            line += "  " + output.styled(DisplayText.line(event["timestamp"]?.stringValue ?? ""), .dim)
            line += "  " + output.styled(DisplayText.padded(type, to: 20), style(of: type))
            line += "  " + DisplayText.padded(DisplayText.line(subject), to: 20)
            line += "  " + DisplayText.line(remark(event))
            while line.hasSuffix(" ") { line.removeLast() }
            output.line(line)
        }

        private func style(of type: String) -> Style? {
            if type.hasSuffix("_completed") { return .green }
            if type.hasSuffix("_failed") || type.hasSuffix("_crashed") { return .red }
            if type.hasSuffix("_cancelled") || type.hasSuffix("_terminated") { return .dim }
            return type.hasSuffix("_started") ? .cyan : nil
        }

        private func remark(_ event: JSONValue) -> String {
            let task = TaskView(event)
            if !task.error.isEmpty { return task.error }
            switch event["type"]?.stringValue ?? "" {
            case "task_created": return "\(task.kind)  \(task.description)"
            case "task_progress":
                return TaskCommands.percent(task.progress) + (task.step.isEmpty ? "" : "  \(task.step)")
            case "task_assigned", "task_started": return task.agent.isEmpty ? "" : "by \(task.agent)"
            case "task_priority_changed": return task.priority
            case let type where type.hasPrefix("task_"): return event["reason"]?.stringValue ?? ""
            case let type where type.hasPrefix("agent_"):
                return "\(event["name"]?.stringValue ?? "")  \(event["coreStatus"]?.stringValue ?? "")"
            case "workflow_progress":
                return TaskCommands.percent(task.progress) + "  \(event["name"]?.stringValue ?? "")"
            case let type where type.hasPrefix("workflow_"):
                let step: String = event["stepId"]?.stringValue.map { "  \($0)" } ?? ""
                return "\(event["name"]?.stringValue ?? "")\(step)"
            default:
                guard let data: JSONObject = event["data"]?.objectValue, !data.isEmpty else { return "" }
                return JSONText(.object(data)).description
            }
        }
    }
}
