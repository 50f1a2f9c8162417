internal import MAOSCore

/// What is below `/schedules`.
enum GatewayScheduleEndpoint: Sendable, Hashable {
    case schedules, schedule, pause, resume, run, preview
    /// Of one that does not exist yet.
    case draftPreview

    /// What a path below the collection leads to, and the identifier in it.
    static func at(_ path: [String]) -> (GatewayScheduleEndpoint, id: String)? {
        switch path.count {
        case 0: return (.schedules, "")
        case 1: return path[0] == "preview" ? (.draftPreview, "") : (.schedule, path[0])
        case 2:
            let parts: [String: GatewayScheduleEndpoint] = [
                "pause": .pause, "resume": .resume, "run": .run, "preview": .preview,
            ]
            return parts[path[1]].map { ($0, path[0]) }
        default: return nil
        }
    }

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (.schedules, .get): .tasksList
        case (.schedules, .post): .tasksCreate
        case (.schedule, .get), (.preview, .get), (.draftPreview, .post): .tasksRead
        case (.schedule, .put), (.pause, .post), (.resume, .post), (.run, .post): .tasksUpdate
        case (.schedule, .delete): .tasksCancel
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .schedules: "GET, HEAD, POST"
        case .schedule: "GET, HEAD, PUT, DELETE"
        case .preview: "GET, HEAD"
        case .pause, .resume, .run, .draftPreview: "POST"
        }
    }
}

/// What to do with the outcome of an action about schedules.
enum GatewaySchedulePurpose: Sendable {
    case create
    /// Answers with the whole schedule.
    case change
    case delete
    case show
    case preview(count: Int, after: Instant)
    case list(page: Int, limit: Int)
    /// The request is broken, but a schedule that does not exist comes first.
    case refuseUnlessMissing(GatewayFailure)
}

/// Everything below `/schedules`.
extension GatewayREST {
    func handleSchedules(
        _ endpoint: GatewayScheduleEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        switch (endpoint, method) {
        case (.schedules, .post): return createSchedule(request, context, now)
        case (.schedules, _): return listSchedules(request, context, now)
        case (.draftPreview, _): return previewDraft(request, context, now)
        default: break
        }
        guard let id = ScheduleID(text) else { return fail(.notFound("schedule", id: text), context, now) }
        func change(_ command: ScheduleCommand, _ purpose: GatewaySchedulePurpose = .change) -> GatewayAction {
            .submit(.schedule(command), pending(.schedule(purpose), text, context))
        }
        switch (endpoint, method) {
        case (.schedule, .put): return replaceSchedule(id, request, context, now)
        case (.schedule, .delete): return change(.delete(id), .delete)
        case (.pause, _): return change(.pause(id))
        case (.resume, _): return change(.resume(id))
        case (.run, _): return change(.run(id))
        case (.preview, _): return previewSchedule(id, request, context, now)
        default: return .read(.entity(.schedule, id: text), pending(.schedule(.show), text, context))
        }
    }

    // MARK: Requests

    private func createSchedule(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let command: Command = .schedule(.create(try GatewayMessages.decodeSchedule(request.body)))
            return .submit(
                try once(command, request, doing: "create schedule"), pending(.schedule(.create), "", context))
        } catch {
            return fail(error, context, now)
        }
    }

    private func replaceSchedule(
        _ id: ScheduleID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            return .submit(
                .schedule(.replace(id, try GatewayMessages.decodeSchedule(request.body))),
                pending(.schedule(.change), id.rawValue, context))
        } catch {
            return .read(
                .entity(.schedule, id: id.rawValue),
                pending(.schedule(.refuseUnlessMissing(error)), id.rawValue, context))
        }
    }

    private func listSchedules(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let name: String? = query.choice("status", among: ScheduleStatus.allCases.map(\.name))
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        let limit: Int = query.integer("limit", 1...1_000) ?? 50
        var wanted = EntityQuery(.schedule)
        wanted.projects = query.projects(of: context.principal)
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        for status: ScheduleStatus in ScheduleStatus.allCases
        where name == nil ? status != .deleted : status.name == name { wanted.statuses |= 1 << UInt64(status.rawValue) }
        wanted.offset = (page - 1) * limit
        wanted.limit = limit
        guard context.principal.task == nil else { return fail(.forbidden(.tasksList), context, now) }
        return .read(.entities(wanted), pending(.schedule(.list(page: page, limit: limit)), "", context))
    }

    private func previewSchedule(
        _ id: ScheduleID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let wanted = previewBounds(&query)
        let purpose: GatewaySchedulePurpose =
            query.failure.map { .refuseUnlessMissing($0) }
            ?? .preview(count: wanted.count ?? 10, after: wanted.after ?? now)
        return .read(.entity(.schedule, id: id.rawValue), pending(.schedule(purpose), id.rawValue, context))
    }

    private func previewDraft(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let wanted = previewBounds(&query)
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        do throws(GatewayFailure) {
            try checkContentType(request)
            let (specification, count, after) = try GatewayMessages.decodeSchedulePreview(request.body)
            return try preview(
                specification, start: specification.start ?? now, runs: 0, count: wanted.count ?? count ?? 10,
                after: wanted.after ?? after ?? now, context, now)
        } catch {
            return fail(error, context, now)
        }
    }

    private func previewBounds(_ query: inout GatewayQuery) -> (count: Int?, after: Instant?) {
        (query.integer("count", 1...1_000), query.timestamp("after"))
    }

    // MARK: Answers

    func complete(_ pending: GatewayPending, with schedule: ScheduleRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        guard case .schedule(let purpose) = pending.purpose else { return fail(.internalError, context, now) }
        switch purpose {
        case .refuseUnlessMissing(let failure):
            return fail(failure, context, now)
        case .preview(let count, let after):
            do throws(GatewayFailure) {
                return try preview(
                    schedule.specification, start: schedule.start, runs: schedule.runs, count: count,
                    after: schedule.status == .active ? after : .distantFuture, context, now)
            } catch {
                return fail(error, context, now)
            }
        case .delete:
            return respond(.ok, context, now) { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("scheduleId", schedule.id.rawValue)
                writer.member("deleted", true)
                writer.endObject()
            }
        case .create, .change, .show, .list:
            var status: HTTPStatus = .ok
            if case .create = purpose { status = .created }
            return respond(status, context, now, capacity: 2_048) { projection.write(schedule, to: &$0) }
        }
    }

    /// Goes on when the row of a schedule has been read, if there is one.
    func completeSchedule(_ pending: GatewayPending, found row: EntityRow?, _ now: Instant) -> GatewayAction {
        guard let schedule: ScheduleRecord = record(row), pending.context.principal.task == nil,
            pending.context.principal.reaches(project: schedule.project)
        else { return fail(.notFound("schedule", id: pending.id), pending.context, now) }
        return complete(pending, with: schedule, now)
    }

    /// Answers with a page of schedules.
    func respondSchedules(
        _ found: EntityPage, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: found.total)
        return respond(.ok, context, now, capacity: 512 + found.rows.count * 1_024, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("schedules")
            for row: EntityRow in found.rows {
                if let schedule: ScheduleRecord = record(row) { projection.write(schedule, to: &writer) }
            }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    /// The record in a row; `nil` where there is none, or a later version wrote it.
    func record<Record: StoredEntity>(_ row: EntityRow?) -> Record? {
        guard let row else { return nil }
        do throws(RecordCodingError) { return try Record(row) } catch { return nil }
    }

    private func preview(
        _ specification: ScheduleSpecification, start: Instant, runs: Int, count: Int, after: Instant,
        _ context: GatewayContext, _ now: Instant
    ) throws(GatewayFailure) -> GatewayAction {
        let rules: TimeZoneRules
        do throws(TimeZoneError) {
            rules = try configuration.timeZones.rules(named: specification.timeZone)
        } catch {
            guard case .unknown(let name) = error else { throw GatewayFailure(.unavailable, error.description) }
            let expected: String = "the name of an IANA time zone such as Europe/Berlin"
            throw .invalid([
                ValidationIssue(
                    path: [.key("timeZone")], code: .unacceptable, message: "must be \(expected)", expected: expected,
                    value: .string(name))
            ])
        }
        let timetable = Timetable(
            specification.recurrence, zone: rules, start: start, end: specification.end, gap: specification.gap,
            repeated: specification.repeated)
        let left: Int = specification.maximumRuns.map { max(0, $0 - runs) } ?? count
        let times: [Instant] = timetable.next(min(count, left), after: after)
        return respond(.ok, context, now, capacity: 256 + times.count * 128) {
            projection.writePreview(times, of: specification, rules, to: &$0)
        }
    }
}
