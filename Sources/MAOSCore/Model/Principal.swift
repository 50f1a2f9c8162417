/// Who a command comes from, and what that subject may do.
public struct Principal: Hashable, Sendable {
    /// Who it is: owns what it creates; repeated requests are told apart by it.
    public var subject: String
    /// What it may do.
    public var permissions: Permissions
    /// The projects it may act in; empty for all.
    public var projects: [String]
    /// The team that quotas of its kind count.
    public var team: String?
    /// Where set, the token of an attempt: it may act on this task only.
    public var task: TaskID?

    /// A subject with its permissions; in all projects and not limited to a task unless said.
    public init(
        subject: String, permissions: Permissions, projects: [String] = [], team: String? = nil, task: TaskID? = nil
    ) {
        self.subject = subject
        self.permissions = permissions
        self.projects = projects
        self.team = team
        self.task = task
    }

    /// The orchestrator itself: timers, supervisors, recovery.
    public static let system = Principal(subject: "system", permissions: .all)

    /// Refuses unless the permission is held.
    ///
    /// - Throws: ``Rejection/forbidden(_:)`` with the missing permission.
    public func require(_ permission: Permissions) throws(Rejection) {
        guard permissions.isSuperset(of: permission) else { throw .forbidden(permission) }
    }

    /// Whether things of this project are in its reach.
    public func reaches(project: String?) -> Bool {
        guard !projects.isEmpty else { return true }
        guard let project else { return false }
        return projects.contains(project)
    }

    /// Whether this task is in its reach.
    public func reaches(task id: TaskID, project: String?) -> Bool {
        if let task, task != id { return false }
        return reaches(project: project)
    }
}
