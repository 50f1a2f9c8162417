import MAOSCore

extension Command {
    /// One line about it, for traces.
    var summary: String {
        switch self {
        case .createTask(let specification, let id, let key):
            var text: String = "createTask \(id?.rawValue ?? "–") \(specification.kind.rawValue)"
            text += " \(specification.priority.name)"
            if !specification.dependencies.isEmpty { text += " after \(specification.dependencies)" }
            if !specification.capabilities.isEmpty { text += " needing \(specification.capabilities.map(\.name))" }
            if let deadline: Instant = specification.deadline { text += " deadline \(deadline.milliseconds)" }
            if let timeout: Milliseconds = specification.timeout { text += " timeout \(timeout.count)" }
            if let project: String = specification.project { text += " in \(project)" }
            if let key { text += " key \(key.key)/\(key.fingerprint)" }
            return text + " tries \(specification.retryPolicy.maximumAttempts)"
        case .spawnAgent(let specification, let id):
            return
                "spawnAgent \(id?.rawValue ?? "–") \(specification.type.name) \(specification.capabilities.map(\.name))"
                + " slots \(specification.maximumConcurrentTasks)"
        case .configureAgent(let id, _): return "configureAgent \(id)"
        case .pool(.configure(let pools)):
            return "configure pools "
                + pools.keys.sorted().map { (id: PoolID) in
                    "\(id) \(pools[id].map { "\($0.minimum)…\($0.maximum)" } ?? "")"
                }.joined(separator: ", ")
        case .workflow(.put(let id, let definition)): return "put workflow \(id): \(definition.document)"
        default: return String("\(self)".prefix(200))
        }
    }
}

extension Effect {
    /// One line about it, for traces and digests.
    var summary: String {
        switch self {
        case .startAgent(let agent): "startAgent \(agent.id)"
        case .stopAgent(let id, let graceful): "stopAgent \(id) \(graceful)"
        case .startAttempt(let launch): "startAttempt \(launch.id) \(launch.agent.id)"
        case .stopAttempt(let id, let reason): "stopAttempt \(id) \(reason.rawValue)"
        case .recallAttempt(let id): "recallAttempt \(id)"
        case .suspendAttempt(let id, let isSuspended): "suspendAttempt \(id) \(isSuspended)"
        case .suspendAgent(let id, let isSuspended): "suspendAgent \(id) \(isSuspended)"
        }
    }
}

extension Event {
    /// One line about it, for traces.
    var summary: String {
        switch body {
        case .task(let event): "\(sequence) \(type) \(event.id)#\(event.state.attempt) → \(event.state.status.name)"
        case .agent(let event):
            "\(sequence) \(type) \(event.id) → \(event.state.status.name) \(event.state.currentTasks)"
        case .workflow(let event):
            "\(sequence) \(type) \(event.execution)"
                + (event.step.map { " \($0.id)#\($0.ordinal) in #\($0.scope) round \($0.round)" } ?? "")
        default: "\(sequence) \(type)"
        }
    }
}

extension Reply {
    /// A few words about it, for traces.
    var summary: String {
        switch self {
        case .none: "done"
        case .task(let task): "task \(task.id) \(task.status.name)"
        case .repeated(let id): "as before: task \(id)"
        case .agent(let agent): "agent \(agent.id) \(agent.status.name)"
        default: String("\(self)".prefix(100))
        }
    }
}
