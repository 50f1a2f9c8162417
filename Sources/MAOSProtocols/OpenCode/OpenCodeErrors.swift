package import MAOSCore

/// The error codes of the dialect that this server can have a reason for.
package enum OpenCodeErrorCode: String, Sendable, CaseIterable {
    case invalidJSON = "INVALID_JSON"
    case unknownMessageType = "UNKNOWN_MESSAGE_TYPE"
    case missingRequiredField = "MISSING_REQUIRED_FIELD"
    case invalidFieldValue = "INVALID_FIELD_VALUE"
    case invalidFieldType = "INVALID_FIELD_TYPE"
    case invalidFieldFormat = "INVALID_FIELD_FORMAT"
    /// Not in the document's table, but in one of its samples.
    case invalidTaskData = "INVALID_TASK_DATA"
    case taskNotFound = "TASK_NOT_FOUND"
    case processNotFound = "PROCESS_NOT_FOUND"
    case taskAlreadyExists = "TASK_ALREADY_EXISTS"
    case taskDependencyError = "TASK_DEPENDENCY_ERROR"
    /// In the text of a task's `error` only.
    case taskTimeoutExceeded = "TASK_TIMEOUT_EXCEEDED"
    case invalidScheduleTime = "INVALID_SCHEDULE_TIME"
    case invalidRecurringConfig = "INVALID_RECURRING_CONFIG"
    case processKillFailed = "PROCESS_KILL_FAILED"
    case processPermissionDenied = "PROCESS_PERMISSION_DENIED"
    case databaseError = "DATABASE_ERROR"
    case databaseConnectionError = "DATABASE_CONNECTION_ERROR"
    case logFileError = "LOG_FILE_ERROR"
    case serviceUnavailable = "SERVICE_UNAVAILABLE"
    case permissionDenied = "PERMISSION_DENIED"
    case authenticationRequired = "AUTHENTICATION_REQUIRED"
    case invalidAuthToken = "INVALID_AUTH_TOKEN"
    case rateLimitExceeded = "RATE_LIMIT_EXCEEDED"
    case connectionLimitExceeded = "CONNECTION_LIMIT_EXCEEDED"
    case serverOverload = "SERVER_OVERLOAD"
    case memoryLimitExceeded = "MEMORY_LIMIT_EXCEEDED"
    case diskSpaceExceeded = "DISK_SPACE_EXCEEDED"
    case heartbeatTimeout = "HEARTBEAT_TIMEOUT"
    case subscriptionError = "SUBSCRIPTION_ERROR"
    case filterValidationError = "FILTER_VALIDATION_ERROR"
}

/// Why a request is refused, as its client is told.
package struct OpenCodeFailure: Error, Sendable, Hashable {
    /// What kind of refusal it is.
    package var code: OpenCodeErrorCode
    /// For people; cut to 1,000 characters when it is sent.
    package var message: String
    /// What belongs to it; members that a kind always has are there.
    package var details: JSONObject

    /// Characters of a text about an error.
    static let textLimit: Int = 1_000

    /// A refusal with its details.
    package init(_ code: OpenCodeErrorCode, _ message: String, _ details: JSONObject = [:]) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// Writes the `error` message.
    ///
    /// - Parameters:
    ///   - requestID: The client's own name for its request, sent back.
    ///   - now: The time.
    /// - Returns: The message, as UTF-8.
    package func encoded(requestID: JSONValue? = nil, at now: Instant) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.member("type", "error")
        writer.member("code", code.rawValue)
        writer.member("message", OpenCodeFailure.cut(message))
        if !details.isEmpty { writer.member("details", .object(details)) }
        if let requestID { writer.member("request_id", requestID) }
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.endObject()
        return writer.take()
    }

    /// A text with no more characters than texts about errors may have.
    static func cut(_ text: String, to limit: Int = textLimit) -> String {
        guard text.utf8.count > limit, text.unicodeScalars.count > limit else { return text }
        var short = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit - 1)))
        short.unicodeScalars.append("…")
        return short
    }
}

// MARK: What all requests have in common

extension OpenCodeFailure {
    static func unknownType(_ type: String) -> OpenCodeFailure {
        OpenCodeFailure(
            .unknownMessageType, "Unknown message type: '\(cut(type, to: 100))'",
            ["field": "type", "value": .string(cut(type, to: 100))])
    }

    static func invalidJSON(_ reason: String) -> OpenCodeFailure {
        OpenCodeFailure(.invalidJSON, "Invalid JSON: \(reason)")
    }

    static let authenticationRequired = OpenCodeFailure(
        .authenticationRequired, "Authentication is required: send authenticate with an API key or a token first")

    static let invalidCredentials = OpenCodeFailure(
        .invalidAuthToken, "The API key or token is not valid, has been revoked, or has expired")

    static func permissionDenied(_ permission: String) -> OpenCodeFailure {
        OpenCodeFailure(
            .permissionDenied, "Insufficient permissions: this needs \(permission)",
            ["required_permission": .string(permission)])
    }

    static func taskNotFound(_ id: String) -> OpenCodeFailure {
        OpenCodeFailure(
            .taskNotFound, "Task with ID '\(cut(id, to: 100))' not found", ["task_id": .string(cut(id, to: 100))])
    }

    static func missing(_ field: String, expected: String) -> OpenCodeFailure {
        OpenCodeFailure(
            .missingRequiredField, "Missing required field: \(field)", details(of: field, nil, .string(expected)))
    }

    static func invalid(
        _ code: OpenCodeErrorCode, _ field: String, _ problem: String, _ value: JSONValue?, expected: String
    ) -> OpenCodeFailure {
        OpenCodeFailure(
            code, "Invalid \(shortField(field)): \(problem)", details(of: field, value, .string(expected)))
    }

    static func rateLimited(_ limit: OpenCodeLimitName, allowed: Int, window: Int64, retryAfter: Int) -> OpenCodeFailure
    {
        OpenCodeFailure(
            .rateLimitExceeded, "Too many requests. Please wait before retrying.",
            [
                "retry_after_seconds": JSONValue(retryAfter), "current_limit": JSONValue(allowed),
                "time_window_seconds": JSONValue(Double(window) / 1_000), "limit": .string(limit.rawValue),
            ])
    }

    static func database(_ error: JournalError) -> OpenCodeFailure {
        switch error {
        case .full:
            OpenCodeFailure(.diskSpaceExceeded, "The database cannot be read: its disk is full")
        case .unavailable, .locked:
            OpenCodeFailure(
                .databaseConnectionError, "The database cannot be read at the moment", ["database_host": "localhost"])
        case .corrupt, .newerVersion:
            OpenCodeFailure(.databaseError, "The database could not be read")
        }
    }

    /// Samples of the document name a task's own members without `task.`; what is deeper has its whole path.
    static func shortField(_ path: String) -> String {
        guard path.hasPrefix("task.") else { return path }
        let rest: Substring = path.dropFirst(5)
        return rest.contains(".") ? path : String(rest)
    }

    static func details(of path: String, _ value: JSONValue?, _ expected: JSONValue) -> JSONObject {
        var members: [(String, JSONValue)] = [("field", .string(shortField(path)))]
        if let value { members.append(("value", value)) }
        members.append(("expected", expected))
        if path.hasPrefix("task.") { members.append(("path", .string(path))) }
        return JSONObject(members)
    }
}

// MARK: What the engine refuses

extension OpenCodeFailure {
    /// The refusal of a command about a task.
    ///
    /// - Parameters:
    ///   - rejection: What the engine said.
    ///   - id: The task.
    ///   - isReady: Whether the server takes changes at all.
    package init(_ rejection: Rejection, task id: String, isReady: Bool) {
        switch rejection {
        case .invalid(let issue):
            self = OpenCodeFailure.invalid(issue, task: id)
        case .forbidden(let permissions):
            self = OpenCodeFailure.permissionDenied(permissions.name)
        case .denied(let reason):
            self = OpenCodeFailure(.permissionDenied, "Insufficient permissions: \(reason)", [:])
        case .notFound:
            self = OpenCodeFailure.taskNotFound(id)
        case .conflict(reason: "duplicate_id", _):
            self = OpenCodeFailure(
                .taskAlreadyExists, "Task with ID '\(id)' already exists", ["task_id": .string(id)])
        case .conflict(reason: "dependency_not_completed", let message):
            self = OpenCodeFailure(.taskDependencyError, message, ["task_id": .string(id)])
        case .conflict(let reason, let message):
            self = OpenCodeFailure(
                .invalidFieldValue, message,
                ["field": "task_id", "value": .string(id), "expected": .string("a task that is not \(reason)")])
        case .exhausted:
            self = OpenCodeFailure(.serverOverload, "A quota or the capacity of the host does not allow for more")
        case .limitReached("bytes of live tasks", let limit):
            self = OpenCodeFailure(
                .memoryLimitExceeded, "Tasks that have not ended take all the memory that is set aside for them",
                ["limit_bytes": JSONValue(limit)])
        case .limitReached(let what, let limit):
            self = OpenCodeFailure(
                .serverOverload, "Server temporarily overloaded: no more than \(limit) \(what)",
                ["limit": JSONValue(limit)])
        case .diskFull(let reason):
            self = OpenCodeFailure(.diskSpaceExceeded, "Nothing can be stored at the moment: \(reason)")
        case .unavailable(let reason):
            self =
                isReady
                ? OpenCodeFailure(.databaseError, "Nothing can be stored at the moment: \(reason)")
                : OpenCodeFailure(.serviceUnavailable, "The server is about to stop, or has not started yet")
        }
    }

    private static func invalid(_ issue: Rejection.Issue, task id: String) -> OpenCodeFailure {
        let value: JSONValue = .string(cut(issue.value, to: 200))
        switch issue.field {
        case let field where field.hasPrefix("dependencies"):
            return OpenCodeFailure(
                .taskDependencyError, "Task dependency '\(issue.value)' must be \(issue.expected)",
                ["task_id": .string(id), "dependency_id": value])
        case "schedule.timeZone", "schedule.endTime", "schedule.maxRuns":
            let names: [String: String] = [
                "schedule.timeZone": "timezone", "schedule.endTime": "end_time", "schedule.maxRuns": "max_runs",
            ]
            return .invalid(
                .invalidRecurringConfig, "task.recurring.\(names[issue.field] ?? "")", "must be \(issue.expected)",
                value, expected: issue.expected)
        case "schedule.at":
            return .invalid(
                .invalidScheduleTime, "task.scheduled_time", "must be \(issue.expected)", value,
                expected: issue.expected)
        case "id":
            return .invalid(
                .invalidFieldValue, "task.id", "must have \(issue.expected)", value, expected: issue.expected)
        default:
            return .invalid(
                .invalidFieldValue, "task.\(issue.field)", "must be \(issue.expected)", value,
                expected: issue.expected)
        }
    }
}
