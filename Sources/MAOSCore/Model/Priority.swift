/// How urgent a task is; ranks as in the vocabulary table (low 1 … critical 4).
public enum Priority: UInt8, Sendable, Comparable, CaseIterable {
    case low = 1
    case medium
    case high
    case critical

    /// The name that all dialects share.
    public var name: String {
        switch self {
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// Reads the name that all dialects share; `nil` for any other text.
    public init?(name: String) {
        guard let match: Priority = Priority.allCases.first(where: { $0.name == name }) else { return nil }
        self = match
    }

    /// Less urgent comes first.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }

    /// How much waiting a task is credited with at the queue.
    ///
    /// A task's place is fixed when it is queued, at its time of queueing minus this credit: a more urgent task overtakes,
    /// and a less urgent one that has waited long enough is overtaken no more.
    var credit: Milliseconds {
        switch self {
        case .low: 0
        case .medium: .seconds(5 * 60)
        case .high: .seconds(30 * 60)
        case .critical: .seconds(4 * 60 * 60)
        }
    }
}
