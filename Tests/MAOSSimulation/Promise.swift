/// What the product promises, and what is looked at after every turn; `Docs/Invariants.md` explains each.
package enum Promise: String, Sendable, CaseIterable {
    /// An acknowledged write survives the end of the process at any moment.
    case acknowledged
    /// Events are in one order, without gaps, and told as they are stored.
    case history
    /// The events say all that the records say.
    case told
    /// What is stored is what is in memory, also after a new start.
    case rebuilt
    /// The same seed gives the same bytes.
    case deterministic
    /// An attempt runs at most once, and at most one of a task at a time.
    case once
    /// Only the newest attempt of a task decides what becomes of it.
    case fenced
    /// A task and an agent go through their lives as the model has it.
    case life
    /// Every task reaches a terminal state once the world calms down.
    case ends
    /// A task runs when those it depends on have completed, and ends when one of them has not.
    case dependencies
    /// What is to stop is stopped: on request, at its limit, at its deadline.
    case stopping
    /// Attempts are repeated as often as the policy has it.
    case retries
    /// A limit follows from those that hold something, and from nothing else.
    case leases
    /// What waits is served in order, and nothing starves.
    case fair
    /// Silent agents are given up, and those that are heard of are not.
    case heartbeats
    /// A repeated request is answered, not carried out again.
    case idempotency
    /// Nobody does what they may not.
    case permissions
    /// A bad command is refused, says what is wrong, and changes nothing.
    case refusals
    /// The engine's own rules of its state hold.
    case invariants
}

/// A promise that was not kept: a mistake in what is simulated, or in the simulation.
package struct BrokenPromise: Error, Sendable, CustomStringConvertible {
    /// What was promised.
    package let promise: Promise
    /// The rule that breaks, as it should be.
    package let rule: String
    /// What breaks it.
    package let detail: String

    /// A promise that was not kept.
    package init(promise: Promise, rule: String, detail: String) {
        self.promise = promise
        self.rule = rule
        self.detail = detail
    }

    /// Promise, rule and what breaks it.
    package var description: String { "\(promise.rawValue): \(rule): \(detail)" }

    /// Whether another run broke the same rule.
    func isLike(_ other: BrokenPromise) -> Bool { promise == other.promise && rule == other.rule }
}

/// Goes on only if the rule holds.
func keep(
    _ promise: Promise, _ rule: String, _ condition: Bool, _ detail: @autoclosure () -> String
) throws(BrokenPromise) {
    guard condition else { throw BrokenPromise(promise: promise, rule: rule, detail: detail()) }
}
