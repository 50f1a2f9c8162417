package import MAOSCore

extension GatewayMessages {
    private static let amount: Constraint = .number(0...ResourceAmounts.limit)

    /// A constraint of an allocation.
    package static let resourceConstraint = MessageSchema(
        "ResourceConstraint",
        [
            .required("type", .string(1...100), "exclusive, affinity, zone or another word."),
            .optional("value", .any, "What is asked for; for exclusive, true."),
            .optional("hard", .boolean, "Whether it has to be kept; true by default."),
        ])

    /// The body of `POST /api/v1/resources/allocate`.
    package static let allocateResources = MessageSchema(
        "AllocateResourcesRequest",
        [
            .required("requestId", .string(1...255), "The same one again is answered with the first allocation."),
            .required("requirements", .object(allocationRequirements), "How much of each resource."),
            .required("priority", .enumeration(GatewayVocabulary.priorities), "How urgent it is."),
            .optional("duration", .number(1...31_536_000), "Seconds after which it ends by itself."),
            .optional(
                "constraints", .array(of: .object(resourceConstraint), count: 0...100), "What it has to keep to."),
            .optional("project", .string(1...200), "The project that it counts against."),
        ])

    /// How much of each resource an allocation takes.
    private static let allocationRequirements = MessageSchema(
        "AllocationRequirements",
        [
            .required("cpu", amount, "Cores."),
            .required("memory", amount, "Megabytes of memory."),
            .optional("gpu", amount, "Graphics devices."),
            .optional("storage", amount, "Megabytes of storage."),
            .optional("network", .object(networkRequirements), "What it needs of the network."),
        ])

    /// How much one user, team or project may have.
    package static let resourceLimits = MessageSchema(
        "ResourceLimits",
        [
            .optional("cpu", amount, "Cores."),
            .optional("memory", amount, "Megabytes of memory."),
            .optional("gpu", amount, "Graphics devices."),
            .optional("storage", amount, "Megabytes of storage."),
            .optional("network", amount, "Megabits a second."),
            .optional("maxAgents", .integer(0...1_000_000_000), "Agents at the same time."),
            .optional("maxTasks", .integer(0...1_000_000_000), "Tasks under way at the same time."),
        ])

    private static let limitsByName: Constraint = .map(
        keys: .quotaName, values: .object(resourceLimits), limit: 10_000)

    /// The body of `PUT /api/v1/resources/quotas`.
    package static let resourceQuotas = MessageSchema(
        "ResourceQuotas",
        [
            .required("user", limitsByName, "Limits by subject."),
            .required("team", limitsByName, "Limits by team."),
            .required("project", limitsByName, "Limits by project."),
        ])

    /// Reads the body of an allocation.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeAllocateResources(_ body: [UInt8]) throws(GatewayFailure) -> AllocationRequest {
        let object: JSONObject = try decode(body, allocateResources)
        let wanted: JSONValue = object["requirements"] ?? .null
        let network: JSONValue? = wanted["network"]
        let amounts = ResourceAmounts(
            cpu: wanted["cpu"]?.doubleValue ?? 0, memory: wanted["memory"]?.doubleValue ?? 0,
            gpu: wanted["gpu"]?.doubleValue ?? 0, storage: wanted["storage"]?.doubleValue ?? 0,
            network: min(network?["bandwidthMbps"]?.doubleValue ?? 0, ResourceAmounts.limit))
        var request = AllocationRequest(requestID: object["requestId"]?.stringValue ?? "", amounts: amounts)
        request.network = network.map { JSONText($0) }
        if let priority: Priority = object["priority"]?.stringValue.flatMap(Priority.init(name:)) {
            request.priority = priority
        }
        if let seconds: Double = object["duration"]?.doubleValue {
            request.duration = Milliseconds(Int64((seconds * 1_000).rounded()))
        }
        if let constraints: JSONValue = object["constraints"] {
            request.constraints = JSONText(constraints)
            request.isExclusive = (constraints.arrayValue ?? []).contains { (constraint: JSONValue) in
                constraint["type"]?.stringValue == "exclusive" && constraint["hard"]?.boolValue != false
                    && constraint["value"]?.boolValue != false
            }
        }
        request.project = object["project"]?.stringValue
        return request
    }

    /// Reads the body of a change of all quotas.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeResourceQuotas(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> [QuotaKey: QuotaLimits] {
        let object: JSONObject = try decode(body, resourceQuotas)
        var quotas: [QuotaKey: QuotaLimits] = [:]
        for scope: QuotaScope in QuotaScope.allCases {
            for member: JSONObject.Member in object[scope.name]?.objectValue ?? [:] {
                var amounts: [ResourceKind: Double] = [:]
                for kind: ResourceKind in ResourceKind.allCases {
                    amounts[kind] = member.value[kind.name]?.doubleValue
                }
                quotas[QuotaKey(scope, member.key)] = QuotaLimits(
                    amounts, agents: member.value["maxAgents"]?.intValue, tasks: member.value["maxTasks"]?.intValue)
            }
        }
        return quotas
    }
}

extension TextFormat {
    /// The name of a user, team or project.
    static let quotaName = TextFormat(expected: "a name of 1 to 200 characters", pattern: "^.{1,200}$") {
        (1...200).contains($0.count)
    }
}
