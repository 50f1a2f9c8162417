import MAOSCore

/// Dead letters: tasks that used up their attempts, and what people do about them.
struct DeadLetterDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case requeue, edit, discard, settle, settleBadly
    }

    let weights: [Int]
    private let limits: EngineLimits
    /// Tasks that are dead letters, as events have it.
    private var letters: Set<TaskID> = []

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        configuration.limits.bulk = 6
        limits = configuration.limits
        weights = DeadLetterDomain.someWeights(Action.allCases.count, upTo: 3, &random)
    }

    mutating func act(_ action: Int, in world: inout World) {
        let id: TaskID = anyLetter(in: &world)
        switch Action(rawValue: action) {
        case .requeue: world.send(.requeueDeadLetter(id, as: nil), as: world.anybody(), needs: .tasksUpdate)
        case .edit:
            let edited = TaskSpecification(kind: .code, description: "do it better", project: world.anyProject())
            world.send(.requeueDeadLetter(id, as: edited), as: world.anybody(), needs: .tasksUpdate)
        case .discard: world.send(.discardDeadLetter(id), as: world.anybody(), needs: .tasksUpdate)
        case .settle:
            let others: [TaskID] = (0..<world.random.number(below: 3)).map { _ in anyLetter(in: &world) }
            let settlement: DeadLetterSettlement = world.random.chance(in: 2) ? .requeue : .discard
            world.send(.settleDeadLetters([id] + others, settlement), as: world.anybody(), needs: .tasksUpdate)
        case .settleBadly, nil:
            let ids: [TaskID] = Array(repeating: id, count: limits.bulk + 1)
            world.send(
                .settleDeadLetters(ids, .discard), as: world.anybody(), needs: .tasksUpdate, flaw: "taskIds")
        }
    }

    /// Often a dead letter, where there is one.
    private func anyLetter(in world: inout World) -> TaskID {
        let recent: [TaskID] = world.chronicle.events.suffix(200).compactMap { (event: Event) in
            guard case .task(let task) = event.body, letters.contains(task.id) else { return nil }
            return task.id
        }
        return recent.isEmpty || world.random.chance(in: 3) ? world.anyTask() : world.random.one(of: recent)
    }

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        for event: Event in batch.events {
            guard case .task(let task) = event.body else { continue }
            let isLetter: Bool = task.state.isDeadLetter
            try keep(
                .life, "a dead letter has failed", !isLetter || task.state.status == .failed,
                "\(task.id) is \(task.state.status.name)")
            switch task.kind {
            case .discarded:
                try keep(.life, "only a dead letter is seen to", letters.contains(task.id) && !isLetter, "\(task.id)")
            case .failed:
                let usedUp: Bool = task.state.error.map { $0.code != .deadline && $0.code != .dependency } ?? false
                try keep(
                    .retries, "a task whose attempts are used up is a dead letter, and no other",
                    isLetter == usedUp, "\(task.id) failed with \(task.state.error?.code.name ?? "")")
            default: break
            }
            if isLetter { letters.insert(task.id) } else { letters.remove(task.id) }
        }
    }

    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise) {
        guard case .settleDeadLetters(let ids, _) = sent.command, case .success(.outcomes(let outcomes)) = answer
        else { return }
        try keep(.refusals, "each of several is answered for", outcomes.map(\.id) == ids, "\(ids)")
        for outcome: TaskOutcome in outcomes {
            guard case .success(let task) = outcome.result else { continue }
            try keep(
                .permissions, "what lies out of reach does not exist",
                sent.principal.reaches(task: task.id, project: task.specification.project), "\(task.id)")
        }
    }
}
