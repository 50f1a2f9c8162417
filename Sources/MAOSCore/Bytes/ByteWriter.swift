/// Writes the compact binary records of journal and wire into a buffer of its own.
///
/// Fixed-width integers are little endian; varints are LEB128, signed ones after zigzag, so that small magnitudes are short.
/// ``ByteReader`` reads what this writes.
package struct ByteWriter: Sendable {
    /// What has been written so far.
    package private(set) var bytes: [UInt8]

    /// A writer with an empty buffer.
    package init(reservingCapacity capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Gives the bytes away and starts anew.
    package mutating func take() -> [UInt8] {
        let taken = bytes
        bytes = []
        return taken
    }

    /// Empties the buffer and keeps its memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// Writes one byte.
    package mutating func uint8(_ value: UInt8) {
        bytes.append(value)
    }

    /// Writes eight bytes.
    package mutating func uint64(_ value: UInt64) {
        fixed(value, byteCount: 8)
    }

    /// Writes eight bytes, IEEE 754.
    package mutating func double(_ value: Double) {
        fixed(value.bitPattern, byteCount: 8)
    }

    /// Writes one byte, 0 or 1.
    package mutating func boolean(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    /// Writes one to ten bytes, seven bits each.
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Writes a count or length.
    ///
    /// - Parameter value: At least 0.
    package mutating func count(_ value: Int) {
        varint(UInt64(value))
    }

    /// Writes a signed number, short when its magnitude is small.
    package mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// Writes the length and the UTF-8 of a string.
    package mutating func string(_ value: String) {
        varint(UInt64(value.utf8.count))
        bytes.append(utf8: value)
    }

    /// Writes the length and the UTF-8 of an identifier.
    mutating func identifier(_ value: some CompactIdentifier) {
        value.withText { (text: Span<UInt8>) in
            // An identifier has at most 100 bytes, so its length is one.
            bytes.append(UInt8(truncatingIfNeeded: text.count))
            bytes.append(copying: text)
        }
    }

    /// Writes the UTF-8 of an identifier without its length.
    package mutating func text(of value: some CompactIdentifier) {
        value.append(to: &bytes)
    }

    /// Writes the length and the bytes.
    package mutating func data(_ value: [UInt8]) {
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Writes a flag, and the value if there is one.
    package mutating func optional<Value>(_ value: Value?, _ write: (inout ByteWriter, Value) -> Void) {
        boolean(value != nil)
        if let value {
            write(&self, value)
        }
    }

    /// Writes a flag, and the string if there is one.
    package mutating func optionalString(_ value: String?) {
        boolean(value != nil)
        if let value {
            string(value)
        }
    }

    /// Writes a flag, and the number as a zigzag varint if there is one.
    package mutating func optionalZigzag(_ value: Int64?) {
        boolean(value != nil)
        if let value {
            zigzag(value)
        }
    }

    /// Writes the count, and each element.
    package mutating func list<Element>(_ values: [Element], _ write: (inout ByteWriter, Element) -> Void) {
        varint(UInt64(values.count))
        for value in values {
            write(&self, value)
        }
    }

    private mutating func fixed(_ value: UInt64, byteCount: Int) {
        var rest = value
        for _ in 0..<byteCount {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
