import MAOSCore

/// Work that moves to agents that join while others have more than they can do.
struct CoordinationDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case burst, join
    }

    let weights: [Int]
    /// Attempts that have been told of as started.
    private var begun: Set<AttemptID> = []
    /// Those of the newest batch.
    private var begunLately: Set<AttemptID> = []
    /// Attempts that were asked back in this run of the server.
    private var recalled: Set<AttemptID> = []
    /// Attempts that were given back, and have not been told of.
    private var moved: Int = 0

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        var weights: [Int] = CoordinationDomain.someWeights(Action.allCases.count, upTo: 3, &random)
        if random.chance(in: 2) { weights = weights.map { _ in 0 } }
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        switch Action(rawValue: action) {
        case .burst:
            // More than who is there can do: an agent with many slots gets it all, and begins slowly.
            let agent = AgentSpecification(type: .coder, maximumConcurrentTasks: 4, heartbeatInterval: .seconds(60))
            if world.random.chance(in: 2) {
                world.send(.spawnAgent(agent, id: nil), as: world.anybody(), needs: .agentsCreate)
            }
            let principal: Principal = world.anybody()
            for _ in 0..<world.random.number(in: 2...5) {
                let task = TaskSpecification(kind: .code, description: "do it with others", project: "red")
                world.send(.createTask(task, id: nil, idempotency: nil), as: principal, needs: .tasksCreate)
            }
        case .join, nil:
            let agent = AgentSpecification(
                type: .coder, maximumConcurrentTasks: 2 + world.random.number(below: 3), heartbeatInterval: .seconds(60)
            )
            world.send(.spawnAgent(agent, id: nil), as: world.anybody(), needs: .agentsCreate)
        }
    }

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        begunLately = []
        for event: Event in batch.events {
            switch event.body {
            case .task(let task):
                let attempt = AttemptID(task: task.id, number: task.state.attempt)
                switch task.kind {
                case .started:
                    begun.insert(attempt)
                    begunLately.insert(attempt)
                case .queued where task.reason == "load_balancing":
                    moved += 1
                    try keep(
                        .once, "only what was asked back moves", recalled.contains(attempt) && !begun.contains(attempt),
                        "\(attempt)")
                case .completed, .failed, .cancelled: begun.remove(attempt)
                default: break
                }
            case .system(let system) where system.type == "coordination_event":
                try check(system.data.value())
            default: break
            }
        }
    }

    mutating func see(_ effects: [Effect], in world: World) throws(BrokenPromise) {
        for effect: Effect in effects {
            guard case .recallAttempt(let id) = effect else { continue }
            // It may have begun since it was asked for, in the same turn.
            let isOld: Bool = begun.contains(id) && !begunLately.contains(id)
            try keep(.once, "only an attempt that has not begun is asked back", !isOld, "\(id)")
            recalled.insert(id)
        }
    }

    /// What moved is told of, all of it and nothing else.
    private mutating func check(_ event: JSONValue) throws(BrokenPromise) {
        let details: JSONValue = event["details"] ?? .null
        let assigned: Int = details["assignedTasksMoved"]?.intValue ?? -1
        let queued: Int = details["queuedTasksMoved"]?.intValue ?? -1
        let improvement: Double = details["efficiencyImprovement"]?.doubleValue ?? -1
        try keep(
            .told, "what moved to agents that joined is told of, once", assigned == moved && assigned + queued > 0,
            "\(assigned) instead of \(moved)")
        try keep(
            .told, "work that moves makes waits shorter",
            (0...1).contains(improvement) && (details["agentsRebalanced"]?.intValue ?? 0) > 0, "\(details)")
        moved = 0
    }

    mutating func restarted(in world: World) {
        begun = []
        recalled = []
        moved = 0
    }
}
