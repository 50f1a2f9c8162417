internal import MAOSCore

/// What the dashboard's clients are told that went wrong; numbers and names as document 004 has them.
package enum DashboardErrorCode: Int, Sendable, CaseIterable {
    case authFailed = 1001
    case tokenExpired = 1002
    case insufficientPermissions = 1003
    case agentNotFound = 2001
    case agentSpawnFailed = 2002
    case agentLimitExceeded = 2003
    case agentCommandTimeout = 2004
    /// The agent's own process ended unasked.
    case agentCrashed = 2005
    /// A command came to another end than success.
    case agentCommandFailed = 2006
    case resourceExhausted = 3001
    case serviceUnavailable = 3002
    case internalError = 3003
    case invalidMessage = 4001
    case unsupportedType = 4002
    case rateLimitExceeded = 4003

    /// The name on the wire.
    package var name: String {
        switch self {
        case .authFailed: "AUTH_FAILED"
        case .tokenExpired: "TOKEN_EXPIRED"
        case .insufficientPermissions: "INSUFFICIENT_PERMISSIONS"
        case .agentNotFound: "AGENT_NOT_FOUND"
        case .agentSpawnFailed: "AGENT_SPAWN_FAILED"
        case .agentLimitExceeded: "AGENT_LIMIT_EXCEEDED"
        case .agentCommandTimeout: "AGENT_COMMAND_TIMEOUT"
        case .agentCrashed: "AGENT_CRASHED"
        case .agentCommandFailed: "AGENT_COMMAND_FAILED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .serviceUnavailable: "SERVICE_UNAVAILABLE"
        case .internalError: "INTERNAL_ERROR"
        case .invalidMessage: "INVALID_MESSAGE"
        case .unsupportedType: "UNSUPPORTED_TYPE"
        case .rateLimitExceeded: "RATE_LIMIT_EXCEEDED"
        }
    }
}

/// Why a message of a client is refused.
struct DashboardFailure: Error, Hashable {
    var code: DashboardErrorCode
    /// For people.
    var message: String

    init(_ code: DashboardErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// As an acknowledgement says it: `2001 AGENT_NOT_FOUND: …`.
    var text: String { "\(code.rawValue) \(code.name): \(message)" }

    static func noSuchAgent(_ id: String) -> DashboardFailure {
        DashboardFailure(.agentNotFound, "There is no agent \(id)")
    }

    /// The first thing that is wrong with a message.
    init(_ issue: ValidationIssue) {
        self.init(
            .invalidMessage, issue.field.isEmpty ? "The message \(issue.message)" : "\(issue.field) \(issue.message)")
    }

    /// What the engine's refusal is on this wire; nothing of the inside is told.
    init(_ rejection: Rejection) {
        switch rejection {
        case .invalid(let issue):
            self.init(.invalidMessage, "\(issue.field) must be \(issue.expected)")
        case .forbidden(let permission):
            self.init(.insufficientPermissions, "The permission \(permission.name) is needed")
        case .denied(let reason):
            self.init(.insufficientPermissions, reason)
        case .notFound(.agent, let id):
            self = .noSuchAgent(id)
        case .notFound:
            self.init(.internalError, "Something that is needed for this is gone")
        case .conflict(_, let message):
            self.init(.invalidMessage, message)
        case .exhausted:
            self.init(.resourceExhausted, "A quota or the capacity of the host does not allow for it")
        case .limitReached("agents", let limit):
            self.init(.agentLimitExceeded, "There are \(limit) agents, which is the limit")
        case .limitReached(let what, let limit):
            self.init(.resourceExhausted, "There are \(limit) \(what), which is the limit")
        case .unavailable(let reason), .diskFull(let reason):
            self.init(.serviceUnavailable, reason)
        }
    }

    /// What a command's failure is on this wire.
    init(_ failure: TaskFailure) {
        switch failure.code {
        case .timeout, .deadline: self.init(.agentCommandTimeout, failure.message)
        case .startFailed: self.init(.agentSpawnFailed, failure.message)
        case .limitExceeded, .budget: self.init(.resourceExhausted, failure.message)
        case .execution, .dependency, .interrupted, .agentLost, .invalidResult:
            self.init(.agentCommandFailed, failure.message)
        }
    }
}
