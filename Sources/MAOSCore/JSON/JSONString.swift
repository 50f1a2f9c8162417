/// The characters of JSON strings (RFC 8259 §7).
package enum JSONString {
    /// Where the next byte stands that no string can hold as it is: a quote, a backslash or a control character.
    ///
    /// - Returns: Its place at or after `start`; the end where there is none.
    package static func firstSpecial(in bytes: Span<UInt8>, from start: Int) -> Int {
        ByteSearch.first(in: bytes, from: start, marks: specials)
    }

    /// The marks of bytes that no string can hold as they are.
    @inline(__always)
    static func specials(_ word: ByteWord) -> UInt64 {
        word.marks(below: 0x20) | word.marks(of: 0x22) | word.marks(of: 0x5C)
    }

    // MARK: Writing

    /// Appends a text in quotes, with escapes where it needs them.
    package static func append(_ text: String, to output: inout [UInt8]) {
        // Copies it in one go and only then looks for what needs an escape, which is rare.
        output.append(0x22)
        let start: Int = output.count
        output.append(utf8: text)
        let special: Int = firstSpecial(in: output.span, from: start)
        if special < output.count {
            let rest = Array(output[special...])
            output.removeLast(rest.count)
            appendEscaped(rest[...], to: &output)
        }
        output.append(0x22)
    }

    /// Appends bytes in quotes; what is not UTF-8 becomes U+FFFD.
    package static func append(utf8 bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            return append(String(decoding: bytes, as: UTF8.self), to: &output)
        }
        output.append(0x22)
        appendEscaped(bytes, to: &output)
        output.append(0x22)
    }

    /// Appends bytes with escapes for the special ones, what stands between them in one go.
    private static func appendEscaped(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) {
        let room: Int = output.count + bytes.count + bytes.count / 16 + 16
        if room > output.capacity { output.reserveCapacity(max(room, output.capacity * 2)) }
        let span: Span<UInt8> = bytes.span
        var start: Int = 0
        while true {
            let end: Int = firstSpecial(in: span, from: start)
            output.append(copying: span.extracting(start..<end))
            guard end < span.count else { return }
            appendEscape(of: span[end], to: &output)
            start = end + 1
        }
    }

    private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
        output.append(0x5C)
        switch byte {
        case 0x22, 0x5C: output.append(byte)
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        default:
            output.append(utf8: "u00")
            output.append(Hex.digit(byte >> 4))
            output.append(Hex.digit(byte & 0x0F))
        }
    }
}
