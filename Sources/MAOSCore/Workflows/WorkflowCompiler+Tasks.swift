/// Task steps: what is run, what is asked of people, and what undoes it.
extension WorkflowCompiler {
    private static let ownMembers: Set<String> = ["approval", "compensation", "weight"]
    /// Members of a task alone, with what says the same of a step.
    private static let foreignMembers: [(name: String, instead: String)] = [
        ("schedule", "a schedule can begin the whole workflow"),
        ("dependencies", "the workflow's own dependencies say what waits for what"),
    ]

    /// Reads the configuration of a task step.
    mutating func plan(_ configuration: JSONObject, of index: Int) -> CompiledWorkflow.TaskPlan? {
        let path: String = steps[index].path + ".configuration"
        let id: String = steps[index].id
        let known: Int = issues.count
        guard let (template, specification) = task(configuration, at: path, of: id) else { return nil }
        var plan = CompiledWorkflow.TaskPlan(template: template, specification: specification)
        if let approval: JSONValue = configuration["approval"], !approval.isNull {
            plan.approval = self.template(approval, at: "\(path).approval", of: id)
            plan.hasTask = configuration["context"] != nil
            if let template: Template = plan.approval {
                let unknown: Set<String> = WorkflowCompiler.unknownMembers(of: template)
                let reader = ApprovalReader(approval, step: id, path: "\(path).approval", unknown: unknown)
                issues += reader.issues
            }
        }
        if let compensation: JSONValue = configuration["compensation"], !compensation.isNull {
            guard case .object(let object) = compensation else {
                refuse("\(path).compensation", compensation, "an object with members of a task", step: id)
                return nil
            }
            plan.compensation = task(object, at: "\(path).compensation", of: id)?.template
        }
        return issues.count == known ? plan : nil
    }

    /// Reads the members of a task, with the workflow's defaults.
    private mutating func task(
        _ configuration: JSONObject, at path: String, of id: String
    ) -> (template: Template, specification: TaskSpecification?)? {
        var own: JSONObject = configuration
        for member: String in WorkflowCompiler.ownMembers { own[member] = nil }
        let object: JSONObject = WorkflowCompiler.merge(own, over: defaults)
        for (member, instead) in WorkflowCompiler.foreignMembers where isNew && !(object[member]?.isNull ?? true) {
            refuse("\(path).\(member)", object[member] ?? .null, "nothing in a step: \(instead)", step: id)
        }
        guard let template = template(.object(object), at: path, of: id) else { return nil }
        let unknown: Set<String> = WorkflowCompiler.unknownMembers(of: template)
        let reader = WorkflowTaskReader(object, step: id, retryPolicy: retryPolicy, path: path, unknown: unknown)
        issues += reader.issues
        return (template, template.isPlain ? reader.specification : nil)
    }

    /// The members, dotted, that cannot be known before the expressions in them are worked out.
    static func unknownMembers(of template: Template) -> Set<String> {
        var unknown: Set<String> = []
        for path: String in template.expressionPaths { unknown.insert(member(of: path)) }
        return unknown
    }

    private static func member(of path: String) -> String {
        let names: [Substring] = path.split(separator: ".", maxSplits: 2)
        guard names.count > 1, names[0] == "context" || names[0] == "retryPolicy" else {
            return String(names.first ?? "")
        }
        return "\(names[0]).\(names[1])"
    }

    /// Puts one object over another; objects inside are joined in the same way.
    static func merge(_ upper: JSONObject, over lower: JSONObject) -> JSONObject {
        guard !lower.isEmpty else { return upper }
        var merged: JSONObject = lower
        for member: JSONObject.Member in upper.members {
            if case .object(let value) = member.value, case .object(let below)? = merged[member.key] {
                merged[member.key] = .object(merge(value, over: below))
            } else {
                merged[member.key] = member.value
            }
        }
        return merged
    }
}

/// Reads what a step asks of people.
struct ApprovalReader {
    /// What is asked, for people.
    private(set) var reason: String
    /// How long it may stay open.
    private(set) var timeout: Milliseconds?
    /// What counts when nobody has answered by then.
    private(set) var approvesByDefault = false
    /// The subjects that may answer; empty for everybody with the permission.
    private(set) var approvers: [String] = []
    private(set) var issues: [Rejection.Issue] = []

    init(_ value: JSONValue, step: String, path: String, unknown: Set<String> = []) {
        reason = "Step \(step) asks to go on"
        guard case .object(let object) = value else {
            if value != true { refuse(path, value, "an object, or true") }
            return
        }
        for member: JSONObject.Member in object.members where !unknown.contains(member.key) && !member.value.isNull {
            let field: String = "\(path).\(member.key)"
            switch member.key {
            case "reason":
                guard let text: String = member.value.stringValue, (1...10_000).contains(text.count) else {
                    refuse(field, member.value, "a string of 1 to 10000 characters")
                    continue
                }
                reason = text
            case "timeout":
                guard let count: Int = member.value.intValue, (1...31_536_000_000).contains(count) else {
                    refuse(field, member.value, "a whole number of 1 to 31536000000 milliseconds")
                    continue
                }
                timeout = Milliseconds(Int64(count))
            case "default":
                guard let name: String = member.value.stringValue, ["approve", "reject"].contains(name) else {
                    refuse(field, member.value, "approve or reject")
                    continue
                }
                approvesByDefault = name == "approve"
            case "approvers":
                guard case .array(let elements) = member.value, elements.count <= 100 else {
                    refuse(field, member.value, "an array of at most 100 subjects")
                    continue
                }
                approvers = elements.compactMap(\.stringValue)
                if approvers.count != elements.count { refuse(field, member.value, "an array of strings") }
            default: break
            }
        }
    }

    private mutating func refuse(_ field: String, _ value: JSONValue, _ expected: String) {
        issues.append(Rejection.Issue(field: field, value: WorkflowCompiler.excerpt(value), expected: expected))
    }
}
