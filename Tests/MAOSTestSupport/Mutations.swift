/// Damaged variants of valid bytes, the same for the same seed.
package struct Mutations: Sequence, IteratorProtocol {
    private let original: [UInt8]
    private let spice: [UInt8]
    private var state: UInt64
    private var left: Int

    /// So many variants; `spice` holds the bytes that are likely to matter to the parser under test.
    package init(of original: [UInt8], count: Int, seed: UInt64 = 0x5EED, spice: [UInt8] = []) {
        self.original = original
        self.spice = spice + [0x00, 0x0A, 0x0D, 0x20, 0x22, 0x7F, 0x80, 0xC0, 0xED, 0xFF]
        state = seed
        left = count
    }

    /// The next variant, with one to three of: a byte changed, inserted, removed; a run repeated, moved, cut off.
    package mutating func next() -> [UInt8]? {
        guard left > 0 else { return nil }
        left -= 1
        var bytes = original
        for _ in 0...below(3) {
            mutate(&bytes)
        }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let place = below(bytes.count + 1)
        let end = Swift.min(bytes.count, place + below(9))
        switch below(7) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
        case 1 where place < bytes.count: bytes[place] = spice[below(spice.count)]
        case 2: bytes.insert(spice[below(spice.count)], at: place)
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 5: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count + 1))
        default: bytes.removeSubrange(place...)
        }
    }

    /// SplitMix64, reduced to a range.
    private mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ mixed >> 31) % UInt64(bound))
    }
}
