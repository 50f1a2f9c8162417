internal import MAOSCore
internal import MAOSProtocols

/// `health`.
enum HealthCommand {
    static let command = Command(
        "health", "say how the server is",
        details: ["The exit code is 1 when it is unhealthy, and 3 when it does not answer."],
        examples: [
            Example("health", "each component on a line"), Example("health --json | jq -r .overall", "one word"),
        ]
    ) { (invocation) throws(Failure) in
        let reply: Reply = try invocation.server().call(
            "ask for the health", .get, APIPath("health").text, accepting: [503])
        let data: JSONValue = reply.data
        guard let overall: String = data["overall"]?.stringValue else {
            throw .refused(
                "the server is not available: \(reply.body["error"]?["message"]?.stringValue ?? "status \(reply.status)")"
            )
        }
        if invocation.wantsJSON {
            invocation.printJSON(data)
        } else {
            show(data, overall, invocation.output)
        }
        if overall == "unhealthy" { throw .shown(.refused) }
    }

    private static func show(_ data: JSONValue, _ overall: String, _ output: Channel) {
        var line: String = output.styled(overall, TaskView.style(of: overall))
        if let version: String = data["serverVersion"]?.stringValue { line += "  version \(version)" }
        if let seconds: Double = data["uptimeSeconds"]?.doubleValue {
            line += "  up \(DurationText.short(Int64(seconds * 1_000)))"
        }
        output.line(line)
        let components: [JSONValue] = data["components"]?.arrayValue ?? []
        guard !components.isEmpty else { return }
        var table = Table([.init("COMPONENT"), .init("STATUS"), .init("MESSAGE", isFlexible: true)])
        for component: JSONValue in components {
            add(component, indent: "", to: &table)
            for dependency: JSONValue in component["dependencies"]?.arrayValue ?? [] {
                add(dependency, indent: "  ", to: &table)
            }
        }
        output.write(table.text(for: output))
    }

    private static func add(_ part: JSONValue, indent: String, to table: inout Table) {
        let status: String = part["status"]?.stringValue ?? ""
        var message: String = part["message"]?.stringValue ?? ""
        if message.isEmpty, let latency: Double = part["latencyMs"]?.doubleValue { message = "\(latency) ms" }
        table.add([
            .init(indent + (part["name"]?.stringValue ?? "")), .init(status, TaskView.style(of: status)),
            .init(message),
        ])
    }
}
