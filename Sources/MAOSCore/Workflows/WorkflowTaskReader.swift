/// Reads the configuration of a task step: the members of a request for a task, none of which has to be there.
struct WorkflowTaskReader {
    private(set) var specification: TaskSpecification
    private(set) var issues: [Rejection.Issue] = []
    private let path: String
    /// Members, dotted, that are not known before the step starts.
    private let unknown: Set<String>

    /// Reads an object.
    ///
    /// - Parameters:
    ///   - object: The configuration, with what defaults add to it.
    ///   - step: The step's id, which is the description where none is given.
    ///   - retryPolicy: What counts where the step does not say otherwise.
    ///   - path: Where the object stands, for messages.
    ///   - unknown: Members, dotted, that are not looked at.
    init(
        _ object: JSONObject, step: String, retryPolicy: RetryPolicy, path: String, unknown: Set<String> = []
    ) {
        self.path = path
        self.unknown = unknown
        specification = TaskSpecification(kind: .code, description: step, retryPolicy: retryPolicy)
        for member: JSONObject.Member in object.members where !isUnknown(member.key) && !member.value.isNull {
            read(member)
        }
    }

    private mutating func read(_ member: JSONObject.Member) {
        let value: JSONValue = member.value
        switch member.key {
        case "type":
            guard let kind: TaskKind = value.stringValue.flatMap(WorkflowTaskReader.kind) else {
                return refuse("type", value, "code, test, review, deploy or another word of lower-case letters")
            }
            specification.kind = kind
        case "description":
            guard let text: String = value.stringValue, (1...1_000).contains(text.count) else {
                return refuse("description", value, "a string of 1 to 1000 characters")
            }
            specification.description = text
        case "priority":
            guard let priority: Priority = value.stringValue.flatMap(Priority.init(name:)) else {
                return refuse("priority", value, "one of low, medium, high, critical")
            }
            specification.priority = priority
        case "requirements": readRequirements(value)
        case "constraints":
            guard case .array(let elements) = value, elements.count <= 1_000 else {
                return refuse("constraints", value, "an array of at most 1000 constraints")
            }
            if !elements.isEmpty { specification.constraints = JSONText(value) }
        case "deadline":
            guard let time: Int64 = value.stringValue.flatMap({ ISO8601.parse($0) }) else {
                return refuse("deadline", value, "a time such as 2030-01-31T12:00:00Z")
            }
            specification.deadline = Instant(milliseconds: time)
        case "timeout":
            guard let timeout: Int = value.intValue, (1_000...86_400_000).contains(timeout) else {
                return refuse("timeout", value, "a whole number of 1000 to 86400000 milliseconds")
            }
            specification.timeout = Milliseconds(Int64(timeout))
        case "retryPolicy":
            specification.retryPolicy = retryPolicy(value, usual: specification.retryPolicy)
        case "budget": specification.budget = budget(value)
        case "context": readContext(value)
        default: break
        }
    }

    /// The kind that a client's name for a type stands for.
    static func kind(named name: String) -> TaskKind? {
        switch name {
        case "test": .testing
        case "deploy": .deployment
        default: TaskKind(name)
        }
    }

    private mutating func readRequirements(_ value: JSONValue) {
        guard case .array(let elements) = value, elements.count <= 1_000 else {
            return refuse("requirements", value, "an array of at most 1000 requirements")
        }
        guard !elements.isEmpty else { return }
        var normalized: [JSONValue] = []
        for (index, element) in elements.enumerated() {
            switch element {
            case .string(let text): normalized.append(["description": .string(text)])
            case .object(let object):
                normalized.append(element)
                guard object["type"] == "capability", object["mandatory"]?.boolValue ?? true else { continue }
                guard let name: String = object["name"]?.stringValue, (1...100).contains(name.count) else {
                    refuse("requirements.\(index).name", object["name"] ?? .null, "the name of a capability")
                    continue
                }
                specification.capabilities.append(
                    CapabilityRequirement(
                        name: name, minimumProficiency: object["minProficiency"]?.doubleValue ?? 0))
            case .null, .boolean, .integer, .number, .array:
                refuse("requirements.\(index)", element, "a string or an object")
            }
        }
        specification.requirements = JSONText(.array(normalized))
    }

    private mutating func readContext(_ value: JSONValue) {
        guard case .object(let context) = value else { return refuse("context", value, "an object") }
        var rest = JSONObject()
        for member: JSONObject.Member in context.members where !isUnknown("context.\(member.key)") {
            switch member.key {
            case "command":
                guard let command: RunnerCommand = WorkflowTaskReader.command(member.value) else {
                    refuseCommand(member.value)
                    continue
                }
                specification.command = command
            case "environment":
                guard let environment: [String: String] = WorkflowTaskReader.strings(member.value) else {
                    refuse("context.environment", member.value, "an object of strings")
                    continue
                }
                specification.environment = environment
            case "concurrencyKey":
                guard let key: String = member.value.stringValue, (1...255).contains(key.count) else {
                    refuse("context.concurrencyKey", member.value, "a string of 1 to 255 characters")
                    continue
                }
                specification.concurrencyKey = key
            case "workingDirectory", "project":
                guard let text: String = member.value.stringValue, !text.isEmpty, !text.utf8.contains(0) else {
                    refuse("context.\(member.key)", member.value, "a string")
                    continue
                }
                if member.key == "project" {
                    specification.project = text
                } else {
                    specification.workingDirectory = text
                }
            default: rest[member.key] = member.value
            }
        }
        if !rest.isEmpty { specification.context = JSONText(.object(rest)) }
    }

    /// A command in one of its two forms; arguments that are no strings are given as JSON.
    private static func command(_ value: JSONValue) -> RunnerCommand? {
        switch value {
        case .string(let line) where !line.isEmpty && !line.utf8.contains(0): return .shell(line)
        case .array(let elements) where !elements.isEmpty:
            var words: [String] = []
            for element: JSONValue in elements {
                guard let word: String = plainText(element), !word.utf8.contains(0) else { return nil }
                words.append(word)
            }
            return words[0].isEmpty ? nil : .arguments(words)
        default: return nil
        }
    }

    /// Names the argument that is none, where it is one: mostly an expression that has found nothing.
    private mutating func refuseCommand(_ value: JSONValue) {
        if case .array(let elements) = value, let index: Int = elements.firstIndex(where: \.isNull) {
            return refuse("context.command.\(index)", .null, "a string; an expression that finds nothing gives null")
        }
        refuse("context.command", value, "program and arguments as an array of strings, or one string")
    }

    private static func strings(_ value: JSONValue) -> [String: String]? {
        guard case .object(let object) = value else { return nil }
        var strings: [String: String] = [:]
        for member: JSONObject.Member in object.members {
            guard let text: String = plainText(member.value), !text.utf8.contains(0), !member.key.isEmpty,
                !member.key.utf8.contains(0), !member.key.utf8.contains(UInt8(ascii: "="))
            else { return nil }
            strings[member.key] = text
        }
        return strings
    }

    private static func plainText(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .boolean, .integer, .number, .array, .object: JSONText(value).description
        case .null: nil
        }
    }

    /// A policy; what it does not say is as usual.
    mutating func retryPolicy(_ value: JSONValue, usual: RetryPolicy) -> RetryPolicy {
        guard case .object(let object) = value else {
            refuse("retryPolicy", value, "an object")
            return usual
        }
        var policy: RetryPolicy = usual
        for member: JSONObject.Member in object.members where !isUnknown("retryPolicy.\(member.key)") {
            let field: String = "retryPolicy.\(member.key)"
            switch member.key {
            case "maxAttempts":
                guard let attempts: Int = member.value.intValue, (1...100).contains(attempts) else {
                    refuse(field, member.value, "a whole number of 1 to 100")
                    continue
                }
                policy.maximumAttempts = attempts
            case "backoffMs":
                guard let backoff: Int = member.value.intValue, (0...86_400_000).contains(backoff) else {
                    refuse(field, member.value, "a whole number of 0 to 86400000 milliseconds")
                    continue
                }
                policy.backoff = Milliseconds(Int64(backoff))
            case "factor":
                guard let factor: Double = member.value.doubleValue, (1...10).contains(factor) else {
                    refuse(field, member.value, "a number of 1 to 10")
                    continue
                }
                policy.factor = factor
            case "onInterruption":
                guard let name: String = member.value.stringValue, ["retry", "fail"].contains(name) else {
                    refuse(field, member.value, "retry or fail")
                    continue
                }
                policy.onInterruption = name == "fail" ? .fail : .retry
            default: break
            }
        }
        return policy
    }

    /// Ceilings; what is not said is not limited.
    mutating func budget(_ value: JSONValue) -> Budget {
        guard case .object(let object) = value, !object.isEmpty else {
            refuse("budget", value, "an object with wallTimeMs, cpuTimeMs or cost")
            return Budget()
        }
        var budget = Budget()
        for member: JSONObject.Member in object.members
        where !isUnknown("budget.\(member.key)") && !member.value.isNull {
            let field: String = "budget.\(member.key)"
            switch BudgetPart.allCases.first(where: { $0.name == member.key }) {
            case .wallTime?: budget.wallTime = time(member.value, field)
            case .processorTime?: budget.processorTime = time(member.value, field)
            case .cost?:
                budget.cost = Cost(member.value)
                if budget.cost.map({ $0 <= .zero }) ?? true {
                    budget.cost = nil
                    refuse(field, member.value, "a number of 0.000001 to \(Cost.limit)")
                }
            case nil: refuse(field, member.value, "one of wallTimeMs, cpuTimeMs, cost")
            }
        }
        return budget
    }

    private mutating func time(_ value: JSONValue, _ field: String) -> Milliseconds? {
        guard let count: Int = value.intValue, (1...Int(Budget.longest.count)).contains(count) else {
            refuse(field, value, "a whole number of 1 to \(Budget.longest.count) milliseconds")
            return nil
        }
        return Milliseconds(Int64(count))
    }

    private func isUnknown(_ field: String) -> Bool {
        guard !unknown.isEmpty else { return false }
        return unknown.contains(field)
    }

    private mutating func refuse(_ field: String, _ value: JSONValue, _ expected: String) {
        issues.append(
            Rejection.Issue(
                field: path.isEmpty ? field : "\(path).\(field)", value: WorkflowCompiler.excerpt(value),
                expected: expected))
    }
}
