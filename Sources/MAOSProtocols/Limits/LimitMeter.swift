/// The answer to somebody who wants to take from what a limit allows.
package enum LimitDecision: Hashable, Sendable {
    /// There was enough.
    case allowed
    /// There is too little; whole seconds, at least one, until there is enough.
    case limited(retryAfter: Int)
}

/// Counts what one party has taken from what a limit allows; small, and without a clock.
///
/// The limit comes with each question, so a change counts from the next one on.
package protocol LimitMeter: Sendable {
    /// What is allowed.
    associatedtype Limit: Hashable & Sendable

    /// Nothing was taken yet.
    ///
    /// - Parameters:
    ///   - limit: What is allowed.
    ///   - now: Milliseconds of some clock, the same for all questions.
    init(_ limit: Limit, at now: Int64)

    /// Says whether there is enough, without taking.
    mutating func check(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision

    /// Takes if there is enough, else nothing.
    mutating func take(_ cost: Int, of limit: Limit, at now: Int64) -> LimitDecision

    /// The part of the limit that is in use, from 0, which is as good as never having taken, to 1.
    func share(of limit: Limit, at now: Int64) -> Double
}
