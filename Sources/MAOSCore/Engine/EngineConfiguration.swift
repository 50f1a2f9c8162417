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
    /// Heartbeats an agent may miss before it counts as lost.
    public var missedHeartbeats: Int = 3
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
}
