package import MAOSCore

/// Health, events, output.
extension GatewayREST {
    // MARK: Health

    func health(_ context: GatewayContext, at now: Instant) -> GatewayResponse {
        var writer = JSONWriter(reservingCapacity: 2_048)
        GatewayEnvelope.begin(&writer)
        let overall: HealthStatus = projection.writeHealth(at: now, to: &writer)
        GatewayEnvelope.end(&writer, context, at: now)
        return GatewayResponse(
            status: overall == .unhealthy ? .serviceUnavailable : .ok, requestID: context.requestID,
            body: writer.take())
    }

    /// The open answers on the server's root: no envelope, no details.
    func probe(_ endpoint: GatewayEndpoint, _ requestID: RequestID, at now: Instant) -> GatewayResponse {
        var writer = JSONWriter(reservingCapacity: 128)
        var isGood = true
        writer.beginObject()
        switch endpoint {
        case .liveness:
            writer.member("status", "alive")
        case .readiness:
            isGood = environment.isReady
            writer.member("status", isGood ? "ready" : "not ready")
        default:
            let overall: HealthStatus = environment.components(at: now).map(\.status).max() ?? .healthy
            isGood = overall != .unhealthy
            writer.member("status", overall.name)
            writer.member("uptime_seconds", max(0, (now - environment.startedAt).count) / 1_000)
            writer.member("version", environment.version)
        }
        writer.endObject()
        return GatewayResponse(
            status: isGood ? .ok : .serviceUnavailable, requestID: requestID,
            fields: isGood ? HTTPFields() : [.retryAfter: "1"], body: writer.take())
    }

    /// The open description of what a listener serves, for whoever asked it under this name.
    package func describe(_ document: AsyncAPIDocument, _ head: HTTPRequestHead, at now: Instant) -> GatewayResponse {
        let requestID: RequestID = self.requestID(for: head)
        guard head.method == .get || head.method == .head else {
            return GatewayFailure.methodNotAllowed(head.method, allowed: "GET, HEAD").response(
                requestID: requestID, at: now)
        }
        return GatewayResponse(status: .ok, requestID: requestID, body: document.encoded(host: head.authority))
    }

    // MARK: Events

    func listEvents(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let since: Int = query.integer("since", 0 ... .max) ?? 0
        let limit: Int = query.integer("limit", 1...1_000) ?? 100
        let types: Set<String> = query.words("types", limit: 64) ?? []
        let isFollowing: Bool = query.boolean("follow") ?? accepts("text/event-stream", request)
        var issues: [ValidationIssue] = query.issues
        let last: UInt64? = lastEventID(request, &issues)
        guard issues.isEmpty else { return fail(.invalid(issues), context, now) }
        var from = UInt64(max(since, 1))
        guard isFollowing else {
            return .read(
                .events(from: from, limit: limit, types: types), pending(.listEvents, "", context))
        }
        if let last { from = last + 1 }
        let stream = GatewayEventStream(
            principal: context.principal, types: types, from: from, projection: projection,
            configuration: configuration)
        return begin(.events(stream), ServerSentEventEncoder.contentType, context)
    }

    func respond(_ page: EventPage, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.ok, context, now, capacity: 512 + page.events.count * 384) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("events")
            for event: Event in page.events where GatewayProjection.shows(event, to: context.principal) {
                projection.write(event, for: context.principal, to: &writer)
            }
            writer.endArray()
            writer.member("nextSequence", page.nextSequence)
            writer.member("oldestSequence", page.oldestSequence)
            writer.member("lastSequence", max(bus.lastSequence, page.events.last?.sequence ?? 0))
            writer.endObject()
        }
    }

    // MARK: Output

    func showTaskOutput(
        _ id: TaskID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            let wanted: GatewayOutputRequest = try outputRequest(request)
            guard let task: TaskRecord = view.task(id) else {
                return .read(.task(id), pending(.findTaskOutput(wanted), id.rawValue, context))
            }
            return showOutput(of: task, wanted, context, now)
        } catch {
            return refuse(error, task: id, context, now)
        }
    }

    func showAgentOutput(
        _ id: AgentID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            let wanted: GatewayOutputRequest = try outputRequest(request)
            guard view.agent(id) != nil else {
                return .read(.agent(id), pending(.findAgentOutput(wanted), id.rawValue, context))
            }
            return showOutput(.agent(id), wanted, isEnded: false, context)
        } catch {
            return refuse(error, agent: id, context, now)
        }
    }

    func showOutput(
        of task: TaskRecord, _ wanted: GatewayOutputRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard isInReach(task, context) else { return fail(.notFound("task", id: task.id.rawValue), context, now) }
        return showOutput(.task(task.id), wanted, isEnded: task.status.isTerminal, context)
    }

    func showOutput(
        _ owner: OutputOwner, _ wanted: GatewayOutputRequest, isEnded: Bool, _ context: GatewayContext
    ) -> GatewayAction {
        switch wanted.form {
        case .page:
            return .read(
                .output(owner, from: wanted.from, limit: wanted.limit, byteLimit: configuration.outputPageBytes),
                pending(.showOutput(isEnded: isEnded), "", context))
        case .text, .follow:
            let isText: Bool = wanted.form == .text
            let stream = GatewayOutputStream(
                owner: owner, form: isText ? .text : .events, from: wanted.from, configuration: configuration)
            return begin(
                .output(stream), isText ? GatewayResponse.text : ServerSentEventEncoder.contentType, context)
        }
    }

    private func outputRequest(_ request: GatewayRequest) throws(GatewayFailure) -> GatewayOutputRequest {
        var query = GatewayQuery(request.head.target)
        let from: Int = query.integer("from", 0 ... .max) ?? 1
        let limit: Int = query.integer("limit", 1...10_000) ?? 1_000
        let follow: Bool? = query.boolean("follow")
        var issues: [ValidationIssue] = query.issues
        let last: UInt64? = lastEventID(request, &issues)
        guard issues.isEmpty else { throw .invalid(issues) }
        var wanted = GatewayOutputRequest(form: .page, from: UInt64(max(from, 1)), limit: limit)
        if follow ?? accepts("text/event-stream", request) {
            wanted.form = .follow
            if let last { wanted.from = last + 1 }
        } else if accepts("text/plain", request) {
            wanted.form = .text
        }
        return wanted
    }

    // MARK: Streams

    private func begin(_ stream: GatewayStream, _ contentType: String, _ context: GatewayContext) -> GatewayAction {
        let head = GatewayResponse(
            status: .ok, contentType: contentType, requestID: context.requestID,
            fields: [.cacheControl: "no-store", .xContentTypeOptions: "nosniff"], body: [])
        return context.isHead ? .respond(head) : .stream(stream, head)
    }

    /// Whether a client names a media type among those it accepts; wildcards do not count.
    private func accepts(_ type: String, _ request: GatewayRequest) -> Bool {
        guard request.head.fields.contains(.accept) else { return false }
        return request.head.fields.list(.accept).contains { (element: String) in
            let end: String.Index = element.firstIndex(of: ";") ?? element.endIndex
            return element[..<end].lowercased().filter { $0 != " " } == type
        }
    }

    /// The last event that a client has, from when it was connected before.
    private func lastEventID(_ request: GatewayRequest, _ issues: inout [ValidationIssue]) -> UInt64? {
        guard let bytes: ArraySlice<UInt8> = request.head.fields.value(.lastEventID), !bytes.isEmpty else {
            return nil
        }
        guard let last: Int = Decimal.parse(bytes.span) else {
            issues.append(
                ValidationIssue(
                    path: [.key("Last-Event-ID")], code: .format, message: "must be a sequence number",
                    expected: "a sequence number",
                    value: .string(String(decoding: bytes.prefix(100), as: UTF8.self))))
            return nil
        }
        return UInt64(last)
    }
}
