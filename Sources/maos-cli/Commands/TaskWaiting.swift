internal import MAOSCore
internal import MAOSProtocols

/// `task waiting`.
enum TaskWaiting {
    static let command = Command(
        "task waiting", "say why a task has not started",
        operands: [TaskCommands.id],
        examples: [Example("task waiting ID", "list what it waits for")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(TaskCommands.id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "ask what the task \(id) waits for", .get, APIPath("tasks", id, "waiting").text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let reasons: [JSONValue] = data["reasons"]?.arrayValue ?? []
        guard !reasons.isEmpty else { return invocation.output.line("it waits for nothing") }
        var table = Table([.init("REASON"), .init("DETAIL")])
        for reason: JSONValue in reasons {
            table.add([.init(reason["kind"]?.stringValue ?? ""), .init(detail(reason))])
        }
        invocation.output.write(table.text(for: invocation.output))
    }

    /// What a task waits for, for people; nothing if that cannot be asked.
    static func reasons(of id: String, _ server: Server) -> [String] {
        let reply: Reply? = try? server.call("ask what the task waits for", .get, APIPath("tasks", id, "waiting").text)
        return (reply?.data["reasons"]?.arrayValue ?? []).map { DisplayText.line(detail($0)) }
    }

    /// The reason in words, with what it names.
    private static func detail(_ reason: JSONValue) -> String {
        let text: String = reason["detail"]?.stringValue ?? reason["kind"]?.stringValue ?? ""
        var named: [String] = []
        for member: JSONObject.Member in reason.objectValue ?? [:] where member.key != "kind" && member.key != "detail"
        {
            switch member.value {
            case .string(let value): named.append("\(member.key) \(value)")
            case .array(let elements) where !elements.isEmpty:
                named.append("\(member.key) " + elements.compactMap(\.stringValue).joined(separator: " "))
            default: break
            }
        }
        return named.isEmpty ? text : "\(text) (\(named.joined(separator: "; ")))"
    }
}
