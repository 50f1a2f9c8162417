/// Which step comes after which, and whether that makes sense.
extension WorkflowCompiler {
    /// Reads what the workflow's own steps wait for.
    mutating func readDependencies(_ value: JSONValue, region: Int) {
        guard case .array(let entries) = value else { return refuse("dependencies", value, "an array") }
        var count: Int = 0
        var seen: Set<Int> = []
        for (index, entry) in entries.enumerated() {
            let path: String = "dependencies.\(index)"
            guard case .object(let object) = entry else {
                refuse(path, entry, "an object with stepId and dependsOn")
                continue
            }
            guard let step: Int = own(object["stepId"], at: "\(path).stepId", region: region) else { continue }
            guard case .array(let others)? = object["dependsOn"] else {
                refuse("\(path).dependsOn", object["dependsOn"] ?? .null, "an array of step ids", step: steps[step].id)
                continue
            }
            let condition: CompiledWorkflow.Edge.Condition
            switch object["condition"] ?? .null {
            case .null, "success": condition = .success
            case "failure": condition = .failure
            case "always": condition = .always
            case let value:
                refuse("\(path).condition", value, "one of success, failure, always", step: steps[step].id)
                continue
            }
            count += others.count
            guard count <= WorkflowLimits.dependencies else {
                return refuse("dependencies", .null, "at most \(WorkflowLimits.dependencies) dependencies")
            }
            for (place, other) in others.enumerated() {
                let field: String = "\(path).dependsOn.\(place)"
                guard let on: Int = own(other, at: field, region: region) else { continue }
                guard seen.insert(step * WorkflowLimits.steps + on).inserted else {
                    refuse(field, other, "each step only once", step: steps[step].id)
                    continue
                }
                dependencies.append((step, on, condition))
            }
        }
    }

    private mutating func own(_ value: JSONValue?, at field: String, region: Int) -> Int? {
        guard let id: String = value?.stringValue, let step: Int = places[id], steps[step].region == region else {
            refuse(field, value ?? .null, "the id of one of the workflow's own steps")
            return nil
        }
        return step
    }

    /// Resolves the order of the steps of a region.
    mutating func connect(_ index: Int) {
        let members: [Int] = regions[index].steps
        regions[index].successors = Array(repeating: [], count: members.count)
        regions[index].waits = Array(repeating: 0, count: members.count)
        regions[index].isRouted = Array(repeating: false, count: members.count)
        resolveTargets(of: index)
        guard issues.isEmpty else { return }
        if regions[index].isGraph { connectGraph(index) } else { connectSequence(index) }
        guard issues.isEmpty else { return }
        checkCycles(of: index)
    }

    private mutating func resolveTargets(of region: Int) {
        for target: Target in targets where steps[target.step].region == region {
            let step: CompiledWorkflow.Step = steps[target.step]
            let field: String = "\(step.path).\(target.field)"
            guard let found: Int = places[target.id], steps[found].region == region else {
                refuse(field, .string(target.id), "the id of a step beside this one", step: step.id)
                continue
            }
            guard found != target.step else {
                refuse(field, .string(target.id), "another step", step: step.id)
                continue
            }
            if target.field == "onSuccess" {
                steps[target.step].onSuccess = steps[found].place
            } else {
                steps[target.step].onFailure = steps[found].place
            }
        }
    }

    private mutating func connectGraph(_ index: Int) {
        let members: [Int] = regions[index].steps
        for member: Int in members {
            let step: CompiledWorkflow.Step = steps[member]
            for target: Int in Set([step.onSuccess, step.onFailure].compactMap(\.self)).sorted() {
                regions[index].successors[step.place].append(.init(place: target, condition: .route))
                regions[index].waits[target] += 1
                regions[index].isRouted[target] = true
            }
        }
        if regions[index].owner == nil {
            for (step, on, condition) in dependencies {
                let place: Int = steps[step].place
                guard !regions[index].isRouted[place] else {
                    refuse(
                        steps[step].path, .string(steps[step].id),
                        "either dependencies, or to be named by onSuccess or onFailure, not both", step: steps[step].id)
                    continue
                }
                regions[index].successors[steps[on].place].append(.init(place: place, condition: condition))
                regions[index].waits[place] += 1
                if condition != .success { steps[on].failureIsAwaited = true }
            }
        }
        regions[index].entries = members.indices.filter { regions[index].waits[$0] == 0 }
    }

    private mutating func connectSequence(_ index: Int) {
        let members: [Int] = regions[index].steps
        var afterSuccess: Set<Int> = []
        var afterFailure: Set<Int> = []
        for member: Int in members {
            if let target: Int = steps[member].onSuccess { afterSuccess.insert(target) }
            if let target: Int = steps[member].onFailure { afterFailure.insert(target) }
        }
        let handlers: Set<Int> = afterFailure.subtracting(afterSuccess)
        for member: Int in members {
            let place: Int = steps[member].place
            steps[member].next = (place + 1..<members.count).first { !handlers.contains($0) }
        }
        regions[index].entries = [0]
        for place: Int in members.indices {
            for target: Int in followers(of: place, in: index) {
                regions[index].successors[place].append(.init(place: target, condition: .route))
            }
        }
        var reached: Set<Int> = [0]
        var open: [Int] = [0]
        while let place: Int = open.popLast() {
            for edge: CompiledWorkflow.Edge in regions[index].successors[place]
            where reached.insert(edge.place).inserted { open.append(edge.place) }
        }
        for place: Int in members.indices where !reached.contains(place) {
            let step: CompiledWorkflow.Step = steps[members[place]]
            refuse(step.path, .string(step.id), "a step that can be reached", step: step.id)
        }
    }

    /// The steps of a sequence that may come right after one.
    private func followers(of place: Int, in region: Int) -> [Int] {
        let step: CompiledWorkflow.Step = steps[regions[region].steps[place]]
        var followers: [Int] = []
        if let target: Int = step.onSuccess ?? step.next { followers.append(target) }
        if let target: Int = step.onFailure, !followers.contains(target) { followers.append(target) }
        return followers
    }

    /// Takes steps away that nothing open leads to; what is left over goes round in circles.
    private mutating func checkCycles(of index: Int) {
        let members: [Int] = regions[index].steps
        var waits: [Int] = Array(repeating: 0, count: members.count)
        for edges: [CompiledWorkflow.Edge] in regions[index].successors {
            for edge: CompiledWorkflow.Edge in edges { waits[edge.place] += 1 }
        }
        var open: [Int] = members.indices.filter { waits[$0] == 0 }
        var taken: Int = 0
        while let place: Int = open.popLast() {
            taken += 1
            for edge: CompiledWorkflow.Edge in regions[index].successors[place] {
                waits[edge.place] -= 1
                if waits[edge.place] == 0 { open.append(edge.place) }
            }
        }
        guard taken < members.count else { return }
        // From any step that is left, going back along edges of such steps leads into a circle.
        var before: [Int: Int] = [:]
        for (place, edges) in regions[index].successors.enumerated() where waits[place] > 0 {
            for edge: CompiledWorkflow.Edge in edges where waits[edge.place] > 0 && before[edge.place] == nil {
                before[edge.place] = place
            }
        }
        guard var place: Int = members.indices.first(where: { waits[$0] > 0 }) else { return }
        for _ in members.indices { place = before[place] ?? place }
        var circle: [String] = []
        let first: Int = place
        repeat {
            circle.append(steps[members[place]].id)
            place = before[place] ?? first
        } while place != first && circle.count < 20
        let names: String = (circle.reversed() + [circle[circle.count - 1]]).joined(separator: " → ")
        let step: CompiledWorkflow.Step = steps[members[first]]
        let field: String = regions[index].owner == nil && regions[index].isGraph ? "dependencies" : step.path
        refuse(field, .string(names), "steps that do not come after themselves; use a loop to repeat", step: step.id)
    }

    // MARK: References

    /// Looks at what the expressions of a step refer to.
    mutating func checkReferences(of index: Int) {
        let step: CompiledWorkflow.Step = steps[index]
        let path: String = step.path + ".configuration"
        var visible: [Int] = [step.region]
        var isInLoop = false
        while let owner: Int = regions[visible[visible.count - 1]].owner {
            if case .loop = steps[owner].kind { isInLoop = true }
            visible.append(steps[owner].region)
        }
        switch step.kind {
        case .task(let plan):
            for (field, template) in [
                ("", plan.template), ("approval.", plan.approval), ("compensation.", plan.compensation),
            ] {
                for (place, reference) in template?.references ?? [] {
                    check(reference, at: "\(path).\(field)\(place)", of: step, visible, isInLoop: isInLoop)
                }
            }
        case .decision(let condition):
            for reference: Expression.Reference in condition.references {
                check(reference, at: "\(path).condition", of: step, visible, isInLoop: isInLoop)
            }
        case .parallel: break
        case .loop(let plan):
            for reference: Expression.Reference in plan.condition?.references ?? [] {
                check(reference, at: "\(path).condition", of: step, visible + [plan.region], isInLoop: true)
            }
            switch plan.items {
            case .expression(let expression)?:
                for reference: Expression.Reference in expression.references {
                    check(reference, at: "\(path).items", of: step, visible, isInLoop: isInLoop)
                }
            case .template(let template)?:
                for (place, reference) in template.references {
                    check(reference, at: "\(path).items.\(place)", of: step, visible, isInLoop: isInLoop)
                }
            case nil: break
            }
        }
    }

    private mutating func check(
        _ reference: Expression.Reference, at field: String, of step: CompiledWorkflow.Step, _ visible: [Int],
        isInLoop: Bool
    ) {
        let place: String = "at position \(reference.position)"
        switch reference.root {
        case "parameters": break
        case "execution":
            guard reference.member.map({ ["id", "scheduleId", "scheduledFor"].contains($0) }) ?? true else {
                return refuse(
                    field, .string(reference.member ?? ""), "execution.id, .scheduleId or .scheduledFor \(place)",
                    step: step.id)
            }
        case "item", "index":
            guard isInLoop else {
                return refuse(
                    field, .string(reference.root), "item and index only inside a loop, \(place)", step: step.id)
            }
        case "steps":
            guard let member: String = reference.member else {
                guard !reference.isComputed else { return }
                return refuse(field, "steps", "steps.ID \(place)", step: step.id)
            }
            guard let found: Int = places[member] else {
                return refuse(
                    field, .string(member), "the id of a step \(place); one with “-” is written steps[\"a-b\"]",
                    step: step.id)
            }
            guard visible.contains(steps[found].region) else {
                return refuse(
                    field, .string(member), "a step of the same round or around it, \(place)", step: step.id)
            }
        case let root:
            refuse(
                field, .string(root), "one of parameters, steps, item, index, execution \(place)", step: step.id)
        }
    }
}
