/// Base64 (RFC 4648 §4) and its URL-safe kind without padding (§5), as tokens have it (RFC 7515 §2).
///
/// Decoding is strict: no white space, no other alphabet, padding exactly where it belongs, no bits left over.
package enum Base64 {
    /// The two alphabets in use.
    package enum Alphabet: Sendable {
        /// With `+` and `/`, padded.
        case standard
        /// With `-` and `_`, without padding.
        case urlSafe
    }

    private static func character(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x47 + value
        case 52..<62: value &- 4
        case 62: alphabet == .standard ? 0x2B : 0x2D
        default: alphabet == .standard ? 0x2F : 0x5F
        }
    }

    private static func value(_ character: UInt8, _ alphabet: Alphabet) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x47
        case 0x30...0x39: character + 4
        case 0x2B where alphabet == .standard, 0x2D where alphabet == .urlSafe: 62
        case 0x2F where alphabet == .standard, 0x5F where alphabet == .urlSafe: 63
        default: nil
        }
    }

    /// Appends the text of bytes.
    package static func append(_ bytes: ArraySlice<UInt8>, _ alphabet: Alphabet, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + (bytes.count + 2) / 3 * 4)
        var index = bytes.startIndex
        while index + 2 < bytes.endIndex {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            output.append(character(UInt8(truncatingIfNeeded: group >> 18 & 63), alphabet))
            output.append(character(UInt8(truncatingIfNeeded: group >> 12 & 63), alphabet))
            output.append(character(UInt8(truncatingIfNeeded: group >> 6 & 63), alphabet))
            output.append(character(UInt8(truncatingIfNeeded: group & 63), alphabet))
            index += 3
        }
        let rest = bytes.endIndex - index
        guard rest > 0 else { return }
        let group = UInt32(bytes[index]) << 16 | (rest == 2 ? UInt32(bytes[index + 1]) << 8 : 0)
        output.append(character(UInt8(truncatingIfNeeded: group >> 18 & 63), alphabet))
        output.append(character(UInt8(truncatingIfNeeded: group >> 12 & 63), alphabet))
        if rest == 2 {
            output.append(character(UInt8(truncatingIfNeeded: group >> 6 & 63), alphabet))
        } else if alphabet == .standard {
            output.append(0x3D)
        }
        if alphabet == .standard {
            output.append(0x3D)
        }
    }

    /// The text of bytes.
    package static func encode(_ bytes: [UInt8], _ alphabet: Alphabet) -> String {
        var output: [UInt8] = []
        append(bytes[...], alphabet, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// The bytes of a text, `nil` unless it is exactly as an encoder would have written it.
    package static func decode(_ text: some Collection<UInt8>, _ alphabet: Alphabet) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(text.count / 4 * 3 + 2)
        var group: UInt32 = 0
        var filled = 0
        var padding = 0
        for character in text {
            if character == 0x3D, alphabet == .standard {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(character, alphabet) else { return nil }
            group = group << 6 | UInt32(value)
            filled += 1
            if filled == 4 {
                output.append(UInt8(truncatingIfNeeded: group >> 16))
                output.append(UInt8(truncatingIfNeeded: group >> 8))
                output.append(UInt8(truncatingIfNeeded: group))
                group = 0
                filled = 0
            }
        }
        switch filled {
        case 0:
            guard padding == 0 else { return nil }
        case 2:
            guard group & 0x0F == 0, padding == (alphabet == .standard ? 2 : 0) else { return nil }
            output.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            guard group & 0x03 == 0, padding == (alphabet == .standard ? 1 : 0) else { return nil }
            output.append(UInt8(truncatingIfNeeded: group >> 10))
            output.append(UInt8(truncatingIfNeeded: group >> 2))
        default:
            return nil
        }
        return output
    }

    /// The bytes of a text, `nil` unless it is exactly as an encoder would have written it.
    package static func decode(_ text: String, _ alphabet: Alphabet) -> [UInt8]? {
        decode(text.utf8, alphabet)
    }
}
