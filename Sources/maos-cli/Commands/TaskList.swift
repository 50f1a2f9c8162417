internal import MAOSCore
internal import MAOSProtocols

/// `task list`.
enum TaskList {
    private static let status = Flag(
        "--status", "WORD", .words(TaskCommands.statuses),
        "only those that are pending, running, completed, failed or cancelled")
    private static let limit = Flag("--limit", "N", .number(1...1_000), "how many (default 50)")
    private static let page = Flag("--page", "N", .number(1...1_000_000_000), "which page of that many (default 1)")
    private static let everything = Flag("--all", "every page")

    static let command = Command(
        "task list", "list tasks, the newest first",
        flags: [
            status, ListFilters.type, ListFilters.priority, ListFilters.project, limit, page,
            everything,
        ],
        examples: [
            Example("task list", "the newest 50"),
            Example("task list --status failed --all", "everything that failed"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        if arguments.has(everything), arguments.has(page) {
            throw .usage("task list: either --all or --page, not both")
        }
        let server: Server = try invocation.server()
        var number: Int = arguments.number(page) ?? 1
        let size: Int = arguments.number(limit) ?? (arguments.has(everything) ? 200 : 50)
        var tasks: [JSONValue] = []
        var data: JSONValue = .null
        while true {
            let path: APIPath = APIPath("tasks").with("status", arguments.text(status))
                .with("type", arguments.text(ListFilters.type))
                .with("priority", arguments.text(ListFilters.priority))
                .with("project", arguments.text(ListFilters.project)).with("page", String(number))
                .with("limit", String(size))
            data = try server.call("list the tasks", .get, path.text).data
            tasks += data["tasks"]?.arrayValue ?? []
            guard arguments.has(everything), data["pagination"]?["hasNext"]?.boolValue == true else { break }
            number += 1
        }
        if invocation.wantsJSON {
            return invocation.printJSON(arguments.has(everything) ? .object(["tasks": .array(tasks)]) : data)
        }
        show(tasks, invocation)
        guard !arguments.has(everything), data["pagination"]?["hasNext"]?.boolValue == true else { return }
        let total: Int = data["pagination"]?["totalItems"]?.intValue ?? 0
        invocation.note("\(tasks.count) of \(total); --page \(number + 1) has more, --all shows everything")
    }

    private static func show(_ tasks: [JSONValue], _ invocation: Invocation) {
        var table = Table([
            .init("ID"), .init("STATUS"), .init("DONE", isNumeric: true), .init("PRIORITY"), .init("TYPE"),
            .init(invocation.output.isTerminal ? "AGE" : "CREATED"), .init("DESCRIPTION", isFlexible: true),
        ])
        for value: JSONValue in tasks {
            let task = TaskView(value)
            table.add([
                .init(task.id), .init(task.status, TaskView.style(of: task.status)),
                .init(TaskCommands.percent(task.progress)), .init(task.priority), .init(task.kind),
                .init(TaskCommands.time(task.createdAt, for: invocation.output), .dim), .init(task.description),
            ])
        }
        guard !table.isEmpty else { return invocation.note("no tasks") }
        invocation.output.write(table.text(for: invocation.output))
    }
}
