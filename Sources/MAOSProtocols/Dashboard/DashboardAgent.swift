internal import MAOSCore

/// What the dashboard knows of an agent with a process: `AgentInfo` of document 004.
struct DashboardAgent: Sendable, Hashable {
    var id: AgentID
    var name: String
    var owner: String
    /// When its process was last started.
    var startedAt: Instant?
    /// The process.
    var pid: Int32?

    /// An agent of the registry; `nil` for one without a process of its own, which dashboards do not show.
    init?(_ record: AgentRecord) {
        guard record.specification.resident != .none else { return nil }
        id = record.id
        name = record.name
        owner = record.owner
        pid = record.state.process?.pid
        if record.state.process != nil { startedAt = record.state.updatedAt }
    }

    /// The status that the dashboard has for a status of the registry.
    static func status(_ status: AgentStatus) -> String {
        switch status {
        case .initializing: "starting"
        case .ready, .idle, .busy: "running"
        case .paused: "paused"
        case .stopping: "stopping"
        case .error: "crashed"
        case .terminated: "stopped"
        }
    }

    /// Follows what happens to it.
    mutating func follow(_ event: AgentEvent, at time: Instant) {
        switch event.kind {
        case .ready:
            pid = event.state.process?.pid
            startedAt = time
        case .crashed, .terminated:
            pid = nil
            startedAt = nil
        case .spawned, .workChanged, .configured, .paused, .resumed, .stopping:
            break
        }
    }
}

/// What a client may do, by the permissions of its token.
enum DashboardRole: String, Sendable {
    /// Sees everything.
    case viewer
    /// Makes agents, and acts on those it made.
    case `operator`
    /// Acts on all.
    case admin

    init(_ permissions: Permissions) {
        if permissions.contains(.systemAdmin) {
            self = .admin
        } else if permissions.isDisjoint(with: [.agentsCreate, .agentsCommand, .agentsUpdate, .agentsTerminate]) {
            self = .viewer
        } else {
            self = .operator
        }
    }
}
