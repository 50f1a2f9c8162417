/// What concurrency keys and projects keep to at the moment.
public struct LimitReport: Sendable {
    /// A concurrency key that is configured, or that tasks have.
    public struct Key: Sendable {
        /// The key.
        public var name: String
        /// What it keeps to.
        public var limit: ConcurrencyLimit
        /// Whether the configuration names it.
        public var isConfigured: Bool
        /// Its tasks that hold an agent; `nil` where they are not counted because their number is not limited.
        public var underWay: Int?
        /// Its tasks that wait because of the key.
        public var waiting: Int
        /// When the next one may start, where that is a question of time.
        public var opensAt: Instant?
    }

    /// A project that has a weight or tasks in the queue.
    public struct Project: Sendable {
        /// Its name; `nil` for the tasks that have no project.
        public var name: String?
        /// One with twice the weight starts twice as many tasks.
        public var weight: Double
        /// Tasks in the queue.
        public var waiting: Int
    }

    /// In the order of their names.
    public var keys: [Key]
    /// What keys keep to that the configuration does not name.
    public var others: ConcurrencyLimit
    /// In the order of their names, tasks without a project first.
    public var projects: [Project]
}

extension Engine {
    /// What there is to say of limits; O(n log n) in keys and projects with tasks.
    ///
    /// Who is limited to projects is told of these, and of the keys that the configuration names.
    func showLimits(to principal: Principal) throws(Rejection) -> Reply {
        try principal.require(.resourcesRead)
        try requireWholeReach(principal, for: .resourcesRead)
        let others: ConcurrencyLimit = configuration.concurrency["*"] ?? ConcurrencyLimit(limit: 1)
        return .limits(
            LimitReport(keys: limitedKeys(for: principal, others), others: others, projects: shares(for: principal)))
    }

    private func limitedKeys(for principal: Principal, _ others: ConcurrencyLimit) -> [LimitReport.Key] {
        let gates: GateTable = state.ready.gates
        var names: Set<String> = Set(configuration.concurrency.keys)
        names.remove("*")
        if principal.projects.isEmpty {
            for key: GateKey in gates.gates.keys {
                switch key {
                case .concurrency(let name), .rate(let name): names.insert(name)
                case .quota, .budget: break
                }
            }
        }
        return names.sorted().map { (name: String) in
            let limit: ConcurrencyLimit = configuration.concurrency[name] ?? others
            let current: Gate? = gates.gates[.concurrency(name)]
            let rate: Gate? = gates.gates[.rate(name)]
            return LimitReport.Key(
                name: name, limit: limit, isConfigured: configuration.concurrency[name] != nil,
                underWay: limit.limit == nil ? nil : current?.holders.count ?? 0,
                waiting: (current?.parkedCount ?? 0) + (rate?.parkedCount ?? 0),
                opensAt: limit.rate == nil ? nil : gates.gate(.rate(name), at: state.now).opens(at: state.now))
        }
    }

    private func shares(for principal: Principal) -> [LimitReport.Project] {
        let weights: [String: Double] = configuration.fairness.weights
        var waiting: [String: Int] = [:]
        var unnamed: Int = 0
        for share: FairShares.Share? in state.ready.shares.shares {
            guard let share else { continue }
            if let project: String = share.project { waiting[project] = share.tasks } else { unnamed = share.tasks }
        }
        let names: Set<String> = Set(weights.keys).union(waiting.lazy.filter { $0.value > 0 }.map(\.key))
        var found: [LimitReport.Project] = []
        if principal.projects.isEmpty, unnamed > 0 {
            found.append(LimitReport.Project(name: nil, weight: 1, waiting: unnamed))
        }
        for name: String in names.sorted() where principal.reaches(project: name) {
            found.append(
                LimitReport.Project(name: name, weight: weights[name] ?? 1, waiting: waiting[name] ?? 0))
        }
        return found
    }
}
