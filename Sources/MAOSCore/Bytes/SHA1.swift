/// SHA-1 (FIPS 180-4 §6.1), which the WebSocket handshake asks for (RFC 6455 §4.2.2) and nothing else should.
package enum SHA1 {
    /// The 20 bytes of a message's digest.
    package static func digest(_ message: [UInt8]) -> [UInt8] {
        var padded = message
        padded.append(0x80)
        while padded.count % 64 != 56 {
            padded.append(0)
        }
        let bitCount = UInt64(message.count) * 8
        for shift in stride(from: 56, through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
        }

        var state: [5 of UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var words = [80 of UInt32](repeating: 0)
        for block in stride(from: 0, to: padded.count, by: 64) {
            for index in 0..<16 {
                let start = block + index * 4
                words[index] =
                    UInt32(padded[start]) << 24 | UInt32(padded[start + 1]) << 16 | UInt32(padded[start + 2]) << 8
                    | UInt32(padded[start + 3])
            }
            for index in 16..<80 {
                let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
                words[index] = rotate(mixed, 1)
            }
            mix(words, into: &state)
        }

        var digest: [UInt8] = []
        digest.reserveCapacity(20)
        for index in state.indices {
            for shift in stride(from: 24, through: 0, by: -8) {
                digest.append(UInt8(truncatingIfNeeded: state[index] >> UInt32(shift)))
            }
        }
        return digest
    }

    private static func mix(_ words: [80 of UInt32], into state: inout [5 of UInt32]) {
        var a = state[0]
        var b = state[1]
        var c = state[2]
        var d = state[3]
        var e = state[4]
        for index in 0..<80 {
            let choice: UInt32
            let constant: UInt32
            switch index {
            case 0..<20:
                choice = b & c | ~b & d
                constant = 0x5A82_7999
            case 20..<40:
                choice = b ^ c ^ d
                constant = 0x6ED9_EBA1
            case 40..<60:
                choice = b & c | b & d | c & d
                constant = 0x8F1B_BCDC
            default:
                choice = b ^ c ^ d
                constant = 0xCA62_C1D6
            }
            let next = rotate(a, 5) &+ choice &+ e &+ constant &+ words[index]
            e = d
            d = c
            c = rotate(b, 30)
            b = a
            a = next
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value << count | value >> (32 - count)
    }
}
