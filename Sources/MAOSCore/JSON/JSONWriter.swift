/// Writes compact JSON text into a buffer of its own, for hot paths that build no ``JSONValue``.
///
/// Commas come by themselves. The caller keeps begin and end in pairs and gives each value in an object a key; a debug build checks the pairs.
public struct JSONWriter: Sendable {
    private var buffer: [UInt8]
    private var needsComma = false
    private var depth = 0

    /// A writer with an empty buffer.
    ///
    /// - Parameter capacity: Bytes to make room for at once.
    public init(reservingCapacity capacity: Int = 256) {
        buffer = []
        buffer.reserveCapacity(capacity)
    }

    /// A writer that appends to bytes which are already there; the comma logic starts afresh.
    public init(appendingTo bytes: consuming [UInt8]) {
        buffer = bytes
    }

    /// The number of bytes in the buffer.
    public var count: Int { buffer.count }

    /// The bytes so far.
    public var bytes: [UInt8] { buffer }

    /// Gives the bytes away and starts anew.
    public mutating func take() -> [UInt8] {
        assert(depth == 0, "an object or array is still open")
        let bytes = buffer
        buffer = []
        needsComma = false
        depth = 0
        return bytes
    }

    /// Gives the bytes away as text that needs no further check.
    ///
    /// Texts are kept for long, so they get no more memory than they need.
    public mutating func takeText() -> JSONText {
        let bytes: [UInt8] = take()
        guard bytes.capacity - bytes.count >= 32 else { return JSONText(trusted: bytes) }
        var exact: [UInt8] = []
        exact.reserveCapacity(bytes.count)
        exact.append(copying: bytes.span)
        return JSONText(trusted: exact)
    }

    /// Empties the buffer and keeps its memory.
    public mutating func removeAll() {
        buffer.removeAll(keepingCapacity: true)
        needsComma = false
        depth = 0
    }

    // MARK: Structure

    /// Begins an object as the next value.
    public mutating func beginObject() {
        open(0x7B)
    }

    /// Ends the object begun last.
    public mutating func endObject() {
        close(0x7D)
    }

    /// Begins an array as the next value.
    public mutating func beginArray() {
        open(0x5B)
    }

    /// Ends the array begun last.
    public mutating func endArray() {
        close(0x5D)
    }

    /// Writes the name of the member whose value follows.
    public mutating func key(_ name: String) {
        separate()
        JSONString.append(name, to: &buffer)
        buffer.append(0x3A)
        needsComma = false
    }

    /// Begins an object as a member.
    public mutating func beginObject(_ name: String) {
        key(name)
        open(0x7B)
    }

    /// Begins an array as a member.
    public mutating func beginArray(_ name: String) {
        key(name)
        open(0x5B)
    }

    private mutating func open(_ byte: UInt8) {
        separate()
        buffer.append(byte)
        needsComma = false
        depth += 1
    }

    private mutating func close(_ byte: UInt8) {
        assert(depth > 0, "nothing is open")
        buffer.append(byte)
        needsComma = true
        depth -= 1
    }

    @inline(__always)
    private mutating func separate() {
        if needsComma {
            buffer.append(0x2C)
        }
        needsComma = true
    }

    // MARK: Values

    /// Writes a string.
    public mutating func string(_ value: String) {
        separate()
        JSONString.append(value, to: &buffer)
    }

    /// Writes bytes as a string; what is not UTF-8 becomes U+FFFD.
    public mutating func string(utf8 value: ArraySlice<UInt8>) {
        separate()
        JSONString.append(utf8: value, to: &buffer)
    }

    /// Writes a whole number.
    public mutating func integer(_ value: Int64) {
        separate()
        Decimal.append(value, to: &buffer)
    }

    /// Writes a whole number.
    public mutating func integer(_ value: Int) {
        integer(Int64(value))
    }

    /// Writes a whole number.
    public mutating func integer(_ value: UInt64) {
        separate()
        Decimal.append(value, to: &buffer)
    }

    /// Writes the shortest decimal that reads back as the same double: `1` for 1.0, `null` for infinities and NaN.
    public mutating func number(_ value: Double) {
        separate()
        JSONNumber.append(value, to: &buffer)
    }

    /// Writes `true` or `false`.
    public mutating func boolean(_ value: Bool) {
        separate()
        buffer.append(utf8: value ? "true" : "false")
    }

    /// Writes `null`.
    public mutating func null() {
        separate()
        buffer.append(utf8: "null")
    }

    /// Writes a time as an ISO 8601 string in UTC with milliseconds.
    ///
    /// - Parameter milliseconds: Milliseconds since 1970.
    public mutating func timestamp(_ milliseconds: Int64) {
        separate()
        buffer.append(0x22)
        ISO8601.append(milliseconds: milliseconds, to: &buffer)
        buffer.append(0x22)
    }

    /// Writes text that is JSON already.
    public mutating func raw(_ text: JSONText) {
        separate()
        buffer.append(contentsOf: text.utf8)
    }

    /// Writes any value.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .boolean(let boolean): self.boolean(boolean)
        case .integer(let integer): self.integer(integer)
        case .number(let number):
            separate()
            number.append(to: &buffer)
        case .string(let string): self.string(string)
        case .array(let elements):
            beginArray()
            for element in elements {
                self.value(element)
            }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }
}
