/// How soon a loop tells many of the next thing after it has told them of one.
///
/// What telling everybody costs hardly depends on how much there is to tell, so a loop that is busy with it collects what
/// happens in the meantime: it tells no sooner than after a pause half as long as the last time took. A part of its time is left
/// for everybody else that way, and who tells few, or seldom, never waits. Times are nanoseconds of one clock.
struct FanOutPace {
    /// Telling that takes less is not waited for: the loop's timers are no finer.
    private static let least: Int64 = 1_000_000
    /// The longest pause.
    private static let most: Int64 = 4_000_000

    private var earliest: Int64 = .min

    /// Notes that everybody was told, from one time to another.
    mutating func told(from begin: Int64, to end: Int64) {
        let cost: Int64 = end - begin
        earliest = cost < FanOutPace.least ? .min : end + min(cost / 2, FanOutPace.most)
    }

    /// How many milliseconds what happens now should wait; `nil` where it need not.
    func pause(at time: Int64) -> Int64? {
        guard earliest > time else { return nil }
        let rest: Int64 = (earliest - time + 500_000) / 1_000_000
        return rest > 0 ? rest : nil
    }
}
