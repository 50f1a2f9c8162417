package import MAOSCore

/// What the server told of itself at one time, read for a table.
package struct TopSnapshot: Sendable {
    /// An agent.
    package struct Agent: Sendable {
        var id: String = ""
        var name: String = ""
        var type: String = ""
        var status: String = ""
        var tasks: Int = 0
        /// 100 for one core; nil where nobody measures.
        var processor: Double?
        var memory: Int?
        var completed: Int?
        var failed: Int?
    }

    /// The machine that the server runs on, as far as it tells.
    package struct Host: Sendable {
        /// 0 … 1.
        var processor: Double?
        var processors: Int?
        var loads: [Double] = []
        var memoryTotal: Double?
        var memoryAvailable: Double?
        /// 0 … 1.
        var disk: Double?
        var diskFree: Double?
        /// Bytes since the machine was started.
        var received: Double?
        var sent: Double?
        var processes: Int?

        var isKnown: Bool { processor != nil || memoryTotal != nil || !loads.isEmpty }
    }

    /// When it was taken, in milliseconds.
    package var time: Int64
    var overall: String = ""
    var version: String = ""
    /// Milliseconds.
    var uptime: Int64?
    var troubles: [String] = []
    var host = Host()
    var agents: [Agent] = []
    var tasks: [TaskView] = []
    /// How many tasks there are that have not ended, by status.
    var taskCounts: [(status: String, count: Int)] = []
    var agentCounts: [(status: String, count: Int)] = []

    /// Reads what the server answered; what is not there is not known.
    ///
    /// - Parameters:
    ///   - health: The data of `GET /api/v1/health`.
    ///   - metrics: The data of `GET /api/v1/metrics`.
    ///   - agents: The data of `GET /api/v1/agents`.
    ///   - details: The data of `GET /api/v1/agents/{id}`, by id.
    ///   - tasks: The data of `GET /api/v1/tasks`, a page each.
    ///   - time: When, in milliseconds.
    package init(
        health: JSONValue, metrics: JSONValue, agents: JSONValue, details: [String: JSONValue], tasks: [JSONValue],
        at time: Int64
    ) {
        self.time = time
        overall = health["overall"]?.stringValue ?? ""
        version = health["serverVersion"]?.stringValue ?? ""
        uptime = health["uptimeSeconds"]?.doubleValue.map { Int64($0 * 1_000) }
        for component: JSONValue in health["components"]?.arrayValue ?? [] {
            guard let name: String = component["name"]?.stringValue,
                let status: String = component["status"]?.stringValue,
                status != "healthy", status != "unknown"
            else { continue }
            let message: String = component["message"]?.stringValue ?? status
            troubles.append("\(name): \(message)")
        }
        for metric: JSONValue in metrics["metrics"]?.arrayValue ?? [] { take(metric) }
        for agent: JSONValue in agents["agents"]?.arrayValue ?? [] {
            let id: String = agent["id"]?.stringValue ?? ""
            self.agents.append(TopSnapshot.agent(agent, id, details[id]))
        }
        if agentCounts.isEmpty { countAgents() }
        for page: JSONValue in tasks {
            self.tasks += (page["tasks"]?.arrayValue ?? []).map { TaskView($0) }
        }
    }

    private static func agent(_ value: JSONValue, _ id: String, _ details: JSONValue?) -> Agent {
        var agent = Agent(id: id)
        agent.name = value["name"]?.stringValue ?? ""
        agent.type = value["type"]?.stringValue ?? ""
        agent.status = AgentCommands.status(of: value)
        agent.tasks = value["currentTasks"]?.arrayValue?.count ?? 0
        agent.processor = details?["health"]?["cpuPercent"]?.doubleValue
        agent.memory = details?["health"]?["memoryBytes"]?.intValue
        agent.completed = details?["statistics"]?["tasksCompleted"]?.intValue
        agent.failed = details?["statistics"]?["tasksFailed"]?.intValue
        return agent
    }

    private mutating func countAgents() {
        for agent: Agent in agents {
            if let place: Int = agentCounts.firstIndex(where: { $0.status == agent.status }) {
                agentCounts[place].count += 1
            } else {
                agentCounts.append((agent.status, 1))
            }
        }
    }

    private mutating func take(_ metric: JSONValue) {
        guard let name: String = metric["name"]?.stringValue, let value: Double = metric["value"]?.doubleValue else {
            return
        }
        func label(_ name: String) -> String { metric["labels"]?[name]?.stringValue ?? "" }
        switch name {
        case "maos_tasks" where value > 0: taskCounts.append((label("status"), Int(value)))
        case "maos_agents" where value > 0: agentCounts.append((label("status"), Int(value)))
        case "maos_host_cpu_ratio": host.processor = value
        case "maos_host_cpus": host.processors = Int(value)
        case "maos_host_load": host.loads.append(value)
        case "maos_host_memory_total_bytes": host.memoryTotal = value
        case "maos_host_memory_available_bytes": host.memoryAvailable = value
        case "maos_host_disk_used_ratio": host.disk = value
        case "maos_host_disk_free_bytes": host.diskFree = value
        case "maos_host_network_bytes_total":
            if label("direction").hasPrefix("r") { host.received = value } else { host.sent = value }
        case "maos_host_processes": host.processes = Int(value)
        default: break
        }
    }
}

/// What the rows are in the order of.
package enum TopOrder: String, CaseIterable, Sendable {
    case status
    case cpu
    case memory
    case tasks
    case name

    /// The one that comes after it, round and round.
    var next: TopOrder {
        let all: [TopOrder] = TopOrder.allCases
        let place: Int = all.firstIndex(of: self) ?? 0
        return all[(place + 1) % all.count]
    }

    /// Agents in this order; those that are equal by their names.
    func sorted(_ agents: [TopSnapshot.Agent]) -> [TopSnapshot.Agent] {
        func rank(_ status: String) -> Int {
            ["busy", "error", "stopping", "paused", "initializing", "ready", "idle"].firstIndex(of: status) ?? 7
        }
        return agents.sorted { left, right in
            switch self {
            case .status where rank(left.status) != rank(right.status): rank(left.status) < rank(right.status)
            case .cpu where left.processor ?? -1 != right.processor ?? -1:
                left.processor ?? -1 > right.processor ?? -1
            case .memory where left.memory ?? -1 != right.memory ?? -1: left.memory ?? -1 > right.memory ?? -1
            case .tasks where left.tasks != right.tasks: left.tasks > right.tasks
            default: (left.name, left.id) < (right.name, right.id)
            }
        }
    }
}
