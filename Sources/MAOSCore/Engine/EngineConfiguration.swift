/// What an operator may set about the engine.
public struct EngineConfiguration: Sendable {
    /// The bounds of everything that grows.
    public var limits = EngineLimits()
    /// Which type of agent works on which kind of task; kinds that are not named go to any.
    public var routing: [TaskKind: AgentType] = [
        .code: .coder, .testing: .tester, .review: .reviewer, .documentation: .documenter,
    ]
    /// The pool that makes agents when tasks wait for one.
    public var onDemand = OnDemandPool()
    /// How agents' work is shared among projects.
    public var fairness = Fairness()
    /// Limits by concurrency key, `*` for keys that are not named; where nothing is said, one task runs at a time.
    public var concurrency: [String: ConcurrencyLimit] = [:]
    /// How agents learn from what becomes of their attempts.
    public var learning = Learning()
    /// Heartbeats an agent may miss before it counts as lost.
    public var missedHeartbeats: Int = 3
    /// How often pools that change by themselves are looked at.
    public var autoscalingInterval: Milliseconds = .seconds(5)
    /// What the host has for allocations; `nil` for no limit.
    public var capacity: ResourceAmounts?
    /// Where the rules of time zones come from; without one only UTC is known.
    public var timeZones: any TimeZoneSource = UniversalTimeOnly()

    /// The defaults of the product.
    public init() {}

    /// The pool `default` of the contract.
    public struct OnDemandPool: Sendable, Hashable {
        /// 0 switches it off.
        public var maximum: Int = 4
        /// How long an agent of the pool may have nothing to do before it goes.
        public var idleTime: Milliseconds = .seconds(60)
        /// The type made for tasks that any agent may take.
        public var fallbackType: AgentType = .coder

        /// Four agents at most, each for a minute of idleness.
        public init() {}
    }

    /// When what was learned is applied.
    public struct Learning: Sendable, Hashable {
        /// Ended attempts of one agent that asked for one capability, after which a cycle completes; 1 at least.
        public var every: Int = 25

        /// After each 25.
        public init() {}
    }

    /// How the projects that have tasks waiting share the agents.
    public struct Fairness: Sendable, Hashable {
        /// The weight of each project, 0.001…1000; 1 for those that are not named.
        ///
        /// A project with twice the weight starts twice as many tasks.
        public var weights: [String: Double] = [:]

        /// The same weight for all.
        public init() {}
    }
}

/// What tasks with one concurrency key keep to.
public struct ConcurrencyLimit: Sendable, Hashable {
    /// Tasks under way at the same time, 1 at least; `nil` for any number.
    public var limit: Int?
    /// How often tasks are started; `nil` for as often as they come.
    public var rate: Rate?

    /// Starts in a stretch of time.
    public struct Rate: Sendable, Hashable {
        /// Starts at most, 1 at least.
        public var count: Int
        /// In any stretch of this length; 1 ms at least.
        public var period: Milliseconds

        /// So many starts in any stretch of so long.
        public init(count: Int, period: Milliseconds) {
            self.count = count
            self.period = period
        }
    }

    /// A limit, a rate, or both.
    public init(limit: Int? = nil, rate: Rate? = nil) {
        self.limit = limit
        self.rate = rate
    }
}
