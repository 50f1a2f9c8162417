/// A set of rights, each a `noun:verb` of the contract; checked in one place, the engine.
public struct Permissions: OptionSet, Hashable, Sendable {
    /// One bit per permission; the bits may differ between versions, the names do not.
    public let rawValue: UInt64

    /// The set with these bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    private static let names: [String] = [
        "tasks:create", "tasks:read", "tasks:list", "tasks:update", "tasks:cancel", "tasks:subscribe",
        "agents:create", "agents:read", "agents:list", "agents:update", "agents:terminate", "agents:command",
        "agents:subscribe",
        "workflows:create", "workflows:read", "workflows:execute", "workflows:cancel",
        "pools:read", "pools:scale",
        "resources:read", "resources:allocate", "resources:release", "resources:quota",
        "projects:create", "projects:read", "projects:update", "chat:read", "chat:write",
        "system:read", "system:subscribe", "system:admin",
        "metrics:read", "metrics:subscribe", "processes:read", "processes:kill", "logs:read", "approvals:answer",
    ]

    private static func named(_ name: String) -> Permissions {
        guard let index: Int = names.firstIndex(of: name) else { preconditionFailure("no permission \(name)") }
        return Permissions(rawValue: 1 << UInt64(index))
    }

    /// Create tasks.
    public static let tasksCreate = named("tasks:create")
    /// See a task, its output and why it waits.
    public static let tasksRead = named("tasks:read")
    /// List tasks.
    public static let tasksList = named("tasks:list")
    /// Retry, pause and resume tasks, and change their priority.
    public static let tasksUpdate = named("tasks:update")
    /// Cancel tasks.
    public static let tasksCancel = named("tasks:cancel")
    /// Follow what happens to tasks.
    public static let tasksSubscribe = named("tasks:subscribe")
    /// Spawn agents.
    public static let agentsCreate = named("agents:create")
    /// See an agent and its output.
    public static let agentsRead = named("agents:read")
    /// List agents.
    public static let agentsList = named("agents:list")
    /// Configure, pause and resume agents.
    public static let agentsUpdate = named("agents:update")
    /// Terminate agents.
    public static let agentsTerminate = named("agents:terminate")
    /// Type to an agent.
    public static let agentsCommand = named("agents:command")
    /// Follow what happens to agents.
    public static let agentsSubscribe = named("agents:subscribe")
    /// Create, change and delete workflows.
    public static let workflowsCreate = named("workflows:create")
    /// See workflows, their executions and their questions.
    public static let workflowsRead = named("workflows:read")
    /// Execute workflows; pause, resume and retry executions.
    public static let workflowsExecute = named("workflows:execute")
    /// Cancel executions.
    public static let workflowsCancel = named("workflows:cancel")
    /// Answer the questions of workflows.
    public static let approvalsAnswer = named("approvals:answer")
    /// See health and events.
    public static let systemRead = named("system:read")
    /// Follow events of the server.
    public static let systemSubscribe = named("system:subscribe")
    /// Everything administrative.
    public static let systemAdmin = named("system:admin")
    /// Read metrics.
    public static let metricsRead = named("metrics:read")
    /// Follow metrics.
    public static let metricsSubscribe = named("metrics:subscribe")
    /// Read logs.
    public static let logsRead = named("logs:read")
    /// See the processes of the machine.
    public static let processesRead = named("processes:read")
    /// End them.
    public static let processesKill = named("processes:kill")
    /// See resources, allocations and quotas.
    public static let resourcesRead = named("resources:read")
    /// Allocate resources.
    public static let resourcesAllocate = named("resources:allocate")
    /// Give allocated resources back.
    public static let resourcesRelease = named("resources:release")
    /// See pools.
    public static let poolsRead = named("pools:read")
    /// Make pools, and change their sizes.
    public static let poolsScale = named("pools:scale")
    /// Set quotas.
    public static let resourcesQuota = named("resources:quota")
    /// Everything, as `admin:*` and the role `admin` have it.
    public static let all = Permissions(rawValue: (1 << UInt64(names.count)) - 1)

    /// Every `…:read`, `…:list` and `…:subscribe`.
    public static let viewer: Permissions = matching { $0 == "read" || $0 == "list" || $0 == "subscribe" }

    /// Everything but administration.
    public static let `operator`: Permissions = all.subtracting([.systemAdmin, .resourcesQuota])

    private static func matching(verb: (Substring) -> Bool) -> Permissions {
        var found: Permissions = []
        for (index, name) in names.enumerated() {
            guard let colon: String.Index = name.firstIndex(of: ":") else { continue }
            if verb(name[name.index(after: colon)...]) { found.formUnion(Permissions(rawValue: 1 << UInt64(index))) }
        }
        return found
    }

    /// What one name of a token stands for: itself, `noun:*`, or `admin:*`; nothing for a name that does not exist.
    public init(name: String) {
        if name == "admin:*" {
            self = .all
        } else if name.hasSuffix(":*") {
            let noun: Substring = name.dropLast(1)
            var found: Permissions = []
            for (index, known) in Permissions.names.enumerated() where known.hasPrefix(noun) {
                found.formUnion(Permissions(rawValue: 1 << UInt64(index)))
            }
            self = found
        } else if let index: Int = Permissions.names.firstIndex(of: name) {
            self = Permissions(rawValue: 1 << UInt64(index))
        } else {
            self = []
        }
    }

    /// What a role of a token stands for: `admin`, `operator`, `viewer`; nothing for any other.
    public init(role: String) {
        switch role {
        case "admin": self = .all
        case "operator": self = .operator
        case "viewer": self = .viewer
        default: self = []
        }
    }

    /// The names of the members, in the order of the contract.
    public var names: [String] {
        Permissions.names.enumerated().filter { rawValue & (1 << UInt64($0.offset)) != 0 }.map(\.element)
    }

    /// The name of a set of one; of a larger set, of its first member.
    public var name: String { names.first ?? "none" }
}
