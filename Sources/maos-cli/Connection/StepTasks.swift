internal import MAOSCore
internal import MAOSProtocols

/// The tasks of an execution's steps and the agents that have them, asked for as they are shown.
final class StepTasks {
    /// How many tasks are asked for at a time.
    private static let limit: Int = 100

    private let server: Server
    private var tasks: [String: TaskView] = [:]
    private var names: [String: String] = [:]

    init(_ server: Server) {
        self.server = server
    }

    /// The task, as far as it is known.
    func task(_ id: String) -> TaskView? { tasks[id] }

    /// What the agent is called.
    func agentName(_ id: String) -> String { names[id] ?? "" }

    /// Asks for the tasks of steps that are not known to have ended, and for names of agents.
    ///
    /// What cannot be had is left out: whoever may see executions need not see tasks and agents.
    func learn(of steps: [JSONValue]) {
        var asked: Int = 0
        for step: JSONValue in steps {
            guard asked < StepTasks.limit, let id: String = step["taskId"]?.stringValue,
                tasks[id]?.isTerminal != true
            else { continue }
            asked += 1
            guard let data: JSONValue = try? server.call("get the task", .get, APIPath("tasks", id).text).data else {
                return
            }
            let task = TaskView(data)
            tasks[id] = task
            learnName(of: task.agent)
        }
    }

    private func learnName(of agent: String) {
        guard !agent.isEmpty, names[agent] == nil else { return }
        let data: JSONValue? = try? server.call("get the agent", .get, APIPath("agents", agent).text).data
        names[agent] = data?["name"]?.stringValue ?? data?["type"]?.stringValue ?? ""
    }
}
