internal import MAOSCore

/// The agents and the graph of tasks that look at a tree of sources.
struct DemoPlan {
    struct Agent {
        let type: String
        let name: String
        let capabilities: [String]
        let tasksAtATime: Int
    }

    struct Task {
        let label: String
        let type: String
        let description: String
        let script: String
        /// What the script gets after the tree's path.
        let arguments: [String]
        let capability: String?
    }

    /// More folders than that share a task.
    private static let widest: Int = 12

    let agents: [Agent] = [
        Agent(type: "coder", name: "ada", capabilities: ["count"], tasksAtATime: 4),
        Agent(type: "coder", name: "grace", capabilities: ["count"], tasksAtATime: 4),
        Agent(type: "tester", name: "katherine", capabilities: ["lint"], tasksAtATime: 1),
        Agent(type: "reviewer", name: "barbara", capabilities: ["read"], tasksAtATime: 2),
        Agent(type: "documenter", name: "donald", capabilities: ["report"], tasksAtATime: 1),
    ]
    /// None depends on another.
    let analyses: [Task]
    /// Depends on all of them.
    let report: Task
    let tree: SourceTree

    init(_ tree: SourceTree) {
        self.tree = tree
        var tasks: [Task] = [
            Task(
                label: "check format", type: "test", description: "Check the format of the sources in \(tree.name)",
                script: DemoScripts.lint, arguments: [], capability: nil),
            Task(
                label: "find longest files", type: "review", description: "Find the longest files in \(tree.name)",
                script: DemoScripts.longest, arguments: [], capability: nil),
            Task(
                label: "find notes", type: "review", description: "Find notes that were left for later in \(tree.name)",
                script: DemoScripts.notes, arguments: [], capability: nil),
        ]
        func count(_ label: String, _ folders: [String]) {
            tasks.append(
                Task(
                    label: "count \(label == "." ? "(top)" : label)", type: "code",
                    description: "Count the lines in \(label == "." ? tree.name : label)".prefix(900).description,
                    script: DemoScripts.count, arguments: [label] + folders.map { "./" + $0 }, capability: nil))
        }
        let alone: Int = tree.folders.count <= DemoPlan.widest ? tree.folders.count : DemoPlan.widest - 1
        for folder: String in tree.folders.prefix(alone) { count(folder, [folder]) }
        let others: [String] = Array(tree.folders.dropFirst(alone))
        if !others.isEmpty { count("\(others.count) more folders", others) }
        count(".", [])
        analyses = tasks
        report = Task(
            label: "report", type: "deploy",
            description: "Write a report on \(tree.name) from the results of the others",
            script: DemoScripts.report, arguments: [tree.name], capability: "report")
    }

    /// The body that spawns an agent.
    static func body(of agent: Agent) -> JSONObject {
        [
            "type": .string(agent.type), "name": .string(agent.name),
            "capabilities": .array(agent.capabilities.map { .string($0) }),
            "configuration": ["maxConcurrentTasks": JSONValue(agent.tasksAtATime)],
        ]
    }

    /// The body that creates a task.
    func body(of task: Task, after dependencies: [String]) -> JSONObject {
        let command: [String] = ["/bin/sh", "-c", task.script, "demo", tree.path] + task.arguments
        var requirements: [JSONValue] = []
        if let name: String = task.capability { requirements.append(["type": "capability", "name": .string(name)]) }
        var body: JSONObject = [
            "type": .string(task.type), "description": .string(task.description), "priority": "medium",
            "requirements": .array(requirements), "timeout": 120_000,
            "context": ["command": .array(command.map { .string($0) })],
        ]
        if !dependencies.isEmpty { body["dependencies"] = .array(dependencies.map { .string($0) }) }
        return body
    }
}
