#if EngineFaults
internal import Synchronization

/// Deliberate mistakes, each of which the simulation must notice when it alone is switched on.
///
/// They exist in builds with the package trait `EngineFaults` only.
package enum EngineFault: String, CaseIterable, Sendable {
    // Tasks and attempts.
    /// A report about any attempt counts as one about the newest.
    case skippedFencing
    /// A task that completes stays in its agent's slot.
    case leakedSlot
    /// No timer waits for the next attempt.
    case lostRetryTimer
    /// No timer waits for an attempt that takes too long.
    case lostTimeoutTimer
    /// A deadline does not stop an attempt.
    case lateDeadline
    /// What waits for a completed task does not hear of it.
    case lostWakeUp
    /// What waits for a failed task is not cancelled.
    case lostCascade
    /// A failed attempt does not count.
    case uncountedRetry
    /// An attempt is asked for twice.
    case doubleStart
    /// The next attempt has the number of the one before.
    case reusedAttempt
    /// A task whose attempts are used up is no dead letter.
    case lostDeadLetter
    /// A priority changes, nobody is told, and the task keeps its place.
    case silentChange
    /// A repeated request is not recognised.
    case forgottenKey
    /// A cancelled attempt is not stopped.
    case deafCancel
    /// Anybody may cancel.
    case uncheckedPermission
    /// A bad specification is accepted.
    case uncheckedInput

    // The server.
    /// Events after a restart begin with the last number before it.
    case repeatedSequence
    /// Attempts that a restart interrupted are left as they are.
    case skippedRecovery

    // Agents and pools.
    /// Signs of life are not noted.
    case ignoredHeartbeat
    /// Silence has no consequence.
    case endlessPatience
    /// The pool makes one agent more than it may.
    case outgrownPool
    /// A pool changes its size by itself as often as it is looked at.
    case ignoredCooldown
    /// A pool that grows by itself grows by one agent more than it may.
    case outgrownBounds
    /// An attempt that has begun is asked back for an agent that joins.
    case recalledBegun
    /// Failures teach an agent nothing.
    case unlearnedFailure

    // Gates.
    /// What waits before a gate does not go on when there is room.
    case closedGate

    // Resources, quotas and budgets.
    /// An allocation that has ended still counts against quotas.
    case forgottenLease
    /// An allocation does not end with its time.
    case keptAllocation
    /// A project is not charged what its tasks used.
    case unsettledBudget
    /// An execution is not charged what its tasks used.
    case unsettledExecution

    // Schedules.
    /// A run is begun twice.
    case secondRun
    /// Runs overlap that must not.
    case ignoredOverlap
    /// No timer waits for the next run.
    case lostRunTimer
    /// A task that comes back is not followed by another.
    case lostFollower

    // Workflows.
    /// A step makes its task twice.
    case doubleStep
    /// A step does not hear of the end of its task.
    case lostStepEnd
    /// What a running task says of itself does not move its execution.
    case standingProgress
    /// What an attempt had reached counts after the next has begun.
    case keptProgress
    /// Each round of a loop counts as the whole loop.
    case wholeRounds
    /// An execution comes further, and nobody is told.
    case silentProgress
    /// A question that has been answered is answered again.
    case secondAnswer
    /// A question that nobody answers has no end.
    case forgottenQuestion

    private static let number = Atomic<Int>(-1)

    /// The one that is switched on, for the whole process.
    package static var active: EngineFault? {
        get {
            let index: Int = number.load(ordering: .relaxed)
            return index < 0 ? nil : allCases[index]
        }
        set { number.store(newValue.flatMap { allCases.firstIndex(of: $0) } ?? -1, ordering: .relaxed) }
    }

    /// Whether this is the one that is switched on.
    var isOn: Bool { EngineFault.active == self }
}
#endif
