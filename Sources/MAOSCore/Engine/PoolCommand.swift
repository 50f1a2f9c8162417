/// What clients may ask of pools.
public enum PoolCommand: Sendable {
    case create(PoolSpecification)
    /// Fixes the size, until the next scaling or autoscaling; ungraceful ends agents that are too many at once.
    case scale(PoolID, to: Int, graceful: Bool, reason: String?)
    case autoscale(PoolID, AutoscalingChange)
    /// Ends a pool, and its agents when they have finished their tasks.
    case delete(PoolID)
    /// Makes the pools that the server's configuration describes, adjusts those that it describes otherwise than before, and
    /// keeps those that it does not name any more. What clients have changed of a pool since then stays, unless it is adjusted.
    case configure([PoolID: PoolSpecification])
}

/// What came of ``PoolCommand/configure(_:)``, each in order of the identifiers; the others are as they were.
public struct PoolConfigurationReport: Sendable, Hashable {
    /// Pools that did not exist.
    public var made: [PoolID] = []
    /// Pools that the configuration describes otherwise than before.
    public var adjusted: [PoolID] = []
    /// Pools that were in the configuration, and are kept without it.
    public var released: [PoolID] = []

    /// Nothing changed.
    public init() {}
}

/// How a pool changes its size by itself from now on.
public struct AutoscalingChange: Hashable, Sendable {
    /// Whether it does at all; a pool on demand goes by the tasks that wait otherwise, another keeps its size.
    public var isEnabled: Bool
    /// Agents it has at least.
    public var minimum: Int
    /// Agents it has at most.
    public var maximum: Int
    /// When it grows and shrinks.
    public var settings: Autoscaling

    /// Puts a change together.
    public init(isEnabled: Bool, minimum: Int, maximum: Int, settings: Autoscaling) {
        self.isEnabled = isEnabled
        self.minimum = minimum
        self.maximum = maximum
        self.settings = settings
    }
}
