/// Why a binary record cannot be read.
package enum ByteReaderError: Error, Sendable, Hashable {
    /// The record ends before the value at `offset` does.
    case truncated(offset: Int)
    /// A value at `offset` that ``ByteWriter`` cannot have written: an overlong varint, a flag that is neither 0 nor 1.
    case malformed(offset: Int)
    /// The string at `offset` is not UTF-8.
    case invalidUTF8(offset: Int)
}

/// Reads what ``ByteWriter`` wrote, from bytes that may be cut off or damaged.
///
/// A declared length or count is compared with what is left before anything is allocated for it.
package struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// A reader at the start of a record.
    package init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    /// A reader at the start of a record inside a larger buffer.
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes from the start of the record to the next value.
    package var offset: Int { position - bytes.startIndex }

    /// Bytes not read yet.
    package var remaining: Int { bytes.endIndex - position }

    /// Whether everything has been read.
    package var isAtEnd: Bool { position == bytes.endIndex }

    /// Reads one byte.
    package mutating func uint8() throws(ByteReaderError) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated(offset: offset) }
        defer { position += 1 }
        return bytes[position]
    }

    /// Reads eight bytes.
    package mutating func uint64() throws(ByteReaderError) -> UInt64 {
        try fixed(byteCount: 8)
    }

    /// Reads eight bytes, IEEE 754.
    package mutating func double() throws(ByteReaderError) -> Double {
        Double(bitPattern: try fixed(byteCount: 8))
    }

    /// Reads one byte that must be 0 or 1.
    package mutating func boolean() throws(ByteReaderError) -> Bool {
        let start = offset
        let byte = try uint8()
        guard byte <= 1 else { throw .malformed(offset: start) }
        return byte == 1
    }

    /// Reads one to ten bytes, seven bits each.
    package mutating func varint() throws(ByteReaderError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < bytes.endIndex else { throw .truncated(offset: start) }
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { throw .malformed(offset: start) }
            value |= UInt64(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else {
                guard byte != 0 || shift == 0 else { throw .malformed(offset: start) }
                return value
            }
            shift += 7
        }
    }

    /// Reads the number of elements that follow, each of at least `minimumSize` bytes.
    package mutating func count(minimumSize: Int) throws(ByteReaderError) -> Int {
        let start = offset
        let declared = try varint()
        guard declared <= UInt64(remaining / max(1, minimumSize)) else { throw .truncated(offset: start) }
        return Int(declared)
    }

    /// Reads a signed number.
    package mutating func zigzag() throws(ByteReaderError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// Reads a string by its length.
    package mutating func string() throws(ByteReaderError) -> String {
        let start = offset
        let content = try data()
        guard let string = String(validUTF8: content.span) else { throw .invalidUTF8(offset: start) }
        return string
    }

    /// Reads bytes by their length, without copying them.
    package mutating func data() throws(ByteReaderError) -> ArraySlice<UInt8> {
        let count = try count(minimumSize: 1)
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    /// Reads a flag, and the value if it says there is one.
    package mutating func optional<Value>(
        _ read: (inout ByteReader) throws(ByteReaderError) -> Value
    ) throws(ByteReaderError) -> Value? {
        try boolean() ? try read(&self) : nil
    }

    /// Reads a flag, and the string if it says there is one.
    package mutating func optionalString() throws(ByteReaderError) -> String? {
        try boolean() ? try string() : nil
    }

    /// Reads a flag, and the number if it says there is one.
    package mutating func optionalZigzag() throws(ByteReaderError) -> Int64? {
        try boolean() ? try zigzag() : nil
    }

    /// Reads a count, and that many elements.
    ///
    /// The shortest element takes `minimumSize` bytes, at least 1, so that a broken count is found at once.
    package mutating func list<Element>(
        minimumSize: Int, _ read: (inout ByteReader) throws(ByteReaderError) -> Element
    ) throws(ByteReaderError) -> [Element] {
        let count = try count(minimumSize: minimumSize)
        var elements: [Element] = []
        elements.reserveCapacity(min(count, 1024))
        for _ in 0..<count {
            elements.append(try read(&self))
        }
        return elements
    }

    private mutating func fixed(byteCount: Int) throws(ByteReaderError) -> UInt64 {
        guard byteCount <= remaining else { throw .truncated(offset: offset) }
        var value: UInt64 = 0
        for index in 0..<byteCount {
            value |= UInt64(bytes[position + index]) << UInt64(index * 8)
        }
        position += byteCount
        return value
    }
}
