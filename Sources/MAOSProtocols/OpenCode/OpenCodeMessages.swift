package import MAOSCore

/// What clients may ask for.
package enum OpenCodeRequest: Sendable {
    case ping(JSONValue?)
    case status
    case startTask(OpenCodeTask)
    case scheduleTask(OpenCodeTask)
    case cancelTask(TaskID)
    case retryTask(TaskID)
    case taskStatus(TaskID)
    case listTasks(OpenCodeTaskList)
    case systemResources
    case processList(OpenCodeProcessList)
    case logEntries(OpenCodeLogRequest)
    case systemHealth
    /// The range as it was written, and its length.
    case metrics(String, Milliseconds)
    case killProcess(Int32, ProcessSignal)
    case claudeProcesses
    case subscribe(OpenCodeSubscription)
    case unsubscribe([String], id: String)
    case authenticate(OpenCodeCredential)
}

/// What a client says it is known by.
package enum OpenCodeCredential: Sendable, Hashable {
    /// A key made by `maos-cli key create`, or a signed token.
    case keyOrToken(String)
    /// A token that an earlier authentication was answered with.
    case session(String)
}

/// A message taken apart as far as it could be.
package struct OpenCodeInbound: Sendable {
    /// Its type; empty where there is none.
    package var type: String = ""
    /// The client's own name for it, sent back with the answer.
    package var requestID: JSONValue?
    /// What is asked for, or why that cannot be said.
    package var request: Result<OpenCodeRequest, OpenCodeFailure>
}

/// What clients may send, declared once: validation, interface description and documentation come from here.
package enum OpenCodeMessages {
    static let depthLimit: Int = 64

    /// Every message, by its type.
    package static let schemas: [(type: String, schema: MessageSchema)] = [
        ("ping", ping), ("request_status", requestStatus), ("start_task", startTask), ("cancel_task", cancelTask),
        ("retry_task", retryTask), ("get_task_status", getTaskStatus), ("list_tasks", listTasks),
        ("schedule_task", scheduleTask), ("request_system_resources", requestSystemResources),
        ("request_process_list", requestProcessList), ("request_log_entries", requestLogEntries),
        ("request_system_health", requestSystemHealth), ("request_metrics", requestMetrics),
        ("kill_process", killProcess), ("request_claude_processes", requestClaudeProcesses),
        ("subscribe_to_updates", subscribe), ("unsubscribe_from_updates", unsubscribe), ("authenticate", authenticate),
    ]

    private static let byType: [String: MessageSchema] = Dictionary(
        uniqueKeysWithValues: schemas.map { ($0.type, $0.schema) })

    private static let ping = MessageSchema(
        "Ping",
        [
            .optional(
                "timestamp", .number(-Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude),
                "The client's time in milliseconds, sent back unchanged.")
        ])

    private static let requestStatus = MessageSchema("RequestStatus", [])
    private static let requestSystemResources = MessageSchema("RequestSystemResources", [])
    private static let requestSystemHealth = MessageSchema("RequestSystemHealth", [])
    private static let requestClaudeProcesses = MessageSchema("RequestClaudeProcesses", [])

    private static let requestMetrics = MessageSchema(
        "RequestMetrics",
        [.optional("time_range", .string(1...16, .metricsRange), "How far to look back: 1h by default, at most 30d.")])

    private static let killProcess = MessageSchema(
        "KillProcess",
        [
            .required("pid", .integer(1...Int(Int32.max)), "The process."),
            .optional("signal", .enumeration(OpenCodeVocabulary.signals), "SIGTERM by default."),
        ])

    private static let authenticate = MessageSchema(
        "Authenticate",
        [
            .optional("api_key", .string(1...8_192), "A key of `maos-cli key create`, or a signed token."),
            .optional("token", .string(1...8_192), "A signed token."),
            .optional("session_token", .string(1...8_192), "What an earlier authentication was answered with."),
            .optional("client_info", .object(clientInfo), "What the client is, for the log."),
        ])

    private static let clientInfo = MessageSchema(
        "ClientInfo",
        [
            .optional("name", .string(0...200), "Its name."),
            .optional("version", .string(0...200), "Its version."),
            .optional("user_agent", .string(0...1_000), "What it calls itself over HTTP."),
        ])

    /// Takes a message apart and checks it.
    ///
    /// - Parameters:
    ///   - text: The message, as UTF-8.
    ///   - now: The time, for what has to lie in the future.
    /// - Returns: What could be made of it.
    package static func decode(_ text: [UInt8], at now: Instant) -> OpenCodeInbound {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(text, depthLimit: depthLimit)
        } catch {
            return OpenCodeInbound(request: .failure(.invalidJSON("\(error)")))
        }
        guard case .object(let message) = value else {
            return OpenCodeInbound(
                request: .failure(.invalidJSON("a message has to be an object, not \(value.typeName)")))
        }
        var inbound = OpenCodeInbound(requestID: requestID(of: message), request: .success(.status))
        guard let given: JSONValue = message["type"] else {
            inbound.request = .failure(.missing("type", expected: "string"))
            return inbound
        }
        guard case .string(let type) = given else {
            inbound.request = .failure(
                .invalid(
                    .invalidFieldType, "type", "must be a string, not \(given.typeName)", nil, expected: "string"))
            return inbound
        }
        guard let schema: MessageSchema = byType[type] else {
            inbound.request = .failure(.unknownType(type))
            return inbound
        }
        inbound.type = type
        do throws(OpenCodeFailure) {
            inbound.request = .success(try decode(type, schema, message, at: now))
        } catch {
            inbound.request = .failure(error)
        }
        return inbound
    }

    /// What is sent back as it came: text and numbers of reasonable length.
    private static func requestID(of message: JSONObject) -> JSONValue? {
        switch message["request_id"] {
        case .string(let text)? where text.utf8.count <= 200: .string(text)
        case .integer(let number)?: .integer(number)
        default: nil
        }
    }

    private static func decode(
        _ type: String, _ schema: MessageSchema, _ message: JSONObject, at now: Instant
    ) throws(OpenCodeFailure) -> OpenCodeRequest {
        if type == "start_task" || type == "schedule_task" {
            let task: OpenCodeTask = try decodeTask(message, schema, at: now)
            return type == "start_task" ? .startTask(task) : .scheduleTask(task)
        }
        if let issue: ValidationIssue = schema.issues(in: .object(message)).first {
            throw failure(of: issue, in: type)
        }
        switch type {
        case "ping": return .ping(message["timestamp"])
        case "request_status": return .status
        case "cancel_task": return .cancelTask(try taskID(message))
        case "retry_task": return .retryTask(try taskID(message))
        case "get_task_status": return .taskStatus(try taskID(message))
        case "list_tasks": return .listTasks(try decodeTaskList(message))
        case "request_system_resources": return .systemResources
        case "request_process_list": return .processList(try decodeProcessList(message))
        case "request_log_entries": return .logEntries(try decodeLogRequest(message))
        case "request_system_health": return .systemHealth
        case "request_metrics":
            let range: String = message["time_range"]?.stringValue ?? "1h"
            return .metrics(range, rangeLength(range) ?? .seconds(3_600))
        case "kill_process":
            let signal: ProcessSignal? = message["signal"]?.stringValue.flatMap { ProcessSignal(rawValue: $0) }
            return .killProcess(Int32(clamping: message["pid"]?.intValue ?? 0), signal ?? .terminate)
        case "request_claude_processes": return .claudeProcesses
        case "subscribe_to_updates": return .subscribe(try decodeSubscription(message))
        case "unsubscribe_from_updates":
            return .unsubscribe(
                message["channels"]?.arrayValue?.compactMap(\.stringValue) ?? [],
                id: message["subscription_id"]?.stringValue ?? "")
        default: return .authenticate(try decodeCredential(message))
        }
    }

    private static func taskID(_ message: JSONObject) throws(OpenCodeFailure) -> TaskID {
        let text: String = message["task_id"]?.stringValue ?? ""
        // What cannot be a name is no task's name.
        guard let id = TaskID(text) else { throw .taskNotFound(text) }
        return id
    }

    private static func decodeCredential(_ message: JSONObject) throws(OpenCodeFailure) -> OpenCodeCredential {
        if let token: String = message["session_token"]?.stringValue { return .session(token) }
        guard let text: String = message["api_key"]?.stringValue ?? message["token"]?.stringValue else {
            throw .missing("api_key", expected: "string")
        }
        return text.hasPrefix("sess_") ? .session(text) : .keyOrToken(text)
    }

    /// The length of a range such as `90m`; `nil` for what is none, or longer than 30 days.
    static func rangeLength(_ text: String) -> Milliseconds? {
        guard let unit: Character = text.last, let count = Int64(text.dropLast()), count > 0, count < 10_000_000 else {
            return nil
        }
        let seconds: Int64
        switch unit {
        case "s": seconds = count
        case "m": seconds = count * 60
        case "h": seconds = count * 3_600
        case "d": seconds = count * 86_400
        default: return nil
        }
        return seconds <= 30 * 86_400 ? .seconds(seconds) : nil
    }

    // MARK: Mistakes

    /// The refusal for a mistake, by what kind it is and where.
    static func failure(of issue: ValidationIssue, in type: String) -> OpenCodeFailure {
        let field: String = issue.field
        var code: OpenCodeErrorCode =
            switch issue.code {
            case .required: .missingRequiredField
            case .type: .invalidFieldType
            case .format: .invalidFieldFormat
            case .enumeration, .tooSmall, .tooBig, .unacceptable, .syntax: .invalidFieldValue
            }
        if case .key(let first)? = issue.path.first, issue.path.count > 1 || issue.code == .type {
            if first == "filter" || first == "sort" || first == "filters" { code = .filterValidationError }
        }
        if field.hasPrefix("task.recurring"), issue.path.count > 2 || issue.code == .type {
            code = .invalidRecurringConfig
        }
        if field == "channels" && issue.code == .tooSmall { code = .subscriptionError }
        if code == .missingRequiredField { return .missing(field, expected: issue.expected ?? "a value") }
        if issue.code == .enumeration { return notAmong(code, field, issue) }
        return .invalid(code, field, issue.message, issue.value, expected: issue.expected ?? "another value")
    }

    private static func notAmong(
        _ code: OpenCodeErrorCode, _ field: String, _ issue: ValidationIssue
    ) -> OpenCodeFailure {
        // Names of choices hold no commas.
        let choices: String = issue.expected ?? ""
        var expected: [JSONValue] = []
        for name: Substring in choices.split(separator: ",") {
            expected.append(.string(String(name.drop { $0 == " " })))
        }
        let short: String = OpenCodeFailure.shortField(field)
        return OpenCodeFailure(
            code, "Invalid \(short) value: '\(issue.value?.stringValue ?? "")'. Valid values are: \(choices)",
            OpenCodeFailure.details(of: field, issue.value, .array(expected)))
    }

    /// Refuses members of a filter that nobody knows; its declaration says that they are.
    static func requireKnown(
        _ filter: JSONValue?, _ schema: MessageSchema, at path: String
    ) throws(OpenCodeFailure) {
        precondition(schema.isClosed, "what is refused is declared")
        guard case .object(let object)? = filter else { return }
        for member: JSONObject.Member in object where schema.index(of: member.key) == nil {
            let name: String = OpenCodeFailure.cut(member.key, to: 100)
            throw OpenCodeFailure(
                .filterValidationError, "Unknown filter: '\(name)'",
                [
                    "field": .string("\(path).\(name)"),
                    "expected": .array(schema.fields.map { .string($0.name) }),
                ])
        }
    }

    /// A word, or a list of words; nothing where there is no such member, or an empty list.
    static func words(_ value: JSONValue?) -> [String] {
        switch value {
        case .string(let word)?: [word]
        case .array(let words)?: words.compactMap(\.stringValue)
        default: []
        }
    }

    static func time(_ value: JSONValue?) -> Instant? {
        value?.stringValue.flatMap { OpenCodeTime.parse($0) }
    }

    /// One of these words, or a list of them.
    static func choice(_ words: [String]) -> Constraint {
        .either([.array(of: .enumeration(words), count: 0...64), .enumeration(words)])
    }

    static let timestamp: Constraint = .string(1...64, .openCodeTimestamp)
    /// Text that is looked for.
    static let needle: Constraint = .string(0...1_000)
    static let percentage: Constraint = .number(0...100)
    static let order: Constraint = .enumeration(["asc", "desc"])
}
