internal import MAOSCore

/// `/limits`: what concurrency keys and projects keep to at the moment.
extension GatewayREST {
    func handleLimits(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        let limit: Int = query.integer("limit", 1...1_000) ?? 50
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        return .submit(
            .resource(.showLimits),
            pending(.resource(.limits(page: page, limit: limit)), "", context))
    }

    func respond(
        _ report: LimitReport, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: report.keys.count)
        let keys: ArraySlice<LimitReport.Key> = report.keys.dropFirst((page - 1) * limit).prefix(limit)
        return respond(
            .ok, context, now, capacity: 512 + keys.count * 128 + report.projects.count * 64, pagination: pagination
        ) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("concurrencyKeys")
            for key: LimitReport.Key in keys { GatewayREST.write(key, to: &writer) }
            writer.endArray()
            writer.beginObject("otherKeys")
            GatewayREST.writeMembers(of: report.others, to: &writer)
            writer.endObject()
            writer.beginArray("projects")
            for project: LimitReport.Project in report.projects {
                writer.beginObject()
                writer.memberIfPresent("project", project.name)
                writer.member("weight", project.weight)
                writer.member("waiting", project.waiting)
                writer.endObject()
            }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    private static func write(_ key: LimitReport.Key, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("concurrencyKey", key.name)
        writer.member("configured", key.isConfigured)
        writeMembers(of: key.limit, to: &writer)
        writer.memberIfPresent("underWay", key.underWay)
        writer.member("waiting", key.waiting)
        writer.memberIfPresent("until", timestamp: key.opensAt?.milliseconds)
        writer.endObject()
    }

    private static func writeMembers(of limit: ConcurrencyLimit, to writer: inout JSONWriter) {
        writer.memberIfPresent("limit", limit.limit)
        guard let rate: ConcurrencyLimit.Rate = limit.rate else { return }
        writer.beginObject("rate")
        writer.member("count", rate.count)
        writer.member("perSeconds", Double(rate.period.count) / 1_000)
        writer.endObject()
    }
}
