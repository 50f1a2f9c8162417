/// What clients may ask of schedules.
public enum ScheduleCommand: Sendable {
    case create(ScheduleSpecification)
    /// Replaces what it does and when; its counts stay.
    case replace(ScheduleID, ScheduleSpecification)
    /// Nothing runs until it is resumed; runs that wait are left out.
    case pause(ScheduleID)
    /// Runs again, from the next time on.
    case resume(ScheduleID)
    /// Runs once, now; its times stay as they are.
    case run(ScheduleID)
    /// Ends it; tasks that it has started go on.
    case delete(ScheduleID)

    /// The schedule that is named.
    var id: ScheduleID? {
        switch self {
        case .create: nil
        case .replace(let id, _), .pause(let id), .resume(let id), .run(let id), .delete(let id): id
        }
    }

    /// Bytes of a client's data that it holds, roughly.
    var weight: Int {
        switch self {
        case .create(let specification), .replace(_, let specification):
            switch specification.target {
            case .task(let task): task.weight + 512
            case .execution(let execution):
                WorkflowCommand.weight(execution.parameters, execution.overrides) + 512
            }
        case .pause, .resume, .run, .delete: 0
        }
    }
}
