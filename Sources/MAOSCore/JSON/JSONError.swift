/// Why a text is not JSON (RFC 8259), and where.
public struct JSONError: Error, Sendable, Hashable {
    /// The kind of mistake found.
    public enum Reason: Sendable, Hashable {
        /// The text ends inside a value.
        case unexpectedEnd
        /// A byte that may not stand here.
        case unexpectedByte(UInt8)
        /// A control character below U+0020 inside a string, which must be escaped.
        case controlCharacter(UInt8)
        /// An escape of UTF-16 surrogates that do not form a pair.
        case loneSurrogate
        /// Bytes that are not UTF-8.
        case invalidUTF8
        /// More containers inside each other than the reader was told to allow.
        case tooDeep(limit: Int)
    }

    /// Position of the offending byte, counted from 0.
    public let offset: Int
    /// The kind of mistake.
    public let reason: Reason
    /// What would have been right there, for people: `a value`, `":" after a key`.
    public let expected: String

    init(_ reason: Reason, at offset: Int, expected: String) {
        self.offset = offset
        self.reason = reason
        self.expected = expected
    }
}

extension JSONError: CustomStringConvertible {
    /// One sentence that names the place, what was expected and what stands there.
    public var description: String {
        let found: String =
            switch reason {
            case .unexpectedEnd: "the end of the text"
            case .unexpectedByte(let byte) where byte > 0x20 && byte < 0x7F: "\"\(Character(Unicode.Scalar(byte)))\""
            case .unexpectedByte(let byte): "byte 0x\(String(byte, radix: 16))"
            case .controlCharacter(let byte): "control character 0x\(String(byte, radix: 16))"
            case .loneSurrogate: "a lone surrogate"
            case .invalidUTF8: "invalid UTF-8"
            case .tooDeep(let limit): "more than \(limit) levels"
            }
        return "byte \(offset): expected \(expected), found \(found)"
    }
}
