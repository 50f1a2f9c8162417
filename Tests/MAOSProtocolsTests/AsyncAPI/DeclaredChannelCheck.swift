import MAOSCore
import MAOSProtocols
import Testing

/// Holds what a dialect sends to what it declares: the description tells the truth because every message of every test
/// comes by here.
extension DeclaredChannel {
    /// Records an issue unless the message is exactly one of those declared, without a member that is not.
    func check(_ message: JSONValue, sourceLocation: SourceLocation = #_sourceLocation) {
        guard let problem: String = problem(with: message) else { return }
        Issue.record("\(name) sends what it does not declare: \(message)\n\(problem)", sourceLocation: sourceLocation)
    }

    /// Why a message is none of those declared; `nil` for one that is.
    func problem(with message: JSONValue) -> String? {
        var problems: [String] = []
        var fitting: [String] = []
        for declared: DeclaredMessage in sent {
            guard let schema: MessageSchema = declared.schema, schema.isNamed(like: message) else { continue }
            if let problem: String = schema.problem(with: message) {
                problems.append("\(declared.title): \(problem)")
            } else {
                fitting.append(declared.title)
            }
        }
        switch fitting.count {
        case 0: return problems.isEmpty ? "there is no such message" : problems.joined(separator: "\n")
        case 1: return nil
        default: return "it could be any of \(fitting)"
        }
    }
}

extension MessageSchema {
    /// What is wrong with a value, or which of its members is not declared; `nil` for one that is as declared.
    fileprivate func problem(with value: JSONValue) -> String? {
        var limits = ValidationLimits()
        limits.issues = 1
        if let issue: ValidationIssue = issues(in: value, limits: limits).first {
            return "\(issue.field) \(issue.message)"
        }
        return undeclared(in: value, path: "").map { "\($0) is not declared" }
    }

    /// Whether all members that can have one value only have it.
    fileprivate func isNamed(like message: JSONValue) -> Bool {
        fields.allSatisfy { (field: Field) in
            guard case .enumeration(let choices) = field.constraint, choices.count == 1 else { return true }
            return message[field.name]?.stringValue == choices[0]
        }
    }

    fileprivate func undeclared(in value: JSONValue, path: String) -> String? {
        guard case .object(let object) = value else { return nil }
        for member: JSONObject.Member in object {
            guard let field: Field = fields.first(where: { $0.name == member.key }) else { return path + member.key }
            if let found: String = field.constraint.undeclared(in: member.value, path: path + member.key) {
                return found
            }
        }
        return nil
    }
}

extension Constraint {
    fileprivate func undeclared(in value: JSONValue, path: String) -> String? {
        switch (self, value) {
        case (.object(let schema), _):
            return schema.undeclared(in: value, path: path + ".")
        case (.array(let element, _), .array(let elements)):
            for (index, value) in elements.enumerated() {
                if let found: String = element.undeclared(in: value, path: "\(path).\(index)") { return found }
            }
            return nil
        case (.map(_, let values, _), .object(let object)):
            for member: JSONObject.Member in object {
                if let found: String = values.undeclared(in: member.value, path: "\(path).\(member.key)") {
                    return found
                }
            }
            return nil
        case (.either(let alternatives), _):
            return alternatives.first { $0.takes(value) }?.undeclared(in: value, path: path)
        default:
            return nil
        }
    }
}
