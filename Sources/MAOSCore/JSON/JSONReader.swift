/// Reads JSON text as RFC 8259 has it, strictly: no comments, no trailing commas, UTF-8 only, no lone surrogates.
///
/// One pass, without recursion: what is open is kept on a list no longer than `depthLimit`. A number is an integer where it is exactly
/// an `Int64`; see ``JSONNumber`` for the others.
public enum JSONReader {
    /// A container that is not closed yet.
    private struct Frame {
        let isObject: Bool
        /// Where its elements or members begin on their stack.
        let start: Int
        /// In an object, the key whose value is being read.
        var key = ""
    }

    /// Reads a whole text.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: [UInt8], depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(bytes.span, depthLimit: depthLimit)
    }

    /// Reads a whole text out of a larger buffer; offsets in errors count from its start.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: ArraySlice<UInt8>, depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(bytes.span, depthLimit: depthLimit)
    }

    /// Reads a whole text.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ text: String, depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(text.utf8.span, depthLimit: depthLimit)
    }

    /// Reads a whole text from borrowed bytes.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: Span<UInt8>, depthLimit: Int) throws(JSONError) -> JSONValue {
        var scanner = JSONScanner(bytes)
        var frames: [Frame] = []
        var elements: [JSONValue] = []
        var members: [JSONObject.Member] = []

        reading: while true {
            var value: JSONValue
            let byte = try scanner.peek(expecting: "a value")
            switch byte {
            case 0x22:
                value = .string(try scanner.string())
            case 0x7B:
                guard frames.count < depthLimit else {
                    throw JSONError(.tooDeep(limit: depthLimit), at: scanner.position, expected: "less nesting")
                }
                scanner.advance()
                let next = try scanner.peek(expecting: "a key or \"}\"")
                guard next == 0x7D else {
                    let key = try takeKey(&scanner, next, expected: "a key or \"}\"")
                    if frames.isEmpty { frames.reserveCapacity(8) }
                    if members.isEmpty { members.reserveCapacity(16) }
                    frames.append(Frame(isObject: true, start: members.count, key: key))
                    continue reading
                }
                scanner.advance()
                value = .object(JSONObject())
            case 0x5B:
                guard frames.count < depthLimit else {
                    throw JSONError(.tooDeep(limit: depthLimit), at: scanner.position, expected: "less nesting")
                }
                scanner.advance()
                guard try scanner.peek(expecting: "a value or \"]\"") == 0x5D else {
                    if frames.isEmpty { frames.reserveCapacity(8) }
                    if elements.isEmpty { elements.reserveCapacity(8) }
                    frames.append(Frame(isObject: false, start: elements.count))
                    continue reading
                }
                scanner.advance()
                value = .array([])
            case 0x2D, 0x30...0x39:
                value = try scanner.number()
            case 0x74:
                try scanner.literal(.true)
                value = .boolean(true)
            case 0x66:
                try scanner.literal(.false)
                value = .boolean(false)
            case 0x6E:
                try scanner.literal(.null)
                value = .null
            default:
                throw scanner.unexpected(byte, expected: "a value")
            }

            // The value is whole: hand it to its container, and that one to the next while they close.
            while let last = frames.indices.last {
                let start = frames[last].start
                if frames[last].isObject {
                    members.append(JSONObject.Member(key: frames[last].key, value: value))
                    let next = try scanner.peek(expecting: "\",\" or \"}\"")
                    if next == 0x2C {
                        scanner.advance()
                        let first = try scanner.peek(expecting: "a key")
                        frames[last].key = try takeKey(&scanner, first, expected: "a key")
                        continue reading
                    }
                    guard next == 0x7D else { throw scanner.unexpected(next, expected: "\",\" or \"}\"") }
                    value = .object(JSONObject(unchecked: take(from: &members, start)))
                } else {
                    elements.append(value)
                    let next = try scanner.peek(expecting: "\",\" or \"]\"")
                    if next == 0x2C {
                        scanner.advance()
                        continue reading
                    }
                    guard next == 0x5D else { throw scanner.unexpected(next, expected: "\",\" or \"]\"") }
                    value = .array(take(from: &elements, start))
                }
                scanner.advance()
                frames.removeLast()
            }
            try scanner.finish()
            return value
        }
    }

    /// Takes a key and its colon.
    private static func takeKey(
        _ scanner: inout JSONScanner, _ first: UInt8, expected: String
    ) throws(JSONError) -> String {
        guard first == 0x22 else { throw scanner.unexpected(first, expected: expected) }
        let key = try scanner.string()
        let colon = try scanner.peek(expecting: "\":\" after a key")
        guard colon == 0x3A else { throw scanner.unexpected(colon, expected: "\":\" after a key") }
        scanner.advance()
        return key
    }

    /// Moves what lies above `start` into an array of its own.
    private static func take<Element>(from stack: inout [Element], _ start: Int) -> [Element] {
        guard start > 0 else {
            let whole = stack
            stack = []
            return whole
        }
        let top = Array(stack[start...])
        stack.removeLast(stack.count - start)
        return top
    }

    /// Checks a whole text and copies it without the white space between its tokens, building no values.
    ///
    /// Throws the first mistake with its byte offset, as ``parse(_:depthLimit:)-(Span<UInt8>,_)`` does.
    static func compact(_ bytes: Span<UInt8>, depthLimit: Int) throws(JSONError) -> [UInt8] {
        try JSONCompactor.compact(bytes, depthLimit: depthLimit)
    }
}
