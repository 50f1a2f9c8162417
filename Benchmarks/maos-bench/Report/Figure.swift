/// One measured number, and what to hold it against.
struct Figure: Sendable {
    /// What kind of number it is, and so how it is written.
    enum Unit: String, Sendable {
        case perSecond = "/s"
        case microseconds = "µs"
        case milliseconds = "ms"
        case megabytes = "MB"
        case percent = "%"
        case count = ""

        /// A value of the unit for people.
        func text(_ value: Double) -> String {
            switch self {
            case .perSecond: "\(value.text(decimals: value < 100 ? 1 : 0))/s"
            case .microseconds: "\(value.text(decimals: value < 100 ? 2 : 0)) µs"
            case .milliseconds: "\(value.text(decimals: value < 10 ? 2 : 1)) ms"
            case .megabytes: "\(value.text(decimals: 1)) MB"
            case .percent: "\(value.text(decimals: 2)) %"
            case .count: value.text(decimals: 0)
            }
        }
    }

    /// What the figure is compared with, measured in the same run.
    struct Yardstick: Sendable {
        var name: String
        /// One value a run, in the order of the figure's.
        var values: [Double]
    }

    /// What is to be reached.
    enum Target: Sendable {
        case atLeast(Double)
        case atMost(Double)
        /// Figure ÷ yardstick.
        case ratioAtLeast(Double)
        /// Figure ÷ yardstick.
        case ratioAtMost(Double)
    }

    var name: String
    var unit: Unit
    /// One value a run.
    var values: [Double]
    var yardstick: Yardstick?
    var targets: [Target] = []

    /// The median of all runs.
    var value: Double { values.median }

    /// The median of figure ÷ yardstick over the runs.
    var ratio: Double? {
        guard let yardstick else { return nil }
        return zip(values, yardstick.values).map { quotient($0, $1) }.median
    }

    /// Whether a target is reached.
    func reaches(_ target: Target) -> Bool {
        switch target {
        case .atLeast(let bound): value >= bound
        case .atMost(let bound): value <= bound
        case .ratioAtLeast(let bound): (ratio ?? 0) >= bound
        case .ratioAtMost(let bound): (ratio ?? .infinity) <= bound
        }
    }

    /// A target for people.
    func text(of target: Target) -> String {
        switch target {
        case .atLeast(let bound): "≥ \(unit.text(bound))"
        case .atMost(let bound): "≤ \(unit.text(bound))"
        case .ratioAtLeast(let bound): "ratio ≥ \(bound.text(decimals: 2))"
        case .ratioAtMost(let bound): "ratio ≤ \(bound.text(decimals: 2))"
        }
    }
}

extension Double {
    /// Decimal digits with a comma between the thousands.
    func text(decimals: Int) -> String {
        var scale: Double = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((magnitude * scale).rounded())
        var digits: [Character] = Array(String(scaled))
        while digits.count <= decimals { digits.insert("0", at: 0) }
        var text: String = decimals > 0 ? "." + String(digits.suffix(decimals)) : ""
        var whole: [Character] = Array(digits.dropLast(decimals))
        while whole.count > 3 {
            text = "," + String(whole.suffix(3)) + text
            whole.removeLast(3)
        }
        return (self < 0 && scaled != 0 ? "-" : "") + String(whole) + text
    }
}

extension String {
    /// The text with blanks after it, so that it takes so many places.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }

    /// The text with blanks before it, so that it takes so many places.
    func padded(leftTo width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) + self }
}
