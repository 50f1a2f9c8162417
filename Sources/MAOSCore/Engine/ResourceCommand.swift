/// What clients may ask of resources and quotas.
public enum ResourceCommand: Sendable {
    case allocate(AllocationRequest)
    case release(AllocationID)
    /// Replaces all quotas.
    case setQuotas([QuotaKey: QuotaLimits])
    /// Asks what there is and what is taken; changes nothing.
    case showUsage
    /// Asks for all quotas and what is taken of them; changes nothing.
    case showQuotas
    /// Asks what concurrency keys and projects keep to, and how many tasks they hold back; changes nothing.
    case showLimits
}

/// Something is not given because it would be too much.
public struct Shortage: Hashable, Sendable {
    /// Who has no more; `nil` for the host.
    public var key: QuotaKey?
    /// What there is too little of: a resource, `agents`, `tasks`, or a constraint.
    public var resource: String
    /// How much there may be.
    public var limit: Double
    /// How much of it is taken.
    public var inUse: Double
    /// How much was asked for.
    public var requested: Double

    /// Puts a shortage together; the engine does.
    package init(key: QuotaKey?, resource: String, limit: Double, inUse: Double, requested: Double) {
        self.key = key
        self.resource = resource
        self.limit = limit
        self.inUse = inUse
        self.requested = requested
    }

    /// The shortage in a sentence.
    public var message: String {
        func text(_ number: Double) -> String {
            number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
        }
        let owner: String = key.map { "The quota of \($0)" } ?? "The capacity of the host"
        return "\(owner) is \(text(limit)) \(resource); \(text(inUse)) in use, \(text(requested)) asked for"
    }
}

/// What there is of the host's resources, and who has it.
public struct ResourceReport: Sendable {
    /// What the host has; `nil` where that is not limited.
    public var capacity: ResourceAmounts?
    /// What is allocated.
    public var allocated: ResourceAmounts
    /// The allocations that the asking principal may see, in order of creation.
    public var allocations: [AllocationRecord]
}

/// The quotas, and what is taken of them.
public struct QuotaReport: Sendable {
    /// One user, team or project.
    public struct Entry: Sendable {
        /// Who it is.
        public var key: QuotaKey
        /// What it may have.
        public var limits: QuotaLimits
        /// What its allocations and agents take.
        public var amounts: ResourceAmounts
        /// Its agents that are not terminated.
        public var agents: Int
        /// Its tasks that agents work on.
        public var tasks: Int
    }

    /// A quota that is below what is in use: nothing more is given until there is less.
    public struct Excess: Sendable {
        /// Whose it is.
        public var key: QuotaKey
        /// The resource, `agents` or `tasks`.
        public var resource: String
        /// The limit.
        public var limit: Double
        /// What is in use.
        public var inUse: Double
    }

    /// By scope and name.
    public var entries: [Entry]

    /// What of it is exceeded.
    public var excesses: [Excess] {
        entries.flatMap { (entry: Entry) -> [Excess] in
            var found: [Excess] = []
            for kind: ResourceKind in ResourceKind.allCases {
                guard let limit: Double = entry.limits.amount(of: kind), entry.amounts.amount(of: kind) > limit else {
                    continue
                }
                found.append(
                    Excess(key: entry.key, resource: kind.name, limit: limit, inUse: entry.amounts.amount(of: kind)))
            }
            for (name, limit, count) in [
                ("agents", entry.limits.agents, entry.agents), ("tasks", entry.limits.tasks, entry.tasks),
            ] {
                if let limit, count > limit {
                    found.append(
                        Excess(key: entry.key, resource: name, limit: Double(limit), inUse: Double(count)))
                }
            }
            return found
        }
    }
}
