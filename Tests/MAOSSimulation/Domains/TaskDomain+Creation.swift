import MAOSCore

/// Random tasks, good ones and bad ones.
extension TaskDomain {
    private func anySpecification(in world: inout World) -> TaskSpecification {
        var specification = TaskSpecification(
            kind: world.random.one(of: [.code, .code, .testing, .review, .analysis]), description: "do it",
            priority: world.random.one(of: Priority.allCases))
        if world.random.chance(in: 4) {
            specification.capabilities = [
                CapabilityRequirement(
                    name: world.random.one(of: ["p", "q"]), minimumProficiency: world.random.one(of: [0, 0.5, 0.9]))
            ]
        }
        if world.random.chance(in: 6) {
            specification.deadline = world.latest + Milliseconds(Int64(world.random.number(below: 20_000)) - 500)
        }
        if world.random.chance(in: 3) {
            specification.timeout = Milliseconds(1_000 + Int64(world.random.number(below: 20_000)))
        }
        specification.retryPolicy = RetryPolicy(
            maximumAttempts: 1 + world.random.number(below: 4), backoff: world.random.time(upTo: 5_000),
            factor: world.random.one(of: [1, 2, 10]), onInterruption: world.random.one(of: [.retry, .retry, .fail]))
        specification.project = world.anyProject()
        if world.random.chance(in: 4) { specification.concurrencyKey = world.random.one(of: ["one", "two", "rare"]) }
        if world.random.chance(in: 16) { specification.environment = ["B": "2", "A": "1"] }
        return specification
    }

    private func anyTimedSpecification(in world: inout World) -> TaskSpecification {
        var specification: TaskSpecification = anySpecification(in: &world)
        guard world.random.chance(in: 8) else { return specification }
        specification.schedule = TaskScheduleDomain.anySchedule(in: &world)
        specification.deadline = nil
        return specification
    }

    /// One that may wait for others, or be addressed to an agent.
    func anyTask(in world: inout World) -> TaskSpecification {
        var specification: TaskSpecification = anyTimedSpecification(in: &world)
        for _ in 0..<world.random.below(4) where world.random.chance(in: 2) {
            let dependency: TaskID = world.anyTask()
            if !specification.dependencies.contains(dependency) { specification.dependencies.append(dependency) }
        }
        guard world.random.chance(in: 6) else { return specification }
        let known: [AgentID] = world.chronicle.liveAgents.filter { $0.specification.resident != .none }.map(\.id)
        specification.agent = known.isEmpty ? world.anyAgent() : world.random.one(of: known)
        return specification
    }

    func anyCreation(of specification: TaskSpecification, in world: inout World) -> Command {
        let key: IdempotencyKey? = world.random.chance(in: 4) ? world.anyKey() : nil
        let id: TaskID? = world.random.chance(in: 3) ? world.random.one(of: World.fewTasks) : nil
        return .createTask(specification, id: id, idempotency: key)
    }

    /// A few tasks of which each waits for the one before, in one commit.
    func chain(in world: inout World) {
        let principal: Principal = world.anybody()
        let name: UInt64 = world.random.below(1_000)
        var earlier: TaskID?
        for number in 0..<world.random.number(in: 2...5) {
            let id = TaskID(unchecked: "chain-\(name)-\(number)")
            var specification: TaskSpecification = anySpecification(in: &world)
            specification.deadline = nil
            specification.dependencies = earlier.map { [$0] } ?? []
            world.send(.createTask(specification, id: id, idempotency: nil), as: principal, needs: .tasksCreate)
            earlier = id
        }
    }

    /// A task that no client may ask for, and the field that makes it so.
    func badCreation(in world: inout World) -> (Command, flaw: String) {
        var specification: TaskSpecification = anySpecification(in: &world)
        let own: TaskID = World.fewTasks[0]
        let flaw: String
        switch world.random.below(9) {
        case 0:
            specification.description = ""
            flaw = "description"
        case 1:
            specification.description = String(repeating: "x", count: 1_001)
            flaw = "description"
        case 2:
            specification.timeout = world.random.one(of: [0, 999, Milliseconds(-1), Milliseconds(86_400_001)])
            flaw = "timeout"
        case 3:
            specification.retryPolicy.maximumAttempts = world.random.one(of: [0, -1, 101])
            flaw = "retryPolicy"
        case 4:
            specification.retryPolicy.factor = world.random.one(of: [0.5, 11, .nan, .infinity])
            flaw = "retryPolicy"
        case 5:
            specification.capabilities = [CapabilityRequirement(name: "p", minimumProficiency: .nan)]
            flaw = "capabilities"
        case 6:
            specification.dependencies = [own]
            flaw = "dependencies"
        case 7:
            specification.dependencies = [TaskID(unchecked: "nobody")]
            flaw = "dependencies"
        default:
            specification.command = .arguments([])
            flaw = "command"
        }
        return (.createTask(specification, id: own, idempotency: nil), flaw)
    }
}
