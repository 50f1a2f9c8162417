internal import MAOSCore

/// The server's "no", made readable.
struct Refusal {
    /// What was attempted: `create the task`.
    let action: String
    let status: Int
    /// The header of that name.
    let retryAfter: String?
    let body: JSONValue?

    /// Where to look for what is not there, by what the server calls it.
    private static let lists: [String: (command: String, things: String)] = [
        "task": ("task list", "tasks"), "agent": ("agent list", "agents"), "workflow": ("workflow list", "workflows"),
        "execution": ("execution list", "executions"), "approval": ("approval list --status all", "questions"),
        "schedule": ("schedule list", "schedules"), "pool": ("pool list", "pools"),
        "allocation": ("resource list", "allocations"), "budget": ("budget list", "budgets"),
        "dead letter": ("dead-letter list", "dead letters"),
    ]

    private var code: String? { body?["error"]?["code"]?.stringValue }
    private var details: JSONValue? { body?["error"]?["details"] }

    /// What the user sees.
    func failure(_ endpoint: Endpoint) -> Failure {
        guard let message: String = body?["error"]?["message"]?.stringValue else {
            return Failure(
                code: .refused, message: "cannot \(action): \(endpoint.url) answered with status \(status)",
                hints: ["is it a MAOS server?"])
        }
        let name: String = code.map { ", \($0)" } ?? ""
        return Failure(
            code: .refused,
            message: "cannot \(action): \(DisplayText.line(message)) (\(status)\(name))",
            details: issues, hints: hints(endpoint))
    }

    private var issues: [String] {
        switch details {
        case .array(let elements)?:
            return elements.map(Refusal.issue)
        case .object(let members)?:
            let message: String = body?["error"]?["message"]?.stringValue ?? ""
            return members.compactMap { member in
                let value: String = member.value.stringValue ?? JSONText(member.value).description
                // What the message says need not be said again.
                return message.contains(text: value) ? nil : DisplayText.line("\(member.key): \(value)")
            }
        default:
            return []
        }
    }

    /// `priority is "urgent", expected one of …`.
    static func issue(_ issue: JSONValue) -> String {
        let field: String = issue["field"]?.stringValue ?? ""
        let message: String = issue["message"]?.stringValue ?? "is wrong"
        // About the body as a whole there is nothing but the message.
        guard !field.isEmpty else { return DisplayText.line(message) }
        guard let expected: String = issue["expected"]?.stringValue, let value: JSONValue = issue["value"] else {
            return DisplayText.line("\(field): \(message)")
        }
        var text: String = "\(field) is \(DisplayText.cut(JSONText(value).description, to: 80)), expected "
        if issue["code"]?.stringValue == "invalid_enum_value" {
            let words: [String] = expected.split(separator: ",").map { String($0.drop { $0 == " " }) }
            text += (expected.hasPrefix("one of ") ? "" : "one of ") + expected
            text += value.stringValue.map { Nearest.hint(for: $0, in: words) } ?? ""
        } else {
            text += expected
        }
        return DisplayText.line(text)
    }

    private func hints(_ endpoint: Endpoint) -> [String] {
        switch status {
        case 401:
            return endpoint.tokenHints
        case 403:
            // What only others may do is not a matter of permissions.
            guard details?["reason"] == nil else { return [] }
            return ["make a token that may with \(Program.name) token create --permission NAME, or --role operator"]
        case 404:
            let named: String? = details?["resource"]?.stringValue
            let resource: String? = named ?? ["task", "agent"].first { action.contains(text: $0) }
            guard let resource, let list = Refusal.lists[resource] else { return [] }
            return ["\(Program.name) \(list.command) shows the \(list.things) there are"]
        case 429:
            let seconds: String? = retryAfter ?? body?["retryAfter"].map { "\($0)" }
            return seconds.map { ["try again in \($0) s"] } ?? []
        case 500...:
            let request: String? = body?["metadata"]?["requestId"]?.stringValue
            return request.map { ["the server's log has more under the request \($0)"] } ?? []
        default:
            return []
        }
    }
}
