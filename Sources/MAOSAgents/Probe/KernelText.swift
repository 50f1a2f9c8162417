/// Where somebody reads in a text that the kernel made up: words with blanks between them, in lines.
package struct KernelText {
    /// The next byte to look at.
    private var place: Int = 0

    /// Begins at the start.
    package init() {}

    /// Goes to the begin of the next line; false when there is none.
    package mutating func nextLine(in text: Span<UInt8>) -> Bool {
        while place < text.count {
            place += 1
            if text[place - 1] == UInt8(ascii: "\n") { return place < text.count }
        }
        return false
    }

    /// The next word of the line, nil at its end; a colon ends a word and belongs to it.
    package mutating func word(in text: Span<UInt8>) -> Range<Int>? {
        skipBlanks(in: text)
        let start: Int = place
        while place < text.count, text[place] > UInt8(ascii: " ") {
            place += 1
            if text[place - 1] == UInt8(ascii: ":") { break }
        }
        return place > start ? start..<place : nil
    }

    /// The next word of the line as a whole number; nil when it is none, and then it is read again by the next question.
    package mutating func number(in text: Span<UInt8>) -> UInt64? {
        skipBlanks(in: text)
        var end: Int = place
        var value: UInt64 = 0
        while end < text.count, text[end] &- UInt8(ascii: "0") < 10 {
            value = value &* 10 &+ UInt64(text[end] &- UInt8(ascii: "0"))
            end += 1
        }
        guard end > place, end == text.count || text[end] <= UInt8(ascii: " ") else { return nil }
        place = end
        return value
    }

    /// The next word of the line as a number with or without decimals; nil when it is none.
    package mutating func decimal(in text: Span<UInt8>) -> Double? {
        guard let word: Range<Int> = word(in: text) else { return nil }
        return Double(KernelText.string(text, word))
    }

    /// Whether a word is the given one.
    package static func equals(_ text: Span<UInt8>, _ word: Range<Int>, _ expected: StaticString) -> Bool {
        guard word.count == expected.utf8CodeUnitCount else { return false }
        return expected.withUTF8Buffer { bytes in
            for offset in bytes.indices where text[word.lowerBound + offset] != bytes[offset] { return false }
            return true
        }
    }

    /// A part of the text as a string.
    package static func string(_ text: Span<UInt8>, _ part: Range<Int>) -> String {
        String(decoding: part.map { text[$0] }, as: UTF8.self)
    }

    private mutating func skipBlanks(in text: Span<UInt8>) {
        while place < text.count, text[place] == UInt8(ascii: " ") || text[place] == UInt8(ascii: "\t") { place += 1 }
    }
}
