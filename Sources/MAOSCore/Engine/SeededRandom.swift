/// A small deterministic generator (the splitmix64 sequence): the same seed gives the same values everywhere.
package struct SeededRandom: Sendable, Hashable {
    private var state: UInt64

    /// Begins the sequence of a seed.
    package init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed: UInt64 = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A value from 0 up to, not including, `bound`; `bound` is at least 1.
    package mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a range has at least one value")
        return next().multipliedFullWidth(by: bound).high
    }
}
