internal import Glibc

/// Decides whether a loop's thread, when it wakes, pushes aside what runs, or waits until that has had its turn.
///
/// A loop that is quiet is woken for one request and should answer it at once. A busy one that is woken for each request apart spends
/// as much on being woken as on the requests; where it lets others go on for a moment instead (`SCHED_BATCH`), it finds several
/// requests at a time. But where others run for long, as agents' processes do, being polite would cost milliseconds each time: then
/// the loop hardly gets a turn any more, notices that, and is as usual again for a while.
package struct LoopPoliteness {
    /// Milliseconds that are looked at together.
    private static let window: Int64 = 50
    /// Turns in a window from which on a loop is busy.
    private static let busyTurns: UInt64 = 200
    /// Turns in a window below which a polite loop does not get its due, or has nothing to do: more than processes that run for all of
    /// their time slices leave it, and fewer than it takes when it finds dozens of requests at a time, which is what it is polite for.
    private static let quietTurns: UInt64 = 25
    /// Milliseconds for which politeness is not tried again after it did not work.
    private static let pause: Int64 = 1_000

    private var windowStart: Int64 = 0
    private var firstTurn: UInt64 = 0
    private var pausedUntil: Int64 = 0
    /// What it has decided last.
    package private(set) var isPolite = false

    /// As usual, to begin with.
    package init() {}

    /// Looks whether something is to change.
    ///
    /// - Parameters:
    ///   - now: Milliseconds of the loop's clock.
    ///   - turn: The number of the loop's turn.
    /// - Returns: Whether the loop is to be polite from now on; nil as long as nothing changes.
    package mutating func change(at now: Int64, turn: UInt64) -> Bool? {
        let length: Int64 = now - windowStart
        guard length >= LoopPoliteness.window else { return nil }
        let turns: UInt64 = (turn - firstTurn) * UInt64(LoopPoliteness.window) / UInt64(length)
        windowStart = now
        firstTurn = turn
        if isPolite, turns < LoopPoliteness.quietTurns {
            isPolite = false
            pausedUntil = now + LoopPoliteness.pause
            return false
        }
        if !isPolite, turns >= LoopPoliteness.busyTurns, now >= pausedUntil {
            isPolite = true
            return true
        }
        return nil
    }

    // From <linux/sched.h>.
    private static let normal: CInt = 0
    private static let batch: CInt = 3
    private static let resetOnFork: CInt = 0x4000_0000

    /// Tells the kernel, for the calling thread alone.
    ///
    /// What the thread starts is as everything else. A kernel that refuses changes nothing.
    static func apply(_ isPolite: Bool) {
        var parameter = sched_param()
        parameter.sched_priority = 0
        _ = sched_setscheduler(0, (isPolite ? batch : normal) | resetOnFork, &parameter)
    }
}
