import MAOSCore

extension SeededRandom {
    /// The sequence of one step of a run: leaving other steps out does not change it.
    init(seed: UInt64, step: Int) {
        var mixed = SeededRandom(seed: seed)
        let base: UInt64 = mixed.next()
        self.init(seed: base ^ (UInt64(bitPattern: Int64(step)) &* 0xD134_2543_DE82_EF95))
    }

    /// True once in so many times.
    mutating func chance(in times: UInt64) -> Bool { below(times) == 0 }

    /// A number from 0 up to, not including, the bound.
    mutating func number(below bound: Int) -> Int { Int(below(UInt64(bound))) }

    /// A number of the range.
    mutating func number(in range: ClosedRange<Int>) -> Int { range.lowerBound + number(below: range.count) }

    /// Up to so many milliseconds.
    mutating func time(upTo bound: Int) -> Milliseconds { Milliseconds(Int64(number(below: bound + 1))) }

    /// One of the values.
    mutating func one<Value>(of values: [Value]) -> Value { values[number(below: values.count)] }

    /// An index of a table of weights, each as often as it weighs; `nil` when all weigh nothing.
    mutating func place(in weights: [Int]) -> Int? {
        let total: Int = weights.reduce(0, +)
        guard total > 0 else { return nil }
        var left: Int = number(below: total)
        for (index, weight) in weights.enumerated() {
            left -= weight
            if left < 0 { return index }
        }
        return nil
    }
}
