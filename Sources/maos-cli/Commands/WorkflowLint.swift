internal import MAOSCore
internal import MAOSProtocols

/// Members of a workflow's file that mean nothing: the server keeps quiet about what it does not know.
struct WorkflowLint {
    /// What is to be said, a line each; the first ten.
    private(set) var notes: [String] = []

    private static let own: [String] = names(GatewayMessages.createWorkflow) + ["id"]
    private static let step: [String] = names(GatewayMessages.workflowStep)
    private static let settings: [String] = names(GatewayMessages.workflowConfiguration)
    private static let task: [String] = names(GatewayMessages.taskTemplate)
    private static let policy: [String] = names(GatewayMessages.retryPolicy)
    private static let question: [String] = ["reason", "timeout", "default", "approvers"]
    /// What the server adds when it shows a workflow, so that what it shows can be applied again.
    private static let shown: Set<String> = [
        "workflowId", "status", "version", "stepCount", "owner", "createdAt", "updatedAt",
    ]

    /// Looks through a workflow.
    init(_ workflow: JSONObject) {
        check(workflow, WorkflowLint.own, WorkflowLint.shown, at: "")
        if case .object(let settings)? = workflow["configuration"] {
            check(settings, WorkflowLint.settings, at: "configuration.")
            checkTask(settings["defaults"], [], at: "configuration.defaults.")
            checkPolicy(settings["retryPolicy"], at: "configuration.retryPolicy.")
        }
        for (place, dependency) in (workflow["dependencies"]?.arrayValue ?? []).enumerated() {
            guard case .object(let members) = dependency else { continue }
            check(members, ["stepId", "dependsOn", "condition"], at: "dependencies.\(place).")
        }
        checkSteps(workflow["steps"], at: "steps.")
    }

    private mutating func checkSteps(_ steps: JSONValue?, at path: String) {
        for (place, element) in (steps?.arrayValue ?? []).enumerated() {
            guard case .object(let members) = element else { continue }
            let here: String = "\(path)\(place)."
            check(members, WorkflowLint.step, at: here)
            guard case .object(let configuration)? = members["configuration"] else { continue }
            let inside: String = "\(here)configuration."
            switch members["type"]?.stringValue {
            case "task":
                checkTask(.object(configuration), ["approval", "compensation", "weight"], at: inside)
                checkTask(configuration["compensation"], [], at: "\(inside)compensation.")
                if case .object(let approval)? = configuration["approval"] {
                    check(approval, WorkflowLint.question, at: "\(inside)approval.")
                }
            case "decision": check(configuration, ["condition", "weight"], at: inside)
            case "parallel": check(configuration, ["steps", "maxParallel", "weight"], at: inside)
            case "loop":
                check(
                    configuration, ["items", "condition", "maxIterations", "maxParallel", "steps", "weight"], at: inside
                )
            default: break
            }
            checkSteps(configuration["steps"], at: "\(inside)steps.")
        }
    }

    private mutating func checkTask(_ value: JSONValue?, _ more: [String], at path: String) {
        guard case .object(let members)? = value else { return }
        check(members, WorkflowLint.task + more, at: path)
        checkPolicy(members["retryPolicy"], at: "\(path)retryPolicy.")
    }

    private mutating func checkPolicy(_ value: JSONValue?, at path: String) {
        if case .object(let members)? = value { check(members, WorkflowLint.policy, at: path) }
    }

    private mutating func check(
        _ members: JSONObject, _ known: [String], _ ignored: Set<String> = [], at path: String
    ) {
        for member: JSONObject.Member in members
        where !known.contains(member.key) && !ignored.contains(member.key) && notes.count < 10 {
            let hint: String =
                path.hasSuffix("configuration.") || !["dependsOn", "depends_on", "needs", "after"].contains(member.key)
                ? Nearest.hint(for: member.key, in: known)
                : "; the workflow's own dependencies say what waits for what"
            notes.append("\(path)\(member.key) means nothing\(hint)")
        }
    }

    private static func names(_ schema: MessageSchema) -> [String] { schema.fields.map(\.name) }
}
