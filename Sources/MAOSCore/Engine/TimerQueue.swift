/// What becomes due at a time.
///
/// A timer whose reason has gone is a no-op: the engine looks at the state when it fires.
enum TimerReason: Hashable, Sendable {
    case taskDeadline(TaskID)
    case attemptTimeout(AttemptID)
    case taskRetry(TaskID)
    /// A task's own ceiling of wall time may be reached.
    case attemptBudget(AttemptID)
    /// A project's ceiling of wall time may be reached; the number is that of its newest timer.
    case projectBudget(BudgetID, UInt64)
    case agentHeartbeat(AgentID)
    case agentRestart(AgentID)
    case agentIdle(AgentID)
    /// The number is that of the schedule's newest timer.
    case scheduleRun(ScheduleID, UInt64)
    case executionTimeout(ExecutionID)
    /// An execution's ceiling of wall time may be reached; the number is that of its newest timer.
    case executionBudget(ExecutionID, UInt64)
    case approvalTimeout(ApprovalID)
    case allocationEnd(AllocationID)
    /// The number is that of the pool's newest timer.
    case poolCheck(PoolID, UInt64)
    /// What agents that joined have taken over is looked at, and told of.
    case coordination
    /// A gate that goes by time may let tasks pass.
    case gate(GateKey)
}

/// Timers in the order in which they become due; equal times in the order of setting.
struct TimerQueue: Sendable {
    private struct Entry: Comparable, Sendable {
        var due: Instant
        var order: UInt64
        var reason: TimerReason

        static func < (left: Entry, right: Entry) -> Bool {
            left.due != right.due ? left.due < right.due : left.order < right.order
        }

        static func == (left: Entry, right: Entry) -> Bool { left.order == right.order }
    }

    private var heap = Heap<Entry>()
    private var nextOrder: UInt64 = 0
    private var abandoned: Int = 0

    /// How many timers are set, stale ones included.
    var count: Int { heap.count }

    /// When the next timer is due.
    var nextDue: Instant? { heap.first?.due }

    /// All timers, stale ones too, by what they are for.
    var all: [TimerReason: [Instant]] {
        Dictionary(grouping: heap.unordered, by: \.reason).mapValues { $0.map(\.due) }
    }

    mutating func set(_ reason: TimerReason, at due: Instant) {
        #if EngineFaults
        switch (EngineFault.active, reason) {
        case (.lostRetryTimer, .taskRetry), (.lostTimeoutTimer, .attemptTimeout), (.lostRunTimer, .scheduleRun): return
        default: break
        }
        #endif
        heap.insert(Entry(due: due, order: nextOrder, reason: reason))
        nextOrder += 1
    }

    /// What all timers that are due are for, in no order; O(of them).
    func due(at now: Instant) -> [TimerReason] {
        heap.firstElements(where: { $0.due <= now }).map(\.reason)
    }

    /// The next timer that is due, taken out.
    mutating func popDue(at now: Instant) -> TimerReason? {
        guard let first: Entry = heap.first, first.due <= now else { return nil }
        return heap.popFirst()?.reason
    }

    /// Notes that a timer's reason has gone long before it is due.
    ///
    /// - Returns: Whether so many have that ``removeAll(where:)`` is worth its cost.
    mutating func abandon() -> Bool {
        abandoned += 1
        return abandoned > 1_024 && abandoned > heap.count / 2
    }

    /// Forgets the timers that have nothing to do any more; O(n).
    mutating func removeAll(where isStale: (TimerReason) -> Bool) {
        heap.removeAll { isStale($0.reason) }
        abandoned = 0
    }
}
