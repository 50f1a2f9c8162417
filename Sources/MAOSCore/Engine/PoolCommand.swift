/// What clients may ask of pools.
public enum PoolCommand: Sendable {
    case create(PoolSpecification)
    /// Fixes the size, until the next scaling or autoscaling; ungraceful ends agents that are too many at once.
    case scale(PoolID, to: Int, graceful: Bool, reason: String?)
    case autoscale(PoolID, AutoscalingChange)
    /// Ends a pool, and its agents when they have finished their tasks.
    case delete(PoolID)

    /// The pool that is named.
    var id: PoolID? {
        switch self {
        case .create: nil
        case .scale(let id, _, _, _), .autoscale(let id, _), .delete(let id): id
        }
    }
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
