import MAOSCore

/// What attempts use, and the accounts of projects.
struct BudgetDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case set, use, close
    }

    let weights: [Int]
    private let hasCeilings: Bool
    /// What each attempt has told of itself.
    private var used: [AttemptID: Usage] = [:]
    private var projects: [TaskID: String] = [:]
    /// What each task's ended attempts had used when it was last told of.
    private var spent: [TaskID: Usage] = [:]
    /// What each account must have been charged.
    private var settled: [String: Usage] = [:]
    /// What accounts must have been charged that were closed in the batch that is looked at.
    private var closed: [String: [Usage]] = [:]

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        var weights: [Int] = BudgetDomain.someWeights(Action.allCases.count, upTo: 6, &random)
        weights[Action.set.rawValue] = random.number(below: 3)
        weights[Action.close.rawValue] = random.number(below: 2)
        self.weights = weights
        hasCeilings = random.chance(in: 2)
    }

    // MARK: What happens

    mutating func act(_ action: Int, in world: inout World) {
        switch Action(rawValue: action) {
        case .set:
            guard let project: String = world.anyProject() else { return }
            let command = BudgetCommand.set(project: project, anyCeiling(in: &world), countsAnew: false)
            world.send(.budget(command), as: world.anybody(), needs: .resourcesQuota)
        case .close:
            guard let project: String = world.anyProject() else { return }
            world.send(.budget(.close(project: project)), as: world.anybody(), needs: .resourcesQuota)
        case .use, nil:
            guard !world.machine.attempts.isEmpty else { return }
            let place: Int = world.random.number(below: world.machine.attempts.count)
            let id: AttemptID = world.machine.attempts[place].id
            let more = Usage(
                processorTime: Milliseconds(Int64(world.random.number(below: 500))),
                cost: Cost(micros: Int64(world.random.number(below: 10))), tokens: Int64(world.random.number(below: 9)))
            let all: Usage = (used[id] ?? Usage()) + more
            used[id] = all
            world.report(.attemptUsed(id, all))
        }
    }

    private func anyCeiling(in world: inout World) -> Budget {
        guard hasCeilings, !world.random.chance(in: 4) else { return Budget() }
        return Budget(
            wallTime: world.random.chance(in: 3) ? .seconds(5 + Int64(world.random.number(below: 200))) : nil,
            processorTime: world.random.chance(in: 3)
                ? Milliseconds(500 + Int64(world.random.number(below: 9_000))) : nil,
            cost: world.random.chance(in: 2) ? Cost(micros: 5 + Int64(world.random.number(below: 200))) : nil)
    }

    // MARK: What has become durable

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        closed = [:]
        for event: Event in batch.events {
            switch event.body {
            case .task(let task): charge(task)
            case .system(let system) where system.type == "quota_changed":
                guard let data: JSONValue = try? JSONReader.parse(system.data.utf8, depthLimit: 8),
                    let project: String = data["budget"]?["project"]?.stringValue
                else { continue }
                if data["budget"]?["closed"]?.boolValue == true {
                    if let sum: Usage = settled.removeValue(forKey: project) {
                        closed[project, default: []].append(sum)
                    }
                } else if settled[project] == nil {
                    settled[project] = Usage()
                }
            default: break
            }
        }
        for row: EntityRow in batch.entities where row.kind == .budget {
            guard let account: BudgetAccount = try? BudgetAccount(row) else {
                try keep(.acknowledged, "an account can be read", false, row.id)
                continue
            }
            let isRight: Bool =
                account.endedAt == nil
                ? account.settled == settled[account.account]
                : closed[account.account]?.contains(account.settled) ?? false
            try keep(
                .leases, "an account is charged what ended attempts used, each once", isRight,
                "\(account.account): \(account.settled)")
        }
    }

    private mutating func charge(_ event: TaskEvent) {
        if event.kind == .created { projects[event.id] = event.project }
        let before: Usage = spent[event.id] ?? Usage()
        let after: Usage = event.state.spent
        spent[event.id] = after
        guard let project: String = projects[event.id], let sum: Usage = settled[project] else { return }
        settled[project] = Usage(
            wallTime: Milliseconds(sum.wallTime.count + after.wallTime.count - before.wallTime.count),
            processorTime: Milliseconds(
                sum.processorTime.count + after.processorTime.count - before.processorTime.count),
            cost: Cost(micros: sum.cost.micros + after.cost.micros - before.cost.micros),
            tokens: sum.tokens + after.tokens - before.tokens)
    }

    // MARK: The end

    mutating func calmDown(in world: inout World) {
        for project: String in settled.keys.sorted() {
            world.send(.budget(.set(project: project, Budget(), countsAnew: false)), as: .system)
        }
    }
}
