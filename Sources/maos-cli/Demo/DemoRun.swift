internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Carries a plan out, shows it being done, and what came of it.
final class DemoRun {
    private let invocation: Invocation
    private let plan: DemoPlan
    private let hasHints: Bool
    private let server: Server
    private let watch: TaskWatch
    private let output: Channel
    /// Agent ids to names.
    private var names: [String: String] = [:]
    private var labels: [String: String] = [:]

    init(_ invocation: Invocation, _ plan: DemoPlan, hasHints: Bool) throws(Failure) {
        self.invocation = invocation
        self.plan = plan
        self.hasHints = hasHints
        server = try invocation.server()
        watch = try TaskWatch(server)
        output = invocation.output
    }

    /// Does everything.
    ///
    /// - Throws: ``Failure`` if a task does not complete.
    func run() throws(Failure) {
        let isQuiet: Bool = invocation.wantsJSON
        let begin: Int64 = SystemClock.monotonicMilliseconds()
        try watch.open()
        try spawnAgents()
        let reportID: String = try createTasks()
        if !isQuiet { introduce() }
        try follow(isQuiet)
        let wall: Int64 = SystemClock.monotonicMilliseconds() - begin
        let agents: [String] = Array(names.keys)
        let tasks: [TaskView] = watch.tasks
        let failed: [TaskView] = tasks.filter { $0.status != "completed" }
        let report: JSONValue = try server.call("get the report", .get, APIPath("tasks", reportID).text).data
        // The agents were ours; what they did is kept.
        for id: String in agents {
            _ = try? server.call("terminate the agent", .delete, APIPath("agents", id).with("graceful", "true").text)
        }
        guard !isQuiet else {
            invocation.printJSON(
                .object(["tasks": .array(tasks.map { .string($0.id) }), "report": report["result"] ?? .null]))
            if !failed.isEmpty { throw .shown(.refused) }
            return
        }
        if let text: String = report["result"]?["report"]?.stringValue {
            output.line("")
            output.line(DisplayText.lines(text).joined(separator: "\n"))
        }
        try learnNames()
        showTimings(tasks, wall)
        if hasHints { showHints(reportID, tasks) }
        guard failed.isEmpty else { throw failure(failed) }
    }

    private func spawnAgents() throws(Failure) {
        for agent: DemoPlan.Agent in plan.agents {
            let reply: Reply = try server.call(
                "spawn the agent \(agent.name)", .post, APIPath("agents").text, DemoPlan.body(of: agent))
            if let id: String = reply.data["agentId"]?.stringValue { names[id] = agent.name }
        }
    }

    /// Creates the tasks; returns the report's id.
    private func createTasks() throws(Failure) -> String {
        var ids: [String] = []
        for task: DemoPlan.Task in plan.analyses { ids.append(try create(task, after: [])) }
        return try create(plan.report, after: ids)
    }

    private func create(_ task: DemoPlan.Task, after dependencies: [String]) throws(Failure) -> String {
        let reply: Reply = try server.call(
            "create the task \"\(task.label)\"", .post, APIPath("tasks").text, plan.body(of: task, after: dependencies)
        )
        guard let id: String = reply.data["taskId"]?.stringValue else { throw .refused("the server named no task") }
        labels[id] = task.label
        watch.add(id)
        return id
    }

    private func introduce() {
        let agents: String = plan.agents.map { "\($0.name) (\($0.type))" }.joined(separator: ", ")
        output.line("\(output.styled("tree", .bold))    \(DisplayText.line(plan.tree.path))")
        output.line("\(output.styled("agents", .bold))  \(agents)")
        output.line(
            "\(output.styled("tasks", .bold))   \(plan.analyses.count) at once, then a report that depends on all of them"
        )
        output.line("")
    }

    private func follow(_ isQuiet: Bool) throws(Failure) {
        Interruption.setMessage(
            "stopped watching; tasks and agents go on: \(Program.name) task list, \(Program.name) agent list")
        let progress = TaskProgress(output)
        for (id, label) in labels { progress.setLabel(label, of: id) }
        while !watch.isOver {
            try watch.wait(timeout: progress.patience)
            if !isQuiet { progress.show(watch.tasks, trouble: watch.trouble) }
        }
        progress.finish()
        Interruption.setMessage("")
    }

    // MARK: The end

    /// Asks for the names of agents that are not ours and worked for us all the same.
    private func learnNames() throws(Failure) {
        guard watch.tasks.contains(where: { names[$0.agent] == nil }) else { return }
        let data: JSONValue = try server.call("list the agents", .get, APIPath("agents").text).data
        for agent: JSONValue in data["agents"]?.arrayValue ?? [] {
            guard let id: String = agent["id"]?.stringValue, let name: String = agent["name"]?.stringValue else {
                continue
            }
            names[id] = names[id] ?? name
        }
    }

    private func showTimings(_ tasks: [TaskView], _ wall: Int64) {
        var table = Table([
            .init("TASK"), .init("AGENT"), .init("STATUS"), .init("WAITED", isNumeric: true),
            .init("TOOK", isNumeric: true),
        ])
        var work: Int64 = 0
        for task: TaskView in tasks {
            let waited: Int64? = zip(task.createdAt, task.startedAt).map { $1 - $0 }
            let took: Int64? = zip(task.startedAt, task.finishedAt).map { $1 - $0 }
            work += took ?? 0
            table.add([
                .init(labels[task.id] ?? task.id), .init(names[task.agent] ?? task.agent),
                .init(task.status, TaskView.style(of: task.status)), .init(waited.map(DurationText.short) ?? ""),
                .init(took.map(DurationText.short) ?? ""),
            ])
        }
        output.line("")
        output.write(table.text(for: output))
        output.line(
            "\(tasks.count) tasks with \(DurationText.short(work)) of work, done in \(DurationText.short(wall))")
    }

    private func zip(_ first: Int64?, _ second: Int64?) -> (Int64, Int64)? {
        guard let first, let second else { return nil }
        return (first, second)
    }

    private func showHints(_ reportID: String, _ tasks: [TaskView]) {
        var program: String = CommandLine.arguments.first ?? Program.name
        var token: String = "$MAOS_TOKEN"
        if let url: String = invocation.arguments.text(CommonFlag.url) { program += " --url \(url)" }
        if let data: String = invocation.arguments.text(CommonFlag.data) { program += " --data \(data)" }
        if case .file(let path) = server.endpoint.tokenOrigin { token = "$(cat \(path))" }
        output.line("")
        output.line(output.styled("look further", .bold))
        output.line("  \(program) task get \(reportID)")
        if let first: TaskView = tasks.first { output.line("  \(program) task logs \(first.id)") }
        output.line("  \(program) events --types task_started,task_completed")
        output.line(
            "  curl -s \(server.endpoint.url)/api/v1/tasks/\(reportID) -H \"Authorization: Bearer \(token)\"")
    }

    private func failure(_ failed: [TaskView]) -> Failure {
        var details: [String] = []
        for task: TaskView in failed {
            details.append(DisplayText.line("\(labels[task.id] ?? task.id): \(task.status) \(task.error)"))
        }
        let first: TaskView? = failed.first { $0.status == "failed" }
        return .refused(
            "\(failed.count) of the tasks did not complete", details: details,
            hints: first.map { ["\(Program.name) task logs \($0.id) shows what it wrote"] } ?? [])
    }
}
