internal import MAOSCore
internal import MAOSProtocols

/// Waits for a task's end, with its output and its progress as they come.
struct TaskWaiter {
    private let invocation: Invocation
    private let server: Server
    private let watch: TaskWatch
    private let id: String

    init(_ invocation: Invocation, _ server: Server, _ watch: TaskWatch, _ id: String) {
        self.invocation = invocation
        self.server = server
        self.watch = watch
        self.id = id
    }

    /// Returns when the task has completed.
    ///
    /// - Throws: ``Failure`` if it ended otherwise.
    func run() throws(Failure) {
        Interruption.setMessage(
            "stopped waiting; the task goes on. \(Program.name) task watch \(id) shows it, "
                + "\(Program.name) task cancel \(id) ends it")
        watch.add(id)
        let isQuiet: Bool = invocation.wantsJSON
        let progress = TaskProgress(invocation.errors)
        let copier = OutputCopier(output: invocation.output, errors: invocation.errors)
        if !isQuiet {
            try watch.followOutput(of: id)
            watch.onOutput = { entry in progress.above { copier.take(entry) } }
        }
        while !watch.isOver {
            try watch.wait(timeout: progress.patience)
            if !isQuiet { progress.show(watch.tasks, trouble: watch.trouble) }
        }
        if !isQuiet {
            progress.above { copier.finish() }
            progress.show(watch.tasks, trouble: nil)
        }
        progress.finish()
        let reply: Reply = try server.call("get the task", .get, APIPath("tasks", id).text)
        if isQuiet { invocation.printJSON(reply.data) }
        let task = TaskView(reply.data)
        guard task.status != "completed" else { return }
        guard !isQuiet else { throw .shown(.refused) }
        throw .refused(
            "task \(id) \(task.status == "failed" ? "failed" : "was cancelled")"
                + (task.error.isEmpty ? "" : ": \(DisplayText.line(task.error))"),
            hints: ["\(Program.name) task get \(id) shows it, \(Program.name) task retry \(id) tries it again"])
    }
}
