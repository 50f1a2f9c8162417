import MAOSCore

/// Makes up workflows: graphs and chains of all kinds of steps, some inside others.
struct WorkflowMaker {
    var random: SeededRandom
    private var count: Int = 0

    init(random: SeededRandom) { self.random = random }

    mutating func definition(project: String?) -> WorkflowDefinition {
        let isGraph: Bool = random.chance(in: 2)
        var configuration: JSONObject = [
            "onError": .string(random.one(of: ["fail", "continue", "compensate"])),
            "retryPolicy": .object(["maxAttempts": .integer(1)]),
        ]
        if random.chance(in: 2) { configuration["maxParallel"] = .integer(2) }
        if random.chance(in: 5) {
            configuration["timeout"] = .integer(Int64(5_000 + random.number(below: 100_000)))
        }
        let steps: JSONValue = self.steps(depth: 0, isGraph: isGraph)
        var object: JSONObject = [
            "name": .string("simulated"), "steps": steps, "configuration": .object(configuration),
        ]
        if isGraph { object["dependencies"] = dependencies(of: steps) }
        if let project { object["project"] = .string(project) }
        return WorkflowDefinition(object)
    }

    /// What steps of a graph wait for: some of those that stand before them.
    private mutating func dependencies(of steps: JSONValue) -> JSONValue {
        var made: [JSONValue] = []
        var earlier: [JSONValue] = []
        for step: JSONValue in steps.arrayValue ?? [] {
            guard let id: JSONValue = step["id"] else { continue }
            let awaited: [JSONValue] = earlier.filter { _ in random.chance(in: 2) }
            if !awaited.isEmpty {
                made.append(
                    .object([
                        "stepId": id, "dependsOn": .array(awaited),
                        "condition": .string(random.one(of: ["success", "success", "failure", "always"])),
                    ]))
            }
            earlier.append(id)
        }
        return .array(made)
    }

    /// A definition with two steps of one name.
    mutating func badDefinition() -> WorkflowDefinition {
        let step: JSONValue = .object([
            "id": .string("same"), "type": .string("task"), "configuration": .object(["description": .string("do it")]),
        ])
        return WorkflowDefinition(["name": .string("bad"), "steps": .array([step, step])])
    }

    /// Targets stand behind the steps that name them, so there is no circle.
    private mutating func steps(depth: Int, isGraph: Bool) -> JSONValue {
        var made: [JSONValue] = []
        var names: [String] = []
        for _ in 0..<random.number(in: 1...(depth == 0 ? 4 : 2)) {
            var step: JSONObject = self.step(depth: depth)
            if !isGraph, let target: String = names.last, random.chance(in: 6) { step["onFailure"] = .string(target) }
            names.append(step["id"]?.stringValue ?? "")
            made.append(.object(step))
        }
        return .array(made.reversed())
    }

    private mutating func step(depth: Int) -> JSONObject {
        count += 1
        var step: JSONObject = ["id": .string("s\(count)")]
        var configuration: JSONObject = [:]
        switch depth < 2 ? random.below(9) : 8 {
        case 0:
            step["type"] = .string("parallel")
            if random.chance(in: 2) { configuration["maxParallel"] = .integer(2) }
            configuration["steps"] = steps(depth: depth + 1, isGraph: true)
        case 1:
            step["type"] = .string("loop")
            let items: [JSONValue] = [.integer(1), .string("two"), .object(["n": .integer(3)])]
            configuration["items"] = random.one(of: [.array(items), .array(items), .string("[1, 2]"), .array([])])
            configuration["maxParallel"] = .integer(Int64(1 + random.below(3)))
            configuration["steps"] = steps(depth: depth + 1, isGraph: false)
        case 2:
            step["type"] = .string("loop")
            // One in three cannot be worked out in the end.
            configuration["condition"] = .string(random.chance(in: 3) ? "1 / (2 - index) > 0" : "index < 2")
            configuration["maxIterations"] = .integer(3)
            configuration["steps"] = steps(depth: depth + 1, isGraph: false)
        case 3:
            step["type"] = .string("decision")
            configuration["condition"] = .string("parameters.n > \(random.below(9))")
        case 4:
            step["type"] = .string("task")
            configuration["description"] = .string("do it when you may")
            var question: JSONObject = ["reason": .string("is it wise?")]
            if random.chance(in: 2) {
                question["timeout"] = .integer(Int64(1_000 + random.number(below: 60_000)))
                question["default"] = .string(random.one(of: ["approve", "reject"]))
            }
            configuration["approval"] = .object(question)
            // With a context of its own it has a task, too.
            if random.chance(in: 2) { configuration["context"] = .object(["n": .string("${parameters.n}")]) }
        default:
            step["type"] = .string("task")
            configuration["description"] = .string("do it")
            if random.chance(in: 3) { configuration["compensation"] = .object([:]) }
        }
        if random.chance(in: 3) { configuration["weight"] = .integer(Int64(2 + random.below(20))) }
        step["configuration"] = .object(configuration)
        return step
    }
}
