package import MAOSCore

extension GatewayMessages {
    /// A requirement in its long form.
    package static let requirement = MessageSchema(
        "Requirement", minimumMembers: 1,
        [
            .optional("id", .string(0...100), "The client's name for it."),
            .optional("type", .string(1...100), "What it is about; `capability` decides which agents qualify."),
            .optional("name", .string(1...100), "For a capability, its name."),
            .optional("description", .string(freeText), "For people."),
            .optional("value", .any, "What is required."),
            .optional("minProficiency", .number(0...1), "For a capability, how good an agent must be at it."),
            .optional("mandatory", .boolean, "Whether it has to be met; true by default."),
        ])

    /// A constraint in its long form.
    package static let constraint = MessageSchema(
        "Constraint",
        [
            .required("type", .string(1...100), "What it limits: time, cost, resource, security or another word."),
            .optional("description", .string(freeText), "For people."),
            .optional("operator", .string(0...100), "How to compare with the value."),
            .optional("value", .any, "The bound."),
            .optional("hard", .boolean, "Whether it has to be kept; true by default."),
        ])

    /// When and how often a failed task is tried again.
    package static let retryPolicy = MessageSchema(
        "RetryPolicy",
        [
            .optional("maxAttempts", .integer(1...100), "Attempts that may fail before the task does; 1 by default."),
            .optional("backoffMs", .integer(0...86_400_000), "The wait after the first failure; 1000 by default."),
            .optional("factor", .number(1...10), "By what the wait grows after each failure; 2 by default."),
            .optional(
                "onInterruption", .enumeration(["retry", "fail"]),
                "What becomes of an attempt that the server's own end interrupted."),
        ])

    /// The members of a task's context that the orchestrator itself looks at; others are handed to the agent.
    package static let taskContext = MessageSchema(
        "TaskContext",
        [
            .optional("command", .command, "What to run: program and arguments, or a line for /bin/sh."),
            .optional("environment", environment, "Environment variables of the process."),
            .optional("workingDirectory", .string(1...4_096, .processText), "Where the process starts."),
            .optional("project", .string(1...100), "The project that the task belongs to."),
            .optional(
                "concurrencyKey", .string(1...255),
                "Of tasks with the same key one runs at a time, or as many as are configured."),
            .optional("traceparent", .string(1...256), "The caller's W3C trace context."),
        ])

    /// When a task may start, and which tasks like it follow.
    package static let taskSchedule = MessageSchema(
        "TaskSchedule",
        [
            .required("at", .string(20...64, .timestamp), "Before this the task waits."),
            .optional(
                "interval", .enumeration(TaskRecurrence.Interval.allCases.map(\.name)),
                "It comes back at the same time of day: every day, on the weekday or the day of the month of `at`."),
            .optional(
                "timeZone", .string(1...100),
                "For interval: the zone whose clocks are meant, by its IANA name; UTC by default."),
            .optional("endTime", .string(20...64, .timestamp), "For interval: no time is later than this."),
            .optional("maxRuns", .integer(1...1_000_000), "For interval: so many tasks, with the first."),
        ])

    /// The body of `POST /api/v1/tasks`.
    package static let createTask = MessageSchema(
        "CreateTaskRequest",
        [
            .required("type", .enumeration(GatewayVocabulary.taskTypes), "The kind of work."),
            .required("description", .string(1...1_000), "What is to be done."),
            .required(
                "requirements", .array(of: .either([.string(1...1_000), .object(requirement)]), count: 0...1_000),
                "What the work needs; a string stands for an object with that description."),
            .required("priority", .enumeration(GatewayVocabulary.priorities), "How urgent it is."),
            .optional(
                "constraints", .array(of: .either([.string(1...1_000), .object(constraint)]), count: 0...1_000),
                "What the work has to keep to; a string stands for an object with that description."),
            .optional("deadline", .string(20...64, .timestamp), "When the task fails if it has not ended by then."),
            .optional("schedule", .object(taskSchedule), "When it may start, and whether it comes back."),
            .optional("context", .object(taskContext), "What to run, and whatever the agent should know."),
            .optional("timeout", .integer(timeouts), "How long one attempt may take, in milliseconds."),
            .optional("budget", .object(budget), "What all attempts together may use."),
            .optional("retryPolicy", .object(retryPolicy), "When and how often a failed task is tried again."),
            .optional(
                "dependencies", .array(of: .string(1...100, .identifier), count: 0...1_000),
                "Tasks that have to be completed first."),
        ])

    /// The body of `PATCH /api/v1/tasks/{id}/priority`.
    package static let updatePriority = MessageSchema(
        "UpdatePriorityRequest",
        [
            .required("priority", .enumeration(GatewayVocabulary.priorities), "The new priority."),
            .optional("reason", .string(freeText), "Why, for people."),
        ])

    /// Reads the body of a creation.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeCreateTask(_ body: [UInt8]) throws(GatewayFailure) -> TaskSpecification {
        try taskSpecification(try document(body, createTask))
    }

    /// Reads the body of a change of priority.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    package static func decodeUpdatePriority(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> (priority: Priority, reason: String?) {
        let object: JSONObject = try decode(body, updatePriority)
        guard let priority: Priority = object["priority"]?.stringValue.flatMap(Priority.init(name:)) else {
            throw .internalError
        }
        return (priority, object["reason"]?.stringValue)
    }

    /// Makes a specification of an object that ``createTask`` has found valid.
    ///
    /// - Throws: ``GatewayFailure`` for what the declaration cannot say.
    static func taskSpecification(_ document: JSONDocument) throws(GatewayFailure) -> TaskSpecification {
        var specification = TaskSpecification(kind: .code, description: "")
        try apply(document, to: &specification)
        return specification
    }

    /// Replaces what an object that ``createTask`` has found valid, but for members that are missing, has of a specification.
    ///
    /// - Throws: ``GatewayFailure`` for what the declaration cannot say.
    static func apply(_ document: JSONDocument, to specification: inout TaskSpecification) throws(GatewayFailure) {
        guard case .object(let object) = document.value else { throw .internalError }
        for position in object.members.indices {
            let value: JSONValue = object.members[position].value
            switch object.members[position].key {
            case "type":
                guard let name: String = value.stringValue, let kind = GatewayVocabulary.taskKind(named: name) else {
                    throw .internalError
                }
                specification.kind = kind
            case "description":
                specification.description = value.stringValue ?? ""
            case "priority":
                guard let name: String = value.stringValue, let priority = Priority(name: name) else {
                    throw .internalError
                }
                specification.priority = priority
            case "requirements":
                let requirements: [JSONValue] = value.arrayValue ?? []
                specification.capabilities = try capabilities(requirements)
                specification.requirements =
                    normalized(requirements, type: nil) ?? document.text(ofMember: position)
            case "context":
                guard case .object(let context) = value else { break }
                if !replaceContext(with: context, in: &specification) {
                    specification.context = document.text(ofMember: position)
                }
            case "constraints":
                let constraints: [JSONValue] = value.arrayValue ?? []
                specification.constraints =
                    normalized(constraints, type: "other") ?? document.text(ofMember: position)
            case "deadline":
                specification.deadline = value.stringValue.flatMap { ISO8601.parse($0) }.map(
                    Instant.init(milliseconds:))
            case "schedule":
                specification.schedule = try taskSchedule(value)
            case "timeout":
                specification.timeout = value.intValue.map { Milliseconds(Int64($0)) }
            case "retryPolicy":
                specification.retryPolicy = retryPolicy(value)
            case "budget":
                specification.budget = budget(value)
            case "dependencies":
                let ids: [JSONValue] = value.arrayValue ?? []
                specification.dependencies = ids.compactMap { $0.stringValue.map(TaskID.init(unchecked:)) }
            default:
                break
            }
        }
    }

    private static func taskSchedule(_ object: JSONValue) throws(GatewayFailure) -> TaskSchedule {
        func time(_ name: String) -> Instant? {
            object[name]?.stringValue.flatMap { ISO8601.parse($0) }.map { Instant(milliseconds: $0) }
        }
        guard let start: Instant = time("at") else { throw .internalError }
        let name: String? = object["interval"]?.stringValue
        guard let interval = TaskRecurrence.Interval.allCases.first(where: { $0.name == name }) else {
            for member: String in ["timeZone", "endTime", "maxRuns"] where object[member] != nil {
                throw .invalid([
                    ValidationIssue(
                        path: [.key("schedule"), .key(member)], code: .unacceptable,
                        message: "goes with interval only", expected: "nothing without interval", value: object[member])
                ])
            }
            return TaskSchedule(at: start)
        }
        return TaskSchedule(
            at: start,
            recurrence: TaskRecurrence(
                interval, timeZone: object["timeZone"]?.stringValue ?? "UTC", end: time("endTime"),
                maximumRuns: object["maxRuns"]?.intValue))
    }

    private static func retryPolicy(_ value: JSONValue) -> RetryPolicy {
        var policy = RetryPolicy()
        if let attempts: Int = value["maxAttempts"]?.intValue { policy.maximumAttempts = attempts }
        if let backoff: Int = value["backoffMs"]?.intValue { policy.backoff = Milliseconds(Int64(backoff)) }
        if let factor: Double = value["factor"]?.doubleValue { policy.factor = factor }
        if value["onInterruption"]?.stringValue == "fail" { policy.onInterruption = .fail }
        return policy
    }

    /// Takes from a context what the orchestrator itself looks at, and keeps the rest for the agent.
    ///
    /// - Returns: Whether it has done so; if not, all of it is the agent's, and still to be kept.
    private static func replaceContext(
        with context: JSONObject, in specification: inout TaskSpecification
    ) -> Bool {
        specification.command = nil
        specification.environment = [:]
        specification.workingDirectory = nil
        specification.project = nil
        specification.concurrencyKey = nil
        specification.context = .emptyObject
        guard !context.isEmpty else { return true }
        let members: [JSONObject.Member] = context.members
        guard members.indices.contains(where: { taskContext.index(of: members[$0].key) != nil }) else { return false }
        var rest = JSONWriter()
        rest.beginObject()
        for member: JSONObject.Member in members {
            switch member.key {
            case "command":
                switch member.value {
                case .string(let line): specification.command = .shell(line)
                case .array(let words): specification.command = .arguments(words.compactMap(\.stringValue))
                default: break
                }
            case "environment": specification.environment = strings(member.value)
            case "workingDirectory": specification.workingDirectory = member.value.stringValue
            case "project": specification.project = member.value.stringValue
            case "concurrencyKey":
                specification.concurrencyKey = member.value.stringValue
                // The agent is told, too.
                rest.member(member.key, member.value)
            default: rest.member(member.key, member.value)
            }
        }
        rest.endObject()
        if rest.count > 2 { specification.context = rest.takeText() }
        return true
    }

    /// The requirements that decide which agents qualify.
    private static func capabilities(_ requirements: [JSONValue]) throws(GatewayFailure) -> [CapabilityRequirement] {
        var capabilities: [CapabilityRequirement] = []
        for index in requirements.indices {
            guard case .object(let requirement) = requirements[index] else { continue }
            var capability = CapabilityRequirement(name: "")
            var (isCapability, isMandatory) = (false, true)
            for member: JSONObject.Member in requirement.members {
                switch (member.key, member.value) {
                case ("type", .string(let type)): isCapability = type == "capability"
                case ("name", .string(let name)): capability.name = name
                case ("mandatory", .boolean(let boolean)): isMandatory = boolean
                case ("minProficiency", let value): capability.minimumProficiency = value.doubleValue ?? 0
                default: break
                }
            }
            guard isCapability, isMandatory else { continue }
            guard !capability.name.isEmpty else {
                throw .invalid([
                    ValidationIssue(
                        path: [.key("requirements"), .index(index), .key("name")], code: .required,
                        message: "is required for a capability", expected: "string")
                ])
            }
            capabilities.append(capability)
        }
        return capabilities
    }

    /// The elements as objects, with a bare string become the description of one; `nil` if they are objects already.
    private static func normalized(_ elements: [JSONValue], type: String?) -> JSONText? {
        guard !elements.isEmpty else { return .emptyArray }
        guard elements.contains(where: { if case .string = $0 { true } else { false } }) else { return nil }
        var writer = JSONWriter()
        writer.beginArray()
        for element: JSONValue in elements {
            if case .string(let description) = element {
                writer.beginObject()
                writer.memberIfPresent("type", type)
                writer.member("description", description)
                writer.endObject()
            } else {
                writer.value(element)
            }
        }
        writer.endArray()
        return writer.takeText()
    }
}
