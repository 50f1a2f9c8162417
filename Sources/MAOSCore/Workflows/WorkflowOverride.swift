/// What one execution does differently: members over those of a step's configuration.
public struct WorkflowOverride: Hashable, Sendable {
    /// The step, as the workflow names it.
    public var step: String
    /// Members to put over the step's own; a JSON object.
    public var configuration: JSONText

    /// An override of one step.
    public init(step: String, configuration: JSONText) {
        self.step = step
        self.configuration = configuration
    }
}

extension WorkflowDefinition {
    /// The definition with the configurations of some steps changed.
    ///
    /// - Throws: ``Rejection/invalid(_:)`` for an override of a step that is not there, or of one twice.
    func applying(_ overrides: [WorkflowOverride]) throws(Rejection) -> WorkflowDefinition {
        guard !overrides.isEmpty else { return self }
        var left: [String: JSONObject] = [:]
        for (index, override) in overrides.enumerated() {
            guard case .object(let configuration) = override.configuration.value() else {
                throw .invalid(
                    Rejection.Issue(field: "overrides.\(index).configuration", value: "", expected: "an object"))
            }
            guard configuration["steps"] == nil else {
                throw .invalid(
                    Rejection.Issue(
                        field: "overrides.\(index).configuration.steps", value: "",
                        expected: "no steps: an override changes a step's settings, not which steps there are"))
            }
            guard left.updateValue(configuration, forKey: override.step) == nil else {
                throw .invalid(
                    Rejection.Issue(
                        field: "overrides.\(index).stepId", value: override.step, expected: "each step only once"))
            }
        }
        guard case .object(var document) = self.document.value() else { return self }
        document["steps"] = WorkflowDefinition.apply(&left, to: document["steps"] ?? .null)
        for (index, override) in overrides.enumerated() where left[override.step] != nil {
            throw .invalid(
                Rejection.Issue(
                    field: "overrides.\(index).stepId", value: override.step, expected: "the id of a step"))
        }
        var changed: WorkflowDefinition = self
        changed.document = JSONText(.object(document))
        return changed
    }

    /// A mistake in the definition that overrides have made of another, with the field of the override that made it.
    func issue(_ issue: Rejection.Issue, in overrides: [WorkflowOverride]) -> Rejection.Issue {
        let path: [Substring] = issue.field.split(separator: ".")
        var value: JSONValue = document.value()
        for (place, name) in path.enumerated() {
            switch value {
            case .object(let object): value = object[String(name)] ?? .null
            case .array(let elements):
                guard let index = Int(name), elements.indices.contains(index) else { return issue }
                value = elements[index]
            default: return issue
            }
            // Steps are named by their places: steps.1.configuration.steps.0.configuration.timeout.
            guard Int(name) != nil, path.dropFirst(place + 1).first == "configuration",
                !path.dropFirst(place + 2).starts(with: ["steps"]),
                let index: Int = overrides.firstIndex(where: { $0.step == value["id"]?.stringValue })
            else { continue }
            var found: Rejection.Issue = issue
            found.field = (["overrides", "\(index)"] + path.dropFirst(place + 1)).joined(separator: ".")
            return found
        }
        return issue
    }

    private static func apply(_ overrides: inout [String: JSONObject], to value: JSONValue) -> JSONValue {
        guard case .array(let elements) = value else { return value }
        return .array(
            elements.map { (element: JSONValue) in
                guard case .object(var step) = element, let id: String = step["id"]?.stringValue else { return element }
                var configuration: JSONObject = step["configuration"]?.objectValue ?? [:]
                if let upper: JSONObject = overrides.removeValue(forKey: id) {
                    configuration = WorkflowCompiler.merge(upper, over: configuration)
                }
                if let inner: JSONValue = configuration["steps"] {
                    configuration["steps"] = apply(&overrides, to: inner)
                }
                step["configuration"] = .object(configuration)
                return .object(step)
            })
    }
}
