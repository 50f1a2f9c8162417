/// What a request has made that is remembered by its key.
public enum Creation: Hashable, Sendable {
    case task(TaskID)
    case execution(ExecutionID)
    case schedule(ScheduleID)
    case pool(PoolID)

    /// A task's identifier alone, anything else with its kind before it; no identifier has a colon.
    package var text: String {
        switch self {
        case .task(let id): id.rawValue
        case .execution(let id): "execution:\(id.rawValue)"
        case .schedule(let id): "schedule:\(id.rawValue)"
        case .pool(let id): "pool:\(id.rawValue)"
        }
    }

    /// Reads a ``text``; `nil` for any other.
    package init?(_ text: String) {
        let parts: [Substring] = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            guard let id = TaskID(text) else { return nil }
            self = .task(id)
            return
        }
        let name = String(parts[1])
        switch parts[0] {
        case "execution":
            guard let id = ExecutionID(name) else { return nil }
            self = .execution(id)
        case "schedule":
            guard let id = ScheduleID(name) else { return nil }
            self = .schedule(id)
        case "pool":
            guard let id = PoolID(name) else { return nil }
            self = .pool(id)
        default: return nil
        }
    }
}
