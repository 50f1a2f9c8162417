internal import MAOSCore

/// The server's "no", made readable.
struct Refusal {
    /// What was attempted: `create the task`.
    let action: String
    let status: Int
    /// The header of that name.
    let retryAfter: String?
    let body: JSONValue?

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
            return members.map { member in
                let value: String = member.value.stringValue ?? JSONText(member.value).description
                return DisplayText.line("\(member.key): \(value)")
            }
        default:
            return []
        }
    }

    /// `priority is "urgent", expected one of …`.
    private static func issue(_ issue: JSONValue) -> String {
        let field: String = issue["field"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 } ?? "the body"
        let value: String? = issue["value"].map { DisplayText.cut(JSONText($0).description, to: 80) }
        let message: String? = issue["message"]?.stringValue
        var text: String = field
        if let expected: String = issue["expected"]?.stringValue {
            if let value {
                text += " is \(value), expected \(expected)"
            } else if let message {
                text += ": \(message), expected \(expected)"
            } else {
                text += ": expected \(expected)"
            }
        } else {
            text += value.map { " is \($0)" } ?? ""
            text += message.map { ": \($0)" } ?? ""
        }
        return DisplayText.line(text)
    }

    private func hints(_ endpoint: Endpoint) -> [String] {
        switch status {
        case 401:
            return endpoint.tokenHints
        case 403:
            return ["make a token that may with \(Program.name) token create --permission NAME, or --role operator"]
        case 404:
            if action.contains("task") { return ["\(Program.name) task list shows the tasks there are"] }
            if action.contains("agent") { return ["\(Program.name) agent list shows the agents there are"] }
            return []
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
