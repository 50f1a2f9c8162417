internal import MAOSCore

/// What is below `/budgets`.
enum GatewayBudgetEndpoint: Sendable, Hashable {
    case projects, project

    /// What a path below the collection leads to, and the name in it.
    static func at(_ path: [String]) -> (GatewayBudgetEndpoint, id: String)? {
        guard path.first == "projects" else { return nil }
        switch path.count {
        case 1: return (.projects, "")
        case 2: return (.project, path[1])
        default: return nil
        }
    }

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (_, .get): .resourcesRead
        case (.project, .put), (.project, .delete): .resourcesQuota
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .projects: "GET, HEAD"
        case .project: "GET, HEAD, PUT, DELETE"
        }
    }
}

/// What to do with accounts that were asked for.
enum GatewayBudgetPurpose: Sendable {
    case show
    case list(page: Int, limit: Int)
}

/// The accounts of projects.
extension GatewayREST {
    func handleBudgets(
        _ endpoint: GatewayBudgetEndpoint, _ method: HTTPMethod, _ name: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        func ask(_ command: BudgetCommand, _ purpose: GatewayBudgetPurpose) -> GatewayAction {
            .submit(.budget(command), pending(.budget(purpose), name, context))
        }
        do throws(GatewayFailure) {
            switch (endpoint, method) {
            case (.projects, _):
                var query = GatewayQuery(request.head.target)
                let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
                let limit: Int = query.integer("limit", 1...1_000) ?? 50
                if let failure: GatewayFailure = query.failure { throw failure }
                return ask(.list, .list(page: page, limit: limit))
            case (.project, .put):
                try checkContentType(request)
                let wanted = try GatewayMessages.decodeSetBudget(request.body)
                return ask(.set(project: name, wanted.ceiling, countsAnew: wanted.countsAnew), .show)
            case (.project, .delete):
                return ask(.close(project: name), .show)
            case (.project, _):
                return ask(.show(project: name), .show)
            }
        } catch {
            return fail(error, context, now)
        }
    }

    /// Answers with accounts.
    func respond(
        _ standings: [BudgetStanding], _ purpose: GatewayBudgetPurpose, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        switch purpose {
        case .show:
            guard let standing: BudgetStanding = standings.first else { return fail(.internalError, context, now) }
            return respond(.ok, context, now) { GatewayProjection.write(standing, to: &$0) }
        case .list(let page, let limit):
            let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: standings.count)
            let shown: ArraySlice<BudgetStanding> = standings.dropFirst((page - 1) * limit).prefix(limit)
            return respond(.ok, context, now, capacity: 512 + shown.count * 512, pagination: pagination) {
                (writer: inout JSONWriter) in
                writer.beginObject()
                writer.beginArray("budgets")
                for standing: BudgetStanding in shown { GatewayProjection.write(standing, to: &writer) }
                writer.endArray()
                pagination.write(to: &writer)
                writer.endObject()
            }
        }
    }
}

extension GatewayProjection {
    /// Writes a project's account.
    static func write(_ standing: BudgetStanding, to writer: inout JSONWriter) {
        let account: BudgetAccount = standing.account
        writer.beginObject()
        writer.member("project", account.account)
        writer.key("ceiling")
        write(account.ceiling, to: &writer)
        writer.key("settled")
        write(account.settled, to: &writer)
        writer.key("underWay")
        write(standing.taken, to: &writer)
        writer.beginObject("remaining")
        for part: BudgetPart in BudgetPart.allCases { write(part, standing.remaining(part), to: &writer) }
        writer.endObject()
        writer.member("attempts", account.attempts)
        writer.member("attemptsUnderWay", standing.attempts)
        writer.member("since", timestamp: account.since.milliseconds)
        writer.member("updatedAt", timestamp: account.updatedAt.milliseconds)
        writer.memberIfPresent("closedAt", timestamp: account.endedAt?.milliseconds)
        writer.member("setBy", account.setBy)
        writer.endObject()
    }

    /// Writes ceilings.
    static func write(_ budget: Budget, to writer: inout JSONWriter) {
        writer.beginObject()
        for part: BudgetPart in BudgetPart.allCases { write(part, budget[part], to: &writer) }
        writer.endObject()
    }

    /// Writes what was used.
    static func write(_ usage: Usage, to writer: inout JSONWriter) {
        writer.beginObject()
        for part: BudgetPart in BudgetPart.allCases { write(part, usage[part], to: &writer) }
        writer.member("tokens", usage.tokens)
        writer.endObject()
    }

    static func write(_ part: BudgetPart, _ amount: Int64?, to writer: inout JSONWriter) {
        guard let amount else { return }
        if part == .cost {
            // A double has the fifteen digits that an amount may have.
            writer.member(part.name, Double(amount) / 1_000_000)
        } else {
            writer.member(part.name, amount)
        }
    }
}

extension GatewayTextBuilder {
    /// Appends a member of a task that is written as JSON elsewhere, too.
    mutating func member(_ name: String, _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(reservingCapacity: 96)
        body(&writer)
        word(",\"\(name)\":")
        raw(writer.takeText())
    }
}
