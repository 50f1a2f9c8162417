/// What the live attempts of a project take up of its account: always the sum over them, however they come and go.
///
/// An attempt whose task has a ceiling of its own takes that up from its start; of the parts that its task does not limit it
/// takes up what it has used.
struct BudgetLoad: Sendable {
    /// What one attempt takes up.
    struct Hold: Hashable, Sendable {
        /// Tells tasks in order of creation.
        var number: UInt64
        /// What was left of the task's own ceilings when the attempt began.
        var reserved: Budget
        /// What the attempt has used, the time since ``since`` left out.
        var used: Usage
        /// Since when it runs; `nil` while it is held back.
        var since: Instant?

        /// What a task's attempt takes up.
        init(of task: TaskRecord) {
            let (budget, spent) = (task.specification.budget, task.state.spent)
            number = task.number
            reserved = Budget(
                wallTime: budget.wallTime.map { Milliseconds(max(0, $0.count - spent.wallTime.count)) },
                processorTime: budget.processorTime.map { Milliseconds(max(0, $0.count - spent.processorTime.count)) },
                cost: budget.cost.map { Cost(micros: max(0, $0.micros - spent.cost.micros)) })
            used = task.state.attemptUsage
            since = task.state.isSuspended ? nil : task.state.resumedAt ?? task.state.startedAt
        }
    }

    private(set) var holds: [TaskID: Hold] = [:]
    /// The sums of what is reserved, and of what is used of parts that are not, by part.
    private var reserved: [3 of Int64] = [0, 0, 0]
    private var used: [3 of Int64] = [0, 0, 0]
    /// Attempts that run and have no wall time reserved: how many, and the sum of the times since which they do.
    private var running: Int64 = 0
    private var runningSince: Int64 = 0

    var isEmpty: Bool { holds.isEmpty }

    /// Notes what an attempt takes up, in place of what it took up before.
    mutating func set(_ hold: Hold, of task: TaskID) {
        if let before: Hold = holds.updateValue(hold, forKey: task) { count(before, -1) }
        count(hold, 1)
    }

    /// Notes that an attempt has ended.
    mutating func remove(_ task: TaskID) {
        if let hold: Hold = holds.removeValue(forKey: task) { count(hold, -1) }
    }

    private mutating func count(_ hold: Hold, _ factor: Int64) {
        for part: BudgetPart in BudgetPart.allCases {
            if let amount: Int64 = hold.reserved[part] {
                reserved[Int(part.rawValue)] &+= factor &* amount
            } else {
                used[Int(part.rawValue)] &+= factor &* hold.used[part]
            }
        }
        guard hold.reserved.wallTime == nil, let since: Instant = hold.since else { return }
        running += factor
        runningSince &+= factor &* since.milliseconds
    }

    /// What is taken up of a part.
    func taken(_ part: BudgetPart, at now: Instant) -> Int64 {
        reserved[Int(part.rawValue)] &+ used(part, at: now)
    }

    /// What attempts have used that have nothing of a part reserved.
    func used(_ part: BudgetPart, at now: Instant) -> Int64 {
        let sum: Int64 = used[Int(part.rawValue)]
        return part == .wallTime ? sum &+ running &* now.milliseconds &- runningSince : sum
    }

    /// How much wall time is taken up in a millisecond.
    var pace: Int64 { running }
}
