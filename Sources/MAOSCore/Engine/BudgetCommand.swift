/// What clients may ask of the accounts of projects.
public enum BudgetCommand: Sendable {
    /// Sets a project's ceilings; what it has used is counted on, or from now on anew.
    case set(project: String, Budget, countsAnew: Bool)
    /// Closes a project's account and lifts its ceilings: from then on nothing is counted for the project.
    case close(project: String)
    case show(project: String)
    case list
}

/// An account, and what live attempts take up of it.
public struct BudgetStanding: Sendable, Hashable {
    /// The account.
    public var account: BudgetAccount
    /// What attempts under way take up: of the ceilings of tasks all that was left when they began, else what they have used.
    public var taken: Usage
    /// How many attempts are under way.
    public var attempts: Int

    /// Puts a standing together.
    public init(account: BudgetAccount, taken: Usage, attempts: Int) {
        self.account = account
        self.taken = taken
        self.attempts = attempts
    }

    /// What is left of a part; `nil` without a ceiling.
    public func remaining(_ part: BudgetPart) -> Int64? {
        account.ceiling[part].map { max(0, $0 - account.settled[part] - taken[part]) }
    }
}
