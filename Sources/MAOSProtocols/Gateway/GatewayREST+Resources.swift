internal import MAOSCore

/// What is below `/resources`.
enum GatewayResourceEndpoint: Sendable, Hashable {
    case allocate, usage, quotas, allocations, allocation
    /// At `/limits`, not below `/resources`.
    case limits

    /// What a path below the collection leads to, and the identifier in it.
    static func at(_ path: [String]) -> (GatewayResourceEndpoint, id: String)? {
        switch path.first {
        case "allocate"? where path.count == 1: (.allocate, "")
        case "usage"? where path.count == 1: (.usage, "")
        case "quotas"? where path.count == 1: (.quotas, "")
        case "allocations"? where path.count == 1: (.allocations, "")
        case "allocations"? where path.count == 2: (.allocation, path[1])
        default: nil
        }
    }

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (.allocate, .post): .resourcesAllocate
        case (.usage, .get), (.limits, .get), (.quotas, .get), (.allocations, .get), (.allocation, .get): .resourcesRead
        case (.quotas, .put): .resourcesQuota
        case (.allocation, .delete): .resourcesRelease
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .allocate: "POST"
        case .usage, .limits, .allocations: "GET, HEAD"
        case .quotas: "GET, HEAD, PUT"
        case .allocation: "GET, HEAD, DELETE"
        }
    }
}

/// What to do with the outcome of an action about resources.
enum GatewayResourcePurpose: Sendable {
    case allocate
    case release
    case showUsage
    case quotas
    case show
    case list(page: Int, limit: Int)
    case limits(page: Int, limit: Int)
}

/// Everything below `/resources`.
extension GatewayREST {
    func handleResources(
        _ endpoint: GatewayResourceEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        func submit(_ command: ResourceCommand, _ purpose: GatewayResourcePurpose) -> GatewayAction {
            .submit(.resource(command), pending(.resource(purpose), text, context))
        }
        switch (endpoint, method) {
        case (.usage, _): return submit(.showUsage, .showUsage)
        case (.limits, _): return handleLimits(request, context, now)
        case (.quotas, .get): return submit(.showQuotas, .quotas)
        case (.allocations, _): return listAllocations(request, context, now)
        case (.allocation, _):
            guard let id = AllocationID(text) else { return fail(.notFound("allocation", id: text), context, now) }
            if method == .delete { return submit(.release(id), .release) }
            return .read(.entity(.allocation, id: text), pending(.resource(.show), text, context))
        case (.allocate, _), (.quotas, _):
            do throws(GatewayFailure) {
                try checkContentType(request)
                if endpoint == .quotas {
                    return submit(.setQuotas(try GatewayMessages.decodeResourceQuotas(request.body)), .quotas)
                }
                return submit(.allocate(try GatewayMessages.decodeAllocateResources(request.body)), .allocate)
            } catch {
                return fail(error, context, now)
            }
        }
    }

    private func listAllocations(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction
    {
        var query = GatewayQuery(request.head.target)
        let name: String? = query.choice("status", among: AllocationStatus.allCases.map(\.name))
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        let limit: Int = query.integer("limit", 1...1_000) ?? 50
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        guard context.principal.task == nil else { return fail(.forbidden(.resourcesRead), context, now) }
        var wanted = EntityQuery(.allocation)
        let status: AllocationStatus = AllocationStatus.allCases.first { $0.name == name } ?? .active
        wanted.statuses = 1 << UInt64(status.rawValue)
        wanted.projects = context.principal.projects
        wanted.offset = (page - 1) * limit
        wanted.limit = limit
        return .read(.entities(wanted), pending(.resource(.list(page: page, limit: limit)), "", context))
    }

    // MARK: Answers

    func complete(_ pending: GatewayPending, with allocation: AllocationRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch pending.purpose {
        case .resource(.allocate):
            return respond(.created, context, now) { GatewayProjection.writeAllocated(allocation, to: &$0) }
        case .resource(.release):
            return respond(.ok, context, now) { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("allocationId", allocation.id.rawValue)
                writer.member("released", true)
                writer.endObject()
            }
        default:
            return respond(.ok, context, now) { GatewayProjection.writeSummary(allocation, to: &$0) }
        }
    }

    func respond(_ report: ResourceReport, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.ok, context, now, capacity: 1_024 + report.allocations.count * 512) {
            GatewayProjection.write(report, to: &$0)
        }
    }

    func respond(_ report: QuotaReport, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.ok, context, now, capacity: 512 + report.entries.count * 256) {
            GatewayProjection.write(report, to: &$0)
        }
    }

    /// Goes on when the row of an allocation has been read, if there is one.
    func completeAllocation(_ pending: GatewayPending, found row: EntityRow?, _ now: Instant) -> GatewayAction {
        guard let allocation: AllocationRecord = record(row), pending.context.principal.task == nil,
            pending.context.principal.reaches(project: allocation.project)
        else { return fail(.notFound("allocation", id: pending.id), pending.context, now) }
        return complete(pending, with: allocation, now)
    }

    /// Answers with a page of allocations.
    func respondAllocations(
        _ found: EntityPage, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: found.total)
        return respond(.ok, context, now, capacity: 512 + found.rows.count * 512, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("allocations")
            for row: EntityRow in found.rows {
                if let allocation: AllocationRecord = record(row) {
                    GatewayProjection.writeSummary(allocation, to: &writer)
                }
            }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }
}

extension GatewayFailure {
    /// A quota or the host's capacity does not allow for more (409).
    init(_ shortage: Shortage) {
        var members: JSONObject = [
            "reason": .string(shortage.key == nil ? "capacity" : "quota"), "resource": .string(shortage.resource),
            "limit": JSONValue(shortage.limit), "inUse": JSONValue(shortage.inUse),
            "requested": JSONValue(shortage.requested),
        ]
        if let key: QuotaKey = shortage.key {
            members["scope"] = .string(key.scope.name)
            members["id"] = .string(key.id)
        }
        self.init(.conflict, shortage.message, details: .members(members))
    }
}
