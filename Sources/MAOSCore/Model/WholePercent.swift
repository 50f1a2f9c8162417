extension Double {
    /// A share of 1 in whole hundredths, 0…100: what is begun of the next counts nothing, and only all of it is 100.
    ///
    /// Differences below half a millionth are those that binary fractions leave: 0.29 is 29 hundredths.
    package var wholePercent: Int {
        let share: Double = max(0, min(1, self))
        let percent: Int = Int((share * 1_000_000).rounded()) / 10_000
        return percent == 100 && share < 1 ? 99 : percent
    }
}
