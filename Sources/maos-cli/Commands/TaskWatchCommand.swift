internal import MAOSCore

/// `task watch`.
enum TaskWatchCommand {
    static let command = Command(
        "task watch", "show tasks as they go on, until all have ended",
        details: [
            "A terminal shows a line for each task that changes in place; elsewhere every change is a line. With --json "
                + "each change is printed as the task in JSON. The exit code is 1 unless all tasks complete."
        ],
        operands: [TaskCommands.ids],
        examples: [
            Example("task watch ID", "watch one task"),
            Example("task watch ID ID ID", "watch several at once"),
        ]
    ) { (invocation) throws(Failure) in
        let watch = try TaskWatch(try invocation.server())
        try watch.open()
        for id: String in invocation.arguments.texts(TaskCommands.ids) { watch.add(id) }
        try watch.wait(timeout: 0)
        if invocation.wantsJSON {
            try printChanges(watch, invocation)
        } else {
            let progress = TaskProgress(invocation.output)
            for task: TaskView in watch.tasks where watch.tasks.count < 100 {
                progress.setLabel(
                    "\(task.id)  \(DisplayText.cut(DisplayText.line(task.description), to: 30))", of: task.id)
            }
            progress.show(watch.tasks, trouble: watch.trouble)
            while !watch.isOver {
                try watch.wait(timeout: progress.patience)
                progress.show(watch.tasks, trouble: watch.trouble)
            }
            progress.finish()
        }
        guard watch.tasks.allSatisfy({ $0.status == "completed" }) else { throw .shown(.refused) }
    }

    private static func printChanges(_ watch: TaskWatch, _ invocation: Invocation) throws(Failure) {
        var printed: [String: JSONText] = [:]
        while true {
            for task: TaskView in watch.tasks where !task.status.isEmpty {
                let text = JSONText(task.json)
                guard printed[task.id] != text else { continue }
                printed[task.id] = text
                invocation.output.line(text.description)
            }
            if watch.isOver { return }
            try watch.wait(timeout: 1_000)
        }
    }
}

extension TaskView {
    /// The task as an item of a stream of JSON.
    fileprivate var json: JSONValue {
        var object: JSONObject = [
            "taskId": .string(id), "status": .string(status), "progress": JSONValue(progress),
            "attempt": .integer(Int64(attempt)),
        ]
        if !step.isEmpty { object["currentStep"] = .string(step) }
        if !agent.isEmpty { object["agentId"] = .string(agent) }
        if !error.isEmpty { object["error"] = .string(error) }
        return .object(object)
    }
}
