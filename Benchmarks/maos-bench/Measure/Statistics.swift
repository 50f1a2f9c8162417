extension Array where Element == Double {
    /// The middle value; the mean of the two middle ones for an even count, 0 for none.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted: [Double] = sorted()
        let middle: Int = count / 2
        return count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// A quotient; 0 when there is nothing to divide by.
func quotient(_ value: Double, _ other: Double) -> Double { other == 0 ? 0 : value / other }
