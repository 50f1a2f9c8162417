/// Why the engine refuses a command; nothing has changed when it does.
public enum Rejection: Error, Hashable, Sendable {
    /// The kinds of things that have identifiers.
    public enum Entity: String, Sendable {
        case task
        case agent
        case schedule
        case workflow
        case execution
        case approval
        case allocation
        case pool
        case budget
    }

    /// One value that was not acceptable.
    public struct Issue: Hashable, Sendable {
        /// The member of the command, dotted.
        public var field: String
        /// What was given, as text.
        public var value: String
        /// What would have been acceptable, for people.
        public var expected: String
        /// What else is wrong with the same command, where that was found, too; these have no others.
        public var others: [Issue] = []

        /// Puts an issue together.
        public init(field: String, value: String, expected: String) {
            self.field = field
            self.value = value
            self.expected = expected
        }
    }

    /// The first value that was not acceptable, with the others that are known.
    case invalid(Issue)
    /// The permission that is missing.
    case forbidden(Permissions)
    /// The permission is there, but this one thing is for others; why, for people.
    case denied(String)
    case notFound(Entity, id: String)
    /// The thing is in no state for this; the reason is a word of lower-case letters and `_`.
    case conflict(reason: String, message: String)
    /// A quota or the host's capacity does not allow for more.
    case exhausted(Shortage)
    /// A bound is reached: which, and its value.
    case limitReached(String, limit: Int)
    /// Nothing can be stored at the moment.
    case unavailable(String)
    /// Nothing can be stored because the disk has no room.
    case diskFull(String)
}

extension Rejection {
    /// Several mistakes in one refusal; `nil` where there is none.
    init?(issues: [Issue]) {
        guard var first: Issue = issues.first else { return nil }
        first.others = Array(issues.dropFirst())
        self = .invalid(first)
    }
}

extension Rejection.Issue {
    /// The mistake and its others, with their fields inside another.
    func within(_ field: String) -> Rejection.Issue {
        var issue: Rejection.Issue = self
        issue.field = "\(field).\(self.field)"
        issue.others = others.map { $0.within(field) }
        return issue
    }
}
