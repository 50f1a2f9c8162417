internal import MAOSCore
internal import MAOSProtocols

/// `agent get`.
enum AgentGet {
    static let command = Command(
        "agent get", "show an agent",
        operands: [AgentCommands.id],
        examples: [Example("agent get ID", "show what is known of it")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(AgentCommands.id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the agent \(id)", .get, APIPath("agents", id).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.write(sheet(data).text(for: invocation.output))
    }

    private static func sheet(_ data: JSONValue) -> Sheet {
        func list(_ value: JSONValue?) -> String {
            (value?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " ")
        }
        let status: String = AgentCommands.status(of: data)
        var sheet = Sheet()
        sheet.add("id", data["id"]?.stringValue)
        sheet.add("name", data["name"]?.stringValue)
        sheet.add("type", data["type"]?.stringValue)
        sheet.add("status", status, TaskView.style(of: status))
        sheet.add("capabilities", capabilities(data) ?? list(data["capabilities"]))
        sheet.add("tasks now", list(data["currentTasks"]))
        if let statistics: JSONValue = data["statistics"] {
            let completed: Int = statistics["tasksCompleted"]?.intValue ?? 0
            let failed: Int = statistics["tasksFailed"]?.intValue ?? 0
            sheet.add("tasks so far", "\(completed) completed, \(failed) failed")
            if let runtime: Int = statistics["totalRuntimeMs"]?.intValue {
                sheet.add("worked for", DurationText.short(Int64(runtime)))
            }
        }
        if let health: JSONValue = data["health"] {
            let name: String = health["status"]?.stringValue ?? "unknown"
            sheet.add("health", name, TaskView.style(of: name))
            if let memory: Int = health["memoryBytes"]?.intValue, memory > 0 {
                let processor: Double = health["cpuPercent"]?.doubleValue ?? 0
                sheet.add("uses", "\(Int(processor.rounded())) % CPU, \(memory / 1_048_576) MB")
            }
        }
        let configuration: JSONValue? = data["configuration"]
        sheet.add("model", configuration?["model"]?.stringValue)
        sheet.add("workspace", configuration?["workspace"]?.stringValue)
        if let count: Int = configuration?["maxConcurrentTasks"]?.intValue { sheet.add("at a time", String(count)) }
        if let restarts: Int = data["restarts"]?.intValue, restarts > 0 { sheet.add("restarts", String(restarts)) }
        sheet.add("origin", data["origin"]?.stringValue == "on_demand" ? "on demand" : data["origin"]?.stringValue)
        sheet.add("created", data["createdAt"]?.stringValue)
        sheet.add("heartbeat", data["lastHeartbeat"]?.stringValue)
        sheet.add("terminated", data["terminatedAt"]?.stringValue)
        sheet.add("error", data["error"]?.stringValue, .red)
        return sheet
    }

    /// `swift 0.65, sql 0.5`: what it can do, and how well.
    private static func capabilities(_ data: JSONValue) -> String? {
        let known: [String]? = data["capabilityDetails"]?.arrayValue?.compactMap { (capability: JSONValue) in
            guard let name: String = capability["name"]?.stringValue, let value: JSONValue = capability["proficiency"]
            else { return nil }
            return "\(name) \(JSONText(value))"
        }
        return known?.joined(separator: ", ")
    }
}
