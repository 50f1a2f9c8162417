internal import MAOSCore
internal import MAOSProtocols

/// `task get`.
enum TaskGet {
    static let command = Command(
        "task get", "show a task",
        details: ["For a task that has not started, it also says what it waits for."],
        operands: [TaskCommands.id],
        examples: [
            Example("task get ID", "show what is known of it"),
            Example("task get ID --json | jq .result", "take its result apart"),
        ]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        let id: String = invocation.arguments.text(TaskCommands.id) ?? ""
        let data: JSONValue = try server.call("get the task \(id)", .get, APIPath("tasks", id).text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let task = TaskView(data)
        invocation.output.write(sheet(data, task, invocation.output))
        let reasons: [String] = task.isTerminal || task.status == "running" ? [] : TaskWaiting.reasons(of: id, server)
        for reason: String in reasons { invocation.output.line("waits for: \(reason)") }
    }

    private static func sheet(_ data: JSONValue, _ task: TaskView, _ channel: Channel) -> String {
        var sheet = Sheet()
        sheet.add("id", task.id)
        sheet.add("type", task.kind)
        sheet.add("description", task.description)
        sheet.add("status", task.status, TaskView.style(of: task.status))
        if data["cancelRequested"]?.boolValue == true { sheet.add("cancel", "requested") }
        sheet.add("progress", TaskCommands.percent(task.progress))
        sheet.add("step", task.step)
        sheet.add("priority", task.priority)
        sheet.add("project", data["project"]?.stringValue)
        sheet.add("execution", data["workflow"]?["executionId"]?.stringValue)
        sheet.add("of step", data["workflow"]?["stepId"]?.stringValue)
        sheet.add("schedule", data["scheduleId"]?.stringValue)
        sheet.add("agent", task.agent)
        if task.attempt > 0 { sheet.add("attempt", String(task.attempt)) }
        let dependencies: [String] = data["dependencies"]?.arrayValue?.compactMap(\.stringValue) ?? []
        sheet.add("depends on", dependencies.joined(separator: " "))
        sheet.add("deadline", data["deadline"]?.stringValue)
        for (name, key) in [
            ("created", "createdAt"), ("queued", "queuedAt"), ("started", "startedAt"), ("finished", "finishedAt"),
            ("updated", "updatedAt"),
        ] {
            sheet.add(name, data[key]?.stringValue)
        }
        if let start: Int64 = task.startedAt, let end: Int64 = task.finishedAt {
            sheet.add("took", DurationText.short(end - start))
        }
        BudgetCommands.add(data["usage"], of: data["budget"], to: &sheet)
        sheet.add("error", task.error, .red)
        var text: String = sheet.text(for: channel)
        if let result: JSONValue = data["result"], !result.isNull {
            text += channel.styled("result", .dim) + "\n"
            text += DisplayText.lines(PrettyJSON.text(result)).map { "  \($0)\n" }.joined()
        }
        return text
    }
}
