package import MAOSCore

/// The ten codes of the gateway's errors.
package enum GatewayErrorCode: String, Sendable, CaseIterable {
    case validation = "VALIDATION_ERROR"
    case authentication = "AUTHENTICATION_ERROR"
    case authorization = "AUTHORIZATION_ERROR"
    case notFound = "RESOURCE_NOT_FOUND"
    case conflict = "RESOURCE_CONFLICT"
    case rateLimit = "RATE_LIMIT_EXCEEDED"
    case `internal` = "INTERNAL_SERVER_ERROR"
    case unavailable = "SERVICE_UNAVAILABLE"
    case timeout = "TIMEOUT_ERROR"
    case dependency = "DEPENDENCY_ERROR"

    /// The status that goes with the code, unless the failure has a closer one.
    package var status: HTTPStatus {
        switch self {
        case .validation: .badRequest
        case .authentication: .unauthorized
        case .authorization: .forbidden
        case .notFound: .notFound
        case .conflict: .conflict
        case .rateLimit: .tooManyRequests
        case .internal: .internalServerError
        case .unavailable: .serviceUnavailable
        case .timeout: .gatewayTimeout
        case .dependency: HTTPStatus(502)
        }
    }
}

/// Why a request is not carried out, in the words that the client gets.
package struct GatewayFailure: Error, Sendable, Hashable {
    /// What there is to say beside the message.
    package enum Details: Sendable, Hashable {
        case none
        /// Written as an array, one element a mistake.
        case issues([ValidationIssue])
        /// Written as an object.
        case members(JSONObject)
    }

    /// One of the ten codes.
    package var code: GatewayErrorCode
    /// For people; nothing of the server's inside.
    package var message: String
    /// The values that were wrong.
    package var details: Details
    /// The status of the answer.
    package var status: HTTPStatus
    /// Seconds after which to try again.
    package var retryAfter: Int?
    /// Header fields that the answer carries, beside `Retry-After`.
    package var fields: [HTTPFieldName: String] = [:]

    /// Describes a failure.
    ///
    /// - Parameters:
    ///   - code: One of the ten codes.
    ///   - message: For people; nothing of the server's inside.
    ///   - details: The values that were wrong.
    ///   - status: The status, where it is not the code's own.
    ///   - retryAfter: Seconds after which to try again.
    package init(
        _ code: GatewayErrorCode, _ message: String, details: Details = .none, status: HTTPStatus? = nil,
        retryAfter: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.status = status ?? code.status
        self.retryAfter = retryAfter
    }

    // MARK: Authentication and limits

    /// No token (401).
    package static let authenticationRequired = challenge("Authentication required")
    /// A token that is malformed, forged or expired (401); the text never says which.
    package static let invalidToken = challenge("Invalid or expired token")

    private static func challenge(_ message: String) -> GatewayFailure {
        var failure = GatewayFailure(.authentication, message)
        failure.fields = [.wwwAuthenticate: "Bearer"]
        return failure
    }

    /// A permission is missing (403).
    package static func forbidden(_ permission: Permissions) -> GatewayFailure {
        GatewayFailure(.authorization, "Missing permission: \(permission.name)")
    }

    /// Too many requests (429); there is room again after so many whole seconds.
    package static func rateLimited(retryAfter seconds: Int) -> GatewayFailure {
        GatewayFailure(.rateLimit, "Too Many Requests", retryAfter: seconds)
    }

    /// A browser's page from elsewhere (403).
    package static let foreignOrigin = GatewayFailure(.authorization, "Requests from this origin are not allowed")
    /// A host name that is not ours (403): a name that somebody made point here.
    package static let foreignHost = GatewayFailure(
        .authorization, "This server does not answer for that host")
    /// The answer takes too long (504).
    package static let timedOut = GatewayFailure(.timeout, "The request took too long")
    /// A mistake of ours (500); what it was stays in the log.
    package static let internalError = GatewayFailure(.internal, "Internal server error")
    /// The server is about to stop (503).
    package static let draining = GatewayFailure(.unavailable, "The server is about to stop", retryAfter: 1)

    // MARK: Requests

    /// Members that are missing or wrong (400).
    package static func invalid(_ issues: [ValidationIssue]) -> GatewayFailure {
        GatewayFailure(.validation, "Validation failed", details: .issues(issues))
    }

    /// A body that is no JSON (400).
    package static func malformedBody(_ error: JSONError) -> GatewayFailure {
        invalid([
            ValidationIssue(
                path: [], code: .syntax, message: "the body is not valid JSON: \(error.description)",
                expected: error.expected)
        ])
    }

    /// Something that does not exist, or not for this caller (404).
    ///
    /// - Parameters:
    ///   - resource: What kind of thing: `task`, `agent`, `path`.
    ///   - id: What the client called it; cut where it is long.
    /// - Returns: The failure.
    package static func notFound(_ resource: String, id: String) -> GatewayFailure {
        let short: String = id.utf8.count <= 200 ? id : String(id.prefix(200))
        let message: String =
            resource == "path" ? "There is nothing at this path" : "No \(resource) has the id \(short)"
        return GatewayFailure(
            .notFound, message, details: .members(["resource": .string(resource), "id": .string(short)]))
    }

    /// A name in the path under which no workflow can be made (400).
    static func badWorkflowID(_ text: String) -> GatewayFailure {
        let expected: String = TextFormat.identifier.expected
        return invalid([
            ValidationIssue(
                path: [.key("workflowId")], code: .format, message: "must be \(expected)", expected: expected,
                value: .string(String(text.prefix(100))))
        ])
    }

    /// A path that exists, for other methods (405); `allowed` is the value of the field `Allow`.
    package static func methodNotAllowed(_ method: HTTPMethod, allowed: String) -> GatewayFailure {
        let name: String = String(method.name.prefix(32))
        var failure = GatewayFailure(
            .validation, "This path does not take \(name)",
            details: .members(["method": .string(name), "expected": .string(allowed)]), status: .methodNotAllowed)
        failure.fields = [.allow: allowed]
        return failure
    }

    /// A body of another type (415).
    package static func unsupportedMediaType(_ type: String) -> GatewayFailure {
        GatewayFailure(
            .validation, "Content-Type must be application/json",
            details: .members([
                "field": "Content-Type", "value": .string(String(type.prefix(100))), "expected": "application/json",
            ]), status: .unsupportedMediaType)
    }
}

extension GatewayFailure {
    /// What a refusal of the engine looks like to clients.
    package init(_ rejection: Rejection) {
        switch rejection {
        case .invalid(let issue):
            self = .invalid(([issue] + issue.others).map(ValidationIssue.init))
        case .forbidden(let permission):
            self = .forbidden(permission)
        case .denied(let reason):
            self.init(.authorization, reason, details: .members(["reason": "not_named"]))
        case .notFound(let entity, let id):
            self = .notFound(entity.rawValue, id: id)
        case .conflict(let reason, let message):
            self.init(.conflict, message, details: .members(["reason": .string(reason)]))
        case .exhausted(let shortage):
            self.init(shortage)
        case .limitReached(let name, let limit):
            self.init(
                .unavailable, "The limit of \(limit) \(name) is reached",
                details: .members(["limit": .string(name), "maximum": JSONValue(limit)]), retryAfter: 1)
        case .unavailable(let reason), .diskFull(let reason):
            self.init(.unavailable, reason, retryAfter: 1)
        }
    }

    /// What a failure of the disk looks like to clients: nothing of it but that it is there.
    package init(_ error: JournalError) {
        switch error {
        case .unavailable, .full, .locked: self.init(.unavailable, error.summary, retryAfter: 1)
        case .corrupt, .newerVersion: self = .internalError
        }
    }

    /// What a message that is no HTTP request is answered with before the connection ends.
    package init(_ error: HTTP1Error) {
        let text: String = error.description
        let message: String = text.prefix(1).uppercased() + text.dropFirst()
        self.init(.validation, message, status: error.status)
    }
}

extension GatewayFailure {
    /// Writes `{code, message, details?, retryAfter?}` as the writer's next value.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", code.rawValue)
        writer.member("message", message)
        writeDetails(to: &writer)
        writer.memberIfPresent("retryAfter", retryAfter)
        writer.endObject()
    }

    /// Writes the member `details`, where there are any.
    func writeDetails(to writer: inout JSONWriter) {
        switch details {
        case .none:
            break
        case .issues(let issues):
            writer.beginArray("details")
            for issue: ValidationIssue in issues { issue.write(to: &writer) }
            writer.endArray()
        case .members(let members):
            writer.member("details", .object(members))
        }
    }

    /// The whole answer: the envelope of failures.
    ///
    /// - Parameters:
    ///   - requestID: The request's identifier.
    ///   - version: The version that the client speaks.
    ///   - now: The answer's time.
    /// - Returns: The answer.
    package func response(
        requestID: RequestID, version: GatewayVersion = .v1, at now: Instant
    ) -> GatewayResponse {
        var writer = JSONWriter(reservingCapacity: 384)
        writer.beginObject()
        writer.member("success", false)
        writer.key("error")
        write(to: &writer)
        writer.memberIfPresent("retryAfter", code == .rateLimit ? retryAfter : nil)
        GatewayEnvelope.writeMetadata(requestID: requestID, version: version, at: now, to: &writer)
        writer.endObject()
        var header = HTTPFields()
        if let retryAfter { header.append(.retryAfter, String(retryAfter)) }
        for (name, value) in fields { header.append(name, value) }
        return GatewayResponse(
            status: status, requestID: requestID, fields: header, body: writer.take(), failure: code)
    }
}
