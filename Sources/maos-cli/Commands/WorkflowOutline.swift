internal import MAOSCore

/// The steps of a workflow as lines: each with what it does and what comes after it, those inside it further to the right.
struct WorkflowOutline {
    private(set) var lines: [String] = []

    /// Takes a workflow as the server describes it.
    init(_ workflow: JSONValue) {
        var waits: [String: String] = [:]
        for dependency: JSONValue in workflow["dependencies"]?.arrayValue ?? [] {
            guard let step: String = dependency["stepId"]?.stringValue else { continue }
            let names: [String] = dependency["dependsOn"]?.arrayValue?.compactMap(\.stringValue) ?? []
            let condition: String? = dependency["condition"]?.stringValue
            let suffix: String = condition.map { $0 == "success" ? "" : " (\($0))" } ?? ""
            waits[step] = [waits[step], names.joined(separator: ", ") + suffix].compactMap(\.self).joined(
                separator: ", ")
        }
        append(workflow["steps"], depth: 0, waits)
    }

    private mutating func append(_ steps: JSONValue?, depth: Int, _ waits: [String: String]) {
        for step: JSONValue in steps?.arrayValue ?? [] {
            let id: String = step["id"]?.stringValue ?? "?"
            let configuration: JSONValue = step["configuration"] ?? .null
            var line: String = String(repeating: "  ", count: depth + 1) + id
            line += "  " + WorkflowOutline.course(of: step["type"]?.stringValue ?? "task", configuration)
            if let names: String = waits[id] { line += "  after \(names)" }
            if let next: String = step["onSuccess"]?.stringValue { line += "  then \(next)" }
            if let next: String = step["onFailure"]?.stringValue { line += "  else \(next)" }
            lines.append(line)
            append(configuration["steps"], depth: depth + 1, [:])
        }
    }

    /// What a step does, in a few words.
    private static func course(of type: String, _ configuration: JSONValue) -> String {
        switch type {
        case "decision":
            return "decision: \(text(configuration["condition"]))"
        case "loop":
            guard let condition: JSONValue = configuration["condition"] else {
                return "loop over \(text(configuration["items"]))"
            }
            return "loop while \(text(condition)), at most \(text(configuration["maxIterations"])) times"
        case "parallel":
            return "parallel"
        default:
            let command: JSONValue? = configuration["context"]?["command"]
            let words: String? = command?.arrayValue.map { $0.map { text($0) }.joined(separator: " ") }
            let work: String? = configuration["description"]?.stringValue ?? words ?? command.map { text($0) }
            let parts: [String?] = [
                configuration["approval"].map { "asks: " + ($0["reason"]?.stringValue ?? "to go on") }, work,
            ]
            return parts.compactMap(\.self).joined(separator: ", then ")
        }
    }

    private static func text(_ value: JSONValue?) -> String {
        let text: String = value?.stringValue ?? value.map { JSONText($0).description } ?? ""
        return text.count > 80 ? text.prefix(79) + "…" : text
    }
}
