/// Collects the lines of a header or trailer section (RFC 9112 §5).
struct HTTP1FieldSection: Sendable {
    private let limit: Int
    private var entries: [HTTPFields.Entry] = []

    /// A section of at most so many fields.
    init(limit: Int) {
        self.limit = limit
    }

    /// Checks a line and adds it; `base` is where the section's bytes begin.
    mutating func append(_ bytes: Span<UInt8>, line: Range<Int>, base: Int) throws(HTTP1Error) {
        guard entries.count < limit else { throw .tooManyFields(limit: limit) }
        let end = line.upperBound
        var index = line.lowerBound
        guard !HTTPCharacter.isWhiteSpace(bytes[index]) else { throw .foldedField }

        var key = HTTPFieldNameKey()
        while index < end {
            let byte = bytes[index]
            guard byte != HTTPCharacter.colon else { break }
            guard HTTPCharacter.isToken(byte) else { throw .fieldName }
            key.append(byte)
            index += 1
        }
        guard index < end, index > line.lowerBound else { throw .fieldName }
        let nameEnd = index

        var start = index + 1
        while start < end, HTTPCharacter.isWhiteSpace(bytes[start]) {
            start += 1
        }
        index = start
        var valueEnd = start
        while index < end {
            let byte = bytes[index]
            index += 1
            if byte > HTTPCharacter.space, byte != 0x7F {
                valueEnd = index
            } else if byte != HTTPCharacter.space, byte != HTTPCharacter.tab {
                throw byte == HTTPCharacter.carriageReturn ? .lineEnding : .fieldValue
            }
        }
        if entries.isEmpty { entries.reserveCapacity(12) }
        entries.append(
            HTTPFields.Entry(
                known: HTTPFieldNameTable.find(key),
                nameStart: UInt32(truncatingIfNeeded: line.lowerBound - base),
                nameCount: UInt32(truncatingIfNeeded: nameEnd - line.lowerBound),
                valueStart: UInt32(truncatingIfNeeded: start - base),
                valueCount: UInt32(truncatingIfNeeded: valueEnd - start)))
    }

    /// Gives the fields away and starts a new section.
    mutating func take(bytes: ArraySlice<UInt8>) -> HTTPFields {
        defer { entries = [] }
        return HTTPFields(bytes: Array(bytes), entries: entries)
    }

    var isEmpty: Bool { entries.isEmpty }
}
