/// Reports that wait until they can be stored, in order.
///
/// They must not be lost, and must not grow without bound: what a later report of the same attempt replaces, and signs of
/// life, which a later one makes up for, are not kept.
struct PostponedReports {
    private var waiting: [Submission] = []
    /// Where the newest progress of an attempt stands.
    private var progress: [AttemptID: Int] = [:]

    mutating func append(_ submission: Submission) {
        switch submission.request.command {
        case .agentsAlive, .tick:
            return
        case .attemptProgressed(let id, let share, let step):
            if let index: Int = progress[id],
                case .attemptProgressed(_, let earlierShare, let earlierStep) = waiting[index].request.command
            {
                waiting[index].request.command = .attemptProgressed(
                    id, progress: share ?? earlierShare, step: step ?? earlierStep)
                return
            }
            progress[id] = waiting.count
        default:
            break
        }
        waiting.append(submission)
    }

    /// Gives all of them away.
    mutating func take() -> [Submission] {
        defer { self = PostponedReports() }
        return waiting
    }
}
