package import MAOSCore

/// What is below `/agent-pools`.
enum GatewayPoolEndpoint: Sendable, Hashable {
    case pools, pool, scale, autoscaling

    /// What a path below the collection leads to, and the identifier in it.
    static func at(_ path: [String]) -> (GatewayPoolEndpoint, id: String)? {
        switch path.count {
        case 0: (.pools, "")
        case 1: (.pool, path[0])
        case 2 where path[1] == "scale": (.scale, path[0])
        case 2 where path[1] == "autoscaling": (.autoscaling, path[0])
        default: nil
        }
    }

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (.pools, .get), (.pool, .get): .poolsRead
        case (.pools, .post), (.pool, .delete), (.scale, .post), (.autoscaling, .put): .poolsScale
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .pools: "GET, HEAD, POST"
        case .pool: "GET, HEAD, DELETE"
        case .scale: "POST"
        case .autoscaling: "PUT"
        }
    }
}

/// What to do with the outcome of an action about pools.
enum GatewayPoolPurpose: Sendable {
    case create
    /// Answers with the whole pool.
    case show
    case showAutoscaling
    case delete
    case list(page: Int, limit: Int)
    /// The request is broken, but a pool that does not exist comes first.
    case refuseUnlessMissing(GatewayFailure)
}

/// Everything below `/agent-pools`.
extension GatewayREST {
    func handlePools(
        _ endpoint: GatewayPoolEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        func submit(_ command: PoolCommand, _ purpose: GatewayPoolPurpose) -> GatewayAction {
            .submit(.pool(command), pending(.pool(purpose), text, context))
        }
        if endpoint == .pools, method != .post { return listPools(request, context, now) }
        guard let id: PoolID = endpoint == .pools ? .onDemand : PoolID(text) else {
            return fail(.notFound("pool", id: text), context, now)
        }
        if endpoint == .pool {
            if method == .delete { return submit(.delete(id), .delete) }
            return .read(.entity(.pool, id: text), pending(.pool(.show), text, context))
        }
        do throws(GatewayFailure) {
            try checkContentType(request)
            switch endpoint {
            case .scale:
                let wanted = try GatewayMessages.decodeScalePool(request.body)
                return submit(
                    .scale(id, to: wanted.size, graceful: wanted.isGraceful, reason: wanted.reason), .show)
            case .autoscaling:
                return submit(
                    .autoscale(id, try GatewayMessages.decodeAutoscaling(request.body)), .showAutoscaling)
            default:
                let command: Command = .pool(.create(try GatewayMessages.decodeCreatePool(request.body)))
                return .submit(
                    try once(command, request, doing: "create pool"), pending(.pool(.create), text, context))
            }
        } catch {
            if endpoint == .pools { return fail(error, context, now) }
            return .read(.entity(.pool, id: text), pending(.pool(.refuseUnlessMissing(error)), text, context))
        }
    }

    private func listPools(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        let limit: Int = query.integer("limit", 1...1_000) ?? 50
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        // All of them, because the one on demand may have no row: there are not many.
        var wanted = EntityQuery(.pool)
        wanted.isLiveOnly = true
        wanted.isOldestFirst = true
        wanted.limit = 100_000
        return .read(.entities(wanted), pending(.pool(.list(page: page, limit: limit)), "", context))
    }

    // MARK: Answers

    func complete(_ pending: GatewayPending, with pool: PoolRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch pending.purpose {
        case .pool(.create):
            return respond(.created, context, now, capacity: 2_048) {
                projection.write(pool, for: context.principal, to: &$0)
            }
        case .pool(.showAutoscaling):
            return respond(.ok, context, now) { GatewayProjection.writeAutoscaling(pool, to: &$0) }
        case .pool(.refuseUnlessMissing(let failure)):
            return fail(failure, context, now)
        case .pool(.delete):
            return respond(.ok, context, now) { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("poolId", pool.id.rawValue)
                writer.member("deleted", true)
                writer.endObject()
            }
        default:
            return respond(.ok, context, now, capacity: 2_048) {
                projection.write(pool, for: context.principal, to: &$0)
            }
        }
    }

    /// Goes on when the row of a pool has been read, if there is one.
    func completePool(_ pending: GatewayPending, found row: EntityRow?, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        var found: PoolRecord? = record(row)
        if row == nil, pending.id == PoolID.onDemand.rawValue { found = onDemandPool }
        guard let pool: PoolRecord = found, pool.endedAt == nil, isInReach(pool, context) else {
            return fail(.notFound("pool", id: pending.id), context, now)
        }
        return complete(pending, with: pool, now)
    }

    /// Answers with a page of pools.
    func respondPools(
        _ found: EntityPage, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var pools: [PoolRecord] = found.rows.compactMap { record($0) }
        if !pools.contains(where: { $0.id == .onDemand }) { pools.insert(onDemandPool, at: 0) }
        pools.removeAll { !isInReach($0, context) }
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: pools.count)
        let (start, overflow) = (page - 1).multipliedReportingOverflow(by: limit)
        let shown: ArraySlice<PoolRecord> = overflow ? [] : pools.dropFirst(start).prefix(limit)
        return respond(.ok, context, now, capacity: 512 + shown.count * 1_024, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("pools")
            for pool: PoolRecord in shown { projection.write(pool, for: context.principal, to: &writer) }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    private func isInReach(_ pool: PoolRecord, _ context: GatewayContext) -> Bool {
        guard context.principal.task == nil else { return false }
        // The one on demand works for everybody.
        return pool.id == .onDemand || context.principal.reaches(project: pool.project)
    }

    private var onDemandPool: PoolRecord {
        PoolRecord.onDemand(configuration.onDemand, createdAt: environment.startedAt)
    }
}

extension GatewayProjection {
    /// Writes a `PoolStatusResponse`.
    func write(_ pool: PoolRecord, for principal: Principal, to writer: inout JSONWriter) {
        var query = AgentQuery()
        query.limit = .max
        let agents: [AgentRecord] = view.agents(query).filter { (agent: AgentRecord) in
            guard agent.status != .stopping else { return false }
            return agent.pool == pool.id.rawValue || (pool.id == .onDemand && agent.origin == .onDemand)
        }
        let slots: Int = agents.reduce(0) { $0 + $1.specification.maximumConcurrentTasks }
        let busy: Int = agents.reduce(0) { $0 + $1.state.currentTasks.count }
        let unhealthy: Int = agents.count { $0.status == .error }
        let health: HealthStatus =
            unhealthy == 0 ? .healthy : unhealthy == agents.count ? .unhealthy : .degraded
        let isOnDemand: Bool = pool.mode == .onDemand
        writer.beginObject()
        writer.member("id", pool.id.rawValue)
        writer.member("name", pool.name)
        writer.member("type", pool.mode == .fixed ? "fixed" : "autoscaling")
        writer.beginObject("capacity")
        writer.member("min", pool.minimum)
        writer.member("max", pool.maximum)
        writer.member("current", agents.count)
        writer.member("target", isOnDemand ? max(pool.target, agents.count) : pool.target)
        writer.endObject()
        writer.beginArray("agents")
        for agent: AgentRecord in agents { writeSummary(agent, for: principal, to: &writer) }
        writer.endArray()
        writer.member("utilization", slots == 0 ? 0 : min(1, Double(busy) / Double(slots)))
        writer.beginObject("health")
        writer.member("status", health.name)
        writer.member("healthyAgents", agents.count - unhealthy)
        writer.member("unhealthyAgents", unhealthy)
        writer.memberIfPresent("lastScaledAt", timestamp: pool.lastScaledAt?.milliseconds)
        writer.endObject()
        writer.member("mode", isOnDemand ? "on_demand" : pool.mode == .fixed ? "fixed" : "autoscaling")
        writer.member("agentType", pool.template.type.name)
        writer.member("agentCapabilities", pool.template.capabilities.map(\.name))
        writer.key("autoscaling")
        GatewayProjection.writeAutoscaling(pool, to: &writer)
        writer.member("owner", pool.holder.owner)
        writer.memberIfPresent("project", pool.project)
        writer.member("configured", pool.configured != nil)
        writer.memberIfPresent("error", pool.error)
        writer.member("createdAt", timestamp: pool.createdAt.milliseconds)
        writer.member("updatedAt", timestamp: pool.updatedAt.milliseconds)
        writer.endObject()
    }

    /// Writes an `AutoscalingConfig`.
    static func writeAutoscaling(_ pool: PoolRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("enabled", pool.mode == .autoscaling)
        writer.member("minSize", pool.minimum)
        writer.member("maxSize", pool.maximum)
        writer.member("targetUtilization", pool.autoscaling.targetUtilization)
        writer.member("scaleUpThreshold", pool.autoscaling.scaleUpThreshold)
        writer.member("scaleDownThreshold", pool.autoscaling.scaleDownThreshold)
        let seconds: Double = Double(pool.autoscaling.cooldown.count) / 1_000
        writer.member("cooldownPeriod", seconds)
        if let idle: Milliseconds = pool.autoscaling.idleTime {
            writer.member("idlePeriod", Double(idle.count) / 1_000)
        }
        writer.endObject()
    }
}

extension GatewayMessages {
    private static let size: Constraint = .integer(0...1_000_000)
    private static let share: Constraint = .number(0...1)
    private static let cooldown: Constraint = .number(0...86_400)

    /// The body of `POST /api/v1/agent-pools/{id}/scale`.
    package static let scalePool = MessageSchema(
        "ScalePoolRequest",
        [
            .required("targetSize", size, "Agents that it is to have."),
            .optional("reason", .string(freeText), "Why, for people."),
            .optional("graceful", .boolean, "Whether agents that are too many finish their tasks; true by default."),
        ])

    /// The body of `PUT /api/v1/agent-pools/{id}/autoscaling`.
    package static let autoscalingConfig = MessageSchema(
        "AutoscalingConfig",
        [
            .required("enabled", .boolean, "Whether its size goes by how busy its agents are."),
            .required("minSize", size, "Agents it has at least."),
            .required("maxSize", size, "Agents it has at most."),
            .required("targetUtilization", share, "What a change aims at."),
            .required("scaleUpThreshold", share, "Above it the pool grows."),
            .required("scaleDownThreshold", share, "Below it the pool shrinks."),
            .required("cooldownPeriod", cooldown, "Seconds between two changes at least."),
            .optional(
                "idlePeriod", .number(1...86_400),
                "Seconds after which agents without work go, in place of scaleDownThreshold."),
        ])

    /// How a new pool changes its size by itself; its bounds are those of the pool.
    private static let poolAutoscaling = MessageSchema(
        "PoolAutoscaling", autoscalingConfig.fields.map { .optional($0.name, $0.constraint, $0.summary) })

    /// The body of `POST /api/v1/agent-pools`.
    package static let createPool = MessageSchema(
        "CreatePoolRequest",
        [
            .required("name", .string(1...200), "The name that people see."),
            .required("type", .enumeration(["fixed", "autoscaling"]), "What decides its size."),
            .required("minSize", size, "Agents it has at least."),
            .required("maxSize", size, "Agents it has at most."),
            .optional("targetSize", size, "Agents it has at first; minSize by default."),
            .optional("agentType", .enumeration(GatewayVocabulary.agentTypes), "Their role; coder by default."),
            .optional("capabilities", capabilities, "What they can do; a string stands for an object with that name."),
            .optional("resources", .object(resourceRequirements), "What each may use."),
            .optional("maxConcurrentTasks", .integer(1...1_000), "Tasks that each works on at a time; 1 by default."),
            .optional("autoscaling", .object(poolAutoscaling), "When it grows and shrinks."),
        ])

    /// Reads the body of a scaling.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeScalePool(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> (size: Int, isGraceful: Bool, reason: String?) {
        let object: JSONObject = try decode(body, scalePool)
        return (
            object["targetSize"]?.intValue ?? 0, object["graceful"]?.boolValue ?? true, object["reason"]?.stringValue
        )
    }

    /// Reads the body of a change of autoscaling.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeAutoscaling(_ body: [UInt8]) throws(GatewayFailure) -> AutoscalingChange {
        let object: JSONObject = try decode(body, autoscalingConfig)
        return AutoscalingChange(
            isEnabled: object["enabled"]?.boolValue ?? false, minimum: object["minSize"]?.intValue ?? 0,
            maximum: object["maxSize"]?.intValue ?? 0, settings: settings(.object(object)))
    }

    /// Reads the body of a creation.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeCreatePool(_ body: [UInt8]) throws(GatewayFailure) -> PoolSpecification {
        let object: JSONObject = try decode(body, createPool)
        var template = AgentSpecification(
            type: object["agentType"]?.stringValue.flatMap(AgentType.init(name:)) ?? .coder)
        if let names: JSONValue = object["capabilities"] { template.capabilities = capabilities(names) }
        if let resources: JSONValue = object["resources"] { template.resources = self.resources(resources) }
        if let slots: Int = object["maxConcurrentTasks"]?.intValue { template.maximumConcurrentTasks = slots }
        var specification = PoolSpecification(
            name: object["name"]?.stringValue ?? "", minimum: object["minSize"]?.intValue ?? 0,
            maximum: object["maxSize"]?.intValue ?? 0, target: object["targetSize"]?.intValue, template: template)
        if object["type"]?.stringValue == "autoscaling" {
            specification.autoscaling = settings(object["autoscaling"] ?? .object([:]))
        }
        return specification
    }

    private static func settings(_ value: JSONValue) -> Autoscaling {
        var settings = Autoscaling()
        if let share: Double = value["targetUtilization"]?.doubleValue { settings.targetUtilization = share }
        if let share: Double = value["scaleUpThreshold"]?.doubleValue { settings.scaleUpThreshold = share }
        if let share: Double = value["scaleDownThreshold"]?.doubleValue { settings.scaleDownThreshold = share }
        if let seconds: Double = value["cooldownPeriod"]?.doubleValue {
            settings.cooldown = Milliseconds(Int64((seconds * 1_000).rounded()))
        }
        settings.idleTime = value["idlePeriod"]?.doubleValue.map { Milliseconds(Int64(($0 * 1_000).rounded())) }
        return settings
    }
}
