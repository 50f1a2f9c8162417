internal import MAOSCore

/// Writes the core's records as the gateway shows them; straight into the answer's buffer.
struct GatewayProjection {
    let view: CommittedView
    let configuration: GatewayConfiguration
    let environment: any DialectEnvironment

    /// Whether a principal may see less than everything that its permissions name.
    static func isLimited(_ principal: Principal) -> Bool {
        principal.task != nil || !principal.projects.isEmpty
    }

    /// Of these tasks, those in the principal's reach.
    func reachable(_ tasks: [TaskID], by principal: Principal) -> [TaskID] {
        guard GatewayProjection.isLimited(principal), !tasks.isEmpty else { return tasks }
        return tasks.filter { (id: TaskID) in
            guard let task: TaskRecord = view.task(id) else { return false }
            return principal.reaches(task: id, project: task.specification.project)
        }
    }
}

extension JSONWriter {
    /// Writes the member `currentTasks`, or another list of identifiers.
    mutating func member(_ name: String, ids: [some EntityIdentifier]) {
        beginArray(name)
        for id in ids { string(id.rawValue) }
        endArray()
    }
}
