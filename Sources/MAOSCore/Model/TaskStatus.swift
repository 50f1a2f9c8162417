/// Where a task stands; the core column of the vocabulary table.
public enum TaskStatus: UInt8, Sendable, CaseIterable {
    /// Waits for the tasks it depends on.
    case pending = 1
    /// Waits for its time.
    case scheduled
    /// May run; waits for an agent.
    case queued
    /// Given to an agent whose process has not been confirmed yet.
    case assigned
    /// An attempt is under way.
    case running
    /// Waits for a person's answer.
    case awaitingApproval
    /// Held back by request.
    case paused
    /// An attempt failed; the next one waits for its back-off.
    case retrying
    case completed
    case failed
    case cancelled

    /// Whether nothing can change any more, except by an explicit retry.
    public var isTerminal: Bool { rawValue >= TaskStatus.completed.rawValue }

    /// The name of the core value.
    public var name: String {
        switch self {
        case .pending: "pending"
        case .scheduled: "scheduled"
        case .queued: "queued"
        case .assigned: "assigned"
        case .running: "running"
        case .awaitingApproval: "awaiting_approval"
        case .paused: "paused"
        case .retrying: "retrying"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }
}

/// How far a requested cancellation has come; an attempt is over only when its whole process tree is gone.
public enum CancellationStage: UInt8, Sendable {
    case requested = 1
    case signalled
    case killed
}
