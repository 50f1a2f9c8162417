internal import MAOSCore
internal import MAOSProtocols

/// `agent list`.
enum AgentList {
    private static let type = Flag("--type", "TYPE", .suggestions(AgentCommands.types), "only of this type")
    private static let status = Flag(
        "--status", "WORD",
        .words(["active", "initializing", "ready", "busy", "idle", "error", "terminated"]),
        "only with this status; active is any that works or could")

    static let command = Command(
        "agent list", "list agents",
        flags: [type, status],
        examples: [
            Example("agent list", "those there are"),
            Example("agent list --type coder --status active", "coders that can work"),
        ]
    ) { (invocation) throws(Failure) in
        let path: APIPath = APIPath("agents").with("type", invocation.arguments.text(type))
            .with("status", invocation.arguments.text(status))
        let data: JSONValue = try invocation.server().call("list the agents", .get, path.text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let agents: [JSONValue] = data["agents"]?.arrayValue ?? []
        guard !agents.isEmpty else { return invocation.note("no agents") }
        let isTerminal: Bool = invocation.output.isTerminal
        var table = Table([
            .init("ID"), .init("NAME"), .init("TYPE"), .init("STATUS"), .init("TASKS", isNumeric: true),
            .init(isTerminal ? "SEEN" : "HEARTBEAT"), .init("CAPABILITIES", isFlexible: true),
        ])
        for agent: JSONValue in agents {
            let status: String = AgentCommands.status(of: agent)
            let seen: Int64? = agent["lastHeartbeat"]?.stringValue.flatMap { ISO8601.parse($0) }
            let capabilities: [String] = agent["capabilities"]?.arrayValue?.compactMap(\.stringValue) ?? []
            table.add([
                .init(agent["id"]?.stringValue ?? ""), .init(agent["name"]?.stringValue ?? ""),
                .init(agent["type"]?.stringValue ?? ""), .init(status, TaskView.style(of: status)),
                .init(String(agent["currentTasks"]?.arrayValue?.count ?? 0)),
                .init(TaskCommands.time(seen, for: invocation.output), .dim),
                .init(capabilities.joined(separator: " ")),
            ])
        }
        invocation.output.write(table.text(for: invocation.output))
        guard let summary: JSONValue = data["summary"] else { return }
        func count(_ name: String) -> Int { summary[name]?.intValue ?? 0 }
        invocation.note(
            "\(count("total")) in all: \(count("busy")) busy, \(count("idle")) idle, \(count("error")) with errors")
    }
}
