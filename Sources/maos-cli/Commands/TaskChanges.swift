internal import MAOSCore
internal import MAOSProtocols

/// `task cancel`.
enum TaskCancel {
    static let command = Command(
        "task cancel", "cancel tasks, running or not",
        details: [
            "A running task is over only when its whole process tree is gone; the answer waits for that, up to 5 s."
        ],
        operands: [TaskCommands.ids],
        examples: [Example("task cancel ID", "cancel a task")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(TaskCommands.ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("cancel the task \(id)", .delete, APIPath("tasks", id).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            let isOver: Bool = reply.data["cancelRequested"]?.boolValue != true
            invocation.output.line(
                "\(id)  \(isOver ? "cancelled" : "is being cancelled; its processes are not gone yet")")
        }
    }
}

/// `task retry`.
enum TaskRetry {
    static let command = Command(
        "task retry", "try tasks again that failed or were cancelled",
        operands: [TaskCommands.ids],
        examples: [Example("task retry ID", "queue it once more")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(TaskCommands.ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("retry the task \(id)", .post, APIPath("tasks", id, "retry").text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            let attempt: String = reply.data["attempt"]?.intValue.map { ", attempt \($0)" } ?? ""
            invocation.output.line("\(id)  queued again\(attempt)")
        }
    }
}

/// `task priority`.
enum TaskPriority {
    private static let level = Operand(
        "PRIORITY", .one, .words(Priority.allCases.map(\.name)), "low, medium, high or critical")
    private static let reason = Flag("--reason", "TEXT", .text, "why; kept in the events")

    static let command = Command(
        "task priority", "change how urgent a task is",
        operands: [TaskCommands.id, level], flags: [reason],
        examples: [Example("task priority ID critical --reason \"release today\"", "let it go first")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(TaskCommands.id) ?? ""
        let priority: String = invocation.arguments.text(level) ?? ""
        var body: JSONObject = ["priority": .string(priority)]
        if let reason: String = invocation.arguments.text(reason) { body["reason"] = .string(reason) }
        let reply: Reply = try invocation.server().call(
            "change the priority of the task \(id)", .patch, APIPath("tasks", id, "priority").text, body)
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line("\(id)  \(reply.data["priority"]?.stringValue ?? priority)")
    }
}

/// `task pause` and `task resume`.
enum TaskPause {
    static let command = Command(
        "task pause", "hold tasks back; running ones stand still",
        operands: [TaskCommands.ids],
        examples: [Example("task pause ID", "let it stand still")]
    ) { (invocation) throws(Failure) in try run("pause", "paused", invocation) }

    static let resumeCommand = Command(
        "task resume", "let paused tasks go on",
        operands: [TaskCommands.ids],
        examples: [Example("task resume ID", "let it go on")]
    ) { (invocation) throws(Failure) in try run("resume", "resumed", invocation) }

    private static func run(_ verb: String, _ done: String, _ invocation: Invocation) throws(Failure) {
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(TaskCommands.ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("\(verb) the task \(id)", .post, APIPath("tasks", id, verb).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  \(done)")
        }
    }
}
