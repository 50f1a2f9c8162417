package import MAOSCore

/// The gateway's REST interface: requests in, actions out; confined to one loop.
///
/// A request becomes an action, and the outcome of an action the next one, until one is ``GatewayAction/respond(_:)`` or
/// ``GatewayAction/stream(_:_:)``. Nothing here waits, reads a clock or touches a socket. A refusal comes in the order of
/// the contract: limits (which the transport counts), token, permission, existence, validity.
package final class GatewayREST {
    let view: CommittedView
    let bus: EventBus
    let configuration: GatewayConfiguration
    let environment: any DialectEnvironment
    let projection: GatewayProjection
    private var identifiers: UUIDMaker

    /// Serves one loop.
    ///
    /// - Parameters:
    ///   - view: What is committed.
    ///   - bus: The events that are at hand.
    ///   - configuration: What the operator has set.
    ///   - environment: The server around it.
    ///   - seed: Where the identifiers of requests get their randomness from; different on every loop.
    package init(
        view: CommittedView, bus: EventBus, configuration: GatewayConfiguration, environment: any DialectEnvironment,
        seed: UInt64
    ) {
        self.view = view
        self.bus = bus
        self.configuration = configuration
        self.environment = environment
        projection = GatewayProjection(view: view, configuration: configuration, environment: environment)
        identifiers = UUIDMaker(seed: seed)
    }

    // MARK: Requests

    /// Begins to answer a request.
    package func handle(_ request: GatewayRequest, at now: Instant) -> GatewayAction {
        let target: ArraySlice<UInt8> = request.head.target
        let route = GatewayRoute(target)
        let requestID: RequestID = self.requestID(for: request.head)
        let method: HTTPMethod = request.head.method == .head ? .get : request.head.method
        let endpoint: GatewayEndpoint
        switch route.place {
        case .endpoint(let known): endpoint = known
        case .unknown, .foreign: return handleUnknown(request, route, requestID, now)
        }
        switch endpoint {
        case .liveness, .readiness, .minimalHealth:
            guard method == .get else {
                return fail(.methodNotAllowed(request.head.method, allowed: endpoint.allowed), requestID, .v1, now)
            }
            return .respond(probe(endpoint, requestID, at: now))
        case .scrape where method == .get && request.isLocal:
            return .respond(scrape(requestID))
        default: break
        }
        let principal: Principal
        switch request.authentication {
        case .principal(let known): principal = known
        case .missing: return fail(.authenticationRequired, requestID, route.version, now)
        case .invalid: return fail(.invalidToken, requestID, route.version, now)
        }
        let context = GatewayContext(
            requestID: requestID, version: route.version, principal: principal, isHead: request.head.method == .head)
        guard let permission: Permissions = endpoint.permission(for: method) else {
            return fail(.methodNotAllowed(request.head.method, allowed: endpoint.allowed), context, now)
        }
        guard principal.permissions.isSuperset(of: permission) else {
            return fail(.forbidden(permission), context, now)
        }
        switch endpoint {
        case .tasks, .task, .taskPriority, .taskRetry, .taskPause, .taskResume, .taskWaiting, .taskOutput:
            return handleTasks(endpoint, method, route.idBytes, request, context, now)
        case .agents, .agent, .agentConfiguration, .agentPause, .agentResume, .agentOutput, .agentTerminal:
            return handleAgents(endpoint, method, route.id, request, context, now)
        case .deadLetters, .deadLetter, .deadLetterRequeue, .deadLettersRequeue, .deadLettersDiscard:
            return handleDeadLetters(endpoint, method, route.id, request, context, now)
        case .pool(let part):
            return handlePools(part, method, route.id, request, context, now)
        case .resource(let part):
            return handleResources(part, method, route.id, request, context, now)
        case .budget(let part):
            return handleBudgets(part, method, route.id, request, context, now)
        case .schedule(let part):
            return handleSchedules(part, method, route.id, request, context, now)
        case .workflow(let part):
            return handleWorkflows(part, method, route.id, request, context, now)
        case .events:
            return listEvents(request, context, now)
        case .health:
            return .respond(health(context, at: now))
        case .metrics:
            return showMetrics(request, context, now)
        case .performance:
            return showPerformance(of: route.id, request, context, now)
        case .scrape:
            return .respond(scrape(requestID))
        case .liveness, .readiness, .minimalHealth:
            preconditionFailure("probes have been answered")
        }
    }

    private func handleUnknown(
        _ request: GatewayRequest, _ route: GatewayRoute, _ requestID: RequestID, _ now: Instant
    ) -> GatewayAction {
        if route.place == .unknown {
            switch request.authentication {
            case .principal: break
            case .missing: return fail(.authenticationRequired, requestID, route.version, now)
            case .invalid: return fail(.invalidToken, requestID, route.version, now)
            }
        }
        let target: ArraySlice<UInt8> = request.head.target
        let end: Int = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let path = String(decoding: target[..<end].prefix(200), as: UTF8.self)
        return fail(.notFound("path", id: path), requestID, route.version, now)
    }

    // MARK: Answers

    /// The answer to a request that the transport refuses by itself: limits, foreign hosts, broken requests.
    ///
    /// - Parameters:
    ///   - failure: Why it is refused.
    ///   - head: The request, as far as there is one.
    ///   - now: The answer's time.
    /// - Returns: The answer.
    package func refuse(_ failure: GatewayFailure, _ head: HTTPRequestHead?, at now: Instant) -> GatewayResponse {
        let version: GatewayVersion = head.map { GatewayRoute($0.target).version } ?? .v1
        let requestID: RequestID = head.map { self.requestID(for: $0) } ?? identifiers.nextRequestID()
        return failure.response(requestID: requestID, version: version, at: now)
    }

    /// The answer to a request whose action takes too long.
    package func expire(_ pending: GatewayPending, at now: Instant) -> GatewayResponse {
        GatewayFailure.timedOut.response(
            requestID: pending.context.requestID, version: pending.context.version, at: now)
    }

    func fail(
        _ failure: GatewayFailure, _ requestID: RequestID, _ version: GatewayVersion, _ now: Instant
    ) -> GatewayAction {
        .respond(failure.response(requestID: requestID, version: version, at: now))
    }

    func fail(_ failure: GatewayFailure, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        fail(failure, context.requestID, context.version, now)
    }

    /// A whole answer whose `data` the body writes.
    func respond(
        _ status: HTTPStatus = .ok, _ context: GatewayContext, _ now: Instant, capacity: Int = 768,
        pagination: GatewayEnvelope.Pagination? = nil, data: (inout JSONWriter) -> Void
    ) -> GatewayAction {
        var writer = JSONWriter(reservingCapacity: capacity)
        GatewayEnvelope.begin(&writer)
        data(&writer)
        GatewayEnvelope.end(&writer, context, at: now, pagination: pagination)
        return .respond(GatewayResponse(status: status, requestID: context.requestID, body: writer.take()))
    }

    // MARK: Request identifiers

    /// The client's own identifier where it is 1 to 128 printable characters, else a new one.
    package func requestID(for head: HTTPRequestHead) -> RequestID {
        head.fields.value(.xRequestID).flatMap { RequestID($0) } ?? identifiers.nextRequestID()
    }
}
