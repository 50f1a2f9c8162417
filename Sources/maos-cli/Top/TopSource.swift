internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Asks the server for what a snapshot is made of.
final class TopSource: @unchecked Sendable {
    // Confined to one thread at a time: to that which made it, then to the one that asks on and on.

    /// Agents of which the usage is asked for; there are hardly more rows.
    private static let detailLimit: Int = 30
    /// Milliseconds for which a usage holds, so that quick looks do not use up what a caller may ask.
    private static let detailAge: Int64 = 900
    private static let taskLimit: Int = 100

    private let server: Server
    /// What the server has refused to tell this caller, which is not asked for again.
    private var refused: Set<String> = []
    private var details: [String: JSONValue] = [:]
    private var detailTime: Int64 = 0

    init(_ server: Server) {
        self.server = server
    }

    /// A snapshot, and what it was made of.
    ///
    /// - Throws: ``Failure`` when there is no server, or nothing that this caller may see.
    func take() throws(Failure) -> (snapshot: TopSnapshot, data: JSONValue) {
        let health: JSONValue = try ask("health", APIPath("health"), accepting: [503]) ?? .null
        let metrics: JSONValue = try ask("metrics", APIPath("metrics").with("timeRange", "5s")) ?? .null
        let agents: JSONValue = try ask("agents", APIPath("agents")) ?? .null
        var tasks: [JSONValue] = []
        for status: String in ["running", "pending"] {
            let path: APIPath = APIPath("tasks").with("status", status).with("limit", String(TopSource.taskLimit))
            if let page: JSONValue = try ask("tasks", path) { tasks.append(page) }
        }
        let begin: Int64 = SystemClock.monotonicMilliseconds()
        if detailTime == 0 || begin - detailTime > TopSource.detailAge {
            detailTime = begin
            details = [:]
            for id: String in TopSource.interesting(agents) {
                details[id] = try ask("agents/{id}", APIPath("agents", id), accepting: [404])
            }
        }
        guard !refused.isSuperset(of: ["health", "metrics", "agents", "tasks"]) else {
            throw .refused(
                "this token may see nothing of the server",
                hints: ["make one that may with \(Program.name) token create --role viewer"])
        }
        let snapshot = TopSnapshot(
            health: health, metrics: metrics, agents: agents, details: details, tasks: tasks,
            at: SystemClock.wallMilliseconds())
        let data: JSONValue = [
            "health": health, "metrics": metrics["metrics"] ?? [],
            "agents": .array((agents["agents"]?.arrayValue ?? []).map { TopSource.joined($0, details) }),
            "tasks": .array(tasks.flatMap { $0["tasks"]?.arrayValue ?? [] }),
        ]
        return (snapshot, data)
    }

    private func ask(_ what: String, _ path: APIPath, accepting: Set<Int> = []) throws(Failure) -> JSONValue? {
        guard !refused.contains(what) else { return nil }
        let reply: Reply = try server.call("look at the \(what)", .get, path.text, accepting: accepting.union([403]))
        guard reply.status != 403 else {
            refused.insert(what)
            return nil
        }
        return reply.status == 404 ? nil : reply.data
    }

    /// The agents that may use something: those that work come first.
    private static func interesting(_ agents: JSONValue) -> [String] {
        let all: [JSONValue] = agents["agents"]?.arrayValue ?? []
        let working: [JSONValue] = all.filter { AgentCommands.status(of: $0) == "busy" }
        let others: [JSONValue] = all.filter { AgentCommands.status(of: $0) != "busy" }
        return (working + others).prefix(detailLimit).compactMap { $0["id"]?.stringValue }
    }

    /// What the list says of an agent, with its usage.
    private static func joined(_ agent: JSONValue, _ details: [String: JSONValue]) -> JSONValue {
        guard case .object(var object) = agent, let id: String = agent["id"]?.stringValue, let more = details[id] else {
            return agent
        }
        if let health: JSONValue = more["health"] { object["health"] = health }
        if let statistics: JSONValue = more["statistics"] { object["statistics"] = statistics }
        return .object(object)
    }
}
