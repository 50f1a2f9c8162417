import MAOSCore

/// A list of header fields in order, as ranges of one byte buffer: a field costs no string until its value is asked for.
///
/// Names are compared without regard to case. Values have no white space at their ends.
package struct HTTPFields: Sendable {
    /// Where a field stands in the buffer.
    struct Entry: Sendable {
        /// The name, if it is in the list of known ones.
        var known: HTTPFieldName?
        var nameStart: UInt32
        var nameCount: UInt32
        var valueStart: UInt32
        var valueCount: UInt32

        var name: Range<Int> { Int(nameStart)..<(Int(nameStart) + Int(nameCount)) }
        var value: Range<Int> { Int(valueStart)..<(Int(valueStart) + Int(valueCount)) }
    }

    private(set) var bytes: [UInt8]
    private(set) var entries: [Entry]

    /// A list without fields.
    package init() {
        bytes = []
        entries = []
    }

    /// Takes a parsed section: the entries' ranges lie within the bytes.
    init(bytes: [UInt8], entries: [Entry]) {
        self.bytes = bytes
        self.entries = entries
    }

    /// The number of fields.
    package var count: Int { entries.count }

    // MARK: Reading

    /// The value of the first field of that name; bytes that are not UTF-8 become U+FFFD.
    package subscript(_ name: HTTPFieldName) -> String? {
        guard let bytes = value(name) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The value of the first field of that name, in any case.
    package subscript(_ name: String) -> String? {
        if let known = HTTPFieldName(anyCase: name) { return self[known] }
        for entry in entries where entry.known == nil && matches(entry, name) {
            return String(decoding: bytes[entry.value], as: UTF8.self)
        }
        return nil
    }

    /// The bytes of the first field of that name.
    package func value(_ name: HTTPFieldName) -> ArraySlice<UInt8>? {
        for entry in entries where entry.known == name {
            return bytes[entry.value]
        }
        return nil
    }

    /// The values of all fields of that name, in order.
    package func values(_ name: HTTPFieldName) -> [String] {
        var values: [String] = []
        for entry in entries where entry.known == name {
            values.append(String(decoding: bytes[entry.value], as: UTF8.self))
        }
        return values
    }

    /// How many fields of that name there are.
    package func count(of name: HTTPFieldName) -> Int {
        var count = 0
        for entry in entries where entry.known == name {
            count += 1
        }
        return count
    }

    /// Whether there is a field of that name.
    package func contains(_ name: HTTPFieldName) -> Bool {
        value(name) != nil
    }

    /// Whether the comma-separated lists in fields of that name hold a word, in any case; `word` is in small letters.
    package func contains(_ word: String, in name: HTTPFieldName) -> Bool {
        var found = false
        forEachListed(in: name) { span in
            found = found || HTTPCharacter.equal(span, word)
        }
        return found
    }

    /// The elements of the comma-separated lists in fields of that name; empty ones are left out (RFC 9110 §5.6.1).
    package func list(_ name: HTTPFieldName) -> [String] {
        var words: [String] = []
        for value in values(name) {
            for word in value.utf8.split(separator: HTTPCharacter.comma) {
                let bytes = Array(word)
                let range = HTTPCharacter.trimmed(bytes.span, bytes.indices)
                guard !range.isEmpty else { continue }
                words.append(String(decoding: bytes[range], as: UTF8.self))
            }
        }
        return words
    }

    /// Calls `body` with each field; names are in small letters.
    package func forEach(_ body: (_ name: String, _ value: String) -> Void) {
        for entry in entries {
            let name =
                entry.known?.rawValue
                ?? String(decoding: bytes[entry.name].map(HTTPCharacter.lowercased), as: UTF8.self)
            body(name, String(decoding: bytes[entry.value], as: UTF8.self))
        }
    }

    /// Calls `body` with each element of the lists in fields of that name, empty ones included.
    func forEachListed(in name: HTTPFieldName, _ body: (Span<UInt8>) -> Void) {
        for entry in entries where entry.known == name {
            let span = bytes.span
            let end = entry.value.upperBound
            var start = entry.value.lowerBound
            while true {
                var stop = start
                while stop < end, span[stop] != HTTPCharacter.comma {
                    stop += 1
                }
                body(span.extracting(HTTPCharacter.trimmed(span, start..<stop)))
                guard stop < end else { break }
                start = stop + 1
            }
        }
    }

    private func matches(_ entry: Entry, _ name: String) -> Bool {
        guard Int(entry.nameCount) == name.utf8.count else { return false }
        var index = Int(entry.nameStart)
        for byte in name.utf8 {
            guard HTTPCharacter.lowercased(bytes[index]) == HTTPCharacter.lowercased(byte) else { return false }
            index += 1
        }
        return true
    }

    // MARK: Building

    /// Adds a field; characters that no value may have, line ends among them, become spaces.
    package mutating func append(_ name: HTTPFieldName, _ value: String) {
        append(name.rawValue, known: name, value.utf8)
    }

    /// Adds a field whose value is a number.
    package mutating func append(_ name: HTTPFieldName, _ value: Int) {
        var digits: [UInt8] = []
        Decimal.append(Int64(value), to: &digits)
        append(name.rawValue, known: name, digits)
    }

    /// Adds a field; characters that no value may have, line ends among them, become spaces.
    ///
    /// The name must be a token, which is a matter of the program and not of its input.
    package mutating func append(_ name: String, _ value: String) {
        precondition(!name.isEmpty && name.utf8.allSatisfy(HTTPCharacter.isToken), "field names are tokens")
        append(name, known: HTTPFieldName(anyCase: name), value.utf8)
    }

    /// Puts a field in place of all of that name.
    package mutating func set(_ name: HTTPFieldName, _ value: String) {
        entries.removeAll { $0.known == name }
        append(name, value)
    }

    private mutating func append(_ name: String, known: HTTPFieldName?, _ value: some Collection<UInt8>) {
        let nameStart = bytes.count
        bytes.append(contentsOf: name.utf8)
        let valueStart = bytes.count
        for byte in value {
            bytes.append(HTTPCharacter.isFieldValue(byte) ? byte : HTTPCharacter.space)
        }
        let range = HTTPCharacter.trimmed(bytes.span, valueStart..<bytes.count)
        entries.append(
            Entry(
                known: known, nameStart: UInt32(nameStart), nameCount: UInt32(valueStart - nameStart),
                valueStart: UInt32(range.lowerBound), valueCount: UInt32(range.count)))
    }

    /// Adds bytes that belong to no field and returns where they are.
    mutating func stow(_ other: some Collection<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: other)
        return start..<bytes.count
    }
}

extension HTTPFields: ExpressibleByDictionaryLiteral {
    /// A list of these fields in order.
    package init(dictionaryLiteral elements: (HTTPFieldName, String)...) {
        self.init()
        for (name, value) in elements {
            append(name, value)
        }
    }
}
