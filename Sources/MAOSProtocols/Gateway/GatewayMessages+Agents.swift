package import MAOSCore

extension GatewayMessages {
    private static let quantity: Constraint = .number(0 ... .greatestFiniteMagnitude)

    /// A capability in its long form.
    package static let capability = MessageSchema(
        "Capability",
        [
            .required("name", .string(1...100), "The word that tasks ask for it by."),
            .optional("proficiency", .number(0...1), "How good it is at it; 0.5 by default."),
            .optional("learningRate", .number(0...1), "How far an outcome moves the proficiency; 0.1 by default."),
        ])

    /// Capabilities, each as a name or in its long form.
    static let capabilities: Constraint = .array(
        of: .either([.string(1...100), .object(capability)]), count: 0...1_000)

    /// What an agent may use of the network.
    package static let networkRequirements = MessageSchema(
        "NetworkRequirements",
        [
            .optional("bandwidthMbps", quantity, "Bandwidth in megabits a second."),
            .optional("maxLatencyMs", quantity, "The longest latency in milliseconds."),
            .optional("ports", .array(of: .integer(1...65_535), count: 0...1_000), "Ports that it listens on."),
        ])

    /// What an agent may use.
    package static let resourceRequirements = MessageSchema(
        "ResourceRequirements",
        [
            .required("cpu", quantity, "Cores."),
            .required("memory", quantity, "Megabytes of memory."),
            .optional("gpu", quantity, "Graphics devices."),
            .optional("storage", quantity, "Megabytes of storage."),
            .optional("network", .object(networkRequirements), "What it needs of the network."),
        ])

    /// How an agent works.
    package static let agentConfig = MessageSchema(
        "AgentConfig",
        [
            .optional("model", .string(1...200), "The language model that its runner uses."),
            .optional("workspace", .string(1...4_096, .processText), "The folder that its processes start in."),
            .optional("environment", environment, "Environment variables of its processes."),
            .optional("maxConcurrentTasks", .integer(1...1_000), "Tasks that it works on at a time; 1 by default."),
            .optional("commandTimeout", .integer(timeouts), "How long one command may take, in milliseconds."),
            .optional(
                "heartbeatInterval", .integer(1_000...3_600_000), "How often it must be heard of, in milliseconds."),
            .optional("settings", freeObject, "Whatever its runner should know."),
            .optional("terminal", .boolean, "Whether it has a resident process on a terminal of its own."),
        ])

    /// The body of `POST /api/v1/agents`.
    package static let spawnAgent = MessageSchema(
        "SpawnAgentRequest",
        [
            .required("type", .enumeration(GatewayVocabulary.agentTypes), "The role that it plays."),
            .optional("name", .string(0...200), "The name that people see."),
            .optional("capabilities", capabilities, "What it can do; a string stands for an object with that name."),
            .optional("configuration", .object(agentConfig), "How it works."),
            .optional("resources", .object(resourceRequirements), "What it may use."),
        ])

    /// The body of `PATCH /api/v1/agents/{id}/config`.
    package static let updateAgentConfig = MessageSchema(
        "UpdateAgentConfigRequest",
        [
            .optional("resources", .object(resourceRequirements), "Replaces what it may use."),
            .optional(
                "capabilities", capabilities,
                "Replaces what it can do; what is only named stays as it is where the agent has it."),
            .optional("configuration", .object(agentConfig), "Changes these parts of how it works."),
        ])

    /// Reads the body of a spawn.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - root: The folder inside which a workspace may be chosen; `nil` for anywhere.
    /// - Returns: What is asked for.
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeSpawnAgent(
        _ body: [UInt8], workspaceRoot root: String?
    ) throws(GatewayFailure) -> AgentSpecification {
        let object: JSONObject = try decode(body, spawnAgent)
        guard let type: AgentType = object["type"]?.stringValue.flatMap(AgentType.init(name:)) else {
            throw .internalError
        }
        var specification = AgentSpecification(type: type)
        if let name: String = object["name"]?.stringValue, !name.isEmpty { specification.name = name }
        if let names: JSONValue = object["capabilities"] { specification.capabilities = capabilities(names) }
        if let resources: JSONValue = object["resources"] { specification.resources = self.resources(resources) }
        guard let configuration: JSONValue = object["configuration"] else { return specification }
        specification.model = configuration["model"]?.stringValue
        specification.workspace = try workspace(configuration, root: root)
        specification.environment = strings(configuration["environment"])
        if let maximum: Int = configuration["maxConcurrentTasks"]?.intValue {
            specification.maximumConcurrentTasks = maximum
        }
        specification.commandTimeout = duration(configuration["commandTimeout"])
        if let interval: Milliseconds = duration(configuration["heartbeatInterval"]) {
            specification.heartbeatInterval = interval
        }
        if let settings: JSONValue = configuration["settings"] { specification.settings = JSONText(settings) }
        specification.resident = configuration["terminal"]?.boolValue == true ? .terminal : .none
        return specification
    }

    /// Reads the body of a change of configuration; one that changes nothing is a mistake.
    ///
    /// - Parameters:
    ///   - body: The request's body.
    ///   - root: The folder inside which a workspace may be chosen; `nil` for anywhere.
    /// - Returns: What is to change.
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeUpdateAgentConfig(
        _ body: [UInt8], workspaceRoot root: String?
    ) throws(GatewayFailure) -> AgentChange {
        let object: JSONObject = try decode(body, updateAgentConfig)
        let known: [String] = updateAgentConfig.fields.map(\.name)
        guard known.contains(where: { object[$0] != nil }) else {
            throw .invalid([
                ValidationIssue(
                    path: [], code: .required, message: "must have at least one of \(known.joined(separator: ", "))",
                    expected: known.joined(separator: ", "))
            ])
        }
        var change = AgentChange()
        if let wanted: JSONValue = object["capabilities"] {
            change.capabilities = capabilities(wanted)
            change.keptCapabilities = namesOnly(wanted)
        }
        if let resources: JSONValue = object["resources"] { change.resources = self.resources(resources) }
        guard let configuration: JSONValue = object["configuration"] else { return change }
        change.model = configuration["model"]?.stringValue
        change.workspace = try workspace(configuration, root: root)
        if let environment: JSONValue = configuration["environment"] { change.environment = strings(environment) }
        change.maximumConcurrentTasks = configuration["maxConcurrentTasks"]?.intValue
        change.commandTimeout = duration(configuration["commandTimeout"])
        change.heartbeatInterval = duration(configuration["heartbeatInterval"])
        if let settings: JSONValue = configuration["settings"] { change.settings = JSONText(settings) }
        return change
    }

    static func capabilities(_ names: JSONValue) -> [Capability] {
        var seen: Set<String> = []
        var capabilities: [Capability] = []
        for value: JSONValue in names.arrayValue ?? [] {
            guard let name: String = value.stringValue ?? value["name"]?.stringValue, seen.insert(name).inserted else {
                continue
            }
            var capability = Capability(name: name)
            if let proficiency: Double = value["proficiency"]?.doubleValue { capability.proficiency = proficiency }
            if let rate: Double = value["learningRate"]?.doubleValue { capability.learningRate = rate }
            capabilities.append(capability)
        }
        return capabilities
    }

    /// The capabilities of which nothing but the name is said.
    private static func namesOnly(_ wanted: JSONValue) -> Set<String> {
        var names: Set<String> = []
        for value: JSONValue in wanted.arrayValue ?? []
        where value["proficiency"] == nil && value["learningRate"] == nil {
            if let name: String = value.stringValue ?? value["name"]?.stringValue { names.insert(name) }
        }
        return names
    }

    private static func duration(_ value: JSONValue?) -> Milliseconds? {
        value?.intValue.map { Milliseconds(Int64($0)) }
    }

    static func resources(_ value: JSONValue) -> ResourceRequirements {
        ResourceRequirements(
            cpu: value["cpu"]?.doubleValue ?? 0, memory: value["memory"]?.doubleValue ?? 0,
            gpu: value["gpu"]?.doubleValue, storage: value["storage"]?.doubleValue,
            network: value["network"].map { JSONText($0) })
    }

    /// The chosen workspace, as a path inside the root; what would lead out of it is refused.
    private static func workspace(_ configuration: JSONValue, root: String?) throws(GatewayFailure) -> String? {
        guard let path: String = configuration["workspace"]?.stringValue else { return nil }
        guard let root else { return path }
        let isInside: Bool = path == root || path.hasPrefix(root.hasSuffix("/") ? root : root + "/")
        let climbs: Bool = path.split(separator: "/").contains("..")
        if !climbs, isInside { return path }
        if !climbs, !path.hasPrefix("/") { return root.hasSuffix("/") ? root + path : "\(root)/\(path)" }
        throw .invalid([
            ValidationIssue(
                path: [.key("configuration"), .key("workspace")], code: .unacceptable,
                message: "must be a folder inside the server's workspace folder",
                expected: "a relative path without ..", value: .string(String(path.prefix(100))))
        ])
    }
}
