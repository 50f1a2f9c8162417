/// Turns a definition into the form in which it is carried out, and finds everything that is wrong with it.
struct WorkflowCompiler {
    /// What tasks of workflows have where nothing else is said.
    static let usualRetryPolicy = RetryPolicy(maximumAttempts: 3)

    var steps: [CompiledWorkflow.Step] = []
    var regions: [CompiledWorkflow.Region] = []
    var places: [String: Int] = [:]
    var policy: WorkflowFailurePolicy = .fail
    var atOnce: Int = .max
    var timeout: Milliseconds?
    var retryPolicy: RetryPolicy = WorkflowCompiler.usualRetryPolicy
    var budget = Budget()
    var defaults = JSONObject()
    var parameters = JSONObject()
    var issues: [Rejection.Issue] = []

    /// Whether nobody has used it yet, so that what would mean nothing can be refused.
    var isNew = false

    /// Reads a definition.
    ///
    /// - Parameters:
    ///   - definition: The definition.
    ///   - isNew: Whether it is not stored yet.
    /// - Returns: The workflow, or `nil` with what is wrong.
    static func compile(
        _ definition: WorkflowDefinition, isNew: Bool = false
    ) -> (workflow: CompiledWorkflow?, issues: [Rejection.Issue]) {
        var compiler = WorkflowCompiler()
        compiler.isNew = isNew
        compiler.check(definition)
        guard compiler.issues.isEmpty, case .object(let document) = definition.document.value() else {
            return (nil, compiler.issues)
        }
        compiler.readSettings(document["configuration"] ?? .null)
        if let value: JSONValue = document["parameters"] {
            if case .object(let object) = value {
                compiler.parameters = object
            } else {
                compiler.refuse("parameters", value, "an object")
            }
        }
        let isGraph: Bool = document["dependencies"] != nil
        if let region: Int = compiler.region(
            document["steps"] ?? .null, owner: nil, isGraph: isGraph, path: "steps", depth: 0)
        {
            if compiler.issues.isEmpty, let value: JSONValue = document["dependencies"] {
                compiler.readDependencies(value, region: region)
            }
            if compiler.issues.isEmpty {
                for index: Int in compiler.regions.indices { compiler.connect(index) }
            }
            if compiler.issues.isEmpty {
                for index: Int in compiler.steps.indices { compiler.checkReferences(of: index) }
            }
        }
        guard compiler.issues.isEmpty else {
            return (nil, Array(compiler.issues.prefix(WorkflowLimits.issues)))
        }
        return (CompiledWorkflow(builder: compiler, project: definition.project), [])
    }

    private mutating func check(_ definition: WorkflowDefinition) {
        if !(1...200).contains(definition.name.count) {
            refuse("name", .string(definition.name), "a string of 1 to 200 characters")
        }
        if let text: String = definition.description, text.count > 10_000 {
            refuse("description", .string(text), "at most 10000 characters")
        }
        if let project: String = definition.project, !(1...100).contains(project.count) {
            refuse("project", .string(project), "a string of 1 to 100 characters")
        }
        let size: Int = definition.document.utf8.count
        if size > WorkflowLimits.document {
            issues.append(
                Rejection.Issue(
                    field: "steps", value: "\(size) bytes", expected: "at most \(WorkflowLimits.document) bytes"))
        }
    }

    // MARK: Settings

    private mutating func readSettings(_ value: JSONValue) {
        if value.isNull { return }
        guard case .object(let object) = value else { return refuse("configuration", value, "an object") }
        for member: JSONObject.Member in object.members where !member.value.isNull {
            let field: String = "configuration.\(member.key)"
            switch member.key {
            case "timeout":
                guard let timeout: Int = member.value.intValue, (1...31_536_000_000).contains(timeout) else {
                    refuse(field, member.value, "a whole number of 1 to 31536000000 milliseconds")
                    continue
                }
                self.timeout = Milliseconds(Int64(timeout))
            case "maxParallel":
                guard let count: Int = member.value.intValue, (1...100_000).contains(count) else {
                    refuse(field, member.value, "a whole number of 1 to 100000")
                    continue
                }
                atOnce = count
            case "onError":
                let policies: [WorkflowFailurePolicy] = WorkflowFailurePolicy.allCases
                guard let policy = policies.first(where: { .string($0.name) == member.value }) else {
                    refuse(field, member.value, "one of fail, continue, compensate")
                    continue
                }
                self.policy = policy
            case "retryPolicy":
                var reader = WorkflowTaskReader(
                    [:], step: "", retryPolicy: WorkflowCompiler.usualRetryPolicy, path: "configuration")
                retryPolicy = reader.retryPolicy(member.value, usual: WorkflowCompiler.usualRetryPolicy)
                issues += reader.issues
            case "budget":
                var reader = WorkflowTaskReader(
                    [:], step: "", retryPolicy: WorkflowCompiler.usualRetryPolicy, path: "configuration")
                budget = reader.budget(member.value)
                issues += reader.issues
            case "defaults":
                guard case .object(let object) = member.value else {
                    refuse(field, member.value, "an object with members of a task")
                    continue
                }
                defaults = object
            default: break
            }
        }
    }

    // MARK: Steps

    /// Reads steps side by side; `nil` when there are none.
    mutating func region(_ value: JSONValue, owner: Int?, isGraph: Bool, path: String, depth: Int) -> Int? {
        guard case .array(let elements) = value, !elements.isEmpty else {
            refuse(path, value, "an array of at least one step")
            return nil
        }
        guard depth <= WorkflowLimits.nesting else {
            refuse(path, .null, "steps nested at most \(WorkflowLimits.nesting) levels deep")
            return nil
        }
        let index: Int = regions.count
        regions.append(CompiledWorkflow.Region(owner: owner, isGraph: isGraph))
        for (place, element) in elements.enumerated() {
            read(element, region: index, path: "\(path).\(place)", depth: depth)
        }
        return index
    }

    private mutating func read(_ value: JSONValue, region: Int, path: String, depth: Int) {
        guard case .object(let object) = value else { return refuse(path, value, "an object: a step") }
        guard let id: String = object["id"]?.stringValue, WorkflowID(id) != nil else {
            return refuse("\(path).id", object["id"] ?? .null, "1 to 100 letters, digits, “_” and “-”")
        }
        guard places[id] == nil else {
            return refuse("\(path).id", .string(id), "an id that no other step of the workflow has")
        }
        guard steps.count < WorkflowLimits.steps else {
            if steps.count == WorkflowLimits.steps, issues.isEmpty {
                refuse("steps", .string(id), "at most \(WorkflowLimits.steps) steps")
            }
            return
        }
        let index: Int = steps.count
        let configuration: JSONObject
        switch object["configuration"] ?? .object([:]) {
        case .object(let object): configuration = object
        case let value: return refuse("\(path).configuration", value, "an object")
        }
        places[id] = index
        steps.append(
            CompiledWorkflow.Step(
                id: id, region: region, place: regions[region].steps.count, kind: .parallel(region: 0, atOnce: 0),
                path: path))
        regions[region].steps.append(index)
        if let value: JSONValue = configuration["weight"] {
            if let weight: Double = value.doubleValue, weight > 0, weight <= 1_000 {
                steps[index].weight = weight
            } else {
                refuse("\(path).configuration.weight", value, "a number above 0 and up to 1000", step: id)
            }
        }
        regions[region].weight += steps[index].weight
        noteTargets(object, of: index)
        guard let kind = kind(object["type"] ?? .null, configuration, of: index, depth: depth) else { return }
        steps[index].kind = kind
    }

    /// Targets are kept as they are written until all steps are known.
    private mutating func noteTargets(_ object: JSONObject, of index: Int) {
        for field: String in ["onSuccess", "onFailure"] {
            guard let value: JSONValue = object[field], !value.isNull else { continue }
            guard let target: String = value.stringValue else {
                refuse("\(steps[index].path).\(field)", value, "the id of a step", step: steps[index].id)
                continue
            }
            targets.append(Target(step: index, field: field, id: target))
        }
    }

    struct Target {
        var step: Int
        var field: String
        var id: String
    }

    var targets: [Target] = []
    /// What steps wait for, by their places in the workflow's own steps.
    var dependencies: [(step: Int, on: Int, condition: CompiledWorkflow.Edge.Condition)] = []

    private mutating func kind(
        _ type: JSONValue, _ configuration: JSONObject, of index: Int, depth: Int
    ) -> CompiledWorkflow.Step.Kind? {
        let path: String = steps[index].path + ".configuration"
        let id: String = steps[index].id
        switch type.stringValue {
        case "task": return plan(configuration, of: index).map { .task($0) }
        case "decision":
            guard let value: JSONValue = configuration["condition"] else {
                refuse("\(path).condition", .null, "an expression", step: id)
                return nil
            }
            return expression(value, at: "\(path).condition", of: id).map { .decision($0) }
        case "parallel":
            let atOnce: Int = count(configuration["maxParallel"], at: "\(path).maxParallel", of: id) ?? .max
            return region(
                configuration["steps"] ?? .null, owner: index, isGraph: true, path: "\(path).steps", depth: depth + 1
            ).map { .parallel(region: $0, atOnce: atOnce) }
        case "loop": return loop(configuration, of: index, depth: depth).map { .loop($0) }
        default:
            refuse("\(steps[index].path).type", type, "one of task, decision, parallel, loop", step: id)
            return nil
        }
    }

    private mutating func loop(
        _ configuration: JSONObject, of index: Int, depth: Int
    ) -> CompiledWorkflow.LoopPlan? {
        let path: String = steps[index].path + ".configuration"
        let id: String = steps[index].id
        let inner: Int? = region(
            configuration["steps"] ?? .null, owner: index, isGraph: false, path: "\(path).steps", depth: depth + 1)
        guard let inner else { return nil }
        var plan = CompiledWorkflow.LoopPlan(region: inner, maximum: WorkflowLimits.rounds, atOnce: 1)
        plan.atOnce = count(configuration["maxParallel"], at: "\(path).maxParallel", of: id) ?? 1
        let maximum: Int? = count(configuration["maxIterations"], at: "\(path).maxIterations", of: id)
        if let maximum { plan.maximum = maximum }
        switch (configuration["items"], configuration["condition"]) {
        case (let items?, nil):
            switch items {
            case .array: plan.items = template(items, at: "\(path).items", of: id).map { .template($0) }
            case .string: plan.items = expression(items, at: "\(path).items", of: id).map { .expression($0) }
            default: refuse("\(path).items", items, "an array or an expression", step: id)
            }
            return plan.items == nil ? nil : plan
        case (nil, let condition?):
            guard maximum != nil || configuration["maxIterations"] != nil else {
                refuse(
                    "\(path).maxIterations", .null,
                    "a whole number of 1 to \(WorkflowLimits.rounds): where a condition ends the loop, it has to be bounded too",
                    step: id)
                return nil
            }
            if isNew, plan.atOnce > 1 {
                refuse(
                    "\(path).maxParallel", configuration["maxParallel"] ?? .null,
                    "1, or nothing: where a condition is looked at before every round, one comes after the other",
                    step: id)
            }
            plan.condition = expression(condition, at: "\(path).condition", of: id)
            return plan.condition == nil ? nil : plan
        case (nil, nil), (_?, _?):
            refuse("\(path).items", .null, "either items or a condition", step: id)
            return nil
        }
    }

    private mutating func count(_ value: JSONValue?, at field: String, of step: String) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let count: Int = value.intValue, (1...WorkflowLimits.rounds).contains(count) else {
            refuse(field, value, "a whole number of 1 to \(WorkflowLimits.rounds)", step: step)
            return nil
        }
        return count
    }

    // MARK: Texts

    /// An expression, which may also be written `${…}` or as a truth value.
    mutating func expression(_ value: JSONValue, at field: String, of step: String) -> Expression? {
        var source: String
        switch value {
        case .boolean(let truth): source = "\(truth)"
        case .string(let text): source = text
        default:
            refuse(field, value, "an expression", step: step)
            return nil
        }
        var offset: Int = 0
        if source.hasPrefix("${"), source.hasSuffix("}") {
            source = String(source.dropFirst(2).dropLast())
            offset = 2
        }
        do throws(ExpressionError) {
            let expression = try Expression(source)
            // What nothing can change is worked out now, so that nobody waits to hear that it cannot be.
            if isNew, expression.references.isEmpty { _ = try expression.value(in: Constants()) }
            return expression
        } catch {
            var error: ExpressionError = error
            error.position += offset
            refuse(field, value, "an expression; \(error)", step: step)
            return nil
        }
    }

    private struct Constants: ExpressionScope {
        func value(of root: String) -> JSONValue? { nil }
        func value(of member: String, in root: String) -> JSONValue? { nil }
    }

    mutating func template(_ value: JSONValue, at field: String, of step: String) -> Template? {
        do throws(Template.Failure) {
            return try Template(value)
        } catch {
            let place: String = error.path.isEmpty ? field : "\(field).\(error.path)"
            refuse(place, .string("${…}"), "an expression; \(error.error)", step: step)
            return nil
        }
    }

    mutating func refuse(_ field: String, _ value: JSONValue, _ expected: String, step: String? = nil) {
        guard issues.count < WorkflowLimits.issues else { return }
        issues.append(
            Rejection.Issue(
                field: field, value: WorkflowCompiler.excerpt(value),
                expected: expected + (step.map { " (step “\($0)”)" } ?? "")))
    }

    /// The beginning of a value, for messages.
    static func excerpt(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): String(text.prefix(100))
        case .array(let elements) where elements.count > 8: "an array of \(elements.count)"
        case .object(let object) where object.count > 8: "an object of \(object.count)"
        default: String(JSONText(value).description.prefix(100))
        }
    }
}
